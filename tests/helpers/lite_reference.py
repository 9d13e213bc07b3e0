"""EfficientNet-Lite0 written down once more, from the entries of its file alone."""

import cv2
import numpy as np
import torch
import torch.nn.functional as F

# Of each block: stride; kernel sizes and widths are those of the weights.
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
EPSILON = 1e-3


def draw_clock() -> torch.Tensor:
    """A wall clock at ten past ten, (1, 3, 224, 224) RGB in 0 to 255."""
    image = np.full((224, 224, 3), (200, 205, 210), np.uint8)
    centre = (112, 112)
    cv2.circle(image, centre, 92, (40, 40, 40), -1, cv2.LINE_AA)
    cv2.circle(image, centre, 84, (250, 250, 248), -1, cv2.LINE_AA)
    for hour in range(12):
        angle = np.pi * hour / 6
        direction = np.array([np.sin(angle), -np.cos(angle)])
        ends = [tuple(int(v) for v in 112 + r * direction) for r in (70, 79)]
        cv2.line(image, *ends, (20, 20, 20), 3, cv2.LINE_AA)
    for angle, length, width in ((np.pi / 3, 62, 3), (10.17 * np.pi / 6, 42, 5)):
        tip = (
            int(112 + length * np.sin(angle)),
            int(112 - length * np.cos(angle)),
        )
        cv2.line(image, centre, tip, (10, 10, 10), width, cv2.LINE_AA)
    return torch.from_numpy(image).permute(2, 0, 1)[None].float()


def levels_and_logits(
    state: dict[str, torch.Tensor], x: torch.Tensor
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """The inputs of all strides of 2 after the stem, the last features, and logits.

    Args:
        state: The file's entries.
        x: Normalised image (1, 3, H, W).
    """

    def norm(x, name):
        entries = (state[f'{name}.{key}'] for key in ('running_mean', 'running_var'))
        mean, variance = entries
        return F.batch_norm(
            x,
            mean,
            variance,
            state[f'{name}.weight'],
            state[f'{name}.bias'],
            eps=EPSILON,
        )

    def convolve(x, name, stride=1, groups=1):
        weight = state[f'{name}.weight']
        kernel = weight.shape[-1]
        pads = []
        for size in (x.shape[3], x.shape[2]):  # TensorFlow's SAME
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [total // 2, total - total // 2]
        return F.conv2d(F.pad(x, pads), weight, stride=stride, groups=groups)

    x = F.relu6(norm(convolve(x, '_conv_stem', 2), '_bn0'))
    levels = []
    for i, stride in enumerate(STRIDES):
        block = f'_blocks.{i}'
        if stride == 2:
            levels.append(x)
        y = x
        if f'{block}._expand_conv.weight' in state:
            y = F.relu6(norm(convolve(y, f'{block}._expand_conv'), f'{block}._bn0'))
        y = convolve(y, f'{block}._depthwise_conv', stride, groups=y.shape[1])
        y = F.relu6(norm(y, f'{block}._bn1'))
        y = norm(convolve(y, f'{block}._project_conv'), f'{block}._bn2')
        x = x + y if stride == 1 and x.shape == y.shape else y
    levels.append(x)
    return levels, classify(state, x)


def classify(state: dict[str, torch.Tensor], features: torch.Tensor) -> torch.Tensor:
    """Logits (1, 1000) of the deepest features, by the file's own classifier."""
    x = F.conv2d(features, state['_conv_head.weight'])
    names = ('running_mean', 'running_var', 'weight', 'bias')
    mean, variance, weight, bias = (state[f'_bn1.{key}'] for key in names)
    x = F.relu6(F.batch_norm(x, mean, variance, weight, bias, eps=EPSILON))
    return F.linear(x.mean((2, 3)), state['_fc.weight'], state['_fc.bias'])
