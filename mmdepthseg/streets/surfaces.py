"""Repeating textures: ground, facades, walls, leaves.

All are BGR, uint8, in neutral or typical colours; quads tint them.
"""

import cv2
import numpy as np

from mmdepthseg.streets.noise import fractal_tile


def _shade(colour: tuple[float, float, float], brightness: np.ndarray) -> np.ndarray:
    """Multiply a BGR colour (0..255) by a brightness image (h, w)."""
    image = np.asarray(colour, np.float32) * brightness[..., None]
    return np.clip(image, 0, 255).astype(np.uint8)


def _noise(rng: np.random.Generator, size: int, **options: float) -> np.ndarray:
    return fractal_tile(rng, size, **options)


def _half(image: np.ndarray) -> np.ndarray:
    """Average an image, painted at twice the size, to half the size."""
    height, width = image.shape[:2]
    return cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)


def asphalt(rng: np.random.Generator, size: int = 512) -> np.ndarray:
    """Return asphalt with patches, seams, cracks and stains."""
    bright = 1.0 + 0.085 * _noise(rng, size, exponent=0.8)
    patches: np.ndarray = np.zeros((size, size), np.float32)
    for _ in range(9):
        x, y = rng.integers(0, size, 2)
        w, h = rng.integers(size // 16, size // 3, 2)
        value = float(rng.uniform(-0.2, 0.15))
        cv2.rectangle(patches, (int(x), int(y)), (int(x + w), int(y + h)), value, -1)
    for _ in range(16):
        point = rng.uniform(0, size, 2)
        angle = rng.uniform(0, 2 * np.pi)
        points = [point]
        for _ in range(14):
            angle += rng.normal(0, 0.45)
            step = np.array([np.cos(angle), np.sin(angle)]) * size / 28
            points.append(points[-1] + step)
        line = np.round(np.asarray(points)).astype(np.int32)
        value = float(rng.uniform(-0.34, -0.14))
        cv2.polylines(patches, [line], False, value, int(rng.integers(2, 5)))
    for _ in range(10):
        x, y = rng.integers(0, size, 2)
        radius = int(rng.integers(5, 26))
        value = float(rng.uniform(-0.35, -0.12))
        cv2.circle(patches, (int(x), int(y)), radius, value, -1)
    patches = cv2.GaussianBlur(patches, (0, 0), 1.3, borderType=cv2.BORDER_REFLECT)
    return _shade((118, 115, 113), np.clip(bright + patches, 0.3, 1.6))


def paving(rng: np.random.Generator, size: int = 512, slabs: int = 8) -> np.ndarray:
    """Return paving slabs, each with its own brightness."""
    bright: np.ndarray = 1.0 + 0.08 * _noise(rng, size)
    tone = rng.normal(0.0, 0.09, (slabs, slabs)).astype(np.float32)
    bright += cv2.resize(tone, (size, size), interpolation=cv2.INTER_NEAREST)
    edge = size // slabs
    for k in range(slabs):
        bright[k * edge : k * edge + 3] -= 0.22
        bright[:, k * edge : k * edge + 3] -= 0.22
    bright = cv2.GaussianBlur(bright, (0, 0), 1.0)
    return _shade((152, 158, 164), np.clip(bright, 0.3, 1.5))


def grass(rng: np.random.Generator, size: int = 512) -> np.ndarray:
    """Return grass with bare patches."""
    image: np.ndarray = np.empty((size, size, 3), np.float32)
    bright = 1.0 + 0.25 * _noise(rng, size, exponent=0.7)
    bare = np.clip(_noise(rng, size, exponent=1.4) - 0.7, 0, 1)[..., None]
    image[:] = np.array([62, 128, 104], np.float32)
    image = image * (1 - bare) + np.array([92, 124, 142], np.float32) * bare
    return np.clip(image * bright[..., None], 0, 255).astype(np.uint8)


def leaves(rng: np.random.Generator, size: int = 512) -> np.ndarray:
    """Return foliage: clumps of light and dark green."""
    clumps = _noise(rng, size, exponent=1.1)
    fine = _noise(rng, size, exponent=0.35, max_frequency=0.2)
    bright = np.clip(1.0 + 0.3 * clumps + 0.26 * fine, 0.2, 2.0)[..., None]
    hue = np.clip(0.5 + 0.3 * clumps, 0, 1)[..., None]
    dark, light = np.array([38, 74, 48]), np.array([52, 122, 92])
    image = (dark + (light - dark) * hue) * bright
    return np.clip(image, 0, 255).astype(np.uint8)


def plaster(rng: np.random.Generator, size: int = 256) -> np.ndarray:
    """Return light plaster, to be tinted."""
    return _shade((226, 226, 226), 1.0 + 0.035 * _noise(rng, size, exponent=1.1))


def bricks(rng: np.random.Generator, size: int = 512, rows: int = 16) -> np.ndarray:
    """Return a brick or block wall in light grey, to be tinted."""
    bright: np.ndarray = np.full((size, size), 1.15, np.float32)
    height = size // rows
    for row in range(rows):
        shift = (row % 2) * height
        for x in range(-shift, size, 2 * height):
            tone = float(1.0 + rng.normal(0, 0.13))
            left, right = max(x + 2, 0), min(x + 2 * height - 2, size) - 1
            top = row * height + 2
            corner = (right, top + height - 4)
            cv2.rectangle(bright, (left, top), corner, tone, -1)
    bright = cv2.GaussianBlur(bright, (0, 0), 1.2)
    bright = bright + 0.08 * _noise(rng, size)
    return _shade((204, 204, 204), np.clip(bright * 0.92, 0.3, 1.35))


def roof_tiles(rng: np.random.Generator, size: int = 256) -> np.ndarray:
    """Return rows of roof tiles in light grey, to be tinted."""
    y = np.arange(size, dtype=np.float32)[:, None]
    rows = 0.12 * np.sin(2 * np.pi * y / size * 16)
    bright = 0.9 + rows + 0.14 * _noise(rng, size)
    return _shade((200, 200, 200), np.clip(bright, 0.3, 1.3))


def fence_boards(rng: np.random.Generator, size: int = 256) -> np.ndarray:
    """Return a board fence, BGRA with gaps between the boards, light, to be tinted."""
    big = 2 * size
    image = np.zeros((big, big, 4), np.uint8)
    image[..., :3] = 96
    pitch = big // 8
    for k in range(8):
        tone = int(np.clip(200 + 28 * rng.normal(), 120, 250))
        left = k * pitch + pitch // 10
        corner = (left + int(pitch * 0.76), big)
        top = int(big * rng.uniform(0.01, 0.04))
        cv2.rectangle(image, (left, top), corner, (tone, tone, tone, 255), -1)
    for y in (0.2, 0.78):
        top = int(y * big)
        cv2.rectangle(image, (0, top), (big, top + big // 14), (150, 150, 150, 255), -1)
    image = _half(image)
    bright = 1.0 + 0.12 * _noise(rng, size)
    colour = image[..., :3] * bright[..., None]
    image[..., :3] = np.clip(colour, 0, 255).astype(np.uint8)
    return image


def railing(rng: np.random.Generator, size: int = 256) -> np.ndarray:
    """Return a metal railing, BGRA, light, to be tinted."""
    big = 2 * size
    image = np.zeros((big, big, 4), np.uint8)
    image[..., :3] = 150
    ink = (190, 190, 190, 255)
    for k in range(6):
        x = int((k + 0.5) * big / 6)
        cv2.rectangle(image, (x - big // 50, 0), (x + big // 50, big), ink, -1)
    for y in (0.03, 0.46, 0.88):
        top = int(y * big)
        cv2.rectangle(image, (0, top), (big, top + big // 15), ink, -1)
    return _half(image)


def _window(
    image: np.ndarray, rng: np.random.Generator, box: tuple[int, int, int, int]
) -> None:
    """Paint one window with frame, sill, panes and perhaps a curtain."""
    x0, y0, x1, y1 = box
    width, height = x1 - x0, y1 - y0
    frame = max(2, width // 14)
    tone = int(rng.uniform(180, 250))
    cv2.rectangle(
        image, (x0 - frame, y0 - frame), (x1 + frame, y1 + frame), (tone,) * 3, -1
    )
    ramp = np.linspace(1.5, 0.6, height)[:, None, None]
    glass = np.array([105, 82, 62]) * rng.uniform(0.5, 1.25)
    pane = np.broadcast_to(glass * ramp, (height, width, 3))
    image[y0:y1, x0:x1] = np.clip(pane, 0, 255)
    if rng.random() < 0.45:
        depth = int(height * rng.uniform(0.15, 0.75))
        curtain = np.array([196, 206, 214]) * rng.uniform(0.6, 1.0)
        image[y0 : y0 + depth, x0:x1] = curtain
    middle = (x0 + x1) // 2
    cv2.rectangle(image, (middle - 2, y0), (middle + 2, y1), (tone,) * 3, -1)
    if rng.random() < 0.5:
        bar = y0 + height // 3
        cv2.rectangle(image, (x0, bar - 2), (x1, bar + 2), (tone,) * 3, -1)
    sill = (x1 + 2 * frame, y1 + 3 * frame)
    cv2.rectangle(image, (x0 - 2 * frame, y1 + frame), sill, (168,) * 3, -1)


def facade(
    rng: np.random.Generator, size: int = 512, bays: int = 4, floors: int = 4
) -> np.ndarray:
    """Return the upper floors of a house: `bays` x `floors` windows on a light wall.

    Rows run from the top; the tile repeats in both directions.
    """
    big = 2 * size
    rough = bricks(rng, size) if rng.random() < 0.4 else plaster(rng, size)
    image: np.ndarray = cv2.resize(rough, (big, big), interpolation=cv2.INTER_LINEAR)
    cell_w, cell_h = big // bays, big // floors
    share_w, share_h = rng.uniform(0.34, 0.62), rng.uniform(0.42, 0.62)
    bands, balconies = rng.random() < 0.5, rng.random() < 0.35
    paired = rng.random() < 0.3
    for row in range(floors):
        if bands:
            top = row * cell_h
            cv2.rectangle(image, (0, top), (big, top + cell_h // 16), (238,) * 3, -1)
        for column in range(bays):
            width, height = int(cell_w * share_w), int(cell_h * share_h)
            if paired and column % 2:
                width = int(width * 0.6)
            x0 = column * cell_w + (cell_w - width) // 2
            y0 = row * cell_h + int(cell_h * 0.2)
            _window(image, rng, (x0, y0, x0 + width, y0 + height))
            if balconies and column % 2 == 0:
                y = y0 + int(height * 0.62)
                left, right = x0 - cell_w // 10, x0 + width + cell_w // 10
                bottom = y0 + height + cell_h // 14
                tone = (118, 122, 128)
                cv2.rectangle(image, (left, y), (right, bottom), tone, -1)
                cv2.rectangle(image, (left, y), (right, y + 6), (70,) * 3, -1)
    image = _half(image).astype(np.float32)
    image *= (1.0 + 0.05 * _noise(rng, size, exponent=1.2))[..., None]
    return np.clip(image, 0, 255).astype(np.uint8)


def shopfront(rng: np.random.Generator, width: int = 512) -> np.ndarray:
    """Return a ground floor, half as high as wide: shop windows, doors, signs."""
    big_w, big_h = 2 * width, width
    image: np.ndarray = np.empty((big_h, big_w, 3), np.uint8)
    image[:] = int(rng.uniform(150, 215))
    for column in range(4):
        x0, x1 = column * big_w // 4 + 16, (column + 1) * big_w // 4 - 16
        band = rng.uniform(40, 220, 3)
        if rng.random() < 0.6:
            top, bottom = int(0.08 * big_h), int(0.24 * big_h)
            cv2.rectangle(image, (x0, top), (x1, bottom), band.tolist(), -1)
            for k in range(int(rng.integers(3, 8))):
                x = x0 + 30 + k * 24
                y = (top + bottom) // 2
                cv2.rectangle(image, (x, y - 14), (x + 12, y + 14), (235,) * 3, -1)
        if rng.random() < 0.7:
            box = (x0, int(0.3 * big_h), x1, int(0.86 * big_h))
            _window(image, rng, box)
        else:
            door = (np.array([60, 70, 90]) * rng.uniform(0.5, 1.5)).tolist()
            middle = (x0 + x1) // 2
            top, half = int(0.32 * big_h), big_w // 28
            corner = (middle + half, big_h)
            cv2.rectangle(image, (middle - half, top), corner, door, -1)
    cv2.rectangle(image, (0, int(0.92 * big_h)), (big_w, big_h), (104,) * 3, -1)
    image = _half(image).astype(np.float32)
    noise = _noise(rng, width, exponent=1.2)[: width // 2]
    image *= (1.0 + 0.06 * noise)[..., None]
    return np.clip(image, 0, 255).astype(np.uint8)
