"""Registries of the scope `mmdepthseg`, children of MMSegmentation's.

With `default_scope = 'mmdepthseg'` in a config, a name is looked up first in this
package, then in MMSegmentation, then in MMEngine and mmcv. `mmdepthseg.plugin` fills
the registries, at the latest when one of them is first queried.
"""

from types import ModuleType

from mmdepthseg.frameworks import require_frameworks, without_import_noise

require_frameworks()
with without_import_noise():  # whatever part of ours is the first to be imported
    import mmseg.datasets
    import mmseg.models  # noqa: F401

import mmengine.registry as root_registry  # noqa: E402
import mmseg.registry as mmseg_registry  # noqa: E402
from mmengine.registry import Registry  # noqa: E402

SCOPE = 'mmdepthseg'


def _child(kind: str, of: ModuleType = mmseg_registry) -> Registry:
    parent = getattr(of, kind)
    locations = ['mmdepthseg.plugin']
    return Registry(parent.name, parent=parent, scope=SCOPE, locations=locations)


DATASETS = _child('DATASETS')
DATA_SAMPLERS = _child('DATA_SAMPLERS')
TRANSFORMS = _child('TRANSFORMS')
MODELS = _child('MODELS')
WEIGHT_INITIALIZERS = _child('WEIGHT_INITIALIZERS')
METRICS = _child('METRICS')
HOOKS = _child('HOOKS')
LOOPS = _child('LOOPS')
OPTIM_WRAPPERS = _child('OPTIM_WRAPPERS')
OPTIM_WRAPPER_CONSTRUCTORS = _child('OPTIM_WRAPPER_CONSTRUCTORS')
VISUALIZERS = _child('VISUALIZERS')
# The Runner looks wrappers up in MMEngine's own registry, which searches only its
# direct children.
MODEL_WRAPPERS = _child('MODEL_WRAPPERS', of=root_registry)

# This package has no parts of these kinds, but without a child registry MMEngine
# warns at every look-up.
EVALUATOR = _child('EVALUATOR')
INFERENCERS = _child('INFERENCERS')
LOG_PROCESSORS = _child('LOG_PROCESSORS')
OPTIMIZERS = _child('OPTIMIZERS')
PARAM_SCHEDULERS = _child('PARAM_SCHEDULERS')
RUNNER_CONSTRUCTORS = _child('RUNNER_CONSTRUCTORS')
RUNNERS = _child('RUNNERS')
TASK_UTILS = _child('TASK_UTILS')
VISBACKENDS = _child('VISBACKENDS')

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
