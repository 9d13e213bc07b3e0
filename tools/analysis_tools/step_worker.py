"""Take training steps on request: one side of `compare_steps.py`.

A process of its own, so that the peak memory of one side is not hidden by the other.
It imports the `mmdepthseg` of its PYTHONPATH, takes a JSON description of the side as
its argument and a number of steps per line of its input, and answers with JSON. After
`profile` and a number it answers with the share of time in which the GPU waited.
"""

import copy
import json
import random
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

LEVELS = {
    18: [64, 64, 128, 256, 512],
    50: [64, 256, 512, 1024, 2048],
    101: [64, 256, 512, 1024, 2048],
}


def at_depth(node: Any, depth: int) -> Any:
    """Return a model's config with ResNets of another depth in the place of 101 layers.

    ResNet-18 has no dilation, as in torchvision.
    """
    if isinstance(node, dict):
        node = {key: at_depth(value, depth) for key, value in node.items()}
        if node.get('type') == 'ResNet' and node.get('depth') == 101:
            node['depth'] = depth
            if depth == 18:
                for key in ('strides', 'dilations', 'contract_dilation'):
                    node.pop(key, None)
        return node
    if isinstance(node, list | tuple):
        node = [at_depth(value, depth) for value in node]
        return LEVELS[depth] if node == LEVELS[101] else node
    return node


def packed_batch(
    kind: str, size: tuple[int, int], count: int, classes: int = 19
) -> dict:
    """Return random samples as the data loader packs them.

    Args:
        kind: 'sde', 'labelled', 'transfer' or 'multi-task'.
        size: (height, width).
        count: Images per branch; every second mix image has its label.
        classes: Number of classes.
    """
    import torch
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    from mmdepthseg.geometry import Camera

    rng = torch.Generator().manual_seed(0)
    height, width = size
    camera = [[0.6 * width, 0, width / 2], [0, 0.6 * width, height / 2], [0, 0, 1]]
    inputs, samples = [], []
    alone = dict(sde=['sde'], labelled=['labeled'])
    neighbours = kind in ('sde', 'multi-task')
    for branch in alone.get(kind, ['labeled', 'mix']):
        for index in range(count):
            shape = (3, 3, height + 8, width + 8)
            # neighbours are the same picture, moved
            whole = torch.rand(1, 3, height // 8, width // 8, generator=rng)
            whole = torch.nn.functional.interpolate(
                whole, size=shape[2:], mode='bicubic'
            )
            whole = (whole.clamp(0, 1) * 255).to(torch.uint8)[0]
            cut = [whole[:, :height, i : i + width] for i in (3, 0, 6)]
            packed = dict(img=cut[0].clone())
            if neighbours:
                packed['adjacent'] = torch.stack(cut[1:])
            sample = SegDataSample(
                metainfo=dict(
                    img_path=f'{branch}{index}.png',
                    ori_shape=size,
                    img_shape=size,
                    branch=branch,
                    camera=Camera(camera, size),
                )
            )
            if neighbours:
                sample.set_metainfo(dict(adjacent_offsets=(-1, 1)))
            labels = torch.randint(0, classes, (1, height, width), generator=rng)
            labels[:, -height // 8 :] = 255
            if branch == 'labeled' or (branch == 'mix' and index % 2):
                sample.gt_sem_seg = PixelData(data=labels)
            sample.disparity_map = PixelData(
                data=torch.rand(1, height, width, generator=rng)
            )
            inputs.append(packed)
            samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)


def kind_of(model: dict) -> str:
    """Tell which of the paper's steps a model's config is for."""
    if 'segmentor' not in model:
        return 'sde' if model.get('depth_head') else 'labelled'
    return 'multi-task' if model['segmentor'].get('distillation') else 'transfer'


def described(model: dict) -> dict:
    """Return what a model's config says of its step.

    Returns:
        `kind`, see `kind_of`; `classes`; and `network`, the name of its backbone.
    """
    network = model.get('segmentor') or model
    backbone, head = network['backbone'], network.get('decode_head') or {}
    if isinstance(head, list):
        head = head[-1]
    depth = backbone.get('depth')
    name = getattr(backbone['type'], '__name__', backbone['type'])
    return dict(
        kind=kind_of(model),
        classes=head.get('num_classes', 19),
        network=name + ('' if depth is None else f'-{depth}'),
    )


def compile_in_place(model: Any, backend: str) -> None:
    """Let torch.compile run a model's encoders and decoders.

    In place, so that names and state dicts stay as they are.
    """
    from mmdepthseg.models.heads import UNetDecoder

    for name, module in model.named_modules():
        if isinstance(module, UNetDecoder) or name.split('.')[-1] == 'backbone':
            module.compile(backend=backend)


class OurStep:
    """The package's step, as the runner takes it.

    Args:
        cfg: The whole config.
        amp: As `tools/train.py --amp`.
        device: cpu or cuda.
        channels_last: As `ChannelsLastHook`.
        backend: Of torch.compile; empty: nothing is compiled.
    """

    def __init__(
        self,
        cfg: Any,
        amp: bool,
        device: str,
        channels_last: bool = False,
        backend: str = '',
    ) -> None:
        import torch
        from mmengine.optim import build_optim_wrapper

        from mmdepthseg.launch import setup
        from mmdepthseg.models.backbones.frozen_encoder import FrozenEncoder
        from mmdepthseg.registry import MODELS

        if hasattr(setup, 'setup_speed'):  # not in older trees
            setup.setup_speed(cfg)
        setup.setup_precision(cfg, amp)
        self.model = MODELS.build(copy.deepcopy(cfg.model)).to(device).train()
        for module in self.model.modules():
            if isinstance(module, FrozenEncoder):
                module.use_random_weights()
        if channels_last:
            self.model.to(memory_format=torch.channels_last)
        if backend:
            compile_in_place(self.model, backend)
        self.wrapper = build_optim_wrapper(self.model, cfg.optim_wrapper)

    def step(self, batch: dict) -> None:
        """Take one step."""
        self.model.train_step(batch, self.wrapper)
        if hasattr(self.model, 'update_teacher'):
            self.model.update_teacher()


def build(side: dict) -> tuple[Any, dict]:
    """Return the step of a side, and what is `described` of it."""
    import torch

    from mmdepthseg.launch.config import load_config

    cfg = load_config(side['config'], side['options'])
    if side['threads']:
        torch.set_num_threads(side['threads'])
    torch.backends.cudnn.benchmark = bool(
        (cfg.get('env_cfg') or {}).get('cudnn_benchmark', False)
    )
    torch.manual_seed(0)
    random.seed(0)
    if side['depth'] != 101:
        cfg.model = at_depth(cfg.model.to_dict(), side['depth'])
    if not side['amp'] and cfg.optim_wrapper.type == 'AmpOptimWrapper':
        cfg.optim_wrapper.type = 'OptimWrapper'
        cfg.optim_wrapper.pop('loss_scale', None)
    facts = described(cfg.model)
    if side['device'] != 'cpu' and torch.device(side['device']).index is not None:
        torch.cuda.set_device(side['device'])  # events and memory are of that one
    if side['plain']:
        from plain_form.steps import PlainStep

        from mmdepthseg.utils.errors import UserError

        if facts['kind'] == 'labelled':
            raise UserError(
                f'{side["config"]}: plain_form has the steps of SDE, mean teacher and '
                'multi-task learning: give --against a config'
            )
        return PlainStep(cfg.model, device=side['device']), facts
    layout, backend = side.get('channels_last', False), side.get('backend', '')
    return OurStep(cfg, side['amp'], side['device'], layout, backend), facts


class Meter:
    """Time and peak memory of some steps: of the CPU, or of the GPU alone."""

    def __init__(self, device: str) -> None:
        import torch

        self.torch, self.on_gpu = torch, device != 'cpu'

    def start(self) -> None:
        """Begin; earlier peaks do not count."""
        if self.on_gpu:
            self.torch.cuda.reset_peak_memory_stats()
            self.events = [self.torch.cuda.Event(enable_timing=True) for _ in range(2)]
            self.events[0].record()
            return
        reset_peak()
        self.begun = time.process_time()

    def stop(self) -> dict:
        """Return seconds and the peak in MiB."""
        if self.on_gpu:
            self.events[1].record()
            self.torch.cuda.synchronize()
            seconds = self.events[0].elapsed_time(self.events[1]) / 1e3
            return dict(
                seconds=seconds, peak=self.torch.cuda.max_memory_allocated() / 2**20
            )
        return dict(seconds=time.process_time() - self.begun, peak=memory('VmHWM'))


def losses_of(model: Any, data: dict, in_parts: bool) -> Iterator[dict]:
    """Yield the losses of a step: all at once, or as each part is computed.

    Args:
        model: The model.
        data: From its data preprocessor.
        in_parts: Whether to have the parts that have a backward pass each.
    """
    if in_parts:
        yield from model.loss_groups(**data)
    else:
        yield model(**data, mode='loss')


def waiting_share(kernels: Iterable[tuple[float, float]]) -> float | None:
    """Return the share of the time from first to last in which no kernel ran.

    Args:
        kernels: Start and end of each; they may overlap.

    Returns:
        0 to 1; None without kernels.
    """
    ordered = sorted(kernels)
    if not ordered:
        return None
    first = reached = ordered[0][0]
    busy = 0.0
    for start, end in ordered:
        busy += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return 1 - busy / (reached - first)


def profile(step: Any, batch: dict, steps: int) -> float | None:
    """Return the share of some steps' time in which the GPU waited."""
    import torch
    from torch.autograd import DeviceType
    from torch.profiler import ProfilerActivity

    with torch.profiler.profile(activities=[ProfilerActivity.CUDA]) as profiler:
        for _ in range(steps):
            step.step(batch)
        torch.cuda.synchronize()
    return waiting_share(
        (event.time_range.start, event.time_range.end)
        for event in profiler.events()
        # annotations span the gaps between kernels
        if event.device_type == DeviceType.CUDA and not event.is_user_annotation
    )


def reset_peak() -> None:
    """Forget the peak of this process's memory."""
    Path('/proc/self/clear_refs').write_text('5')


def memory(name: str) -> float:
    """Return the memory of this process in MiB: `VmRSS` now, or `VmHWM` at its peak."""
    lines = Path('/proc/self/status').read_text().splitlines()
    line = next(line for line in lines if line.startswith(name))
    return int(line.split()[1]) / 2**10


def serve(side: dict) -> None:
    """Answer requests until the input ends."""
    from mmdepthseg.plugin import register_all_modules

    register_all_modules()
    base = 0.0 if side['device'] != 'cpu' else memory('VmRSS')
    step, facts = build(side)
    batch = packed_batch(
        facts['kind'], tuple(side['size']), side['batch'], facts['classes']
    )
    meter = Meter(side['device'])
    answer(facts)
    for line in sys.stdin:
        if line.startswith('profile'):
            answer(dict(waiting=profile(step, batch, int(line.split()[1]))))
            continue
        meter.start()
        for _ in range(int(line)):
            step.step(batch)
        figures = meter.stop()
        answer(dict(figures, peak=figures['peak'] - base))


def answer(figures: dict) -> None:
    """Write one line for `compare_steps.py`; others of the output it passes over."""
    print('STEPS ' + json.dumps(figures), flush=True)


if __name__ == '__main__':
    serve(json.loads(sys.argv[1]))
