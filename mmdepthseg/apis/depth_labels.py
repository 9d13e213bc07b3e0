"""Make depth labels with a trained SDE model."""

from collections.abc import Callable

import torch
from mmengine.model import BaseModel
from torch.utils.data import DataLoader, Dataset, Subset

from mmdepthseg.datasets.depth_labels import DepthLabelStore

FLUSH_EVERY = 50


@torch.inference_mode()
def generate_depth_labels(model: BaseModel,
                          dataset: Dataset,
                          store: DepthLabelStore,
                          batch_size: int = 8,
                          num_workers: int = 2,
                          progress: Callable[[int, int], None] | None = None) -> int:
    """Write the disparity of every image that has none yet, or has changed since.

    Args:
        model (BaseModel): With ``predict_disparity``, in eval mode.
        dataset (Dataset): With packed samples (``PackDepthSegInputs``).
        store (DepthLabelStore): Opened by :meth:`DepthLabelStore.begin`.
        batch_size (int): Images per forward pass; all must have one size.
        num_workers (int): Loader processes.
        progress (Callable, optional): Called with (images done, images in all).

    Returns:
        int: Number of labels written now.
    """
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    ids = [info['img_id'] for info in infos]
    changed = store.outdated({info['img_id']: info['img_path'] for info in infos})
    done = set(store.manifest['files']) - set(changed)
    todo = [i for i, img_id in enumerate(ids) if img_id not in done]
    loader = DataLoader(
        Subset(dataset, todo), batch_size, num_workers=num_workers,
        collate_fn=_collate)
    written = 0
    for batch in loader:
        data = model.data_preprocessor(batch, False)
        disparity = model.predict_disparity(data['inputs'].img).cpu().numpy()
        for sample, value in zip(data['data_samples'], disparity, strict=True):
            meta = sample.metainfo
            store.write(meta['img_id'], value[0], meta.get('img_path'))
        written += len(disparity)
        if written // FLUSH_EVERY != (written - len(disparity)) // FLUSH_EVERY:
            store.flush()
        if progress is not None:
            progress(len(ids) - len(todo) + written, len(ids))
    store.flush(complete=True)
    return written


def _collate(samples: list[dict]) -> dict:
    return {key: [s[key] for s in samples] for key in samples[0]}
