"""What students are scored by."""

from types import SimpleNamespace

import numpy as np
import torch
from helpers.golden import load
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmdepthseg.apis.selection.settings import SelectionSettings
from mmdepthseg.apis.selection.student import make_criterion
from mmdepthseg.structures import FrameBatch


def criterion(model, **options):
    settings = SelectionSettings.from_config(
        Config(dict(selection=dict(criterion=options)))
    )
    return make_criterion(model, settings)


def test_depth_error_is_the_published_one():
    golden = load('d2')
    student = golden['disp_student'].float()
    samples = [
        SegDataSample(disparity_map=PixelData(data=disparity.float()))
        for disparity in golden['disp_teacher']
    ]
    model = SimpleNamespace(predict_disparity=lambda img: student)
    batch = dict(inputs=FrameBatch(torch.zeros(3, 3, 48, 96)), data_samples=samples)
    for error in ('abs_log', 'sq'):
        scores = criterion(model, type='depth_error', error=error)(batch)
        np.testing.assert_allclose(scores, golden[f'err_{error}'].numpy(), rtol=1e-4)


def test_entropy_is_the_mean_over_the_image():
    logits = torch.zeros(2, 4, 10, 6)
    logits[1, 0] = 99.0  # sure of class 0 ...
    logits[1, :, 8:] = 0.0  # ... but at the bottom
    model = SimpleNamespace(encode_decode=lambda img, infos: logits)
    batch = dict(inputs=FrameBatch(torch.zeros(2, 3, 10, 6)))
    np.testing.assert_allclose(
        criterion(model, type='entropy')(batch), [1, 0.2], atol=1e-6
    )
    np.testing.assert_allclose(
        criterion(model, type='entropy', valid_height=0.8)(batch), [1, 0], atol=1e-6
    )


def test_padding_does_not_count():
    """Scores of a padded image are those of the image alone."""
    student, teacher = torch.rand(2, 2, 1, 10, 6, generator=torch.manual_seed(0))
    teacher = teacher[..., :8, :4]
    samples = [
        SegDataSample(
            metainfo=dict(padding_size=(0, 2, 0, 2)),
            disparity_map=PixelData(data=disparity),
        )
        for disparity in teacher
    ]
    logits = torch.randn(2, 4, 10, 6, generator=torch.manual_seed(1))

    def scores(part, samples, **options):
        model = SimpleNamespace(
            predict_disparity=lambda img: student[part],
            encode_decode=lambda img, infos: logits[part],
        )
        inputs = FrameBatch(torch.zeros(2, 3, *student[part].shape[2:]))
        return criterion(model, **options)(dict(inputs=inputs, data_samples=samples))

    whole, inner = slice(None), (..., slice(8), slice(4))
    plain = [SegDataSample(disparity_map=sample.disparity_map) for sample in samples]
    for options in (dict(type='depth_error'), dict(type='entropy', valid_height=0.8)):
        expected = scores(inner, plain, **options)
        np.testing.assert_allclose(scores(whole, samples, **options), expected)
