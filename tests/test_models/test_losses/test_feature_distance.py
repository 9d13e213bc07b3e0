"""Feature distance: its formula, its gradient, its frozen encoder."""

import copy

import numpy as np
import pytest
import torch
from helpers.tiny_models import BACKBONE, HEIGHT, WIDTH

from mmdepthseg.models.backbones import FrozenEncoder
from mmdepthseg.models.losses import FeatureDistanceLoss, feature_distance
from mmdepthseg.plugin import register_all_modules
from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import UserError


@pytest.fixture
def encoder(tmp_path):
    """Config of an encoder whose weights are in a file."""
    path = str(tmp_path / 'imagenet.pth')
    register_all_modules()
    torch.save(MODELS.build(BACKBONE).state_dict(), path)
    return dict(BACKBONE, init_cfg=dict(type='Pretrained', checkpoint=path))


@pytest.mark.parametrize('kind', ['Pretrained', 'mmdepthseg.Pretrained'])
def test_encoder_with_weights_of_a_file(encoder, kind):
    found = FrozenEncoder(dict(encoder, init_cfg=dict(encoder['init_cfg'], type=kind)))
    found.init_weights()
    assert found(torch.rand(1, 3, HEIGHT, WIDTH)).isfinite().all()


def features(n=3):
    rng = torch.Generator().manual_seed(n)
    return torch.rand(2, n, 4, 2, 3, generator=rng, dtype=torch.float64).unbind()


def test_the_formulas():
    a, b = features()
    flat = (a - b).numpy().reshape(3, -1)
    norms = [np.sqrt(sum(v * v for v in row)) for row in flat]
    assert np.isclose(feature_distance(a, b).item(), np.sqrt(sum(n * n for n in norms)))
    assert np.isclose(feature_distance(a, b, 'image').item(), sum(norms) / 3)


@pytest.mark.parametrize('reduction,factor', [('batch', 2.0), ('image', 1.0)])
def test_dependence_on_the_batch_size(reduction, factor):
    """Four times the same images: the authors' norm doubles."""
    a, b = features()
    once = feature_distance(a, b, reduction)
    fourfold = feature_distance(a.repeat(4, 1, 1, 1), b.repeat(4, 1, 1, 1), reduction)
    assert torch.isclose(fourfold, factor * once)


@pytest.mark.parametrize('reduction', ['batch', 'image'])
def test_gradient(reduction):
    a, b = features()
    a = a.requires_grad_()
    b = b.clone().requires_grad_()
    feature_distance(a, b, reduction).backward()
    difference = (a - b).detach()
    if reduction == 'batch':
        wanted = difference / difference.norm()
    else:
        wanted = difference / difference.flatten(1).norm(dim=1)[:, None, None, None] / 3
    assert torch.allclose(a.grad, wanted)
    assert b.grad is None


@pytest.mark.parametrize('reduction', ['batch', 'image'])
def test_equal_features_have_gradient_zero(reduction):
    """As at the start, when the trained encoder is the frozen one."""
    a = features()[0].requires_grad_()
    loss = feature_distance(a, a.detach().clone(), reduction)
    loss.backward()
    assert loss == 0 and torch.equal(a.grad, torch.zeros_like(a))


def test_half_precision_does_not_overflow():
    a = torch.full((2, 4, 8, 8), 300.0, dtype=torch.float16)
    assert torch.isclose(feature_distance(a, -a), torch.tensor(600.0 * 512**0.5))


def test_loss_against_the_frozen_encoder(encoder):
    loss = FeatureDistanceLoss(encoder, loss_weight=0.5)
    loss.init_weights()
    trained = MODELS.build(encoder)
    trained.init_weights()
    img = torch.rand(2, 3, HEIGHT, WIDTH)
    assert loss(trained.eval()(img)[-1], img) == 0
    wanted = trained(img)[-1] + 1
    assert torch.isclose(loss(wanted, img), torch.tensor(0.5 * wanted.numel() ** 0.5))
    loss.train()  # the reference must not follow
    assert torch.isclose(loss(wanted, img), torch.tensor(0.5 * wanted.numel() ** 0.5))


def test_frozen_encoder_is_no_part_of_the_model(encoder):
    loss = FeatureDistanceLoss(encoder)
    loss.init_weights()
    assert not list(loss.parameters()) and not loss.state_dict()
    network = loss.encoder._network[0]
    assert not any(p.requires_grad for p in network.parameters())
    other = copy.deepcopy(loss)  # as the mean teacher does
    img = torch.rand(1, 3, HEIGHT, WIDTH)
    assert torch.equal(other.encoder(img), loss.encoder(img))
    assert other.encoder._network[0] is not network


def test_frozen_encoder_follows_the_images(encoder):
    loss = FeatureDistanceLoss(encoder)
    loss.init_weights()
    img = torch.rand(1, 3, HEIGHT, WIDTH, dtype=torch.float64)
    assert loss.encoder(img).dtype == torch.float64


def test_errors(encoder):
    with pytest.raises(ValueError, match="reduction .*'batch'.*'sum'"):
        FeatureDistanceLoss(encoder, reduction='sum')
    with pytest.raises(ValueError, match='negative'):
        FeatureDistanceLoss(encoder, loss_weight=-1)
    with pytest.raises(ValueError, match='init_cfg'):
        FeatureDistanceLoss(BACKBONE).init_weights()
    loss = FeatureDistanceLoss(encoder)
    with pytest.raises(RuntimeError, match='init_weights'):
        loss(torch.rand(1, 64, 2, 3), torch.rand(1, 3, 64, 96))
    loss.init_weights()
    with pytest.raises(ValueError, match=r'\(1, 64, 2, 3\).*\(1, 8, 2, 3\)'):
        loss(torch.rand(1, 8, 2, 3), torch.rand(1, 3, 64, 96))
    encoder['init_cfg']['checkpoint'] += 'x'
    with pytest.raises(UserError, match='imagenet.pthx'):
        FeatureDistanceLoss(encoder).init_weights()
