"""Make depth labels with a trained SDE model."""

import logging
import time
from collections.abc import Callable

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.dist import all_gather_object, get_dist_info
from mmengine.logging import print_log
from mmengine.model import BaseModel

from mmdepthseg.apis.pool import ImagePool
from mmdepthseg.datasets.depth_labels import SCALE, DepthLabelStore, to_16_bits
from mmdepthseg.models.segmentors.samples import without_padding
from mmdepthseg.structures import FrameBatch
from mmdepthseg.utils.ranks import from_main

#: The manifest, which names all labels, is written after so many seconds.
FLUSH_SECONDS = 20.0
#: A label is empty if its depths are within this factor of each other.
FLAT = 1.02
#: Shortest by longest depth, as networks have it by default (0.1 by 100).
_NEAR_BY_FAR = 1e-3


@torch.inference_mode()
def generate_depth_labels(
    model: BaseModel,
    dataset: BaseDataset,
    store: DepthLabelStore,
    batch_size: int = 8,
    num_workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write the disparity of every image that has none yet or has changed since.

    If there are several ranks, all must call this; they share the images.

    Args:
        model: With `predict_disparity`, in eval mode.
        dataset: With packed samples (`PackDepthSegInputs`).
        store: Opened with `DepthLabelStore.begin` on one rank; the others load its
            manifest.
        batch_size: Images per forward pass, or fewer where their sizes differ.
        num_workers: Loader processes.
        progress: Called with (images done, total).

    Returns:
        Number of labels written by this call on all ranks. A warning is logged if most
        of them are empty, see `is_empty`.
    """
    pool = ImagePool(dataset, batch_size, num_workers)
    todo = from_main(lambda: _todo(pool, store))
    if todo and get_dist_info()[0] == 0:
        store.flush()  # complete no longer
    batches = [
        batch
        for batch in pool.batches(range(len(pool)))
        if not todo.isdisjoint(pool.names[row] for row in batch)
    ]
    rank, world_size = get_dist_info()
    mine = batches[rank::world_size]
    loaded = pool.load(mine, model)
    rounds = -(-len(batches) // world_size)
    written, empty, fresh, flushed = 0, 0, [], time.monotonic()
    for number in range(rounds):
        if number < len(mine):
            for places, batch in next(loaded):
                rows = [mine[number][place] for place in places]
                for row, value in zip(rows, _disparities(model, batch), strict=True):
                    if pool.names[row] in todo:
                        store.write(pool.names[row], value, pool.paths[row])
                        fresh.append(pool.names[row])
                        empty += is_empty(value)
        if number + 1 == rounds or _is_late(flushed):
            written += _flush(store, fresh)
            fresh, flushed = [], time.monotonic()
            if progress is not None and rank == 0:
                progress(len(pool) - len(todo) + written, len(pool))
    if rank == 0:
        store.flush(complete=True)
    empty = sum(all_gather_object(empty))
    if rank == 0 and 2 * empty > written:
        print_log(
            f'{store.root}: {empty} of the {written} depth labels written have one '
            'depth for all pixels, or its limits: the network has learned no depth. '
            'Look at the validation of its training and at depth.warped in the log '
            '(near 0: frames are identical or stand; see offsets of the data set), and '
            'at whether these images are of the kind that it was trained with',
            logger='current',
            level=logging.WARNING,
        )
    return written


def is_empty(disparity: np.ndarray) -> bool:
    """Tell whether a label tells nothing of what is near and what is far.

    Args:
        disparity: (H, W), in [0, 1].

    Returns:
        True if the depths of nine tenths of the pixels are within `FLAT` of each other,
        or are the shortest or longest that there is.
    """
    step = max(min(disparity.shape) // 64, 1)  # pixels enough, in less time
    stored = to_16_bits(disparity[::step, ::step])
    low, high = np.percentile(stored, [5, 95]) / SCALE + _NEAR_BY_FAR
    limits = np.isin(stored, (0, SCALE)).mean()
    return bool(high < FLAT * low or limits > 0.9)


def _disparities(model: BaseModel, batch: dict) -> list[np.ndarray]:
    """Return the disparities (h, w) of a preprocessed batch."""
    img = FrameBatch.of(batch['inputs']).img
    disparity = model.predict_disparity(img).cpu()
    # a label covers its image, as those who load it expect
    values = without_padding(disparity, batch.get('data_samples'), img.shape[2:])
    return [value[0].numpy() for value in values]


def _todo(pool: ImagePool, store: DepthLabelStore) -> set[str]:
    """Return the names of the images without an up-to-date label."""
    changed = store.outdated(dict(zip(pool.names, pool.paths, strict=True)))
    return set(pool.names) - (set(store.manifest['files']) - set(changed))


def _is_late(flushed: float) -> bool:
    """Tell all ranks whether rank 0 has not written the manifest for long."""
    return from_main(lambda: time.monotonic() - flushed >= FLUSH_SECONDS)


def _flush(store: DepthLabelStore, fresh: list[str]) -> int:
    """Record the labels of all ranks in the manifest; return their number."""
    manifest = store.manifest
    entries = {
        name: (manifest['files'][name], manifest['images'].get(name)) for name in fresh
    }
    written = 0
    for part in all_gather_object(entries):
        written += len(part)
        for name, (size, state) in part.items():
            manifest['files'][name] = size
            if state is None:
                manifest['images'].pop(name, None)
            else:
                manifest['images'][name] = state
    if get_dist_info()[0] == 0:
        store.flush()
    return written
