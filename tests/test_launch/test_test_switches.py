"""The switches of tools/test.py."""

import pytest
from mmengine.config import Config

from mmdepthseg.launch.test_switches import enable_drawing, enable_output


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
