"""bfloat16 in the forward pass, float32 everywhere else."""

import torch

from mmdepthseg.registry import OPTIM_WRAPPERS


def make(model: torch.nn.Module, **options):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    config = dict(type='BFloat16OptimWrapper', optimizer=optimizer, **options)
    return OPTIM_WRAPPERS.build(config)


def test_forward_in_bfloat16_step_in_float32():
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 3)
    wrapper = make(model, clip_grad=dict(max_norm=1e-3))
    before = model.weight.detach().clone()
    with wrapper.optim_context(model):
        output = model(torch.rand(2, 4))
    assert output.dtype == torch.bfloat16
    wrapper.update_params(output.float().sum())
    assert model.weight.dtype == torch.float32
    # lr * clipped norm, bias included
    assert 0 < (model.weight - before).norm() <= 1e-4 * 1.001


def test_gradients_accumulate():
    model = torch.nn.Linear(2, 1)
    wrapper = make(model, accumulative_counts=2)
    before = model.weight.detach().clone()
    for step in range(2):
        assert torch.equal(model.weight, before)
        with wrapper.optim_context(model):
            loss = model(torch.ones(1, 2)).float().sum()
        wrapper.update_params(loss)
    assert not torch.equal(model.weight, before)
