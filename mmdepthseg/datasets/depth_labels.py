"""The store of depth labels: one 16-bit PNG per image and a manifest.

A depth label is the disparity that a trained SDE network gives for an image, in
(0, 1), kept as ``round(disparity * 65535)`` without any normalisation per image, so
that "nearer" means the same in every image (method: 3W, section 3.3).

``manifest.json`` holds the hash of the checkpoint, the options and the size in bytes
of every finished file. It is rewritten (atomically) while labels are made and says
``"complete": true`` only at the end, so that a half-made, truncated or outdated set
is found before anything trains on it.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from mmdepthseg.utils.files import write_atomically

MANIFEST = 'manifest.json'
SUFFIX = '.png'
SCALE = 65535
SHOWN = 5


class DepthLabelError(RuntimeError):
    """Depth labels are missing, truncated, incomplete or from another model."""


def file_hash(path: str | Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class DepthLabelStore:
    """Depth labels below one folder.

    Args:
        root (str | Path): The folder.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.manifest: dict = {}

    @property
    def manifest_path(self) -> Path:
        """Where the manifest is."""
        return self.root / MANIFEST

    def path(self, img_id: str) -> Path:
        """File of an image's label."""
        return self.root / f'{img_id}{SUFFIX}'

    def load_manifest(self) -> dict:
        """Read the manifest.

        Raises:
            DepthLabelError: There is none, or it is not readable.
        """
        try:
            self.manifest = json.loads(self.manifest_path.read_text())
            self.manifest['files']
        except FileNotFoundError:
            raise DepthLabelError(
                f'{self.root}: no depth labels here ({MANIFEST} is missing); make '
                'them with tools/generate_depth.py CONFIG CHECKPOINT --out '
                f'{self.root}') from None
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise DepthLabelError(
                f'{self.manifest_path}: not a manifest of depth labels ({error}); '
                'remove the folder and run tools/generate_depth.py again') from None
        return self.manifest

    def begin(self, checkpoint: str | Path, options: dict) -> list[str]:
        """Start or go on writing; returns the names of bad files found.

        Args:
            checkpoint (str | Path): The SDE checkpoint.
            options (dict): What else decides the values; json-serialisable.

        Raises:
            DepthLabelError: The folder holds labels of another checkpoint or of
                other options.
        """
        header = dict(
            format=1,
            scale=SCALE,
            checkpoint=str(Path(checkpoint).resolve()),
            checkpoint_sha256=file_hash(checkpoint),
            options=json.loads(json.dumps(options)))
        if self.manifest_path.exists():
            old = self.load_manifest()
            changed = [k for k in ('checkpoint_sha256', 'options', 'format', 'scale')
                       if old.get(k) != header[k]]
            if changed:
                raise DepthLabelError(
                    f'{self.root}: holds depth labels made with other '
                    f'{" and ".join(changed)} (by {old.get("checkpoint")}, options '
                    f'{old.get("options")}); give another --out, or --overwrite to '
                    'make them anew')
            files = old['files']
        else:
            files = {}
        bad = [i for i, size in files.items() if _size(self.path(i)) != size]
        for img_id in bad:
            del files[img_id]
        self.manifest = dict(header, complete=False, files=files)
        self.flush()
        return bad

    def write(self, img_id: str, disparity: np.ndarray) -> None:
        """Store one label.

        Args:
            img_id (str): The image.
            disparity (np.ndarray): (H, W), in [0, 1].
        """
        ok, png = cv2.imencode(
            '.png', np.rint(disparity.clip(0, 1) * SCALE).astype(np.uint16))
        if not ok:
            raise DepthLabelError(f'{img_id}: could not encode the depth label')
        path = self.path(img_id)
        write_atomically(path, png.tobytes())
        self.manifest['files'][img_id] = len(png)

    def flush(self, complete: bool = False) -> None:
        """Write the manifest."""
        self.manifest['complete'] = complete
        write_atomically(self.manifest_path,
                         json.dumps(self.manifest, indent=1).encode())

    def verify(self, img_ids: Iterable[str]) -> None:
        """Check that every image has an intact label of one known model.

        Raises:
            DepthLabelError: Naming the first images concerned and the cure.
        """
        manifest = self.load_manifest()
        again = 'run tools/generate_depth.py again (it goes on where it stopped)'
        if not manifest.get('complete'):
            raise DepthLabelError(
                f'{self.root}: the depth labels are incomplete '
                f'({len(manifest["files"])} are there); {again}')
        checkpoint = Path(manifest['checkpoint'])
        if checkpoint.is_file() and \
                file_hash(checkpoint) != manifest['checkpoint_sha256']:
            raise DepthLabelError(
                f'{self.root}: the depth labels are out of date: {checkpoint} has '
                'changed since they were made; run tools/generate_depth.py with '
                '--overwrite')
        missing, broken = [], []
        for img_id in img_ids:
            size = manifest['files'].get(img_id)
            if size is None:
                missing.append(img_id)
            elif _size(self.path(img_id)) != size:
                broken.append(img_id)
        if missing:
            raise DepthLabelError(
                f'{self.root}: no depth label for {len(missing)} image(s): '
                f'{", ".join(missing[:SHOWN])}; make them for this split with '
                'tools/generate_depth.py')
        if broken:
            raise DepthLabelError(
                f'{self.root}: {len(broken)} depth label(s) truncated or missing: '
                f'{", ".join(broken[:SHOWN])}; {again}')


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
