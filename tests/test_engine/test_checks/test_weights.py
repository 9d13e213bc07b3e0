"""Doubts about the start of a training, and the line that tells where it starts."""

import logging
from types import SimpleNamespace

import pytest
import torch
from helpers.tiny_models import (
    BACKBONE,
    DECODER,
    DEPTH_HEAD,
    POSE_NET,
    SEG_HEAD,
    build,
    build_teacher,
)
from mmengine.config import Config
from torch import nn

from mmdepthseg.checkpoints.arrival import weight_sources
from mmdepthseg.engine.checks.weights import (
    foreign_normalization,
    idle_rates,
    random_encoders,
)
from mmdepthseg.engine.hooks import CheckStartHook
from mmdepthseg.utils.errors import UserError


@pytest.fixture
def sde(tmp_path):
    path = str(tmp_path / 'sde.pth')
    torch.save(dict(state_dict=build(depth_head=DEPTH_HEAD).state_dict()), path)
    return path


def init(path, prefix):
    return dict(type='Pretrained', checkpoint=path, prefix=prefix)


def parts(path, backbone=True):
    """Backbone and head of a transfer, or the head's decoder alone."""
    decoder = dict(DECODER, init_cfg=init(path, 'depth_head.decoder.'))
    start = dict(init_cfg=init(path, 'backbone.')) if backbone else {}
    return dict(
        backbone=dict(BACKBONE, **start), decode_head=dict(SEG_HEAD, decoder=decoder)
    )


def test_a_transfer_without_its_encoder(sde):
    whole = weight_sources(build(**parts(sde)))
    decoder = f'{sde} (depth_head.decoder)'
    assert whole == {
        'backbone': f'{sde} (backbone)',
        'decode_head.decoder': decoder,
    }
    assert not [*random_encoders(whole)]
    half = weight_sources(build(**parts(sde, backbone=False)))
    assert half == {'decode_head.decoder': decoder, 'backbone': ''}
    (doubt,) = random_encoders(half)
    assert doubt.startswith('backbone starts from random values, decode_head.decoder f')
    assert 'init_cfg' in doubt and sde in doubt


@pytest.mark.parametrize('loaded', [False, True])
def test_doubts_are_told_where_nothing_was_loaded(sde, loaded, caplog):
    model = build(**parts(sde, backbone=False))
    logger = logging.getLogger('test')
    runner = SimpleNamespace(model=model, logger=logger, _has_loaded=loaded)
    CheckStartHook().before_train(runner)
    assert ('backbone starts from random' in caplog.text) != loaded


def test_places_of_a_mean_teacher(sde):
    segmentor = dict(type='DepthSegmentor', **parts(sde, backbone=False))
    found = weight_sources(build_teacher(segmentor=segmentor))
    assert [*found] == ['segmentor.decode_head.decoder', 'segmentor.backbone']
    (doubt,) = random_encoders(found)
    assert doubt.startswith('segmentor.backbone starts')


def test_a_random_pose_net_and_random_weights_are_normal(sde):
    start = dict(BACKBONE, init_cfg=init(sde, 'backbone.'))
    model = build(backbone=start, depth_head=DEPTH_HEAD, pose_net=POSE_NET)
    found = weight_sources(model)
    assert found['pose_net.backbone'] == '' and not [*random_encoders(found)]
    scratch = weight_sources(build(decode_head=SEG_HEAD))
    assert scratch == {'backbone': ''} and not [*random_encoders(scratch)]


def test_a_network_that_reads_its_own_weights():
    """As MMSegmentation's TIMMBackbone does."""
    model = build(decode_head=SEG_HEAD)
    vars(model.backbone)['timm_model'] = object()
    assert weight_sources(model) == {}


def test_a_whole_network_from_a_file(tmp_path):
    path = str(tmp_path / 'net.pth')
    torch.save(build(decode_head=SEG_HEAD).state_dict(), path)
    model = build(decode_head=SEG_HEAD, init_cfg=init(path, None))
    assert weight_sources(model) == {'': path}


@pytest.mark.parametrize(
    ('mean', 'std', 'source', 'wanted'),
    [
        (127.0, 128.0, 'torchvision://resnet50', 'mean=[123.675'),
        (116.0, 57.0, 'package://efficientnet-lite0', 'mean=[127.0] * 3'),
        (127.0, 128.0, 'package://efficientnet-lite0', None),
        (116.0, 57.0, 'torchvision://resnet50', None),
        (127.0, 128.0, 'work_dirs/sde/iter_1000.pth', None),
        (127.0, 128.0, 's3://team/sde_lite0/iter_1000.pth', None),
        (127.0, 128.0, 'open-mmlab://detectron/resnet50_caffe', None),
        (127.5, 127.5, 'torchvision://resnet50', None),
    ],
)
def test_images_as_published_weights_want_them(mean, std, source, wanted):
    processor = dict(type='DepthSegDataPreProcessor', mean=[mean] * 3, std=[std] * 3)
    model = build(decode_head=SEG_HEAD, data_preprocessor=processor)
    doubts = foreign_normalization(model, {'backbone': source, 'decode_head': 'a.pth'})
    assert len(doubts) == (wanted is not None)
    if wanted:
        assert f'mean {mean:.1f}' in doubts[0] and source in doubts[0]
        assert wanted in doubts[0]


def test_errors_name_the_part(tmp_path):
    model = dict(type='DepthSegmentor', **parts(str(tmp_path / 'none.pth')))
    with pytest.raises(
        UserError, match=r'^segmentor\.decode_head\.decoder\.init_cfg: '
    ):
        build_teacher(segmentor=model)


@pytest.mark.parametrize('constructor', ['', 'MergedGroupsConstructor', 'Others'])
def test_rates_of_parameters_that_the_model_does_not_have(constructor):
    keys = {'body': dict(lr_mult=0.1), 'bakbone': dict(lr_mult=0.1)}
    wrapper = dict(paramwise_cfg=dict(custom_keys=keys))
    config = Config(dict(optim_wrapper=wrapper))
    if constructor:
        wrapper['constructor'] = constructor
        config = Config(dict(optim_wrapper=wrapper))
    doubts = [*idle_rates(config, nn.ModuleDict(dict(body=nn.Linear(1, 1))))]
    assert len(doubts) == (constructor != 'Others')
    assert all("custom_keys: 'bakbone'" in doubt for doubt in doubts)
