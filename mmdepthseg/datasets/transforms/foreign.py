"""Guards on transforms of MMSegmentation and mmcv that move or colour the image alone.

In our scope `Resize`, `RandomCrop`, `RandomFlip` and `Pad` are ours, but any other
name, and a name with a scope (`mmseg.RandomFlip`), finds a transform that knows
neither neighbouring frames nor cameras nor our depth fields. It would leave them
behind without a word. A guarded one does its work on plain images and labels and
refuses other samples.
"""

from functools import partial, wraps

import mmcv.transforms
import mmseg.datasets.transforms as mmseg_transforms
from mmcv.transforms import BaseTransform

from mmdepthseg.datasets.transforms.state import mark_moved, sample_name
from mmdepthseg.registry import TRANSFORMS
from mmdepthseg.utils.errors import UserError

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


def guard(transform: BaseTransform) -> BaseTransform:
    """Let a transform, if it is one of those above, refuse what it would spoil.

    Args:
        transform: Any; those that it holds (`RandomApply`, `RandomResize`, ...)
            are guarded as well.

    Returns:
        The same object.
    """
    kind = type(transform)
    if kind.__module__.startswith(PACKAGES) and kind.__name__ in CURES:
        # on the object, so that its class stays what configs and checks expect
        transform.transform = partial(_refuse_or_run, kind.transform, transform)
    held = getattr(transform, 'transforms', None)
    for inner in (
        held,
        getattr(transform, 'subroutines', None),
        getattr(transform, 'resize', None),
    ):
        for part in inner if isinstance(inner, list | tuple) else [inner]:
            if callable(part):
                guard(part)
    return transform


def _refuse_or_run(run, transform: BaseTransform, results: dict) -> dict | None:
    name = type(transform).__name__
    refuse(name, results)
    if name in MOVING:
        mark_moved(results, name)
    return run(transform, results)


def refuse(name: str, results: dict) -> None:
    """Raise if the transform of that name would leave a part of a sample behind.

    Args:
        name: A key of `CURES`.
        results: The sample.

    Raises:
        UserError: Names transform, sample, what it holds, and what to use.
    """
    parts = ['neighbouring frames'] if 'adjacent' in results else []
    if name not in COLOURING:
        parts += ['a camera'] if 'camera' in results else []
        parts += results.get('depth_fields', [])
        parts += [
            key for key in results.get('unmoved_fields', ()) if key != 'gt_seg_map'
        ]
    if not parts:
        return
    raise UserError(
        f'{name} of another package changes the image and leaves '
        f'{", ".join(parts)} of sample {sample_name(results)} as they are: '
        f'{CURES[name]}.'
    )


def _guarded(kind: type[BaseTransform]):
    @wraps(kind, updated=())
    def build(*args, **kwargs) -> BaseTransform:
        return guard(kind(*args, **kwargs))

    return build


def register_guards() -> None:
    """Put guarded transforms under their own names into our scope.

    A data set of ours guards its pipeline itself; but wrappers of data sets
    (`MultiImageMixDataset`) run transforms after it.
    """
    for name in CURES:
        kind = getattr(mmseg_transforms, name, getattr(mmcv.transforms, name, None))
        if kind is not None and name not in TRANSFORMS.module_dict:
            TRANSFORMS.register_module(name=name, module=_guarded(kind))
