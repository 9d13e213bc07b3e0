"""MeanTeacher with two strong views of one teacher pass."""

import pytest
import torch
from helpers.tiny_models import build_teacher, teacher_batch

from mmdepthseg.utils.errors import UserError


def test_two_views_are_mixed_apart_from_one_teacher_pass(monkeypatch):
    model = build_teacher(mixing=dict(type='ClassMix'), views=2).train()
    passes = []
    teacher = model.teacher.module
    forward = teacher.encode_decode
    monkeypatch.setattr(
        teacher,
        'encode_decode',
        lambda img, infos: passes.append(len(img)) or forward(img, infos),
    )
    batch = model.data_preprocessor(teacher_batch(mix=3), True)
    samples, mix = batch['data_samples'][2:], batch['inputs'].select((2, 3, 4))
    mixed = model.mix(mix, samples)
    assert passes == [3] and len(mixed) == 6
    assert not torch.equal(mixed.mask[:3], mixed.mask[3:])


def test_the_loss_is_the_mean_of_the_views():
    options = dict(mixing=dict(type='NoMix'), strong_augmentation=())
    data = teacher_batch()
    losses = []
    for views in (1, 2):
        torch.manual_seed(0)
        model = build_teacher(views=views, **options).eval()
        batch = model.data_preprocessor(data, False)
        losses.append(model.loss(**batch)['mix.loss_pseudo'])
    torch.testing.assert_close(*losses)


def test_features_of_the_student_are_dropped():
    dropout = dict(type='ComplementaryDropout', whole=0.0)
    model = build_teacher(mixing=dict(type='NoMix'), views=2, feature_dropout=dropout)
    batch = model.train().data_preprocessor(teacher_batch(), True)
    losses = model.loss(**batch)
    losses['mix.loss_pseudo'].backward()
    assert all(p.grad is not None for p in model.student.backbone.parameters())


@pytest.mark.parametrize(
    'options', [dict(views=0), dict(feature_dropout=dict(type='ComplementaryDropout'))]
)
def test_numbers_of_views_are_checked(options):
    with pytest.raises(UserError, match='views'):
        build_teacher(**options)
