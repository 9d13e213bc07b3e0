"""A hook for the distributed test: are the weights the same on all ranks?"""

import hashlib
from pathlib import Path

from mmengine.dist import all_gather_object, get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from mmdepthseg.registry import HOOKS


@HOOKS.register_module()
class SameOnAllRanksHook(Hook):
    """Writes 'same N' to a file if N ranks hold equal weights, else what differs.

    Every tensor of the state dict is compared bit for bit, batch norm statistics too.
    """

    def __init__(self, out):
        self.out = out

    def after_train(self, runner):
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        prints = {name: hashlib.sha256(value.cpu().numpy().tobytes()).hexdigest()
                  for name, value in model.state_dict().items()}
        gathered = all_gather_object(prints)
        different = [name for name in prints if len({g[name] for g in gathered}) > 1]
        if get_rank() == 0:
            text = f'same {get_world_size()}' if not different else str(different)
            Path(self.out).write_text(text)
