"""First weights that options name: under any `init_cfg`, but not over checkpoints."""

import pytest
import torch
from helpers.tiny_models import DEPTH_HEAD, MULTI_TASK, POSE_NET, build

from mmdepthseg.registry import MODELS

SHIFT = (0.0, 0.0, -0.05)
PARTS = dict(
    MULTI_TASK,
    pose_net=dict(POSE_NET, first_translation=SHIFT),
    depth_head=dict(DEPTH_HEAD, disparity_bias=-1.8, disparity_std=0.002),
)


def starts(model):
    """Convolutions with a start of their own: pose, disparities, gates."""
    gates = [part.gate for part in list(model.distillation.children())[:2]]
    return model.pose_net.head[-1], list(model.depth_head.disparity), gates


@pytest.mark.parametrize('place', [None, 'pose_net', 'depth_head', 'distillation'])
def test_an_init_cfg_above_does_not_overwrite_them(place):
    init = dict(init_cfg=dict(type='Normal', layer='Conv2d', std=3.0, bias=2.0))
    parts = {**PARTS, place: dict(PARTS[place], **init)} if place else PARTS
    torch.manual_seed(0)
    model = build(**parts, **({} if place else init))
    pose, disparities, gates = starts(model)
    shift = torch.tensor([0.0] * 3 + [*SHIFT])
    assert torch.allclose(pose.bias * model.pose_net.translation_factor, shift)
    for conv in disparities:
        assert (conv.bias == -1.8).all() and 0.001 < conv.weight.std() < 0.003
    assert not any(gate.weight.any() for gate in gates)
    assert any(p.std() > 2 for p in model.parameters())  # init_cfg does its work


@pytest.mark.parametrize('place', [None, 'pose_net', 'depth_head', 'distillation'])
def test_a_checkpoint_overwrites_them(tmp_path, place):
    prefix = f'{place}.' if place else None
    entries = build(**PARTS).state_dict()
    entries = {name: torch.full_like(v, 0.125) for name, v in entries.items()}
    torch.save(dict(state_dict=entries), tmp_path / 'all.pth')
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'all.pth'), prefix=prefix)
    init = dict(init_cfg=init)
    parts = {**PARTS, place: dict(PARTS[place], **init)} if place else {**PARTS, **init}
    model = build(**parts)
    part = model.get_submodule(place or '')
    assert all((p == 0.125).all() for p in part.parameters())


def test_a_part_alone_starts_so_too(tmp_path):
    net = MODELS.build(dict(PARTS['pose_net']))
    net.init_weights()
    assert net.head[-1].bias[5].item() == pytest.approx(-5)
    entries = {name: torch.full_like(v, 0.125) for name, v in net.state_dict().items()}
    torch.save(dict(state_dict=entries), tmp_path / 'pose.pth')
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'pose.pth'))
    net = MODELS.build(dict(PARTS['pose_net'], init_cfg=init))
    net.init_weights()
    assert all((p == 0.125).all() for p in net.parameters())


def test_a_part_that_nobody_initialises_starts_so_too():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    net = MODELS.build(dict(PARTS['pose_net']))
    torch.set_rng_state(state)
    plain = MODELS.build(dict(PARTS['pose_net'], first_translation=(0, 0, 0)))
    assert net.head[-1].bias[5].item() == pytest.approx(-5)
    # the weights are made small once, however often the net starts
    small = net.head[-1].weight / plain.head[-1].weight
    assert small.max().item() == pytest.approx(small.min().item()) != 1
    before = net.head[-1].weight.clone()
    net.init_weights()
    assert torch.equal(net.head[-1].weight, before)
