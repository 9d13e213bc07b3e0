"""What is predicted: an image, a folder of images, a clip or a video file."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import mmcv
import numpy as np

from mmdepthseg.datasets.transforms.files import decode, read_bytes
from mmdepthseg.names import CLIP_FRAMES, PICTURES, list_folders, list_frames
from mmdepthseg.utils.errors import UserError, listed
from mmdepthseg.utils.files import file_state

#: Frames, and share of them, by which videos that are whole differ from what they
#: claim, which is often computed from their duration.
SPARE_FRAMES, SPARE_SHARE = 2, 0.02


@dataclass(frozen=True)
class Frame:
    """A frame as it was read.

    Attributes:
        name: Name of its outputs, without suffix.
        image: (H, W, 3) uint8 BGR.
    """

    name: str
    image: np.ndarray


class ImageFrames:
    """Image files.

    Args:
        source: The image or folder.
        files: Path of each frame, by name.

    Attributes:
        made_with: What tells this source from another one, for a stamp.
        fps: Frames per second; None: not a video.
    """

    fps: float | None = None

    def __init__(self, source: Path, files: dict[str, str]) -> None:
        self.files = files
        self.made_with = dict(source=str(source.resolve()))

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.files)

    def state(self, name: str) -> list[int]:
        """Return what changes with the file of a frame."""
        return file_state(self.files[name])

    def states(self) -> dict[str, list[int]]:
        """Return the states of all frames, in order."""
        return {name: self.state(name) for name in self.files}

    def read(self, wanted: Callable[[str], bool]) -> Iterator[Frame]:
        """Yield the frames whose names are wanted, in order.

        Raises:
            BrokenFileError: An image cannot be read.
        """
        for name, path in self.files.items():
            if wanted(name):
                yield Frame(name, decode(read_bytes(path, 'Image'), path, 'Image'))


class VideoFrames:
    """Frames of a video file, which mmcv (OpenCV) decodes; see `ImageFrames`.

    Args:
        path: The file.

    Raises:
        UserError: OpenCV cannot read it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        reader = self._open()
        self.fps = reader.fps or None
        self._count = self._claimed = max(reader.frame_cnt, 0)
        self.made_with = dict(source=str(path.resolve()), state=file_state(path))

    def _open(self) -> mmcv.VideoReader:
        reader = mmcv.VideoReader(str(self.path), cache_capacity=1)
        if not reader.opened or reader.width <= 0:
            raise UserError(
                f'{self.path}: neither an image ({", ".join(PICTURES)}) nor a video '
                'that OpenCV can decode; convert it, for example with ffmpeg to .mp4'
            )
        return reader

    def __len__(self) -> int:
        """Return the number of frames that the file claims to have."""
        return self._count

    def state(self, name: str) -> list[int]:
        """Return nothing: the file's state is in `made_with`."""
        return []

    def states(self) -> dict[str, list[int]]:
        """Return nothing: the file's state is in `made_with`."""
        return {}

    def read(self, wanted: Callable[[str], bool]) -> Iterator[Frame]:
        """Yield the frames whose names are wanted, in order.

        Warns:
            UserWarning: The file has fewer frames than it claims.
        """
        reader, number, claimed = self._open(), 0, self._claimed
        while (image := reader.read()) is not None:
            name = f'{number:06d}'
            if wanted(name):
                yield Frame(name, image)
            number += 1
        self._count = number
        if not number:
            raise UserError(f'{self.path}: OpenCV can decode no frame of this video')
        if claimed - number > max(SPARE_FRAMES, SPARE_SHARE * claimed):
            warnings.warn(
                f'{self.path}: the file claims to have {claimed} frames, OpenCV '
                f'decodes {number} of them. That is right for a video that was '
                'trimmed; otherwise it is truncated or damaged: get a whole copy',
                stacklevel=2,
            )
            self._claimed = number  # one warning is enough


def open_frames(source: str | Path) -> ImageFrames | VideoFrames:
    """Return the frames of an image, a folder of images, a clip or a video.

    Args:
        source: The file or folder; a clip has its images in `frames/`.

    Raises:
        UserError: It is missing or holds no images.
    """
    path = Path(source).expanduser()
    if path.is_file():
        if path.suffix.lower() in PICTURES:
            return ImageFrames(path, {path.stem: str(path)})
        return VideoFrames(path)
    if not path.is_dir():
        raise UserError(f'{source}: no such image, folder or video')
    for folder in (path / CLIP_FRAMES, path):
        if files := list_frames(str(folder), PICTURES):
            return ImageFrames(path, files)
    folders = list_folders(str(path))
    cure = f'; it has folders ({listed(folders)}): name one' if folders else ''
    raise UserError(f'{source}: no images ({", ".join(PICTURES)}) there{cure}')
