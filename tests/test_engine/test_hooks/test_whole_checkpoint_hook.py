"""Whenever a run is killed, a whole checkpoint is there, and nothing due is lost."""

import json
import os
import signal
import uuid
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from helpers import kills
from helpers.checkpoints import assert_same_states, load
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner, ValLoop

from mmdepthseg.checkpoints.latest import newest_whole
from mmdepthseg.engine.hooks import WholeCheckpointHook, whole_checkpoint_hook
from mmdepthseg.launch.setup import leave_distributed
from mmdepthseg.registry import HOOKS

SAVING = dict(type='CheckpointHook', by_epoch=False, interval=2, max_keep_ckpts=1)


class Killed(BaseException):
    """Ends a run as a signal does: nobody handles it."""


@pytest.fixture
def start(tiny_config, tmp_path, plain_layout):
    """Train for four iterations, with a validation after 2 and 4."""
    path = tiny_config()

    def run(resume=False, folder='run', **saving):
        config = Config.fromfile(path)
        config.merge_from_dict(
            dict(
                work_dir=str(tmp_path / folder),
                resume=resume,
                experiment_name=uuid.uuid4().hex,
                visualizer=dict(name=uuid.uuid4().hex),
                train_cfg=dict(val_interval=2),
                randomness=dict(seed=3),
            )
        )
        config.default_hooks.checkpoint = dict(SAVING, **saving)
        Runner.from_cfg(config).train()
        return tmp_path / folder

    return run


@pytest.fixture
def killed(monkeypatch):
    """Kill in the n-th call of a function; `killed(...)` returns the calls so far."""

    def arm(owner, name, when, after=False):
        function, calls = getattr(owner, name), []

        def call(*args, **kwargs):
            calls.append(args)
            hit = when(len(calls), *args)
            if hit and not after:
                raise Killed
            result = function(*args, **kwargs)
            if hit:
                raise Killed
            return result

        monkeypatch.setattr(owner, name, call)
        return calls

    return arm


def validations(folder):
    """Iterations of the validations that the logs tell, in order."""
    lines = [
        json.loads(line)
        for path in sorted(Path(folder).glob('*/vis_data/scalars.json'))
        for line in path.read_text().splitlines()
    ]
    return [line['step'] for line in lines if 'mIoU' in line]


def numbered(folder):
    return sorted(path.name for path in folder.glob('iter_*.pth'))


def test_only_the_last_is_kept(start):
    folder = start(save_best='mIoU')
    assert numbered(folder) == ['iter_4.pth']
    assert len([*folder.glob('best_*.pth')]) == 1
    assert (folder / 'last_checkpoint').read_text() == str(folder / 'iter_4.pth')
    assert validations(folder) == [2, 4]
    assert not [*folder.rglob('*.tmp-*')]


MOMENTS = {
    'while writing': (torch, 'save', lambda n, *_: n == 2, False),
    'before renaming': (os, 'replace', lambda n, _, to: 'iter_4' in str(to), False),
    'before the pointer': (os, 'replace', lambda n, _, to: 'iter_4' in str(to), True),
    'in the pointer': (
        os, 'replace', lambda n, _, to: n > 3 and 'last_ch' in str(to), False,
    ),
    'in the first validation': (ValLoop, 'run', lambda n, *_: n == 1, False),
    'in the last validation': (ValLoop, 'run', lambda n, *_: n == 2, False),
}  # fmt: skip


@pytest.fixture(scope='module')
def whole():
    """What an undisturbed run saves; filled by the first test that needs it."""
    return {}


@pytest.mark.parametrize('moment', MOMENTS)
def test_a_kill_loses_nothing(start, killed, whole, moment, monkeypatch):
    if not whole:
        whole.update(load(start(folder='whole') / 'iter_4.pth'))
    with monkeypatch.context():
        killed(*MOMENTS[moment])
        with pytest.raises(Killed):
            start()
        monkeypatch.undo()
    folder = start(resume=True)
    assert numbered(folder) == ['iter_4.pth']
    assert newest_whole(folder) == str(folder / 'iter_4.pth')
    assert_same_states(whole, load(folder / 'iter_4.pth'))
    assert sorted({*validations(folder)}) == [2, 4]
    if moment == 'in the last validation':
        start(resume=True)  # a finished run is not validated again
    assert validations(folder).count(4) == 1


def test_best_of_a_validation_that_is_made_late(start, killed, monkeypatch):
    with monkeypatch.context():
        killed(ValLoop, 'run', lambda n, *_: n == 1)
        with pytest.raises(Killed):
            start(save_best='mIoU')
        monkeypatch.undo()
        # ... and killed again, right after it was made
        killed(ValLoop, 'run', lambda n, *_: n == 1, after=True)
        with pytest.raises(Killed):
            start(resume=True, save_best='mIoU')
        monkeypatch.undo()
    folder = Path(start(resume=True, save_best='mIoU'))
    info = load(folder / 'iter_4.pth')['message_hub']['runtime_info']
    assert validations(folder) == [2, 4]
    assert [str(path) for path in folder.glob('best_*.pth')] == [info['best_ckpt']]


def test_a_kill_before_the_new_best_is_whole(start, killed, monkeypatch):
    """The old best stays, until the new one is there."""
    seen = []

    def look(n, _, to):
        if 'best_' in str(to):
            folder = Path(to).parent
            seen.append([path.name for path in folder.glob('best_*.pth')])
        return False

    scores = iter([1.0, 2.0])
    monkeypatch.setattr(
        'mmseg.evaluation.IoUMetric.compute_metrics',
        lambda *_: dict(mIoU=next(scores)),
    )
    killed(os, 'replace', look)
    folder = start(save_best='mIoU')
    assert seen == [[], ['best_mIoU_iter_2.pth']]
    assert [path.name for path in folder.glob('best_*')] == ['best_mIoU_iter_4.pth']


def test_a_new_run_forgets_the_old_one(start, killed, monkeypatch):
    """What a run before it in the same folder has validated does not count."""
    folder = start()
    for path in folder.glob('iter_*'):
        path.unlink()
    with monkeypatch.context():
        killed(ValLoop, 'run', lambda n, *_: n == 2)
        with pytest.raises(Killed):
            start()
        monkeypatch.undo()
    before = validations(folder).count(4)
    start(resume=True)
    assert validations(folder).count(4) == before + 1


def test_a_planted_checkpoint_removes_nothing(start, tmp_path, monkeypatch):
    """It names files to be removed: those before it, and the best."""
    mine, kept = tmp_path / 'mine.pth', tmp_path / 'x.pth'
    for path in (mine, kept):
        path.write_text('mine')
    folder = start(save_best='mIoU')
    content = load(folder / 'iter_4.pth')
    content['meta'].update(iter=2)
    info = content['message_hub']['runtime_info']
    info.update(
        best_ckpt=str(mine),
        best_score=-1.0,
        keep_ckpt_ids=['/../../x', 1],
        iter=2,
        last_validation=2,
    )
    (folder / 'iter_4.pth').unlink()
    (folder / 'iter_').mkdir()
    torch.save(content, folder / 'iter_2.pth')
    start(resume=True, save_best='mIoU')
    assert mine.read_text() == kept.read_text() == 'mine'


#: Kills its rank after the third of four iterations, the validation at 2 being made.
KILLER = """
default_hooks['sync_buffers'] = dict(type='SyncBuffersHook')
custom_hooks += [dict(type='KillsItself', at={at})]
"""


@HOOKS.register_module()
class KillsItself(Hook):
    def __init__(self, at):
        self.at = at

    def before_train_iter(self, runner, *args, **kwargs):
        if runner.iter == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize('choice', [(True, 'iter_4.pth'), (False, None)])
def test_ranks_take_the_checkpoint_of_the_first(choice, monkeypatch, tmp_path):
    """Folders of other machines may show an older one, or none."""
    told = {0: lambda own: own(), 1: lambda own: choice}
    for rank, from_main in told.items():
        monkeypatch.setattr(whole_checkpoint_hook, 'from_main', from_main)
        own = (True, 'iter_2.pth') if rank else choice
        runner = SimpleNamespace(_resume=own[0], _load_from=own[1], work_dir=tmp_path)
        WholeCheckpointHook(out_dir=str(tmp_path)).before_run(runner)
        assert (runner._resume, runner._load_from) == choice


def test_ranks_go_on_after_a_validation(tiny_config, run_tool, free_port, tmp_path):
    """It averaged their statistics, those in the checkpoint before are not."""

    def train(folder, at):
        config, port = tiny_config(extra=KILLER.format(at=at)), free_port()

        def work(rank):
            place = dict(MASTER_ADDR='127.0.0.1', MASTER_PORT=port, WORLD_SIZE='2')
            os.environ.update(place, RANK=str(rank), LOCAL_RANK=str(rank))
            given = ('--work-dir', tmp_path / folder, '--launcher', 'pytorch')
            run_tool('train', config, *given, '--resume')
            leave_distributed()

        log = tmp_path / f'{folder}.log'
        ranks = [kills.start(partial(work, rank), log) for rank in range(2)]
        return [kills.wait(rank) for rank in ranks], log.read_text()

    codes, text = train('whole', -1)
    assert codes == [0, 0], text
    codes, text = train('killed', 3)
    assert -signal.SIGKILL in codes, text
    assert (tmp_path / 'killed/last_validation').read_text() == '2'
    codes, text = train('killed', -1)
    assert codes == [0, 0] and 'was due' not in text, text
    assert_same_states(
        *(load(tmp_path / f / 'iter_4.pth') for f in ('whole', 'killed'))
    )
