"""Run a network over a pool of images, on one rank or several, in restartable parts.

Batches are always the same images, whatever the number of ranks and wherever an earlier
run stopped: so are, on one kind of device, the results, to the last bit.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import barrier, broadcast_object_list, get_dist_info
from mmengine.model import BaseModel
from torch.utils.data import DataLoader, Dataset

from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import write_atomically
from mmdepthseg.utils.progress import Progress

#: Batches per part: what a kill can cost a rank, and a file written.
BATCHES_PER_PART = 8


class ImagePool:
    """The images to choose from.

    Args:
        dataset (Dataset): With packed samples and ``get_data_info`` that tells
            ``img_id`` and ``img_path``.
        batch_size (int): Images per forward pass; all of a batch must have one size.
        num_workers (int): Loader processes.

    Attributes:
        names (list[str]): ``img_id`` of each image.
        paths (list[str]): Its file.

    Raises:
        UserError: The data set does not name its images, or two alike.
    """

    def __init__(self, dataset: Dataset, batch_size: int = 8,
                 num_workers: int = 0) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.num_workers = num_workers
        infos = [dataset.get_data_info(i) for i in range(len(dataset))]
        if any('img_id' not in info for info in infos):
            raise UserError(
                f'{type(dataset).__name__} does not name its images (img_id), so they '
                'cannot be selected: use a data set of mmdepthseg, such as ClipDataset')
        self.names = [str(info['img_id']) for info in infos]
        self.paths = [str(info['img_path']) for info in infos]
        if len(set(self.names)) < len(self.names):
            twice = next(n for n in self.names if self.names.count(n) > 1)
            raise UserError(f'the pool holds two images named {twice!r}')

    def __len__(self) -> int:
        """Number of images."""
        return len(self.names)

    def fingerprint(self) -> str:
        """SHA-256 over names, sizes and times of all image files."""
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
        """Rows in batches."""
        rows = [int(row) for row in rows]
        step = self.batch_size
        return [rows[i:i + step] for i in range(0, len(rows), step)]

    def load(self, batches: Sequence[Sequence[int]],
             model: BaseModel) -> Iterator[dict]:
        """Batches as the model's data preprocessor makes them, in order."""
        loader = DataLoader(
            self.dataset, batch_sampler=batches, num_workers=self.num_workers,
            collate_fn=_collate)
        for batch in loader:
            yield model.data_preprocessor(batch, False)


def _collate(samples: list[dict]) -> dict:
    return {key: [s[key] for s in samples] for key in samples[0]}


@torch.inference_mode()
def compute_in_parts(pool: ImagePool, rows: Sequence[int], model: BaseModel,
                     compute: Callable[[dict], np.ndarray], folder: Path,
                     out: Path, title: str) -> None:
    """Compute an array with a row per image, and write it.

    Parts of some batches are written as they get done; those that are there are not
    computed again. All ranks must call this with equal arguments.

    Args:
        pool (ImagePool): The images.
        rows (Sequence[int]): Which of them.
        model (BaseModel): Whose data preprocessor makes the batches; in eval mode.
        compute (Callable): Batch of n -> (n, ...) array.
        folder (Path): Where the parts go; removed at the end.
        out (Path): The .npy file.
        title (str): Of the progress line.

    Raises:
        UserError: A result is not finite; names the images.
    """
    rank, world_size = get_dist_info()
    batches = pool.batches(rows)
    parts = [batches[i:i + BATCHES_PER_PART]
             for i in range(0, len(batches), BATCHES_PER_PART)]
    paths = [folder / f'part_{k:05d}.npy' for k in range(len(parts))]
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
        _merge(paths, out)
        shutil.rmtree(folder)
    barrier()


def from_main(function: Callable[[], Any]) -> Any:
    """What a function returns on rank 0, on all ranks; pickled."""
    box = [function() if get_dist_info()[0] == 0 else None]
    broadcast_object_list(box)
    return box[0]


def save_array(path: Path, array: np.ndarray) -> None:
    """Write a .npy file, whole or not at all."""
    from io import BytesIO
    data = BytesIO()
    np.save(data, array)
    write_atomically(path, data.getvalue())


def _merge(paths: Sequence[Path], out: Path) -> None:
    """One file of all parts, without holding it in memory."""
    arrays = [np.load(path, mmap_mode='r') for path in paths]
    temporary = out.with_name(f'{out.name}.tmp-{os.getpid()}')
    temporary.parent.mkdir(parents=True, exist_ok=True)
    try:
        whole = np.lib.format.open_memmap(
            temporary, 'w+', arrays[0].dtype,
            (sum(map(len, arrays)), *arrays[0].shape[1:]))
        start = 0
        for array in arrays:
            whole[start:start + len(array)] = array
            start += len(array)
        whole.flush()
        del whole
        os.replace(temporary, out)
    finally:
        temporary.unlink(missing_ok=True)


def _require_finite(values: np.ndarray, names: Sequence[str], title: str) -> None:
    bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if bad.any():
        shown = ', '.join(name for name, b in zip(names, bad, strict=True) if b)
        raise UserError(
            f'{title}: NaN or infinite values for {shown}; the network is no good: '
            'train it again, or take an earlier checkpoint')
