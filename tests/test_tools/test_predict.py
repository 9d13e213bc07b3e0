"""tools/predict.py: a command for `mmdepthseg.apis.predict`."""

import cv2
import numpy as np
from helpers.untrained import DEPTH, TEACHER, save_untrained


def test_image(call_tool, tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((40, 64, 3), np.uint8))
    checkpoint = save_untrained(TEACHER, tmp_path / 'a.pth')
    where = (tmp_path / 'a.png', '--out', tmp_path / 'out', '--device', 'cpu')
    done = call_tool('predict', TEACHER, checkpoint, *where, '--part', 'student')
    assert done.returncode == 0 and '1 of 1' in done.stdout, done.stderr
    assert (tmp_path / 'out/overlays/a.png').is_file()
    done = call_tool('predict', TEACHER, checkpoint, *where)
    assert done.returncode == 2 and 'part' in done.stderr


def test_checkpoint_of_another_config(call_tool, tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((40, 64, 3), np.uint8))
    checkpoint = save_untrained(TEACHER, tmp_path / 'a.pth')
    arguments = (tmp_path / 'a.png', '--out', tmp_path / 'out')
    done = call_tool('predict', DEPTH, checkpoint, *arguments)
    assert done.returncode == 2 and 'a.pth' in done.stderr
