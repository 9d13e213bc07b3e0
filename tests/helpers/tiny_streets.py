"""Trainings of two iterations on tiny streets, through the tools."""

from collections.abc import Callable
from pathlib import Path

from helpers import REPO

ITERS = 2
STREETS = REPO / 'configs/streets'
SDE = STREETS / 'sde_r18-w16_500it_192x96.py'
FULL = STREETS / 'transfer-depthmix_r18-w16_600it_192x96_n8.py'
CLASSMIX = STREETS / 'classmix_r18-w16_600it_192x96_n8.py'
_MULTI_TASK = """
_base_ = {base!r}
from mmengine.config import Config
sde = Config.fromfile({sde!r})
seg = _base_.model.segmentor
model = dict(
    data_preprocessor=sde.model.data_preprocessor,
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
train_dataloader = dict(
    dataset=dict(shared=dict(offsets=(-1, 1), pipeline=pipeline)))
optim_wrapper = dict(
    constructor='MergedGroupsConstructor',
    paramwise_cfg=dict(custom_keys={{
        'student.backbone': dict(lr_mult=0.1),
        'student.pose_net': dict(lr_mult=1e-4)}}))
del Config, sde, seg
"""


def full_options(options: dict[str, list[str]], tmp_path: Path) -> list[str]:
    """Options of the second stage, which reads what the first one wrote."""
    checkpoint = f'{tmp_path}/sde/iter_{ITERS}.pth'
    prefix = 'model.segmentor'
    return [
        *options['full'],
        f'{prefix}.backbone.init_cfg.checkpoint={checkpoint}',
        f'{prefix}.decode_head.decoder.init_cfg.checkpoint={checkpoint}',
        'train_dataloader.dataset.sources.mix.data_prefix.sde_disparity_path='
        f'{tmp_path}/labels',
    ]


def make_labels(
    run_tool: Callable[..., None],
    options: dict[str, list[str]],
    tmp_path: Path,
    config: Path = SDE,
) -> None:
    """Write depth labels with the network of the first stage."""
    run_tool(
        'generate_depth',
        config,
        f'{tmp_path}/sde/iter_{ITERS}.pth',
        '--out',
        tmp_path / 'labels',
        '--cfg-options',
        *options['sde'],
    )


def multi_task_config(path: Path, split: bool = False) -> Path:
    """Write a config of multi-task learning, made from those of the two stages."""
    path.write_text(_MULTI_TASK.format(base=str(CLASSMIX), sde=str(SDE), split=split))
    return path
