"""Devices that a tool was asked to use."""

from typing import Any

from mmdepthseg.utils.errors import UserError


def usable_device(device: Any) -> Any:
    """Return the `torch.device` of a name or device.

    Raises:
        UserError: Torch cannot use it.
    """
    import torch

    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f'device={device!r} cannot be used: {reason}') from error
    return found
