"""The ranks of a selection: one chooses, the others wait for it and help to score."""

from datetime import timedelta

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dist import broadcast_object_list, init_dist, is_distributed

from mmdepthseg.launch.setup import leave_distributed, setup_distributed
from mmdepthseg.selection.growth import Scorer

#: How long ranks wait for each other: a farthest point step of a large pool takes hours
#: on the first one, and the default limits of process groups are minutes.
PATIENCE = timedelta(days=30)


class PatientRanks:
    """The process group, and one of the same ranks that waits as long as it takes.

    Starts the group if there is none yet.

    Args:
        cfg: Its `env_cfg.dist_cfg` goes to the group; the rest of `env_cfg` is left
            to the students.
        launcher: `'none'`, `'pytorch'`, `'slurm'` or `'mpi'`.
    """

    def __init__(self, cfg: Config, launcher: str) -> None:
        self._joined, self._patient = not is_distributed(), None
        options = {
            'timeout': PATIENCE.total_seconds(),
            **((cfg.get('env_cfg') or {}).get('dist_cfg') or {}),
        }
        setup_distributed(Config(dict(env_cfg=dict(dist_cfg=options))), launcher)
        if launcher != 'none' and not is_distributed():
            init_dist(launcher, **options)
        if is_distributed():  # maybe started by others, with their limit
            self._patient = torch.distributed.new_group(
                timeout=PATIENCE, backend='gloo'
            )

    def tell(self, rows: np.ndarray | None) -> np.ndarray | None:
        """Return the first rank's `rows` on all ranks, however long they wait."""
        box = [rows]
        broadcast_object_list(box, group=self._patient)
        return box[0]

    def lead(self, scorer: Scorer) -> Scorer:
        """Return the first rank's scorer, which makes the others score the same."""

        def score(rows: np.ndarray) -> np.ndarray:
            self.tell(rows)
            return scorer(rows)

        return score

    def follow(self, scorer: Scorer | None) -> None:
        """Score on another rank whatever the first one does, until it tells None."""
        while (rows := self.tell(None)) is not None and scorer is not None:
            scorer(rows)

    def leave(self) -> None:
        """Wait for all ranks, then end the group if it was started here."""
        leave_distributed(self._patient)
        if self._joined:
            leave_distributed()
