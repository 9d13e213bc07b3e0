"""Metric of camera motion: relative errors and short trajectories."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmdepthseg.evaluation.pose_errors import (
    POSE_ALIGNMENTS,
    mean_motion,
    pose_errors,
    relative_motion,
    snippet_ate,
    translation_scale,
)
from mmdepthseg.registry import DATASETS, METRICS
from mmdepthseg.utils.errors import UserError, check_keys


@dataclass(frozen=True)
class Pair:
    """A frame pair: clip, places of the frames in it, true and predicted motion."""

    clip: str
    first: int
    second: int
    target: np.ndarray
    prediction: np.ndarray


@METRICS.register_module()
class PoseMetric(BaseMetric):
    """Errors of the camera motion that a pose network predicts, up to scale.

    Samples have `gt_poses` (`LoadPoses`) and `pred_transforms`
    (`mmdepthseg.apis.predict_poses`). Each frame pair counts once, whichever of its
    frames was the target.

    Figures: those of `POSE_ERRORS`; `ate` and `ate_std`, mean and standard
    deviation over all overlapping snippets of `snippet` consecutive frames (see
    `snippet_ate`; its scale is its own, whatever `align` says); `scale` and
    `scale_spread`, mean and relative standard deviation of the factors; and the same
    errors of two predictors that look at no image: `identity/*` (no motion) and
    `constant/*` (always the same motion).

    Args:
        align: `'median'`, `'lsqr'` or `'none'` (see `translation_scale`).
        scale_over: Pairs with one factor in common: `'clip'` (a sequence) or
            `'all'`, which is the stricter one, and the one for clips of few frames.
        snippet: Frames of a snippet: 5 in Zhou et al., CVPR 2017. Clips with fewer
            frames take no part in `ate`.
        min_motion: Metres; pairs that moved less have no `direction`.
        baseline: `dict(dataset=<config>)`: `constant` is the mean motion of that
            (training) data set, whose `offsets` name one step as the evaluated one
            does. None: one unit straight ahead, which needs an alignment.
        collect_device: Of `BaseMetric`.
        prefix: Of `BaseMetric`.
        **kwargs: Of `BaseMetric`.

    Raises:
        UserError: For options that make no sense, and for samples without poses.
    """

    def __init__(
        self,
        align: str = 'median',
        scale_over: str = 'clip',
        snippet: int = 5,
        min_motion: float = 0.05,
        baseline: Mapping | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix, **kwargs)
        if align not in POSE_ALIGNMENTS:
            raise UserError(f'align must be one of {POSE_ALIGNMENTS}, got {align!r}.')
        if scale_over not in ('clip', 'all'):
            raise UserError(f"scale_over must be 'clip' or 'all', got {scale_over!r}.")
        if snippet < 2:
            raise UserError(f'snippet must be at least 2 frames, got {snippet}.')
        if baseline is not None:
            place = 'PoseMetric: baseline'
            check_keys(baseline, ['dataset'], place, needed=['dataset'])
        self.align = align
        self.scale_over = scale_over
        self.snippet = snippet
        self.min_motion = min_motion
        self.baseline = baseline

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Add the frame pairs of a batch.

        Args:
            data_batch: Not used.
            data_samples: Dicts with `gt_poses` (1 + F, 4, 4), `pred_transforms`
                (F, 4, 4), `adjacent_offsets`, `poses_path` and `pose_lines`.

        Raises:
            UserError: If one is missing (names image and cure).
        """
        for sample in data_samples:
            if 'pred_transforms' not in sample:
                raise UserError(
                    f'PoseMetric: {sample.get("img_path")} has no pred_transforms: run '
                    'it by tools/test_pose.py.'
                )
            self.results.append(_pairs(sample))

    def compute_metrics(self, results: list[list[Pair]]) -> dict[str, float]:
        """Return the figures over all clips.

        Args:
            results: The pairs of each sample of all ranks.

        Returns:
            The figures; none if there is no pair.
        """
        pairs = list(
            {
                (p.clip, p.first, p.second): p for found in results for p in found
            }.values()
        )
        if not pairs:
            return {}
        pairs.sort(key=lambda pair: (pair.clip, pair.first, pair.second))
        constant = self._constant(pairs)
        figures = self._figures(pairs)
        for name, motion in (('identity', np.eye(4)), ('constant', constant)):
            if motion is not None:
                fixed = self._figures([replace(p, prediction=motion) for p in pairs])
                figures.update(
                    {
                        f'{name}/{key}': value
                        for key, value in fixed.items()
                        if not key.startswith('scale')
                    }
                )
        clips = len({pair.clip for pair in pairs})
        print_log(
            f'PoseMetric: {len(pairs)} frame pairs of {clips} clips', logger='current'
        )
        if 'ate' not in figures:
            print_log(
                f'PoseMetric: no clip has {self.snippet} consecutive frames: no ate.',
                logger='current',
                level=logging.WARNING,
            )
        return figures

    def _figures(self, pairs: Sequence[Pair]) -> dict[str, float]:
        prediction = np.stack([pair.prediction for pair in pairs])
        target = np.stack([pair.target for pair in pairs])
        groups = np.array(
            [pair.clip if self.scale_over == 'clip' else '' for pair in pairs]
        )
        scale, factors = np.ones(len(pairs)), []
        for group in np.unique(groups):
            inside = groups == group
            factors.append(
                translation_scale(
                    prediction[inside, :3, 3], target[inside, :3, 3], self.align
                )
            )
            scale[inside] = factors[-1]
        figures = pose_errors(prediction, target, scale, self.min_motion)
        ates = [
            snippet_ate([p.prediction for p in snippet], [p.target for p in snippet])
            for snippet in snippets(pairs, self.snippet)
        ]
        if ates:
            figures.update(ate=float(np.mean(ates)), ate_std=float(np.std(ates)))
        if self.align != 'none':
            mean = float(np.mean(factors))
            figures['scale'] = mean
            if len(factors) > 1:
                figures['scale_spread'] = (
                    float(np.std(factors)) / mean if mean else (float('nan'))
                )
        return figures

    def _constant(self, pairs: Sequence[Pair]) -> np.ndarray | None:
        """Return the motion of the baseline `constant`; None if there is none."""
        if self.baseline is None:
            ahead = np.eye(4)
            ahead[2, 3] = -1.0  # what is in front comes nearer
            return None if self.align == 'none' else ahead
        dataset = DATASETS.build(
            dict(pipeline=[dict(type='LoadPoses')]) | dict(self.baseline['dataset'])
        )
        training = [
            pair
            for index in range(len(dataset))
            for pair in _pairs(dataset[index], predicted=False)
        ]
        steps = {pair.second - pair.first for pair in (*pairs, *training)}
        if len(steps) > 1:
            raise UserError(
                'PoseMetric: baseline.dataset and the evaluated data set must have one '
                f'step between frames in common, they have {sorted(steps)}.'
            )
        return mean_motion(pair.target for pair in training)


def _pairs(sample: Mapping, predicted: bool = True) -> list[Pair]:
    """Return the frame pairs of a sample, the earlier frame first."""
    if 'gt_poses' not in sample:
        raise UserError(
            f'PoseMetric: {sample.get("img_path")} has no gt_poses; needs LoadPoses in '
            'the pipeline and pose files in the data set (poses_path, poses_file).'
        )
    poses, lines = sample['gt_poses'], sample['pose_lines']
    pairs = []
    for f, offset in enumerate(sample['adjacent_offsets']):
        ends = [(int(lines[0]), poses[0]), (int(lines[f + 1]), poses[f + 1])]
        motion: np.ndarray = np.eye(4)
        if predicted:
            motion = np.asarray(sample['pred_transforms'][f], dtype=np.float64)
        if offset < 0:  # the neighbour is the earlier one
            ends.reverse()
            motion = np.linalg.inv(motion)
        (first, earlier), (second, later) = ends
        pairs.append(
            Pair(
                str(sample['poses_path']),
                first,
                second,
                relative_motion(earlier, later),
                motion,
            )
        )
    return pairs


def snippets(pairs: Sequence[Pair], frames: int) -> list[list[Pair]]:
    """Return all overlapping chains of `frames - 1` successive pairs.

    Args:
        pairs: Any, of any clips.
        frames: Of a snippet.
    """
    starts = {(pair.clip, pair.first): pair for pair in pairs}
    found = []
    for pair in pairs:
        chain = [pair]
        while len(chain) < frames - 1:
            following = starts.get((chain[-1].clip, chain[-1].second))
            if following is None:
                break
            chain.append(following)
        else:
            found.append(chain)
    return found
