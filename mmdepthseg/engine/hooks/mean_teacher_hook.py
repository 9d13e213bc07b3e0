"""When the EMA teacher moves."""

from mmengine.dist import all_reduce_params, is_distributed
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmdepthseg.registry import HOOKS


@HOOKS.register_module()
class MeanTeacherHook(Hook):
    """Update the teacher after each optimiser step.

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

    On several ranks the student's batch-norm buffers differ between ranks unless
    SyncBN is used; they are averaged first, so that teachers stay identical.
    """

    # before hooks that save or evaluate (CheckpointHook is VERY_LOW)
    priority = 'ABOVE_NORMAL'

    def __init__(self) -> None:
        self._stepped = False
        self._watch = None

    def before_train(self, runner: Runner) -> None:
        """Check the model, watch the optimiser."""
        if not hasattr(_unwrap(runner.model), 'update_teacher'):
            raise TypeError(
                'MeanTeacherHook needs a MeanTeacher model (with update_teacher), '
                f'got {type(_unwrap(runner.model)).__name__}'
            )
        self._unwatch()
        self._watch = runner.optim_wrapper.optimizer.register_step_post_hook(
            self._on_step
        )

    def after_train(self, runner: Runner) -> None:
        """Leave the optimiser as it was."""
        self._unwatch()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Teacher <- EMA(student), if the optimiser stepped."""
        if not self._stepped:
            return
        self._stepped = False
        model = _unwrap(runner.model)
        if is_distributed():
            all_reduce_params(
                [b for b in model.student.buffers() if b.is_floating_point()], op='mean'
            )
        model.update_teacher()

    def _on_step(self, *_) -> None:
        self._stepped = True

    def _unwatch(self) -> None:
        self._stepped = False
        if self._watch is not None:
            self._watch.remove()
            self._watch = None


def _unwrap(model):
    return model.module if is_model_wrapper(model) else model
