import math

import pytest
import torch
from helpers.golden import assert_golden, load

from mmdepthseg.geometry import (
    axis_angle_to_matrix,
    pose_vector_to_matrix,
    transform_points,
)


def test_golden():
    golden = load('a2')
    vector, shift = golden['axisangle'][:, 0], golden['translation'][:, 0]
    assert_golden(axis_angle_to_matrix(vector), golden['rot'][:, :3, :3])
    assert_golden(pose_vector_to_matrix(vector, shift), golden['M'])
    assert_golden(pose_vector_to_matrix(vector, shift, invert=True), golden['M_inv'])


@pytest.mark.parametrize('length', [0, 1e-6, 9e-4, 1.1e-3, 0.1, math.pi, 5])
def test_agrees_with_matrix_exponential(length):
    """R = exp([v]x), on both sides of the switch to the series."""
    axis = torch.tensor([2.0, -3.0, 6.0], dtype=torch.float64) / 7
    x, y, z = vector = axis * length
    cross = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)
    torch.testing.assert_close(
        axis_angle_to_matrix(vector[None])[0],
        torch.linalg.matrix_exp(cross),
        rtol=0,
        atol=1e-12,
    )


def test_gradients_also_at_the_zero_vector():
    vector = torch.tensor([[0.0, 0, 0], [1e-5, 0, 0], [0.3, -0.2, 0.1]]).double()
    assert torch.autograd.gradcheck(
        axis_angle_to_matrix, vector.requires_grad_(), atol=1e-6
    )


def test_inverse_and_transform_points():
    vector, shift = torch.randn(3, 3), torch.randn(3, 3)
    forward = pose_vector_to_matrix(vector, shift)
    back = pose_vector_to_matrix(vector, shift, invert=True)
    torch.testing.assert_close(
        back @ forward, torch.eye(4).expand(3, 4, 4), atol=1e-5, rtol=0
    )
    points = torch.randn(3, 3, 4, 5)
    moved = transform_points(forward, points)
    expected = forward[:, :3, :3] @ points.flatten(2) + shift[:, :, None]
    torch.testing.assert_close(moved.flatten(2), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        transform_points(back, moved), points, atol=1e-5, rtol=1e-4
    )


def test_float32_under_autocast():
    vector, shift = torch.randn(2, 3), torch.randn(2, 3)
    points = torch.randn(2, 3, 2, 2) * 100
    expected = transform_points(pose_vector_to_matrix(vector, shift), points)
    with torch.autocast('cpu', torch.bfloat16):
        actual = transform_points(pose_vector_to_matrix(vector, shift), points)
        half = pose_vector_to_matrix(vector.bfloat16(), shift.bfloat16())
    assert half.dtype == torch.float32
    torch.testing.assert_close(actual, expected)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match='^axis_angle'):
        axis_angle_to_matrix(torch.zeros(2, 1, 3))
    with pytest.raises(ValueError, match='^translation'):
        pose_vector_to_matrix(torch.zeros(2, 3), torch.zeros(3, 3))
    with pytest.raises(ValueError, match='^transform'):
        transform_points(torch.eye(4)[None], torch.zeros(2, 3, 1, 1))
