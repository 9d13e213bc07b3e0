"""Sources of the disparity that a mean teacher's mixer uses.

Stored labels keep their scale; disparity from a network in training is stretched to [0,
1] per image. That of the student, `online`, costs nothing if the student learns depth,
but is noisier than the network's best: it comes from a training pass with colour
jitter, batch statistics in batch norm and dropout in the ASPP. That of the teacher, in
eval mode, is smoother and costs the rest of its depth decoder. No disparity is computed
for a mixer that does not use depth.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from mmengine.model import BaseModel
from mmseg.utils import SampleList
from torch import Tensor

from mmdepthseg.models.mixing import normalize_disparity
from mmdepthseg.models.segmentors.logits import seg_logits
from mmdepthseg.models.segmentors.samples import stack_disparity
from mmdepthseg.utils.errors import UserError


class CleanMix(NamedTuple):
    """Mix images before mixing, and the model that predicts on them.

    Attributes:
        model: A `TeacherStudent`.
        clean: Images for the teacher, normalised, (N, 3, H, W).
        seen: Images for the student: the same, possibly with colour jitter.
        data_samples: Their samples.
        disparity: Disparity from the student's pass for the depth loss, (N, 1, H, W),
            detached, or None if there was none.
    """

    model: Any
    clean: Tensor
    seen: Tensor
    data_samples: SampleList
    disparity: Tensor | None


#: Gives the teacher's logits, and the disparity (N, 1, H, W) for the mixer.
Source = Callable[[CleanMix], tuple[Tensor, Tensor | None]]


def no_disparity(mix: CleanMix) -> tuple[Tensor, None]:
    """Return the teacher's logits and no disparity."""
    return seg_logits(mix.model.teacher.module, mix.clean), None


def stored_disparity(mix: CleanMix) -> tuple[Tensor, Tensor | None]:
    """Return the teacher's logits and the disparity of the depth labels, unchanged."""
    logits, _ = no_disparity(mix)
    return logits, stack_disparity(mix.data_samples, logits.device)


def online_disparity(mix: CleanMix) -> tuple[Tensor, Tensor]:
    """Return the teacher's logits and the student's disparity, stretched."""
    logits, _ = no_disparity(mix)
    disparity = mix.disparity
    if disparity is None:
        disparity = mix.model.student.predict_disparity(mix.seen)
    return logits, normalize_disparity(disparity)


def teacher_disparity(mix: CleanMix) -> tuple[Tensor, Tensor]:
    """Return the teacher's logits and its disparity, stretched, from one pass."""
    logits, disparity = mix.model.teacher.module.logits_and_disparity(mix.clean)
    return logits, normalize_disparity(disparity)


SOURCES = dict(
    label=stored_disparity, online=online_disparity, teacher=teacher_disparity
)


def choose_source(name: str, mixing: Callable, student: BaseModel) -> Source:
    """Return the source that an option names, or `no_disparity` if none is needed.

    Args:
        name: A key of `SOURCES`.
        mixing: The mixer; if it has no attribute `needs_disparity`, it gets the
            disparity.
        student: The network that learns.

    Raises:
        UserError: The name is unknown, or the student has no depth head for it.
    """
    if name not in SOURCES:
        raise UserError(
            f'MeanTeacher: disparity must be one of {tuple(SOURCES)}, got {name!r}'
        )
    source = SOURCES[name]
    depth_head = getattr(student, 'depth_head', None)
    if source is not stored_disparity and depth_head is None:
        raise UserError(
            f'MeanTeacher: disparity={name!r} needs a depth_head in the segmentor; '
            "without one use disparity='label' and LoadSDEDisparity"
        )
    return source if getattr(mixing, 'needs_disparity', True) else no_disparity
