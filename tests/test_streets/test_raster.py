"""The rasteriser against ray-plane intersections worked out by hand."""

import numpy as np
import pytest

from mmdepthseg.cityscapes import decode_disparity, encode_disparity
from mmdepthseg.streets.atlas import Atlas
from mmdepthseg.streets.cities import STYLES, make_camera
from mmdepthseg.streets.raster import FIRST_QUAD, Buffers, Quads, rasterise
from mmdepthseg.streets.render import resolve_surfaces

WIDTH, HEIGHT = 96, 48
CAMERA = make_camera(STYLES['alderport'], WIDTH, HEIGHT)


def draw(quads, alpha=None, pose=None, supersample=2):
    atlas = Atlas(width=128)
    image = np.full((16, 16, 4), 255, np.uint8)
    if alpha is not None:
        image[..., 3] = alpha
    atlas.add('t', image if alpha is not None else image[..., :3], wrap=False)
    atlas.build()
    shape = (HEIGHT * supersample, WIDTH * supersample)
    buffers = Buffers(*(np.zeros(shape, t) for t in ('f4', 'i4', 'f4', 'f4')))
    matrix = CAMERA.resized(shape).K
    pose = np.eye(4) if pose is None else pose
    rasterise(quads, atlas, matrix, np.linalg.inv(pose), buffers)
    return resolve_surfaces(buffers, supersample)


def wall(z=8.0, left=-20.0, width=40.0, **options):
    quads = Quads()
    origin = np.array([left, -10.0, z])
    edges = np.array([width, 0, 0]), np.array([0, 20.0, 0])
    quads.add(origin, *edges, 0, 11, **options)
    return quads


def test_fronto_parallel_wall_has_exact_depth_and_disparity():
    surface, inverse = draw(wall(8.0))
    assert (surface == FIRST_QUAD).all()
    np.testing.assert_allclose(1 / inverse, 8.0, rtol=1e-6)
    code = encode_disparity(
        (1 / inverse).astype(np.float32), CAMERA.baseline, CAMERA.fx
    )
    expected = CAMERA.baseline * CAMERA.fx / 8.0 * 256 + 1
    assert np.abs(code.astype(float) - expected).max() <= 0.5
    depth = decode_disparity(code, CAMERA.baseline, CAMERA.fx)
    assert np.abs(depth / 8.0 - 1).max() < 0.5 / (expected - 1) + 1e-6
    assert encode_disparity(np.zeros((1, 1)), CAMERA.baseline, CAMERA.fx)[0, 0] == 0


def test_slanted_plane_and_turned_camera_match_ray_plane_intersection():
    angle = 0.6
    edge = 60 * np.array([np.cos(angle), 0, np.sin(angle)])
    quads = Quads()
    origin = np.array([-4.0, -20.0, 6.0])
    quads.add(origin, edge, np.array([0, 40.0, 0]), 0, 11)
    pose = np.eye(4)
    turn = 0.1
    pose[:3, :3] = [[np.cos(turn), 0, np.sin(turn)], [0, 1, 0],
                    [-np.sin(turn), 0, np.cos(turn)]]  # fmt: skip
    pose[:3, 3] = [0.5, -0.3, 1.0]
    surface, inverse = draw(quads, pose=pose)
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    pixels = np.stack([x, y, np.ones_like(x)], axis=-1)
    rays = pixels @ np.linalg.inv(CAMERA.K).T @ pose[:3, :3].T
    normal = np.cross(edge, [0, 1.0, 0])
    depth = ((origin - pose[:3, 3]) @ normal) / (rays @ normal)
    inside = surface == FIRST_QUAD
    assert inside.mean() > 0.5
    # Pixels at the quad's border are only partly covered.
    core = inside & np.roll(inside, 1, 1) & np.roll(inside, -1, 1)
    np.testing.assert_allclose(1 / inverse[core], depth[core], rtol=1e-4)


def test_nearest_surface_wins_and_back_faces_are_culled():
    near = wall(4.0, left=-0.5, width=1.0)
    surface, inverse = draw(wall(8.0).extended(near))
    column = round(CAMERA.K[0, 2])
    assert surface[10, column] == FIRST_QUAD + 1 and surface[10, 5] == FIRST_QUAD
    assert 1 / inverse[10, column] == pytest.approx(4.0, rel=1e-6)
    back = Quads()
    edges = np.array([-40.0, 0, 0]), np.array([0, 20.0, 0])
    back.add(np.array([20.0, -10, 4.0]), *edges, 0, 11)
    assert (draw(back)[0] == 0).all()
    back.two_sided[0] = True
    assert (draw(back)[0] == FIRST_QUAD).all()


def test_alpha_cuts_out():
    alpha = np.zeros((16, 16), np.uint8)
    alpha[:, 8:] = 255
    surface, _ = draw(wall(8.0, left=-4.0, width=8.0), alpha=alpha)
    column = round(CAMERA.K[0, 2])
    assert (surface[:, column + 3] == FIRST_QUAD).all()
    assert (surface[:, column - 3] == 0).all()


def test_quad_reaching_behind_the_camera():
    quads = Quads()
    side = np.array([2.0, -5.0, 30.0]), np.array([0, 0, -60.0]), np.array([0, 10.0, 0])
    quads.add(*side, 0, 11)
    surface, inverse = draw(quads)
    column = WIDTH - 1
    expected = 2.0 * CAMERA.fx / (column - CAMERA.K[0, 2])
    assert surface[HEIGHT // 2, column] == FIRST_QUAD
    assert 1 / inverse[HEIGHT // 2, column] == pytest.approx(expected, rel=1e-3)
