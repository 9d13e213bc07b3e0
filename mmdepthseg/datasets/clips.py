"""Folders of clips: frames, intrinsics and labels of your own classes."""

import logging
import os.path as osp
import re
from collections.abc import Mapping, Sequence

from mmengine.logging import print_log

from mmdepthseg.camera import Camera
from mmdepthseg.datasets.intrinsics import (
    parse_intrinsics,
    read_intrinsics,
    read_kitti_calib,
)
from mmdepthseg.datasets.label_tables import check_classes, given_table, with_classes
from mmdepthseg.datasets.options import refuse_empty
from mmdepthseg.datasets.sequence_dataset import SequenceDataset
from mmdepthseg.datasets.transforms.files import image_size, read_bytes
from mmdepthseg.frame_numbers import number_gaps, sequence_changes
from mmdepthseg.names import (
    FRAMES,
    join_path,
    list_files,
    list_folders,
    list_frames,
)
from mmdepthseg.registry import DATASETS
from mmdepthseg.utils.errors import UserError, listed, refuse


def _in_words(camera: Camera) -> str:
    (fx, _, cx), (_, fy, cy), _ = camera.K
    return (
        f'fx {fx:.2f}, fy {fy:.2f}, cx {cx:.2f}, cy {cy:.2f} for images of '
        f'{camera.size[1]}x{camera.size[0]} pixels'
    )


@DATASETS.register_module()
class ClipDataset(SequenceDataset):
    """Frames of your own video clips, some of them labelled.

    Layout, frames sorted by name, numbers as numbers (2 before 10)::

        <data_root>/<clip>/frames/*.jpg      (or the images directly in <clip>)
        <data_root>/<clip>/intrinsics.json   {"K": 3x3, "width": ..., "height": ...}
        <data_root>/<clip>/labels/<stem>.png  of frame <stem>, if it has a label

    Suffixes may be in any case; two frames of a clip must differ in more than the
    suffix. `data_root` may also be one clip itself. Neighbours are counted in the
    sorted order of the clip's frames; there are none beyond its ends. Gaps in their
    numbers, and names as of several cameras or sequences, are named in a warning.

    Unpacked sequences of KITTI odometry (Geiger et al., CVPR 2012) are clips too:
    `data_root='.../sequences', frames_dir='image_2', poses_file='../poses/{clip}.txt'`.
    A clip without `intrinsics.json` takes K from its `calib.txt`, the line `P2` for
    `image_2`.

    Labels are 8-bit pngs of class indices, 255 = ignore, or what `label_table` says.
    They are listed if the config names the classes, `metainfo=dict(classes=('road',
    'car', ...))`, or the table has its own; without classes all frames are unlabelled.

    Args:
        clips: Names of the clips to use, in this order; None: all, sorted.
        exclude_clips: Names of clips to leave out, such as those for validation.
        intrinsics: One camera for all clips, `dict(K=..., width=..., height=...)`
            or with `normalized=True`; None: each clip's `intrinsics.json` or
            `calib.txt`, which may be missing when `offsets` is empty.
        frames_dir: Folder of the frames within a clip.
        labels_dir: Folder of the label maps within a clip.
        label_table: What the label files mean, see `ImageLabelDataset`; None: class
            indices of the classes in `metainfo`.
        depth_dir: Folder of depth maps (16-bit png, metres * 256) for each clip:
            `{clip: folder}`, relative to `data_root` or absolute; or one string for
            all, which may contain `{clip}`. Frame `<stem>` has `<stem>.png`.
        sde_disparity_dir: Folder of stored depth labels
            `<sde_disparity_dir>/<clip>/<stem>.png`; promises a file for each frame.
        poses_file: Name of the camera poses within a clip (`'poses.txt'`), or with
            `{clip}` in it relative to `data_root`; one line per frame (see
            `LoadPoses`). Promises a file for each clip.
        img_suffixes: Ends of image names, in any case.
        **kwargs: Of `SequenceDataset`.
    """

    METAINFO: dict = dict(classes=(), palette=[])
    PARTLY_LABELED = True

    def __init__(
        self,
        *,
        clips: Sequence[str] | None = None,
        exclude_clips: Sequence[str] = (),
        intrinsics: dict | None = None,
        frames_dir: str = 'frames',
        labels_dir: str = 'labels',
        label_table: str | int | Mapping | None = None,
        metainfo: Mapping | None = None,
        depth_dir: str | Mapping[str, str] | None = None,
        sde_disparity_dir: str | None = None,
        poses_file: str | None = None,
        img_suffixes: Sequence[str] = FRAMES,
        **kwargs,
    ) -> None:
        texts = dict(
            clips=clips, exclude_clips=exclude_clips, img_suffixes=img_suffixes
        )
        refuse(
            type(self).__name__,
            {
                f"{key}={value!r}: give a list of texts, such as {key}=['09']": (
                    isinstance(value, str)
                    or not all(isinstance(text, str) for text in value or ())
                )
                for key, value in texts.items()
            }
            | {
                f'it has no {key}: the places are frames_dir with img_suffixes, and '
                "labels_dir with files of the frames' names, .png": key in kwargs
                for key in ('img_suffix', 'seg_map_suffix', 'data_prefix')
            },
        )
        names = dict(
            frames_dir=frames_dir,
            labels_dir=labels_dir,
            depth_dir=depth_dir,
            sde_disparity_dir=sde_disparity_dir,
            poses_file=poses_file,
            img_suffixes=img_suffixes,
        )
        refuse_empty(type(self).__name__, names)
        self.label_table = given_table(
            type(self).__name__, label_table, kwargs.get('reduce_zero_label')
        )
        self.clips = None if clips is None else list(clips)
        self.exclude_clips = list(exclude_clips)
        self.intrinsics = (
            None if intrinsics is None else parse_intrinsics(intrinsics, 'intrinsics')
        )
        self.frames_dir = frames_dir
        self.labels_dir = labels_dir
        self.depth_dir = depth_dir
        self.sde_disparity_dir = sde_disparity_dir
        self.poses_file = poses_file
        self.img_suffixes = tuple(img_suffixes)
        self._frames: dict[str, list[str]] = {}
        self._folders: dict[str, str] = {}
        super().__init__(
            data_prefix=dict(img_path='', seg_map_path='{clip}/' + labels_dir),
            metainfo=with_classes(self.label_table, metainfo),
            **kwargs,
        )

    @classmethod
    def get_label_map(cls, new_classes: Sequence[str] | None = None) -> None:
        """Return None: the only classes are those of the config."""

    def load_data_list(self) -> list[dict]:
        """List the samples; the listing of neighbours is dropped afterwards."""
        samples = super().load_data_list()
        self._frames = {}
        for info in samples:
            del info['clip'], info['position']
        return samples

    def list_samples(self) -> list[dict]:
        """Return all frames of all clips."""
        classes, table = self.metainfo['classes'], self.label_table
        check_classes(type(self).__name__, table, classes)
        samples = []
        cameras: dict[str, list[str]] = {}
        gaps: list[str] = []
        changes: list[str] = []
        maps: dict[str, list[tuple[str, list[str], list[str]]]] = {}
        self._folders = self._clip_folders()
        for clip, folder in self._folders.items():
            frames = self._frames_in(folder)
            if not frames:
                raise UserError(
                    f'{type(self).__name__}: clip {clip!r} has no image: searched '
                    f'{osp.join(folder, self.frames_dir)} and {folder} for '
                    f'*{", *".join(self.img_suffixes)}'
                )
            paths = self._frames[clip] = [*frames.values()]
            if self.offsets:
                for texts, find in ((gaps, number_gaps), (changes, sequence_changes)):
                    pairs = find([*frames])
                    texts += [f'{clip}/{one} and {other}' for one, other in pairs]
            camera = self._camera(clip, folder, paths[0])
            if camera is not None:
                cameras.setdefault(_in_words(camera), []).append(clip)
            labels = self._labels(osp.join(folder, self.labels_dir), frames)
            depths = self._depths(clip)
            if depths:
                maps.setdefault(osp.dirname(min(depths.values())), []).append(
                    (clip, [*depths], [*frames])
                )
            for position, (stem, path) in enumerate(frames.items()):
                info: dict = dict(
                    img_path=path, img_id=f'{clip}/{stem}', clip=clip, position=position
                )
                if camera is not None:
                    info['file_camera'] = camera
                if stem in labels:
                    info['seg_map_path'] = labels[stem]
                    info['label_table'] = len(classes) if table is None else table
                if stem in depths:
                    info['depth_path'] = depths[stem]
                samples.append(info)
        self._check_maps(maps)
        if cameras:  # one line, also for hundreds of clips
            found = [f'{text} ({listed(clips)})' for text, clips in cameras.items()]
            print_log(f'{type(self).__name__}: K {listed(found)}', logger='current')
        self._doubt_neighbours(gaps, changes)
        return samples

    def _doubt_neighbours(self, gaps: Sequence[str], changes: Sequence[str]) -> None:
        """Name frames, by pairs, that follow one another but may be no neighbours."""
        doubts = {
            f'{len(gaps)} gap(s) in the numbers of frames, between {listed(gaps)}; '
            'frames on both sides are taken for neighbours. If others were between '
            'them (times of day also jump at a full minute), make each part a clip.': (
                gaps
            ),
            f'the names of frames change {len(changes)} time(s) as those of another '
            f'camera or sequence, between {listed(changes)}; frames on both sides are '
            'taken for neighbours. Make each camera and each sequence a clip, unless '
            'the names only count within another number.': changes,
        }
        for doubt, applies in doubts.items():
            if applies:
                print_log(
                    f'{type(self).__name__}: {doubt}',
                    logger='current',
                    level=logging.WARNING,
                )

    def _check_maps(
        self, maps: Mapping[str, list[tuple[str, list[str], list[str]]]]
    ) -> None:
        """Refuse depth maps of no frame.

        Args:
            maps: Clip, names of maps, and names of frames of all clips with maps in a
                folder, by folder; clips may share one.
        """
        for folder, clips in maps.items():
            clip, names, frames = clips[0]
            if all({*names}.isdisjoint(frames) for _, names, frames in clips):
                raise UserError(
                    f'{type(self).__name__}: depth_dir of clip {clip!r}: none of the '
                    f'{len(names)} maps in {folder} ({listed(names)}) belongs to a '
                    f'frame. The map of the frame {frames[0]} is {frames[0]}.png.'
                )

    def finish_sample(self, info: dict) -> None:
        """Add the paths of the stored depth label and the poses."""
        root = self.data_root or ''
        if self.sde_disparity_dir:
            folder = join_path(root, self.sde_disparity_dir)
            info['sde_disparity_path'] = f'{folder}/{info["img_id"]}.png'
        if self.poses_file:
            clip = info['clip']
            info['poses_path'] = (
                join_path(root, self.poses_file.replace('{clip}', clip))
                if '{clip}' in self.poses_file
                else osp.join(self._folders[clip], self.poses_file)
            )
            info['pose_count'] = len(self._frames[clip])
            info['pose_lines'] = [
                info['position'] + offset for offset in (0, *self.offsets)
            ]

    def find_neighbour(self, info: dict, offset: int) -> tuple[str | None, str]:
        """Return the frame `offset` further in the sorted order of the clip."""
        frames = self._frames[info['clip']]
        position = info['position'] + offset
        path = frames[position] if 0 <= position < len(frames) else None
        return path, f'{offset:+d} (clip {info["clip"]} has {len(frames)} frames)'

    def _frames_in(self, folder: str) -> dict[str, str]:
        """Return the frames of a clip by name, from its folder of frames or itself."""
        ends, cure = self.img_suffixes, 'name their ends in img_suffixes'
        return list_frames(osp.join(folder, self.frames_dir), ends, cure) or (
            list_frames(folder, ends, cure)
        )

    def _clip_folders(self) -> dict[str, str]:
        """Return the folder of each clip to use, in order."""
        root = join_path(self.data_root or '.')
        named = [*(self.clips or ()), *self.exclude_clips]
        strange = [
            c for c in named if osp.normpath(c) != c or c.startswith(('..', '/'))
        ]
        missing = [c for c in named if not osp.isdir(join_path(root, c))]
        there = list_folders(root)
        refuse(
            type(self).__name__,
            {
                f'clip {", ".join(strange)}: give the names of folders below {root} as '
                'they are written, such as ride_1': bool(strange),
                f'no clip {", ".join(missing)} in {root}; there are: '
                f'{", ".join(there) or "none"}': bool(missing),
            },
        )
        if self.clips is None and (frames := self._frames_in(root)):
            inside = [c for c in there if osp.isdir(osp.join(root, c, self.frames_dir))]
            if inside:
                raise UserError(
                    f'{type(self).__name__}: {root} has images of its own '
                    f'({listed([*frames])}), so it would be one clip, and it has clips '
                    f'({listed(inside)}): move the images elsewhere, or name the clips '
                    '(clips=[...])'
                )
            return {osp.basename(osp.abspath(root)): root}
        clips = there if self.clips is None else self.clips
        folders = {c: join_path(root, c) for c in clips if c not in self.exclude_clips}
        if not folders:
            raise UserError(
                f'{type(self).__name__}: no clip: searched {root} for <clip>/'
                f'{self.frames_dir}/*{", *".join(self.img_suffixes)}, which has the '
                f'folders: {", ".join(there) or "none"}; clips={self.clips}, '
                f'exclude_clips: {", ".join(self.exclude_clips) or "none"}. In our '
                'configs `val_clips` of configs/_base_/datasets/clips.py names the '
                'clips of the validation, which the training leaves out: one at least, '
                'and not all.'
            )
        return folders

    def _camera(self, clip: str, folder: str, frame: str) -> Camera | None:
        """Return the camera of a clip; None if it has none and needs none."""
        source = osp.join(folder, 'intrinsics.json')
        calib = osp.join(folder, 'calib.txt')
        kitti = re.fullmatch('image_([0-3])', self.frames_dir.strip('/'))
        if self.intrinsics:
            camera = self.intrinsics
        elif osp.isfile(source):
            camera = read_intrinsics(source)
        elif kitti and osp.isfile(calib):
            size = image_size(read_bytes(frame, 'Image'), frame, 'Image')
            camera = read_kitti_calib(calib, int(kitti[1]), size)
        elif not self.offsets:
            return None
        else:
            raise UserError(
                f'{type(self).__name__}: clip {clip!r} has no {source}'
                f'{" (and no calib.txt)" if kitti else ""}: write one with K (3x3, '
                'pixels), width and height, or give `intrinsics` in the config'
            )
        return camera

    def _labels(self, folder: str, frames: Mapping[str, str]) -> dict[str, str]:
        """Return the label files by frame; none without classes."""
        labels = list_files(folder, '.png') if self.metainfo['classes'] else {}
        strange = [osp.basename(labels[stem]) for stem in labels if stem not in frames]
        if strange:
            stem, frame = next(iter(frames.items()))
            raise UserError(
                f'{type(self).__name__}: {len(strange)} label(s) in {folder} belong '
                f'to no frame of {osp.dirname(frame)}: {listed(strange)}. The label of '
                f'{osp.basename(frame)} is {stem}.png.'
            )
        return labels

    def _depths(self, clip: str) -> dict[str, str]:
        """Return the depth maps by frame; some frames may have none."""
        folder = self.depth_dir
        if isinstance(folder, Mapping):
            folder = folder.get(clip)
        if folder is None:
            return {}
        folder = join_path(self.data_root or '', folder.replace('{clip}', clip))
        depths = list_files(folder, '.png')
        if not depths:
            raise UserError(
                f'{type(self).__name__}: depth_dir of clip {clip!r}: no *.png in '
                f'{folder}'
            )
        return depths
