import numpy as np
import pytest

from mmdepthseg.streets import layout


def test_names_put_the_annotated_frame_at_19():
    files = layout.clip_files('val', 'foxhaven', 3, 5)
    stem = 'foxhaven_000003_000019'
    for name in (
        f'leftImg8bit/val/foxhaven/{stem}_leftImg8bit.png',
        f'leftImg8bit_sequence/val/foxhaven/{stem}_leftImg8bit.png',
        'leftImg8bit_sequence/val/foxhaven/foxhaven_000003_000021_leftImg8bit.png',
        f'gtFine/val/foxhaven/{stem}_gtFine_labelIds.png',
        f'gtFine/val/foxhaven/{stem}_gtFine_labelTrainIds.png',
        f'camera/val/foxhaven/{stem}_camera.json',
        f'disparity/val/foxhaven/{stem}_disparity.png',
        'poses/val/foxhaven/foxhaven_000003_poses.txt',
    ):
        assert name in files
    assert len(files) == 5 + 6


def test_train_ids_are_cityscapes():
    table = layout.train_id_table()
    assert (table != 255).sum() == 19 == len(layout.CLASS_NAMES)
    assert table[[0, 4, 7, 23, 26, 33]].tolist() == [255, 255, 0, 10, 13, 18]


@pytest.mark.parametrize('keep', [0, 20, -1, -12])
def test_truncated_png_is_not_complete(tmp_path, keep):
    data = layout.png_bytes(np.zeros((16, 32, 3), np.uint8))
    path = tmp_path / 'a.png'
    layout.write_atomic(path, data)
    assert layout.is_complete(path, 'image', (32, 16), 1)
    assert not layout.is_complete(path, 'image', (32, 32), 1)
    path.write_bytes(data[:keep])
    assert not layout.is_complete(path, 'image', (32, 16), 1)


def test_cut_camera_and_poses_are_not_complete(tmp_path):
    camera, poses = tmp_path / 'c.json', tmp_path / 'p.txt'
    data = layout.json_bytes({'extrinsic': {}, 'intrinsic': {}})
    camera.write_bytes(data)
    assert layout.is_complete(camera, 'camera', (1, 1), 2)
    camera.write_bytes(data[:-5])
    assert not layout.is_complete(camera, 'camera', (1, 1), 2)
    data = layout.poses_bytes(np.stack([np.eye(4)] * 2))
    poses.write_bytes(data)
    assert layout.is_complete(poses, 'poses', (1, 1), 2)
    poses.write_bytes(data[:-3])
    assert not layout.is_complete(poses, 'poses', (1, 1), 2)


def test_write_atomic_leaves_no_part_and_clears_stale_ones(tmp_path):
    stale = tmp_path / 'a.txt.tmp-1'
    stale.write_bytes(b'half')
    layout.write_atomic(tmp_path / 'a.txt', b'whole')
    assert [p.name for p in tmp_path.iterdir()] == ['a.txt']
