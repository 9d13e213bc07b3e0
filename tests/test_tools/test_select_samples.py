"""The command `tools/select_samples.py --features`."""

import hashlib
import json
import re
import sys

import numpy as np
import pytest
from helpers import REPO

from mmdepthseg.selection import farthest_point, select
from mmdepthseg.selection.files import parse_bytes, remove_selection, write_selection

TOOL = REPO / 'tools/select_samples.py'
RANDOM = np.random.default_rng(0)
FEATURES = RANDOM.standard_normal((30, 3, 2, 2)).astype(np.float16)
NAMES = [f'city/frame_{row:03d}' for row in range(30)]
SCORES = RANDOM.random(30).astype(np.float32)


@pytest.fixture
def select_samples(tmp_path, call_tool):
    np.save(tmp_path / 'f.npy', FEATURES)
    np.save(tmp_path / 's.npy', SCORES)
    (tmp_path / 'names.txt').write_text('\n'.join(NAMES) + '\n')

    def run(*arguments, features='f.npy'):
        return call_tool(
            'select_samples', '--features', tmp_path / features, '--out',
            tmp_path / 'out', *arguments,
        )  # fmt: skip

    return run


def test_splits_and_record(tmp_path, select_samples):
    (tmp_path / 'initial.txt').write_text(f'{NAMES[4]}\n\n{NAMES[7]}\n')
    (tmp_path / 'exclude.txt').write_text(f'{NAMES[5]}\n')
    arguments = [
        '--method', 'ds_us', '--budget', 5, 12, '--seed', 42, '--bias', 2,
        '--names', tmp_path / 'names.txt', '--scores', tmp_path / 's.npy',
        '--initial', tmp_path / 'initial.txt', '--exclude', tmp_path / 'exclude.txt',
    ]  # fmt: skip
    done = select_samples(*arguments)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / 'out/selection.json').read_text())
    expected = farthest_point(
        FEATURES, 12, initial=[4, 7], exclude=[5], bias=2.0 * SCORES.astype(float)
    )
    assert record['order'] == expected.order.tolist()
    assert record['names'] == [NAMES[row] for row in record['order']]
    assert record['min_distance'][:2] == [None, None]
    assert record['min_distance'][2:] == expected.min_distance[2:].tolist()
    assert record['nearest'][2:] == expected.nearest[2:].tolist()
    assert record['score'] == SCORES[record['order']].astype(float).tolist()
    assert record['seed'] == record['options']['seed'] == 42
    assert record['options']['bias'] == 2
    digest = hashlib.sha256((tmp_path / 'f.npy').read_bytes()).hexdigest()
    assert record['files']['features']['sha256'] == digest
    assert set(record['files']) == {'features', 'names', 'scores', 'initial', 'exclude'}
    for budget in (5, 12):
        lines = (tmp_path / f'out/budget_{budget}.txt').read_text().splitlines()
        assert lines == record['names'][:budget]
    assert '12/12 frames' in done.stderr
    written = {path.name for path in (tmp_path / 'out').iterdir()}
    splits = {'budget_5.txt', 'budget_12.txt'}
    assert written == {*splits, 'selection.json', 'selection.html'}
    before = (tmp_path / 'out/selection.json').read_bytes()
    small = select_samples(*arguments, '--memory', '1kB')
    assert small.returncode == 0, small.stderr
    after = json.loads((tmp_path / 'out/selection.json').read_text())
    assert (record['route'], after['route']) == ('memory', 'blocked')
    assert after['order'] == json.loads(before)['order']


def test_without_names_splits_hold_rows(tmp_path, select_samples):
    done = select_samples('--method', 'ds', '--budget', 4, '--seed', 3)
    assert done.returncode == 0, done.stderr
    order = farthest_point(FEATURES, 4, seed=3).order.tolist()
    lines = (tmp_path / 'out/budget_4.txt').read_text().splitlines()
    assert [int(line) for line in lines] == order
    record = json.loads((tmp_path / 'out/selection.json').read_text())
    assert record['names'] is None and record['score'] is None


def test_stops_at_the_minimum_distance(tmp_path, select_samples):
    done = select_samples('--budget', 30, '--min-distance', 4)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / 'out/selection.json').read_text())
    assert record['stopped_by_min_distance'] and len(record['order']) < 30
    assert min(record['min_distance'][1:]) >= 4
    assert f' {len(record["order"])} frames: no other frame is' in done.stderr
    assert record['preselected'] is None


def test_stops_among_preselected_frames(tmp_path, select_samples):
    options = ('--scores', tmp_path / 's.npy', '--preselect', 1.1)
    done = select_samples('--budget', 10, '--min-distance', 4, *options)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / 'out/selection.json').read_text())
    assert record['stopped_by_min_distance'] and record['preselected'] == 11
    assert ': no other of the 11 frames that --preselect leaves is' in done.stderr
    page = (tmp_path / 'out/selection.html').read_text()
    assert 'no other of the 11 frames that were preselected is' in page


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--budget', 3, '--method', 'us'], "'us'"),
        (['--budget', 3, '--names', 'short.txt'], '29 names'),
        (['--budget', 3, '--names', 'twice.txt'], 'row 29'),
        (['--budget', 3, '--initial', 'missing.txt'], 'missing.txt'),
        (['--budget', 3, '--initial', 'unknown.txt'], "'city/frame_01'"),
        (['--budget', 3, '--names', 'names.txt', '--exclude', 'unknown.txt'],
         "'city/frame_01'"),
        (['--budget', 3, '--method', 'us', '--scores', 'names.txt'], 'a .npy file'),
        (['--budget', 3, '--scores', 's.npy'], '--scores does not apply'),
        (['--budget', 3, '--teacher-dir', 'x'], '--teacher-dir is for'),
        (['--budget', 3, '--cfg-options', 'a=1'], '--cfg-options is for'),
        (['--budget', 3, '--batch-size', 0], '--batch-size is for'),
        (['--budget', 3, '--num-workers', 0], '--num-workers is for'),
        (['--budget', 3, '--launcher', 'pytorch'], '--launcher is for'),
    ],
)  # fmt: skip
def test_errors_are_one_message(tmp_path, select_samples, arguments, message):
    (tmp_path / 'short.txt').write_text('\n'.join(NAMES[1:]))
    (tmp_path / 'twice.txt').write_text('\n'.join(NAMES[:29] + NAMES[:1]))
    (tmp_path / 'unknown.txt').write_text('city/frame_01\n')
    arguments = [
        tmp_path / argument if str(argument).endswith('.txt') else argument
        for argument in arguments
    ]
    done = select_samples(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert 'Traceback' not in done.stderr
    assert not list((tmp_path / 'out').glob('*'))


def test_features_are_required_and_checked(tmp_path, call_tool, select_samples):
    done = call_tool('select_samples', '--budget', 3, '--out', tmp_path / 'out')
    assert done.returncode == 2 and '--features' in done.stderr
    broken = FEATURES.copy()
    broken[11, 0, 0, 0] = np.nan
    np.save(tmp_path / 'nan.npy', broken)
    done = select_samples('--budget', 3, features='nan.npy')
    assert done.returncode == 2
    assert 'features: row 11' in done.stderr
    done = select_samples('--budget', 3, features='absent.npy')
    assert done.returncode == 2 and 'absent.npy' in done.stderr
    np.savez(tmp_path / 'f.npz', a=FEATURES, b=SCORES)
    done = select_samples('--budget', 3, features='f.npz')
    assert done.returncode == 2
    assert 'f.npz: ' in done.stderr and '(a, b)' in done.stderr


def test_out_is_tried_before_anything_is_chosen(tmp_path, select_samples):
    (tmp_path / 'out').write_text('')
    done = select_samples('--budget', 3)
    assert done.returncode == 2
    assert f'{tmp_path}/out' in done.stderr and '--out' in done.stderr
    assert '3/3 frames' not in done.stderr


def test_another_selection_replaces_the_whole_of_an_earlier_one(
    tmp_path, select_samples
):
    out = tmp_path / 'out'
    assert select_samples('--budget', 3, 5, 9).returncode == 0
    (out / 'budget_7.txt').write_text('not of the selection\n')
    again = ('--budget', 5, '--seed', 1, '--no-page', '--overwrite')
    assert select_samples(*again).returncode == 0
    assert {path.name for path in out.iterdir()} == {
        'budget_5.txt',
        'budget_7.txt',
        'selection.json',
    }
    lines = (out / 'budget_5.txt').read_text().splitlines()
    assert lines == [str(row) for row in farthest_point(FEATURES, 5, seed=1).order]


def test_another_selection_is_refused_unless_it_may_overwrite(tmp_path, select_samples):
    def files():
        out = sorted((tmp_path / 'out').iterdir())
        return {path.name: path.read_bytes() for path in out}

    given = ['--budget', 3, 5, '--names', tmp_path / 'names.txt', '--no-page']
    assert select_samples(*given).returncode == 0
    before = files()
    (tmp_path / 'exclude.txt').write_text(NAMES[7])
    np.save(tmp_path / 'other.npy', FEATURES + 1)
    for more, named in (
        (['--seed', 1], 'seed (then 0, now 1)'),
        (['--method', 'random'], 'method (then ds, now random)'),
        (['--distance', 'patch'], 'distance (then feature, now patch)'),
        (['--exclude', tmp_path / 'exclude.txt'], ': exclude'),
        (['--features', tmp_path / 'other.npy'], ': features'),
    ):
        done = select_samples(*given, *more)
        assert done.returncode == 2 and named in done.stderr, done.stderr
        assert '--overwrite' in done.stderr and '5/5 frames' not in done.stderr
    # the same once more, also where only the lists are left of a killed one
    assert files() == before
    assert select_samples(*given, '--memory', '1kB').returncode == 0
    (tmp_path / 'out/selection.json').unlink()
    assert select_samples(*given).returncode == 0
    assert files() == before
    assert select_samples(*given, '--budget', 3, 5, 9).returncode == 0
    assert files()['budget_5.txt'] == before['budget_5.txt']
    record = json.loads(files()['selection.json'])
    assert len(record['order']) == 9
    # a selection with networks, even of these features
    record['files']['config'] = dict(path='config.py', sha256='0')
    (tmp_path / 'out/selection.json').write_text(json.dumps(record))
    done = select_samples(*given)
    assert done.returncode == 2 and 'config' in done.stderr
    # nothing is removed before the new one is known
    kept = files()
    wrong = ['--budget', 500, '--seed', 1, '--overwrite']
    assert select_samples(*given, *wrong).returncode == 2
    assert files() == kept
    done = select_samples(*given, '--seed', 1, '--overwrite')
    assert done.returncode == 0 and 'budget_9.txt' not in files()
    assert json.loads(files()['selection.json'])['seed'] == 1


def test_says_how_the_axes_are_read(tmp_path, select_samples):
    done = select_samples('--budget', 3)
    assert 'f.npy: 3 channels at 2x2 positions' in done.stderr
    assert '(N, H, W, C)' not in done.stderr
    np.save(tmp_path / 'last.npy', np.repeat(FEATURES, 8, axis=3))
    done = select_samples('--budget', 3, '--overwrite', features='last.npy')
    assert 'warning: ' in done.stderr and 'transpose(0, 3, 1, 2)' in done.stderr


def test_only_split_files_are_removed(tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'budget_3.txt').touch()
    for name in ('mine.txt', 'budget_3.txt', 'selection.html'):
        (tmp_path / 'out' / name).touch()
    splits = {
        '1': '../budget_3.txt',
        '2': 'mine.txt',
        '3': 'budget_3.txt',
        '4': 5,
        '9': 'budget_9.txt',
    }
    record = tmp_path / 'out/selection.json'
    record.write_text(json.dumps(dict(splits=splits)))
    remove_selection(tmp_path / 'out')
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['mine.txt']
    assert (tmp_path / 'budget_3.txt').exists()
    remove_selection(tmp_path / 'out')
    record.write_text('[]')
    remove_selection(tmp_path / 'out')
    assert not record.exists()


def test_the_record_is_gone_while_splits_are_written(tmp_path, monkeypatch):
    """So that one that is there always means that the rest is."""

    def save(seed):
        chosen = select(FEATURES, 'random', 4, seed=seed)
        write_selection(tmp_path, chosen, None, [2, 4], dict(seed=seed))

    def full_disk(path, data):
        raise OSError('disk full')

    save(0)
    monkeypatch.setattr('mmdepthseg.name_lists.write_atomically', full_disk)
    with pytest.raises(OSError, match='disk full'):
        save(1)
    assert not list(tmp_path.iterdir())


def test_no_framework_is_imported(tmp_path, run_process):
    np.save(tmp_path / 'f.npy', FEATURES)
    code = (
        'import runpy, sys\n'
        f'sys.argv = ["x", "--features", {str(tmp_path / "f.npy")!r}, "--budget", "3",'
        f' "--out", {str(tmp_path / "out")!r}]\n'
        f'runpy.run_path({str(TOOL)!r}, run_name="__main__")\n'
        'roots = {name.split(".")[0] for name in sys.modules}\n'
        'print(sorted(roots & {"torch", "mmengine", "mmcv", "mmseg", "cv2"}))\n'
    )
    done = run_process(sys.executable, '-c', code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == '[]'


def test_amounts_of_memory():
    amounts = {'2G': 2**31, '512MiB': 2**29, '1.5 kB': 1536, '77': 77, '1t': 2**40}
    for text, expected in amounts.items():
        assert parse_bytes(text) == expected
    for text in ('', 'GB', '-1', '2X'):
        with pytest.raises(ValueError, match='memory'):
            parse_bytes(text)


def test_benchmark_runs(tmp_path, run_process):
    done = run_process(
        sys.executable, REPO / 'tools/analysis_tools/benchmark_selection.py',
        '--shape', 60, 20, 15, '--json', tmp_path / 'numbers.json',
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    head = [line for line in done.stdout.splitlines() if line.startswith('route')]
    assert head[0].count('of naive') == 3
    numbers = json.loads((tmp_path / 'numbers.json').read_text())
    assert [entry['route'] for entry in numbers] == [
        'naive64',
        'naive',
        'memory',
        'blocked',
    ]
    assert all(entry['order'] == numbers[0]['order'] for entry in numbers)
    assert all(0 <= n['picking_cpu_s'] <= n['cpu_s'] for n in numbers)


def test_benchmark_says_that_a_route_failed(tmp_path, run_process):
    done = run_process(
        sys.executable, REPO / 'tools/analysis_tools/benchmark_selection.py',
        '--shape', 30, 20, 5, '--device', 'no-such', '--routes', 'memory', 'naive',
        '--json', tmp_path / 'numbers.json',
    )  # fmt: skip
    assert done.returncode == 1
    assert re.search('memory .*code 2', done.stdout)
    numbers = json.loads((tmp_path / 'numbers.json').read_text())
    assert [entry['route'] for entry in numbers] == ['naive']
