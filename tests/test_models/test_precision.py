"""Mixed precision ends where geometry begins, and no input makes a gradient NaN."""

import itertools

import pytest
import torch
from helpers.tiny_models import (
    DEPTH_HEAD,
    POSE_NET,
    build,
    frame_batch,
    packed_batch,
)
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mmdepthseg import geometry
from mmdepthseg.models.losses import (
    EdgeAwareSmoothness,
    PhotometricError,
    ViewSynthesisLoss,
)
from mmdepthseg.registry import MODELS

HALVES = (torch.bfloat16, torch.float16)


class Precision(TorchDispatchMode):
    """Note the operations that compute in less than float32."""

    def __init__(self):
        super().__init__()
        self.low = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        name = str(function)
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor) and leaf.dtype in HALVES:
                if 'detach' not in name and '_to_copy' not in name:
                    self.low.add(name)
        return out


def inputs():
    torch.manual_seed(0)
    batch = frame_batch()
    disparity = torch.rand(2, 1, 64, 96)
    depth = geometry.disparity_to_depth(disparity)[1]
    move = geometry.pose_vector_to_matrix(
        torch.rand(4, 3) * 0.01, torch.rand(4, 3) * 0.1
    ).view(2, 2, 4, 4)
    return batch, disparity, depth, move


def turned(batch, disparity, depth, move):
    return geometry.pose_vector_to_matrix(move[:, 0, :3, 3], move[:, 0, :3, 3], True)


PARTS = dict(
    poses=turned,
    points=lambda b, s, d, m: geometry.transform_points(
        m[:, 0], geometry.backproject(d, b.cam2img)
    ),
    pixels=lambda b, s, d, m: geometry.project(
        geometry.backproject(d, b.cam2img), b.cam2img
    )[0],
    depth=lambda b, s, d, m: geometry.disparity_to_depth(s)[1],
    disparity=lambda b, s, d, m: geometry.depth_to_disparity(d),
    warp=lambda b, s, d, m: geometry.synthesize_views(b.adjacent_raw, d, m, b.cam2img)[
        0
    ],
    ssim=lambda b, s, d, m: PhotometricError(1.0)(b.adjacent_raw, b.img_raw),
    photometric=lambda b, s, d, m: PhotometricError()(b.adjacent_raw, b.img_raw),
    smoothness=lambda b, s, d, m: EdgeAwareSmoothness()(s, b.img_raw),
    loss=lambda b, s, d, m: ViewSynthesisLoss(tie_noise=0)(
        [s], b.img_raw, b.adjacent_raw, b.cam2img, m
    )['loss_photometric'],
    refinement=lambda b, s, d, m: MODELS.build(dict(type='DirectPoseRefinement'))(
        b, d, m
    )[0],
)


@pytest.mark.parametrize('half', HALVES, ids=str)
@pytest.mark.parametrize('part', PARTS)
def test_geometry_is_float32_under_autocast(part, half, our_scope):
    arguments = inputs()
    expected = PARTS[part](*arguments)
    with torch.autocast('cpu', half), Precision() as precision:
        found = PARTS[part](*arguments)
    assert found.dtype == torch.float32 and not precision.low
    assert torch.equal(found, expected)


@pytest.mark.parametrize('half', HALVES, ids=str)
def test_outputs_of_networks_are_raised_first(half):
    """What a network hands over in half precision is converted before it is used."""
    batch, disparity, _, move = inputs()
    disparity = disparity.to(half)
    loss = ViewSynthesisLoss(tie_noise=0)
    arguments = batch.img_raw, batch.adjacent_raw, batch.cam2img, move
    expected = loss([disparity.float()], *arguments)
    with torch.autocast('cpu', half), Precision() as precision:
        found = loss([disparity], *arguments)
    assert not precision.low
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize('half', HALVES, ids=str)
def test_a_step_of_depth_from_video(half):
    """Convolutions run in half precision, the losses and all gradients are float32."""
    model = build(depth_head=DEPTH_HEAD, pose_net=POSE_NET)
    data = model.data_preprocessor(packed_batch(label=False, disparity=False), True)
    with torch.autocast('cpu', half), Precision() as precision:
        losses = model(**data, mode='loss')
    assert 'aten.convolution.default' in precision.low
    assert not {name for name in precision.low if 'grid_sampler' in name}
    total, _ = model.parse_losses(losses)
    assert total.dtype == torch.float32
    total.backward()
    for name, weight in model.named_parameters():
        assert weight.grad is None or weight.grad.isfinite().all(), name


IMAGES = dict(
    random=lambda: torch.rand(2, 3, 16, 24),
    black=lambda: torch.zeros(2, 3, 16, 24),
    white=lambda: torch.ones(2, 3, 16, 24),
)
DISPARITIES = dict(zero=0.0, one=1.0, half=0.5, one_pixel=None)
MOVES = dict(none=0.0, tiny=1e-20, large=3.0)
CASES = list(itertools.product(IMAGES, DISPARITIES, MOVES))


@pytest.mark.parametrize('options', [{}, dict(auto_mask=False), dict(reduce='mean')])
def test_gradients_of_extreme_inputs_are_finite(options):
    """Also of identical frames: the sources are the target."""
    loss = ViewSynthesisLoss(**options)
    camera = torch.tensor([[18.0, 0, 12], [0, 18, 8], [0, 0, 1]]).expand(2, 3, 3)
    for (image, depth, motion), same in itertools.product(CASES, (True, False)):
        target = IMAGES[image]()
        sources = target[:, None].repeat(1, 2, 1, 1, 1)
        sources = sources if same else sources.flip(-1) * 0.5
        disparities = [torch.zeros(2, 1, 16 >> s, 24 >> s) for s in range(2)]
        for disparity in disparities:
            value = DISPARITIES[depth]
            if value is None:
                disparity[..., 3, 3] = 1
            else:
                disparity.fill_(value)
            disparity.requires_grad_()
        vectors = torch.full((2, 4, 3), MOVES[motion], requires_grad=True)
        move = geometry.pose_vector_to_matrix(*vectors).view(2, 2, 4, 4)
        terms = loss(disparities, target, sources, camera, move)
        (terms['loss_photometric'] + terms['loss_smooth']).backward()
        for tensor in (*terms.values(), vectors.grad, *(d.grad for d in disparities)):
            assert tensor.isfinite().all(), (image, depth, motion, same)


@pytest.mark.parametrize('level', [-200.0, 200.0])
@pytest.mark.parametrize('half', [None, *HALVES], ids=str)
def test_a_network_whose_disparity_is_0_or_1(level, half):
    """Sigmoids that are full, black identical frames, and a pose net that says none."""
    model = build(depth_head=DEPTH_HEAD, pose_net=POSE_NET)
    with torch.no_grad():
        for head in (model.depth_head, model.pose_net.head):
            last = [m for m in head.modules() if isinstance(m, torch.nn.Conv2d)]
            for layer in last if head is model.depth_head else last[-1:]:
                if layer.bias is not None and layer.out_channels in (1, 6):
                    layer.weight.zero_()
                    layer.bias.fill_(level if layer.out_channels == 1 else 0.0)
    batch = packed_batch(label=False, disparity=False)
    for item in batch['inputs']:
        item['img'].zero_()
        item['adjacent'].zero_()
    data = model.data_preprocessor(batch, True)
    with torch.autocast('cpu', half or torch.bfloat16, enabled=half is not None):
        losses = model(**data, mode='loss')
    total, _ = model.parse_losses(losses)
    total.backward()
    assert total.isfinite()
    for name, weight in model.named_parameters():
        assert weight.grad is None or weight.grad.isfinite().all(), name
