import json

import numpy as np
import pytest
from helpers.images import write_image

from mmdepthseg.datasets import ClipDataset, clips
from mmdepthseg.datasets.depth_labels import DepthLabelError, DepthLabelStore
from mmdepthseg.utils.errors import UserError

LOAD = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAdjacentFrames'),
    dict(type='LoadCamera'),
    dict(type='LoadDepthMap'),
]


def build(root, **kwargs):
    return ClipDataset(data_root=str(root), pipeline=LOAD, **kwargs)


def test_clips_grey_and_colour(clip_root):
    dataset = build(clip_root, offsets=(-1, 1))
    ids = [dataset.get_data_info(i)['img_id'] for i in range(len(dataset))]
    assert ids == ['a/001', 'a/002', 'b/001']
    sample = dataset[1]
    assert sample['img'].shape == (12, 20, 3) and sample['img'][0, 0, 0] == 20
    assert [frame[0, 0, 0] for frame in sample['adjacent']] == [10, 30]
    assert sample['camera'].K[0, 0] == 20.0


def test_selected_clips_and_own_intrinsics(clip_root):
    camera = dict(
        K=[[2.0, 0, 0.5], [0, 3.0, 0.5], [0, 0, 1]],
        width=20,
        height=12,
        normalized=True,
    )
    dataset = build(clip_root, clips=['b'], intrinsics=camera)
    assert len(dataset) == 3
    assert np.allclose(dataset[0]['camera'].K, [[40, 0, 9.5], [0, 36, 5.5], [0, 0, 1]])


def test_frames_of_another_suffix_are_left_out_with_a_cure(clip_root, user_warnings):
    (folder,) = clip_root.glob('a/frames')
    write_image(folder / '999.bmp', np.zeros((12, 20, 3), np.uint8))
    count = len(build(clip_root, clips=['a']))
    (message,) = user_warnings()
    assert '999.bmp' in message and message.endswith('in img_suffixes')
    more = build(clip_root, clips=['a'], img_suffixes=('.jpg', '.png', '.bmp'))
    assert len(more) == count + 1


@pytest.mark.parametrize(
    'options', [dict(clips='a'), dict(exclude_clips=[9]), dict(img_suffixes='.bmp')]
)
def test_lists_of_texts(clip_root, options):
    (key,) = options
    with pytest.raises(UserError, match=f'{key}=.*list of texts'):
        build(clip_root, **options)


@pytest.mark.parametrize('key', ['img_suffix', 'seg_map_suffix', 'data_prefix'])
def test_options_of_other_layouts_are_refused(key, clip_root):
    with pytest.raises(UserError, match=f'ClipDataset: .*{key}: .*labels_dir'):
        build(clip_root, **{key: '_mask.png'})


def test_flat_layout(clip_root):
    dataset = build(clip_root / 'a', offsets=(1,))
    assert [dataset.get_data_info(i)['img_id'] for i in range(3)] == [
        'a/000',
        'a/001',
        'a/002',
    ]
    assert len(build(clip_root / 'a/frames')) == 4


@pytest.mark.parametrize('place', ['a/frames/9.bmp', 'a/labels/001.TIF'])
def test_images_that_are_not_read_are_named(clip_root, place):
    (clip_root / place).parent.mkdir(exist_ok=True)
    (clip_root / place).touch()
    with pytest.warns(UserWarning, match=place.rpartition('/')[2]):
        build(clip_root, metainfo=dict(classes=('road', 'car')))


def test_frames_of_another_suffix_are_not_replaced_by_a_preview(clip_root):
    for frame in (clip_root / 'b/frames').iterdir():
        frame.rename(frame.with_suffix('.webp'))
    with pytest.warns(UserWarning, match='000.webp'):
        with pytest.raises(UserError, match="clip 'b' has no image"):
            build(clip_root)


def test_a_picture_beside_clips_does_not_hide_them(clip_root):
    write_image(clip_root / 'map.png', np.zeros((12, 20, 3), np.uint8))
    with pytest.raises(UserError, match=r'clips has images .*map.*clips \(a, b\)'):
        build(clip_root)
    assert len(build(clip_root, clips=['a', 'b'])) == 7


@pytest.fixture
def kitti_root(tmp_path):
    """KITTI odometry as it is unpacked: sequences/NN and poses/NN.txt."""
    for number, focal in (('00', 30), ('03', 32)):
        folder = tmp_path / 'sequences' / number
        for i in range(3):
            image = np.full((12, 20, 3), i, np.uint8)
            write_image(folder / f'image_2/{i:06d}.png', image)
        (folder / 'calib.txt').write_text(
            'P0: 9 0 9 0 0 9 5 0 0 0 1 0\n'
            f'P2: {focal} 0 9.5 4 0 {focal} 5.5 1 0 0 1 0\n'
        )
        (tmp_path / 'poses').mkdir(exist_ok=True)
        (tmp_path / f'poses/{number}.txt').write_text(
            ''.join(f'1 0 0 {focal + i} 0 1 0 0 0 0 1 0\n' for i in range(3))
        )
    return tmp_path / 'sequences'


KITTI = dict(frames_dir='image_2', poses_file='../poses/{clip}.txt')


def test_kitti_odometry(kitti_root):
    pipeline = [*LOAD[:3], dict(type='LoadPoses'), dict(type='Resize', scale=(10, 6))]
    dataset = ClipDataset(
        data_root=str(kitti_root), offsets=(1,), pipeline=pipeline, **KITTI
    )
    ids = [dataset.get_data_info(i)['img_id'] for i in range(len(dataset))]
    assert ids == ['00/000000', '00/000001', '03/000000', '03/000001']
    sample = dataset[3]
    assert sample['gt_poses'][:, 0, 3].tolist() == [33, 34]
    # the file tells no size: K is that of the images before the Resize to half
    assert np.allclose(sample['camera'].K, [[16, 0, 4.5], [0, 16, 2.5], [0, 0, 1]])


def test_bad_kitti_calibration(kitti_root):
    calib = kitti_root / '03/calib.txt'
    for text, error in (
        ('P0: 1', 'calib.txt: a line P2:.*image_2'),
        ('P2: 30 0 9', "calib.txt: a line P2:.*'30 0 9'"),
        ('P2:' + ' 0' * 12, 'calib.txt, P2: K '),
    ):
        calib.write_text(text)
        with pytest.raises(UserError, match=error):
            build(kitti_root, offsets=(1,), **KITTI)
    calib.unlink()
    with pytest.raises(UserError, match='intrinsics.json .and no calib.txt'):
        build(kitti_root, offsets=(1,), **KITTI)


def test_damaged_image_beside_a_kitti_calibration(kitti_root):
    (kitti_root / '00/image_2/000000.png').write_bytes(b'')
    with pytest.raises(UserError, match='00/image_2/000000.png'):
        build(kitti_root, offsets=(1,), **KITTI)


def test_depth_folder(clip_root, tmp_path):
    depth = np.zeros((24, 40), np.uint16)
    depth[0, 0] = 256 * 3
    write_image(tmp_path / 'lidar/002.png', depth)
    dataset = build(clip_root, clips=['a'], depth_dir=dict(a=str(tmp_path / 'lidar')))
    assert 'gt_depth_map' not in dataset[0]
    assert dataset[2]['gt_depth_map'].shape == (12, 20)
    with pytest.raises(UserError, match='depth_dir of clip'):
        build(clip_root, depth_dir='nowhere/{clip}')
    (tmp_path / 'lidar/002.png').rename(tmp_path / 'lidar/002_depth.png')
    with pytest.raises(UserError, match=r'002_depth.* the frame 000 is 000.png'):
        build(clip_root, clips=['a'], depth_dir=dict(a=str(tmp_path / 'lidar')))
    # a folder that clips share need not have maps of each
    (tmp_path / 'lidar/002_depth.png').rename(tmp_path / 'lidar/003.png')
    dataset = build(clip_root, depth_dir=str(tmp_path / 'lidar'))
    assert 'depth_path' in dataset.get_data_info(3) and len(dataset) == 4 + 3


def test_gaps_in_the_numbers_of_frames_are_named(clip_root, monkeypatch):
    """Frames that were taken out would be neighbours of others without a word."""
    lines = []
    monkeypatch.setattr(clips, 'print_log', lambda text, **options: lines.append(text))
    (clip_root / 'a/frames/003.png').rename(clip_root / 'a/frames/020.png')
    build(clip_root)
    build(clip_root, clips=['b'], offsets=(-1, 1))
    assert not any('gap' in line for line in lines)
    dataset = build(clip_root, offsets=(-1, 1))
    assert '1 gap(s)' in lines[-1] and 'between a/002 and 020;' in lines[-1]
    assert len(dataset) == 2 + 1


def test_several_cameras_in_a_folder_are_named(clip_root, monkeypatch):
    lines = []
    monkeypatch.setattr(clips, 'print_log', lambda text, **options: lines.append(text))
    for old, new in (('002', '001_right'), ('001', '001_left')):
        (clip_root / f'a/frames/{old}.png').rename(clip_root / f'a/frames/{new}.png')
    build(clip_root)
    assert not any('camera' in line for line in lines)
    build(clip_root, offsets=(-1, 1))
    assert '1 time(s)' in lines[-1] and 'a/001_left and 001_right;' in lines[-1]


def test_bad_folders(clip_root, tmp_path):
    with pytest.raises(UserError, match=' c .*a, b'):
        build(clip_root, clips=['c'])
    with pytest.raises(UserError, match='/nowhere for <clip>/frames/'):
        build(tmp_path / 'nowhere')
    (clip_root / 'c').mkdir()
    with pytest.raises(UserError, match="'c'"):
        build(clip_root)


def test_camera_is_needed_for_neighbours_only(clip_root):
    (clip_root / 'a/intrinsics.json').unlink()
    assert 'camera' not in build(clip_root)[0]
    with pytest.raises(UserError, match="'a'.*a/intrinsics.json"):
        build(clip_root, offsets=(1,))


def test_k_of_all_clips_is_one_line(clip_root, monkeypatch):
    lines = []
    monkeypatch.setattr(clips, 'print_log', lambda text, **options: lines.append(text))
    build(clip_root)
    (line,) = lines
    assert 'fx 20.00' in line and '(a, b)' in line and '20x12' in line


def test_camera_outside_the_image(clip_root):
    (clip_root / 'a/intrinsics.json').write_text(
        json.dumps(
            dict(K=[[20.0, 0, 99.0], [0, 20.0, 5.5], [0, 0, 1]], width=20, height=12)
        )
    )
    with pytest.raises(ValueError, match=r'a/intrinsics.json: .*\(99, 5.5\)'):
        build(clip_root)


def test_frames_are_counted_and_suffixes_may_be_upper_case(tmp_path):
    for name in ('1.JPG', '2.jpg', '10.Jpeg', 'notes.txt'):
        path = tmp_path / 'ride/frames' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'')
    dataset = build(tmp_path)
    ids = [dataset.get_data_info(i)['img_id'] for i in range(len(dataset))]
    assert ids == ['ride/1', 'ride/2', 'ride/10']


def test_parent_of_a_linked_root_is_the_written_one(clip_root, tmp_path):
    links = tmp_path / 'data'
    links.mkdir()
    (links / 'video').symlink_to(clip_root, target_is_directory=True)
    write_image(links / 'depth/a/001.png', np.full((12, 20), 256, np.uint16))
    dataset = build(
        links / 'video',
        clips=['a'],
        depth_dir='../depth/{clip}',
        sde_disparity_dir='../sde',
        check_depth_labels=False,
    )
    info = dataset.get_data_info(1)
    assert info['depth_path'] == f'{links}/depth/a/001.png'
    assert info['sde_disparity_path'] == f'{links}/sde/a/001.png'
    assert dataset[1]['gt_depth_map'][0, 0] == 1.0


def test_labels_of_changed_frames_are_refused(clip_root, tmp_path):
    checkpoint = tmp_path / 'sde.pth'
    checkpoint.write_bytes(b'weights')
    store = DepthLabelStore(tmp_path / 'sde')
    store.begin(checkpoint, {})
    for i in range(4):
        store.write(
            f'a/{i:03d}', np.zeros((2, 2)), str(clip_root / f'a/frames/{i:03d}.png')
        )
    store.flush(complete=True)
    given = dict(clips=['a'], sde_disparity_dir=str(store.root))
    assert len(build(clip_root, **given)) == 4
    write_image(clip_root / 'a/frames/002.png', np.zeros((24, 40, 3), np.uint8))
    with pytest.raises(DepthLabelError, match='out of date.*a/002'):
        build(clip_root, **given)


# -- labels of one's own ---------------------------------------------------------------


def test_clips_for_validation_are_kept_out(clip_root):
    dataset = build(clip_root, exclude_clips=['a'])
    assert {dataset.get_data_info(i)['img_id'][0] for i in range(len(dataset))} == {'b'}
    with pytest.raises(UserError, match=' c .*a, b'):
        build(clip_root, exclude_clips=['c'])
    with pytest.raises(UserError, match='exclude_clips.*a, b'):
        build(clip_root, exclude_clips=['a', 'b'])
    with pytest.raises(UserError, match=r'folders: a, b; clips=\[\].*val_clips'):
        build(clip_root, clips=[])


@pytest.mark.parametrize('names', [['a/'], ['../clips/a'], ['./a'], ['/tmp']])
def test_clips_are_named_as_folders(names, clip_root):
    for given in (dict(clips=names), dict(exclude_clips=names)):
        with pytest.raises(UserError, match=f'clip {names[0]}'):
            build(clip_root, **given)
