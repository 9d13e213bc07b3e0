"""The store of depth labels: one 16-bit PNG per image and a manifest.

A depth label is the disparity that a trained SDE network predicts for an image, in
(0, 1), stored as `round(disparity * 65535)` without normalisation per image, so that
"nearer" means the same in all images (3W, section 3.3); or that of depth from elsewhere
(`tools/import_depth.py`), then 0 means "not measured".

`manifest.json` holds the hash of the checkpoint, the options, the size in bytes of
every finished file and the state (size, time, hash) of the image it was made from. It
is rewritten (atomically) while labels are made and has `"complete": true` only at the
end, so that an unfinished, truncated or outdated set is found before training.
"""

import contextlib
import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
from mmengine.logging import print_log

from mmdepthseg.cityscapes import png_bytes
from mmdepthseg.utils.errors import UserError, listed
from mmdepthseg.utils.files import (
    file_hash,
    inside,
    read_json,
    remove_leftovers,
    write_atomically,
)
from mmdepthseg.utils.stamp import DONE, MISSING, Stamp

MANIFEST = 'manifest.json'
OURS = {'files', 'checkpoint', 'checkpoint_sha256', 'options', 'complete'}
SUFFIX = '.png'
SCALE = 65535  # value of disparity 1
SHOWN = 5
TOOL = 'tools/generate_depth.py'
IMPORT = 'tools/import_depth.py'
_noted: set[str] = set()  # manifests whose missing checkpoint was logged


def to_16_bits(disparity: np.ndarray) -> np.ndarray:
    """Return disparities in [0, 1] as they are stored, uint16; others are clipped."""
    return np.rint(disparity.clip(0, 1) * SCALE).astype(np.uint16)


class DepthLabelError(UserError):
    """Depth labels are missing, truncated, incomplete or from another model."""


class DepthLabelStore:
    """Depth labels below one folder.

    Args:
        root: The folder.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.manifest: dict = {}
        # times of images whose content is as it was; not written to the manifest, whose
        # hash stands for the labels in selections and tables
        self._read_at: dict[str, int] = {}

    @property
    def manifest_path(self) -> Path:
        """Return the path of the manifest."""
        return self.root / MANIFEST

    def path(self, img_id: str) -> Path:
        """Return the file of an image's label."""
        return self.root / f'{img_id}{SUFFIX}'

    def load_manifest(self) -> dict:
        """Read the manifest.

        Raises:
            DepthLabelError: It is missing or cannot be read.
        """
        try:
            self.manifest = read_json(self.manifest_path, dict)
            if not OURS <= set(self.manifest):
                raise KeyError(*sorted(OURS - set(self.manifest)))
            _check_manifest(self.manifest)
        except FileNotFoundError:
            problem = (
                f'{self.root}: no depth labels here ({MANIFEST} is missing); make them '
                f'with {TOOL} CONFIG CHECKPOINT --out {self.root}, or, of depth maps '
                f'that you have, with {IMPORT} SOURCE --out {self.root}'
            )
            raise DepthLabelError(problem) from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            problem = (
                f'{self.manifest_path}: not a manifest of depth labels ({error}); give '
                'another folder, or, if the file is damaged, run '
                f'{TOOL} or {IMPORT} again: it makes all labels again'
            )
            raise DepthLabelError(problem) from None
        return self.manifest

    @property
    def masked(self) -> bool:
        """Tell whether 0 in the files means that a pixel is not measured."""
        return bool(self.manifest.get('masked'))

    @property
    def depth_range(self) -> tuple[float, float] | None:
        """Return the depths of disparity 1 and 0 of labels made of metres."""
        options = self.manifest['options']
        near, far = options.get('min_depth'), options.get('max_depth')
        if None in (near, far) or options.get('kind') == 'disparity':
            return None
        return near, far

    @property
    def tool(self) -> str:
        """Return the name of the tool that made the labels."""
        return IMPORT if self.manifest.get('imported') else TOOL

    def begin(
        self,
        checkpoint: str | Path | None,
        options: dict,
        overwrite: bool = False,
        names: Iterable[str] = (),
        **facts: object,
    ) -> list[str]:
        """Start or continue writing; return the names of damaged files.

        A complete set whose files are all there stays complete until the next `flush`,
        for trainings that read it meanwhile: call that before the first `write`.

        Args:
            checkpoint: The SDE checkpoint; None for labels made of depth maps.
            options: Other settings that affect the values; json-serialisable.
            overwrite: Remove labels made with other settings, see `remove_labels`.
            names: The images that get labels. In a folder without a manifest their
                files are not ours, and are not replaced.
            **facts: Of depth maps: `imported`, their folder, and `masked`.

        Raises:
            UserError: The folder has labels of another checkpoint or other options,
                or other files of those names.
        """
        digest = '' if checkpoint is None else file_hash(checkpoint)
        self._stamp = stamp = _Manifest(self, digest, options)
        state = stamp.check(overwrite, taken=map(self.path, names))
        remove_leftovers(self.root)
        files, images = stamp.facts.get('files', {}), stamp.facts.get('images', {})
        bad = [i for i, size in files.items() if _size(self.path(i)) != size]
        for img_id in bad:
            del files[img_id]
            images.pop(img_id, None)
        path = '' if checkpoint is None else str(Path(checkpoint).resolve())
        facts = dict(checkpoint=path, files=files, images=images, **facts)
        known = all(stamp.facts.get(key) == value for key, value in facts.items())
        if bad or state != DONE or not known:
            stamp.note(**facts)
        self.manifest = stamp.facts
        return bad

    def remove_labels(self) -> None:
        """Remove the labels that the manifest lists, if there is one, and nothing else.

        The manifest stays, so that a kill leaves a folder that is known to be ours.

        Raises:
            DepthLabelError: The manifest is not one of depth labels.
        """
        if not self.manifest_path.exists():
            return
        for img_id in self.load_manifest()['files']:
            with contextlib.suppress(ValueError):  # not below the folder, not a name
                inside(self.root, f'{img_id}{SUFFIX}').unlink(missing_ok=True)

    def write(
        self, img_id: str, disparity: np.ndarray, img_path: str | None = None
    ) -> None:
        """Store one label.

        Args:
            img_id: The image.
            disparity: (H, W), in [0, 1].
            img_path: File of the image, whose state is stored.

        Raises:
            DepthLabelError: A value is not finite.
        """
        if not np.isfinite(disparity).all():
            raise DepthLabelError(
                f'{img_id}: the predicted disparity has NaN or infinite values; train '
                'again or use an earlier checkpoint than '
                f'{self.manifest.get("checkpoint")}'
            )
        png = png_bytes(to_16_bits(disparity))
        write_atomically(inside(self.root, f'{img_id}{SUFFIX}'), png)
        self.manifest['files'][img_id] = len(png)
        state = image_state(img_path) if img_path else None
        if img_path and state:
            state['sha256'] = file_hash(img_path)
            self.manifest['images'][img_id] = state
        else:
            self.manifest['images'].pop(img_id, None)

    def outdated(self, img_paths: Mapping[str, str]) -> list[str]:
        """Return the images that have changed since their label was made.

        Data may be moved: an image at another path is compared by size only. One that
        has only another time, as after copying or mounting it again, is read. Labels
        made without a path cannot be compared.

        Args:
            img_paths: Path of each image, by `img_id`.

        Returns:
            Their ids; the manifest must be loaded.
        """
        images, changed = self.manifest.get('images', {}), []
        for img_id, path in img_paths.items():
            then = images.get(img_id)
            now = image_state(path) if then else None
            if now is None:
                continue
            if now['size'] != then['size']:
                changed.append(img_id)
            elif now['path'] == then['path'] and now['mtime_ns'] not in (
                then['mtime_ns'],
                self._read_at.get(img_id),
            ):
                if 'sha256' in then and file_hash(path) == then['sha256']:
                    self._read_at[img_id] = now['mtime_ns']
                else:
                    changed.append(img_id)
        return changed

    def flush(self, complete: bool = False) -> None:
        """Write the manifest, after `begin`."""
        write = self._stamp.finish if complete else self._stamp.note
        write(files=self.manifest['files'], images=self.manifest['images'])

    def verify(
        self, img_ids: Iterable[str], img_paths: Mapping[str, str] | None = None
    ) -> None:
        """Check that every image has an intact label of one known model.

        Args:
            img_ids: The images.
            img_paths: Path of each image, by id, to check that it has not changed
                since the label was made.

        Raises:
            DepthLabelError: Naming the first images concerned and the remedy.
        """
        self.verify_manifest()
        self.verify_labels(img_ids, img_paths)

    def verify_manifest(self) -> None:
        """Verify that the set is complete and its checkpoint unchanged."""
        manifest = self.load_manifest()
        if not manifest.get('complete'):
            raise DepthLabelError(
                f'{self.root}: the depth labels are incomplete '
                f'({len(manifest["files"])} are there); '
                f'run {self.tool} again; it continues where it stopped'
            )
        self._verify_checkpoint()

    def verify_labels(
        self, img_ids: Iterable[str], img_paths: Mapping[str, str] | None = None
    ) -> None:
        """Verify the labels of images against the manifest that was read; see `verify`.

        Args:
            img_ids: The images.
            img_paths: Path of each image, by id.

        Raises:
            DepthLabelError: Naming the first images concerned and the remedy.
        """
        missing, broken, tool = [], [], self.tool
        again = f'run {tool} again; it continues where it stopped'
        for img_id in img_ids:
            size = self.manifest['files'].get(img_id)
            if size is None:
                missing.append(img_id)
            elif _size(self.path(img_id)) != size:
                broken.append(img_id)
        changed = [] if missing or broken else self.outdated(img_paths or {})
        for names, problem, cure in (
            (missing, 'missing', f'make them for this split with {tool}'),
            (broken, 'truncated or missing', again),
            (changed, 'out of date, their images have changed', f'run {tool} again'),
        ):
            if names:
                raise DepthLabelError(
                    f'{self.root}: {len(names)} depth label(s) {problem}: '
                    f'{listed(names, SHOWN)}; {cure}'
                )

    def _verify_checkpoint(self) -> None:
        if self.manifest.get('imported'):
            return
        checkpoint = Path(self.manifest['checkpoint'])
        if not os.path.isfile(checkpoint):  # unlike Path's, for any text
            if str(self.manifest_path) not in _noted:
                _noted.add(str(self.manifest_path))
                print_log(
                    f'{self.root}: the checkpoint of these depth labels is gone, so '
                    f'they are not checked against it ({checkpoint})',
                    logger='current',
                )
        elif file_hash(checkpoint) != self.manifest['checkpoint_sha256']:
            raise DepthLabelError(
                f'{self.root}: the depth labels are out of date: {checkpoint} has '
                'changed since they were made; run tools/generate_depth.py with '
                '--overwrite'
            )


class _Manifest(Stamp):
    """Manifest of a store, used as the stamp of its labels."""

    def __init__(self, store: DepthLabelStore, checkpoint: str, options: dict) -> None:
        made_with = dict(
            format=1, scale=SCALE, checkpoint_sha256=checkpoint, options=options
        )
        super().__init__(store.manifest_path, 'depth labels', made_with, remake=True)
        self.store = store

    def look(self) -> str:
        """Look as `Stamp.look` does, and name the labels by their checkpoint."""
        state = super().look()
        if state != MISSING:
            source = self.facts.get('imported') or self.facts.get('checkpoint')
            self.what = f'depth labels of {source}'
        return state

    def clear(self) -> None:
        """Remove the labels, see `DepthLabelStore.remove_labels`."""
        self.store.remove_labels()


def opened_store(root: str | Path) -> DepthLabelStore:
    """Return the store of a folder, its manifest read and verified once per process.

    It is read again only if the manifest has changed.

    Raises:
        DepthLabelError: The manifest is missing, unfinished or out of date.
    """
    try:
        written = os.stat(Path(root) / MANIFEST).st_mtime_ns
    except OSError:
        written = 0
    return _opened_store(str(root), written)


@lru_cache(maxsize=8)
def _opened_store(root: str, written: int) -> DepthLabelStore:
    store = DepthLabelStore(root)
    store.verify_manifest()
    return store


def _check_manifest(manifest: dict) -> None:
    """Raise a TypeError unless a manifest has the types that are read."""
    files, images = manifest['files'], manifest.get('images', {})
    states, options = [*images.values()], manifest['options']
    depths = [options[key] for key in ('min_depth', 'max_depth') if key in options]
    if not (
        isinstance(manifest['checkpoint'], str)
        and all(isinstance(size, int) for size in files.values())
        and all(isinstance(state, dict) for state in states)
        and all(isinstance(depth, int | float) for depth in depths)
        and all({'path', 'size', 'mtime_ns'} <= {*state} for state in states)
    ):
        raise TypeError('an entry has another type')


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return -1


def image_state(path: str) -> dict | None:
    """Return path, size and time of an image; None if it is not a local file."""
    try:
        state = os.stat(path)
    except OSError:
        return None
    return dict(
        path=os.path.abspath(path), size=state.st_size, mtime_ns=state.st_mtime_ns
    )
