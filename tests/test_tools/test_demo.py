"""The demo: what it runs, and that its table and verdict tell the truth."""

import os
import select
import signal

import pytest
from helpers import REPO
from helpers.kills import (
    ONE_AND_MANY,
    PATIENCE,
    Writer,
    assert_survives,
    start,
    wait,
)
from helpers.tiny_tables import stage_is_done, wait_for_lock
from helpers.tools import load_tool

from mmdepthseg.experiments import ExperimentTable, make_stages
from mmdepthseg.utils.files import write_atomically

TITLES = dict(supervised='the baseline', classmix='without depth', full='all of it')


@pytest.fixture(scope='module')
def demo():
    return load_tool('demo')


@pytest.fixture
def results():
    errors = dict(
        abs_rel=0.3,
        sq_rel=3.0,
        rmse=10.0,
        rmse_log=0.4,
        silog=40.0,
        a1=0.5,
        a2=0.7,
        a3=0.8,
    )
    row = {f'row_mean/{k}': v for k, v in dict(errors, abs_rel=0.4, a1=0.6).items()}
    constant = {f'constant/{k}': v for k, v in errors.items()}
    semi = {'student/mIoU': 20.0, 'teacher/mIoU': 21.0}
    return dict(
        sde={**errors, **row, **constant},
        supervised={'mIoU': 22.5},
        classmix=dict(semi),
        full=dict(semi, **{'teacher/mIoU': 21.5}),
    )


def test_stages(demo, tmp_path, monkeypatch):
    """Those of a bigger table, and the test of the depth network."""
    monkeypatch.chdir(REPO)
    table = ExperimentTable(demo.TABLE, tmp_path)
    names = [stage.name for stage in make_stages(table, table.runs)]
    assert names == [
        'streets',
        'sde',
        'depth_labels',
        'sde_test',
        *(f'{method}_n8_seed7' for method in TITLES),
    ]


# what the demo reads of a tiny table's fake test of the depth network
SDE_TEST = """
seeds = [1]
label_counts = [10]
prerequisites += [dict(
    name='sde', train=methods[0]['config']), dict(
    name='sde_test', command='test.py x {{sde}} --work-dir {{work_dir}}/sde_test',
    outputs=['{{work_dir}}/sde_test']), dict(
    name='depth_labels', depth_labels=methods[0]['config'], checkpoint='{{sde}}')]
needs = ['sde_test', 'depth_labels']
methods = [dict(methods[0], name=name, title=title, options=dict(gain=gain))
           for gain, (name, title) in enumerate({titles}.items())]
baseline = None
"""


@pytest.fixture
def tiny_demo(demo, results, tiny_table, monkeypatch):
    """The demo of a tiny table."""
    tiny_table.add(SDE_TEST.format(titles=TITLES))
    tiny_table.fake.write_text(
        tiny_table.fake.read_text().replace(
            'dict(mIoU=value)',
            "{**%r, 'mIoU': value, 'teacher/mIoU': value + 1}" % results['sde'],
        )
    )
    monkeypatch.setattr(demo, 'TABLE', str(tiny_table.path))
    monkeypatch.chdir(REPO)
    return demo


def test_a_tiny_demo(tiny_demo, tiny_table, monkeypatch, capfd):
    """Its seed reaches every training, its files hold what was found."""
    demo, drawn = tiny_demo, []
    monkeypatch.setattr(demo, 'draw', lambda *arguments: drawn.append(arguments))
    demo.main(['--work-dir', str(tiny_table.work), '--seed', '11', '--jobs', '1'])
    trained = {
        call['name']: call['options']['randomness.seed']
        for call in tiny_table.calls()
        if call['tool'] == 'train'
    }
    runs = {f'{name}_n10_seed11' for name in TITLES}
    assert trained == dict.fromkeys({'sde', *runs}, '11')
    written = tiny_table.results()
    assert written['seed'] == 11 and set(written) == {'seed', 'sde', *TITLES}
    assert written['full']['mIoU'] == 10 + 11 + 2  # labels + seed + gain
    printed = capfd.readouterr().out
    assert (tiny_table.work / 'results.md').read_text().strip() in printed
    assert '| all of it | 23.0 | 24.0 |' in printed
    assert [path.name for *_, path in drawn] == ['contact_sheet.png']
    demo.main(['--work-dir', str(tiny_table.work), '--seed', '11'])
    assert tiny_table.calls() == []


@pytest.mark.parametrize('counts', ONE_AND_MANY)
def test_killed_demo(counts, tiny_demo, monkeypatch, tmp_path):
    def draw(table, titles, path):
        write_atomically(path, b'picture')

    def work(folder):
        wait_for_lock(folder)
        tiny_demo.main(['--work-dir', str(folder), '--jobs', '2'])

    def kept(name):
        return os.sep in name or name in ('results.json', 'contact_sheet.png')

    monkeypatch.setattr(tiny_demo, 'draw', draw)
    assert_survives(Writer(work, kept, stage_is_done), tmp_path, *counts)


def test_sigterm_leaves_no_process(tiny_demo, tiny_table, tmp_path):
    """Nor does it report that the demo is done."""
    fifo = tmp_path / 'up'
    os.mkfifo(fifo)
    up = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    tiny_table.fake.write_text(
        f"import signal\nup = open('{fifo}', 'w')\nup.write('.')\nup.flush()\n"
        'signal.pause()\n'
    )

    def work():
        tiny_demo.main(['--work-dir', str(tiny_table.work)])

    runner = start(work, tmp_path / 'log')
    assert select.select([up], [], [], PATIENCE)[0] and os.read(up, 1) == b'.'
    os.kill(runner, signal.SIGTERM)
    assert wait(runner) == 143
    while select.select([up], [], [], PATIENCE)[0] and os.read(up, 1):
        pass  # of another stage
    # nobody holds the other end of the pipe
    assert select.select([up], [], [], 0)[0]
    os.close(up)
    assert not (tiny_table.work / 'results.md').exists()


def test_table_shows_every_method_and_baseline(demo, results):
    text = demo.result_table(results, TITLES, 7, dict(supervised=1, classmix=2, full=3))
    for title in (*TITLES.values(), *(row[0] for row in demo.DEPTH_ROWS)):
        assert title in text
    assert '| 22.5 | - | 1 |' in text and '| 20.0 | 21.5 | 3 |' in text


def test_verdict_names_losses_too(demo, results):
    text = demo.verdict(results, TITLES)
    better, worse = text.splitlines()[0].split('; not better in ')
    assert 'abs_rel' in better and 'a1' not in better
    assert 'a1' in worse and 'rmse' in worse
    assert '-1.0 points mIoU' in text and '+0.5 points mIoU' in text
