"""Cityscapes with its sequences, cameras and stereo disparity."""

import logging
import os.path as osp
from bisect import bisect_left
from collections.abc import Mapping

from mmengine.logging import print_log

from mmdepthseg.cityscapes import (
    CLASSES,
    CONVERTED,
    PALETTE,
    STREETS_UNFINISHED,
    split_stem,
)
from mmdepthseg.datasets.intrinsics import parse_intrinsics
from mmdepthseg.datasets.label_tables import names_train_ids
from mmdepthseg.datasets.options import refuse_empty, split_folders
from mmdepthseg.datasets.sequence_dataset import SequenceDataset
from mmdepthseg.names import list_tree
from mmdepthseg.registry import DATASETS
from mmdepthseg.utils.errors import UserError, listed, refuse
from mmdepthseg.utils.files import read_json

#: Folders below `data_root`; None: not used unless the config sets it.
FOLDERS = dict(
    img_path='leftImg8bit/{split}',
    sequence_path='leftImg8bit_sequence/{split}',
    seg_map_path='gtFine/{split}',
    camera_path='camera/{split}',
    disparity_path='disparity/{split}',
    poses_path=None,
    sde_disparity_path=None,
)
#: The split that is meant if none is given.
SPLIT = 'train'
#: What the names of files of class indices have in place of `labelIds`.
INDICES_NAME = 'labelTrainIds'


@DATASETS.register_module()
class CityscapesSequenceDataset(SequenceDataset):
    """Cityscapes-layout frames: annotated ones or every frame of the sequences.

    MMSegmentation's `CityscapesDataset` has neither sequences nor cameras, and needs
    label files converted by cityscapesScripts; here `labelIds` are mapped while
    loading.

    Files below `data_root`, `<stem>` being `<city>_<sequence>_<frame>`::

        leftImg8bit/<split>/<city>/<stem>_leftImg8bit.png
        leftImg8bit_sequence/<split>/<city>/<stem>_leftImg8bit.png
        gtFine/<split>/<city>/<stem>_gtFine_labelIds.png
        camera/<split>/<city>/<stem>_camera.json
        disparity/<split>/<city>/<stem>_disparity.png
        poses/<split>/<city>/<city>_<sequence>_poses.txt       (streets; see LoadPoses)

    and stored depth labels `<sde_disparity_path>/<city>/<stem>.png`. Only the images
    must exist. Suffixes may be in any case.

    Args:
        split: `train`, `val`, ...; replaces `{split}` in the prefixes.
        data_prefix: Changes of `FOLDERS` (keys `img_path`, `sequence_path`,
            `seg_map_path`, `camera_path`, `disparity_path`, `poses_path`,
            `sde_disparity_path`); None turns an item off. A given
            `sde_disparity_path` promises a file for every frame, a given
            `poses_path` (`'poses/{split}'`) one for every sequence.
        frames: Target frames: `'annotated'` (those of `img_path`) or
            `'sequence'` (all of `sequence_path`).
        default_camera: `dict(K=3x3, width=..., height=...)` (or
            `normalized=True`) for frames whose sequence has no camera file. A
            frame without a file of its own takes that of the nearest frame of its
            sequence.
        camera_size: (height, width) of the image that camera files without
            `width` and `height` refer to; None: that of the image file.
            Give (1024, 2048) for Cityscapes images stored at another size.
        img_suffix: End of image names.
        seg_map_suffix: End of label names; `labelTrainIds` in it (in any case)
            means that ids are class indices already.
        camera_suffix: End of camera file names.
        disparity_suffix: End of stereo disparity names.
        sde_disparity_suffix: End of depth label names.
        **kwargs: Of `SequenceDataset`.
    """

    METAINFO = dict(classes=CLASSES, palette=PALETTE)

    def __init__(
        self,
        *,
        split: str = SPLIT,
        data_prefix: Mapping | None = None,
        frames: str = 'annotated',
        default_camera: dict | None = None,
        camera_size: tuple[int, int] | None = None,
        img_suffix: str = '_leftImg8bit.png',
        seg_map_suffix: str = '_gtFine_labelIds.png',
        camera_suffix: str = '_camera.json',
        disparity_suffix: str = '_disparity.png',
        sde_disparity_suffix: str = '.png',
        **kwargs,
    ) -> None:
        name = type(self).__name__
        suffixes = dict(
            camera_suffix=camera_suffix,
            disparity_suffix=disparity_suffix,
            sde_disparity_suffix=sde_disparity_suffix,
        )
        refuse_empty(name, suffixes)
        refuse(
            name,
            {
                f"frames is 'annotated' or 'sequence', not {frames!r}": (
                    frames not in ('annotated', 'sequence')
                ),
                f'camera_size is (height, width), not {camera_size!r}': (
                    camera_size is not None
                    and [type(side) for side in camera_size] != [int, int]
                ),
                f'seg_map_suffix={seg_map_suffix!r}: files of train ids are known by '
                f'{INDICES_NAME} in their names: rename them, such as to '
                f'_gtFine_{INDICES_NAME}.png': (
                    names_train_ids(seg_map_suffix)
                    and INDICES_NAME.lower() not in seg_map_suffix.lower()
                ),
                'reduce_zero_label does not go with the ids of Cityscapes': bool(
                    kwargs.get('reduce_zero_label')
                ),
            },
        )
        self.split = split
        self.frames = frames
        self.camera_size = tuple(camera_size) if camera_size else None
        self.default_camera = (
            None
            if default_camera is None
            else parse_intrinsics(default_camera, 'default_camera')
        )
        self.camera_suffix = camera_suffix
        self.disparity_suffix = disparity_suffix
        self.sde_disparity_suffix = sde_disparity_suffix
        self._sequence_files: dict[str, str] = {}
        self._frame_numbers: dict[str, list[int]] = {}
        super().__init__(
            data_prefix=split_folders(FOLDERS, data_prefix, split, name, SPLIT),
            img_suffix=img_suffix,
            seg_map_suffix=seg_map_suffix,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """List the samples; the listing of neighbours is dropped afterwards.

        Raises:
            UserError: Streets are not rendered, or a copy of Cityscapes is not
                converted to its end: a part would pass for all.
        """
        root = self.data_root
        for mark, tool in (
            (STREETS_UNFINISHED, 'streets.py'),
            (CONVERTED, 'cityscapes.py'),
        ):
            left = _unfinished(osp.join(root, mark)) if root else ''
            if left:
                raise UserError(
                    f'{root} is not finished ({left}): run tools/dataset_converters/'
                    f'{tool} with the same options again; it goes on where it stopped'
                )
        samples = super().load_data_list()
        self._sequence_files = {}  # not to be copied into every worker
        self._frame_numbers = {}
        return samples

    def list_samples(self) -> list[dict]:
        """Return all target frames with the paths of their files."""
        prefix = self.data_prefix
        cure = 'read them in a data set of their own, with img_suffix'
        if self.offsets or self.frames == 'sequence' or 'poses_path' in prefix:
            self._sequence_files = list_tree(
                prefix.get('sequence_path'), self.img_suffix, True, cure
            )
        if 'poses_path' in prefix:
            for img_id in self._sequence_files:
                sequence, number = split_stem(img_id)
                self._frame_numbers.setdefault(sequence, []).append(number)
        key, images = 'sequence_path', self._sequence_files
        if self.frames == 'annotated':
            key = 'img_path'
            images = list_tree(prefix.get(key), self.img_suffix, True, cure)
        if not images:
            raise UserError(
                f'{type(self).__name__}: no image in the split {self.split!r}: '
                f'searched {prefix.get(key)}/<city>/*{self.img_suffix}'
            )
        samples = [
            dict(img_path=path, img_id=img_id) for img_id, path in images.items()
        ]
        for key, suffix in (
            ('seg_map_path', self.seg_map_suffix),
            ('disparity_path', self.disparity_suffix),
        ):
            files = list_tree(prefix.get(key), suffix)
            if key == 'seg_map_path':
                self._warn_of_orphans(images, files)
            for info in samples:
                if info['img_id'] in files:
                    info[key] = files[info['img_id']]
        return self._add_cameras(samples)

    def finish_sample(self, info: dict) -> None:
        """Add the label table and the paths of poses and the stored depth label."""
        if 'seg_map_path' in info:
            info['label_table'] = (
                'cityscapes_train_ids'
                if names_train_ids(self.seg_map_suffix)
                else 'cityscapes_label_ids'
            )
        folder = self.data_prefix.get('sde_disparity_path')
        if folder:
            info['sde_disparity_path'] = (
                f'{folder}/{info["img_id"]}{self.sde_disparity_suffix}'
            )
        if 'poses_path' in self.data_prefix:
            sequence, number = split_stem(info['img_id'])
            numbers = self._frame_numbers.get(sequence, [])
            if number not in numbers:
                raise UserError(
                    f'{type(self).__name__}: poses need all frames of a sequence; '
                    f'{info["img_id"]} is not in {self.data_prefix["sequence_path"]}'
                )
            info['poses_path'] = (
                f'{self.data_prefix["poses_path"]}/{sequence}_poses.txt'
            )
            info['pose_count'] = len(numbers)
            info['pose_lines'] = [
                numbers.index(number + offset) for offset in (0, *self.offsets)
            ]

    def find_neighbour(self, info: dict, offset: int) -> tuple[str | None, str]:
        """Return the frame of the same sequence whose number is `offset` higher."""
        sequence, number = split_stem(info['img_id'])
        neighbour = f'{sequence}_{number + offset:06d}'
        wanted = f'{self.data_prefix.get("sequence_path")}/{neighbour}{self.img_suffix}'
        return self._sequence_files.get(neighbour), wanted

    def _add_cameras(self, samples: list[dict]) -> list[dict]:
        files = list_tree(self.data_prefix.get('camera_path'), self.camera_suffix)
        numbered: dict[str, dict[int, str]] = {}
        for img_id, file in files.items():
            sequence, number = split_stem(img_id)
            numbered.setdefault(sequence, {})[number] = file
        numbers = {sequence: sorted(known) for sequence, known in numbered.items()}
        without = []
        for info in samples:
            path = files.get(info['img_id'])
            if path is None:
                sequence, number = split_stem(info['img_id'])
                if sequence in numbers:
                    nearest = nearest_number(numbers[sequence], number)
                    path = numbered[sequence][nearest]
            if path is not None:
                info['camera_path'] = path
                if self.camera_size:
                    info['camera_size'] = self.camera_size
            elif self.default_camera is not None:
                info['file_camera'] = self.default_camera
                without.append(info['img_id'])
        if without:
            print_log(
                f'{type(self).__name__}: {len(without)} of {len(samples)} frames have '
                f'no camera file in {self.data_prefix.get("camera_path")} '
                f'({listed(without, 2)}): they take default_camera',
                logger='current',
                level=logging.INFO if files else logging.WARNING,
            )
        return samples


def nearest_number(numbers: list[int], number: int) -> int:
    """Return the element of a sorted list nearest to `number`; the earlier on a tie."""
    right = bisect_left(numbers, number)
    candidates = numbers[max(right - 1, 0) : right + 1]
    return min(candidates, key=lambda other: abs(other - number))


def _unfinished(path: str) -> str:
    """Return what the mark of an unfinished folder says; '' if it is finished."""
    if not osp.isfile(path):
        return ''
    name = osp.basename(path)
    if name != CONVERTED:
        return name
    content = read_json(path, dict)
    # earlier versions counted the files at the end, and said nothing before
    begun = content.get('complete') is False and 'files' not in content
    left = content.get('unfinished', begun)
    return (
        f'{name}: {", ".join(left)}'
        if isinstance(left, list) and left
        else (name if left else '')
    )
