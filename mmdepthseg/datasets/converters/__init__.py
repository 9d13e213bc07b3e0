"""Converting published data sets into what the data sets here read best."""

from mmdepthseg.datasets.converters.cityscapes import ConvertOptions, convert_cityscapes
from mmdepthseg.datasets.converters.cityscapes_release import PACKAGES, SPLITS

__all__ = ['PACKAGES', 'SPLITS', 'ConvertOptions', 'convert_cityscapes']
