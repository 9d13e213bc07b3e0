import numpy as np
import pytest
from mmcv.transforms import Compose

from mmdepthseg.datasets import BrokenFileError, CityscapesSequenceDataset, ClipDataset
from mmdepthseg.datasets.transforms import LoadPoses, PackDepthSegInputs, RandomFlip
from mmdepthseg.utils.errors import UserError

LOAD = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAdjacentFrames'),
    dict(type='LoadPoses'),
    dict(type='PackDepthSegInputs'),
]


def line(x, angle=0.1):
    """A pose: turned about y, x metres to the right."""
    c, s = np.cos(angle), np.sin(angle)
    return f'{c:.9f} 0 {s:.9f} {x} 0 1 0 0.5 {-s:.9f} 0 {c:.9f} 2'


def write_poses(path, count, first=0.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(line(first + i) for i in range(count)) + '\n')


def test_poses_of_a_cityscapes_sequence(cityscapes_root):
    for city in ('aachen', 'bochum'):
        for sequence in range(2):
            write_poses(
                cityscapes_root / f'poses/train/{city}/{city}_{sequence:06d}_poses.txt',
                5,
                10.0 * sequence,
            )
    dataset = CityscapesSequenceDataset(
        data_root=str(cityscapes_root),
        frames='sequence',
        offsets=(-1, 2),
        data_prefix=dict(poses_path='poses/{split}'),
        pipeline=LOAD,
    )
    # the second sequence: frames 1 and 2 of 0..4 have both neighbours
    sample = dataset[3]['data_samples']
    assert sample.img_id == 'aachen/aachen_000001_000002'
    assert sample.gt_poses.shape == (3, 4, 4) and sample.gt_poses.dtype == np.float64
    assert sample.gt_poses[:, 0, 3].tolist() == [12.0, 11.0, 14.0]
    assert np.allclose(
        sample.gt_poses[0],
        [
            [np.cos(0.1), 0, np.sin(0.1), 12],
            [0, 1, 0, 0.5],
            [-np.sin(0.1), 0, np.cos(0.1), 2],
            [0, 0, 0, 1],
        ],
    )
    assert sample.pose_lines == [2, 1, 4]
    assert sample.poses_path.endswith('aachen_000001_poses.txt')


def test_poses_need_all_frames(cityscapes_root):
    with pytest.raises(UserError, match='aachen_000000_000002.*/none'):
        CityscapesSequenceDataset(
            data_root=str(cityscapes_root),
            data_prefix=dict(poses_path='poses', sequence_path='none'),
        )


def test_poses_of_a_clip(clip_root):
    write_poses(clip_root / 'a/poses.txt', 4)
    dataset = ClipDataset(
        data_root=str(clip_root),
        clips=['a'],
        offsets=(1,),
        poses_file='poses.txt',
        pipeline=LOAD,
    )
    assert len(dataset) == 3
    assert dataset[2]['data_samples'].gt_poses[:, 0, 3].tolist() == [2.0, 3.0]
    write_poses(clip_root / 'a/poses.txt', 3)
    with pytest.raises(BrokenFileError, match='poses.txt.* 3 .*a/002.* 4'):
        dataset[2]


@pytest.mark.parametrize(
    'text',
    ['1 2 3', 'one ' * 12, '2 ' + line(0)[2:], line('nan'), '1 0 0 0 0 1 0 0 0 0 -1 0'],
)
def test_bad_lines_are_named(tmp_path, text):
    (tmp_path / 'poses.txt').write_text(f'{line(0)}\n{text}\n')
    results = dict(
        poses_path=str(tmp_path / 'poses.txt'), pose_count=2, pose_lines=[0, 1]
    )
    with pytest.raises(BrokenFileError, match='poses.txt, line 2'):
        LoadPoses()(results)


def test_absent_poses_and_flips(clip_root):
    assert LoadPoses()(dict(img_id='a')) == dict(img_id='a')
    write_poses(clip_root / 'a/poses.txt', 4)
    dataset = ClipDataset(
        data_root=str(clip_root),
        clips=['a'],
        offsets=(1,),
        poses_file='poses.txt',
        pipeline=LOAD[:3],
    )
    flip = Compose([RandomFlip(prob=1.0), PackDepthSegInputs()])
    with pytest.raises(ValueError, match='RandomFlip.*gt_poses'):
        flip(dataset[0])
