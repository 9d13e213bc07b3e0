import pytest
import torch
from helpers.lite_reference import classify, draw_clock, levels_and_logits

from mmdepthseg.checkpoints.packages import load_from_package, package_file
from mmdepthseg.models.backbones import EfficientNetLite
from mmdepthseg.utils.errors import UserError

WEIGHTS = 'package://efficientnet-lite0'
# Classes of ImageNet, and what the file run by `lite_reference` says of the clock.
ANALOG_CLOCK, WALL_CLOCK = 409, 892
PROBABILITIES = {ANALOG_CLOCK: 0.6415, WALL_CLOCK: 0.3541}


@pytest.fixture(scope='module')
def file_state():
    return torch.load(package_file('efficientnet-lite0'), weights_only=True)


@pytest.fixture(scope='module')
def encoder():
    network = EfficientNetLite(init_cfg=dict(type='Pretrained', checkpoint=WEIGHTS))
    network.init_weights()
    return network.eval()


@torch.no_grad()
def test_loaded_network_classifies_as_the_reference(encoder, file_state):
    image = (draw_clock() - 127) / 128
    levels, logits = levels_and_logits(file_state, image)
    for ours, theirs in zip(encoder(image), levels, strict=True):
        torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(classify(file_state, encoder(image)[-1]), logits)
    probabilities = logits.softmax(1)[0]
    for index, expected in PROBABILITIES.items():
        assert probabilities[index].item() == pytest.approx(expected, abs=2e-3)


@torch.no_grad()
@pytest.mark.parametrize('size', [(64, 96), (65, 97)])
def test_padding_is_tensorflows_for_any_size(encoder, file_state, size):
    image = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(1))
    levels, _ = levels_and_logits(file_state, image)
    for ours, theirs in zip(encoder(image), levels, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_every_entry_of_the_network_is_filled(encoder):
    assert set(load_from_package(WEIGHTS)) == set(encoder.state_dict())


@pytest.mark.parametrize(
    'variant, channels, blocks',
    [
        (0, (16, 24, 40, 112, 320), (1, 2, 2, 6, 5)),
        (1, (16, 24, 40, 112, 320), (1, 3, 3, 8, 6)),
        (2, (16, 24, 48, 120, 352), (1, 3, 3, 8, 6)),
    ],
)
def test_variants(variant, channels, blocks):
    network = EfficientNetLite(variant, out_indices=(0, 1, 2, 3, 4))
    assert network.channels == channels
    found = tuple(len(getattr(network, f'layer{i}')) for i in range(1, 6))
    assert found == blocks


def test_strides_and_chosen_levels():
    network = EfficientNetLite(out_indices=(1, 3), in_channels=6)
    outs = network(torch.zeros(2, 6, 64, 128))
    assert [out.shape[1:] for out in outs] == [(24, 16, 32), (112, 4, 8)]
    assert network.channels == (24, 112)


def test_frozen_stages_keep_weights_and_statistics():
    network = EfficientNetLite(frozen_stages=2).train()
    trained = {n for n, p in network.named_parameters() if p.requires_grad}
    assert trained and all(
        n.startswith(('layer3', 'layer4', 'layer5')) for n in trained
    )
    before = {k: v.clone() for k, v in network.state_dict().items()}
    generator = torch.Generator().manual_seed(0)
    network(torch.randn(2, 3, 64, 64, generator=generator))
    changed = {k for k, v in network.state_dict().items() if (v != before[k]).any()}
    assert changed and all(
        k.startswith(('layer3', 'layer4', 'layer5')) for k in changed
    )


def test_norm_eval_keeps_all_statistics():
    network = EfficientNetLite(norm_eval=True).train()
    before = network.stem.bn.running_mean.clone()
    network(torch.ones(2, 3, 64, 64))
    assert torch.equal(network.stem.bn.running_mean, before)


@pytest.mark.parametrize(
    'options, named',
    [
        (dict(variant=7), 'variant'),
        (dict(out_indices=(5,)), 'out_indices'),
        (dict(frozen_stages=6), 'frozen_stages'),
    ],
)
def test_impossible_options(options, named):
    with pytest.raises(UserError, match=named):
        EfficientNetLite(**options)
