"""MMSegmentation's wrapper for mosaics, with our check of pipelines."""

from mmseg.datasets import MultiImageMixDataset as MMSegMultiImageMixDataset

from mmdepthseg.datasets.transforms.foreign import check_pipeline
from mmdepthseg.registry import DATASETS


@DATASETS.register_module()
class MultiImageMixDataset(MMSegMultiImageMixDataset):
    """MMSegmentation's `MultiImageMixDataset` of plain images and labels.

    Its pipeline runs after the data set's own and is checked together with it.

    Args:
        *args: Of MMSegmentation's class.
        **kwargs: Of MMSegmentation's class.

    Raises:
        UserError: See `check_pipeline`.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        for part in getattr(self.dataset, 'datasets', [self.dataset]):
            check_pipeline([part.pipeline, self.pipeline], type(self).__name__)
