"""Merging the predictions of test-time augmentation."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.models.segmentors import SegTTAModel
from mmseg.structures import SegDataSample
from torch import nn

from mmdepthseg.models import DepthSegTTAModel

TRUTH = ('gt_sem_seg', 'gt_depth_map')


class Module(nn.Module):
    """What `SegTTAModel` asks of a segmentor."""

    out_channels = 3

    def test_step(self, data):
        raise NotImplementedError


class SingleChannel(Module):
    out_channels = 1
    decode_head = SimpleNamespace(threshold=0.3)


def merge(kind, forms):
    """The merged sample of one image."""
    (merged,) = kind(Module()).merge_preds([forms])
    return merged


def form(number, **fields):
    """A form of an image, with truth that tells which one it is."""
    sample = SegDataSample(metainfo=dict(img_path='a.png'))
    truth = dict.fromkeys(TRUTH, torch.full((1, 2, 2), float(number)))
    for name, data in {**fields, **truth}.items():
        sample.set_data({name: PixelData(data=data)})
    return sample


def depths(*values):
    return [torch.tensor([[[v, 1.0], [v, v]]]) for v in values]


def test_depth_is_the_mean_in_inverse_depth():
    forms = [form(i, pred_depth_map=d) for i, d in enumerate(depths(2.0, 6.0))]
    merged = merge(DepthSegTTAModel, forms)
    torch.testing.assert_close(merged.pred_depth_map.data, depths(3.0)[0])
    for name in TRUTH:
        assert merged.get(name).data.eq(0).all()  # that of the first form
    assert merged.img_path == 'a.png' and 'pred_sem_seg' not in merged


@pytest.mark.parametrize('with_depth', [False, True])
def test_labels_are_merged_as_mmsegmentation_does(with_depth):
    torch.manual_seed(0)
    logits = [torch.randn(3, 2, 2) for _ in range(2)]

    def forms():
        fields = [dict(seg_logits=value) for value in logits]
        if with_depth:
            for field, depth in zip(fields, depths(2.0, 6.0)):
                field['pred_depth_map'] = depth
        return [form(i, **field) for i, field in enumerate(fields)]

    merged, theirs = merge(DepthSegTTAModel, forms()), merge(SegTTAModel, forms())
    assert torch.equal(merged.pred_sem_seg.data, theirs.pred_sem_seg.data)
    assert merged.gt_sem_seg.data.eq(0).all()
    assert ('pred_depth_map' in merged) == with_depth
    if with_depth:
        torch.testing.assert_close(merged.pred_depth_map.data, depths(3.0)[0])
        assert merged.gt_depth_map.data.eq(0).all()


def test_probabilities_of_a_single_channel_are_averaged_as_they_are():
    """MMSegmentation's class takes them for logits."""
    values = [torch.tensor([[[p, 0.9], [0.1, 0.2]]]) for p in (0.2, 0.6)]
    model = DepthSegTTAModel(SingleChannel())
    (merged,) = model.merge_preds([[form(0, seg_logits=v) for v in values]])
    torch.testing.assert_close(merged.seg_logits.data, sum(values) / 2)
    assert merged.pred_sem_seg.data.tolist() == [[[1, 1], [0, 0]]]


def test_scores_of_the_merged_sample_are_those_of_all_forms():
    torch.manual_seed(0)
    forms = [form(i, seg_logits=torch.randn(3, 2, 2)) for i in range(2)]
    wanted = sum(sample.seg_logits.data.softmax(0) for sample in forms) / 2
    merged = merge(DepthSegTTAModel, forms)
    torch.testing.assert_close(merged.seg_logits.data.softmax(0), wanted)
