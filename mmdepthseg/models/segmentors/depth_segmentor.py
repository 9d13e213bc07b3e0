"""Segmentation, depth and pose on one backbone."""

from typing import Any

from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.models.segmentors import BaseSegmentor, EncoderDecoder
from mmseg.structures import SegDataSample
from mmseg.utils import OptSampleList, SampleList
from torch import Tensor

from mmdepthseg.checkpoints.arrival import ChecksPretrained
from mmdepthseg.models.heads.pad_distillation import (
    Decoded,
    PADDistillation,
    build_distillation,
)
from mmdepthseg.models.segmentors.depth_losses import depth_losses
from mmdepthseg.models.segmentors.levels import check_levels
from mmdepthseg.models.segmentors.logits import image_infos, predicting, seg_logits
from mmdepthseg.models.segmentors.panels import Rows, segmentor_panels
from mmdepthseg.models.segmentors.samples import require_labels, to_original
from mmdepthseg.registry import MODELS
from mmdepthseg.structures import FrameBatch
from mmdepthseg.utils.configs import check_test_cfg
from mmdepthseg.utils.errors import UserError, check_keys, refuse


@MODELS.register_module()
class DepthSegmentor(ChecksPretrained, EncoderDecoder):
    """Segmentor with a backbone and optional segmentation, depth and pose parts.

    - depth and pose only: self-supervised depth estimation (SDE);
    - segmentation only: supervised or transfer learning;
    - all: multi-task learning.

    Extends MMSeg's `EncoderDecoder`, which requires a segmentation head and takes one
    image per sample; its inference (whole image and sliding window), its auxiliary
    heads and its loss of the segmentation part are used unchanged.

    Args:
        backbone: Any MMSeg backbone; `ResNet` adds the stem level.
        decode_head: MMSeg decode head or `UNetSegHead`.
        depth_head: `UNetDepthHead` or `DecodeDepthHead`.
        distillation: `PADDistillation` between the decoders of a `UNetSegHead` and a
            `UNetDepthHead` (exp. 212). Without it the two tasks share the backbone
            only.
        pose_net: `PoseNet`. Without it the depth head is trained on stored depth labels
            if it has a `loss_disparity`; otherwise it is not trained (it can still
            predict) and requires no gradient.
        pose_refinement: `DirectPoseRefinement` of the pose net's output in training.
            None, as in the papers: the output is used unchanged.
        loss_feature: `FeatureDistanceLoss`, which keeps the deepest backbone level near
            that of a frozen encoder.
        test_cfg: Options of the segmentation's inference: `mode`, 'whole' (default) or
            'slide' with `crop_size` and `stride`, each (height, width).
        neck, auxiliary_head, train_cfg, data_preprocessor, init_cfg: As in MMSeg's
            `EncoderDecoder`.
        pretrained: Must be None, the value that `mmseg.apis.init_model` sets.

    `decode_head=dict(type='NoHead')` is None in the words that MMSegmentation's
    get_flops.py understands.

    Raises:
        UserError: Parts or options do not fit.
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
        decode_head = given_head(decode_head)
        refuse(
            'DepthSegmentor',
            {
                'it needs a decode_head (segmentation), a depth_head, or both': (
                    decode_head is depth_head is None
                ),
                'a pose_net trains a depth_head, but there is none': (
                    pose_net is not None and depth_head is None
                ),
                'pose_refinement refines the output of a pose_net, but there is none: '
                'set pose_refinement=None': (
                    pose_refinement is not None and pose_net is None
                ),
                'an auxiliary_head goes with a decode_head, but there is none: set '
                'auxiliary_head=None': bool(auxiliary_head) and decode_head is None,
                f'pretrained={pretrained!r} is not supported; give the backbone '
                "init_cfg=dict(type='Pretrained', checkpoint=...)": (
                    pretrained is not None
                ),
            },
        )
        # EncoderDecoder.__init__ requires a decode head: its steps are done here.
        BaseSegmentor.__init__(self, data_preprocessor, init_cfg)
        self.backbone = MODELS.build(backbone)
        if neck is not None:
            self.neck = MODELS.build(neck)
        self.align_corners = False
        if decode_head is not None:
            self._init_decode_head(decode_head)
            self._init_auxiliary_head(auxiliary_head)
        self.depth_head = _built(depth_head)
        self.distillation: PADDistillation | None = None
        if distillation is not None:
            heads = getattr(self, 'decode_head', None), self.depth_head
            self.distillation = build_distillation(
                distillation, decode_head or {}, *heads
            )
        self.pose_net = _built(pose_net)
        self.pose_refinement = _built(pose_refinement)
        self.loss_feature = _built(loss_feature)
        self.train_cfg = train_cfg
        # MMSeg's inference reads it by attribute
        self.test_cfg = ConfigDict({'mode': 'whole', **(test_cfg or {})})
        place = f'{type(self).__name__}: test_cfg'
        check_keys(self.test_cfg, ('mode', 'crop_size', 'stride'), place)
        check_test_cfg(self.test_cfg, place)
        self._freeze_untrained_depth()
        check_levels(self)

    def _freeze_untrained_depth(self) -> None:
        """Disable gradients that no loss provides and that DDP would wait for."""
        if self.depth_head is not None and not self.trains_depth:
            self.depth_head.requires_grad_(False)
            if self.distillation is not None:
                self.distillation.train_without_depth_loss(self.depth_head)

    @property
    def trains_depth(self) -> bool:
        """Tell whether there is a depth loss."""
        head = self.depth_head
        return head is not None and (
            self.pose_net is not None or head.loss_disparity is not None
        )

    def decode(
        self, features: tuple[Tensor, ...], labels: bool = True, depth: bool = True
    ) -> Decoded:
        """Return the outputs of the heads.

        Args:
            features: Backbone levels.
            labels: Whether to compute segmentation logits.
            depth: Whether to compute disparities.
        """
        if self.distillation is not None:
            return self.distillation(
                features, self.decode_head, self.depth_head, labels, depth
            )
        return Decoded(
            self.decode_head(features) if labels else None,
            self.depth_head(features) if depth else (),
        )

    def loss(
        self, inputs: FrameBatch, data_samples: SampleList, depth_weight: float = 1.0
    ) -> dict:
        """Return the losses of all parts.

        Args:
            inputs: The batch.
            data_samples: With `gt_sem_seg` if there is a segmentation head.
            depth_weight: Factor of the depth losses; 0 leaves them out together with
                the computations for them.

        Returns:
            `decode.*` (and `side.*`, `aux.*`), `depth.*`, `feature.*`.
        """
        batch = FrameBatch.of(inputs)
        depth = depth_weight != 0 and self.trains_depth
        features = self.extract_feat(batch.img)
        # otherwise the head computes its loss from the features
        joint = self.distillation
        decoded = self.decode(features, labels=joint is not None, depth=depth)
        losses: dict[str, Tensor] = {}
        if self.with_decode_head:
            require_labels(data_samples)
            losses.update(
                self._decode_head_forward_train(features, data_samples)
                if joint is None
                else joint.loss(decoded, self.decode_head, data_samples)
            )
            if self.with_auxiliary_head:
                losses.update(
                    self._auxiliary_head_forward_train(features, data_samples)
                )
        if depth:
            disparities = decoded.disparities
            losses.update(
                depth_losses(self, disparities, batch, data_samples, depth_weight)
            )
        if self.loss_feature is not None:
            losses['feature.loss_distance'] = self.loss_feature(features[-1], batch.img)
        return losses

    def loss_and_disparity(
        self, batch: FrameBatch, data_samples: SampleList, weight: float = 1.0
    ) -> tuple[dict, Tensor]:
        """Return the depth losses and the disparity from one pass.

        Args:
            batch: See `depth_losses`.
            data_samples: Its samples; segmentation labels are ignored.
            weight: Factor of the losses.

        Returns:
            `depth.*`; sigmoid disparity (N, 1, H, W), detached.
        """
        features = self.extract_feat(batch.img)
        disparities = self.decode(features, labels=False).disparities
        losses = depth_losses(self, disparities, batch, data_samples, weight)
        finest = disparities[0].detach()
        return losses, self.depth_head.predict([finest], batch.img.shape[2:])[0]

    def seg_logits(self, img: Tensor) -> Tensor:
        """Return the segmentation logits (N, num_classes, H, W); see `logits`."""
        return seg_logits(self, img)

    def logits_and_disparity(self, img: Tensor) -> tuple[Tensor, Tensor]:
        """Return `seg_logits` and `predict_disparity` from one pass."""
        with predicting(self):
            features = self.extract_feat(img)
            decoded = self.decode(features, labels=self.distillation is not None)
            logits = self._predicted(features, decoded, image_infos(img))
        disparity, _ = self.depth_head.predict(decoded.disparities, img.shape[2:])
        return logits, disparity

    def _predicted(
        self, features: tuple[Tensor, ...], decoded: Decoded, metas: list[dict]
    ) -> Tensor:
        """Return the logits by the head's own way, at the size of the images."""
        if decoded.logits is not None:
            return self.decode_head.predict_by_feat(decoded.logits, metas)
        return self.decode_head.predict(features, metas, self.test_cfg)

    def predict_disparity(self, img: Tensor) -> Tensor:
        """Return the sigmoid disparity of the depth head at the images' size.

        Args:
            img: Normalised images (N, 3, H, W).

        Returns:
            (N, 1, H, W) in (0, 1).

        Raises:
            UserError: There is no depth head.
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
        """Return the predictions at the original image size.

        Args:
            inputs: Images (N, 3, H, W), normalised.
            data_samples: Samples to fill.

        Returns:
            `pred_sem_seg` and `seg_logits` if there is a segmentation head;
            `pred_depth_map` (1, H, W), depth up to scale, if there is a depth head.
        """
        img = FrameBatch.of(inputs).img
        if self.depth_head is None:
            return super().predict(img, data_samples)
        size = img.shape[2:]
        metas = image_infos(img)
        if data_samples is not None:
            metas = [sample.metainfo for sample in data_samples]
        whole = self.test_cfg.get('mode', 'whole') == 'whole'
        joint = self.distillation is not None and whole
        features = self.extract_feat(img)
        decoded = self.decode(features, labels=joint)
        if not self.with_decode_head:
            samples = data_samples or [SegDataSample() for _ in img]
        elif not whole:
            # labels are predicted in windows, depth for the whole image
            samples = super().predict(img, data_samples)
        else:
            logits = self._predicted(features, decoded, metas)
            samples = self.postprocess_result(logits, data_samples)
        depths = self.depth_head.predict(decoded.disparities, size)[1].split(1)
        for sample, depth, meta in zip(samples, depths, metas, strict=True):
            depth = to_original(depth, meta)
            sample.set_data(dict(pred_depth_map=PixelData(data=depth)))
        return samples

    def panels(self, inputs: FrameBatch, data_samples: SampleList) -> dict[str, Rows]:
        """Return what the network makes of a batch, see `segmentor_panels`."""
        return dict(batch=segmentor_panels(self, FrameBatch.of(inputs), data_samples))

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Return logits (N, num_classes, H, W) of images or windows for MMSeg."""
        if self.distillation is None:
            return super().encode_decode(inputs, batch_img_metas)
        logits = self.decode(self.extract_feat(inputs), depth=False).logits
        return self.decode_head.predict_by_feat(logits, batch_img_metas)

    def _forward(
        self, inputs: FrameBatch | Tensor, data_samples: OptSampleList = None
    ) -> Any:
        """Return the raw outputs: logits, or disparities, or both (tuple)."""
        features = self.extract_feat(FrameBatch.of(inputs).img)
        labels, depth = self.with_decode_head, self.depth_head is not None
        decoded = self.decode(features, labels, depth)
        if labels and depth:
            return decoded.logits, decoded.disparities
        return decoded.logits if labels else decoded.disparities


def given_head(cfg: dict | None) -> dict | None:
    """Return the config of a decode head, None for that of `NoHead`."""
    return None if cfg is not None and cfg.get('type') == 'NoHead' else cfg


def _built(cfg: dict | None) -> Any:
    """Build a part, or return None if it is left out."""
    return None if cfg is None else MODELS.build(cfg)
