"""Colours, overlays and the layout of sheets."""

import cv2
import numpy as np

from mmdepthseg.utils.pictures import write_picture
from mmdepthseg.visualization.drawing import (
    color_depth,
    color_disparity,
    color_labels,
    contact_sheet,
    overlay,
)


def test_labels_get_their_colours_as_bgr():
    labels = np.array([[0, 1, 255]])
    colors = color_labels(labels, [[128, 64, 30], [0, 0, 142]])
    assert colors.tolist() == [[[30, 64, 128], [142, 0, 0], [0, 0, 0]]]


def test_more_classes_than_a_byte_has_values():
    palette = np.arange(300)[:, None].repeat(3, 1) % 251
    colors = color_labels(np.array([[255, 299]], np.uint16), palette)
    assert colors[0, :, 0].tolist() == [4, 48]


def test_near_is_brighter_and_unknown_is_grey():
    colors = color_depth(np.array([[2.0, 50.0, 0.0, np.nan]]), near=2, far=50)
    brightness = colors.astype(int).sum(-1)[0]
    assert brightness[0] > brightness[1]
    assert (colors[0, 2:] == 128).all()
    assert (color_depth(np.zeros((2, 2))) == 128).all()


def test_sheet_holds_all_panels(tmp_path):
    red = np.zeros((10, 20, 3), np.uint8)
    red[..., 2] = 255
    sheet = contact_sheet([[('a', red), ('b', red[..., 0])], [('c', red)]], 40)
    assert sheet.shape[1] == 2 * 40 + 3 * 4
    assert (sheet == (0, 0, 255)).all(-1).sum() == 2 * 40 * 20
    write_picture(tmp_path / 'new' / 'sheet.png', sheet)
    assert np.array_equal(cv2.imread(str(tmp_path / 'new' / 'sheet.png')), sheet)


def test_small_differences_of_disparity_fill_the_colours():
    """The range is the map's own, but for the few outliers of each image."""
    disparity = np.linspace(0.0500, 0.0510, 400).reshape(20, 20)
    disparity[0, 0] = 1.0
    brightness = color_disparity(disparity).astype(int).sum(-1)
    assert np.ptp(brightness) > 500 and len(np.unique(brightness)) > 100
    far = color_disparity(disparity, (0.0, 100.0))
    assert np.ptp(far[1:].astype(int).sum(-1)) < 10


def test_overlay_weighs_the_colours():
    image, colors = np.full((2, 3, 3), 100, np.uint8), np.zeros((2, 3, 3), np.uint8)
    assert (overlay(image, colors, 0.25) == 75).all()
