import copy
import re

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from torch import nn

from mmdepthseg.plugin import register_all_modules

KEYS = dict(custom_keys={'0': dict(lr_mult=0.1), '2': dict(lr_mult=0.1, decay_mult=0)})


@pytest.fixture
def model():
    register_all_modules()
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2), nn.Linear(2, 2)
    )


def build(model, **options):
    # foreach: all of a group at once, as on a GPU
    optimizer = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=0.01, foreach=True)
    return build_optim_wrapper(
        model,
        dict(
            type='OptimWrapper',
            optimizer=optimizer,
            clip_grad=dict(max_norm=1.0),
            **options,
        ),
    )


def trained(model, wrapper):
    for step in range(3):
        torch.manual_seed(step)
        wrapper.update_params(model(torch.randn(5, 3)).square().sum())
    return model.state_dict()


def test_same_weights_from_three_groups(model):
    other = copy.deepcopy(model)
    plain = build(other, paramwise_cfg=KEYS)
    merged = build(model, paramwise_cfg=KEYS, constructor='MergedGroupsConstructor')
    assert len(plain.optimizer.param_groups) == 8
    groups = merged.optimizer.param_groups
    assert [len(group['params']) for group in groups] == [2, 4, 2]
    assert [group['lr'] for group in groups] == pytest.approx([0.01, 0.1, 0.01])
    assert [group['weight_decay'] for group in groups] == [0.01, 0.01, 0]
    # the rate that the logs show is the optimiser's own
    assert merged.get_lr()['base_lr'] == plain.get_lr()['base_lr'] == [0.1]
    expected, found = trained(other, plain), trained(model, merged)
    for name, value in expected.items():
        # the norm of all gradients is added up in another order
        torch.testing.assert_close(found[name], value, rtol=1e-6, atol=1e-7)


def test_without_settings_of_parameters_nothing_changes(model):
    wrapper = build(model, constructor='MergedGroupsConstructor')
    assert len(wrapper.optimizer.param_groups) == 1
    assert len(wrapper.optimizer.param_groups[0]['params']) == 8


def test_options_of_the_optimiser_for_a_parameter(model):
    wrapper = build_optim_wrapper(
        model,
        dict(
            type='OptimWrapper',
            optimizer=dict(type='Adam', lr=0.1),
            paramwise_cfg=dict(custom_keys={'2': dict(betas=(0.8, 0.9))}),
            constructor='MergedGroupsConstructor',
        ),
    )
    betas = [group['betas'] for group in wrapper.optimizer.param_groups]
    assert betas == [(0.9, 0.999), (0.8, 0.9)]


def test_a_line_for_each_group_and_none_for_a_parameter(model, caplog):
    """MMEngine's two for each parameter, and one of each that is frozen, are 60 kB."""
    model[3].requires_grad_(False)
    logger = MMLogger.get_instance('groups', log_level='INFO')
    logger.addHandler(caplog.handler)
    build(model, paramwise_cfg=KEYS, constructor='MergedGroupsConstructor')
    lines = [text.split(':')[0] for text in caplog.messages]
    assert [*filter(re.compile('Param|param|3').match, lines)] == [
        f'Parameter group {number}' for number in range(3)
    ]
    logger.info('paramwise_options -- of others')
    assert caplog.messages[-1].endswith('of others')
