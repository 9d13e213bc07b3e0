"""Rendering of one frame: colour, label, depth, moving objects."""

from dataclasses import dataclass

import cv2
import numpy as np

from mmdepthseg.streets.raster import FIRST_QUAD, Buffers, Quads, rasterise
from mmdepthseg.streets.road import GROUND_LABELS, draw_ground
from mmdepthseg.streets.scene import Scene
from mmdepthseg.streets.shading import (
    Shadow,
    quad_table,
    shade_ground,
    shade_quads,
    shadow_factor,
)

_SKY_LABEL = 23
_GROUND_LIMIT = 1.0 / 400.0


@dataclass
class Frame:
    """A rendered frame; arrays (H, W).

    `image`: uint8 BGR; `label`: Cityscapes label ids, uint8; `depth`: float32, metres,
    0 = sky; `moving`: uint8, 0 = static, 255 = shadow of a moving object, otherwise the
    number of the moving object (modulo 254).
    """

    image: np.ndarray
    label: np.ndarray
    depth: np.ndarray
    moving: np.ndarray


def pixel_rays(
    cam2img: np.ndarray, rotation: np.ndarray, width: int, height: int
) -> np.ndarray:
    """Return world directions (3, height, width), scaled to a depth of 1."""
    x = (np.arange(width) - cam2img[0, 2]) / cam2img[0, 0]
    y = (np.arange(height) - cam2img[1, 2]) / cam2img[1, 1]
    r = rotation.astype(np.float32)
    x, y = x.astype(np.float32)[None], y.astype(np.float32)[:, None]
    return np.stack([r[k, 0] * x + (r[k, 1] * y + r[k, 2]) for k in range(3)])


def resolve_surfaces(
    buffers: Buffers, supersample: int
) -> tuple[np.ndarray, np.ndarray]:
    """Choose the surface and depth of each pixel from its samples.

    The surface with most samples wins, the nearest one on ties. The inverse depth is
    the mean over the samples of that surface (exact at the centre of the pixel for
    planes that fill the pixel).

    Returns:
        Surface (H, W) and inverse depth (H, W).
    """
    k = supersample
    height, width = (n // k for n in buffers.surface.shape)

    def split(array: np.ndarray) -> np.ndarray:
        parts = array.reshape(height, k, width, k).transpose(0, 2, 1, 3)
        return parts.reshape(height, width, k * k)

    surface, inverse = split(buffers.surface), split(buffers.inverse_depth)
    same = surface[..., :, None] == surface[..., None, :]
    count = same.sum(axis=-1)
    nearest = inverse / (inverse.max(axis=-1, keepdims=True) + 1e-9)
    best = (count + 0.5 * nearest).argmax(axis=-1)[..., None]
    chosen = np.take_along_axis(same, best[..., None], axis=2)[..., 0, :]
    mean = (inverse * chosen).sum(axis=-1) / chosen.sum(axis=-1)
    return np.take_along_axis(surface, best, axis=2)[..., 0], mean


class Renderer:
    """Renderer of the frames of a scene.

    Args:
        scene: The clip's scene.
        width: Image width.
        height: Image height.
        supersample: Samples per pixel and axis.
    """

    def __init__(
        self, scene: Scene, width: int, height: int, supersample: int = 2
    ) -> None:
        self.scene, self.width, self.height = scene, width, height
        self.supersample = supersample
        self.matrix = scene.camera.resized(
            (height * supersample, width * supersample)
        ).K

    def __call__(self, time: float, colour: bool = True) -> Frame:
        """Render the frame at `time` seconds; `colour=False`: geometry only."""
        scene, k = self.scene, self.supersample
        width, height = self.width * k, self.height * k
        pose = scene.pose(time)
        quads, shadows = scene.at(time)
        rays = pixel_rays(self.matrix, pose[:3, :3], width, height)
        buffers, road_n, road_s = self._ground(rays, pose[:3, 3])
        inverse = rasterise(
            quads, scene.atlas, self.matrix, np.linalg.inv(pose), buffers
        )
        surface, inverse_depth = resolve_surfaces(buffers, k)
        shadow_map = self._shadows(shadows, pose, rays, buffers)
        image = np.zeros((self.height, self.width, 3), np.uint8)
        if colour:
            samples = self._colour(
                quads, inverse, buffers, rays, (road_n, road_s), shadow_map[0]
            )
            image = self._develop(samples)
        moving_shadow = shadow_map[1][::k, ::k] < 0.97
        return self._annotate(image, quads, surface, inverse_depth, moving_shadow)

    def _annotate(
        self,
        image: np.ndarray,
        quads: Quads,
        surface: np.ndarray,
        inverse_depth: np.ndarray,
        moving_shadow: np.ndarray,
    ) -> Frame:
        labels = np.zeros(FIRST_QUAD + len(quads), np.uint8)
        labels[0] = _SKY_LABEL
        for part, label in GROUND_LABELS.items():
            labels[part] = label
        labels[FIRST_QUAD:] = quads.label
        instances = np.zeros(len(labels), np.int64)
        instances[FIRST_QUAD:] = quads.instance
        instances = np.where(instances > 0, (instances - 1) % 254 + 1, 0)
        moving = instances[surface].astype(np.uint8)
        moving[(moving == 0) & moving_shadow & (surface < FIRST_QUAD)] = 255
        moving[surface == 0] = 0
        depth = np.zeros(inverse_depth.shape, np.float32)
        np.divide(1.0, inverse_depth, out=depth, where=surface > 0)
        return Frame(image, labels[surface], depth, moving)

    def _ground(
        self, rays: np.ndarray, camera: np.ndarray
    ) -> tuple[Buffers, np.ndarray, np.ndarray]:
        shape = rays.shape[1:]
        buffers = Buffers(
            np.zeros(shape, np.float32),
            np.zeros(shape, np.int32),
            np.zeros(shape, np.float32),
            np.zeros(shape, np.float32),
        )
        below = rays[1] > _GROUND_LIMIT * -camera[1]
        depth, surface, n, s = draw_ground(self.scene.road, camera, rays[:, below])
        buffers.inverse_depth[below] = depth
        buffers.surface[below] = surface
        road_n, road_s = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        road_n[below], road_s[below] = n, s
        return buffers, road_n, road_s

    def _shadows(
        self,
        shadows: list[Shadow],
        pose: np.ndarray,
        rays: np.ndarray,
        buffers: Buffers,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the brightness factors of the ground: by all and by moving objects."""
        height, width = buffers.surface.shape
        total = np.ones((height, width), np.float32)
        moving = np.ones((height, width), np.float32)
        world_to_cam = np.linalg.inv(pose)
        for shadow in shadows:
            reach = np.hypot(shadow.half_length, shadow.half_width) + 0.5
            centre = world_to_cam[:3, :3] @ shadow.foot + world_to_cam[:3, 3]
            if centre[2] < 1.0 - reach or centre[2] > 70.0:
                continue
            near = max(centre[2] - reach, 0.8)
            far = centre[2] + reach
            focal, drop = self.matrix[0, 0], -pose[1, 3]
            xs = [
                self.matrix[0, 2] + focal * (centre[0] + d) / z
                for d in (-reach, reach)
                for z in (near, far)
            ]
            horizon = self.matrix[1, 2] - focal * self.scene.camera.pitch
            y0 = horizon + focal * (drop - 0.2) / far - 0.02 * focal
            y1 = horizon + focal * drop / near + 0.03 * focal
            rows = slice(int(np.clip(y0, 0, height)), int(np.clip(y1 + 1, 0, height)))
            columns = slice(
                int(np.clip(min(xs), 0, width)), int(np.clip(max(xs) + 1, 0, width))
            )
            window = (rows, columns)
            on_ground = buffers.surface[window]
            on_ground = (on_ground > 0) & (on_ground < FIRST_QUAD)
            if not on_ground.any():
                continue
            depth = 1.0 / np.maximum(buffers.inverse_depth[window], 1e-3)
            x = pose[0, 3] + depth * rays[0][window]
            z = pose[2, 3] + depth * rays[2][window]
            factor = np.where(on_ground, shadow_factor(shadow, x, z), 1.0)
            total[window] *= factor.astype(np.float32)
            if shadow.moving:
                moving[window] *= factor.astype(np.float32)
        return total, moving

    def _colour(
        self,
        quads: Quads,
        inverse: np.ndarray,
        buffers: Buffers,
        rays: np.ndarray,
        road: tuple[np.ndarray, np.ndarray],
        shadow: np.ndarray,
    ) -> np.ndarray:
        """Return the shaded samples, float32 (h, w, 3), before the camera response."""
        scene, light, atlas = self.scene, self.scene.light, self.scene.atlas
        surface = buffers.surface.reshape(-1)
        colour = np.zeros((surface.size, 3), np.float32)
        sky = np.flatnonzero(surface == 0)
        colour[sky] = light.sky(rays.reshape(3, -1)[:, sky], atlas)
        index = np.flatnonzero((surface > 0) & (surface < FIRST_QUAD))
        up = np.array([[0.0, -1.0, 0.0]])
        lit = light.shade(up, np.array([False]))[0] * 0.92
        ground = shade_ground(
            surface[index],
            buffers.inverse_depth.reshape(-1)[index],
            road[0].reshape(-1)[index],
            road[1].reshape(-1)[index],
            scene.road,
            scene.markings,
            atlas,
            float(self.matrix[0, 0]),
            scene.camera.height,
            np.asarray(scene.style.ground),
        )
        ground *= shadow.reshape(-1)[index, None]
        colour[index] = ground * lit.astype(np.float32)
        index = np.flatnonzero(surface >= FIRST_QUAD)
        if len(index):
            table = quad_table(quads, atlas, light)
            colour[index] = shade_quads(table, inverse, atlas, buffers, index)
        depth = 1.0 / np.maximum(buffers.inverse_depth.reshape(-1), 1e-4)
        through = np.exp(np.float32(-light.haze) * depth)
        through[surface == 0] = 1.0
        air = (light.horizon * 0.96).astype(np.float32)
        colour -= air
        colour *= through[:, None]
        colour += air
        return colour.reshape(*buffers.surface.shape, 3)

    def _develop(self, samples: np.ndarray) -> np.ndarray:
        """Filter the samples to pixels and apply the camera response."""
        k = self.supersample
        samples = self.scene.light.finish(samples)
        if k > 1:
            # A tent two pixels wide, like the blur of optics and sensor: a box would
            # leave stair steps that no warp of a neighbour can reproduce.
            samples = cv2.blur(samples, (k, k)) if k % 2 else _tent(samples, k)
            size = (self.width, self.height)
            samples = cv2.resize(samples, size, interpolation=cv2.INTER_AREA)
        return np.clip(np.rint(samples * 255.0), 0, 255).astype(np.uint8)


def _tent(samples: np.ndarray, k: int) -> np.ndarray:
    """Smooth samples symmetrically by about half a pixel."""
    sigma = 0.35 * k
    return cv2.GaussianBlur(samples, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
