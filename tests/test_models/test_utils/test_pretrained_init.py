"""Pretrained weights: loaded where they fit, refused where they do not."""

import copy

import pytest
import torch
from tiny_models import BACKBONE, DEPTH_HEAD, SEG_HEAD, build

from mmdepthseg.utils.errors import UserError


@pytest.fixture
def checkpoint(tmp_path):
    path = str(tmp_path / 'sde.pth')
    torch.save(dict(state_dict=build(depth_head=DEPTH_HEAD).state_dict()), path)
    return path


def backbone_from(checkpoint, **options):
    """A model whose backbone starts from a checkpoint."""
    init = dict(type='Pretrained', checkpoint=checkpoint, **options)
    return build(backbone=dict(BACKBONE, init_cfg=init), decode_head=SEG_HEAD)


@pytest.mark.parametrize('prefix', ['backbone', 'backbone.'])
def test_weights_are_loaded(checkpoint, prefix):
    model = backbone_from(checkpoint, prefix=prefix)
    wanted = torch.load(checkpoint, weights_only=True)['state_dict']
    for name, value in model.backbone.state_dict().items():
        assert torch.equal(value, wanted[f'backbone.{name}'])


def test_a_classifier_more_does_no_harm(tmp_path):
    """As torchvision's and OpenMMLab's ImageNet files have it."""
    state = build(decode_head=SEG_HEAD).backbone.state_dict()
    state['fc.weight'] = torch.zeros(10, 64)
    path = str(tmp_path / 'resnet.pth')
    torch.save(state, path)
    model = backbone_from(path)
    assert torch.equal(model.backbone.conv1.weight, state['conv1.weight'])


def test_wrong_prefix(checkpoint):
    with pytest.raises(UserError, match="sde.pth.*encoder.*fills only 0%"):
        backbone_from(checkpoint, prefix='encoder.')


def test_another_architecture(checkpoint):
    head = copy.deepcopy(SEG_HEAD)
    head['decoder'].update(channels=[4] * 5, init_cfg=dict(
        type='Pretrained', checkpoint=checkpoint, prefix='depth_head.decoder.'))
    with pytest.raises(UserError, match='same architecture'):
        build(decode_head=head)
