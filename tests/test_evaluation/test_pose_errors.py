import numpy as np
import pytest
import torch

from mmdepthseg.evaluation.pose_errors import (
    camera_centres,
    direction_angle,
    mean_motion,
    pose_errors,
    relative_motion,
    rotation_angle,
    share_ahead,
    snippet_ate,
    translation_scale,
)
from mmdepthseg.geometry import axis_angle_to_matrix


def motion(axis_angle=(0.0, 0.0, 0.0), translation=(0.0, 0.0, 0.0)):
    """[R | t] of an axis-angle in degrees."""
    matrix = np.eye(4)
    vector = torch.tensor(np.array([axis_angle], dtype=np.float64)).deg2rad()
    matrix[:3, :3] = axis_angle_to_matrix(vector)[0].numpy()
    matrix[:3, 3] = translation
    return matrix


def random_poses(count, seed=0):
    rng = np.random.default_rng(seed)
    return np.stack(
        [motion(rng.uniform(-40, 40, 3), rng.uniform(-5, 5, 3)) for _ in range(count)]
    )


def test_relative_motion_maps_points():
    earlier, later = random_poses(2)
    point = np.array([1.0, -2.0, 9.0, 1.0])  # as the earlier camera sees it
    assert np.allclose(
        relative_motion(earlier, later) @ point,
        np.linalg.inv(later) @ (earlier @ point),
    )


@pytest.mark.parametrize('angle', [0.0, 1e-5, 0.3, 90.0, 179.0, 180.0])
def test_rotation_angle(angle):
    axis = np.array([1.0, 2.0, -2.0]) / 3
    rotation = motion(axis * angle)[:3, :3]
    assert rotation_angle(rotation) == pytest.approx(angle, abs=1e-9)
    assert rotation_angle(np.stack([rotation] * 2)).shape == (2,)


def test_direction_angle():
    ahead = np.array([[0.0, 0.0, 2.0]])
    for vector, angle in (
        ((0, 0, 9), 0),
        ((0, 5, 5), 45),
        ((0, 0, -1), 180),
        ((0, 0, 0), 90),
    ):
        assert direction_angle(np.array([vector], float), ahead) == pytest.approx(angle)


def test_translation_scale():
    rng = np.random.default_rng(0)
    prediction, target = rng.normal(size=(2, 9, 3))
    length = np.linalg.norm(prediction, axis=1), np.linalg.norm(target, axis=1)
    assert translation_scale(prediction, target, 'median') == pytest.approx(
        np.median(length[1]) / np.median(length[0])
    )
    (expected,), *_ = np.linalg.lstsq(
        prediction.reshape(-1, 1), target.reshape(-1), rcond=None
    )
    assert translation_scale(prediction, target, 'lsqr') == pytest.approx(
        max(expected, 0)
    )
    assert translation_scale(target / 7, target, 'lsqr') == pytest.approx(7)
    assert translation_scale(-target, target, 'lsqr') == 0
    assert translation_scale(prediction, target, 'none') == 1
    assert translation_scale(np.zeros((9, 3)), target, 'median') == 1
    # most pairs stand still in the prediction
    prediction[:6] = 0
    assert translation_scale(prediction, target, 'median') == 1


def test_scale_of_the_pairs_that_move():
    target = np.zeros((9, 3))
    target[:, 2] = [-2, 0, 0, 0.01, 0, -3, 0, 0, -1]
    prediction = np.full((9, 3), 0.02)
    prediction[[0, 5, 8]] = target[[0, 5, 8]] / 4
    assert translation_scale(prediction, target, 'median', 0.05) == pytest.approx(4)
    for align in ('median', 'lsqr'):
        assert np.isnan(translation_scale(prediction, target / 100, align, 0.05))
    assert translation_scale(prediction, target / 100, 'none', 0.05) == 1


def test_pairs_without_a_scale_are_left_out():
    target = np.stack([motion((0, 10, 0), (0, 0, -2)), motion((0, 9, 0))])
    prediction = np.stack(
        [motion((0, 10, 0), (0, 0, -1)), motion((0, 12, 0), (1, 0, 0))]
    )
    found = pose_errors(prediction, target, np.array([3.0, np.nan]), 0.05)
    expected = dict(rotation=1.5, translation=1, relative=50, direction=0)
    assert found == pytest.approx(expected, abs=1e-6)
    nothing = pose_errors(prediction, target, np.full(2, np.nan), 0.05)
    assert np.isnan([nothing['translation'], nothing['relative']]).all()


def test_share_of_the_way_that_leads_ahead():
    ahead = [motion((0, 30, 0), (0.5, 0, -3)), motion((0, 0, 0), (0, 0.9, -1))]
    other = [motion((0, 0, 0), step) for step in ((2, 0, -1), (0, -2, 0), (0, 0, 1))]
    assert share_ahead(np.stack(ahead)) == 1
    assert share_ahead(np.stack(other)) == 0
    way = [np.linalg.norm(found[:3, 3]) for found in (*ahead, *other)]
    assert share_ahead(np.stack([*ahead, *other])) == pytest.approx(
        sum(way[:2]) / sum(way)
    )


def test_errors_of_known_motions():
    target = np.stack(
        [
            motion((0, 10, 0), (0, 0, -2)),
            motion((0, 0, 0), (0, 0, -1)),
            motion((0, 0, 5), (0, 0, -0.01)),
        ]
    )
    prediction = np.stack(
        [
            motion((0, 13, 0), (0, 0, -1)),
            motion((1, 0, 0), (0, 1, 0)),
            motion((0, 0, 5), (0.3, 0, 0)),
        ]
    )
    scale = np.array([2.0, 1.0, 0.0])
    found = pose_errors(prediction, target, scale, min_motion=0.05)
    assert found['rotation'] == pytest.approx((3 + 1 + 0) / 3)
    assert found['translation'] == pytest.approx((0 + 2**0.5 + 0.01) / 3)
    assert found['relative'] == pytest.approx(100 * (2**0.5 + 0.01) / 3.01)
    assert found['direction'] == pytest.approx((0 + 90) / 2)  # the third stands still
    still = np.stack([np.eye(4)])
    nothing = pose_errors(still, still, np.ones(1), 0.05)
    assert nothing['rotation'] == nothing['translation'] == 0
    assert np.isnan([nothing['relative'], nothing['direction']]).all()


def test_camera_centres():
    poses = random_poses(6)
    motions = relative_motion(poses[:-1], poses[1:])
    first = np.linalg.inv(poses[0])
    assert np.allclose(camera_centres(motions), (first @ poses)[:, :3, 3])


def ate_by_hand(prediction, target):
    """Zhou et al.'s number, from positions, a coordinate at a time."""
    top = bottom = 0.0
    for p, g in zip(prediction.ravel(), target.ravel()):
        top, bottom = top + p * g, bottom + p * p
    total = sum(
        (top / bottom * p - g) ** 2 for p, g in zip(prediction.ravel(), target.ravel())
    )
    return total**0.5 / len(target)


def test_ate():
    truth, other = random_poses(5), random_poses(5, seed=1)
    target = relative_motion(truth[:-1], truth[1:])
    prediction = relative_motion(other[:-1], other[1:])
    assert snippet_ate(prediction, target) == pytest.approx(
        ate_by_hand(camera_centres(prediction), camera_centres(target))
    )
    scaled = target.copy()
    scaled[:, :3, 3] *= 0.04
    assert snippet_ate(scaled, target) == pytest.approx(0, abs=1e-12)
    assert snippet_ate([np.eye(4)] * 4, target) == pytest.approx(
        np.linalg.norm(camera_centres(target)) / 5
    )


def test_mean_motion():
    around = [motion((0, angle, 0), (angle, 0, 0)) for angle in (-4.0, 0.0, 10.0)]
    mean = mean_motion(around)
    assert mean[:3, 3].tolist() == [2, 0, 0]
    assert rotation_angle(mean[:3, :3].T @ motion((0, 2, 0))[:3, :3]) < 0.05
    assert np.allclose(mean[:3, :3] @ mean[:3, :3].T, np.eye(3))
    with pytest.raises(ValueError, match='poses'):
        mean_motion([])
