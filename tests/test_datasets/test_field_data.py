"""Data sets of the field, each by its config, from miniatures in their layouts."""

import numpy as np
import pytest
import torch
from helpers import field_data, tiny_models
from mmengine.runner import Runner

from mmdepthseg.apis.pool import ImagePool
from mmdepthseg.datasets import ImageLabelDataset
from mmdepthseg.datasets.class_pixels import class_pixels
from mmdepthseg.datasets.transforms.files import BrokenFileError
from mmdepthseg.engine.checks.frames import check_frames
from mmdepthseg.engine.checks.metrics import check_truth
from mmdepthseg.launch.config import load_config
from mmdepthseg.registry import DATASETS, METRICS
from mmdepthseg.utils.errors import UserError

pytestmark = pytest.mark.usefixtures('at_home')
VOID = 255
#: Class of the ids 0..33 of Cityscapes, written again.
CITYSCAPES = (
    *(VOID, VOID, VOID, VOID, VOID, VOID, VOID, 0, 1, VOID, VOID, 2, 3, 4, VOID, VOID),
    *(VOID, 5, VOID, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, VOID, VOID, 16, 17, 18),
)
#: Class of SYNTHIA's ids 0..22: void, sky, building, road, sidewalk, fence, ...
SYNTHIA = (
    *(VOID, 10, 2, 0, 1, 4, 8, 5, 13, 7, 11, 18, 17, VOID, VOID, 6, 9, 12, 14, 15, 16),
    *(3, VOID),
)
#: Class of the indices 0..65 of Mapillary Vistas v1.2.
VISTAS = (
    *(VOID, VOID, 1, 4, VOID, VOID, 3, 0, 0, 1, VOID, 1, VOID, 0, 0, 1, VOID, 2, VOID),
    *(11, 12, 12, 12, 0, 0, VOID, 9, 10, VOID, 9, 8, VOID, VOID, VOID, VOID, VOID, 0),
    *(VOID, VOID, VOID, VOID, 0, VOID, 0, VOID, 5, VOID, 5, 6, VOID, 7, VOID, 18, VOID),
    *(15, 13, VOID, 17, 16, VOID, VOID, 14, VOID, VOID, VOID, VOID),
)
#: Config -> folders in `data`, training images, classes, class of each column.
FIELD = dict(
    mapillary_seg=(['mapillary'], 2, 65, (*range(65), VOID)),
    mapillary19_seg=(['mapillary'], 2, 19, VISTAS),
    bdd100k_seg=(['bdd100k'], 1, 19, (*range(19), VOID)),
    gta5_seg=(['gta5', 'cityscapes'], 2, 19, (*CITYSCAPES, VOID)),
    synthia_seg=(['synthia', 'cityscapes'], 1, 19, SYNTHIA),
    kitti_seg=(['kitti_semantics'], 160, 19, CITYSCAPES),
)


LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadSegLabel')]


def paths(dataset):
    """The image files of a data set."""
    return {dataset.get_data_info(i)['img_path'] for i in range(len(dataset))}


def make(name, root, factor=8):
    """Write the data of a config; the config, with smaller images and its roots."""
    cfg = load_config(f'configs/_base_/datasets/{name}.py')
    for key in ('train_dataloader', 'val_dataloader', 'predict_dataloader'):
        small = field_data.smaller(cfg[key].to_dict(), factor)
        data = root / small['dataset']['data_root']
        small['dataset']['data_root'] = str(data)
        if not data.exists():
            field_data.MAKERS[data.name](data)
        cfg[key] = small
    return cfg


@pytest.mark.parametrize('name', FIELD)
def test_labels_and_a_step(name, tmp_path):
    folders, count, classes, indices = FIELD[name]
    cfg = make(name, tmp_path)
    assert sorted(path.name for path in (tmp_path / 'data').iterdir()) == sorted(
        folders
    )
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    dataset = loader.dataset
    assert len(dataset) == count and len(dataset.metainfo['classes']) == classes
    loading = DATASETS.build(dict(cfg.train_dataloader.dataset, pipeline=LOAD))
    expected = np.resize(np.array(indices), field_data.WIDTH)
    for index in range(min(count, 3)):
        label = loading[index]['gt_seg_map']
        assert label.shape == (field_data.HEIGHT, field_data.WIDTH)
        assert (label == expected).all()
    counted = np.bincount(expected, minlength=256)[:classes] * field_data.HEIGHT
    assert (class_pixels(dataset) == counted).all()
    check_frames(dataset)

    val = DATASETS.build(cfg.val_dataloader.dataset)
    assert not paths(val) & paths(dataset)
    check_truth(METRICS.build(cfg.val_evaluator), val)
    truth = val[0]['data_samples']
    assert truth.gt_sem_seg.data.shape[1:] == truth.ori_shape == (64, 96)
    pool = ImagePool(DATASETS.build(cfg.predict_dataloader.dataset))
    assert len(pool) >= count

    torch.manual_seed(0)
    head = dict(tiny_models.SEG_HEAD, num_classes=classes)
    model = tiny_models.build(decode_head=head)
    losses = model.forward(
        **model.data_preprocessor(next(iter(loader)), True), mode='loss'
    )
    total, _ = model.parse_losses(losses)
    total.backward()
    assert torch.isfinite(total) and model.decode_head.conv_seg.weight.grad.any()


KITTI_LOAD = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAdjacentFrames'),
    dict(type='LoadCamera'),
    dict(type='LoadDepthMap'),
]


@pytest.fixture
def kitti_root(tmp_path):
    """Two drives of a day and one of another."""
    drives = ('2011_09_26_drive_0001', '2011_09_26_drive_0002', '2011_10_03_drive_0047')
    field_data.kitti_raw(tmp_path / 'kitti_raw', drives)
    return tmp_path / 'kitti_raw'


CLIP = '2011_09_26/2011_09_26_drive_0001_sync/image_02'


def kitti(root, **options):
    """The drives as a data set that loads all there is."""
    config = dict(type='KITTIRawDataset', data_root=str(root), pipeline=KITTI_LOAD)
    return DATASETS.build({**config, **options})


def clips_of(dataset):
    """Names of the clips of a data set, in order."""
    names = [dataset.get_data_info(i)['img_id'] for i in range(len(dataset))]
    return list(dict.fromkeys(name.rpartition('/')[0] for name in names))


def test_kitti_raw(kitti_root):
    dataset = kitti(kitti_root, offsets=(-1, 1), depth_dir='../kitti_depth')
    clips = [
        f'{drive[:10]}/{drive}_sync/image_0{camera}'
        for drive in field_drives(kitti_root)
        for camera in (2, 3)
    ]
    assert clips_of(dataset) == clips and len(dataset) == 6 * 2
    sample = dataset[2]  # the first drive's right camera, its second frame
    assert sample['img_id'] == f'{clips[1]}/0000000001'
    assert sample['img'][0, 1, 0] == 121
    assert [frame[0, 1, 0] for frame in sample['adjacent']] == [120, 122]
    # K is of 1242x375 and follows the smaller images
    assert sample['camera'].size == (29, 96)
    focal = (field_data.KITTI_FOCAL + 3) * 96 / 1242
    assert sample['camera'].K[0, 0] == pytest.approx(focal)
    assert sample['camera'].K[0, 2] == pytest.approx(610.0593 * 96 / 1242 - 0.5)
    assert (sample['gt_depth_map'] == 13).all()
    grey = kitti(kitti_root, cameras=[0])
    assert grey[0]['img'].shape == (29, 96, 3) and 'depth_path' not in grey[0]


def field_drives(root):
    """Drives below a root, sorted, without `_sync`."""
    return sorted(p.name.removesuffix('_sync') for p in root.glob('*/*_sync'))


def test_some_drives_of_kitti_raw(kitti_root):
    one, two, other = field_drives(kitti_root)
    for options, drives in (
        (dict(drives=[two]), [two]),
        (dict(drives=[f'2011_10_03/{other}_sync', one]), [one, other]),
        (dict(drives=['2011_09_26']), [one, two]),
        (dict(exclude_drives=['2011_09_26', '2011_09_28_drive_0037']), [other]),
    ):
        found = clips_of(kitti(kitti_root, cameras=(2,), **options))
        assert [clip.split('/')[1].removesuffix('_sync') for clip in found] == drives
    clip = f'2011_09_26/{two}_sync/image_03'
    assert clips_of(kitti(kitti_root, clips=[clip])) == [clip]
    assert clip not in clips_of(kitti(kitti_root, exclude_clips=[clip]))
    grey = clip.replace('image_03', 'image_00')  # not used, but there
    given = [clip, clip.replace(two, one), clip.replace('image_03', 'image_02')]
    found = kitti(kitti_root, clips=given, exclude_clips=[given[2], grey])
    assert clips_of(found) == given[:2]


def test_frames_of_kitti_raw_with_depth(kitti_root):
    options = dict(cameras=(2,), depth_dir='../kitti_depth')
    assert len(kitti(kitti_root, **options)) == 12
    measured = kitti(kitti_root, measured_only=True, **options)
    assert len(measured) == 9
    assert all('depth_path' in measured.get_data_info(i) for i in range(9))
    val = dict(options, depth_dir='../kitti_depth/val')
    assert len(kitti(kitti_root, measured_only=True, **val)) == 3


@pytest.mark.parametrize(
    'options, named',
    [
        (dict(drives=['2011_09_26_drive_0009']), 'drive_0009'),
        (dict(drives=['0001']), '0001'),
        (dict(cameras=(4,)), 'cameras'),
        (dict(cameras=2), 'cameras'),
        (dict(exclude_drives=['2011_09_26', '2011_10_03']), 'kitti_raw'),
        (dict(clips=['a']), 'clip a'),
        (dict(exclude_clips=['2011_09_26/2011_09_26_drive_0001_sync']), '0001_sync;'),
        (dict(exclude_clips=[CLIP.replace('0001', '0009')]), 'drive_0009'),
        (dict(clips=[CLIP], exclude_clips=[CLIP]), 'exclude_clips'),
        (dict(measured_only=True), 'depth_dir'),
        (dict(depth_dir='../nowhere'), 'nowhere/2011_09_26_drive_0001_sync'),
    ],
)
def test_mistakes_with_kitti_raw(kitti_root, options, named):
    with pytest.raises(UserError, match=named):
        kitti(kitti_root, **options)


def test_incomplete_kitti_raw(kitti_root):
    calibration = kitti_root / '2011_10_03/calib_cam_to_cam.txt'
    text = calibration.read_text()
    for key in ('P_rect_02', 'S_rect_02'):
        calibration.write_text(text.replace(key, 'X'))
        with pytest.raises(UserError, match=f'2011_10_03/calib_cam_to_cam.txt.*{key}'):
            kitti(kitti_root, offsets=(1,))
    calibration.unlink()
    assert len(kitti(kitti_root)) == 24
    with pytest.raises(UserError, match='2011_10_03/calib_cam_to_cam.txt'):
        kitti(kitti_root, offsets=(1,))
    folder = kitti_root / '2011_09_26/2011_09_26_drive_0002_sync/image_03'
    folder.rename(folder.with_name('away'))
    with pytest.raises(UserError, match='drive_0002_sync/image_03.*cameras'):
        kitti(kitti_root)


def test_depth_from_kitti_raw(tmp_path):
    """A step of self-supervised depth by the config, and its validation's truth."""
    cfg = make('kitti_raw_sde', tmp_path, 4)
    assert cfg.val_dataloader.dataset.drives[0] == '2011_09_26_drive_0002'
    cfg.val_dataloader.dataset.drives = ['2011_09_26_drive_0002']
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    assert {clip.split('/')[1] for clip in clips_of(loader.dataset)} == {
        '2011_09_26_drive_0001_sync'
    }
    assert len(loader.dataset) == 2 * 2
    check_frames(loader.dataset)
    val = DATASETS.build(cfg.val_dataloader.dataset)
    assert len(val) == 3
    check_truth(METRICS.build(cfg.val_evaluator), val)
    assert len(ImagePool(DATASETS.build(cfg.predict_dataloader.dataset))) == 4
    model = tiny_models.build(
        depth_head=tiny_models.DEPTH_HEAD, pose_net=tiny_models.POSE_NET
    )
    losses = model.forward(
        **model.data_preprocessor(next(iter(loader)), True), mode='loss'
    )
    total, _ = model.parse_losses(losses)
    total.backward()
    assert torch.isfinite(total)


def test_kitti_raw_is_mixed_with_labelled_images(tmp_path):
    images, video = make('kitti_seg', tmp_path), make('kitti_raw_sde', tmp_path)
    loader = dict(
        batch_size=3,
        num_workers=0,
        sampler=dict(type='MultiSourceSampler', source_counts=dict(labeled=2, mix=1)),
        dataset=dict(
            type='mmdepthseg.ConcatDataset',
            shared=dict(pipeline=images.train_dataloader['dataset']['pipeline']),
            sources=dict(
                labeled=dict(
                    {**images.train_dataloader['dataset'], 'branch': 'labeled'}
                ),
                mix=dict(
                    type='KITTIRawDataset',
                    data_root=video.train_dataloader['dataset']['data_root'],
                    branch='mix',
                ),
            ),
        ),
    )
    batch = next(iter(Runner.build_dataloader(loader, seed=0)))
    branches = [sample.branch for sample in batch['data_samples']]
    assert branches == ['labeled', 'labeled', 'mix']
    assert ['gt_sem_seg' in sample for sample in batch['data_samples']] == [1, 1, 0]


def test_older_download_of_mapillary(tmp_path):
    field_data.mapillary(tmp_path, 'labels')
    dataset = ImageLabelDataset(
        data_root=str(tmp_path),
        split='validation',
        data_prefix=dict(img_path='{split}/images', seg_map_path='{split}/labels'),
        label_table='mapillary_vistas',
        pipeline=LOAD,
    )
    assert dataset[1]['gt_seg_map'][0].tolist()[64:67] == [64, 255, 0]
    assert dataset.metainfo['classes'][13] == 'Road'
    assert dataset.metainfo['palette'][13] == [128, 64, 128]


def test_label_of_gta5_of_another_size(tmp_path):
    field_data.gta5(tmp_path)
    label = field_data.palette_png(field_data.columns([7])[:-1])
    field_data.write_file(tmp_path / 'labels/00002.png', label)
    options = dict(data_root=str(tmp_path), img_suffix='.png', label_table='gta5')
    with pytest.raises(BrokenFileError, match='labels/00002.png'):
        ImageLabelDataset(pipeline=LOAD, **options)[1]
    skipping = ImageLabelDataset(pipeline=LOAD, skip_broken=True, **options)
    assert skipping[1]['img_path'].endswith('00001.png')
