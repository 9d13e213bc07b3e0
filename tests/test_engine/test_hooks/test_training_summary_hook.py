import copy
import logging
import shutil
from types import SimpleNamespace

import pytest
from helpers.images import huge_headers

from mmdepthseg.engine.hooks import training_summary_hook as hook
from mmdepthseg.launch.config import load_config
from mmdepthseg.launch.runner import build_runner


@pytest.fixture
def summary(tmp_path, caplog, plain_layout):
    """The lines that a training of one iteration logs before it, by their names."""

    def of(config, options=None):
        cfg = load_config(config, options)
        cfg.work_dir = str(tmp_path / 'run')
        runner = build_runner(cfg, ['train_dataloader'], options)
        runner.logger.addHandler(caplog.handler)
        with caplog.at_level(logging.INFO):
            runner.train()
        text = next(m for m in caplog.messages if m.startswith('This training:'))
        lines = [line.split(maxsplit=1) for line in text.splitlines()[1:]]
        return {name: dict(lines)[name] for name, _ in lines}

    return of


HOOK = """
custom_hooks = [dict(type='TrainingSummaryHook')]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=1)
"""


def test_any_data_set(tiny_config, summary, tmp_path):
    """One of MMSegmentation's, without cameras and names of sources."""
    config = tiny_config(extra=HOOK)
    lines = summary(config)
    assert lines['train'] == 'BaseSegDataset: 4 samples'
    assert lines['classes'] == '3: road, car, sky'
    assert lines['schedule'].startswith('1 iterations, 2 samples; SGD at 0.005, 0.05')
    assert 'camera' not in lines
    assert lines['weights'] == 'backbone from random values'
    checkpoint = f'{tmp_path}/run/iter_1.pth'
    assert lines['then'] == f'python tools/test.py {config} {checkpoint}'


def test_the_next_command_has_the_options(tiny_config, summary):
    options = {'model.backbone.depth': 18, '+note': 'a b'}
    lines = summary(tiny_config(extra=HOOK), options)
    wanted = " --cfg-options model.backbone.depth=18 '+note=a b'"
    assert lines['then'].endswith(f'/run/iter_1.pth{wanted}')


SDE = """
_base_ = __import__('mmdepthseg').CONFIGS + '/streets/sde_r18-w16_500it_192x96.py'
train_dataloader = dict(
    num_workers=0, persistent_workers=False, batch_size=2,
    dataset=dict(data_root={root!r}))
val_dataloader = None
val_cfg = None
val_evaluator = None
train_cfg = dict(max_iters=1)
"""


def test_depth_from_video(streets, summary, tmp_path):
    config = tmp_path / 'sde.py'
    config.write_text(SDE.format(root=str(streets)))
    lines = summary(config)
    assert ' 3 neighbours, 3 camera files' in lines['train']
    assert ' at 96x48 ' in lines['camera'] and 'fx 115.' in lines['camera']
    assert 'classes' not in lines and 'val' not in lines
    assert lines['weights'] == 'backbone, pose_net.backbone from random values'


@pytest.mark.parametrize('unit', ['iter', 'epoch'])
@pytest.mark.parametrize('schedule', ['at the end', 'before'])
def test_a_training_that_was_finished(
    tiny_config, tmp_path, caplog, plain_layout, unit, schedule
):
    config = load_config(tiny_config())
    config.work_dir = str(tmp_path / 'run')
    config.update(val_dataloader=None, val_cfg=None, val_evaluator=None)
    epochs = unit == 'epoch'
    if epochs:
        config.train_dataloader.sampler = dict(type='DefaultSampler', shuffle=True)
        config.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=2)
        config.default_hooks.checkpoint.interval = 1
        config.default_hooks.checkpoint.by_epoch = True
    else:
        config.train_cfg.max_iters = 2
    end = 2 if schedule == 'at the end' else 1
    config.param_scheduler = [
        dict(type='LinearLR', start_factor=0.1, end=end, by_epoch=epochs)
    ]
    with caplog.at_level(logging.INFO):
        for resume in (False, True):
            config.resume = resume
            config.load_from = f'{config.work_dir}/{unit}_2.pth' if resume else None
            runner = build_runner(copy.deepcopy(config), needs=['train_dataloader'])
            runner.logger.addHandler(caplog.handler)
            caplog.clear()
            runner.train()
            told = [text for text in caplog.messages if ' was finished ' in text]
            assert len(told) == resume
    name = 'epoch' if epochs else 'iteration'
    assert f'{name} 2 of 2' in told[0] and 'load_from' in told[0]
    longer = f'larger train_cfg.max_{unit}s' in told[0]
    assert longer == (schedule == 'before')


@pytest.mark.parametrize('file', ['some.pth', None])
def test_weights_that_were_loaded(file):
    runner = SimpleNamespace(_has_loaded=True, _load_from=file)
    ((_, text),) = hook._weights(runner)
    assert text == f'from {file or "the checkpoint of this folder"}'


def test_an_image_that_claims_billions_of_pixels(streets, summary, tmp_path):
    """It is left out, as the data set is told to, here too."""
    root = tmp_path / 'streets'
    shutil.copytree(streets, root)
    # of the first sample, whose size the camera's line tells
    first = sorted(root.glob('leftImg8bit_sequence/train/*/*'))[1]
    first.write_bytes(huge_headers()['.png'])
    config = tmp_path / 'sde.py'
    skip = 'data_root={root!r}, skip_broken=True, max_broken=3'
    text = SDE.replace('data_root={root!r}', skip)
    config.write_text(text.format(root=str(root)))
    lines = summary(config)
    assert ' 3 camera files' in lines['train'] and 'camera' not in lines
