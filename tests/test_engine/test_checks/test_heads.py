"""Heads fit the classes of the data, and predict by options that MMSeg can use."""

from types import SimpleNamespace

import pytest
from helpers import tiny_models
from torch import nn

from mmdepthseg.engine.checks import heads as checks
from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import UserError

pytestmark = pytest.mark.usefixtures('our_scope')
FIVE = tuple('abcde')


def data_set(classes):
    return SimpleNamespace(metainfo=dict(classes=classes))


def model(**changes):
    head = dict(tiny_models.SEG_HEAD, **changes)
    segmentor = dict(
        type='DepthSegmentor', backbone=tiny_models.BACKBONE, decode_head=head
    )
    return MODELS.build(segmentor)


def ce(**options):
    return dict(type='CrossEntropyLoss', avg_non_ignore=True, **options)


def test_heads_and_weights_that_fit():
    checks.check_classes('x', data_set(FIVE), model(loss_decode=ce()))
    weighted = model(loss_decode=[ce(class_weight=[1.0] * 5), ce()])
    checks.check_classes('x', data_set(FIVE), weighted)
    checks.check_classes('x', data_set(None), model(num_classes=3))
    checks.check_classes('x', [1, 2], model(num_classes=3))
    checks.check_classes('test_dataloader', data_set(()), model())
    with pytest.raises(UserError, match='0 classes'):
        checks.check_classes('train_dataloader', data_set(()), model())


@pytest.mark.parametrize('count', [4, 6])
def test_number_of_classes(count):
    with pytest.raises(UserError, match=f'decode_head.num_classes is {count}.*= *5'):
        checks.check_classes(
            'train_dataloader', data_set(FIVE), model(num_classes=count)
        )


def test_heads_of_a_student_are_checked_and_those_for_depth_are_not():
    student = dict(
        type='DepthSegmentor',
        backbone=tiny_models.BACKBONE,
        decode_head=tiny_models.SEG_HEAD,
        depth_head=dict(
            type='DecodeDepthHead',
            decode_head=dict(
                type='FCNHead', in_channels=64, in_index=-1, channels=8, num_convs=1
            ),
        ),
    )
    teacher = MODELS.build(
        dict(type='MeanTeacher', segmentor=student, mixing=dict(type='ClassMix'))
    )
    checks.check_classes('x', data_set(FIVE), teacher)
    with pytest.raises(UserError, match=r'model\.segmentor\.decode_head\.num_classes'):
        checks.check_classes('x', data_set(FIVE[:3]), teacher)


def test_class_weights():
    with pytest.raises(UserError, match='class_weight has 3'):
        weighted = model(loss_decode=ce(class_weight=[1.0] * 3))
        checks.check_classes('x', data_set(FIVE), weighted)


def test_a_single_class():
    with pytest.raises(UserError, match='single class.*road'):
        checks.check_classes('x', data_set(['road']), model(num_classes=1))
    checks.check_classes(
        'x',
        data_set(['road']),
        model(
            num_classes=1, loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True)
        ),
    )


def test_classes_that_are_a_text(labelled_clip):
    with pytest.raises(UserError, match=r"classes='road'.*\('road',\)"):
        checks.check_classes('x', data_set('road'), model())
    with pytest.raises(UserError, match=r"classes='road'.*\('road',\)"):
        labelled_clip(metainfo=dict(classes='road'))


def test_how_a_model_predicts():
    segmentor = model()
    checks.check_inference(segmentor)
    segmentor.test_cfg = dict(mode='hole')
    for one, place in ((segmentor, ''), (nn.ModuleDict(dict(a=segmentor)), 'a.')):
        with pytest.raises(UserError, match=rf'model.{place}test_cfg.mode.*hole'):
            checks.check_inference(one)


def test_validation_with_the_classes_in_another_order():
    training = data_set(['road', 'car', 'sky'])
    compare = checks.compare_with_training
    assert compare('val_dataloader', data_set(['Road', 'car', 'sky']), training) is None
    assert compare('val_dataloader', data_set([]), training) is None
    with pytest.raises(UserError, match='val_dataloader.*in another order'):
        compare('val_dataloader', data_set(['car', 'road', 'sky']), training)
    doubt = compare('test_dataloader', data_set(['road', 'vehicle', 'sky']), training)
    assert 'vehicle' in doubt and 'by position' in doubt
