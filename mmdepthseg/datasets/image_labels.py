"""Folders of images and label maps: data sets of the field, described by the config."""

from collections.abc import Mapping

from mmdepthseg.datasets.label_tables import (
    LABEL_ID_TABLES,
    check_classes,
    given_table,
    names_train_ids,
    with_classes,
)
from mmdepthseg.datasets.options import refuse_empty, split_folders
from mmdepthseg.datasets.sequence_dataset import SequenceDataset
from mmdepthseg.names import join_path, list_below
from mmdepthseg.registry import DATASETS
from mmdepthseg.utils.errors import UserError, refuse


@DATASETS.register_module()
class ImageLabelDataset(SequenceDataset):
    """Images in folders, label maps of the same names in others.

    Layout: `<img_path>/**/<stem><img_suffix>`, any depth of folders, and
    `<seg_map_path>/**/<stem><seg_map_suffix>`; an image's id is its path without the
    suffix. The folder of one kind may be below that of another. There are neither
    neighbouring frames nor cameras.

    Args:
        split: Replaces `{split}` in the prefixes, of which one at least has it.
        data_prefix: Changes of `FOLDERS` (keys `img_path`, `seg_map_path`);
            `seg_map_path=None`: without labels.
        label_table: What the label files mean: a key of `LABEL_TABLES`,
            `{id: class index}`, `{'#RRGGBB': class index}` for coloured maps,
            `dict(red={id: class index})` for the red channel of 16-bit RGB, or the
            number of classes, for class indices. 255 as an id and as a class is
            ignored. None: class indices of the classes in `metainfo`; without classes
            all images are unlabelled.
        metainfo: Classes and palette; a named table may have its own.
        img_suffix: End of image names, in any case.
        seg_map_suffix: End of label names, in any case.
        sde_disparity_dir: Folder of stored depth labels
            `<sde_disparity_dir>/<img_id>.png`; promises a file for each image.
        **kwargs: Of `SequenceDataset`.
    """

    METAINFO: dict = dict(classes=(), palette=[])
    #: Folders below `data_root`.
    FOLDERS: Mapping[str, str | None] = dict(img_path='images', seg_map_path='labels')
    #: The split that is meant if none is given.
    SPLIT: str | None = None

    def __init__(
        self,
        *,
        split: str | None = None,
        data_prefix: Mapping | None = None,
        label_table: str | int | Mapping | None = None,
        metainfo: Mapping | None = None,
        img_suffix: str = '.jpg',
        seg_map_suffix: str = '.png',
        sde_disparity_dir: str | None = None,
        **kwargs,
    ) -> None:
        name = type(self).__name__
        table = given_table(name, label_table, kwargs.get('reduce_zero_label'))
        refuse_empty(name, dict(sde_disparity_dir=sde_disparity_dir))
        refuse(
            name,
            {
                f'seg_map_suffix={seg_map_suffix!r} is that of train ids, the '
                f'label_table {label_table!r} is one of label ids: give label_table='
                "'cityscapes_train_ids'": (
                    label_table in LABEL_ID_TABLES and names_train_ids(seg_map_suffix)
                ),
                f'seg_map_suffix={seg_map_suffix!r} is that of label ids: give '
                "label_table='cityscapes_label_ids'": (
                    label_table == 'cityscapes_train_ids'
                    and 'labelids' in seg_map_suffix.lower()
                ),
            },
        )
        self.split = split
        self.sde_disparity_dir = sde_disparity_dir
        self.label_table = table
        if not self.METAINFO['classes']:
            metainfo = with_classes(table, metainfo)
        super().__init__(
            data_prefix=split_folders(
                self.FOLDERS, data_prefix, split, name, self.SPLIT
            ),
            metainfo=metainfo,
            img_suffix=img_suffix,
            seg_map_suffix=seg_map_suffix,
            **kwargs,
        )

    @classmethod
    def get_label_map(cls, new_classes: tuple | None = None) -> dict | None:
        """Return the map to a part of the class's own classes; None if it has none."""
        return super().get_label_map(new_classes) if cls.METAINFO['classes'] else None

    def list_samples(self) -> list[dict]:
        """Return all images, with their labels if they have one."""
        classes = type(self).METAINFO['classes'] or self.metainfo['classes']
        check_classes(type(self).__name__, self.label_table, classes)
        folder = self.data_prefix['img_path']
        images = self._files('img_path', self.img_suffix, self.seg_map_suffix)
        if not images:
            split = '' if self.split is None else f' in the split {self.split!r}'
            raise UserError(
                f'{type(self).__name__}: no image{split}: searched {folder} for '
                f'*{self.img_suffix}'
            )
        labels = self._labels()
        if labels and not {*labels} & {*images}:
            raise UserError(
                f'{type(self).__name__}: none of the {len(labels)} labels in '
                f'{self.data_prefix["seg_map_path"]}, such as '
                f'{next(iter(labels))}{self.seg_map_suffix}, has the name of an image '
                f'in {folder}, such as {next(iter(images))}{self.img_suffix}: give '
                'img_suffix and seg_map_suffix, the ends in which the names differ'
            )
        self._warn_of_orphans(images, labels)
        return [
            dict(img_path=path, img_id=stem)
            | (dict(seg_map_path=labels[stem]) if stem in labels else {})
            for stem, path in images.items()
        ]

    def finish_sample(self, info: dict) -> None:
        """Add the label table and the path of the stored depth label."""
        if 'seg_map_path' in info:
            table = self.label_table
            info['label_table'] = (
                len(self.metainfo['classes']) if table is None else table
            )
        folder = self._depth_folder()
        if folder is not None:
            info['sde_disparity_path'] = f'{folder}/{info["img_id"]}.png'

    def _labels(self) -> dict[str, str]:
        """Return the label files by image; none without classes."""
        if 'seg_map_path' not in self.data_prefix or not self.metainfo['classes']:
            return {}
        return self._files('seg_map_path', self.seg_map_suffix, self.img_suffix)

    def _depth_folder(self) -> str | None:
        """Return the folder of the stored depth labels."""
        if self.sde_disparity_dir is None:
            return None
        return join_path(self.data_root or '', self.sde_disparity_dir)

    def _files(self, key: str, suffix: str, other: str) -> dict[str, str]:
        """Return the files of one kind, without those of the others among them.

        Args:
            key: Prefix of the kind.
            suffix: End of its names.
            other: End of the names of the other kind (images or labels).
        """
        place = self.data_prefix[key]
        places = {*self.data_prefix.values(), self._depth_folder()} - {None}
        option = dict(img_path='img_suffix').get(key, 'seg_map_suffix')
        cure = f'read them in a data set of their own, with {option}'
        found = list_below(place, suffix, places - {place}, cure)
        shared = {*self.data_prefix.values()} == {place}
        if not (shared and len(other) > len(suffix)):
            return found
        # in one folder 1_mask.png is the label of 1.png, and no image
        return {
            stem: path
            for stem, path in found.items()
            if not path.lower().endswith(other.lower())
        }
