"""Real trainings, killed at many moments, end as if nobody had.

`MMDEPTHSEG_KILLS=3` makes three kills of each kind in each of them.
"""

import json
import os
import random
import re
import select
import signal
import time
from functools import partial

import pytest
from helpers.checkpoints import assert_same_states, load
from helpers.killed_training import watch
from helpers.kills import PATIENCE, family, start, wait, wait_for_end
from helpers.tiny_streets import (
    CLASSMIX,
    FULL,
    ITERS,
    SDE,
    STREETS,
    full_options,
    make_labels,
    multi_task_config,
)
from helpers.tools import load_tool

from mmdepthseg.launch.setup import leave_distributed
from mmdepthseg.utils.errors import Stopped

pytestmark = pytest.mark.long

KILLS = int(os.environ.get('MMDEPTHSEG_KILLS', 1))
LONGER = 10
LENGTH = (
    f'train_cfg.max_iters={LONGER}',
    'train_cfg.val_interval=4',
    'default_hooks.checkpoint.interval=2',
    'default_hooks.logger.interval=1',
    'train_dataloader.num_workers=1',
)
#: Moments: any, by the clock; steps of writing checkpoints; steps of a validation.
KINDS = (
    ('time', signal.SIGKILL),
    ('writing', signal.SIGKILL),
    ('validation', signal.SIGKILL),
    ('time', signal.SIGTERM),
    ('time', signal.SIGINT),
)
STEPS = dict(writing=5, validation=6)
#: Figures of the log that are of the clock.
CLOCK = ('time', 'data_time', 'memory')


@pytest.fixture
def stage(request, run_tool, options, tmp_path):
    """Config and options of a stage, with what it needs."""

    def prepare(work, *arguments):
        log = tmp_path / 'prepared.log'
        assert wait(start(partial(work, *arguments), log)) == 0, log.read_text()

    if request.param == 'multi_task':
        return multi_task_config(tmp_path / 'multi_task.py', True), options['full']
    if request.param == 'supervised_start':
        config = STREETS / 'supervised_r18-w16_600it_192x96_n8.py'
        given = [
            option.replace('.shared', '')
            for option in options['full']
            if 'mean_teacher' not in option and 'sampler' not in option
        ]
        place = ('--work-dir', tmp_path / 'supervised')
        prepare(run_tool, 'train', config, *place, '--cfg-options', *given)
        init = '+model.segmentor.init_cfg'
        return CLASSMIX, [
            *options['full'],
            f'{init}.type=Pretrained',
            f'{init}.checkpoint={tmp_path}/supervised/iter_{ITERS}.pth',
            '+default_hooks.mean_teacher.rampup=6',
        ]
    if request.param == 'depthmix':
        sde = ('--work-dir', tmp_path / 'sde', '--cfg-options', *options['sde'])
        prepare(run_tool, 'train', SDE, *sde)
        prepare(make_labels, run_tool, options, tmp_path)
        scaled = 'optim_wrapper.type=ScaledOptimWrapper'
        return FULL, [*full_options(options, tmp_path), scaled]
    return SDE, options['sde']


class Trainings:
    """Starts trainings of a stage, which tell when they begin.

    Args:
        given: Config and options.
        ranks: Number of processes.
        folder: Of everything.
        free_port: See the fixture.
    """

    def __init__(self, given, ranks, folder, free_port):
        self.config, self.options = given
        self.ranks, self.folder, self.free_port = ranks, folder, free_port
        self.begun, self.begin = os.pipe()

    def start(self, name, rank=0, **kill):
        """Start; return the processes, of which one may kill itself."""
        port = self.free_port()
        kills = [kill if n == rank else {} for n in range(self.ranks)]
        return [
            start(partial(self.train, name, n, port, one), self.log(name))
            for n, one in enumerate(kills)
        ]

    def train(self, name, rank, port, kill):
        """Train, in a process of its own."""
        work = self.folder / name
        launcher = 'none'
        if self.ranks > 1:
            launcher, place = 'pytorch', dict(MASTER_ADDR='127.0.0.1', MASTER_PORT=port)
            ranks = dict(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE=self.ranks)
            os.environ.update({k: str(v) for k, v in (ranks | place).items()})
        if kill or not rank:
            watch(self.begin, work, **kill)
        options = [*self.options, *LENGTH, f'+experiment_name={name}']
        given = ['--resume', '--launcher', launcher, '--cfg-options', *options]
        try:
            load_tool('train').main([str(self.config), '--work-dir', str(work), *given])
        except Stopped:
            leave_distributed()
            raise
        leave_distributed()

    def log(self, name):
        return self.folder / f'{name}.log'

    def wait_for_begin(self, processes):
        """Wait until iterations are made; False if a process ends before."""
        ends = [os.pidfd_open(process) for process in processes]
        ready = select.select([self.begun, *ends], [], [], PATIENCE)[0]
        for end in ends:
            os.close(end)
        assert ready, 'it does not begin'
        if self.begun in ready:
            os.read(self.begun, 100)
        return self.begun in ready

    def end(self, name, processes):
        """Wait for the end of all that was started; return the exit codes."""
        members = [pid for process in processes for pid in family(process)]
        codes = [wait(process) for process in processes]
        assert None not in codes, f'it hangs: {self.log(name).read_text()[-5000:]}'
        wait_for_end(members)
        return codes

    def run_whole(self, name):
        """Train to the end; return the seconds of the training itself."""
        processes = self.start(name)
        self.wait_for_begin(processes)
        began = time.monotonic()
        codes = self.end(name, processes)
        assert not any(codes), self.log(name).read_text()[-5000:]
        return time.monotonic() - began

    def run_killed(self, name, kind, number, draw, seconds):
        """Train and kill; return whether it was killed before its end."""
        if kind != 'time':
            rank = draw.randrange(self.ranks) if kind == 'validation' else 0
            processes = self.start(
                name, moment=kind, at=draw.randint(1, STEPS[kind]), rank=rank
            )
            self.wait_for_begin(processes)
            codes = self.end(name, processes)
            return codes[rank] == -number
        before = self.log(name).stat().st_size if self.log(name).exists() else 0
        processes = self.start(name)
        if self.wait_for_begin(processes):
            # the moment is random, and the processes say nothing meanwhile
            select.select([self.begun], [], [], draw.uniform(0, 0.5) * seconds)
        for process in processes:
            os.kill(process, number)
        codes = self.end(name, processes)
        if number != signal.SIGKILL and any(codes):
            log = self.log(name).read_bytes()[before:].decode()
            self.check_end(name, number, codes, log)
        return any(codes)

    def check_end(self, name, number, codes, log):
        """The end after a signal: saved, said so, with its exit code."""
        found = re.findall(r'ended after iteration (\d+), saved', log)
        if not found:  # it was done, and about to end
            assert (self.folder / name / f'iter_{LONGER}.pth').is_file(), log[-5000:]
            return
        last = self.folder / name / f'iter_{found[-1]}.pth'
        assert (self.folder / name / 'last_checkpoint').read_text() == str(last)
        assert last.is_file()
        assert {*codes} == {128 + number}
        assert 'Traceback' not in log


@pytest.fixture
def trainings(request, stage, plain_layout, free_port, tmp_path):
    made = Trainings(stage, request.param, tmp_path, free_port)
    yield made
    os.close(made.begun)
    os.close(made.begin)


def figures(folder):
    """What was logged of each iteration and validation, the last time it was made."""
    found = {}
    for path in sorted(folder.glob('2*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            content = json.loads(line) if line.endswith('}') else {}
            values = {k: v for k, v in content.items() if k not in CLOCK}
            if values:
                found[values['step'], 'loss' in values] = values
    return found


def assert_same_runs(whole, killed):
    """Weights, teacher, optimiser, schedulers, scaler, random states, and the log."""
    name = f'iter_{LONGER}.pth'
    assert_same_states(load(whole / name), load(killed / name))
    expected = figures(whole)
    assert figures(killed) == expected
    assert len(expected) > LONGER
    assert not [*killed.rglob('*.tmp-*')]


@pytest.mark.parametrize('trainings', [1, 2], indirect=True)
@pytest.mark.parametrize(
    'stage', ['sde', 'depthmix', 'multi_task', 'supervised_start'], indirect=True
)
def test_kills(trainings, tmp_path, capsys):
    seconds = trainings.run_whole('whole')
    draw = random.Random(trainings.ranks)
    kinds = [*KINDS] * KILLS
    draw.shuffle(kinds)
    folders, killed = 0, []
    while kinds:
        name = f'killed{folders}'
        if trainings.run_killed(name, *kinds[-1], draw, seconds):
            killed.append(kinds.pop())
            continue
        folders += 1  # it had too little left to do: the next one from the start
        assert_same_runs(tmp_path / 'whole', tmp_path / name)
    name = f'killed{folders}'
    trainings.run_whole(name)
    assert_same_runs(tmp_path / 'whole', tmp_path / name)
    with capsys.disabled():
        told = ', '.join(f'{kind} {number.name}' for kind, number in killed)
        print(f'\nkilled: {told}; ended {folders + 1} times')
