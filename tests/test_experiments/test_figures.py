"""Figures that a table reports beside its own."""

import json
from types import SimpleNamespace

from mmdepthseg.experiments.figures import (
    collect,
    finite,
    read_best,
    read_figures,
    summarize,
    with_figures,
)
from mmdepthseg.experiments.report import markdown


def test_the_best_validation_of_a_training_and_its_continuation(tmp_path):
    logs = dict(
        a=[
            dict(step=2, loss=1.0),
            dict(step=2, **{'student/mIoU': 30.0, 'teacher/mIoU': 20.0}),
            dict(step=4, **{'student/mIoU': 25.0, 'teacher/mIoU': 28.0}),
        ],
        b=[dict(step=6, **{'student/mIoU': 27.0, 'teacher/mIoU': 29.0})],
    )
    for name, lines in logs.items():
        log = tmp_path / f'2026{name}/vis_data/scalars.json'
        log.parent.mkdir(parents=True)
        log.write_text('\n'.join(map(json.dumps, lines)))
    assert read_best(tmp_path) == {
        'student/mIoU': 30.0,
        'student/mIoU/iteration': 2,
        'teacher/mIoU': 29.0,
        'teacher/mIoU/iteration': 6,
    }
    assert read_best(tmp_path / 'nowhere') == {}


def test_more_figures_on_demand():
    table = SimpleNamespace(
        tests=dict(paper={}, full={}),
        metrics=[dict(title='mIoU', keys=['mIoU'], test='full', decimals=2)],
        baseline=None,
    )
    records = [
        dict(
            method='a',
            labels=8,
            seed=seed,
            figures=dict(paper={'IoU/car': 10.0 + seed}, full=dict(mIoU=1.0)),
            best=dict(mIoU=40.0 + seed),
        )
        for seed in (0, 2)
    ]
    with_figures(table, ['IoU/car', 'best/mIoU'])
    means = [cell['mean'] for cell in summarize(table, records)]
    assert means == [1.0, 11.0, 41.0]
    decimals = {cell['metric']: cell['decimals'] for cell in summarize(table, records)}
    assert list(decimals.values()) == [2, 2, 1]


def test_figures_that_no_run_reports_are_named():
    table = SimpleNamespace(
        title='t', methods=dict(a={}), tests=dict(full={}), metrics=[], baseline=None
    )
    record = dict(
        method='a', labels=8, seed=1, name='a_1', state='done',
        figures=dict(full={'mIoU': 2.0, 'student/IoU/person': 1.0}), best={},
    )  # fmt: skip
    with_figures(table, ['IoU/person', 'student/IoU/person', 'IoU/persn'])
    text = markdown(table, [record])
    assert 'No run reports IoU/person' in text
    assert 'They report student/IoU/person, mIoU.' in text
    assert text.count('No run reports') == 2
    unfinished = dict(method='a', labels=8, seed=1, name='a_1', state='missing')
    assert 'No run reports' not in markdown(table, [unfinished])


def test_what_is_no_number_is_left_out_and_named(tmp_path):
    """A results.json with NaN could not be read again."""
    file = tmp_path / '20260101_000000/20260101_000000.json'
    file.parent.mkdir()
    file.write_text('{"abs_rel": 0.1, "40-80m/abs_rel": NaN, "rmse": Infinity, "n": 3}')
    found = read_figures(tmp_path)
    assert finite(found) == dict(abs_rel=0.1, n=3)
    table = SimpleNamespace(
        title='t', methods=dict(a={}), tests=dict(full={}), metrics=[], baseline=None
    )
    with_figures(table, ['abs_rel', 'rmse', 'best/mIoU'])
    record = dict(
        method='a', labels=0, seed=1, name='a_1', state='done',
        figures=dict(full=finite(found)),
        no_number=dict(full=['40-80m/abs_rel', 'rmse']),
    )  # fmt: skip
    run = SimpleNamespace(
        name='a_1', method='a', labels=0, seed=1, config='c.py', options=[]
    )
    book = SimpleNamespace(states=dict, log=lambda name: name)
    known = dict(record, best={}, seconds=1, versions=[], hash='x')
    (again,) = collect(SimpleNamespace(work_dir='w'), [run], book, {'a_1': known})
    assert again['no_number'] == record['no_number']
    text = markdown(table, [again])
    assert 'No number, left out: a_1 (full): 40-80m/abs_rel, rmse.' in text
    assert 'No run reports best/mIoU. They report nothing' in text
    assert text.count('No run reports') == 1
