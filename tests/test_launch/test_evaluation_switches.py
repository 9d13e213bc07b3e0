"""The switches of tools/test.py."""

import re

import mmseg.evaluation
import pytest
from mmengine.config import Config

from mmdepthseg.launch.evaluation_switches import (
    enable_drawing,
    enable_output,
    enable_tta,
)
from mmdepthseg.utils.errors import UserError


@pytest.mark.parametrize(
    'given, expected',
    [
        ('IoUMetric', 'mmdepthseg.IoUMetric'),
        ('mmseg.IoUMetric', 'mmdepthseg.IoUMetric'),
        ('my.IoUMetric', 'my.IoUMetric'),
    ],
)
def test_files_get_our_names_in_any_scope(given, expected, tmp_path):
    visualizer = dict(type=given.replace('IoUMetric', 'SegLocalVisualizer'))
    config = Config(
        dict(
            default_scope='mmseg',
            test_evaluator=[dict(type=given), dict(type='mmseg.CityscapesMetric')],
            visualizer=visualizer,
            default_hooks=dict(visualization=dict(type='SegVisualizationHook')),
        )
    )
    enable_output(config, str(tmp_path / 'out'))
    enable_drawing(config, False, str(tmp_path / 'show'), 0)
    first, second = config.test_evaluator
    assert first.type == expected and first.output_dir == str(tmp_path / 'out')
    assert second == dict(type='mmseg.CityscapesMetric')
    expected = expected.replace('IoUMetric', 'SegLocalVisualizer')
    hook = config.default_hooks.visualization
    assert hook.draw and hook.interval == 1  # OpenMMLab's release: every 50th image
    assert config.visualizer == dict(type=expected, save_dir=str(tmp_path / 'show'))


def test_classes_as_types(tmp_path):
    """As configs in pure Python have them."""
    evaluator = dict(type=mmseg.evaluation.IoUMetric)
    config = Config(dict(test_evaluator=[evaluator]))
    enable_output(config, str(tmp_path / 'out'))
    assert config.test_evaluator[0].type == 'mmdepthseg.IoUMetric'


@pytest.mark.parametrize('own', [None, dict(type='SegDataPreProcessor', mean=[127.0])])
def test_the_model_keeps_its_preprocessor_under_tta(own):
    """What the config says beside it is a default, as without --tta."""
    default = dict(type='SegDataPreProcessor', mean=[0.5])
    given = dict(data_preprocessor=own) if own else {}
    config = Config(
        dict(
            data_preprocessor=default,
            model=dict(type='EncoderDecoder', **given),
            test_dataloader=dict(dataset=dict(pipeline=[])),
            tta_model=dict(type='SegTTAModel'),
            tta_pipeline=[dict(type='TestTimeAug')],
        )
    )
    enable_tta(config)
    assert 'data_preprocessor' not in config and config.model.type == 'SegTTAModel'
    assert config.model.module.data_preprocessor == (own or default)


@pytest.mark.parametrize(
    ('key', 'fits'),
    [
        ('test_dataloader.dataset.pipeline.Resize.scale', False),
        ('+test_dataloader.dataset.pipeline.1.scale', False),
        ('test_dataloader.dataset.dataset.pipeline.1.scale', False),
        ('test_dataloader.dataset.data_root', True),
        ('tta_pipeline.TestTimeAug.transforms.0.Resize.scale', True),
    ],
)
def test_options_of_the_pipeline_that_tta_replaces(key, fits):
    config = Config(
        dict(
            model=dict(type='EncoderDecoder'),
            test_dataloader=dict(dataset=dict(pipeline=[dict(type='Resize')])),
            tta_model=dict(type='SegTTAModel'),
            tta_pipeline=[dict(type='TestTimeAug')],
        )
    )
    if fits:
        return enable_tta(config, ['load_from', key])
    with pytest.raises(UserError, match=f'{re.escape(key)}.*tta_pipeline'):
        enable_tta(config, ['load_from', key])
