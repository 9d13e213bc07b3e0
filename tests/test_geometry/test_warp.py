import math

import pytest
import torch
import torch.nn.functional as F
from helpers.golden import assert_golden, load
from helpers.one_view import synthesize_view

from mmdepthseg.geometry import (
    backproject,
    pose_vector_to_matrix,
    project,
    synthesize_views,
    transform_points,
)

CAMERA = torch.tensor([[20.0, 0, 11.5], [0, 18.0, 7.5], [0, 0, 1]])
HEIGHT, WIDTH = 16, 24


def _scene(batch=2, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    source = torch.rand(batch, 3, HEIGHT, WIDTH, generator=generator)
    depth = torch.rand(batch, 1, HEIGHT, WIDTH, generator=generator) * 5 + 1
    vector = torch.randn(2, batch, 3, generator=generator) * 0.1
    transform = pose_vector_to_matrix(*vector)
    cam2img = CAMERA.expand(batch, 3, 3)
    return tuple(t.to(dtype) for t in (source, depth, transform, cam2img))


def _step_by_step(source, depth, transform, cam2img):
    """Independent of the fused grid: back-project, move, project, look up."""
    pixels, valid = project(
        transform_points(transform, backproject(depth, cam2img)), cam2img
    )
    height, width = depth.shape[-2:]
    size = pixels.new_tensor([width - 1, height - 1])
    grid = pixels.permute(0, 2, 3, 1) / size * 2 - 1
    return (
        F.grid_sample(source, grid, padding_mode='border', align_corners=True),
        valid,
    )


def test_golden():
    golden = load('a3')
    warped, valid = synthesize_view(
        golden['source'], golden['depth'], golden['T'], golden['K'][:, :3, :3]
    )
    assert_golden(warped, golden['warped'])
    assert valid.all()


def test_golden_steps():
    """The public steps give the reference's sampling grid."""
    golden = load('a3')
    cam2img = golden['K'][:, :3, :3]
    points = transform_points(golden['T'], backproject(golden['depth'], cam2img))
    pixels, _ = project(points, cam2img)
    grid = pixels.permute(0, 2, 3, 1) / torch.tensor([63.0, 31.0]) * 2 - 1
    assert_golden(grid, golden['grid'])


def test_agrees_with_the_single_steps():
    scene = _scene(dtype=torch.float64)
    fused, valid = synthesize_view(*scene)
    plain, plain_valid = _step_by_step(*scene)
    # They differ in where 1e-7 is added to z.
    torch.testing.assert_close(fused, plain, atol=1e-6, rtol=0)
    assert torch.equal(valid, plain_valid)


def test_identity_motion_gives_the_source():
    source, depth, _, cam2img = _scene()
    still = torch.eye(4).expand(2, 4, 4)
    warped, valid = synthesize_view(source, depth, still, cam2img)
    torch.testing.assert_close(warped, source, atol=1e-5, rtol=0)
    assert valid.all()


def test_sideways_motion_shifts_by_disparity():
    """A plane at 4 m, camera moved by 0.6 m: f b / z = 20 * 0.6 / 4 = 3 pixels."""
    source = torch.rand(1, 3, HEIGHT, WIDTH)
    transform = torch.eye(4)[None].clone()
    transform[0, 0, 3] = 0.6
    depth = torch.full((1, 1, HEIGHT, WIDTH), 4.0)
    warped, _ = synthesize_view(source, depth, transform, CAMERA[None])
    torch.testing.assert_close(warped[..., :-3], source[..., 3:], atol=1e-4, rtol=0)
    # Outside the source the border column is repeated, and counts as seen.
    torch.testing.assert_close(
        warped[..., -2:], source[..., -1:].expand(-1, -1, -1, 2), atol=1e-4, rtol=0
    )


def _depth_off_the_kinks(transforms, cam2img, size):
    """Of 64 random depths a pixel the one seen farthest from whole coordinates.

    There the gradient of bilinear sampling jumps, and differences are not its equal.
    """
    tried = torch.rand(64, 1, *size, dtype=torch.float64) * 5 + 1
    cameras = cam2img.expand(64, 3, 3)
    points = backproject(tried, cameras)
    seen = torch.stack(
        [
            project(transform_points(t.expand(64, 4, 4), points), cameras)[0]
            for t in transforms
        ]
    )
    nearest = (seen - seen.round()).abs().amin((0, 2))
    distance, best = nearest.max(0, keepdim=True)
    assert distance.min() > 1e-3
    return tried[:, 0].gather(0, best)[None]


def test_gradients():
    source, _, _, cam2img = _scene(1, torch.float64)
    vector, shift = torch.randn(2, 2, 3, dtype=torch.float64) * 0.05
    sources = torch.stack([source, source.flip(-1)], 1)[..., :6, :7]
    transforms = pose_vector_to_matrix(vector, shift)
    depth = _depth_off_the_kinks(transforms, cam2img, sources.shape[-2:])
    depth[0, 0, 1, 1] = -1  # unknown: no gradient, by numbers as by formula

    def warp(depth, vector, shift):
        transforms = pose_vector_to_matrix(vector, shift).unsqueeze(0)
        return synthesize_views(sources, depth, transforms, cam2img)[0]

    arguments = [t.requires_grad_() for t in (depth, vector, shift)]
    assert torch.autograd.gradcheck(warp, arguments)


@pytest.mark.parametrize('batch', [1, 3])
def test_several_sources_at_once(batch):
    source, depth, transform, cam2img = _scene(batch)
    sources = torch.stack([source, source.flip(-1)], 1)
    transforms = torch.stack([transform, transform.inverse()], 1)
    warped, valid = synthesize_views(sources, depth, transforms, cam2img)
    for index in range(2):
        one, one_valid = synthesize_view(
            sources[:, index], depth, transforms[:, index], cam2img
        )
        torch.testing.assert_close(warped[:, index], one)
        assert torch.equal(valid[:, index], one_valid)


@pytest.mark.parametrize(
    'damage, whole_sample',
    [
        ('zero depth', False),
        ('negative depth', False),
        ('nan depth', False),
        ('infinite depth', False),
        ('behind the camera', True),
        ('on the camera plane', True),
        ('nan pose', True),
        ('infinite pose', True),
        ('nan camera', True),
        ('zero focal length', True),
    ],
)
def test_what_cannot_be_looked_up_is_invalid_and_harmless(damage, whole_sample):
    """No NaN reaches grid_sample (it would end the process) or a gradient."""
    source, depth, transform, cam2img = (t.clone() for t in _scene())
    depth[:] = 2
    values = {'zero': 0, 'negative': -1, 'nan': math.nan, 'infinite': math.inf}
    value = values.get(damage.split()[0])
    if damage.endswith('depth'):
        depth[0, 0, 3, 4] = value
    elif damage.endswith('pose'):
        transform[0, 1, 2] = value
    elif damage == 'nan camera':
        cam2img[0, 0, 0] = value
    elif damage == 'zero focal length':
        cam2img[0, 1, 1] = 0
    else:
        transform[0] = torch.eye(4)
        transform[0, 2, 3] = -2 if 'plane' in damage else -3
    depth.requires_grad_(), transform.requires_grad_()
    warped, valid = synthesize_view(source, depth, transform, cam2img)
    assert warped.isfinite().all()
    assert valid[1].all()
    if whole_sample:
        assert not valid[0].any()
    else:
        assert (~valid[0]).nonzero().tolist() == [[0, 3, 4]]
    (warped * torch.rand_like(warped)).sum().backward()
    assert depth.grad.isfinite().all() and transform.grad.isfinite().all()
    assert (depth.grad[~valid] == 0).all()
    assert depth.grad[1].abs().max() > 0


def test_float32_under_autocast():
    scene = _scene()
    expected, _ = synthesize_view(*scene)
    with torch.autocast('cpu', torch.bfloat16):
        actual, _ = synthesize_view(*scene)
        half, _ = synthesize_view(*(t.bfloat16() for t in scene))
    assert half.dtype == torch.float32
    torch.testing.assert_close(actual, expected)


def test_channels_last_source():
    source, *rest = _scene()
    expected, _ = synthesize_view(source, *rest)
    actual, _ = synthesize_view(
        source.contiguous(memory_format=torch.channels_last), *rest
    )
    torch.testing.assert_close(actual, expected)


def test_shapes_are_checked():
    source, depth, transform, cam2img = _scene()
    with pytest.raises(ValueError, match=r'depth.*\(2, 1, 16, 24\)'):
        synthesize_view(source, depth[..., :4], transform, cam2img)
    with pytest.raises(ValueError, match=r'transforms.*\(2, 1, 4, 4\)'):
        synthesize_view(source, depth, transform[:, :3], cam2img)
    with pytest.raises(ValueError, match='at least 2x2'):
        synthesize_view(source[..., :1], depth[..., :1], transform, cam2img)
