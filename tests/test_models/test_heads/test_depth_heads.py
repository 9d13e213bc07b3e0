"""Depth heads: scales, start value, an MMSeg head in their place."""

import math

import pytest
import torch
from tiny_models import CHANNELS, DECODER, DEPTH_HEAD, HEIGHT, WIDTH, build, frame_batch

from mmdepthseg.geometry import disparity_to_depth


def test_scales_and_range():
    model = build(depth_head=DEPTH_HEAD)
    disparities = model.depth_head(model.extract_feat(frame_batch().img))
    assert [tuple(d.shape[2:]) for d in disparities] == [
        (HEIGHT >> s, WIDTH >> s) for s in range(4)]
    assert all(((d > 0) & (d < 1)).all() for d in disparities)


def test_bias_sets_the_first_depth():
    bias = -2.2
    model = build(depth_head=dict(DEPTH_HEAD, disparity_bias=bias))
    for conv in model.depth_head.disparity:
        torch.nn.init.zeros_(conv.weight)
    disparity, depth = model.depth_head.predict(
        model.depth_head(model.extract_feat(frame_batch().img)), (HEIGHT, WIDTH))
    expected = torch.tensor(1 / (1 + math.exp(-bias)))
    assert torch.allclose(disparity, expected)
    assert torch.allclose(depth, disparity_to_depth(expected)[1])


def test_prediction_has_the_size_asked_for():
    model = build(depth_head=DEPTH_HEAD)
    disparity, depth = model.depth_head.predict(
        model.depth_head(model.extract_feat(frame_batch().img)), (20, 30))
    assert disparity.shape == depth.shape == (2, 1, 20, 30)


def test_mmseg_head_as_depth_head():
    head = dict(
        type='FCNHead', in_channels=CHANNELS[-1], in_index=-1, channels=8, num_convs=1)
    model = build(depth_head=dict(type='DecodeDepthHead', decode_head=head))
    disparities = model.depth_head(model.extract_feat(frame_batch().img))
    assert len(disparities) == 1
    assert disparities[0].shape[:2] == (2, 1)


def test_bad_options():
    with pytest.raises(ValueError, match='min_depth'):
        build(depth_head=dict(DEPTH_HEAD, min_depth=2., max_depth=1.))
    with pytest.raises(ValueError, match='num_scales'):
        build(depth_head=dict(type='UNetDepthHead', decoder=DECODER, num_scales=6))
