"""The noise of a mean IoU: what other images from the same world would have given."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import read_array


def mean_iou(areas: np.ndarray) -> np.ndarray:
    """Return the mIoU in %, over the classes that predictions or labels show.

    Args:
        areas: Pixels of intersection and union (..., N, 2, C) of N images.

    Returns:
        (...,).
    """
    intersection, union = np.moveaxis(areas.sum(-3, dtype=np.float64), -2, 0)
    with np.errstate(invalid='ignore'):  # 0 / 0: the class does not occur
        return 100 * np.nanmean(intersection / union, -1)


def resampled_iou(
    areas: Sequence[np.ndarray], images: int, draws: int = 1000, seed: int = 0
) -> np.ndarray:
    """Return the mIoU over images drawn with replacement (Efron, 1979).

    All runs get the same images, so that their differences are those of a comparison on
    one validation set.

    Args:
        areas: Of each run, (N, 2, C), over the same images in the same order.
        images: How many to draw.
        draws: How often.
        seed: Of the draws.

    Returns:
        (runs, draws), in %.
    """
    random = np.random.default_rng(seed)
    found = np.empty((len(areas), draws))
    for draw in range(draws):
        chosen = random.integers(len(areas[0]), size=images)
        for run, own in enumerate(areas):
            found[run, draw] = mean_iou(own[chosen])
    return found


def read_areas(paths: Sequence[str | Path]) -> list[np.ndarray]:
    """Read files of `IoUMetric(areas_file=...)`.

    Raises:
        UserError: A file is not one, or the files are of different images or classes,
            or of the same images in another order. Names of images are compared where
            files have them, as those of earlier versions do not.
    """
    found: list[np.ndarray] = []
    named: tuple[str | Path, list[str]] | None = None
    for path in paths:
        try:
            areas = read_array(path, 'areas')
            if areas.ndim != 3 or areas.shape[1] != 2 or areas.dtype.kind != 'f':
                raise UserError(f'{path}: {areas.dtype} of the shape {areas.shape}')
        except UserError as error:
            raise UserError(
                f'{error} is not a file of IoUMetric(areas_file=...)'
            ) from None
        found.append(areas)
        if found[-1].shape != found[0].shape:
            raise UserError(
                f'{path} has the shape {found[-1].shape} (images, 2, classes), '
                f'{paths[0]} {found[0].shape}: compare tests on the same images'
            )
        names = _read_names(path, len(areas))
        if names is None:
            continue
        first, expected = named = named or (path, names)
        differing = [
            place for place, pair in enumerate(zip(names, expected)) if _differ(*pair)
        ]
        if differing:
            place = differing[0]
            raise UserError(
                f'{path}: image {place + 1} is {names[place]}, but {expected[place]} '
                f'in {first} ({len(differing)} of {len(names)} differ): compare tests '
                'on the same images in the same order'
            )
    return found


def _differ(one: str, other: str) -> bool:
    """Tell whether two names are of different images.

    Data sets of MMSegmentation name them after the file alone: `a/1`, `1_leftImg8bit`.
    """
    if '/' in one and '/' in other:
        return one != other
    one, other = (name.rsplit('/', 1)[-1] for name in (one, other))
    return not (one.startswith(other) or other.startswith(one))


def _read_names(path: str | Path, count: int) -> list[str] | None:
    """Return the names of the images in a file of areas; None if it has none.

    Raises:
        UserError: They are no names, or not as many as images.
    """
    with zipfile.ZipFile(path) as archive:
        if 'names.npy' not in archive.namelist():
            return None
    names = read_array(path, 'names')
    if names.dtype.kind != 'U' or names.shape != (count,):
        raise UserError(
            f'{path}: {names.dtype} of the shape {names.shape} for the names of '
            f'{count} images: not a file of IoUMetric(areas_file=...)'
        )
    return names.tolist()
