"""Test-time augmentation of labels and depth."""

import torch
from mmengine.structures import PixelData
from mmseg.models.segmentors import SegTTAModel
from mmseg.utils import SampleList

from mmdepthseg.registry import MODELS


@MODELS.register_module()
class DepthSegTTAModel(SegTTAModel):
    """Merges the predictions for an image and its augmented forms.

    Labels as MMSegmentation's `SegTTAModel` does, from the mean of the probabilities;
    depth from the mean of the *inverse* depth, in which predictions of networks are
    smooth. For an image and its mirror image the latter is the post-processing of
    Monodepth (Godard et al., CVPR 2017), without its special treatment of the borders,
    which disparity of a stereo pair needs.
    """

    def merge_preds(self, data_samples_list: list[SampleList]) -> SampleList:
        """Merge the predictions of each image.

        Args:
            data_samples_list: For each image the samples of its forms, all with
                predictions at the original size and not mirrored: `seg_logits`,
                `pred_depth_map` (1, H, W), or both.

        Returns:
            One sample for each image. Its ground truth is that of the first form.
        """
        first = data_samples_list[0][0]
        if 'seg_logits' in first:
            merged = super().merge_preds(data_samples_list)
        else:
            merged = [samples[0] for samples in data_samples_list]
        if 'pred_depth_map' in first:
            for samples, sample in zip(data_samples_list, merged, strict=True):
                depths = [s.pred_depth_map.data for s in samples]
                depth = torch.stack(depths).reciprocal().mean(0).reciprocal()
                sample.set_data(dict(pred_depth_map=PixelData(data=depth)))
                if 'gt_depth_map' in samples[0]:
                    sample.set_data(dict(gt_depth_map=samples[0].gt_depth_map))
        return merged
