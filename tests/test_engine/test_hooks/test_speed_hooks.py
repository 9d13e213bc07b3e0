"""Memory format and compilation change neither values nor names."""

import copy
import logging
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mmdepthseg.engine.hooks import ChannelsLastHook, CompileHook
from mmdepthseg.utils import UserError


class Backbone(nn.Module):
    """Not a plain Sequential: torch.compile passes over containers of its own."""

    def __init__(self, stem: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, stem, 3)
        self.down = nn.Conv2d(stem, 8, 1, stride=2)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.down(self.conv(image).relu())


def make_runner(stem: int = 8) -> SimpleNamespace:
    torch.manual_seed(0)
    model = nn.Sequential()
    model.add_module('backbone', Backbone(stem))
    model.add_module('head', nn.Conv2d(8, 2, 1))
    return SimpleNamespace(model=model, logger=logging.getLogger('test'))


def test_channels_last_keeps_values():
    runner, image = make_runner(), torch.rand(2, 3, 9, 9)
    wanted = copy.deepcopy(runner.model)(image)
    ChannelsLastHook().before_run(runner)
    output = runner.model(image)
    assert runner.model.backbone.conv.weight.is_contiguous(
        memory_format=torch.channels_last
    )
    assert output.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(output, wanted)
    output.sum().backward()


def test_channels_last_spares_layers_that_would_crash(caplog):
    runner = make_runner(stem=4)
    before = runner.model.backbone.conv.weight.stride()
    ChannelsLastHook().before_run(runner)
    assert runner.model.backbone.conv.weight.stride() == before
    assert 'backbone.down' in caplog.text


def test_compile_in_place():
    runner, image, calls = make_runner(), torch.rand(1, 3, 9, 9), []

    def backend(graph, inputs):
        calls.append(graph)
        return graph.forward

    names = list(runner.model.state_dict())
    wanted = runner.model(image)
    CompileHook(modules='backbone', backend=backend).before_train(runner)
    torch.testing.assert_close(runner.model(image), wanted)
    assert calls
    assert list(runner.model.state_dict()) == names


def test_compile_names_unknown_modules():
    with pytest.raises(UserError, match="no sub-module 'bakbone'; did you mean 'backb"):
        CompileHook(modules=['bakbone']).before_train(make_runner())
