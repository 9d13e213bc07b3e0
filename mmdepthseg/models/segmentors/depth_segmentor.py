"""Segmentation, depth and pose on one backbone."""

from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.models.segmentors import BaseSegmentor, EncoderDecoder
from mmseg.models.utils import resize
from mmseg.structures import SegDataSample
from mmseg.utils import OptSampleList, SampleList
from torch import Tensor

from mmdepthseg.models.heads.pad_distillation import Decoded, build_distillation
from mmdepthseg.models.heads.unet_decoder import NUM_STEPS
from mmdepthseg.models.segmentors.inference import check_test_cfg
from mmdepthseg.models.segmentors.samples import (
    nan_unless_finite,
    require_disparity,
    require_labels,
    require_neighbours,
    to_original,
)
from mmdepthseg.registry import MODELS
from mmdepthseg.structures import FrameBatch
from mmdepthseg.utils.errors import UserError


@MODELS.register_module()
class DepthSegmentor(EncoderDecoder):
    """Backbone with an optional segmentation, depth and pose part.

    - depth and pose only: self-supervised depth estimation (SDE);
    - segmentation only: supervised or transfer learning;
    - all: multi-task learning.

    Extends MMSeg's `EncoderDecoder`, which insists on a segmentation head and
    knows one image per sample; its inference (whole and sliding window), its
    auxiliary heads and its `loss` of the segmentation part are used as they
    are.

    Args:
        backbone: Any MMSeg backbone; `ResNet` adds the stem level.
        decode_head: MMSeg decode head or `UNetSegHead`.
        depth_head: `UNetDepthHead` or
            `DecodeDepthHead`.
        distillation: `PADDistillation` between the decoders
            of a `UNetSegHead` and a `UNetDepthHead` (exp. 212).
            Without it the two tasks share the backbone only.
        pose_net: `PoseNet`. Without it the depth head is
            trained on stored depth labels if it has a `loss_disparity`, else not
            at all (it may still predict): what no loss reaches asks for no gradient.
        pose_refinement: `DirectPoseRefinement` of the pose
            net's answers in training. None, the papers', takes them as they are.
        loss_feature: `FeatureDistanceLoss`, keeps the
            deepest backbone level near that of a frozen encoder.
        test_cfg: Of the segmentation: `mode`, 'whole' (default)
            or 'slide' with `crop_size` and `stride`, each (height, width).
        neck, auxiliary_head, train_cfg, data_preprocessor, init_cfg: As in MMSeg's
            `EncoderDecoder`.
        pretrained: Must be None, what `mmseg.apis.init_model` sets.

    Raises:
        UserError: On parts or options that do not fit.
    """

    def __init__(
        self,
        backbone: dict,
        decode_head: dict | None = None,
        depth_head: dict | None = None,
        distillation: dict | None = None,
        pose_net: dict | None = None,
        pose_refinement: dict | None = None,
        loss_feature: dict | None = None,
        neck: dict | None = None,
        auxiliary_head: dict | list | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        data_preprocessor: dict | None = None,
        pretrained: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        # EncoderDecoder.__init__ asserts a decode head: its steps are done here.
        BaseSegmentor.__init__(
            self, data_preprocessor=data_preprocessor, init_cfg=init_cfg
        )
        if decode_head is None and depth_head is None:
            raise UserError(
                'DepthSegmentor needs a decode_head (segmentation), a '
                'depth_head, or both'
            )
        if pose_net is not None and depth_head is None:
            raise UserError(
                'DepthSegmentor: a pose_net trains a depth_head, and there is none'
            )
        if pretrained is not None:
            raise UserError(
                f'DepthSegmentor: pretrained={pretrained!r} is not taken; give the '
                "backbone init_cfg=dict(type='Pretrained', checkpoint=...)"
            )
        self.backbone = MODELS.build(backbone)
        if neck is not None:
            self.neck = MODELS.build(neck)
        self.align_corners = False
        if decode_head is not None:
            self._init_decode_head(decode_head)
            self._init_auxiliary_head(auxiliary_head)
        self.depth_head = None if depth_head is None else MODELS.build(depth_head)
        self.distillation = None
        if distillation is not None:
            self.distillation = build_distillation(
                distillation,
                decode_head or {},
                getattr(self, 'decode_head', None),
                self.depth_head,
            )
        self.pose_net = None if pose_net is None else MODELS.build(pose_net)
        self.pose_refinement = (
            None if pose_refinement is None else MODELS.build(pose_refinement)
        )
        self.loss_feature = None if loss_feature is None else MODELS.build(loss_feature)
        self.train_cfg = train_cfg
        # MMSeg's inference reads it by attribute
        self.test_cfg = ConfigDict({'mode': 'whole', **(test_cfg or {})})
        check_test_cfg(self.test_cfg, type(self).__name__)
        if self.depth_head is not None and not self.trains_depth:
            self._freeze_untrained()

    @property
    def trains_depth(self) -> bool:
        """Whether there is a depth loss."""
        head = self.depth_head
        return head is not None and (
            self.pose_net is not None or head.loss_disparity is not None
        )

    def _freeze_untrained(self) -> None:
        """No gradient for what only a depth loss would train.

        The segmentation trains the depth decoder up to the exchange. Weights that
        ask for a gradient and get none stop distributed training.
        """
        self.depth_head.requires_grad_(False)
        if self.distillation is not None:
            shared = self.depth_head.decoder.parameters_of_steps(
                NUM_STEPS - 1, self.distillation.step
            )
            for parameter in shared:
                parameter.requires_grad_(True)
            self.distillation.seg_to_depth.requires_grad_(False)

    def decode(
        self, features: tuple[Tensor, ...], labels: bool = True, depth: bool = True
    ) -> Decoded:
        """Outputs of the heads.

        Args:
            features: Backbone levels.
            labels: Segmentation logits are wanted.
            depth: Disparities are wanted.
        """
        if self.distillation is not None:
            return self.distillation(
                features, self.decode_head, self.depth_head, labels, depth
            )
        return Decoded(
            self.decode_head(features) if labels else None,
            self.depth_head(features) if depth else None,
        )

    def loss(
        self, inputs: FrameBatch, data_samples: SampleList, depth: bool = True
    ) -> dict:
        """Losses of every part there is.

        Args:
            inputs: The batch.
            data_samples: With `gt_sem_seg` if there is a
                segmentation head.
            depth: False leaves out the depth losses, and what is computed
                for them.

        Returns:
            dict[str, Tensor]: `decode.*` (and `side.*`, `aux.*`),
            `depth.*`, `feature.*`.
        """
        batch = FrameBatch.of(inputs)
        depth = depth and self.trains_depth
        features = self.extract_feat(batch.img)
        # alone, an MMSeg head makes its loss from the features by itself
        joint = self.distillation is not None
        decoded = self.decode(features, labels=joint, depth=depth)
        losses = {}
        if self.with_decode_head:
            require_labels(data_samples)
            losses.update(
                self.distillation.loss(decoded, self.decode_head, data_samples)
                if joint
                else self._decode_head_forward_train(features, data_samples)
            )
            if self.with_auxiliary_head:
                losses.update(
                    self._auxiliary_head_forward_train(features, data_samples)
                )
        if depth:
            losses.update(self.depth_loss(decoded.disparities, batch, data_samples))
        if self.loss_feature is not None:
            losses['feature.loss_distance'] = self.loss_feature(features[-1], batch.img)
        return losses

    def depth_loss(
        self, disparities: list[Tensor], batch: FrameBatch, data_samples: SampleList
    ) -> dict[str, Tensor]:
        """Depth losses, prefixed `depth.`: of view synthesis, of depth labels.

        Args:
            disparities: Of `batch.img`, from `decode`.
            batch: With neighbours, raw images and cameras, if there is
                a pose net.
            data_samples: Give the neighbours' offsets, and the
                `disparity_map` if the depth head has a `loss_disparity`.
        """
        losses = {}
        if self.pose_net is not None:
            offsets = require_neighbours(batch, data_samples)
            transforms = self.pose_net.source_transforms(batch, offsets)
            refined = transforms
            if self.pose_refinement is not None:
                size = batch.img_raw.shape[2:]
                _, depth = self.depth_head.predict(disparities, size)
                refined, more = self.pose_refinement(batch, depth, transforms)
                losses.update(more)
            losses.update(
                nan_unless_finite(
                    self.depth_head.loss(disparities, batch, refined), transforms
                )
            )
        if self.depth_head.loss_disparity is not None:
            losses.update(
                self.depth_head.supervised_loss(
                    disparities, *require_disparity(data_samples, batch.img)
                )
            )
        return {f'depth.{name}': value for name, value in losses.items()}

    def loss_and_disparity(
        self, batch: FrameBatch, data_samples: SampleList
    ) -> tuple[dict, Tensor]:
        """Depth losses alone, and the disparity, from one pass.

        Args:
            batch: See `depth_loss`; labels are not looked at.
            data_samples: Theirs.

        Returns:
            `depth.*`; sigmoid disparity (N, 1, H, W),
            detached.
        """
        features = self.extract_feat(batch.img)
        disparities = self.decode(features, labels=False).disparities
        losses = self.depth_loss(disparities, batch, data_samples)
        finest = disparities[0].detach()
        return losses, self.depth_head.predict([finest], batch.img.shape[2:])[0]

    def seg_logits(self, img: Tensor) -> Tensor:
        """Segmentation logits at the images' size.

        Args:
            img: Normalised images (N, 3, H, W).

        Returns:
            (N, num_classes, H, W).
        """
        return self._resize(
            self.decode(self.extract_feat(img), depth=False).logits, img
        )

    def logits_and_disparity(self, img: Tensor) -> tuple[Tensor, Tensor]:
        """`seg_logits` and `predict_disparity` from one pass."""
        decoded = self.decode(self.extract_feat(img))
        disparity, _ = self.depth_head.predict(decoded.disparities, img.shape[2:])
        return self._resize(decoded.logits, img), disparity

    def _resize(self, logits: Tensor, img: Tensor) -> Tensor:
        return resize(
            logits,
            size=img.shape[2:],
            mode='bilinear',
            align_corners=self.align_corners,
        )

    def predict_disparity(self, img: Tensor) -> Tensor:
        """Sigmoid disparity of the depth head at the images' size.

        Args:
            img: Normalised images (N, 3, H, W).

        Returns:
            (N, 1, H, W) in (0, 1).

        Raises:
            UserError: Without depth head.
        """
        if self.depth_head is None:
            raise UserError(
                'this model has no depth_head: use the config and '
                'checkpoint of a depth (SDE) or multi-task model'
            )
        decoded = self.decode(self.extract_feat(img), labels=False)
        return self.depth_head.predict(decoded.disparities, img.shape[2:])[0]

    def predict(
        self, inputs: FrameBatch | Tensor, data_samples: OptSampleList = None
    ) -> SampleList:
        """Predictions at the original image size.

        Args:
            inputs: Images (N, 3, H, W), normalised.
            data_samples: Samples to fill.

        Returns:
            list[SegDataSample]: `pred_sem_seg` and `seg_logits` if there is a
            segmentation head; `pred_depth_map` (1, H, W), depth up to scale, if
            there is a depth head.
        """
        img = FrameBatch.of(inputs).img
        if self.depth_head is None:
            return super().predict(img, data_samples)
        known = data_samples
        features = self.extract_feat(img)
        whole = self.test_cfg.get('mode', 'whole') == 'whole'
        joint = self.distillation is not None and whole
        decoded = self.decode(features, labels=joint)
        if self.with_decode_head and whole:
            data_samples = self._predict_labels(
                decoded.logits, features, img, data_samples
            )
        elif self.with_decode_head:
            # the labels in windows, the depth, which knows no windows, as a whole
            data_samples = super().predict(img, data_samples)
        depth = self.depth_head.predict(decoded.disparities, img.shape[2:])[1]
        if data_samples is None:
            data_samples = [SegDataSample() for _ in depth]
        for i, sample in enumerate(data_samples):
            meta = {} if known is None else sample.metainfo
            sample.set_data(
                dict(pred_depth_map=PixelData(data=to_original(depth[i : i + 1], meta)))
            )
        return data_samples

    def _predict_labels(
        self,
        logits: Tensor | None,
        features: tuple[Tensor, ...],
        img: Tensor,
        data_samples: OptSampleList,
    ) -> SampleList:
        """MMSeg's `predict` of whole images, from what is there already."""
        size = img.shape[2:]
        metas = [dict(ori_shape=size, img_shape=size, pad_shape=size)] * len(img)
        if data_samples is not None:
            metas = [sample.metainfo for sample in data_samples]
        if logits is None:
            logits = self.decode_head.predict(features, metas, self.test_cfg)
        else:
            logits = self.decode_head.predict_by_feat(logits, metas)
        return self.postprocess_result(logits, data_samples)

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Logits (N, num_classes, H, W) of images or windows (MMSeg's interface)."""
        if self.distillation is None:
            return super().encode_decode(inputs, batch_img_metas)
        logits = self.decode(self.extract_feat(inputs), depth=False).logits
        return self.decode_head.predict_by_feat(logits, batch_img_metas)

    def _forward(
        self, inputs: FrameBatch | Tensor, data_samples: OptSampleList = None
    ) -> Tensor | tuple:
        """Raw outputs: logits, or disparities, or both (tuple)."""
        features = self.extract_feat(FrameBatch.of(inputs).img)
        decoded = self.decode(
            features, labels=self.with_decode_head, depth=self.depth_head is not None
        )
        outs = [out for out in (decoded.logits, decoded.disparities) if out is not None]
        return outs[0] if len(outs) == 1 else tuple(outs)
