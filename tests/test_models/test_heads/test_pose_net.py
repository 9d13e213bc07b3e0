"""Pose net: temporal order and inversion."""

import torch
from helpers.tiny_models import DEPTH_HEAD, POSE_NET, build, frame_batch

from mmdepthseg.geometry import pose_vector_to_matrix


def pose_net(**options):
    """An eval-mode pose net with some translation."""
    net = build(depth_head=DEPTH_HEAD, pose_net=dict(POSE_NET, **options)).pose_net
    return net.eval()


def test_pairs_are_given_in_temporal_order():
    net, batch = pose_net(), frame_batch()
    found = net.source_transforms(batch, (-1, 1))
    before = pose_vector_to_matrix(*net(batch.adjacent[:, 0], batch.img), invert=True)
    after = pose_vector_to_matrix(*net(batch.img, batch.adjacent[:, 1]))
    assert torch.allclose(found[:, 0], before, atol=1e-6)
    assert torch.allclose(found[:, 1], after, atol=1e-6)


def test_motion_per_frame_is_multiplied_by_the_distance_in_time():
    batch, translation = frame_batch(), (0.01, 0.0, -0.05)
    torch.manual_seed(0)
    plain = pose_net(first_translation=translation)
    torch.manual_seed(0)
    scaled = pose_net(first_translation=translation, per_frame=True)
    neighbours = plain.source_transforms(batch, (-1, 1))
    assert torch.equal(scaled.source_transforms(batch, (-1, 1)), neighbours)
    apart = scaled.source_transforms(batch, (-3, 2))
    for f, (earlier, later, frames) in enumerate(
        [(batch.adjacent[:, 0], batch.img, 3), (batch.img, batch.adjacent[:, 1], 2)]
    ):
        rotation, translation = plain(earlier, later)
        wanted = pose_vector_to_matrix(
            frames * rotation, frames * translation, invert=f == 0
        )
        assert torch.allclose(apart[:, f], wanted, atol=1e-6)
        assert not torch.allclose(apart[:, f], neighbours[:, f], atol=1e-3)


def test_a_pair_seen_from_both_ends_is_inverse():
    net, batch = pose_net(), frame_batch()
    forward = net.source_transforms(batch, (-1, 1))[:, 1]
    swapped = type(batch)(
        img=batch.adjacent[:, 1], adjacent=batch.img[:, None].expand(-1, 2, -1, -1, -1)
    )
    back = net.source_transforms(swapped, (-1, 1))[:, 0]
    eye = torch.eye(4).expand(2, 4, 4)
    assert torch.allclose(forward @ back, eye, atol=1e-5)


def test_factors_scale_the_outputs():
    torch.manual_seed(0)
    small = pose_net()
    torch.manual_seed(0)
    large = pose_net(translation_factor=0.05)
    batch = frame_batch()
    rotation, translation = small(batch.img, batch.adjacent[:, 0])
    rotation5, translation5 = large(batch.img, batch.adjacent[:, 0])
    assert torch.allclose(rotation, rotation5)
    assert torch.allclose(5 * translation, translation5)


def test_first_translation_is_what_the_net_starts_with():
    net, batch = pose_net(first_translation=(0.0, 0.0, -0.05)), frame_batch()
    rotation, translation = net(batch.img, batch.adjacent[:, 0])
    wanted = torch.tensor([0.0, 0.0, -0.05]).expand(2, 3)
    assert torch.allclose(translation, wanted, atol=5e-3)
    assert rotation.abs().max() < 5e-3


def test_difference_gain_is_another_basis_of_the_same_pair():
    """w1 a + w2 b = (w1 + w2) (a + b) / 2 + (w2 - w1) / 2 (b - a)."""
    gain = 10.0
    plain, changed = pose_net(), pose_net(difference_gain=gain)
    changed.load_state_dict(plain.state_dict())
    name, first = next(
        (n, m)
        for n, m in changed.backbone.named_modules()
        if isinstance(m, torch.nn.Conv2d) and m.in_channels == 6
    )
    with torch.no_grad():
        earlier, later = plain.backbone.get_submodule(name).weight.split(3, dim=1)
        first.weight.copy_(
            torch.cat((earlier + later, (later - earlier) / (2 * gain)), dim=1)
        )
    batch = frame_batch()
    pair = batch.img, batch.adjacent[:, 0]
    for one, other in zip(plain(*pair), changed(*pair), strict=True):
        assert one.abs().max() > 0
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-6)
