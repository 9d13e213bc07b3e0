"""The four kinds of samples as a careful first version would load them.

Pillow opens, resizes and jitters whole images, a sample leaves as float tensors, and
`default_collate` makes the batch. Labels are class indices in int64, as the losses of
torch take them; depth labels and cameras are read as they are stored.

With `wasteful` it also does what the paper's own loader is known to do on top: the
images of a triplet at four scales by Lanczos' filter, a second tensor of each although
nothing was jittered, and labels as one-hot maps.
"""

import json
import random
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageEnhance
from torch import Tensor
from torch.utils.data import default_collate

Box = tuple[int, int, int, int]
SCALES, VOID = 4, 255


class PlainLoader:
    """Loads batches of samples.

    Args:
        samples: Paths of each sample, as our data sets list them.
        size: (width, height) to which images are resized.
        crop: (height, width) of the crop.
        classes: Class of each id of the label files, (256,) uint8.
        preprocessor: Settings of our data preprocessor.
        depth: Whether depth labels are read.
        wasteful: See above.
    """

    def __init__(
        self,
        samples: list[dict],
        size: tuple[int, int],
        crop: tuple[int, int],
        classes: np.ndarray,
        preprocessor: dict,
        depth: bool,
        wasteful: bool,
    ) -> None:
        self.samples, self.size, self.crop = samples, size, crop
        self.classes, self.depth, self.wasteful = classes, depth, wasteful
        self.mean = torch.tensor(preprocessor['mean']).view(3, 1, 1) / 255
        self.std = torch.tensor(preprocessor['std']).view(3, 1, 1) / 255
        self.jitter = preprocessor.get('color_jitter')
        self.keep_raw = preprocessor.get('keep_raw', False)

    def batch(self, indices: list[int]) -> dict:
        """Return a batch, ready for a step."""
        return default_collate([self.sample(self.samples[index]) for index in indices])

    def sample(self, info: dict) -> dict[Any, Any]:
        """Load a sample."""
        paths = [info['img_path'], *info.get('adjacent_paths', ())]
        height, width = self.crop
        left = random.randint(0, self.size[0] - width)
        top = random.randint(0, self.size[1] - height)
        box, flip = (left, top, left + width, top + height), random.random() < 0.5
        sample: dict[Any, Any] = {}
        change = self._draw_jitter() if self.jitter else None
        for index, path in enumerate(paths):
            image = Image.open(path).convert('RGB')
            if image.size != self.size:
                image = image.resize(self.size, Image.Resampling.LANCZOS)
            image = self._moved(image, box, flip)
            self._add_image(sample, index, image, change, len(paths) > 1)
        if 'camera_path' in info and len(paths) > 1:
            sample['K'] = self._camera(info, box, flip)
        if 'seg_map_path' in info:
            sample['label'] = self._label(info['seg_map_path'], box, flip)
        if self.depth:
            depth = Image.open(info['sde_disparity_path'])
            if depth.size != self.size:
                depth = depth.resize(self.size, Image.Resampling.NEAREST)
            values = np.array(self._moved(depth, box, flip), dtype=np.float32) / 65535
            sample['disparity'] = torch.from_numpy(values)[None]
        return sample

    @staticmethod
    def _moved(image: Image.Image, box: Box, flip: bool) -> Image.Image:
        image = image.crop(box)
        return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flip else image

    def _add_image(
        self,
        sample: dict,
        index: int,
        image: Image.Image,
        change: list[tuple] | None,
        triplet: bool,
    ) -> None:
        """Add the tensors of an image."""
        scales = SCALES if self.wasteful and triplet else 1
        for scale in range(scales):
            if scale:
                size = (image.width // 2, image.height // 2)
                image = image.resize(size, Image.Resampling.LANCZOS)
            raw = to_tensor(image)
            seen = raw
            if change or (self.wasteful and triplet):
                seen = to_tensor(jittered(image, change or []))
            if self.keep_raw:
                sample['raw', index, scale] = raw
            if not scale:  # what the networks see
                sample['img', index] = (seen - self.mean) / self.std
            else:
                sample['seen', index, scale] = seen

    def _draw_jitter(self) -> list[tuple] | None:
        """Return the operations in their order with their strengths, or None."""
        assert self.jitter
        if random.random() >= self.jitter['p']:
            return None
        drawn = [
            (name, random.uniform(1 - self.jitter[name], 1 + self.jitter[name]))
            for name in ('brightness', 'contrast', 'saturation')
        ]
        drawn.append(('hue', random.uniform(-self.jitter['hue'], self.jitter['hue'])))
        random.shuffle(drawn)
        return drawn

    def _camera(self, info: dict, box: Box, flip: bool) -> Tensor:
        """Return K of the crop."""
        with open(info['camera_path'], encoding='utf-8') as file:
            content = json.load(file)
        k, (height, width) = content['intrinsic'], info['camera_size']
        width, height = content.get('width', width), content.get('height', height)
        x, y = self.size[0] / width, self.size[1] / height
        cx, cy = (k['u0'] + 0.5) * x - 0.5 - box[0], (k['v0'] + 0.5) * y - 0.5 - box[1]
        if flip:
            cx = box[2] - box[0] - 1 - cx
        return torch.tensor([[k['fx'] * x, 0, cx], [0, k['fy'] * y, cy], [0, 0, 1]])

    def _label(self, path: str, box: Box, flip: bool) -> Tensor:
        """Return class indices (H, W) in int64; wasteful: also a one-hot map."""
        label = Image.open(path)
        if label.size != self.size:
            label = label.resize(self.size, Image.Resampling.NEAREST)
        ids = np.array(self._moved(label, box, flip))
        classes = torch.from_numpy(self.classes[ids].astype(np.int64))
        if not self.wasteful:
            return classes
        known = classes != VOID
        count = int(self.classes[self.classes < 250].max()) + 1
        return F.one_hot(classes * known, count).permute(2, 0, 1).contiguous() * known


def to_tensor(image: Image.Image) -> Tensor:
    """Return an image as float (3, H, W) in [0, 1]."""
    pixels = torch.from_numpy(np.array(image))
    return pixels.permute(2, 0, 1).contiguous().to(torch.float32).div(255)


def jittered(image: Image.Image, change: list[tuple]) -> Image.Image:
    """Return an image with other colours, by Pillow's operations."""
    for name, strength in change:
        if name == 'brightness':
            image = ImageEnhance.Brightness(image).enhance(strength)
        elif name == 'contrast':
            image = ImageEnhance.Contrast(image).enhance(strength)
        elif name == 'saturation':
            image = ImageEnhance.Color(image).enhance(strength)
        else:
            hue, *others = image.convert('HSV').split()
            turned = np.array(hue) + np.uint8(round(strength * 255) % 256)
            hsv = (Image.fromarray(turned), *others)
            image = Image.merge('HSV', hsv).convert('RGB')
    return image
