"""Depth labels from depth maps that people have: a network's, a stereo camera's, ..."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from mmdepthseg.camera import same_view
from mmdepthseg.datasets.depth_labels import SCALE, DepthLabelStore
from mmdepthseg.datasets.depth_map_checks import (
    check_dense,
    check_disparity,
    check_metres,
)
from mmdepthseg.datasets.depth_maps import MAPS, DepthKind, measured, read_map
from mmdepthseg.datasets.transforms.files import decode, read_bytes
from mmdepthseg.names import CLIP_FRAMES, FRAMES, list_files, list_folders
from mmdepthseg.utils.errors import UserError, listed
from mmdepthseg.utils.files import file_state
from mmdepthseg.utils.pictures import read_picture

#: Maps that are looked at before the work begins.
TRIED = 16
FLUSH_SECONDS = 20.0


@dataclass(frozen=True)
class Imported:
    """Result of `import_depth`.

    Attributes:
        written: Number of labels written now.
        total: Number of labels.
        measured: Mean share of measured pixels of those written now, before filling;
            NaN if none was.
        left_over: Maps without an image.
        scale: Factor of the values.
        sheet: Rows of captioned panels: image, disparity (0: not measured), for a look.
    """

    written: int
    total: int
    measured: float
    left_over: list[str]
    scale: float
    sheet: list[tuple[str, np.ndarray, np.ndarray]]


def list_named(
    folder: Path,
    suffixes: tuple[str, ...],
    frames_dir: str = CLIP_FRAMES,
    cure: str = '',
) -> dict[str, str]:
    """List files below a folder as data sets name images.

    That is the path below the folder without suffix; of clips without `frames_dir`, and
    with the clip's name if the folder itself is a clip. A link has its own name, not
    that of what it leads to. Folders below one that has such files are left out.

    Args:
        folder: The folder.
        suffixes: Ends of the names.
        frames_dir: Folder of the frames within a clip.
        cure: What to do about other images there, for the warning.

    Raises:
        UserError: Two files differ only in the suffix.
    """
    found = _list_below(folder, suffixes, frames_dir, cure)
    if not list_files(str(folder / frames_dir), suffixes, cure=cure):
        return found
    clip = os.path.basename(os.path.abspath(folder))
    return {f'{clip}/{name}': path for name, path in found.items()}


def _list_below(
    folder: Path, suffixes: tuple[str, ...], frames_dir: str, cure: str
) -> dict[str, str]:
    """List files by their path below a folder, without `frames_dir`."""
    for place in (folder / frames_dir, folder):
        if found := list_files(str(place), suffixes, cure=cure):
            return found
    return {
        f'{name}/{below}': path
        for name in list_folders(str(folder))
        for below, path in _list_below(
            folder / name, suffixes, frames_dir, cure
        ).items()
    }


def match_maps(
    images: Mapping[str, str], maps: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Return the map of each image, and the names of maps without an image.

    A map has the name of its image, or the last part of it where that is unique.

    Raises:
        UserError: Images have no map; names the first.
    """
    last: dict[str, list[str]] = {}
    for name in images:
        last.setdefault(name.rpartition('/')[-1], []).append(name)
    found: dict[str, str] = {}
    left = []
    for name, path in maps.items():
        owners = [name] if name in images else last.get(name, [])
        if len(owners) == 1:
            found[owners[0]] = path
        else:
            left.append(name)
    lacking = [name for name in images if name not in found]
    if lacking:
        raise UserError(
            f'{len(lacking)} of {len(images)} images have no depth map, such as '
            f'{listed(lacking)}; the maps have names such as '
            f'{listed(left or list(maps))}. Rename them, or give --map-suffix or '
            '--image-suffix (such as _depth.png, _leftImg8bit.png), or --frames-dir '
            '(such as image_2)'
        )
    return {name: found[name] for name in images}, left


def import_depth(
    source: str | Path,
    images: str | Path,
    out: str | Path,
    meaning: DepthKind,
    *,
    map_suffixes: tuple[str, ...] = MAPS,
    image_suffixes: tuple[str, ...] = FRAMES,
    frames_dir: str = CLIP_FRAMES,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
    shown: int = 6,
) -> Imported:
    """Make depth labels with a manifest of a folder of depth maps.

    Called again, it goes on where it stopped; changed maps and images are done again.

    Args:
        source: Folder of the maps.
        images: Folder of the images.
        out: Folder of the labels.
        meaning: Of the values.
        map_suffixes: Ends of the maps' names.
        image_suffixes: Ends of the images' names.
        frames_dir: Folder of the frames within a clip, as of `ClipDataset`.
        overwrite: Replace labels that were made of something else.
        progress: Called with (maps done, total).
        shown: Number of rows of the sheet.

    Warns:
        UserWarning: Maps of disparity seem normalised one by one.

    Raises:
        UserError: An input is wrong, the maps are sparse or of another unit, or the
            folder holds other labels, or files that are no labels.
    """
    source, images = Path(source).expanduser(), Path(images).expanduser()
    pictures = _files(images, image_suffixes, frames_dir, '--image-suffix')
    maps = _files(source, map_suffixes, frames_dir, '--map-suffix')
    pairs, left_over = match_maps(pictures, maps)
    names = list(pairs)
    some = names[:: max(1, len(names) // TRIED)]
    tried = [_percentiles(read_map(pairs[n])) for n in some]
    check_dense(float(np.mean([share for share, _ in tried])), meaning)
    percentiles = np.array([found for share, found in tried if share])
    scale, largest = _scale(pairs, meaning)
    if len(percentiles) and meaning.kind == 'disparity':
        check_disparity(percentiles, scale, largest)
    elif len(percentiles):
        check_metres(meaning.metres(percentiles * scale), meaning)
    store = DepthLabelStore(out)
    options = dict(asdict(meaning), scale=scale, source=str(source.resolve()))
    facts = dict(imported=str(source.resolve()), masked=meaning.fill is None)
    store.begin(None, options, overwrite, names=names, **facts)
    done = store.manifest.setdefault('maps', {})
    shares = store.manifest.setdefault('measured', {})
    changed = {
        *store.outdated(pictures),
        *(name for name, path in pairs.items() if done.get(name) != file_state(path)),
    }
    todo = [n for n in names if n not in store.manifest['files'] or n in changed]
    if todo:
        store.flush()  # complete no longer
    flushed = time.monotonic()
    for number, name in enumerate(todo, 1):
        shares[name] = _import_one(
            store, name, pairs[name], pictures[name], meaning, scale
        )
        done[name] = file_state(pairs[name])
        late = time.monotonic() - flushed >= FLUSH_SECONDS
        if late or number == len(todo):
            store.flush()
            flushed = time.monotonic()
        if progress is not None:
            progress(len(names) - len(todo) + number, len(names))
    # of all maps, also those of earlier calls, so that no interruption decides
    mean = float(np.mean([shares[n] for n in names if n in shares] or [np.nan]))
    check_dense(mean, meaning)
    store.flush(complete=True)
    rows = [
        (name, _image(pictures[name]), _label(store.path(name)))
        for name in names[:: max(1, -(-len(names) // shown))]
    ]
    return Imported(len(todo), len(names), mean, left_over, scale, rows)


def _files(
    folder: Path, suffixes: tuple[str, ...], frames_dir: str, option: str
) -> dict[str, str]:
    """Return the files of a folder by name, at least one; `option` sets the ends."""
    if not folder.is_dir():
        raise UserError(f'{folder}: no such folder')
    cure = f'read only them, with {option}'
    files = list_named(folder, suffixes, frames_dir, cure)
    if not files:
        raise UserError(
            f'{folder}: no file that ends with {", ".join(suffixes)}: give {option}'
        )
    return files


def _percentiles(values: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the share of measured pixels, and percentiles 0 to 100 of their values."""
    known = values[np.isfinite(values)]
    return measured(values), np.percentile(known, range(101)) if known.size else known


def _scale(pairs: Mapping[str, str], meaning: DepthKind) -> tuple[float, str]:
    """Return the factor of the maps' values, and the file that sets it, or ''.

    That of disparity is by default 1 / the largest value of all maps.
    """
    if meaning.kind != 'disparity' or meaning.scale is not None:
        return meaning.scale or 1.0, ''
    tops = {
        path: float(np.nanmax(read_map(path), initial=0)) for path in pairs.values()
    }
    largest = max(tops, key=tops.__getitem__)
    return 1 / max(tops[largest], 1e-12), largest


def _import_one(
    store: DepthLabelStore,
    name: str,
    path: str,
    image: str,
    meaning: DepthKind,
    scale: float,
) -> float:
    """Write a label; return the share of measured pixels of its map."""
    values = read_map(path)
    size = _image(image).shape[:2]
    if not same_view(values.shape, size):
        raise UserError(
            f'{path} has shape {values.shape}, its image {image} {size}: they do not '
            'show the same'
        )
    share = measured(values)
    if not share:
        raise UserError(f'{path}: no pixel has a value; remove the image, or the map')
    try:
        disparity = meaning.disparity(values, scale)
    except UserError as error:
        raise UserError(f'{path}: {error}') from None
    store.write(name, disparity, image)
    return share


def _image(path: str) -> np.ndarray:
    return decode(read_bytes(path, 'Image'), path, 'Image')


def _label(path: Path) -> np.ndarray:
    found = read_picture(path, cv2.IMREAD_UNCHANGED)
    if found is None:
        raise UserError(f'{path}: damaged; run the import again')
    return found / np.float32(SCALE)
