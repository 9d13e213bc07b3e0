"""Converting published data sets into what the data sets here read best."""

from .cityscapes import ConvertOptions, convert_cityscapes
from .cityscapes_release import PACKAGES, SPLITS

__all__ = ['PACKAGES', 'SPLITS', 'ConvertOptions', 'convert_cityscapes']
