"""A loaded state fits the weights that it was made with, whatever their layout."""

import io

import pytest
import torch
from torch import nn

from mmdepthseg.engine.optim.state_layout import lay_out_state

LAYOUTS = (torch.contiguous_format, torch.channels_last)


def steps(kind, gradients, layout, resumed=None):
    """The weights after steps, and the optimiser's state through a file."""
    weights = torch.ones(4, 8, 3, 3) if resumed is None else resumed[0]
    weight = nn.Parameter(weights.clone(memory_format=layout))
    options = dict(momentum=0.9) if kind is torch.optim.SGD else {}
    optimizer = kind([weight], lr=0.1, fused=True, **options)
    if resumed is not None:
        optimizer.load_state_dict(torch.load(io.BytesIO(resumed[1])))
        lay_out_state(optimizer)
    for gradient in gradients:
        weight.grad = gradient.clone(memory_format=layout)
        optimizer.step()
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    return weight.detach(), file.getvalue()


@pytest.mark.parametrize('kind', [torch.optim.Adam, torch.optim.SGD])
@pytest.mark.parametrize('layouts', [LAYOUTS, LAYOUTS[::-1]], ids=['to', 'from'])
def test_resuming_in_another_layout(kind, layouts):
    torch.manual_seed(0)
    gradients = torch.randn(4, 4, 8, 3, 3)
    before, after = layouts
    whole, _ = steps(kind, gradients, before)
    resumed, _ = steps(kind, gradients[2:], after, steps(kind, gradients[:2], before))
    assert resumed.is_contiguous(memory_format=after)
    torch.testing.assert_close(resumed, whole, rtol=1e-6, atol=1e-6)
