"""Checks of the first frame of each folder against its camera; see `CheckStartHook`."""

import os
from typing import Any

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
