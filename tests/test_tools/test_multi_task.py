"""Multi-task learning (exp. 212) on tiny streets through the tools."""

import pytest
import torch
from helpers.checkpoints import assert_same_states, load
from helpers.tiny_streets import multi_task_config

SCHEDULE = ('train_cfg', 'default_hooks.checkpoint', 'val_', 'test_')


@pytest.fixture
def config(tmp_path):
    """A config of the streets, made from those of their two stages."""

    def write(split=False):
        return multi_task_config(tmp_path / f'multi_task_{split}.py', split)

    return write


def test_resumed_run_equals_uninterrupted_run(config, run_tool, options, tmp_path):
    whole, resumed = tmp_path / 'whole', tmp_path / 'resumed'
    kept = [o for o in options['full'] if not o.startswith(SCHEDULE)]
    arguments = (
        '--amp',
        '--cfg-options',
        *kept,
        'train_cfg.max_iters=4',
        'val_cfg=None',
        'val_dataloader=None',
        'val_evaluator=None',
        'default_hooks.checkpoint.interval=2',
    )
    run_tool('train', config(split=True), '--work-dir', whole, *arguments)
    torch.rand(3)  # the process's own random state must not matter
    run_tool(
        'train',
        config(split=True),
        '--work-dir',
        resumed,
        '--resume',
        whole / 'iter_2.pth',
        *arguments,
    )
    first, second = load(whole / 'iter_4.pth'), load(resumed / 'iter_4.pth')
    assert_same_states(first, second)
    start = load(whole / 'iter_2.pth')['state_dict']
    moved = {
        k.split('.')[1]
        for k, v in second['state_dict'].items()
        if k.startswith('student.') and not torch.equal(v, start[k])
    }
    assert moved == {
        'backbone',
        'decode_head',
        'depth_head',
        'distillation',
        'pose_net',
    }


def test_trains_and_is_evaluated(config, run_tool, options, tmp_path, capfd):
    arguments = ('--cfg-options', *options['full'])
    run_tool('train', config(), '--work-dir', tmp_path / 'run', *arguments)
    printed = capfd.readouterr()
    for name in (
        'side.loss_ce',
        'mix.depth.loss_photometric',
        'mix.loss_pseudo',
        'student/mIoU',
        'teacher/mIoU',
    ):
        assert name in printed.out + printed.err
    run_tool(
        'test',
        config(),
        tmp_path / 'run/iter_2.pth',
        '--work-dir',
        tmp_path / 'test',
        *arguments,
    )
    printed = capfd.readouterr()
    assert 'teacher/mIoU' in printed.out + printed.err


def test_benchmark_knows_the_parts(config, run_tool, options, capsys):
    # the step that counts is the one that mixes, which the config's own comes to late
    kept = [
        o for o in options['full'] if not o.startswith('default_hooks.mean_teacher')
    ]
    run_tool(
        'analysis_tools/benchmark_step',
        config(),
        '--iters',
        1,
        '--warmup',
        0,
        '--cfg-options',
        *kept,
    )
    printed = capsys.readouterr().out
    assert 'photometric loss' in printed and 'teacher forward' in printed
