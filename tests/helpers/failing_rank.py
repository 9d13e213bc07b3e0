"""A hook that ends one rank of a training in the middle."""

import os
import signal
import sys
import time

from mmengine.dist import get_rank
from mmengine.hooks import Hook

from mmdepthseg.registry import HOOKS
from mmdepthseg.utils.errors import UserError


@HOOKS.register_module()
class FailingRankHook(Hook):
    """End rank 1 before its second iteration: killed, with our error, or with a bug."""

    def __init__(self, how: str) -> None:
        self.how = how

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if get_rank() != 1 or runner.iter != 1:
            return
        print(f'dies at {time.time()}', file=sys.stderr, flush=True)
        if self.how == 'killed':
            os.kill(os.getpid(), signal.SIGKILL)
        kind = UserError if self.how == 'refused' else AssertionError
        raise kind('rank 1 must not go on')
