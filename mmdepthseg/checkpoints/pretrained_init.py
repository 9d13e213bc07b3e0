"""`init_cfg=dict(type='Pretrained', ...)` that notices another model's checkpoint."""

import re
from collections.abc import Mapping
from typing import Any

from mmengine.logging import print_log
from mmengine.model.weight_init import PretrainedInit, update_init_info
from mmengine.runner.checkpoint import load_state_dict
from torch import Tensor, nn

import mmdepthseg.checkpoints.packages  # noqa: F401  registers package://
from mmdepthseg.checkpoints.matching import (
    SHOWN,
    CheckpointMatch,
    adapted_entries,
    match_checkpoint,
)
from mmdepthseg.checkpoints.normalization import trained_normalization
from mmdepthseg.checkpoints.reading import read_checkpoint
from mmdepthseg.checkpoints.trained_classes import trained_classes
from mmdepthseg.registry import WEIGHT_INITIALIZERS
from mmdepthseg.utils.errors import UserError, listed

MIN_SHARE = 0.5
RGB = 3


@WEIGHT_INITIALIZERS.register_module(name='Pretrained')
class CheckedPretrainedInit(PretrainedInit):
    """MMEngine's initialiser, which refuses checkpoints that fill hardly anything.

    The parent loads what fits and only logs the rest, so that with a wrong checkpoint
    or prefix a training starts from random weights unnoticed. It also leaves the first
    convolution of a pose encoder random, whose input is two images.

    Args:
        checkpoint: Path or URL.
        prefix: Part of the checkpoint to load, e.g. `'backbone.'`.
        map_location: Defaults to 'cpu'.
        min_share: Least share of the module's entries that must be filled. None: half
            of them, and no block of a backbone's list may be missing of which others
            are there, as with the weights of a smaller network of the same kind.
        repeat_input: Fill a convolution that takes k images stacked as 3 k channels
            from one that takes 3: its weights are repeated k times and divided by k, so
            that k equal images give the output of one (Godard et al., ICCV 2019, for
            the pose encoder). False: it stays random. Defaults to True.
    """

    def __init__(
        self,
        checkpoint: str,
        prefix: str | None = None,
        map_location: str = 'cpu',
        min_share: float | None = None,
        repeat_input: bool = True,
    ) -> None:
        super().__init__(checkpoint, prefix, map_location)
        self.min_share = MIN_SHARE if min_share is None else min_share
        self.whole = min_share is None
        self.repeat_input = repeat_input
        self.classes: tuple[str, ...] = ()
        self.normalization: dict[str, Any] = {}

    def __call__(self, module: nn.Module) -> None:
        """Check, then load.

        Raises:
            UserError: The file is missing or damaged, or fills too little; the message
                names checkpoint, prefix and the first differences.
        """
        state = self.state_for(module)
        match = match_checkpoint(module, state)
        self.check(module, match, match.share)
        print_log(f'load model from: {self.place}', logger='current')
        if match.unexpected:
            more = listed(match.unexpected, SHOWN)
            print_log(f'not in {type(module).__name__}, left out: {more}', 'current')
        # MMEngine would warn of more, such as the classifier of ImageNet
        adapted = adapted_entries(module, state)
        kept = {name: adapted[name] for name in module.state_dict() if name in adapted}
        load_state_dict(module, kept, strict=False, logger='current')
        if hasattr(module, '_params_init_info'):
            update_init_info(module, init_info=self._get_init_info())

    @property
    def place(self) -> str:
        """Return the checkpoint and the prefix, for messages."""
        part = f' (prefix {self.prefix!r})' if self.prefix else ''
        return f'{self.checkpoint}{part}'

    def check(self, module: nn.Module, match: CheckpointMatch, share: float) -> None:
        """Refuse a checkpoint that fills too little of a module.

        Notes on the module, as `filled_classifier`, for which classes a classifier was
        trained, and as `filled_normalization`, with images of which normalization: only
        the data set and the whole model know whether they are the same.

        Args:
            module: To be filled.
            match: Its entries against the checkpoint's.
            share: What is filled, 0..1; a network may adapt more than `match` has.

        Raises:
            UserError: Names checkpoint, prefix and the first differences.
        """
        kind = type(module).__name__
        backbone = '.backbones.' in type(module).__module__
        absent = [b for b in match.absent_blocks if backbone or 'backbone.' in b]
        if share < self.min_share:
            raise UserError(
                f'init_cfg: {self.place} fills only {share:.0%} of {kind}: '
                f'{match.describe()}. Check that the checkpoint has the same '
                'architecture and the prefix is right'
            )
        if absent and self.whole:
            raise UserError(
                f'init_cfg: {self.place} is of a smaller network than this {kind}, of '
                f'which it fills {share:.0%}: it has no {listed(absent, SHOWN)}. Take '
                'the weights of the same network, or set min_share to leave those '
                'blocks random'
            )
        if match.fills_classifier and self.classes:
            filled = (f'init_cfg: {self.place}', self.classes)
            vars(module)['filled_classifier'] = filled
        if self.normalization:
            noted = (f'init_cfg: {self.place}', self.normalization)
            vars(module)['filled_normalization'] = noted

    def state_for(self, module: nn.Module) -> dict[str, Tensor]:
        """Read the entries for a module, with repeated weights for stacked images."""
        state = self._read()
        return self._repeat_input(module, state) if self.repeat_input else state

    def _read(self) -> dict[str, Tensor]:
        """Return the entries of the checkpoint below the prefix, without it."""
        state = read_checkpoint(
            self.checkpoint, 'init_cfg: checkpoint', self.map_location
        )
        self.classes = trained_classes(state)
        self.normalization = trained_normalization(state)
        # 'model': as Swin's and timm's authors name it
        keys = [k for k in ('state_dict', 'model') if isinstance(state.get(k), Mapping)]
        state = state[keys[0]] if keys else state
        state = _unwrapped(state)
        if not self.prefix:
            return state
        prefix = self.prefix.rstrip('.') + '.'
        # again, because an averaged model, such as a teacher, is a wrapper, too
        return _unwrapped(
            {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}
        )

    def _repeat_input(
        self, module: nn.Module, state: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """Replace the weights for one image by those for stacked images."""
        ours = {name: value.shape for name, value in module.state_dict().items()}
        adapted = dict(state)
        for name, value in state.items():
            if len(ours.get(name, ())) != 4 or not _is_rgb_convolution(value):
                continue
            times, rest = divmod(ours[name][1], RGB)
            wanted = (value.shape[0], times * RGB, *value.shape[2:])
            if times > 1 and not rest and ours[name] == wanted:
                adapted[name] = value.repeat(1, times, 1, 1) / times
                print_log(
                    f'{name} of {self.checkpoint} takes one image, here {times}: '
                    f'repeated {times} times and divided by {times}',
                    logger='current',
                )
        return adapted


def _unwrapped(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {re.sub(r'^(module\.)+', '', name): value for name, value in state.items()}


def _is_rgb_convolution(value: object) -> bool:
    return isinstance(value, Tensor) and value.dim() == 4 and value.shape[1] == RGB
