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
