"""What each of two processes does in the distributed test of multi-task learning."""

import torch
import torch.distributed as dist
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper

from helpers.tiny_models import build_multi_task_teacher, teacher_batch
from mmdepthseg.launch.setup import leave_distributed
from mmdepthseg.models.segmentors import SplitBackwardDDP

STEPS = 3


def trained(split: bool, rank: int) -> dict[str, torch.Tensor]:
    """Parameters, and the teacher's buffers, after steps on this rank's own samples."""
    torch.manual_seed(0)
    model = build_multi_task_teacher(split_backward=split)
    model.train()
    wrapper = OptimWrapper(
        torch.optim.SGD(model.student.parameters(), 1e-2, momentum=0.9),
        clip_grad=dict(max_norm=1.0),
    )
    kind = SplitBackwardDDP if split else MMDistributedDataParallel
    ddp = kind(module=model, find_unused_parameters=False, broadcast_buffers=False)
    torch.manual_seed(1 + rank)
    for step in range(STEPS):
        ddp.train_step(
            teacher_batch(
                mix=2 + step % 2, neighbours=True, first=10 * (STEPS * rank + step)
            ),
            wrapper,
        )
        model.update_teacher()
    parts = (*model.named_parameters(), *model.teacher.named_buffers('teacher'))
    return {name: value.detach().clone() for name, value in parts}


def run(rank: int, rendezvous: str, out: str) -> None:
    """Train both ways; the ranks must agree; rank 0 writes the weights of both."""
    torch.set_num_threads(1)
    dist.init_process_group(
        'gloo', init_method=f'file://{rendezvous}', rank=rank, world_size=2
    )
    found = {}
    for name, split in dict(whole=False, split=True).items():
        weights = trained(split, rank)
        found[name] = weights
        for key, value in weights.items():
            other = value.clone()
            dist.broadcast(other, 1)
            assert torch.equal(value, other), f'{name}: {key} differs between ranks'
    if rank == 0:
        torch.save(found, out)
    leave_distributed()
