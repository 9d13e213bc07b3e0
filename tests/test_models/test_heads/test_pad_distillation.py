"""PAD: two decoders exchange features, and nothing is computed for nobody."""

import pytest
import torch
from helpers.tiny_models import (
    CHANNELS,
    CLASSES,
    DECODER,
    DEPTH_HEAD,
    HEIGHT,
    MULTI_TASK,
    SEG_HEAD,
    WIDTH,
    build,
    frame_batch,
    packed_batch,
)
from mmseg.structures import SegDataSample

from mmdepthseg.models.heads.pad_distillation import GatedAttention

BASE = dict(depth_head=DEPTH_HEAD, decode_head=dict(SEG_HEAD, channels=None))


def pad(level=7, **options):
    """An eval-mode multi-task model without pose net."""
    cfg = dict(type='PADDistillation', level=level, **options)
    return build(**BASE, distillation=cfg).eval()


def steps_run(model, **wanted):
    """Numbers of segmentation and depth blocks that a decoding runs."""
    runs = dict(decode_head=0, depth_head=0)

    def count(name):
        def hook(*_):
            runs[name] += 1

        return hook

    for name in runs:
        decoder = getattr(model, name).decoder
        for block in (*decoder.reduce, *decoder.fuse):
            block.register_forward_hook(count(name))
    model.decode(model.extract_feat(frame_batch().img), **wanted)
    return tuple(runs.values())


def test_half_passes_the_gate_at_the_start():
    attention, x = GatedAttention(3, 5), torch.randn(2, 3, 6, 7)
    attention.init_weights()
    assert torch.allclose(attention(x), attention.conv(x) / 2)
    torch.nn.init.normal_(attention.gate.weight)
    wanted = attention.conv(x) / (1 + torch.exp(-attention.gate(x)))
    assert torch.allclose(attention(x), wanted, atol=1e-6)


@pytest.mark.parametrize('level', [5, 7, 8])
def test_each_decoder_goes_on_from_the_sum(level):
    model, step = pad(level), 9 - level
    part = model.distillation
    for gate in (part.depth_to_seg.gate, part.seg_to_depth.gate):
        torch.nn.init.normal_(gate.weight)
    features = model.extract_feat(frame_batch().img)
    seg = model.decode_head.decoder(features, last_step=step)
    depth = model.depth_head.decoder(features, last_step=step)
    own = seg[step], depth[step]
    decoded = model.decode(features)
    assert torch.equal(decoded.side, own[0])
    seg = model.decode_head.decoder(
        features, decoded={**seg, step: own[0] + part.depth_to_seg(own[1])}
    )
    depth = model.depth_head.decoder(
        features, decoded={**depth, step: own[1] + part.seg_to_depth(own[0])}
    )
    assert torch.allclose(decoded.logits, model.decode_head.conv_seg(seg[0]))
    # what is predicted at the level itself is predicted before the exchange
    depth[step] = own[1]
    for found, wanted in zip(
        decoded.disparities, model.depth_head.disparities(depth), strict=True
    ):
        assert torch.allclose(found, wanted)


def test_only_what_is_asked_for_is_decoded():
    # two blocks a step; three of five steps are before the exchange
    assert steps_run(pad(), labels=True, depth=True) == (10, 10)
    assert steps_run(pad(), labels=True, depth=False) == (10, 6)
    assert steps_run(pad(), labels=False, depth=True) == (6, 10)


def test_supervised_loss_is_the_mean_of_both():
    model = pad()
    data = model.data_preprocessor(packed_batch(neighbours=False), True)
    features = model.extract_feat(data['inputs'].img)
    losses = model.loss(**data)
    decoded = model.decode(features)
    head, side = model.decode_head, model.distillation.side_head
    main = head.loss_by_feat(decoded.logits, data['data_samples'])
    aux = side.loss_by_feat(side.conv_seg(decoded.side), data['data_samples'])
    assert torch.allclose(losses['decode.loss_ce'], main['loss_ce'] / 2)
    assert torch.allclose(losses['side.loss_ce'], aux['loss_ce'] / 2)
    assert torch.equal(losses['side.acc_seg'], aux['acc_seg'])
    # the side classifier's loss is the head's: void pixels are no pixels of the mean
    assert side.loss_decode.avg_non_ignore


def test_without_side_classifier():
    model = pad(side_weight=0)
    data = model.data_preprocessor(packed_batch(neighbours=False), True)
    losses = model.loss(**data)
    assert model.distillation.side_head is None
    assert set(losses) == {'decode.loss_ce', 'decode.acc_seg'}
    main = model.decode_head.loss_by_feat(
        model.decode(model.extract_feat(data['inputs'].img)).logits,
        data['data_samples'],
    )
    assert torch.allclose(losses['decode.loss_ce'], main['loss_ce'])


@pytest.mark.parametrize(
    'options', [dict(num_convs=1, channels=6), dict(type='PSPHead', channels=4)]
)
def test_a_side_classifier_of_ones_own(options):
    model = pad(
        side_head=dict(
            options, loss_decode=dict(type='CrossEntropyLoss', loss_name='loss_own')
        )
    )
    losses = model.loss(**model.data_preprocessor(packed_batch(), True))
    assert 'side.loss_own' in losses


@pytest.mark.parametrize(
    'level,taps,seg_widths',
    [(5, (9,), [8] * 5), (6, (7, 2), [4, 4, 4, 6, 8]), (8, (9, 8), [4, 6, 8, 8, 8])],
)
def test_every_parameter_gets_a_gradient(level, taps, seg_widths):
    # find_unused_parameters=False needs exactly this
    model = build(
        **{
            **MULTI_TASK,
            'distillation': dict(type='PADDistillation', level=level),
            'decode_head': dict(
                SEG_HEAD, levels=taps, decoder=dict(DECODER, channels=seg_widths)
            ),
        }
    )
    losses = model.loss(**model.data_preprocessor(packed_batch(), True))
    model.parse_losses(losses)[0].backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []


def test_a_backbone_without_stem():
    model = build(
        backbone=dict(
            type='MixVisionTransformer',
            in_channels=3,
            embed_dims=8,
            num_stages=4,
            num_layers=[1] * 4,
            num_heads=[1] * 4,
            patch_sizes=[7, 3, 3, 3],
            sr_ratios=[8, 4, 2, 1],
            out_indices=(0, 1, 2, 3),
            mlp_ratio=2,
        ),
        decode_head=dict(SEG_HEAD, in_channels=[8] * 4),
        depth_head=dict(DEPTH_HEAD, decoder=dict(DECODER, in_channels=[8] * 4)),
        distillation=dict(type='PADDistillation'),
    ).eval()
    sample = model.predict(torch.rand(1, 3, HEIGHT, WIDTH))[0]
    assert isinstance(sample, SegDataSample)
    assert sample.seg_logits.data.shape == (CLASSES, HEIGHT, WIDTH)
    assert sample.pred_depth_map.data.shape == (1, HEIGHT, WIDTH)


def test_what_only_a_depth_loss_would_train_is_frozen_without_one():
    model = pad().train()
    losses = model.loss(**model.data_preprocessor(packed_batch(), True))
    assert not any(name.startswith('depth') for name in losses)
    model.parse_losses(losses)[0].backward()
    trained = {n for n, p in model.named_parameters() if p.requires_grad}
    assert {n for n, p in model.named_parameters() if p.grad is not None} == trained
    assert any(n.startswith('depth_head.decoder.reduce.0') for n in trained)
    assert not any(n.startswith('depth_head.disparity') for n in trained)


def test_impossible_combinations():
    cfg = dict(type='PADDistillation')
    fcn = dict(
        type='FCNHead', in_channels=CHANNELS[-1], in_index=-1, channels=8, num_convs=1
    )
    for level in (4, 9):
        with pytest.raises(ValueError, match='level.*5'):
            pad(level)
    with pytest.raises(ValueError, match='side_weight'):
        pad(side_weight=1)
    with pytest.raises(ValueError, match='distillation.* 7.*decode_head'):
        build(
            **{**BASE, 'decode_head': dict(SEG_HEAD, levels=(7, 3))}, distillation=cfg
        )
    with pytest.raises(ValueError, match='depth_head'):
        build(decode_head=SEG_HEAD, distillation=cfg)
    with pytest.raises(ValueError, match='decode_head'):
        build(depth_head=DEPTH_HEAD, distillation=cfg)
    with pytest.raises(ValueError, match='decode_head.*FCNHead'):
        build(
            decode_head=dict(fcn, num_classes=CLASSES),
            depth_head=DEPTH_HEAD,
            distillation=cfg,
        )
    with pytest.raises(ValueError, match='depth_head.*DecodeDepthHead'):
        build(
            decode_head=SEG_HEAD,
            distillation=cfg,
            depth_head=dict(type='DecodeDepthHead', decode_head=fcn),
        )
