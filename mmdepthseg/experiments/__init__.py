"""Tables of experiments: methods x numbers of labels x seeds."""

from mmdepthseg.experiments.figures import (
    collect,
    read_earlier,
    read_figures,
    summarize,
    with_figures,
)
from mmdepthseg.experiments.plan import make_stages
from mmdepthseg.experiments.report import code_version, markdown, write_report
from mmdepthseg.experiments.run import StageRunner, local_places, lock_folder
from mmdepthseg.experiments.stage import Stage, StageBook
from mmdepthseg.experiments.table import ExperimentTable, Run

__all__ = [
    'ExperimentTable',
    'Run',
    'Stage',
    'StageBook',
    'StageRunner',
    'code_version',
    'collect',
    'local_places',
    'lock_folder',
    'make_stages',
    'markdown',
    'read_earlier',
    'read_figures',
    'with_figures',
    'summarize',
    'write_report',
]
