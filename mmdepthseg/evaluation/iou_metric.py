"""MMSegmentation's `IoUMetric` with one file per image, labelled or not."""

import io
from collections.abc import Sequence
from pathlib import Path

import mmseg.evaluation
import numpy as np
from mmengine.logging import print_log

from mmdepthseg.cityscapes import IGNORED
from mmdepthseg.names import OutputNames, output_name
from mmdepthseg.registry import METRICS
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import inside, write_atomically
from mmdepthseg.utils.pictures import write_picture


@METRICS.register_module()
class IoUMetric(mmseg.evaluation.IoUMetric):
    """MMSegmentation's `IoUMetric` whose label maps do not overwrite each other.

    The original names the maps after the file name of the image, which frames of
    different clips may share and which is the same for student and teacher; it also
    requires labels. Here a map is written to `<output_dir>/<clip>/<frame>.png` (see
    `output_name`), without the folder where frames bear its name (Cityscapes'
    `aachen/aachen_...`): MMSegmentation's confusion_matrix.py reads one folder. For an
    image without a label only the map is written.

    Args:
        per_class: Also return the IoU in % of each class that predictions or labels
            show, as `IoU/<class>`.
        numbered: Write the maps of all clips into one folder, in the order of the data
            set: `<output_dir>/<position>_<clip>_<frame>.png`, as MMSegmentation's
            confusion_matrix.py needs them.
        areas_file: Write the pixels of intersection and union of each image, and its
            name, to this file (`.npz` is added, and the network's name for a mean
            teacher), for tools/analysis_tools/bootstrap_iou.py.
        *args: Passed to MMSegmentation's class.
        **kwargs: Passed to MMSegmentation's class.

    Raises:
        UserError: Two images would have the same map, or an image has no label
            and neither `output_dir` nor `format_only` is set.
    """

    output_dir: str | None

    def __init__(
        self,
        *args,
        per_class: bool = False,
        numbered: bool = False,
        areas_file: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.per_class = per_class
        self.numbered = numbered
        self.areas_file = areas_file
        self._network: str | None = None
        self._names = OutputNames()

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Compare the predictions with the labels, and write them.

        Args:
            data_batch: Unused.
            data_samples: Dicts with `pred_sem_seg`, and with `gt_sem_seg` if labelled.
        """
        labelled = [sample for sample in data_samples if 'gt_sem_seg' in sample]
        self._network = data_samples[0].get('network') if data_samples else None
        folder, self.output_dir = self.output_dir, None  # the maps are written below
        try:
            for sample in data_samples:
                if 'gt_sem_seg' in sample:
                    super().process(data_batch, [self._with_void(sample)])
                    if self.areas_file and not self.format_only:
                        name = output_name({**sample, 'network': None})
                        self.results[-1] = (*self.results[-1], name)
                elif not self.format_only:
                    # one result per image: ranks cut off those that a sampler repeats
                    self.results.append(())
        finally:
            self.output_dir = folder
        if self.output_dir is not None:
            for sample in data_samples:
                self._write(sample, self.output_dir)
        elif len(labelled) < len(data_samples) and not self.format_only:
            name = next(output_name(s) for s in data_samples if 'gt_sem_seg' not in s)
            raise UserError(
                f'IoUMetric: image {name} has no label (or the pipeline has no '
                'LoadSegLabel). To write only the predictions, set `output_dir` or '
                'pass --out to tools/test.py.'
            )

    def _with_void(self, sample: dict) -> dict:
        """Return a sample whose void pixels, 255, have the metric's `ignore_index`."""
        classes = (self.dataset_meta or {}).get('classes') or ()
        if self.ignore_index == IGNORED or len(classes) > IGNORED:
            return sample
        label = sample['gt_sem_seg']['data']
        void = label.long().masked_fill(label == IGNORED, self.ignore_index)
        return {**sample, 'gt_sem_seg': dict(data=void)}

    def _write(self, sample: dict, folder: str) -> None:
        name = Path(output_name(sample))
        if self.numbered:
            if 'sample_idx' not in sample:
                raise UserError(
                    'IoUMetric: numbered=True needs the positions of the images in the '
                    'data set: pack them with PackDepthSegInputs'
                )
            network = sample.get('network') or ''
            flat = '_'.join(name.relative_to(network).parts)
            name = Path(network, f'{sample["sample_idx"]:06d}_{flat}')
        elif name.name.startswith(f'{name.parent.name}_'):
            name = name.parent.parent / name.name
        self._names.claim(str(name), sample)
        path = inside(folder, f'{name}.png')
        label = sample['pred_sem_seg']['data'].squeeze().cpu().numpy()
        if sample.get('reduce_zero_label', False):  # as the label files of the data set
            label = label + 1
        kind = np.uint8 if label.max() <= 255 else np.uint16
        write_picture(path, label.astype(kind))

    def _write_areas(self, results: list) -> None:
        end = f'_{self._network}' if self._network else ''
        path = Path(f'{self.areas_file}{end}.npz')
        content = io.BytesIO()
        areas = [[part.cpu().numpy() for part in image[:2]] for image in results]
        names = np.array([image[-1] for image in results])
        np.savez_compressed(content, areas=np.array(areas, np.float32), names=names)
        write_atomically(path, content.getvalue())

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the figures over the images that have a label.

        Args:
            results: A tuple of areas per image, with its name if `areas_file` is set;
                empty without a label.

        Returns:
            Metrics; empty if no image has a label.
        """
        unlabelled = sum(not areas for areas in results)
        if unlabelled and not self.format_only:
            print_log(
                f'IoUMetric: {unlabelled} image(s) without label: their maps are '
                f'in {self.output_dir}; the figures leave them out.',
                logger='current',
            )
        results = [areas for areas in results if areas]
        if not results or self.format_only:
            return super().compute_metrics(results) if self.format_only else {}
        if self.areas_file:
            self._write_areas(results)
            results = [areas[:-1] for areas in results]
        figures = super().compute_metrics(results)
        if self.per_class:
            intersect, union, *_ = (sum(areas) for areas in zip(*results, strict=True))
            names = (self.dataset_meta or {})['classes']
            for name, inner, outer in zip(names, intersect, union, strict=True):
                if outer:
                    figures[f'IoU/{name}'] = round(100 * float(inner / outer), 2)
        return figures
