"""Stages of a table's runs: their commands, and what determines their results."""

import json
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from mmdepthseg.datasets.depth_labels import MANIFEST
from mmdepthseg.experiments.options import fields_of, filled, find, pairs
from mmdepthseg.experiments.stage import Stage
from mmdepthseg.experiments.table import ExperimentTable, Run, run_name
from mmdepthseg.launch.config import load_config
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import file_hash


def make_stages(table: ExperimentTable, runs: Sequence[Run]) -> list[Stage]:
    """Make the stages of some runs, after the stages that they need.

    A stage's result is determined by the content of its config with all its base files,
    the options, the number of labels, the seed, and the stages it needs; not by the
    paths of work_dir and Python, nor by comments in configs.

    Args:
        table: The table.
        runs: Some of its runs.

    Raises:
        UserError: The result of one of the runs is given.
    """
    given = [run.name for run in runs if run.name in table.given]
    if given:
        raise UserError(
            f'{", ".join(given)}: given, so that there is nothing to train and test; '
            'leave them out (--methods, --seeds, --label-counts)'
        )
    made = [
        _given_stage(run.name, table.given[run.name])
        if run.name in table.given
        else _run_stage(table, run)
        for run in _with_earlier(table, runs)
    ]
    wanted: set[str] = set()
    queue = [*table.needs, *(need for stage in made for need in stage.needs)]
    while queue:
        name = queue.pop()
        if name not in wanted:
            wanted.add(name)
            if name in table.given or name not in table.prerequisites:
                continue
            queue += needs_of(table, table.prerequisites[name])
    return [
        *(
            _prerequisite_stage(table, name)
            for name in table.prerequisites
            if name in wanted
        ),
        *made,
    ]


def _with_earlier(table: ExperimentTable, runs: Sequence[Run]) -> list[Run]:
    """Add the runs that some runs start from; in the table's order."""
    wanted, queue = set(), list(runs)
    known = {(run.method, run.labels, run.seed): run for run in table.runs}
    while queue:
        run = queue.pop()
        wanted.add(run.name)
        if 'after' in table.methods[run.method] and run.name not in table.given:
            queue.append(
                known[table.methods[run.method]['after'], run.labels, run.seed]
            )
    return [run for run in table.runs if run.name in wanted]


def needs_of(
    table: ExperimentTable, entry: Mapping, values: Mapping | None = None
) -> tuple[str, ...]:
    """Return the prerequisites that an entry of a table names, with a run's values."""
    needs = filled(entry.get('needs', ()), values or {})
    named = dict.fromkeys([*needs, *fields_of(entry)])
    return tuple(name for name in named if name in table.prerequisites)


def _run_stage(table: ExperimentTable, run: Run) -> Stage:
    method = table.methods[run.method]
    checkpoint = table.checkpoint(run.config, run.options, run.folder)
    commands = [_train(run.config, run.folder, run.options)]
    for name, test in table.tests.items():
        commands.append(
            _python(
                'tools/test.py',
                find(run.config),
                checkpoint,
                '--work-dir',
                run.folder / name,
                *_options([*run.options, *pairs(test.get('options'))]),
            )
        )
    seed = next(s for s in table.seeds if s['seed'] == run.seed)
    decisive = dict(
        labels=run.labels,
        seed=seed,
        options=pairs(method.get('options')),
        extra=table.extra,
        tests={name: pairs(t.get('options')) for name, t in table.tests.items()},
    )
    return Stage(
        run.name,
        tuple(commands),
        needs=(
            *needs_of(table, method, dict(seed, n=run.labels)),
            *(
                [run_name(method['after'], run.labels, run.seed)]
                if 'after' in method
                else ()
            ),
        ),
        outputs=tuple(str(run.folder / name) for name in table.tests),
        folder=str(run.folder),
        key=partial(_key, decisive, [run.config]),
    )


def _prerequisite_stage(table: ExperimentTable, name: str) -> Stage:
    entry, products = table.prerequisites[name], table.products
    folder, product = table.work_dir / name, products[name]
    own_folder: str | None = str(folder)
    if name in table.given:
        return _given_stage(name, Path(product))
    options = filled(pairs(entry.get('options')), products)
    decisive = {key: value for key, value in entry.items() if key != 'name'}
    if 'train' in entry:
        command = _train(entry['train'], folder, [*options, *table.extra])
        configs, outputs, decisive['extra'] = [entry['train']], [product], table.extra
    elif 'depth_labels' in entry:
        (checkpoint,) = filled([entry['checkpoint']], products)
        command = _python(
            'tools/generate_depth.py',
            find(entry['depth_labels']),
            checkpoint,
            '--out',
            folder,
            *(
                ['--model-config', find(entry['model_config'])]
                if 'model_config' in entry
                else []
            ),
            *_options(options),
        )
        configs = [entry['depth_labels'], entry.get('model_config')]
        trained = {table.prerequisites[n].get('train') for n in needs_of(table, entry)}
        if configs[1] in trained:  # its content decides that stage, and so this one
            configs.pop()
        outputs = [str(folder / MANIFEST)]
    else:
        configs = [entry.get('config')]
        # its outputs may be anywhere: only a folder named in the entry is removed
        own = filled([entry['folder']], products) if 'folder' in entry else [None]
        own_folder = own[0]
        command = _python(*filled(entry['command'].split(), products))
        outputs = filled(entry['outputs'], products)
    return Stage(
        name,
        (command,),
        needs=needs_of(table, entry),
        outputs=tuple(outputs),
        folder=own_folder,
        key=partial(_key, decisive, configs),
    )


def _given_stage(name: str, place: Path) -> Stage:
    """Return a stage without commands, whose key is the content of the given place."""
    return Stage(name, (), partial(_given_key, place), outputs=(str(place),))


def _given_key(place: Path, shared: dict) -> str:
    file = place / MANIFEST if place.is_dir() else place
    return file_hash(file) if file.is_file() else str(place)


def _train(config: str, folder: Path, options: Sequence[str]) -> tuple[str, ...]:
    return _python(
        'tools/train.py',
        find(config),
        '--work-dir',
        folder,
        '--resume',
        *_options(options),
    )


def _options(options: Sequence[str]) -> list[str]:
    # argparse requires at least one value
    return ['--cfg-options', *options] if options else []


def _python(script: str, *arguments: object) -> tuple[str, ...]:
    return (sys.executable, find(script), *map(str, arguments))


def _key(decisive: Mapping, configs: Sequence[str | None], shared: dict) -> str:
    """Return a text of what determines a result: a part of the table, and configs.

    Each config is read again with all its base files, because it may have changed while
    earlier stages ran. `shared` holds those that are read at the same time.
    """
    parts = json.loads(json.dumps(decisive))
    for name, config in zip(('config', 'second_config'), configs, strict=False):
        if config is not None:
            if config not in shared:
                shared[config] = load_config(find(config)).to_dict()
            parts[name] = shared[config]
    return json.dumps(parts, sort_keys=True, default=str)
