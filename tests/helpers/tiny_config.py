"""A config that trains on four images in seconds, with MMSegmentation's parts."""

import uuid
from pathlib import Path

import cv2
import numpy as np

TINY_CONFIG = """
custom_imports = dict(imports=['mmdepthseg.plugin'], allow_failed_imports=False)
default_scope = 'mmdepthseg'
metainfo = dict(classes=('road', 'car', 'sky'),
                palette=[[128, 64, 128], [0, 0, 142], [70, 130, 180]])
train_pipeline = [
    dict(type='SeedBySample'),
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='mmseg.RandomFlip', prob=0.5),
    dict(type='mmseg.PackSegInputs')]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='mmseg.PackSegInputs')]
dataset = dict(type='BaseSegDataset', data_root={data_root!r}, metainfo=metainfo,
               data_prefix=dict(img_path='images', seg_map_path='labels'),
               img_suffix='.png', seg_map_suffix='.png')
train_dataloader = dict(
    batch_size=2, num_workers={workers}, persistent_workers={workers} > 0,
    sampler=dict(type='ResumableInfiniteSampler', shuffle=True),
    dataset=dict(pipeline=train_pipeline, **dataset))
val_dataloader = dict(
    batch_size=1, num_workers=0, persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(pipeline=test_pipeline, **dataset))
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
data_preprocessor = dict(
    type='SegDataPreProcessor', mean=[0.] * 3, std=[255.] * 3, bgr_to_rgb=True,
    pad_val=0, seg_pad_val=255, size=(32, 48))
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    type='EncoderDecoder', data_preprocessor=data_preprocessor,
    backbone=dict(type='ResNetV1c', depth=18, base_channels=8, num_stages=2,
                  strides=(1, 2), dilations=(1, 1), out_indices=(0, 1),
                  norm_cfg=norm_cfg),
    decode_head=dict(
        type='FCNHead', in_channels=16, in_index=1, channels=8, num_convs=1,
        dropout_ratio=0.5, num_classes=3, norm_cfg=norm_cfg,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True)),
    train_cfg=dict(), test_cfg=dict(mode='whole'))
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='SGD', lr=0.05, momentum=0.9),
    clip_grad=dict(max_norm=10.),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))))
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=4, by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=4, val_interval=2)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=1, log_metric_by_epoch=False),
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=2),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='SegVisualizationHook'))
custom_hooks = [
    dict(type='RandomStateHook'), dict(type='CheckCheckpointHook'),
    dict(type='NonFiniteLossHook')]
# MMEngine keeps visualizers by name for as long as the process lives.
visualizer = dict(type='SegLocalVisualizer', name={name!r},
                  vis_backends=[dict(type='LocalVisBackend')])
log_processor = dict(by_epoch=False)
env_cfg = dict(mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0))
randomness = dict(seed=3)
"""


def write_tiny_config(
    folder: Path, workers: int = 0, extra: str = '', name: str = 'tiny.py'
) -> Path:
    """Write the data set and the config to a folder.

    Args:
        folder: The folder.
        workers: Of the training's data loader.
        extra: Text at the end of the config.
        name: Of the config's file.

    Returns:
        The config's path.
    """
    data_root = folder / 'tiny'
    random = np.random.default_rng(0)
    for kind in ('images', 'labels'):
        (data_root / kind).mkdir(parents=True, exist_ok=True)
    for index in range(4):
        image = random.integers(0, 256, (32, 48, 3), dtype=np.uint8)
        label = random.integers(0, 3, (32, 48), dtype=np.uint8)
        cv2.imwrite(str(data_root / f'images/{index}.png'), image)
        cv2.imwrite(str(data_root / f'labels/{index}.png'), label)
    config = folder / name
    values = dict(data_root=str(data_root), workers=workers, name=uuid.uuid4().hex)
    text = TINY_CONFIG.format(**values)
    config.write_text(text + extra)
    return config
