"""A table of experiments whose trainings and tests take no time."""

import fcntl
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from helpers.tools import load_tool

CONFIG = """
train_cfg = dict(max_iters=2)
train_dataloader = dict(
    dataset=dict(type='Images', labeled_subset=dict(n=1, seed=0)))
gain = 0.
start = None
"""
LISTED = """
_base_ = './random.py'
train_dataloader = dict(dataset=dict(labeled_subset=dict(
    _delete_=True, ann_file='list.txt', n=1)))
"""
TABLE = """
title = 'Tiny'
seeds = [1, dict(seed=3, list=44)]
label_counts = [10, 20]
baseline = 'plain'
prerequisites = [
    dict(name='depth', train='{folder}/random.py'),
    dict(name='labels', depth_labels='{folder}/random.py', checkpoint='{{depth}}')]
methods = [
    dict(name='plain', config='{folder}/random.py'),
    dict(name='full', title='the full method', config='{folder}/random.py',
         options=dict(gain=4., start='{{labels}}'))]
"""
# What it "measures": n + seed + gain.
FAKE = """
import json, os, sys
from pathlib import Path
tool, *rest = sys.argv[1:]
options = dict(pair.split('=', 1) for pair in rest if '=' in pair)
folder = Path(rest[rest.index('--out' if '--out' in rest else '--work-dir') + 1])
with open({log!r}, 'a') as log:
    log.write(json.dumps(dict(tool=tool, name=folder.name, options=options,
                              gpu=os.environ.get('CUDA_VISIBLE_DEVICES'))) + chr(10))
if float(options.get('gain', 0)) < 0:
    sys.exit('no such gain')
folder.mkdir(parents=True, exist_ok=True)
if tool == 'train':
    assert '--resume' in rest
    (folder / 'iter_2.pth').touch()
elif tool == 'generate_depth':
    assert Path(rest[1]).name == 'iter_2.pth' and Path(rest[1]).exists()
    (folder / 'manifest.json').write_text('[]')
else:
    assert Path(rest[1]).exists()
    key = 'train_dataloader.dataset.labeled_subset.n'
    value = sum(float(options.get(k, 0)) for k in (key, 'randomness.seed', 'gain'))
    out = folder / '20200101_000000'
    out.mkdir(exist_ok=True)
    (out / '20200101_000000.json').write_text(json.dumps(dict(mIoU=value)))
"""


class TinyTable:
    """Files of a table, and the log of what was run.

    Attributes:
        folder: Of everything.
        path: The table file.
        work: The work_dir.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.work = folder, folder / 'work'
        self.path = folder / 'table.py'
        self.fake = folder / 'fake_tool.py'
        self.log = folder / 'calls.log'
        (folder / 'random.py').write_text(CONFIG)
        (folder / 'listed.py').write_text(LISTED)
        self.path.write_text(TABLE.format(folder=folder))
        self.fake.write_text(FAKE.format(log=str(self.log)))

    def add(self, text: str) -> None:
        """Lines at the end of the table file."""
        with open(self.path, 'a') as file:
            file.write(text + '\n')

    def command(self, script: str, *arguments: object) -> tuple[str, ...]:
        """What is run in the place of a tool."""
        return (
            sys.executable,
            '-S',
            str(self.fake),
            Path(script).stem,
            *map(str, arguments),
        )

    def calls(self) -> list[dict]:
        """What was run since the last time."""
        if not self.log.exists():
            return []
        lines = self.log.read_text().splitlines()
        self.log.unlink()
        return [json.loads(line) for line in lines]

    def trained(self) -> list[str]:
        """Names of what was trained since the last time, sorted."""
        return sorted(c['name'] for c in self.calls() if c['tool'] == 'train')

    def run(self, *arguments: object) -> None:
        """tools/run_experiments.py, in this process."""
        arguments = [self.path, '--work-dir', self.work, *arguments]
        load_tool('run_experiments').main([str(argument) for argument in arguments])

    def results(self) -> dict:
        """results.json."""
        return json.loads((self.work / 'results.json').read_text())


def wait_for_lock(folder: Path) -> None:
    """Wait for the processes that a killed run has left running."""
    with open(folder / 'runner.lock', 'ab') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)


def stage_is_done(name: str, before: Mapping[str, object]) -> bool:
    """Tell whether a file belongs to a stage that the book had among its files."""
    return os.sep in name and f'{name.split(os.sep)[0]}.done.json' in before
