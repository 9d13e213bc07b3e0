"""Child registries of MMSegmentation's, scope `mmdepthseg`.

A config that sets `default_scope = 'mmdepthseg'` finds our parts first, then
MMSegmentation's, then MMEngine's and mmcv's. Parts are imported on first use
(`locations`), so a config needs no `custom_imports`. Kinds of parts of which we
have none get an empty child: without it MMEngine warns at every look-up.
"""

from mmdepthseg.utils.compat import require_frameworks

require_frameworks()

import mmengine.registry as root_registry  # noqa: E402
import mmseg.registry as mmseg_registry  # noqa: E402
from mmengine.registry import Registry  # noqa: E402

SCOPE = 'mmdepthseg'


def _child(kind: str, *locations: str, of=mmseg_registry) -> Registry:
    parent = getattr(of, kind)
    return Registry(parent.name, parent=parent, scope=SCOPE, locations=list(locations))


DATASETS = _child('DATASETS', 'mmdepthseg.datasets')
DATA_SAMPLERS = _child('DATA_SAMPLERS', 'mmdepthseg.datasets.samplers')
TRANSFORMS = _child(
    'TRANSFORMS', 'mmdepthseg.datasets.transforms', 'mmdepthseg.models.mixing'
)
MODELS = _child('MODELS', 'mmdepthseg.models')
# The Runner asks MMEngine's own registry for wrappers by name, and that looks no
# further down than its own children.
MODEL_WRAPPERS = _child('MODEL_WRAPPERS', 'mmdepthseg.models', of=root_registry)
METRICS = _child('METRICS', 'mmdepthseg.evaluation')
HOOKS = _child('HOOKS', 'mmdepthseg.engine.hooks')
LOOPS = _child('LOOPS', 'mmdepthseg.engine.loops')
OPTIM_WRAPPERS = _child('OPTIM_WRAPPERS', 'mmdepthseg.engine.optim')
OPTIM_WRAPPER_CONSTRUCTORS = _child(
    'OPTIM_WRAPPER_CONSTRUCTORS', 'mmdepthseg.engine.optim'
)

EVALUATOR = _child('EVALUATOR')
INFERENCERS = _child('INFERENCERS')
LOG_PROCESSORS = _child('LOG_PROCESSORS')
OPTIMIZERS = _child('OPTIMIZERS')
PARAM_SCHEDULERS = _child('PARAM_SCHEDULERS')
RUNNER_CONSTRUCTORS = _child('RUNNER_CONSTRUCTORS')
RUNNERS = _child('RUNNERS')
TASK_UTILS = _child('TASK_UTILS')
VISBACKENDS = _child('VISBACKENDS')
VISUALIZERS = _child(
    'VISUALIZERS', 'mmseg.visualization', 'mmdepthseg.visualization.local_visualizer'
)
WEIGHT_INITIALIZERS = _child('WEIGHT_INITIALIZERS', 'mmdepthseg.models')

__all__ = [
    'DATASETS',
    'DATA_SAMPLERS',
    'EVALUATOR',
    'HOOKS',
    'INFERENCERS',
    'LOG_PROCESSORS',
    'LOOPS',
    'METRICS',
    'MODELS',
    'MODEL_WRAPPERS',
    'OPTIMIZERS',
    'OPTIM_WRAPPERS',
    'OPTIM_WRAPPER_CONSTRUCTORS',
    'PARAM_SCHEDULERS',
    'RUNNERS',
    'RUNNER_CONSTRUCTORS',
    'SCOPE',
    'TASK_UTILS',
    'TRANSFORMS',
    'VISBACKENDS',
    'VISUALIZERS',
    'WEIGHT_INITIALIZERS',
]
