"""The mean teacher through tools/train.py: exact resume, AMP."""

import pytest
import torch
from helpers.checkpoints import assert_same_states, load
from helpers.tiny_streets import CLASSMIX


def longer(options, iterations):
    """Options of a training that keeps every checkpoint and skips validation."""
    kept = [
        o
        for o in options['full']
        if not o.startswith(('train_cfg', 'default_hooks.checkpoint', 'val_', 'test_'))
    ]
    return [
        '--cfg-options',
        *kept,
        f'train_cfg.max_iters={iterations}',
        'val_cfg=None',
        'val_dataloader=None',
        'val_evaluator=None',
        'default_hooks.checkpoint.interval=2',
    ]


@pytest.mark.parametrize('amp', [(), ('--amp',)])
def test_resumed_run_equals_uninterrupted_run(run_tool, options, tmp_path, amp):
    whole, resumed = tmp_path / 'whole', tmp_path / 'resumed'
    rampup = '+default_hooks.mean_teacher.rampup=4'
    arguments = (*longer(options, 4), rampup, *amp)
    run_tool('train', CLASSMIX, '--work-dir', whole, *arguments)
    torch.rand(3)  # the process's own random state must not matter
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
    assert_same_states(first, second)
    assert any(k.startswith('teacher.') for k in second['state_dict'])
    start = load(whole / 'iter_2.pth')['state_dict']
    moved = [k for k, v in second['state_dict'].items() if not torch.equal(v, start[k])]
    assert {k.split('.')[0] for k in moved} == {'student', 'teacher'}


def test_a_new_run_counts_from_zero(run_tool, options, tmp_path):
    """The weights of `load_from` are kept, their burn-in is not."""
    first, second = tmp_path / 'first', tmp_path / 'second'
    run_tool('train', CLASSMIX, '--work-dir', first, *longer(options, 2))
    arguments = (
        *longer(options, 2),
        f'load_from={first}/iter_2.pth',
        'default_hooks.mean_teacher.burn_in=2',
        'optim_wrapper.optimizer.lr=0.0',
    )
    run_tool('train', CLASSMIX, '--work-dir', second, *arguments)
    start, end = (load(p / 'iter_2.pth')['state_dict'] for p in (first, second))
    assert start['teacher.steps'] == end['teacher.steps'] == 2
    name = next(k for k in start if k.endswith('decode_head.conv_seg.weight'))
    assert torch.equal(start[name], end[name])


def test_amp_runs_student_and_teacher_in_bfloat16(
    run_tool, options, tmp_path, monkeypatch
):
    seen = {True: set(), False: set()}
    forward = torch.nn.Conv2d.forward

    def spy(module, inputs):
        output = forward(module, inputs)
        seen[torch.is_grad_enabled()].add(output.dtype)
        return output

    monkeypatch.setattr(torch.nn.Conv2d, 'forward', spy)
    # a pass at construction
    place = 'mmdepthseg.models.segmentors.depth_segmentor.check_levels'
    monkeypatch.setattr(place, lambda model: None)
    run_tool('train', CLASSMIX, '--work-dir', tmp_path, '--amp', *longer(options, 2))
    assert seen == {True: {torch.bfloat16}, False: {torch.bfloat16}}
    state = load(tmp_path / 'iter_2.pth')['state_dict']
    assert all(
        v.dtype == torch.float32 for v in state.values() if v.is_floating_point()
    )
