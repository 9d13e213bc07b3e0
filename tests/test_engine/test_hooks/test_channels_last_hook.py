"""The memory format changes neither values nor what cannot bear it."""

import copy
import logging
import re
from collections import OrderedDict
from types import SimpleNamespace

import pytest
import torch
from helpers import REPO
from torch import nn

from mmdepthseg.engine.hooks import ChannelsLastHook
from mmdepthseg.models.backbones import FrozenEncoder


def make_runner(stem: int = 8) -> SimpleNamespace:
    torch.manual_seed(0)
    layers = dict(conv=nn.Conv2d(3, stem, 3), down=nn.Conv2d(stem, 8, 1, stride=2))
    model = nn.Sequential(OrderedDict(layers))
    return SimpleNamespace(model=model, logger=logging.getLogger('test'))


def test_channels_last_keeps_values():
    runner, image = make_runner(), torch.rand(2, 3, 9, 9)
    wanted = copy.deepcopy(runner.model)(image)
    ChannelsLastHook().before_run(runner)
    output = runner.model(image)
    assert runner.model.conv.weight.is_contiguous(memory_format=torch.channels_last)
    assert output.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(output, wanted)
    output.sum().backward()


def test_networks_that_are_built_after_the_hook():
    """As the frozen encoder, which is no sub-module."""
    runner = make_runner()
    encoder = FrozenEncoder(dict(type='mmdepthseg.ResNet', depth=18, base_channels=8))
    runner.model.add_module('encoder', encoder)
    hook = ChannelsLastHook()
    hook.before_run(runner)
    encoder.use_random_weights()
    hook.before_train(runner)
    weight = encoder.network.layer1[0].conv1.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    runner.model.double()
    assert encoder.network.layer1[0].conv1.weight.dtype == torch.float64
    assert not [*encoder.parameters()] and not encoder.state_dict()


def test_channels_last_spares_layers_that_would_crash(caplog):
    runner = make_runner(stem=4)
    before = runner.model.conv.weight.stride()
    ChannelsLastHook().before_run(runner)
    assert runner.model.conv.weight.stride() == before
    assert 'down' in caplog.text


def test_by_option_as_the_guide_says(run_tool, tiny_config, tmp_path):
    guide = (REPO / 'docs/cityscapes.md').read_text()
    option = re.search(r"--cfg-options '(\S*ChannelsLastHook\S*)'", guide).group(1)
    seen = []
    forward = nn.Conv2d.forward

    def spy(module, image):
        output = forward(module, image)
        seen.append(output.is_contiguous(memory_format=torch.channels_last))
        return output

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.Conv2d, 'forward', spy)
        arguments = ('--work-dir', tmp_path / 'run', '--cfg-options')
        run_tool('train', tiny_config(), *arguments, option, 'train_cfg.max_iters=1')
    assert seen and all(seen)
