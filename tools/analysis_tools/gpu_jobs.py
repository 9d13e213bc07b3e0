"""What `benchmark_gpu.py` measures: steps, loaders, losses of trainings."""

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
sys.path[:0] = [str(ROOT), str(HERE.parent)]

from benchmark_loader import CONFIGS as LOADED  # noqa: E402
from benchmark_loader import FULL, make_images  # noqa: E402
from compare_steps import Side  # noqa: E402

from mmdepthseg.experiments.figures import read_logs  # noqa: E402
from mmdepthseg.utils.errors import UserError  # noqa: E402

#: Seconds for the last checkpoint; less is not worth a start.
GRACE = 20.0
STEPS = {
    'SDE': 'sde-phase2-fd_r101-d16_50k_512x512.py',
    'DepthMix': 'transfer-depthmix-gt_r101-d16_40k_512x512_n372.py',
    'multi-task': 'pad-transfer-depthmix-gt_r101-d16_40k_512x512_n372.py',
}
#: What a form of the step adds to float32 with TF32.
FAST = dict(amp=True, channels_last=True)
FUSED = {'+optim_wrapper.optimizer.fused': True}
WHOLE = {'+model.split_backward': False}
FORMS: dict[str, dict] = {
    'plain': dict(plain=True),
    'float32': {},
    'amp': dict(FAST, options=FUSED),
    'compiled': dict(FAST, options=FUSED, compiled=True),
    'compiled, whole': dict(FAST, options={**FUSED, **WHOLE}, compiled=True),
}
TRAININGS = {
    'SDE': 'configs/streets/sde_lite0_500it_192x96.py',
    'mean teacher': 'configs/streets/classmix_lite0_900it_192x96_n8.py',
}
SEEDS = (7, 25)
#: Loss values are averaged over this share of the iterations before they are compared.
WINDOW = 0.1

Job = Callable[['Session'], dict]
Jobs = Mapping[str, Job]


class Session:
    """The time that is left, and the processes that run.

    Args:
        minutes: Until when.
    """

    def __init__(self, minutes: float) -> None:
        self.end = time.monotonic() + 60 * minutes
        self.running: set[subprocess.Popen] = set()
        self.over = threading.Event()

    def left(self) -> float:
        """Return seconds; not above zero if the time is over."""
        return 0.0 if self.over.is_set() else self.end - time.monotonic()

    @contextlib.contextmanager
    def limit(self, process: subprocess.Popen) -> Iterator[None]:
        """Ask a process to stop when the time is over, and end it with the block.

        Raises:
            OutOfTime: The time was over.
        """
        late = threading.Event()

        def stop() -> None:
            late.set()
            process.terminate()

        timer = threading.Timer(max(self.left() - GRACE, 0), stop)
        self.running.add(process)
        timer.start()
        try:
            yield
        except UserError:
            if not late.is_set():
                raise
        finally:
            timer.cancel()
            process.terminate()
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self.running.discard(process)
        if late.is_set() or self.over.is_set():
            raise OutOfTime

    def stop(self) -> None:
        """Ask all processes to stop, and start no other."""
        self.over.set()
        for process in [*self.running]:
            process.terminate()


class OutOfTime(Exception):
    """A job was not finished in the time."""


# -- steps -------------------------------------------------------------------------


def step_side(args: argparse.Namespace, kind: str, form: dict) -> dict:
    """Return what the process of a step is asked for."""
    same = dict(depth=args.depth, size=args.size, threads=1, device=args.device)
    return dict(
        same,
        config=str(ROOT / 'configs/cityscapes' / STEPS[kind]),
        options=form.get('options', {}),
        # batch 4 of triplets; two labelled and two mixed images
        batch=4 if kind == 'SDE' else 2,
        plain=form.get('plain', False),
        amp=form.get('amp', False),
        channels_last=form.get('channels_last', False),
        backend=args.backend if form.get('compiled') else '',
    )


def forms_of(kind: str) -> list[str]:
    """Return the forms of a step; only mean teachers have parts of a backward pass."""
    return [form for form in FORMS if kind != 'SDE' or 'whole' not in form]


def measure_step(
    args: argparse.Namespace, kind: str, form: str, session: Session
) -> dict:
    """Measure a form of a step."""
    asked = step_side(args, kind, FORMS[form])
    side = Side(f'{kind}, {form}', ROOT, **asked)
    with session.limit(side.process):
        compiled = side.answer()['compiled']
        side.take(max(2, args.steps // 4))
        turns = [side.take(args.steps) for _ in range(3)]
        waiting = side.take(f'profile {min(args.steps, 5)}')['waiting']
    seconds = statistics.median(turn['seconds'] for turn in turns) / args.steps
    images = asked['batch'] * (1 if kind == 'SDE' else 2)
    return dict(
        ms=1e3 * seconds,
        peak_gib=max(turn['peak'] for turn in turns) / 1024,
        images_per_second=images / seconds,
        waiting=waiting,
        compiled=compiled,
    )


def step_jobs(args: argparse.Namespace) -> Jobs:
    """Return name -> measurement of each step."""
    return {
        f'step, {kind}, {form}': partial(measure_step, args, kind, form)
        for kind in STEPS
        for form in forms_of(kind)
    }


# -- loaders -----------------------------------------------------------------------


def images_of(args: argparse.Namespace) -> Path:
    """Return the folder of the images that are loaded; they are rendered once."""
    root, begun = args.out / 'images', args.out / 'images.begun'
    if not root.exists():
        shutil.rmtree(begun, ignore_errors=True)
        make_images(begun, 3, FULL, 95)
        begun.rename(root)
    return root


def measure_loader(args: argparse.Namespace, kind: str, session: Session) -> dict:
    """Measure how many samples a second one core loads, from jpg at 2048x1024."""
    side = Side(
        f'loader, {kind}',
        ROOT,
        'loader_worker.py',
        kind=kind,
        config=str(ROOT / 'configs/cityscapes' / LOADED[kind]),
        options={},
        data_root=str(images_of(args) / 'jpg'),
        suffix='_leftImg8bit.jpg',
        batch=4,
        plain=None,
    )
    with session.limit(side.process):
        side.answer()
        side.take(1)
        turns = [side.take(5) for _ in range(3)]
    # the preprocessor is part of the step, and runs on its device
    seconds = [turn['seconds'] - turn['preprocessor'] for turn in turns]
    return dict(samples_per_second=20 / statistics.median(seconds))


def loader_jobs(args: argparse.Namespace) -> Jobs:
    """Return name -> measurement of each kind of samples."""
    return {f'loader, {kind}': partial(measure_loader, args, kind) for kind in LOADED}


def workers(kind: str, results: dict[str, dict]) -> float | None:
    """Return the loader workers that keep the quickest form of a step fed."""
    steps = [results.get(f'step, {kind}, {form}') for form in forms_of(kind)]
    quickest = min((step['ms'] / 1e3 for step in steps if step), default=None)
    needed = {
        'SDE': {'triplet': 4},
        'DepthMix': {'labelled': 2, 'mix': 2},
        'multi-task': {'multi-task': 4},
    }[kind]
    loaders = {name: results.get(f'loader, {name}') for name in needed}
    if quickest is None or None in loaders.values():
        return None
    seconds = sum(n / loaders[k]['samples_per_second'] for k, n in needed.items())
    return seconds / quickest


# -- losses ------------------------------------------------------------------------


def train(
    args: argparse.Namespace, name: str, seed: int, amp: bool, session: Session
) -> dict:
    """Train for some iterations, or go on; return the losses.

    Raises:
        UserError: The training failed.
    """
    kind = f'{args.device}_{args.iterations}_{"amp" if amp else "f32"}_{seed}'
    folder = args.out / f'{name.replace(" ", "_")}_{kind}'
    streets = args.data_root
    data = {
        'SDE': [f'train_dataloader.dataset.data_root={streets}'],
        'mean teacher': [
            f'train_dataloader.dataset.shared.data_root={streets}',
            f'default_hooks.mean_teacher.burn_in={args.iterations // 3}',
        ],
    }[name]
    if amp:
        data.append('+default_hooks.channels_last.type=ChannelsLastHook')
    command = [
        sys.executable,
        'tools/train.py',
        TRAININGS[name],
        *('--work-dir', str(folder), '--resume', *(['--amp'] if amp else [])),
        '--cfg-options',
        f'randomness.seed={seed}',
        f'train_cfg.max_iters={args.iterations}',
        *('val_dataloader=None', 'val_cfg=None', 'val_evaluator=None'),
        'default_hooks.logger.interval=1',
        *data,
    ]
    run_quietly(args, command, folder.with_suffix('.txt'), session)
    # what a continued training did again counts once
    losses = {row['step']: row['loss'] for row in read_logs(folder) if 'loss' in row}
    if len(losses) != args.iterations:
        raise UserError(
            f'{folder}: {len(losses)} losses of {args.iterations} iterations: remove '
            'the folder'
        )
    return dict(losses=[losses[step] for step in sorted(losses)])


def run_quietly(
    args: argparse.Namespace, command: Sequence[str], log: Path, session: Session
) -> None:
    """Run one of our tools, with its output in a file.

    Raises:
        UserError: It failed.
    """
    # one process a core: the trainings run side by side
    environment = dict(os.environ, OMP_NUM_THREADS='1', OMP_WAIT_POLICY='PASSIVE')
    if args.device == 'cpu':
        environment['CUDA_VISIBLE_DEVICES'] = ''
    with log.open('a') as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=output
        )
        with session.limit(process):
            process.wait()
    if process.returncode:
        raise UserError(f'exit code {process.returncode}, see {log}')


def make_streets(args: argparse.Namespace, session: Session) -> None:
    """Render the streets, if they are not there."""
    if not (Path(ROOT, args.data_root) / 'streets.json').is_file():
        tool = ['tools/dataset_converters/streets.py', '--out', args.data_root]
        run_quietly(args, [sys.executable, *tool], args.out / 'streets.txt', session)


def loss_jobs(args: argparse.Namespace) -> Jobs:
    """Return name -> training."""
    return {
        f'losses, {name}, {form}, seed {seed}': partial(
            train, args, name, seed, form == 'amp'
        )
        for name in TRAININGS
        for seed in SEEDS
        for form in ('float32', 'amp')
    }


def averaged(losses: Sequence[float]) -> list[float]:
    """Return the means of ten parts of a training's losses, and of the remainder."""
    size = max(1, int(len(losses) * WINDOW))
    return [
        statistics.mean(losses[start : start + size])
        for start in range(0, len(losses), size)
    ]


def distance(first: Sequence[float], second: Sequence[float]) -> float:
    """Return how far two trainings' averaged losses are apart, relative to their mean.

    Both have the same number of iterations.
    """
    pairs = list(zip(averaged(first), averaged(second), strict=True))
    apart = statistics.mean(abs(a - b) for a, b in pairs)
    return apart / statistics.mean((a + b) / 2 for a, b in pairs)


PARTS = dict(steps=step_jobs, loaders=loader_jobs, losses=loss_jobs)
#: What the results of a part depend on.
SETTINGS = dict(
    steps=('device', 'gpu', 'depth', 'size', 'steps', 'backend'),
    loaders=(),
    losses=('device', 'gpu', 'iterations', 'data_root'),
)
