"""Checks of a table file: what would otherwise show after hours of training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from mmengine.config import Config

from mmdepthseg.experiments.options import fields_of, filled, find_subsets
from mmdepthseg.utils.errors import UserError, check_keys, did_you_mean, listed

#: Keys of the parts of a table file; those with an exclamation mark are required.
KEYS = dict(
    table='title! methods! label_counts! seeds! prerequisites needs tests metrics '
    'options baseline',
    methods='name! config! title needs after options label_counts',
    prerequisites='name! needs options train depth_labels checkpoint model_config '
    'command outputs config folder',
    tests='name! options',
    metrics='title! keys! test decimals',
)
# a variable of a table file more similar than this to a key counts as misspelt
LIKENESS = 0.8


class Table(Protocol):
    """What is checked of an `ExperimentTable`."""

    path: str
    label_counts: list[int]
    seeds: list[dict]
    needs: list[str]
    methods: dict[str, dict]
    prerequisites: dict[str, dict]
    tests: dict[str, dict]
    metrics: list[dict]
    baseline: str | None
    given: dict[str, Path]

    @property
    def runs(self) -> Sequence[Any]:
        """All runs, with `config` and `options`."""

    def counts(self, method: Mapping) -> Sequence[int]:
        """Return the numbers of labels of a method."""

    def firsts(self) -> list[str]:
        """Return the names of runs that others start from."""

    def changed(self, path: str, options: Sequence[str]) -> Config:
        """Return a config with options; refuse options that do not fit."""


def check_part(path: str, part: str, entry: Mapping) -> None:
    """Refuse an entry with misspelt keys, or without the required ones.

    Args:
        path: The table file, for messages.
        part: A key of `KEYS`.
        entry: The entry; for `'table'` the whole file.

    Raises:
        UserError: Names file, entry and key.
    """
    keys = KEYS[part].split()
    known = [key.rstrip('!') for key in keys]
    place = (
        path
        if part == 'table'
        else f'{path}: {part}: {entry.get("name", entry.get("title", "?"))}'
    )
    # a table file has variables of its own
    check_keys(entry, known, place, LIKENESS if part == 'table' else None)
    lost = [key[:-1] for key in keys if key[-1] == '!' and not entry.get(key[:-1])]
    if lost:
        raise UserError(f'{place} lacks {", ".join(lost)}')


def check_table(table: Table) -> None:
    """Find errors now that would otherwise show after hours.

    A metric without a test gets the first one.

    Raises:
        UserError: Says where the error is.
    """
    _check_numbers(table)
    _check_given(table)
    known = {'work_dir'}
    for name, entry in table.prerequisites.items():
        _check_names(table, 'prerequisites', name, entry, known)
        known.add(name)
    _check_names(table, 'needs', 'needs', dict(needs=table.needs), known)
    known |= {'seed', 'n', *(key for seed in table.seeds for key in seed)}
    runs = [{**seed, 'n': n} for seed in table.seeds for n in table.label_counts]
    earlier: list[str] = []
    for name, entry in table.methods.items():
        after = [entry['after']] if 'after' in entry else []
        place = f'{table.path}: methods: {name}: after: earlier methods'
        check_keys(after, earlier, place)
        earlier.append(name)
        fields = known | {'after'} if after else known
        _check_names(table, 'methods', name, entry, fields, runs)
    for name, entry in table.prerequisites.items():
        _check_prerequisite(f'{table.path}: prerequisites: {name}', entry)
    for metric in table.metrics:
        check_part(table.path, 'metrics', metric)
        metric.setdefault('test', next(iter(table.tests)))
        if metric['test'] not in table.tests:
            raise UserError(
                f'{table.path}: metrics: there is no test {metric["test"]!r}'
            )
        decimals = metric.get('decimals', 1)
        if not isinstance(decimals, int) or decimals < 0:
            raise UserError(
                f'{table.path}: metrics: {metric["title"]}: decimals must be a whole '
                f'number from 0 on, got {decimals!r}'
            )
    for run in table.runs:
        for key, subset in find_subsets(table.changed(run.config, run.options)):
            if subset.get('ann_file') is not None and subset.get('seed') is not None:
                raise UserError(
                    f'{table.path}: {run.name}: {key} has ann_file='
                    f'{subset["ann_file"]!r} and a seed, which {run.config} draws '
                    f"with: replace it, {key!r}: \"{{'_delete_': True, "
                    "'ann_file': 'LIST', 'n': {n}}\" in the options"
                )


def _check_names(
    table: Table,
    part: str,
    name: str,
    entry: Mapping,
    known: set[str],
    runs: Sequence[Mapping] = ({},),
) -> None:
    for field in fields_of(entry):
        if field not in known:
            raise UserError(
                f'{table.path}: {part}: {name}: {{{field}}} is not known '
                f'here{did_you_mean(field, known)}'
            )
    needs = {need for run in runs for need in filled(entry.get('needs', ()), run)}
    lost = sorted(needs - known)
    if lost:
        raise UserError(
            f'{table.path}: {part}: {name}: needs {", ".join(lost)}, '
            'which is not an earlier prerequisite'
        )


def _check_numbers(table: Table) -> None:
    numbers = [*table.label_counts, *(seed.get('seed') for seed in table.seeds)]
    if not all(isinstance(number, int) for number in numbers):
        raise UserError(
            f'{table.path}: label_counts and seeds must be whole numbers, got {numbers}'
        )
    for key, given in (
        ('label_counts', table.label_counts),
        ('seeds', [seed['seed'] for seed in table.seeds]),
    ):
        if len({*given}) < len(given):
            raise UserError(
                f'{table.path}: {key}: {listed(given, 12)}: one is there twice, whose '
                'runs would be one'
            )
    if min(table.label_counts, default=0) < 0:
        raise UserError(
            f'{table.path}: label_counts must not be negative, got {table.label_counts}'
        )
    if table.baseline is not None:
        check_keys([table.baseline], table.methods, f'{table.path}: baseline: methods')
    for name, method in table.methods.items():
        other = set(method.get('label_counts', ())) - set(table.label_counts)
        if other:
            raise UserError(
                f'{table.path}: methods: {name}: label_counts '
                f'{sorted(other)} are not among those of the table'
            )
        first = table.methods.get(method.get('after', ''), {})
        without = {*table.counts(method)} - {*table.counts(first)}
        if without:
            raise UserError(
                f'{table.path}: methods: {name}: after: {method["after"]} has no '
                f'runs with {sorted(without)} labels'
            )


def _check_given(table: Table) -> None:
    known = [*table.prerequisites, *table.firsts()]
    for name, place in table.given.items():
        if name not in known:
            raise UserError(
                f'{name!r}, given, is neither a prerequisite of {table.path} nor a '
                f'run that others start from; these are '
                f'{", ".join(known) or "missing there"}'
            )
        if not place.exists():
            raise UserError(f'{place}, given for {name}, does not exist')
        if name not in table.prerequisites and not place.is_file():
            raise UserError(f'{place}, given for {name}, is not a checkpoint file')


def _check_prerequisite(place: str, entry: Mapping) -> None:
    kinds = [k for k in ('train', 'depth_labels', 'command') if k in entry]
    if len(kinds) != 1:
        raise UserError(f'{place}: one of train, depth_labels and command is needed')
    if ('depth_labels' in entry) != ('checkpoint' in entry):
        raise UserError(f'{place}: depth_labels and checkpoint go together')
    if ('command' in entry) != bool(entry.get('outputs')):
        raise UserError(f'{place}: command and outputs go together')
    alone = [key for key in ('config', 'folder') if key in entry]
    if alone and 'command' not in entry:
        raise UserError(f'{place}: {", ".join(alone)} without command')
