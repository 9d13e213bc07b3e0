"""Tables of experiments: methods x numbers of labels x seeds."""

from mmdepthseg.experiments.plan import make_stages
from mmdepthseg.experiments.report import collect, markdown, summarize
from mmdepthseg.experiments.table import ExperimentTable, Run

__all__ = [
    'ExperimentTable',
    'Run',
    'collect',
    'make_stages',
    'markdown',
    'summarize',
]
