import numpy as np
import pytest

from mmdepthseg.streets.atlas import Atlas


def make_atlas():
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, size, np.uint8) for size in
              ((32, 64, 3), (64, 64, 3), (16, 16, 4))]  # fmt: skip
    atlas = Atlas(width=256)
    for k, image in enumerate(images):
        atlas.add(f't{k}', image, wrap=k < 2)
    atlas.build()
    return atlas, images


def test_sample_at_texel_centres_returns_texels():
    atlas, images = make_atlas()
    for number, image in enumerate(images):
        height, width = image.shape[:2]
        x, y = np.meshgrid(np.arange(width), np.arange(height))
        u, v = ((x + 0.5) / width).ravel(), ((y + 0.5) / height).ravel()
        got = atlas.sample(np.full(u.size, number), u, v, np.zeros(u.size))
        assert np.abs(got - image[..., :3].reshape(-1, 3)).max() <= 1


def test_coarse_levels_are_area_means_and_coordinates_wrap():
    atlas, images = make_atlas()
    mean = images[1][:8, :8].reshape(-1, 3).mean(axis=0)
    place = np.array([4 / 64, 1 + 4 / 64, 4 / 64 - 3])
    got = atlas.sample(np.full(3, 1), place, place, np.full(3, 3.0))
    assert np.abs(got - mean).max() < 3


def test_refuses_odd_sizes():
    with pytest.raises(ValueError, match='10x16'):
        Atlas().add('odd', np.zeros((16, 10, 3), np.uint8), wrap=True)
