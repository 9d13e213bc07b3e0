"""Mean teacher with mixing: the semi-supervised step of the paper."""

from collections.abc import Iterator, Sequence

import torch
from mmengine.dist import is_distributed
from mmengine.optim import OptimWrapper
from mmseg.utils import SampleList
from torch import Tensor

from mmdepthseg.models.losses import pseudo_labels, with_ground_truth
from mmdepthseg.models.mixing import MixBatch
from mmdepthseg.models.segmentors.disparity_sources import CleanMix, choose_source
from mmdepthseg.models.segmentors.samples import (
    ground_truth,
    positions_of_branch,
    void_padding,
)
from mmdepthseg.models.segmentors.split_backward import split_train_step
from mmdepthseg.models.segmentors.teacher_student import TeacherStudent
from mmdepthseg.registry import MODELS, TRANSFORMS
from mmdepthseg.structures import FrameBatch
from mmdepthseg.utils.errors import UserError, refuse

STRONG_AUGMENTATION = (dict(type='BatchColorJitter'), dict(type='BatchGaussianBlur'))


@MODELS.register_module()
class MeanTeacher(TeacherStudent):
    """A student learns from labels, and from its own EMA on mixed images.

    One step (3W, section 3.3; Olsson et al., WACV 2021; Tarvainen and Valpola,
    NeurIPS 2017):

    1. student on the labelled samples (`branch='labeled'`): its own loss;
    2. teacher on the clean mix samples (`branch='mix'`): pseudo-labels; where a
       mix sample is labelled its ground truth replaces them (GT mixing);
    3. images and labels are mixed by `mixing`, the mixed images strongly
       augmented;
    4. student on the mixed images: `PseudoLabelLoss`, times `mix_share`, which
       `MeanTeacherHook` sets; at 0 steps 2 to 4 are left out.

    The teacher (`MeanTeacherEMA`) is part of the state dict, always in
    eval mode and never in the optimiser. It moves in `update_teacher`,
    which `MeanTeacherHook` calls after each optimiser step. It has no pose net:
    poses are needed for the student's loss only.

    With a student that learns depth as well (multi-task learning, exp. 212) the
    self-supervised depth loss is taken on the labelled samples (part of 1) and on
    the *clean* mix samples (before 2), and mixing can use the disparity of that
    same training pass (`disparity='online'`, the authors'). Mixed images show no
    scene that moved as one: they pass neither the pose net nor the depth stages
    beyond those that the segmentation needs.

    Args:
        segmentor: Config of the student, e.g. a `DepthSegmentor`.
        mixing: Batch mixer: `DepthMix`, `ClassMix`, `NoMix`, ...
        strong_augmentation: Batch transforms of mixed images.
        loss_pseudo: Loss on mixed images.
        pseudo_weight: Weight of that loss. Defaults to 1.
        ground_truth_mixing: Use the labels of labelled mix samples.
            Defaults to True.
        labeled_depth_weight: Factor of the depth losses on labelled samples;
            0 leaves them out. Without effect if the student has none. Defaults to
            1.
        mix_depth_weight: The same on clean mix samples, which then need
            neighbours and cameras. Defaults to 1.
        disparity: Where mixers that look at depth have it from: `'label'`, `'online'`
            or `'teacher'`, see `disparity_sources`. Defaults to 'label'.
        split_backward: Go back through the losses of labelled, clean mix and
            mixed images one after the other, which keeps the activations of one at
            a time; the gradients are the same. On several ranks with
            `model_wrapper_cfg=dict(type='mmdepthseg.SplitBackwardDDP')`. Defaults
            to False: one backward pass.
        **kwargs: See `TeacherStudent`. A data preprocessor with `color_jitter` must
            keep the clean images too (`keep_raw=True`).
    """

    def __init__(
        self,
        segmentor: dict,
        mixing: dict,
        strong_augmentation: Sequence[dict] = STRONG_AUGMENTATION,
        loss_pseudo: dict = dict(type='PseudoLabelLoss'),
        pseudo_weight: float = 1.0,
        ground_truth_mixing: bool = True,
        labeled_depth_weight: float = 1.0,
        mix_depth_weight: float = 1.0,
        disparity: str = 'label',
        split_backward: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(segmentor, **kwargs)
        self.mixing = TRANSFORMS.build(mixing)
        self.strong_augmentation = [TRANSFORMS.build(t) for t in strong_augmentation]
        self.loss_pseudo = MODELS.build(loss_pseudo)
        self.pseudo_weight = pseudo_weight
        #: Share of `pseudo_weight` that counts at present, 0..1.
        self.mix_share = 1.0
        self.ground_truth_mixing = ground_truth_mixing
        self.labeled_depth_weight = labeled_depth_weight
        self.mix_depth_weight = mix_depth_weight
        self.disparity_source = choose_source(disparity, self.mixing, self.student)
        self.split_backward = split_backward
        self.trains_depth = getattr(self.student, 'trains_depth', False)
        self._check()

    def _check(self) -> None:
        """Raise a UserError unless the options fit each other and the student."""
        preprocessor = self.data_preprocessor
        jitters = getattr(preprocessor, 'color_jitter', None)
        weights = (self.labeled_depth_weight, self.mix_depth_weight)
        refuse(
            'MeanTeacher',
            {
                'the data_preprocessor has color_jitter, but the teacher labels the '
                'images without it: set keep_raw=True': (
                    jitters and not preprocessor.keep_raw
                ),
                'labeled_depth_weight and mix_depth_weight must not be negative, got '
                f'{weights}': min(weights) < 0,
                'the segmentor has a depth loss, but both labeled_depth_weight and '
                'mix_depth_weight are 0: give one of them a weight, or leave out the '
                'pose_net and the loss_disparity': (
                    self.trains_depth and not any(weights)
                ),
            },
        )

    def loss(self, inputs: FrameBatch, data_samples: SampleList) -> dict:
        """Return the losses of one step.

        Args:
            inputs: Labelled and mix samples in one batch.
            data_samples: With metainfo `branch`.

        Returns:
            dict[str, Tensor]: The student's losses on the labelled samples,
            `mix.depth.*` if it has depth losses, and unless `mix_share` is 0
            `mix.loss_pseudo`, and for the log `mix.confident` (share of pixels
            that pass the confidence threshold).

        Raises:
            UserError: With `split_backward` under another wrapper than
                `SplitBackwardDDP`, which does not come here.
        """
        if self.split_backward and self.training and is_distributed():
            raise UserError(
                'split_backward=True on several ranks needs model_wrapper_cfg = '
                "dict(type='mmdepthseg.SplitBackwardDDP') in the config"
            )
        groups = self.loss_groups(inputs, data_samples)
        return {name: value for group in groups for name, value in group.items()}

    def loss_groups(
        self, inputs: FrameBatch, data_samples: SampleList
    ) -> Iterator[dict]:
        """Yield the losses in groups that share no activations, one after the other.

        Args:
            inputs: See `loss`.
            data_samples: See `loss`.

        Yields:
            dict[str, Tensor]: Each group's; the next one is computed when asked for.
        """
        labeled = positions_of_branch(data_samples, 'labeled')
        mix = positions_of_branch(data_samples, 'mix')
        weight = self.labeled_depth_weight
        yield _weighted(
            self.student.loss(
                inputs.select(labeled),
                [data_samples[i] for i in labeled],
                **({} if weight else dict(depth=False)),
            ),
            weight,
        )
        batch, samples = inputs.select(mix), [data_samples[i] for i in mix]
        disparity = None
        if self.mix_depth_weight and self.trains_depth:
            losses, disparity = self.student.loss_and_disparity(batch, samples)
            losses = _weighted(losses, self.mix_depth_weight)
            yield {f'mix.{name}': value for name, value in losses.items()}
        if self.mix_share:
            yield self.mix_loss(batch, samples, disparity)

    def train_step(self, data: dict, optim_wrapper: OptimWrapper) -> dict:
        """Run a step of MMEngine's `BaseModel`; in parts with `split_backward`."""
        if not self.split_backward:
            return super().train_step(data, optim_wrapper)
        return split_train_step(self, data, optim_wrapper)

    def mix_loss(
        self,
        batch: FrameBatch,
        data_samples: SampleList,
        disparity: Tensor | None = None,
    ) -> dict:
        """Return the pseudo-label loss on the mixed batch; arguments: see `mix`."""
        mixed = self.mix(batch, data_samples, disparity)
        logits = self.student.seg_logits(self.data_preprocessor.normalize(mixed.images))
        loss = self.loss_pseudo(logits, mixed.labels, mixed.confidence)
        confident = mixed.confidence >= self.loss_pseudo.threshold
        return {
            'mix.loss_pseudo': self.pseudo_weight * self.mix_share * loss,
            'mix.confident': confident.float().mean(),
        }

    @torch.no_grad()
    def mix(
        self,
        batch: FrameBatch,
        data_samples: SampleList,
        disparity: Tensor | None = None,
    ) -> MixBatch:
        """Return the pseudo-labels, mixing and strong augmentation of clean mix images.

        Args:
            batch: Clean mix images.
            data_samples: Theirs, with `disparity_map` for mixers that need depth, if
                `disparity='label'`.
            disparity: The student's (N, 1, H, W) if it is there already.

        Returns:
            Mixed images (raw RGB in [0, 1]), labels, confidence, mask. What
            the preprocessor padded is void.
        """
        clean, images = batch.img, batch.img_raw
        if images is None:
            images = self.data_preprocessor.denormalize(clean)
        else:
            # batch.img may be jittered by the preprocessor
            clean = self.data_preprocessor.normalize(images)
        logits, disparity = self.disparity_source(
            CleanMix(
                self.student,
                self.teacher.module,
                clean,
                batch.img,
                data_samples,
                disparity,
            )
        )
        labels, confidence = pseudo_labels(logits, from_logits=True)
        if self.ground_truth_mixing:
            labels, confidence = with_ground_truth(
                labels, confidence, *ground_truth(data_samples, labels)
            )
        void_padding(labels, confidence, data_samples)
        mixed = self.mixing(MixBatch(images, labels, confidence, disparity))
        for transform in self.strong_augmentation:
            mixed = transform(mixed)
        return mixed


def _weighted(losses: dict, weight: float) -> dict:
    """Return the depth losses times a weight; what is only logged stays."""
    return {
        name: weight * value if name.startswith('depth.loss') else value
        for name, value in losses.items()
    }
