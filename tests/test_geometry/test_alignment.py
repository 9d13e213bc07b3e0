"""Direct alignment finds the motion that made an image."""

import pytest
import torch
import torch.nn.functional as F
from helpers.one_view import synthesize_view

from mmdepthseg.geometry import (
    align_frames,
    pose_vector_to_matrix,
)
from mmdepthseg.geometry.alignment import _is_improved, _Normal

HEIGHT, WIDTH, BATCH = 48, 64, 3
CAMERA = torch.tensor([[60.0, 0, 31.0], [0, 58.0, 23.0], [0, 0, 1]])
ROTATION = torch.tensor([[0.0, 0.006, 0.0], [0.003, -0.004, 0.002], [-0.002, 0.0, 0.0]])
SHIFT = torch.tensor([[0.0, 0.0, -0.08], [0.05, 0.01, -0.06], [-0.03, 0.0, -0.1]])


@pytest.fixture
def scene():
    """Source, target made of it, depth, true transform and K."""
    generator = torch.Generator().manual_seed(0)

    def smooth(channels, cells):
        small = torch.rand(BATCH, channels, *cells, generator=generator)
        return F.interpolate(small, (HEIGHT, WIDTH), mode='bicubic')

    source = smooth(3, (12, 16)).clamp(0, 1)
    depth = 2 + 3 * smooth(1, (4, 5)).clamp(0, 1)
    cam2img = CAMERA.expand(BATCH, 3, 3)
    truth = pose_vector_to_matrix(ROTATION, SHIFT)
    target, _ = synthesize_view(source, depth, truth, cam2img)
    return source, target, depth, truth, cam2img


def identity():
    return torch.eye(4).repeat(BATCH, 1, 1)


def test_finds_the_motion(scene):
    source, target, depth, truth, cam2img = scene
    errors = []
    for iterations in (1, 2, 6):
        found, improved = align_frames(
            target, source, depth, identity(), cam2img, iterations
        )
        assert improved.all()
        errors.append((found - truth).abs().amax((1, 2)))
    start = (identity() - truth).abs().amax((1, 2))
    assert (errors[0] < 0.5 * start).all()
    assert (errors[1] < 0.2 * start).all()
    assert (errors[2] < 0.02 * start).all()


def test_result_is_a_rigid_motion_without_gradient(scene):
    source, target, depth, _, cam2img = scene
    start = identity().requires_grad_()
    found, _ = align_frames(target, source, depth.requires_grad_(), start, cam2img)
    assert not found.requires_grad
    rotation = found[:, :3, :3]
    assert torch.allclose(rotation @ rotation.mT, identity()[:, :3, :3], atol=1e-5)
    assert torch.equal(found[:, 3], identity()[:, 3])


def test_what_moves_by_itself_decides_little(scene):
    source, target, depth, truth, cam2img = scene
    target = target.clone()
    target[:, :, 14:34, 20:44] = target[:, :, 14:34, 20:44].flip(-1)  # a sixth
    robust, _ = align_frames(target, source, depth, identity(), cam2img, 8, 0.01)
    plain, _ = align_frames(target, source, depth, identity(), cam2img, 8, 100.0)

    def error(found):
        return (found - truth).abs().mean()

    assert error(robust) < 0.3 * error(plain)


def test_nothing_better_gives_back_the_start(scene):
    source, target, depth, truth, cam2img = scene
    found, improved = align_frames(target, source, depth, truth, cam2img)
    assert (found - truth).abs().max() < 1e-4
    blank = torch.full_like(target, 0.5)
    start = pose_vector_to_matrix(-ROTATION, SHIFT)
    found, improved = align_frames(blank, blank, depth, start, cam2img)
    assert not improved.any()
    assert torch.equal(found, start)


def test_a_motion_that_runs_away_gives_back_the_start(scene):
    source, target, depth, truth, cam2img = scene
    found, improved = align_frames(
        target, source, depth, identity(), cam2img, max_shift=1e-3
    )
    assert not improved.any() and torch.equal(found, identity())
    # a cost that falls because most pixels left the source
    first = _linearised(torch.zeros(1, 2, 2, 8), torch.ones(1, 1, 2, 8), 1.0)
    fewer = torch.zeros(1, 1, 2, 8)
    fewer[..., :4] = 1
    assert _is_improved(first, _linearised(first.pixels, fewer, 0.5), 1.0)
    fewer[0, 0, 0, 0] = 0
    assert not _is_improved(first, _linearised(first.pixels, fewer, 0.5), 1.0)
    none = _linearised(first.pixels, 0 * fewer, 0.5)
    assert not _is_improved(none, none._replace(cost=torch.zeros(1)), 1.0)


def _linearised(pixels, counted, cost):
    return _Normal(
        torch.zeros(1, 6, 6),
        torch.zeros(1, 6),
        torch.tensor([cost]),
        pixels,
        counted.bool(),
    )


@pytest.mark.parametrize('broken', ['depth', 'pose', 'behind', 'image'])
def test_what_is_not_finite_harms_no_other(scene, broken):
    source, target, depth, truth, cam2img = scene
    start = identity()
    if broken == 'depth':
        depth[0] = torch.nan
    elif broken == 'pose':
        start[0] = torch.nan
    elif broken == 'behind':
        start[0, 2, 3] = -100.0
    else:
        target[0] = torch.nan
    found, improved = align_frames(target, source, depth, start, cam2img, 4)
    assert improved.tolist() == [False, True, True]
    assert torch.equal(found[0], start[0]) or broken == 'pose'
    assert torch.allclose(found[1:], truth[1:], atol=2e-3)


def test_bfloat16_images_and_no_iterations(scene):
    source, target, depth, truth, cam2img = scene
    found, _ = align_frames(
        target.bfloat16(), source.bfloat16(), depth, identity(), cam2img, 4
    )
    assert found.dtype == torch.float32
    assert (found - truth).abs().max() < 0.02
    found, improved = align_frames(target, source, depth, identity(), cam2img, 0)
    assert not improved.any() and torch.equal(found, identity())


def test_shapes_are_checked(scene):
    source, target, depth, truth, cam2img = scene
    with pytest.raises(ValueError, match='source'):
        align_frames(target, source[:2], depth, truth, cam2img)
    with pytest.raises(ValueError, match='transform'):
        align_frames(target, source, depth, truth[:, :3], cam2img)
