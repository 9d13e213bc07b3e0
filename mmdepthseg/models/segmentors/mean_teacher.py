"""Mean teacher with mixing: the semi-supervised step of the paper."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from mmengine.dist import is_distributed
from mmengine.optim import OptimWrapper
from mmseg.models.data_preprocessor import SegDataPreProcessor
from mmseg.utils import SampleList
from torch import Tensor

from mmdepthseg.geometry.tensors import constant
from mmdepthseg.models.losses import pseudo_labels, with_ground_truth
from mmdepthseg.models.mixing import MixBatch
from mmdepthseg.models.mixing.complementary_dropout import ComplementaryDropout
from mmdepthseg.models.mixing.mix_batch import concatenate
from mmdepthseg.models.segmentors.disparity_sources import (
    CleanMix,
    choose_source,
    stored_disparity,
)
from mmdepthseg.models.segmentors.logits import seg_logits
from mmdepthseg.models.segmentors.panels import Rows, teacher_panels
from mmdepthseg.models.segmentors.samples import (
    ground_truth,
    is_padded,
    select_branch,
    void_padding,
    with_padding,
)
from mmdepthseg.models.segmentors.split_backward import (
    split_train_step,
    whole_step_needs,
)
from mmdepthseg.models.segmentors.teacher_student import TeacherStudent
from mmdepthseg.registry import MODELS, TRANSFORMS
from mmdepthseg.structures import FrameBatch
from mmdepthseg.utils.errors import UserError, refuse

STRONG_AUGMENTATION = (dict(type='BatchColorJitter'), dict(type='BatchGaussianBlur'))


@MODELS.register_module()
class MeanTeacher(TeacherStudent):
    """Student that learns from labels, and from its moving average on mixed images.

    One step (3W, section 3.3; Olsson et al., WACV 2021; Tarvainen and Valpola, NeurIPS
    2017):

    1. student on the labelled samples (`branch='labeled'`): its own loss;
    2. teacher on the clean mix samples (`branch='mix'`): pseudo-labels; if a mix sample
       is labelled, its ground truth replaces them (GT mixing);
    3. `mixing` mixes images and labels, and the mixed images are strongly augmented;
    4. student on the mixed images: `PseudoLabelLoss`, times `mix_share`, which
       `MeanTeacherHook` sets; at 0 steps 2 to 4 are left out.

    With a student that learns depth as well (multi-task learning, exp. 212) the
    self-supervised depth loss is taken on the labelled samples (part of 1) and on the
    *clean* mix samples (before 2), and mixing can use the disparity of that same
    training pass (`disparity='online'`, the authors'). Mixed images do not show one
    rigid scene: they pass neither the pose net nor depth stages that the segmentation
    does not need.

    Args:
        segmentor: Config of the student: a `DepthSegmentor`, or where no depth is
            learned any of MMSegmentation's, such as 'mmseg.CascadeEncoderDecoder'.
        mixing: Batch mixer: `DepthMix`, `ClassMix`, `NoMix`, ...
        strong_augmentation: Batch transforms of mixed images.
        loss_pseudo: Loss on mixed images.
        pseudo_weight: Weight of that loss. Defaults to 1.
        ground_truth_mixing: Whether to use the labels of labelled mix samples. Defaults
            to True.
        labeled_depth_weight: Factor of the depth losses on labelled samples; 0 leaves
            them out. Without effect if the student has none. Defaults to 1.
        mix_depth_weight: The same on clean mix samples, which then need neighbours and
            cameras. Defaults to 1.
        disparity: Source of the disparity for mixers that use depth: 'label', 'online'
            or 'teacher', see `disparity_sources`. Defaults to 'label'.
        split_backward: Run one backward pass each for the losses of labelled, clean mix
            and mixed images, so that only the activations of one are in memory; the
            gradients are the same up to rounding. Several ranks need
            `model_wrapper_cfg=dict(type='mmdepthseg.SplitBackwardDDP')`. Defaults to
            None: where nothing needs the whole step, see `splits`.
        views: Number of mixed, strongly augmented views of the mix samples from one
            pass of the teacher (two in UniMatch). Defaults to 1, the paper's. A mixer
            that draws nothing mixes all alike: `DepthMix` with one number as
            `foreground_threshold` and `prob=1`.
        feature_dropout: `ComplementaryDropout`, of the student's features of two views.
            Defaults to None.
        **kwargs: See `TeacherStudent`. A data preprocessor with `color_jitter` must
            also keep the clean images (`keep_raw=True`).
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
        split_backward: bool | None = None,
        views: int = 1,
        feature_dropout: dict | None = None,
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
        self.views = views
        self.feature_dropout: Any = None
        if feature_dropout is not None:
            self.feature_dropout = MODELS.build(feature_dropout)
        self.trains_depth = getattr(self.student, 'trains_depth', False)
        jitters = getattr(self.data_preprocessor, 'color_jitter', None)
        weights = (labeled_depth_weight, mix_depth_weight)
        refuse(
            'MeanTeacher',
            {
                'SegDataPreProcessor has no `normalize` for mixed images: give '
                "data_preprocessor=dict(type='DepthSegDataPreProcessor') with the same "
                'mean, std and bgr_to_rgb': isinstance(
                    self.data_preprocessor, SegDataPreProcessor
                ),
                'the data_preprocessor has color_jitter, but the teacher labels the '
                'images without it: set keep_raw=True': bool(
                    jitters and not self.data_preprocessor.keep_raw
                ),
                'labeled_depth_weight and mix_depth_weight must not be negative, got '
                f'{weights}': min(weights) < 0,
                f'pseudo_weight must not be negative, got {pseudo_weight}': (
                    pseudo_weight < 0
                ),
                'a head with one channel for two classes has no pseudo-labels: leave '
                'out its out_channels': (
                    getattr(self.student, 'out_channels', None) == 1
                ),
                'feature_dropout must be a ComplementaryDropout, got '
                f'{type(self.feature_dropout).__name__}': not isinstance(
                    self.feature_dropout, ComplementaryDropout | None
                ),
                f'views must be at least 1, and 2 with feature_dropout, got {views}': (
                    views != 2 if feature_dropout else views < 1
                ),
                'the segmentor has a depth loss, but both labeled_depth_weight and '
                'mix_depth_weight are 0: give one of them a weight, or leave out the '
                'pose_net and the loss_disparity': (
                    self.trains_depth and not any(weights)
                ),
            },
        )

    @property
    def needs_depth_labels(self) -> bool:
        """Return whether mixing uses the depth labels of mix images."""
        stored = self.disparity_source is stored_disparity
        return stored and getattr(self.mixing, 'needs_disparity', False)

    def splits(self, optim_wrapper: OptimWrapper) -> bool:
        """Tell whether a step has a backward pass for each group of losses.

        With `split_backward=None` it has one for all where something else has a say in
        it: an optimiser wrapper with its own backward pass or update, MMEngine's
        `compile`, hooks on the whole model, or a subclass with its own `loss`.

        Raises:
            UserError: `split_backward=True`, but something needs the whole step.
        """
        if self.split_backward is False:
            return False
        needs = self.whole_step_needs(optim_wrapper)
        if needs and self.split_backward:
            raise UserError(
                f'split_backward=True: {needs[0]} needs the whole step: choose one of '
                'the two'
            )
        return not needs

    def whole_step_needs(self, optim_wrapper: OptimWrapper) -> list[str]:
        """List what has a say in a step with one backward pass for all losses only."""
        return whole_step_needs(self, MeanTeacher, optim_wrapper)

    def train_step(self, data: dict, optim_wrapper: OptimWrapper) -> dict:
        """Run a step of MMEngine's `BaseModel`; in parts if it `splits`."""
        if self.splits(optim_wrapper):
            return split_train_step(self, data, optim_wrapper)
        return super().train_step(data, optim_wrapper)

    def loss(self, inputs: FrameBatch, data_samples: SampleList) -> dict:
        """Return the losses of one step; see `loss_groups`."""
        if self.split_backward and self.training and is_distributed():
            # SplitBackwardDDP does not come here
            raise UserError(
                'split_backward=True on several ranks needs model_wrapper_cfg = '
                "dict(type='mmdepthseg.SplitBackwardDDP') in the config"
            )
        groups = self.loss_groups(inputs, data_samples)
        return {name: value for group in groups for name, value in group.items()}

    def loss_groups(
        self, inputs: FrameBatch, data_samples: SampleList
    ) -> Iterator[dict]:
        """Yield the losses of one step in groups that share no activations.

        Args:
            inputs: Labelled and mix samples in one batch.
            data_samples: With metainfo `branch`.

        Yields:
            The student's losses on the labelled samples; `mix.depth.*` if it has depth
            losses; and, unless `mix_share` is 0, `mix.loss_pseudo` with `mix.confident`
            (share of pixels that count as confident in that loss) for the log. Each
            group is computed when it is asked for.
        """
        batch, samples = select_branch(inputs, data_samples, 'labeled')
        mix, mix_samples = select_branch(inputs, data_samples, 'mix')
        weight = [self.labeled_depth_weight] if self.trains_depth else []
        yield self.student.loss(self.own_input(batch), samples, *weight)
        disparity = None
        if self.mix_depth_weight and self.trains_depth:
            losses, disparity = self.student.loss_and_disparity(
                mix, mix_samples, self.mix_depth_weight
            )
            yield {f'mix.{name}': value for name, value in losses.items()}
        if self.mix_share:
            mixed = self.mix(mix, mix_samples, disparity)
            # older torch (seen with 2.4) would use the student's weights as autocast
            # kept them for `disparity='online'`: without a graph
            torch.clear_autocast_cache()
            images = self.data_preprocessor.normalize(mixed.images)
            logits = seg_logits(self.student, images, self.feature_dropout)
            loss = self.loss_pseudo(logits, mixed.labels, mixed.confidence)
            confident = self.loss_pseudo.confident(
                mixed.labels, mixed.confidence, logits.shape[1]
            )
            yield {
                'mix.loss_pseudo': self.pseudo_weight * self.mix_share * loss,
                'mix.confident': confident.float().mean(),
            }

    def panels(self, inputs: FrameBatch, data_samples: SampleList) -> dict[str, Rows]:
        """Return what the networks make of a batch, see `teacher_panels`."""
        return teacher_panels(self, inputs, data_samples)

    @torch.no_grad()
    def mix(
        self,
        batch: FrameBatch,
        data_samples: SampleList,
        disparity: Tensor | None = None,
    ) -> MixBatch:
        """Label, mix and strongly augment clean mix images.

        Args:
            batch: Clean mix images.
            data_samples: Their samples; with `disparity='label'` and a mixer that uses
                depth, each with a `disparity_map`.
            disparity: The student's disparity (N, 1, H, W), if already computed.

        Returns:
            Mixed images (raw RGB in [0, 1]), labels, confidence, mask, of one view
            after the other. Padded pixels are void.
        """
        clean, images = batch.img, batch.img_raw
        preprocessor: Any = self.data_preprocessor
        if images is None:
            images = preprocessor.denormalize(clean)
        else:
            # batch.img may be jittered by the preprocessor
            if is_padded(data_samples):  # raw, with black
                value = preprocessor.denormalize(constant(preprocessor.pad_val, clean))
                images = with_padding(images, data_samples, value)
            clean = preprocessor.normalize(images)
        logits, disparity = self.disparity_source(
            CleanMix(self, clean, batch.img, data_samples, disparity)
        )
        labels, confidence = pseudo_labels(logits, from_logits=True)
        if self.ground_truth_mixing:
            labels, confidence = with_ground_truth(
                labels, confidence, *ground_truth(data_samples, labels)
            )
        void_padding(labels, confidence, data_samples)
        whole = MixBatch(images, labels, confidence, disparity)
        mixed = concatenate([self.mixing(whole) for _ in range(self.views)])
        for transform in self.strong_augmentation:
            mixed = transform(mixed)
        return mixed
