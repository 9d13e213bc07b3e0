"""`tools/select_samples.py CONFIG CHECKPOINT`: again, after a kill, on two ranks."""

import json
import os
import shutil

import numpy as np
import pytest
from helpers import REPO
from helpers.selection_runs import BUDGETS, contents, record_of, times
from helpers.tiny_selection import NAMES, make_teacher

from mmdepthseg.apis.fingerprint import fingerprint_by_time
from mmdepthseg.apis.pool import ImagePool, predicted_images
from mmdepthseg.apis.selection import run, student
from mmdepthseg.launch.config import load_config
from mmdepthseg.selection.growth import grow
from mmdepthseg.utils.files import file_hash


def test_the_same_again_computes_nothing(finished, choose):
    before = times(finished)
    choose(finished)
    assert times(finished) == before


@pytest.fixture
def copied_again(select_world):
    """Give an image another time."""
    image = select_world / f'clips/drive 1/frames/{NAMES[1].rpartition("/")[2]}.png'
    state = image.stat()
    yield lambda: os.utime(image, ns=(1, 1))
    os.utime(image, ns=(state.st_atime_ns, state.st_mtime_ns))


def test_images_copied_again_are_the_same(finished, choose, copied_again, tmp_path):
    out = tmp_path / 'out'
    shutil.copytree(finished, out)
    before = times(out)
    copied_again()
    choose(out)
    assert times(out) == before


def test_selections_of_earlier_versions(
    select_world, finished, choose, copied_again, capsys, tmp_path
):
    """They knew the times of images alone."""
    cfg = load_config(str(select_world / 'select.py'))
    earlier = fingerprint_by_time(ImagePool(predicted_images(cfg)))
    of: dict[str, str] = {}
    for out in (tmp_path / 'same', tmp_path / 'copied'):
        shutil.copytree(finished, out)
        (out / 'images.json').unlink()
        for path in sorted(out.glob('*/**/stamp.json'), reverse=True):
            stamp = json.loads(path.read_text())
            stamp['made_with']['images'] = earlier
            if path.parts[-3] == 'students':
                of[path.parts[-2]] = student._digest(stamp['made_with'])
            if path.parts[-3] == 'scores':
                stamp['made_with']['student'] = of[path.parts[-2]]
            path.write_text(json.dumps(stamp))
    before = times(tmp_path / 'same')
    choose(tmp_path / 'same')
    copied_again()
    choose(tmp_path / 'same')
    assert times(tmp_path / 'same') == before
    with pytest.raises(SystemExit):
        choose(tmp_path / 'copied')
    error = capsys.readouterr().err.splitlines()[-1]
    assert 'features' in error and ': images.' in error and '--overwrite' in error


def test_weights_of_students_may_be_thrown_away(finished, choose, tmp_path):
    out = tmp_path / 'out'
    shutil.copytree(finished, out)
    for path in out.rglob('*.pth'):
        path.unlink()
    choose(out)
    assert not list(out.rglob('*.pth')) and contents(out) == contents(finished)
    shutil.rmtree(out / 'scores/6')
    choose(out)
    assert [path.name for path in out.rglob('*/6/*/iter_4.pth')] == ['iter_4.pth']
    assert contents(out) == contents(finished)


def test_goes_on_after_a_kill(finished, choose, tmp_path):
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
    choose(out)
    assert contents(out) == contents(finished)
    after = times(out)
    assert all(after[path] == time for path, time in kept.items())


def test_the_record_has_what_was_used(select_world, choose, tmp_path, monkeypatch):
    """A checkpoint may be removed in the hours until the end (`max_keep_ckpts`)."""
    checkpoint = tmp_path / 'teacher.pth'
    shutil.copy(select_world / 'teacher_0.pth', checkpoint)
    used, out = file_hash(checkpoint), tmp_path / 'out'

    def removed(*arguments, **options):
        checkpoint.unlink()
        return grow(*arguments, **options)

    monkeypatch.setattr(run, 'grow', removed)
    choose(out, *BUDGETS, method='ds', checkpoint=checkpoint)
    found = json.loads((out / 'selection.json').read_text())['files']
    assert found['checkpoint']['sha256'] == used and 'config' in found


def unfinish(folder):
    stamp = json.loads((folder / 'stamp.json').read_text())
    stamp.update(complete=False, facts={})
    (folder / 'stamp.json').write_text(json.dumps(stamp))


def test_two_ranks_choose_the_same(select_world, finished, run_in_ranks, tmp_path):
    given = [select_world / 'select.py', select_world / 'teacher_0.pth', '--no-page']
    given += ['--method', 'ds_us', '--seed', 5, *BUDGETS]
    given += ['--cfg-options', 'selection.student_ranks=all']
    run_in_ranks('select_samples', [*given, '--out', tmp_path / 'out'])
    expected, found = contents(finished), contents(tmp_path / 'out')
    # students trained on both ranks are equal up to rounding
    for key in [key for key in expected if key.startswith('scores/')]:
        np.testing.assert_allclose(
            np.load(tmp_path / 'out' / key), np.load(finished / key), rtol=1e-3
        )
        del found[key], expected[key]
    assert found == expected


def test_the_script_for_several_processes(
    select_world, finished, run_process, free_port, tmp_path
):
    out = tmp_path / 'out'
    done = run_process(
        *('bash', REPO / 'tools/dist_select.sh', select_world / 'select.py'),
        *(select_world / 'teacher_0.pth', 2, '--no-page', '--method', 'ds_us'),
        *('--seed', 5, *BUDGETS, '--out', out),
        *('--cfg-options', 'selection.student_ranks=one'),
        PORT=free_port(),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    # students trained on one rank are the same
    assert contents(out) == contents(finished)


def test_other_settings_are_named(select_world, finished, choose, capsys, tmp_path):
    def error(out, *arguments, **options):
        with pytest.raises(SystemExit) as stop:
            choose(out, *BUDGETS, *arguments, **options)
        assert stop.value.code == 2
        return capsys.readouterr().err.splitlines()[-1]

    out = tmp_path / 'out'
    shutil.copytree(finished, out)
    before = contents(out)
    assert 'method (then ds_us, now us)' in error(out, method='us')
    assert 'seed (then 5, now 7)' in error(out, '--seed', 7)
    (tmp_path / 'e.txt').write_text(NAMES[0])
    assert ': exclude' in error(out, '--exclude', tmp_path / 'e.txt')
    assert 'budget (then [3, 6, 8], now [6, 8])' in error(out, '--budget', 6, 8)
    assert 'budget (then [3, 6, 8], now [3, 7, 8]' in error(out, '--budget', 3, 7, 8)
    assert ': train_cfg' in error(out, '--cfg-options', 'selection.iterations=5')
    # without the record, as after a kill before the end
    (out / 'selection.json').unlink()
    dilation = 'selection.criterion.far_dilation=5'
    assert ': criterion' in error(out, '--cfg-options', dilation)
    make_teacher(select_world, seed=1)
    assert ': checkpoint_sha256' in error(out, checkpoint='teacher_1.pth')
    assert contents(out) == before


def test_budgets_may_end_earlier_or_go_on(finished, choose, tmp_path):
    out = tmp_path / 'out'
    shutil.copytree(finished, out)
    order, before = record_of(out)['order'], times(out)
    choose(out, '--budget', 6, 3)
    assert record_of(out)['order'] == order[:6]
    assert not (out / 'budget_8.txt').exists() and times(out) == before
    choose(out, '--budget', 3, 6, 8)
    assert record_of(out)['order'] == order and times(out) == before


def test_overwrite_replaces_what_changed(finished, choose, tmp_path):
    out = tmp_path / 'out'
    shutil.copytree(finished, out)
    before = times(out)
    changes = ('selection.criterion.error=sq', 'selection.iterations=3')
    choose(out, '--budget', 3, 7, '--overwrite', '--cfg-options', *changes)
    after = times(out)
    same = {
        str(path.relative_to(out)) for path in before if after.get(path) == before[path]
    }
    assert 'features.npy' in same and 'scores/3/scores.npy' not in same
    assert not (out / 'budget_6.txt').exists() and (out / 'budget_7.txt').exists()
    assert (out / 'students/3/work_dir/iter_3.pth').exists()
    assert not (out / 'students/3/work_dir/iter_4.pth').exists()
