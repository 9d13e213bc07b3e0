"""Mean teacher with mixing: the semi-supervised step of the paper."""

from collections.abc import Iterator, Sequence

import torch
from mmengine.dist import is_distributed
from mmengine.optim import OptimWrapper
from mmseg.utils import SampleList
from torch import Tensor

from mmdepthseg.models.losses import pseudo_labels, with_ground_truth
from mmdepthseg.models.losses.pseudo_label import VOID
from mmdepthseg.models.mixing import MixBatch, normalize_disparity
from mmdepthseg.models.segmentors.samples import ground_truth, stack_disparity
from mmdepthseg.models.segmentors.split_backward import split_train_step
from mmdepthseg.models.segmentors.teacher_student import TeacherStudent
from mmdepthseg.registry import MODELS, TRANSFORMS
from mmdepthseg.structures import FrameBatch

LABELED = 'labeled'
MIX = 'mix'
STRONG_AUGMENTATION = (dict(type='BatchColorJitter'), dict(type='BatchGaussianBlur'))
DISPARITY_SOURCES = ('label', 'online', 'teacher')


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
    4. student on the mixed images: `PseudoLabelLoss`.

    The teacher (`MeanTeacherEMA`) is part of the state dict, always in
    eval mode and never in the optimiser. It moves in `update_teacher`,
    which `MeanTeacherHook` calls after each optimiser step. It has no pose net:
    poses are needed for the student's loss only.

    With a student that learns depth as well (multi-task learning, exp. 212) the
    self-supervised depth loss is taken on the labelled samples (part of 1) and on
    the *clean* mix samples (before 2), and mixing can use the disparity of that
    same pass (`disparity='online'`). That pass is a training pass: the student
    sees its colour jitter, batch norm uses the statistics of the mix batch and the
    ASPP drops out, all of which make the online disparity noisier than the
    network's best. It costs nothing extra, as the authors' code has it;
    `disparity='teacher'` takes the smoother one of the teacher, in eval mode, for
    the rest of its depth decoder. Mixed images show no scene that moved as one:
    they pass neither the pose net nor the depth stages beyond those that the
    segmentation needs.

    Args:
        segmentor: Config of the student, e.g. a `DepthSegmentor`.
        mixing: Batch mixer: `DepthMix`, `ClassMix`, `NoMix`, ...
        strong_augmentation: Batch transforms of mixed images.
        ema: Options of `MeanTeacherEMA`.
        loss_pseudo: Loss on mixed images.
        pseudo_weight: Weight of that loss. Defaults to 1.
        burn_in: Teacher updates before mixed images count; until then they are
            not computed, which saves half a step (Liu et al., "Unbiased Teacher", ICLR
            2021). From scratch early pseudo-labels know the largest classes only, and
            keep the student from learning the others. Defaults to 0, the paper's,
            whose trainings start from ImageNet weights.
        rampup: Teacher updates, behind those, over which that weight grows
            linearly from 0 (the ramp-up of Tarvainen and Valpola). Defaults to 0, the
            paper's.
        ground_truth_mixing: Use the labels of labelled mix samples.
            Defaults to True.
        labeled_depth_weight: Factor of the depth losses on labelled samples;
            0 leaves them out. Without effect if the student has none. Defaults to
            1.
        mix_depth_weight: The same on clean mix samples, which then need
            neighbours and cameras. Defaults to 1.
        disparity: Where mixers that look at depth have it from: `'label'`,
            stored depth labels; `'online'`, the student, or `'teacher'`, both
            stretched to [0, 1] per image. Mixers with `needs_disparity=False` get
            none, and none is computed for them. Defaults to 'label'.
        split_backward: Go back through the losses of labelled, clean mix and
            mixed images one after the other, which keeps the activations of one at
            a time; the gradients are the same. On several ranks with
            `model_wrapper_cfg=dict(type='mmdepthseg.SplitBackwardDDP')`. Defaults
            to False: one backward pass, which is quicker where memory allows.
        predict_with: `'student'` or `'teacher'`, which of them
            `predict` uses (`TeacherStudentValLoop` switches). Defaults
            to 'teacher'.
        data_preprocessor: As for the student alone; with `color_jitter`
            it must keep the clean images too (`keep_raw=True`).
        train_cfg, pretrained: Must be empty, see `TeacherStudent`.
        init_cfg: Initialisation.
    """

    def __init__(
        self,
        segmentor: dict,
        mixing: dict,
        strong_augmentation: Sequence[dict] = STRONG_AUGMENTATION,
        ema: dict | None = None,
        loss_pseudo: dict = dict(type='PseudoLabelLoss'),
        pseudo_weight: float = 1.0,
        burn_in: int = 0,
        rampup: int = 0,
        ground_truth_mixing: bool = True,
        labeled_depth_weight: float = 1.0,
        mix_depth_weight: float = 1.0,
        disparity: str = 'label',
        split_backward: bool = False,
        predict_with: str = 'teacher',
        data_preprocessor: dict | None = None,
        train_cfg: dict | None = None,
        pretrained: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            segmentor,
            ema,
            predict_with,
            data_preprocessor,
            train_cfg,
            pretrained,
            init_cfg,
        )
        preprocessor = self.data_preprocessor
        if getattr(preprocessor, 'color_jitter', None) and not preprocessor.keep_raw:
            raise ValueError(
                'MeanTeacher: the data_preprocessor has color_jitter, but the teacher '
                'labels the images without it: set keep_raw=True'
            )
        self.mixing = TRANSFORMS.build(mixing)
        self.strong_augmentation = [TRANSFORMS.build(t) for t in strong_augmentation]
        self.loss_pseudo = MODELS.build(loss_pseudo)
        self.pseudo_weight = pseudo_weight
        if burn_in < 0 or rampup < 0:
            raise ValueError(
                'MeanTeacher: burn_in and rampup are numbers of updates, '
                f'got {burn_in} and {rampup}'
            )
        self.burn_in = burn_in
        self.rampup = rampup
        self.ground_truth_mixing = ground_truth_mixing
        self.labeled_depth_weight = labeled_depth_weight
        self.mix_depth_weight = mix_depth_weight
        self.disparity = disparity
        self._check_depth()
        self.split_backward = split_backward

    def _check_depth(self) -> None:
        """ValueError unless the depth options fit the student."""
        weights = (self.labeled_depth_weight, self.mix_depth_weight)
        if min(weights) < 0:
            raise ValueError(
                'MeanTeacher: labeled_depth_weight and mix_depth_weight '
                f'must not be negative, got {weights}'
            )
        if getattr(self.student, 'trains_depth', False) and not any(weights):
            raise ValueError(
                'MeanTeacher: the segmentor has a depth loss, but both '
                'labeled_depth_weight and mix_depth_weight are 0: give one of them a '
                'weight, or leave out the pose_net and the loss_disparity'
            )
        if self.disparity not in DISPARITY_SOURCES:
            raise ValueError(
                f'MeanTeacher: disparity must be one of '
                f'{DISPARITY_SOURCES}, got {self.disparity!r}'
            )
        if (
            self.disparity != 'label'
            and getattr(self.student, 'depth_head', None) is None
        ):
            raise ValueError(
                f'MeanTeacher: disparity={self.disparity!r} needs a depth_head in the '
                "segmentor; without one take disparity='label' and LoadSDEDisparity"
            )

    def loss(self, inputs: FrameBatch, data_samples: SampleList) -> dict:
        """Losses of one step.

        Args:
            inputs: Labelled and mix samples in one batch.
            data_samples: With metainfo `branch`.

        Returns:
            dict[str, Tensor]: The student's losses on the labelled samples,
            `mix.depth.*` if it has depth losses, and after the burn-in
            `mix.loss_pseudo`, and for the log `mix.confident` (share of pixels
            that pass the confidence threshold).

        Raises:
            RuntimeError: With `split_backward` under another wrapper than
                `SplitBackwardDDP`, which does not come here.
        """
        if self.split_backward and self.training and is_distributed():
            raise RuntimeError(
                'split_backward=True on several ranks needs model_wrapper_cfg = '
                "dict(type='mmdepthseg.SplitBackwardDDP') in the config"
            )
        losses = {}
        for group in self.loss_groups(inputs, data_samples):
            losses.update(group)
        return losses

    def loss_groups(
        self, inputs: FrameBatch, data_samples: SampleList
    ) -> Iterator[dict]:
        """The losses in groups that share no activations, one after the other.

        Args:
            inputs: See `loss`.
            data_samples: See `loss`.

        Yields:
            dict[str, Tensor]: Each group's; the next one is computed when asked for.
        """
        labeled = self._branch(data_samples, LABELED)
        mix = self._branch(data_samples, MIX)
        yield self.labeled_loss(
            inputs.select(labeled), [data_samples[i] for i in labeled]
        )
        batch, samples = inputs.select(mix), [data_samples[i] for i in mix]
        disparity = None
        if self.mix_depth_weight and getattr(self.student, 'trains_depth', False):
            losses, seen = self.student.loss_and_disparity(batch, samples)
            disparity = seen if self.disparity == 'online' else None
            yield {
                f'mix.{name}': value
                for name, value in _weighted(losses, self.mix_depth_weight).items()
            }
        if self.teacher.updates >= self.burn_in:
            yield self.mix_loss(batch, samples, disparity)

    def labeled_loss(self, batch: FrameBatch, data_samples: SampleList) -> dict:
        """The student's own losses, those of depth weighted."""
        weight = self.labeled_depth_weight
        if weight == 1:
            return self.student.loss(batch, data_samples)
        return _weighted(
            self.student.loss(batch, data_samples, depth=weight > 0), weight
        )

    def train_step(self, data: dict, optim_wrapper: OptimWrapper) -> dict:
        """See MMEngine's `BaseModel`; in parts with `split_backward`."""
        if not self.split_backward:
            return super().train_step(data, optim_wrapper)
        return split_train_step(self, data, optim_wrapper)

    def mix_loss(
        self,
        batch: FrameBatch,
        data_samples: SampleList,
        disparity: Tensor | None = None,
    ) -> dict:
        """Pseudo-label loss on the mixed batch.

        Args:
            batch: Clean mix images.
            data_samples: Theirs.
            disparity: See `mix`.
        """
        mixed = self.mix(batch, data_samples, disparity)
        logits = self.student.seg_logits(self.data_preprocessor.normalize(mixed.images))
        loss = self.loss_pseudo(logits, mixed.labels, mixed.confidence)
        confident = mixed.confidence >= self.loss_pseudo.threshold
        return {
            'mix.loss_pseudo': self._pseudo_weight_now() * loss,
            'mix.confident': confident.float().mean(),
        }

    def _pseudo_weight_now(self) -> float:
        updates = self.teacher.updates - self.burn_in
        if updates >= self.rampup:
            return self.pseudo_weight
        return self.pseudo_weight * updates / self.rampup

    @torch.no_grad()
    def mix(
        self,
        batch: FrameBatch,
        data_samples: SampleList,
        disparity: Tensor | None = None,
    ) -> MixBatch:
        """Pseudo-labels, mixing and strong augmentation of clean mix images.

        Args:
            batch: Clean mix images.
            data_samples: Theirs, with `disparity_map` for
                mixers that need depth, if `disparity='label'`.
            disparity: The student's (N, 1, H, W) if it is there
                already; else it is computed for `disparity='online'`.

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
        # a mixer that does not say gets the disparity
        by_depth = getattr(self.mixing, 'needs_disparity', True)
        teacher = self.teacher.module
        if by_depth and self.disparity == 'teacher':
            logits, disparity = teacher.logits_and_disparity(clean)
        else:
            logits = teacher.seg_logits(clean)
        labels, confidence = pseudo_labels(logits, from_logits=True)
        if self.ground_truth_mixing:
            labels, confidence = with_ground_truth(
                labels, confidence, *ground_truth(data_samples, labels)
            )
        _ignore_padding(labels, confidence, data_samples)
        if not by_depth:
            disparity = None
        elif self.disparity == 'label':
            disparity = stack_disparity(data_samples, images.device)
        else:
            if disparity is None:
                disparity = self.student.predict_disparity(batch.img)
            disparity = normalize_disparity(disparity)
        mixed = self.mixing(MixBatch(images, labels, confidence, disparity))
        for transform in self.strong_augmentation:
            mixed = transform(mixed)
        return mixed

    def _branch(self, data_samples: SampleList, branch: str) -> list[int]:
        """Positions of a branch's samples in the batch."""
        found = [
            i for i, s in enumerate(data_samples) if s.metainfo.get('branch') == branch
        ]
        if not found:
            seen = sorted({str(s.metainfo.get('branch')) for s in data_samples})
            raise ValueError(
                f"MeanTeacher: no sample of branch '{branch}' in the batch (found: "
                f'{seen}); give the data sets of the ConcatDataset '
                "branch='labeled' and branch='mix' and use MultiSourceSampler"
            )
        return found


def _ignore_padding(
    labels: Tensor, confidence: Tensor, data_samples: SampleList
) -> None:
    """Make what the preprocessor padded void (in place): a colour has no class.

    Args:
        labels: (N, H, W).
        confidence: (N, H, W).
        data_samples: Theirs.
    """
    height, width = labels.shape[1:]
    for i, sample in enumerate(data_samples):
        _, right, _, bottom = sample.metainfo.get('padding_size') or (0,) * 4
        for part, value in ((labels, VOID), (confidence, 0)):
            part[i, height - bottom :] = value
            part[i, :, width - right :] = value


def _weighted(losses: dict, weight: float) -> dict:
    """Depth losses times a weight; what is only logged stays."""
    return {
        name: weight * value if name.startswith('depth.loss') else value
        for name, value in losses.items()
    }
