"""Frames that are not stored as they are read, and cameras of other frames."""

import json
import re

import numpy as np
import pytest
import torch
from helpers.images import write_image
from mmengine.dataset import DefaultSampler
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader

from mmdepthseg.datasets import (
    BrokenFileError,
    CamVidDataset,
    CityscapesSequenceDataset,
    ClipDataset,
    ConcatDataset,
)
from mmdepthseg.engine.checks import frames
from mmdepthseg.engine.checks.frames import (
    check_frames,
    check_sizes_in_batches,
    left_out_images,
)
from mmdepthseg.models.data_preprocessor import DepthSegDataPreProcessor
from mmdepthseg.utils.errors import UserError

pytestmark = pytest.mark.usefixtures('our_scope')
FRAME = np.zeros((8, 16, 3), np.uint8)
WIDE = dict(K=[[16, 0, 8], [0, 16, 4], [0, 0, 1]], width=16, height=8)
SQUARE = dict(WIDE, height=16)
LOADERS = [dict(type='LoadImageFromFile'), dict(type='LoadCamera')]


def json_beside_the_clip(root, K):
    write_image(root / 'a/frames/0.png', FRAME)
    (root / 'a/intrinsics.json').write_text(json.dumps(K))
    return ClipDataset(data_root=str(root), pipeline=LOADERS)


def second_clip(root, K):
    write_image(root / 'b/frames/0.png', FRAME)
    (root / 'b/intrinsics.json').write_text(json.dumps(WIDE))
    return json_beside_the_clip(root, K)


def config_of_clips(root, K):
    write_image(root / 'a/frames/0.png', FRAME)
    return ClipDataset(data_root=str(root), intrinsics=K, pipeline=LOADERS)


def calib(root, K):
    write_image(root / 'a/image_2/0.png', FRAME)
    if K is SQUARE:  # of which the file says nothing: the frame is made square
        write_image(root / 'b/image_2/0.png', np.zeros((16, 16, 3), np.uint8))
    (root / 'a/calib.txt').write_text('P2: 16 0 8 0 0 16 4 0 0 0 1 0')
    (root / 'b').mkdir(exist_ok=True)
    (root / 'b/calib.txt').write_text('P2: 16 0 8 0 0 16 4 0 0 0 1 0')
    return ClipDataset(
        data_root=str(root), frames_dir='image_2', clips=['a'], pipeline=LOADERS
    )


def cityscapes(root, **options):
    write_image(root / 'leftImg8bit/train/a/a_0_000001_leftImg8bit.png', FRAME)
    return CityscapesSequenceDataset(data_root=str(root), pipeline=LOADERS, **options)


def camera_file(root, K, **more):
    folder = root / 'camera/train/a'
    folder.mkdir(parents=True)
    intrinsic = dict(fx=16, fy=16, u0=8, v0=4)
    content = dict(intrinsic=intrinsic, **more)
    (folder / 'a_0_000001_camera.json').write_text(json.dumps(content))


def cityscapes_file(root, K):
    camera_file(root, K, width=K['width'], height=K['height'])
    return cityscapes(root)


def cityscapes_camera_size(root, K):
    camera_file(root, K)
    return cityscapes(root, camera_size=(K['height'], K['width']))


def config_of_cityscapes(root, K):
    return cityscapes(root, default_camera=K)


SOURCES = [
    json_beside_the_clip,
    second_clip,
    config_of_clips,
    cityscapes_file,
    cityscapes_camera_size,
    config_of_cityscapes,
]


@pytest.mark.parametrize('source', SOURCES, ids=lambda source: source.__name__)
@pytest.mark.parametrize('fits', [True, False])
def test_a_camera_of_another_view_is_refused(source, fits, tmp_path):
    dataset = source(tmp_path, WIDE if fits else SQUARE)
    dataset = ConcatDataset([dataset, dataset])
    if fits:
        check_frames(dataset)
    else:
        with pytest.raises(UserError, match=r'16x16.*0*[01](_leftImg8bit)?\.png'):
            check_frames(dataset)


@pytest.mark.parametrize('loaded', [True, False])
def test_a_camera_that_nothing_loads_may_be_of_anything(loaded, tmp_path):
    dataset = json_beside_the_clip(tmp_path, SQUARE)
    dataset.pipeline.transforms = dataset.pipeline.transforms[: 2 if loaded else 1]
    if loaded:
        with pytest.raises(UserError):
            check_frames(dataset)
    else:
        check_frames(dataset)


def test_half_a_k_is_doubted(tmp_path):
    camera_file(tmp_path, WIDE, width=16 * 3, height=8 * 3)
    with pytest.warns(UserWarning, match=r'a_0_000001_camera\.json.*\(8, 4\)'):
        check_frames(cityscapes(tmp_path))


def turned(path):
    image = Image.fromarray(FRAME)
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(path, exif=exif)


def sixteen_bits(path):
    write_image(path.with_suffix('.png'), FRAME.astype(np.uint16))
    path.with_suffix('.png').rename(path)


def empty(path):
    path.write_bytes(b'')


CAUSES = {turned: 'orientation 6', sixteen_bits: '16 bits', empty: 'empty'}


@pytest.mark.parametrize('cause', CAUSES, ids=lambda cause: cause.__name__)
@pytest.mark.parametrize('kind', ['clips', 'camvid'])
def test_frames_that_are_not_as_they_are_stored(kind, cause, tmp_path):
    loaders = LOADERS[:1]
    path = tmp_path / dict(clips='a/frames/0.jpg', camvid='train/0.jpg')[kind]
    path.parent.mkdir(parents=True)

    def dataset(**options):
        make = dict(clips=ClipDataset, camvid=CamVidDataset)[kind]
        return make(data_root=str(tmp_path), pipeline=loaders, **options)

    Image.fromarray(FRAME).save(path)
    check_frames(dataset())
    cause(path)
    with pytest.raises(BrokenFileError, match=rf'0\.jpg.*{CAUSES[cause]}'):
        check_frames(dataset())
    check_frames(dataset(skip_broken=True))
    with pytest.raises(BrokenFileError, match=CAUSES[cause]):
        check_frames(dataset(skip_broken=True, test_mode=True))


FOLLOWED = [LOADERS[0], dict(type='LoadAdjacentFrames'), LOADERS[1]]


class TwoCameras(ClipDataset):
    """Frames 0..3 and 4..8 of a folder are of two cameras."""

    def find_neighbour(self, info, offset):
        path, wanted = super().find_neighbour(info, offset)
        place = info['position']
        apart = (place < 4) != (place + offset < 4)
        return None if apart else path, wanted


def clip_of_two_sizes(root, second, pipeline=FOLLOWED, kind=ClipDataset, **options):
    """Return a clip whose frames from `second` on are larger, with neighbours."""
    for number in range(9):
        frame = np.zeros((8, 16 if number < second else 18, 3), np.uint8)
        write_image(root / f'a/frames/{number}.png', frame)
    options = dict(offsets=(-1, 1), intrinsics=WIDE) | options
    return kind(data_root=str(root), pipeline=pipeline, **options)


@pytest.mark.parametrize('second', [2, 4, 5, 7])
def test_a_clip_of_two_sizes_is_refused_where_they_meet(second, tmp_path):
    with pytest.raises(BrokenFileError) as caught:
        check_frames(clip_of_two_sizes(tmp_path, second))
    message = str(caught.value)
    assert f'{second}.png is a file of 18x8' in message
    assert f'{second - 1}.png of 16x8' in message


def test_sizes_that_never_meet_are_fine(tmp_path):
    check_frames(clip_of_two_sizes(tmp_path / 'one', 9))
    check_frames(clip_of_two_sizes(tmp_path / 'alone', 4, FOLLOWED[:1], offsets=()))
    check_frames(
        clip_of_two_sizes(tmp_path / 'skip', 4, FOLLOWED[:2], skip_broken=True)
    )
    apart = clip_of_two_sizes(tmp_path / 'apart', 4, FOLLOWED[:2], TwoCameras)
    assert len(apart) == 5
    check_frames(apart)


def one_image(root, width, height, *steps, **options):
    image = np.zeros((height, width, 3), np.uint8)
    write_image(root / 'a/frames/0.png', image)
    pipeline = [dict(type='LoadImageFromFile'), *steps]
    return ClipDataset(data_root=str(root), pipeline=pipeline, **options)


@pytest.mark.parametrize(
    ('size', 'scale', 'said'),
    [
        ((512, 256), (192, 96), None),  # streets; Cityscapes
        ((240, 180), (672, 512), None),  # CamVid
        ((1242, 375), (640, 192), None),  # KITTI
        ((1226, 370), (320, 96), None),
        ((320, 180), (320, 160), None),  # 16:9
        ((320, 200), (320, 160), None),
        ((512, 256), (96, 192), r'96x192 .* 4\.0 times as high.*\(192, 96\)'),
        ((1242, 375), (320, 160), r'1\.7 times as high.*\(320, 96\)'),
        ((320, 240), (320, 160), r'1\.5 times as wide.*\(320, 256\)'),
        ((180, 320), (320, 160), r'3\.6 times as wide.*\(160, 320\)'),
        ((64, 64), 96, None),
        ((512, 256), 96, r'96x96 .* 2\.0 times as high'),
        ((1242, 375), (64, 96), r'5\.0 times as high.*\(64, 19\)'),  # 32 would not fit
    ],
)
def test_a_scale_of_another_aspect_ratio_is_doubted(size, scale, said, tmp_path):
    data = one_image(tmp_path, *size, dict(type='Resize', scale=scale))
    doubts = check_frames(data)
    assert len(doubts) == (said is not None)
    if said:
        assert re.search(said, doubts[0])
        assert '0.png of {}x{}'.format(*size) in doubts[0]
        assert 'in 1 of 1 folder' in doubts[0]


CROP = dict(type='RandomCrop', crop_size=(96, 48))
WRONG = dict(type='Resize', scale=(48, 96))
RANDOM = dict(type='RandomResize', ratio_range=(1.0, 1.5))


@pytest.mark.parametrize(
    ('steps', 'told'),
    [
        ([], False),
        ([CROP, WRONG], False),  # of parts
        ([WRONG, CROP], True),
        ([dict(WRONG, type='mmseg.Resize', keep_ratio=True)], False),
        ([dict(WRONG, type='mmseg.Resize')], True),
        ([dict(type='Resize', scale_factor=0.5)], False),
        ([dict(RANDOM, scale=(48, 96), keep_ratio=False)], True),
        ([dict(RANDOM, scale=(48, 96), keep_ratio=True)], False),
        ([dict(type='RandomResize', scale=[(48, 96), (96, 48)])], False),
        ([dict(type='RandomChoiceResize', scales=[(48, 96), (96, 48)])], False),
        ([dict(type='TestTimeAug', transforms=[[WRONG], [CROP]])], True),
        (
            [
                dict(
                    RANDOM,
                    scale=(48, 96),
                    resize_type='mmseg.ResizeShortestEdge',
                    max_size=99,
                )
            ],
            False,
        ),
    ],
)
def test_what_stretches_whole_images(steps, told, tmp_path):
    data = one_image(tmp_path, 96, 48, *steps)
    (tmp_path / 'b/frames').mkdir(parents=True)
    assert bool(check_frames(data)) == told


def test_folders_of_another_aspect_ratio_are_counted(tmp_path):
    for clip, shape in dict(b=(32, 16), c=(16, 32), d=(33, 16)).items():
        image = np.zeros((*shape, 3), np.uint8)
        write_image(tmp_path / f'{clip}/frames/0.png', image)
    data = one_image(tmp_path, 32, 16, dict(type='Resize', scale=(64, 32)))
    (doubt,) = check_frames(ConcatDataset([data]))
    assert 'in 2 of 4 folder' in doubt and 'b/frames/0.png of 16x32' in doubt


def test_other_data_sets_are_left_alone():
    check_frames([1, 2])


@pytest.fixture
def theirs(tmp_path):
    """A function that makes MMSegmentation's data set of jpg files, with changes."""
    for name in ('1.jpg', '2.JPG', 'a/3.tif', 'a/4.jpg', '._5.tif'):
        write_image(tmp_path / f'images/{name}', FRAME)
    for name in ('1.png', 'a/4.png'):
        write_image(tmp_path / f'labels/{name}', FRAME[..., 0])
    part = dict(
        type='mmseg.BaseSegDataset',
        data_root=str(tmp_path),
        data_prefix=dict(img_path='images', seg_map_path='labels'),
        metainfo=dict(classes=('road', 'car')),
    )
    return lambda **changes: ConcatDataset([part, {**part, **changes}])


def test_images_that_data_sets_of_theirs_leave_out(theirs, tmp_path):
    images = tmp_path / 'images'
    first, second = left_out_images('train_dataloader', theirs())
    assert f'train_dataloader: {images}: 1 ' in first and '2.JPG' in first
    assert f'{images / "a"}: 1 ' in second and '3.tif' in second
    # the cure; and a list, which leaves images out on purpose
    (first,) = left_out_images('x', theirs(img_suffix='.tif'))
    assert '2.JPG' in first
    (tmp_path / 'list.txt').write_text('1')
    part = theirs(ann_file='list.txt').datasets[1]
    assert len(part) == 1 and not [*left_out_images('x', part)]


def test_labels_among_images_are_not_left_out(theirs):
    part = theirs(data_prefix=dict(img_path='images', seg_map_path='images'))
    assert not [*left_out_images('x', part.datasets[1])]


PACKED = [LOADERS[0], dict(type='PackDepthSegInputs')]
RESIZED = [LOADERS[0], dict(type='Resize', scale=(8, 4)), PACKED[1]]


def check_batches(dataset, count, shuffle=False):
    """As an evaluation with that batch size."""
    model = nn.Module()
    model.data_preprocessor = DepthSegDataPreProcessor()
    sampler = DefaultSampler(dataset, shuffle=shuffle, seed=0)
    loader = DataLoader(dataset, batch_size=count, sampler=sampler)
    check_sizes_in_batches('val_dataloader', loader, model)


def two_folders(root, pipeline=PACKED):
    """Return clips a and b of three frames, those of b larger."""
    for clip, width in (('a', 16), ('b', 18)):
        for number in range(3):
            frame = np.zeros((8, width, 3), np.uint8)
            write_image(root / clip / f'frames/{number}.png', frame)
    return ClipDataset(data_root=str(root), pipeline=pipeline)


@pytest.mark.parametrize('count', [2, 4, 6, 8])
def test_two_sizes_in_a_batch_of_an_evaluation_are_refused(count, tmp_path):
    """Between clips, or among the first images of a folder."""
    wanted = r'^val_dataloader: .*\(8, 16\) and \(8, 18\).*batch_size=1 .*Resize'
    state = torch.get_rng_state()
    with pytest.raises(UserError, match=wanted):
        check_batches(two_folders(tmp_path / 'two'), count)
    with pytest.raises(UserError, match=wanted):
        mixed = clip_of_two_sizes(tmp_path / 'one', 1, PACKED, offsets=())
        check_batches(mixed, count)
    assert torch.equal(torch.get_rng_state(), state)


def test_sizes_in_batches_of_their_own_are_fine(tmp_path, monkeypatch):
    dataset = two_folders(tmp_path)
    for count in (1, 3):
        check_batches(dataset, count)
    check_batches(dataset, 2, shuffle=True)
    check_batches(two_folders(tmp_path, RESIZED), 2)
    monkeypatch.setattr(frames, 'MOST_FILES', 1)
    check_batches(dataset, 2)
