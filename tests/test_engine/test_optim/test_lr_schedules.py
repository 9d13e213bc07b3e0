"""The learning rates of our configs' schedules against the reference's."""

from pathlib import Path

import pytest
import torch
from helpers import golden
from mmengine.optim import OptimWrapper

from mmdepthseg.launch.config import load_config
from mmdepthseg.plugin import register_all_modules
from mmdepthseg.registry import PARAM_SCHEDULERS

CONFIGS = Path(__file__).resolve().parents[3] / 'configs'
SEG = 'cityscapes/scratch_r101-d16_40k_512x512_n372.py'
SDE = 'cityscapes/sde-phase1_r101-d16_300k_512x512.py'
STUDENT = 'cityscapes/select-ds-us_r50-d16_512x512.py'


def rates(schedules, first, last):
    """Learning rate at the steps 0 to last."""
    register_all_modules()
    weight = torch.nn.Parameter(torch.zeros(1))
    wrapper = OptimWrapper(torch.optim.SGD([weight], lr=first))
    built = [PARAM_SCHEDULERS.build(dict(s, optimizer=wrapper)) for s in schedules]
    wrapper.step()  # else the schedulers warn
    found = []
    for _ in range(last + 1):
        found.append(wrapper.get_lr()['lr'][0])
        for scheduler in built:
            scheduler.step()
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.parametrize(
    'name, config, first, changes',
    [
        ('step_lr_1e-2_step30000_gamma0.1', SEG, 1e-2, {}),
        # the golden milestone 160 stands for 160000
        (
            'multi_step_1e-4_160000_gamma0.1_scaled_to_160',
            SDE,
            1e-4,
            dict(milestones=[160]),
        ),
        ('poly_lr_2_lr1e-4_max4000_power0.9', STUDENT, 1e-4, {}),
        ('poly_lr_2_lr1e-2_max40000_power0.9', STUDENT, 1e-2, dict(end=40001)),
    ],
)
def test_golden_learning_rates(name, config, first, changes):
    cfg = load_config(CONFIGS / config)
    schedules = [{**s, **changes} for s in cfg.param_scheduler]
    pairs = golden.load('g1')[name].double()
    steps, expected = pairs[:, 0].long(), pairs[:, 1]
    found = rates(schedules, first, int(steps.max()))[steps]
    # The reference never goes below 1e-6 of the first rate, which it reaches at the
    # step behind the last one; ours ends at zero there.
    floor = 1e-6 * first if name.startswith('poly') else 0
    assert torch.allclose(found.clamp(min=floor), expected, rtol=1e-4, atol=0)
    if floor:
        assert found[-1] == 0 and (found[:-1] > floor).all()


def test_configs_and_golden_numbers_speak_of_the_same_schedules():
    seg, sde, student = (load_config(CONFIGS / c) for c in (SEG, SDE, STUDENT))
    assert seg.optim_wrapper.optimizer.lr == 1e-2
    assert seg.param_scheduler[0].milestones == [30000]
    assert sde.optim_wrapper.optimizer.lr == 1e-4
    assert sde.param_scheduler[0].milestones == [160000]
    assert student.optim_wrapper.optimizer.lr == 1e-4
