"""Run a job's stages on a cluster: each a job of Slurm, behind those it needs.

A call submits what is neither done nor in Slurm's queue, and says how far the rest is;
nothing waits. A job runs its stage as `StageRunner` does; when its time is up, or it
makes room for others, submitit puts it back into the queue, and the stage goes on where
it stopped.

Whether a job is queued is read from Slurm's queue, by its name, which tells stage and
folder; whether its stage came to its end, from the folder's `StageBook`. So two calls
never submit a stage twice, and no accounting data base is needed.
"""

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmdepthseg.experiments.options import ROOT
from mmdepthseg.experiments.run import StageRunner, local_places
from mmdepthseg.experiments.stage import (
    DONE,
    QUEUED,
    RUNNING,
    Stage,
    StageBook,
    tail,
)
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import write_atomically

#: What a job is asked for unless the user says otherwise. Time is no limit of a
#: stage's: when it is up, the stage is queued again.
DEFAULTS = dict(timeout_min=240)
#: How often that may happen to a job.
TIMEOUTS = 50
# the checkout need not be installed; srun does not take the number over by itself
SETUP = [
    f'export PYTHONPATH="{ROOT}${{PYTHONPATH:+:$PYTHONPATH}}"',
    '[ -z "$SLURM_CPUS_PER_TASK" ] || export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK',
]
# a stage is one process; the others are ours
RESERVED = (
    'additional_parameters dependency job_name name nodes ntasks_per_node setup '
    'tasks_per_node use_srun'
).split()


class StageJob:
    """What a job of Slurm does: one stage.

    Args:
        stage: The stage.
        folder: Of the book.
        version: Of the code that submits.
    """

    def __init__(self, stage: Stage, folder: Path, version: str) -> None:
        self.stage, self.folder, self.version = stage, folder, version

    def __call__(self) -> None:
        """Run the stage."""
        cpus = int(os.environ.get('SLURM_CPUS_PER_TASK', 0)) or len(
            os.sched_getaffinity(0)
        )
        book = StageBook([self.stage], self.folder, self.version)
        try:
            StageRunner(book, local_places(cpus=cpus)).run()
        except UserError as error:  # what `look` shows: no traceback
            raise SystemExit(str(error)) from None

    def checkpoint(self) -> object:
        """Say what is queued again when the time is up: the same."""
        return _submitit().helpers.DelayedSubmission(self)


class SlurmRunner:
    """Submits stages, and finds out how far they are.

    Args:
        book: Of the stages.
        parameters: What each job asks for, by submitit's names: partition, account,
            timeout_min, cpus_per_task, gpus_per_node, mem_gb, ...
    """

    def __init__(self, book: StageBook, parameters: Mapping[str, object]) -> None:
        self.book = book
        self.folder = book.folder / 'slurm'
        self._jobs_file = book.folder / 'jobs.json'
        self.parameters = {**DEFAULTS, **parameters}

    def look(self) -> None:
        """Find out what is queued or running, and what has failed, for the book."""
        book = self.book
        # the queue first: what ends in between is found to be done below
        queue, hashes = queued_jobs(book.folder), book.hashes()
        book.busy = {n: state for n, (_, state) in queue.items() if n in book.stages}
        submitted, states = self._submitted(), book.states()
        for name in book.stages:
            job = submitted.get(name, {})
            if job.get('hash') != hashes[name] or name in book.busy:
                continue  # changed since: it is not the failure of what is wanted now
            if states[name] != DONE:
                log = self.folder / f'{job["id"]}_0_log.err'
                book.failed[name] = book.lost_needs(name) or (
                    f'job {job["id"]} ended before the stage did; {tail(log)}'
                )

    def submit(self, retry: bool = False) -> None:
        """Submit what is not done and not in the queue.

        Args:
            retry: What has failed too.

        Raises:
            UserError: Slurm or submitit is not there, or does not want a job.
        """
        book = self.book
        executor = make_executor(self.folder, self.parameters)
        if retry:
            book.failed.clear()
        queue, hashes, states = (
            queued_jobs(book.folder),
            book.hashes(),
            book.states(),
        )
        # nothing to do but to be written down
        idle = [stage for stage in book.stages.values() if not stage.commands]
        StageRunner(StageBook(idle, book.folder, book.version)).run()
        jobs = {name: job for name, (job, _) in queue.items()}
        for name, stage in book.stages.items():
            if stage in idle or name in jobs or states[name] == DONE:
                continue
            if lost := book.lost_needs(name):
                book.failed[name] = lost
            if name in book.failed:
                continue
            needed = [jobs[need] for need in stage.needs if need in jobs]
            jobs[name] = self._submit(executor, stage, needed)
            book.busy[name] = QUEUED
            submitted = self._submitted()
            submitted[name] = dict(id=jobs[name], hash=hashes[name])
            write_atomically(self._jobs_file, json.dumps(submitted, indent=1).encode())

    def show(self) -> None:
        """Print how far each stage is."""
        for name, state in self.book.states().items():
            how = self.book.failed.get(name)
            if state == RUNNING:
                how = self.book.progress(name)
            print(f'[{name}] {state}' + (f': {how}' if how else ''), flush=True)

    def _submit(self, executor: Any, stage: Stage, needed: Sequence[str]) -> str:
        """Submit a stage behind the jobs it needs; returns its job's id."""
        executor.update_parameters(
            name=_job_name(stage.name, self.book.folder),
            # '' takes back what the stage before asked for
            slurm_dependency='afterok:' + ':'.join(needed) if needed else '',
        )
        work = StageJob(stage, self.book.folder.resolve(), self.book.version)
        errors = _submitit().core.utils
        try:
            return executor.submit(work).job_id
        except (errors.FailedJobError, errors.FailedSubmissionError) as error:
            raise UserError(f'Slurm refused the job of {stage.name}: {error}') from None

    def _submitted(self) -> dict[str, dict]:
        """Give what each stage's last job was, and the hash it was to be made with."""
        if not self._jobs_file.exists():
            return {}
        return json.loads(self._jobs_file.read_text())


def make_executor(folder: Path, parameters: Mapping[str, object]) -> Any:
    """Make submitit's executor for some parameters of jobs.

    Args:
        folder: For submitit's files and the jobs' output.
        parameters: What the user asks for.

    Raises:
        UserError: submitit or Slurm is not there, or a parameter is not known.
    """
    ours = [name for name in parameters if name in RESERVED]
    if ours:
        raise UserError(
            f'--slurm: {", ".join(ours)} cannot be given: a stage is one process on a '
            'node, and its name, needs and set-up are chosen here'
        )
    try:
        executor = _submitit().AutoExecutor(
            folder.resolve(), cluster='slurm', slurm_max_num_timeout=TIMEOUTS
        )
        executor.update_parameters(
            **{f'slurm_{name}': value for name, value in parameters.items()},
            # what can never start does not stay in the queue
            slurm_additional_parameters={'kill-on-invalid-dep': 'yes', 'requeue': True},
            slurm_setup=SETUP,
        )
    # no Slurm; a key, the type of a value
    except (RuntimeError, NameError, TypeError, ValueError) as error:
        raise UserError(f'--slurm: {error}') from None
    return executor


def queued_jobs(folder: Path) -> dict[str, tuple[str, str]]:
    """Ask Slurm which stages of a folder it has in its queue.

    Args:
        folder: Of the book.

    Returns:
        Stage name -> its job's id and 'queued' or 'running'.

    Raises:
        UserError: Slurm does not answer.
    """
    command = ['squeue', '--noheader', f'--user={os.getuid()}', '--format=%i %T %j']
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        why = getattr(error, 'stderr', None) or error
        raise UserError(f'{" ".join(command[:2])}: {why}') from None
    found, tag = {}, _job_name('', folder)
    for line in done.stdout.splitlines():
        job, state, name = line.split(maxsplit=2)
        if name.endswith(tag):
            waits = state in ('PENDING', 'REQUEUED', 'REQUEUE_HOLD')
            found[name.removesuffix(tag)] = (job, QUEUED if waits else RUNNING)
    return found


def refuse_if_queued(folder: Path) -> None:
    """Keep a local run away from what jobs of Slurm may be at.

    Raises:
        UserError: Some are queued or running, or that cannot be known.
    """
    file = folder / 'jobs.json'
    if file.exists() and (names := queued_jobs(folder)):
        raise UserError(
            f'{folder}: jobs of Slurm are at {", ".join(names)}; go on with --slurm, '
            'wait, or scancel them'
        )


def _job_name(stage: str, folder: Path) -> str:
    place = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]
    return f'{stage}@{place}'


def _submitit() -> Any:
    """The package, which is an extra."""
    try:
        import submitit
    except ImportError:
        raise UserError(
            '--slurm needs submitit, which is not installed: '
            'pip install mmdepthseg[slurm]'
        ) from None
    return submitit
