"""The first lines of a training: what it reads, what it does, what comes next."""

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmengine.runner.base_loop import BaseLoop
from PIL import Image

from mmdepthseg.checkpoints.arrival import weight_sources
from mmdepthseg.checkpoints.matching import unwrapped
from mmdepthseg.datasets.intrinsics import listed_camera
from mmdepthseg.engine.checks.loops import may_go_on
from mmdepthseg.engine.checks.resumed import ANEW
from mmdepthseg.engine.runs import loads_labels, step_names
from mmdepthseg.registry import HOOKS
from mmdepthseg.utils.errors import UserError

#: Attribute of the summary's log record, by which consoles know it.
SUMMARY = 'summary_of_training'


@HOOKS.register_module()
class TrainingSummaryHook(Hook):
    """Log data sets, camera, classes, weights and schedule before the first iteration.

    A training that is resumed, but was finished, is told so in a line of its own.

    MMEngine logs the config and the order of the hooks; how many labels and cameras
    there are, and which K, stands in neither.

    Attributes:
        options: `--cfg-options` of this training, which the next commands need, too.
    """

    # the last before the first iteration
    priority = 'LOWEST'
    options: Sequence[str] = ()

    def before_train(self, runner: Runner) -> None:
        """Log the summary."""
        rows = [
            *_data(runner),
            *_labels(runner),
            *_weights(runner),
            *_schedule(runner),
            *_next(runner, self.options),
        ]
        lines = [f'  {name:<10}{text}' for name, text in rows]
        text = '\n'.join(['This training:', *lines])
        runner.logger.info(text, extra={SUMMARY: True})
        for line in _finished(runner):
            runner.logger.info(line)


def _data(runner: Runner) -> Iterator[tuple[str, str]]:
    for stage, loop in (('train', runner.train_loop), ('val', runner.val_loop)):
        if loop is None:
            continue
        for source, dataset in _parts(loop):
            name = f'{type(dataset).__name__}: {len(dataset)} samples'
            text = getattr(dataset, 'summary', None) or name
            yield stage, f'{text} ({source})' if source else text


def _labels(runner: Runner) -> Iterator[tuple[str, str]]:
    parts = [dataset for _, dataset in _parts(runner.train_loop)]
    for dataset in parts:
        if 'LoadCamera' in step_names(dataset):
            info = dataset.get_data_info(0)
            try:
                with Image.open(info['img_path']) as image:
                    camera = listed_camera(info, image.size[::-1])
            except (OSError, UserError, Image.DecompressionBombError):
                break  # the pipeline's matter: it may skip broken files
            if camera is not None:
                (height, width), K = camera.size, camera.K
                yield (
                    'camera',
                    f'fx {K[0, 0]:.1f}, fy {K[1, 1]:.1f}, cx {K[0, 2]:.1f}, '
                    f'cy {K[1, 2]:.1f} at {width}x{height} (of {info["img_path"]})',
                )
                break
    for dataset in parts:
        classes = getattr(dataset, 'metainfo', {}).get('classes')
        if classes and loads_labels(dataset):
            yield 'classes', f'{len(classes)}: {", ".join(classes)}'
            break


def _weights(runner: Runner) -> Iterator[tuple[str, str]]:
    if runner._has_loaded:
        yield 'weights', f'from {runner._load_from or "the checkpoint of this folder"}'
        return
    places: dict[str, list[str]] = {}
    for place, source in weight_sources(unwrapped(runner.model)).items():
        places.setdefault(source, []).append(place or 'all')
    for source, names in places.items():
        start = f'from {source}' if source else 'from random values'
        yield 'weights', f'{", ".join(names)} {start}'


def _schedule(runner: Runner) -> Iterator[tuple[str, str]]:
    loop = runner.train_loop
    optimizer = getattr(runner.optim_wrapper, 'optimizer', None)
    by_epoch = isinstance(loop, EpochBasedTrainLoop)
    length = f'{loop.max_epochs} epochs' if by_epoch else f'{loop.max_iters} iterations'
    begun = f', from {runner.iter}' if runner.iter else ''
    size = getattr(loop.dataloader, 'batch_size', None)
    world = get_world_size()
    each = f' on each of {world} processes' if world > 1 else ''
    found = runner.param_schedulers
    names = [type(one).__name__ for one in found] if isinstance(found, list) else []
    parts = [
        f'{length}{begun}' + (f', {size} samples{each}' if size else each),
        ', '.join(names) or 'constant rate',
    ]
    if optimizer is not None:
        rates = sorted({f'{group["lr"]:g}' for group in optimizer.param_groups})
        parts.insert(1, f'{type(optimizer).__name__} at {", ".join(rates)}')
    if runner.val_loop is not None:
        parts.append(f'validation each {loop.val_interval}')
    yield 'schedule', '; '.join(parts)


def _finished(runner: Runner) -> Iterator[str]:
    """Yield a line if a resumed training has nothing left to do."""
    loop = runner.train_loop
    by_epoch = isinstance(loop, EpochBasedTrainLoop)
    unit, limit = ('epoch', 'max_epochs') if by_epoch else ('iteration', 'max_iters')
    done, length = (runner.epoch if by_epoch else runner.iter), getattr(loop, limit)
    if not 0 < length <= done:
        return
    cure = ANEW
    if may_go_on(loop, runner.param_schedulers):
        cure = f'resume with a larger train_cfg.{limit}, or {ANEW}'
    yield (
        f'This training was finished at {unit} {done} of {length}: nothing is left to '
        f'train. For more, {cure}'
    )


def _next(runner: Runner, options: Sequence[str]) -> Iterator[tuple[str, str]]:
    more = f' --cfg-options {shlex.join(options)}' if options else ''
    config = shlex.quote(runner.cfg.filename or 'CONFIG')
    model = unwrapped(runner.model)
    student = getattr(model, 'student', model)
    step = f'iter_{runner.max_iters}'
    if isinstance(runner.train_loop, EpochBasedTrainLoop):
        step = f'epoch_{runner.max_epochs}'
    checkpoint = shlex.quote(f'{runner.work_dir}/{step}.pth')
    depth = getattr(student, 'depth_head', None) is not None
    if depth and not getattr(student, 'with_decode_head', True):
        generate = f'python tools/generate_depth.py {config} {checkpoint}'
        yield 'then', f'{generate} --out FOLDER{more}'
    if runner.cfg.get('test_dataloader'):
        yield 'then', f'python tools/test.py {config} {checkpoint}{more}'
    if file := getattr(runner.logger, 'log_file', None):
        yield 'log', f'{file} (with environment, config and hooks)'


def _parts(loop: BaseLoop) -> Iterator[tuple[str, Any]]:
    """Yield a loop's data sets, those inside of a concatenation with their names."""
    dataset = getattr(loop.dataloader, 'dataset', None)
    parts = getattr(dataset, 'datasets', None)
    if parts is None:
        if dataset is not None:  # a loop may have loaders of its own
            yield '', dataset
        return
    names = getattr(dataset, 'source_names', None) or [''] * len(parts)
    yield from zip(names, parts, strict=True)
