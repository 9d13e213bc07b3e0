"""Data that ranks cannot share evenly: nothing hangs, and nothing counts twice.

Nor do losses depend on which rank has which pixels.
"""

import pytest
import torch
from helpers import uneven_ranks
from helpers.tiny_selection import NAMES, make_config, make_pool

pytestmark = pytest.mark.usefixtures('our_scope')


def test_metrics_features_and_labels_are_those_of_one_rank(tmp_path):
    make_pool(tmp_path)
    make_config(tmp_path)
    one, two = tmp_path / 'one', tmp_path / 'two'
    one.mkdir()
    two.mkdir()
    torch.multiprocessing.spawn(uneven_ranks.run, (str(tmp_path), str(two)), nprocs=2)
    found = torch.load(two / 'found', weights_only=False)
    expected = uneven_ranks.everything(tmp_path, one)
    assert found.pop('losses') == pytest.approx(expected.pop('losses'), rel=1e-6)
    assert found == expected
    for size in uneven_ranks.BATCHES:
        assert sorted(sum(found[f'parts {size}'], [])) == sorted(NAMES)
        assert found[f'labels {size}'] == len(NAMES)
    for count in uneven_ranks.COUNTS:
        areas = f'areas_{count}.npz'
        assert (one / areas).read_bytes() == (two / areas).read_bytes()
