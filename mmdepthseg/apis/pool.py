"""Run a network over a pool of images, on one or several ranks, in restartable parts.

Batches consist of the same images whatever the number of ranks and wherever an earlier
run stopped, so the results on one kind of device are the same to the last bit.
"""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.dist import barrier, get_dist_info
from mmengine.model import BaseModel
from torch.utils.data import DataLoader

from mmdepthseg.apis.stamped_folder import StampedFolder
from mmdepthseg.name_lists import check_names
from mmdepthseg.registry import DATASETS
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import atomic_path, file_hash, read_array
from mmdepthseg.utils.progress import Progress
from mmdepthseg.utils.ranks import from_main

#: Batches per part. A part is one file; a rank that is killed loses at most one.
BATCHES_PER_PART = 8
#: Folder of the parts, below the folder of a stamp.
PARTS = 'parts'


def check_loading(batch_size: int, num_workers: int) -> None:
    """Refuse numbers with which nothing can be loaded.

    Raises:
        UserError: Gives both.
    """
    if batch_size < 1 or num_workers < 0:
        raise UserError(
            f'batch_size={batch_size}, num_workers={num_workers}: expected at least 1 '
            'sample per batch and 0 or more loader processes'
        )


def predicted_images(
    cfg: Config, split: str = 'predict', pipeline: Sequence[dict] | None = None
) -> BaseDataset:
    """Return the images of a config's data loader, loaded as predictions need them.

    Args:
        cfg: With `SPLIT_dataloader` and `predict_pipeline`.
        split: 'predict', 'train', 'val' or 'test'.
        pipeline: In the place of `predict_pipeline`.

    Raises:
        UserError: Names the key that the config lacks.
    """
    for key in (f'{split}_dataloader', 'predict_pipeline'):
        if cfg.get(key) is None:
            raise UserError(
                f'{cfg.filename} lacks {key}: predictions need {split}_dataloader, '
                'whose images they are of, and predict_pipeline (LoadImageFromFile, '
                'Resize, PackDepthSegInputs)'
            )
    dataset = cfg[f'{split}_dataloader'].dataset
    steps = cfg.predict_pipeline if pipeline is None else pipeline
    return DATASETS.build(dict(dataset, pipeline=steps, test_mode=True))


class ImagePool:
    """The images to choose from.

    Args:
        dataset: With packed samples, and `img_id` and `img_path` in
            `get_data_info`.
        batch_size: Images per forward pass, or fewer where their sizes differ.
        num_workers: Loader processes.

    Attributes:
        names: `img_id` of each image.
        paths: File of each image.
        states: What is known of the files, by name; see `fingerprint`.

    Raises:
        UserError: Images have no names or two have the same, or a number is out of
            range.
    """

    def __init__(
        self, dataset: BaseDataset, batch_size: int = 8, num_workers: int = 0
    ) -> None:
        check_loading(batch_size, num_workers)
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
        self.states: dict[str, dict] = {}
        check_names(self.names)
        ((often, number),) = Counter(self.names).most_common(1) or [('', 0)]
        if number > 1:
            raise UserError(f'the pool contains two images named {often!r}')

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.names)

    def batches(self, rows: Sequence[int]) -> list[list[int]]:
        """Split rows into batches."""
        rows = [int(row) for row in rows]
        step = self.batch_size
        return [rows[i : i + step] for i in range(0, len(rows), step)]

    def load(
        self, batches: list[list[int]], model: BaseModel
    ) -> Iterator[list[tuple[list[int], dict]]]:
        """Yield the batches in order, after the model's data preprocessor.

        Each is a list of the images of one size with their places in the batch: beside
        a larger image, an image would be padded, and padding changes what networks see.
        """
        loader = DataLoader(
            self.dataset,
            batch_sampler=batches,
            num_workers=self.num_workers,
            collate_fn=list,
        )
        for samples in loader:
            places: dict[tuple[int, ...], list[int]] = {}
            for place, sample in enumerate(samples):
                places.setdefault(image_shape(sample), []).append(place)
            yield [
                (own, model.data_preprocessor(_collate(samples, own), False))
                for own in places.values()
            ]


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
    """Compute an array with one row per image, and write it.

    Parts of several batches are written when they are done; whole parts are computed
    again only if the batch size has changed. All ranks must give the same arguments.

    Args:
        pool: The images.
        rows: Rows to compute.
        model: Its data preprocessor makes the batches; in eval mode.
        compute: Batch of n -> (n, ...) array.
        folder: Folder of the parts; removed at the end.
        out: The .npy file.
        title: Of the progress line.
        finish: Called on rank 0 when `out` is written, before the parts are removed:
            a kill in between costs only the merge.

    Raises:
        UserError: A result is not finite (names the images) or a part is damaged.
    """
    rank, world_size = get_dist_info()
    batches = pool.batches(rows)
    parts = [
        batches[i : i + BATCHES_PER_PART]
        for i in range(0, len(batches), BATCHES_PER_PART)
    ]
    paths = _part_paths(folder, parts, pool.batch_size)
    counts = [sum(map(len, part)) for part in parts]
    todo = from_main(
        lambda: [k for k, p in enumerate(paths) if not _holds_rows(p, counts[k])]
    )
    mine = todo[rank::world_size]
    wanted = [batch for k in mine for batch in parts[k]]
    loaded = pool.load(wanted, model)
    progress, done, total = Progress(title, 'images'), 0, sum(map(len, wanted))
    for k in mine:
        results = []
        for batch in parts[k]:
            results.append(_in_order(next(loaded), compute))
            _require_finite(results[-1], [pool.names[row] for row in batch], title)
            done += len(batch)
            if rank == 0:
                progress(done, total)
        save_array(paths[k], np.concatenate(results))
    barrier()
    if rank == 0:
        _merge(paths, counts, out)
        if finish is not None:
            finish()
        shutil.rmtree(folder)
    barrier()


def image_shape(sample: dict) -> tuple[int, ...]:
    """Return the shape (3, H, W) of the image of a packed sample."""
    inputs = sample['inputs']
    return tuple((inputs['img'] if isinstance(inputs, dict) else inputs).shape)


def _collate(samples: list[dict], places: list[int]) -> dict:
    return pseudo_collate([samples[place] for place in places])


def _in_order(
    batch: list[tuple[list[int], dict]], compute: Callable[[dict], np.ndarray]
) -> np.ndarray:
    """Compute a batch of `ImagePool.load`, one size after the other."""
    found = np.concatenate([compute(images) for _, images in batch])
    places = np.concatenate([own for own, _ in batch])
    return found[np.argsort(places)]


def is_ready(work: StampedFolder, out: Path, count: int, overwrite: bool) -> bool:
    """Tell on all ranks whether an array of `compute_in_parts` is complete.

    Args:
        work: Folder of its stamp, with the parts in `PARTS`.
        out: The .npy file.
        count: Required number of rows.
        overwrite: See `StampedFolder.begin`.
    """

    def look() -> bool:
        if not work.begin(overwrite) or not _holds_rows(out, count):
            return False
        digest = work.facts.get('sha256')
        if digest is not None and file_hash(out) != digest:
            return False
        # left by a run that was stopped just before it removed them
        shutil.rmtree(work.folder / PARTS, ignore_errors=True)
        return True

    return from_main(look)


def _holds_rows(path: Path, count: int) -> bool:
    """Tell whether a .npy file exists, is readable and has `count` rows."""
    try:
        return len(read_array(path)) == count
    except (UserError, TypeError):
        return False


def save_array(path: Path, array: np.ndarray) -> None:
    """Write a .npy file atomically."""
    with atomic_path(path) as temporary, temporary.open('wb') as file:
        np.save(file, array)


def _part_paths(
    folder: Path, parts: Sequence[Sequence[Sequence[int]]], batch_size: int
) -> list[Path]:
    """Return the files of the parts, named by their rows and the batch size."""
    paths, stop = [], 0
    for part in parts:
        start, stop = stop, stop + sum(map(len, part))
        paths.append(folder / f'part_{start:07d}-{stop:07d}_by_{batch_size}.npy')
    return paths


def _merge(paths: Sequence[Path], counts: Sequence[int], out: Path) -> None:
    """Merge all parts into one file without holding it in memory.

    The temporary file is in the folder of the parts, so it is removed with them.
    """
    for path, count in zip(paths, counts, strict=True):
        if not _holds_rows(path, count):
            raise UserError(
                f'{path}: damaged, expected an array of {count} rows; '
                'remove it and repeat the command'
            )
    first = read_array(paths[0])
    with atomic_path(out, paths[0].parent) as temporary:
        whole = np.lib.format.open_memmap(
            temporary, 'w+', first.dtype, (sum(counts), *first.shape[1:])
        )
        # a full disk is an error here, but a crash when mapped pages are written
        with temporary.open('r+b') as file:
            os.posix_fallocate(file.fileno(), 0, os.path.getsize(temporary))
        start = 0
        # one at a time: each open part is one of the process's few file descriptors
        for path, count in zip(paths, counts, strict=True):
            whole[start : start + count] = read_array(path)
            start += count
        whole.flush()
        del whole


def _require_finite(values: np.ndarray, names: Sequence[str], title: str) -> None:
    bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if bad.any():
        shown = ', '.join(name for name, b in zip(names, bad, strict=True) if b)
        raise UserError(
            f'{title}: NaN or infinite values for {shown}; the network did not '
            'train well: train it again, or use an earlier checkpoint'
        )
