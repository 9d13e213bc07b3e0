"""tools/analysis_tools/count_memory.py on models that can be counted by hand."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from helpers.tools import load_tool
from mmengine.optim import OptimWrapper
from torch import nn

from mmdepthseg.models.heads import UNetDecoder
from mmdepthseg.plugin import register_all_modules
from mmdepthseg.utils.errors import UserError

CITYSCAPES = Path(__file__).resolve().parents[2] / 'configs/cityscapes'
SMALL = ['--depth', '18', '--size', '64', '64', '--batch-size', '2']


@pytest.fixture
def tool(monkeypatch):
    """The tool, and the modules beside it that it imports."""
    monkeypatch.setattr(sys, 'path', [*sys.path])
    register_all_modules()
    return load_tool('analysis_tools/count_memory')


class Squares(nn.Module):
    """A parameter of 3 numbers; two losses that keep 6 + 6 and 6 numbers."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.register_buffer('mean', torch.zeros(5))

    def loss_groups(self, inputs):
        scaled = inputs * self.weight  # keeps inputs, and the weight, which is one
        squared = scaled * scaled  # keeps one tensor, twice
        yield dict(first=squared.sum(), second=scaled.sum())
        yield dict(third=(inputs * self.weight).sum())


def test_what_the_backward_pass_needs(tool):
    data = dict(inputs=torch.ones(2, 3))
    assert tool.kept_bytes(Squares(), data) == [('first', 48), ('third', 24)]


@pytest.mark.parametrize(
    'kind,options,copies',
    [
        (torch.optim.SGD, {}, 2),
        (torch.optim.SGD, dict(momentum=0.9), 3),
        (torch.optim.Adam, {}, 4),
    ],
)
def test_what_stays(tool, kind, options, copies):
    model = Squares()
    wrapper = OptimWrapper(kind(model.parameters(), lr=0.1, **options))
    assert tool.lasting_bytes(model, wrapper) == 4 * (3 * copies + 5)


def test_an_optimiser_that_is_not_known(tool):
    model = Squares()
    with pytest.raises(UserError, match='RMSprop.*optimizer.type'):
        tool.lasting_bytes(model, OptimWrapper(torch.optim.RMSprop(model.parameters())))


def test_decoders_keep_what_they_keep_on_a_gpu(tool):
    decoder = UNetDecoder((4, 4, 4, 4, 4), channels=(4, 4, 4, 4, 4))
    features = [torch.ones(1, 4, 64 >> i, 64 >> i) for i in range(5)]
    model, sizes = SimpleNamespace(parameters=decoder.parameters), []
    model.loss_groups = lambda features: iter([dict(a=decoder(features)[0].sum())])
    sizes.append(tool.kept_bytes(model, dict(features=features))[0][1])
    with tool.gpu_operations():
        sizes.append(tool.kept_bytes(model, dict(features=features))[0][1])
    sizes.append(tool.kept_bytes(model, dict(features=features))[0][1])
    assert sizes[0] == sizes[2] < sizes[1]


@pytest.mark.parametrize(
    'config,parts',
    [
        ('sde-phase2-fd_r101-d16_50k_512x512', ['depth.loss_photometric']),
        ('scratch_r101-d16_40k_512x512_n372', ['decode.loss_ce']),
        (
            'pad-transfer-depthmix-gt_r101-d16_40k_512x512_n372',
            ['decode.loss_ce', 'mix.depth.loss_photometric', 'mix.loss_pseudo'],
        ),
    ],
)
def test_kinds_of_trainings(tool, config, parts, capsys):
    tool.main([str(CITYSCAPES / f'{config}.py'), *SMALL])
    lines = capsys.readouterr().out.splitlines()
    kept = [line for line in lines if 'backward pass of' in line]
    assert [line.split(' of ')[1].split(':')[0] for line in kept] == parts
    assert any('at most' in line for line in lines) == (len(parts) > 1)


def test_a_frozen_encoder_stays_too(tool):
    from step_worker import build

    config = str(CITYSCAPES / 'sde-phase2-fd_r101-d16_50k_512x512.py')
    side = dict(config=config, depth=18, threads=0, device='cpu', plain=False)
    sizes = []
    for options in ({}, {'model.loss_feature': None}):
        step, _ = build(dict(side, amp=False, options=options))
        sizes.append(tool.lasting_bytes(step.model, step.wrapper))
        encoder = sum(
            t.numel() * t.element_size()
            for t in step.model.backbone.state_dict().values()
        )
    assert sizes[0] - sizes[1] == encoder
