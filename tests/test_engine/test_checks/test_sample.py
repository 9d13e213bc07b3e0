"""The first sample and its way through MMSegmentation's own models."""

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmdepthseg.datasets import ConcatDataset
from mmdepthseg.datasets.transforms import seeding
from mmdepthseg.engine.checks.sample import check_sample
from mmdepthseg.registry import DATASETS, MODELS
from mmdepthseg.utils.errors import UserError

pytestmark = pytest.mark.usefixtures('our_scope')


AUXILIARY = dict(type='FCNHead', in_channels=8, in_index=7, channels=8, num_classes=3)


@pytest.fixture
def parts(tiny_config):
    """Data set and model of the tiny config, with changes."""

    def make(pipeline=None, **changes):
        cfg = Config.fromfile(tiny_config())
        if pipeline is not None:
            cfg.train_dataloader.dataset.pipeline = pipeline
        cfg.merge_from_dict(changes)
        dataset = DATASETS.build(cfg.train_dataloader.dataset)
        return dataset, MODELS.build(cfg.model).train()

    return make


def test_what_fits_stays_as_it_is(parts):
    dataset, model = parts()
    model.backbone.eval()  # a mode of its own
    modes = [module.training for module in model.modules()]
    weights = {name: one.clone() for name, one in model.state_dict().items()}
    state = torch.get_rng_state()
    check_sample('train_dataloader', dataset, model)
    assert torch.equal(torch.get_rng_state(), state) and model.training
    assert [module.training for module in model.modules()] == modes
    for name, one in model.state_dict().items():
        assert torch.equal(one, weights[name]), name


@pytest.mark.parametrize(
    'head',
    [
        dict(type='OCRHead', ocr_channels=8),
        dict(
            type='EncHead',
            num_codes=4,
            loss_se_decode=dict(
                type='CrossEntropyLoss', use_sigmoid=True, loss_weight=0.2
            ),
        ),
        dict(type='DAHead', pam_channels=4),
    ],
    ids=lambda head: head['type'],
)
def test_heads_with_several_outputs_pass(parts, head):
    dataset, model = parts()
    common = dict(in_channels=[8, 16], in_index=[0, 1], channels=8, num_classes=3)
    first = dict(type='FCNHead', in_channels=16, in_index=1, channels=8, num_classes=3)
    if head['type'] == 'OCRHead':
        common = dict(common, in_channels=16, in_index=1)
        changes = {
            'model.type': 'CascadeEncoderDecoder',
            'model.num_stages': 2,
            'model.decode_head': [first, dict(head, **common)],
        }
    else:
        if head['type'] == 'DAHead':
            common = dict(common, in_channels=16, in_index=1)
        changes = {'model.decode_head': dict(head, **common, _delete_=True)}
    check_sample('train_dataloader', *parts(**changes))


@pytest.mark.parametrize(
    'changes, named',
    [
        ({'model.decode_head.in_channels': 24}, r'\(16, .*in_channels'),
        ({'model.decode_head.in_index': 5}, r'\(16, .*in_index'),
        ({'model.auxiliary_head': AUXILIARY}, r'\(16, .*in_index'),
        ({'model.data_preprocessor.size': None}, 'data_preprocessor'),
    ],
)
def test_models_that_cannot_take_the_first_image(parts, changes, named):
    with pytest.raises(UserError, match=named):
        check_sample('train_dataloader', *parts(**changes))


def test_a_pipeline_without_inputs(parts):
    dataset, model = parts(pipeline=[])
    with pytest.raises(UserError, match='train_dataloader.*PackSegInputs'):
        check_sample('train_dataloader', dataset, model)


def test_the_check_says_nothing_itself(parts, monkeypatch):
    """Its sample has a position, as those of samplers have."""
    said = []
    monkeypatch.setattr(seeding, 'print_log', lambda text, **_: said.append(text))
    steps = ['SeedBySample', 'LoadImageFromFile', 'LoadSegLabel', 'PackDepthSegInputs']
    dataset, model = parts(pipeline=[dict(type=step) for step in steps])
    check_sample('train_dataloader', dataset)
    assert not said
    dataset[0]
    assert said
    # MMSegmentation's preprocessor does not take what ours packs
    with pytest.raises(UserError, match='DepthSegDataPreProcessor'):
        check_sample('train_dataloader', dataset, model)


@pytest.mark.parametrize('loader', ['train', 'val'])
def test_before_the_first_iteration(loader, tiny_config, tmp_path):
    extra = f'\n{loader}_dataloader["dataset"]["pipeline"] = []\n'
    cfg = Config.fromfile(tiny_config(extra=extra))
    cfg.work_dir = str(tmp_path / 'work')
    cfg.custom_hooks.append(dict(type='CheckStartHook'))
    runner = Runner.from_cfg(cfg)
    with pytest.raises(UserError, match=f'{loader}_dataloader'):
        runner.train()
    assert runner.iter == 0


def test_the_first_sample_of_each_source(parts):
    """Also of MMSegmentation's data sets, whose transforms are theirs."""
    steps = ['LoadImageFromFile', 'LoadSegLabel', 'PackDepthSegInputs']
    dataset, _ = parts(pipeline=[dict(type=step) for step in steps])
    odd, _ = parts(pipeline=[dict(type='LoadImageFromFile')])
    both = ConcatDataset(sources=dict(labeled=dataset, mix=dataset))
    samples = check_sample('train_dataloader', both)
    assert [*samples] == [
        f'train_dataloader.dataset.sources.{name}' for name in ('labeled', 'mix')
    ]
    assert [*check_sample('x', dataset)] == ['x']
    both = ConcatDataset(sources=dict(labeled=dataset, mix=odd))
    with pytest.raises(UserError, match=r'sources\.mix.*PackDepthSegInputs'):
        check_sample('train_dataloader', both)
    both = ConcatDataset([dataset, odd])
    with pytest.raises(UserError, match=r'datasets\.1.*PackDepthSegInputs'):
        check_sample('train_dataloader', both)


def test_transforms_that_leave_parts_unchanged(parts):
    steps = (
        dict(type='LoadImageFromFile'),
        dict(type='LoadSDEDisparity', root='labels', images='images'),
        dict(type='mmseg.RandomRotate', prob=1.0, degree=45),
        dict(type='PackDepthSegInputs'),
    )
    dataset, _ = parts(pipeline=steps)
    named = f'{type(dataset).__name__}: RandomRotate.*disparity_map'
    with pytest.raises(UserError, match=named):
        check_sample('train_dataloader', ConcatDataset([dataset]))
