"""Differences of methods, seed by seed."""

import json

import pytest

from mmdepthseg.experiments.paired import Cell, compare, joined, read_method
from mmdepthseg.utils.errors import UserError


def write(path, **values):
    cells = [
        dict(metric='mIoU', method=method, labels=8, values=by_seed)
        for method, by_seed in values.items()
    ]
    path.write_text(json.dumps(dict(summary=cells)))
    return str(path)


def test_differences_are_of_the_same_seeds(tmp_path):
    first = write(tmp_path / 'a.json', plain={'1': 10.0, '2': 20.0, '3': 30.0})
    second = write(tmp_path / 'b.json', full={'3': 33.0, '2': 21.0, '4': 90.0})
    figures = [read_method(first, 'plain'), read_method(second, 'full')]
    lines = compare(['plain', 'full'], figures).splitlines()
    assert lines[0] == 'mIoU, 8 labels'
    assert lines[4] == '| plain | 10.0 | 20.0 | 30.0 | - | 20.0 ± 10.0 (3) | - | - |'
    # 1 and 3: mean 2, sample standard deviation the root of 2
    assert lines[5] == (
        '| full | - | 21.0 | 33.0 | 90.0 | 48.0 ± 36.9 (3) | +2.0 ± 1.4 (2) | 1.00 |'
    )


def test_seeds_of_several_files(tmp_path):
    first = write(tmp_path / 'a.json', full={'1': 1.0, '2': 2.0})
    second = write(tmp_path / 'b.json', full={'3': 6.0})
    runs = {path: read_method(path, 'full') for path in (first, second)}
    assert joined(runs) == [Cell('mIoU', 8, {'1': 1.0, '2': 2.0, '3': 6.0})]
    runs['c.json'] = [Cell('mIoU', 8, {'2': 5.0})]
    with pytest.raises(UserError, match='c.json: 2: seeds that are there'):
        joined(runs)
    runs['c.json'] = [Cell('mIoU', 30, {'4': 5.0})]
    with pytest.raises(UserError, match='c.json: has other figures'):
        joined(runs)


def test_one_common_seed_has_no_standard_error(tmp_path):
    path = write(tmp_path / 'a.json', plain={'1': 10.0}, full={'1': 9.0, '2': 8.0})
    figures = [read_method(path, name) for name in ('plain', 'full')]
    assert compare(['p', 'f'], figures).endswith('| 8.5 ± 0.7 (2) | -1.0 (1) | - |')


def test_figures_of_depth_have_their_decimals():
    cells = [[Cell('abs_rel', 0, {'1': a, '2': b}, 3)] for a, b in ((1, 1), (0.5, 2))]
    lines = compare(['p', 'f'], cells).splitlines()
    assert lines[0] == 'abs_rel, no labels'
    assert lines[-1] == (
        '| f | 0.500 | 2.000 | 1.250 ± 1.061 (2) | +0.250 ± 1.061 (2) | 0.7500 |'
    )


@pytest.mark.parametrize(
    'content, message',
    [
        ('{}', 'results.json: not a results.json'),
        (
            '{"summary": [{"method": "plain", "metric": "a", "labels": 8, '
            '"values": 3}]}',
            'results.json: not a results.json',
        ),
        ('{"summary": [1]}', 'results.json: not a results.json'),
        ('{"summary": []}', "methods.*'plain'"),
        (
            '{"summary": [{"method": "plain", "metric": "a", "labels": 8, '
            '"values": {}}]}',
            'plain: no run',
        ),
    ],
)
def test_other_files_are_named(tmp_path, content, message):
    path = tmp_path / 'results.json'
    path.write_text(content)
    with pytest.raises(UserError, match=message):
        read_method(str(path), 'plain')


def test_methods_without_a_common_figure():
    methods = [[Cell('mIoU', labels, {'1': 1.0})] for labels in (8, 30)]
    with pytest.raises(UserError, match='plain, full'):
        compare(['plain', 'full'], methods)


def test_known_methods_are_named_once(tmp_path):
    path = write(tmp_path / 'a.json', plain={'1': 10.0})
    content = json.loads((tmp_path / 'a.json').read_text())
    content['summary'] *= 2  # of two figures
    (tmp_path / 'a.json').write_text(json.dumps(content))
    with pytest.raises(UserError, match=r'takes: plain\)'):
        read_method(path, 'full')
