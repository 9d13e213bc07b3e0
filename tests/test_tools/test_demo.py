"""The demo: its stages name existing configs, its table and verdict tell the truth."""

import argparse
import importlib.util
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def demo():
    spec = importlib.util.spec_from_file_location('demo', REPO / 'tools/demo.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def args(tmp_path):
    return argparse.Namespace(work_dir=str(tmp_path), seed=7, jobs=1)


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


def test_stages_use_what_is_there(demo, args, monkeypatch):
    monkeypatch.chdir(REPO)
    stages = demo.make_stages(args)
    names = [stage.name for stage in stages]
    assert len(set(names)) == len(names)
    for stage in stages:
        assert all(need in names for need in stage.needs)
        assert all(Path(path).is_file() for path in stage.reads)
        for command in stage.commands:
            assert all(
                Path(part).is_file() for part in command[1:3] if part.endswith('.py')
            )


def test_a_seed_reaches_every_training(demo, args, monkeypatch):
    monkeypatch.chdir(REPO)
    args.seed = 11
    trainings = [
        stage
        for stage in demo.make_stages(args)
        if 'tools/train.py' in stage.commands[0]
    ]
    assert len(trainings) == 4
    assert all('randomness.seed=11' in stage.commands[0] for stage in trainings)


def test_checkpoints_are_those_the_configs_write(demo, args, monkeypatch):
    from mmdepthseg.launch.config import load_config

    monkeypatch.chdir(REPO)
    for name, config in dict(sde=demo.SDE, **demo.METHODS).items():
        cfg = load_config(f'configs/streets/{config}.py')
        wanted = f'iter_{cfg.train_cfg.max_iters}.pth'
        assert demo.checkpoint(Path('work'), name).endswith(wanted)


def test_table_shows_every_method_and_baseline(demo, args, results):
    text = demo.table(results, args, dict(supervised=1, classmix=2, full=3))
    for title in (*demo.TITLES.values(), *(row[0] for row in demo.DEPTH_ROWS)):
        assert title in text
    assert '| 22.5 | - |' in text and '| 20.0 | 21.5 |' in text


def test_verdict_names_losses_too(demo, results):
    text = demo.verdict(results)
    better, worse = text.splitlines()[0].split('; not better in ')
    assert 'abs_rel' in better and 'a1' not in better
    assert 'a1' in worse and 'rmse' in worse
    assert '-1.0 points mIoU' in text and '+0.5 points mIoU' in text
