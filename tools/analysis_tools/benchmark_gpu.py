"""Measure everything about speed that needs a GPU, some minutes a call.

- steps: the paper's three training steps (ResNet-101, 512x512; four triplets, or two
  labelled and two other images) in float32 with TF32, with AMP, channels-last weights
  and a fused optimiser, the same with torch.compile in place, for mean teachers also
  with one backward pass for all losses, and in plain torch (`plain_form/`):
  milliseconds, peak memory, images a second, share of the time in which the device
  waits.
- loaders: samples a second of one core, and the workers that the quickest step needs.
- losses: trainings from ImageNet weights on rendered streets, in float32 and with AMP;
  whether their losses agree as well as those of two seeds.

Each result is a file in --out. The tool stops by itself (exit code 75 if there is more
to do) and goes on when called again; --print-only prints what there is. With
`--device cpu`, a small size and `--backend eager` it can be tried without a GPU.

Example:
    python tools/analysis_tools/benchmark_gpu.py --out work_dirs/gpu
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
sys.path[:0] = [str(ROOT), str(HERE.parent)]

from benchmark_loader import CONFIGS as LOADED  # noqa: E402
from benchmark_loader import FULL, make_images  # noqa: E402
from compare_steps import Side  # noqa: E402

from mmdepthseg.experiments.figures import read_logs  # noqa: E402
from mmdepthseg.launch.tool import add_debug, run_tool  # noqa: E402
from mmdepthseg.utils.errors import UserError  # noqa: E402
from mmdepthseg.utils.files import read_json, write_atomically  # noqa: E402

MORE_TO_DO = 75  # EX_TEMPFAIL
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


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--out', type=Path, required=True, help='folder of the results')
    parser.add_argument(
        '--parts',
        nargs='+',
        choices=PARTS,
        default=list(PARTS),
        help='default: all',
    )
    parser.add_argument('--minutes', type=float, default=9.5, help='default: 9.5')
    parser.add_argument('--print-only', action='store_true', help='measure nothing')
    parser.add_argument('--device', default='cuda', help='cuda (default) or cpu')
    parser.add_argument(
        '--depth', type=int, choices=(18, 50, 101), default=101, help='of the ResNet'
    )
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=(512, 512),
        metavar=('H', 'W'),
        help='of the images (default: 512 512)',
    )
    parser.add_argument(
        '--steps', type=int, default=20, help='of a turn, of which there are three'
    )
    parser.add_argument(
        '--backend', default='inductor', help='of torch.compile (default: inductor)'
    )
    parser.add_argument(
        '--iterations', type=int, default=500, help='of a training (default: 500)'
    )
    parser.add_argument(
        '--data-root',
        default='data/streets',
        help='streets of the trainings; made if missing (default: data/streets)',
    )
    parser.add_argument('--jobs', type=int, default=4, help='trainings at a time')
    add_debug(parser)
    return parser.parse_args(argv)


class Clock:
    """The time that is left."""

    def __init__(self, minutes: float) -> None:
        self.end = time.monotonic() + 60 * minutes

    def left(self) -> float:
        """Return seconds; not above zero if the time is over."""
        return self.end - time.monotonic()


@contextlib.contextmanager
def limited(side: Side, seconds: float) -> Iterator[None]:
    """End a process with the block, or when the time is over.

    Raises:
        UserError: The time was over, or the process failed.
    """
    timer = threading.Timer(max(seconds, 0), side.process.kill)
    timer.start()
    try:
        yield
    except UserError as error:
        over = timer.finished.is_set()
        raise UserError('not finished in the time') if over else error from None
    finally:
        timer.cancel()
        side.end()


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


def measure_step(args: argparse.Namespace, kind: str, form: str, left: float) -> dict:
    """Measure a form of a step."""
    asked = step_side(args, kind, FORMS[form])
    side = Side(f'{kind}, {form}', ROOT, **asked)
    with limited(side, left):
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


def step_jobs(args: argparse.Namespace) -> dict[str, Callable[[float], dict]]:
    """Return name -> measurement of each step."""
    return {
        f'step, {kind}, {form}': (
            lambda left, kind=kind, form=form: measure_step(args, kind, form, left)
        )
        for kind in STEPS
        for form in forms_of(kind)
    }


# -- loaders -----------------------------------------------------------------------


def measure_loader(args: argparse.Namespace, kind: str, left: float) -> dict:
    """Measure how many samples a second one core loads, from jpg at 2048x1024."""
    root = args.out / 'images'
    if not (root / 'png').exists():
        make_images(root, 3, FULL, 95)
    side = Side(
        f'loader, {kind}',
        ROOT,
        'loader_worker.py',
        kind=kind,
        config=str(ROOT / 'configs/cityscapes' / LOADED[kind]),
        options={},
        data_root=str(root / 'jpg'),
        suffix='_leftImg8bit.jpg',
        batch=4,
        plain=None,
    )
    with limited(side, left):
        side.answer()
        side.take(1)
        turns = [side.take(5)['seconds'] for _ in range(3)]
    return dict(samples_per_second=20 / statistics.median(turns))


def loader_jobs(args: argparse.Namespace) -> dict[str, Callable[[float], dict]]:
    """Return name -> measurement of each kind of samples."""
    return {
        f'loader, {kind}': lambda left, kind=kind: measure_loader(args, kind, left)
        for kind in LOADED
    }


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


def train(args: argparse.Namespace, name: str, seed: int, amp: bool, left: float):
    """Train for some iterations, or go on; return the losses.

    Raises:
        UserError: The training failed, or the time was over.
    """
    folder = args.out / f'{name.replace(" ", "_")}_{"amp" if amp else "f32"}_{seed}'
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
    log = folder.with_suffix('.txt')
    log.parent.mkdir(parents=True, exist_ok=True)
    # one process a core: the trainings run side by side
    environment = dict(os.environ, OMP_NUM_THREADS='1', OMP_WAIT_POLICY='PASSIVE')
    if args.device == 'cpu':
        environment['CUDA_VISIBLE_DEVICES'] = ''
    with log.open('a') as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=output
        )
        try:
            code = process.wait(max(left - GRACE, 0))
        except subprocess.TimeoutExpired:
            process.terminate()  # saves a checkpoint
            process.wait()
            raise UserError(f'{log}: not finished in the time') from None
    if code:
        raise UserError(f'{log}: exit code {code}')
    losses = [row['loss'] for row in read_logs(folder) if 'loss' in row]
    return dict(losses=losses)


def streets(args: argparse.Namespace) -> dict:
    """Render the streets, if they are not there."""
    if not (Path(ROOT, args.data_root) / 'streets.json').is_file():
        tool = ['tools/dataset_converters/streets.py', '--out', args.data_root]
        subprocess.run([sys.executable, *tool], cwd=ROOT, check=True)
    return dict(data_root=args.data_root)


def loss_jobs(args: argparse.Namespace) -> dict[str, Callable[[float], dict]]:
    """Return name -> training; the streets come first."""
    jobs: dict[str, Callable[[float], dict]] = {'streets': lambda left: streets(args)}
    for name in TRAININGS:
        for seed in SEEDS:
            for amp in (False, True):
                jobs[f'losses, {name}, {"amp" if amp else "float32"}, seed {seed}'] = (
                    lambda left, name=name, seed=seed, amp=amp: train(
                        args, name, seed, amp, left
                    )
                )
    return jobs


def averaged(losses: Sequence[float]) -> list[float]:
    """Return the means of ten parts of a training's losses, and of the remainder."""
    size = max(1, int(len(losses) * WINDOW))
    return [
        statistics.mean(losses[start : start + size])
        for start in range(0, len(losses), size)
    ]


def distance(first: Sequence[float], second: Sequence[float]) -> float:
    """Return how far two trainings' averaged losses are apart, relative to their mean.

    Raises:
        UserError: One has more iterations.
    """
    if len(first) != len(second):
        raise UserError(f'losses of {len(first)} and {len(second)} iterations')
    pairs = list(zip(averaged(first), averaged(second), strict=True))
    apart = statistics.mean(abs(a - b) for a, b in pairs)
    return apart / statistics.mean((a + b) / 2 for a, b in pairs)


# -- all ---------------------------------------------------------------------------

PARTS = dict(steps=step_jobs, loaders=loader_jobs, losses=loss_jobs)


def file_of(args: argparse.Namespace, name: str) -> Path:
    """Return the file of a result."""
    return args.out / (name.replace(', ', '_').replace(' ', '-') + '.json')


def read_results(args: argparse.Namespace) -> dict[str, dict]:
    """Return name -> result of all jobs that have one."""
    names = [name for part in PARTS.values() for name in part(args)]
    files = {name: file_of(args, name) for name in names}
    return {n: read_json(file, dict) for n, file in files.items() if file.is_file()}


def run(args: argparse.Namespace, clock: Clock) -> list[str]:
    """Do what is missing, as long as there is time; return what is left."""
    missing: list[str] = []
    for part in args.parts:
        jobs = PARTS[part](args)
        # the trainings share the device, all else has it for itself
        places = args.jobs if part == 'losses' else 1
        threads: list[threading.Thread] = []
        for name, job in jobs.items():
            if file_of(args, name).is_file():
                continue
            while sum(thread.is_alive() for thread in threads) >= places:
                time.sleep(0.05)
            if clock.left() > GRACE:
                thread = threading.Thread(target=attempt, args=(args, name, job, clock))
                thread.start()
                threads.append(thread)
                if name == 'streets':
                    thread.join()
        for thread in threads:
            thread.join()
        missing += [name for name in jobs if not file_of(args, name).is_file()]
    return missing


def attempt(
    args: argparse.Namespace, name: str, job: Callable[[float], dict], clock: Clock
) -> None:
    """Do a job and write its result; say why, if it has none."""
    begun = time.monotonic()
    try:
        result = job(clock.left())
    except (UserError, OSError, subprocess.CalledProcessError) as error:
        print(f'{name}: {error}', flush=True)
        return
    text = json.dumps(dict(result, device=args.device), indent=1)
    write_atomically(file_of(args, name), text.encode())
    print(f'{name}: done in {time.monotonic() - begun:.0f} s', flush=True)


def report(results: dict[str, dict]) -> None:
    """Print the tables of what there is."""
    print('| step | form | ms | of plain | peak GiB | images/s | device waits |')
    print('|---|---|---|---|---|---|---|')
    for kind in STEPS:
        plain = results.get(f'step, {kind}, plain')
        for form in forms_of(kind):
            found = results.get(f'step, {kind}, {form}')
            if found:
                ratio = f'{found["ms"] / plain["ms"]:.2f}' if plain else ''
                waiting = found['waiting']
                share = '' if waiting is None else f'{waiting:.0%}'
                print(
                    f'| {kind} | {form} | {found["ms"]:.1f} | {ratio} | '
                    f'{found["peak_gib"]:.2f} | {found["images_per_second"]:.1f} | '
                    f'{share} |'
                )
    for kind in LOADED:
        found = results.get(f'loader, {kind}')
        if found:
            print(f'loader, {kind}: {found["samples_per_second"]:.1f} samples/s a core')
    for kind in STEPS:
        count = workers(kind, results)
        if count is not None:
            print(f'{kind}: {count:.1f} workers keep its quickest step fed')
    for name in TRAININGS:
        runs = {
            (form, seed): results.get(f'losses, {name}, {form}, seed {seed}')
            for form in ('float32', 'amp')
            for seed in SEEDS
        }
        if None in runs.values():
            continue
        losses = {key: found['losses'] for key, found in runs.items()}
        first, second = SEEDS
        forms = [distance(losses['float32', s], losses['amp', s]) for s in SEEDS]
        seeds = distance(losses['float32', first], losses['float32', second])
        print(
            f'{name}, losses of AMP and float32, same seed: '
            f'{" and ".join(f"{d:.2%}" for d in forms)} apart; of seeds {first} and '
            f'{second} in float32: {seeds:.2%}'
        )


def benchmark(args: argparse.Namespace) -> None:
    """Measure, then print.

    Raises:
        SystemExit: With `MORE_TO_DO`.
    """
    args.out = args.out.resolve()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.device == 'cuda' and not args.print_only:
        import torch

        if not torch.cuda.is_available():
            raise UserError('torch finds no GPU; to try the tool: --device cpu')
    missing = [] if args.print_only else run(args, Clock(args.minutes))
    report(read_results(args))
    if missing:
        print(f'more to do: {"; ".join(missing)}')
        raise SystemExit(MORE_TO_DO)


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    with contextlib.suppress(BrokenPipeError):
        run_tool(parse_args, benchmark, argv)


if __name__ == '__main__':
    main()
