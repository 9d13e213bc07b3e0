"""Tools that read what tests and trainings have written."""

import json

import cv2
import numpy as np
import pytest
from helpers.tools import load_tool


def call(name, *arguments):
    load_tool(f'analysis_tools/{name}').main([str(argument) for argument in arguments])


def test_bootstrap_iou(tmp_path, capsys):
    hits = np.arange(101, dtype=np.float32)
    for name, more in (('plain', 0), ('full', 2)):
        areas = np.stack([hits + more, np.full(101, 200)], 1)[..., None]
        np.savez(tmp_path / f'{name}.npz', areas=areas)
    files = [tmp_path / f'{name}.npz' for name in ('plain', 'full')]
    call('bootstrap_iou', *files, '--images', 10, 100)
    rows = capsys.readouterr().out.splitlines()
    assert '| plain | 25.00 |' in rows[-2]
    # always one more, on whichever images
    assert '| full | 26.00 |' in rows[-1] and '| +1.00 | 0.00 | 0.00 |' in rows[-1]


def write_log(folder, part, lines):
    log = folder / part / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text('\n'.join(json.dumps(line) for line in lines))


def test_class_curves(tmp_path):
    figures = {'teacher/IoU/car': 10, 'student/IoU/car': 70, 'loss': 1}
    write_log(tmp_path, '20200101_000000', [dict(figures, step=50)])
    more = {'teacher/coverage.car': 20, 'teacher/precision.road': 30}
    later = [dict(figures, step=50), dict(figures | more, step=100)]
    write_log(tmp_path, '20200102_000000', later)
    curves = load_tool('analysis_tools/class_curves').read_curves(tmp_path, 'teacher')
    assert curves == {
        'car': {'IoU': {50: 10, 100: 10}, 'coverage': {100: 20}},
        'road': {'precision': {100: 30}},
    }
    pytest.importorskip('matplotlib')
    call('class_curves', tmp_path, '--out', tmp_path / 'curves.png')
    assert len(np.unique(cv2.imread(str(tmp_path / 'curves.png')))) > 2


def test_class_curves_without_figures_by_class(tmp_path, capsys):
    write_log(tmp_path, '20200101_000000', [dict(step=50, mIoU=1)])
    with pytest.raises(SystemExit):
        call('class_curves', tmp_path, '--out', tmp_path / 'curves.png')
    assert 'per_class' in capsys.readouterr().err
