"""What a Runner needs is looked for before it is built."""

import sys

import pytest
from mmengine.config import Config

from mmdepthseg.engine.hooks import (
    CheckCheckpointHook,
    NonFiniteLossHook,
    TrainingSummaryHook,
)
from mmdepthseg.launch.build_errors import REFUSALS, describe_build_error
from mmdepthseg.launch.config import load_config
from mmdepthseg.launch.runner import GUARDS, build_runner
from mmdepthseg.utils import UserError


def test_missing_parts_are_named():
    with pytest.raises(UserError, match='train_dataloader, train_cfg$'):
        build_runner(Config(dict(model={})), ('train_dataloader', 'train_cfg'))


@pytest.mark.parametrize(
    ('extra', 'named'),
    [
        ('val_evaluator = None', 'has val_dataloader, val_cfg, but lacks val_eval'),
        ('test_cfg = None', 'lacks test_cfg'),
        ("train_dataloader.pop('sampler')", "train_dataloader .* lacks 'sampler'"),
        ("val_dataloader.pop('dataset')", "val_dataloader .* lacks 'dataset'"),
    ],
)
def test_stages_that_lack_a_part(tiny_config, extra, named):
    with pytest.raises(UserError, match=named):
        build_runner(load_config(tiny_config(extra=f'{extra}\n')), ())


def test_every_job_has_the_guards(tiny_config, tmp_path, plain_layout):
    # a config that sets hooks of its own replaces the whole list
    config = load_config(tiny_config(extra='custom_hooks = []\n'))
    config.work_dir = str(tmp_path)
    assert {*map(type, build_runner(config, ()).hooks)} >= {*GUARDS.values()}


def test_guards_are_there_once_or_off(tiny_config, tmp_path, plain_layout):
    own = "custom_hooks = [dict(type='CheckCheckpointHook', allow_partial=True)]\n"
    config = load_config(tiny_config(extra=own))
    config.default_hooks.check_checkpoint = dict(type='CheckCheckpointHook')
    config.default_hooks.non_finite_loss = None
    config.default_hooks.training_summary = dict(type='IterTimerHook')  # another
    config.work_dir = str(tmp_path)
    runner = build_runner(config, ())
    kept = [hook for hook in runner.hooks if type(hook) in GUARDS.values()]
    missing = {*GUARDS.values()} - {*map(type, kept)}
    assert missing == {NonFiniteLossHook, TrainingSummaryHook}
    assert len(kept) == len(GUARDS) - len(missing)
    (check,) = (hook for hook in kept if isinstance(hook, CheckCheckpointHook))
    assert check.allow_partial


def test_a_hook_of_trainings_does_not_stop_a_test(tiny_config, tmp_path, plain_layout):
    hook = "custom_hooks = [dict(type='EarlyStoppingHook', monitor='mIoU')]\n"
    config = load_config(tiny_config(extra=hook))
    config.work_dir = str(tmp_path)
    assert 'mIoU' in build_runner(config, ('test_dataloader',)).test()


def test_options_of_a_guard_that_the_config_does_not_have(
    tiny_config, tmp_path, plain_layout
):
    config = load_config(tiny_config(extra='custom_hooks = []\n'))
    config.default_hooks.check_checkpoint = dict(allow_partial=True)
    config.work_dir = str(tmp_path)
    hooks = build_runner(config, ()).hooks
    (check,) = (hook for hook in hooks if isinstance(hook, CheckCheckpointHook))
    assert check.allow_partial


@pytest.mark.parametrize(
    ('extra', 'named'),
    [
        ("compile = 'yes'", 'compile'),
        ("train_cfg = dict(type='IterBasedTrainLoop', by_epoch=False)", 'by_epoch'),
        ("visualizer['vis_backends'] = [dict(type='WandbVisBackend')]", 'wandb'),
    ],
)
def test_what_the_runner_of_mmengine_refuses(
    tiny_config, tmp_path, plain_layout, monkeypatch, extra, named
):
    monkeypatch.setitem(sys.modules, 'wandb', None)
    config = load_config(tiny_config(extra=f'{extra}\n'))
    config.work_dir = str(tmp_path)
    with pytest.raises(REFUSALS) as caught:
        build_runner(config, ('train_dataloader',)).train()
    assert named in (describe_build_error(caught.value) or '')


@pytest.mark.parametrize('name', ['checkpoint', 'logger'])
def test_folders_of_hooks_are_tried(tiny_config, tmp_path, name):
    (tmp_path / 'file').touch()
    extra = f"default_hooks[{name!r}]['out_dir'] = {str(tmp_path / 'file/x')!r}\n"
    with pytest.raises(UserError, match=rf'default_hooks\.{name}\.out_dir'):
        build_runner(load_config(tiny_config(extra=extra)), ())


def test_loaders_without_workers(tiny_config, tmp_path, plain_layout):
    loader = 'dict(num_workers=0, persistent_workers=True, prefetch_factor=2)'
    names = ('train_dataloader', 'val_dataloader', 'test_dataloader')
    extra = ''.join(f'{name}.update({loader})\n' for name in names)
    config = load_config(tiny_config(extra=extra))
    config.work_dir = str(tmp_path)
    runner = build_runner(config, names)
    for loop in (runner.train_loop, runner.val_loop, runner.test_loop):
        assert len(next(iter(loop.dataloader))['inputs']) in (1, 2)


def test_every_run_is_checked(tiny_config, tmp_path, plain_layout):
    extra = "model['decode_head']['num_classes'] = 7\n"
    config = load_config(tiny_config(extra=extra))
    config.work_dir = str(tmp_path)
    runner = build_runner(config, ('train_dataloader',))
    with pytest.raises(UserError, match='num_classes'):
        runner.train()


@pytest.mark.parametrize(
    ('end', 'names'),
    [('', 'train_cfg.max_iters'), (', end=3', 'end, 3'), (', end=5', '')],
)
def test_a_schedule_that_begins_after_its_end(tiny_config, tmp_path, end, names):
    extra = f"""
param_scheduler = [
    dict(type='LinearLR', by_epoch=False, start_factor=0.1, begin=0, end=4),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=4{end})]
"""
    config = load_config(tiny_config(extra=extra))
    config.work_dir = str(tmp_path / 'run')
    needs = ('train_dataloader', 'train_cfg', 'optim_wrapper')
    if not names:
        build_runner(config, needs)
        return
    keys = r'param_scheduler\.1\.begin and param_scheduler\.0\.end'
    with pytest.raises(UserError, match=f'CosineAnnealingLR.*{names}.*{keys}'):
        build_runner(config, needs)
