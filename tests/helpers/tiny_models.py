"""Tiny models and batches for tests: a few thousand weights, 96x64 images."""

import copy
from typing import Any

import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmdepthseg.geometry import Camera
from mmdepthseg.plugin import register_all_modules
from mmdepthseg.registry import MODELS
from mmdepthseg.structures import FrameBatch

HEIGHT, WIDTH, CLASSES = 64, 96, 5
FULL_WIDTH, TINY_WIDTH = 64, 8
CHANNELS = [8, 8, 16, 32, 64]
NORM = dict(type='BN', requires_grad=True)
BACKBONE = dict(
    type='ResNet', depth=18, base_channels=8, stem_channels=8, norm_cfg=NORM
)
DECODER = dict(
    type='UNetDecoder',
    in_channels=CHANNELS,
    channels=[8, 8, 8, 8, 8],
    aspp_rates=[1, 2],
)
DEPTH_HEAD = dict(type='UNetDepthHead', decoder=DECODER)
POSE_NET = dict(
    type='PoseNet',
    backbone=dict(BACKBONE, in_channels=6, out_stem=False),
    in_channels=64,
    channels=8,
)
SEG_HEAD = dict(
    type='UNetSegHead',
    in_channels=CHANNELS,
    decoder=dict(DECODER),
    channels=8,
    num_classes=CLASSES,
    loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
)
# two decoders that exchange features, and a pose net
MULTI_TASK = dict(
    decode_head=dict(SEG_HEAD, channels=None),
    depth_head=DEPTH_HEAD,
    distillation=dict(type='PADDistillation'),
    pose_net=POSE_NET,
)
PREPROCESSOR = dict(
    type='DepthSegDataPreProcessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    keep_raw=True,
)


def build(**parts):
    """An initialised DepthSegmentor of the given parts."""
    register_all_modules()
    cfg = dict(type='DepthSegmentor', backbone=BACKBONE, data_preprocessor=PREPROCESSOR)
    model = MODELS.build(copy.deepcopy({**cfg, **parts}))
    model.init_weights()
    return model


def build_teacher(**options):
    """An initialised MeanTeacher around a segmentation-only student."""
    register_all_modules()
    cfg = dict(
        type='MeanTeacher',
        segmentor=dict(type='DepthSegmentor', backbone=BACKBONE, decode_head=SEG_HEAD),
        data_preprocessor=PREPROCESSOR,
        mixing=dict(type='DepthMix'),
    )
    model = MODELS.build(copy.deepcopy({**cfg, **options}))
    model.init_weights()
    return model


def build_multi_task_teacher(parts=(), **options):
    """An initialised MeanTeacher around a multi-task student."""
    options.setdefault('disparity', 'online')
    return build_teacher(
        segmentor=dict(
            dict(type='DepthSegmentor', backbone=BACKBONE, **MULTI_TASK), **dict(parts)
        ),
        **options,
    )


def shrink(node: Any, parent: str = '') -> Any:
    """A model's config at an eighth of the width.

    ResNet-101 becomes ResNet-50: the same blocks, fewer of them.
    """
    if isinstance(node, list | tuple):
        return [shrink(value, parent) for value in node]
    if (
        isinstance(node, int)
        and parent in ('channels', 'in_channels', 'inter_channels')
        and node >= FULL_WIDTH
    ):
        return node * TINY_WIDTH // FULL_WIDTH
    if not isinstance(node, dict):
        return node
    small = {key: shrink(value, key) for key, value in node.items()}
    if node.get('type') == 'ResNet':
        small.update(
            base_channels=TINY_WIDTH,
            stem_channels=TINY_WIDTH,
            depth=min(node['depth'], 50),
        )
    return small


def packed_sample(
    seed: int = 0,
    neighbours: bool = True,
    label: bool = True,
    disparity: bool = True,
    **meta,
) -> dict:
    """One sample as PackDepthSegInputs gives it."""
    rng = torch.Generator().manual_seed(seed)

    def image(*size):
        return torch.randint(
            0, 256, (*size, HEIGHT, WIDTH), generator=rng, dtype=torch.uint8
        )

    inputs = dict(img=image(3))
    if neighbours:
        inputs['adjacent'] = image(2, 3)
        meta = dict(meta, adjacent_offsets=(-1, 1))
    sample = SegDataSample(
        metainfo=dict(
            img_path=f'{seed}.png',
            img_id=str(seed),
            ori_shape=(HEIGHT, WIDTH),
            img_shape=(HEIGHT, WIDTH),
            pad_shape=(HEIGHT, WIDTH),
            flip=False,
            camera=Camera([[70.0, 0, 48], [0, 70, 32], [0, 0, 1]], (HEIGHT, WIDTH)),
        )
    )
    sample.set_metainfo(meta)
    if label:
        labels = torch.randint(0, CLASSES, (1, HEIGHT, WIDTH), generator=rng)
        labels[:, :2] = 255
        sample.gt_sem_seg = PixelData(data=labels)
    if disparity:
        sample.disparity_map = PixelData(
            data=torch.rand(1, HEIGHT, WIDTH, generator=rng)
        )
    return dict(inputs=inputs, data_samples=sample)


def packed_batch(n: int = 2, first: int = 0, **options) -> dict:
    """A collated batch of n samples."""
    samples = [packed_sample(first + i, **options) for i in range(n)]
    return {key: [s[key] for s in samples] for key in samples[0]}


def teacher_batch(
    labeled: int = 2,
    mix: int = 2,
    neighbours: bool = False,
    first: int = 0,
    **mix_options,
) -> dict:
    """A collated batch of labelled and mix samples."""
    some = packed_batch(
        labeled, first=first, branch='labeled', neighbours=neighbours, disparity=False
    )
    more = packed_batch(
        mix, first=first + labeled, branch='mix', neighbours=neighbours, **mix_options
    )
    return {key: some[key] + more[key] for key in some}


def frame_batch(n: int = 2, frames: int = 2) -> FrameBatch:
    """A random batch with neighbours and cameras."""
    img = torch.rand(n, 3, HEIGHT, WIDTH)
    adjacent = torch.rand(n, frames, 3, HEIGHT, WIDTH)
    camera = torch.tensor([[70.0, 0, 48], [0, 70, 32], [0, 0, 1]])
    return FrameBatch(img, adjacent, img, adjacent, camera.expand(n, 3, 3))
