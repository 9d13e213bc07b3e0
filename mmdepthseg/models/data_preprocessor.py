"""Data preprocessor: from packed samples to a batch on the device."""

from collections.abc import Sequence
from functools import partial
from math import ceil, isclose

import cv2
import torch
import torch.nn.functional as F
from mmengine.model import BaseDataPreprocessor
from mmengine.structures import PixelData
from torch import Tensor

from mmdepthseg.models.collated_samples import (
    check_adjacent,
    check_without_labels,
    split_inputs,
)
from mmdepthseg.models.mixing.color_jitter import (
    ColorJitterParams,
    changes,
    color_jitter,
    color_jitter_into,
    draw_color_jitter,
)
from mmdepthseg.registry import MODELS
from mmdepthseg.structures import FrameBatch
from mmdepthseg.utils.errors import UserError, check_keys, listed, refuse

JITTER_KEYS = ('brightness', 'contrast', 'saturation', 'hue', 'p')


@MODELS.register_module()
class DepthSegDataPreProcessor(BaseDataPreprocessor):
    """Preprocessor that stacks, moves, colour jitters and normalises frames.

    MMSegmentation's `SegDataPreProcessor` takes a list of single images, converts each
    to float before stacking and pads depth with 255; it keeps neither neighbours nor
    the images before jittering. Here uint8 frames are stacked, moved to the device and
    converted once. The result is contiguous as (N, 3, H, W), because channels-last
    batches crash small convolutions on the CPU.

    Args:
        mean: Mean of R, G, B (the order after `bgr_to_rgb`), in units of 0..255.
        std: Standard deviation, likewise. If both are None, images are only divided by
            255.
        bgr_to_rgb: Swap the channels of the frames as loaded.
        size_divisor: Pad images at the right and bottom to the size of the largest
            image of the batch, rounded up to a multiple of this. With an `input_scale`
            what the networks see has the multiple, and frames one of size_divisor /
            input_scale, which must be whole.
        pad_val: Value of padded pixels after normalisation (0 is the mean colour).
        seg_pad_val: Label of padded pixels. Depth is padded with 0, disparity with NaN.
        color_jitter: In training only: keywords of `draw_color_jitter` (`brightness`,
            `contrast`, `saturation`, `hue`, `p`); all frames of a sample get the same
            parameters. None: no jitter.
        keep_raw: In training only: keep `img_raw` and `adjacent_raw`.
        input_scale: In training only: size of the images that the networks see (`img`
            and `adjacent`, shrunk by area averaging), as a share of the size of the
            frames, which the raw images keep. Below 1, view synthesis compares images
            at a higher resolution than that of the networks: far points move by
            fractions of a pixel, less than the errors of interpolation in small images.
            Only for self-supervised depth, because labels have the size of the frames.
        non_blocking: Do not wait for the transfer to the device.
    """

    #: Read by the checks of the start.
    one_size_to_evaluate = True

    def __init__(
        self,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        bgr_to_rgb: bool = True,
        size_divisor: int = 1,
        pad_val: float = 0,
        seg_pad_val: int = 255,
        color_jitter: dict | None = None,
        keep_raw: bool = False,
        input_scale: float = 1.0,
        non_blocking: bool = True,
    ) -> None:
        super().__init__(non_blocking=non_blocking)
        padding = (size_divisor or 1) > 1
        refuse(
            'DepthSegDataPreProcessor',
            {
                'give both mean and std, or neither': (mean is None) != (std is None),
                f'std must be positive, got {std}': any(v <= 0 for v in std or ()),
                f'mean={mean} and std={std} are of images in 0..1; here they are in '
                '0..255: multiply both by 255': bool(
                    mean and std and max(mean) <= 1 and max(std) < 1
                ),
                'expected 0 < input_scale <= 1, and keep_raw=True where it is below 1, '
                f'got input_scale={input_scale}, keep_raw={keep_raw}': (
                    not 0 < input_scale <= 1 or (input_scale < 1 and not keep_raw)
                ),
                'size_divisor / input_scale must be whole, got '
                f'{size_divisor} / {input_scale}': bool(
                    padding
                    and input_scale > 0
                    and not _whole(size_divisor, input_scale)
                ),
            },
        )
        for name, values in (('mean', mean or [0.0]), ('std', std or [255.0])):
            buffer = torch.tensor(values).view(-1, 1, 1) / 255
            self.register_buffer(name, buffer, persistent=False)
        self.bgr_to_rgb = bgr_to_rgb
        self.size_divisor = size_divisor
        self.pad_val = pad_val
        # ground truth of padded pixels
        self.fillings = dict(
            gt_sem_seg=seg_pad_val,
            gt_edge_map=seg_pad_val,
            gt_depth_map=0,
            disparity_map=torch.nan,
        )
        self.color_jitter = dict(color_jitter) if color_jitter else None
        if self.color_jitter:
            place = 'DepthSegDataPreProcessor: color_jitter'
            check_keys(self.color_jitter, JITTER_KEYS, place)
            draw_color_jitter(1, **self.color_jitter)  # raises on wrong options
        self.keep_raw = keep_raw
        self.input_scale = input_scale

    def normalize(self, raw: Tensor) -> Tensor:
        """Map images in [0, 1] (..., 3, H, W) to what the networks see."""
        return (raw - self.mean) / self.std

    def denormalize(self, img: Tensor) -> Tensor:
        """Map what the networks see (..., 3, H, W) to images in [0, 1]."""
        return img * self.std + self.mean

    def forward(self, data: dict, training: bool = False) -> dict:
        """Make a batch.

        Args:
            data: `inputs`: collated samples of `PackDepthSegInputs` (dict of lists, or
                list of dicts), or MMSegmentation's (list of (3, H, W) tensors, or one
                (N, 3, H, W) tensor); `data_samples`: list of `SegDataSample`, may be
                missing in testing.
            training: Whether to jitter, keep raw images and pad the ground truth. In
                testing the ground truth, like predictions, has no padding, not even
                that of the pipeline (`Pad`).

        Returns:
            `inputs`: `FrameBatch`, in testing without neighbours and cameras the
            images (N, 3, H, W) themselves, as MMSegmentation's preprocessor gives them
            (its get_flops.py traces what takes tensors only); `data_samples`: on the
            device.

        Raises:
            UserError: Samples differ in their neighbours, or in testing in their
                sizes, or have labels, which do not fit an `input_scale` below 1.
        """
        images, adjacent = split_inputs(data['inputs'])
        samples = data.get('data_samples')
        check_adjacent(images, adjacent, samples)
        if training and self.input_scale < 1:
            check_without_labels(samples)
        shapes = [(image.shape[-2], image.shape[-1]) for image in images]
        if not training and len({*shapes}) > 1:
            raise UserError(
                f'images of {listed(sorted({*shapes}))} (height, width) in one batch, '
                'whose padding would change the predictions: set the batch_size of the '
                'data loader to 1, or resize all to one size'
            )
        scale = self.input_scale if training else 1.0
        size = self._padded_size(shapes, scale)
        prepare = partial(
            self._prepare,
            shapes=shapes,
            size=size,
            parameters=self._draw_jitter(len(images)) if training else None,
            scale=scale,
            keep=training and self.keep_raw,
        )
        img, img_raw = prepare(images)
        near, near_raw = (None, None) if adjacent is None else prepare(adjacent)
        batch = FrameBatch(
            img=img,
            adjacent=near,
            img_raw=img_raw,
            adjacent_raw=near_raw,
            cam2img=self._cameras(samples),
        )
        samples = self._finish_samples(samples, shapes, size, training)
        alone = not training and batch.adjacent is batch.cam2img is None
        return dict(inputs=batch.img if alone else batch, data_samples=samples)

    # -- images -------------------------------------------------------------------

    def _draw_jitter(self, count: int) -> ColorJitterParams | None:
        if self.color_jitter is None:
            return None
        return draw_color_jitter(count, device=self.device, **self.color_jitter)

    def _padded_size(
        self, shapes: list[tuple[int, int]], scale: float
    ) -> tuple[int, int]:
        divisor = self.size_divisor or 1
        if divisor > 1:
            divisor = round(divisor / scale)
        height, width = (ceil(max(side) / divisor) * divisor for side in zip(*shapes))
        return height, width

    def _prepare(
        self,
        images: Sequence[Tensor],
        shapes: list[tuple[int, int]],
        size: tuple[int, int],
        parameters: ColorJitterParams | None,
        scale: float,
        keep: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """Return N images normalised (at `scale`) and, if kept, raw.

        Each (N, ..., 3, H, W).
        """
        if self.device.type == 'cpu':
            img, raw = self._one_by_one(images, shapes, size, parameters, keep)
        else:
            raw = self._stack(images, shapes, size)
            if parameters is None:
                img = self.normalize(raw)
            else:
                normalize = self.mean, self.std
                img = color_jitter(raw, parameters, normalize, _means(raw, shapes))
        self._fill_padding(img, shapes)
        if scale < 1:
            img = _shrink(img, scale)
        return img, raw if keep else None

    def _one_by_one(
        self,
        images: Sequence[Tensor],
        shapes: list[tuple[int, int]],
        size: tuple[int, int],
        parameters: ColorJitterParams | None,
        keep: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """Return images normalised and raw, as `_prepare` does, on a CPU.

        A byte has 256 values, so dividing and normalising are one table; and passes
        over one image, which lies in the cache, cost a fraction of those over a batch.
        """
        shape = (len(images), *images[0].shape[:-2], *size)
        new = torch.empty if all(own == size for own in shapes) else torch.zeros
        img, raw = new(shape), new(shape) if keep or parameters is not None else None
        jittered = [False] * len(images) if parameters is None else changes(parameters)
        values = torch.arange(256) / 255
        tables = (values - self.mean.flatten(1).expand(3, 1)) / self.std.flatten(1)
        order = (2, 1, 0) if self.bgr_to_rgb else (0, 1, 2)
        for index, (image, (height, width)) in enumerate(zip(images, shapes)):
            here = (index, ..., slice(height), slice(width))
            if raw is not None:
                _look_up(image, order, values.expand(3, -1), raw[here])
            if not jittered[index]:
                _look_up(image, order, tables, img[here])
        if parameters is not None and raw is not None and any(jittered):
            normalize, means = (self.mean, self.std), _means(raw, shapes)
            color_jitter_into(img, raw, parameters, normalize, jittered, means)
        return img, raw

    def _stack(
        self,
        images: Sequence[Tensor],
        shapes: list[tuple[int, int]],
        size: tuple[int, int],
    ) -> Tensor:
        """Return images in [0, 1], RGB, padded with 0 at the right and bottom."""
        if all(shape == size for shape in shapes):
            stacked = (
                images if isinstance(images, Tensor) else torch.stack(list(images))
            ).contiguous()
        else:
            stacked = images[0].new_zeros(len(images), *images[0].shape[:-2], *size)
            for target, image, (h, w) in zip(stacked, images, shapes):
                target[..., :h, :w] = image
        raw = stacked.to(self.device, non_blocking=self._non_blocking)
        raw = raw.flip(-3) if self.bgr_to_rgb else raw
        return raw.to(torch.float32) / 255

    def _fill_padding(self, img: Tensor, shapes: list[tuple[int, int]]) -> None:
        """Overwrite the padding around the samples' images (in place)."""
        for index, (height, width) in enumerate(shapes):
            img[index, ..., height:, :] = self.pad_val
            img[index, ..., width:] = self.pad_val

    # -- samples ------------------------------------------------------------------

    def _cameras(self, samples: Sequence | None) -> Tensor | None:
        cameras = [sample.metainfo.get('camera') for sample in samples or ()]
        if not cameras or any(camera is None for camera in cameras):
            return None
        stacked = torch.stack(
            [torch.from_numpy(camera.K).float() for camera in cameras]
        )
        return stacked.to(self.device, non_blocking=self._non_blocking)

    def _finish_samples(
        self,
        samples: Sequence | None,
        shapes: list[tuple[int, int]],
        size: tuple[int, int],
        training: bool,
    ) -> list | None:
        """Return the samples on the device, their truth as `forward` describes it."""
        if samples is None:
            return None
        finished = []
        for sample, (height, width) in zip(self.cast_data(list(samples)), shapes):
            padding: tuple[int, ...] = (0, size[1] - width, 0, size[0] - height)
            # that of the pipeline
            earlier = sample.metainfo.get('padding_size') or (0, 0, 0, 0)
            extent = padding if training else tuple(-margin for margin in earlier)
            for key in ('gt_sem_seg', 'gt_edge_map'):
                if key in sample:
                    whole = PixelData(data=sample.get(key).data.long())
                    sample.set_data({key: whole})
            for key, value in self.fillings.items() if any(extent) else ():
                if key in sample:
                    field = F.pad(sample.get(key).data, extent, value=value)
                    sample.set_data({key: PixelData(data=field)})
            padding = tuple(sum(margins) for margins in zip(earlier, padding))
            meta = dict(pad_shape=tuple(size), padding_size=padding)
            if not training:
                meta['img_padding_size'] = padding
            sample.set_metainfo(meta)
            finished.append(sample)
        return finished


def _look_up(image: Tensor, order: Sequence[int], tables: Tensor, out: Tensor) -> None:
    """Replace the bytes of an image (..., 3, H, W) by the numbers of a table.

    Args:
        image: uint8, or numbers of the same meaning.
        order: Channel of the image of each channel of `out`.
        tables: (3, 256), a straight line for each channel of `out`.
        out: Where to write the numbers, float32.
    """
    frames = image.reshape(-1, *image.shape[-3:])
    for frame, target in zip(frames, out.view(-1, *out.shape[-3:])):
        for channel, table, place in zip(order, tables, target):
            if image.dtype == torch.uint8:
                cv2.LUT(frame[channel].numpy(), table.numpy(), dst=place.numpy())
            else:
                first, step = table[0].item(), (table[-1] - table[0]).item() / 255
                place.copy_(frame[channel]).mul_(step).add_(first)


def _means(raw: Tensor, shapes: Sequence[tuple[int, int]]) -> Tensor | None:
    """Return the mean colours (N, F, 3, 1) of padded images; None without padding."""
    if all(shape == tuple(raw.shape[-2:]) for shape in shapes):
        return None
    frames = raw if raw.dim() == 5 else raw.unsqueeze(1)
    pairs = zip(frames, shapes, strict=True)
    return torch.stack([f[..., :h, :w].mean((-2, -1)) for f, (h, w) in pairs])[
        ..., None
    ]


def _whole(number: float, part: float) -> bool:
    return isclose(number / part, round(number / part))


def _shrink(images: Tensor, scale: float) -> Tensor:
    """Shrink images (..., 3, H, W) by area averaging to a share of their size."""
    size = [round(side * scale) for side in images.shape[-2:]]
    small = F.interpolate(images.flatten(0, -4), size=size, mode='area')
    return small.unflatten(0, images.shape[:-3])
