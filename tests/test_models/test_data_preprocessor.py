import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmdepthseg.datasets import PackDepthSegInputs
from mmdepthseg.geometry import Camera
from mmdepthseg.models import DepthSegDataPreProcessor
from mmdepthseg.models.mixing.color_jitter import (
    ColorJitterParams,
    changes,
    color_jitter,
    draw_color_jitter,
)
from mmdepthseg.registry import MODELS
from mmdepthseg.structures import FrameBatch
from mmdepthseg.utils.errors import UserError

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
JITTER = dict(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.1)


def packed(size=(6, 8), frames=2, seed=0, camera=True, **fields):
    rng = torch.Generator().manual_seed(seed)

    def images(*shape):
        return torch.randint(0, 256, shape, generator=rng, dtype=torch.uint8)

    meta = dict(img_path=f'{seed}.png', img_shape=size)
    inputs = dict(img=images(3, *size))
    if frames:
        inputs['adjacent'] = images(frames, 3, *size)
        meta['adjacent_offsets'] = tuple(range(1, frames + 1))
    if camera:
        focal = seed + 1
        meta['camera'] = Camera(np.diag([focal, focal, 1]), size)
    sample = SegDataSample(metainfo=meta)
    maps = dict(
        gt_sem_seg=torch.full((1, *size), 5, dtype=torch.uint8),
        gt_depth_map=torch.full((1, *size), 7.0),
        disparity_map=torch.full((1, *size), 0.5),
    )
    sample.set_data({key: PixelData(data=maps[key]) for key in fields or maps})
    return dict(inputs=inputs, data_samples=sample)


def preprocessor(**options):
    return DepthSegDataPreProcessor(**{**dict(mean=MEAN, std=STD), **options})


def test_values_against_plain_formulas():
    samples = [packed(seed=i) for i in range(3)]
    batch = preprocessor(keep_raw=True)(pseudo_collate(samples), training=True)
    inputs = batch['inputs']
    assert isinstance(inputs, FrameBatch) and len(inputs) == 3
    for i, sample in enumerate(samples):
        for found, raw, image in (
            (inputs.img[i], inputs.img_raw[i], sample['inputs']['img']),
            (
                inputs.adjacent[i, 1],
                inputs.adjacent_raw[i, 1],
                sample['inputs']['adjacent'][1],
            ),
        ):
            rgb = image[[2, 1, 0]].double()
            expected = (rgb - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(
                STD
            ).view(3, 1, 1)
            assert torch.allclose(found.double(), expected, atol=1e-5)
            assert torch.allclose(raw.double(), rgb / 255, atol=1e-6)
    assert inputs.cam2img.dtype == torch.float32
    assert inputs.cam2img[:, 0, 0].tolist() == [1, 2, 3]
    assert all(
        p.is_contiguous()
        for p in (inputs.img, inputs.adjacent, inputs.img_raw, inputs.adjacent_raw)
    )
    assert batch['data_samples'][0].gt_sem_seg.data.dtype == torch.int64


def test_normalize_and_back():
    data = preprocessor()
    raw = torch.rand(2, 2, 3, 4, 5)
    assert torch.allclose(data.denormalize(data.normalize(raw)), raw, atol=1e-6)
    plain = preprocessor(mean=None, std=None, bgr_to_rgb=False)
    sample = packed(frames=0)
    img = plain(pseudo_collate([sample]))['inputs'].img[0]
    assert torch.allclose(img, sample['inputs']['img'] / 255)


def test_testing_does_not_pad_an_image_to_the_size_of_another():
    """The networks would see it, and each figure would depend on the batch."""
    samples = [packed((6, 8)), packed((5, 11))]
    with pytest.raises(UserError, match=r'\(5, 11\), \(6, 8\).*batch_size'):
        preprocessor()(pseudo_collate(samples), training=False)


def test_padding():
    samples = [packed((6, 8)), packed((5, 11))]
    batch = preprocessor(size_divisor=4, keep_raw=True)(
        pseudo_collate(samples), training=True
    )
    inputs, (first, second) = batch['inputs'], batch['data_samples']
    assert inputs.img.shape == (2, 3, 8, 12)
    assert (inputs.img[1, :, 5:] == 0).all() and (inputs.img[1, :, :, 11:] == 0).all()
    assert (inputs.adjacent[0, :, :, 6:] == 0).all()
    assert inputs.img[1, :, :5, :11].abs().min() > 0
    assert (inputs.img_raw[1, :, 5:] == 0).all()
    assert (second.gt_sem_seg.data[0, 5:] == 255).all()
    assert (second.gt_sem_seg.data[0, :5, :11] == 5).all()
    assert (second.gt_depth_map.data[0, 5:] == 0).all()
    assert first.disparity_map.data[0, :, 8:].isnan().all()
    assert second.metainfo['padding_size'] == (0, 1, 0, 3)
    assert second.metainfo['pad_shape'] == (8, 12)


@pytest.mark.parametrize('training', [True, False])
def test_padding_of_the_pipeline_counts(training):
    """In testing, the truth has no padding, as predictions have none."""
    sample = packed((6, 8))
    sample['data_samples'].set_metainfo(dict(padding_size=(3, 0, 0, 2)))
    data = preprocessor(size_divisor=5)(pseudo_collate([sample]), training)
    done = data['data_samples'][0]
    assert done.metainfo['padding_size'] == (3, 2, 0, 6)
    assert done.metainfo.get('img_padding_size') == (None if training else (3, 2, 0, 6))
    for key in ('gt_sem_seg', 'gt_depth_map', 'disparity_map'):
        size = tuple(done.get(key).data.shape[1:])
        assert size == ((10, 10) if training else (4, 5))


def test_testing_leaves_ground_truth_and_colours_alone():
    data = preprocessor(size_divisor=4, color_jitter=JITTER, keep_raw=True)
    sample = packed()
    batch = data(pseudo_collate([sample]), training=False)
    expected = data.normalize(sample['inputs']['img'][[2, 1, 0]] / 255)
    assert torch.allclose(batch['inputs'].img[0, :, :6, :8], expected, atol=1e-6)
    assert batch['inputs'].img_raw is None
    done = batch['data_samples'][0]
    assert done.gt_sem_seg.data.shape == (1, 6, 8)
    assert done.metainfo['img_padding_size'] == (0, 0, 0, 2)


def test_jitter_is_shared_by_the_frames_of_a_sample_only():
    grey = torch.arange(48, dtype=torch.uint8).view(1, 6, 8).expand(3, -1, -1) + 100
    samples = []
    for seed in range(2):
        sample = packed(seed=seed)
        sample['inputs'] = dict(img=grey, adjacent=torch.stack([grey, grey]))
        samples.append(sample)
    torch.manual_seed(0)
    data = preprocessor(color_jitter=JITTER, keep_raw=True)
    inputs = data(pseudo_collate(samples), training=True)['inputs']
    seen, near = data.denormalize(inputs.img), data.denormalize(inputs.adjacent)
    assert torch.allclose(near, seen[:, None], atol=1e-6)
    assert (seen[0] - seen[1]).abs().max() > 0.01
    assert torch.allclose(inputs.img_raw[0], grey / 255)
    assert (seen - inputs.img_raw).abs().max() > 0.01


def test_jitter_options_are_checked_at_once():
    with pytest.raises((TypeError, ValueError)):
        preprocessor(color_jitter=dict(brigthness=0.2))
    with pytest.raises(ValueError, match='mean.*std'):
        DepthSegDataPreProcessor(mean=MEAN)


@pytest.mark.parametrize(
    ('mean', 'std', 'named'),
    [
        ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), r'0\.\.255: multiply'),
        (MEAN, (58.0, 0.0, 57.0), 'std must be positive'),
    ],
)
def test_units_of_mean_and_std(mean, std, named):
    DepthSegDataPreProcessor(mean=(0.0,) * 3, std=(1.0,) * 3)
    with pytest.raises(UserError, match=named):
        DepthSegDataPreProcessor(mean=mean, std=std)


def test_other_kinds_of_input():
    data = preprocessor()
    sample = packed(frames=0, camera=False)
    expected = data(pseudo_collate([sample]))['inputs']
    image = sample['inputs']['img']
    for inputs in ([sample['inputs']], [image], image[None]):
        batch = data(dict(inputs=inputs))
        assert torch.equal(batch['inputs'], expected)
        assert batch['data_samples'] is None


def test_the_samples_of_the_loader_stay_as_they_are():
    samples = pseudo_collate([packed((6, 8)), packed((5, 11))])
    preprocessor()(samples, training=True)
    assert samples['data_samples'][1].gt_sem_seg.data.shape == (1, 5, 11)
    assert samples['data_samples'][1].gt_sem_seg.data.dtype == torch.uint8


def test_networks_that_see_less():
    samples = [packed(seed=i, gt_depth_map=True) for i in range(3)]
    data = preprocessor(keep_raw=True, input_scale=0.5)
    batch = data(pseudo_collate(samples), training=True)
    inputs = batch['inputs']
    assert inputs.img_raw.shape == (3, 3, 6, 8)
    assert inputs.adjacent_raw.shape == (3, 2, 3, 6, 8)
    assert inputs.img.shape == (3, 3, 3, 4) and inputs.adjacent.shape == (3, 2, 3, 3, 4)
    assert inputs.cam2img[:, 0, 0].tolist() == [1, 2, 3]
    for small, raw in (
        (inputs.img, inputs.img_raw),
        (inputs.adjacent, inputs.adjacent_raw),
    ):
        whole = data.normalize(raw).unflatten(-1, (4, 2)).unflatten(-3, (3, 2))
        assert torch.allclose(small, whole.mean((-1, -3)), atol=1e-5)
    assert batch['data_samples'][0].metainfo['pad_shape'] == (6, 8)
    tested = data(pseudo_collate(samples), training=False)['inputs']
    assert tested.img.shape == (3, 3, 6, 8)


def test_size_divisor_is_that_of_what_the_networks_see():
    assert preprocessor(keep_raw=True, input_scale=0.1, size_divisor=4)
    data = preprocessor(keep_raw=True, input_scale=0.5, size_divisor=4)
    samples = pseudo_collate([packed((6, 11), gt_depth_map=True)])
    inputs = data(samples, training=True)['inputs']
    assert inputs.img.shape[-2:] == inputs.adjacent.shape[-2:] == (4, 8)
    assert inputs.img_raw.shape[-2:] == (8, 16)
    tested = data(samples, training=False)['inputs']
    assert tested.img.shape[-2:] == (8, 12)


@pytest.mark.parametrize('label', ['gt_sem_seg', 'disparity_map'])
def test_networks_that_see_less_than_their_labels(label):
    data = preprocessor(keep_raw=True, input_scale=0.5)
    samples = [packed(gt_depth_map=True), packed(seed=5, **{label: True})]
    with pytest.raises(ValueError, match=f'5.png: {label}.*input_scale'):
        data(pseudo_collate(samples), training=True)
    data(pseudo_collate(samples), training=False)


@pytest.mark.parametrize(
    'options',
    [
        dict(input_scale=0.0),
        dict(input_scale=2.0),
        dict(input_scale=0.5, keep_raw=False),
        dict(input_scale=0.75, size_divisor=32),
    ],
)
def test_input_scale_is_checked_at_once(options):
    with pytest.raises(ValueError, match='input_scale'):
        preprocessor(**{'keep_raw': True, **options})


def test_cameras_of_all_or_none():
    samples = [packed(), packed(camera=False)]
    assert preprocessor()(pseudo_collate(samples))['inputs'].cam2img is None


def test_different_neighbours():
    with pytest.raises(ValueError, match='5.png.* 3 .* 2'):
        preprocessor()(pseudo_collate([packed(), packed(frames=3, seed=5)]))
    mixed = [packed(), packed(frames=0, seed=5)]
    with pytest.raises(ValueError, match='no. 1.* 0 .* 2'):
        preprocessor()(dict(inputs=[sample['inputs'] for sample in mixed]))


@pytest.mark.parametrize('frames', [(2, 0), (0, 2), (2, 2, 0)])
def test_some_samples_without_neighbours(frames):
    """Whichever comes first, packed as the data sets' pipelines do."""
    pack = PackDepthSegInputs()
    samples = []
    for seed, count in enumerate(frames):
        results = dict(img=np.zeros((6, 8, 3), np.uint8), img_id=f'a/{seed}')
        if count:
            results['adjacent'] = [results['img']] * count
        samples.append(pack(results))
    other = next(i for i, count in enumerate(frames) if count != frames[0])
    with pytest.raises(ValueError, match=f'a/{other} .*{frames[other]} adjacent'):
        preprocessor()(pseudo_collate(samples))
    alike = [sample for sample, count in zip(samples, frames) if not count]
    assert isinstance(preprocessor()(pseudo_collate(alike))['inputs'], torch.Tensor)
    # one sample, not collated
    assert isinstance(
        preprocessor()(dict(inputs=alike[0]['inputs']))['inputs'], torch.Tensor
    )


def test_neighbours_that_collating_has_dropped():
    with pytest.raises(ValueError, match='5.png.* 2 .* 0'):
        preprocessor()(pseudo_collate([packed(frames=0), packed(seed=5)]))


def test_select_and_of():
    samples = pseudo_collate([packed(seed=i) for i in range(4)])
    batch = preprocessor(keep_raw=True)(samples, training=True)['inputs']
    part = batch.select([2, 0])
    assert len(part) == 2 and torch.equal(part.adjacent[1], batch.adjacent[0])
    assert torch.equal(part.cam2img[0], batch.cam2img[2])
    assert len(batch.select([])) == 0
    assert FrameBatch.of(batch) is batch
    assert FrameBatch.of(batch.img).adjacent is None
    with pytest.raises(ValueError, match="'img': 4, 'cam2img': 2"):
        FrameBatch(img=batch.img, cam2img=batch.cam2img[:2])


def test_registered():
    built = MODELS.build(dict(type='DepthSegDataPreProcessor', mean=MEAN, std=STD))
    assert isinstance(built, DepthSegDataPreProcessor)


@pytest.mark.parametrize('keep_raw', [False, True])
@pytest.mark.parametrize('bgr_to_rgb', [False, True])
def test_image_by_image_is_the_whole_batch_at_once(keep_raw, bgr_to_rgb):
    """What a CPU does, and what a GPU does; padded, half of the images jittered."""
    sizes = [(6, 8), (5, 9), (6, 9), (6, 8), (4, 9), (6, 9)]
    samples = [packed(size, seed=i) for i, size in enumerate(sizes)]
    data = preprocessor(
        keep_raw=keep_raw, bgr_to_rgb=bgr_to_rgb, color_jitter=dict(JITTER, p=0.5)
    )
    torch.manual_seed(3)
    drawn = draw_color_jitter(len(samples), p=0.5, **JITTER)
    assert 0 < sum(changes(drawn)) < len(samples)
    torch.manual_seed(3)
    inputs = data(pseudo_collate(samples), training=True)['inputs']
    frames = [sample['inputs']['adjacent'] for sample in samples]
    raw = data._stack(frames, sizes, (6, 9))
    # each image as without padding
    expected = torch.zeros_like(raw)
    for index, (height, width) in enumerate(sizes):
        own = ColorJitterParams(*(values[index : index + 1] for values in drawn))
        image = raw[index : index + 1, ..., :height, :width]
        expected[index, ..., :height, :width] = data.normalize(
            color_jitter(image, own)
        )[0]
    torch.testing.assert_close(inputs.adjacent, expected, atol=1e-5, rtol=0)
    assert (inputs.adjacent_raw is None) != keep_raw
    if keep_raw:
        torch.testing.assert_close(inputs.adjacent_raw, raw, atol=0, rtol=0)


def test_without_jitter_the_numbers_are_those_of_the_formula():
    sample = packed()
    data = preprocessor()
    found = data(pseudo_collate([sample]), training=True)['inputs'].adjacent[0]
    raw = sample['inputs']['adjacent'].flip(-3).float() / 255
    assert torch.equal(found, (raw - data.mean) / data.std)
