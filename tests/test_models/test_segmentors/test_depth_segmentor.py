"""DepthSegmentor: the same class for depth, segmentation and both."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from helpers import REPO
from helpers.tiny_models import (
    CHANNELS,
    CLASSES,
    DEPTH_HEAD,
    HEIGHT,
    MULTI_TASK,
    POSE_NET,
    PREPROCESSOR,
    SEG_HEAD,
    WIDTH,
    build,
    packed_batch,
)
from mmengine.dataset import pseudo_collate
from mmseg.apis import inference_model, init_model

from mmdepthseg.datasets.transforms import PackDepthSegInputs, Pad
from mmdepthseg.engine.hooks import NonFiniteLossHook
from mmdepthseg.models.segmentors import DepthSegmentor
from mmdepthseg.models.segmentors.samples import stack_disparity
from mmdepthseg.structures import FrameBatch
from mmdepthseg.utils import UserError


def losses_of(model, data):
    """Losses of a collated batch."""
    data = model.data_preprocessor(data, True)
    return model(**data, mode='loss')


def test_sde_trains_every_parameter():
    model = build(depth_head=DEPTH_HEAD, pose_net=POSE_NET)
    losses = losses_of(model, packed_batch())
    assert set(losses) == {
        'depth.loss_photometric',
        'depth.loss_smooth',
        'depth.warped',
    }
    assert 0 <= losses['depth.warped'] <= 1
    total, _ = model.parse_losses(losses)
    total.backward()
    # find_unused_parameters=False needs exactly this
    without = [n for n, p in model.named_parameters() if p.grad is None]
    assert without == []


def test_views_are_synthesised_at_the_size_of_the_frames():
    small = dict(PREPROCESSOR, input_scale=0.75)
    model = build(
        depth_head=DEPTH_HEAD,
        pose_net=POSE_NET,
        data_preprocessor=small,
        pose_refinement=dict(type='DirectPoseRefinement'),
    )
    seen = []
    model.backbone.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    loss = model.depth_head.loss_depth
    loss.register_forward_pre_hook(lambda _, args: seen.extend(args))
    losses = losses_of(model, packed_batch(label=False, disparity=False))
    model.parse_losses(losses)[0].backward()
    img, disparities, target, sources, cam2img, _ = seen
    assert img.shape[2:] == (HEIGHT * 3 // 4, WIDTH * 3 // 4)
    assert disparities[0].shape[2:] == img.shape[2:]
    assert target.shape[2:] == sources.shape[3:] == (HEIGHT, WIDTH)
    assert cam2img[0, 0, 2] == WIDTH / 2
    assert [n for n, p in model.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize('where', ['head', 'backbone'])
def test_pose_that_is_no_number_does_not_go_unnoticed(where):
    model = build(depth_head=DEPTH_HEAD, pose_net=POSE_NET)
    part = getattr(model.pose_net, where)
    total, logged = model.parse_losses(losses_of(model, packed_batch()))
    assert torch.isfinite(total)
    with torch.no_grad():
        next(part.parameters()).view(-1)[0] = torch.nan
    total, logged = model.parse_losses(losses_of(model, packed_batch()))
    hook, runner = NonFiniteLossHook(), SimpleNamespace(iter=6, work_dir='work')
    with pytest.raises(UserError, match='depth.loss_photometric = nan.* 0, 1'):
        hook.after_train_iter(runner, 6, packed_batch(), dict(logged, loss=total))


def test_multi_task_has_both_losses():
    model = build(depth_head=DEPTH_HEAD, pose_net=POSE_NET, decode_head=SEG_HEAD)
    losses = losses_of(model, packed_batch())
    assert {'depth.loss_photometric', 'decode.loss_ce'} <= set(losses)
    total, _ = model.parse_losses(losses)
    total.backward()
    assert all(p.grad is not None for p in model.parameters())


def test_predicts_depth_and_labels_at_the_original_size():
    model = build(depth_head=DEPTH_HEAD, decode_head=SEG_HEAD).eval()
    data = packed_batch(neighbours=False)
    for sample in data['data_samples']:
        sample.set_metainfo(dict(ori_shape=(40, 60)))
    samples = model.test_step(data)
    for sample in samples:
        assert sample.pred_sem_seg.data.shape == (1, 40, 60)
        assert sample.pred_depth_map.data.shape == (1, 40, 60)
        assert (sample.pred_depth_map.data > 0).all()


def test_predictions_do_not_contain_the_padding():
    """Of `Pad` or of the preprocessor: they show what the image shows."""
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    plain = dict(type='DepthSegDataPreProcessor')
    model = build(
        decode_head=SEG_HEAD, depth_head=DEPTH_HEAD, data_preprocessor=plain
    ).eval()
    samples = []
    for step, divisor in ((Pad(size_divisor=32), 1), (dict, 32)):
        model.data_preprocessor.size_divisor = divisor
        size = image.shape[:2]
        results = step(dict(img=image, img_shape=size, ori_shape=size))
        data = PackDepthSegInputs()(results)
        samples += model.test_step(pseudo_collate([data]))
    for name in ('pred_depth_map', 'seg_logits'):
        by_step, by_batch = (sample.get(name).data for sample in samples)
        assert torch.equal(by_step, by_batch)


@pytest.mark.parametrize(
    'direction, axes', [('horizontal', (2,)), ('vertical', (1,)), ('diagonal', (1, 2))]
)
def test_prediction_undoes_the_flip(direction, axes):
    model = build(depth_head=DEPTH_HEAD).eval()
    data = packed_batch(n=1, neighbours=False)
    plain = model.test_step(data)[0].pred_depth_map.data.clone()
    data['data_samples'][0].set_metainfo(dict(flip=True, flip_direction=direction))
    flipped = model.test_step(data)[0].pred_depth_map.data
    assert torch.allclose(plain.flip(axes), flipped)


@pytest.mark.parametrize(
    'other, options, problem',
    [
        ((-3, 3), {}, ''),
        ((1, -1), {}, 'same order'),
        ((1, 2), {}, 'same order'),
        ((-3, 3), dict(per_frame=True), 'same offsets'),
    ],
)
def test_sources_of_a_batch_with_other_offsets(other, options, problem):
    """Of other frame rates; the first sample's counted for all."""
    model = build(depth_head=DEPTH_HEAD, pose_net=dict(POSE_NET, **options))
    data = packed_batch(n=2)
    data['data_samples'][1].set_metainfo(dict(adjacent_offsets=other))
    data = model.data_preprocessor(data, True)
    if problem:
        with pytest.raises(UserError, match=f'{problem}'):
            model.loss(**data)
    else:
        model.loss(**data)


def test_accepts_plain_tensors_like_mmseg():
    model = build(decode_head=SEG_HEAD).eval()
    img = torch.rand(2, 3, HEIGHT, WIDTH)
    assert model(img, mode='tensor').shape == (2, CLASSES, HEIGHT, WIDTH)
    assert len(model.predict(img)) == 2
    assert torch.equal(FrameBatch.of(img).img, img)


def backbone_calls(model, data):
    """How often predicting a batch runs the backbone, and the samples."""
    calls = []
    model.backbone.register_forward_hook(lambda *_: calls.append(1))
    samples = model.test_step(data)
    return len(calls), samples


def test_one_backbone_pass_serves_both_heads():
    model = build(depth_head=DEPTH_HEAD, decode_head=SEG_HEAD).eval()
    calls, samples = backbone_calls(model, packed_batch(neighbours=False))
    assert calls == 1
    img = model.data_preprocessor(packed_batch(neighbours=False))['inputs'].img
    for i, sample in enumerate(samples):
        assert torch.allclose(
            sample.seg_logits.data, model.seg_logits(img)[i], atol=1e-6
        )
    assert all('pred_depth_map' in sample for sample in model.predict(img))
    assert backbone_calls(build(decode_head=SEG_HEAD).eval(), packed_batch())[0] == 1


def test_sliding_window_with_both_heads():
    model = build(
        depth_head=DEPTH_HEAD,
        decode_head=SEG_HEAD,
        test_cfg=dict(mode='slide', crop_size=(64, 64), stride=(32, 32)),
    ).eval()
    calls, samples = backbone_calls(model, packed_batch(neighbours=False))
    # two windows, and the whole image for the depth
    assert calls == 3
    assert samples[0].pred_sem_seg.data.shape == (1, HEIGHT, WIDTH)
    assert samples[0].pred_depth_map.data.shape == (1, HEIGHT, WIDTH)


def test_sliding_window_inference():
    model = build(
        decode_head=SEG_HEAD,
        test_cfg=dict(mode='slide', crop_size=(64, 64), stride=(32, 32)),
    ).eval()
    sample = model.test_step(packed_batch(neighbours=False))[0]
    assert sample.pred_sem_seg.data.shape == (1, HEIGHT, WIDTH)


def test_one_pass_serves_decoders_that_exchange_features():
    model = build(**MULTI_TASK).eval()
    data = packed_batch(neighbours=False)
    img = model.data_preprocessor(data)['inputs'].img
    for sample in data['data_samples']:
        sample.set_metainfo(dict(ori_shape=(40, 60)))
    calls, samples = backbone_calls(model, data)
    assert calls == 1
    for sample in samples:
        assert sample.pred_sem_seg.data.shape == (1, 40, 60)
        assert sample.pred_depth_map.data.shape == (1, 40, 60)
    logits, disparity = model.logits_and_disparity(img)
    assert torch.equal(logits, model.seg_logits(img))
    assert torch.equal(disparity, model.predict_disparity(img))
    for i, sample in enumerate(model.predict(img)):
        assert torch.allclose(sample.seg_logits.data, logits[i], atol=1e-6)
    raw, disparities = model(img, mode='tensor')
    assert torch.allclose(raw, logits) and torch.equal(disparities[0], disparity)


def test_sliding_windows_of_decoders_that_exchange_features():
    model = build(
        **MULTI_TASK, test_cfg=dict(mode='slide', crop_size=(64, 64), stride=(32, 32))
    ).eval()
    finest = []
    for head in (model.decode_head, model.depth_head):
        head.decoder.fuse[-1].register_forward_hook(
            lambda *_, head=head: finest.append(type(head).__name__)
        )
    calls, (sample,) = backbone_calls(model, packed_batch(n=1, neighbours=False))
    # two windows for the labels, the whole image for the depth
    assert calls == 3
    assert sorted(finest) == ['UNetDepthHead', 'UNetSegHead', 'UNetSegHead']
    assert sample.pred_sem_seg.data.shape == (1, HEIGHT, WIDTH)
    assert sample.pred_depth_map.data.shape == (1, HEIGHT, WIDTH)
    img = model.data_preprocessor(packed_batch(n=1, neighbours=False))['inputs'].img
    # a window over the whole image is the whole image
    model.test_cfg.update(crop_size=(HEIGHT, WIDTH), stride=(32, 32))
    assert torch.allclose(
        model.predict(img)[0].seg_logits.data, model.seg_logits(img)[0], atol=1e-6
    )


def test_auxiliary_head():
    model = build(
        decode_head=SEG_HEAD,
        auxiliary_head=dict(
            type='FCNHead',
            in_channels=CHANNELS[3],
            in_index=3,
            channels=4,
            num_convs=1,
            num_classes=CLASSES,
        ),
    )
    assert 'aux.loss_ce' in losses_of(model, packed_batch(neighbours=False))


def test_any_mmseg_backbone_and_head():
    model = build(
        backbone=dict(
            type='MixVisionTransformer',
            in_channels=3,
            embed_dims=8,
            num_stages=4,
            num_layers=[1, 1, 1, 1],
            num_heads=[1, 1, 1, 1],
            patch_sizes=[7, 3, 3, 3],
            sr_ratios=[8, 4, 2, 1],
            out_indices=(0, 1, 2, 3),
            mlp_ratio=2,
        ),
        depth_head=dict(
            type='UNetDepthHead',
            decoder=dict(
                type='UNetDecoder',
                in_channels=[8, 8, 8, 8],
                channels=[8] * 5,
                aspp_rates=None,
            ),
        ),
        pose_net=POSE_NET,
    )
    total, _ = model.parse_losses(losses_of(model, packed_batch()))
    total.backward()
    assert torch.isfinite(total)


def test_what_is_missing_is_named():
    model = build(depth_head=DEPTH_HEAD, pose_net=POSE_NET, decode_head=SEG_HEAD)
    with pytest.raises(ValueError, match='0.png.*LoadSegLabel'):
        losses_of(model, packed_batch(label=False))
    with pytest.raises(ValueError, match='0.png.*LoadAdjacentFrames'):
        losses_of(model, packed_batch(neighbours=False))
    data = packed_batch()
    for sample in data['data_samples']:
        del sample.camera
    with pytest.raises(ValueError, match='0.png.*camera file.*LoadCamera'):
        losses_of(model, data)
    data = packed_batch()
    del data['data_samples'][1].camera
    with pytest.raises(ValueError, match='^1.png: no camera'):
        losses_of(model, data)
    model.data_preprocessor.keep_raw = False
    with pytest.raises(ValueError, match='^0.png: no img_raw.*keep_raw=True'):
        losses_of(model, packed_batch())


def test_disparity_of_all_or_none():
    with_map, without = packed_batch(), packed_batch(disparity=False, first=2)
    device = torch.device('cpu')
    assert stack_disparity(without['data_samples'], device) is None
    maps = stack_disparity(with_map['data_samples'], device)
    assert maps.shape == (2, 1, HEIGHT, WIDTH)
    mixed = with_map['data_samples'] + without['data_samples']
    with pytest.raises(ValueError, match='^2.png: .*disparity_map.* 2 .* 4 '):
        stack_disparity(mixed, device)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(mode='slid'), "mode.*'slid'.*'slide'"),
        (dict(mod='whole'), "'mod'.*'mode'"),
        (dict(mode='slide', crop_sizes=(8, 8)), "'crop_sizes'"),
        (dict(mode='slide', crop_size=(8, 8)), 'stride'),
    ],
)
def test_options_of_inference(options, message):
    with pytest.raises(ValueError, match=f'DepthSegmentor: test_cfg.*{message}'):
        build(decode_head=SEG_HEAD, test_cfg=options)
    assert build(decode_head=SEG_HEAD, test_cfg={}).test_cfg.mode == 'whole'


STREETS_SEG = """
_base_ = [{repo!r} + '/configs/streets/'
          'supervised_r18-w16_600it_192x96_n8.py']
model = dict(decode_head=dict(decoder=dict(channels=[8, 8, 8, 8, 8])))
"""


@pytest.mark.parametrize('image', ['file', 'array', 'list'])
def test_mmseg_functions_for_inference(tmp_path, image):
    config = tmp_path / 'tiny_streets.py'
    config.write_text(STREETS_SEG.format(repo=str(REPO)))
    model = init_model(str(config), device='cpu')
    assert isinstance(model, DepthSegmentor)
    array = np.random.default_rng(0).integers(0, 256, (48, 96, 3), dtype=np.uint8)
    path = str(tmp_path / 'image.png')
    assert cv2.imwrite(path, array)
    given = dict(file=path, array=array, list=[path, path])[image]
    result = inference_model(model, given)
    for sample in result if image == 'list' else [result]:
        assert sample.pred_sem_seg.data.shape == (1, 48, 96)


def test_impossible_combinations():
    with pytest.raises(ValueError, match="pretrained='x.pth'.*init_cfg"):
        build(decode_head=SEG_HEAD, pretrained='x.pth')
    with pytest.raises(ValueError, match='decode_head'):
        build()
    with pytest.raises(ValueError, match='pose_net'):
        build(decode_head=SEG_HEAD, pose_net=POSE_NET)
    with pytest.raises(UserError, match='depth_head'):
        build(decode_head=SEG_HEAD).predict_disparity(torch.rand(1, 3, HEIGHT, WIDTH))
