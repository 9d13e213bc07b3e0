import pytest
import torch
import torch.nn.functional as F
from helpers.golden import assert_golden, assert_golden_gradient, load
from mmseg.models.losses import CrossEntropyLoss

from mmdepthseg.models.losses import prediction_entropy


def test_golden_entropy():
    golden = load('b2')
    assert_golden(prediction_entropy(golden['logits']), golden['entropy'])
    assert_golden(
        prediction_entropy(golden['logits'], normalize=True),
        golden['entropy_normalized'],
    )


def test_golden_cross_entropy_of_mmseg():
    """MMSeg's own loss is the reference's, with averaging over valid pixels."""
    golden = load('b2')
    loss = CrossEntropyLoss(avg_non_ignore=True)
    target = golden['target'].long()
    logits = golden['logits'].requires_grad_()
    value = loss(logits, target, ignore_index=250)
    assert_golden(value, golden['ce'])
    value.backward()
    assert_golden_gradient(logits.grad, golden['ce_grad'])
    upsampled = F.interpolate(
        golden['logits_half_size'],
        size=target.shape[-2:],
        mode='bilinear',
        align_corners=True,
    )
    assert_golden(
        loss(upsampled, target, ignore_index=250), golden['ce_half_size_logits']
    )


def test_golden_pixel_weights_of_mmseg():
    """Weighted pixels, averaged over all of them, ignored ones included."""
    golden = load('b2')
    loss = CrossEntropyLoss(avg_non_ignore=False)
    logits = golden['logits'].requires_grad_()
    value = loss(
        logits,
        golden['target'].long(),
        weight=golden['pixel_weights'],
        ignore_index=250,
    )
    assert_golden(value, golden['ce_pixel_weighted'])
    value.backward()
    total = logits.grad.double().abs().sum()
    assert_golden(total, golden['ce_pixel_weighted_grad_sum_abs'], 1e-3)


def test_limits():
    even, sure = torch.zeros(1, 4, 1, 2), torch.zeros(1, 4, 1, 2)
    sure[:, 2] = 200
    torch.testing.assert_close(prediction_entropy(even), torch.ones(1, 1, 2))
    torch.testing.assert_close(prediction_entropy(sure), torch.zeros(1, 1, 2))
    constant = prediction_entropy(even, normalize=True)
    assert (constant == 0).all()
    with torch.autocast('cpu', torch.bfloat16):
        assert prediction_entropy(even.bfloat16()).dtype == torch.float32
    with pytest.raises(ValueError, match='single class'):
        prediction_entropy(even[:, :1])
    with pytest.raises(ValueError, match='scores|logits'):
        prediction_entropy(even[0])
