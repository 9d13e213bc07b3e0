"""Visualiser for predictions of any size, with one picture per image and network."""

import os.path as osp
from pathlib import Path

import cv2
import mmcv
import mmseg.visualization
import numpy as np
from mmengine.visualization import LocalVisBackend
from mmseg.structures import SegDataSample

from mmdepthseg.names import output_name
from mmdepthseg.registry import VISUALIZERS

DRAWN = {'gt_sem_seg', 'gt_depth_map', 'pred_sem_seg', 'pred_depth_map'}


@VISUALIZERS.register_module()
class SegLocalVisualizer(mmseg.visualization.SegLocalVisualizer):
    """MMSegmentation's `SegLocalVisualizer` for label maps of any size and any name.

    The original draws on the image file and fails if predictions and labels have
    another size, as they do with `LoadSegLabel(evaluate_at=...)`. MMSegmentation's hook
    names pictures after the file name of the image (`test_000001.jpg`), which frames of
    different clips may share and which is the same for student and teacher; here they
    are named `test/<clip>/<frame>` (see `output_name`), and `<clip>/<frame>.jpg` below
    the folder of its browse_dataset.py.
    """

    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: SegDataSample | None = None,
        *args,
        **kwargs,
    ) -> None:
        """Resize the image to the label maps, then draw as the original does.

        Args:
            name: Identifier of the picture.
            image: Image (H, W, 3), uint8, RGB.
            data_sample: Sample with `pred_sem_seg`, `gt_sem_seg`, both or neither.
            *args: Passed to MMSegmentation's method.
            **kwargs: Passed to MMSegmentation's method.
        """
        for key in ('pred_sem_seg', 'gt_sem_seg'):
            if data_sample is not None and key in data_sample:
                height, width = data_sample.get(key).data.shape[-2:]
                if image.shape[:2] != (height, width):
                    image = cv2.resize(
                        image, (width, height), interpolation=cv2.INTER_LINEAR
                    )
                break
        if data_sample is not None and 'gt_depth_map' not in data_sample:
            if {'gt_sem_seg', 'pred_depth_map'} <= {*data_sample.keys()}:
                # the original puts truth and prediction side by side, each above its
                # depth, and needs both or none
                data_sample = data_sample.clone()
                del data_sample.pred_depth_map
        if data_sample is not None and 'img_path' in data_sample:
            stage, _, file = name.partition('_')  # as MMSegmentation's hook names it
            if file == osp.basename(data_sample.img_path):
                name = f'{stage}/{output_name(data_sample)}'
            # browse_dataset.py gives a file, named in the same way
            folder, file = osp.split(kwargs.get('out_file') or '')
            if file == osp.basename(data_sample.img_path):
                name_in_folder = output_name(data_sample) + osp.splitext(file)[1]
                kwargs['out_file'] = osp.join(folder, name_in_folder)
        # OpenMMLab's release gives OpenCV an array of the image's layout to draw on
        image = np.ascontiguousarray(image)
        if data_sample is None or not DRAWN & {*data_sample.keys()}:
            self._add_image_alone(name, image, *args, **kwargs)
        else:
            super().add_datasample(name, image, data_sample, *args, **kwargs)

    def _add_image_alone(
        self,
        name: str,
        image: np.ndarray,
        draw_gt: bool = True,
        draw_pred: bool = True,
        show: bool = False,
        wait_time: float = 0,
        out_file: str | None = None,
        step: int = 0,
        **kwargs,
    ) -> None:
        """Do as the maintained fork does without truth and prediction.

        OpenMMLab's release has nothing to draw then, and fails.
        """
        if show:
            self.show(image, win_name=name, wait_time=wait_time)
        if out_file:
            mmcv.imwrite(mmcv.rgb2bgr(image), out_file)
        else:
            self.add_image(name, image, step)

    def add_image(self, name: str, image: np.ndarray, step: int = 0) -> None:
        """Record a picture; its name may contain folders.

        Args:
            name: Identifier of the picture.
            image: Image (H, W, 3), uint8, RGB.
            step: Number of the iteration or of the picture.
        """
        for backend in self._vis_backends.values():
            if isinstance(backend, LocalVisBackend):
                folder = Path(backend.experiment._img_save_dir, name).parent
                folder.mkdir(parents=True, exist_ok=True)
        super().add_image(name, image, step)
