"""What Cityscapes defines: ids, encodings, whole files."""

import cv2
import numpy as np
import pytest

from mmdepthseg.cityscapes import (
    CLASSES,
    LABEL_IDS,
    PALETTE,
    decode_disparity,
    encode_disparity,
    is_whole,
    json_bytes,
    png_bytes,
    split_stem,
    train_id_table,
)


def test_train_ids_are_those_of_cityscapes():
    table = train_id_table()
    assert (table != 255).sum() == 19 == len(CLASSES) == len(PALETTE)
    assert table[[0, 4, 7, 23, 26, 33]].tolist() == [255, 255, 0, 10, 13, 18]
    assert [LABEL_IDS[i] for i in (0, 4, 7, 23, 26, 33)] == [255, 255, 0, 10, 13, 18]
    assert sorted(LABEL_IDS) == list(range(34))


def test_disparity_counts_256ths_of_a_pixel():
    depth = np.array([[0, 10.0, 20.0], [1e6, 0.05, 40.0]])
    code = encode_disparity(depth, baseline=0.2, fx=500.0)
    assert code.dtype == np.uint16
    assert code.tolist() == [[0, 2561, 1281], [1, 0, 641]]  # 5 cm: beyond 16 bits
    back = decode_disparity(code, baseline=0.2, fx=500.0)
    assert back.dtype == np.float32 and back[0, 0] == back[1, 0] == 0
    np.testing.assert_allclose(back[[0, 0, 1], [1, 2, 2]], [10, 20, 40], rtol=1e-6)


@pytest.mark.parametrize('keep', [0, 20, -1, -12])
def test_a_cut_file_is_not_whole(tmp_path, keep):
    image = np.zeros((16, 32, 3), np.uint8)
    files = dict(
        png=png_bytes(image),
        jpg=cv2.imencode('.jpg', image)[1].tobytes(),
        json=json_bytes(dict(extrinsic={}, intrinsic={})),
    )
    for suffix, data in files.items():
        path = tmp_path / f'a.{suffix}'
        assert not is_whole(path, (32, 16))
        path.write_bytes(data)
        assert is_whole(path, (32, 16))
        assert is_whole(path, (32, 32)) == (suffix != 'png')
        path.write_bytes(data[: keep - 1 if suffix == 'json' and keep < 0 else keep])
        assert not is_whole(path, (32, 16))


def test_names_end_with_a_frame_number():
    assert split_stem('a/a_000001_000019') == ('a/a_000001', 19)
    with pytest.raises(ValueError, match='a/photo'):
        split_stem('a/photo')
