import base64

import cv2
import numpy as np
import pytest

from mmdepthseg.selection.page.picks import make_thumbnail


def write(path, shape=(30, 40, 3), color=(10, 120, 230)):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full(shape, color, np.uint8))


@pytest.mark.parametrize(
    ('shape', 'size'),
    [((200, 400, 3), (160, 80)), ((400, 200, 3), (80, 160)), ((30, 40, 3), (40, 30)),
     ((2, 2000, 3), (160, 1))],
)  # fmt: skip
def test_thumbnail(tmp_path, shape, size):
    write(tmp_path / 'ä.png', shape)
    small = make_thumbnail(tmp_path / 'ä.png')
    head, code = small.split(',')
    assert head == 'data:image/jpeg;base64'
    data = np.frombuffer(base64.b64decode(code, validate=True), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert image.shape[1::-1] == size
    assert np.abs(image.astype(int) - (10, 120, 230)).max() < 8


def test_no_thumbnail_of_what_is_no_image(tmp_path):
    (tmp_path / 'text.png').write_text('no image')
    (tmp_path / 'empty.png').touch()
    for name in ('text.png', 'empty.png', 'absent.png', ''):
        assert make_thumbnail(tmp_path / name) is None
