"""Deferred shading: colours from the surface and position of each sample."""

from dataclasses import dataclass

import numpy as np

from mmdepthseg.streets.atlas import Atlas
from mmdepthseg.streets.light import Light
from mmdepthseg.streets.raster import FIRST_QUAD, Buffers, Quads
from mmdepthseg.streets.road import KERB, ROAD, SIDEWALK, TERRAIN, Road

_DETAIL_PERIOD = 5.0
VEHICLE_LABELS = (26, 27, 28, 31)
# Ground tiles are longer along the road than across, like wear. It also reduces the
# effect of the very elongated footprint of a pixel on the ground.
_TILES = {
    ROAD: ('asphalt', 6.5, 16.0),
    SIDEWALK: ('paving', 4.8, 9.6),
    TERRAIN: ('grass', 6.0, 14.0),
    KERB: ('plaster', 2.0, 4.0),
}


@dataclass(frozen=True)
class Shadow:
    """Ambient shadow of an object on the ground (an oriented box)."""

    foot: np.ndarray
    along: np.ndarray
    half_length: float
    half_width: float
    strength: float
    moving: bool = False


def quad_table(quads: Quads, atlas: Atlas, light: Light) -> dict[str, np.ndarray]:
    """Return the constants of each quad for `shade_quads`."""
    edge_u, edge_v = np.asarray(quads.edge_u), np.asarray(quads.edge_v)
    outward = -np.cross(edge_u, edge_v)
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    lit = light.shade(outward, np.asarray(quads.two_sided))
    texture = np.asarray(quads.texture)
    uv = np.asarray(quads.uv)
    texels = np.abs(uv[:, 2:]) * np.asarray(atlas.sizes)[texture][:, ::-1]
    metres = np.stack(
        [np.linalg.norm(edge_u, axis=1), np.linalg.norm(edge_v, axis=1)], axis=1
    )
    periods = metres / _DETAIL_PERIOD
    ratio = np.sqrt((periods * 512.0 / np.maximum(texels, 1e-6)).prod(axis=1))
    # The place of a quad in the detail noise depends only on its place in the list.
    start = np.modf(np.arange(len(texture))[:, None] * np.array([0.618034, 0.414214]))
    return {
        'texture': texture.astype(np.int32),
        'painted': np.isin(quads.label, VEHICLE_LABELS),
        'bare': (lit / 255.0).astype(np.float32),
        'colour': (lit * np.asarray(quads.tint) / 255.0).astype(np.float32),
        'values': np.concatenate(
            [
                uv,
                texels,
                np.log2(ratio)[:, None],
                np.asarray(quads.detail)[:, None],
                periods,
                start[0],
            ],
            axis=1,
        ).astype(np.float32),
    }


def shade_quads(
    table: dict[str, np.ndarray],
    inverse: np.ndarray,
    atlas: Atlas,
    buffers: Buffers,
    index: np.ndarray,
) -> np.ndarray:
    """Return the colour (N, 3) of the samples at flat `index`; white is 1."""
    quad = buffers.surface.reshape(-1)[index] - FIRST_QUAD
    s = buffers.s.reshape(-1)[index]
    t = buffers.t.reshape(-1)[index]
    depth = 1.0 / buffers.inverse_depth.reshape(-1)[index]
    h = inverse.reshape(-1, 9).astype(np.float32)[:, [0, 1, 3, 4, 6, 7]]
    h = h.take(quad, axis=0)
    values = table['values'].take(quad, axis=0)
    ku, kv = values[:, 4], values[:, 5]
    sx = (h[:, 0] - s * h[:, 4]) * ku
    tx = (h[:, 2] - t * h[:, 4]) * kv
    sy = (h[:, 1] - s * h[:, 5]) * ku
    ty = (h[:, 3] - t * h[:, 5]) * kv
    area = np.maximum(sx * sx + tx * tx, sy * sy + ty * ty)
    level = 0.5 * np.log2(np.maximum(area, 1e-12)) + np.log2(depth)
    u = values[:, 0] + values[:, 2] * s
    v = values[:, 1] + values[:, 3] * t
    colour = atlas.sample(table['texture'].take(quad), u, v, level)
    noise = atlas.sample(
        atlas['noise'],
        s * values[:, 8] + values[:, 10],
        t * values[:, 9] + values[:, 11],
        level + values[:, 6],
    )[:, 0]
    tint = table['colour'].take(quad, axis=0)
    painted = np.flatnonzero(table['painted'].take(quad))
    if len(painted):
        # Only grey texels are painted: lamps and number plates keep their colour.
        texel = colour[painted]
        high = texel.max(axis=1)
        grey = 1.0 - 1.6 * (high - texel.min(axis=1)) / np.maximum(high, 1.0)
        grey = np.clip(grey, 0.0, 1.0)[:, None]
        bare = table['bare'].take(quad[painted], axis=0)
        tint[painted] = bare + (tint[painted] - bare) * grey
    colour *= tint
    colour *= (1.0 + values[:, 7] * (noise - 128.0) / 48.0)[:, None]
    return colour


def _stripe(distance: np.ndarray, half: float, footprint: np.ndarray) -> np.ndarray:
    """Return the share of a footprint covered by a stripe at a `distance`."""
    footprint = np.maximum(footprint, 1e-3)
    low = np.maximum(distance - footprint / 2, -half)
    high = np.minimum(distance + footprint / 2, half)
    return np.clip((high - low) / footprint, 0.0, 1.0)


def _dashes(
    position: np.ndarray, period: float, duty: float, footprint: np.ndarray
) -> np.ndarray:
    """Return the share of the footprint covered by dashes of `duty` * `period`."""
    local = (position / period) % 1.0 - 0.5
    covered = _stripe(local, duty / 2, footprint / period)
    # For footprints wider than half a period, fade to the mean.
    fade = np.clip(2.0 - 4.0 * footprint / period, 0.0, 1.0)
    return duty + (covered - duty) * fade


@dataclass(frozen=True)
class Markings:
    """Road markings: style of the centre line, lanes, edges, crossings."""

    centre: str
    lanes: tuple[float, ...]
    edges: tuple[float, ...]
    zebras: tuple[tuple[float, float], ...]
    strength: float

    def cover(
        self,
        n: np.ndarray,
        s: np.ndarray,
        across: np.ndarray,
        along: np.ndarray,
        road: Road,
    ) -> np.ndarray:
        """Return the share (N,) of paint at road coordinates; footprints in metres."""
        paint = np.zeros_like(n)
        if self.centre == 'dashed':
            paint = _stripe(n, 0.07, across) * _dashes(s, 9.0, 0.45, along)
        elif self.centre == 'solid':
            paint = _stripe(n, 0.07, across)
        elif self.centre == 'double':
            paint = _stripe(n - 0.12, 0.06, across) + _stripe(n + 0.12, 0.06, across)
        for place in self.lanes:
            lane = _stripe(n - place, 0.07, across)
            paint = np.maximum(paint, lane * _dashes(s, 9.0, 0.45, along))
        for place in self.edges:
            paint = np.maximum(paint, _stripe(n - place, 0.07, across))
        for street in road.side_streets:
            middle = np.abs(s - street.s) - street.half_width
            paint = paint * np.clip(middle * 0.5, 0.0, 1.0)
        left, right = road.half_width
        inside = (n > -left + 0.3) & (n < right - 0.3)
        for begin, end in self.zebras:
            zebra = _stripe(s - (begin + end) / 2, (end - begin) / 2, along)
            bars = zebra * _dashes(n, 1.0, 0.5, across) * inside
            paint = np.where(zebra > 0.02, bars, paint)
        return paint * self.strength


def shade_ground(
    surface: np.ndarray,
    inverse_depth: np.ndarray,
    n: np.ndarray,
    s: np.ndarray,
    road: Road,
    markings: Markings,
    atlas: Atlas,
    focal: float,
    camera_height: float,
    tint: np.ndarray,
) -> np.ndarray:
    """Return the albedo (N, 3) of ground samples.

    Args:
        surface: Ground part per sample (N,).
        inverse_depth: 1 / metres (N,).
        n: Signed distance to the centre line (N,).
        s: Position along the road (N,).
        road: The road.
        markings: Its paint.
        atlas: Textures.
        focal: Focal length of the sample grid.
        camera_height: Metres above the road.
        tint: BGR factors of the carriageway.
    """
    depth = 1.0 / inverse_depth
    across = depth / focal
    along = depth * depth / (focal * camera_height)
    texture = np.zeros(surface.shape, np.int32)
    periods = np.ones((2, len(surface)), np.float32)
    for part, (name, width, length) in _TILES.items():
        where = surface == part
        texture[where] = atlas[name]
        periods[0, where], periods[1, where] = width, length
    level = np.log2(512.0 * np.maximum(across / periods[0], along / periods[1]))
    colour = atlas.sample(texture, n / periods[0], s / periods[1], level) / 255.0
    footprint = np.maximum(across / 23.0, along / 61.0)
    stains = atlas.sample(
        atlas['noise'], n / 23.0 + 0.3, s / 61.0, np.log2(512.0 * footprint)
    )[:, 0]
    on_road = surface == ROAD
    colour[on_road] *= tint.astype(np.float32)
    colour *= (1.0 + 0.09 * (stains - 128.0) / 48.0)[:, None]
    index = np.flatnonzero(on_road)
    wear = 1.0 + 0.12 * (stains[index] - 128.0) / 48.0
    paint = markings.cover(n[index], s[index], across[index], along[index], road)
    paint = np.clip(paint * wear, 0.0, 1.0)[:, None]
    colour[index] += (np.float32(0.86) - colour[index]) * paint
    # Dirt collects at the kerb.
    gutter = np.exp(-np.abs(road.kerb_distance(n, s)) / 0.35)
    colour *= (1.0 - 0.28 * gutter)[:, None]
    return colour


def shadow_factor(shadow: Shadow, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return the brightness factor of ground points under and beside an object."""
    dx, dz = x - shadow.foot[0], z - shadow.foot[2]
    a = np.abs(dx * shadow.along[0] + dz * shadow.along[2]) - shadow.half_length
    b = np.abs(dx * shadow.along[2] - dz * shadow.along[0]) - shadow.half_width
    outside = np.hypot(np.maximum(a, 0), np.maximum(b, 0))
    inside = np.minimum(np.maximum(a, b), 0)
    reach = 0.45
    soft = np.clip(0.55 - (outside + inside) / reach, 0.0, 1.0)
    return 1.0 - shadow.strength * soft * soft * (3 - 2 * soft)
