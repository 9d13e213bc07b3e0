import numpy as np

from mmdepthseg.streets import FRAME_RATE, Options, render_clip
from mmdepthseg.streets.raster import Buffers
from mmdepthseg.streets.render import resolve_surfaces

OPTIONS = Options(seed=1, clips=1, val_clips=1, frames=3, size=(96, 48), supersample=1)


def test_pixel_takes_the_most_frequent_surface_then_the_nearest():
    surface = np.array([[5, 5, 1, 2], [5, 7, 1, 2]], np.int32)
    inverse = np.array([[0.1, 0.2, 0.1, 0.5], [0.3, 0.9, 0.3, 0.7]], np.float32)
    buffers = Buffers(inverse, surface, inverse, inverse)
    chosen, mean = resolve_surfaces(buffers, 2)
    assert chosen.tolist() == [[5, 2]]
    np.testing.assert_allclose(mean, [[0.2, 0.6]], rtol=1e-6)


def test_frames_are_coherent_pictures():
    clip = render_clip(OPTIONS, 'train', 0)
    for frame in clip.frames:
        assert frame.image.shape == (48, 96, 3) and frame.image.dtype == np.uint8
        assert frame.label.dtype == np.uint8 and frame.depth.dtype == np.float32
        np.testing.assert_array_equal(frame.depth == 0, frame.label == 23)
        assert 25 < frame.image.mean() < 230 and frame.image.std() > 15
        assert frame.depth.max() < 400
    poses = clip.poses
    step = np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1)
    assert (step > 3 / FRAME_RATE).all() and (step < 12 / FRAME_RATE).all()
    turns = poses[:, :3, :3]
    np.testing.assert_allclose(
        turns @ turns.transpose(0, 2, 1), np.eye(3)[None].repeat(3, 0), atol=1e-12
    )


def test_image_agrees_with_geometry_only_rendering():
    with_colour = render_clip(OPTIONS, 'val', 0)
    without = render_clip(OPTIONS, 'val', 0, colour=False)
    for a, b in zip(with_colour.frames, without.frames, strict=True):
        np.testing.assert_array_equal(a.depth, b.depth)
        np.testing.assert_array_equal(a.label, b.label)
        assert b.image.max() == 0
