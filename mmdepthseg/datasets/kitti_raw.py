"""The raw recordings of KITTI: drives, cameras, calibration, annotated depth."""

import os.path as osp
import re
from collections.abc import Iterable, Sequence

from mmdepthseg.camera import Camera
from mmdepthseg.datasets.clips import ClipDataset
from mmdepthseg.datasets.intrinsics import read_kitti_raw_calib
from mmdepthseg.names import join_path, list_files, list_folders
from mmdepthseg.registry import DATASETS
from mmdepthseg.utils.errors import UserError, listed, refuse

_DATE = r'\d{4}_\d\d_\d\d'
_DRIVE = rf'{_DATE}_drive_\d{{4}}'
_CLIP = rf'{_DATE}/{_DRIVE}_sync/image_0[0-3]'


@DATASETS.register_module()
class KITTIRawDataset(ClipDataset):
    """Synchronised, rectified drives of KITTI (Geiger et al., IJRR 2013).

    Layout, as the downloads are unpacked::

        <data_root>/<date>/<date>_drive_<n>_sync/image_02/data/*.png
        <data_root>/<date>/calib_cam_to_cam.txt     K: P_rect_02, size: S_rect_02
        <depth_dir>/[train|val/]<date>_drive_<n>_sync/proj_depth/groundtruth/image_02/*.png

    A clip is a camera of a drive, `<date>/<date>_drive_<n>_sync/image_02`; frames are
    called `<clip>/<number>`. Images may be stored at another size, and as jpg.

    Args:
        drives: Drives to use, such as `'2011_09_26_drive_0001'` (with or without
            `_sync`, or the date in front), or dates, such as `'2011_09_26'`, for all of
            a day; None: all.
        exclude_drives: The same, to leave out; they need not exist.
        cameras: Numbers of the cameras: 0 and 1 are grey, 2 and 3 colour; left, right.
        depth_dir: Folder of the annotated depth maps (16-bit png, metres * 256),
            relative to `data_root`: with `train` and `val`, or one of them. The first
            and last five frames of a drive have none.
        measured_only: Keep the frames that have a depth map, for evaluation.
        **kwargs: Of `ClipDataset`.
    """

    def __init__(
        self,
        *,
        drives: Sequence[str] | None = None,
        exclude_drives: Sequence[str] = (),
        cameras: Sequence[int] = (2, 3),
        depth_dir: str | None = None,
        measured_only: bool = False,
        **kwargs,
    ) -> None:
        named = [*(drives or ()), *exclude_drives]
        strange = [n for n in named if _short(n) is None]
        refuse(
            type(self).__name__,
            {
                'drives and exclude_drives are lists of names': (
                    isinstance(drives, str) or isinstance(exclude_drives, str)
                ),
                f'drives {listed(strange)}: give names such as '
                "'2011_09_26_drive_0001', or a date, '2011_09_26'": bool(strange),
                f'cameras={cameras!r}: give some of 0, 1, 2, 3': (
                    not isinstance(cameras, Sequence)
                    or not {*cameras}
                    or not {*cameras} <= {0, 1, 2, 3}
                ),
                'measured_only needs depth_dir': measured_only and not depth_dir,
            },
        )
        self.drives = None if drives is None else [*map(_short, drives)]
        self.exclude_drives = [*map(_short, exclude_drives)]
        self.cameras = [f'image_{number:02d}' for number in cameras]
        self.measured_only = measured_only
        super().__init__(depth_dir=depth_dir, **{'frames_dir': 'data', **kwargs})

    def list_samples(self) -> list[dict]:
        """Return all frames of all clips."""
        samples = super().list_samples()
        measured = [info for info in samples if 'depth_path' in info]
        if self.depth_dir and not measured:
            clip = samples[0]['clip']
            raise UserError(
                f'{type(self).__name__}: no depth map: searched '
                f'{", ".join(self._depth_folders(clip))}, and those of the other clips'
            )
        return measured if self.measured_only else samples

    def _clip_folders(self) -> dict[str, str]:
        """Return the folder of each clip to use, in order."""
        root = join_path(self.data_root or '.')
        clips = {
            f'{place}/{camera}': osp.join(root, place, camera)
            for place in self._drives(root)
            for camera in self.cameras
        }
        absent = [folder for folder in clips.values() if not osp.isdir(folder)]
        unknown = [c for c in (self.clips or ()) if c not in clips]
        # those of other drives and cameras are excluded anyway
        unknown += [
            c
            for c in self.exclude_clips
            if not re.fullmatch(_CLIP, c) or not osp.isdir(join_path(root, c))
        ]
        chosen = clips if self.clips is None else self.clips
        left = [clip for clip in chosen if clip not in self.exclude_clips]
        refuse(
            type(self).__name__,
            {
                f'no folder {listed(absent)}: unpack it, or give `cameras` without '
                'it': bool(absent),
                f'no clip {listed(unknown)}; there are: {listed([*clips])}': bool(
                    unknown
                ),
                f'exclude_clips leaves no clip of {listed([*clips])}': not left,
            },
        )
        return {clip: clips[clip] for clip in left}

    def _drives(self, root: str) -> list[str]:
        """Return the places of the drives to use, `<date>/<drive>`, in order."""
        found = {
            drive: f'{date}/{drive}'
            for date in list_folders(root)
            if re.fullmatch(_DATE, date)
            for drive in list_folders(osp.join(root, date))
            if re.fullmatch(f'{_DRIVE}_sync', drive)
        }
        used = [
            place
            for drive, place in found.items()
            if self.drives is None or _among(drive, self.drives)
            if not _among(drive, self.exclude_drives)
        ]
        lost = [n for n in self.drives or () if not any(_among(d, [n]) for d in found)]
        there = f'there are: {listed([*found]) or "none"}.'
        refuse(
            type(self).__name__,
            {
                f'no drive: searched {root} for <date>/<date>_drive_<n>_sync; '
                f'{there}': not used and not lost,
                f'no drive {listed(lost)} in {root}; {there}': bool(lost),
            },
        )
        return used

    def _camera(self, clip: str, folder: str, frame: str) -> Camera | None:
        """Return the camera of a clip; None if it has none and needs none."""
        date, _, camera = clip.split('/')
        path = join_path(self.data_root or '.', date, 'calib_cam_to_cam.txt')
        if self.intrinsics:
            return self.intrinsics
        if osp.isfile(path):
            return read_kitti_raw_calib(path, int(camera[-1]))
        if not self.offsets:
            return None
        raise UserError(
            f'{type(self).__name__}: clip {clip} has no {path}: unpack the calibration '
            f'of that day ({date}_calib.zip), or give `intrinsics` in the config'
        )

    def _depth_folders(self, clip: str) -> list[str]:
        """Return where the depth maps of a clip may lie."""
        _, drive, camera = clip.split('/')
        root = join_path(self.data_root or '', str(self.depth_dir))
        return [
            osp.join(root, part, drive, 'proj_depth', 'groundtruth', camera)
            for part in ('', 'train', 'val')
        ]

    def _depths(self, clip: str) -> dict[str, str]:
        """Return the depth maps by frame."""
        folders = self._depth_folders(clip) if self.depth_dir else []
        return {k: v for f in folders for k, v in list_files(f, '.png').items()}


def _short(name: str) -> str | None:
    """Return a drive without `_sync` and the date in front, or a date; else None."""
    match = re.fullmatch(rf'(?:.*/)?({_DRIVE})(?:_sync)?/?|({_DATE})', str(name))
    return match and (match[1] or match[2])


def _among(drive: str, names: Iterable[str | None]) -> bool:
    """Tell whether a drive's folder is one of some drives, or of one of some days."""
    short = drive.removesuffix('_sync')
    return any(short == name or short.startswith(f'{name}_drive_') for name in names)
