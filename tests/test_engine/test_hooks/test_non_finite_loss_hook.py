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


def train_in_half(gradients, fused=False, accumulated=1):
    """Run steps as AMP does; return the iteration at which the hook ends them."""
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], 0.1, fused=fused)
    scaler = torch.amp.GradScaler('cpu')
    wrapper = SimpleNamespace(
        optimizer=optimizer, loss_scaler=scaler, _accumulative_counts=accumulated
    )
    runner = SimpleNamespace(iter=0, work_dir='work', optim_wrapper=wrapper)
    hook = NonFiniteLossHook()
    hook.before_train(runner)
    for runner.iter, value in enumerate(gradients):
        if (runner.iter + 1) % accumulated == 0:
            weight.grad = scaler.scale(torch.full((1,), value))
            scaler.step(optimizer)
            scaler.update()
        try:
            hook.after_train_iter(runner, runner.iter, {}, {'loss': torch.tensor(1.0)})
        except UserError as error:
            assert '--amp' in str(error) and f'{runner.iter + 1}:' in str(error)
            return runner.iter + 1
    hook.after_train(runner)
    assert not optimizer._optimizer_step_post_hooks
    return None


@pytest.mark.parametrize('fused', [False, True])
def test_gradients_that_are_never_finite_in_half(fused):
    bad, good = float('nan'), 0.5
    assert train_in_half([bad] * 120, fused) in (50, 51)
    # as at the start of each training, and later now and then
    assert train_in_half([bad] * 12 + ([good] * 20 + [bad]) * 8, fused) is None


def test_skipped_steps_of_accumulated_gradients():
    assert train_in_half([float('nan')] * 120, accumulated=2) in (100, 101)
    assert train_in_half([0.5] * 120, accumulated=2) is None


def test_names_are_found_at_any_depth():
    batch = [{'mix': {'data_samples': [sample(img_id='m')]}}, (sample(img_id='n'), 3)]
    assert list(image_names(batch)) == ['m', 'n']
