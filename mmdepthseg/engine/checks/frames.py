"""Checks of folders of frames: their first frame, and others; see `CheckStartHook`."""

import os
from collections.abc import Iterator
from typing import Any

from mmseg.datasets import BaseSegDataset

from mmdepthseg.datasets.errors import BrokenFileError
from mmdepthseg.datasets.intrinsics import listed_camera
from mmdepthseg.datasets.sequence_dataset import SequenceDataset
from mmdepthseg.datasets.transforms import (
    LoadCamera,
    LoadImageFromFile,
    LoadStereoDepth,
)
from mmdepthseg.datasets.transforms.files import image_size, read_bytes
from mmdepthseg.datasets.transforms.foreign import all_steps
from mmdepthseg.engine.runs import parts_of
from mmdepthseg.names import IMAGES, is_data
from mmdepthseg.utils.errors import listed


def check_frames(dataset: Any) -> None:
    """Check the first frame of each folder of a data set, and its camera.

    Only the file's header is decoded. Frames of one folder are of one camera: a clip, a
    city.

    Args:
        dataset: A data set; parts that are not a `SequenceDataset` are not checked.

    Raises:
        BrokenFileError: A frame is damaged, turned by EXIF data, or of more than 8-bit
            colours, and the data set does not skip such frames.
        UserError: A camera does not belong to its frame.
    """
    for part in parts_of(dataset):
        if not isinstance(part, SequenceDataset):
            continue
        steps = [*all_steps(part.pipeline)]
        loaders = [step for step in steps if isinstance(step, LoadImageFromFile)]
        cameras = any(isinstance(s, LoadCamera | LoadStereoDepth) for s in steps)
        seen: set[str] = set()
        for index in range(len(part)) if loaders else ():
            info = part.get_data_info(index)
            folder = os.path.dirname(info['img_path'])
            if folder not in seen:
                seen.add(folder)
                _check_frame(part, info, loaders[0], cameras)


def _check_frame(
    part: SequenceDataset, info: dict, loader: LoadImageFromFile, camera_used: bool
) -> None:
    path = info['img_path']
    try:
        content = read_bytes(path, 'Image', loader.backend_args)
        size = image_size(content, path, 'Image', loader.color_type)
    except BrokenFileError:
        if part.skip_broken and not part.test_mode:
            return  # skipped and counted when it is loaded
        raise
    camera = listed_camera(info, size) if camera_used else None
    if camera is not None:
        camera.fitted(size, f'the image {path}')


def left_out_images(place: str, dataset: Any) -> Iterator[str]:
    """Yield a warning for each folder of which MMSegmentation's data sets leave images.

    They list the files that end with `img_suffix`, as they are written there. Ours warn
    when they list theirs. Lists (`ann_file`) leave images out on purpose.

    Args:
        place: Key of the data loader.
        dataset: Its data set; what one part of it reads, another does not lack.
    """
    parts = [part for part in parts_of(dataset) if isinstance(part, BaseSegDataset)]
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
