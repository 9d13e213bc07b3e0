"""Samples whose files cannot be used."""

import zlib

import torch

from mmdepthseg.camera import Size
from mmdepthseg.utils import UserError


class BrokenFileError(UserError):
    """A sample's file is missing, truncated or of the wrong kind.

    The message names the file and the remedy. A data set with `skip_broken=True`
    catches the error, counts it and takes another sample.
    """


def require_one_size(path: str, size: Size, frame: str, frame_size: Size) -> None:
    """Refuse a neighbour whose file has another size than the frame's.

    Args:
        path: File of the neighbour.
        size: Its (height, width).
        frame: Name or file of the frame.
        frame_size: Its file's (height, width).

    Raises:
        BrokenFileError: Names both, with their sizes.
    """
    if tuple(size) != tuple(frame_size):
        (height, width), (own_height, own_width) = size, frame_size
        raise BrokenFileError(
            f'Neighbouring frame {path} is a file of {width}x{height}, the frame '
            f'{frame} of {own_width}x{own_height}: the frames of a clip must have one '
            'size. Split the clip where the size changes, or resize its frames to one '
            'size'
        )


class BrokenFiles:
    """Broken files that a process, and the loader workers that it starts, have met.

    A file has the place of its checksum in a table that they share. Writing there is
    the same whoever does it and how often, so that nothing needs a lock; with the room
    there is, two files hardly ever have one place.

    Args:
        limit: Number of files that are to be told apart.
    """

    def __init__(self, limit: int) -> None:
        size = max(4096, 64 * limit)
        self._places = torch.zeros(size, dtype=torch.uint8).share_memory_()

    def add(self, message: str) -> bool:
        """Note a file by its message; tell whether nobody has before."""
        place = zlib.crc32(message.encode()) % len(self._places)
        new = not self._places[place]
        self._places[place] = 1
        return new

    def __len__(self) -> int:
        """Return the number of files."""
        return int(self._places.sum())
