"""Every config in the repository builds its model, pipelines, metric and optimiser."""

import copy
from pathlib import Path

import pytest
import torch
from mmcv.transforms import Compose
from mmengine.optim import build_optim_wrapper

from mmdepthseg.registry import (
    HOOKS,
    LOOPS,
    METRICS,
    MODELS,
    OPTIM_WRAPPERS,
    TRANSFORMS,
)
from mmdepthseg.utils.config import load_config
from mmdepthseg.utils.launch import setup_precision
from mmdepthseg.utils.setup_env import register_all_modules

REPO = Path(__file__).resolve().parents[1]
CONFIGS = sorted(
    str(p.relative_to(REPO)) for p in (REPO / 'configs').rglob('*.py')
    if '_base_' not in p.parts)


@pytest.fixture(scope='module', autouse=True)
def _registered():
    register_all_modules()


def pipelines(dataset):
    """All pipelines of a (possibly nested) data set config."""
    if 'pipeline' in dataset:
        yield dataset.pipeline
    for part in dataset.get('datasets', ()):
        yield from pipelines(part)


@pytest.mark.parametrize('path', CONFIGS)
def test_config_builds(path, monkeypatch):
    monkeypatch.chdir(REPO)
    cfg = load_config(path)
    assert cfg.default_scope == 'mmdepthseg'
    with torch.device('meta'):  # names and shapes, without the work of real weights
        model = MODELS.build(copy.deepcopy(cfg.model))
    setup_precision(cfg, amp=False)  # AmpOptimWrapper refuses to be built on CPU
    wrapper = build_optim_wrapper(model, copy.deepcopy(cfg.optim_wrapper))
    trained = {id(p) for group in wrapper.param_groups for p in group['params']}
    assert {id(p) for p in model.parameters() if p.requires_grad} <= trained
    for name in ('train', 'val', 'test', 'predict'):
        loader = cfg.get(f'{name}_dataloader')
        if loader:
            for pipeline in pipelines(loader.dataset):
                Compose([TRANSFORMS.build(copy.deepcopy(t)) for t in pipeline])
    if cfg.get('val_evaluator'):
        METRICS.build(copy.deepcopy(cfg.val_evaluator))
    for hook in cfg.custom_hooks:
        HOOKS.build(copy.deepcopy(hook))
    for name in ('train_cfg', 'val_cfg', 'test_cfg'):
        if cfg.get(name):
            assert LOOPS.get(cfg[name].type) is not None
    assert OPTIM_WRAPPERS.get(cfg.optim_wrapper.type) is not None


def test_there_are_configs():
    assert len(CONFIGS) > 5
