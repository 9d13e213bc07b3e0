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

Each result is a file in --out, beside the folders of the trainings and the images that
are loaded. The tool stops by itself and goes on when called again (exit code 75 if
there is more to do, 1 if something failed); --print-only prints what there is. With
`--device cpu`, a small size and `--backend eager` it can be tried without a GPU.

Example:
    python tools/analysis_tools/benchmark_gpu.py --out work_dirs/gpu
"""

import argparse
import json
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
sys.path[:0] = [str(ROOT), str(HERE.parent)]

from gpu_jobs import (  # noqa: E402
    GRACE,
    LOADED,
    PARTS,
    SEEDS,
    SETTINGS,
    STEPS,
    TRAININGS,
    OutOfTime,
    Session,
    distance,
    forms_of,
    make_streets,
    workers,
)

from mmdepthseg.launch.tool import add_debug, run_tool  # noqa: E402
from mmdepthseg.utils.errors import UserError  # noqa: E402
from mmdepthseg.utils.files import read_json, write_atomically  # noqa: E402

MORE_TO_DO = 75  # EX_TEMPFAIL


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
    parser.add_argument('--minutes', type=float, default=8.5, help='default: 8.5')
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


def settings_of(args: argparse.Namespace, part: str) -> dict:
    """Return the settings that the results of a part depend on."""
    found = {key: getattr(args, key) for key in SETTINGS[part]}
    return json.loads(json.dumps(found))


def file_of(args: argparse.Namespace, name: str) -> Path:
    """Return the file of a result."""
    return args.out / (name.replace(', ', '_').replace(' ', '-') + '.json')


def read_results(args: argparse.Namespace) -> dict[str, dict]:
    """Return name -> result of all jobs that have one.

    Raises:
        UserError: One was measured with other settings; unless they are only printed.
    """
    results = {}
    for part, jobs in PARTS.items():
        now = settings_of(args, part)
        for name in jobs(args):
            file = file_of(args, name)
            if not file.is_file():
                continue
            results[name] = read_json(file, dict)
            before = results[name].get('settings')
            if before != now and part in args.parts and not args.print_only:
                raise UserError(
                    f'{file} was measured with other settings, {before} instead of '
                    f'{now}: give another --out'
                )
    return results


def run(args: argparse.Namespace, session: Session) -> tuple[list[str], list[str]]:
    """Do what is missing, as long as there is time.

    Returns:
        Names of the jobs that are left, and of those of them that failed.
    """
    done, failed = read_results(args), []

    def attempt(part: str, name: str) -> None:
        if session.left() <= GRACE:  # not worth a start
            return
        begun = time.monotonic()
        try:
            result = PARTS[part](args)[name](session)
        except OutOfTime:
            print(f'{name}: not finished in the time', flush=True)
        except (UserError, OSError) as error:
            failed.append(name)
            print(f'{name}: failed: {error}', flush=True)
        else:
            result = dict(result, settings=settings_of(args, part))
            text = json.dumps(result, indent=1)
            write_atomically(file_of(args, name), text.encode())
            done[name] = result
            print(f'{name}: done in {time.monotonic() - begun:.0f} s', flush=True)

    names: list[str] = []
    for part in args.parts:
        names += PARTS[part](args)
        missing = [name for name in PARTS[part](args) if name not in done]
        try:
            if part == 'losses' and missing and session.left() > GRACE:
                make_streets(args, session)
        except OutOfTime:
            break
        # the trainings share the device, all else has it for itself
        with ThreadPoolExecutor(args.jobs if part == 'losses' else 1) as pool:
            try:
                for future in [pool.submit(attempt, part, name) for name in missing]:
                    future.result()
            except BaseException:  # Ctrl-C, SIGTERM
                session.stop()
                raise
    return [name for name in names if name not in done], failed


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
        SystemExit: With `MORE_TO_DO`, or 1 if something failed.
    """
    import torch

    args.out = args.out.resolve()
    args.out.mkdir(parents=True, exist_ok=True)
    args.gpu = None
    if args.device == 'cuda' and not args.print_only:
        if not torch.cuda.is_available():
            raise UserError('torch finds no GPU; to try the tool: --device cpu')
        args.gpu = torch.cuda.get_device_name()
    left, failed = ([], []) if args.print_only else run(args, Session(args.minutes))
    report(read_results(args))
    if left:
        print(f'more to do: {"; ".join(left)}')
        raise SystemExit(1 if failed else MORE_TO_DO)


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, benchmark, argv)


if __name__ == '__main__':
    # like Ctrl-C: stop the processes
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
