"""Drawing predictions: at any size, and one picture per image and network."""

import os.path as osp
from pathlib import Path

import cv2
import mmseg.visualization
import numpy as np
from mmengine.visualization import LocalVisBackend
from mmseg.structures import SegDataSample

from mmdepthseg.names import output_name
from mmdepthseg.registry import VISUALIZERS


@VISUALIZERS.register_module()
class SegLocalVisualizer(mmseg.visualization.SegLocalVisualizer):
    """MMSegmentation's `SegLocalVisualizer` for any size of comparison and any name.

    The original draws on the image file and fails if predictions and labels have
    another size, as `LoadSegLabel(evaluate_at=...)` makes them. MMSegmentation's hook
    names pictures by the file name of the image (`test_000001.jpg`), which frames of
    several clips, and student and teacher, have in common; here they are called
    `test/<clip>/<frame>` (see `output_name`).
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
        if data_sample is not None and 'img_path' in data_sample:
            stage, _, file = name.partition('_')  # of MMSegmentation's hook
            if file == osp.basename(data_sample.img_path):
                name = f'{stage}/{output_name(data_sample)}'
        super().add_datasample(name, image, data_sample, *args, **kwargs)

    def add_image(self, name: str, image: np.ndarray, step: int = 0) -> None:
        """Record a picture; names may have folders.

        Args:
            name: Identifier of the picture.
            image: (H, W, 3) uint8 RGB.
            step: Number of the iteration, or of the picture.
        """
        for backend in self._vis_backends.values():
            if isinstance(backend, LocalVisBackend):
                folder = Path(backend.experiment._img_save_dir, name).parent
                folder.mkdir(parents=True, exist_ok=True)
        super().add_image(name, image, step)
