"""load_model: strict about whose checkpoint it is."""

import copy

import pytest
import torch
from helpers.tiny_models import BACKBONE, DEPTH_HEAD, PREPROCESSOR, SEG_HEAD, build
from mmengine.config import Config

from mmdepthseg.apis import load_model
from mmdepthseg.utils.errors import UserError


def config(**parts):
    """A config with a DepthSegmentor."""
    model = dict(
        type='DepthSegmentor',
        backbone=BACKBONE,
        data_preprocessor=PREPROCESSOR,
        **parts,
    )
    return Config(dict(default_scope='mmdepthseg', model=copy.deepcopy(model)))


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / 'model.pth'
    torch.save(dict(state_dict=build(depth_head=DEPTH_HEAD).state_dict()), path)
    return path


def test_loads_every_weight_in_eval_mode(checkpoint):
    model = load_model(config(depth_head=DEPTH_HEAD), checkpoint)
    wanted = torch.load(checkpoint, weights_only=True)['state_dict']
    assert all(torch.equal(v, wanted[k]) for k, v in model.state_dict().items())
    assert not model.training


def test_checkpoint_of_another_model(checkpoint):
    with pytest.raises(UserError, match='model.pth'):
        load_model(config(decode_head=SEG_HEAD), checkpoint)


def test_missing_checkpoint(tmp_path):
    with pytest.raises(UserError, match='none.pth'):
        load_model(config(depth_head=DEPTH_HEAD), tmp_path / 'none.pth')


def test_a_device_that_is_not_there(checkpoint):
    with pytest.raises(UserError, match="device='gpu' cannot be used: "):
        load_model(config(depth_head=DEPTH_HEAD), checkpoint, 'gpu')
