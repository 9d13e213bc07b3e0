"""tools/import_depth.py: from 16-bit PNGs to depth labels and a sheet."""

import cv2
import numpy as np


def test_png_in_metres(call_tool, tmp_path):
    for folder, image in (
        ('images', np.zeros((32, 48, 3), np.uint8)),
        ('maps', np.full((32, 48), 512, np.uint16)),
    ):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / '1.png'), image)
    out = tmp_path / 'labels'
    arguments = ('--images', tmp_path / 'images', '--out', out, '--kind', 'depth')
    done = call_tool('import_depth', tmp_path / 'maps', *arguments, '--divisor', 256)
    assert done.returncode == 0, done.stderr
    assert '1 labels' in done.stdout and '100.0%' in done.stdout
    assert cv2.imread(str(out / 'contact_sheet.png')).shape[1] > 900
    value = cv2.imread(str(out / '1.png'), cv2.IMREAD_UNCHANGED)[0, 0]
    assert value == round((1 / 2 - 0.01) / 9.99 * 65535)
    done = call_tool('import_depth', tmp_path / 'maps', *arguments, '--scale', 0)
    assert done.returncode == 2 and 'scale' in done.stderr
