"""Networks, losses, mixing and segmentors."""

from .backbones import *  # noqa: F401,F403
from .data_preprocessor import DepthSegDataPreProcessor
from .ema import MeanTeacherEMA
from .heads import *  # noqa: F401,F403
from .losses import *  # noqa: F401,F403
from .mixing import *  # noqa: F401,F403
from .segmentors import *  # noqa: F401,F403
from .utils import CheckedPretrainedInit

__all__ = ['CheckedPretrainedInit', 'DepthSegDataPreProcessor', 'MeanTeacherEMA']
