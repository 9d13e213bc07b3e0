"""Export a trained network to ONNX, checked against torch."""

import contextlib
import inspect
import json
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.onnx.errors import OnnxExporterError

from mmdepthseg.apis.network import Network, predictor
from mmdepthseg.checkpoints.normalization import mean_and_std, swaps_channels
from mmdepthseg.models.segmentors.logits import image_infos
from mmdepthseg.utils.errors import UserError, require_extra
from mmdepthseg.utils.files import atomic_path

OUTPUTS: dict[str, tuple[str, ...]] = dict(
    segmentation=('logits',), depth=('disparity',), both=('logits', 'disparity')
)
PACKAGES = ('onnx', 'onnxruntime')
OPSET = 17
#: Batch sizes of the check; the graph is traced with another one.
CHECKED = (1, 3)
#: Largest difference from torch, as a share of the largest value.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Exported:
    """Result of `export_onnx`.

    Attributes:
        path: The file.
        size: (height, width) of the images that it takes.
        differences: Largest absolute difference from torch, by output.
    """

    path: Path
    size: tuple[int, int]
    differences: dict[str, float]


class Graph(nn.Module):
    """What is exported: normalisation, network, and upsampling to the image's size.

    Args:
        network: The trained network.
        what: A key of `OUTPUTS`.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: Network, what: str) -> None:
        super().__init__()
        self.model = predictor(network.model)
        self.what = what
        mean, std = mean_and_std(network.model.data_preprocessor)
        self.register_buffer('mean', mean.expand(3, 1, 1).clone())
        self.register_buffer('std', std.expand(3, 1, 1).clone())

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs that `OUTPUTS` names.

        Args:
            image: (N, 3, H, W) float32, 0..255.
        """
        image = (image - self.mean) / self.std
        if self.what == 'both':
            return self.model.logits_and_disparity(image)
        if self.what == 'depth':
            return (self.model.predict_disparity(image),)
        return (self.model.encode_decode(image, image_infos(image)),)


def export_onnx(
    config: Config | str | Path,
    checkpoint: str | Path,
    out: str | Path,
    what: str | None = None,
    size: tuple[int, int] | None = None,
    part: str | None = None,
    verbose: bool = False,
) -> Exported:
    """Write a network as ONNX and compare it with torch in onnxruntime.

    The graph takes `image` (N, 3, H, W), float32 in 0..255 with channels in the order
    that its metadata name, for any N, and gives `logits` (N, classes, H, W),
    `disparity` (N, 1, H, W) in [0, 1], or both. It sees the whole image, also where the
    config's test uses windows.

    Args:
        config: The model's config or its path.
        checkpoint: Its checkpoint.
        out: The .onnx file.
        what: 'segmentation', 'depth' or 'both'; None: all that the model predicts.
        size: (height, width) of the images; None: that of the config's test.
        part: See `Network`.
        verbose: Let torch's exporter print its graph if it fails.

    Raises:
        UserError: An optional package is missing, the model lacks an output, its
            preprocessor pads images of that size, torch cannot export one of its
            operators, or torch and onnxruntime differ; then nothing is written.
    """
    require_extra('export to ONNX', 'onnx', PACKAGES)
    network = Network(config, checkpoint, 'cpu', part)
    what = _choose(network, what)
    size = size or _test_size(network)
    _check_padding(network, size)
    graph = Graph(network, what).eval()
    test_cfg = getattr(graph.model, 'test_cfg', None) or {}
    if test_cfg.get('mode') == 'slide' and what != 'depth':
        warnings.warn(
            "test_cfg has mode='slide', windows: the exported graph sees whole images, "
            'and its predictions differ from those of tools/test.py unless whoever '
            'uses it cuts the same windows',
            stacklevel=2,
        )
    with atomic_path(Path(out).expanduser()) as temporary:
        with warnings.catch_warnings(), torch.no_grad():
            # sizes are constants on purpose
            warnings.simplefilter('ignore')
            _trace(graph, temporary, OUTPUTS[what], size, verbose)
        _describe(temporary, network, what, size)
        differences = compare(graph, temporary, OUTPUTS[what], size)
    return Exported(Path(out).expanduser(), size, differences)


def _choose(network: Network, what: str | None) -> str:
    there = ['segmentation'] * bool(network.classes) + [
        'depth'
    ] * network.predicts_depth
    everything = 'both' if len(there) == 2 else there[0]
    if what not in (None, everything, *there):
        raise UserError(
            f'--what {what}: this model predicts {" and ".join(there)} only'
        )
    return what or everything


def _test_size(network: Network) -> tuple[int, int]:
    steps: Sequence[dict] = network.made_with['pipeline']
    scales = [step.get('scale') for step in steps if 'Resize' in str(step['type'])]
    kept = any(step.get('keep_ratio') for step in steps)
    if not scales or kept or not isinstance(scales[-1], list | tuple):
        raise UserError(
            "the config's test does not name one size of images (Resize with scale and "
            'without keep_ratio): give --size WIDTH HEIGHT'
        )
    width, height = scales[-1]
    return height, width


def _check_padding(network: Network, size: tuple[int, int]) -> None:
    """Raise unless the network predicts images of this size as they are."""
    data = dict(
        inputs=[torch.zeros(3, *size, dtype=torch.uint8)],
        data_samples=[SegDataSample(metainfo=dict(img_shape=size))],
    )
    preprocessor: Any = network.model.data_preprocessor
    padded = preprocessor(data, False)['inputs']
    (height, width), (wanted, across) = size, padded.shape[-2:]
    if (height, width) != (wanted, across):
        raise UserError(
            f'data_preprocessor pads images of {width}x{height} to {across}x{wanted} '
            f'(size_divisor), which the exported graph does not: give --size {across} '
            f'{wanted}'
        )


def _trace(
    graph: nn.Module,
    path: Path,
    names: Sequence[str],
    size: tuple[int, int],
    verbose: bool = False,
) -> None:
    """Write the file; an operator that ONNX does not have is a `UserError`."""
    options: dict[str, Any] = {}
    if 'dynamo' in inspect.signature(torch.onnx.export).parameters:
        options['dynamo'] = False  # the other exporter needs more packages
    quiet = contextlib.nullcontext() if verbose else _without_output()
    try:
        with quiet:
            torch.onnx.export(
                graph,
                (torch.zeros(2, 3, *size),),
                str(path),
                input_names=['image'],
                output_names=list(names),
                dynamic_axes={name: {0: 'batch'} for name in ('image', *names)},
                opset_version=OPSET,
                **options,
            )
    except OnnxExporterError as error:  # with a dump of the graph behind the reason
        reason = str(error).split('\n')[0].split('  [Caused by')[0]
        reason = reason.split('. Please')[0].removeprefix('Unsupported: ')
        other_size = ' or another --size' * ('factor' in reason)
        raise UserError(
            f'this network cannot be exported for images of {size[1]}x{size[0]}: '
            f"torch's exporter to ONNX refuses it ({reason}). Use another backbone or "
            f'head{other_size}; --debug shows the place in the network'
        ) from error


@contextlib.contextmanager
def _without_output() -> Iterator[None]:
    """Drop what C++ code prints: the exporter's graph, hundreds of lines."""
    sys.stdout.flush()
    kept, nothing = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nothing)


def _describe(path: Path, network: Network, what: str, size: tuple[int, int]) -> None:
    """Write into the file what its numbers mean."""
    import onnx

    preprocessor: Any = network.model.data_preprocessor
    swapped = swaps_channels(preprocessor)
    facts: dict[str, Any] = dict(
        channels='RGB' if swapped else 'BGR', values='0..255', size=size
    )
    if what != 'depth':
        facts.update(classes=network.classes, palette=network.palette)
        predictor = getattr(network.model, 'predictor', network.model)
        head: Any = getattr(predictor, 'decode_head', None)
        if getattr(head, 'out_channels', None) == 1:  # one channel for two classes
            facts['threshold'] = head.threshold
    if what != 'segmentation':
        near, far = network.depth_range
        facts['inverse_depth'] = f'{1 / far!r} + {1 / near - 1 / far!r} * disparity'
    model = onnx.load(str(path))
    onnx.checker.check_model(model)
    for name, value in facts.items():
        text = value if isinstance(value, str) else json.dumps(value)
        entry = model.metadata_props.add()
        entry.key, entry.value = name, text
    onnx.save(model, str(path))


def compare(
    graph: nn.Module, path: Path, names: Sequence[str], size: tuple[int, int]
) -> dict[str, float]:
    """Return the largest difference of each output between onnxruntime and torch.

    Args:
        graph: In eval mode.
        path: The exported file.
        names: Of the outputs.
        size: (height, width) of the images.

    Raises:
        UserError: An output differs by more than `TOLERANCE`.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(
        path.read_bytes(), providers=['CPUExecutionProvider']
    )
    rng = np.random.default_rng(0)
    worst = dict.fromkeys(names, 0.0)
    for count in CHECKED:
        image = rng.integers(0, 256, (count, 3, *size)).astype(np.float32)
        with torch.inference_mode():
            wanted = [value.numpy() for value in graph(torch.from_numpy(image))]
        found = session.run(list(names), dict(image=image))
        for name, ours, theirs in zip(names, wanted, found, strict=True):
            if ours.shape != theirs.shape:
                raise UserError(
                    f'{name} has shape {theirs.shape} in onnxruntime, but {ours.shape} '
                    f'in torch, for {count} images: this network cannot be exported'
                )
            difference = float(np.abs(ours - theirs).max())
            if not difference <= TOLERANCE * max(1e-3, float(np.abs(ours).max())):
                raise UserError(
                    f'{name} differs by {difference:.2g} between onnxruntime and '
                    'torch: this network cannot be exported'
                )
            worst[name] = max(worst[name], difference)
    return worst
