"""The stem as a level, and what "frozen" means."""

import pytest
import torch
from helpers.tiny_models import (
    BACKBONE,
    CHANNELS,
    DEPTH_HEAD,
    HEIGHT,
    POSE_NET,
    WIDTH,
    build,
    packed_batch,
)

from mmdepthseg.models.backbones import ResNet


def encoder(**options):
    kwargs = {**BACKBONE, **options}
    kwargs.pop('type')
    return ResNet(**kwargs)


def train(model, steps=2):
    """A few training steps; the state of the backbone before and after."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    before = {k: v.clone() for k, v in model.backbone.state_dict().items()}
    for step in range(steps):
        model.train()
        data = model.data_preprocessor(packed_batch(first=2 * step), True)
        loss, _ = model.parse_losses(model(**data, mode='loss'))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    in_optimizer = {id(p) for p in optimizer.state}
    assert not any(
        id(p) in in_optimizer
        for p in model.backbone.parameters()
        if not p.requires_grad
    )
    return before, model.backbone.state_dict()


@pytest.mark.parametrize('deep_stem', [False, True])
def test_five_levels(deep_stem):
    levels = encoder(deep_stem=deep_stem)(torch.rand(1, 3, HEIGHT, WIDTH))
    assert [tuple(x.shape) for x in levels] == [
        (1, c, HEIGHT // s, WIDTH // s)
        for c, s in zip(CHANNELS, (2, 4, 8, 16, 32), strict=True)
    ]
    assert (levels[0] >= 0).all()  # after the ReLU
    without = encoder(out_stem=False)(torch.rand(1, 3, HEIGHT, WIDTH))
    assert [x.shape[1] for x in without] == CHANNELS[1:]


@pytest.mark.parametrize('deep_stem', [False, True])
def test_frozen_encoder_stays_bit_identical(deep_stem):
    model = build(
        backbone=dict(BACKBONE, deep_stem=deep_stem, frozen_stages=4, norm_eval=True),
        depth_head=DEPTH_HEAD,
        pose_net=POSE_NET,
    )
    heads = model.depth_head.state_dict()['disparity.0.weight'].clone()
    before, after = train(model)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not torch.equal(heads, model.depth_head.disparity[0].weight)
    # DDP with find_unused_parameters=False
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize('deep_stem', [False, True])
def test_legacy_freezing_lets_the_statistics_drift(deep_stem):
    model = build(
        backbone=dict(
            BACKBONE, deep_stem=deep_stem, frozen_stages=4, legacy_frozen_bn=True
        ),
        depth_head=DEPTH_HEAD,
        pose_net=POSE_NET,
    )
    before, after = train(model)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    statistics = {name for name in before if 'running' in name or 'num_b' in name}
    assert moved == statistics
    model.eval()
    assert not any(m.training for m in model.backbone.modules())


def test_legacy_freezing_of_some_stages():
    model = encoder(frozen_stages=1, legacy_frozen_bn=True).train()
    assert model.training and model.bn1.training and model.layer1[0].bn1.training
    assert model.layer2[0].bn1.training
    assert not model.layer1[0].conv1.weight.requires_grad
    assert model.layer2[0].conv1.weight.requires_grad
    assert model.eval() is model


@pytest.mark.parametrize('options', [dict(), dict(frozen_stages=4, norm_eval=True)])
def test_legacy_freezing_needs_something_frozen(options):
    with pytest.raises(ValueError, match='frozen_stages.*norm_eval'):
        encoder(legacy_frozen_bn=True, **options)


def test_dilated_last_stage():
    dilated = encoder(
        depth=50, strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2), contract_dilation=True
    )
    levels = dilated(torch.rand(1, 3, HEIGHT, WIDTH))
    assert tuple(levels[-1].shape) == (1, 256, HEIGHT // 16, WIDTH // 16)
    # the first block keeps dilation 1, as torchvision's does
    assert dilated.layer4[0].conv2.dilation == (1, 1)
    assert dilated.layer4[1].conv2.dilation == (2, 2)
