"""A second device on a machine that has none.

Its tensors call themselves `meta`, hold their numbers in the CPU's memory and refuse
what a GPU's would: to be computed with beside a tensor of the CPU, and to be read by
numpy. What a step does with `.to(device)`, `device=x.device` and `.cpu()` can so be
tested without a GPU; kernels, streams and float16 cannot.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import (
    TorchDispatchMode,
    return_and_correct_aliasing,
)
from torch.utils._pytree import tree_leaves, tree_map

# the only type beside the CPU's whose backward pass torch runs without a driver
SECOND = torch.device('meta')
_aten = torch.ops.aten
_torch_load = torch.load
_MOVES = {_aten._to_copy.default, _aten.copy_.default}
# a tensor of a device may be indexed by one of the CPU
_INDEXED = {
    _aten.index,
    _aten.index_put,
    _aten.index_put_,
    _aten._index_put_impl_,
}


class _There(torch.Tensor):
    """A tensor of the second device."""

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> torch.Tensor:
        return torch.Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
            device=SECOND,
        )

    def __init__(self, held: torch.Tensor) -> None:
        self.held = held

    def __repr__(self, **_: Any) -> str:
        return f'there({self.held!r})'

    @classmethod
    def __torch_dispatch__(
        cls, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        return _run(func, args, kwargs or {})


def _is_there(value: Any) -> bool:
    return isinstance(value, _There)


def _refuse_two_devices(func: Any, tensors: list[torch.Tensor]) -> None:
    if func.overloadpacket in _INDEXED and _is_there(tensors[0]):
        return
    # numbers may be of the CPU
    if any(not _is_there(tensor) and tensor.dim() for tensor in tensors):
        raise RuntimeError(f'{func}: tensors of two devices')


def _run(func: Any, args: tuple, kwargs: dict) -> Any:
    """Compute with the held numbers; the result lies where a GPU's would."""
    tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
    some = any(map(_is_there, tensors))
    if some and func not in _MOVES:
        _refuse_two_devices(func, tensors)
    there = _is_there(tensors[0]) if func is _aten.copy_.default else some
    if kwargs.get('device') is not None:
        there = torch.device(kwargs['device']).type == SECOND.type
        kwargs = {**kwargs, 'device': torch.device('cpu'), 'pin_memory': False}
    held_args, held_kwargs = tree_map(
        lambda x: x.held if _is_there(x) else x, (args, kwargs)
    )
    found = func(*held_args, **held_kwargs)
    if not there:
        return found
    # an operation in place returns its argument
    known = {id(tensor.held): tensor for tensor in tensors if _is_there(tensor)}

    def wrap(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        return known[id(value)] if id(value) in known else _There(value)

    result = tree_map(wrap, found)
    if some and func is not _aten._to_copy.default:
        return return_and_correct_aliasing(func, args, kwargs, result)
    return result


class _Operations(TorchDispatchMode):
    """See operations without a tensor of the second device: `torch.zeros(3, device)`"""

    def __torch_dispatch__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        return _run(func, args, kwargs or {})


class _FromNumbers(TorchFunctionMode):
    """Make tensors of numbers on the CPU and move them; torch would make empty ones."""

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.Tensor.new_tensor and _is_there(args[0]):
            kwargs = dict(dtype=args[0].dtype, device=SECOND) | kwargs
            func, args = torch.tensor, args[1:]
        if func is torch.Tensor.tolist and _is_there(args[0]):
            args = (args[0].held,)
        if func in (torch.tensor, torch.as_tensor) and kwargs.get('device') is not None:
            device = kwargs.pop('device')
            return func(*args, **kwargs).to(device)
        return func(*args, **kwargs)


class _Autocast(torch.autocast):
    """Autocast of the second device as that of the CPU."""

    def __init__(self, device_type: str, *args: Any, **kwargs: Any) -> None:
        type_ = 'cpu' if device_type == SECOND.type else device_type
        super().__init__(type_, *args, **kwargs)


def _load(path: Any, map_location: Any = None, **options: Any) -> Any:
    """Read a checkpoint; torch would read none of the numbers of `meta`."""
    if map_location is None or str(map_location) != SECOND.type:
        return _torch_load(path, map_location=map_location, **options)
    found = _torch_load(path, map_location='cpu', **options)
    return tree_map(lambda x: x.to(SECOND) if isinstance(x, torch.Tensor) else x, found)


@contextmanager
def second_device(monkeypatch: Any) -> Iterator[torch.device]:
    """Have a second device inside, which MMEngine takes as the best one."""
    with monkeypatch.context() as patch, _FromNumbers(), _Operations():
        patch.setattr(torch, 'autocast', _Autocast)
        patch.setattr(torch.amp, 'autocast', _Autocast)
        patch.setattr(torch, 'load', _load)
        # tensors made in inference mode cannot be wrapped
        patch.setattr(torch._C, '_InferenceMode', lambda mode: torch.no_grad())
        patch.setattr('mmengine.device.utils.DEVICE', SECOND.type)
        yield SECOND
