"""The first bad loss ends the run and is named with its images."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.structures import BaseDataElement

from mmdepthseg.engine.hooks import NonFiniteLossHook
from mmdepthseg.engine.hooks.non_finite_loss_hook import image_names
from mmdepthseg.utils import UserError

RUNNER = SimpleNamespace(iter=6, work_dir='work')


def sample(**info) -> BaseDataElement:
    return BaseDataElement(metainfo=info)


def test_finite_losses_pass():
    outputs = {'loss': torch.tensor(1.0), 'decode.loss_ce': torch.tensor(1.0)}
    NonFiniteLossHook().after_train_iter(RUNNER, 6, {}, outputs)


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_bad_loss_is_named_with_its_images(value):
    outputs = {
        'loss': torch.tensor(value),
        'decode.loss_ce': torch.tensor(0.5),
        'depth.loss_photometric': torch.tensor(value),
        'decode.acc_seg': torch.tensor(float('nan')),
    }
    batch = {'data_samples': [sample(img_id='aachen/1'), sample(img_path='b.png')]}
    with pytest.raises(UserError) as caught:
        NonFiniteLossHook().after_train_iter(RUNNER, 6, batch, outputs)
    message = str(caught.value)
    assert f'7: loss = {value:g}, depth.loss_photometric = {value:g}.' in message
    assert 'aachen/1, b.png' in message
    assert 'loss_ce' not in message and 'acc_seg' not in message


def test_interval_is_kept():
    outputs = {'loss': torch.tensor(float('nan'))}
    NonFiniteLossHook(interval=2).after_train_iter(RUNNER, 6, {}, outputs)
    with pytest.raises(UserError):
        NonFiniteLossHook(interval=7).after_train_iter(RUNNER, 6, {}, outputs)


def test_names_are_found_at_any_depth():
    batch = [{'mix': {'data_samples': [sample(img_id='m')]}}, (sample(img_id='n'), 3)]
    assert list(image_names(batch)) == ['m', 'n']
