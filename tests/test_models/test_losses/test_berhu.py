import pytest
import torch
from helpers.golden import assert_golden, assert_golden_gradient, load

from mmdepthseg.models.losses import BerHuLoss
from mmdepthseg.registry import MODELS


def test_golden():
    golden = load('b1')
    prediction = golden['input'].requires_grad_()
    loss = BerHuLoss()(prediction, golden['target'], golden['mask'])
    assert_golden(loss, golden['loss'])
    loss.backward()
    assert_golden_gradient(prediction.grad, golden['grad_input'])
    in_log = BerHuLoss(log=True)(prediction, golden['target'], golden['mask'].bool())
    assert_golden(in_log, golden['loss_log'])
    assert_golden(
        BerHuLoss()(prediction, golden['target']), golden['loss_all_ones_mask']
    )


def test_definition():
    """Errors 1, 5 and 10: C = 2, so 1, (25 + 4) / 4 and (100 + 4) / 4."""
    prediction = torch.tensor([1.0, -5.0, 10.0]).view(1, 1, 1, 3)
    loss = BerHuLoss(loss_weight=3)(prediction, torch.zeros_like(prediction))
    torch.testing.assert_close(loss, torch.tensor(1 + 7.25 + 26.0))


@pytest.mark.parametrize('all_masked', [False, True])
def test_no_error_gives_zero_and_zero_gradient(all_masked):
    prediction = torch.rand(2, 1, 3, 4, requires_grad=True)
    target = prediction.detach() + all_masked
    loss = BerHuLoss()(prediction, target, torch.full_like(target, not all_masked))
    loss.backward()
    assert loss == 0
    assert (prediction.grad == 0).all()


def test_autocast_and_shapes():
    loss = MODELS.build(dict(type='BerHuLoss', threshold=0.3))
    prediction, target = torch.rand(2, 2, 1, 8, 8).unbind()
    with torch.autocast('cpu', torch.bfloat16):
        torch.testing.assert_close(loss(prediction, target), loss(prediction, target))
        assert loss(prediction.bfloat16(), target).dtype == torch.float32
    with pytest.raises(ValueError, match='^target'):
        loss(prediction, target[:1])
    with pytest.raises(ValueError, match='^mask'):
        loss(prediction, target, target[:1])
    with pytest.raises(ValueError, match='threshold'):
        BerHuLoss(0)
