"""Segmentation head: taps, and the transfer of a depth decoder's weights."""

import copy

import pytest
import torch
from helpers.tiny_models import (
    CHANNELS,
    CLASSES,
    DEPTH_HEAD,
    HEIGHT,
    SEG_HEAD,
    WIDTH,
    build,
    frame_batch,
)


@pytest.mark.parametrize(
    'levels,stride', [((9,), 1), ((8,), 2), ((7, 5), 4), ((2, 9), 1), ((4,), 32)]
)
def test_taps(levels, stride):
    model = build(decode_head=dict(SEG_HEAD, levels=levels))
    logits = model.decode_head(model.extract_feat(frame_batch().img))
    assert logits.shape == (2, CLASSES, HEIGHT // stride, WIDTH // stride)


def test_intermediate_head():
    model = build(
        decode_head=dict(SEG_HEAD, levels=(8,), inter_channels=6, dropout_ratio=0.1)
    )
    logits = model.decode_head(model.extract_feat(frame_batch().img))
    assert logits.shape == (2, CLASSES, HEIGHT // 2, WIDTH // 2)


def test_without_projection_the_taps_are_classified():
    model = build(decode_head=dict(SEG_HEAD, levels=(9, 3), channels=None))
    head = model.decode_head
    assert head.project is None
    # 8 channels of the decoder, 32 of the encoder
    assert head.conv_seg.in_channels == 40
    features = model.extract_feat(frame_batch().img)
    assert head(features).shape == (2, CLASSES, HEIGHT, WIDTH)
    alone = build(decode_head=dict(SEG_HEAD, channels=None)).decode_head.eval()
    assert torch.equal(alone(features), alone.conv_seg(alone.decoder(features)[0]))


def test_decoder_starts_from_a_depth_decoder(tmp_path):
    depth = build(depth_head=DEPTH_HEAD)
    path = str(tmp_path / 'sde.pth')
    torch.save(dict(state_dict=depth.state_dict()), path)
    head = copy.deepcopy(SEG_HEAD)
    head['decoder']['init_cfg'] = dict(
        type='Pretrained', checkpoint=path, prefix='depth_head.decoder'
    )
    model = build(decode_head=head)
    wanted = depth.depth_head.decoder.state_dict()
    found = model.decode_head.decoder.state_dict()
    assert wanted.keys() == found.keys()
    assert all(torch.equal(wanted[k], found[k]) for k in wanted)


def test_bad_level():
    with pytest.raises(ValueError, match='levels'):
        build(decode_head=dict(SEG_HEAD, levels=(10,)))


@pytest.mark.parametrize('levels', [(8,), (7, 5), (4,)])
def test_every_parameter_gets_a_gradient(levels):
    # find_unused_parameters=False needs exactly this
    model = build(decode_head=dict(SEG_HEAD, levels=levels))
    logits = model.decode_head(model.extract_feat(frame_batch().img))
    logits.square().sum().backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []


def test_shorter_decoder_starts_from_a_depth_decoder(tmp_path):
    depth = build(depth_head=DEPTH_HEAD)
    path = str(tmp_path / 'sde.pth')
    torch.save(dict(state_dict=depth.state_dict()), path)
    head = dict(copy.deepcopy(SEG_HEAD), levels=(7,))
    head['decoder']['init_cfg'] = dict(
        type='Pretrained', checkpoint=path, prefix='depth_head.decoder'
    )
    found = build(decode_head=head).decode_head.decoder.state_dict()
    wanted = depth.depth_head.decoder.state_dict()
    assert found.keys() < wanted.keys()
    assert all(torch.equal(wanted[k], found[k]) for k in found)


def test_the_projection_is_linear_unless_told():
    img = frame_batch().img
    for act_cfg, lowest in ((None, -1e9), (dict(type='ReLU'), 0)):
        model = build(decode_head=dict(SEG_HEAD, project_act_cfg=act_cfg))
        decoded = model.decode_head.decoder(model.extract_feat(img))[0]
        smallest = model.decode_head.project[0](decoded).min()
        assert smallest >= lowest
        assert (smallest < 0) == (act_cfg is None)


@pytest.mark.parametrize('levels', [(9,), (1, 7, 9)])
def test_one_map_in_the_place_of_projection_and_classifier(levels, monkeypatch):
    """Logits and gradients are those of the two convolutions, one after the other."""
    head = build(decode_head=dict(SEG_HEAD, levels=levels)).decode_head.double()
    head.eval()  # dropout
    features = [
        torch.randn(2, c, HEIGHT // s, WIDTH // s).double()
        for c, s in zip(CHANNELS, (2, 4, 8, 16, 32), strict=True)
    ]
    assert head.is_linear
    found = []
    for joined in (True, False):
        monkeypatch.setattr(type(head), 'is_linear', joined)
        logits = head(features)
        wanted = [*head.project.parameters(), *head.conv_seg.parameters()]
        found.append([logits, *torch.autograd.grad(logits.square().sum(), wanted)])
    for one, two in zip(*found, strict=True):
        assert torch.allclose(one, two, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    'options',
    [
        dict(inter_channels=8),
        dict(dropout_ratio=0.1),
        dict(channels=None),
        dict(project_act_cfg=dict(type='ReLU')),
    ],
)
def test_what_lies_between_is_not_skipped(options):
    assert not build(decode_head=dict(SEG_HEAD, **options)).decode_head.is_linear
