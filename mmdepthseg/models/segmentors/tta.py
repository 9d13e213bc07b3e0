"""Test-time augmentation of labels and depth."""

import torch
from mmengine.structures import PixelData
from mmseg.models.segmentors import SegTTAModel
from mmseg.utils import SampleList

from mmdepthseg.registry import MODELS


@MODELS.register_module()
class DepthSegTTAModel(SegTTAModel):
    """Merges the predictions for an image and its augmented forms.

    Labels as MMSegmentation's `SegTTAModel` does, from the mean of the probabilities
    (for a single channel that class applies the sigmoid twice, so that nearly all is
    above the threshold: corrected here); depth from the mean of the *inverse* depth, in
    which predictions of networks are smooth. For an image and its mirror image the
    latter is the post-processing of Monodepth (Godard et al., CVPR 2017), without its
    special treatment of the borders, which disparity of a stereo pair needs.
    """

    def merge_preds(self, data_samples_list: list[SampleList]) -> SampleList:
        """Merge the predictions of each image.

        Args:
            data_samples_list: For each image the samples of its forms, all with
                predictions at the original size and not mirrored: `seg_logits`,
                `pred_depth_map` (1, H, W), or both.

        Returns:
            The first sample of each image, with `pred_sem_seg`, and `seg_logits` of the
            mean of the probabilities, with `pred_depth_map`, or with both.
        """
        for samples in data_samples_list:
            if 'seg_logits' in samples[0]:
                self._merge_labels(samples)
            if 'pred_depth_map' in samples[0]:
                depths = [sample.pred_depth_map.data for sample in samples]
                depth = torch.stack(depths).reciprocal().mean(0).reciprocal()
                samples[0].set_data(dict(pred_depth_map=PixelData(data=depth)))
        return [samples[0] for samples in data_samples_list]

    def _merge_labels(self, samples: SampleList) -> None:
        """Put the mean into the first sample."""
        single = self.module.out_channels == 1
        mean = torch.zeros_like(samples[0].seg_logits.data)
        for sample in samples:
            found = sample.seg_logits.data
            # of a single channel, predictions keep the probability
            mean += (found if single else found.softmax(0)) / len(samples)
        if single:
            labels = (mean > self.module.decode_head.threshold).to(mean)
        else:
            labels = mean.argmax(0)
        merged = dict(pred_sem_seg=labels, seg_logits=mean if single else mean.log())
        samples[0].set_data({k: PixelData(data=data) for k, data in merged.items()})
