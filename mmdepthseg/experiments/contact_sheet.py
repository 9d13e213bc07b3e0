"""Pictures of results: label and depth colouring, and a sheet of captioned panels."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mmdepthseg.utils.files import write_atomically

CAPTION_HEIGHT = 22
GAP = 4
BACKGROUND = 250
INK = (40, 40, 40)
FONT = cv2.FONT_HERSHEY_SIMPLEX
FONT_SCALE = 0.45


def color_labels(
    labels: np.ndarray, palette: Sequence[Sequence[int]], ignore_index: int = 255
) -> np.ndarray:
    """Paint a label map.

    Args:
        labels: (H, W) class indices.
        palette: RGB per class (MMSeg's habit).
        ignore_index: Painted black.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    table = np.zeros((256, 3), np.uint8)
    table[: len(palette)] = np.asarray(palette, np.uint8)[:, ::-1]
    table[ignore_index] = 0
    return table[labels.astype(np.uint8)]


def color_depth(
    depth: np.ndarray, near: float | None = None, far: float | None = None
) -> np.ndarray:
    """Paint a depth map by inverse depth: near is bright.

    Args:
        depth: (H, W); 0 and not finite = no value, painted grey.
        near: Depth of the brightest colour; default the 2nd
            percentile.
        far: Depth of the darkest colour; default the 98th.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    valid = np.isfinite(depth) & (depth > 0)
    if not valid.any():
        return np.full((*depth.shape, 3), 128, np.uint8)
    near = near or np.percentile(depth[valid], 2)
    far = far or np.percentile(depth[valid], 98)
    inverse = 1 / np.where(valid, depth, 1)
    scaled = (inverse - 1 / far) / max(1 / near - 1 / far, 1e-9)
    grey = (scaled.clip(0, 1) * 255).astype(np.uint8)
    colors = cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO)
    colors[~valid] = 128
    return colors


def contact_sheet(
    rows: Sequence[Sequence[tuple[str, np.ndarray]]], panel_width: int = 320
) -> np.ndarray:
    """Put captioned panels into rows.

    Args:
        rows: (caption, BGR or grey
            uint8 image) per panel; rows may differ in length.
        panel_width: Width of each panel in pixels.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    strips = [
        [_panel(caption, image, panel_width) for caption, image in row]
        for row in rows
        if row
    ]
    width = max(len(s) for s in strips) * (panel_width + GAP) + GAP
    height = GAP + sum(max(p.shape[0] for p in s) + GAP for s in strips)
    sheet = np.full((height, width, 3), BACKGROUND, np.uint8)
    y = GAP
    for strip in strips:
        for i, panel in enumerate(strip):
            x = GAP + i * (panel_width + GAP)
            sheet[y : y + panel.shape[0], x : x + panel_width] = panel
        y += max(p.shape[0] for p in strip) + GAP
    return sheet


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write a PNG atomically.

    Raises:
        OSError: The folder cannot be written.
    """
    ok, data = cv2.imencode('.png', image)
    if not ok:
        raise ValueError(f'{path}: could not encode the image')
    write_atomically(Path(path), data.tobytes())


def _panel(caption: str, image: np.ndarray, width: int) -> np.ndarray:
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    enlarge = width > image.shape[1]
    image = cv2.resize(
        image,
        (width, height),
        interpolation=cv2.INTER_NEAREST if enlarge else cv2.INTER_AREA,
    )
    panel = np.full((height + CAPTION_HEIGHT, width, 3), BACKGROUND, np.uint8)
    panel[CAPTION_HEIGHT:] = image
    cv2.putText(
        panel, caption, (4, CAPTION_HEIGHT - 7), FONT, FONT_SCALE, INK, 1, cv2.LINE_AA
    )
    return panel
