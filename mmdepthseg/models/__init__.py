"""Networks, losses, mixing and segmentors."""

from mmdepthseg.checkpoints.pretrained_init import CheckedPretrainedInit
from mmdepthseg.models.backbones import *  # noqa: F401,F403
from mmdepthseg.models.data_preprocessor import DepthSegDataPreProcessor
from mmdepthseg.models.ema import MeanTeacherEMA
from mmdepthseg.models.heads import *  # noqa: F401,F403
from mmdepthseg.models.losses import *  # noqa: F401,F403
from mmdepthseg.models.mixing import *  # noqa: F401,F403
from mmdepthseg.models.segmentors import *  # noqa: F401,F403

__all__ = ['CheckedPretrainedInit', 'DepthSegDataPreProcessor', 'MeanTeacherEMA']
