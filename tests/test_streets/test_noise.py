import numpy as np

from mmdepthseg.streets.noise import fractal_tile


def test_noise_is_band_limited_and_falls_off():
    tile = fractal_tile(np.random.default_rng(0), 256, 1.0, max_frequency=0.25)
    assert tile.dtype == np.float32 and tile.shape == (256, 256)
    assert abs(tile.mean()) < 0.05 and abs(tile.std() - 1) < 0.1
    power = np.abs(np.fft.fft2(tile)) ** 2
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
    low = power[(radius > 0.02) & (radius < 0.04)].mean()
    middle = power[(radius > 0.08) & (radius < 0.12)].mean()
    high = power[radius > 0.4].mean()
    # Amplitude 1/f: power falls by the square of the frequency's ratio (about 11).
    assert 5 < low / middle < 25
    assert high < 1e-3 * middle


def test_noise_tiles_without_seam():
    tile = fractal_tile(np.random.default_rng(1), 128)
    inner = np.abs(np.diff(tile, axis=1)).mean()
    seam = np.abs(tile[:, 0] - tile[:, -1]).mean()
    assert seam < 1.5 * inner
