"""Measure where the time and memory of a training step go.

Prints the median time per part of the step (data, forward passes, photometric loss,
teacher, mixing, backward, optimiser, EMA), the peak memory, and the ratio of the
whole step to the bare forward + backward of the same networks on the same batch. On a
CPU it is the CPU time of this process, because the time of the clock depends on what
else the machine does; workers of the data loader do not count. On a GPU it is the time
until the device has finished. The peak is that of the timed steps alone, on a CPU
also above what importing takes. All networks, including that of a feature
distance, start from random weights. To compare two steps: compare_steps.py.

Example:
    OMP_WAIT_POLICY=PASSIVE python tools/analysis_tools/benchmark_step.py CONFIG
"""

import argparse
import json
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parent)]

from step_worker import losses_of, memory, reset_peak  # noqa: E402

from mmdepthseg.launch.tool import (  # noqa: E402
    add_config_options,
    add_json,
    positive,
    run_tool,
)
from mmdepthseg.utils.files import write_atomically  # noqa: E402


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='config of the training')
    parser.add_argument('--iters', type=positive, default=20, help='timed steps')
    parser.add_argument(
        '--warmup', type=int, default=5, help='steps before the timed ones (default: 5)'
    )
    parser.add_argument('--threads', type=int, help='torch threads (CPU)')
    parser.add_argument('--device', help='cpu or cuda (default: best)')
    parser.add_argument('--amp', action='store_true', help='like tools/train.py --amp')
    parser.add_argument(
        '--channels-last', action='store_true', help='memory layout of the convolutions'
    )
    add_json(parser)
    add_config_options(parser)
    return parser.parse_args(argv)


class Stopwatch:
    """Adds up the time spent in named callables, step by step.

    Nested parts are subtracted from the part around them, so shares add up.
    """

    def __init__(self, device) -> None:
        self.device = device
        self.steps: dict[str, list[float]] = defaultdict(list)
        self.now: dict[str, float] = defaultdict(float)
        self.stack: list[list] = []
        self.replaced: list[tuple] = []

    def clock(self) -> float:
        """Return CPU seconds; with a GPU the time when it has finished its work."""
        if self.device.type != 'cuda':
            return time.process_time()
        import torch

        torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def measure(self, name: str, function, *args, **kwargs):
        """Call a function and record its time."""
        start = self.clock()
        self.stack.append([name, 0.0])
        try:
            return function(*args, **kwargs)
        finally:
            spent = self.clock() - start
            _, inner = self.stack.pop()
            self.now[name] += spent - inner
            if self.stack:
                self.stack[-1][1] += spent

    def watch(self, name: str, owner, attribute: str) -> None:
        """Replace a method by a measured version."""
        function = getattr(owner, attribute)
        self.replaced.append((owner, attribute, vars(owner).get(attribute)))
        object.__setattr__(
            owner,
            attribute,
            lambda *args, **kwargs: self.measure(name, function, *args, **kwargs),
        )

    def unwatch(self) -> None:
        """Put the methods back."""
        for owner, attribute, own in reversed(self.replaced):
            if own is None:
                object.__delattr__(owner, attribute)
            else:
                object.__setattr__(owner, attribute, own)

    def end_step(self, keep: bool) -> None:
        """Close one step."""
        if keep:
            for name, value in self.now.items():
                self.steps[name].append(value)
        self.now.clear()


def watch_parts(watch: Stopwatch, model) -> None:
    """Watch the named parts of a model."""
    student = getattr(model, 'student', model)
    if model is not student:
        watch.watch('teacher forward', model.teacher.module, 'encode_decode')
        watch.watch('mixing', model, 'mixing')
        watch.watch('mixing', model, 'mix')
        watch.watch('EMA', model, 'update_teacher')
        watch.watch('student forward', student, 'encode_decode')
    watch.watch('preprocess', model.data_preprocessor, 'forward')
    watch.watch('student forward', student.backbone, 'forward')
    for name in ('decode_head', 'depth_head', 'distillation', 'pose_net'):
        head = getattr(student, name, None)
        if head is not None:
            watch.watch('student forward', head, 'forward')
    if getattr(student, 'depth_head', None) is not None:
        watch.watch('photometric loss', student.depth_head.loss_depth, 'forward')
    if getattr(student, 'pose_refinement', None) is not None:
        watch.watch('pose refinement', student.pose_refinement, 'forward')


def train_step(watch: Stopwatch, model, optim_wrapper, batches):
    """Run one step as the runner does, part by part."""
    data = watch.measure('data', next, batches)
    with optim_wrapper.optim_context(model):
        data = model.data_preprocessor(data, True)
    in_parts = hasattr(model, 'splits') and model.splits(optim_wrapper)
    parts = losses_of(model, data, in_parts)
    while True:
        with optim_wrapper.optim_context(model):
            losses = next(parts, None)
        if losses is None:
            break
        total, _ = model.parse_losses(losses)
        watch.measure('backward', optim_wrapper.backward, total)
    watch.measure('optimiser', optim_wrapper.step)
    optim_wrapper.zero_grad()
    if hasattr(model, 'update_teacher'):
        model.update_teacher()


def bare_step(model, data: dict, optim_wrapper) -> None:
    """Run forward + backward of the networks the step must run, and nothing else."""
    import torch

    from mmdepthseg.models.segmentors.samples import select_branch

    batch, samples = data['inputs'], data['data_samples']
    student = getattr(model, 'student', model)
    with optim_wrapper.optim_context(model):
        if student is not model:
            labeled, labeled_samples = select_branch(batch, samples, 'labeled')
            mix, mix_samples = select_branch(batch, samples, 'mix')
            with torch.no_grad():
                model.teacher.module.seg_logits(mix.img)
            outs = _outputs(student, labeled, labeled_samples[0])
            if student.trains_depth and model.mix_depth_weight:
                outs += _outputs(student, mix, mix_samples[0], False)
            outs.append(student.seg_logits(mix.img))
        else:
            outs = _outputs(student, batch, samples[0])
    torch.autograd.backward(outs, [torch.ones_like(o) for o in outs])
    optim_wrapper.zero_grad()


def _outputs(model, batch, sample, labels: bool = True) -> list:
    decoded = model.decode(
        model.extract_feat(batch.img),
        labels=labels and model.with_decode_head,
        depth=model.trains_depth,
    )
    outs = [] if decoded.logits is None else [decoded.logits]
    outs += decoded.disparities
    if model.pose_net is not None:
        outs.append(
            model.pose_net.source_transforms(
                batch, tuple(sample.metainfo['adjacent_offsets'])
            )
        )
    return outs


def build(args: argparse.Namespace):
    """Return model, optimiser wrapper, endless batches and device of a config."""
    import torch
    from mmengine.device import get_device
    from mmengine.optim import build_optim_wrapper
    from mmengine.runner import Runner
    from mmengine.runner.loops import _InfiniteDataloaderIterator

    from mmdepthseg.engine.checks.loops import check_groups
    from mmdepthseg.launch.config import load_config
    from mmdepthseg.launch.setup import setup_precision, setup_speed
    from mmdepthseg.models.backbones.frozen_encoder import FrozenEncoder
    from mmdepthseg.registry import MODELS
    from mmdepthseg.utils.errors import UserError

    cfg = load_config(args.config, args.cfg_options)
    device = torch.device(args.device or get_device())
    if args.amp and device.type != get_device():
        raise UserError(
            f'--amp with --device {device}: precision is chosen for {get_device()}, '
            "the machine's best device; hide it first (CUDA_VISIBLE_DEVICES='')"
        )
    setup_precision(cfg, args.amp)
    setup_speed(cfg)
    torch.backends.cudnn.benchmark = bool(
        (cfg.get('env_cfg') or {}).get('cudnn_benchmark', False)
    )
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).to(device).train()
    for module in model.modules():
        if isinstance(module, FrozenEncoder):
            module.use_random_weights()
    if args.channels_last:
        model = model.to(memory_format=torch.channels_last)
    optim_wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    check_groups(loader)
    return model, optim_wrapper, iter(_InfiniteDataloaderIterator(loader)), device


def report(
    watch: Stopwatch,
    steps: list[float],
    bare: list[float],
    memory_gib: dict[str, float],
    args: argparse.Namespace,
) -> dict:
    """Print and return the figures."""
    import torch

    whole, bare_time = statistics.median(steps), statistics.median(bare)
    parts = {k: statistics.median(v) for k, v in watch.steps.items()}
    parts['other'] = whole - sum(parts.values())
    time_of = 'CPU time' if watch.device.type == 'cpu' else 'device time'
    print(
        f'{args.config}: {watch.device}, {torch.get_num_threads()} thread(s), '
        f'{"amp" if args.amp else "float32"}, {time_of}, median of {len(steps)} steps'
    )
    for name, value in sorted(parts.items(), key=lambda item: -item[1]):
        print(f'  {name:<18}{value * 1e3:9.1f} ms {value / whole:7.1%}')
    without_data = whole - parts.get('data', 0)
    ratio = without_data / bare_time
    print(f'  {"whole step":<18}{whole * 1e3:9.1f} ms')
    print(
        f'  {"bare fwd + bwd":<18}{bare_time * 1e3:9.1f} ms; step without data / '
        f'bare = {ratio:.2f}'
    )
    print(f'  peak memory of the timed steps {memory_gib["peak_memory_gib"]:.2f} GiB')
    if 'peak_above_import_gib' in memory_gib:
        above = memory_gib['peak_above_import_gib']
        print(f'  of it above what importing takes {above:.2f} GiB')
    return dict(
        step_s=whole, parts_s=parts, bare_s=bare_time, ratio=ratio, **memory_gib
    )


def benchmark(args: argparse.Namespace) -> None:
    """Measure whole steps, then bare ones, whose memory so does not count."""
    import torch

    from mmdepthseg.plugin import register_all_modules

    register_all_modules()
    imported = memory('VmRSS')
    model, optim_wrapper, batches, device = build(args)
    watch = Stopwatch(device)
    watch_parts(watch, model)
    bare, steps = [], []
    for i in range(args.warmup + args.iters):
        if i == args.warmup:
            if device.type == 'cuda':
                torch.cuda.reset_peak_memory_stats(device)
            reset_peak()
        start = watch.clock()
        train_step(watch, model, optim_wrapper, batches)
        if i >= args.warmup:
            steps.append(watch.clock() - start)
        watch.end_step(keep=i >= args.warmup)
    if device.type == 'cuda':
        peak = torch.cuda.max_memory_allocated(device) / 2**30
        figures = dict(peak_memory_gib=peak)
    else:
        peak = memory('VmHWM') / 2**10
        above = peak - imported / 2**10
        figures = dict(peak_memory_gib=peak, peak_above_import_gib=above)
    watch.unwatch()
    data = model.data_preprocessor(next(batches), True)
    for i in range(args.warmup + args.iters):
        start = watch.clock()
        bare_step(model, data, optim_wrapper)
        if i >= args.warmup:
            bare.append(watch.clock() - start)
    figures = report(watch, steps, bare, figures, args)
    if args.json:
        write_atomically(args.json, json.dumps(figures, indent=1).encode())


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, benchmark, argv)


if __name__ == '__main__':
    main()
