"""Weights that were trained with another normalization of the images are told."""

import logging
from types import SimpleNamespace

import pytest
import torch
from helpers.tiny_models import BACKBONE, PREPROCESSOR, SEG_HEAD, build, build_teacher
from mmengine.config import Config
from mmengine.logging import MMLogger

from mmdepthseg.apis import load_model
from mmdepthseg.checkpoints.normalization import (
    compare_normalization,
    own_normalization,
    trained_normalization,
)
from mmdepthseg.engine.hooks import CheckCheckpointHook, CheckStartHook

LITE = dict(PREPROCESSOR, mean=[127.0] * 3, std=[128.0] * 3)
SEG = 'mmseg.SegDataPreProcessor'


def runner_of(model, loaded=False):
    return SimpleNamespace(
        model=model,
        logger=logging.getLogger('test'),
        _load_from='own.pth',
        _has_loaded=loaded,
    )


@pytest.fixture
def own(tmp_path):
    """A checkpoint as our trainings write it."""
    model = build(decode_head=SEG_HEAD)
    checkpoint = dict(meta=dict(iter=3), state_dict=model.state_dict())
    CheckCheckpointHook().before_save_checkpoint(runner_of(model), checkpoint)
    torch.save(checkpoint, tmp_path / 'own.pth')
    return str(tmp_path / 'own.pth')


def seg_model(preprocessor, path='', prefix='backbone.'):
    init = dict(type='Pretrained', checkpoint=path, prefix=prefix)
    return dict(
        data_preprocessor=preprocessor,
        backbone=dict(BACKBONE, init_cfg=init if path else None),
        decode_head=SEG_HEAD,
    )


@pytest.mark.parametrize('preprocessor', [PREPROCESSOR, LITE])
def test_weights_that_are_loaded(preprocessor, own, caplog):
    """By load_from, test and resume; by predictions."""
    told = preprocessor is LITE
    model = build(**seg_model(preprocessor))
    hook, checkpoint = CheckCheckpointHook(), torch.load(own, weights_only=False)
    hook.after_load_checkpoint(runner_of(model, loaded=True), checkpoint)
    assert ('own.pth was trained with mean=[123.675' in caplog.text) == told
    assert ('data_preprocessor has mean=[127.0' in caplog.text) == told
    caplog.clear()
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    parts = dict(type='DepthSegmentor', **seg_model(preprocessor))
    load_model(Config(dict(model=parts)), own)
    logger.removeHandler(caplog.handler)
    assert (f'{own} was trained with mean=[123.675' in caplog.text) == told


@pytest.mark.parametrize('preprocessor', [PREPROCESSOR, LITE])
@pytest.mark.parametrize('teacher', [True, False])
@pytest.mark.parametrize('loaded', [True, False])
def test_weights_of_a_transfer(preprocessor, teacher, loaded, own, caplog):
    parts = seg_model(preprocessor, own)
    if teacher:
        segmentor = dict(type='DepthSegmentor', **parts)
        del segmentor['data_preprocessor']
        model = build_teacher(segmentor=segmentor, data_preprocessor=preprocessor)
    else:
        model = build(**parts)
    CheckStartHook().before_train(runner_of(model, loaded))
    told = preprocessor is LITE and not loaded
    assert caplog.text.count(f'{own} (prefix ') == told
    assert caplog.text.count('was trained with') == told


def test_a_decoder_alone_is_not_of_images(own, caplog):
    model = build(decode_head=SEG_HEAD, data_preprocessor=LITE)
    checkpoint = torch.load(own, weights_only=False)
    for key in [*checkpoint['state_dict']]:
        if not key.startswith('decode_head.'):
            del checkpoint['state_dict'][key]
    hook = CheckCheckpointHook(min_share=0.01, allow_partial=True)
    hook.after_load_checkpoint(runner_of(model, loaded=True), checkpoint)
    assert 'was trained with' not in caplog.text
    init = dict(type='Pretrained', checkpoint=own, prefix='decode_head.decoder.')
    head = dict(SEG_HEAD, decoder=dict(SEG_HEAD['decoder'], init_cfg=init))
    model = build(decode_head=head, data_preprocessor=LITE)
    CheckStartHook().before_train(runner_of(model))
    assert 'was trained with' not in caplog.text


@pytest.mark.parametrize(
    ('options', 'told'),
    [
        (dict(), False),
        (dict(mean=[123.68, 116.28, 103.53]), False),
        (dict(type=SEG, keep_raw=None), False),
        (dict(type=SEG, keep_raw=None, bgr_to_rgb=False, rgb_to_bgr=True), False),
        (dict(type=SEG, keep_raw=None, bgr_to_rgb=False), True),
        (dict(bgr_to_rgb=False), True),
        (dict(mean=[103.53, 116.28, 123.675]), True),
        (dict(std=[58.4, 57.1, 59.4]), True),
        (dict(mean=None, std=None), True),
        (dict(type='mmengine.BaseDataPreprocessor'), False),  # in its own way
    ],
)
def test_what_is_another_normalization(options, told):
    trained = own_normalization(build(decode_head=SEG_HEAD))
    options = {**PREPROCESSOR, **options}
    if options['keep_raw'] is None:
        del options['keep_raw']
    if 'mmengine' in options['type']:
        options = dict(type=options['type'])
    model = build(decode_head=SEG_HEAD, data_preprocessor=options)
    assert bool(compare_normalization(model, 'a.pth', trained)) == told


class Theirs(torch.nn.Module):
    """What OpenMMLab's data preprocessor, or somebody's own, has."""

    def __init__(self, **attributes):
        super().__init__()
        for name, value in attributes.items():
            setattr(self, name, value)


def model_with(**attributes):
    return SimpleNamespace(data_preprocessor=Theirs(**attributes))


def test_data_preprocessors_of_others():
    mean = torch.tensor([123.675, 116.28, 103.53])
    std = torch.tensor([58.395, 57.12, 57.375])
    trained = own_normalization(build(decode_head=SEG_HEAD))
    same = dict(_enable_normalize=True, mean=mean, std=std)
    for swaps in (True, False):
        model = model_with(**same, channel_conversion=swaps)
        assert bool(compare_normalization(model, 'a.pth', trained)) == (not swaps)
    six = model_with(_enable_normalize=True, mean=mean.repeat(2), std=std.repeat(2))
    assert len(own_normalization(six)['mean']) == 6
    assert compare_normalization(six, 'a.pth', own_normalization(six)) is None
    assert compare_normalization(six, 'a.pth', trained) is None  # of other images
    assert own_normalization(model_with(normalize=True, mean=[1.0], std=[2.0])) == {}


def test_none_and_255_are_the_same():
    bare = dict(PREPROCESSOR, mean=None, std=None)
    trained = own_normalization(build(decode_head=SEG_HEAD, data_preprocessor=bare))
    same = dict(PREPROCESSOR, mean=[0.0] * 3, std=[255.0] * 3)
    model = build(decode_head=SEG_HEAD, data_preprocessor=same)
    assert compare_normalization(model, 'a.pth', trained) is None


@pytest.mark.parametrize(
    'noted',
    [
        3,
        {},
        dict(mean=1, std=2),
        dict(mean=['a'] * 3, std=[1] * 3),
        dict(mean=[1] * 3),
        dict(mean=[], std=[]),
    ],
)
def test_what_a_file_does_not_tell(noted):
    """A file may be of others, or malformed."""
    for meta in (None, {}, dict(normalization=noted)):
        assert trained_normalization(dict(meta=meta, state_dict={})) == {}
