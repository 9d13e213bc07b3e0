"""A GPU computes what the CPU computes, see test_tools/test_gpu.py too."""

import numpy as np
import pytest
import torch
from helpers.device_steps import STEPS, one_step

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


@pytest.mark.parametrize('name', STEPS)
def test_losses_and_gradients_are_the_cpus(name):
    torch.manual_seed(0)
    model, batch = STEPS[name]()
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
