"""Training steps that every device has to compute alike."""

import copy

import torch
from mmengine.optim import OptimWrapper
from torch import nn

from helpers.tiny_models import (
    DEPTH_HEAD,
    MULTI_TASK,
    POSE_NET,
    SEG_HEAD,
    build,
    build_multi_task_teacher,
    build_teacher,
    packed_batch,
    teacher_batch,
)

# nothing random: each device has random numbers of its own
PLAIN = dict(strong_augmentation=[])
#: Model and batch, by what is trained.
STEPS = {
    'segmentation': lambda: (build(decode_head=SEG_HEAD), packed_batch()),
    'sde': lambda: (build(depth_head=DEPTH_HEAD, pose_net=POSE_NET), packed_batch()),
    'refined poses': lambda: (
        build(
            depth_head=DEPTH_HEAD,
            pose_net=POSE_NET,
            pose_refinement=dict(type='DirectPoseRefinement'),
        ),
        packed_batch(),
    ),
    'two decoders': lambda: (build(**MULTI_TASK), packed_batch()),
    'mean teacher': lambda: (build_teacher(**PLAIN), teacher_batch()),
    'multi-task teacher': lambda: (
        build_multi_task_teacher(**PLAIN),
        teacher_batch(neighbours=True),
    ),
}


def one_step(
    model: nn.Module, batch: dict, device: str | torch.device
) -> tuple[dict, dict]:
    """Return losses and gradients of a training step."""
    model = copy.deepcopy(model).to(device).train()
    for layer in model.modules():
        if isinstance(layer, nn.Dropout | nn.Dropout2d):
            layer.p = 0.0
    student = getattr(model, 'student', model)
    wrapper = OptimWrapper(torch.optim.SGD(student.parameters(), 1e-3))
    gradients = {}
    wrapper.optimizer.register_step_pre_hook(
        lambda *_: gradients.update(
            {n: p.grad.cpu() for n, p in student.named_parameters()}
        )
    )
    torch.manual_seed(0)
    losses = model.train_step(copy.deepcopy(batch), wrapper)
    return {name: value.item() for name, value in losses.items()}, gradients
