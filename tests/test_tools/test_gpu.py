"""The tools on a GPU: float16, NCCL, resuming, depth labels, selection."""

import cv2
import numpy as np
import pytest
import torch
from helpers import REPO
from helpers.checkpoints import load
from helpers.tiny_selection import make_config, make_pool, make_teacher
from helpers.tiny_streets import (
    CLASSMIX,
    FULL,
    ITERS,
    SDE,
    full_options,
    make_labels,
    multi_task_config,
)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not torch.cuda.is_available(), reason='needs a GPU: make test-gpu'
    ),
]


def read(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype(float)


def assert_trained_in_float16(path):
    checkpoint = load(path)
    assert checkpoint['optimizer']['loss_scaler']['scale'] > 0
    assert all(
        torch.isfinite(value).all() for value in checkpoint['state_dict'].values()
    )


def test_both_stages(run_tool, options, tmp_path, capfd):
    run_tool(
        'train',
        SDE,
        '--work-dir',
        tmp_path / 'sde',
        '--amp',
        '--cfg-options',
        *options['sde'],
    )
    assert_trained_in_float16(tmp_path / f'sde/iter_{ITERS}.pth')
    make_labels(run_tool, options, tmp_path)
    full = ('--cfg-options', *full_options(options, tmp_path))
    run_tool('train', FULL, '--work-dir', tmp_path / 'full', '--amp', *full)
    checkpoint = tmp_path / f'full/iter_{ITERS}.pth'
    assert_trained_in_float16(checkpoint)
    capfd.readouterr()
    run_tool('test', FULL, checkpoint, '--work-dir', tmp_path / 'test', *full)
    printed = capfd.readouterr()
    assert 'teacher/mIoU' in printed.out + printed.err


@pytest.mark.usefixtures('full_float32')
def test_depth_labels_are_the_cpus(run_tool, options, tmp_path):
    run_tool(
        'train', SDE, '--work-dir', tmp_path / 'sde', '--cfg-options', *options['sde']
    )
    found = {}
    for device in ('cpu', 'cuda'):
        out = tmp_path / device
        run_tool(
            'generate_depth',
            SDE,
            tmp_path / f'sde/iter_{ITERS}.pth',
            '--out',
            out,
            '--device',
            device,
            '--cfg-options',
            *options['sde'],
        )
        found[device] = {path.name: read(path) for path in out.glob('*/*.png')}
    assert len(found['cpu']) == 3
    for name, expected in found['cpu'].items():
        # of 65535; disparities of an untrained network are a few hundredths of it
        np.testing.assert_allclose(found['cuda'][name], expected, atol=20)


def test_resumed_run_goes_the_same_way(run_tool, options, tmp_path):
    """Not bit by bit: a GPU adds up in no fixed order."""
    arguments = (
        '--cfg-options',
        *[
            o
            for o in options['full']
            if not o.startswith(('train_cfg', 'default_hooks.checkpoint'))
        ],
        'train_cfg.max_iters=4',
        'train_cfg.val_interval=4',
        'default_hooks.checkpoint.interval=2',
    )
    whole, resumed = tmp_path / 'whole', tmp_path / 'resumed'
    run_tool('train', CLASSMIX, '--work-dir', whole, *arguments)
    torch.rand(3, device='cuda')  # the process's own random state must not matter
    run_tool(
        'train',
        CLASSMIX,
        '--work-dir',
        resumed,
        '--resume',
        whole / 'iter_2.pth',
        *arguments,
    )
    first, second = load(whole / 'iter_4.pth'), load(resumed / 'iter_4.pth')
    states = [c['random_states'][0]['cuda'] for c in (first, second)]
    assert len(states[0]) == torch.cuda.device_count()
    assert all(map(torch.equal, *states))
    start = load(whole / 'iter_2.pth')['state_dict']
    for name, value in first['state_dict'].items():
        moved = (value - start[name]).float().norm()
        apart = (value - second['state_dict'][name]).float().norm()
        assert apart <= 0.2 * moved + 1e-6, name


def test_nccl(run_process, free_port, options, tmp_path):
    """Multi-task learning in float16, as one of a group of one."""
    config = multi_task_config(tmp_path / 'multi_task.py', split=True)
    done = run_process(
        'bash',
        REPO / 'tools/dist_train.sh',
        config,
        1,
        '--amp',
        '--work-dir',
        tmp_path / 'run',
        '--cfg-options',
        *options['full'],
        PORT=free_port(),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'Distributed training: True' in done.stdout + done.stderr
    assert_trained_in_float16(tmp_path / f'run/iter_{ITERS}.pth')


def test_more_processes_than_gpus(tiny_config, run_process, free_port, tmp_path):
    done = run_process(
        'bash',
        REPO / 'tools/dist_train.sh',
        tiny_config(),
        torch.cuda.device_count() + 1,
        '--work-dir',
        tmp_path / 'run',
        PORT=free_port(),
    )
    assert done.returncode != 0
    assert 'no GPU, torch sees' in done.stderr


@pytest.mark.usefixtures('full_float32')
@pytest.mark.parametrize('method', ['ds', 'ds_us'])
def test_selection(method, run_tool, tmp_path):
    make_pool(tmp_path)
    make_teacher(tmp_path)
    make_config(tmp_path)
    orders = []
    for device in ('cpu', 'cuda'):
        out = tmp_path / device
        run_tool(
            'select_samples',
            tmp_path / 'select.py',
            tmp_path / 'teacher_0.pth',
            '--method',
            method,
            '--out',
            out,
            '--budget',
            3,
            6,
            '--seed',
            5,
            '--device',
            device,
        )
        orders.append((out / 'budget_6.txt').read_text().splitlines())
    assert len(set(orders[1])) == 6
    if method == 'ds':  # students learn with other rounding
        assert orders[0] == orders[1]
