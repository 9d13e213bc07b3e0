"""The tables in configs/tables fit the configs and tools that they name."""

import copy
import functools
import warnings

import pytest
import torch
from helpers import REPO
from helpers.tiny_tables import TinyTable
from helpers.tools import load_tool

from mmdepthseg.experiments import ExperimentTable, make_stages
from mmdepthseg.experiments.options import FIELD, filled, pairs
from mmdepthseg.plugin import register_all_modules
from mmdepthseg.registry import METRICS, MODELS, TRANSFORMS
from mmdepthseg.utils.errors import UserError

TABLES = sorted((REPO / 'configs/tables').glob('*.py'))


@pytest.mark.parametrize('path', TABLES, ids=lambda path: path.stem)
def test_tables_of_the_repository(path, tmp_path, monkeypatch):
    """Every option of every run changes something that its config has, and the
    changed model, data pipelines and metrics can be built.
    """
    register_all_modules()
    monkeypatch.chdir(REPO)
    with warnings.catch_warnings():
        # options that name nothing in a config are added, with a warning
        warnings.filterwarnings('error', message='--cfg-options')
        table = ExperimentTable(str(path), tmp_path)
        assert {run.method for run in table.runs} == set(table.methods)
        models = []
        for method in table.methods:
            run = next(run for run in table.runs if run.method == method)
            assert not [option for option in run.options if FIELD.search(option)]
            cfg = table.changed(run.config, run.options)
            assert cfg.randomness.seed == run.seed
            if cfg.model not in models:  # rows of a table share them
                models.append(copy.deepcopy(cfg.model))
                with torch.device('meta'):  # names and shapes only
                    MODELS.build(copy.deepcopy(cfg.model))
            build_data(cfg.train_dataloader)
            for test in table.tests.values():
                options = [*run.options, *pairs(test.get('options'))]
                cfg = table.changed(run.config, options)
                build_data(cfg.test_dataloader)
                METRICS.build(copy.deepcopy(cfg.test_evaluator))
        for entry in table.prerequisites.values():
            config = entry.get('train', entry.get('depth_labels'))
            if config:
                table.changed(
                    config, filled(pairs(entry.get('options')), table.products)
                )
        stages = make_stages(table, table.runs)
    assert {run.name for run in table.runs} <= {stage.name for stage in stages}
    for command in {command for stage in stages for command in stage.commands}:
        understood(command[1:])


tool = functools.cache(load_tool)


def understood(command):
    """The tool takes these arguments."""
    script, *arguments = command
    tool(script.removeprefix('tools/').removesuffix('.py')).parse_args(arguments)


def build_data(loader):
    """The transforms of a data loader's config."""
    dataset = loader.dataset
    parts = dataset.get('sources', {}).values()
    for part in (dataset, dataset.get('shared', {}), *parts):
        for transform in part.get('pipeline', ()):
            TRANSFORMS.build(copy.deepcopy(transform))


@pytest.mark.parametrize('key', ['seeds', 'label_counts'])
def test_runs_of_one_name_are_refused(key, tmp_path):
    table = TinyTable(tmp_path)
    table.add(f'{key} = [7, 8, 7]')
    with pytest.raises(UserError, match=f'{key}: 7, 8, 7.*twice'):
        ExperimentTable(str(table.path), tmp_path)


def test_an_option_that_names_nothing(tmp_path):
    """What the test of the tables would find."""
    table = TinyTable(tmp_path)
    table.add('methods[1]["options"]["model.backbone.init_cfg.checkpoint"] = "x"')
    with pytest.warns(UserWarning, match="--cfg-options model.*'model'"):
        ExperimentTable(str(table.path), tmp_path)


SUBSET = 'train_dataloader.dataset.labeled_subset'


@pytest.mark.parametrize('subset', ['dict(ann_file=None)', 'dict()'])
def test_all_labels_become_a_random_subset(subset, tmp_path):
    """Of configs that use all labels there are, as those of clips do."""
    table = TinyTable(tmp_path)
    text = (tmp_path / 'random.py').read_text()
    (tmp_path / 'random.py').write_text(text.replace('dict(n=1, seed=0)', subset))
    options = {'gain': 4.0, f'{SUBSET}.ann_file': 'list_{n}.txt'}
    table.add(f'methods[1]["options"] = {options}')
    runs = {run.name: run for run in ExperimentTable(str(table.path), tmp_path).runs}
    drawn = [f'{SUBSET}.n=20', f'{SUBSET}.seed=3']
    assert list(runs['plain_n20_seed3'].options) == ['randomness.seed=3', *drawn]
    listed = [f'{SUBSET}.n=20', 'gain=4.0', f'{SUBSET}.ann_file=list_20.txt']
    assert list(runs['full_n20_seed3'].options) == ['randomness.seed=3', *listed]


def test_a_list_in_a_config_keeps_its_place(tmp_path):
    table = TinyTable(tmp_path)
    table.add(f'methods[0]["config"] = "{tmp_path}/listed.py"')
    runs = ExperimentTable(str(table.path), tmp_path).runs
    assert list(runs[0].options) == ['randomness.seed=1', f'{SUBSET}.n=10']


def test_a_list_beside_a_seed_is_refused(tmp_path):
    """The training would end at once, after the prerequisites."""
    table = TinyTable(tmp_path)
    table.add(f'methods[1]["options"]["{SUBSET}.ann_file"] = "list.txt"')
    wanted = f'full_n10_seed1: {SUBSET} has ann_file=.list.txt.*_delete_'
    with pytest.raises(UserError, match=wanted) as error:
        ExperimentTable(str(table.path), tmp_path)
    # what the message advises; the number of labels stays
    options = {SUBSET: "{'_delete_': True, 'ann_file': 'a b.txt', 'n': {n}}"}
    assert options[SUBSET].replace('a b.txt', 'LIST') in str(error.value)
    table.add(f'methods[1]["options"] = {options}')
    runs = {run.name: run for run in ExperimentTable(str(table.path), tmp_path).runs}
    text = runs['full_n20_seed3'].options[-1]
    assert text.endswith("'ann_file': 'a b.txt', 'n': 20}")
