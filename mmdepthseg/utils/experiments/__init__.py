"""Tables of experiments: methods x numbers of labels x seeds."""

from .report import collect, markdown, summarize
from .stages import make_stages
from .table import ExperimentTable, Run

__all__ = [
    'ExperimentTable',
    'Run',
    'collect',
    'make_stages',
    'markdown',
    'summarize',
]
