"""Whole networks against outputs of the reference implementation.

Weights are not stored: each tensor is drawn from a generator seeded with the name it
has in the reference implementation, so a wrong order of layers shows as well.
"""

import re
import zlib

import numpy as np
import pytest
import torch
from golden import assert_golden, load
from tiny_models import NORM, build
from torch import Tensor

BACKBONE = dict(type='ResNet', depth=18, norm_cfg=NORM)
CHANNELS = [64, 64, 128, 256, 512]
DECODER = dict(
    type='UNetDecoder', in_channels=CHANNELS, channels=[8, 8, 16, 16, 16],
    aspp_rates=[6, 12, 18])
SEG_HEAD = dict(type='UNetSegHead', in_channels=CHANNELS, channels=64, num_classes=19)
POSE_NET = dict(type='PoseNet', in_channels=512,
                backbone=dict(BACKBONE, in_channels=6, out_stem=False))
# our name (regular expression) -> theirs; the decoder's steps are in LAYERS
NAMES = (
    (r'^backbone\.', 'encoder.encoder.'),
    (r'^pose_net\.backbone\.', 'pose_encoder.encoder.'),
    (r'^pose_net\.head\.(\d)', lambda m: f'pose.net.{int(m[1]) // 2}'),
    (r'^depth_head\.disparity\.(\d)', lambda m: f'depth.decoder.{14 + int(m[1])}.conv'),
    (r'^depth_head\.', 'depth.'),
    (r'^decode_head\.decoder\.', 'segmentation.unet_dec.decoder.'),
    (r'decoder\.reduce\.0\.branches\.(\d)\.conv', r'decoder.0.convs.\1.0'),
    (r'decoder\.reduce\.0\.branches\.(\d)\.bn', r'decoder.0.convs.\1.1'),
    (r'decoder\.reduce\.0\.image_pool\.conv', 'decoder.0.convs.4.1'),
    (r'decoder\.reduce\.0\.image_pool\.bn', 'decoder.0.convs.4.2'),
    (r'decoder\.reduce\.0\.project\.conv', 'decoder.0.project.0'),
    (r'decoder\.reduce\.0\.project\.bn', 'decoder.0.project.1'),
    (r'decoder\.(reduce|fuse)\.(\d)\.conv',
     lambda m: f'decoder.{LAYERS[m[1]][int(m[2])]}.block.0.conv'),
    (r'decoder\.(reduce|fuse)\.(\d)\.bn',
     lambda m: f'decoder.{LAYERS[m[1]][int(m[2])]}.block.1'),
)
LAYERS = dict(reduce=(0, 3, 6, 9, 12), fuse=(2, 5, 8, 11, 13))
HEAD_LEVEL9 = ((r'^decode_head\.project\.0\.conv', 'segmentation.project.seg9.0'),
               (r'^decode_head\.conv_seg', 'segmentation.head.2'))
HEAD_LEVEL8 = ((r'^decode_head\.project\.0\.conv', 'segmentation.project.seg8.0'),
               (r'^decode_head\.inter\.conv', 'segmentation.head.1'),
               (r'^decode_head\.inter\.bn', 'segmentation.head.2'),
               (r'^decode_head\.conv_seg', 'segmentation.head.5'))


def their_name(name: str, names) -> str:
    """What a tensor is called in the reference implementation."""
    for pattern, replacement in names:
        name = re.sub(pattern, replacement, name)
    return f'models.{name}'


def draw(key: str, shape: tuple[int, ...]) -> Tensor:
    """The reference's test weights."""
    z = np.random.RandomState(zlib.crc32(key.encode())).randn(*shape)
    if len(shape) >= 2:
        z = z * np.sqrt(2 / np.prod(shape[1:]))
    elif key.endswith('running_var'):
        z = np.exp(0.2 * z)
    elif key.endswith('.weight'):
        z = 1 + 0.1 * z
    else:
        z = 0.1 * z
    return torch.from_numpy(z)


def network(names=(), **parts):
    """A model in float64 with the reference's test weights."""
    model = build(backbone=BACKBONE, **parts).double().eval()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith('num_batches_tracked'):
                continue
            shape = tuple(tensor.shape)
            if name.startswith('pose_net.head.6.'):
                # the reference predicts two poses and uses the first
                shape = (2 * shape[0], *shape[1:])
            drawn = draw(their_name(name, (*NAMES, *names)), shape)
            tensor.copy_(drawn[:len(tensor)])
    return model


def normalized(image: Tensor) -> Tensor:
    """As the reference's encoder does."""
    return (image.double() / 255 - 0.45) / 0.225


def check_depth(model, features, golden) -> None:
    """Every step of the decoder, every disparity."""
    decoded = model.depth_head.decoder(features)
    for step, every in enumerate((8, 4, 2, 1, 1)):
        assert_golden(decoded[step][:, ::4, ::every, ::every],
                      golden[f'upconv{step}_sub'])
    for scale, disparity in enumerate(model.depth_head(features)):
        assert_golden(disparity, golden[f'disp_{scale}'])


@torch.no_grad()
def test_backbone_depth_and_pose():
    golden = load('e1')
    model = network(depth_head=dict(type='UNetDepthHead', decoder=DECODER),
                    pose_net=POSE_NET)
    image = normalized(golden['image_0'])
    features = model.extract_feat(image)
    for level, feature in enumerate(features):
        channel, pixel = golden[f'enc{level}_sub_stride_ch_px'].tolist()
        assert_golden(feature[:, ::channel, ::pixel, ::pixel],
                      golden[f'enc{level}_sub'])
    check_depth(model, features, golden)
    pairs = dict(m1=(normalized(golden['image_m1']), image),
                 p1=(image, normalized(golden['image_p1'])))
    for frame, pair in pairs.items():
        rotation, translation = model.pose_net(*pair)
        assert_golden(rotation, golden[f'axisangle_{frame}'][:, 0])
        assert_golden(translation, golden[f'translation_{frame}'][:, 0])


@pytest.mark.parametrize('name,level,inter_channels,norm_cfg,names', [
    ('e2', 9, None, None, HEAD_LEVEL9),
    ('e3', 8, 64, NORM, HEAD_LEVEL8),
])
@torch.no_grad()
def test_segmentation_and_depth(name, level, inter_channels, norm_cfg, names):
    golden = load(name)
    decoder = dict(DECODER, norm_cfg=norm_cfg)
    parts = dict(decode_head=dict(
        SEG_HEAD, decoder=decoder, levels=[level], inter_channels=inter_channels))
    if 'disp_0' in golden:
        parts['depth_head'] = dict(type='UNetDepthHead', decoder=decoder)
    model = network(names, **parts)
    image = normalized(golden['image_0'])
    logits = model.seg_logits(image)
    assert_golden(logits[:, :, ::4, ::4], golden['semantics_sub'])
    assert torch.equal(logits.argmax(1), golden['semantics_argmax'].long())
    if model.depth_head is not None:
        check_depth(model, model.extract_feat(image), golden)
