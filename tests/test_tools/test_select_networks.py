"""`tools/select_samples.py CONFIG CHECKPOINT`: teacher, students, restarts, ranks."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import REPO
from helpers.tiny_selection import NAMES, make_config, make_pool, make_teacher

from mmdepthseg.apis import load_model
from mmdepthseg.selection import farthest_point, select

BUDGETS = ('--budget', 3, 6, 8)


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    """Clips, an untrained teacher and a config of students."""
    root = tmp_path_factory.mktemp('world')
    make_pool(root)
    make_teacher(root)
    make_config(root)
    return root


@pytest.fixture(scope='module')
def reference(world):
    """Files of a ds_us selection on one rank; see `finished`."""
    return world / 'reference'


@pytest.fixture
def finished(world, reference, run_tool, capsys):
    if not (reference / 'selection.json').exists():
        choose(run_tool, world, reference)
    return reference


def choose(
    run_tool,
    world,
    out,
    *arguments,
    method='ds_us',
    config='select.py',
    checkpoint='teacher_0.pth',
):
    networks = [world / config]
    if checkpoint:
        networks.append(world / checkpoint)
    run_tool(
        'select_samples',
        *networks,
        '--method',
        method,
        '--out',
        out,
        '--seed',
        5,
        '--device',
        'cpu',
        *(arguments or BUDGETS),
    )


def record_of(out):
    return json.loads((out / 'selection.json').read_text())


def contents(out):
    """Bytes of all that is computed, by path."""
    kinds = ('.npy', '.txt', '.png')
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob('*'))
        if path.suffix in kinds
    }


def times(out):
    return {
        path: path.stat().st_mtime_ns
        for path in out.rglob('*')
        if path.suffix in ('.npy', '.pth', '.png')
    }


def test_features_are_those_of_the_teachers_decoder(world, finished):
    features = np.load(finished / 'features.npy')
    assert features.shape == (len(NAMES), 8, 2, 3)
    assert (finished / 'names.txt').read_text().splitlines() == NAMES
    model = load_model(str(world / 'teacher.py'), world / 'teacher_0.pth')
    import cv2

    for row in (0, 7):
        clip, frame = NAMES[row].split('/')
        image = cv2.imread(str(world / f'clips/{clip}/frames/{frame}.png'))
        image = torch.from_numpy(image).permute(2, 0, 1)
        batch = model.data_preprocessor(dict(inputs=[image]))
        with torch.no_grad():
            levels = model.extract_feat(batch['inputs'].img)
            expected = F.avg_pool2d(model.depth_head.decoder(levels)[3], 4)[0]
        np.testing.assert_allclose(features[row], expected, rtol=1e-4, atol=1e-5)


def test_picks_follow_from_features_and_scores(finished):
    record = record_of(finished)
    order = record['order']
    features = np.load(finished / 'features.npy')
    # no student yet: the first step is by distance alone
    assert order[:3] == farthest_point(features, 3, seed=5).order.tolist()
    for known, budget in ((3, 6), (6, 8)):
        rest = [row for row in range(len(NAMES)) if row not in order[:known]]
        scores = np.zeros(len(NAMES))
        scores[rest] = np.load(finished / f'scores/{known}/scores.npy')
        assert scores[rest].min() > 0
        part = select(features, 'ds_us', budget, scores=scores, initial=order[:known])
        assert part.order.tolist() == order[:budget]
        assert record['score'][known:budget] == scores[order[known:budget]].tolist()
        lines = (finished / f'students/{known}/images.txt').read_text().splitlines()
        assert lines == [NAMES[row] for row in order[:known]]
    assert record['score'][:3] == [None] * 3


def test_record_and_split_files(world, finished):
    record = record_of(finished)
    names = [NAMES[row] for row in record['order']]
    for budget in (3, 6, 8):
        text = (finished / f'budget_{budget}.txt').read_text()
        assert text.splitlines() == names[:budget]
    assert record['names'] == names and record['seed'] == 5
    steps = record['steps']
    assert [(s['known'], s['budget'], s['method']) for s in steps] == [
        (0, 3, 'ds'),
        (3, 6, 'ds_us'),
        (6, 8, 'ds_us'),
    ]
    assert steps[0]['student'] is None
    assert [s['student']['iterations'] for s in steps[1:]] == [4, 4]
    assert set(record['files']) == {'checkpoint', 'config', 'features', 'names'}
    assert record['files']['checkpoint']['path'] == str(world / 'teacher_0.pth')
    assert record['options']['criterion']['far_threshold'] == 0.07
    assert record['images'] == len(NAMES) and 'torch' in record['versions']
    assert 'loss_disparity' in (finished / 'config.py').read_text()
    assert '<html' in (finished / 'selection.html').read_text()[:300]


def test_a_split_file_restricts_a_data_set(world, finished):
    from mmdepthseg.datasets import ClipDataset

    dataset = ClipDataset(
        data_root=str(world / 'clips'),
        labeled_subset=dict(ann_file=str(finished / 'budget_6.txt')),
        pipeline=[],
    )
    names = {dataset.get_data_info(i)['img_id'] for i in range(len(dataset))}
    assert names == set((finished / 'budget_6.txt').read_text().splitlines())


def test_the_same_again_computes_nothing(world, finished, run_tool):
    before = times(finished)
    choose(run_tool, world, finished)
    assert times(finished) == before


def test_weights_of_students_may_be_thrown_away(world, finished, run_tool, tmp_path):
    out = tmp_path / 'out'
    shutil.copytree(finished, out)
    for path in out.rglob('*.pth'):
        path.unlink()
    choose(run_tool, world, out)
    assert not list(out.rglob('*.pth')) and contents(out) == contents(finished)
    shutil.rmtree(out / 'scores/6')
    choose(run_tool, world, out)
    assert [path.name for path in out.rglob('*/6/*/iter_4.pth')] == ['iter_4.pth']
    assert contents(out) == contents(finished)


def test_goes_on_after_a_kill(world, finished, run_tool, tmp_path):
    """A student in the middle of its training, features and labels half done."""
    out = tmp_path / 'out'
    shutil.copytree(finished, out)
    (out / 'selection.json').unlink()
    shutil.rmtree(out / 'scores/6')
    unfinish(out / 'students/6')
    work_dir = out / 'students/6/work_dir'
    (work_dir / 'iter_4.pth').unlink()
    (work_dir / 'last_checkpoint').write_text(str(work_dir / 'iter_2.pth'))
    unfinish(out / 'features')
    features = np.load(out / 'features.npy')
    (out / 'features.npy').unlink()
    (out / 'features/parts').mkdir()
    np.save(out / 'features/parts/part_0000000-0000012_by_2.npy', features[:12])
    manifest = json.loads((out / 'depth_labels/manifest.json').read_text())
    del manifest['files'][NAMES[3]]
    manifest['complete'] = False
    (out / 'depth_labels/manifest.json').write_text(json.dumps(manifest))
    (out / f'depth_labels/{NAMES[3]}.png').unlink()
    kept = {
        path: time
        for path, time in times(out).items()
        if 'depth_labels' in str(path) or 'students/3' in str(path)
    }
    choose(run_tool, world, out)
    assert contents(out) == contents(finished)
    after = times(out)
    assert all(after[path] == time for path, time in kept.items())


def unfinish(folder):
    stamp = json.loads((folder / 'stamp.json').read_text())
    stamp.update(complete=False, facts={})
    (folder / 'stamp.json').write_text(json.dumps(stamp))


@pytest.mark.parametrize('ranks', ['one', 'all'])
def test_two_ranks_choose_the_same(
    ranks, world, finished, run_process, free_port, tmp_path
):
    out = tmp_path / 'out'
    done = run_process(
        'bash',
        REPO / 'tools/dist_select.sh',
        world / 'select.py',
        world / 'teacher_0.pth',
        2,
        '--method',
        'ds_us',
        '--out',
        out,
        '--seed',
        5,
        *BUDGETS,
        '--no-page',
        '--cfg-options',
        f'selection.student_ranks={ranks}',
        OMP_NUM_THREADS='1',
        PORT=free_port(),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found, expected = contents(out), contents(finished)
    if ranks == 'all':  # students are equal up to rounding
        for key in [key for key in expected if key.startswith('scores/')]:
            np.testing.assert_allclose(
                np.load(out / key), np.load(finished / key), rtol=1e-3
            )
            del found[key], expected[key]
    assert found == expected


def test_other_settings_are_named(world, finished, run_tool, capsys, tmp_path):
    def error(*arguments, out=finished, **options):
        with pytest.raises(SystemExit) as stop:
            choose(run_tool, world, out, *BUDGETS, *arguments, **options)
        assert stop.value.code == 2
        return capsys.readouterr().err.splitlines()[-1]

    before = contents(finished)
    assert 'made with something else: method (then ds_us, now us)' in error(method='us')
    assert 'made with something else: seed (then 5, now 7)' in error('--seed', 7)
    (tmp_path / 'e.txt').write_text(NAMES[0])
    assert 'made with something else: exclude' in error('--exclude', tmp_path / 'e.txt')
    assert 'else: budget (then [3, 6, 8], now [6, 8])' in error('--budget', 6, 8)
    assert 'budget (then [3, 6, 8], now [3, 7, 8]' in error('--budget', 3, 7, 8)
    assert 'the student of 3 images made with something else: train_cfg' in error(
        '--cfg-options', 'selection.iterations=5'
    )
    assert 'the scores by 3 images made with something else: criterion' in error(
        '--cfg-options', 'selection.criterion.far_dilation=5', out=renamed(finished)
    )
    make_teacher(world, seed=1)
    message = error(checkpoint='teacher_1.pth', out=renamed(finished))
    assert 'the features made with something else: checkpoint_sha256' in message
    assert contents(finished) == before


def renamed(finished):
    """The folder without the record, as after a kill before the end."""
    record = finished / 'selection.json'
    if record.exists():
        record.rename(finished / 'selection.bak')
    return finished


@pytest.fixture(autouse=True)
def _record_back(reference):
    yield
    if (reference / 'selection.bak').exists():
        (reference / 'selection.bak').rename(reference / 'selection.json')


def test_budgets_may_end_earlier_or_go_on(world, finished, run_tool, tmp_path):
    out = tmp_path / 'out'
    shutil.copytree(finished, out)
    order, before = record_of(out)['order'], times(out)
    choose(run_tool, world, out, '--budget', 6, 3)
    assert record_of(out)['order'] == order[:6]
    assert not (out / 'budget_8.txt').exists() and times(out) == before
    choose(run_tool, world, out, '--budget', 3, 6, 8)
    assert record_of(out)['order'] == order and times(out) == before


def test_overwrite_makes_anew_what_changed(world, finished, run_tool, tmp_path):
    out = tmp_path / 'out'
    shutil.copytree(finished, out)
    before = times(out)
    choose(
        run_tool,
        world,
        out,
        '--budget',
        3,
        7,
        '--overwrite',
        '--cfg-options',
        'selection.criterion.error=sq',
        'selection.iterations=3',
    )
    after = times(out)
    same = {
        str(path.relative_to(out)) for path in before if after.get(path) == before[path]
    }
    assert 'features.npy' in same and 'scores/3/scores.npy' not in same
    assert not (out / 'budget_6.txt').exists() and (out / 'budget_7.txt').exists()
    assert (out / 'students/3/work_dir/iter_3.pth').exists()
    assert not (out / 'students/3/work_dir/iter_4.pth').exists()


def test_teachers_output_is_shared(world, finished, run_tool, tmp_path):
    out = tmp_path / 'out'
    before = times(finished)
    choose(run_tool, world, out, *BUDGETS[:3], '--teacher-dir', finished, method='us')
    assert times(finished) == before and not (out / 'features.npy').exists()
    order = record_of(out)['order']
    assert order[:3] == np.random.RandomState(5).permutation(len(NAMES))[:3].tolist()
    score = record_of(out)['score'][3:]
    assert score == sorted(score, reverse=True)


def test_labelled_and_excluded_frames(world, run_tool, finished, tmp_path):
    order = record_of(finished)['order']
    (tmp_path / 'initial.txt').write_text(
        '# labelled\n' + ''.join(f'{NAMES[row]}\n' for row in order[:3])
    )
    (tmp_path / 'exclude.txt').write_text(f'{NAMES[order[3]]}\n')
    out = tmp_path / 'out'
    choose(
        run_tool,
        world,
        out,
        '--budget',
        5,
        '--teacher-dir',
        finished,
        '--initial',
        tmp_path / 'initial.txt',
        '--exclude',
        tmp_path / 'exclude.txt',
    )
    record = record_of(out)
    assert record['order'][:3] == order[:3] and order[3] not in record['order']
    assert record['initial'] == 3
    # a student of the labelled ones, the same as in the other selection
    scores = np.load(out / 'scores/3/scores.npy')
    rest = [row for row in range(len(NAMES)) if row not in order[:3]]
    expected = np.load(finished / 'scores/3/scores.npy')[
        [row != order[3] for row in rest]
    ]
    np.testing.assert_allclose(scores, expected, rtol=1e-5)


def test_a_depth_config_alone_serves_diversity(world, run_tool, tmp_path):
    """CONFIG may be the teacher's own; no students, no `selection` in it."""
    pool = (world / 'select.py').read_text()
    start = pool.index('predict_pipeline')
    loader = (
        pool[start : pool.index('train_pipeline')]
        + pool[pool.index('predict_dataloader') : pool.index('train_dataloader')]
    )
    text = (world / 'teacher.py').read_text() + loader
    text += 'selection = dict(features=dict(size=(2, 3)))\n'
    (world / 'sde.py').write_text(text)
    choose(
        run_tool, world, tmp_path / 'out', '--budget', 4, method='ds', config='sde.py'
    )
    order = record_of(tmp_path / 'out')['order']
    features = np.load(tmp_path / 'out/features.npy')
    assert order == farthest_point(features, 4, seed=5).order.tolist()
    assert not (tmp_path / 'out/students').exists()


def test_minimum_distance_ends_early(world, finished, run_tool, tmp_path, capsys):
    choose(
        run_tool,
        world,
        tmp_path / 'out',
        '--budget',
        12,
        '--min-distance',
        5,
        '--teacher-dir',
        finished,
        method='ds',
    )
    record = record_of(tmp_path / 'out')
    assert record['stopped_by_min_distance'] and 1 < len(record['order']) < 12
    assert f'stopped at {len(record["order"])} frames' in capsys.readouterr().err


def test_random_needs_no_network(world, run_tool, tmp_path):
    choose(
        run_tool,
        world,
        tmp_path / 'out',
        '--budget',
        4,
        method='random',
        checkpoint=None,
    )
    order = np.random.RandomState(5).permutation(len(NAMES))[:4]
    assert record_of(tmp_path / 'out')['order'] == order.tolist()
    assert not (tmp_path / 'out/features.npy').exists()


def test_names_of_the_repository_stay_out_of_the_way(world, finished):
    """Everything is below --out; a relative path in the stamps would not survive."""
    stamp = json.loads((finished / 'students/3/stamp.json').read_text())
    assert not Path(stamp['facts']['checkpoint']).is_absolute()
    assert 'labeled_subset' not in stamp['made_with']['train_dataloader']['dataset']
