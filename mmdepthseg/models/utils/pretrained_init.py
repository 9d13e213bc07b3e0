"""`init_cfg=dict(type='Pretrained', ...)` that notices another model's checkpoint."""

from mmengine.model.weight_init import PretrainedInit
from torch import nn

from mmdepthseg.registry import WEIGHT_INITIALIZERS
from mmdepthseg.utils.checkpoint import match_checkpoint, read_checkpoint
from mmdepthseg.utils.errors import UserError

MIN_SHARE = 0.5


@WEIGHT_INITIALIZERS.register_module(name='Pretrained')
class CheckedPretrainedInit(PretrainedInit):
    """MMEngine's initialiser, refusing what fills hardly anything.

    The parent loads whatever fits and only logs the rest, so with a wrong checkpoint
    or prefix the training starts from random weights unnoticed.

    Args:
        checkpoint (str): Path or URL.
        prefix (str, optional): Part of the checkpoint to load, e.g. ``'backbone.'``.
        map_location (str): Defaults to 'cpu'.
        min_share (float): Least share of the module's entries that must be filled.
    """

    def __init__(self,
                 checkpoint: str,
                 prefix: str | None = None,
                 map_location: str = 'cpu',
                 min_share: float = MIN_SHARE) -> None:
        super().__init__(checkpoint, prefix, map_location)
        self.min_share = min_share

    def __call__(self, module: nn.Module) -> None:
        """Check, then load.

        Raises:
            UserError: The file is missing or damaged, or fills too little; naming
                checkpoint, prefix and the first differences.
        """
        state = read_checkpoint(
            self.checkpoint, 'init_cfg: checkpoint', self.map_location)
        state = state.get('state_dict', state)
        if self.prefix:
            prefix = self.prefix.rstrip('.') + '.'
            state = {k[len(prefix):]: v for k, v in state.items()
                     if k.startswith(prefix)}
        match = match_checkpoint(module, state)
        if match.share < self.min_share:
            part = f' (prefix {self.prefix!r})' if self.prefix else ''
            raise UserError(
                f'init_cfg: {self.checkpoint}{part} fills only {match.share:.0%} of '
                f'{type(module).__name__}: {match.describe()}. Check that the '
                'checkpoint has the same architecture and the prefix is right')
        super().__call__(module)
