"""Measured depth as a disparity for mixers and depth heads."""

import numpy as np
import pytest

from mmdepthseg.datasets.transforms import DisparityFromDepth
from mmdepthseg.utils.errors import UserError


def transformed(depth, **options):
    sample = dict(img_id='a/1', gt_depth_map=np.array(depth, np.float32))
    return DisparityFromDepth(**options)(sample)


def test_values_by_hand():
    """1 / depth, linear from 0 at max_depth to 1 at min_depth; 0 m is not measured."""
    results = transformed([[2, 4, 100], [1, 500, 0]], min_depth=2, max_depth=100)
    middle = (1 / 4 - 1 / 100) / (1 / 2 - 1 / 100)
    expected = [[1, middle, 0], [1, 0, 0]]
    np.testing.assert_allclose(results['disparity_map'], expected, atol=1e-6)
    assert results['disparity_map'].dtype == np.float32
    assert results['depth_fields'] == ['disparity_map']
    assert results['disparity_range'] == (2, 100)


def test_unknown_pixels_of_a_loss():
    found = transformed([[2, 0]], min_depth=2, unknown=None)['disparity_map']
    assert found[0, 0] == 1 and np.isnan(found[0, 1])


def test_a_sample_without_depth():
    assert DisparityFromDepth()(dict(img_id='a/1')) == dict(img_id='a/1')


def test_refusals():
    with pytest.raises(UserError, match='min_depth'):
        DisparityFromDepth(min_depth=3, max_depth=2)
    sample = dict(gt_depth_map=np.ones((2, 2)), unmoved_fields=['gt_depth_map'])
    with pytest.raises(UserError, match='keep_size.*a/1'):
        DisparityFromDepth()(dict(sample, img_id='a/1'))
