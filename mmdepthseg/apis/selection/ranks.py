"""Ranks of a selection: the first one chooses, the others wait and help to score."""

from datetime import timedelta

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dist import broadcast_object_list, init_dist, is_distributed

from mmdepthseg.launch.setup import leave_distributed, setup_distributed
from mmdepthseg.selection.growth import Scorer

#: Time limit for ranks that wait: a farthest point step of a large pool takes hours on
#: the first rank, and the default limits of process groups are minutes.
PATIENCE = timedelta(days=30)


class PatientRanks:
    """The process group, and a second one of the same ranks with a long time limit.

    The first group is started if there is none yet.

    Args:
        cfg: Its `env_cfg.dist_cfg` configures the group; the rest of `env_cfg` is for
            the students.
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
        if is_distributed():  # possibly started by the caller, with another limit
            self._patient = torch.distributed.new_group(
                timeout=PATIENCE, backend='gloo'
            )

    def tell(self, rows: np.ndarray | None) -> np.ndarray | None:
        """Send the first rank's `rows` to all ranks and return them."""
        box = [rows]
        broadcast_object_list(box, group=self._patient)
        return box[0]

    def lead(self, scorer: Scorer) -> Scorer:
        """Return a scorer for the first rank that makes the other ranks score, too."""

        def score(rows: np.ndarray) -> np.ndarray:
            self.tell(rows)
            return scorer(rows)

        return score

    def follow(self, scorer: Scorer | None) -> None:
        """Score what the first rank scores, until it sends None."""
        while (rows := self.tell(None)) is not None and scorer is not None:
            scorer(rows)

    def leave(self) -> None:
        """Wait for all ranks, then end the group if it was started here."""
        leave_distributed(self._patient)
        if self._joined:
            leave_distributed()
