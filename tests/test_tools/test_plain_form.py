"""The plain form of the paper's steps has our losses, so that ratios mean something."""

import json
import sys

import pytest
import torch
from helpers import REPO
from helpers.tiny_models import HEIGHT, WIDTH, shrink
from helpers.tools import load_tool
from torch import nn

from mmdepthseg.launch.config import load_config
from mmdepthseg.plugin import register_all_modules
from mmdepthseg.registry import MODELS

CITYSCAPES = REPO / 'configs/cityscapes'
CONFIGS = dict(
    sde='sde-phase2-fd_r101-d16_50k_512x512.py',
    transfer='transfer-depthmix-gt_r101-d16_40k_512x512_n372.py',
    multi_task='pad-transfer-depthmix-gt_r101-d16_40k_512x512_n372.py',
)


@pytest.fixture
def plain(monkeypatch):
    """The modules of the plain form."""
    monkeypatch.syspath_prepend(str(REPO / 'tools/analysis_tools'))
    import step_worker
    from plain_form import losses, steps

    yield dict(steps=steps, losses=losses, worker=step_worker)
    for name in [n for n in sys.modules if n.startswith('plain_form')]:
        del sys.modules[name]


def both(plain, kind):
    """Our model and the plain step with its weights, both without chance."""
    register_all_modules()
    torch.manual_seed(1)
    cfg = shrink(load_config(CITYSCAPES / CONFIGS[kind], None).model.to_dict())
    cfg['data_preprocessor'].pop('color_jitter', None)
    if 'segmentor' in cfg:
        cfg['strong_augmentation'] = []
    ours = MODELS.build(cfg).train()
    reference = None
    for module in ours.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if hasattr(module, 'tie_noise'):
            module.tie_noise = 0.0
        if hasattr(module, 'use_random_weights'):
            module.use_random_weights()
            reference = module._network[0].state_dict()
    other = plain['steps'].PlainStep(cfg, ours.state_dict(), reference, augment=False)
    for module in other.net.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return ours, other


@pytest.mark.parametrize('kind', CONFIGS)
def test_losses_and_gradients(plain, kind):
    ours, other = both(plain, kind)
    name = kind.replace('_', '-')
    batch = plain['worker'].packed_batch(name, (HEIGHT, WIDTH), 2)
    assert (
        plain['worker'].kind_of(load_config(CITYSCAPES / CONFIGS[kind], None).model)
        == name
    )
    found = other.losses(batch)
    sum(found.values()).backward()
    expected = ours(**ours.data_preprocessor(batch, True), mode='loss')
    total, _ = ours.parse_losses(expected)
    total.backward()
    expected = {key: v for key, v in expected.items() if 'loss' in key}
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key].item() == pytest.approx(value.item(), rel=1e-4), key
        assert value.item() > 0 or key == 'feature.loss_distance'
    student = getattr(ours, 'student', ours)
    gradients = {k: p.grad for k, p in other.net.named_parameters()}
    for key, parameter in student.named_parameters():
        if parameter.grad is not None:
            size = parameter.grad.abs().max() + 1e-6
            assert (parameter.grad - gradients[key]).abs().max() < 2e-2 * size, key


def test_augmented_steps_train(plain):
    _, other = both(plain, 'transfer')
    other.augment = True
    batch = plain['worker'].packed_batch('transfer', (HEIGHT, WIDTH), 2)
    before = other.teacher.backbone.conv1.weight.clone()
    for _ in range(2):
        losses = other.step(batch)
    assert all(value.isfinite() for value in losses.values())
    assert not torch.equal(before, other.teacher.backbone.conv1.weight)


@pytest.mark.parametrize('against', ['plain', 'other.py'])
def test_what_both_sides_are_asked_for(against):
    """Options reach the processes as `load_config` takes them."""
    tool = load_tool('analysis_tools/compare_steps')
    given = ['mine.py', '--against', against, '--amp', '--cfg-options', 'a.b=1']
    first, second = tool.descriptions(tool.parse_args(given))
    assert first['options'] == {'a.b': 1} and first['amp'] and not first['plain']
    assert second['options'] == ({'a.b': 1} if against == 'plain' else None)
    assert second['config'] == ('mine.py' if against == 'plain' else 'other.py')
    assert second['plain'] is (against == 'plain') and not second['amp']
    more = [*given, '--against-options', '+c.d=False']
    _, second = tool.descriptions(tool.parse_args(more))
    assert second['options'] == {'+c.d': False} and second['size'] == (128, 256)


def test_worker_and_summary(plain, capsys, monkeypatch):
    """Two steps of the plain side, and what is made of the answers."""
    worker = plain['worker']
    side = dict(
        config=str(CITYSCAPES / CONFIGS['transfer']),
        options=None,
        plain=True,
        amp=False,
        depth=18,
        size=[64, 96],
        batch=2,
        threads=1,
        device='cpu',
    )
    monkeypatch.setattr('sys.stdin', ['1', '1'])
    worker.serve(side)
    lines = capsys.readouterr().out.splitlines()
    answers = [json.loads(x.removeprefix('STEPS ')) for x in lines if 'STEPS' in x]
    assert answers[0] == dict(kind='transfer', classes=19, network='ResNet-18')
    # in the memory of other tests a step of this size may find its place
    assert [turn.keys() for turn in answers[1:]] == [{'seconds', 'peak'}] * 2
    assert all(turn['seconds'] > 0 for turn in answers[1:])
    turns = [[dict(seconds=a, peak=3), dict(seconds=2, peak=4)] for a in (1, 3, 4)]
    time = load_tool('analysis_tools/compare_steps').summary(turns, 1)['seconds']
    assert time == dict(sides=[3, 2], ratio=1.5, least=0.5, largest=2)
