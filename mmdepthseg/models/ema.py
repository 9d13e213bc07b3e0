"""Moving average of a student's weights, the mean teacher."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from mmengine.model import BaseAveragedModel
from torch import Tensor, nn

from mmdepthseg.checkpoints.matching import unwrapped
from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import UserError


@MODELS.register_module()
class MeanTeacherEMA(BaseAveragedModel):
    """Teacher whose weights are the moving average of a student's.

    After the t-th optimiser step, t = 1, 2, ...::

        teacher = a * teacher + (1 - a) * student,  a = min(1 - 1 / (t + 1), decay)

    (Tarvainen and Valpola, NeurIPS 2017; Hoyer et al., CVPR 2021, section 3.3). The
    average is quick at first and slow later.

    MMEngine's `ExponentialMovingAverage` is not sufficient: its factor is constant; its
    first update is a plain copy of the student; it reads its step counter back from the
    device at each step and updates one tensor at a time; `update_buffers=True` leaves
    integer buffers at their first value; and it follows `train()`, so that a teacher
    inside a segmentor applies dropout and uses batch statistics.
    (`MomentumAnnealingEMA` with gamma 1 has nearly this factor, but shares the other
    four points.) Its state-dict layout, `module.*` and `steps`, is kept.

    The parameters require no gradients. The whole state is in the state dict, so that a
    resumed run continues exactly.

    Note:
        The teacher is a copy of the student *as it is at construction*. Weights loaded
        into the student afterwards (`init_weights`, `load_from`) must be copied with
        `copy_from` before the first update.

    Args:
        model: The student.
        decay: Upper bound of a, in [0, 1).
        buffers: Treatment of buffers (batch norm statistics): 'copy' copies the
            student's; 'ema' averages the floating-point ones by the same formula and
            copies the others; 'own' leaves them to the teacher's own forward passes,
            which change them only with `train_mode=True`.
        train_mode: Legacy of the authors' code: let the teacher follow `train()`.
            Default: always in eval mode.
        device: Device of the teacher; by default that of the student.
        exclude: Names of direct children of the student that the teacher lacks (they
            are None there): parts that only losses need, such as a pose net, then cost
            neither memory nor time.

    Raises:
        UserError: An option is out of range.
    """

    def __init__(
        self,
        model: nn.Module,
        decay: float = 0.99,
        buffers: str = 'copy',
        train_mode: bool = False,
        device: torch.device | None = None,
        exclude: Sequence[str] = (),
    ) -> None:
        if not 0 <= decay < 1:
            raise UserError(f'decay must be in [0, 1), got {decay}')
        if buffers not in ('copy', 'ema', 'own'):
            raise UserError(f"buffers must be 'copy', 'ema' or 'own', got {buffers!r}")
        student = unwrapped(model)
        children = dict(student.named_children())
        self.exclude = tuple(name for name in exclude if name in children)
        with _without(student, self.exclude):
            super().__init__(student, device=device)
        self.decay = decay
        self.buffer_mode = buffers
        self.train_mode = train_mode
        # Mirrors the buffer `steps`, because reading it would wait for the device.
        self._updates = 0
        if not train_mode:
            self.eval()

    @staticmethod
    def alpha(step: int, decay: float = 0.99) -> float:
        """Return the weight of the old teacher in the update after step `step` >= 1."""
        return min(1 - 1 / (step + 1), decay)

    @property
    def updates(self) -> int:
        """Return the number of updates so far."""
        return self._updates

    def restart(self) -> None:
        """Count the updates from 0 again; the weights stay."""
        self._updates = 0
        self.steps.zero_()

    def train(self, mode: bool = True) -> 'MeanTeacherEMA':
        """Stay in eval mode, whatever the parent's mode, unless `train_mode` is set."""
        return super().train(mode and self.train_mode)

    def excludes(self, name: str) -> bool:
        """Tell whether a parameter or buffer of the student has no counterpart here."""
        return name.startswith(tuple(f'{child}.' for child in self.exclude))

    @torch.no_grad()
    def copy_from(self, model: nn.Module) -> None:
        """Make the teacher equal to the student, buffers included."""
        student = unwrapped(model)
        _copy(*self._pairs(student, 'named_parameters'))
        _copy(*self._pairs(student, 'named_buffers'))

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Average once; call it after each optimiser step.

        Args:
            model: The student, possibly wrapped (DDP).

        Raises:
            ValueError: The student's tensors differ from the teacher's.
        """
        student = unwrapped(model)
        self._updates += 1
        self.steps.fill_(self._updates)
        weight = 1 - self.alpha(self._updates, self.decay)
        _lerp(*self._pairs(student, 'named_parameters'), weight)
        if self.buffer_mode == 'own':
            return
        teacher, source = self._pairs(student, 'named_buffers')
        floats = [self.buffer_mode == 'ema' and t.is_floating_point() for t in teacher]
        _lerp(_select(teacher, floats), _select(source, floats), weight)
        others = [not is_float for is_float in floats]
        _copy(_select(teacher, others), _select(source, others))

    def _pairs(
        self, student: nn.Module, kind: str
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return the tensors of teacher and student with the same names."""
        mine, theirs = (dict(getattr(m, kind)()) for m in (self.module, student))
        theirs = {k: v for k, v in theirs.items() if not self.excludes(k)}
        if mine.keys() != theirs.keys():
            odd = sorted(mine.keys() ^ theirs.keys())
            raise ValueError(
                f'Teacher and student differ in {len(odd)} tensors, the first is '
                f'{odd[0]!r}: the student was changed after the teacher was made'
            )
        teacher = list(mine.values())
        source = [
            theirs[name].to(device=t.device, dtype=t.dtype) for name, t in mine.items()
        ]
        return teacher, source

    def _load_from_state_dict(self, *args, **kwargs) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._updates = int(self.steps)


@contextmanager
def _without(module: nn.Module, names: Sequence[str]) -> Iterator[None]:
    """Take some children out of a module while the context is open."""
    children = {name: getattr(module, name) for name in names}
    try:
        for name in names:
            setattr(module, name, None)
        yield
    finally:
        for name, child in children.items():
            setattr(module, name, child)


def _select(tensors: list[Tensor], chosen: Iterable[bool]) -> list[Tensor]:
    return [t for t, take in zip(tensors, chosen) if take]


def _lerp(teacher: list[Tensor], student: list[Tensor], weight: float) -> None:
    """Interpolate all tensors with one fused kernel (in place)."""
    if teacher:
        torch._foreach_lerp_(teacher, student, weight)


def _copy(teacher: list[Tensor], student: list[Tensor]) -> None:
    if teacher:
        torch._foreach_copy_(teacher, student)
