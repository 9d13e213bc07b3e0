"""Refined poses: what view synthesis sees, and what the pose net learns."""

import pytest
import torch
from helpers.tiny_models import DEPTH_HEAD, POSE_NET, build, frame_batch, packed_batch

from mmdepthseg.geometry import pose_vector_to_matrix
from mmdepthseg.models.heads import DirectPoseRefinement


def smooth_batch():
    """Frames with something to align: neighbours are the target, shifted."""
    batch = frame_batch()
    image = torch.nn.functional.interpolate(
        torch.rand(len(batch), 3, 8, 12), batch.img.shape[2:], mode='bicubic'
    )
    batch.img_raw = image.clamp(0, 1)
    batch.adjacent_raw = torch.stack(
        [batch.img_raw.roll(step, -1) for step in (-1, 1)], 1
    )
    return batch


def test_the_net_learns_what_was_refined():
    torch.manual_seed(0)
    batch = smooth_batch()
    depth = torch.full_like(batch.img_raw[:, :1], 2.0)
    vector = torch.zeros(2 * len(batch), 3, requires_grad=True)
    net = pose_vector_to_matrix(vector, vector * 1.0).view(len(batch), 2, 4, 4)
    found, losses = DirectPoseRefinement(loss_weight=0.5)(batch, depth, net)
    assert losses['refined'] == 1
    assert not torch.allclose(found, net, atol=1e-3)
    distance = (net - found)[..., :3, :].abs().sum((-2, -1)).mean()
    assert torch.allclose(losses['loss_pose'], 0.5 * distance)
    # view synthesis would change the common scale of depth and motion
    (slope,) = torch.autograd.grad(found.square().sum(), vector, retain_graph=True)
    assert (slope == 0).all()
    # a step down the loss brings the net nearer
    (slope,) = torch.autograd.grad(losses['loss_pose'], vector)
    nearer = (vector - 1e-3 * slope.sign()).detach()
    moved = pose_vector_to_matrix(nearer, nearer).view_as(net)
    before, after = (t[..., :3, :].abs().sum() for t in (net - found, moved - found))
    assert after < before


def test_the_net_learns_from_view_synthesis_where_nothing_was_refined():
    torch.manual_seed(0)
    batch = smooth_batch()
    batch.adjacent_raw[1, 1] = 0.5  # nothing to align with
    depth = torch.full_like(batch.img_raw[:, :1], 2.0)
    vector = torch.zeros(len(batch), 2, 3, requires_grad=True)
    flat = vector.flatten(0, 1)
    net = pose_vector_to_matrix(flat, flat * 1.0).view(len(batch), 2, 4, 4)
    found, losses = DirectPoseRefinement()(batch, depth, net)
    pairs = 2 * len(batch)
    assert losses['refined'] == torch.tensor((pairs - 1) / pairs)
    assert torch.equal(found[1, 1], net[1, 1])
    learns = torch.zeros(len(batch), 2, dtype=torch.bool)
    learns[1, 1] = True
    weights = torch.rand(found.shape)
    (slope,) = torch.autograd.grad((found * weights).sum(), vector, retain_graph=True)
    assert torch.equal((slope != 0).any(-1), learns)
    (slope,) = torch.autograd.grad(losses['loss_pose'], vector)
    assert torch.equal((slope != 0).any(-1), ~learns)


def test_segmentor_trains_with_it():
    torch.manual_seed(0)
    model = build(
        depth_head=DEPTH_HEAD,
        pose_net=POSE_NET,
        pose_refinement=dict(type='DirectPoseRefinement', iterations=1),
    )
    batch = smooth_batch()
    samples = packed_batch(len(batch))['data_samples']
    losses = model.loss(batch, samples)
    assert {'depth.loss_pose', 'depth.refined', 'depth.loss_photometric'} <= set(losses)
    losses['depth.loss_pose'].backward()
    assert all(p.grad is None for p in model.depth_head.parameters())
    assert any(
        p.grad is not None and p.grad.abs().sum() > 0
        for p in model.pose_net.parameters()
    )


def test_the_scale_is_the_pose_nets():
    torch.manual_seed(0)
    batch = smooth_batch()
    depth = torch.full_like(batch.img_raw[:, :1], 2.0)
    shift = torch.tensor([[-0.1, 0.0, -0.01], [0.1, 0.0, -0.01]]).repeat(len(batch), 1)
    net = pose_vector_to_matrix(0 * shift, shift).view(len(batch), 2, 4, 4)
    for scale in (1.0, 3.0):
        start = net.clone()
        start[..., :3, 3] *= scale
        found, _ = DirectPoseRefinement()(batch, scale * depth, start)
        along = (found * start)[..., :3, 3].sum(-1).flatten()
        assert (along > 0).all() and along.std() > 0.01 * along.mean()
        middle = ((scale * shift[0]).square().sum() / along).quantile(0.5)
        assert torch.allclose(middle, torch.tensor(1.0), rtol=1e-4)
        if scale == 1.0:
            first = found
    assert torch.allclose(3 * first[..., :3, 3], found[..., :3, 3], atol=1e-3)


def test_standing_pairs_do_not_set_the_scale():
    torch.manual_seed(0)
    batch = frame_batch()
    image = torch.nn.functional.interpolate(
        torch.rand(1, 3, 8, 12), batch.img.shape[2:], mode='bicubic'
    ).clamp(0, 1)
    moved = torch.stack([image.roll(step, -1) for step in (-1, 1)], 1)
    size = len(batch)
    batch.img_raw = image.repeat(size, 1, 1, 1)
    depth = torch.full_like(batch.img_raw[:, :1], 2.0)
    shift = torch.tensor([[-0.04, 0.0, 0.0], [0.04, 0.0, 0.0]]).repeat(size, 1)
    net = pose_vector_to_matrix(0 * shift, shift).view(size, 2, 4, 4)
    found, slopes = [], []
    # the first moves; the others do, too, or hardly
    for others in (moved, 0.9 * image[:, None] + 0.1 * moved):
        batch.adjacent_raw = torch.cat([moved, *[others] * (size - 1)])
        net.requires_grad_()
        poses, losses = DirectPoseRefinement(6)(batch, depth, net)
        found.append(poses[..., :3, 3])
        slopes += torch.autograd.grad(losses['loss_pose'], net)
    assert size >= 2
    assert torch.allclose(found[1][0], found[0][0], atol=1e-3)
    assert (found[1][1:].norm(dim=-1) < 0.3 * found[1][0].norm(dim=-1)).all()
    # nor does the net learn from them
    assert (slopes[0] != 0).flatten(1).any(1).all()
    assert (slopes[1][0] != 0).any() and (slopes[1][1:] == 0).all()


@pytest.mark.parametrize(
    'options',
    [dict(iterations=0), dict(robust=0.0), dict(max_shift=0.0), dict(loss_weight=-1.0)],
)
def test_options_are_checked(options):
    with pytest.raises(ValueError, match='DirectPoseRefinement'):
        DirectPoseRefinement(**options)
