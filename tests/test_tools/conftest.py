"""Tiny data for the tools."""

import pytest
from helpers.selection_runs import BUDGETS
from helpers.tiny_selection import make_config, make_pool, make_teacher
from helpers.tiny_streets import ITERS
from helpers.tiny_tables import TinyTable

from mmdepthseg.experiments import plan as table_stages
from mmdepthseg.experiments import run as stages_module


@pytest.fixture(scope='session')
def select_world(tmp_path_factory):
    """Clips, an untrained teacher and a config of students."""
    root = tmp_path_factory.mktemp('world')
    make_pool(root)
    make_teacher(root)
    make_config(root)
    return root


@pytest.fixture
def choose(select_world, run_tool):
    """Select from the clips: choose(out, '--budget', 5, method='us')."""

    def run(
        out, *arguments, method='ds_us', config='select.py', checkpoint='teacher_0.pth'
    ):
        networks = [select_world / name for name in (config, checkpoint) if name]
        options = ('--method', method, '--out', out, '--seed', 5, '--device', 'cpu')
        run_tool('select_samples', *networks, *options, *(arguments or BUDGETS))

    return run


@pytest.fixture
def finished(select_world, choose, capsys):
    """Files of a ds_us selection on one rank, which tests leave as they are."""
    out = select_world / 'reference'
    if not (out / 'selection.json').exists():
        choose(out)
    return out


@pytest.fixture
def options(streets, tmp_path):
    """--cfg-options of both stages, by stage."""
    common = [
        f'train_cfg.max_iters={ITERS}',
        f'train_cfg.val_interval={ITERS}',
        f'default_hooks.checkpoint.interval={ITERS}',
        'train_dataloader.num_workers=0',
        'val_dataloader.num_workers=0',
        'test_dataloader.num_workers=0',
        f'val_dataloader.dataset.data_root={streets}',
        f'test_dataloader.dataset.data_root={streets}',
    ]
    sde = [
        *common,
        'train_dataloader.batch_size=2',
        f'train_dataloader.dataset.data_root={streets}',
        f'predict_dataloader.dataset.data_root={streets}',
        'predict_dataloader.num_workers=0',
        f'val_evaluator.baseline.dataset.data_root={streets}',
        f'val_evaluator.baseline.cache={tmp_path}/rows.json',
        f'test_evaluator.baseline.dataset.data_root={streets}',
        f'test_evaluator.baseline.cache={tmp_path}/rows.json',
    ]
    # the few steps of a test are to mix
    full = [
        *common,
        'default_hooks.mean_teacher.burn_in=0',
        'train_dataloader.batch_size=4',
        'train_dataloader.sampler.source_counts=[2,2]',
        f'train_dataloader.dataset.shared.data_root={streets}',
        'train_dataloader.dataset.shared.labeled_subset.n=2',
    ]
    return dict(sde=sde, full=full)


@pytest.fixture
def tiny_table(tmp_path, monkeypatch):
    """A `TinyTable` whose tools are fakes."""
    table = TinyTable(tmp_path)
    monkeypatch.setattr(table_stages, '_python', table.command)
    monkeypatch.setattr(stages_module, 'POLL_SECONDS', 0.01)
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    return table
