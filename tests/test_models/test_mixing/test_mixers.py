import math
from dataclasses import replace

import pytest
import torch
from helpers.golden import assert_golden, load

from mmdepthseg.models.mixing import (
    BatchMix,
    ClassMix,
    CutMix,
    DepthClassMix,
    DepthHistogramMix,
    DepthMix,
    DepthThresholdMix,
    MixBatch,
    NoMix,
    normalize_disparity,
)
from mmdepthseg.models.mixing.class_mix import class_masks, pick_half
from mmdepthseg.registry import TRANSFORMS

MIXERS = [
    'ClassMix',
    'CutMix',
    'DepthClassMix',
    'DepthHistogramMix',
    'DepthMix',
    'DepthThresholdMix',
    'NoMix',
]


class _Masks(BatchMix):
    """Mixes by given masks."""

    def __init__(self, masks):
        self.masks = masks

    def draw_masks(self, batch, generator=None):
        return self.masks


def _batch(count=3, size=(12, 16), seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 6, (count, *size), generator=generator)
    labels[:, :2] = 255
    confidence = torch.rand(count, *size, generator=generator)
    return MixBatch(
        images=torch.rand(count, 3, *size, generator=generator),
        labels=labels,
        confidence=confidence.masked_fill(labels == 255, 0),
        disparity=torch.rand(count, 1, *size, generator=generator),
    )


def _golden_batch():
    golden = load('c1')
    softmax = golden['softmax'].float()
    confidence, labels = softmax.max(1)
    return golden, MixBatch(golden['image'], labels, confidence, golden['disp'])


@pytest.mark.parametrize('name, threshold', [('ft0', 0.0), ('ft03', 0.3)])
def test_golden_depth_mix(name, threshold):
    golden, batch = _golden_batch()
    mixed = DepthMix(foreground_threshold=threshold)(batch)
    assert torch.equal(mixed.mask[:, 0], golden[f'depthcomp_{name}_mask'].bool())
    prefix = f'depthcomp_{name}_mixed'
    assert_golden(mixed.images, golden[f'{prefix}_image'])
    assert torch.equal(mixed.labels, golden[f'{prefix}_argmax'].long())
    assert_golden(mixed.confidence, golden[f'{prefix}_softmax_max'])
    labels = replace(batch, labels=golden['label'].long())
    mixed = DepthMix(foreground_threshold=threshold)(labels)
    assert torch.equal(mixed.labels, golden[f'{prefix}_label'].long())


def test_golden_class_mix():
    golden, batch = _golden_batch()
    labels = golden['label'].long()
    picked = torch.zeros(2, 256, dtype=torch.bool)
    for index in range(2):
        picked[index, golden[f'class_picked_{index}'].long()] = True
    masks = class_masks(labels, picked)
    assert torch.equal(masks[:, 0], golden['class_mask'].bool())
    mixed = _Masks(masks)(replace(batch, labels=labels))
    assert_golden(mixed.images, golden['class_mixed_image'])
    assert torch.equal(mixed.labels, golden['class_mixed_label'].long())


def test_golden_depth_threshold():
    golden, batch = _golden_batch()
    for index, threshold in enumerate(golden['depth_thresholds'].tolist()):
        mixed = DepthThresholdMix(threshold)(batch)
        # A fixed threshold is a Python number; the golden one is float32.
        expected = golden['depth_mask'][index].bool()
        assert (mixed.mask[index, 0] != expected).sum() == 0
        assert_golden(mixed.images[index], golden['depth_mixed_image'][index])


def test_depth_thresholds_are_for_stretched_disparities():
    """Stored labels lie low in [0, 1], below most thresholds."""
    batch = _batch(8)
    stored = replace(batch, disparity=0.04 + 0.06 * batch.disparity)
    stretched = replace(batch, disparity=normalize_disparity(stored.disparity))
    assert not DepthThresholdMix((0.1, 0.4))(stored).mask.any()
    assert DepthThresholdMix((0.1, 0.4))(stretched).mask.float().mean() > 0.5


def test_golden_disparity_normalisation():
    golden = load('c2')
    assert_golden(normalize_disparity(golden['disp']), golden['normalised'])
    both = torch.stack([torch.full((1, 2, 2), 0.3), torch.rand(1, 2, 2)])
    normalised = normalize_disparity(both.requires_grad_())
    assert (normalised[0] == 0).all() and not normalised.requires_grad
    assert normalised[1].min() == 0 and normalised[1].max() == 1


@pytest.mark.parametrize('name', MIXERS)
@pytest.mark.parametrize('count', [2, 3, 5])
def test_every_pixel_comes_whole_from_image_or_partner(name, count):
    batch = _batch(count)
    before = _batch(count)
    mixed = TRANSFORMS.build(dict(type=name))(batch, torch.Generator().manual_seed(1))
    assert mixed.mask.shape == (count, 1, 12, 16) and mixed.mask.dtype == torch.bool
    for index in range(count):
        mask, partner = mixed.mask[index, 0], (index + 1) % count
        for field in ('images', 'labels', 'confidence', 'disparity'):
            out, source = getattr(mixed, field), getattr(batch, field)
            assert torch.equal(out[index][..., mask], source[index][..., mask])
            assert torch.equal(out[index][..., ~mask], source[partner][..., ~mask])
    assert mixed.labels.dtype == torch.int64
    assert ((mixed.labels == 255) <= (mixed.confidence == 0)).all()
    for field in ('images', 'labels', 'confidence', 'disparity'):
        assert torch.equal(getattr(batch, field), getattr(before, field))
    if name != 'NoMix':
        assert 0 < mixed.mask.float().mean() < 1


@pytest.mark.parametrize('name', MIXERS)
def test_generator_makes_draws_repeatable(name):
    mixer, batch = TRANSFORMS.build(dict(type=name)), _batch()
    one, two = (mixer(batch, torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(one.mask, two.mask)
    state = torch.get_rng_state()
    mixer(batch, torch.Generator())
    assert torch.equal(torch.get_rng_state(), state)
    mixer(batch)  # the default generator
    if name in ('ClassMix', 'CutMix', 'DepthHistogramMix', 'DepthThresholdMix'):
        others = [
            mixer(batch, torch.Generator().manual_seed(s)).mask for s in range(5, 9)
        ]
        assert any(not torch.equal(other, one.mask) for other in others)


@pytest.mark.parametrize('name', MIXERS)
def test_a_single_image(name):
    mixer, batch = TRANSFORMS.build(dict(type=name)), _batch(1)
    if name == 'NoMix':
        assert mixer(batch).mask.all()
        return
    with pytest.raises(ValueError, match=f'{name}.* 2 .*1'):
        mixer(batch)


@pytest.mark.parametrize('name', [name for name in MIXERS if 'Depth' in name])
def test_missing_disparity_is_named(name):
    batch = replace(_batch(), disparity=None)
    with pytest.raises(ValueError, match=f'{name} needs.*LoadSDEDisparity'):
        TRANSFORMS.build(dict(type=name))(batch)
    assert TRANSFORMS.get(name).needs_disparity
    for other in (ClassMix(), CutMix(), NoMix()):
        assert other(batch).disparity is None
        assert not other.needs_disparity
    assert _Masks.needs_disparity  # a mixer that does not say gets it


@pytest.mark.parametrize('name', [name for name in MIXERS if name != 'NoMix'])
def test_an_image_stays_whole_with_the_probability_left(name):
    batch = _batch(600, size=(4, 6))
    masks = {}
    for prob in (0, 0.25, 1):
        mixer = TRANSFORMS.build(dict(type=name, prob=prob))
        masks[prob] = mixer(batch, torch.Generator().manual_seed(0)).mask.flatten(1)
    assert masks[0].all()
    mixed = ~masks[1].all(1)
    assert mixed.float().mean() > 0.8
    # a mask is that of prob=1, or whole
    whole = masks[0.25].all(1)
    assert torch.equal(masks[0.25][~whole], masks[1][~whole])
    share = 1 - whole[mixed].float().mean().item()
    assert abs(share - 0.25) < 3 * (0.25 * 0.75 / mixed.sum().item()) ** 0.5
    with pytest.raises(ValueError, match=f'{name}: prob .*1.5'):
        TRANSFORMS.build(dict(type=name, prob=1.5))


def test_depth_mix_draws_the_foreground_threshold_per_image():
    batch = _batch(64, size=(8, 8))
    flat = replace(
        batch, disparity=torch.linspace(0, 1, 64).view(1, 1, 8, 8).repeat(64, 1, 1, 1)
    )
    mask = DepthMix(foreground_threshold=(0.2, 0.6))(flat).mask
    lowest = torch.where(mask, flat.disparity, 2).amin((1, 2, 3))
    assert 0.2 <= lowest.min() < 0.3 and 0.5 < lowest.max() <= 0.62


def test_a_relative_margin_knows_no_scale():
    golden, batch = _golden_batch()
    disparity = normalize_disparity(batch.disparity)
    expected = DepthMix()(replace(batch, disparity=disparity)).mask
    shrunk = replace(batch, disparity=0.1 + 0.05 * disparity)
    mask = DepthMix(relative_margin=True)(shrunk).mask
    assert (mask == expected).float().mean() > 0.999  # rounding at the margin
    assert (DepthMix()(shrunk).mask == expected).float().mean() < 0.9


def test_a_relative_margin_does_not_count_what_was_not_measured():
    golden, batch = _golden_batch()
    disparity = 0.5 + 0.02 * normalize_disparity(batch.disparity)
    mixer = DepthMix(relative_margin=True)
    expected = mixer(replace(batch, disparity=disparity)).mask
    with_hole = disparity.clone()
    with_hole[0, :, :2] = 0
    mask = mixer(replace(batch, disparity=with_hole)).mask
    assert torch.equal(mask[..., 2:, :], expected[..., 2:, :])
    nowhere = mixer(replace(batch, disparity=torch.zeros_like(disparity)))
    assert nowhere.mask.all()


@pytest.mark.parametrize('classes', range(1, 8))
def test_class_mix_keeps_half_of_the_classes(classes):
    labels = torch.arange(40).view(1, 5, 8).repeat(2, 1, 1) % classes * 30
    labels[1, 0] = 255
    batch = replace(_batch(2, size=(5, 8)), labels=labels)
    for seed in range(3):
        mask = ClassMix()(batch, torch.Generator().manual_seed(seed)).mask[:, 0]
        for index in range(2):
            kept = set(labels[index][mask[index]].tolist())
            left = set(labels[index][~mask[index]].tolist())
            assert kept.isdisjoint(left)
            assert len(kept) == classes // 2
            assert 255 not in kept


def test_depth_class_mix_keeps_the_half_in_front():
    # class: (own disparity, partner's) at its pixels; void is the nearest of all
    places = {
        0: (0.1, 0.5),
        3: (0.6, 0.4),
        7: (0.5, 0.4),
        9: (0.3, 0.35),
        255: (1, 0.1),
    }
    labels = torch.tensor([*places]).repeat_interleave(torch.tensor([9, 1, 4, 5, 1]))
    disparity = torch.tensor([places[label] for label in labels.tolist()]).t()
    partner = torch.full((20,), 255)
    batch = MixBatch(
        torch.zeros(2, 3, 4, 5),
        torch.stack([labels, partner]).view(2, 4, 5),
        torch.ones(2, 4, 5),
        disparity.reshape(2, 1, 4, 5),
    )
    mask = DepthClassMix()(batch).mask.flatten(1)
    assert torch.equal(mask[0], (labels == 3) | (labels == 7))
    assert not mask[1].any()


def test_depth_class_mix_goes_by_means_of_what_was_measured():
    labels = torch.tensor([0, 0, 0, 1, 1, 1]).expand(2, 1, 6)
    own = torch.tensor([0.9, 0.1, 0.1, 0.4, 0.4, 0.4])  # class 0: mean 0.37
    other = torch.full((6,), 0.2)

    def kept(own, other):
        disparity = torch.stack([own, other]).view(2, 1, 1, 6)
        batch = MixBatch(
            torch.zeros(2, 3, 1, 6), labels, torch.ones(2, 1, 6), disparity
        )
        return labels[0][DepthClassMix()(batch).mask[0, 0]].unique().tolist()

    assert kept(own, other) == [1]
    hole = torch.tensor([0.2, 0, 0, 0.2, 0.2, 0.2])
    assert kept(own, hole) == [0]  # by 0.9 - 0.2 alone
    hole = torch.tensor([0.3, 0, 0, 0.25, 0.25, 0])
    assert kept(hole, other) == [0]  # 0.1 against 0.05
    nothing = torch.zeros(6)
    assert len(kept(nothing, nothing)) == 1


def test_class_mix_draws_every_half_alike():
    present = torch.zeros(6000, 256, dtype=torch.bool)
    present[:, [3, 7, 11, 200]] = True
    picked = pick_half(present, torch.rand(6000, 256))
    assert (picked.sum(1) == 2).all()
    share = picked.float().mean(0)[[3, 7, 11, 200]]
    torch.testing.assert_close(share, torch.full((4,), 0.5), atol=0.04, rtol=0)


def test_cut_mix_keeps_a_box_of_half_the_area():
    batch = _batch(50, size=(60, 80))
    mask = CutMix()(batch, torch.Generator().manual_seed(0)).mask[:, 0]
    heights, widths = mask.any(2).sum(1), mask.any(1).sum(1)
    assert torch.equal(mask.sum((1, 2)), heights * widths)  # full boxes
    for side in (1, 2):
        edges = mask.any(side).int().diff(dim=1).abs().sum(1)
        assert edges.max() <= 2  # in one piece
    area = mask.float().mean((1, 2))
    torch.testing.assert_close(area, torch.full((50,), 0.5), atol=0.02, rtol=0)
    ratio = heights / widths * 80 / 60
    assert ratio.min() < 0.8 and ratio.max() > 1.25


def test_depth_histogram_mix_keeps_the_nearest_share():
    batch = _batch(4, size=(40, 50))
    mask = DepthHistogramMix(0.4, bins=1000)(batch).mask
    torch.testing.assert_close(
        mask.float().mean((1, 2, 3)), torch.full((4,), 0.4), atol=0.01, rtol=0
    )
    for index in range(4):
        kept = batch.disparity[index][mask[index]].min()
        left = batch.disparity[index][~mask[index]].max()
        assert kept > left - 1e-3
    constant = replace(batch, disparity=torch.ones_like(batch.disparity))
    assert DepthHistogramMix()(constant).mask.all()


def test_bad_arguments():
    for build, message in (
        (lambda: DepthMix(foreground_threshold=(0.4, 0.1)), 'foreground_threshold'),
        (lambda: CutMix(area=1), 'area'),
    ):
        with pytest.raises(ValueError, match=message):
            build()
    batch = _batch()
    with pytest.raises(ValueError, match=r'labels.*\(3, 12, 16\)'):
        replace(batch, labels=batch.labels[:2])
    with pytest.raises(ValueError, match='^disparity'):
        replace(batch, disparity=batch.disparity[:, 0])


def test_under_autocast():
    batch = _batch()
    with torch.autocast('cpu', torch.bfloat16):
        mixed = DepthMix()(batch)
    assert torch.equal(mixed.images, DepthMix()(batch).images)
    assert not math.isnan(mixed.confidence.sum())


def test_rare_classes_are_drawn_in_proportion():
    # class 0 on 12 of 16 pixels, 1 on 3, 2 on 1; one class of three is kept
    labels = torch.tensor([0] * 12 + [1] * 3 + [2]).view(1, 4, 4).repeat(1000, 1, 1)
    batch = MixBatch(torch.zeros(1000, 3, 4, 4), labels, torch.ones(labels.shape), None)
    temperature = 0.5
    masks = ClassMix(temperature=temperature).draw_masks(
        batch, torch.Generator().manual_seed(0)
    )
    kept = [labels[mask[0]][0].item() for labels, mask in zip(labels, masks)]
    shares = torch.tensor(kept).bincount(minlength=3) / 1000
    weights = ((1 - torch.tensor([12, 3, 1]) / 16) / temperature).exp()
    # three standard errors of a share
    assert (shares - weights / weights.sum()).abs().max() < 3 * (0.25 / 1000) ** 0.5


def test_a_low_temperature_always_draws_the_rarest():
    labels = torch.tensor([[[0, 0, 1, 1], [0, 0, 2, 255]]]).repeat(50, 1, 1)
    batch = MixBatch(torch.zeros(50, 3, 2, 4), labels, torch.ones(labels.shape), None)
    masks = ClassMix(temperature=1e-6).draw_masks(batch)
    assert torch.equal(masks[:, 0], labels == 2)
    with pytest.raises(ValueError, match='temperature'):
        ClassMix(temperature=0)
