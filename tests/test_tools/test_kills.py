"""Real trainings, killed at random moments, end as if nobody had.

`MMDEPTHSEG_KILLS=30` kills each of them more often.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import REPO
from helpers.checkpoints import assert_same_states, load
from helpers.tiny_streets import FULL, SDE, full_options, make_labels, multi_task_config

pytestmark = pytest.mark.long

KILLS = int(os.environ.get('MMDEPTHSEG_KILLS', 3))
ITERS = 8
LENGTH = (
    f'train_cfg.max_iters={ITERS}',
    'train_cfg.val_interval=4',
    'default_hooks.checkpoint.interval=2',
    'default_hooks.logger.interval=1',
)
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT)


def children(pid):
    """Processes below one, the process itself last."""
    found = []
    for task in Path(f'/proc/{pid}/task').glob('*/children'):
        for child in task.read_text().split():
            found += children(int(child))
    return [*found, pid]


def living(pids):
    """Those that run, zombies left out."""
    running = []
    for pid in pids:
        try:
            state = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0]
        except OSError:
            continue
        if state not in 'ZX':
            running.append(pid)
    return running


@pytest.fixture
def stage(request, run_tool, options, tmp_path):
    """Config and options of a stage, with what it needs."""
    if request.param == 'multi_task':
        return multi_task_config(tmp_path / 'multi_task.py', True), options['full']
    if request.param == 'depthmix':
        sde = ('--cfg-options', *options['sde'])
        run_tool('train', SDE, '--work-dir', tmp_path / 'sde', *sde)
        make_labels(run_tool, options, tmp_path)
        return FULL, full_options(options, tmp_path)
    return SDE, options['sde']


@pytest.fixture
def start(stage, plain_layout, free_port, tmp_path):
    """Start a training of a stage as a process of its own."""
    config, given = stage

    def run(folder, ranks):
        head = [sys.executable]
        if ranks > 1:
            head += ['-m', 'torch.distributed.run', f'--nproc_per_node={ranks}']
            head += [f'--master_port={free_port()}']
        command = [
            *(*head, REPO / 'tools/train.py', config, '--work-dir', tmp_path / folder),
            *('--resume', '--launcher', 'pytorch' if ranks > 1 else 'none'),
            *('--cfg-options', *given, *LENGTH),
        ]
        with open(tmp_path / f'{folder}.log', 'ab') as log:
            return subprocess.Popen([*map(str, command)], stdout=log, stderr=log)

    return run


def losses(folder):
    """Loss of each iteration, the last time that it was made."""
    found = {}
    for path in sorted(folder.glob('2*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            content = json.loads(line) if line.endswith('}') else {}
            if 'loss' in content:
                found[content['step']] = content['loss']
    return found


@pytest.mark.parametrize('ranks', [1, 2])
@pytest.mark.parametrize('stage', ['sde', 'depthmix', 'multi_task'], indirect=True)
def test_kills(start, ranks, tmp_path):
    began = time.monotonic()
    assert start('whole', ranks).wait() == 0, (tmp_path / 'whole.log').read_text()
    duration = time.monotonic() - began
    draw, log = random.Random(ranks), tmp_path / 'killed.log'
    for kill in range(KILLS):
        number = SIGNALS[kill % len(SIGNALS)]
        process = start('killed', ranks)
        try:
            process.wait(duration * draw.uniform(0.4, 1.0))
            continue  # done before the kill
        except subprocess.TimeoutExpired:
            pass
        family = children(process.pid)
        for pid in family if number == signal.SIGKILL else [process.pid]:
            os.kill(pid, number)
        code = process.wait(120)
        deadline = time.monotonic() + 60
        while living(family):
            assert time.monotonic() < deadline, 'a process is left'
            time.sleep(0.1)
        if ranks == 1 and number != signal.SIGKILL and code:
            # 128 + n: in the training; else before it began
            assert code in (128 + number, -number), log.read_text()[-2000:]
    assert start('killed', ranks).wait() == 0, log.read_text()[-3000:]
    whole, killed = tmp_path / 'whole', tmp_path / 'killed'
    assert_same_states(*(load(f / f'iter_{ITERS}.pth') for f in (whole, killed)))
    assert losses(killed) == losses(whole) and len(losses(whole)) == ITERS
