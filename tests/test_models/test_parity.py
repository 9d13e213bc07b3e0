"""Whole networks against outputs of the reference implementation.

The reference's weights come in its own files and through the converter, so that this
tests the converter's names as well.
"""

import pytest
import torch
from helpers.authors_weights import weights_of, write_folder, write_training_file
from helpers.golden import assert_golden, load
from torch import Tensor

from mmdepthseg.checkpoints.converters import convert, save
from mmdepthseg.plugin import register_all_modules
from mmdepthseg.registry import MODELS
from mmdepthseg.structures import FrameBatch


def network(name, folder):
    """The converted network in float64, in a model of the config that it tells."""
    state = weights_of(name)
    if any('.segmentation.' in key or '.mtl_decoder.' in key for key in state):
        source = write_training_file(folder / 'best_model.pkl', state)
    else:
        source = write_folder(folder / 'weights', state)
    converted = convert([source], 'authors')
    save(converted, folder / 'converted.pth')
    register_all_modules()
    model = MODELS.build(converted.config).double().eval()
    checkpoint = torch.load(folder / 'converted.pth', weights_only=True)
    model.load_state_dict(checkpoint['state_dict'], strict=True)
    return model


def normalized(model, image: Tensor) -> Tensor:
    """As the converted config says: (x - 0.45) / 0.225."""
    img = model.data_preprocessor.normalize(image.double() / 255)
    assert torch.allclose(img, (image.double() / 255 - 0.45) / 0.225, atol=1e-6)
    return img


def check_whole(tensor: Tensor, golden, name: str) -> None:
    """Shape, sum, sum of sizes, minimum and maximum, of what is stored in part."""
    assert list(tensor.shape) == golden[f'{name}_shape'].tolist()
    expected = golden[f'{name}_stats']
    found = torch.stack([tensor.sum(), tensor.abs().sum(), tensor.min(), tensor.max()])
    # positive and negative values cancel: a sum is as exact as the sum of sizes
    assert_golden(found[0], expected[0], atol=1e-5 * expected[1].item())
    assert_golden(found[1:], expected[1:])


def check_encoder(features, golden) -> None:
    assert len(features) == 5
    for level, feature in enumerate(features):
        channel, pixel = golden[f'enc{level}_sub_stride_ch_px'].tolist()
        assert_golden(
            feature[:, ::channel, ::pixel, ::pixel], golden[f'enc{level}_sub']
        )
        check_whole(feature, golden, f'enc{level}')


def check_decoder(decoded, golden) -> None:
    for step, every in enumerate((8, 4, 2, 1, 1)):
        # features reach 500: the preprocessor's constants are float32
        largest = decoded[step].abs().max().item()
        assert_golden(
            decoded[step][:, ::4, ::every, ::every],
            golden[f'upconv{step}_sub'],
            atol=1e-5 + 1e-7 * largest,
        )
        check_whole(decoded[step], golden, f'upconv{step}')


def check_disparities(disparities, golden) -> None:
    assert len(disparities) == 4
    for scale, disparity in enumerate(disparities):
        assert_golden(disparity, golden[f'disp_{scale}'])


def check_depth(model, features, golden) -> None:
    """Every level of the encoder, every step of the decoder, every disparity."""
    check_encoder(features, golden)
    check_decoder(model.depth_head.decoder(features), golden)
    check_disparities(model.depth_head(features), golden)


def check_pose(model, golden) -> None:
    frames = load('e1')
    image, before, after = (
        normalized(model, frames[f'image_{frame}']) for frame in ('0', 'm1', 'p1')
    )
    for frame, pair in dict(m1=(before, image), p1=(image, after)).items():
        rotation, translation = model.pose_net(*pair)
        assert_golden(rotation, golden[f'axisangle_{frame}'][:, 0])
        assert_golden(translation, golden[f'translation_{frame}'][:, 0])
    batch = FrameBatch(image, torch.stack((before, after), 1))
    transforms = model.pose_net.source_transforms(batch, (-1, 1))
    for transform, frame in zip(transforms.unbind(1), ('m1', 'p1'), strict=True):
        assert_golden(transform, golden[f'cam_T_cam_{frame}'])


def check_labels(logits, golden) -> None:
    assert_golden(logits[:, :, ::4, ::4], golden['semantics_sub'])
    assert torch.equal(logits.argmax(1), golden['semantics_argmax'].long())
    check_whole(logits, golden, 'semantics')


def decode(model, features):
    """Outputs of both heads, and the steps from which the disparities are made."""
    seen = {}
    head, make = model.depth_head, model.depth_head.disparities
    object.__setattr__(
        head, 'disparities', lambda decoded: (seen.update(decoded), make(decoded))[1]
    )
    return model.distillation(features, model.decode_head, head), seen


@torch.no_grad()
def test_backbone_depth_and_pose(tmp_path):
    golden = load('e1')
    model = network('e1', tmp_path)
    features = model.extract_feat(normalized(model, golden['image_0']))
    check_depth(model, features, golden)
    check_pose(model, golden)


@torch.no_grad()
def test_dilated_backbone_and_depth(tmp_path):
    """ResNet-50 at output stride 16."""
    golden = load('e4')
    model = network('e4', tmp_path)
    features = model.extract_feat(normalized(model, golden['image_0']))
    assert features[-1].shape[2:] == features[-2].shape[2:]
    check_depth(model, features, golden)


@pytest.mark.parametrize('name', ['e2', 'e3'])
@torch.no_grad()
def test_segmentation_and_depth(name, tmp_path):
    """On level 9 (exp. 210); on level 8 with depth beside it (exp. 211)."""
    golden = load(name)
    model = network(name, tmp_path)
    image = normalized(model, golden['image_0'])
    check_labels(model.seg_logits(image), golden)
    features = model.extract_feat(image)
    check_encoder(features, golden)
    if 'disp_0' in golden:
        check_depth(model, features, golden)


@pytest.mark.parametrize('name', ['e5', 'e6'])
@torch.no_grad()
def test_multi_task(name, tmp_path):
    """Two decoders that exchange features at level 7 (exp. 212)."""
    golden = load(name)
    model = network(name, tmp_path)
    image = normalized(model, golden['image_0'])
    check_labels(model.seg_logits(image), golden)
    features = model.extract_feat(image)
    check_encoder(features, golden)
    decoded, steps = decode(model, features)
    check_labels(decoded.logits, golden)
    # the depth decoder's; at the exchange its own features, before the sum
    check_decoder(steps, golden)
    check_disparities(decoded.disparities, golden)
    side = model.distillation.side_head([decoded.side])
    assert_golden(side, golden['intermediate_semantics_sub'])
    check_whole(side, golden, 'intermediate_semantics')
    assert torch.equal(side.argmax(1), golden['intermediate_semantics_argmax'].long())
    if model.pose_net is not None:
        check_pose(model, golden)
