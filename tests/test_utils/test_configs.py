"""Values of configs that the framework reads late."""

import re

import pytest

from mmdepthseg.utils.configs import check_test_cfg
from mmdepthseg.utils.errors import UserError

SLIDE = dict(mode='slide', crop_size=(16, 16), stride=(8, 16))


@pytest.mark.parametrize('options', [{}, dict(mode='whole'), SLIDE])
def test_options_of_inference(options):
    check_test_cfg(options, 'x')


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(mode='slid'), "x.mode must be one of ('whole', 'slide'), got 'slid'"),
        (dict(mode='slide'), "x with mode='slide' needs crop_size"),
        (dict(SLIDE, crop_size=16), 'crop_size, (height, width) in whole pixels'),
        (dict(SLIDE, crop_size=(16, 16, 3)), 'crop_size'),
        (dict(SLIDE, stride=(8.0, 8)), 'stride'),
        (dict(SLIDE, stride=(0, 8)), 'stride'),
        (dict(SLIDE, stride=(8, 17)), 'x.stride=(8, 17) must not exceed crop_size'),
    ],
)
def test_options_that_inference_cannot_use(options, message):
    with pytest.raises(UserError, match=re.escape(message)):
        check_test_cfg(options, 'x')
