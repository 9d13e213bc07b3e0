"""Features of the teacher."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.tiny_models import CHANNELS, DEPTH_HEAD, HEIGHT, WIDTH, build, frame_batch
from mmseg.structures import SegDataSample

from mmdepthseg.apis.selection.teacher import FeatureExtractor
from mmdepthseg.utils.errors import UserError


@pytest.fixture(scope='module')
def model():
    return build(depth_head=DEPTH_HEAD).eval()


@torch.no_grad()
def test_step_3_is_pooled_from_an_eighth_of_the_size(model):
    batch = frame_batch()
    features = FeatureExtractor(model, (4, 6), step=3)(dict(inputs=batch))
    decoded = model.depth_head.decoder(model.extract_feat(batch.img))[3]
    assert decoded.shape[2:] == (HEIGHT // 8, WIDTH // 8) == (8, 12)
    expected = F.avg_pool2d(decoded, 2).numpy()
    assert features.dtype == np.float32 and features.shape == (2, 8, 4, 6)
    np.testing.assert_allclose(features, expected, rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_a_level_of_the_backbone(model):
    batch = frame_batch()
    features = FeatureExtractor(model, (1, 1), level=-1)(dict(inputs=batch))
    expected = model.extract_feat(batch.img)[-1].mean((2, 3)).numpy()
    np.testing.assert_allclose(features[..., 0, 0], expected, rtol=1e-5)
    with pytest.raises(UserError, match='level=5'):
        FeatureExtractor(model, (1, 1), level=5)(dict(inputs=batch))


@torch.no_grad()
def test_padding_is_left_out(model):
    """The rest of a padded image may hold anything."""
    img = frame_batch().img
    meta = dict(padding_size=(0, WIDTH // 4, 0, HEIGHT // 2))
    samples = [SegDataSample(metainfo=meta), SegDataSample()]
    features = FeatureExtractor(model, (2, 3), level=-3)(
        dict(inputs=img, data_samples=samples)
    )
    level = model.extract_feat(img)[-3]
    height, width = level.shape[2] // 2, 3 * level.shape[3] // 4
    for own, found in zip((level[:1, :, :height, :width], level[1:]), features):
        expected = F.adaptive_avg_pool2d(own, (2, 3))[0].numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-5)


@torch.no_grad()
def test_errors(model):
    with pytest.raises(
        UserError,
        match=r'selection\.features\.step=5: .*\[0, 1, 2, 3, 4\]',
    ):
        FeatureExtractor(model, (4, 8), step=5)
    with pytest.raises(UserError, match=r'features\.size=\(9, 8\).*\(8, 12\)'):
        FeatureExtractor(model, (9, 8), step=3)(dict(inputs=frame_batch()))
    head = dict(
        type='FCNHead', in_channels=CHANNELS[-1], in_index=-1, channels=8, num_convs=1
    )
    other = build(depth_head=dict(type='DecodeDepthHead', decode_head=head))
    with pytest.raises(UserError, match=r'selection.features=dict\(level=-1\)'):
        FeatureExtractor(other, (4, 8), step=3)
