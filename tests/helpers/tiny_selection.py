"""A pool of tiny clips, an untrained teacher and configs of students."""

from pathlib import Path

import cv2
import numpy as np
import torch

from helpers.tiny_models import (
    BACKBONE,
    CHANNELS,
    DECODER,
    DEPTH_HEAD,
    HEIGHT,
    POSE_NET,
    PREPROCESSOR,
    WIDTH,
    build,
)
from mmdepthseg.launch.config import load_config

CLIPS = ('drive 1', 'drive 2')
FRAMES = 6
NAMES = [f'{clip}/{frame}' for clip in CLIPS for frame in range(FRAMES)]
# without batch statistics and dropout, so that ranks can share a batch
GROUP_NORM = dict(type='GN', num_groups=2)
PLAIN_DECODER = dict(DECODER, aspp_dropout=0.0, aspp_norm_cfg=GROUP_NORM)
STUDENT = dict(
    type='DepthSegmentor',
    backbone=dict(BACKBONE, norm_cfg=GROUP_NORM),
    data_preprocessor=dict(PREPROCESSOR, keep_raw=False),
    depth_head=dict(
        type='UNetDepthHead',
        decoder=PLAIN_DECODER,
        num_scales=1,
        loss_disparity=dict(type='BerHuLoss'),
        valid_height=0.9,
    ),
)
SEG_STUDENT = dict(
    type='DepthSegmentor',
    backbone=BACKBONE,
    data_preprocessor=dict(PREPROCESSOR, keep_raw=False),
    decode_head=dict(
        type='UNetSegHead',
        in_channels=CHANNELS,
        decoder=DECODER,
        channels=8,
        num_classes=19,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
)
TEACHER = dict(
    type='DepthSegmentor',
    backbone=BACKBONE,
    data_preprocessor=PREPROCESSOR,
    depth_head=DEPTH_HEAD,
    pose_net=POSE_NET,
)
CONFIG = """
default_scope = 'mmdepthseg'
model = {student!r}
predict_pipeline = [
    dict(type='LoadImageFromFile'), dict(type='PackDepthSegInputs')]
train_pipeline = [
    dict(type='SeedBySample'), dict(type='LoadImageFromFile'),
    dict(type='LoadSDEDisparity', stretch=True),
    dict(type='RandomCrop', crop_size=({height}, {height})),
    dict(type='RandomFlip', prob=0.5), dict(type='PackDepthSegInputs')]
predict_dataloader = dict(
    batch_size=2, num_workers=0, dataset=dict(type='ClipDataset', data_root={root!r}))
train_dataloader = dict(
    batch_size=4, num_workers=0,
    sampler=dict(type='ResumableInfiniteSampler', shuffle=True),
    dataset=dict(type='ClipDataset', data_root={root!r}, pipeline=train_pipeline))
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=1e-2))
param_scheduler = [dict(type='PolyLR', by_epoch=False, end=10)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=10)
default_hooks = dict(
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=2),
    sampler_seed=dict(type='DistSamplerSeedHook'))
custom_hooks = [dict(type='RandomStateHook')]
log_processor = dict(by_epoch=False)
visualizer = dict(type='SegLocalVisualizer', name='visualizer',
                  vis_backends=[dict(type='LocalVisBackend')])
env_cfg = dict(mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0))
selection = dict(teacher='teacher.py', iterations=4, features=dict(size=(2, 3)))
"""


def make_pool(root: Path) -> Path:
    """Clips below `root/clips`; their folder."""
    random = np.random.default_rng(0)
    for name in NAMES:
        path = root / 'clips' / Path(name).parent / 'frames' / f'{Path(name).name}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        image = random.integers(0, 256, (HEIGHT, WIDTH, 3)) * random.random(3)
        cv2.imwrite(str(path), image.astype(np.uint8))
    return root / 'clips'


def make_teacher(root: Path, seed: int = 0) -> Path:
    """`teacher.py` and an untrained checkpoint; the latter's path."""
    (root / 'teacher.py').write_text(
        f"default_scope = 'mmdepthseg'\nmodel = {TEACHER!r}\n"
    )
    torch.manual_seed(seed)
    parts = {key: TEACHER[key] for key in ('depth_head', 'pose_net')}
    path = root / f'teacher_{seed}.pth'
    torch.save(dict(state_dict=build(**parts).state_dict()), path)
    return path


def make_config(root: Path, extra: str = '', name: str = 'select.py') -> Path:
    """A config of depth students on the clips below `root`."""
    text = CONFIG.format(student=STUDENT, height=HEIGHT, root=str(root / 'clips'))
    path = root / name
    path.write_text(text + extra)
    return path


def load(root: Path, extra: str = '', name: str = 'select.py'):
    """`make_config`, loaded."""
    return load_config(make_config(root, extra, name))
