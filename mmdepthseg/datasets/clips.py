"""Any folder of clips: frames, intrinsics, labels of one's own classes."""

import os.path as osp
import re
from collections.abc import Mapping, Sequence

from mmengine.logging import print_log
from PIL import Image

from mmdepthseg.datasets.intrinsics import (
    parse_intrinsics,
    read_intrinsics,
    read_kitti_calib,
)
from mmdepthseg.datasets.listing import join_path, list_folders, list_frames, list_names
from mmdepthseg.datasets.sequence_dataset import SequenceDataset
from mmdepthseg.geometry.camera import Camera
from mmdepthseg.registry import DATASETS
from mmdepthseg.utils.errors import UserError

IMG_SUFFIXES = ('.jpg', '.jpeg', '.png')


@DATASETS.register_module()
class ClipDataset(SequenceDataset):
    """Frames of video clips, some of them labelled: one's own video.

    Layout, frames sorted by name, numbers as numbers (2 before 10)::

        <data_root>/<clip>/frames/*.jpg      (or the images right in <clip>)
        <data_root>/<clip>/intrinsics.json   {"K": 3x3, "width": ..., "height": ...}
        <data_root>/<clip>/labels/<stem>.png  of frame <stem>, where there is a label

    `data_root` may also be one clip itself. Neighbours are counted in the sorted
    order of the clip's frames; a clip's ends have none beyond.

    Sequences of KITTI odometry as they are unpacked (Geiger et al., CVPR 2012) are
    clips too: `data_root='.../sequences', frames_dir='image_2',
    poses_file='../poses/{clip}.txt'`. A clip without `intrinsics.json` takes K from
    its `calib.txt`, the line `P2` for `image_2`.

    Labels are 8-bit pngs of class indices, 255 = ignore. They are looked for when the
    config names the classes: `metainfo=dict(classes=('road', 'car', ...))`; without
    classes every frame is one without label.

    Args:
        clips: Names of the clips to use, in this order; None: all, sorted.
        exclude_clips: Names of clips not to use (those for validation, say).
        intrinsics: One camera for all clips, `dict(K=..., width=..., height=...)`
            or with `normalized=True`; None: each clip's `intrinsics.json` or
            `calib.txt`, which may be missing when `offsets` is empty.
        frames_dir: Folder of the frames within a clip.
        labels_dir: Folder of the label maps within a clip.
        depth_dir: Folder of depth maps (16-bit png, metres * 256) for each clip:
            `{clip: folder}`, relative to `data_root` or absolute; or one string
            for all, with `{clip}` in it if need be. Frame `<stem>` has
            `<stem>.png`.
        sde_disparity_dir: Folder of stored depth labels
            `<sde_disparity_dir>/<clip>/<stem>.png`; promises a file for each frame.
        poses_file: Name of the camera poses within a clip (`'poses.txt'`), or with
            `{clip}` in it relative to `data_root`; a line a frame (see
            `LoadPoses`). Promises one for each clip.
        img_suffixes: Ends of image names, in any case.
        **kwargs: Of `SequenceDataset`.
    """

    METAINFO: dict = dict(classes=(), palette=[])

    def __init__(
        self,
        *,
        clips: Sequence[str] | None = None,
        exclude_clips: Sequence[str] = (),
        intrinsics: dict | None = None,
        frames_dir: str = 'frames',
        labels_dir: str = 'labels',
        depth_dir: str | Mapping[str, str] | None = None,
        sde_disparity_dir: str | None = None,
        poses_file: str | None = None,
        img_suffixes: Sequence[str] = IMG_SUFFIXES,
        **kwargs,
    ) -> None:
        self.clips = None if clips is None else list(clips)
        self.exclude_clips = list(exclude_clips)
        self.intrinsics = intrinsics and parse_intrinsics(intrinsics, 'intrinsics')
        self.frames_dir = frames_dir
        self.labels_dir = labels_dir
        self.depth_dir = depth_dir
        self.sde_disparity_dir = sde_disparity_dir
        self.poses_file = poses_file
        self.img_suffixes = tuple(img_suffixes)
        self._frames: dict[str, list[str]] = {}
        self._folders: dict[str, str] = {}
        super().__init__(
            data_prefix=dict(img_path='', seg_map_path='{clip}/' + labels_dir), **kwargs
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
        samples = []
        self._folders = self._clip_folders()
        for clip, folder in self._folders.items():
            frames_folder = osp.join(folder, self.frames_dir)
            names = list_frames(frames_folder, self.img_suffixes)
            if not names:
                frames_folder = folder
                names = list_frames(frames_folder, self.img_suffixes)
            if not names:
                raise UserError(
                    f'ClipDataset: clip {clip!r} has no image: searched '
                    f'{osp.join(folder, self.frames_dir)} and {folder} for '
                    f'*{", *".join(self.img_suffixes)}.'
                )
            camera = self._camera(clip, folder, osp.join(frames_folder, names[0]))
            labels_folder = osp.join(folder, self.labels_dir)
            labels = self._label_files(labels_folder, frames_folder, names)
            depth_folder, depth_names = self._depth_files(clip)
            self._frames[clip] = [osp.join(frames_folder, name) for name in names]
            for position, path in enumerate(self._frames[clip]):
                stem = osp.splitext(osp.basename(path))[0]
                info = dict(
                    img_path=path, img_id=f'{clip}/{stem}', clip=clip, position=position
                )
                if camera is not None:
                    info['file_camera'] = camera
                if stem in labels:
                    info['seg_map_path'] = osp.join(labels_folder, f'{stem}.png')
                    info['label_table'] = len(self.metainfo['classes'])
                if f'{stem}.png' in depth_names:
                    info['depth_path'] = osp.join(depth_folder, f'{stem}.png')
                samples.append(info)
        return samples

    def finish_sample(self, info: dict) -> None:
        """Add the paths of the stored depth label and the poses."""
        if self.sde_disparity_dir:
            folder = join_path(self.data_root or '', self.sde_disparity_dir)
            info['sde_disparity_path'] = f'{folder}/{info["img_id"]}.png'
        if self.poses_file:
            info['poses_path'] = self._poses_path(info['clip'], self.poses_file)
            info['pose_count'] = len(self._frames[info['clip']])
            info['pose_lines'] = [
                info['position'] + offset for offset in (0, *self.offsets)
            ]

    def _poses_path(self, clip: str, name: str) -> str:
        if '{clip}' in name:
            return join_path(self.data_root or '', name.replace('{clip}', clip))
        return osp.join(self._folders[clip], name)

    def find_neighbour(self, info: dict, offset: int) -> tuple[str | None, str]:
        """Return the frame `offset` further in the sorted order of the clip."""
        frames = self._frames[info['clip']]
        position = info['position'] + offset
        path = frames[position] if 0 <= position < len(frames) else None
        return path, f'{offset:+d} (clip {info["clip"]} has {len(frames)} frames)'

    def _clip_folders(self) -> dict[str, str]:
        root = join_path(self.data_root or '.')
        named = [*(self.clips or ()), *self.exclude_clips]
        missing = [c for c in named if not osp.isdir(join_path(root, c))]
        if missing or self.clips == []:
            problem = f'no clip {", ".join(missing)}' if missing else 'clips names none'
            raise UserError(
                f'ClipDataset: {problem} in {root}; there are: '
                f'{", ".join(list_folders(root)) or "none"}.'
            )
        if self.clips is not None:
            clips = self.clips
        elif list_frames(osp.join(root, self.frames_dir), self.img_suffixes) or (
            list_frames(root, self.img_suffixes)
        ):
            return {osp.basename(osp.abspath(root)): root}
        else:
            clips = list_folders(root)
        folders = {
            clip: join_path(root, clip)
            for clip in clips
            if clip not in self.exclude_clips
        }
        if not folders:
            raise UserError(
                f'ClipDataset: no clip: searched {root} for <clip>/{self.frames_dir}/*'
                f'{", *".join(self.img_suffixes)}; exclude_clips takes out '
                f'{", ".join(self.exclude_clips) or "none"}.'
            )
        return folders

    def _camera(self, clip: str, folder: str, frame: str) -> Camera | None:
        """Return the camera of a clip; None if nothing tells and nothing needs it."""
        source = osp.join(folder, 'intrinsics.json')
        calib = osp.join(folder, 'calib.txt')
        kitti = re.fullmatch('image_([0-3])', self.frames_dir.strip('/'))
        if self.intrinsics:
            camera = self.intrinsics
        elif osp.isfile(source):
            camera = read_intrinsics(source)
        elif kitti and osp.isfile(calib):
            with Image.open(frame) as image:
                camera = read_kitti_calib(calib, int(kitti[1]), image.size[::-1])
        elif self.offsets:
            raise UserError(
                f'ClipDataset: clip {clip!r} has no {source}'
                f'{" (and no calib.txt)" if kitti else ""}: write one with K '
                '(3x3, pixels), width and height, or give `intrinsics` in the '
                'config.'
            )
        else:
            return None
        (fx, _, cx), (_, fy, cy), _ = camera.K
        print_log(
            f'ClipDataset: clip {clip}: K fx {fx:.2f}, fy {fy:.2f}, cx {cx:.2f}, cy '
            f'{cy:.2f} for images of {camera.size[1]}x{camera.size[0]} pixels '
            f'({camera.source})',
            logger='current',
        )
        return camera

    def _label_files(
        self, folder: str, frames_folder: str, frames: Sequence[str]
    ) -> set[str]:
        """Return the stems of the frames that have a label; none without classes."""
        if not self.metainfo['classes']:
            return set()
        labels = {osp.splitext(name)[0] for name in list_names(folder, '.png')}
        strange = sorted(labels - {osp.splitext(name)[0] for name in frames})
        if strange:
            raise UserError(
                f'ClipDataset: {len(strange)} label(s) in {folder} belong to no frame '
                f'of {frames_folder}: {", ".join(strange[:3])}. The label of frame '
                f'{frames[0]} is {osp.splitext(frames[0])[0]}.png.'
            )
        return labels

    def _depth_files(self, clip: str) -> tuple[str, set[str]]:
        folder = self.depth_dir
        if isinstance(folder, Mapping):
            folder = folder.get(clip)
        if folder is None:
            return '', set()
        folder = join_path(self.data_root or '', folder.format(clip=clip))
        names = list_names(folder, '.png')
        if not names:
            raise UserError(
                f'ClipDataset: depth_dir of clip {clip!r}: no *.png in {folder}.'
            )
        return folder, set(names)
