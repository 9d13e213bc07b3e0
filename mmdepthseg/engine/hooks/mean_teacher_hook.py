"""When the EMA teacher moves, and when its labels begin to count."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdepthseg.checkpoints.matching import unwrapped
from mmdepthseg.registry import HOOKS
from mmdepthseg.utils.errors import UserError


@HOOKS.register_module()
class MeanTeacherHook(Hook):
    """Say when mixed images count, and update the teacher after each optimiser step.

    Before each iteration the model's `mix_share` is set: 0 in the burn-in, then
    growing to 1. It follows from the number of the teacher's updates, which is in the
    state dict, so that a resumed run goes on exactly.

    MMEngine's `EMAHook` keeps its average outside the model and swaps weights
    for evaluation; a mean teacher is part of the model, because it labels the
    training images. The arithmetic is in
    `mmdepthseg.models.MeanTeacherEMA`.

    Under fp16 `AmpOptimWrapper` a step with infinite gradients is skipped. The
    student did not move, so neither does the teacher, and its factor, which counts
    steps, stays in time. The optimiser itself tells whether it stepped (asking the
    loss scaler would wait for the device at each step). A *fused* optimiser decides
    that on the device, unseen: its teacher moves once more towards the unchanged
    student, which does no harm.

    Args:
        burn_in: Teacher updates before mixed images count; until then they are
            not computed, which saves half a step (Liu et al., "Unbiased Teacher", ICLR
            2021). From scratch early pseudo-labels know the largest classes only, and
            keep the student from learning the others. Defaults to 0, the paper's,
            whose trainings start from ImageNet weights.
        rampup: Teacher updates, behind those, over which the weight of mixed images
            grows linearly from 0 (the ramp-up of Tarvainen and Valpola). Defaults to
            0, the paper's.
    """

    # before hooks that save or evaluate (CheckpointHook is VERY_LOW)
    priority = 'ABOVE_NORMAL'

    def __init__(self, burn_in: int = 0, rampup: int = 0) -> None:
        if burn_in < 0 or rampup < 0:
            raise UserError(
                'MeanTeacherHook: burn_in and rampup are numbers of updates, '
                f'got {burn_in} and {rampup}'
            )
        self.burn_in = burn_in
        self.rampup = rampup
        self._stepped = False
        self._watch = None

    def before_train(self, runner: Runner) -> None:
        """Check the model, watch the optimiser."""
        if not hasattr(unwrapped(runner.model), 'update_teacher'):
            raise UserError(
                'MeanTeacherHook needs a MeanTeacher model (with update_teacher), '
                f'got {type(unwrapped(runner.model)).__name__}'
            )
        self._unwatch()
        self._watch = runner.optim_wrapper.optimizer.register_step_post_hook(
            self._on_step
        )

    def after_train(self, runner: Runner) -> None:
        """Leave the optimiser as it was."""
        self._unwatch()

    def share(self, updates: int) -> float:
        """Return the weight share of mixed images after a number of teacher updates."""
        since = updates - self.burn_in
        if since < 0:
            return 0.0
        return min(since / self.rampup, 1.0) if self.rampup else 1.0

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Tell the model what mixed images count."""
        model = unwrapped(runner.model)
        model.mix_share = self.share(model.teacher.updates)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Update the teacher by the student's EMA, if the optimiser stepped."""
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
