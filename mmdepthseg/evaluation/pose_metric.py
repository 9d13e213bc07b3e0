"""Metric of camera motion: errors between frames and over short trajectories."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmdepthseg.evaluation.pose_errors import (
    POSE_ALIGNMENTS,
    POSE_ERRORS,
    mean_motion,
    pose_errors,
    relative_motion,
    share_ahead,
    snippet_ate,
    translation_scale,
)
from mmdepthseg.registry import DATASETS, METRICS
from mmdepthseg.utils.errors import UserError, check_keys, listed


@dataclass(frozen=True)
class Pair:
    """Pair of frames: clip, their positions in it, true and predicted motion."""

    clip: str
    first: int
    second: int
    target: np.ndarray
    prediction: np.ndarray


@METRICS.register_module()
class PoseMetric(BaseMetric):
    """Errors of the camera motion that a pose network predicts, up to scale.

    Samples contain `gt_poses` (`LoadPoses`) and `pred_transforms`
    (`mmdepthseg.apis.predict_poses`). Each frame pair counts once, whichever of its
    frames is the target.

    Figures: those of `POSE_ERRORS`; `ate` and `ate_std`, the mean and the standard
    deviation over all overlapping snippets of `snippet` consecutive frames (see
    `snippet_ate`, which fits its own scale whatever `align` is); `scale` and
    `scale_spread`, the mean and the relative standard deviation of the alignment
    factors, of which clips that stand have none (they are left out of `translation`
    and `relative`); and the errors of two predictors that ignore the images:
    `identity/*` (no motion) and `constant/*` (always the same motion).

    Args:
        align: `'median'`, `'lsqr'` or `'none'` (see `translation_scale`).
        scale_over: Pairs that share one factor: `'clip'` (those of a sequence) or
            `'all'`, which is stricter and suits clips of few frames.
        snippet: Number of frames of a snippet, 5 in Zhou et al., CVPR 2017. Clips with
            fewer frames are left out of `ate`.
        min_motion: Pairs that moved less than this, in metres, are left out of
            `direction` and of the alignment by `'median'`.
        baseline: `dict(dataset=<config>)`: `constant` is the mean motion of that
            (training) data set, whose `offsets` must have the same step between frames
            as those of the evaluated one. None: one unit straight ahead, or no
            `constant` with `align='none'`.
        collect_device: As in `BaseMetric`.
        prefix: As in `BaseMetric`.
        **kwargs: Passed to `BaseMetric`.

    Raises:
        UserError: An option is invalid or a sample has no poses.
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
            raise UserError(f'align must be one of {POSE_ALIGNMENTS}, got {align!r}')
        if scale_over not in ('clip', 'all'):
            raise UserError(f"scale_over must be 'clip' or 'all', got {scale_over!r}")
        if snippet < 2:
            raise UserError(f'snippet must be at least 2 frames, got {snippet}')
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
            data_batch: Unused.
            data_samples: Dicts with `gt_poses` (1 + F, 4, 4),
                `pred_transforms` (F, 4, 4), `adjacent_offsets`, `poses_path` and
                `pose_lines`.

        Raises:
            UserError: The poses or the predictions are missing; the message names
                the image and the remedy.
        """
        for sample in data_samples:
            if 'pred_transforms' not in sample:
                raise UserError(
                    f'PoseMetric: {sample.get("img_path")} has no pred_transforms; '
                    'use tools/test_pose.py'
                )
            self.results.append(_pairs(sample))

    def compute_metrics(self, results: list[list[Pair]]) -> dict[str, float]:
        """Compute the figures over all clips.

        Args:
            results: The pairs of each sample, from all ranks.

        Returns:
            The figures; empty if there are no pairs.
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
        self._tell(pairs)
        if 'ate' not in figures:
            print_log(
                f'PoseMetric: no clip has {self.snippet} consecutive frames, so ate '
                'is left out.',
                logger='current',
                level=logging.WARNING,
            )
        return figures

    def _tell(self, pairs: Sequence[Pair]) -> None:
        """Log what the figures are of, and doubts about the true poses."""
        targets = np.stack([pair.target for pair in pairs])
        lengths = np.linalg.norm(targets[:, :3, 3], axis=-1)
        moved = (lengths >= self.min_motion) & (lengths > 0)
        clips = {pair.clip for pair in pairs}
        message = f'PoseMetric: {len(pairs)} frame pairs of {len(clips)} clips'
        if moved.any():  # tells poses that are not in metres
            message += f', which move {np.median(lengths[moved]):.3g} m in the median'
        print_log(message, logger='current')
        doubts = []
        if moved.any() and (ahead := share_ahead(targets[moved])) < 0.5:
            doubts.append(
                f'the true motion leads ahead on only {100 * ahead:.0f} % of the way, '
                'otherwise sideways, up, down or back: poses must be camera to world, '
                'x right, y down, z forward. Convert them, unless the camera looks or '
                'moves that way'
            )
        moving = {p.clip for p, moves in zip(pairs, moved, strict=True) if moves}
        standing = clips - moving
        shared = self.scale_over == 'all' and moved.any()
        if standing and self.align != 'none' and not shared:
            doubts.append(
                f'no frames of {listed(sorted(standing))} are {self.min_motion:g} m '
                '(min_motion) apart, so nothing gives a scale: translation and '
                'relative leave these clips out. Take clips that move, or frames '
                'farther apart'
            )
        for doubt in doubts:
            print_log(f'PoseMetric: {doubt}', logger='current', level=logging.WARNING)

    def figure_names(self) -> list[str]:
        """Return the names of the figures, the main one first."""
        errors = [*POSE_ERRORS, 'ate', 'ate_std']
        others = [f'{name}/{e}' for name in ('identity', 'constant') for e in errors]
        return [*errors, 'scale', 'scale_spread', *others]

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
                    prediction[inside, :3, 3],
                    target[inside, :3, 3],
                    self.align,
                    self.min_motion,
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
            known = [factor for factor in factors if np.isfinite(factor)]
            mean = float(np.mean(known)) if known else float('nan')
            figures['scale'] = mean
            if len(factors) > 1:
                figures['scale_spread'] = (
                    float(np.std(known)) / mean
                    if len(known) > 1 and mean
                    else float('nan')
                )
        return figures

    def _constant(self, pairs: Sequence[Pair]) -> np.ndarray | None:
        """Return the motion of the baseline `constant`, or None if it is left out."""
        if self.baseline is None:
            ahead = np.eye(4)
            ahead[2, 3] = -1.0  # points ahead come nearer
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
                'PoseMetric: baseline.dataset and the evaluated data set must have the '
                f'same step between frames, but have {sorted(steps)}'
            )
        return mean_motion(pair.target for pair in training)


def _pairs(sample: Mapping, predicted: bool = True) -> list[Pair]:
    """Return the frame pairs of a sample, with the earlier frame first."""
    if 'gt_poses' not in sample:
        raise UserError(
            f'PoseMetric: {sample.get("img_path")} has no gt_poses; it needs LoadPoses '
            'in the pipeline and pose files in the data set (poses_path, poses_file)'
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
        pairs: Frame pairs, of any clips.
        frames: Number of frames of a snippet.

    Returns:
        One list of pairs per snippet.
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
