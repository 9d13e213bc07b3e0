"""Checks of some frames of each folder, and their cameras; see `CheckStartHook`."""

import os
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import torch
from mmcv.transforms import RandomResize, Resize
from mmengine.dataset import DefaultSampler
from mmseg.datasets import BaseSegDataset
from mmseg.models.data_preprocessor import SegDataPreProcessor
from torch.utils.data import DataLoader

from mmdepthseg.camera import Size
from mmdepthseg.datasets.errors import BrokenFileError, require_one_size
from mmdepthseg.datasets.intrinsics import listed_camera
from mmdepthseg.datasets.samplers.stream_index import StreamIndex
from mmdepthseg.datasets.sequence_dataset import SequenceDataset
from mmdepthseg.datasets.transforms import (
    LoadAdjacentFrames,
    LoadCamera,
    LoadImageFromFile,
    LoadStereoDepth,
)
from mmdepthseg.datasets.transforms.files import image_size, read_bytes
from mmdepthseg.datasets.transforms.foreign import MOVING, PACKAGES, all_steps
from mmdepthseg.engine.random_state import kept_random_state
from mmdepthseg.engine.runs import parts_of
from mmdepthseg.names import IMAGES, is_data
from mmdepthseg.utils.errors import UserError, listed

#: Files are read whole for their headers, so at most so many for sizes in batches.
MOST_FILES = 200
#: A scale of another aspect ratio than the images', by more than this factor, is told.
STRETCH = 1.25


def check_frames(dataset: Any) -> list[str]:
    """Check the first, middle and last frame of each folder of a data set.

    Only the files' headers are decoded. Frames of one folder are of one camera: a clip,
    a city.

    Args:
        dataset: A data set; parts that are not a `SequenceDataset` are not checked.

    Returns:
        A warning for each part whose images `Resize` stretches.

    Raises:
        BrokenFileError: A frame is damaged, turned by EXIF data, of more than 8-bit
            colours, or of another size than its neighbour, and the data set does not
            skip such frames.
        UserError: A camera does not belong to its frame.
    """
    doubts: list[str] = []
    for part in parts_of(dataset):
        if not isinstance(part, SequenceDataset):
            continue
        steps = [*all_steps(part.pipeline)]
        loaders = [step for step in steps if isinstance(step, LoadImageFromFile)]
        cameras = any(isinstance(s, LoadCamera | LoadStereoDepth) for s in steps)
        neighbours = any(isinstance(step, LoadAdjacentFrames) for step in steps)
        folders: dict[str, list[int]] = {}
        for index in range(len(part)) if loaders else ():
            folder = os.path.dirname(part.get_data_info(index)['img_path'])
            folders.setdefault(folder, []).append(index)
        sizes: dict[str, Size] = {}  # of an image of each folder
        for indices in folders.values():
            known = _check_folder(part, indices, loaders[0], neighbours, cameras)
            for index, size in [*known.items()][:1]:
                sizes[part.get_data_info(index)['img_path']] = size
        doubts += _stretched(sizes, _fixed_scale(steps))
    return doubts


def _check_folder(
    part: SequenceDataset,
    indices: list[int],
    loader: LoadImageFromFile,
    neighbours: bool,
    cameras: bool,
) -> dict[int, Size]:
    """Check three of the samples of a folder, and their neighbours and cameras.

    Returns:
        Their sizes, without those of damaged ones.
    """
    chosen = sorted({indices[0], indices[len(indices) // 2], indices[-1]})
    sizes = {index: _check_file(part, index, loader) for index in chosen}
    known = {index: size for index, size in sizes.items() if size is not None}
    for one, other in pairwise(known):
        if neighbours and known[one] != known[other]:
            _check_change(part, indices, (one, other), loader)
    for index, size in known.items():
        info = part.get_data_info(index)
        camera = listed_camera(info, size) if cameras else None
        if camera is not None:
            camera.fitted(size, f'the image {info["img_path"]}')
    return known


def _fixed_scale(steps: list) -> tuple[int, int] | None:
    """Return the (width, height) that a pipeline gives to whole images, if it does.

    Args:
        steps: The transforms, nested ones included. Other packages' than mmcv's and
            MMSegmentation's may do anything.
    """
    for step in steps:
        kind = type(step)
        if isinstance(step, Resize | RandomResize):
            keeps = getattr(getattr(step, 'resize', step), 'keep_ratio', True)
            match step.scale:
                case [int(width), int(height)] if min(width, height) > 0 and not keeps:
                    return width, height
            return None
        known = kind.__module__.startswith((*PACKAGES, 'mmengine.', 'mmdepthseg.'))
        if not known or kind.__name__ in MOVING:
            return None
    return None


def _stretched(sizes: dict[str, Size], scale: tuple[int, int] | None) -> Iterator[str]:
    """Yield a warning if a scale has another aspect ratio than images.

    Args:
        sizes: Path of an image of each folder -> its size.
        scale: (width, height) of all, see `_fixed_scale`.
    """
    if scale is None:
        return
    found = {path: _stretch(size, scale) for path, size in sizes.items()}
    wrong = [path for path, factor in found.items() if _differs(factor)]
    for path in wrong[:1]:
        (height, width), (across, down), factor = sizes[path], scale, found[path]
        exact = max(round(across * height / width), 1)
        fitting = max(round(exact / 32), 1) * 32  # what networks divide by
        if _differs(fitting / exact):
            fitting = exact
        swapped = not _differs(_stretch(sizes[path], (down, across)))
        better = (down, across) if swapped else (across, fitting)
        yield (
            f'Resize makes {across}x{down} (width x height) of images of another '
            f'aspect ratio, in {len(wrong)} of {len(sizes)} folder(s), such as {path} '
            f'of {width}x{height}: what they show gets {max(factor, 1 / factor):.1f} '
            f'times as {"wide" if factor > 1 else "high"}. Give a scale (width, '
            f'height) that fits, such as {better}'
        )


def _stretch(size: Size, scale: tuple[int, int]) -> float:
    """Return by how much more an image of (height, width) grows in width."""
    (height, width), (across, down) = size, scale
    return across * height / (down * width)


def _differs(factor: float) -> bool:
    return max(factor, 1 / factor) > STRETCH


def _check_file(
    part: SequenceDataset, index: int, loader: LoadImageFromFile
) -> Size | None:
    """Return the size of a frame; None if it is damaged and will be skipped."""
    try:
        return _size_of(part.get_data_info(index)['img_path'], loader)
    except BrokenFileError:
        if _skips(part):
            return None  # counted when it is loaded
        raise


def _check_change(
    part: SequenceDataset,
    indices: list[int],
    ends: tuple[int, int],
    loader: LoadImageFromFile,
) -> None:
    """Refuse neighbours of two sizes, if they are where the size changes.

    A folder may have frames of several sizes, if no sample has neighbours of another.

    Args:
        part: The data set.
        indices: Its samples in the folder.
        ends: Two of them, of different sizes.
        loader: Loads their images.

    Raises:
        BrokenFileError: A neighbour has another size than its frame.
    """
    if _skips(part):
        return
    first, last = map(indices.index, ends)
    size = _size_of(part.get_data_info(indices[first])['img_path'], loader)
    while last - first > 1:  # bisection: the ends have different sizes
        middle = (first + last) // 2
        path = part.get_data_info(indices[middle])['img_path']
        if _size_of(path, loader) == size:
            first = middle
        else:
            last = middle
    for place in (first, last):
        info = part.get_data_info(indices[place])
        own = _size_of(info['img_path'], loader)
        for path in info.get('adjacent_paths', ()):
            require_one_size(path, _size_of(path, loader), info['img_path'], own)


def check_sizes_in_batches(place: str, loader: DataLoader, model: Any) -> None:
    """Refuse an evaluation in which images of several sizes come in one batch.

    Looked at are the first batch and, in others, a frame of each folder, by the files'
    headers. Where two differ, one sample of each size is loaded, because the pipeline
    may resize them. The random state stays as it is.

    Args:
        place: Key of the data loader.
        loader: Of a validation or test; only those in a fixed order are checked.
        model: Not wrapped; whether its data preprocessor takes one size in a batch, as
            ours and MMSegmentation's do, decides.

    Raises:
        UserError: Names the data loader, two images and their sizes.
    """
    dataset, count = loader.dataset, loader.batch_size or 1
    preprocessor = getattr(model, 'data_preprocessor', None)
    if (
        not isinstance(dataset, BaseSegDataset)
        or not isinstance(loader.sampler, DefaultSampler)
        or loader.sampler.shuffle
        or not isinstance(preprocessor, SegDataPreProcessor)
        and not getattr(preprocessor, 'one_size_to_evaluate', False)
    ):
        return
    steps = [*all_steps(dataset.pipeline)]
    loaders = [step for step in steps if isinstance(step, LoadImageFromFile)]
    order = [*loader.sampler] if loaders and count > 1 else []
    shapes: dict[Size, Size] = {}
    for batch in _looked_at(dataset, order, count):
        stored = {_size_of(path, loaders[0]): (i, path) for i, path in batch.items()}
        given: dict[Size, str] = {}
        for size, (index, path) in stored.items() if len(stored) > 1 else ():
            if size not in shapes:
                shapes[size] = _input_size(dataset, index)
            given[shapes[size]] = path
        if len(given) > 1:
            (size, path), (other, second) = sorted(given.items())[:2]
            raise UserError(
                f'{place}: {path} and {second} come in one batch, as images of '
                f'{size} and {other} (height, width), whose padding would change the '
                f'predictions: set batch_size=1 instead of {count}, or add Resize to '
                'the pipeline, which makes all of one size'
            )


def _looked_at(
    dataset: BaseSegDataset, order: list[int], count: int
) -> Iterator[dict[int, str]]:
    """Yield images, by index, of the first batch, and of batches of several folders."""
    total = 0
    for start in range(0, len(order), count):
        indices = order[start : start + count]
        paths = {i: dataset.get_data_info(i)['img_path'] for i in indices}
        if start:
            firsts = {os.path.dirname(path): i for i, path in reversed(paths.items())}
            paths = {i: paths[i] for i in firsts.values()}
        total += len(paths) if len(paths) > 1 else 0
        if total > MOST_FILES:
            return
        if len(paths) > 1:
            yield paths


def _input_size(dataset: BaseSegDataset, index: int) -> Size:
    """Return the size of an image behind the pipeline; (0, 0) if that gives several."""
    with kept_random_state():
        # a position as samplers give it, for SeedBySample
        inputs = dataset[StreamIndex(index, pos=index, seed=0)]['inputs']
    image = inputs.get('img') if isinstance(inputs, Mapping) else inputs
    return (image.shape[-2], image.shape[-1]) if torch.is_tensor(image) else (0, 0)


def _skips(part: SequenceDataset) -> bool:
    return part.skip_broken and not part.test_mode


def _size_of(path: str, loader: LoadImageFromFile) -> Size:
    content = read_bytes(path, 'Image', loader.backend_args)
    return image_size(content, path, 'Image', loader.color_type)


def left_out_images(place: str, dataset: Any) -> Iterator[str]:
    """Yield a warning for each folder of which MMSegmentation's data sets leave images.

    They list the files that end with `img_suffix`, as they are written there. Ours warn
    when they list theirs. Lists (`ann_file`) leave images out on purpose.

    Args:
        place: Key of the data loader.
        dataset: Its data set; what one part of it reads, another does not lack.
    """
    parts = [part for part in parts_of(dataset) if isinstance(part, BaseSegDataset)]
    if all(isinstance(part, SequenceDataset) for part in parts):
        return  # nothing to look up for each of their samples
    used: set[str] = set()
    labels: set[str] = set()
    suffixes: dict[str, str] = {}
    for part in parts:
        theirs = not (isinstance(part, SequenceDataset) or part.ann_file)
        for info in map(part.get_data_info, range(len(part))):
            path = os.path.abspath(info['img_path'])
            used.add(path)
            if label := info.get('seg_map_path'):
                labels.add(os.path.dirname(os.path.abspath(label)))
            if theirs and not part.backend_args:
                suffixes.setdefault(os.path.dirname(path), part.img_suffix)
    for folder, suffix in sorted(suffixes.items()):
        if folder in labels or not os.path.isdir(folder):
            continue
        alike = tuple(suffix.rpartition('.')[0].lower() + end for end in IMAGES)
        others = [
            name
            for name in sorted(os.listdir(folder))
            if is_data(name)
            and name.lower().endswith(alike)
            and os.path.join(folder, name) not in used
        ]
        if others:
            yield (
                f'{place}: {folder}: {len(others)} image(s) left out '
                f'({listed(others)}), because their names do not end with {suffix}: '
                'convert or remove them, or read them in a source of their own, with '
                'img_suffix'
            )
