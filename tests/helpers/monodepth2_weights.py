"""Files as Monodepth2 publishes them, with random weights."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

# torchvision's: blocks of the four stages, channels out of a stage over those within
DEPTHS = {18: ((2, 2, 2, 2), 1), 50: ((3, 4, 6, 3), 4)}


def batch_norm(name: str, channels: int) -> dict[str, Tensor]:
    return {
        f'{name}.{part}': torch.rand(channels)
        for part in ('weight', 'bias', 'running_mean', 'running_var')
    }


def resnet(
    depth: int, prefix: str, in_channels: int = 3, width: int = 2
) -> dict[str, Tensor]:
    """An encoder with torchvision's names, `width` in the place of 64 channels."""
    blocks, expansion = DEPTHS[depth]
    state = {
        f'{prefix}.conv1.weight': torch.rand(width, in_channels, 7, 7),
        **batch_norm(f'{prefix}.bn1', width),
    }
    inputs = width
    for stage, count in enumerate(blocks):
        inner = width * 2**stage
        out = inner * expansion
        for block in range(count):
            name = f'{prefix}.layer{stage + 1}.{block}'
            shapes = (
                ((inner, inputs, 3), (out, inner, 3))
                if expansion == 1
                else ((inner, inputs, 1), (inner, inner, 3), (out, inner, 1))
            )
            for i, (to, of, size) in enumerate(shapes, 1):
                state[f'{name}.conv{i}.weight'] = torch.rand(to, of, size, size)
                state.update(batch_norm(f'{name}.bn{i}', to))
            if not block and inputs != out:
                down = f'{name}.downsample'
                state[f'{down}.0.weight'] = torch.rand(out, inputs, 1, 1)
                state.update(batch_norm(f'{down}.1', out))
            inputs = out
    state[f'{prefix}.fc.weight'] = torch.rand(10, inputs)
    state[f'{prefix}.fc.bias'] = torch.rand(10)
    return state


def levels(depth: int, width: int = 2) -> list[int]:
    """Channels of the encoder's five levels."""
    expansion = DEPTHS[depth][1]
    return [width, *(width * 2**stage * expansion for stage in range(4))]


def depth_decoder(
    encoder: list[int], channels=(16, 32, 64, 128, 256)
) -> dict[str, Tensor]:
    """Ten blocks, four disparity convolutions."""
    state, previous = {}, encoder[-1]
    for step in range(5):
        width = channels[4 - step]
        skip = encoder[3 - step] if step < 4 else 0
        for layer, inputs in ((2 * step, previous), (2 * step + 1, width + skip)):
            name = f'decoder.{layer}.conv.conv'
            state[f'{name}.weight'] = torch.randn(width, inputs, 3, 3) / 30
            state[f'{name}.bias'] = torch.randn(width) / 10
        previous = width
    for scale in range(4):
        name = f'decoder.{10 + scale}.conv'
        state[f'{name}.weight'] = torch.randn(1, channels[scale], 3, 3) / 10
        state[f'{name}.bias'] = torch.randn(1)
    return state


def decode(state: dict[str, Tensor], features: list[Tensor]) -> list[Tensor]:
    """The paper's decoder by its names: disparities, finest first."""

    def conv(name, x):
        x = F.pad(x, (1, 1, 1, 1), mode='reflect')
        return F.conv2d(x, state[f'{name}.weight'], state[f'{name}.bias'])

    x, disparities = features[-1], []
    for step in range(5):
        x = F.elu(conv(f'decoder.{2 * step}.conv.conv', x))
        x = F.interpolate(x, scale_factor=2, mode='nearest')
        if step < 4:
            x = torch.cat((x, features[3 - step]), 1)
        x = F.elu(conv(f'decoder.{2 * step + 1}.conv.conv', x))
        if step:
            scale = 4 - step
            disparities.insert(0, conv(f'decoder.{10 + scale}.conv', x).sigmoid())
    return disparities


def write_published(folder: Path, depth: int = 18) -> Path:
    """The folder of a download, with few channels in the encoders."""
    last = levels(depth)[-1]
    shapes = ((8, last, 1, 1), (8, 8, 3, 3), (8, 8, 3, 3), (12, 8, 1, 1))
    pose = {
        f'net.{i}.{part}': torch.rand(shape if part == 'weight' else shape[:1])
        for i, shape in enumerate(shapes)
        for part in ('weight', 'bias')
    }
    folder.mkdir()
    options = dict(height=32, width=64, use_stereo=False)
    torch.save({**resnet(depth, 'encoder'), **options}, folder / 'encoder.pth')
    torch.save(depth_decoder(levels(depth)), folder / 'depth.pth')
    torch.save(resnet(depth, 'encoder', 6), folder / 'pose_encoder.pth')
    torch.save(pose, folder / 'pose.pth')
    torch.save({'state': {}}, folder / 'adam.pth')
    return folder
