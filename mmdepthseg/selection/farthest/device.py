"""Devices that compute the products of the screening. Only this module uses torch."""

import glob
import importlib.util
import shutil

import numpy as np

from mmdepthseg.selection.farthest.screening import CHUNK, Product, chunked_product
from mmdepthseg.utils.devices import usable_device
from mmdepthseg.utils.errors import UserError

#: Number of multiply-adds that makes importing torch to find a GPU worthwhile.
_WORTH_A_GPU = 2 * 10**11
#: Files of the drivers of NVIDIA, NVIDIA on Jetson and on WSL, and AMD.
_DEVICE_FILES = ('/dev/nvidia[0-9]*', '/dev/nvhost-gpu', '/dev/dxg', '/dev/kfd')
_DRIVER_TOOLS = ('nvidia-smi', 'rocm-smi')


def choose_product(device: str, work: int) -> Product:
    """Return the function that multiplies blocks of features.

    On the CPU this is numpy's BLAS, which uses all cores it may use.

    Args:
        device: `'auto'`, `'cpu'` or a torch device.
        work: Number of multiply-adds, for `'auto'`.

    Returns:
        A function like `chunked_product`.

    Raises:
        UserError: The named device is not available.
    """
    if device == 'cpu':
        return chunked_product
    if device == 'auto':
        if work < _WORTH_A_GPU or not may_have_gpu():
            return chunked_product
        if importlib.util.find_spec('torch') is None:
            return chunked_product
        import torch

        return TorchProduct('cuda') if torch.cuda.is_available() else chunked_product
    if importlib.util.find_spec('torch') is None:
        raise UserError(f'device={device!r} needs torch, which is not installed')
    return TorchProduct(device)


def may_have_gpu() -> bool:
    """Tell whether this machine may have a GPU, without importing torch (seconds)."""
    return any(map(glob.glob, _DEVICE_FILES)) or any(map(shutil.which, _DRIVER_TOOLS))


class TorchProduct:
    """`chunked_product` on a torch device, in full float32 precision.

    Args:
        device: A torch device, e.g. `'cuda'`.

    Raises:
        UserError: Torch cannot use the device.
    """

    def __init__(self, device: str) -> None:
        import torch

        self.device = usable_device(device)
        self._torch = torch

    def __call__(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Return left @ right.T: (B, D) and (R, D) float32 to (B, R) float32."""
        torch = self._torch
        # TF32 would break the error bound of the screening.
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision('highest')
        try:
            a = torch.tensor(left, device=self.device)
            b = torch.tensor(right, device=self.device)
            total = a.new_zeros(len(a), len(b))
            for start in range(0, a.shape[1], CHUNK):
                columns = slice(start, start + CHUNK)
                total += a[:, columns] @ b[:, columns].T
            return total.cpu().numpy()
        finally:
            torch.set_float32_matmul_precision(before)
