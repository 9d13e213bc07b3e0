"""Load batches on request: one side of `benchmark_loader.py`.

It imports the `mmdepthseg` of its PYTHONPATH, takes a JSON description of the side as
its argument and a number of batches per line of its input, and answers with the CPU
time of reading and collating them, and of our data preprocessor.
"""

import copy
import json
import random
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from step_worker import answer  # noqa: E402


def dataset_config(train: dict, side: dict) -> dict:
    """Return the data set of a kind of samples, from a config's `train_dataloader`."""
    dataset = copy.deepcopy(train['dataset'])
    if 'sources' in dataset:
        source = dataset['sources']['mix' if side['kind'] == 'mix' else 'labeled']
        dataset = dict(dataset['shared'], **source)
    if side['kind'] == 'mix':  # without labels
        prefix = dict(dataset.get('data_prefix') or {}, seg_map_path=None)
        dataset.update(require_labels=False, data_prefix=prefix)
    for key in ('labeled_subset', 'subset_mode'):
        dataset.pop(key, None)
    dataset.update(data_root=side['data_root'], check_depth_labels=False)
    if side['suffix']:
        dataset['img_suffix'] = side['suffix']
    return dataset


def step_of(pipeline: list[dict], kind: str) -> dict:
    """Return the first transform of a kind in a pipeline's config; {} if none."""
    return next((step for step in pipeline if step['type'] == kind), {})


class OurLoader:
    """The package's data set and data preprocessor, as the runner uses them."""

    def __init__(self, cfg: Any, dataset: Any) -> None:
        from mmdepthseg.launch.setup import setup_speed
        from mmdepthseg.registry import MODELS

        setup_speed(cfg)
        self.dataset = dataset
        self.preprocessor = MODELS.build(cfg.model['data_preprocessor'])

    def load(self, indices: list[int]) -> Any:
        """Read and collate a batch."""
        from mmengine.dataset import pseudo_collate

        return pseudo_collate([self.dataset[index] for index in indices])

    def prepare(self, batch: Any) -> Any:
        """Run the data preprocessor."""
        return self.preprocessor(batch, True)


class PlainSide:
    """The plain form of the same samples."""

    def __init__(self, cfg: Any, dataset: Any, pipeline: list, wasteful: bool) -> None:
        from plain_form.loader import PlainLoader

        from mmdepthseg.datasets.label_tables import lookup_table

        samples = [dataset.get_data_info(index) for index in range(len(dataset))]
        if not step_of(pipeline, 'LoadSegLabel'):
            for info in samples:
                info.pop('seg_map_path', None)
        self.loader = PlainLoader(
            samples,
            tuple(step_of(pipeline, 'Resize')['scale']),
            tuple(step_of(pipeline, 'RandomCrop')['crop_size']),
            lookup_table('cityscapes_label_ids').reshape(-1),
            cfg.model['data_preprocessor'],
            bool(step_of(pipeline, 'LoadSDEDisparity')),
            wasteful,
        )

    def load(self, indices: list[int]) -> Any:
        """Read and collate a batch."""
        return self.loader.batch(indices)

    def prepare(self, batch: Any) -> Any:
        """Return the batch, which is ready."""
        return batch


def build(side: dict) -> tuple[Any, Any]:
    """Return the loader of a side and the endless indices of its samples."""
    import cv2
    import torch

    from mmdepthseg.datasets.samplers import ResumableInfiniteSampler
    from mmdepthseg.launch.config import load_config
    from mmdepthseg.registry import DATASETS

    cfg = load_config(side['config'], side['options'])
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random.seed(0)
    spec = dataset_config(cfg.train_dataloader.to_dict(), side)
    dataset = DATASETS.build(spec)
    indices = iter(ResumableInfiniteSampler(dataset, seed=0))
    if not side['plain']:
        return OurLoader(cfg, dataset), indices
    wasteful = side['plain'] == 'wasteful'
    return PlainSide(cfg, dataset, spec['pipeline'], wasteful), indices


def serve(side: dict) -> None:
    """Answer requests until the input ends."""
    import contextlib
    import os

    from mmdepthseg.plugin import register_all_modules

    register_all_modules()
    with open(os.devnull, 'w') as silent, contextlib.redirect_stdout(silent):
        loader, indices = build(side)
    answer(dict(kind=side['kind']))
    for line in sys.stdin:
        reading = preparing = 0.0
        for _ in range(int(line)):
            begun = time.process_time()
            batch = loader.load(list(islice(indices, side['batch'])))
            read = time.process_time()
            loader.prepare(batch)
            reading += read - begun
            preparing += time.process_time() - read
        answer(dict(seconds=reading + preparing, preprocessor=preparing))


if __name__ == '__main__':
    serve(json.loads(sys.argv[1]))
