"""Mean teacher with mixing: the semi-supervised step of the paper."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModel
from mmseg.models.segmentors import BaseSegmentor
from mmseg.utils import OptSampleList, SampleList
from torch import Tensor

from mmdepthseg.models.ema import MeanTeacherEMA
from mmdepthseg.models.losses import pseudo_labels, with_ground_truth
from mmdepthseg.models.losses.pseudo_label import VOID
from mmdepthseg.models.mixing import MixBatch
from mmdepthseg.registry import MODELS, TRANSFORMS
from mmdepthseg.structures import FrameBatch

LABELED = 'labeled'
MIX = 'mix'
STRONG_AUGMENTATION = (dict(type='BatchColorJitter'), dict(type='BatchGaussianBlur'))


@MODELS.register_module()
class MeanTeacher(BaseSegmentor):
    """A student learns from labels, and from its own EMA on mixed images.

    One step (3W, section 3.3; Olsson et al., WACV 2021; Tarvainen and Valpola,
    NeurIPS 2017):

    1. student on the labelled samples (``branch='labeled'``): its own loss;
    2. teacher on the clean mix samples (``branch='mix'``): pseudo-labels; where a
       mix sample is labelled its ground truth replaces them (GT mixing);
    3. images and labels are mixed by ``mixing``, the mixed images strongly
       augmented;
    4. student on the mixed images: :class:`PseudoLabelLoss`.

    The teacher (:class:`MeanTeacherEMA`) is part of the state dict, always in
    eval mode and never in the optimiser. It moves in :meth:`update_teacher`,
    which ``MeanTeacherHook`` calls after each optimiser step.

    Args:
        segmentor (dict): Config of the student, e.g. a :class:`DepthSegmentor`.
        mixing (dict): Batch mixer: ``DepthMix``, ``ClassMix``, ``NoMix``, ...
        strong_augmentation (Sequence[dict]): Batch transforms of mixed images.
        ema (dict): Options of :class:`MeanTeacherEMA`.
        loss_pseudo (dict): Loss on mixed images.
        pseudo_weight (float): Weight of that loss. Defaults to 1.
        rampup (int): Teacher updates over which that weight grows linearly from 0
            (the ramp-up of Tarvainen and Valpola). Short trainings from scratch need
            it: early pseudo-labels know the largest classes only. Defaults to 0, the
            paper's.
        ground_truth_mixing (bool): Use the labels of labelled mix samples.
            Defaults to True.
        predict_with (str): ``'student'`` or ``'teacher'``, which of them
            :meth:`predict` uses (``TeacherStudentValLoop`` switches). Defaults
            to 'teacher'.
        data_preprocessor (dict): As for the student alone; with ``color_jitter``
            it must keep the clean images too (``keep_raw=True``).
        init_cfg (dict, optional): Initialisation.
    """

    def __init__(self,
                 segmentor: dict,
                 mixing: dict,
                 strong_augmentation: Sequence[dict] = STRONG_AUGMENTATION,
                 ema: dict | None = None,
                 loss_pseudo: dict = dict(type='PseudoLabelLoss'),
                 pseudo_weight: float = 1.,
                 rampup: int = 0,
                 ground_truth_mixing: bool = True,
                 predict_with: str = 'teacher',
                 data_preprocessor: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        preprocessor = self.data_preprocessor
        if getattr(preprocessor, 'color_jitter', None) and not preprocessor.keep_raw:
            raise ValueError(
                'MeanTeacher: the data_preprocessor has color_jitter, but the teacher '
                'labels the images without it: set keep_raw=True')
        self.student = MODELS.build(segmentor)
        if not getattr(self.student, 'with_decode_head', False):
            raise ValueError('MeanTeacher: the segmentor needs a decode_head')
        self.teacher = MeanTeacherEMA(self.student, **(ema or {}))
        self.mixing = TRANSFORMS.build(mixing)
        self.strong_augmentation = [TRANSFORMS.build(t) for t in strong_augmentation]
        self.loss_pseudo = MODELS.build(loss_pseudo)
        self.pseudo_weight = pseudo_weight
        self.rampup = rampup
        self.ground_truth_mixing = ground_truth_mixing
        self.predict_with = predict_with
        self._register_load_state_dict_pre_hook(self._adapt_in_place)

    @property
    def predict_with(self) -> str:
        """Which network predicts: 'student' or 'teacher'."""
        return self._predict_with

    @predict_with.setter
    def predict_with(self, name: str) -> None:
        if name not in ('student', 'teacher'):
            raise ValueError("MeanTeacher: predict_with must be 'student' or "
                             f"'teacher', got {name!r}")
        self._predict_with = name

    @property
    def predictor(self) -> BaseModel:
        """The network :meth:`predict` uses."""
        return self.student if self.predict_with == 'student' else \
            self.teacher.module

    def init_weights(self) -> None:
        """Initialise the student; the teacher starts as its copy."""
        super().init_weights()
        self.teacher.copy_from(self.student)

    @staticmethod
    def adapt_state_dict(state_dict: dict) -> dict:
        """Let ``load_from`` take a plain segmentor's checkpoint: both networks get it.

        Args:
            state_dict (dict): Of a :class:`MeanTeacher` (returned as it is) or of its
                segmentor alone.
        """
        if any(name.startswith(('student.', 'teacher.')) for name in state_dict):
            return state_dict
        adapted = {f'student.{name}': v for name, v in state_dict.items()}
        adapted.update({f'teacher.module.{n}': v for n, v in state_dict.items()})
        return adapted

    def _adapt_in_place(self, state_dict: dict, prefix: str, *_) -> None:
        """Before loading; only where the model stands on its own (no prefix)."""
        if not prefix:
            adapted = self.adapt_state_dict(dict(state_dict))
            state_dict.clear()
            state_dict.update(adapted)

    def update_teacher(self) -> None:
        """Teacher <- EMA(student); call it once after each optimiser step."""
        self.teacher.update_parameters(self.student)

    def loss(self, inputs: FrameBatch, data_samples: SampleList) -> dict:
        """Losses of one step.

        Args:
            inputs (FrameBatch): Labelled and mix samples in one batch.
            data_samples (list[SegDataSample]): With metainfo ``branch``.

        Returns:
            dict[str, Tensor]: The student's losses on the labelled samples,
            ``mix.loss_pseudo``, and for the log ``mix.confident`` (share of pixels
            that pass the confidence threshold).
        """
        labeled = self._branch(data_samples, LABELED)
        mix = self._branch(data_samples, MIX)
        losses = self.student.loss(
            inputs.select(labeled), [data_samples[i] for i in labeled])
        losses.update(
            self.mix_loss(inputs.select(mix), [data_samples[i] for i in mix]))
        return losses

    def mix_loss(self, batch: FrameBatch, data_samples: SampleList) -> dict:
        """Pseudo-label loss on the mixed batch.

        Args:
            batch (FrameBatch): Clean mix images.
            data_samples (list[SegDataSample]): Theirs.
        """
        mixed = self.mix(batch, data_samples)
        logits = self.student.seg_logits(
            self.data_preprocessor.normalize(mixed.images))
        loss = self.loss_pseudo(logits, mixed.labels, mixed.confidence)
        confident = mixed.confidence >= self.loss_pseudo.threshold
        return {
            'mix.loss_pseudo': self._pseudo_weight_now() * loss,
            'mix.confident': confident.float().mean()
        }

    def _pseudo_weight_now(self) -> float:
        if self.teacher.updates >= self.rampup:
            return self.pseudo_weight
        return self.pseudo_weight * self.teacher.updates / self.rampup

    @torch.no_grad()
    def mix(self, batch: FrameBatch, data_samples: SampleList) -> MixBatch:
        """Pseudo-labels, mixing and strong augmentation of clean mix images.

        Args:
            batch (FrameBatch): Clean mix images.
            data_samples (list[SegDataSample]): Theirs, with ``disparity_map`` for
                mixers that need depth.

        Returns:
            MixBatch: Mixed images (raw RGB in [0, 1]), labels, confidence, mask.
        """
        clean, images = batch.img, batch.img_raw
        if images is None:
            images = self.data_preprocessor.denormalize(clean)
        else:
            # batch.img may be jittered by the preprocessor
            clean = self.data_preprocessor.normalize(images)
        labels, confidence = pseudo_labels(
            self.teacher.module.seg_logits(clean), from_logits=True)
        if self.ground_truth_mixing:
            labels, confidence = with_ground_truth(
                labels, confidence, *_ground_truth(data_samples, labels))
        mixed = self.mixing(
            MixBatch(images, labels, confidence,
                     _stack_disparity(data_samples, images.device)))
        for transform in self.strong_augmentation:
            mixed = transform(mixed)
        return mixed

    def predict(self,
                inputs: FrameBatch,
                data_samples: OptSampleList = None) -> SampleList:
        """Predictions of the network named by ``predict_with``."""
        return self.predictor.predict(inputs, data_samples)

    def predict_disparity(self, img: Tensor) -> Tensor:
        """See :meth:`DepthSegmentor.predict_disparity`."""
        return self.predictor.predict_disparity(img)

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Logits of the predicting network (MMSeg's interface)."""
        return self.predictor.encode_decode(inputs, batch_img_metas)

    def extract_feat(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Features of the predicting network (MMSeg's interface)."""
        return self.predictor.extract_feat(inputs)

    def _forward(self,
                 inputs: FrameBatch | Tensor,
                 data_samples: OptSampleList = None) -> Tensor:
        return self.predictor(inputs, data_samples, mode='tensor')

    def _branch(self, data_samples: SampleList, branch: str) -> list[int]:
        """Positions of a branch's samples in the batch."""
        found = [i for i, s in enumerate(data_samples)
                 if s.metainfo.get('branch') == branch]
        if not found:
            seen = sorted({str(s.metainfo.get('branch')) for s in data_samples})
            raise ValueError(
                f"MeanTeacher: no sample of branch '{branch}' in the batch (found: "
                f'{seen}); give the data sets of the ConcatDataset '
                "branch='labeled' and branch='mix' and use MultiSourceSampler")
        return found


def _ground_truth(data_samples: SampleList, like: Tensor) -> tuple[Tensor, Tensor]:
    """Labels (N, H, W), void where a sample has none, and which have (N,)."""
    truth = torch.full_like(like, VOID)
    labeled = ['gt_sem_seg' in sample for sample in data_samples]
    for i, sample in enumerate(data_samples):
        if labeled[i]:
            truth[i] = sample.gt_sem_seg.data[0]
    return truth, torch.tensor(labeled, device=like.device)


def _stack_disparity(data_samples: SampleList,
                     device: torch.device) -> Tensor | None:
    """(N, 1, H, W), or None unless every sample has a disparity map."""
    if not all('disparity_map' in s for s in data_samples):
        return None
    return torch.stack([s.disparity_map.data for s in data_samples]).to(device)
