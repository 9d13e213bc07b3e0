"""Transforms of MMSegmentation and mmcv that change only the image.

In our scope `Resize`, `RandomCrop`, `RandomFlip` and `Pad` are ours, but any other
name, and a name with a scope (`mmseg.RandomFlip`), finds a transform that ignores
neighbouring frames, cameras and our depth fields and would silently leave them
unchanged. Such transforms may be used for plain images and labels; a pipeline that
loads more is refused when it is built. The attribute `loads` of our transforms names
the part of a sample that they add.
"""

from collections.abc import Iterator
from typing import Any

from mmdepthseg.utils.errors import UserError

NEIGHBOURS, LABEL = 'neighbouring frames', 'gt_seg_map'
PACKAGES = ('mmseg.', 'mmcv.')
OUR_SCOPE = "of default_scope 'mmdepthseg'"
LEAVE_OUT = 'leave it out; no transform of its kind moves them as well'
JITTER = 'use color_jitter of DepthSegDataPreProcessor, the same for all frames'
#: Change the size; maps loaded later are resized to it.
RESIZING = {
    'Resize': f'use Resize {OUR_SCOPE}',
    'ResizeToMultiple': f'use Resize {OUR_SCOPE}',
}
#: Move or remove pixels.
MOVING = {
    'Albu': LEAVE_OUT,
    'CenterCrop': f'use RandomCrop {OUR_SCOPE}',
    'Pad': f'use Pad {OUR_SCOPE}',
    'RandomCrop': f'use RandomCrop {OUR_SCOPE}',
    'RandomCutOut': LEAVE_OUT,
    'RandomFlip': f'use RandomFlip {OUR_SCOPE}',
    'RandomMosaic': LEAVE_OUT,
    'RandomRotFlip': f'use RandomFlip {OUR_SCOPE}',
    'RandomRotate': LEAVE_OUT,
}
#: Change the colours of the image, but not of its neighbours.
COLOURING = {
    'AdjustGamma': JITTER,
    'BioMedicalGaussianBlur': JITTER,
    'BioMedicalGaussianNoise': JITTER,
    'BioMedicalRandomGamma': JITTER,
    'CLAHE': JITTER,
    'Normalize': 'use mean and std of DepthSegDataPreProcessor',
    'PhotoMetricDistortion': JITTER,
    'RGB2Gray': JITTER,
    'RandomDepthMix': JITTER,
    'RandomGrayscale': JITTER,
    'Rerange': JITTER,
}
CURES = {**RESIZING, **MOVING, **COLOURING}


def all_steps(steps: Any) -> Iterator[Any]:
    """Yield all transforms in order, nested ones (`RandomApply`, ...) included."""
    if isinstance(steps, list | tuple):
        for step in steps:
            yield from all_steps(step)
    elif steps is not None:
        yield steps
        for name in ('transforms', 'subroutines', 'resize'):
            yield from all_steps(getattr(steps, name, None))


def check_pipeline(pipeline: Any, owner: str) -> None:
    """Refuse pipelines with a transform that would leave parts of a sample unchanged.

    Args:
        pipeline: A transform, or a list of them.
        owner: Owner of the pipeline, for the message.

    Raises:
        UserError: Naming owner, transform, the parts, and what to use instead.
    """
    steps = list(all_steps(pipeline))
    loads = [getattr(step, 'loads', None) for step in steps]
    for place, step in enumerate(steps):
        name = type(step).__name__
        if name not in CURES or not type(step).__module__.startswith(PACKAGES):
            continue
        before, after = loads[:place], loads[place + 1 :]
        if name in COLOURING:
            left = [part for part in before + after if part == NEIGHBOURS]
        else:
            left = [part for part in before if part not in (None, LABEL)]
        if name in MOVING:  # maps loaded later cover the whole image
            left += filter(None, after)
        if left:
            raise UserError(
                f'{owner}: {name} of another package changes the image but not '
                f'{", ".join(left)}, which the pipeline loads: {CURES[name]}'
            )
