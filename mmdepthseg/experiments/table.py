"""Table files: their content, checked."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mmengine.config import Config

from mmdepthseg.experiments.options import (
    filled,
    find,
    find_subsets,
    pairs,
    parse_options,
)
from mmdepthseg.experiments.table_checks import check_part, check_table
from mmdepthseg.launch.config import load_config
from mmdepthseg.launch.options import apply_options
from mmdepthseg.utils.errors import UserError

NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9_.-]*')
METRICS = (
    dict(title='mIoU % of the student', keys=['student/mIoU', 'mIoU']),
    dict(title='mIoU % of the teacher', keys=['teacher/mIoU']),
    dict(
        title='% of pixels right (aAcc) of the student', keys=['student/aAcc', 'aAcc']
    ),
)


@dataclass(frozen=True)
class Run:
    """One training with its tests.

    Attributes:
        name: `<method>_n<labels>_seed<seed>`, also the name of its folder.
        method: Name of the method.
        labels: Number of labelled images.
        seed: Seed of the training, and of the subset if that is random.
        config: Config file.
        options: All `KEY=VALUE` of `--cfg-options`.
        folder: Folder of logs and checkpoints; has the figures of each test below it.
    """

    name: str
    method: str
    labels: int
    seed: int
    config: str
    options: tuple[str, ...]
    folder: Path


def run_name(method: str, labels: int, seed: int) -> str:
    """Return the name of a run, which is that of its folder and stage, too."""
    return f'{method}_n{labels}_seed{seed}'


class ExperimentTable:
    """A table of methods x numbers of labels x seeds, from a Python config file.

    The file holds `title` and

    - `methods`: `dict(name, config, title, needs, after, options, label_counts)`. Seed
      and number of labels are put into `randomness.seed` and into every
      `labeled_subset` of the config's `train_dataloader` (number only if it has an
      `ann_file`, also by options). `label_counts` selects some of the table's for this
      method; default: all. `after` is an earlier method, whose run of the same seed and
      number of labels is needed; `{after}` in the options is the last checkpoint of
      that run;
    - `label_counts`: whole numbers; 0 for trainings without a `labeled_subset`, such as
      those of depth;
    - `seeds`: whole numbers, or dicts of `seed` and other values of that seed;

    and optionally

    - `prerequisites`: results that are made once for all runs. `dict(name, needs,
      options)` with one of `train=CONFIG` (the result is the last checkpoint),
      `depth_labels=CONFIG, checkpoint=...` (the result is their folder; add
      `model_config` if the checkpoint belongs to another config) or
      `command='tools/x.py ...', outputs=[...]` (the result is the first output; add
      `config` if the content of a config determines it too, and `folder` if the command
      has its own folder, which is removed before a start with anything changed);
    - `needs`: prerequisites that are made whichever runs are chosen;
    - `tests`: `dict(name, options)`, evaluations of each run; default: one;
    - `metrics`: `dict(title, keys, test, decimals)`: the first of `keys` that the test
      (default: the first) reports, with that many decimals (default: 1); default: mIoU
      of student and teacher, and the student's share of pixels that are right;
    - `options`: of every training and test;
    - `baseline`: the method that the others are compared with.

    `options` are dicts of dotted keys, as for `--cfg-options`. In options, commands,
    outputs and the `needs` of methods, `{seed}`, `{n}`, `{work_dir}`, other values of a
    seed and names of prerequisites in braces are replaced by their values; a
    prerequisite that is named is also needed.

    Args:
        path: The table file.
        work_dir: Folder of all results.
        extra: `KEY=VALUE` for every training and test.
        given: Files or folders to use instead of prerequisites, or of runs that others
            start from (`'supervised_n8_seed7'`).
        seeds: Seeds to use instead of the file's.

    Raises:
        UserError: The file, or a config that it names, has an error; says where.
    """

    def __init__(
        self,
        path: str,
        work_dir: Path,
        extra: Sequence[str] = (),
        given: Mapping[str, str] | None = None,
        seeds: Sequence[int] | None = None,
    ) -> None:
        self.path = str(path)
        self.work_dir = Path(work_dir).resolve()
        cfg = load_config(path)
        check_part(self.path, 'table', cfg)
        self.title: str = cfg.title
        self.label_counts: list[int] = list(cfg.label_counts)
        self.seeds = [
            dict(s) if isinstance(s, Mapping) else dict(seed=s)
            for s in seeds or cfg.seeds
        ]
        self.needs: list[str] = list(cfg.get('needs', ()))
        self.methods = self._named(cfg, 'methods')
        self.prerequisites = self._named(cfg, 'prerequisites')
        self.tests = self._named(cfg, 'tests') or {'test': {}}
        self.metrics = [dict(metric) for metric in cfg.get('metrics', METRICS)]
        self.baseline: str | None = cfg.get('baseline')
        self.extra = [*pairs(cfg.get('options')), *extra]
        self.given = {
            name: Path(place).expanduser().resolve()
            for name, place in (given or {}).items()
        }
        self._configs: dict[str, Config] = {}
        check_table(self)

    def _named(self, cfg: Config, part: str) -> dict[str, dict]:
        found: dict[str, dict] = {}
        for entry in cfg.get(part, ()):
            check_part(self.path, part, entry)
            name = entry['name']
            if not NAME.fullmatch(name) or name in found:
                raise UserError(
                    f'{self.path}: {part}: {name!r} is not a valid name, or is used '
                    'twice; names consist of letters, digits, "_", "-" and "."'
                )
            found[name] = dict(entry)
        return found

    def config(self, path: str) -> Config:
        """Return a config; it is read once."""
        if path not in self._configs:
            self._configs[path] = load_config(find(path))
        return self._configs[path]

    def changed(self, path: str, options: Sequence[str]) -> Config:
        """Return a config with options.

        Raises:
            UserError: The options do not fit the config.
        """
        config = self.config(path)
        config = Config(config.to_dict(), filename=config.filename)
        try:
            apply_options(config, parse_options(options))
        except UserError as error:
            raise UserError(f'{self.path}: {path}: {error}') from None
        return config

    def checkpoint(self, path: str, options: Sequence[str], folder: Path) -> str:
        """Return the last checkpoint that a training in `folder` writes."""
        train_cfg = self.changed(path, options).get('train_cfg') or {}
        if 'max_iters' not in train_cfg:
            raise UserError(
                f'{path}: train_cfg.max_iters is needed, since it names the last '
                'checkpoint'
            )
        return str(folder / f'iter_{train_cfg["max_iters"]}.pth')

    @cached_property
    def products(self) -> dict[str, str]:
        """Return the path of each prerequisite's result."""
        found: dict[str, str] = dict(work_dir=str(self.work_dir))
        for name, entry in self.prerequisites.items():
            folder = self.work_dir / name
            if name in self.given:
                found[name] = str(self.given[name])
            elif 'train' in entry:
                options = [*filled(pairs(entry.get('options')), found), *self.extra]
                found[name] = self.checkpoint(entry['train'], options, folder)
            else:
                outputs = entry.get('outputs') or [str(folder)]
                found[name] = filled(outputs, found)[0]
        return found

    @cached_property
    def runs(self) -> list[Run]:
        """Return all runs: the whole table of the first seed, then of the next."""
        return [
            self._run(name, count, seed)
            for seed in self.seeds
            for count in self.label_counts
            for name, method in self.methods.items()
            if count in self.counts(method)
        ]

    def firsts(self) -> list[str]:
        """Return the names of runs that others start from."""
        firsts = {method.get('after') for method in self.methods.values()}
        return [
            run_name(name, count, seed['seed'])
            for seed in self.seeds
            for name, method in self.methods.items()
            if name in firsts
            for count in self.counts(method)
        ]

    def counts(self, method: Mapping) -> Sequence[int]:
        """Return the numbers of labels of a method."""
        return method.get('label_counts', self.label_counts)

    def _run(self, name: str, count: int, seed: Mapping) -> Run:
        method, number = self.methods[name], seed['seed']
        options = [f'randomness.seed={number}']
        subsets = list(find_subsets(self.config(method['config'])))
        if count and not subsets:
            raise UserError(
                f'{method["config"]} has no labeled_subset in its train_dataloader, '
                'which would set the number of labels (label_counts = [0] is for '
                'trainings without labels)'
            )
        if subsets and not count:
            raise UserError(
                f'{self.path}: label_counts: 0 is for trainings without labels, but '
                f'{method["config"]} has {subsets[0][0]}'
            )
        values = {**self.products, **seed, 'n': count}
        if 'after' in method:
            first = self._run(method['after'], count, seed)
            values['after'] = str(self.given.get(first.name, '')) or self.checkpoint(
                first.config, first.options, first.folder
            )
        own = filled(pairs(method.get('options')), values)
        for key, subset in subsets:
            options.append(f'{key}.n={count}')
            if 'seed' in subset or not self._has_list(method['config'], own, key):
                options.append(f'{key}.seed={number}')
        options += own
        run = run_name(name, count, number)
        return Run(
            run,
            name,
            count,
            number,
            method['config'],
            (*options, *self.extra),
            self.work_dir / run,
        )

    def _has_list(self, path: str, options: Sequence[str], key: str) -> bool:
        """Tell whether a config with options has a list in this `labeled_subset`."""
        changed = self.changed(path, [*options, *self.extra])
        return dict(find_subsets(changed)).get(key, {}).get('ann_file') is not None
