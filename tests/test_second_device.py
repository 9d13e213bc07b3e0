"""Training computes on the device that it is given, see test_tools too.

The second device holds its numbers in the CPU's memory: what it computes is equal.
"""

import pytest
import torch
from helpers.device_steps import STEPS, one_step
from helpers.second_device import second_device
from helpers.tiny_models import build_teacher, teacher_batch

STEPS = {
    **STEPS,
    'strong augmentation': lambda: (build_teacher(), teacher_batch()),
}


@pytest.mark.parametrize('name', STEPS)
def test_losses_and_gradients_are_the_cpus(name, monkeypatch):
    torch.manual_seed(0)
    model, batch = STEPS[name]()
    wanted, gradients = one_step(model, batch, 'cpu')
    with second_device(monkeypatch) as device:
        found, others = one_step(model, batch, device)
    assert found == pytest.approx(wanted, rel=1e-5)
    assert gradients.keys() == others.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(others[name], gradient, rtol=1e-4, atol=1e-6)


def test_the_second_device_refuses_what_a_gpu_does(monkeypatch):
    here = torch.ones(3)
    with second_device(monkeypatch) as device:
        there = here.to(device) * 2
        assert there.device == device
        assert (there + torch.tensor(1.0)).cpu().tolist() == [3, 3, 3]
        with pytest.raises(RuntimeError, match='two devices'):
            there + here
        with pytest.raises(RuntimeError, match='numpy'):
            there.numpy()
