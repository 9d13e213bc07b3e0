"""Drawing predictions that are not as large as the image file."""

import cv2
import mmseg.visualization
import numpy as np
from mmseg.structures import SegDataSample

from mmdepthseg.registry import VISUALIZERS


@VISUALIZERS.register_module()
class SegLocalVisualizer(mmseg.visualization.SegLocalVisualizer):
    """MMSegmentation's `SegLocalVisualizer` for any size of comparison.

    That one draws on the image file and fails where predictions and labels have
    another size, as `LoadSegLabel(evaluate_at=...)` makes them.
    """

    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: SegDataSample | None = None,
        *args,
        **kwargs,
    ) -> None:
        """Bring the image to the size of the label maps, then draw as usual.

        Args:
            name: Identifier of the picture.
            image: (H, W, 3) uint8 RGB.
            data_sample: With `pred_sem_seg` and `gt_sem_seg`, or one, or none.
            *args: Of MMSegmentation's method.
            **kwargs: Of MMSegmentation's method.
        """
        for key in ('pred_sem_seg', 'gt_sem_seg'):
            if data_sample is not None and key in data_sample:
                height, width = data_sample.get(key).data.shape[-2:]
                if image.shape[:2] != (height, width):
                    image = cv2.resize(
                        image, (width, height), interpolation=cv2.INTER_LINEAR
                    )
                break
        super().add_datasample(name, image, data_sample, *args, **kwargs)
