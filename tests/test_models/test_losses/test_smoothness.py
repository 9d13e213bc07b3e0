import pytest
import torch
from helpers.golden import assert_golden, load

from mmdepthseg.models.losses import EdgeAwareSmoothness


def test_golden():
    golden = load('a5')
    assert_golden(
        EdgeAwareSmoothness()(golden['disp'], golden['img']),
        golden['smooth_loss_norm'],
    )
    assert_golden(
        EdgeAwareSmoothness(normalize=False)(golden['disp'], golden['img']),
        golden['smooth_loss_raw'],
    )


def test_gradcheck_and_scale_invariance():
    disparity = torch.rand(2, 1, 4, 5, dtype=torch.float64) + 0.1
    image = torch.rand(2, 3, 4, 5, dtype=torch.float64)
    loss = EdgeAwareSmoothness()
    torch.testing.assert_close(
        loss(disparity, image), loss(disparity * 7, image), rtol=1e-5, atol=0
    )
    assert torch.autograd.gradcheck(
        lambda d: loss(d, image), disparity.requires_grad_()
    )


def test_edges_of_the_image_permit_edges_of_the_disparity():
    disparity = torch.ones(1, 1, 4, 6)
    disparity[..., 3:] = 2
    flat = torch.zeros(1, 3, 4, 6)
    edge = flat.clone()
    edge[..., 3:] = 1
    loss = EdgeAwareSmoothness()
    torch.testing.assert_close(
        loss(disparity, edge), loss(disparity, flat) * torch.tensor(-1.0).exp()
    )


def test_autocast_and_shapes():
    disparity, image = torch.rand(1, 1, 4, 4), torch.rand(1, 3, 4, 4)
    expected = EdgeAwareSmoothness()(disparity, image)
    with torch.autocast('cpu', torch.bfloat16):
        torch.testing.assert_close(EdgeAwareSmoothness()(disparity, image), expected)
    with pytest.raises(ValueError, match='^image'):
        EdgeAwareSmoothness()(disparity, torch.rand(1, 3, 4, 8))
    with pytest.raises(ValueError, match='at least 2x2'):
        EdgeAwareSmoothness()(disparity[..., :1], image[..., :1])
