"""Light, weather and camera response, constant within a clip."""

from dataclasses import dataclass

import numpy as np

from mmdepthseg.streets.atlas import Atlas


@dataclass(frozen=True)
class Light:
    """Light of a clip; colours are BGR factors.

    `to_sun` is the unit vector to the sun in world axes (y down), `haze` the extinction
    per metre.
    """

    to_sun: np.ndarray
    sun: np.ndarray
    ambient: np.ndarray
    haze: float
    horizon: np.ndarray
    zenith: np.ndarray
    clouds: float
    cloud_offset: tuple[float, float]
    gain: np.ndarray
    gamma: float

    def shade(self, outward: np.ndarray, two_sided: np.ndarray) -> np.ndarray:
        """Return the light (M, 3) on surfaces with outward unit normals (M, 3)."""
        up = -outward[:, 1]
        direct = np.maximum(outward @ self.to_sun, 0.0)
        direct = np.where(two_sided, 0.55, direct)
        up = np.where(two_sided, 0.3, up)
        sky = 0.8 + 0.2 * up
        return sky[:, None] * self.ambient + direct[:, None] * self.sun

    def sky(self, rays: np.ndarray, atlas: Atlas) -> np.ndarray:
        """Return the colour (N, 3) of the sky in directions (3, N), with clouds."""
        length = np.sqrt((rays * rays).sum(axis=0))
        elevation = np.maximum(-rays[1] / length, 0.0)
        azimuth = np.arctan2(rays[0], rays[2])
        blend = np.minimum(elevation * 2.2, 1.0)[:, None] ** 0.6
        colour = self.horizon + (self.zenith - self.horizon) * blend
        level = np.full(elevation.shape, 1.5, np.float32)
        noise = atlas.sample(
            atlas['noise'],
            azimuth * 0.35 + self.cloud_offset[0],
            elevation * 0.9 + self.cloud_offset[1],
            level,
        )[:, :1]
        noise = (noise - 128.0) / 48.0
        cover = np.clip((noise + 2.6 * self.clouds - 1.0) * 0.8, 0.0, 1.0)
        cover *= np.minimum(elevation * 6.0, 1.0)[:, None]
        cloud = self.horizon * (0.98 - 0.1 * np.clip(noise, -1.0, 1.5))
        return colour + (cloud - colour) * cover * 0.9

    def finish(self, colour: np.ndarray) -> np.ndarray:
        """Apply the camera response (gain, soft shoulder, tone curve) to [0, 1]."""
        colour = colour * self.gain.astype(np.float32)
        # A table avoids powers and exponentials of a million numbers.
        steps = np.linspace(0.0, 2.0, 4097, dtype=np.float32)
        shoulder = 1.0 - 0.25 * np.exp(-(steps - 0.75) / 0.25)
        table = np.where(steps > 0.75, shoulder, steps) ** np.float32(self.gamma)
        index = np.clip(colour * 2048.0 + 0.5, 0, 4096).astype(np.int32)
        return table.astype(np.float32).take(index)


def random_light(rng: np.random.Generator) -> Light:
    """Draw the light of a clip: sunny, overcast, low sun or hazy."""
    kind = rng.choice(['sunny', 'overcast', 'low', 'hazy'], p=[0.4, 0.3, 0.15, 0.15])
    elevation = rng.uniform(0.12, 0.4) if kind == 'low' else rng.uniform(0.5, 1.1)
    azimuth = rng.uniform(-np.pi, np.pi)
    to_sun = np.array(
        [
            np.cos(elevation) * np.sin(azimuth),
            -np.sin(elevation),
            np.cos(elevation) * np.cos(azimuth),
        ]
    )
    sun, ambient, haze, clouds = {
        'sunny': (0.72, 0.64, 0.0012, 0.35),
        'overcast': (0.12, 0.95, 0.0022, 0.85),
        'low': (0.66, 0.58, 0.0022, 0.45),
        'hazy': (0.2, 0.88, 0.0065, 0.6),
    }[str(kind)]
    warm = {'low': 0.3, 'sunny': 0.1}.get(str(kind), 0.0)
    tint = 1.0 + rng.normal(0.0, 0.025, 3)
    grey = np.array([0.9, 0.88, 0.86])
    blue = np.array([0.92, 0.7, 0.5])
    horizon = np.array([0.95, 0.92, 0.9]) - warm * np.array([0.35, 0.1, -0.1])
    zenith = {'overcast': grey * 0.92, 'hazy': grey}.get(str(kind), blue)
    return Light(
        to_sun=to_sun,
        sun=sun * rng.uniform(0.85, 1.1) * (1 + warm * np.array([-0.5, 0.0, 0.4])),
        ambient=ambient * rng.uniform(0.9, 1.1) * np.array([1.05, 1.0, 0.97]),
        haze=haze * rng.uniform(0.7, 1.4),
        horizon=horizon,
        zenith=zenith * rng.uniform(0.9, 1.08),
        clouds=clouds + rng.uniform(-0.15, 0.15),
        cloud_offset=(float(rng.uniform()), float(rng.uniform())),
        gain=rng.uniform(0.86, 1.16) * tint,
        gamma=float(rng.uniform(0.85, 1.1)),
    )
