"""Hook that schedules the EMA teacher's updates and the weight of mixed images."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdepthseg.checkpoints.matching import unwrapped
from mmdepthseg.registry import HOOKS
from mmdepthseg.utils.errors import UserError


@HOOKS.register_module()
class MeanTeacherHook(Hook):
    """Set the weight of mixed images, and update the teacher after optimiser steps.

    Before each iteration the hook sets the model's `mix_share`: 0 during the burn-in,
    then increasing to 1. It is computed from the number of teacher updates, which is
    part of the state dict, so a resumed run continues exactly. A run that does not
    resume counts from 0, whatever the checkpoint of `load_from` has counted.

    MMEngine's `EMAHook` keeps its average outside the model and swaps weights for
    evaluation. A mean teacher is part of the model because it labels the training
    images. The average itself is computed by `mmdepthseg.models.MeanTeacherEMA`.

    Under fp16, `AmpOptimWrapper` skips a step with infinite gradients. The student has
    not changed then, so the teacher is not updated either, and its decay, which depends
    on the number of updates, still follows the steps taken. The optimiser itself
    reports whether it took a step; asking the loss scaler would wait for the device in
    every iteration. A *fused* optimiser makes this decision on the device, where the
    hook cannot see it: the teacher is then updated once more towards the unchanged
    student, which is harmless.

    Args:
        burn_in: Number of teacher updates before mixed images count (the burn-in of Liu
            et al., "Unbiased Teacher", ICLR 2021). Until then they are not computed,
            which saves half of each step. In a training from scratch, early
            pseudo-labels contain only the largest classes and keep the student from
            learning the others. Defaults to 0, as in the paper, whose trainings start
            from ImageNet weights.
        rampup: Number of teacher updates after the burn-in over which the weight of
            mixed images grows linearly from 0 (the ramp-up of Tarvainen and Valpola).
            Defaults to 0, as in the paper.

    Raises:
        UserError: `burn_in` or `rampup` is negative.
    """

    # Run before the hooks that save or evaluate (CheckpointHook is VERY_LOW).
    priority = 'ABOVE_NORMAL'

    def __init__(self, burn_in: int = 0, rampup: int = 0) -> None:
        if burn_in < 0 or rampup < 0:
            raise UserError(
                'MeanTeacherHook: burn_in and rampup must not be negative, '
                f'got {burn_in} and {rampup}'
            )
        self.burn_in = burn_in
        self.rampup = rampup
        self._stepped = False
        self._watch = None

    def before_train(self, runner: Runner) -> None:
        """Check the model, start its count, register a hook on the optimiser's steps.

        Raises:
            UserError: The model has no `update_teacher`.
        """
        if not hasattr(unwrapped(runner.model), 'update_teacher'):
            raise UserError(
                'MeanTeacherHook needs a MeanTeacher model (with update_teacher), '
                f'got {type(unwrapped(runner.model)).__name__}'
            )
        if runner.iter == 0:  # not resumed
            unwrapped(runner.model).teacher.restart()
        self._unwatch()
        self._watch = runner.optim_wrapper.optimizer.register_step_post_hook(
            self._on_step
        )

    def after_train(self, runner: Runner) -> None:
        """Remove the hook from the optimiser."""
        self._unwatch()

    def share(self, updates: int) -> float:
        """Return the factor, 0..1, of the mixed images' weight after `updates`."""
        since = updates - self.burn_in
        if since < 0:
            return 0.0
        return min(since / self.rampup, 1.0) if self.rampup else 1.0

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Set the model's `mix_share`."""
        model = unwrapped(runner.model)
        model.mix_share = self.share(model.teacher.updates)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Update the teacher if the optimiser took a step."""
        if not self._stepped:
            return
        self._stepped = False
        unwrapped(runner.model).update_teacher()

    def _on_step(self, *_) -> None:
        self._stepped = True

    def _unwatch(self) -> None:
        self._stepped = False
        if self._watch is not None:
            self._watch.remove()
            self._watch = None
