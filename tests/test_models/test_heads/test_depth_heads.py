"""Depth heads: scales, start value, an MMSeg head in their place."""

import math

import pytest
import torch
import torch.nn.functional as F
from helpers.tiny_models import (
    CHANNELS,
    DECODER,
    DEPTH_HEAD,
    HEIGHT,
    WIDTH,
    build,
    frame_batch,
)
from torch import nn

from mmdepthseg.geometry import disparity_to_depth
from mmdepthseg.models.heads.unet_depth_head import one_channel_conv
from mmdepthseg.models.losses import BerHuLoss
from mmdepthseg.registry import MODELS


def test_scales_and_range():
    model = build(depth_head=DEPTH_HEAD)
    disparities = model.depth_head(model.extract_feat(frame_batch().img))
    assert [tuple(d.shape[2:]) for d in disparities] == [
        (HEIGHT >> s, WIDTH >> s) for s in range(4)
    ]
    assert all(((d > 0) & (d < 1)).all() for d in disparities)


def test_bias_sets_the_first_depth():
    bias = -2.2
    model = build(depth_head=dict(DEPTH_HEAD, disparity_bias=bias))
    for conv in model.depth_head.disparity:
        torch.nn.init.zeros_(conv.weight)
    disparity, depth = model.depth_head.predict(
        model.depth_head(model.extract_feat(frame_batch().img)), (HEIGHT, WIDTH)
    )
    expected = torch.tensor(1 / (1 + math.exp(-bias)))
    assert torch.allclose(disparity, expected)
    assert torch.allclose(depth, disparity_to_depth(expected)[1])


def test_small_first_weights():
    """As configs/_base_/models/sde_unet_lite0.py has them."""
    options = dict(DEPTH_HEAD, disparity_std=0.002, disparity_bias=-1.8)
    head = build(depth_head=options).depth_head
    others = {n: p.clone() for n, p in head.decoder.named_parameters()}
    head.init_weights()
    for conv in head.disparity:
        assert conv.weight.std() == pytest.approx(0.002, rel=0.3)
        assert (conv.bias == -1.8).all()
    assert all(p.equal(others[n]) for n, p in head.decoder.named_parameters())
    learned = [conv.weight.detach().fill_(1.0) for conv in head.disparity]
    head.init_weights()  # the second call changes nothing
    assert all((weight == 1).all() for weight in learned)


def test_prediction_has_the_size_asked_for():
    model = build(depth_head=DEPTH_HEAD)
    disparity, depth = model.depth_head.predict(
        model.depth_head(model.extract_feat(frame_batch().img)), (20, 30)
    )
    assert disparity.shape == depth.shape == (2, 1, 20, 30)


def test_mmseg_head_as_depth_head():
    head = dict(
        type='FCNHead', in_channels=CHANNELS[-1], in_index=-1, channels=8, num_convs=1
    )
    model = build(depth_head=dict(type='DecodeDepthHead', decode_head=head))
    disparities = model.depth_head(model.extract_feat(frame_batch().img))
    assert len(disparities) == 1
    assert disparities[0].shape[:2] == (2, 1)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_mmseg_heads_last_layer_has_all_bits_in_half_precision(dtype):
    """Depth is made of the logits, as in the head above."""
    torch.manual_seed(0)
    head = dict(
        type='FCNHead', in_channels=CHANNELS[-1], in_index=-1, channels=8, num_convs=1
    )
    head = build(depth_head=dict(type='DecodeDepthHead', decode_head=head)).depth_head
    seen = []
    head.decode_head.conv_seg.register_forward_hook(lambda *call: seen.append(call))
    torch.nn.init.normal_(head.decode_head.conv_seg.weight)
    with torch.autocast('cpu', dtype):
        (disparity,) = head([torch.randn(2, CHANNELS[-1], 8, 8).relu()] * 5)
    ((conv, (features,), logits),) = seen
    assert features.dtype == dtype and disparity.dtype == torch.float32
    exact = F.conv2d(features.float(), conv.weight, conv.bias)
    assert torch.equal(logits, exact) and torch.equal(disparity, exact.sigmoid())


def test_bad_options():
    with pytest.raises(ValueError, match='min_depth'):
        build(depth_head=dict(DEPTH_HEAD, min_depth=2.0, max_depth=1.0))
    with pytest.raises(ValueError, match='num_scales'):
        build(depth_head=dict(type='UNetDepthHead', decoder=DECODER, num_scales=6))


def test_supervised_loss_is_that_of_all_scales_without_the_bottom_rows():
    head = build(
        depth_head=dict(
            DEPTH_HEAD, loss_disparity=dict(type='BerHuLoss'), valid_height=0.9
        )
    ).depth_head
    target = torch.rand(2, 1, HEIGHT, WIDTH)
    disparities = [
        torch.rand(2, 1, HEIGHT >> s, WIDTH >> s, requires_grad=True) for s in range(2)
    ]
    known = torch.ones_like(target, dtype=torch.bool)
    known[0, :, :, 90:] = False
    loss = head.supervised_loss(disparities, target, known)['loss_disparity']
    mask = known.clone()
    mask[:, :, int(0.9 * HEIGHT) :] = False
    coarse = F.interpolate(disparities[1], scale_factor=2, mode='bilinear')
    expected = [BerHuLoss()(d, target, mask) for d in (disparities[0], coarse)]
    torch.testing.assert_close(loss, sum(expected) / 2)
    loss.backward()
    gradient = disparities[0].grad
    assert not gradient[:, :, 57:].any() and not gradient[0, ..., 90:].any()
    assert gradient[:, :, 56, :90].all() and known.sum() > mask.sum()


@pytest.mark.parametrize('height', [0, 1.1])
def test_valid_height_is_a_share(height):
    with pytest.raises(ValueError, match='valid_height'):
        build(depth_head=dict(DEPTH_HEAD, valid_height=height))


def test_one_channel_conv():
    """It is the 3x3 convolution with reflection padding, gradients included."""
    x = torch.randn(2, 5, 6, 7).double().requires_grad_()
    conv = nn.Conv2d(5, 1, 3, padding=1, padding_mode='reflect').double()
    wanted = [x, conv.weight, conv.bias]
    outs = [one_channel_conv(x, conv.weight, conv.bias), conv(x)]
    found = [[out, *torch.autograd.grad(out.square().sum(), wanted)] for out in outs]
    for quick, plain in zip(*found, strict=True):
        assert torch.allclose(quick, plain)


PAPER = dict(
    type='UNetDecoder',
    in_channels=[64, 256, 512, 1024, 2048],
    channels=[64, 128, 128, 256, 256],
    aspp_rates=[6, 12, 18],
)


@pytest.mark.parametrize('conv_init', ['pytorch', 'kaiming'])
def test_the_first_disparity_is_a_half(conv_init):
    """As in the papers, whose decoders are of PyTorch's convolutions."""
    torch.manual_seed(0)
    levels = [
        torch.randn(2, width, 64 // stride, 64 // stride).relu()
        for width, stride in zip(PAPER['in_channels'], (2, 4, 8, 16, 16), strict=True)
    ]
    head = MODELS.build(
        dict(type='UNetDepthHead', decoder=dict(PAPER, conv_init=conv_init))
    )
    head.init_weights()
    near_half = [
        abs(disparity.mean() - 0.5) < 0.06 and disparity.std() < 0.05
        for disparity in head(levels)
    ]
    assert all(near_half) if conv_init == 'pytorch' else not any(near_half)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_disparities_have_all_bits_in_half_precision(dtype):
    """Depth is their inverse."""
    torch.manual_seed(0)
    head = build(depth_head=DEPTH_HEAD).depth_head
    decoded = {
        step: torch.randn(1, DECODER['channels'][step], 8, 8) for step in range(5)
    }
    decoded = {step: x.to(dtype) for step, x in decoded.items()}
    exact = head.disparities({step: x.float() for step, x in decoded.items()})
    with torch.autocast('cpu', dtype):
        found = head.disparities(decoded)
    for one, other in zip(found, exact, strict=True):
        assert one.dtype == torch.float32
        assert torch.equal(one, other)
