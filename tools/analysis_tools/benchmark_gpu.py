"""Measure everything about speed that needs a GPU, with our other tools.

- steps (`compare_steps.py`): the paper's three training steps (ResNet-101, 512x512;
  four triplets, or two labelled and two other images) in float32 with TF32; with AMP,
  channels-last weights and a fused optimiser; the same with torch.compile in place, for
  mean teachers also with one backward pass for all losses; each against plain torch:
  milliseconds, peak memory, images a second, share of the time in which the device
  waits. Both sides of a comparison are on the device.
- loaders (`benchmark_loader.py`): samples a second of one core, and the workers that
  the quickest step needs.
- losses (`train.py`): trainings from ImageNet weights on rendered streets, in float32
  and with AMP; whether their losses agree as well as those of two seeds.

What is finished is not repeated in the next call; after Ctrl-C or SIGTERM the trainings
go on from there. With `--device cpu`, a small size and `--backend eager` the tool can
be tried without a GPU.

Example:
    python tools/analysis_tools/benchmark_gpu.py --out work_dirs/gpu
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
sys.path[:0] = [str(ROOT), str(HERE.parent)]

from benchmark_loader import CONFIGS as LOADED  # noqa: E402
from compare_steps import add_network  # noqa: E402
from compared_losses import agreement, read_losses  # noqa: E402

from mmdepthseg.experiments.report import code_version  # noqa: E402
from mmdepthseg.experiments.run import (  # noqa: E402
    StageRunner,
    local_places,
    lock_folder,
)
from mmdepthseg.experiments.stage import Stage, StageBook  # noqa: E402
from mmdepthseg.launch.tool import add_debug, positive, run_tool  # noqa: E402
from mmdepthseg.utils.errors import UserError  # noqa: E402
from mmdepthseg.utils.files import read_json, write_atomically  # noqa: E402
from mmdepthseg.utils.stamp import DONE  # noqa: E402

STEPS = {
    'SDE': 'sde-phase2-fd_r101-d16_50k_512x512',
    'DepthMix': 'transfer-depthmix-gt_r101-d16_40k_512x512_n372',
    'multi-task': 'pad-transfer-depthmix-gt_r101-d16_40k_512x512_n372',
}
#: Images of each branch of a batch, and how many samples of which kinds those are.
BATCHES = {'SDE': 4, 'DepthMix': 2, 'multi-task': 2}
SAMPLES = {
    'SDE': {'triplet': 4},
    'DepthMix': {'labelled': 2, 'mix': 2},
    'multi-task': {'multi-task': 4},
}
FUSED = '+optim_wrapper.optimizer.fused=True'
WHOLE = '+model.split_backward=False'
TRAININGS = {
    'SDE': 'configs/streets/sde_lite0_500it_192x96.py',
    'mean-teacher': 'configs/streets/classmix_lite0_900it_192x96_n8.py',
}
SEEDS = (7, 25)
#: Tells the GPU of the results, for `--print-only` elsewhere.
GPU = 'gpu.json'


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--out', type=Path, required=True, help='folder of the results')
    parser.add_argument('--print-only', action='store_true', help='measure nothing')
    parser.add_argument('--device', default='cuda', help='cuda (default) or cpu')
    add_network(parser, depth=101, size=(512, 512))
    parser.add_argument(
        '--steps', type=positive, default=20, help='of a turn, of which there are three'
    )
    parser.add_argument(
        '--backend', default='inductor', help='of torch.compile (default: inductor)'
    )
    parser.add_argument(
        '--iterations', type=positive, default=500, help='of a training (default: 500)'
    )
    parser.add_argument(
        '--data-root',
        type=Path,
        default=ROOT / 'data/streets',
        help="streets of the trainings; made if missing (default: the code's "
        'data/streets)',
    )
    parser.add_argument('--jobs', type=positive, default=4, help='trainings at a time')
    add_debug(parser)
    return parser.parse_args(argv)


# -- what is measured --------------------------------------------------------------


def forms_of(kind: str, backend: str) -> dict[str, list[str]]:
    """Return name -> arguments of compare_steps.py of the forms of a step."""
    fast = ['--amp', '--channels-last', '--cfg-options', FUSED]
    compiled = ['--compile', backend, *fast]
    forms = dict(float32=[], amp=fast, compiled=compiled)
    if kind != 'SDE':  # only mean teachers have several backward passes
        forms['compiled-whole'] = [*compiled, WHOLE]
    return forms


def step_file(out: Path, kind: str, form: str) -> Path:
    """Return the file of the figures of a step."""
    return out / f'step-{kind}-{form}.json'


def training_folder(out: Path, name: str, form: str, seed: int) -> Path:
    """Return the work_dir of a training."""
    return out / f'losses-{name}-{form}-{seed}'


def measurements(args: argparse.Namespace) -> Iterator[tuple[list, Path]]:
    """Yield command and output of the measurements that need the device alone."""
    height, width = map(str, args.size)
    tools = 'tools/analysis_tools'
    for kind, config in STEPS.items():
        for form, options in forms_of(kind, args.backend).items():
            yield (
                [
                    f'{tools}/compare_steps.py',
                    f'configs/cityscapes/{config}.py',
                    *('--depth', args.depth, '--size', height, width),
                    *('--batch-size', BATCHES[kind], '--device', args.device),
                    *('--pairs', 3, '--steps', args.steps, '--warmup', 5),
                    *('--json', step_file(args.out, kind, form)),
                    *options,
                ],
                step_file(args.out, kind, form),
            )
    loaders = args.out / 'loaders.json'
    command = [f'{tools}/benchmark_loader.py', '--formats', 'jpg', '--json', loaders]
    yield command, loaders


def training(args: argparse.Namespace, name: str, form: str, seed: int) -> list:
    """Return the command of a training, which logs the loss of every iteration."""
    data = {
        'SDE': [f'train_dataloader.dataset.data_root={args.data_root}'],
        'mean-teacher': [
            f'train_dataloader.dataset.shared.data_root={args.data_root}',
            f'default_hooks.mean_teacher.burn_in={args.iterations // 3}',
        ],
    }[name]
    amp = form == 'amp'
    if amp:
        data.append('+default_hooks.channels_last.type=ChannelsLastHook')
    return [
        'tools/train.py',
        TRAININGS[name],
        *('--work-dir', training_folder(args.out, name, form, seed), '--resume'),
        *(['--amp'] if amp else []),
        '--cfg-options',
        f'randomness.seed={seed}',
        f'train_cfg.max_iters={args.iterations}',
        *('val_dataloader=None', 'val_cfg=None', 'val_evaluator=None'),
        'default_hooks.logger.interval=1',
        *data,
    ]


def trainings(args: argparse.Namespace) -> Iterator[Stage]:
    """Yield the stages of the trainings, after that of their images."""
    there = Path(args.data_root, 'streets.json')
    render = ['tools/dataset_converters/streets.py', '--out', args.data_root]
    key = shortened(args, args.data_root)
    yield stage('streets', None if there.is_file() else render, key, there)
    for name in TRAININGS:
        for seed in SEEDS:
            for form in ('float32', 'amp'):
                folder = training_folder(args.out, name, form, seed)
                command = training(args, name, form, seed)
                key = shortened(args, args.device, args.gpu, command)
                yield stage(folder.name, command, key, folder=folder)


def shortened(args: argparse.Namespace, *parts: object) -> str:
    """Return parts of a key without the places of results and code."""
    text = ' '.join(map(str, parts))
    return text.replace(str(args.out), 'OUT').replace(f'{ROOT}/', '')


def all_stages(args: argparse.Namespace) -> tuple[list[Stage], list[Stage]]:
    """Return the stages that need the device alone, and the others."""
    alone = [
        stage(output.stem, command, shortened(args, args.gpu, command), output)
        for command, output in measurements(args)
    ]
    return alone, [*trainings(args)]


def stage(
    name: str,
    command: list | None,
    key: str,
    output: Path | None = None,
    folder: Path | None = None,
) -> Stage:
    """Return a stage that runs one of our tools, again if the key is another one.

    Args:
        name: Its name.
        command: The tool and its arguments; None: there is nothing to do.
        key: What determines the result.
        output: File that it writes.
        folder: Of a training on the streets.
    """
    return Stage(
        name=name,
        commands=((sys.executable, *map(str, command)),) if command else (),
        key=lambda shared: key,
        needs=('streets',) if folder else (),
        outputs=(str(output),) if output else (),
        folder=str(folder) if folder else None,
    )


# -- what is reported --------------------------------------------------------------


def report(args: argparse.Namespace) -> None:
    """Print the tables of what is finished with these settings, and name the rest."""
    alone, others = all_stages(args)
    states = StageBook([*alone, *others], args.out).states()
    done = {name for name, state in states.items() if state == DONE}
    print('| step | form | ms | of plain | peak GiB | images/s | device waits |')
    print('|---|---|---|---|---|---|---|')
    quickest: dict[str, float] = {}
    for kind in STEPS:
        for form in forms_of(kind, args.backend):
            file = step_file(args.out, kind, form)
            if file.stem in done:
                found = read_json(file, dict)
                if form == 'float32':
                    print(row(kind, 'plain', found, 1))
                print(row(kind, form, found, 0))
                seconds = found['seconds']['sides'][0]
                quickest[kind] = min(seconds, quickest.get(kind, seconds))
    loaders = args.out / 'loaders.json'
    if loaders.stem in done:
        rates = loading_rates(read_json(loaders, dict))
        for kind, rate in rates.items():
            print(f'loader, {kind}: {rate:.1f} samples/s a core')
        for kind, seconds in quickest.items():
            count = workers(SAMPLES[kind], rates, seconds)
            print(f'{kind}: {count:.1f} workers keep its quickest step fed')
    for name in TRAININGS:
        folders = {
            (form, seed): training_folder(args.out, name, form, seed)
            for form in ('float32', 'amp')
            for seed in SEEDS
        }
        losses = {
            key: read_losses(folder, args.iterations)
            for key, folder in folders.items()
            if folder.name in done
        }
        if len(losses) == len(folders) and all(losses.values()):
            print(agreement(name, losses))
    left = [
        f'{name} ({state})'
        for name, state in states.items()
        if name not in {*done, 'streets'}
    ]
    if left:
        print(f'Not finished with these settings: {", ".join(left)}')


def row(kind: str, form: str, found: Mapping[str, Any], side: int) -> str:
    """Return a row of the table of steps: one side of a comparison."""
    seconds, peak = (found[key]['sides'][side] for key in ('seconds', 'peak'))
    images = BATCHES[kind] * (1 if kind == 'SDE' else 2)
    waiting = found['waiting'][side]
    ratio = '' if side else f'{found["seconds"]["ratio"]:.2f}'
    share = '' if waiting is None else f'{waiting:.0%}'
    return (
        f'| {kind} | {form} | {1e3 * seconds:.1f} | {ratio} | {peak / 1024:.2f} | '
        f'{images / seconds:.1f} | {share} |'
    )


def loading_rates(found: Mapping[str, Any]) -> dict[str, float]:
    """Return samples a second of each kind, without the data preprocessor.

    That is part of the step, and runs on its device.
    """
    return {
        kind: found[f'{kind} jpg']['samples_per_second'][0]
        / (1 - found[f'{kind} jpg']['preprocessor_share'])
        for kind in LOADED
    }


def workers(
    needed: Mapping[str, int], rates: Mapping[str, float], seconds: float
) -> float:
    """Return the loader workers that give these samples in these seconds."""
    return sum(count / rates[kind] for kind, count in needed.items()) / seconds


# -- the tool ----------------------------------------------------------------------


def measure(args: argparse.Namespace) -> bool:
    """Run what is missing; tell whether all of it is done now."""
    import torch

    if args.device == 'cuda':
        if not torch.cuda.is_available():
            raise UserError('torch finds no GPU; to try the tool: --device cpu')
        args.gpu = torch.cuda.get_device_name()
    alone, others = all_stages(args)
    done = True
    with lock_folder(args.out) as lock:
        write_atomically(args.out / GPU, json.dumps(dict(gpu=args.gpu)).encode())
        for stages, jobs in ((alone, 1), (others, args.jobs)):
            book = StageBook(stages, args.out, code_version())
            places = local_places(jobs)
            if args.device == 'cpu':
                places = [dict(place, CUDA_VISIBLE_DEVICES='') for place in places]
            StageRunner(book, places, keep_going=True, lock=lock).run()
            done &= not book.failed
    return done


def benchmark(args: argparse.Namespace) -> bool:
    """Measure, then print; False if something failed."""
    args.out, args.data_root = args.out.resolve(), args.data_root.resolve()
    args.gpu = None
    if args.device == 'cuda' and (args.out / GPU).is_file():
        args.gpu = read_json(args.out / GPU, dict).get('gpu')
    os.chdir(ROOT)
    try:
        return args.print_only or measure(args)
    finally:  # also after a signal
        report(args)


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, benchmark, argv)


if __name__ == '__main__':
    main()
