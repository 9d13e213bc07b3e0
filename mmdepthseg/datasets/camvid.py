"""CamVid, 11 classes."""

from mmdepthseg.datasets.sequence_dataset import SequenceDataset, split_folders
from mmdepthseg.names import join_path, list_files
from mmdepthseg.registry import DATASETS
from mmdepthseg.utils.errors import UserError

#: Folders below `data_root`.
FOLDERS = dict(img_path='{split}', seg_map_path='{split}annot')


@DATASETS.register_module()
class CamVidDataset(SequenceDataset):
    """CamVid with 11 classes (Brostow et al. 2009; classes as in SegNet's release).

    Layout: `<split>/<stem>.jpg` and `<split>annot/<stem>.png` (8 bit, class
    index, 11 = unlabelled, which is ignored). There are neither neighbouring frames
    nor cameras.

    Args:
        split: `train`, `val` or `test`.
        img_suffix: End of image names, in any case.
        seg_map_suffix: End of label names, in any case.
        sde_disparity_dir: Folder of stored depth labels
            `<sde_disparity_dir>/<stem>.png`; promises a file for each image.
        **kwargs: Of `SequenceDataset`; `data_prefix` has the keys
            `img_path` and `seg_map_path`.
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

    def __init__(
        self,
        *,
        split: str = 'train',
        data_prefix: dict | None = None,
        img_suffix: str = '.jpg',
        seg_map_suffix: str = '.png',
        sde_disparity_dir: str | None = None,
        **kwargs,
    ) -> None:
        self.split = split
        self.sde_disparity_dir = sde_disparity_dir
        super().__init__(
            data_prefix=split_folders(FOLDERS, data_prefix, split, type(self).__name__),
            img_suffix=img_suffix,
            seg_map_suffix=seg_map_suffix,
            **kwargs,
        )

    def list_samples(self) -> list[dict]:
        """Return all images of the split, with their labels if they have one."""
        folder = self.data_prefix['img_path']
        images = list_files(folder, self.img_suffix)
        if not images:
            raise UserError(
                f'CamVidDataset: no image in the split {self.split!r}: searched '
                f'{folder} for *{self.img_suffix}.'
            )
        label_folder = self.data_prefix.get('seg_map_path')
        labels = list_files(label_folder, self.seg_map_suffix) if label_folder else {}
        return [
            dict(img_path=path, img_id=stem)
            | (dict(seg_map_path=labels[stem]) if stem in labels else {})
            for stem, path in images.items()
        ]

    def finish_sample(self, info: dict) -> None:
        """Add the label table and the path of the stored depth label."""
        if 'seg_map_path' in info:
            info['label_table'] = 'camvid'
        if self.sde_disparity_dir:
            folder = join_path(self.data_root or '', self.sde_disparity_dir)
            info['sde_disparity_path'] = f'{folder}/{info["img_id"]}.png'
