"""Depth predictors that ignore the image, as baselines for depth metrics."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor

from mmdepthseg.names import sample_name
from mmdepthseg.registry import DATASETS
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.ranks import from_main
from mmdepthseg.utils.stamp import Stamp


class RowMeanDepth:
    """Mean depth per image row over a training set, as a fixed predictor.

    Street scenes are so similar that this predictor alone gives respectable figures: a
    network that does not beat it has only learned how the camera is mounted.

    Args:
        rows: Mean depth in metres per bin of relative height, from top to bottom, (R,).

    Raises:
        ValueError: `rows` is not one-dimensional, is empty, or contains a value that
            is not positive and finite.
    """

    def __init__(self, rows: np.ndarray) -> None:
        rows = np.asarray(rows, dtype=np.float64)
        if (
            rows.ndim != 1
            or not len(rows)
            or not (np.isfinite(rows) & (rows > 0)).all()
        ):
            raise ValueError(
                'RowMeanDepth: rows must be a non-empty vector of positive depths'
            )
        self.rows = rows

    @classmethod
    def fit(
        cls,
        depth_maps: Iterable[np.ndarray],
        min_depth: float = 1e-3,
        max_depth: float = 80.0,
        num_rows: int = 128,
    ) -> 'RowMeanDepth':
        """Compute the predictor from depth maps of any sizes.

        Args:
            depth_maps: Depth maps (H, W), metres; values outside (min_depth, max_depth)
                are ignored, as in the metric.
            min_depth: Exclusive lower bound, metres.
            max_depth: Exclusive upper bound, metres.
            num_rows: Number of bins of relative height; a row belongs to the bin that
                contains its centre. Bins without a measurement are interpolated.

        Returns:
            The predictor.

        Raises:
            UserError: No pixel is valid.
        """
        sums, counts = np.zeros(num_rows), np.zeros(num_rows)
        for depth in depth_maps:
            valid = (depth > min_depth) & (depth < max_depth)
            height = depth.shape[0]
            bins = ((np.arange(height) + 0.5) / height * num_rows).astype(np.int64)
            row_sums = np.where(valid, depth, 0).sum(1, dtype=np.float64)
            np.add.at(sums, bins, row_sums)
            np.add.at(counts, bins, valid.sum(1))
        filled = np.flatnonzero(counts)
        if not len(filled):
            raise UserError('RowMeanDepth: the training set has no valid depth')
        means = sums[filled] / counts[filled]
        return cls(np.interp(np.arange(num_rows), filled, means))

    def predict(
        self, height: int, width: int, device: torch.device | str = 'cpu'
    ) -> Tensor:
        """Return the predicted depth, which is the same for all images of one size.

        Args:
            height: Height of the image, pixels.
            width: Width of the image, pixels.
            device: Device of the result.

        Returns:
            Depth (height, width), float32, metres.
        """
        centres = (np.arange(height) + 0.5) / height * len(self.rows) - 0.5
        column = np.interp(centres, np.arange(len(self.rows)), self.rows)
        column = torch.as_tensor(column, dtype=torch.float32, device=device)
        return column[:, None].expand(height, width)


def dataset_depth_maps(dataset: Any) -> Iterable[np.ndarray]:
    """Yield the ground-truth depth of every sample of a data set.

    Args:
        dataset: Data set whose pipeline loads `gt_depth_map`; its samples may be packed
            or not.

    Yields:
        Depth (H, W), metres.

    Raises:
        UserError: A sample has no depth; the message names its image.
    """
    for index in range(len(dataset)):
        sample = dataset[index]
        if 'data_samples' in sample:
            sample = sample['data_samples']
        if 'gt_depth_map' not in sample:
            name = sample_name(dataset.get_data_info(index))
            raise UserError(
                f'Depth baseline: {name} has no gt_depth_map; the data set needs '
                'depth files, and LoadStereoDepth or LoadDepthMap in its pipeline'
            )
        depth = sample.get('gt_depth_map')
        yield depth if isinstance(depth, np.ndarray) else depth.data[0].numpy()


def build_row_mean(
    dataset: Mapping,
    cache: str | None,
    min_depth: float,
    max_depth: float,
    num_rows: int = 128,
) -> RowMeanDepth:
    """Return the row means of a data set, from the cache if its options match.

    Only the main process computes and writes them; the other ranks receive the result.

    Args:
        dataset: Config of the data set; by default its pipeline loads only depth, no
            images, with the standard options of the loaders (others are refused at the
            start of a run, see `check_baseline`).
        cache: JSON file in which the result is kept, or None.
        min_depth: Exclusive lower bound, metres.
        max_depth: Exclusive upper bound, metres.
        num_rows: Number of bins of relative height.

    Returns:
        The predictor.
    """
    config = dict(dataset)
    config.setdefault(
        'pipeline',
        [
            dict(type='LoadStereoDepth', keep_size=True),
            dict(type='LoadDepthMap', keep_size=True),
        ],
    )
    return RowMeanDepth(
        from_main(lambda: _load_or_fit(config, cache, min_depth, max_depth, num_rows))
    )


def _load_or_fit(
    config: dict, cache: str | None, min_depth: float, max_depth: float, num_rows: int
) -> np.ndarray:
    built = DATASETS.build(config)
    files = '\n'.join(
        _file_state(built.get_data_info(index)) for index in range(len(built))
    )
    # Everything that affects the result.
    made_with = dict(
        dataset=config,
        min_depth=min_depth,
        max_depth=max_depth,
        num_rows=num_rows,
        files=hashlib.sha256(files.encode()).hexdigest(),
    )
    stamp = cache and Stamp(cache, 'the row means', made_with, tolerant=True)
    if stamp and stamp.is_done():
        return np.array(stamp.facts['rows'])
    print_log(
        f'Depth baseline: computing the row means of {len(built)} training images',
        logger='current',
    )
    rows = RowMeanDepth.fit(
        dataset_depth_maps(built), min_depth, max_depth, num_rows
    ).rows
    if stamp:
        stamp.finish(rows=rows.tolist())
    return rows


def _file_state(info: dict) -> str:
    """Return a string that changes if a sample's depth files are replaced."""
    parts = [str(info.get('img_path'))]
    for key in ('depth_path', 'disparity_path', 'camera_path'):
        path = info.get(key)
        if path is None:
            continue
        try:
            state = os.stat(path)
            parts.append(f'{path} {state.st_size} {state.st_mtime_ns}')
        except OSError:  # not a local file; its reader reports a missing one
            parts.append(str(path))
    return ' '.join(parts)
