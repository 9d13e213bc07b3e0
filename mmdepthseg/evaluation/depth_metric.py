"""Depth metric that keeps only a few numbers per image."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor

from mmdepthseg.evaluation.depth_baselines import RowMeanDepth, build_row_mean
from mmdepthseg.evaluation.depth_errors import (
    ALIGNMENTS,
    DEPTH_ERRORS,
    align_depth,
    crop_box,
    depth_errors,
)
from mmdepthseg.geometry import check_depth_range
from mmdepthseg.names import sample_name
from mmdepthseg.registry import METRICS
from mmdepthseg.utils.errors import UserError, check_keys

#: Lower bound of depths that are inverted; far below any min_depth.
TINY = 1e-6
# Training needs no depth files, but its validation does.
TARGET_CURE = (
    'LoadStereoDepth or LoadDepthMap in the pipeline, and depth files in '
    'the data set. To train without them, turn validation off: '
    '--cfg-options val_dataloader=None val_cfg=None val_evaluator=None'
)

#: Errors of the pixels of a range of distances.
RANGE_ERRORS = ('abs_rel', 'a1')

WRITE_DEPTH = (
    'tools/generate_depth.py CONFIG CHECKPOINT --out FOLDER writes the disparity of a '
    'depth network, --show-dir draws it'
)


@METRICS.register_module()
class DepthMetric(BaseMetric):
    """Errors of depth that is known up to scale, averaged over images.

    MMSegmentation's `DepthMetric` keeps all pixels of all images, raises TypeError for
    any list of metrics, does not align and turns empty masks into NaN.

    The prediction `pred_depth_map` (1, H, W) is resized to the ground truth
    `gt_depth_map` (bilinearly in inverse depth, in which predictions of networks are
    smooth), aligned, clamped to [min_depth, max_depth] and compared where min_depth <
    ground truth < max_depth within the crop. All images have the same weight; images
    without a valid pixel are left out and reported.

    Figures: `DEPTH_ERRORS`; `scale` and `scale_spread`, the mean and the relative
    standard deviation of the alignment factors (how well the scale is preserved from
    image to image); the errors of the baselines under `constant/` and `row_mean/`,
    aligned in the same way; and with `ranges` abs_rel and a1 of the pixels of a range
    of distances, such as `20-40m/abs_rel`, averaged over the images that have some.

    Args:
        align: `'median'`, `'lsqr'`, `'affine'` or `'none'` (see `align_depth`).
        min_depth: Exclusive lower bound of the ground truth, metres.
        max_depth: Exclusive upper bound of the ground truth, metres.
        crop: `'garg'`, `'eigen'`, `'cityscapes'`, `'cityscapes_no_ego'` (for their
            sources see `depth_errors.CROPS`), fractions (top, bottom, left, right), or
            None for the whole image.
        baseline: `dict(dataset=<config>, cache='row_mean.json')`: the mean depth per
            image row of that (training) data set, as a fixed predictor; for its other
            keys see `build_row_mean`. It is computed at the first image.
        constant: Report a baseline of constant depth. With `align='none'` its depth is
            the mean of the rows of `baseline`; without a `baseline` it is then left
            out.
        ranges: Bounds of ranges of the ground truth, metres, ascending, none above
            `max_depth`: (0, 20, 40, 80) are three ranges. The alignment is that of the
            whole image.
        collect_device: As in `BaseMetric`.
        prefix: As in `BaseMetric`.
        **kwargs: Passed to `BaseMetric`.

    Raises:
        UserError: An option is invalid or a sample has no depth.
    """

    def __init__(
        self,
        align: str = 'median',
        min_depth: float = 1e-3,
        max_depth: float = 80.0,
        crop: str | Sequence[float] | None = None,
        baseline: Mapping | None = None,
        constant: bool = True,
        ranges: Sequence[float] = (),
        collect_device: str = 'cpu',
        prefix: str | None = None,
        **kwargs,
    ) -> None:
        if 'output_dir' in kwargs:  # what --out of tools/test.py sets
            raise UserError(f'DepthMetric does not write files (--out): {WRITE_DEPTH}')
        super().__init__(collect_device=collect_device, prefix=prefix, **kwargs)
        if align not in ALIGNMENTS:
            raise UserError(f'align must be one of {ALIGNMENTS}, got {align!r}')
        check_depth_range('DepthMetric', min_depth, max_depth)
        if baseline is not None:
            place = 'DepthMetric: baseline'
            known = ('dataset', 'cache', 'num_rows')
            check_keys(baseline, known, place, needed=['dataset'])
        crop_box(crop, 100, 100)
        self.ranges = _named_ranges(ranges, max_depth)
        self.align = align
        self.min_depth = min_depth
        self.max_depth = max_depth
        self.crop = crop
        self.baseline = baseline
        self.constant = constant and (align != 'none' or baseline is not None)
        self._row_mean: RowMeanDepth | None = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Add the errors of a batch.

        Args:
            data_batch: Unused.
            data_samples: Dicts with `pred_depth_map` and `gt_depth_map`.

        Raises:
            UserError: One of them is missing; the message names the image and the
                remedy.
        """
        for sample in data_samples:
            target = self._field(sample, 'gt_depth_map', TARGET_CURE)
            target = target.squeeze(0).float()
            prediction = (
                self._field(sample, 'pred_depth_map', 'a model with a depth_head')
                .detach()
                .to(target)
            )
            self.results.append(self._evaluate(prediction, target))

    def _field(self, sample: Mapping, key: str, cure: str) -> Tensor:
        if key not in sample:
            name = sample_name(sample)
            raise UserError(f'DepthMetric: {name} has no {key}; it needs {cure}')
        return sample[key]['data']

    def _evaluate(self, prediction: Tensor, target: Tensor) -> dict[str, list[float]]:
        """Return the errors and the scale of every predictor for one image.

        The result is empty if no pixel is valid.
        """
        rows, columns = crop_box(self.crop, *target.shape)
        prediction = resize_depth(prediction, target.shape)[rows, columns]
        predictions = dict(prediction=prediction)
        height, width = target.shape
        target = target[rows, columns]
        mask = (target > self.min_depth) & (target < self.max_depth)
        if self.baseline is not None:
            row_mean = self._get_row_mean().predict(height, width, target.device)
            predictions['row_mean'] = row_mean[rows, columns]
        if self.constant:
            level = (
                1.0 if self.align != 'none' else float(self._get_row_mean().rows.mean())
            )
            predictions['constant'] = torch.full_like(target, level)
        if not mask.any():
            return {}
        target = target[mask]
        aligned, figures = {}, []
        for name, depth in predictions.items():
            aligned[name], scale = self._align(depth[mask], target)
            errors = depth_errors(aligned[name], target)
            figures.append(torch.cat([errors, scale.view(1)]))
        found = dict(zip(predictions, torch.stack(figures).tolist()))
        return {**found, **self._range_errors(aligned['prediction'], target)}

    def _align(self, prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        prediction = prediction.clamp(min=TINY)
        aligned, scale = align_depth(prediction, target, self.align, self.max_depth)
        return aligned.clamp(self.min_depth, self.max_depth), scale

    def _range_errors(
        self, prediction: Tensor, target: Tensor
    ) -> dict[str, list[float]]:
        """Return `RANGE_ERRORS` of the ranges in which there is a pixel."""
        places = [DEPTH_ERRORS.index(name) for name in RANGE_ERRORS]
        found = {}
        for name, (near, far) in self.ranges.items():
            inside = (target > near) & (target <= far)
            if inside.any():
                errors = depth_errors(prediction[inside], target[inside])
                found[name] = errors[places].tolist()
        return found

    def _baselines(self) -> list[str]:
        names = ['row_mean'] if self.baseline is not None else []
        return names + (['constant'] if self.constant else [])

    def figure_names(self) -> list[str]:
        """Return the names of the figures, the main one first."""
        names = [*DEPTH_ERRORS]
        names += [f'{b}/{n}' for b in self._baselines() for n in DEPTH_ERRORS]
        names += [f'{r}/{n}' for r in self.ranges for n in RANGE_ERRORS]
        return names + (['scale', 'scale_spread'] if self.align != 'none' else [])

    def _get_row_mean(self) -> RowMeanDepth:
        if self._row_mean is None:
            options: dict = dict(cache=None) | dict(self.baseline or {})
            self._row_mean = build_row_mean(
                min_depth=self.min_depth, max_depth=self.max_depth, **options
            )
        return self._row_mean

    def compute_metrics(
        self, results: list[dict[str, list[float]]]
    ) -> dict[str, float]:
        """Average the errors over the images.

        Args:
            results: One dict per image, from all ranks.

        Returns:
            The figures; NaN if no image has a valid pixel.
        """
        valid = [result for result in results if result]
        if len(valid) < len(results):
            print_log(
                f'DepthMetric: {len(results) - len(valid)} of {len(results)} images '
                'have no valid ground-truth depth and are left out.',
                logger='current',
                level=logging.WARNING,
            )
        if not valid:
            return dict.fromkeys(DEPTH_ERRORS, float('nan'))
        metrics = {}
        for span in self.ranges:
            rows = [result[span] for result in valid if span in result]
            rows = rows or [[float('nan')] * len(RANGE_ERRORS)]
            means = torch.tensor(rows, dtype=torch.float64).mean(0).tolist()
            metrics.update({f'{span}/{n}': m for n, m in zip(RANGE_ERRORS, means)})
        for predictor in ['prediction', *self._baselines()]:
            table = torch.tensor(
                [result[predictor] for result in valid], dtype=torch.float64
            )
            means = table.mean(0).tolist()
            prefix = '' if predictor == 'prediction' else f'{predictor}/'
            metrics.update(
                {f'{prefix}{name}': mean for name, mean in zip(DEPTH_ERRORS, means)}
            )
            if predictor == 'prediction' and self.align != 'none':
                scales = table[:, -1]
                metrics['scale'] = scales.mean().item()
                metrics['scale_spread'] = (
                    scales.std(correction=0) / scales.mean().abs()
                ).item()
        return metrics


def _named_ranges(
    bounds: Sequence[float], max_depth: float
) -> dict[str, tuple[float, float]]:
    """Return the ranges between bounds, by their names in the figures.

    Raises:
        UserError: The bounds are not two or more ascending numbers up to `max_depth`.
    """
    values = [*bounds] if isinstance(bounds, Sequence) else [bounds]
    good = all(isinstance(v, int | float) and 0 <= v <= max_depth for v in values)
    if values and not (good and len(values) > 1 and values == sorted({*values})):
        raise UserError(
            'DepthMetric: ranges must be two or more ascending distances in metres, '
            f'such as (0, 20, 40, 80), none above max_depth={max_depth:g}, got '
            f'{bounds!r}'
        )
    pairs = zip(values, values[1:])
    return {f'{near:g}-{far:g}m': (near, far) for near, far in pairs}


def resize_depth(depth: Tensor, size: Sequence[int]) -> Tensor:
    """Resize a depth map bilinearly in inverse depth.

    Args:
        depth: Depth (1, H, W) or (H, W), positive.
        size: New size (height, width), pixels.

    Returns:
        Depth (height, width).
    """
    depth = depth.reshape(1, 1, *depth.shape[-2:])
    if tuple(depth.shape[-2:]) != tuple(size):
        inverse = depth.clamp(min=TINY).reciprocal()
        depth = F.interpolate(
            inverse, tuple(size), mode='bilinear', align_corners=False
        ).reciprocal()
    return depth[0, 0]
