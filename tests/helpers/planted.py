"""Files of weights that run code when they are read carelessly."""

import os
from pathlib import Path

import torch


class Planted:
    """Pickled, it makes a folder when it is read."""

    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self) -> tuple:
        """Return what unpickling calls."""
        return os.makedirs, (self.marker, 0o777, True)


def plant(path: Path, marker: Path, **content: object) -> Path:
    """Write a checkpoint that makes the folder `marker` if it is unpickled."""
    torch.save(dict(state_dict={}, **content, planted=Planted(marker)), path)
    return path
