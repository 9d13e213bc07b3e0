"""The noise of a mIoU by resampling images."""

import numpy as np
import pytest

from mmdepthseg.evaluation.bootstrap import mean_iou, read_areas, resampled_iou
from mmdepthseg.utils.errors import UserError


def made_up(images, seed=0):
    """Areas of a class that every image shows, with an IoU of 50 % on average."""
    hits = np.random.default_rng(seed).integers(0, 101, images)
    return np.stack([hits, np.full(images, 100)], 1)[..., None].astype(np.float32)


def test_mean_iou_by_hand():
    first = [[2, 0, 0], [4, 5, 0]]  # intersections and unions of three classes
    second = [[1, 1, 0], [2, 5, 0]]
    assert mean_iou(np.array([first, second])) == pytest.approx(100 * (0.5 + 0.1) / 2)


def test_the_spread_is_that_of_a_mean():
    """With one class of equal unions the mIoU is the mean of the images' IoU."""
    areas = made_up(400)
    for count in (20, 200):
        (found,) = resampled_iou([areas], count, draws=2000)
        expected = areas[:, 0].std() / count**0.5
        assert found.std() == pytest.approx(expected, rel=0.1)


def test_runs_are_compared_on_the_same_images():
    areas = made_up(50)
    better = areas + np.array([[[1]], [[0]]])[:, :, 0]
    worse, better = resampled_iou([areas, better], 10, draws=20)
    np.testing.assert_allclose(better - worse, 1)
    assert worse.std() > 1


def test_files_that_do_not_fit(tmp_path):
    for name, images in (('a', 3), ('b', 4)):
        np.savez(tmp_path / f'{name}.npz', areas=made_up(images))
    (tmp_path / 'c.npz').write_text('no file of numpy')
    paths = {name: tmp_path / f'{name}.npz' for name in 'abc'}
    assert len(read_areas([paths['a']])[0]) == 3
    with pytest.raises(UserError, match='b.npz'):
        read_areas([paths['a'], paths['b']])
    with pytest.raises(UserError, match='c.npz'):
        read_areas([paths['c']])
