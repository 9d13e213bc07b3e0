"""What cannot go well is refused before the first iteration."""

import copy
from pathlib import Path

import cv2
import pytest
from mmengine.config import Config
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from mmdepthseg.utils.errors import UserError

pytestmark = pytest.mark.usefixtures('our_scope')


@pytest.mark.parametrize(
    ('extra', 'message'),
    [
        ("default_hooks['checkpoint']['save_best'] = 'mDice'", 'mIoU'),
        ("model['decode_head']['num_classes'] = 7", 'num_classes=3'),
        (
            "val_dataloader['dataset']['seg_map_suffix'] = '.tif'",
            r'val_dataloader: 4 of 4 .*labels/.*\.tif',
        ),
        ("train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=2)", 'IterBased'),
    ],
)
def test_a_runner_of_mmengine_stops_before_its_first_iteration(
    tiny_config, tmp_path, plain_layout, monkeypatch, extra, message
):
    """As MMSegmentation's tools/train.py makes it."""
    extra += "\ncustom_hooks.append(dict(type='CheckStartHook'))\n"
    config = Config.fromfile(tiny_config(extra=extra))
    config.work_dir = str(tmp_path / 'run')
    for kind in (EpochBasedTrainLoop, IterBasedTrainLoop):
        monkeypatch.setattr(kind, 'run_iter', lambda *_: pytest.fail('it trains'))
    run = Runner.from_cfg(config)
    with pytest.raises(UserError, match=message):
        run.train()


def test_a_scale_that_stretches_is_told_once(
    tiny_config, tmp_path, plain_layout, monkeypatch
):
    extra = "custom_hooks.append(dict(type='CheckStartHook'))\n"
    config = Config.fromfile(tiny_config(extra=extra))
    config.work_dir = str(tmp_path / 'run')
    for loader in (config.train_dataloader, config.val_dataloader):
        loader.dataset.type = 'ImageLabelDataset'
        steps = ('SeedBySample', 'LoadImageFromFile', 'LoadSegLabel', 'Resize')
        pipeline = [dict(type=step) for step in (*steps, 'mmseg.PackSegInputs')]
        pipeline[3].update(scale=(48, 16))
        loader.dataset.pipeline = pipeline
    monkeypatch.setattr(IterBasedTrainLoop, 'run', lambda _: None)
    run = Runner.from_cfg(config)
    run.train()
    log = Path(run.logger.log_file).read_text()
    assert log.count('of another aspect ratio') == 1
    assert 'train_dataloader: Resize makes 48x16' in log


@pytest.mark.parametrize('start', ['resume', 'load_from', 'an empty folder'])
def test_advice_for_more_iterations_is_what_resuming_takes(
    tiny_config, tmp_path, plain_layout, start
):
    extra = "custom_hooks.append(dict(type='CheckStartHook'))\n"
    config = Config.fromfile(tiny_config(extra=extra))
    config.work_dir = str(tmp_path / 'run')
    config.update(val_dataloader=None, val_cfg=None, val_evaluator=None)
    config.train_cfg.max_iters = 2
    config.param_scheduler[0].end = 2
    if start != 'an empty folder':
        Runner.from_cfg(copy.deepcopy(config)).train()
    if start == 'load_from':
        config.load_from = f'{config.work_dir}/iter_2.pth'
    config.train_cfg.max_iters, config.resume = 4, start != 'load_from'
    run = Runner.from_cfg(copy.deepcopy(config))
    run.train()
    log = Path(run.logger.log_file).read_text()
    assert 'is 0 from step 2 on' in log
    resumed = start == 'resume'
    assert ('set end=4' in log) != resumed
    assert ('its weights with load_from' in log) == resumed
    if resumed:
        config.param_scheduler[0].end = 4
        with pytest.raises(UserError, match=r'param_scheduler\.0\.end.*load_from'):
            Runner.from_cfg(config).train()


def test_images_that_are_left_out_are_in_the_log(tiny_config, tmp_path, plain_layout):
    extra = "custom_hooks.append(dict(type='CheckStartHook'))\n"
    extra += "train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=2)\n"
    config = Config.fromfile(tiny_config(extra=extra))
    images = Path(config.train_dataloader.dataset.data_root, 'images')
    (images / 'other.tif').touch()
    config.work_dir = str(tmp_path / 'run')
    run = Runner.from_cfg(config)
    with pytest.raises(UserError, match='IterBased'):
        run.train()
    log = Path(run.logger.log_file).read_text()
    assert f'train_dataloader: {images}: 1 image(s) left out (other.tif)' in log


def test_two_sizes_in_a_batch_of_the_validation(tiny_config, tmp_path, plain_layout):
    """Which MMSegmentation's data preprocessor does not take either."""
    extra = "custom_hooks.append(dict(type='CheckStartHook'))\n"
    extra += "val_dataloader['batch_size'] = 2\n"
    config = Config.fromfile(tiny_config(extra=extra))
    data = Path(config.train_dataloader.dataset.data_root)
    for folder in ('images', 'labels'):
        path = str(sorted((data / folder).iterdir())[1])
        image = cv2.imread(path, cv2.IMREAD_UNCHANGED)
        cv2.imwrite(path, cv2.copyMakeBorder(image, 0, 0, 0, 8, cv2.BORDER_REFLECT))
    config.work_dir = str(tmp_path / 'run')
    with pytest.raises(UserError, match='val_dataloader: .* come in one batch'):
        Runner.from_cfg(config).train()
