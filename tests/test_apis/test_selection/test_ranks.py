"""Ranks that have nothing to do wait for the one that chooses."""

from datetime import timedelta

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmdepthseg.apis.selection import ranks
from mmdepthseg.apis.selection.run import NetworkSelection
from mmdepthseg.utils.errors import UserError

LIMIT = timedelta(minutes=5)


@pytest.fixture
def group_of_others(tmp_path):
    """A group with its own limit, as MMEngine or another tool would have made it."""
    torch.distributed.init_process_group(
        'gloo',
        init_method=f'file://{tmp_path}/rendezvous',
        rank=0,
        world_size=1,
        timeout=LIMIT,
    )
    yield
    torch.distributed.destroy_process_group()


def limit(group):
    """How long members of a group wait for each other."""
    group = torch.distributed.group.WORLD if group is None else group
    return group._get_backend(torch.device('cpu')).options._timeout


def test_distances_are_computed_on_the_device_of_the_networks():
    work = NetworkSelection(
        cfg=Config(),
        checkpoint=None,
        method='ds',
        budgets=[2],
        out='unused',
        device='no-device',
    )
    work.weight = 1.0
    group, nothing = ranks.PatientRanks(work.cfg, work.launcher), np.zeros(0, int)
    features = np.arange(10.0).reshape(5, 2)
    with pytest.raises(UserError, match='no-device'):
        work._grow(features, None, nothing, nothing, group)


def test_a_long_step_does_not_end_the_others(group_of_others, monkeypatch):
    limits, broadcast = [], ranks.broadcast_object_list

    def spy(data, src=0, group=None):
        limits.append(limit(group))
        broadcast(data, src, group)

    monkeypatch.setattr(ranks, 'broadcast_object_list', spy)
    work = NetworkSelection(
        cfg=Config(), checkpoint=None, method='random', budgets=[2], out='unused'
    )
    work.weight = 1.0
    group, nothing = ranks.PatientRanks(work.cfg, work.launcher), np.zeros(0, int)
    chosen = work._grow(np.zeros((5, 1)), None, nothing, nothing, group)
    assert chosen is not None
    # farthest point steps of a large pool take hours
    assert limits and set(limits) == {ranks.PATIENCE}
    group.leave()
    # the group was there before, so it stays, and as it was
    assert torch.distributed.is_initialized()
    assert limit(None) == LIMIT
