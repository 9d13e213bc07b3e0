"""Errors of camera motion between frames.

A motion T (4x4) maps points of the earlier camera to the later one, as everywhere in
this package: T = [R | t], P_later = R P_earlier + t. The prediction is p and the ground
truth is g, over n pairs of frames; the translations of p are known up to a factor.

==========  =============================================================  ========
rotation    mean angle of R_g^T R_p                                        degrees
translation mean |s t_p - t_g|, s the alignment factor, where it is known  metres
relative    100 sum |s t_p - t_g| / sum |t_g|                              percent
direction   mean angle between t_p and t_g, over pairs that moved          degrees
ate         see `snippet_ate`                                              metres
==========  =============================================================  ========

Rotation and translation are the relative pose error of Sturm et al., IROS 2012.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from mmdepthseg.utils.errors import UserError

POSE_ERRORS = ('rotation', 'translation', 'relative', 'direction')
POSE_ALIGNMENTS = ('median', 'lsqr', 'none')


def relative_motion(earlier: np.ndarray, later: np.ndarray) -> np.ndarray:
    """Return the motion between two cameras of known pose.

    Args:
        earlier: Pose of the earlier camera, camera to world, (..., 4, 4).
        later: Pose of the later camera, camera to world, (..., 4, 4).

    Returns:
        Motions (..., 4, 4), from points of the earlier camera to points of the later
        one.
    """
    return np.linalg.inv(later) @ earlier


def rotation_angle(rotation: np.ndarray) -> np.ndarray:
    """Return the angles of rotation matrices, accurate for small angles as well.

    Args:
        rotation: Rotation matrices (..., 3, 3).

    Returns:
        Angles (...,), degrees, 0..180.
    """
    skew = rotation - np.swapaxes(rotation, -1, -2)
    axis = np.stack([skew[..., 2, 1], skew[..., 0, 2], skew[..., 1, 0]], -1)
    trace = np.trace(rotation, axis1=-2, axis2=-1)
    return np.degrees(np.arctan2(np.linalg.norm(axis, axis=-1), trace - 1))


def direction_angle(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the angles between vectors.

    A prediction of zero has no direction and counts as 90 degrees.

    Args:
        prediction: Vectors (..., 3).
        target: Vectors (..., 3).

    Returns:
        Angles (...,), degrees, 0..180.
    """
    cross = np.linalg.norm(np.cross(prediction, target), axis=-1)
    inner = (prediction * target).sum(-1)
    angle = np.degrees(np.arctan2(cross, inner))
    return np.where((prediction == 0).all(-1), 90.0, angle)


def translation_scale(
    prediction: np.ndarray, target: np.ndarray, align: str, min_motion: float = 0.0
) -> float:
    """Return the factor that converts predicted translations to metres.

    - `median`: median |t_g| / median |t_p|, over the pairs that moved: where most
      stand, it would be 0.
    - `lsqr`: the s that minimises sum |s t_p - t_g|^2; a negative one (motion in the
      opposite direction) counts as 0.
    - `none`: 1.

    Args:
        prediction: Translations (n, 3).
        target: Translations (n, 3), metres.
        align: One of the above.
        min_motion: Pairs with |t_g| of at least this, in metres, moved.

    Returns:
        The factor; NaN if no pair moved, unless with `none`; 1 if all predicted
        translations (with `median`, their median length) are zero.
    """
    if align == 'none':
        return 1.0
    moved = np.linalg.norm(target, axis=-1) >= min_motion
    if not moved.any():
        return float('nan')
    if not prediction.any():
        return 1.0
    if align == 'lsqr':
        return max(float((prediction * target).sum() / (prediction**2).sum()), 0.0)
    length = float(np.median(np.linalg.norm(prediction[moved], axis=-1)))
    if length == 0:
        return 1.0
    return float(np.median(np.linalg.norm(target[moved], axis=-1))) / length


def share_ahead(motions: np.ndarray) -> float:
    """Return which share of a camera's way leads more ahead than to any other side.

    Args:
        motions: Motions (n, 4, 4) that move at all.

    Returns:
        0..1, of the length of the way: z is the longest coordinate, and not backwards.
    """
    steps = np.linalg.inv(motions)[:, :3, 3]  # of the camera, as it sees them before
    length = np.linalg.norm(steps, axis=-1)
    ahead = steps[:, 2] >= np.abs(steps[:, :2]).max(-1)
    return float(length[ahead].sum() / length.sum())


def pose_errors(
    prediction: np.ndarray, target: np.ndarray, scale: np.ndarray, min_motion: float
) -> dict[str, float]:
    """Return the errors of `POSE_ERRORS`.

    Args:
        prediction: Motions (n, 4, 4), n >= 1.
        target: Motions (n, 4, 4), metres.
        scale: Alignment factor of each pair, (n,); pairs whose factor is NaN are left
            out of `translation` and `relative`.
        min_motion: Pairs that moved less than this, in metres, are left out of
            `direction`.

    Returns:
        One number per error; NaN for `relative` if no pair moved at all, for
        `direction` if none moved by `min_motion`, and for `translation` and `relative`
        if no factor is known.
    """
    aligned = prediction[:, :3, 3] * scale[:, None]
    truth = target[:, :3, 3]
    angle = rotation_angle(np.swapaxes(target[:, :3, :3], 1, 2) @ prediction[:, :3, :3])
    length = np.linalg.norm(truth, axis=-1)
    moved = length >= min_motion
    known = np.isfinite(scale)
    error = np.linalg.norm(aligned - truth, axis=-1)[known]
    way = length[known].sum()
    direction = direction_angle(prediction[moved, :3, 3], truth[moved])
    return dict(
        rotation=float(angle.mean()),
        translation=float(error.mean()) if known.any() else np.nan,
        relative=100 * float(error.sum() / way) if way else np.nan,
        direction=float(direction.mean()) if moved.any() else np.nan,
    )


def camera_centres(motions: Sequence[np.ndarray]) -> np.ndarray:
    """Return the path of a camera from its motions.

    Args:
        motions: Motions (4, 4) from each of the n frames to the next, n - 1 in number.

    Returns:
        Centres (n, 3) in the coordinates of the first camera.
    """
    pose, centres = np.eye(4), [np.zeros(3)]
    for motion in motions:
        pose = pose @ np.linalg.inv(motion)
        centres.append(pose[:3, 3])
    return np.stack(centres)


def snippet_ate(
    prediction: Sequence[np.ndarray], target: Sequence[np.ndarray]
) -> float:
    """Return a snippet's absolute trajectory error, as in Zhou et al., CVPR 2017.

    Both paths start at the origin of the first camera. For each snippet a factor s fits
    the predicted path c_p to the true path c_g by least squares; the error is sqrt(sum
    |s c_p - c_g|^2) / n over the n frames. This is what their published code computes
    (github.com/tinghuiz/SfMLearner, kitti_eval) and what tables for 3 and 5 frames
    compare; the root mean square is sqrt(n) times as large.

    Args:
        prediction: Motions (4, 4) from each frame to the next, n - 1 in number.
        target: Likewise, metres.

    Returns:
        The error, metres.
    """
    path, truth = camera_centres(prediction), camera_centres(target)
    square = (path**2).sum()
    scale = (path * truth).sum() / square if square > 0 else 1.0
    return float(np.sqrt(((scale * path - truth) ** 2).sum()) / len(truth))


def mean_motion(motions: Iterable[np.ndarray]) -> np.ndarray:
    """Average motions: the mean translation and the rotation nearest the mean matrix.

    Args:
        motions: Motions (4, 4).

    Returns:
        The mean motion (4, 4).

    Raises:
        UserError: `motions` is empty.
    """
    motions = list(motions)
    if not motions:
        raise UserError('The mean motion needs at least one sample with poses')
    mean = np.mean(motions, axis=0)
    left, _, right = np.linalg.svd(mean[:3, :3])
    mean[:3, :3] = left @ np.diag([1.0, 1.0, np.linalg.det(left @ right)]) @ right
    return mean
