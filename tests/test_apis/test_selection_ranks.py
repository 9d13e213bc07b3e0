"""Ranks that have nothing to do wait for the one that chooses."""

import sys

SCRIPT = """
import os, sys, time
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config

from mmdepthseg.apis import selection

rank, folder = os.environ['RANK'], Path(sys.argv[1])
# imports take longer than the group's patience
(folder / f'imported_{rank}').touch()
while len(list(folder.glob('imported_*'))) < 2:
    time.sleep(.05)
torch.distributed.init_process_group('gloo', timeout=timedelta(seconds=4))
grow = selection.grow

def slow(*args, **kwargs):
    time.sleep(7)
    return grow(*args, **kwargs)

selection.grow = slow
work = selection.NetworkSelection(
    cfg=Config(), checkpoint=None, method='random', budgets=[2], out='unused',
    bias=1.)
work.scored = False
work._join_ranks()
chosen = work._grow(np.zeros((5, 1)), None, np.zeros(0, int), np.zeros(0, int))
work._leave_ranks()
(folder / f'done_{rank}').write_text(str(chosen is None))
# the group was there before, so it stays
torch.distributed.barrier()
torch.distributed.destroy_process_group()
"""


def test_a_long_step_does_not_end_the_others(tmp_path, run_process):
    (tmp_path / 'script.py').write_text(SCRIPT)
    done = run_process(
        sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node', 2,
        '--master_port', 29519, tmp_path / 'script.py', tmp_path, OMP_NUM_THREADS='1')
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'done_0').read_text() == 'False'
    assert (tmp_path / 'done_1').read_text() == 'True'
