import numpy as np

from mmdepthseg.streets.road import KERB_HEIGHT, ROAD, Road, SideStreet, draw_ground


def make_road(bend=0.4):
    street = SideStreet(40.0, 3.0, left=False, right=True)
    rng = np.random.default_rng(3)
    return Road(rng, (4.0, 5.0), (2.0, 3.0), [street], bend)


def test_world_and_road_coordinates_are_inverse():
    road = make_road()
    for s in (-5.0, 10.3, 55.7, 120.1):
        for n in (-12.0, -3.3, 0.0, 6.1, 14.0):
            x, _, z = road.point(s, n)
            got = road.to_road(np.array([x], np.float32), np.array([z], np.float32))
            np.testing.assert_allclose(np.ravel(got), [n, s], atol=0.05)


def test_start_is_the_origin_heading_forward():
    road = make_road()
    np.testing.assert_allclose(road.point(0.0, 0.0), 0.0, atol=1e-9)
    along, right = road.axes(0.0)
    np.testing.assert_allclose([along, right], [[0, 0, 1], [1, 0, 0]], atol=1e-9)


def test_kerb_follows_side_street_on_its_side_only():
    road = make_road(0.0)
    s = np.array([20.0, 40.0])
    assert (road.kerb_distance(np.array([9.0, 9.0]), s) < 0).tolist() == [False, True]
    assert (road.kerb_distance(np.array([-9.0, -9.0]), s) < 0).tolist() == [False] * 2
    assert road.crossing(40.0, side=1) and not road.crossing(40.0, side=-1)


def test_ground_depth_lies_on_the_ground():
    road, camera = make_road(0.0), np.array([1.0, -1.3, 0.0])
    slopes = np.linspace(0.02, 0.3, 200)
    sideways = np.linspace(-0.8, 0.8, 200)
    rays = np.stack([sideways, slopes, np.ones(200)]).astype(np.float32)
    inverse, surface, n, _ = draw_ground(road, camera, rays)
    height = 1.3 - rays[1] / inverse
    on_road = surface == ROAD
    np.testing.assert_allclose(height[on_road], 0.0, atol=1e-3)
    assert (height > -1e-3).all() and (height < KERB_HEIGHT + 1e-3).all()
    np.testing.assert_allclose(n, 1.0 + rays[0] / inverse, atol=0.02)
