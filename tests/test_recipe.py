"""The recipe of UniMatch V2 with DepthMix: one step, with a small transformer."""

import copy

import torch
from helpers.tiny_models import packed_batch, teacher_batch

from mmdepthseg.launch.config import load_config
from mmdepthseg.plugin import register_all_modules
from mmdepthseg.registry import MODELS

CONFIG = 'configs/cityscapes/unimatchv2-depthmix_dinov2-s_40k_504x504_n372.py'
WIDTH = 48
SMALL = dict(
    type='mmseg.VisionTransformer',
    img_size=(64, 96),
    embed_dims=WIDTH,
    num_layers=4,
    num_heads=4,
    out_indices=(0, 1, 2, 3),
)


def test_step_of_the_recipe(at_home):
    register_all_modules()
    cfg = copy.deepcopy(load_config(CONFIG).model)
    cfg.data_preprocessor.size_divisor = 16
    segmentor = cfg.segmentor
    segmentor.backbone = SMALL
    segmentor.neck.update(embed_dim=WIDTH, norm_cfg=dict(type='BN'))
    segmentor.decode_head.update(
        in_channels=[WIDTH] * 4, channels=16, norm_cfg=dict(type='BN')
    )
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    model.init_weights()
    model.train()
    # a new network is sure of nothing
    model.loss_pseudo.threshold = 0.0
    losses = model(**model.data_preprocessor(teacher_batch(), True), mode='loss')
    total, _ = model.parse_losses(losses)
    total.backward()
    assert losses['mix.loss_pseudo'] > 0
    assert all(p.grad is not None for p in model.student.parameters())
    sample = model.eval().test_step(packed_batch(1))[0]
    assert sample.seg_logits.data.shape[0] == 19


def test_what_the_recipe_is_made_of():
    cfg = load_config(CONFIG)
    model = cfg.model
    assert model.mixing.type == 'DepthMix' and model.views == 2
    assert model.loss_pseudo == dict(type='ConfidentPixelLoss', threshold=0.95)
    assert model.feature_dropout.type == 'ComplementaryDropout'
    sources = cfg.train_dataloader.dataset
    for pipeline in (sources.shared.pipeline, sources.sources.mix.pipeline):
        crop = next(step for step in pipeline if step.type == 'RandomCrop')
        assert tuple(crop.crop_size) == (504, 504)
    rate = cfg.optim_wrapper.optimizer.lr
    backbone = rate * cfg.optim_wrapper.paramwise_cfg.custom_keys.backbone.lr_mult
    assert abs(backbone - 5e-6) < 1e-12
