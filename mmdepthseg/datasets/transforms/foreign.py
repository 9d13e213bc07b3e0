"""Transforms of MMSegmentation and mmcv that move or colour the image alone.

In our scope `Resize`, `RandomCrop`, `RandomFlip` and `Pad` are ours, but any other
name, and a name with a scope (`mmseg.RandomFlip`), finds a transform that knows
neither neighbouring frames nor cameras nor our depth fields. It would leave them
behind without a word. It may do its work on plain images and labels; a pipeline that
loads more is refused when it is built. What a transform of ours adds to a sample is
its attribute `loads`.
"""

from collections.abc import Iterator
from typing import Any

from mmdepthseg.utils.errors import UserError

NEIGHBOURS, LABEL = 'neighbouring frames', 'gt_seg_map'
PACKAGES = ('mmseg.', 'mmcv.')
OUR_SCOPE = "of default_scope 'mmdepthseg'"
LEAVE_OUT = 'leave it out, there is none of its kind that takes them along'
JITTER = 'use color_jitter of DepthSegDataPreProcessor, the same for all frames'
#: They change the size: what is loaded later is brought to it.
RESIZING = {
    'Resize': f'use Resize {OUR_SCOPE}',
    'ResizeToMultiple': f'use Resize {OUR_SCOPE}',
}
#: They move or cut away pixels.
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
#: They change colours: of the image, while its neighbours keep theirs.
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
    """Return all transforms in order, nested ones (`RandomApply`, ...) included."""
    if isinstance(steps, list | tuple):
        for step in steps:
            yield from all_steps(step)
    elif steps is not None:
        yield steps
        for name in ('transforms', 'subroutines', 'resize'):
            yield from all_steps(getattr(steps, name, None))


def check_pipeline(pipeline: Any, owner: str) -> None:
    """Raise if a transform would leave a part of a sample behind.

    Args:
        pipeline: A transform, or a list of them.
        owner: Whose it is, for the message.

    Raises:
        UserError: Names owner, transform, what would be left behind, and what to use.
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
        if name in MOVING:  # what is loaded later covers the whole image
            left += filter(None, after)
        if left:
            raise UserError(
                f'{owner}: {name} of another package changes the image and leaves '
                f'{", ".join(left)}, which the pipeline loads, behind: {CURES[name]}.'
            )
