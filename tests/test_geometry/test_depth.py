import pytest
import torch
from helpers.golden import assert_golden, load

from mmdepthseg.geometry import depth_to_disparity, disparity_to_depth


@pytest.mark.parametrize('name, limits', [('train', (0.1, 100)), ('test', (1e-3, 80))])
def test_golden(name, limits):
    golden = load('a1')
    scaled, depth = disparity_to_depth(golden['disp'], *limits)
    assert_golden(scaled, golden[f'scaled_disp_{name}'])
    assert_golden(depth, golden[f'depth_{name}'])


def test_inverse():
    disparity = torch.linspace(0, 1, 11)
    _, depth = disparity_to_depth(disparity)
    torch.testing.assert_close(depth[[0, -1]], torch.tensor([100.0, 0.1]))
    torch.testing.assert_close(depth_to_disparity(depth), disparity)


def test_half_precision_is_raised():
    with torch.autocast('cpu', torch.bfloat16):
        _, depth = disparity_to_depth(torch.tensor([0.25]).bfloat16())
    assert depth.dtype == torch.float32
    torch.testing.assert_close(depth, torch.tensor([1 / (0.01 + 9.99 * 0.25)]))


@pytest.mark.parametrize('limits', [(0, 1), (2, 1), (-1, 1)])
def test_bad_range(limits):
    for function in (disparity_to_depth, depth_to_disparity):
        with pytest.raises(ValueError, match='min_depth < max_depth'):
            function(torch.rand(2), *limits)
