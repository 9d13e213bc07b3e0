"""tools/analysis_tools/benchmark_growth.py on a few frames."""

import json
import sys

import pytest
import torch
from helpers import REPO
from helpers.tools import load_tool

from mmdepthseg.utils.errors import UserError


@pytest.fixture
def tool(monkeypatch):
    """The tool, and the modules beside it that it imports."""
    monkeypatch.setattr(sys, 'path', [*sys.path])
    return load_tool('analysis_tools/benchmark_growth')


@pytest.mark.parametrize(('kind', 'samples'), [('cityscapes', 84), ('clips', 86)])
def test_listing(kind, samples, tool, tmp_path, monkeypatch):
    """Three sequences, two clips: their first and last frames lack a neighbour."""
    monkeypatch.setattr(tool, 'CITY', 60)
    monkeypatch.setattr(tool, 'LINKS', 40)
    tool.LAYOUTS[kind](tmp_path, 90)
    figures = tool.list_frames(kind, str(tmp_path))

    assert figures['samples'] == samples
    assert figures['kept_mib'] > 0 and figures['cpu_s'] > 0
    links = {p.stat().st_nlink for p in tmp_path.iterdir() if p.is_file()}
    assert max(links) <= 41


def test_selection_removes_its_files(tool, tmp_path, capsys):
    out = tmp_path / 'out.json'
    tool.main(
        ['selection', '--frames', '60', '90', '--dims', '8', '--picks', '5']
        + ['--work', str(tmp_path), '--json', str(out)]
    )
    rows = json.loads(out.read_text())
    assert [row['frames'] for row in rows] == [60, 90]
    assert all(row['share_of_distances'] > 0 for row in rows)
    assert [*tmp_path.iterdir()] == [out]
    assert capsys.readouterr().out.count('\n') == 4


def test_too_little_room(tool, tmp_path, capsys):
    with pytest.raises(SystemExit):
        tool.main(['selection', '--frames', str(10**12), '--work', str(tmp_path)])
    assert str(tmp_path) in capsys.readouterr().err


def test_steps_change_one_thing_at_a_time(tool, tmp_path, monkeypatch):
    import compare_steps

    asked = []

    class Side:
        end = staticmethod(lambda: None)

        def __init__(self, name, tree, **side):
            asked.append(side)

        def answer(self):
            return {}

        def take(self, steps):
            return dict(seconds=1.5, peak=9)

    monkeypatch.setattr(compare_steps, 'Side', Side)
    out = tmp_path / 'out.json'
    tool.main(
        ['step', '--heights', '32', '64', '--batches', '2', '3', '--classes', '5']
        + ['--json', str(out)]
    )
    cases = [(s['size'][0], s['batch'], s['options'][tool.CLASSES]) for s in asked]
    assert cases == [(32, 2, 19), (64, 2, 19), (64, 3, 19), (64, 2, 5)]
    assert asked[-1]['options'] == {tool.CLASSES: 5}
    assert json.loads(out.read_text())[0] == dict(
        size='32x64', batch=2, classes=19, cpu_s=1.5, peak_mib=9
    )


def test_what_a_config_tells_of_its_step(tool):
    import step_worker
    from mmengine.config import Config

    path = 'camvid/depthmix_lite0_900it_256x192_n50.py'
    found = step_worker.described(Config.fromfile(REPO / 'configs' / path).model)
    assert found == dict(kind='transfer', classes=11, network='EfficientNetLite')
    path = 'cityscapes/sde-phase1_r101-d16_300k_512x512.py'
    model = Config.fromfile(REPO / 'configs' / path).model.to_dict()
    found = step_worker.described(step_worker.at_depth(model, 50))
    assert (found['kind'], found['network']) == ('sde', 'ResNet-50')


def test_another_tree_without_the_package(tool, tmp_path):
    """Else the installed package would be compared with itself."""
    import compare_steps

    with pytest.raises(UserError, match='typo is not a checkout'):
        compare_steps.Side('second side', tmp_path / 'typo')


def test_labels_have_the_classes(tool):
    import step_worker

    batch = step_worker.packed_batch('transfer', (32, 64), 2, classes=3)
    labels = batch['data_samples'][0].gt_sem_seg.data
    assert set(torch.unique(labels).tolist()) == {0, 1, 2, 255}
