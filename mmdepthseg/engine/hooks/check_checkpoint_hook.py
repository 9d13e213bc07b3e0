"""Hook that refuses the checkpoint of another model."""

from collections.abc import Sequence

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdepthseg.checkpoints.matching import match_checkpoint, unwrapped
from mmdepthseg.checkpoints.normalization import (
    NORMALIZATION,
    compare_normalization,
    own_normalization,
    trained_normalization,
)
from mmdepthseg.checkpoints.trained_classes import compare_classes, trained_classes
from mmdepthseg.engine.checks.resumed import STEP, check_resumed, step_settings
from mmdepthseg.engine.runs import built_loop
from mmdepthseg.registry import HOOKS
from mmdepthseg.utils.errors import UserError


@HOOKS.register_module()
class CheckCheckpointHook(Hook):
    """Raise an error if a checkpoint fills too little of the model.

    MMEngine loads with `strict=False`: the checkpoint of another model loads with only
    a warning in the log, and the evaluation then reports the figures of random weights.
    Resuming and testing require every entry of the model; `load_from` at the start of a
    training requires `min_share` of them, because a new head is normal there. Entries
    that only the checkpoint has are harmless and are logged. Resuming also requires
    the optimiser, the schedules and the average (`EMAHook`) of the checkpoint, see
    `check_resumed`. Where a classifier is filled, also by
    `init_cfg=dict(type='Pretrained', ...)`, its classes must be those of the data, see
    `compare_classes`; weights that were trained with another normalization of the
    images cause a warning.

    Args:
        min_share: Minimum share of the model's parameters and buffers that `load_from`
            must fill, 0..1.
        allow_partial: Accept `min_share` for resuming and testing as well.
        check_classes: Compare the classes; False: weights of others are taken as they
            are.
    """

    # Run before the hooks that use the checkpoint.
    priority = 'VERY_HIGH'

    def __init__(
        self,
        min_share: float = 0.5,
        allow_partial: bool = False,
        check_classes: bool = True,
    ) -> None:
        if not 0 <= min_share <= 1:
            raise UserError(f'min_share must be in 0..1, got {min_share}')
        self.min_share = min_share
        self.allow_partial = allow_partial
        self.check_classes = check_classes

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare the checkpoint with the model before the weights are copied.

        Raises:
            UserError: The checkpoint fills too little of the model (names the first
                differences), or a training would resume with other settings.
        """
        match = match_checkpoint(runner.model, checkpoint)
        training = built_loop(runner, 'train') is not None
        starts_training = training and not getattr(runner, '_resume', False)
        partial = self.allow_partial or starts_training
        needed = self.min_share if partial else 1.0
        name = getattr(runner, '_load_from', None) or 'the checkpoint'
        if match.share < needed:
            kind = type(unwrapped(runner.model)).__name__
            raise UserError(
                f'{name} does not belong to this model ({kind}): it fills '
                f"{match.share:.0%} of the model's entries, but {needed:.0%} is "
                f'required. {match.describe()}. Check that the config and the '
                'checkpoint belong together, or set default_hooks.check_checkpoint.'
                f'{"min_share" if partial else "allow_partial"}.'
            )
        if match.fills_classifier and self.check_classes:
            _compare(runner, name, trained_classes(checkpoint), not partial)
        model, trained = unwrapped(runner.model), trained_normalization(checkpoint)
        doubt = compare_normalization(model, name, trained)
        if doubt and match.fills_encoder:
            runner.logger.warning(doubt)
        if match.missing or match.misshapen or match.unexpected:
            runner.logger.warning(
                f"{name} fills {match.share:.0%} of the model's entries: "
                f'{match.describe()}'
            )
        if training and not starts_training:
            for doubt in check_resumed(name, checkpoint, runner):
                runner.logger.warning(doubt)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save how the training makes its steps and normalizes its images.

        The one is compared when it resumes, the other wherever the weights are loaded.
        """
        meta = checkpoint.setdefault('meta', {})
        meta[STEP] = step_settings(runner)
        if normalization := own_normalization(unwrapped(runner.model)):
            meta[NORMALIZATION] = normalization

    def before_train(self, runner: Runner) -> None:
        """Compare the classes of weights from `init_cfg` with those of the data.

        Raises:
            UserError: They are the same in another order.
        """
        # what was loaded has replaced these weights; to resume, there may be nothing
        if runner._has_loaded or not self.check_classes:
            return
        for module in runner.model.modules():
            if filled := getattr(module, 'filled_classifier', None):
                source, trained = filled
                _compare(runner, source, trained, strict=False)


def _compare(runner: Runner, source: str, trained: Sequence[str], strict: bool) -> None:
    loops = (built_loop(runner, stage) for stage in ('train', 'test', 'val'))
    loop = next(filter(None, loops), None)
    data = getattr(getattr(loop, 'dataloader', None), 'dataset', None)
    classes = (getattr(data, 'metainfo', None) or {}).get('classes') or ()
    if doubt := compare_classes(source, trained, classes, strict):
        runner.logger.warning(doubt)
