"""A small Cityscapes with true names, converted to a quarter of its size."""

import json
import os
import re
import shutil

import cv2
import numpy as np
import pytest

from mmdepthseg.cityscapes import CONVERTED, train_id_table
from mmdepthseg.datasets import BrokenFileError, CityscapesSequenceDataset
from mmdepthseg.datasets.converters import ConvertOptions, convert_cityscapes
from mmdepthseg.utils.errors import UserError

WIDTH, HEIGHT = 128, 64
SIZE = (64, 32)
CAMERA = dict(
    extrinsic=dict(baseline=0.21, pitch=0.03, x=1.7),
    intrinsic=dict(fx=141.4, fy=141.6, u0=68.6, v0=32.1),
)
POINT = (0.9, -0.6, 10.0)  # metres, in front of the camera
#: A row of label ids, three pixels each.
LABEL_IDS = np.resize(np.repeat(np.arange(34, dtype=np.uint8), 3), WIDTH)
CITIES = dict(train='aachen', val='frankfurt')
# pixels; constant, so that depth is known everywhere
DISPARITY = CAMERA['extrinsic']['baseline'] * CAMERA['intrinsic']['fx'] / POINT[2]
LOAD = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAdjacentFrames'),
    dict(type='LoadCamera'),
    dict(type='LoadSegLabel'),
    dict(type='LoadStereoDepth'),
]


def see_point(cam2img):
    u, v, w = cam2img @ np.array(POINT)
    return u / w, v / w


def blob(u, v):
    """An image with a round spot whose centre of mass is (u, v)."""
    ys, xs = np.mgrid[:HEIGHT, :WIDTH]
    spot = 200 * np.exp(-((xs - u) ** 2 + (ys - v) ** 2) / (2 * 5.0**2))
    return np.repeat(np.rint(spot)[..., None], 3, 2).astype(np.uint8)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, dict):
        path.write_text(json.dumps(content))
    else:
        assert cv2.imwrite(str(path), content)


@pytest.fixture
def original(tmp_path):
    """A train clip of five frames, a val clip of three, the middle ones annotated."""
    root = tmp_path / 'original'
    k = CAMERA['intrinsic']
    image = blob(
        *see_point(np.array([[k['fx'], 0, k['u0']], [0, k['fy'], k['v0']], [0, 0, 1]]))
    )
    label = np.repeat(LABEL_IDS[None], HEIGHT, 0)
    code = np.full((HEIGHT, WIDTH), np.rint(256 * DISPARITY) + 1, np.uint16)
    code[:, :8] = 0
    for split, city in CITIES.items():
        around = 2 if split == 'train' else 1
        for frame in range(19 - around, 20 + around):
            write(
                root / f'leftImg8bit_sequence/{split}/{city}/{city}_000000_'
                f'{frame:06d}_leftImg8bit.png',
                image,
            )
        stem = f'{split}/{city}/{city}_000000_000019'
        write(root / f'leftImg8bit/{stem}_leftImg8bit.png', image)
        write(root / f'gtFine/{stem}_gtFine_labelIds.png', label)
        write(root / f'gtFine/{stem}_gtFine_color.png', image)  # not taken along
        write(root / f'disparity/{stem}_disparity.png', code)
        write(root / f'camera/{stem}_camera.json', CAMERA)
    return root


def convert(source, out, **options):
    fixed = {
        key: options.pop(key) for key in ('size', 'image_format') if key in options
    }
    settings = dict(splits=('train', 'val'), allow_partial=True, workers=2) | options
    return convert_cityscapes(
        source, out, ConvertOptions(**dict(size=SIZE) | fixed), **settings
    )


def test_the_copy_is_a_data_set(original, tmp_path):
    manifest = convert(original, tmp_path / 'small')
    assert manifest['files'] == {
        f'{package}/{split}': count
        for package, counts in dict(
            leftImg8bit=(1, 1),
            leftImg8bit_sequence=(5, 3),
            gtFine=(1, 1),
            disparity=(1, 1),
            camera=(1, 1),
        ).items()
        for split, count in zip(('train', 'val'), counts)
    }
    assert not manifest['complete']
    dataset = CityscapesSequenceDataset(
        data_root=str(tmp_path / 'small'),
        split='train',
        offsets=(-2, 1),
        require_labels=True,
        pipeline=LOAD,
    )
    (sample,) = (dataset[i] for i in range(len(dataset)))
    assert sample['img'].shape == (32, 64, 3) and len(sample['adjacent']) == 2
    # the label: the nearest neighbour of the table's classes
    assert np.array_equal(sample['gt_seg_map'][7], train_id_table()[LABEL_IDS[1::2]])
    # depth in metres is what it was
    valid = sample['gt_depth_map'] > 0
    assert not valid[:, :4].any() and valid[:, 4:].all()
    assert np.allclose(sample['gt_depth_map'][valid], POINT[2], rtol=2e-3)


def test_cameras_follow_the_images(original, tmp_path):
    convert(original, tmp_path / 'small')
    dataset = CityscapesSequenceDataset(
        data_root=str(tmp_path / 'small'),
        frames='sequence',
        pipeline=LOAD,
        # whatever the config says about full-size cameras, the file says it better
        camera_size=(1024, 2048),
    )
    sample = dataset[0]
    weight = sample['img'][..., 0].astype(np.float64)
    ys, xs = np.mgrid[:32, :64]
    seen = (xs * weight).sum() / weight.sum(), (ys * weight).sum() / weight.sum()
    assert np.allclose(see_point(sample['camera'].K), seen, atol=0.02)
    k = CAMERA['intrinsic']
    assert np.allclose(
        sample['camera'].K[0], [k['fx'] / 2, 0, (k['u0'] + 0.5) / 2 - 0.5]
    )


def test_another_aspect_ratio(original, tmp_path):
    convert(original, tmp_path / 'flat', size=(96, 16))
    dataset = CityscapesSequenceDataset(data_root=str(tmp_path / 'flat'), pipeline=LOAD)
    sample = dataset[0]
    valid = sample['gt_depth_map'] > 0
    assert sample['img'].shape == (16, 96, 3) and valid.mean() > 0.9
    assert np.allclose(sample['gt_depth_map'][valid], POINT[2], rtol=2e-3)
    assert sample['camera'].K[1, 1] == pytest.approx(CAMERA['intrinsic']['fy'] / 4)


def test_both_kinds_of_label_agree(original, tmp_path):
    convert(original, tmp_path / 'small')
    labels = []
    for kind in ('labelIds', 'labelTrainIds'):
        dataset = CityscapesSequenceDataset(
            data_root=str(tmp_path / 'small'),
            seg_map_suffix=f'_gtFine_{kind}.png',
            require_labels=True,
            pipeline=LOAD,
        )
        labels.append(dataset[0]['gt_seg_map'])
    assert np.array_equal(*labels) and len(np.unique(labels[0])) == 20
    names = {p.name[-12:] for p in (tmp_path / 'small').rglob('*gtFine_*')}
    assert names == {'labelIds.png', 'TrainIds.png'}


def test_jpg(original, tmp_path):
    out = tmp_path / 'small'
    convert(original, out, image_format='jpg')
    dataset = CityscapesSequenceDataset(
        data_root=str(out),
        offsets=(-1, 1),
        img_suffix='_leftImg8bit.jpg',
        pipeline=LOAD,
    )
    assert dataset[0]['img'].max() > 150
    broken = next(out.glob('leftImg8bit/train/*/*.jpg'))
    whole = broken.read_bytes()
    broken.write_bytes(whole[:-9])
    convert(original, out, image_format='jpg')
    assert broken.read_bytes() == whole


def files_of(folder):
    return {
        p.relative_to(folder): (p.stat().st_mtime_ns, p.read_bytes())
        for p in folder.rglob('*')
        if p.is_file() and p.name != CONVERTED
    }


def test_interrupted_run_goes_on(original, tmp_path):
    convert(original, tmp_path / 'whole')
    expected = files_of(tmp_path / 'whole')
    out = tmp_path / 'small'

    def stop(done, total):
        assert total == 16
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(original, out, workers=1, progress=stop)
    there = files_of(out)
    assert 6 <= len(there) < len(expected)
    with pytest.raises(
        UserError, match='small is not finished .converted.json: .*: run'
    ):
        CityscapesSequenceDataset(data_root=str(out), split='train', pipeline=[])
    # what a killed run and a full disk leave behind
    (half,) = out.glob('leftImg8bit/train/*/*.png')
    half.write_bytes(half.read_bytes()[:-20])
    left_behind = half.parent / f'{half.name}.tmp-1'
    left_behind.write_bytes(b'half')
    os.utime(left_behind, (0, 0))
    kept = [path for path in there if path != half.relative_to(out)]
    counts = []
    convert(original, out, progress=lambda done, total: counts.append(done))
    now = files_of(out)
    assert {path: data for path, (_, data) in now.items()} == {
        path: data for path, (_, data) in expected.items()
    }
    assert all(now[path] == there[path] for path in kept)
    assert counts == list(range(1, 17))
    assert len(
        CityscapesSequenceDataset(data_root=str(out), split='train', pipeline=[])
    )
    # interrupted again, when other parts are added
    with pytest.raises(KeyboardInterrupt):
        convert(original, out, workers=1, progress=stop)
    with pytest.raises(UserError, match='small is not finished'):
        CityscapesSequenceDataset(data_root=str(out), split='train', pipeline=[])


def test_other_parts_do_not_finish_an_interrupted_one(original, tmp_path):
    out = tmp_path / 'small'
    settings = dict(data_root=str(out), split='train', pipeline=[])

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(original, out, workers=1, progress=stop, packages=['leftImg8bit'])
    assert convert(original, out, packages=['camera'])['unfinished'] == [
        'leftImg8bit/train',
        'leftImg8bit/val',
    ]
    with pytest.raises(UserError, match='not finished .*leftImg8bit/train.*same opt'):
        CityscapesSequenceDataset(**settings)
    convert(original, out, packages=['leftImg8bit'])
    assert len(CityscapesSequenceDataset(**settings))
    # nor a broken file
    (image,) = original.glob('leftImg8bit/train/*/*.png')
    image.write_bytes(image.read_bytes()[:-20])
    for copy in out.glob('leftImg8bit/train/*/*.png'):
        copy.unlink()
    with pytest.raises(BrokenFileError):
        convert(original, out, packages=['leftImg8bit'])
    assert convert(original, out, packages=['camera'])['unfinished'] == [
        'leftImg8bit/train'
    ]


def test_a_copy_begun_by_an_earlier_version_is_not_finished(original, tmp_path):
    convert(original, tmp_path / 'small')
    manifest = tmp_path / 'small' / CONVERTED
    content = json.loads(manifest.read_text())
    settings = dict(data_root=str(tmp_path / 'small'), split='train', pipeline=[])
    assert content.pop('unfinished') == []
    manifest.write_text(json.dumps(content))
    assert len(CityscapesSequenceDataset(**settings))
    manifest.write_text(json.dumps(dict(options=content['options'], complete=False)))
    with pytest.raises(UserError, match='is not finished'):
        CityscapesSequenceDataset(**settings)


def test_broken_files_are_named_and_the_rest_is_done(original, tmp_path):
    (image,) = original.glob('leftImg8bit/train/*/*.png')
    image.write_bytes(image.read_bytes()[:-20])
    (label,) = original.glob('gtFine/val/*/*labelIds.png')
    cv2.imwrite(str(label), np.full((HEIGHT, WIDTH), 77, np.uint8))
    (camera,) = original.glob('camera/val/*/*.json')
    camera.write_text('{"intrinsic": {"fx": 1}}')
    (disparity,) = original.glob('disparity/train/*/*.png')
    write(disparity, np.zeros((9, 9), np.uint16))
    with pytest.raises(BrokenFileError) as error:
        convert(original, tmp_path / 'small')
    message = str(error.value)
    assert message.startswith('4 of 16 files')
    assert f'{image} ' in message
    assert re.search(f'{label} .*: .77.', message)
    assert re.search(f'{camera} .*intrinsic.fy', message)
    assert f'{disparity} is 9x9' in message
    manifest = json.loads((tmp_path / 'small' / CONVERTED).read_text())
    assert manifest['unfinished'] == [
        'camera/val',
        'disparity/train',
        'gtFine/val',
        'leftImg8bit/train',
    ]
    assert manifest['files']['leftImg8bit/train'] == 0
    assert manifest['files']['leftImg8bit_sequence/train'] == 5


def test_a_partial_release_is_an_error(original, tmp_path):
    shutil.rmtree(original / 'disparity')
    next(original.glob('leftImg8bit_sequence/val/*/*_000020_*')).unlink()
    with pytest.raises(UserError) as error:
        convert(
            original,
            tmp_path / 'small',
            allow_partial=False,
            names=dict(
                train=['aachen/aachen_000000_000019', 'aachen/aachen_000001_000019']
            ),
        )
    message = str(error.value)
    assert (
        'leftImg8bit/train: 1 of 2,975 files; missing aachen/aachen_000001_000019 '
        '(leftImg8bit_trainvaltest.zip)'
    ) in message
    assert 'disparity/val: 0 of 500 files (disparity_trainvaltest.zip)' in message
    # frames are named by the annotated one in the middle
    assert (
        'leftImg8bit_sequence/val: 2 of 15,000 files; missing frankfurt/'
        'frankfurt_000000_000000, frankfurt/frankfurt_000000_000001, ' in message
    )
    assert 'and 25 more (leftImg8bit_sequence_trainvaltest.zip)' in message
    assert not list((tmp_path / 'small').rglob('*.png'))
    manifest = convert(original, tmp_path / 'small')
    assert manifest['gaps']['disparity/train'].startswith('disparity/train: 0 of')


def test_the_whole_release(original, tmp_path, monkeypatch):
    module = 'mmdepthseg.datasets.converters.cityscapes_release'
    monkeypatch.setattr(f'{module}.SPLITS', dict(train=1, val=1))
    packages = ('leftImg8bit', 'gtFine', 'camera')
    options = dict(allow_partial=False)
    first = convert(original, tmp_path / 'small', packages=packages[:2], **options)
    assert first['complete'] and not first['gaps']
    # a later run adds to what is there
    second = convert(original, tmp_path / 'small', packages=packages[2:], **options)
    assert second['complete'] and len(second['files']) == 6


def test_a_stray_file_does_not_stand_for_a_missing_one(original, tmp_path, monkeypatch):
    module = 'mmdepthseg.datasets.converters.cityscapes_release'
    monkeypatch.setattr(f'{module}.SPLITS', dict(train=1, val=1))
    options = dict(packages=('leftImg8bit',), allow_partial=False)
    (official,) = original.glob('leftImg8bit/train/*/*.png')
    stem = official.name.removesuffix('_leftImg8bit.png')
    names = dict(train=[f'{official.parent.name}/{stem}'])
    assert convert(original, tmp_path / 'small', names=names, **options)['complete']
    official.rename(official.with_name('aachen_000009_000019_leftImg8bit.png'))
    gap = f'train: 1 of 1 files; missing {names["train"][0]}'
    with pytest.raises(UserError, match=gap):
        convert(original, tmp_path / 'other', names=names, **options)


def test_official_counts():
    from mmdepthseg.datasets.converters.cityscapes_release import expected_files

    assert [
        expected_files(f'{package}/{split}')
        for package in ('leftImg8bit', 'leftImg8bit_sequence')
        for split in ('train', 'val', 'test')
    ] == [2975, 500, 1525, 89250, 15000, 45750]


def test_wrong_folders_and_options(original, tmp_path):
    with pytest.raises(UserError, match='leftImg8bit/train'):
        convert(tmp_path / 'empty', tmp_path / 'out')
    with pytest.raises(UserError, match='/original is'):
        convert(original, original)
    with pytest.raises(UserError, match='only shrinks'):
        convert(original, tmp_path / 'big', size=(256, 64))
    with pytest.raises(ValueError, match="packages.*'right'"):
        convert(original, tmp_path / 'out', packages=['right'])
    convert(original, tmp_path / 'small')
    with pytest.raises(UserError, match='options.size'):
        convert(original, tmp_path / 'small', size=(32, 16))
    with pytest.raises(UserError, match='gtFine, without converted.json'):
        (tmp_path / 'other/gtFine').mkdir(parents=True)
        convert(original, tmp_path / 'other')
    for wrong in (
        dict(size=(0, 4)),
        dict(image_format='gif'),
        dict(jpg_quality=0, image_format='jpg'),
        dict(jpg_quality=80),
    ):
        with pytest.raises(ValueError):
            ConvertOptions(**wrong)
