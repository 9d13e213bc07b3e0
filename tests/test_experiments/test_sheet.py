"""Sheets: colours and layout."""

import cv2
import numpy as np

from mmdepthseg.experiments.sheet import (
    color_depth,
    color_labels,
    contact_sheet,
    write_image,
)


def test_labels_get_their_colours_as_bgr():
    labels = np.array([[0, 1, 255]])
    colors = color_labels(labels, [[128, 64, 30], [0, 0, 142]])
    assert colors.tolist() == [[[30, 64, 128], [142, 0, 0], [0, 0, 0]]]


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
    write_image(tmp_path / 'new' / 'sheet.png', sheet)
    assert np.array_equal(cv2.imread(str(tmp_path / 'new' / 'sheet.png')), sheet)
