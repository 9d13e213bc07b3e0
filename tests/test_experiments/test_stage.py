"""The book of stages: what is done, with what it was made, how far it is."""

import io
import json
from dataclasses import replace
from functools import partial

import pytest
from helpers.tiny_stages import read, stage

from mmdepthseg.experiments.report import keep_earlier
from mmdepthseg.experiments.stage import Stage, StageBook, tail
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.progress import Progress

ITERATION = (
    '2026/01/01 00:00:00 - mmengine - INFO - Iter(train) [ 20/600]  base_lr: 1e-3 '
    'lr: 1e-3  eta: 0:01:02  time: 0.1  data_time: 0.1  loss: 1.25  a.loss: 1\n'
)


def do(book, *names):
    """As if they had been run."""
    for name in names:
        if book.begin(book.stages[name]):
            for output in book.stages[name].outputs:
                open(output, 'w').close()
            book.finish(name, [1.0, 2.0])


def test_states(tmp_path):
    config = tmp_path / 'config.py'
    config.write_text('a = 1')
    stages = [
        stage('first', tmp_path, reads=[config]),
        stage('second', tmp_path, ['first']),
        stage('other', tmp_path),
    ]
    book = StageBook(stages, tmp_path / 'work')
    assert set(book.states().values()) == {'missing'}
    do(book, *book.stages)
    assert set(book.states().values()) == {'done'}
    assert book.record('first')['seconds'] == 3
    assert book.record('first')['command_seconds'] == [1, 2]
    config.write_text('a = 2')
    (tmp_path / 'other.out').unlink()
    assert book.states() == dict(first='outdated', second='outdated', other='missing')
    book.busy['first'], book.failed['second'] = 'running', 'why'
    assert book.states() == dict(first='running', second='failed', other='missing')


def test_a_stage_is_not_begun_before_what_it_needs(tmp_path):
    stages = [stage('first', tmp_path), stage('second', tmp_path, ['first'])]
    book = StageBook(stages, tmp_path / 'work')
    with pytest.raises(UserError, match='second.*first'):
        book.begin(stages[1])


def test_versions_of_all_starts_with_the_same_key(tmp_path):
    made = stage('first', tmp_path)
    StageBook([made], tmp_path / 'work', 'one').begin(made)
    book = StageBook([made], tmp_path / 'work', 'two')
    do(book, 'first')
    assert book.record('first')['versions'] == ['one', 'two']
    do(StageBook([made], tmp_path / 'work', 'three'), 'first')  # done already
    assert book.record('first')['versions'] == ['one', 'two']
    other = Stage('first', made.commands, partial(read, ['else']), outputs=made.outputs)
    do(StageBook([other], tmp_path / 'work', 'three'), 'first')
    assert book.record('first')['versions'] == ['three']


def test_progress_and_end_of_a_log(tmp_path):
    book = StageBook([stage('first', tmp_path)], tmp_path)
    assert book.progress('first') is None
    book.log('first').write_text('start\n' * 1000 + ITERATION + 'no iteration\n')
    progress = book.progress('first')
    assert all(word in progress for word in ('20', '600', '1.25', '0:01:02'))
    with pytest.MonkeyPatch.context() as patch:
        log = io.StringIO()
        patch.setattr('sys.stderr', log)
        Progress('rendered', 'clips')(4, 90)
    (tmp_path / 'second.log').write_text(log.getvalue())
    assert '4/90 clips' in book.progress('second')
    end = tail(book.log('first')).splitlines()
    assert end[0].endswith('first.log') and end[-1] == '  no iteration'
    assert len(end) < 20


def with_folder(tmp_path):
    """A stage with a folder, and its book."""
    made = replace(stage('sde', tmp_path), folder=str(tmp_path / 'work/sde'))
    return made, StageBook([made], tmp_path / 'work')


def test_a_folder_of_somebody_else_is_not_removed(tmp_path):
    made, book = with_folder(tmp_path)
    network = tmp_path / 'work/sde/iter_1000.pth'
    network.parent.mkdir(parents=True)
    book.begin(made)  # empty
    for path in (tmp_path / 'work').glob('sde.*'):
        path.unlink()
    network.parent.mkdir(exist_ok=True)
    network.write_text('of a week')
    with pytest.raises(UserError, match='work/sde .*no record.*--work-dir'):
        book.begin(made)
    assert network.read_text() == 'of a week'


def test_seconds_of_all_calls_count(tmp_path):
    """Else a training that was stopped at its end would seem to take none."""
    made = stage('train', tmp_path)
    book = StageBook([made], tmp_path / 'work')
    for seconds in ([100.0], [20.0, 5.0]):
        assert book.begin(made)
        book.pause('train', seconds)
        book = StageBook([made], tmp_path / 'work')
    do(book, 'train')
    record = book.record('train')
    assert record['command_seconds'] == [121.0, 7.0] and record['seconds'] == 128
    assert 'spent' not in record
    (tmp_path / 'train.out').unlink()
    do(book, 'train')
    assert book.record('train')['seconds'] == 3


def test_seconds_of_a_training_whose_test_is_repeated(tmp_path):
    folder, output = tmp_path / 'train', tmp_path / 'train.out'
    made = replace(
        stage('train', tmp_path), folder=str(folder), commands=(('train',), ('test',))
    )
    book = StageBook([made], tmp_path / 'work')
    assert book.begin(made)
    folder.mkdir()
    output.touch()
    book.finish('train', [1000.0, 30.0])
    output.unlink()
    do(book, 'train')
    assert book.record('train')['command_seconds'] == [1001, 2]
    alone = replace(made, commands=(('train',),))  # its output is the checkpoint
    output.unlink()
    do(StageBook([alone], tmp_path / 'work'), 'train')
    assert book.record('train')['command_seconds'] == [1, 2]
    output.unlink()
    folder.rmdir()  # the training itself is repeated
    do(book, 'train')
    assert book.record('train')['command_seconds'] == [1, 2]


def test_the_folder_of_a_damaged_record_is_kept_aside(tmp_path):
    made, book = with_folder(tmp_path)
    book.begin(made)
    (tmp_path / 'work/sde').mkdir()
    (tmp_path / 'work/sde/iter_1000.pth').write_text('of a week')
    (record,) = (tmp_path / 'work').glob('sde.started.json')
    record.write_text('{')
    assert book.begin(made)
    assert (tmp_path / 'work/sde.damaged-1/iter_1000.pth').exists()


def test_progress_of_more_than_a_day(tmp_path):
    book = StageBook([stage('long', tmp_path)], tmp_path)
    book.log('long').write_text(ITERATION.replace('0:01:02', '1 day, 3:25:01'))
    assert '1 day, 3:25:01 left' in book.progress('long')


def test_results_that_only_the_file_has_are_kept(tmp_path, capsys):
    """Those of another machine, if a later call leaves `--results` out."""
    book = StageBook([stage('here', tmp_path)], tmp_path / 'work')
    do(book, 'here')
    path = tmp_path / 'results.json'
    done = dict(state='done', log='', figures={}, best={}, seconds=1.0)
    done.update(versions=[], hash='a')
    runs = [dict(done, name=name) for name in ('here', 'there')]
    new = [dict(name='next', state='done'), dict(name='there', state='missing')]
    for number in (1, 2):
        path.write_text(json.dumps(dict(runs=runs)))
        keep_earlier(path, new, book)
        kept = tmp_path / f'results.earlier-{number}.json'
        assert json.loads(kept.read_text()) == dict(runs=runs) and not path.exists()
        assert capsys.readouterr().out.endswith('only they have there\n')
    path.write_text(json.dumps(dict(runs=runs)))
    keep_earlier(path, [*new[:1], dict(runs[1])], book)
    assert path.exists()
    path.write_text('{"runs": [1]}')
    keep_earlier(path, new, book)
    assert path.exists()
