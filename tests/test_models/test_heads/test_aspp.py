"""Image pooling of a batch of one has no batch statistics."""

import torch

from mmdepthseg.models.heads.aspp import ASPP


def test_a_batch_of_one_leaves_modes_as_they_were():
    torch.manual_seed(0)
    aspp = ASPP(4, 6)
    norm = aspp.image_pool.norm
    assert aspp(torch.rand(1, 4, 8, 8)).shape == (1, 6, 8, 8)
    assert norm.training and not norm.num_batches_tracked
    aspp.image_pool.eval()
    aspp(torch.rand(1, 4, 8, 8))
    assert not norm.training
    aspp.image_pool.train()
    aspp(torch.rand(2, 4, 8, 8))
    assert norm.num_batches_tracked == 1
