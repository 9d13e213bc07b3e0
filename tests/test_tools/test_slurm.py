"""Tables on a real Slurm, of one node: make test-slurm."""

import json
import os
import select
import shutil
import subprocess
import sys
from functools import partial

import pytest
from helpers import REPO
from helpers.tiny_stages import order, read, stage
from helpers.tiny_streets import ITERS
from helpers.tiny_tables import TinyTable

from mmdepthseg.experiments.slurm import SlurmRunner, queued_jobs
from mmdepthseg.experiments.stage import Stage, StageBook

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(
        'SLURM_CONF' not in os.environ or shutil.which('sbatch') is None,
        reason='needs Slurm: make test-slurm',
    ),
]
PARAMETERS = dict(partition='tests', cpus_per_task=1)


@pytest.fixture(autouse=True)
def _jobs_find_the_stages(monkeypatch):
    """What decides a stage of these tests is said by a function of theirs."""
    monkeypatch.setenv('PYTHONPATH', str(REPO / 'tests'))


def call(stages, folder, submit=True, **options):
    """A call of the tool for some stages; returns the book."""
    book = StageBook(stages, folder)
    folder.mkdir(exist_ok=True)
    runner = SlurmRunner(book, PARAMETERS)
    runner.look()
    if submit:
        runner.submit(**options)
    runner.show()
    return book


def slurm(*command):
    """Output of a command of Slurm."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def wait_for(folder):
    """Wait until the queue has no job of a folder: behind all of them."""
    while jobs := queued_jobs(folder):
        numbers = ':'.join(job for job, _ in jobs.values())
        slurm('srun', '--quiet', f'--dependency=afterany:{numbers}', 'true')


def test_dependencies_and_failures(tmp_path):
    work = tmp_path / 'work'
    stages = [
        stage('first', tmp_path),
        stage('second', tmp_path, ['first']),
        stage('bad', tmp_path, fail=True),
        stage('after', tmp_path, ['bad']),
        stage('last', tmp_path, ['second']),
    ]
    call(stages, work)
    # the second call finds what the first one submitted, in whatever state
    submitted = json.loads((work / 'jobs.json').read_text())
    call(stages, work)
    assert json.loads((work / 'jobs.json').read_text()) == submitted
    wait_for(work)
    ran = order(tmp_path)
    assert sorted(ran) == ['bad', 'first', 'last', 'second']
    assert [n for n in ran if n != 'bad'] == ['first', 'second', 'last']
    book = call(stages, work)
    assert book.states() == dict(
        first='done', second='done', bad='failed', after='failed', last='done'
    )
    assert 'exit code 1' in book.failed['bad'] and 'bad' in book.failed['after']
    assert not queued_jobs(work)
    call(stages, work, retry=True)
    assert set(queued_jobs(work)) == {'bad', 'after'}
    wait_for(work)


def heard(pipe):
    """What a stage says when it starts."""
    assert select.select([pipe], [], [], 120)[0], 'the stage did not start'
    return os.read(pipe, 100).decode()


@pytest.mark.parametrize(
    'interrupt',
    [
        ('scontrol', 'requeue'),  # what an administrator, or a lost node, does
        ('scancel', '--signal=USR2'),  # what Slurm does when the time is nearly up
    ],
    ids=['requeued', 'time-is-up'],
)
def test_an_interrupted_stage_goes_on(interrupt, tmp_path):
    """Its second start finds the folder as the first one left it."""
    work, up, go = tmp_path / 'work', tmp_path / 'up', tmp_path / 'go'
    os.mkfifo(up)
    os.mkfifo(go)
    code = (
        'import os\n'
        f'os.makedirs({str(tmp_path / "folder")!r}, exist_ok=True)\n'
        f"open({str(tmp_path / 'folder/steps')!r}, 'a').write('step ')\n"
        f"open({str(up)!r}, 'w').write(os.environ['SLURM_JOB_ID'])\n"
        f'open({str(go)!r}).read()\n'
    )
    training = Stage(
        'training',
        ((sys.executable, '-S', '-c', code),),
        partial(read, ['key']),
        folder=str(tmp_path / 'folder'),
    )
    stages = [training, stage('test', tmp_path, ['training'])]
    call(stages, work)
    up = os.open(up, os.O_RDWR)  # no end of file between the two starts
    job = heard(up)
    assert call(stages, work).states() == dict(training='running', test='queued')
    slurm(*interrupt, job)
    assert heard(up) == job  # again, in the same job
    assert call(stages, work).states() == dict(training='running', test='queued')
    assert order(tmp_path) == []
    os.close(up)
    go.write_text('on')
    wait_for(work)
    assert (tmp_path / 'folder/steps').read_text().split() == ['step'] * 2
    assert order(tmp_path) == ['test']
    assert set(call(stages, work).states().values()) == {'done'}


def test_a_table(tiny_table, capfd):
    arguments = '--methods', 'full', '--label-counts', 10, '--slurm', 'partition=tests'
    tiny_table.run(*arguments)
    tiny_table.run(*arguments)
    assert 'Queued' in capfd.readouterr().out
    wait_for(tiny_table.work)
    calls = [call['name'] for call in tiny_table.calls() if call['tool'] != 'test']
    assert calls[:2] == ['depth', 'labels']
    assert sorted(calls[2:]) == ['full_n10_seed1', 'full_n10_seed3']
    tiny_table.run(*arguments)
    assert '| the full method | 16.0 ± 1.4 (2) |' in capfd.readouterr().out
    assert tiny_table.calls() == []


REAL = """
title = 'Two iterations'
seeds = [7]
label_counts = [2]
methods = [dict(name='supervised', config={config!r}, options={options!r})]
"""


def test_a_real_training(streets, options, tmp_path, capfd):
    table = TinyTable(tmp_path)
    common = [o for o in options['full'] if o.startswith(('train_cfg', 'val_', 'test'))]
    common += [
        'train_dataloader.num_workers=0',
        f'train_dataloader.dataset.data_root={streets}',
        f'default_hooks.checkpoint.interval={ITERS}',
    ]
    (config,) = (REPO / 'configs/streets').glob('supervised_r18*_n8.py')
    pairs = dict(option.split('=', 1) for option in common)
    table.path.write_text(REAL.format(config=str(config), options=pairs))
    table.run('--slurm', 'partition=tests', 'timeout_min=9')
    wait_for(table.work)
    table.run('--slurm', 'partition=tests', 'timeout_min=9')
    (run,) = table.results()['runs']
    assert run['state'] == 'done', (table.work / 'slurm').glob('*.err')
    assert 'mIoU' in run['figures']['test']
    assert f'| supervised | {run["figures"]["test"]["mIoU"]:.1f} (1) |' in (
        capfd.readouterr().out
    )
