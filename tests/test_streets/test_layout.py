import numpy as np

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


def test_cut_poses_are_not_complete(tmp_path):
    path = tmp_path / 'p.txt'
    data = layout.poses_bytes(np.stack([np.eye(4)] * 2))
    path.write_bytes(data)
    assert layout.is_complete(path, 'poses', (1, 1), 2)
    assert not layout.is_complete(path, 'poses', (1, 1), 3)
    path.write_bytes(data[:-3])
    assert not layout.is_complete(path, 'poses', (1, 1), 2)
    assert not layout.is_complete(tmp_path / 'none.txt', 'poses', (1, 1), 2)
