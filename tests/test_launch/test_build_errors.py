"""Entries of a config that cannot be built are named by type and key."""

import importlib.util

import pytest
import torch
from mmengine.registry import (
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    Registry,
)

from mmdepthseg.launch.build_errors import REFUSALS, describe_build_error
from mmdepthseg.registry import HOOKS, MODELS

PARTS = Registry('part')


@PARTS.register_module()
class Wheel:
    """Takes a size; `hub` is built inside, and may be wrong itself."""

    def __init__(self, size, hub=None):
        if hub:
            PARTS.build(hub)
        if size == 'broken':
            self.turn(speed=3)

    def turn(self):
        """Take no speed: a call with one is a defect of this class."""


@pytest.mark.parametrize(
    ('config', 'names'),
    [
        (dict(type='Wheel', size=3, spoke=1), ("'Wheel'", "'spoke'")),
        (dict(type='Wheel', size=3, sise=4), ("'Wheel'", "'sise'", "'size'")),
        (dict(type='Wheel', size=3, hub=dict(type='Hub')), ("'Hub'", 'part')),
        (dict(type='Weel'), ("'Weel'", "'Wheel'", 'custom_imports')),
        (dict(type='Wheel'), ("'Wheel'", "'size'")),
        (dict(size=3), ('type',)),
    ],
)
def test_type_and_key(config, names):
    with pytest.raises((KeyError, TypeError)) as caught:
        PARTS.build(config)
    message = describe_build_error(caught.value)
    assert all(name in message for name in names)


def test_a_package_that_is_not_installed(monkeypatch):
    found = {'mmpretrain': None}.get
    monkeypatch.setattr(importlib.util, 'find_spec', found)
    with pytest.raises(KeyError) as caught:
        PARTS.build(dict(type='mmpretrain.Weel'))
    message = describe_build_error(caught.value)
    assert 'not installed' in message and 'mmdepthseg[mmpretrain]' in message
    monkeypatch.undo()
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: name)
    assert "there is no part of type='mmpretrain.Weel'" in describe_build_error(
        caught.value
    )


def test_a_defect_is_not_the_configs():
    with pytest.raises(TypeError) as caught:
        PARTS.build(dict(type='Wheel', size='broken'))
    assert describe_build_error(caught.value) is None
    assert describe_build_error(TypeError('elsewhere')) is None


PARAMETERS = [torch.nn.Parameter(torch.zeros(1))]


@pytest.mark.parametrize(
    ('registry', 'config', 'reason'),
    [
        (PARAM_SCHEDULERS, dict(type='ReduceOnPlateauLR', by_epoch=False), 'by_epoch'),
        (PARAM_SCHEDULERS, dict(type='PolyLR', begin=5, end=4), 'begin=5'),
        (PARAM_SCHEDULERS, dict(type='OneCycleLR', eta_max=1, total_steps=0), 'total'),
        (HOOKS, dict(type='CheckpointHook', save_best='mIoU', rule='up'), 'up'),
        (MODELS, dict(type='ResNet', depth=18, out_indices=(0, 5)), 'max(out'),
        (HOOKS, dict(type='LoggerHook', interval='x'), 'an integer'),
        (OPTIMIZERS, dict(type='SGD', momentum=-1), 'momentum'),
        (OPTIM_WRAPPERS, dict(type='OptimWrapper', accumulative_counts=0), 'accum'),
    ],
)
def test_what_a_constructor_of_a_framework_refuses(registry, config, reason):
    optimizer = torch.optim.SGD(PARAMETERS, lr=1)
    given = {HOOKS: {}, MODELS: {}, OPTIMIZERS: dict(params=PARAMETERS)}
    with pytest.raises(REFUSALS) as caught:
        registry.build({**config, **given.get(registry, dict(optimizer=optimizer))})
    message = describe_build_error(caught.value)
    assert config['type'] in message and reason in message


@PARTS.register_module()
class Spoke:
    """Refuses nothing; its own code is wrong."""

    def __init__(self, deep):
        assert not deep, 'a defect'
        self.bend()

    def bend(self):
        """Call a framework the wrong way."""
        torch.optim.SGD([], lr=1)


@pytest.mark.parametrize('deep', [True, False])
def test_a_defect_is_not_a_refusal(deep):
    with pytest.raises((AssertionError, ValueError)) as caught:
        PARTS.build(dict(type='Spoke', deep=deep))
    assert describe_build_error(caught.value) is None
