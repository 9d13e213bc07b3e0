"""Heads with several outputs, cascades and MMSegmentation's segmentors as students.

In MMSegmentation's trainings `loss` takes all outputs of such a head, `predict` one.
"""

import copy

import pytest
import torch
from helpers.tiny_models import (
    CLASSES,
    HEIGHT,
    WIDTH,
    build_teacher,
    teacher_batch,
)
from mmengine.config import ConfigDict
from mmengine.structures import PixelData

from mmdepthseg.models.segmentors.logits import predicting, seg_logits

BN = dict(type='BN', requires_grad=True)
RESNET = dict(
    type='mmseg.ResNet', depth=18, base_channels=8, stem_channels=8, norm_cfg=BN
)
COMMON = dict(num_classes=CLASSES, channels=8, norm_cfg=BN, align_corners=False)
LAST = dict(COMMON, in_channels=64, in_index=3)
LOSS = dict(type='CrossEntropyLoss', loss_weight=1.0)
FCN = dict(LAST, type='FCNHead', num_convs=1, concat_input=False)
KERNELS = dict(
    type='KernelUpdateHead',
    num_classes=CLASSES,
    num_ffn_fcs=2,
    num_heads=2,
    num_mask_fcs=1,
    feedforward_channels=16,
    in_channels=8,
    out_channels=8,
    dropout=0.0,
    conv_kernel_size=1,
    ffn_act_cfg=dict(type='ReLU', inplace=True),
    with_ffn=True,
    feat_transform_cfg=dict(conv_cfg=dict(type='Conv2d'), act_cfg=None),
    kernel_updator_cfg=dict(
        type='KernelUpdator',
        in_channels=8,
        feat_channels=8,
        out_channels=8,
        act_cfg=dict(type='ReLU', inplace=True),
        norm_cfg=dict(type='LN'),
    ),
)
OCR = dict(LAST, type='OCRHead', ocr_channels=8)
OHEM = dict(type='OhemCrossEntropy', thres=0.9, min_kept=10)
DDRNET = dict(
    backbone=dict(type='mmseg.DDRNet', channels=8, ppm_channels=8, norm_cfg=BN),
    decode_head=dict(COMMON, type='DDRHead', in_channels=32, loss_decode=[OHEM, OHEM]),
)
PIDNET = dict(
    backbone=dict(type='mmseg.PIDNet', channels=8, ppm_channels=8, norm_cfg=BN),
    decode_head=dict(
        COMMON,
        type='PIDHead',
        in_channels=32,
        loss_decode=[LOSS, OHEM, dict(type='BoundaryLoss'), OHEM],
    ),
)
ENCODING = dict(
    COMMON,
    type='EncHead',
    in_channels=[64],
    in_index=[3],
    num_codes=4,
    add_lateral=False,
    use_se_loss=True,
    loss_se_decode=dict(LOSS, use_sigmoid=True),
)
STUDENTS = {
    'DAHead': dict(decode_head=dict(LAST, type='DAHead', pam_channels=4)),
    'EncHead': dict(decode_head=ENCODING),
    'IterativeDecodeHead': dict(
        decode_head=dict(
            type='IterativeDecodeHead',
            num_stages=2,
            kernel_update_head=[KERNELS, KERNELS],
            kernel_generate_head=FCN,
        )
    ),
    'DDRHead': DDRNET,
    'PIDHead': PIDNET,
    'EncoderDecoder': dict(type='mmseg.EncoderDecoder', decode_head=FCN),
    'CascadeEncoderDecoder': dict(
        type='mmseg.CascadeEncoderDecoder', num_stages=2, decode_head=[FCN, OCR]
    ),
}


STUDENTS = {
    name: {**dict(type='DepthSegmentor', backbone=RESNET), **parts}
    for name, parts in STUDENTS.items()
}


def made(name):
    segmentor = copy.deepcopy(STUDENTS[name])
    if segmentor['type'].startswith('mmseg.'):
        segmentor.update(train_cfg=dict(), test_cfg=dict(mode='whole'))
    torch.manual_seed(0)
    return build_teacher(
        segmentor=ConfigDict(segmentor),
        mixing=dict(type='ClassMix'),
        loss_pseudo=dict(type='PseudoLabelLoss', threshold=0.0),  # all count
    )


def batch():
    """Labelled and mix samples with the edges that PIDNet learns."""
    data = teacher_batch()
    for sample in data['data_samples']:
        edges = torch.zeros(1, HEIGHT, WIDTH, dtype=torch.uint8)
        edges[:, ::8] = 1
        sample.gt_edge_map = PixelData(data=edges)
    return data


@pytest.mark.parametrize('name', STUDENTS)
def test_a_step_teaches_student_and_teacher_predicts(name):
    model = made(name).train()
    data = model.data_preprocessor(batch(), True)
    losses = model(**data, mode='loss')
    total, _ = model.parse_losses(losses)
    total.backward()
    assert 0 < losses['mix.loss_pseudo'] < torch.inf
    assert any(p.grad is not None for p in model.student.backbone.parameters())
    assert all(m.training for m in model.student.decode_head.modules())
    model.update_teacher()
    model.eval()
    for network in ('student', 'teacher'):
        model.predict_with = network
        with torch.no_grad():
            sample = model.test_step(batch())[0]
        assert sample.seg_logits.data.shape == (CLASSES, HEIGHT, WIDTH)


@pytest.mark.parametrize('name', STUDENTS)
def test_logits_are_those_that_mmsegmentation_predicts(name):
    """In evaluation mode exactly, and while training with the layers in training."""
    model = made(name).student
    images = torch.rand(2, 3, HEIGHT, WIDTH)
    with torch.no_grad():
        model.eval()
        found = seg_logits(model, images)
        predicted = torch.stack([s.seg_logits.data for s in model.predict(images)])
        assert torch.allclose(found, predicted, atol=1e-6)
        model.train()
        for module in model.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                module.eval()
            elif 'Dropout' in type(module).__name__:
                module.eval()
        assert torch.allclose(seg_logits(model, images), found, atol=1e-5)


def test_layers_stay_in_training_while_the_parts_predict():
    model = made('DDRHead').student.train()
    with predicting(model):
        parts = model.backbone, model.decode_head
        assert not any(part.training for part in parts)
        assert all(layer.training for part in parts for layer in part.children())
    assert all(module.training for module in model.modules())


def test_dropout_reaches_what_the_heads_see():
    model = made('EncoderDecoder').student.eval()
    images = torch.rand(2, 3, HEIGHT, WIDTH)

    def nothing(levels):
        return tuple(torch.zeros_like(level) for level in levels)

    with torch.no_grad():
        empty = seg_logits(model, images, nothing)
        whole = seg_logits(model, images)
    assert torch.allclose(empty[0], empty[1]) and not torch.allclose(whole, empty)
    assert torch.equal(seg_logits(model, images), whole)


def test_edges_are_padded_with_void():
    data = batch()
    data['inputs'][0]['img'] = data['inputs'][0]['img'][:, :-8]
    sample = data['data_samples'][0]
    for key in ('gt_sem_seg', 'gt_edge_map'):
        sample.set_data({key: PixelData(data=sample.get(key).data[:, :-8])})
    model = made('PIDHead')
    assert model.data_preprocessor.fillings['gt_edge_map'] == 255
    padded = model.data_preprocessor(data, True)['data_samples'][0].gt_edge_map.data
    assert padded.shape[1:] == (HEIGHT, WIDTH) and (padded[:, -8:] == 255).all()
