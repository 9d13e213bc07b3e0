"""Golden arrays (see data/golden/README.md) and their tolerances."""

import numpy as np
import torch
from torch import Tensor

from helpers import REPO

FOLDER = REPO / 'tests' / 'data' / 'golden'


def load(name: str) -> dict[str, Tensor]:
    """The arrays of the file whose name starts with `name`."""
    (path,) = FOLDER.glob(f'{name}_*.npz')
    with np.load(path) as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays}


def assert_golden(
    actual: Tensor, expected: Tensor, rtol: float = 1e-4, atol: float = 1e-5
) -> None:
    """Equal within the golden tolerance, whatever the singleton dimensions."""
    torch.testing.assert_close(
        actual.detach().double().squeeze(),
        expected.double().squeeze(),
        rtol=rtol,
        atol=atol,
    )


def assert_golden_gradient(actual: Tensor, expected: Tensor) -> None:
    """Equal within 1e-3 of the largest gradient."""
    scale = expected.double().abs().max().item()
    assert_golden(actual, expected, rtol=1e-3, atol=1e-3 * scale)
