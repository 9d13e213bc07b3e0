"""Run a network over a pool of images, on one rank or several, in restartable parts.

Batches are always the same images, whatever the number of ranks and wherever an earlier
run stopped: so are, on one kind of device, the results, to the last bit.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.dist import barrier, get_dist_info
from mmengine.model import BaseModel
from torch.utils.data import DataLoader

from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import atomic_path, file_hash
from mmdepthseg.utils.progress import Progress
from mmdepthseg.utils.ranks import from_main
from mmdepthseg.utils.stamp import StampedFolder

#: Batches per part: what a kill can cost a rank, and a file written.
BATCHES_PER_PART = 8
#: Folder of the parts, below that of a stamp.
PARTS = 'parts'


class ImagePool:
    """The images to choose from.

    Args:
        dataset: With packed samples and `get_data_info` that tells
            `img_id` and `img_path`.
        batch_size: Images per forward pass; all of a batch must have one size.
        num_workers: Loader processes.

    Attributes:
        names: `img_id` of each image.
        paths: Its file.

    Raises:
        UserError: The data set does not name its images, or two alike; a number is
            out of range.
    """

    def __init__(
        self, dataset: BaseDataset, batch_size: int = 8, num_workers: int = 0
    ) -> None:
        if batch_size < 1 or num_workers < 0:
            raise UserError(
                f'batch_size={batch_size}, num_workers={num_workers}: expected at '
                'least 1 image per batch and 0 or more loader processes'
            )
        self.dataset = dataset
        self.batch_size = batch_size
        self.num_workers = num_workers
        infos = [dataset.get_data_info(i) for i in range(len(dataset))]
        if any('img_id' not in info for info in infos):
            raise UserError(
                f'{type(dataset).__name__} does not name its images (img_id), so they '
                'cannot be selected: use a data set of mmdepthseg, such as ClipDataset'
            )
        self.names = [str(info['img_id']) for info in infos]
        self.paths = [str(info['img_path']) for info in infos]
        if len(set(self.names)) < len(self.names):
            twice = next(n for n in self.names if self.names.count(n) > 1)
            raise UserError(f'the pool holds two images named {twice!r}')

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.names)

    def fingerprint(self) -> str:
        """Return SHA-256 over names, sizes and times of all image files."""
        digest = hashlib.sha256()
        for name, path in zip(self.names, self.paths, strict=True):
            try:
                state = os.stat(path)
                text = f'{name}\0{state.st_size}\0{state.st_mtime_ns}\n'
            except OSError:  # not a local file, or gone: reading it will tell
                text = f'{name}\0{path}\n'
            digest.update(text.encode())
        return digest.hexdigest()

    def batches(self, rows: Sequence[int]) -> list[list[int]]:
        """Return the rows in batches."""
        rows = [int(row) for row in rows]
        step = self.batch_size
        return [rows[i : i + step] for i in range(0, len(rows), step)]

    def load(self, batches: list[list[int]], model: BaseModel) -> Iterator[dict]:
        """Yield the batches as the model's data preprocessor makes them, in order."""
        loader = DataLoader(
            self.dataset,
            batch_sampler=batches,
            num_workers=self.num_workers,
            collate_fn=pseudo_collate,
        )
        for batch in loader:
            yield model.data_preprocessor(batch, False)


@torch.inference_mode()
def compute_in_parts(
    pool: ImagePool,
    rows: Sequence[int],
    model: BaseModel,
    compute: Callable[[dict], np.ndarray],
    folder: Path,
    out: Path,
    title: str,
    finish: Callable[[], None] | None = None,
) -> None:
    """Compute an array with a row per image, and write it.

    Parts of some batches are written as they get done; those that are there are not
    computed again, unless batches are of another size now. All ranks must call this
    with equal arguments.

    Args:
        pool: The images.
        rows: Which of them.
        model: Whose data preprocessor makes the batches; in eval mode.
        compute: Batch of n -> (n, ...) array.
        folder: Where the parts go; removed at the end.
        out: The .npy file.
        title: Of the progress line.
        finish: Called on rank 0 when `out` is there, before the
            parts go: until it is done, a kill costs no more than a merge.

    Raises:
        UserError: A result is not finite, naming the images; or a part is damaged.
    """
    rank, world_size = get_dist_info()
    batches = pool.batches(rows)
    parts = [
        batches[i : i + BATCHES_PER_PART]
        for i in range(0, len(batches), BATCHES_PER_PART)
    ]
    paths = _part_paths(folder, parts, pool.batch_size)
    todo = from_main(lambda: [k for k, p in enumerate(paths) if not p.exists()])
    mine = todo[rank::world_size]
    wanted = [batch for k in mine for batch in parts[k]]
    loaded = pool.load(wanted, model)
    progress, done = Progress(title, 'images'), 0
    total = sum(map(len, wanted))
    for k in mine:
        results = []
        for batch in parts[k]:
            results.append(compute(next(loaded)))
            _require_finite(results[-1], [pool.names[row] for row in batch], title)
            done += len(batch)
            if rank == 0:
                progress(done, total)
        save_array(paths[k], np.concatenate(results))
    barrier()
    if rank == 0:
        _merge(paths, [sum(map(len, part)) for part in parts], out)
        if finish is not None:
            finish()
        shutil.rmtree(folder)
    barrier()


def is_ready(work: StampedFolder, out: Path, count: int, overwrite: bool) -> bool:
    """Tell whether an array that `compute_in_parts` writes is there, from all ranks.

    Args:
        work: Its stamp, and its parts in `PARTS`.
        out: The .npy file.
        count: Rows that it must have.
        overwrite: See `StampedFolder.begin`.
    """

    def look() -> bool:
        if not work.begin(overwrite) or not _holds_rows(out, count):
            return False
        digest = work.facts.get('sha256')
        if digest is not None and file_hash(out) != digest:
            return False
        # those of a run that was stopped just before it did so itself
        shutil.rmtree(work.folder / PARTS, ignore_errors=True)
        return True

    return from_main(look)


def _holds_rows(path: Path, count: int) -> bool:
    """Tell whether a .npy file is there, readable, and has so many rows."""
    try:
        return len(np.load(path, mmap_mode='r')) == count
    except (OSError, ValueError, EOFError, TypeError):
        return False


def save_array(path: Path, array: np.ndarray) -> None:
    """Write a .npy file, whole or not at all."""
    with atomic_path(path) as temporary, temporary.open('wb') as file:
        np.save(file, array)


def _part_paths(
    folder: Path, parts: Sequence[Sequence[Sequence[int]]], batch_size: int
) -> list[Path]:
    """Return files of the parts; the names tell which of the rows, in what batches."""
    paths, stop = [], 0
    for part in parts:
        start, stop = stop, stop + sum(map(len, part))
        paths.append(folder / f'part_{start:07d}-{stop:07d}_by_{batch_size}.npy')
    return paths


def _merge(paths: Sequence[Path], counts: Sequence[int], out: Path) -> None:
    """One file of all parts, without holding it in memory.

    It is made among the parts: what a kill leaves of it goes with them.
    """
    for path, count in zip(paths, counts, strict=True):
        if not _holds_rows(path, count):
            raise UserError(
                f'{path}: damaged, expected an array of {count} rows; '
                'remove it, and run the same again'
            )
    arrays = [np.load(path, mmap_mode='r') for path in paths]
    with atomic_path(out, paths[0].parent) as temporary:
        whole = np.lib.format.open_memmap(
            temporary, 'w+', arrays[0].dtype, (sum(counts), *arrays[0].shape[1:])
        )
        start = 0
        for array in arrays:
            whole[start : start + len(array)] = array
            start += len(array)
        whole.flush()
        del whole


def _require_finite(values: np.ndarray, names: Sequence[str], title: str) -> None:
    bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if bad.any():
        shown = ', '.join(name for name, b in zip(names, bad, strict=True) if b)
        raise UserError(
            f'{title}: NaN or infinite values for {shown}; the network is no good: '
            'train it again, or take an earlier checkpoint'
        )
