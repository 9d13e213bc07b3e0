import math

import pytest
import torch
from helpers.golden import assert_golden, load

from mmdepthseg.geometry import backproject, project
from mmdepthseg.geometry.projection import inverse_intrinsics

K = [[150.0, 2.0, 90.0], [0, 140.0, 55.0], [0, 0, 1]]


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r'depth.*\(\*, 1, \*, \*\)'):
        backproject(torch.ones(2, 3, 4, 4), torch.eye(3).expand(2, 3, 3))
    with pytest.raises(ValueError, match=r'cam2img.*\(2, 3, 3\)'):
        backproject(torch.ones(2, 1, 4, 4), torch.eye(3)[None])
    with pytest.raises(ValueError, match='^points'):
        project(torch.ones(2, 4, 4), torch.eye(3).expand(2, 3, 3))


def test_inverse_intrinsics_is_the_inverse():
    cam2img = torch.tensor(K, dtype=torch.float64)[None]
    product = inverse_intrinsics(cam2img) @ cam2img
    torch.testing.assert_close(product[0], torch.eye(3, dtype=torch.float64))


def test_golden_backprojection():
    golden = load('a3')
    points = backproject(golden['depth'], golden['K'][:, :3, :3])
    assert_golden(points.flatten(2), golden['cam_points'][:, :3])


def test_project_undoes_backproject():
    depth = torch.rand(2, 1, 5, 7) * 10 + 0.5
    cam2img = torch.tensor(K, dtype=torch.float64).float().expand(2, 3, 3)
    pixels, valid = project(backproject(depth, cam2img), cam2img)
    ys, xs = torch.meshgrid(torch.arange(5.0), torch.arange(7.0), indexing='ij')
    torch.testing.assert_close(
        pixels, torch.stack([xs, ys]).expand(2, 2, 5, 7), rtol=0, atol=1e-3
    )
    assert valid.all()


def test_points_that_cannot_be_seen_are_invalid_and_pass_no_gradient():
    z = [2.0, 0.0, -1.0, math.nan, math.inf, 1e-5]
    points = torch.tensor([[1.0] * 6, [0.5] * 6, z])[None, :, None].requires_grad_()
    pixels, valid = project(points, torch.eye(3)[None])
    assert valid.flatten().tolist() == [True] + [False] * 5
    assert pixels.isfinite().all()
    pixels.sum().backward()
    gradient = points.grad[0, :, 0]
    assert gradient.isfinite().all()
    assert gradient[:, 0].abs().min() > 0
    assert gradient[:, 1:].abs().max() == 0


def test_float32_under_autocast():
    depth = torch.full((1, 1, 4, 3000), 7.0)
    cam2img = torch.tensor([[[2262.5, 0, 1097], [0, 2265.3, 513], [0, 0, 1]]])
    with torch.autocast('cpu', torch.bfloat16):
        points = backproject(depth.bfloat16(), cam2img)
        pixels, _ = project(points, cam2img)
    assert pixels.dtype == torch.float32
    torch.testing.assert_close(pixels[0, 0, 0], torch.arange(3000.0), rtol=0, atol=1e-2)
