"""Segmentation, depth and pose on one backbone."""

from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.models.segmentors import BaseSegmentor, EncoderDecoder
from mmseg.models.utils import resize
from mmseg.structures import SegDataSample
from mmseg.utils import OptSampleList, SampleList
from torch import Tensor

from mmdepthseg.registry import MODELS
from mmdepthseg.structures import FrameBatch


@MODELS.register_module()
class DepthSegmentor(EncoderDecoder):
    """Backbone with an optional segmentation, depth and pose part.

    - depth and pose only: self-supervised depth estimation (SDE);
    - segmentation only: supervised or transfer learning;
    - all: multi-task learning.

    Extends MMSeg's ``EncoderDecoder``, which insists on a segmentation head and
    knows one image per sample; its inference (whole and sliding window), its
    auxiliary heads and its ``loss`` of the segmentation part are used as they
    are.

    Args:
        backbone (dict): Any MMSeg backbone; :class:`ResNet` adds the stem level.
        decode_head (dict, optional): MMSeg decode head or :class:`UNetSegHead`.
        depth_head (dict, optional): :class:`UNetDepthHead` or
            :class:`DecodeDepthHead`.
        pose_net (dict, optional): :class:`PoseNet`. Without it the depth head is
            not trained (it may still predict).
        neck, auxiliary_head, train_cfg, test_cfg, data_preprocessor, init_cfg: As
            in MMSeg's ``EncoderDecoder``.
    """

    def __init__(self,
                 backbone: dict,
                 decode_head: dict | None = None,
                 depth_head: dict | None = None,
                 pose_net: dict | None = None,
                 neck: dict | None = None,
                 auxiliary_head: dict | list | None = None,
                 train_cfg: dict | None = None,
                 test_cfg: dict | None = None,
                 data_preprocessor: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        # EncoderDecoder.__init__ asserts a decode head: its steps are done here.
        BaseSegmentor.__init__(
            self, data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        if decode_head is None and depth_head is None:
            raise ValueError('DepthSegmentor needs a decode_head (segmentation), a '
                             'depth_head, or both')
        if pose_net is not None and depth_head is None:
            raise ValueError('DepthSegmentor: a pose_net trains a depth_head, and '
                             'there is none')
        self.backbone = MODELS.build(backbone)
        if neck is not None:
            self.neck = MODELS.build(neck)
        self.align_corners = False
        if decode_head is not None:
            self._init_decode_head(decode_head)
            self._init_auxiliary_head(auxiliary_head)
        self.depth_head = None if depth_head is None else MODELS.build(depth_head)
        self.pose_net = None if pose_net is None else MODELS.build(pose_net)
        self.train_cfg = train_cfg
        # MMSeg's inference reads it by attribute
        self.test_cfg = ConfigDict(test_cfg or dict(mode='whole'))

    def loss(self, inputs: FrameBatch, data_samples: SampleList) -> dict:
        """Losses of every part there is.

        Args:
            inputs (FrameBatch): The batch.
            data_samples (list[SegDataSample]): With ``gt_sem_seg`` if there is a
                segmentation head.

        Returns:
            dict[str, Tensor]: ``decode.*`` (and ``aux.*``), ``depth.*``.
        """
        batch = FrameBatch.of(inputs)
        features = self.extract_feat(batch.img)
        losses = {}
        if self.with_decode_head:
            _require_labels(data_samples)
            losses.update(self._decode_head_forward_train(features, data_samples))
            if self.with_auxiliary_head:
                losses.update(
                    self._auxiliary_head_forward_train(features, data_samples))
        if self.pose_net is not None:
            losses.update(self.depth_loss(features, batch, data_samples))
        return losses

    def depth_loss(self, features: tuple[Tensor, ...], batch: FrameBatch,
                   data_samples: SampleList) -> dict[str, Tensor]:
        """Self-supervised depth losses, prefixed ``depth.``.

        Args:
            features (tuple[Tensor]): Backbone levels of ``batch.img``.
            batch (FrameBatch): With neighbours, raw images and cameras.
            data_samples (list[SegDataSample]): Give the neighbours' offsets.
        """
        offsets = _require_neighbours(batch, data_samples)
        transforms = self.pose_net.source_transforms(batch, offsets)
        losses = self.depth_head.loss(features, batch, transforms)
        return {f'depth.{name}': value for name, value in losses.items()}

    def seg_logits(self, img: Tensor) -> Tensor:
        """Segmentation logits at the images' size.

        Args:
            img (Tensor): Normalised images (N, 3, H, W).

        Returns:
            Tensor: (N, num_classes, H, W).
        """
        logits = self.decode_head(self.extract_feat(img))
        return resize(logits, size=img.shape[2:], mode='bilinear',
                      align_corners=self.align_corners)

    def predict_disparity(self, img: Tensor) -> Tensor:
        """Sigmoid disparity of the depth head at the images' size.

        Args:
            img (Tensor): Normalised images (N, 3, H, W).

        Returns:
            Tensor: (N, 1, H, W) in (0, 1).

        Raises:
            RuntimeError: Without depth head.
        """
        if self.depth_head is None:
            raise RuntimeError('this model has no depth_head: use the config and '
                               'checkpoint of a depth (SDE) or multi-task model')
        return self.depth_head.predict(self.extract_feat(img), img.shape[2:])[0]

    def predict(self,
                inputs: FrameBatch | Tensor,
                data_samples: OptSampleList = None) -> SampleList:
        """Predictions at the original image size.

        Args:
            inputs (FrameBatch | Tensor): Images (N, 3, H, W), normalised.
            data_samples (list[SegDataSample], optional): Samples to fill.

        Returns:
            list[SegDataSample]: ``pred_sem_seg`` and ``seg_logits`` if there is a
            segmentation head; ``pred_depth_map`` (1, H, W), depth up to scale, if
            there is a depth head.
        """
        img = FrameBatch.of(inputs).img
        known = data_samples
        features = None if self.depth_head is None else self.extract_feat(img)
        if self.with_decode_head:
            if features is None or self.test_cfg.get('mode', 'whole') != 'whole':
                data_samples = super().predict(img, data_samples)
            else:
                data_samples = self._predict_labels(features, img, data_samples)
        if self.depth_head is not None:
            depth = self.depth_head.predict(features, img.shape[2:])[1]
            if data_samples is None:
                data_samples = [SegDataSample() for _ in depth]
            for i, sample in enumerate(data_samples):
                meta = {} if known is None else sample.metainfo
                sample.set_data(dict(pred_depth_map=PixelData(
                    data=_to_original(depth[i:i + 1], meta))))
        return data_samples

    def _predict_labels(self, features: tuple[Tensor, ...], img: Tensor,
                        data_samples: OptSampleList) -> SampleList:
        """MMSeg's ``predict`` of whole images, from features that are there."""
        size = img.shape[2:]
        metas = [dict(ori_shape=size, img_shape=size, pad_shape=size)] * len(img)
        if data_samples is not None:
            metas = [sample.metainfo for sample in data_samples]
        logits = self.decode_head.predict(features, metas, self.test_cfg)
        return self.postprocess_result(logits, data_samples)

    def _forward(self,
                 inputs: FrameBatch | Tensor,
                 data_samples: OptSampleList = None) -> Tensor | tuple:
        """Raw outputs: logits, or disparities, or both (tuple)."""
        features = self.extract_feat(FrameBatch.of(inputs).img)
        outs = []
        if self.with_decode_head:
            outs.append(self.decode_head(features))
        if self.depth_head is not None:
            outs.append(self.depth_head(features))
        return outs[0] if len(outs) == 1 else tuple(outs)


def _to_original(depth: Tensor, meta: dict) -> Tensor:
    """(1, 1, H, W) at network size -> (1, h, w) at the original size."""
    left, right, top, bottom = meta.get('img_padding_size') or meta.get(
        'padding_size') or (0, 0, 0, 0)
    height, width = depth.shape[2:]
    depth = depth[..., top:height - bottom, left:width - right]
    if meta.get('flip'):
        depth = depth.flip(
            (3, ) if meta.get('flip_direction') == 'horizontal' else (2, ))
    size = meta.get('ori_shape', depth.shape[2:])[:2]
    # depth jumps at object edges: averaging inverse depth keeps the nearer one
    inverse = resize(depth.reciprocal(), size=tuple(size), mode='bilinear',
                     align_corners=False)
    return inverse.reciprocal().squeeze(0)


def _require_labels(data_samples: SampleList) -> None:
    for sample in data_samples:
        if 'gt_sem_seg' not in sample:
            raise ValueError(
                f'{sample.metainfo.get("img_path")}: no segmentation label '
                '(gt_sem_seg), but the model has a segmentation head to train; '
                'restrict the data set to labelled images (labeled_subset or '
                'ann_file) and put LoadSegLabel into the pipeline')


def _require_neighbours(batch: FrameBatch,
                        data_samples: SampleList) -> tuple[int, ...]:
    name = data_samples[0].metainfo.get('img_path')
    needed = dict(
        adjacent=(batch.adjacent, 'LoadAdjacentFrames'),
        cam2img=(batch.cam2img, 'LoadCamera'),
        img_raw=(batch.img_raw, 'keep_raw=True of the data preprocessor'))
    for item, (value, cure) in needed.items():
        if value is None:
            raise ValueError(f'{name}: no {item}, which the depth loss needs; add '
                             f'{cure} to the config')
    return tuple(data_samples[0].metainfo['adjacent_offsets'])


