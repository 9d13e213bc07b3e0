import pytest
import torch

from mmdepthseg.models.mixing import ComplementaryDropout
from mmdepthseg.utils.errors import UserError


def test_two_views_have_disjoint_channels():
    levels = (torch.ones(6, 50, 2, 3), torch.ones(6, 40, 1, 1))
    for level in ComplementaryDropout(whole=0.0)(levels):
        first, second = level[:3], level[3:]
        assert torch.equal(first + second, torch.full_like(first, 2))
        assert set(first.unique().tolist()) == {0, 2}
        # whole channels, about half of them, others in each image
        kept = first.flatten(2)
        assert (kept == kept[..., :1]).all()
        assert 0.3 < (kept > 0).float().mean() < 0.7
        assert not torch.equal(first[0], first[1])


def test_some_images_stay_whole_in_both_views():
    level = ComplementaryDropout(whole=0.5)((torch.ones(200, 8, 1, 1),))[0]
    whole = (level.flatten(1) == 1).all(1)
    assert torch.equal(whole[:100], whole[100:])
    assert 30 < whole[:100].sum() < 70
    assert (ComplementaryDropout(whole=1)((level,))[0] == level).all()


def test_refusals():
    with pytest.raises(UserError, match='whole'):
        ComplementaryDropout(whole=1.1)
    with pytest.raises(UserError, match='3 images'):
        ComplementaryDropout()((torch.ones(3, 2, 1, 1),))
