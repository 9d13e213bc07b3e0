"""Cut-out textures (BGRA): trees, people, two-wheelers, vehicle sides, signs.

They are painted at twice the size and averaged. Transparent texels have the colour of
the object, so that filtering does not mix in another colour.
"""

import cv2
import numpy as np

from mmdepthseg.streets.noise import fractal_tile
from mmdepthseg.streets.surfaces import leaves

Colour = tuple[float, float, float]


class Canvas:
    """A painting in relative coordinates: x and y in [0, 1], y down.

    Args:
        width: Width of the result in texels.
        height: Height of the result in texels.
        background: Colour of the transparent part.
    """

    def __init__(self, width: int, height: int, background: Colour) -> None:
        self.size = np.array([2 * width, 2 * height], np.float64)
        self.colour = np.empty((2 * height, 2 * width, 3), np.uint8)
        self.colour[:] = background
        self.alpha = np.zeros((2 * height, 2 * width), np.uint8)

    def _points(self, points: list) -> np.ndarray:
        scaled = np.asarray(points, np.float64) * self.size * 16
        return np.round(scaled).astype(np.int32).reshape(-1, 1, 2)

    def polygon(self, points: list, colour: Colour) -> None:
        """Fill a polygon."""
        pixels = self._points(points)
        cv2.fillPoly(self.colour, [pixels], colour, cv2.LINE_AA, 4)
        cv2.fillPoly(self.alpha, [pixels], 255, cv2.LINE_AA, 4)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        """Fill a rectangle."""
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour)

    def ellipse(
        self, centre: tuple, radius: tuple, colour: Colour, thickness: float = -1
    ) -> None:
        """Fill an ellipse, or draw a ring of `thickness` (share of the width)."""
        pixel = tuple(int(round(v)) for v in np.asarray(centre) * self.size)
        axes = tuple(int(round(v)) for v in np.asarray(radius) * self.size)
        line = -1 if thickness < 0 else max(1, int(thickness * self.size[0]))
        cv2.ellipse(self.colour, pixel, axes, 0, 0, 360, colour, line, cv2.LINE_AA)
        cv2.ellipse(self.alpha, pixel, axes, 0, 0, 360, 255, line, cv2.LINE_AA)

    def line(self, points: list, colour: Colour, thickness: float) -> None:
        """Draw a polyline of `thickness` (share of the width)."""
        pixels = self._points(points)
        line = max(1, int(thickness * self.size[0]))
        cv2.polylines(self.colour, [pixels], False, colour, line, cv2.LINE_AA, 4)
        cv2.polylines(self.alpha, [pixels], False, 255, line, cv2.LINE_AA, 4)

    def finish(self, opaque: bool = False) -> np.ndarray:
        """Return the texture, BGRA, or BGR if `opaque`."""
        height, width = self.alpha.shape
        size = (width // 2, height // 2)
        colour = cv2.resize(self.colour, size, interpolation=cv2.INTER_AREA)
        if opaque:
            return colour
        alpha = cv2.resize(self.alpha, size, interpolation=cv2.INTER_AREA)
        return np.concatenate([colour, alpha[..., None]], axis=2)


def crown(rng: np.random.Generator, size: int = 256, slim: float = 1.0) -> np.ndarray:
    """Return the crown of a tree: foliage with a ragged outline and some holes."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
    radius = np.hypot(x / slim, y) * 2
    outline = fractal_tile(rng, size, exponent=1.3, max_frequency=0.06)
    alpha = np.clip((0.86 + 0.13 * outline - radius) * size / 12 + 0.5, 0, 1)
    foliage = leaves(rng, size).astype(np.float32)
    # Lighter above and darker below, so that the flat cut-out looks round.
    foliage *= (1.08 - 0.55 * y - 0.3 * radius**2)[..., None]
    image = np.empty((size, size, 4), np.uint8)
    image[..., :3] = np.clip(foliage, 0, 255)
    image[..., 3] = alpha * 255
    return image


def person(rng: np.random.Generator, size: int = 256) -> np.ndarray:
    """Return a walking person, half as wide as high."""
    skin, coat, trousers, hair = (
        tuple(colour.tolist())
        for colour in (
            np.array([130, 160, 205]) * rng.uniform(0.45, 1.1),
            0.7 * rng.uniform(20, 225, 3) + 0.3 * rng.uniform(20, 225),
            0.5 * rng.uniform(20, 120, 3) + 0.5 * rng.uniform(20, 120),
            np.array([40, 50, 70]) * rng.uniform(0.3, 2.0),
        )
    )
    c = Canvas(size // 2, size, coat)
    stride = rng.uniform(0.03, 0.16)
    for side in (-1, 1):
        foot = 0.5 + side * stride
        c.line([(0.5 + side * 0.06, 0.5), (foot, 0.75), (foot, 0.97)], trousers, 0.15)
        c.line([(foot - 0.02, 0.98), (foot + 0.1, 0.98)], (30, 30, 32), 0.08)
        swing = side * rng.uniform(0.16, 0.27)
        c.line([(0.5 + side * 0.16, 0.24), (0.5 + swing, 0.5)], coat, 0.11)
        c.ellipse((0.5 + swing, 0.52), (0.045, 0.024), skin)
    hem = rng.uniform(0.5, 0.62)
    c.polygon([(0.3, 0.2), (0.7, 0.2), (0.68, hem), (0.32, hem)], coat)
    c.ellipse((0.5, 0.2), (0.2, 0.04), coat)
    c.ellipse((0.5, 0.1), (0.115, 0.072), skin)
    c.ellipse((0.5, 0.075), (0.12, 0.055), hair)
    if rng.random() < 0.5:
        bag = tuple(rng.uniform(20, 160, 3).tolist())
        c.box(0.66, 0.42, 0.86, 0.56, bag)
    return c.finish()


def two_wheeler(rng: np.random.Generator, motor: bool, size: int = 256) -> np.ndarray:
    """Return a bicycle or motorcycle from the side, twice as wide as high."""
    paint = tuple(rng.uniform(30, 230, 3).tolist())
    c = Canvas(size, size // 2, (40, 40, 42))
    black = (32, 32, 34)
    for x in (0.2, 0.8):
        c.ellipse((x, 0.66), (0.155, 0.31), black, 0.05 if motor else 0.028)
        if motor:
            c.ellipse((x, 0.66), (0.06, 0.12), (120, 120, 125))
    if motor:
        body = [(0.22, 0.42), (0.45, 0.36), (0.62, 0.25), (0.74, 0.36), (0.62, 0.72)]
        c.polygon(body + [(0.36, 0.72)], paint)
        c.polygon([(0.12, 0.34), (0.46, 0.3), (0.46, 0.42), (0.16, 0.44)], black)
        c.box(0.36, 0.6, 0.6, 0.82, (96, 98, 100))
        c.line([(0.8, 0.66), (0.7, 0.2), (0.63, 0.12)], (120, 120, 125), 0.03)
    else:
        frame = [(0.2, 0.66), (0.38, 0.3), (0.66, 0.28), (0.47, 0.68), (0.2, 0.66)]
        c.line(frame, paint, 0.03)
        c.line([(0.47, 0.68), (0.36, 0.22)], paint, 0.03)
        c.line([(0.8, 0.66), (0.66, 0.28), (0.65, 0.12), (0.72, 0.1)], paint, 0.028)
        c.line([(0.3, 0.2), (0.43, 0.2)], black, 0.045)
    return c.finish()


def wheel_from_behind(rng: np.random.Generator, size: int = 128) -> np.ndarray:
    """Return a two-wheeler from behind, half as wide as high."""
    paint = tuple(rng.uniform(40, 200, 3).tolist())
    c = Canvas(size // 2, size, (40, 40, 42))
    c.line([(0.5, 0.4), (0.5, 0.98)], (34, 34, 36), 0.2)
    c.polygon([(0.3, 0.3), (0.7, 0.3), (0.6, 0.62), (0.4, 0.62)], paint)
    c.line([(0.08, 0.14), (0.92, 0.14)], (60, 60, 64), 0.1)
    return c.finish()


def rider(rng: np.random.Generator, side: bool, size: int = 256) -> np.ndarray:
    """Return a seated rider from the side (square) or from behind (half as wide)."""
    skin = tuple((np.array([130, 160, 205]) * rng.uniform(0.6, 1.1)).tolist())
    coat = tuple(rng.uniform(40, 240, 3).tolist())
    trousers = tuple(rng.uniform(20, 100, 3).tolist())
    helmet = tuple(rng.uniform(30, 240, 3).tolist())
    if side:
        c = Canvas(size, size, coat)
        c.line([(0.3, 0.56), (0.56, 0.66), (0.47, 0.95)], trousers, 0.11)
        c.polygon([(0.24, 0.6), (0.4, 0.18), (0.56, 0.22), (0.4, 0.62)], coat)
        c.line([(0.5, 0.26), (0.6, 0.44), (0.76, 0.44)], coat, 0.08)
        c.ellipse((0.53, 0.12), (0.08, 0.09), skin)
        c.ellipse((0.52, 0.09), (0.09, 0.075), helmet)
        return c.finish()
    c = Canvas(size // 2, size, coat)
    for sign in (-1, 1):
        x = 0.5 + sign * 0.17
        c.line([(x, 0.5), (x, 0.92)], trousers, 0.16)
        c.line([(0.5 + sign * 0.2, 0.24), (0.5 + sign * 0.34, 0.52)], coat, 0.12)
    c.polygon([(0.26, 0.2), (0.74, 0.2), (0.68, 0.6), (0.32, 0.6)], coat)
    c.ellipse((0.5, 0.1), (0.13, 0.075), skin)
    c.ellipse((0.5, 0.08), (0.15, 0.075), helmet)
    return c.finish()


def sign(rng: np.random.Generator, kind: int, size: int = 64) -> np.ndarray:
    """Return a sign: prohibition, warning, mandatory, priority, parking, name."""
    red, blue, white, yellow = (36, 30, 196), (176, 84, 24), (240,) * 3, (40, 190, 240)
    c = Canvas(size, size, white)
    if kind == 0:
        c.ellipse((0.5, 0.5), (0.48, 0.48), red)
        c.ellipse((0.5, 0.5), (0.33, 0.33), white)
        c.box(0.34, 0.4, 0.46, 0.62, (30, 30, 30))
        c.box(0.54, 0.4, 0.66, 0.62, (30, 30, 30))
    elif kind == 1:
        c.polygon([(0.5, 0.03), (0.98, 0.93), (0.02, 0.93)], red)
        c.polygon([(0.5, 0.28), (0.76, 0.78), (0.24, 0.78)], white)
    elif kind == 2:
        c.ellipse((0.5, 0.5), (0.48, 0.48), blue)
        c.line([(0.5, 0.75), (0.5, 0.25), (0.35, 0.42)], white, 0.1)
    elif kind == 3:
        c.polygon([(0.5, 0.01), (0.99, 0.5), (0.5, 0.99), (0.01, 0.5)], white)
        c.polygon([(0.5, 0.16), (0.84, 0.5), (0.5, 0.84), (0.16, 0.5)], yellow)
    elif kind == 4:
        c.box(0.02, 0.02, 0.98, 0.98, blue)
        c.box(0.36, 0.18, 0.46, 0.84, white)
        c.ellipse((0.53, 0.36), (0.16, 0.16), white)
    else:
        c.box(0.0, 0.25, 1.0, 0.75, (72, 140, 30) if rng.random() < 0.4 else yellow)
        for k in range(5):
            c.box(0.1 + 0.17 * k, 0.42, 0.2 + 0.17 * k, 0.58, (40, 40, 40))
    return c.finish()


def traffic_light(state: int, size: int = 128) -> np.ndarray:
    """Return a traffic light, half as wide as high; state 0 (red) to 2 (green)."""
    c = Canvas(size // 2, size, (30, 34, 34))
    c.box(0, 0, 1, 1, (30, 34, 34))
    lamps = ((40, 40, 235), (40, 180, 250), (90, 220, 60))
    for k, (blue, green, red) in enumerate(lamps):
        light = 1.0 if k == state else 0.22
        colour = (blue * light, green * light, red * light)
        c.ellipse((0.5, 0.19 + 0.31 * k), (0.3, 0.14), colour)
    return c.finish(opaque=True)


def gable(size: int = 128) -> np.ndarray:
    """Return the plaster triangle under a saddle roof, light, to be tinted."""
    c = Canvas(size, size, (208, 208, 208))
    c.polygon([(0.5, 0.0), (1.0, 1.0), (0.0, 1.0)], (208, 208, 208))
    c.box(0.44, 0.52, 0.56, 0.78, (90, 76, 62))
    return c.finish()
