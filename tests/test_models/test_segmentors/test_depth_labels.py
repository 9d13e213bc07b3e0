"""DepthSegmentor learns depth from stored labels, as the students of data selection."""

import pytest
import torch
from helpers.tiny_models import DEPTH_HEAD, HEIGHT, POSE_NET, WIDTH, build, packed_batch
from mmengine.structures import PixelData

from mmdepthseg.models.losses import BerHuLoss

STUDENT = dict(
    DEPTH_HEAD, num_scales=1, loss_disparity=dict(type='BerHuLoss'), valid_height=0.9
)


def losses_of(model, data):
    return model(**model.data_preprocessor(data, True), mode='loss')


def test_a_student_trains_every_parameter():
    model = build(depth_head=STUDENT)
    assert model.trains_depth
    data = packed_batch(neighbours=False, label=False)
    losses = losses_of(model, data)
    assert set(losses) == {'depth.loss_disparity'}
    losses['depth.loss_disparity'].backward()
    assert all(p.grad is not None for p in model.parameters())


def test_the_loss_is_berhu_without_padding_and_bottom_rows():
    model = build(depth_head=STUDENT).eval()
    data = packed_batch(neighbours=False, label=False)
    small = data['data_samples'][1]
    disparity = small.disparity_map.data[:, :60, :90].clone()
    data['inputs'][1]['img'] = data['inputs'][1]['img'][:, :60, :90].clone()
    small.disparity_map = PixelData(data=disparity)
    target = torch.zeros(2, 1, HEIGHT, WIDTH)
    mask = torch.zeros(2, 1, HEIGHT, WIDTH)
    target[0] = data['data_samples'][0].disparity_map.data
    target[1, :, :60, :90] = disparity
    mask[0, :, :57] = mask[1, :, :57, :90] = 1
    inputs = model.data_preprocessor(dict(data), True)['inputs']
    prediction = model.predict_disparity(inputs.img)
    loss = losses_of(model, data)['depth.loss_disparity']
    torch.testing.assert_close(loss, BerHuLoss()(prediction, target, mask))


def test_labels_beside_view_synthesis():
    model = build(depth_head=dict(STUDENT, num_scales=4), pose_net=POSE_NET)
    assert set(losses_of(model, packed_batch())) == {
        'depth.loss_photometric',
        'depth.loss_smooth',
        'depth.warped',
        'depth.loss_disparity',
    }


def test_missing_or_unfit_labels_name_image_and_transform():
    model = build(depth_head=STUDENT)
    data = packed_batch(neighbours=False)
    del data['data_samples'][1].disparity_map
    with pytest.raises(ValueError, match='^1: .*LoadSDEDisparity'):
        losses_of(model, data)
    data = packed_batch(neighbours=False)
    data['data_samples'][0].disparity_map = PixelData(data=torch.zeros(1, 9, 9))
    with pytest.raises(ValueError, match=r'^0: .*\(9, 9\).*\(64, 96\)'):
        losses_of(model, data)


def test_pixels_that_are_not_measured_do_not_count():
    """NaN, as `DisparityFromDepth` writes them; any value there gives the same loss."""
    model = build(depth_head=STUDENT).eval()
    losses = []
    for hole in (float('nan'), None):
        data = packed_batch(neighbours=False, label=False)
        for sample in data['data_samples']:
            disparity = sample.disparity_map.data.clone()
            disparity[:, 10:20] = float('nan') if hole else 0.3
            sample.disparity_map = PixelData(data=disparity)
        losses.append(losses_of(model, data)['depth.loss_disparity'])
    assert losses[0].isfinite() and losses[0] < losses[1]


def test_the_range_of_the_labels_is_that_of_the_head():
    model = build(depth_head=dict(STUDENT, min_depth=2.0))
    data = packed_batch(neighbours=False)
    data['data_samples'][0].set_metainfo(dict(disparity_range=(2, 100)))
    losses_of(model, data)
    data['data_samples'][1].set_metainfo(dict(disparity_range=(0.1, 100)))
    with pytest.raises(ValueError, match='^1.png: .*min_depth=0.1, .*min_depth=2,'):
        losses_of(model, data)
