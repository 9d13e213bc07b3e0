"""CamVid, 11 classes."""

from mmdepthseg.datasets.image_labels import ImageLabelDataset
from mmdepthseg.registry import DATASETS


@DATASETS.register_module()
class CamVidDataset(ImageLabelDataset):
    """CamVid with 11 classes (Brostow et al. 2009; classes as in SegNet's release).

    Layout: `<split>/<stem>.jpg` and `<split>annot/<stem>.png` (8 bit, class
    index, 11 = unlabelled, which is ignored). There are neither neighbouring frames
    nor cameras.

    Args:
        split: `train`, `val` or `test`.
        label_table: See `ImageLabelDataset`.
        **kwargs: Of `ImageLabelDataset`.
    """

    METAINFO = dict(
        classes=(
            'sky',
            'building',
            'pole',
            'road',
            'pavement',
            'tree',
            'signsymbol',
            'fence',
            'car',
            'pedestrian',
            'bicyclist',
        ),
        palette=[
            [128, 128, 128],
            [128, 0, 0],
            [192, 192, 128],
            [128, 64, 128],
            [60, 40, 222],
            [128, 128, 0],
            [192, 128, 128],
            [64, 64, 128],
            [64, 0, 128],
            [64, 64, 0],
            [0, 128, 192],
        ],
    )

    FOLDERS = dict(img_path='{split}', seg_map_path='{split}annot')
    SPLIT = 'train'

    def __init__(
        self, *, split: str = SPLIT, label_table: str = 'camvid', **kwargs
    ) -> None:
        super().__init__(split=split, label_table=label_table, **kwargs)
