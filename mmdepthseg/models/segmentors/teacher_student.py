"""A student and its moving average in one model."""

import torch
from mmengine.dist import all_reduce_params, is_distributed
from mmengine.model import BaseModel
from mmseg.models.segmentors import BaseSegmentor
from mmseg.utils import OptSampleList, SampleList
from torch import Tensor

from mmdepthseg.checkpoints.arrival import ChecksPretrained
from mmdepthseg.models.ema import MeanTeacherEMA
from mmdepthseg.models.segmentors.depth_segmentor import DepthSegmentor, given_head
from mmdepthseg.registry import MODELS
from mmdepthseg.structures import FrameBatch
from mmdepthseg.utils.errors import UserError, check_keys, refuse

EMA_KEYS = ('decay', 'buffers', 'train_mode', 'device', 'exclude')
# parts of a segmentor that only its losses need
TRAINING_PARTS = ('pose_net', 'loss_feature')
# others of them, which a teacher has unless it is told to leave them out
MORE_PARTS = ('pose_refinement', 'auxiliary_head')


class TeacherStudent(ChecksPretrained, BaseSegmentor):
    """Student and EMA teacher in one model, either of which can predict.

    The teacher (`MeanTeacherEMA`) is always in eval mode and never in the optimiser. It
    moves in `update_teacher`, which `MeanTeacherHook` calls after each optimiser step.
    It lacks the parts that only losses need, such as the pose net. Checkpoints name the
    student's entries `student.*` and the teacher's `teacher.module.*` and
    `teacher.steps`. Subclasses define the training step.

    Args:
        segmentor: Config of the student, with a segmentation head.
        ema: Options of `MeanTeacherEMA`.
        predict_with: Network that predicts, 'student' or 'teacher'.
        data_preprocessor: As for the student alone.
        train_cfg, pretrained: Must be empty. MMSeg's tools (`mmseg.apis.init_model`)
            set them to None in every config.
        decode_head: None or `dict(type='NoHead')`, for MMSeg's get_flops.py; the head
            is the segmentor's.
        init_cfg: Initialisation.

    Raises:
        UserError: Options do not fit.
    """

    def __init__(
        self,
        segmentor: dict,
        ema: dict | None = None,
        predict_with: str = 'teacher',
        data_preprocessor: dict | None = None,
        train_cfg: dict | None = None,
        pretrained: str | None = None,
        decode_head: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        refuse(
            type(self).__name__,
            {
                f'pretrained={pretrained!r} is not supported; give the part that it is '
                "for, such as segmentor.backbone, init_cfg=dict(type='Pretrained', "
                'checkpoint=...)': pretrained is not None,
                'decode_head has no meaning here; put it into the segmentor': (
                    given_head(decode_head) is not None
                ),
                f'train_cfg={train_cfg} has no meaning here; put it into the '
                'segmentor': bool(train_cfg),
                'segmentor.data_preprocessor is not used; move it up, beside the '
                'segmentor': (
                    segmentor.get('data_preprocessor') not in (None, data_preprocessor)
                ),
            },
        )
        self.student = MODELS.build(segmentor)
        if not getattr(self.student, 'with_decode_head', False):
            raise UserError(f'{type(self).__name__}: the segmentor needs a decode_head')
        ema = {'exclude': TRAINING_PARTS, **(ema or {})}
        check_keys(ema, EMA_KEYS, f'{type(self).__name__}: ema')
        place = f'{type(self).__name__}: ema.exclude'
        if isinstance(ema['exclude'], str):
            raise UserError(f'{place} must be a list of names, got {ema["exclude"]!r}')
        # what predicts, a teacher needs
        check_keys(ema['exclude'], (*TRAINING_PARTS, *MORE_PARTS), place)
        self.teacher = MeanTeacherEMA(self.student, **ema)
        self.predict_with = predict_with
        self._register_load_state_dict_pre_hook(self._adapt_in_place)

    @property
    def predict_with(self) -> str:
        """Return which network predicts: 'student' or 'teacher'."""
        return self._predict_with

    @predict_with.setter
    def predict_with(self, name: str) -> None:
        if name not in ('student', 'teacher'):
            raise UserError(
                f'{type(self).__name__}: predict_with must be '
                f"'student' or 'teacher', got {name!r}"
            )
        self._predict_with = name

    @property
    def predictor(self) -> BaseModel:
        """Return the network that `predict` uses."""
        return self.student if self.predict_with == 'student' else self.teacher.module

    @property
    def out_channels(self) -> int:
        """Return the number of logits (for MMSeg's `SegTTAModel`)."""
        return self.student.out_channels

    def init_weights(self) -> None:
        """Initialise the student; the teacher starts as its copy."""
        super().init_weights()
        self.teacher.copy_from(self.student)

    def adapt_state_dict(self, state_dict: dict) -> dict:
        """Accept a plain segmentor's checkpoint for `load_from`, for both networks.

        The teacher's step counter starts at 0: such a checkpoint is complete.

        Args:
            state_dict: Entries of a `MeanTeacher` (returned unchanged) or of its
                segmentor alone.

        Returns:
            The entries of both networks.
        """
        if any(name.startswith(('student.', 'teacher.')) for name in state_dict):
            return state_dict
        adapted = {f'student.{name}': v for name, v in state_dict.items()}
        adapted.update(
            {
                f'teacher.module.{n}': v
                for n, v in state_dict.items()
                if not self.teacher.excludes(n)
            }
        )
        adapted['teacher.steps'] = torch.zeros_like(self.teacher.steps)
        return adapted

    def _adapt_in_place(self, state_dict: dict, prefix: str, *_) -> None:
        """Adapt a state dict before loading, unless the model is part of another."""
        if not prefix:
            adapted = self.adapt_state_dict(dict(state_dict))
            state_dict.clear()
            state_dict.update(adapted)

    def update_teacher(self) -> None:
        """Move the teacher to EMA(student); call it once after each optimiser step.

        On several ranks the student's batch-norm buffers differ between ranks unless
        SyncBN is used; they are averaged first, so that teachers stay identical.
        """
        if is_distributed():
            buffers = [b for b in self.student.buffers() if b.is_floating_point()]
            all_reduce_params(buffers, op='mean')
        self.teacher.update_parameters(self.student)

    def predict(
        self, inputs: FrameBatch, data_samples: OptSampleList = None
    ) -> SampleList:
        """Return the predictions of the network named by `predict_with`."""
        return self.predictor.predict(self.own_input(inputs), data_samples)

    def predict_disparity(self, img: Tensor) -> Tensor:
        """Return the disparity, see `DepthSegmentor.predict_disparity`."""
        return self.predictor.predict_disparity(img)

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Return the logits of the predicting network (MMSeg's interface)."""
        return self.predictor.encode_decode(inputs, batch_img_metas)

    def extract_feat(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the features of the predicting network (MMSeg's interface)."""
        return self.predictor.extract_feat(inputs)

    def _forward(
        self, inputs: FrameBatch | Tensor, data_samples: OptSampleList = None
    ) -> Tensor:
        return self.predictor(self.own_input(inputs), data_samples, mode='tensor')

    def own_input(self, inputs: FrameBatch | Tensor) -> FrameBatch | Tensor:
        """Return a batch as the student takes it: MMSegmentation's want images."""
        batch = FrameBatch.of(inputs)
        return batch if isinstance(self.student, DepthSegmentor) else batch.img
