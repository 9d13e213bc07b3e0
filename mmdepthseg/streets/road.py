"""Road: a curved centre line, and the ground as a function of road coordinates.

Road coordinates are `s` (arc length along the centre line, metres) and `n`
(signed distance to its right). The carriageway is at height 0, everything else is one
kerb higher.
"""

from dataclasses import dataclass

import numpy as np

ROAD, SIDEWALK, TERRAIN, KERB = 1, 2, 3, 4
KERB_HEIGHT = 0.12
GROUND_LABELS = {ROAD: 7, SIDEWALK: 8, TERRAIN: 22, KERB: 8}
_STEP = 0.5
_MAX_HEADING = 0.9


@dataclass(frozen=True)
class SideStreet:
    """A street that joins at `s`, on the `left` or `right` side or both."""

    s: float
    half_width: float
    left: bool
    right: bool


def _centre_line(rng: np.random.Generator, length: float, bend: float) -> np.ndarray:
    """Draw headings (radians) every half metre from -40 m on, with smooth bends."""
    count = int((length + 40.0) / _STEP) + 1
    heading = np.zeros(count)
    target, position = 0.0, 0
    while position < count:
        stretch = int(rng.uniform(20.0, 60.0) / _STEP)
        target = float(np.clip(rng.normal(0.0, bend), -_MAX_HEADING, _MAX_HEADING))
        heading[position : position + stretch] = target
        position += stretch
    # Triangular smoothing turns jumps of heading into bends of bounded curvature.
    half = int(18.0 / _STEP)
    kernel = np.convolve(np.ones(half), np.ones(half))
    kernel /= kernel.sum()
    padded = np.pad(heading, half - 1, mode='edge')
    return np.convolve(padded, kernel, mode='valid')


class Road:
    """Centre line, widths and crossings of the street of a clip.

    Args:
        rng: Source of randomness.
        half_width: Half width of the carriageway, (left, right), metres.
        sidewalk: Width of the sidewalks, (left, right), metres.
        side_streets: Crossing streets.
        bend: Spread of the headings in radians; 0 = straight.
        length: Length of the road from s = 0, metres.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        half_width: tuple[float, float],
        sidewalk: tuple[float, float],
        side_streets: list[SideStreet],
        bend: float,
        length: float = 260.0,
    ) -> None:
        self.half_width, self.sidewalk = half_width, sidewalk
        self.side_streets = side_streets
        heading = _centre_line(rng, length, bend)
        start = int(40.0 / _STEP)
        heading -= heading[start]
        heading = np.clip(heading, -_MAX_HEADING, _MAX_HEADING)
        self._s = np.arange(len(heading)) * _STEP - 40.0
        self._heading = heading
        middle = 0.5 * (heading[1:] + heading[:-1])
        self._x = np.concatenate([[0.0], np.cumsum(np.sin(middle))]) * _STEP
        self._z = np.concatenate([[0.0], np.cumsum(np.cos(middle))]) * _STEP
        self._x -= self._x[start]
        self._z -= self._z[start]
        self._build_grid()

    def heading(self, s: float | np.ndarray) -> np.ndarray:
        """Return the heading at `s` in radians, 0 = +z, positive to the right (+x)."""
        return np.interp(s, self._s, self._heading)

    def point(self, s: float, n: float, height: float = 0.0) -> np.ndarray:
        """Return the world point (3,) at road coordinates, `height` metres up."""
        theta = float(self.heading(s))
        x = float(np.interp(s, self._s, self._x)) + n * np.cos(theta)
        z = float(np.interp(s, self._s, self._z)) - n * np.sin(theta)
        return np.array([x, -height, z])

    def axes(self, s: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the unit vectors (3,) along the road and to its right at `s`."""
        theta = float(self.heading(s))
        along = np.array([np.sin(theta), 0.0, np.cos(theta)])
        return along, np.array([np.cos(theta), 0.0, -np.sin(theta)])

    def _build_grid(self) -> None:
        """Tabulate the inverse map world -> road, with gradients, on a 0.5 m grid."""
        self._origin = np.array([-80.0, -15.0])
        xs = np.arange(self._origin[0], 80.0, 0.5)
        zs = np.arange(self._origin[1], 180.0, 0.5)
        x, z = np.meshgrid(xs, zs)
        s = np.interp(z, self._z, self._s)
        for _ in range(4):
            theta = self.heading(s)
            dx = x - np.interp(s, self._s, self._x)
            dz = z - np.interp(s, self._s, self._z)
            s = s + np.clip(dx * np.sin(theta) + dz * np.cos(theta), -15.0, 15.0)
        theta = self.heading(s)
        dx = x - np.interp(s, self._s, self._x)
        dz = z - np.interp(s, self._s, self._z)
        n = dx * np.cos(theta) - dz * np.sin(theta)
        curvature = np.gradient(self._heading, _STEP)
        stretch = 1.0 + n * np.interp(s, self._s, curvature)
        stretch = np.maximum(stretch, 0.3)
        grid = np.stack(
            [
                n,
                s,
                np.cos(theta),
                -np.sin(theta),
                np.sin(theta) / stretch,
                np.cos(theta) / stretch,
            ],
            axis=-1,
        )
        self._shape = x.shape
        self._grid = grid.reshape(-1, 6).astype(np.float32)

    def to_road(self, x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map world x, z (N,) to road coordinates (n, s), linear around grid points."""
        column = np.rint((x - self._origin[0]) * 2.0)
        row = np.rint((z - self._origin[1]) * 2.0)
        column = np.clip(column, 0, self._shape[1] - 1)
        row = np.clip(row, 0, self._shape[0] - 1)
        dx = x - (column * 0.5 + self._origin[0]).astype(np.float32)
        dz = z - (row * 0.5 + self._origin[1]).astype(np.float32)
        index = (row * self._shape[1] + column).astype(np.int32)
        node = self._grid.take(index, axis=0)
        n = node[:, 0] + node[:, 2] * dx + node[:, 3] * dz
        s = node[:, 1] + node[:, 4] * dx + node[:, 5] * dz
        return n, s

    def kerb_distance(self, n: np.ndarray, s: np.ndarray) -> np.ndarray:
        """Return the signed distance (N,) to the kerb, negative on a carriageway."""
        left, right = self.half_width
        distance = np.where(n < 0, -n - left, n - right)
        for street in self.side_streets:
            across = np.abs(s - street.s) - street.half_width
            if not street.left:
                across = np.where(n < 0, np.float32(50.0), across)
            if not street.right:
                across = np.where(n > 0, np.float32(50.0), across)
            distance = _rounded_minimum(distance, across, 3.0)
        return distance

    def sidewalk_width(self, n: np.ndarray) -> np.ndarray:
        """Return the width (N,) of the sidewalk on the side of `n`."""
        return np.where(n < 0, *(np.float32(w) for w in self.sidewalk))

    def crossing(self, s: float, margin: float = 0.0, side: int = 0) -> bool:
        """Tell whether `s` is within a side street on side -1 or +1 (0: any side)."""
        for street in self.side_streets:
            exists = (street.left and side <= 0) or (street.right and side >= 0)
            if exists and abs(s - street.s) < street.half_width + margin:
                return True
        return False


def _rounded_minimum(a: np.ndarray, b: np.ndarray, radius: float) -> np.ndarray:
    """Return the polynomial smooth minimum: a minimum with a rounded corner."""
    h = np.maximum(radius - np.abs(a - b), 0.0) / radius
    return np.minimum(a, b) - h * h * radius * 0.25


def draw_ground(
    road: Road, camera: np.ndarray, rays: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Intersect viewing rays with carriageway, kerb and the raised ground.

    Args:
        road: The road.
        camera: Camera position (3,), world.
        rays: World directions (3, N), scaled to a depth of 1, all below the horizon.

    Returns:
        Inverse depth (N,), surface (N,), road coordinates n and s (N,).
    """
    down = rays[1]
    height = np.float32(-camera[1])
    near = (height - KERB_HEIGHT) / down
    far = height / down
    n_near, s_near = road.to_road(
        camera[0].astype(np.float32) + near * rays[0],
        camera[2].astype(np.float32) + near * rays[2],
    )
    n_far, s_far = road.to_road(
        camera[0].astype(np.float32) + far * rays[0],
        camera[2].astype(np.float32) + far * rays[2],
    )
    d_near = road.kerb_distance(n_near, s_near)
    d_far = road.kerb_distance(n_far, s_far)
    raised = d_near >= 0
    kerb = ~raised & (d_far > 0)
    part = np.where(kerb, -d_near / np.where(kerb, d_far - d_near, 1.0), 1.0)
    part = np.where(raised, np.float32(0.0), part)
    depth = near + part * (far - near)
    n = n_near + part * (n_far - n_near)
    s = s_near + part * (s_far - s_near)
    beyond = d_near > road.sidewalk_width(n)
    surface = np.where(raised, np.where(beyond, TERRAIN, SIDEWALK), ROAD)
    surface = np.where(kerb, KERB, surface).astype(np.int32)
    return (1.0 / depth).astype(np.float32), surface, n, s
