"""What a Runner needs is looked for before it is built."""

import pytest
from mmengine.config import Config

from mmdepthseg.launch.runner import build_runner, check_source_counts
from mmdepthseg.utils import UserError


def test_missing_parts_are_named():
    with pytest.raises(UserError, match='train_dataloader, train_cfg$'):
        build_runner(Config(dict(model={})), ('train_dataloader', 'train_cfg'))


@pytest.mark.parametrize('counts', [[1, 2], dict(labeled=1, mix=2)])
def test_batch_size_is_the_sum_of_source_counts(counts):
    sampler = dict(type='mmdepthseg.MultiSourceSampler', source_counts=counts)
    loader = dict(batch_size=3, sampler=sampler)
    check_source_counts(Config(dict(train_dataloader=loader)))
    loader['batch_size'] = 2
    with pytest.raises(UserError, match='batch_size=2.*source_counts.*3'):
        check_source_counts(Config(dict(train_dataloader=loader)))
