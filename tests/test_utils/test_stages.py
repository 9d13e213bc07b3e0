"""Stages: order, skipping, what changes, failures."""

import sys

import pytest

from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.stages import Stage, StageRunner


def stage(name, tmp_path, needs=(), reads=(), fail=False):
    """A stage that appends its name to a file and writes an output."""
    code = (f"import sys; open(r'{tmp_path}/order', 'a').write('{name} ');"
            f"open(r'{tmp_path}/{name}.out', 'w').close(); sys.exit({int(fail)})")
    return Stage(name, ((sys.executable, '-c', code), ), needs, reads,
                 (f'{tmp_path}/{name}.out', ))


def run(stages, tmp_path):
    """Run them; returns the order in which they ran so far."""
    StageRunner(stages, tmp_path / 'work').run()
    return (tmp_path / 'order').read_text().split()


def test_runs_in_order_of_need_and_only_once(tmp_path):
    stages = [stage('second', tmp_path, ('first', )), stage('first', tmp_path)]
    assert run(stages, tmp_path) == ['first', 'second']
    assert run(stages, tmp_path) == ['first', 'second']


def test_a_changed_file_redoes_what_depends_on_it(tmp_path):
    config = tmp_path / 'config.py'
    config.write_text('a = 1')
    stages = [stage('first', tmp_path, reads=(str(config), )),
              stage('second', tmp_path, ('first', )), stage('other', tmp_path)]
    run(stages, tmp_path)
    config.write_text('a = 2')
    assert sorted(run(stages, tmp_path)) == [
        'first', 'first', 'other', 'second', 'second']


def test_a_lost_output_redoes_the_stage(tmp_path):
    stages = [stage('first', tmp_path)]
    run(stages, tmp_path)
    (tmp_path / 'first.out').unlink()
    assert run(stages, tmp_path) == ['first', 'first']


def test_a_failure_names_stage_and_log_and_is_not_stamped(tmp_path):
    stages = [stage('bad', tmp_path, fail=True), stage('after', tmp_path, ('bad', ))]
    with pytest.raises(UserError, match='stage bad failed.*exit code 1.*bad.log'):
        run(stages, tmp_path)
    assert (tmp_path / 'order').read_text().split() == ['bad']
    with pytest.raises(UserError):
        run(stages, tmp_path)


def test_a_missing_output_is_a_failure(tmp_path):
    lost = Stage('lost', ((sys.executable, '-c', ''), ), outputs=('nowhere.out', ))
    with pytest.raises(UserError, match='nowhere.out'):
        StageRunner([lost], tmp_path / 'work').run()


def resumable(tmp_path, seed, stop=False):
    """A stage that counts on from what its folder holds, as --resume does."""
    folder = tmp_path / 'folder'
    code = ('import pathlib, sys\n'
            f"folder = pathlib.Path(r'{folder}')\n"
            'folder.mkdir(exist_ok=True)\n'
            "log = folder / 'log'\n"
            f"log.write_text((log.read_text() if log.exists() else '') + '{seed} ')\n"
            f'sys.exit({int(stop)})')
    return Stage('train', ((sys.executable, '-c', code), ), folder=str(folder),
                 reads=(str(tmp_path / 'seed'), ))


def test_an_interrupted_stage_goes_on_but_never_with_another_hash(tmp_path):
    (tmp_path / 'seed').write_text('7')
    with pytest.raises(UserError):
        StageRunner([resumable(tmp_path, 7, stop=True)], tmp_path / 'work').run()
    # the command is part of the hash: another one starts afresh
    StageRunner([resumable(tmp_path, 7)], tmp_path / 'work').run()
    log = tmp_path / 'folder' / 'log'
    assert log.read_text() == '7 '
    (tmp_path / 'work' / 'train.done.json').unlink()
    StageRunner([resumable(tmp_path, 7)], tmp_path / 'work').run()
    assert log.read_text() == '7 7 '
    (tmp_path / 'seed').write_text('8')
    StageRunner([resumable(tmp_path, 7)], tmp_path / 'work').run()
    assert log.read_text() == '7 '
