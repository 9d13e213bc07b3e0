"""Pictures of labels and depth: colours, overlays, sheets of panels."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from mmdepthseg.cityscapes import IGNORED

#: Percentiles of the disparities that the colours span.
RANGE = (2, 98)
UNKNOWN = 128
CAPTION_HEIGHT = 22
GAP = 4
BACKGROUND = 250
INK = (40, 40, 40)
FONT = cv2.FONT_HERSHEY_SIMPLEX
FONT_SCALE = 0.45


def to_bgr(image: torch.Tensor) -> np.ndarray:
    """Convert (3, H, W) RGB in [0, 1] to (H, W, 3) uint8 BGR."""
    array = (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    return np.ascontiguousarray(array[..., ::-1])


def color_labels(labels: np.ndarray, palette: Sequence[Sequence[int]]) -> np.ndarray:
    """Draw a label map in colour.

    Args:
        labels: (H, W) class indices.
        palette: RGB per class, as in MMSegmentation; other labels are drawn black.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    table = np.zeros((max(len(palette), IGNORED + 1), 3), np.uint8)
    table[: len(palette)] = np.asarray(palette, np.uint8)[:, ::-1]
    return table[labels]


def overlay(image: np.ndarray, colors: np.ndarray, opacity: float = 0.5) -> np.ndarray:
    """Lay colours over an image.

    Args:
        image: (H, W, 3) uint8.
        colors: (H, W, 3) uint8.
        opacity: Weight of the colours, 0..1.
    """
    return cv2.addWeighted(image, 1 - opacity, colors, opacity, 0)


def disparity_range(disparity: np.ndarray) -> tuple[float, float]:
    """Return the disparities between which `color_disparity` spans its colours.

    Args:
        disparity: Any shape; 0 or not finite: no value.

    Returns:
        The smaller and the larger one, percentiles; (0, 1) without any value.
    """
    known = disparity[np.isfinite(disparity) & (disparity > 0)]
    if not known.size:
        return 0.0, 1.0
    low, high = np.percentile(known, RANGE)
    return float(low), float(high)


def color_disparity(
    disparity: np.ndarray, limits: tuple[float, float] | None = None
) -> np.ndarray:
    """Draw a disparity map in colours of even steps to the eye; near is bright.

    Args:
        disparity: (H, W), in any unit; 0 or not finite: no value, drawn grey.
        limits: Disparities of the darkest and the brightest colour; None: those of this
            map, so that no picture is nearly of one colour.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    low, high = disparity_range(disparity) if limits is None else limits
    valid = np.isfinite(disparity) & (disparity > 0)
    scaled = (np.where(valid, disparity, low) - low) / max(high - low, 1e-9)
    grey = (scaled.clip(0, 1) * 255).astype(np.uint8)
    colors = cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO)
    colors[~valid] = UNKNOWN
    return colors


def color_depth(
    depth: np.ndarray, near: float | None = None, far: float | None = None
) -> np.ndarray:
    """Draw a depth map by its inverse, see `color_disparity`.

    Args:
        depth: (H, W); 0 or not finite: no value, drawn grey.
        near: Depth of the brightest colour; None: by the map's own range.
        far: Depth of the darkest colour; likewise.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    valid = np.isfinite(depth) & (depth > 0)
    inverse = np.where(valid, 1 / np.where(valid, depth, 1), 0)
    low, high = disparity_range(inverse)
    limits = (1 / far if far else low, 1 / near if near else high)
    return color_disparity(inverse, limits)


def contact_sheet(
    rows: Sequence[Sequence[tuple[str, np.ndarray]]], panel_width: int = 320
) -> np.ndarray:
    """Arrange captioned panels in rows.

    Args:
        rows: Caption and image (BGR or grey, uint8) of each panel; rows may differ in
            length.
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
