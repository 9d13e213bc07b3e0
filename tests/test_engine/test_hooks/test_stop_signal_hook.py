"""A training that gets a signal saves, ends, and goes on as if it had not."""

import os
import signal
import sys

import pytest
from helpers import REPO
from helpers.checkpoints import assert_same_states, load
from helpers.kills import start, wait
from mmengine.hooks import Hook

from mmdepthseg.registry import HOOKS

#: A hook that sends its own process a signal in an iteration.
HOOK = """
import os
from mmengine.hooks import Hook
from mmdepthseg.registry import HOOKS

@HOOKS.register_module()
class Killer(Hook):
    def after_train_iter(self, runner, *args, **kwargs):
        if runner.iter == 2:
            os.kill(os.getpid(), 9)
"""


@HOOKS.register_module()
class SignalsItself(Hook):
    """Sends a signal in the n-th call of a method, from 1."""

    def __init__(self, number, method='after_train_iter', call=1, times=1, group=False):
        def send(runner, *args, **kwargs):
            self.calls += 1
            if self.calls == call:
                for _ in range(times):
                    os.kill(-os.getpgrp() if group else os.getpid(), number)

        self.calls = 0
        setattr(self, method, send)


def extra(**options):
    return f'custom_hooks += [dict(type="SignalsItself", **{options})]\n'


@pytest.fixture
def train(tiny_config, run_tool, tmp_path):
    """Train for four iterations with a validation after 2 and 4; return the folder."""

    def run(folder, *arguments, workers=0, **options):
        config = tiny_config(workers, extra=extra(**options) if options else '')
        run_tool('train', config, '--work-dir', tmp_path / folder, *arguments)
        return tmp_path / folder

    return run


@pytest.mark.parametrize(
    ('number', 'method', 'call', 'step'),
    [
        (signal.SIGTERM, 'after_train_iter', 1, 1),
        (signal.SIGINT, 'after_train_iter', 3, 3),
        (signal.SIGTERM, 'after_train_iter', 2, 2),  # saved anyway
        (signal.SIGTERM, 'before_val', 1, 2),
        (signal.SIGTERM, 'after_val_iter', 6, 4),
    ],
)
def test_a_signal_saves_and_ends(train, tmp_path, capfd, number, method, call, step):
    handlers = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    with pytest.raises(SystemExit) as stop:
        train('run', number=int(number), method=method, call=call)
    assert stop.value.code == 128 + number
    assert 'Traceback' not in capfd.readouterr().err
    folder = tmp_path / 'run'
    newest = (folder / 'last_checkpoint').read_text()
    assert newest == str(folder / f'iter_{step}.pth')
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)] == handlers
    train('run', '--resume')
    whole = train('whole')
    assert_same_states(load(folder / 'iter_4.pth'), load(whole / 'iter_4.pth'))
    logged = [path.read_text() for path in folder.glob('*/vis_data/scalars.json')]
    assert sum(text.count('mIoU') for text in logged) == 2


def test_a_signal_within_accumulated_gradients(tiny_config, run_tool, tmp_path):
    accumulating = "optim_wrapper['accumulative_counts'] = 2\n"
    signals = extra(number=int(signal.SIGTERM), call=1)
    stopping = tiny_config(extra=accumulating + signals)
    run = ('--work-dir', tmp_path / 'run')
    with pytest.raises(SystemExit):
        run_tool('train', stopping, *run)
    newest = (tmp_path / 'run/last_checkpoint').read_text()
    assert newest == str(tmp_path / 'run/iter_2.pth')
    config = tiny_config(extra=accumulating)
    run_tool('train', config, *run, '--resume')
    run_tool('train', config, '--work-dir', tmp_path / 'whole')
    resumed, whole = (load(tmp_path / f'{n}/iter_4.pth') for n in ('run', 'whole'))
    assert_same_states(resumed, whole)


@pytest.mark.parametrize(
    ('number', 'group'),
    [(signal.SIGTERM, True), (signal.SIGTERM, False), (signal.SIGINT, True)],
)
def test_workers_that_get_it_too_go_on(train, tmp_path, number, group):
    """A terminal, or a cluster, tells all processes. In the end no worker is left."""

    def work():
        train('run', number=int(number), group=group, workers=2)
        pytest.fail('not ended')

    log = tmp_path / 'log'
    assert wait(start(work, log)) == 128 + number, log.read_text()
    last = tmp_path / 'run/iter_1.pth'
    assert (tmp_path / 'run/last_checkpoint').read_text() == str(last)
    assert load(last)['meta']['iter'] == 1


def test_the_second_signal_ends_at_once(train, tmp_path):
    with pytest.raises(SystemExit) as stop:
        train('run', number=int(signal.SIGTERM), times=2)
    assert stop.value.code == 143
    assert not (tmp_path / 'run/last_checkpoint').exists()


def test_sigkill(tiny_config, run_tool, run_process, train, tmp_path):
    """The real one, in a process of its own."""
    (tmp_path / 'killer.py').write_text(HOOK)
    killing = (
        "custom_imports['imports'] += ['killer']\n"
        "custom_hooks += [dict(type='Killer')]\n"
    )
    config = tiny_config(extra=killing, name='killing.py')
    done = run_process(
        *(sys.executable, REPO / 'tools/train.py', config),
        *('--work-dir', tmp_path / 'run'),
        PYTHONPATH=os.pathsep.join([str(tmp_path), os.environ['PYTHONPATH']]),
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    assert not (tmp_path / 'run/iter_4.pth').exists()
    folder, whole = train('run', '--resume'), train('whole')
    assert_same_states(load(folder / 'iter_4.pth'), load(whole / 'iter_4.pth'))
