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


def test_files_of_other_images_or_in_another_order(tmp_path):
    given = dict(
        a=['x/1', 'x/2'], same=['x/1', 'x/2'], old=None,
        turned=['x/2', 'x/1'], others=['x/1', 'y/2'], few=['x/1'], numbers=[1, 2],
        mmseg=['1_leftImg8bit', '2_leftImg8bit'],
    )  # fmt: skip
    paths = {}
    for name, images in given.items():
        paths[name] = tmp_path / f'{name}.npz'
        names = {} if images is None else dict(names=np.array(images))
        np.savez(paths[name], areas=made_up(2), **names)
    assert len(read_areas([paths[name] for name in ('old', 'a', 'mmseg', 'same')])) == 4
    for name, said in (
        ('turned', 'image 1 is x/2, but x/1 in .*a.npz .2 of 2'),
        ('others', 'image 2 is y/2, but x/2 in .*a.npz .1 of 2'),
        ('few', 'names'),
        ('numbers', 'names'),
    ):
        with pytest.raises(UserError, match=f'{name}.npz: .*{said}'):
            read_areas([paths[one] for one in ('old', 'a', name)])


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
