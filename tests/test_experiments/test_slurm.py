"""Stages as jobs of Slurm: what is submitted, when again, what is said of it."""

import re
import sys

import pytest
from helpers.tiny_stages import order, stage

from mmdepthseg.experiments import run as run_module
from mmdepthseg.experiments.slurm import SlurmRunner, StageJob, refuse_if_queued
from mmdepthseg.experiments.stage import Stage, StageBook
from mmdepthseg.utils.errors import UserError

PARAMETERS = dict(partition='gpu', gpus_per_node=1, mem_gb=8)


@pytest.fixture(autouse=True)
def _poll_often(monkeypatch):
    monkeypatch.setattr(run_module, 'POLL_SECONDS', 0.02)


@pytest.fixture
def call(fake_slurm, tmp_path):
    """A call of the tool for some stages; returns the book."""

    def call(stages, submit=True, **options):
        book = StageBook(stages, tmp_path / 'work')
        runner = SlurmRunner(book, PARAMETERS)
        runner.look()
        if submit:
            runner.submit(**options)
        runner.show()
        return book

    (tmp_path / 'work').mkdir()
    return call


@pytest.fixture
def three(tmp_path):
    return [
        stage('first', tmp_path),
        stage('second', tmp_path, ['first']),
        stage('third', tmp_path, ['first', 'second']),
    ]


def test_submits_each_once_behind_what_it_needs(call, three, fake_slurm):
    assert set(call(three).states().values()) == {'queued'}
    assert fake_slurm.needs() == dict(first=[], second=['1'], third=['1', '2'])
    text = fake_slurm.jobs()['second']
    for line in ('partition=gpu', 'gpus-per-node=1', 'mem=8GB', 'time=240', 'requeue'):
        assert f'#SBATCH --{line}' in text
    call(three)
    assert len(fake_slurm.jobs()) == 3


def test_collects(call, three, fake_slurm, tmp_path, capsys):
    book = call(three)
    fake_slurm.set_state(1, 'RUNNING')
    book.log('first').write_text(
        'Iter(train) [ 20/600]  lr: 1e-3  eta: 0:01:02  time: 1  loss: 1.25'
    )
    capsys.readouterr()
    states = call(three, submit=False).states()
    assert states == dict(first='running', second='queued', third='queued')
    assert re.search(r'first.* 20 .*600', capsys.readouterr().out)
    fake_slurm.work()
    assert order(tmp_path) == ['first', 'second', 'third']
    assert set(call(three).states().values()) == {'done'}
    assert not fake_slurm.jobs()


def test_a_failure_is_told_until_it_is_to_be_tried_again(
    call,
    fake_slurm,
    tmp_path,
    capsys,
):
    def stages(reads=()):
        bad = stage('bad', tmp_path, fail=True, reads=reads)
        return [bad, stage('after', tmp_path, ['bad']), stage('other', tmp_path)]

    call(stages())
    fake_slurm.work()
    assert order(tmp_path) == ['bad', 'other']
    for _ in range(2):
        book = call(stages())
        assert book.states() == dict(bad='failed', after='failed', other='done')
        assert 'exit code 1' in book.failed['bad'] and 'bad' in book.failed['after']
        assert str(book.log('bad')) in book.failed['bad']
        assert not fake_slurm.jobs()
    call(stages(), retry=True)
    assert list(fake_slurm.jobs()) == ['bad', 'after']
    fake_slurm.work()
    config = tmp_path / 'config'
    config.write_text('else')
    call(stages([config]))  # something else is wanted now
    assert list(fake_slurm.jobs()) == ['bad', 'after']


def test_a_job_goes_on_in_the_folder_of_its_stage(tmp_path, monkeypatch):
    """As when Slurm starts it again."""
    code = "open(r'%s/steps', 'a').write('step '); open(r'%s').close()"
    folder = tmp_path / 'folder'
    folder.mkdir()
    command = (
        sys.executable,
        '-S',
        '-c',
        code % (folder, tmp_path / 'ready'),
    )
    job = StageJob(Stage('train', (command,), str, folder=str(folder)), tmp_path, 'one')
    with pytest.raises(SystemExit, match='train.*exit code 1'):
        job()
    assert not folder.exists()  # it had been there before, made with something else
    folder.mkdir()
    with pytest.raises(SystemExit):
        job()
    (tmp_path / 'ready').touch()
    again = job.checkpoint()
    assert again.function is job
    again.result()
    assert (folder / 'steps').read_text().split() == ['step'] * 2
    assert StageBook([job.stage], tmp_path).states() == dict(train='done')


def test_what_is_given_is_no_job(call, tmp_path, fake_slurm):
    given = Stage('given', (), str, outputs=(str(tmp_path),))
    call([given, stage('first', tmp_path, ['given'])])
    assert fake_slurm.needs() == dict(first=[])
    fake_slurm.work()
    assert order(tmp_path) == ['first']


def test_no_local_run_beside_jobs(call, three, fake_slurm, tmp_path):
    call(three)
    with pytest.raises(UserError, match='first, second, third'):
        refuse_if_queued(tmp_path / 'work')
    fake_slurm.work()
    refuse_if_queued(tmp_path / 'work')


@pytest.mark.parametrize(
    'parameter, wanted',
    [
        (dict(partitoin='gpu'), 'partitoin'),
        (dict(mem_gb='much'), 'much'),
        (dict(nodes=2), 'nodes'),
        (dict(partition='none'), 'first.*invalid partition'),
    ],
)
def test_parameters_that_do_not_go(
    parameter,
    wanted,
    three,
    fake_slurm,
    tmp_path,
):
    runner = SlurmRunner(StageBook(three, tmp_path / 'work'), parameter)
    with pytest.raises(UserError, match=f'(?s){wanted}'):
        runner.submit()
    assert not fake_slurm.jobs()


def test_without_slurm_or_submitit(three, tmp_path, monkeypatch):
    runner = SlurmRunner(StageBook(three, tmp_path), {})
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(UserError, match='squeue'):
        runner.look()
    with pytest.raises(UserError, match='srun'):
        runner.submit()
    monkeypatch.setitem(sys.modules, 'submitit', None)
    with pytest.raises(UserError, match=r'^--slurm needs .*submitit.*\[slurm\]'):
        runner.submit()
