"""Count the memory that a training step needs, without the GPU it is for.

Two numbers: what stays (weights, gradients, the optimiser's and the teacher's copies),
and what the forward passes keep for the backward pass, in one pass and in the largest
of its parts (a mean teacher's losses of labelled, clean mix and mixed images, see
`split_backward`). The networks run once on random images, on the CPU, in float32, with
the operations that a GPU runs; kernels' workspaces, and what the allocator cannot use,
come on top. For configs of the paper's trainings, or others with the same kinds of
samples, with Adam, AdamW or SGD.

Example:
    python tools/analysis_tools/count_memory.py CONFIG --size 512 512 --batch-size 2
"""

import argparse
import contextlib
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parent)]

from compare_steps import add_network  # noqa: E402
from step_worker import build, losses_of, packed_batch  # noqa: E402

from mmdepthseg.launch.tool import add_config_options, positive, run_tool  # noqa: E402
from mmdepthseg.utils.errors import UserError  # noqa: E402

GB = 1e9


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config of the training')
    add_network(parser, depth=101, size=(512, 512))
    parser.add_argument(
        '--batch-size',
        type=positive,
        default=2,
        help='images of each branch (default: 2)',
    )
    add_config_options(parser)
    return parser.parse_args(argv)


def lasting_bytes(model: Any, optim_wrapper: Any) -> int:
    """Return the bytes of weights, buffers, gradients and the optimiser's state.

    Raises:
        UserError: It is of another optimiser.
    """
    import torch

    from mmdepthseg.models.backbones.frozen_encoder import FrozenEncoder

    frozen = [m.network for m in model.modules() if isinstance(m, FrozenEncoder)]
    tensors = [
        tensor
        for network in (model, *frozen)
        for tensor in (*network.parameters(), *network.buffers())
    ]
    size = sum(t.numel() * t.element_size() for t in tensors)
    optimizer = optim_wrapper.optimizer
    if type(optimizer) not in (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD):
        raise UserError(
            f'the state of {type(optimizer).__name__} is not known: count with Adam, '
            'AdamW or SGD (--cfg-options optim_wrapper.optimizer.type=AdamW)'
        )
    # Adam keeps two numbers for each weight, SGD with momentum one
    kept = 0 if isinstance(optimizer, torch.optim.SGD) else 2
    for group in optimizer.param_groups:
        copies = kept + bool(group.get('momentum'))
        for weight in group['params']:
            size += (1 + copies) * weight.numel() * weight.element_size()
    return size


def kept_bytes(model: Any, data: dict) -> list[tuple[str, int]]:
    """Return the name of each part's first loss, and the bytes that the part keeps.

    Weights do not count, nor does memory twice that several tensors share.
    """
    import torch

    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    found: dict[int, int] = {}
    parts = losses_of(model, data, hasattr(model, 'loss_groups'))

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    result = []
    while True:
        found.clear()
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            losses = next(parts, None)
        if losses is None:
            return result
        result.append((next(iter(losses)), sum(found.values())))


@contextlib.contextmanager
def gpu_operations() -> Iterator[None]:
    """Keep decoders from the form of a convolution that is for CPUs and keeps less."""
    from mmdepthseg.models.heads import unet_decoder

    before = unet_decoder.MIN_PIXELS
    unet_decoder.MIN_PIXELS = math.inf
    try:
        yield
    finally:
        unet_decoder.MIN_PIXELS = before


def count(args: argparse.Namespace) -> None:
    """Run the networks once, and print the figures."""
    side = dict(
        config=args.config,
        options=args.cfg_options,
        plain=False,
        amp=False,
        depth=args.depth,
        threads=0,
        device='cpu',
    )
    step, facts = build(side)
    batch = packed_batch(
        facts['kind'], tuple(args.size), args.batch_size, facts['classes']
    )
    lasting = lasting_bytes(step.model, step.wrapper)
    with gpu_operations():
        parts = kept_bytes(step.model, step.model.data_preprocessor(batch, True))
    height, width = args.size
    print(
        f'{args.config}: {facts["network"]}, {height}x{width}, {args.batch_size} '
        'images of each branch'
    )
    for name, size in parts:
        print(f'  kept for the backward pass of {name}: {size / GB:.2f} GB')
    sizes = [size for _, size in parts]
    if len(sizes) > 1:
        print(f'  one after the other: {max(sizes) / GB:.2f} GB at most')
        print(f'  in one pass: {sum(sizes) / GB:.2f} GB')
    print(f'  weights, gradients, optimiser, teacher: {lasting / GB:.2f} GB')


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    run_tool(parse_args, count, argv)


if __name__ == '__main__':
    main()
