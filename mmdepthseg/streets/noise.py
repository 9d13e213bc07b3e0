"""Band-limited 1/f noise, the source of all surface textures."""

from functools import lru_cache

import numpy as np


def fractal_tile(
    rng: np.random.Generator,
    size: int = 512,
    exponent: float = 1.0,
    max_frequency: float = 0.25,
) -> np.ndarray:
    """Return a tileable noise image whose amplitude falls off as `1 / f**exponent`.

    Frequencies above `max_frequency` are removed: point-sampled white noise has no
    correct value between its samples, so a warped image would not match its neighbour
    even with the true depth.

    Args:
        rng: Source of randomness.
        size: Edge length of the square tile in texels.
        exponent: Fall-off of the amplitude; 1 is "pink" in two dimensions.
        max_frequency: Highest frequency in cycles per texel (Nyquist is 0.5).

    Returns:
        Float32 array (size, size), zero mean, unit standard deviation, clipped
        to [-2.5, 2.5].
    """
    white = rng.standard_normal((size, size), np.float32)
    spectrum = np.fft.rfft2(white) * _amplitude(size, exponent, max_frequency)
    tile = np.fft.irfft2(spectrum, s=(size, size))
    tile = (tile - tile.mean()) / tile.std()
    return np.clip(tile, -2.5, 2.5).astype(np.float32)


@lru_cache(maxsize=16)
def _amplitude(size: int, exponent: float, max_frequency: float) -> np.ndarray:
    """Return the amplitude of the half spectrum (size, size // 2 + 1), float32."""
    radius = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    radius[0, 0] = 1.0
    # A soft shoulder, because a hard cut would cause ringing.
    low_pass = 1.0 / (1.0 + (radius / (0.7 * max_frequency)) ** 6)
    amplitude = radius**-exponent * low_pass
    amplitude[0, 0] = 0.0
    return amplitude.astype(np.float32)
