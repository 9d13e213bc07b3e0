"""Samples whose files cannot be used."""

import zlib

import torch

from mmdepthseg.utils import UserError


class BrokenFileError(UserError):
    """A sample's file is missing, truncated or of the wrong kind.

    The message names the file and the remedy. A data set with `skip_broken=True`
    catches the error, counts it and takes another sample.
    """


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
