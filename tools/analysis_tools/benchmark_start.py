"""Compare the start of a training with plain MMSegmentation's, in alternating pairs.

From the command to the first iteration, whose batch is loaded and not yet computed:
tools/train.py of this package with one of its configs, and MMSegmentation's own
train.py with a config of its own parts of the same size (ResNet-18, FCN head), on the
same few images of streets, which are made first. CPU time includes that of finished
child processes. A ratio is that of neighbouring turns; below 1: ours is cheaper.

With --forked the first side is forked from a process that has imported everything, as
the trainings of a table are (tools/run_experiments.py), and the second is the same
training as a process of its own.

Examples:
    python tools/analysis_tools/benchmark_start.py
    python tools/analysis_tools/benchmark_start.py --forked
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from mmdepthseg.launch.tool import (  # noqa: E402
    add_debug,
    add_json,
    positive,
    run_tool,
)
from mmdepthseg.utils.errors import UserError  # noqa: E402
from mmdepthseg.utils.files import write_atomically  # noqa: E402

CONFIG = ROOT / 'configs/streets/supervised_r18-w16_600it_192x96_n8.py'
MARK = 'FIRST ITERATION '
#: Ends the process at the first iteration, and says what it took.
CLOCK = f"""
import os, resource
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

@HOOKS.register_module()
class StartClock(Hook):
    def before_train_iter(self, runner, batch_idx, data_batch=None):
        both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        used = [resource.getrusage(who) for who in both]
        print({MARK!r}, sum(u.ru_utime + u.ru_stime for u in used), flush=True)
        os._exit(0)
"""
OURS = """
_base_ = {config!r}
custom_imports = dict(
    imports=['mmdepthseg.plugin', 'start_clock'], allow_failed_imports=False)
train_dataloader = dict(num_workers={workers}, dataset=dict(data_root={data!r}))
val_dataloader = dict(num_workers={workers}, dataset=dict(data_root={data!r}))
custom_hooks = [*_base_.custom_hooks, dict(type='StartClock', priority='LOWEST')]
"""
PLAIN = """
custom_imports = dict(imports=['start_clock'], allow_failed_imports=False)
default_scope = 'mmseg'
train_pipeline = [
    dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'),
    dict(type='RandomResize', scale=(192, 96), ratio_range=(1.0, 1.75),
         keep_ratio=True),
    dict(type='RandomCrop', crop_size=(96, 192)), dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs')]
test_pipeline = [
    dict(type='LoadImageFromFile'), dict(type='Resize', scale=(256, 128)),
    dict(type='LoadAnnotations'), dict(type='PackSegInputs')]
parts = dict(type='CityscapesDataset', data_root={data!r},
             seg_map_suffix='_gtFine_labelIds.png')
def folders(split):
    return dict(img_path='leftImg8bit/' + split, seg_map_path='gtFine/' + split)
train_dataloader = dict(
    batch_size=4, num_workers={workers}, persistent_workers={workers} > 0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(parts, data_prefix=folders('train'), pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=8, num_workers={workers}, persistent_workers={workers} > 0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(parts, data_prefix=folders('val'), pipeline=test_pipeline))
del folders
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
norm = dict(type='BN')
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375], bgr_to_rgb=True, size=(96, 192), pad_val=0,
        seg_pad_val=255),
    backbone=dict(type='ResNet', depth=18, base_channels=16, norm_cfg=norm),
    decode_head=dict(
        type='FCNHead', in_channels=128, in_index=3, channels=32, num_convs=1,
        concat_input=False, num_classes=19, norm_cfg=norm, align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss')),
    train_cfg=dict(), test_cfg=dict(mode='whole'))
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='AdamW', lr=2e-3, weight_decay=1e-4),
    clip_grad=dict(max_norm=10))
param_scheduler = [dict(type='PolyLR', by_epoch=False, power=0.9, end=600)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=600, val_interval=300)
val_cfg = dict(type='ValLoop')
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=300),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='SegVisualizationHook'))
custom_hooks = [dict(type='StartClock', priority='LOWEST')]
env_cfg = dict(
    cudnn_benchmark=True, dist_cfg=dict(backend='nccl'),
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0))
visualizer = dict(
    type='SegLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')],
    name='visualizer')
log_processor = dict(by_epoch=False)
log_level = 'INFO'
randomness = dict(seed=7)
"""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--config',
        default=str(CONFIG),
        help='our side, a config on streets (default: one of ResNet-18)',
    )
    parser.add_argument('--pairs', type=positive, default=5, help='pairs of turns')
    parser.add_argument(
        '--workers', type=int, default=0, help='of each data loader (default: 0)'
    )
    parser.add_argument(
        '--threads', type=positive, default=1, help='OMP_NUM_THREADS (default: 1)'
    )
    parser.add_argument(
        '--forked',
        action='store_true',
        help='compare a forked training of a table with one of its own instead',
    )
    add_json(parser)
    add_debug(parser)
    return parser.parse_args(argv)


class Bench:
    """The files of both sides, and their starts.

    Args:
        folder: For everything; removed by the caller.
        args: The command line.
    """

    def __init__(self, folder: Path, args: argparse.Namespace) -> None:
        import mmseg

        from mmdepthseg.streets import Options, render_dataset

        data = folder / 'streets'
        size = Options(clips=8, val_clips=2, frames=3, val_frames=1, size=(192, 96))
        render_dataset(data, size, workers=1)
        values = dict(
            config=str(Path(args.config).resolve()),
            workers=args.workers,
            data=str(data),
        )
        for name, text in (('ours.py', OURS), ('plain.py', PLAIN)):
            (folder / name).write_text(text.format(**values))
        (folder / 'start_clock.py').write_text(CLOCK)
        self.folder = folder
        self.scripts = dict(
            ours=ROOT / 'tools/train.py',
            plain=Path(mmseg.__file__).parent / '.mim/tools/train.py',
        )
        self.place = dict(
            PYTHONPATH=os.pathsep.join([str(ROOT), str(folder)]),
            OMP_NUM_THREADS=str(args.threads),
            OMP_WAIT_POLICY='PASSIVE',
            PYTHONUNBUFFERED='1',
        )

    def take(self, side: str, starter: object) -> dict[str, float]:
        """Start a side; return CPU and wall seconds until the first iteration.

        Args:
            side: 'ours' or 'plain'.
            starter: Of the process, a `Slot`.
        """
        work, log = self.folder / 'work', self.folder / 'log'
        log.write_bytes(b'')
        command = [
            sys.executable,
            str(self.scripts[side]),
            str(self.folder / f'{side}.py'),
            '--work-dir',
            str(work),
        ]
        begun = time.monotonic()
        process: subprocess.Popen = starter.start(command, log)  # type: ignore
        while process.poll() is None:
            time.sleep(0.005)
        wall = time.monotonic() - begun
        shutil.rmtree(work, ignore_errors=True)
        lines = log.read_text(errors='replace').splitlines()
        for line in reversed(lines):
            if line.startswith(MARK):
                return dict(cpu=float(line.removeprefix(MARK)), wall=wall)
        raise UserError(f'{side}: no first iteration:\n' + '\n'.join(lines[-15:]))


def benchmark(args: argparse.Namespace) -> None:
    """Let both sides take turns, and print the ratios."""
    from mmdepthseg.experiments.forking import Slot

    with tempfile.TemporaryDirectory() as temporary:
        bench = Bench(Path(temporary), args)
        own, forking = Slot(bench.place), Slot(bench.place, fork=True)
        first = ('ours', forking) if args.forked else ('ours', own)
        second = ('ours', own) if args.forked else ('plain', own)
        for side in (first, second):  # reads all files, and imports once
            bench.take(*side)
        turns = [
            [bench.take(*side) for side in (first, second)] for _ in range(args.pairs)
        ]
    figures = summary(turns)
    names = ('forked', 'of its own') if args.forked else ('ours', 'plain')
    print(f'{args.pairs} pairs, {args.workers} workers, {args.threads} thread(s)')
    for key, unit in (('cpu', 'CPU'), ('wall', 'wall')):
        part = figures[key]
        sides = ', '.join(
            f'{name} {median:.2f} ({least:.2f} - {largest:.2f}) s'
            for name, (median, least, largest) in zip(names, part['sides'])
        )
        median, least, largest = part['ratio']
        print(f'{unit:<5}{sides}; ratio {median:.3f} ({least:.3f} - {largest:.3f})')
    if args.json:
        write_atomically(args.json, json.dumps(figures, indent=1).encode())


def summary(turns: list[list[dict]]) -> dict:
    """Return median, least and largest of each side and of the pairs' ratios."""
    figures: dict = {}
    for key in ('cpu', 'wall'):
        pairs = [[side[key] for side in pair] for pair in turns]
        ratios = [first / second for first, second in pairs]
        figures[key] = dict(
            sides=[spread(side) for side in zip(*pairs)], ratio=spread(ratios)
        )
    return figures


def spread(values: object) -> tuple[float, float, float]:
    """Return median, least and largest."""
    numbers = sorted(values)  # type: ignore[call-overload]
    return statistics.median(numbers), numbers[0], numbers[-1]


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, benchmark, argv)


if __name__ == '__main__':
    main()
