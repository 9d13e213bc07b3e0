"""Multi-task learning (exp. 212) on tiny streets through the tools."""

from pathlib import Path

import pytest
import torch

from .test_train_test import assert_same_states, load

REPO = Path(__file__).resolve().parents[2]
CLASSMIX = REPO / 'configs/streets/classmix_unet-r18w16_600it_streets-192x96_n8.py'
SDE = REPO / 'configs/streets/sde_unet-r18w16_500it_streets-192x96.py'
CONFIG = """
_base_ = {base!r}
from mmengine.config import Config
sde = Config.fromfile({sde!r})
seg = _base_.model.segmentor
model = dict(
    data_preprocessor=sde.data_preprocessor,
    segmentor=dict(
        decode_head=dict(channels=None),
        depth_head=sde.model.depth_head,
        pose_net=sde.model.pose_net,
        distillation=dict(type='PADDistillation')),
    mixing=dict(_delete_=True, type='DepthMix'),
    disparity='online',
    split_backward={split})
model_wrapper_cfg = dict(type='mmdepthseg.SplitBackwardDDP')
pipeline = [*_base_.train_pipeline]
pipeline[2:2] = [dict(type='LoadAdjacentFrames'), dict(type='LoadCamera')]
labeled, mix = _base_.train_dataloader.dataset.datasets
for part in (labeled, mix):
    part.update(offsets=(-1, 1), pipeline=pipeline)
train_dataloader = dict(dataset=dict(datasets=[labeled, mix]))
optim_wrapper = dict(
    constructor='MergedGroupsConstructor',
    paramwise_cfg=dict(custom_keys={{
        'student.backbone': dict(lr_mult=0.1),
        'student.pose_net': dict(lr_mult=1e-4)}}))
del Config, sde, seg, part
"""
SCHEDULE = ('train_cfg', 'default_hooks.checkpoint', 'val_', 'test_')


@pytest.fixture
def config(tmp_path):
    """A config of the streets, made from those of their two stages."""

    def write(split=False):
        path = tmp_path / f'multi_task_{split}.py'
        path.write_text(CONFIG.format(base=str(CLASSMIX), sde=str(SDE), split=split))
        return path

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


def test_several_backward_passes_on_two_ranks(
    config, run_process, free_port, options, tmp_path
):
    """By the config's lines; tests of the wrapper itself: test_split_backward.py."""
    done = run_process(
        'bash',
        REPO / 'tools/dist_train.sh',
        config(split=True),
        2,
        '--work-dir',
        tmp_path / 'run',
        '--cfg-options',
        *options['full'],
        PORT=free_port(),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / 'run/iter_2.pth').exists()


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
