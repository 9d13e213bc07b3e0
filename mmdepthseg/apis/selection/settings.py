"""Settings in `selection` of a config: the networks of a selection."""

import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
from mmengine.config import Config, ConfigDict

from mmdepthseg.selection.criteria import depth_error
from mmdepthseg.selection.methods import DEFAULT_BIAS
from mmdepthseg.utils.errors import UserError, check_keys, did_you_mean

#: Criteria, their options and the defaults.
CRITERIA = {
    'depth_error': {
        name: parameter.default
        for name, parameter in inspect.signature(depth_error).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    },
    'entropy': dict(valid_height=1.0),
}
STUDENT_RANKS = ('one', 'all')


@dataclass(frozen=True)
class SelectionSettings:
    """Settings of the networks of a selection.

    Attributes:
        teacher: Config of the SDE model that the tool's checkpoint belongs to,
            relative to the folder of the config or else to the working folder. None:
            the config itself.
        features: Source of the features. `step`: of the teacher's U-Net decoder, 4
            (bottleneck) to 0 (full resolution); 3W uses 3. Or `level`: of its
            backbone, for teachers without such a decoder. `size`: (h, w) of the
            average pooling; 3W uses (4, 8).
        criterion: Score of a frame: `dict(type='depth_error', ...)`, the default,
            with the options of `selection.depth_error`, or `dict(type='entropy',
            valid_height=1.)`.
        iterations: Of a student: a number, or pairs (frames, iterations). Between
            two pairs it is linear in the logarithm of the frames, outside constant.
        bias: Weight of a score in `ds_us`.
        student_ranks: With several ranks, `'one'`: one of them trains the students,
            so the picks are those of a single rank; `'all'`: they share each batch.
    """

    teacher: str | None = None
    features: dict = field(default_factory=dict)
    criterion: dict = field(default_factory=lambda: dict(type='depth_error'))
    iterations: int | Sequence[tuple[int, int]] | None = None
    bias: float = DEFAULT_BIAS
    student_ranks: str = 'one'

    @classmethod
    def from_config(cls, cfg: Config) -> 'SelectionSettings':
        """Return the settings of a config; the defaults where it has no `selection`.

        Raises:
            UserError: A key or value is wrong; names it.
        """
        given = _as_dict(cfg.get('selection', {}), 'selection')
        check_keys(given, [f.name for f in fields(cls)], 'selection')
        criterion = _as_dict(given.pop('criterion', {}), 'selection.criterion')
        features = _as_dict(given.pop('features', {}), 'selection.features')
        if 'step' not in features and 'level' not in features:
            features['step'] = 3
        criterion = {'type': 'depth_error', **criterion}
        check_criterion(criterion)
        settings = cls(
            features={'size': (4, 8), **features},
            criterion={**CRITERIA[criterion['type']], **criterion},
            **given,
        )
        check_features(settings.features)
        settings._check()
        return settings

    def _check(self) -> None:
        """Check the values that need no other ones."""
        if not isinstance(self.teacher, str | None):
            raise UserError(
                f'selection.teacher={self.teacher!r}: expected the path of a config'
            )
        if not _is_number(self.bias):
            raise UserError(
                f'selection.bias={self.bias!r}: expected a finite number, the weight '
                'of a score added to a distance'
            )
        if self.student_ranks not in STUDENT_RANKS:
            raise UserError(
                f'selection.student_ranks={self.student_ranks!r}, expected one of '
                f'{", ".join(STUDENT_RANKS)}'
            )
        numbers = self.iterations
        if isinstance(numbers, int) or numbers is None:
            numbers = [(1, 1 if numbers is None else numbers)]
        if (
            not isinstance(numbers, list | tuple)
            or not numbers
            or not all(map(_is_pair, numbers))
        ):
            raise UserError(
                f'selection.iterations={self.iterations!r}: expected a positive number '
                'or pairs (frames, iterations)'
            )

    @property
    def score_options(self) -> dict:
        """Return the options of the criterion."""
        return {k: v for k, v in self.criterion.items() if k != 'type'}

    def iterations_for(self, frames: int) -> int:
        """Return the iterations of a student of `frames` frames.

        The published numbers, 4000 for 25 frames and 4000 more for every doubling, are
        linear in the logarithm.

        Raises:
            UserError: The config has no `selection.iterations`.
        """
        if self.iterations is None:
            raise UserError('the config lacks selection.iterations (of the students)')
        if isinstance(self.iterations, int):
            return self.iterations
        known = sorted(tuple(pair) for pair in self.iterations)
        if frames <= known[0][0]:
            return known[0][1]
        for (n0, i0), (n1, i1) in zip(known, known[1:]):
            if frames <= n1:
                share = math.log(frames / n0) / math.log(n1 / n0)
                return round(i0 + share * (i1 - i0))
        return known[-1][1]

    def find_teacher(self, cfg: Config) -> Path | None:
        """Return the path of the teacher's config; None if it is the config itself.

        Raises:
            UserError: The file does not exist.
        """
        if self.teacher is None:
            return None
        places = [Path(self.teacher)]
        if cfg.filename:
            places.insert(0, Path(cfg.filename).parent / self.teacher)
        for place in places:
            if place.is_file():
                return place
        raise UserError(
            f'selection.teacher={self.teacher}: no such config; looked for '
            f'{" and ".join(map(str, places))}'
        )


def check_criterion(criterion: dict) -> None:
    """Raise UserError unless students can be scored by `criterion`.

    The options are tried on a small map: an error would otherwise come only when the
    first student is trained, hours later.
    """
    kind = criterion.get('type')
    if kind not in CRITERIA:
        raise UserError(
            f'selection.criterion: type={kind!r}, expected one of '
            f'{", ".join(CRITERIA)}{did_you_mean(str(kind), CRITERIA)}'
        )
    check_keys(criterion, ('type', *CRITERIA[kind]), 'selection.criterion')
    options = {k: v for k, v in criterion.items() if k != 'type'}
    height = options.get('valid_height', 1.0)
    if not _is_number(height) or not 0 < height <= 1:
        raise UserError(
            f'selection.criterion: valid_height={height!r}, expected the share of the '
            'rows that count, from the top: more than 0 and at most 1'
        )
    if kind == 'depth_error':
        disparity = np.full((1, 8, 8), 0.5)
        try:
            depth_error(disparity, disparity, **options)
        except (TypeError, ValueError) as error:
            raise UserError(f'selection.criterion={options}: {error}') from error


def check_features(features: dict) -> None:
    """Raise UserError unless `features` describes features of a teacher."""
    check_keys(features, ('step', 'level', 'size'), 'selection.features')
    if 'step' in features and 'level' in features:
        raise UserError('selection.features: give step or level, not both')
    size = features['size']
    if not _is_pair(size):
        raise UserError(
            f'selection.features: size={size!r}, expected (h, w), two positive integers'
        )
    for key in ('step', 'level'):
        if not _is_whole(features.get(key, 0)):
            raise UserError(
                f'selection.features: {key}={features[key]!r}, expected an integer'
            )


def _as_dict(value: object, place: str) -> dict:
    """Return a copy of a part of the config as a plain dict."""
    if not isinstance(value, dict):
        raise UserError(
            f'config: {place}={value!r}, expected a dict; leave it out for the defaults'
        )
    return value.to_dict() if isinstance(value, ConfigDict) else dict(value)


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
    )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_pair(value: object) -> bool:
    """Tell whether a value is a pair of positive integers."""
    return (
        isinstance(value, list | tuple)
        and len(value) == 2
        and all(_is_whole(v) and v >= 1 for v in value)
    )
