import pytest
import torch
from helpers.golden import assert_golden, load

from mmdepthseg.models.losses import (
    ConfidentPixelLoss,
    PseudoLabelLoss,
    pseudo_labels,
    with_ground_truth,
)
from mmdepthseg.registry import MODELS


def _golden_case(case):
    """Labels and confidence of both golden cases, made by our helpers."""
    golden = load('b3')
    labels, confidence = pseudo_labels(golden['teacher_softmax'])
    if case == 'gt1':
        onehot = golden['onehot_sample1']
        truth = torch.where(onehot.sum(0) > 0, onehot.long().argmax(0), 255)
        labels, confidence = with_ground_truth(
            labels,
            confidence,
            truth.expand(2, -1, -1),
            torch.tensor([False, True]),
        )
    return golden, labels, confidence


@pytest.mark.parametrize('case', ['soft', 'gt1'])
def test_golden(case):
    golden, labels, confidence = _golden_case(case)
    expected = golden[f'{case}_pseudo_label'].long()
    assert torch.equal(labels, expected.masked_fill(expected == 250, 255))
    share = (confidence >= 0.968).double().mean()
    assert_golden(share, golden[f'{case}_confident_fraction'])

    logits = golden['student_logits'].requires_grad_()
    loss = PseudoLabelLoss()(logits, labels, confidence)
    assert_golden(loss, golden[f'{case}_loss'])
    loss.backward()
    gradient = logits.grad
    assert_golden(gradient[:, :, 10], golden[f'{case}_grad_slice'], 1e-3, 1e-9)
    total = gradient.double().abs().sum()
    assert_golden(total, golden[f'{case}_grad_sum_abs'], 1e-3)


def test_golden_void_pixels():
    """Ground truth without a class stays void, with confidence 0."""
    _, labels, confidence = _golden_case('gt1')
    assert (labels[1, :4] == 255).all() and (confidence[1, :4] == 0).all()
    assert (confidence[1, 4:] == 1).all()


def test_logits_and_probabilities_give_the_same():
    logits = torch.randn(2, 5, 6, 7) * 20
    labels, confidence = pseudo_labels(logits, from_logits=True)
    expected, expected_confidence = pseudo_labels(logits.softmax(1))
    assert torch.equal(labels, expected)
    torch.testing.assert_close(confidence, expected_confidence)
    assert labels.dtype == torch.int64
    nothing, zero = pseudo_labels(torch.zeros(1, 3, 2, 2))
    assert (nothing == 255).all() and (zero == 0).all()


def test_all_void_gives_zero():
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    labels = torch.full((1, 2, 2), 255)
    loss = PseudoLabelLoss()(logits, labels, torch.ones(1, 2, 2))
    loss.backward()
    assert loss == 0 and (logits.grad == 0).all()


def test_autocast_and_checks():
    loss = MODELS.build(dict(type='PseudoLabelLoss', threshold=0.5, loss_weight=2.0))
    logits, labels = torch.randn(2, 3, 4, 4), torch.randint(0, 3, (2, 4, 4))
    confidence = torch.rand(2, 4, 4)
    expected = loss(logits, labels, confidence)
    plain = torch.nn.functional.cross_entropy(logits, labels)
    torch.testing.assert_close(expected, 2 * plain * (confidence >= 0.5).float().mean())
    with torch.autocast('cpu', torch.bfloat16):
        torch.testing.assert_close(loss(logits, labels, confidence), expected)
        assert loss(logits.bfloat16(), labels, confidence).dtype == torch.float32
    with pytest.raises(ValueError, match=r'labels.*\(2, 4, 4\)'):
        loss(logits, labels[..., :2], confidence)
    with pytest.raises(ValueError, match='threshold'):
        PseudoLabelLoss(threshold=2)


def test_confident_pixels_alone_by_the_formula():
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(2, 4, 5, 6, generator=generator).requires_grad_()
    labels = torch.randint(0, 4, (2, 5, 6), generator=generator)
    confidence = torch.rand(2, 5, 6, generator=generator)
    labels[0, 0], confidence[0, 0] = 255, 0
    loss = ConfidentPixelLoss(threshold=0.6, loss_weight=2.0)(
        logits, labels, confidence
    )
    # pixel by pixel, as FixMatch's equation 4 has it
    total, valid = 0.0, 0
    for n, y, x in torch.cartesian_prod(*map(torch.arange, labels.shape)).tolist():
        label = labels[n, y, x]
        valid += int(label != 255)
        if label != 255 and confidence[n, y, x] >= 0.6:
            total = total - logits[n, :, y, x].log_softmax(0)[label]
    expected = 2 * total / valid
    torch.testing.assert_close(loss, expected)
    ours, theirs = (
        torch.autograd.grad(value, logits, retain_graph=True)[0]
        for value in (loss, expected)
    )
    torch.testing.assert_close(ours, theirs)
    assert not ours[:, :, 0][0].any()


def test_no_confident_pixel_gives_zero():
    logits = torch.ones(1, 3, 2, 2, requires_grad=True)
    labels = torch.zeros(1, 2, 2, dtype=torch.long)
    loss = ConfidentPixelLoss()(logits, labels, torch.full((1, 2, 2), 0.9))
    loss.backward()
    assert loss == 0 and not logits.grad.any()
    void = torch.full_like(labels, 255)
    assert ConfidentPixelLoss()(logits, void, torch.zeros(1, 2, 2)) == 0


def test_each_class_keeps_its_portion():
    labels = torch.tensor([[[0, 0, 0, 0], [1, 1, 1, 255]]])
    confidence = torch.tensor([[[0.99, 0.98, 0.97, 0.2], [0.5, 0.4, 0.3, 0.0]]])
    logits = torch.randn(1, 3, 2, 4, generator=torch.Generator().manual_seed(1))
    loss = ConfidentPixelLoss(threshold=0.95, portion=0.5)
    # of class 0 the sure pixels, of class 1 the surer half (2 of 3)
    counts = torch.tensor([[[1, 1, 1, 0], [1, 1, 0, 0]]], dtype=torch.bool)
    each = torch.nn.functional.cross_entropy(
        logits, labels, reduction='none', ignore_index=255
    )
    torch.testing.assert_close(loss(logits, labels, confidence), each[counts].sum() / 7)
    assert torch.equal(loss.confident(labels, confidence, 3), counts)
    paper = PseudoLabelLoss(threshold=0.97).confident(labels, confidence, 3)
    assert torch.equal(paper, confidence >= 0.97) and paper.sum() == 3
    with pytest.raises(ValueError, match='portion'):
        ConfidentPixelLoss(portion=1.5)
