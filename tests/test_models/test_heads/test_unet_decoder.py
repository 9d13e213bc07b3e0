"""U-Net decoder: shapes for any encoder, no wasted steps, clear errors."""

import pytest
import torch
from torch import nn

from mmdepthseg.models.heads import UNetDecoder, unet_decoder
from mmdepthseg.utils import UserError

WIDTHS = (4, 4, 6, 8, 8)


def features(strides, channels, size=(64, 96)):
    """Random encoder levels."""
    return [
        torch.randn(2, c, size[0] // s, size[1] // s)
        for s, c in zip(strides, channels, strict=True)
    ]


@pytest.mark.parametrize(
    'strides',
    [
        (2, 4, 8, 16, 32),
        (2, 4, 8, 16, 16),
        (4, 8, 16, 32),
        (4, 8, 8, 8),
    ],
)
def test_reaches_full_resolution(strides):
    channels = [3 + i for i in range(len(strides))]
    decoder = UNetDecoder(channels, WIDTHS, aspp_rates=(1, 2))
    outs = decoder(features(strides, channels))
    assert list(outs) == [4, 3, 2, 1, 0]
    assert outs[0].shape == (2, WIDTHS[0], 64, 96)
    assert [outs[s].shape[1] for s in range(5)] == list(WIDTHS)


def test_stops_where_told():
    decoder = UNetDecoder((4, 4, 4, 4, 4), WIDTHS, aspp_rates=None)
    assert min(decoder(features((2, 4, 8, 16, 32), [4] * 5), last_step=2)) == 2


def test_going_on_is_the_same_as_going_through():
    levels = features((2, 4, 8, 16, 32), [4] * 5)
    decoder = UNetDecoder((4, 4, 4, 4, 4), WIDTHS, aspp_rates=(1,)).eval()
    whole = decoder(levels)
    first = decoder(levels, last_step=2)
    runs = []
    for block in (*decoder.reduce, *decoder.fuse):
        block.register_forward_hook(lambda *_: runs.append(1))
    parts = decoder(levels, decoded=first)
    assert len(runs) == 4
    assert list(parts) == [4, 3, 2, 1, 0]
    assert all(torch.equal(parts[step], whole[step]) for step in whole)
    changed = decoder(levels, decoded={**first, 2: first[2] + 1})
    assert not torch.equal(changed[0], whole[0])
    assert list(first) == [4, 3, 2]


def test_parameters_of_steps():
    decoder = UNetDecoder((4, 4, 4, 4, 4), WIDTHS, aspp_rates=(1,))
    coarse = list(decoder.parameters_of_steps(4, 2))
    fine = list(decoder.parameters_of_steps(1, 0))
    outs = decoder(features((2, 4, 8, 16, 32), [4] * 5), last_step=2)
    outs[2].sum().backward()
    assert all(p.grad is not None for p in coarse)
    assert all(p.grad is None for p in fine)
    assert len(coarse) + len(fine) == len(list(decoder.parameters()))


def test_trains_with_a_batch_of_one():
    decoder = UNetDecoder((4, 4, 4, 4, 4), WIDTHS, aspp_rates=(1,)).train()
    outs = decoder([f[:1] for f in features((2, 4, 8, 16, 32), [4] * 5)])
    outs[0].sum().backward()
    assert decoder.reduce[0].image_pool.training


def test_every_parameter_gets_a_gradient():
    decoder = UNetDecoder((4, 4, 4, 4), WIDTHS, aspp_rates=(1, 2))
    outs = decoder(features((4, 8, 16, 32), [4] * 4))
    outs[0].square().sum().backward()
    assert all(p.grad is not None for p in decoder.parameters())


def test_steps_that_nobody_needs_are_not_built():
    levels = features((2, 4, 8, 16, 32), [4] * 5)
    decoder = UNetDecoder((4, 4, 4, 4, 4), WIDTHS, aspp_rates=(1, 2), last_step=2)
    outs = decoder(levels)
    assert list(outs) == [4, 3, 2]
    outs[2].square().sum().backward()
    assert all(p.grad is not None for p in decoder.parameters())
    with pytest.raises(ValueError, match='last_step=2'):
        decoder(levels, last_step=1)
    with pytest.raises(ValueError, match='last_step must be'):
        UNetDecoder((4, 4), WIDTHS, last_step=6)


@pytest.mark.parametrize(
    'norm_cfg,norm',
    [
        (dict(type='GN', num_groups=2), nn.GroupNorm),
        (dict(type='SyncBN'), nn.SyncBatchNorm),
    ],
)
def test_norm_of_the_aspp(norm_cfg, norm):
    decoder = UNetDecoder((4, 4), WIDTHS, aspp_norm_cfg=norm_cfg)
    norms = [m for m in decoder.modules() if isinstance(m, norm)]
    # 1x1, three rates, pooling, projection
    assert len(norms) == 6
    batch_norms = [m for m in decoder.modules() if isinstance(m, nn.BatchNorm2d)]
    assert not batch_norms


def test_wrong_number_of_levels_names_the_key():
    decoder = UNetDecoder((4, 4, 4, 4), WIDTHS)
    with pytest.raises(ValueError, match='in_channels'):
        decoder(features((2, 4, 8, 16, 32), [4] * 5))
    with pytest.raises(ValueError, match='in_channels'):
        UNetDecoder([], WIDTHS)
    with pytest.raises(ValueError, match='5 numbers'):
        UNetDecoder((4, 4), (1, 2))


@pytest.mark.parametrize('channels', [(4, 4, 4, 4, 4), (4, 4, 4, 4)])
@pytest.mark.parametrize('norm_cfg', [None, dict(type='BN')])
def test_convolving_before_up_sampling_is_the_same(channels, norm_cfg, monkeypatch):
    """Outputs and all gradients, with and without a skip at the finest step."""
    strides = (2, 4, 8, 16, 32)[-len(channels) :]
    levels = [f.double().requires_grad_() for f in features(strides, channels)]
    decoder = UNetDecoder(channels, WIDTHS, aspp_rates=None, norm_cfg=norm_cfg).double()
    found = []
    for smallest in (0, 10**9):
        monkeypatch.setattr(unet_decoder, 'MIN_PIXELS', smallest)
        outs = decoder(levels)
        total = sum(out.square().sum() for out in outs.values())
        wanted = [*levels, *decoder.parameters()]
        found.append([*outs.values(), *torch.autograd.grad(total, wanted)])
    for quick, plain in zip(*found, strict=True):
        assert torch.allclose(quick, plain, rtol=1e-9, atol=1e-9)
    assert unet_decoder.MIN_PIXELS > 1 and decoder.fuse[-1].conv.weight.grad is None


def test_large_maps_are_convolved_before_up_sampling(monkeypatch):
    monkeypatch.setattr(unet_decoder, 'upsampled_conv', None)
    decoder = UNetDecoder((4, 4, 4, 4, 4), WIDTHS, aspp_rates=None)
    levels = features((2, 4, 8, 16, 32), [4] * 5)
    decoder(levels, last_step=2)
    with pytest.raises(TypeError):
        decoder(levels)


def test_recomputing_changes_no_gradient():
    levels = features((2, 4, 8, 16, 32), [4] * 5)
    torch.manual_seed(0)
    plain = UNetDecoder((4, 4, 4, 4, 4), WIDTHS, aspp_rates=None)
    other = UNetDecoder((4, 4, 4, 4, 4), WIDTHS, aspp_rates=None, with_cp=True)
    other.load_state_dict(plain.state_dict())
    runs = []
    other.fuse[-1].register_forward_pre_hook(lambda *_: runs.append(1))
    for decoder in (plain, other):
        decoder(levels)[0].square().sum().backward()
    assert len(runs) == 2
    for one, two in zip(plain.parameters(), other.parameters(), strict=True):
        assert torch.equal(one.grad, two.grad)
    with pytest.raises(UserError, match='with_cp'):
        UNetDecoder((4,) * 5, WIDTHS, norm_cfg=dict(type='BN'), with_cp=True)
