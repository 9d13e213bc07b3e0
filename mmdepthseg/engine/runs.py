"""What a Runner holds, read without building anything."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from mmengine.runner import Runner, find_latest_checkpoint
from mmengine.runner.base_loop import BaseLoop

from mmdepthseg.checkpoints.matching import unwrapped
from mmdepthseg.datasets.transforms.foreign import all_steps
from mmdepthseg.evaluation.figure_names import figure_names


def built_loop(runner: Runner, stage: str) -> BaseLoop | None:
    """Return a loop, if it is built already; `runner.train_loop` would build it.

    Args:
        runner: The Runner.
        stage: 'train', 'val' or 'test'.
    """
    loop = getattr(runner, f'_{stage}_loop', None)
    return loop if isinstance(loop, BaseLoop) else None


def resumes(runner: Runner) -> bool:
    """Tell whether a run goes on from a checkpoint, also before it is read."""
    return runner._resume and bool(
        runner._load_from or find_latest_checkpoint(runner.work_dir)
    )


def parts_of(dataset: Any) -> Iterator[Any]:
    """Yield the data sets inside of concatenations and wrappers."""
    inner = getattr(dataset, 'datasets', None) or getattr(dataset, 'dataset', None)
    if inner is None:
        yield dataset
    else:
        for part in inner if isinstance(inner, list | tuple) else [inner]:
            yield from parts_of(part)


def source_keys(dataset: Any, place: str) -> list[str]:
    """Return the keys of the data sets in a concatenation, in order.

    Args:
        dataset: With `datasets`, and `source_names` if they have names.
        place: Its own key.
    """
    names = getattr(dataset, 'source_names', None)
    numbers = range(len(dataset.datasets))
    keys = [f'sources.{name}' for name in names or ()]
    return [f'{place}.{key}' for key in keys or (f'datasets.{n}' for n in numbers)]


def step_names(dataset: Any) -> set[str]:
    """Return the names of the classes of a pipeline's transforms, at any depth."""
    steps = all_steps(getattr(dataset, 'pipeline', None))
    return {type(step).__name__ for step in steps}


def loads_labels(dataset: Any) -> bool:
    """Return whether the pipeline of a data set loads segmentation labels."""
    return bool(step_names(dataset) & {'LoadSegLabel', 'LoadAnnotations'})


def all_schedulers(schedulers: Any) -> Iterator[Any]:
    """Yield a Runner's schedulers: a list of them, or one for each optimiser's name."""
    by_name = isinstance(schedulers, Mapping)
    yield from chain(*(schedulers.values() if by_name else [schedulers or ()]))


def accumulated(runner: Runner) -> int:
    """Return the number of iterations of a step of the optimiser."""
    return getattr(runner.optim_wrapper, '_accumulative_counts', 1)


def validation_figures(runner: Runner) -> tuple[list[str], list[str]] | None:
    """Return the names of all figures of the validation, the main one first.

    The main figure is the one of the network that predicts.

    Returns:
        The names, and the classes of metrics that do not tell theirs; None if there is
        no validation.
    """
    loop = built_loop(runner, 'val')
    if loop is None:
        return None
    names: list[str] = []
    silent: list[str] = []
    for metric in loop.evaluator.metrics:
        found = figure_names(metric)
        names += found or []
        silent += [type(metric).__name__] if found is None else []
    networks = getattr(loop, 'networks', None)
    if networks is not None:
        main = getattr(unwrapped(runner.model), 'predict_with', networks[0])
        ordered = sorted(networks, key=lambda network: network != main)
        names = [f'{network}/{name}' for network in ordered for name in names]
    return names, silent
