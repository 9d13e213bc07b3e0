"""Planar quads and their rasterisation with a depth buffer.

Convention: world and camera axes x right, y down, z forward; pixel centres at
integers. A quad is `origin + s * edge_u + t * edge_v` with s, t in [0, 1]. With
`H = K [edge_u, edge_v, origin]` in camera coordinates, `H (s, t, 1)` is the pixel
times its depth, hence `inv(H) (x, y, 1) = (s, t, 1) / depth`. All three are affine
functions of the pixel, and the last one is the inverse depth; this is exact.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

from mmdepthseg.streets.atlas import Atlas

NEAR = 0.25
#: x0, x1, y0, y1; x1 and y1 are exclusive.
Box = tuple[int, int, int, int]


@dataclass
class Quads:
    """Textured quads, stored as parallel lists (converted once per frame)."""

    origin: list = field(default_factory=list)
    edge_u: list = field(default_factory=list)
    edge_v: list = field(default_factory=list)
    texture: list = field(default_factory=list)
    uv: list = field(default_factory=list)
    tint: list = field(default_factory=list)
    label: list = field(default_factory=list)
    instance: list = field(default_factory=list)
    two_sided: list = field(default_factory=list)
    detail: list = field(default_factory=list)

    def add(
        self,
        origin: np.ndarray,
        edge_u: np.ndarray,
        edge_v: np.ndarray,
        texture: int,
        label: int,
        tint: tuple[float, float, float] | np.ndarray = (1.0, 1.0, 1.0),
        uv: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0),
        instance: int = 0,
        two_sided: bool = False,
        detail: float = 0.07,
    ) -> None:
        """Append a quad.

        Args:
            origin: Corner (3,) at texture coordinate (0, 0), metres.
            edge_u: Edge (3,) along the texture's rows; the quad is seen from the
                side from which `edge_u` points right when `edge_v` points down.
            edge_v: Edge (3,) down the texture's columns.
            texture: Number in the atlas.
            label: Cityscapes label id.
            tint: BGR factors.
            uv: Start and extent in the texture, (u0, v0, du, dv).
            instance: 0 for the static world, else the number of a moving object.
            two_sided: Whether it is also visible from behind.
            detail: Strength of the 1/f brightness variation on top of the texture.
        """
        self.origin.append(origin)
        self.edge_u.append(edge_u)
        self.edge_v.append(edge_v)
        self.texture.append(texture)
        self.label.append(label)
        self.tint.append(tint)
        self.uv.append(uv)
        self.instance.append(instance)
        self.two_sided.append(two_sided)
        self.detail.append(detail)

    def __len__(self) -> int:
        """Return the number of quads."""
        return len(self.origin)

    def extended(self, other: 'Quads') -> 'Quads':
        """Return a new list with the quads of both."""
        names = self.__dataclass_fields__
        return Quads(**{n: getattr(self, n) + getattr(other, n) for n in names})


@dataclass
class Buffers:
    """Results of the rasterisation, arrays (h, w) of the sample grid.

    `inverse_depth` (0 = sky), `surface` (0 = sky, 1..9 = parts of the ground,
    `FIRST_QUAD + i` = quad i), coordinates `s` and `t` on the quad.
    """

    inverse_depth: np.ndarray
    surface: np.ndarray
    s: np.ndarray
    t: np.ndarray


FIRST_QUAD = 10


def _boxes(
    corners: np.ndarray, cam2img: np.ndarray, width: int, height: int
) -> np.ndarray:
    """Return the boxes (M, 4) of polygons (M, 4, 3) entirely in front of the camera."""
    pixels = corners @ cam2img.T
    pixels = pixels[..., :2] / np.maximum(pixels[..., 2:], NEAR)
    low = np.floor(pixels.min(axis=1))
    high = np.ceil(pixels.max(axis=1)) + 1
    limit = np.array([width, height])
    low, high = np.clip(low, 0, limit), np.clip(high, 0, limit)
    boxes = np.stack([low[:, 0], high[:, 0], low[:, 1], high[:, 1]], axis=1)
    return boxes.astype(int)


def _clipped_box(
    corners: np.ndarray, cam2img: np.ndarray, width: int, height: int
) -> Box | None:
    """Return the box of the part of a polygon in front of the near plane, or None."""
    points = []
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if a[2] >= NEAR:
            points.append(a)
        if (a[2] >= NEAR) != (b[2] >= NEAR):
            points.append(a + (NEAR - a[2]) / (b[2] - a[2]) * (b - a))
    if not points:
        return None
    pixels = np.asarray(points) @ cam2img.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    x0, y0 = np.floor(pixels.min(axis=0)).clip(-1, 1e6).astype(int)
    x1, y1 = np.ceil(pixels.max(axis=0)).clip(-2, 1e6).astype(int)
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, width - 1), min(y1, height - 1)
    return None if x1 < x0 or y1 < y0 else (x0, x1 + 1, y0, y1 + 1)


def to_camera(quads: Quads, world_to_cam: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the origins and edges (M, 3) of all quads in camera coordinates."""
    rotation, shift = world_to_cam[:3, :3], world_to_cam[:3, 3]
    origin = np.asarray(quads.origin, np.float64) @ rotation.T + shift
    edge_u = np.asarray(quads.edge_u, np.float64) @ rotation.T
    edge_v = np.asarray(quads.edge_v, np.float64) @ rotation.T
    return origin, edge_u, edge_v


def rasterise(
    quads: Quads,
    atlas: Atlas,
    cam2img: np.ndarray,
    world_to_cam: np.ndarray,
    buffers: Buffers,
) -> np.ndarray:
    """Draw all quads into the buffers; the nearest surface wins.

    Args:
        quads: The quads, world coordinates.
        atlas: Textures; where their alpha is below 1/2, nothing is drawn.
        cam2img: Camera matrix (3, 3) of the sample grid.
        world_to_cam: Rigid transform (4, 4).
        buffers: Drawn into in place.

    Returns:
        Inverse homographies (M, 3, 3) of the quads (zeros where culled).
    """
    inverse = np.zeros((len(quads), 3, 3))
    if not len(quads):
        return inverse
    height, width = buffers.inverse_depth.shape
    origin, edge_u, edge_v = to_camera(quads, world_to_cam)
    corners = np.stack(
        [origin, origin + edge_u, origin + edge_u + edge_v, origin + edge_v], axis=1
    )
    facing = np.einsum('ij,ij->i', np.cross(edge_u, edge_v), origin)
    scale = np.linalg.norm(np.cross(edge_u, edge_v), axis=1)
    seen = np.where(quads.two_sided, np.abs(facing), facing) > 1e-4 * scale
    seen &= corners[..., 2].max(axis=1) > NEAR
    all_front = corners[..., 2].min(axis=1) >= NEAR
    boxes = _boxes(corners, cam2img, width, height)
    for index in np.argsort(corners[..., 2].mean(axis=1), kind='stable'):
        if not seen[index]:
            continue
        if all_front[index]:
            box: Box | None = tuple(boxes[index].tolist())
        else:
            box = _clipped_box(corners[index], cam2img, width, height)
        if box is None or box[0] >= box[1] or box[2] >= box[3]:
            continue
        basis = np.stack([edge_u[index], edge_v[index], origin[index]], axis=1)
        inverse[index] = np.linalg.inv(cam2img @ basis)
        _draw(index, quads, atlas, inverse[index], box, buffers)
    return inverse


def _draw(
    index: int,
    quads: Quads,
    atlas: Atlas,
    inverse: np.ndarray,
    box: Box,
    buffers: Buffers,
) -> None:
    x0, x1, y0, y1 = box
    start = inverse @ np.array([x0, y0, 1.0])
    xs = np.arange(x1 - x0, dtype=np.float32)[None]
    ys = np.arange(y1 - y0, dtype=np.float32)[:, None]

    def plane(row: int) -> np.ndarray:
        a, b = inverse[row, :2].astype(np.float32)
        return (b * ys + np.float32(start[row])) + a * xs

    window = (slice(y0, y1), slice(x0, x1))
    depth = plane(2)
    mask = depth > buffers.inverse_depth[window]
    mask &= depth < 1.0 / NEAR
    if not mask.any():
        return
    s, t = plane(0), plane(1)
    mask &= (s >= 0) & (s <= depth) & (t >= 0) & (t <= depth)
    rows, cols = np.nonzero(mask)
    if not len(rows):
        return
    depth, s, t = depth[rows, cols], s[rows, cols], t[rows, cols]
    s /= depth
    t /= depth
    levels = atlas.alpha_levels[quads.texture[index]]
    if levels is not None:
        keep = _opaque(levels, quads.uv[index], inverse, s, t, depth)
        rows, cols, depth = rows[keep], cols[keep], depth[keep]
        s, t = s[keep], t[keep]
    rows += y0
    cols += x0
    buffers.inverse_depth[rows, cols] = depth
    buffers.surface[rows, cols] = FIRST_QUAD + index
    buffers.s[rows, cols] = s
    buffers.t[rows, cols] = t


def _opaque(
    levels: list[np.ndarray],
    uv: tuple[float, float, float, float],
    inverse: np.ndarray,
    s: np.ndarray,
    t: np.ndarray,
    depth: np.ndarray,
) -> np.ndarray:
    """Return the alpha test at the pyramid level of the quad's mean footprint."""
    height, width = levels[0].shape
    middle = float(depth.mean())
    footprint = np.hypot(*inverse[0, :2]) * width * abs(uv[2])
    footprint = max(footprint, np.hypot(*inverse[1, :2]) * height * abs(uv[3]))
    number = int(np.clip(np.log2(max(footprint / middle, 1e-6)), 0, len(levels) - 1))
    alpha = levels[number]
    h, w = alpha.shape
    u = uv[0] + uv[2] * s
    v = uv[1] + uv[3] * t
    if abs(uv[2]) > 1 or abs(uv[3]) > 1:
        u, v = u - np.floor(u), v - np.floor(v)
    count = len(u)
    lines = -(-count // 4096)
    maps = np.zeros((2, lines * 4096), np.float32)
    maps[0, :count] = u * w - 0.5
    maps[1, :count] = v * h - 0.5
    x, y = maps.reshape(2, lines, 4096)
    values = cv2.remap(alpha, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return values.reshape(-1)[:count] >= 128
