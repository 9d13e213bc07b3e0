"""A GPU computes what the CPU computes, see test_tools/test_gpu.py too."""

import copy

import numpy as np
import pytest
import torch
from helpers.tiny_models import (
    DEPTH_HEAD,
    MULTI_TASK,
    POSE_NET,
    SEG_HEAD,
    build,
    build_multi_task_teacher,
    build_teacher,
    packed_batch,
    teacher_batch,
)
from mmengine.optim import OptimWrapper
from torch import nn

from mmdepthseg.selection import farthest_point
from mmdepthseg.selection.farthest.device import TorchProduct, choose_product
from mmdepthseg.selection.farthest.screening import chunked_product

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not torch.cuda.is_available(), reason='needs a GPU: make test-gpu'
    ),
    pytest.mark.usefixtures('full_float32'),
]
# nothing random: each device has random numbers of its own
PLAIN = dict(strong_augmentation=[])
MODELS = {
    'segmentation': lambda: (build(decode_head=SEG_HEAD), packed_batch()),
    'sde': lambda: (build(depth_head=DEPTH_HEAD, pose_net=POSE_NET), packed_batch()),
    'refined poses': lambda: (
        build(
            depth_head=DEPTH_HEAD,
            pose_net=POSE_NET,
            pose_refinement=dict(type='DirectPoseRefinement'),
        ),
        packed_batch(),
    ),
    'two decoders': lambda: (build(**MULTI_TASK), packed_batch()),
    'mean teacher': lambda: (build_teacher(**PLAIN), teacher_batch()),
    'multi-task teacher': lambda: (
        build_multi_task_teacher(**PLAIN),
        teacher_batch(neighbours=True),
    ),
}


def one_step(model: nn.Module, batch: dict, device: str) -> tuple[dict, dict]:
    """Losses and gradients of a training step."""
    model = copy.deepcopy(model).to(device).train()
    for layer in model.modules():
        if isinstance(layer, nn.Dropout | nn.Dropout2d):
            layer.p = 0.0
    student = getattr(model, 'student', model)
    wrapper = OptimWrapper(torch.optim.SGD(student.parameters(), 1e-3))
    gradients = {}
    wrapper.optimizer.register_step_pre_hook(
        lambda *_: gradients.update(
            {n: p.grad.cpu() for n, p in student.named_parameters()}
        )
    )
    torch.manual_seed(0)
    losses = model.train_step(copy.deepcopy(batch), wrapper)
    return {name: value.item() for name, value in losses.items()}, gradients


@pytest.mark.parametrize('name', MODELS)
def test_losses_and_gradients_are_the_cpus(name):
    torch.manual_seed(0)
    model, batch = MODELS[name]()
    wanted, gradients = one_step(model, batch, 'cpu')
    found, others = one_step(model, batch, 'cuda')
    assert found == pytest.approx(wanted, rel=2e-3, abs=1e-5)
    assert gradients.keys() == others.keys()
    # single pixels change sides in minima and comparisons: no exact equality
    whole = torch.cat([g.flatten() for g in gradients.values()])
    other = torch.cat([others[n].flatten() for n in gradients])
    assert (other - whole).norm() < 0.02 * whole.norm()


@pytest.mark.parametrize(
    'options',
    [
        dict(route='memory'),
        dict(route='blocked'),
        dict(route='blocked', normalize='unit'),
    ],
    ids=['memory', 'blocked', 'blocked, unit length'],
)
def test_same_frames_are_chosen(options):
    random = np.random.default_rng(0)
    features = random.standard_normal((400, 700)).astype(np.float32)
    # near-equal frames, where a rounded product would err
    features[200:] = features[:200] + 1e-4 * random.standard_normal((200, 700))
    on_cpu = farthest_point(features, 250, seed=7, device='cpu', **options)
    on_gpu = farthest_point(features, 250, seed=7, device='cuda', **options)
    np.testing.assert_array_equal(on_gpu.order, on_cpu.order)
    np.testing.assert_array_equal(on_gpu.min_distance, on_cpu.min_distance)


def test_products_do_not_use_tf32():
    random = np.random.default_rng(0)
    left, right = random.standard_normal((2, 64, 4096)).astype(np.float32)
    product = choose_product('auto', work=10**15)
    assert isinstance(product, TorchProduct) and product.device.type == 'cuda'
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision('high')
    try:
        found = product(left, right)
    finally:
        torch.set_float32_matmul_precision(before)
    # TF32 would be off by about 0.05
    np.testing.assert_allclose(found, chunked_product(left, right), atol=1e-3)
