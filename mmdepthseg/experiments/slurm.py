"""Run a job's stages on a cluster: each is a Slurm job that depends on others.

A call submits the stages that are neither done nor in Slurm's queue, reports the state
of the others, and does not wait. A job runs its stage as `StageRunner` does. When its
time is up or it is preempted, submitit puts it back into the queue, and the stage
continues where it stopped.

Slurm's queue tells which jobs are queued: a job's name contains its stage and folder.
The folder's `StageBook` tells which stages are done. So no stage is submitted twice,
and no accounting database is needed.
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
from mmdepthseg.utils.errors import UserError, require_extra
from mmdepthseg.utils.files import read_json, write_atomically

#: Default parameters of a job. The time does not limit a stage: when it is up, the
#: stage is queued again.
DEFAULTS = dict(timeout_min=240)
#: How often a job may be queued again.
TIMEOUTS = 50
# the checkout need not be installed; srun does not inherit the number of CPUs
SETUP = [
    f'export PYTHONPATH="{ROOT}${{PYTHONPATH:+:$PYTHONPATH}}"',
    '[ -z "$SLURM_CPUS_PER_TASK" ] || export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK',
]
# parameters that are set here; a stage is one process
RESERVED = (
    'additional_parameters dependency job_name name nodes ntasks_per_node setup '
    'tasks_per_node use_srun'
).split()


class StageJob:
    """A Slurm job, which runs one stage.

    Args:
        stage: The stage.
        folder: The book's folder.
        version: Version of the submitting code.
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
        except UserError as error:  # shown by `look`, without a traceback
            raise SystemExit(str(error)) from None

    def checkpoint(self) -> object:
        """Return the same job, to be queued again when the time is up."""
        return _submitit().helpers.DelayedSubmission(self)


class SlurmRunner:
    """Submits stages as Slurm jobs and looks up their states.

    Args:
        book: Book of the stages.
        parameters: Parameters of each job, by submitit's names: partition, account,
            timeout_min, cpus_per_task, gpus_per_node, mem_gb, ...
    """

    def __init__(self, book: StageBook, parameters: Mapping[str, object]) -> None:
        self.book = book
        self.folder = book.folder / 'slurm'
        self._jobs_file = book.folder / 'jobs.json'
        self.parameters = {**DEFAULTS, **parameters}

    def look(self) -> None:
        """Enter into the book which stages are queued, running or failed."""
        book = self.book
        # the queue first: a job that ends meanwhile is found to be done below
        queue, hashes = queued_jobs(book.folder), book.hashes()
        book.busy = {n: state for n, (_, state) in queue.items() if n in book.stages}
        submitted, states = self._submitted(), book.states()
        for name in book.stages:
            job = submitted.get(name, {})
            if job.get('hash') != hashes[name] or name in book.busy:
                continue  # the stage has changed since: its failure does not count
            if states[name] != DONE:
                log = self.folder / f'{job["id"]}_0_log.err'
                book.failed[name] = book.lost_needs(name) or (
                    f'job {job["id"]} ended before the stage did; {tail(log)}'
                )

    def submit(self, retry: bool = False) -> None:
        """Submit the stages that are neither done nor in the queue.

        Args:
            retry: Submit failed stages too.

        Raises:
            UserError: Slurm or submitit is missing, or refuses a job.
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
        # stages without commands only need to be recorded
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
        """Print the state of each stage."""
        for name, state in self.book.states().items():
            how = self.book.failed.get(name)
            if state == RUNNING:
                how = self.book.progress(name)
            print(f'[{name}] {state}' + (f': {how}' if how else ''), flush=True)

    def _submit(self, executor: Any, stage: Stage, needed: Sequence[str]) -> str:
        """Submit a stage that depends on other jobs; return the id of its job."""
        executor.update_parameters(
            name=_job_name(stage.name, self.book.folder),
            # '' clears the dependency of the previous stage
            slurm_dependency='afterok:' + ':'.join(needed) if needed else '',
        )
        work = StageJob(stage, self.book.folder.resolve(), self.book.version)
        errors = _submitit().core.utils
        try:
            return executor.submit(work).job_id
        except (errors.FailedJobError, errors.FailedSubmissionError) as error:
            raise UserError(f'Slurm refused the job of {stage.name}: {error}') from None

    def _submitted(self) -> dict[str, dict]:
        """Return the id of each stage's last job and the hash it was submitted with."""
        if not self._jobs_file.exists():
            return {}
        return read_json(self._jobs_file, dict)


def make_executor(folder: Path, parameters: Mapping[str, object]) -> Any:
    """Make submitit's executor.

    Args:
        folder: Folder of submitit's files and of the jobs' output.
        parameters: Parameters of the jobs.

    Raises:
        UserError: submitit or Slurm is missing, or a parameter is not known.
    """
    ours = [name for name in parameters if name in RESERVED]
    if ours:
        raise UserError(
            f'--slurm: {", ".join(ours)} cannot be given: a stage is one process on a '
            'node, and its name, dependencies and set-up are fixed'
        )
    submitit = _submitit()
    try:
        executor = submitit.AutoExecutor(
            folder.resolve(), cluster='slurm', slurm_max_num_timeout=TIMEOUTS
        )
        executor.update_parameters(
            **{f'slurm_{name}': value for name, value in parameters.items()},
            # jobs that can never start do not stay in the queue
            slurm_additional_parameters={'kill-on-invalid-dep': 'yes', 'requeue': True},
            slurm_setup=SETUP,
        )
    # Slurm is missing; a key or the type of a value is wrong
    except (RuntimeError, NameError, TypeError, ValueError) as error:
        raise UserError(f'--slurm: {error}') from None
    return executor


def queued_jobs(folder: Path) -> dict[str, tuple[str, str]]:
    """Return the stages of a folder that are in Slurm's queue.

    Args:
        folder: The book's folder.

    Returns:
        Stage name -> the id of its job and 'queued' or 'running'.

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
    """Refuse a local run in a folder that Slurm jobs may be using.

    Raises:
        UserError: Jobs are queued or running, or Slurm does not answer.
    """
    file = folder / 'jobs.json'
    if file.exists() and (names := queued_jobs(folder)):
        raise UserError(
            f'{folder}: Slurm jobs are queued or running for {", ".join(names)}; '
            'continue with --slurm, wait, or scancel them'
        )


def _job_name(stage: str, folder: Path) -> str:
    place = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]
    return f'{stage}@{place}'


def _submitit() -> Any:
    """Import submitit, which is an extra."""
    require_extra('--slurm', 'slurm', ['submitit'])
    import submitit

    return submitit
