import cv2
import numpy as np
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmdepthseg.plugin import register_all_modules
from mmdepthseg.registry import VISUALIZERS


def test_label_maps_of_another_size_than_the_image():
    register_all_modules()
    visualizer = VISUALIZERS.build(dict(type='SegLocalVisualizer', name='sizes'))
    assert type(visualizer).__module__.startswith('mmdepthseg.')
    visualizer.dataset_meta = dict(classes=('a', 'b'), palette=[[0, 0, 0], [9, 9, 9]])
    image = np.full((8, 12, 3), 100, np.uint8)
    for size, keys in (
        ((16, 24), ('pred_sem_seg', 'gt_sem_seg')),
        ((4, 6), ('gt_sem_seg',)),
        ((8, 12), ('pred_sem_seg',)),
    ):
        data = torch.zeros(1, *size, dtype=torch.long)
        sample = SegDataSample(**{key: PixelData(data=data) for key in keys})
        visualizer.add_datasample('x', image, sample, with_labels=False)
        assert visualizer.get_image().shape[:2] == size


def test_one_picture_per_clip_and_network(tmp_path):
    register_all_modules()
    visualizer = VISUALIZERS.build(
        dict(
            type='SegLocalVisualizer',
            name='pictures',
            save_dir=str(tmp_path),
            vis_backends=[dict(type='LocalVisBackend')],
        )
    )
    visualizer.dataset_meta = dict(classes=('a', 'b'), palette=[[0, 0, 0], [9, 9, 9]])
    image = np.full((4, 6, 3), 100, np.uint8)
    for name, meta in (
        ('val_1.jpg', dict(img_id='a/1', network='student')),
        ('val_1.jpg', dict(img_id='a/1', network='teacher')),
        ('val_1.jpg', dict(img_id='b/1', network='student')),
        ('test_1.jpg', dict(img_id='c/1')),
        ('test_1.jpg', {}),
        ('mine', {}),
    ):
        path = f'/data/{meta.get("img_id", "1")}.jpg'
        sample = SegDataSample(
            pred_sem_seg=PixelData(data=torch.zeros(1, 4, 6, dtype=torch.long)),
            metainfo=dict(img_path=path, **meta),
        )
        visualizer.add_datasample(name, image, sample, step=5, with_labels=False)
    folder = tmp_path / 'vis_data/vis_image'
    pictures = {str(p.relative_to(folder)) for p in folder.rglob('*.png')}
    assert pictures == {
        'val/student/a/1_5.png',
        'val/teacher/a/1_5.png',
        'val/student/b/1_5.png',
        'test/c/1_5.png',
        'test/1_5.png',
        'mine_5.png',
    }
    assert cv2.imread(str(folder / 'test/c/1_5.png')).shape == (4, 6, 3)


def test_files_of_two_clips(tmp_path):
    """As MMSegmentation's browse_dataset.py names them, by the image alone."""
    register_all_modules()
    visualizer = VISUALIZERS.build(dict(type='SegLocalVisualizer', name='files'))
    visualizer.dataset_meta = dict(classes=('a', 'b'), palette=[[0, 0, 0], [9, 9, 9]])
    label = PixelData(data=torch.zeros(1, 4, 6, dtype=torch.long))
    for img_id in ('a/1', 'b/1'):
        meta = dict(img_path=f'/data/{img_id}.jpg', img_id=img_id)
        sample = SegDataSample(gt_sem_seg=label, metainfo=meta)
        visualizer.add_datasample(
            '1.jpg',
            np.zeros((4, 6, 3), np.uint8),
            sample,
            with_labels=False,
            out_file=str(tmp_path / '1.jpg'),
        )
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*.jpg')}
    assert found == {'a/1.jpg', 'b/1.jpg'}


def test_nothing_to_draw_and_an_image_of_any_layout(tmp_path):
    """OpenMMLab's release fails at both; the fork does not."""
    register_all_modules()
    visualizer = VISUALIZERS.build(dict(type='SegLocalVisualizer', name='layout'))
    visualizer.dataset_meta = dict(classes=('a', 'b'), palette=[[0, 0, 9], [9, 9, 9]])
    bgr = np.full((40, 60, 3), (10, 20, 200), np.uint8)
    label = PixelData(data=torch.zeros(1, 40, 60, dtype=torch.long))
    for name, sample in (
        ('none', None),
        ('empty', SegDataSample()),
        ('label', SegDataSample(gt_sem_seg=label)),
    ):
        file = tmp_path / f'{name}.png'
        visualizer.add_datasample(name, bgr[..., ::-1], sample, out_file=str(file))
        drawn = cv2.imread(str(file))
        assert drawn.shape == bgr.shape
        assert (drawn == bgr).all() == (name != 'label')
