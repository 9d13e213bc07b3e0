"""Scores for uncertainty sampling: errors of a student network."""

import numpy as np

from mmdepthseg.utils.errors import UserError

#: Errors of student s against teacher t, disparities in (0, 1). `abs_inv` and
#: `abs_inv_log` compare depths 1 / d, clamped to `INVERSE_RANGE`.
ERRORS = {
    'abs_log': lambda s, t: np.abs(np.log1p(s) - np.log1p(t)),
    'abs': lambda s, t: np.abs(s - t),
    'sq': lambda s, t: np.square(s - t),
    'abs_rel': lambda s, t: np.abs(s - t) / (t + 0.1),
    'sq_rel': lambda s, t: np.square(s - t) / (t + 0.1),
    'abs_inv': lambda s, t: np.abs(_inverse(s) - _inverse(t)),
    'abs_inv_log': lambda s, t: np.abs(np.log(_inverse(s)) - np.log(_inverse(t))),
}
INVERSE_RANGE = (0.1, 80.0)


def _inverse(disparity: np.ndarray) -> np.ndarray:
    with np.errstate(divide='ignore'):
        return np.clip(1 / disparity, *INVERSE_RANGE)


def dilate(mask: np.ndarray, size: int) -> np.ndarray:
    """Return the binary dilation by a size x size square; outside is False.

    Args:
        mask: (N, H, W) bool.
        size: Side of the square, odd, pixels.

    Returns:
        (N, H, W) bool.
    """
    if size < 1 or size % 2 == 0:
        raise UserError(f'dilation size must be odd and positive, got {size}')
    import cv2  # here, as selections without a depth error do without it

    square = np.ones((size, size), np.uint8)
    grown = np.zeros_like(mask)
    for one, found in zip(mask, grown, strict=True):
        found[:] = cv2.dilate(one.astype(np.uint8), square)
    return grown


def depth_error_mask(
    teacher: np.ndarray,
    far_threshold: float | None = 0.07,
    far_dilation: int = 7,
    valid_height: float = 0.87,
) -> np.ndarray:
    """Return the pixels whose error counts.

    Rows from `int(valid_height * H)` on (ego vehicle) are left out, and everything in
    a square of `far_dilation` pixels around a teacher disparity below `far_threshold`
    (sky, and cars ahead that move at the same speed).

    Args:
        teacher: (N, H, W) disparity in (0, 1).
        far_threshold: None keeps far pixels.
        far_dilation: Odd, pixels.
        valid_height: Share of the rows, from the top, in [0, 1].

    Returns:
        (N, H, W) bool.
    """
    if not 0 <= valid_height <= 1:
        raise UserError(f'valid_height={valid_height} must be in [0, 1]')
    mask = np.ones(teacher.shape, bool)
    if far_threshold is not None:
        mask = ~dilate(teacher < far_threshold, far_dilation)
    mask[:, int(valid_height * teacher.shape[1]) :] = False
    return mask


def depth_error(
    student: np.ndarray,
    teacher: np.ndarray,
    error: str = 'abs_log',
    far_threshold: float | None = 0.07,
    far_dilation: int = 7,
    valid_height: float = 0.87,
    mean_over: str = 'all',
) -> np.ndarray:
    """Return the score of each frame: mean error of the student's disparity.

    Args:
        student: (N, H, W) or (N, 1, H, W), disparity in (0, 1), any float type.
        teacher: As `student`; NaN where nothing was measured, which counts nowhere,
            also not as far (0 for a frame of which nothing was).
        error: Key of `ERRORS`; `'abs_log'` is |log(1 + s) - log(1 + t)|.
        far_threshold: See `depth_error_mask`.
        far_dilation: See `depth_error_mask`.
        valid_height: See `depth_error_mask`.
        mean_over: `'all'` divides by all pixels, including masked ones, as published,
            so a large far area lowers the score; `'valid'` divides by the pixels
            that count (0 for a frame without any).

    Returns:
        (N,) float64.

    Raises:
        UserError: Values are not finite, or an option is unknown.
        ValueError: Shapes differ.
    """
    if error not in ERRORS or mean_over not in ('all', 'valid'):
        raise UserError(
            f'error={error!r}, mean_over={mean_over!r}; expected error in '
            f"{', '.join(ERRORS)} and mean_over 'all' or 'valid'"
        )
    teacher = _maps(teacher, 'teacher')
    measured = ~np.isnan(teacher)
    teacher = np.where(measured, teacher, 1.0)
    student = _maps(student, 'student')
    for name, maps in dict(student=student, teacher=teacher).items():
        bad = ~np.isfinite(maps).all(axis=(1, 2))
        if bad.any():
            raise UserError(
                f'{name}: frame {int(bad.argmax())} of the batch has NaN or infinite '
                'values'
            )
    if student.shape != teacher.shape:
        raise ValueError(
            f'student {student.shape} and teacher {teacher.shape} must have the same '
            'shape'
        )
    mask = depth_error_mask(teacher, far_threshold, far_dilation, valid_height)
    mask &= measured
    total = np.where(mask, ERRORS[error](student, teacher), 0).sum(axis=(1, 2))
    counted = measured if mean_over == 'all' else mask
    return total / np.maximum(counted.sum(axis=(1, 2)), 1)


def _maps(disparity: np.ndarray, name: str) -> np.ndarray:
    """Return disparity as (N, H, W) float64."""
    disparity = np.asarray(disparity, dtype=np.float64)
    if disparity.ndim == 4 and disparity.shape[1] == 1:
        disparity = disparity[:, 0]
    if disparity.ndim != 3:
        raise ValueError(
            f'{name}: expected (N, H, W) or (N, 1, H, W), got {disparity.shape}'
        )
    return disparity
