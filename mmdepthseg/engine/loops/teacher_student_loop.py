"""Loops that evaluate both the student and the teacher of a mean teacher."""

from collections.abc import Callable, Mapping, Sequence, Sized
from typing import Any, cast

from mmengine.evaluator import Evaluator
from mmengine.runner import Runner, TestLoop, ValLoop
from torch.utils.data import DataLoader

from mmdepthseg.checkpoints.matching import unwrapped
from mmdepthseg.registry import LOOPS
from mmdepthseg.utils.errors import UserError, check_keys

NETWORKS = ('student', 'teacher')


class _TeacherStudentMixin:
    """Mixin that runs a validation or test loop once per network.

    MMEngine's loops evaluate the model as it is. This one sets `predict_with` of
    `mmdepthseg.models.MeanTeacher` to each network in turn and puts the name of the
    network in front of each metric: `student/mIoU`, `teacher/mIoU` (use one of these in
    `save_best`). The samples contain the name as `network`, so that their output files
    have different names as well.

    Args:
        *args: Of MMEngine's loop.
        networks: Which of 'student' and 'teacher', in this order.
        **kwargs: Of MMEngine's loop.

    Raises:
        UserError: There is no network, or another one.
    """

    stage: str
    # Attributes of MMEngine's loops.
    runner: Runner
    dataloader: DataLoader
    evaluator: Evaluator
    run_iter: Callable[[int, Any], None]

    def __init__(self, *args, networks: Sequence[str] = NETWORKS, **kwargs) -> None:
        place = f'{type(self).__name__}: networks'
        if not networks or isinstance(networks, str):
            raise UserError(f'{place} must be a list of {NETWORKS}, got {networks!r}')
        check_keys(networks, NETWORKS, place)
        super().__init__(*args, **kwargs)
        self.networks = tuple(networks)

    def run(self) -> dict:
        """Evaluate every network.

        Returns:
            The metrics of all networks, with the names of the networks in front.

        Raises:
            UserError: The model has no `predict_with`.
        """
        model = unwrapped(self.runner.model)
        if not hasattr(model, 'predict_with'):
            raise UserError(
                f'{type(self).__name__} needs a MeanTeacher model, got '
                f'{type(model).__name__}'
            )
        call = self.runner.call_hook
        call(f'before_{self.stage}')
        call(f'before_{self.stage}_epoch')
        self.runner.model.eval()
        chosen, metrics = model.predict_with, {}
        try:
            for name in self.networks:
                model.predict_with = name
                for idx, data_batch in enumerate(self.dataloader):
                    if isinstance(data_batch, Mapping):
                        _tag(data_batch.get('data_samples', ()), name)
                    self.run_iter(idx, data_batch)
                dataset = cast(Sized, self.dataloader.dataset)
                found = self.evaluator.evaluate(len(dataset))
                metrics.update({f'{name}/{k}': v for k, v in found.items()})
        finally:
            model.predict_with = chosen
        call(f'after_{self.stage}_epoch', metrics=metrics)
        call(f'after_{self.stage}')
        return metrics


def _tag(samples: Any, network: str) -> None:
    """Set `network` in the samples, which test-time augmentation nests in lists."""
    if isinstance(samples, Sequence):
        for sample in samples:
            _tag(sample, network)
    else:
        samples.set_metainfo(dict(network=network))


@LOOPS.register_module()
class TeacherStudentValLoop(_TeacherStudentMixin, ValLoop):
    """Validation loop over student and teacher."""

    stage = 'val'


@LOOPS.register_module()
class TeacherStudentTestLoop(_TeacherStudentMixin, TestLoop):
    """Test loop over student and teacher."""

    stage = 'test'
