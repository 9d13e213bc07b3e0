"""When the EMA teacher moves."""

from mmengine.dist import all_reduce_params, is_distributed
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmdepthseg.registry import HOOKS


@HOOKS.register_module()
class MeanTeacherHook(Hook):
    """Update the teacher after each optimiser step.

    MMEngine's ``EMAHook`` keeps its average outside the model and swaps weights
    for evaluation; a mean teacher is part of the model, because it labels the
    training images. The arithmetic is in
    :class:`~mmdepthseg.models.MeanTeacherEMA`.

    On several ranks the student's batch-norm buffers differ between ranks unless
    SyncBN is used; they are averaged first, so that teachers stay identical.
    """

    # before hooks that save or evaluate (CheckpointHook is VERY_LOW)
    priority = 'ABOVE_NORMAL'

    def before_train(self, runner: Runner) -> None:
        """Check the model."""
        if not hasattr(_unwrap(runner.model), 'update_teacher'):
            raise TypeError(
                'MeanTeacherHook needs a MeanTeacher model (with update_teacher), '
                f'got {type(_unwrap(runner.model)).__name__}')

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: dict | None = None,
                         outputs: dict | None = None) -> None:
        """Teacher <- EMA(student), if the optimiser stepped."""
        if not runner.optim_wrapper.should_update():
            return
        model = _unwrap(runner.model)
        if is_distributed():
            all_reduce_params(
                [b for b in model.student.buffers() if b.is_floating_point()],
                op='mean')
        model.update_teacher()


def _unwrap(model):
    return model.module if is_model_wrapper(model) else model
