"""Steps of a training that are the same on two ranks as on one.

Ranks draw their own numbers for what is done to a batch, and take statistics of batch
norm over their own images; without these, only the order of sums is left. In float32
that order decides, too, which of two frames explains a pixel better; in float64 it
hardly ever does.
"""

from dataclasses import fields

import torch
from mmengine.dist import all_gather_object, get_rank
from mmengine.hooks import Hook
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from helpers.dist_check_hook import SameOnAllRanksHook  # noqa: F401
from mmdepthseg.checkpoints.matching import unwrapped
from mmdepthseg.models.data_preprocessor import DepthSegDataPreProcessor
from mmdepthseg.models.heads.aspp import ASPP
from mmdepthseg.models.losses import ViewSynthesisLoss
from mmdepthseg.models.mixing import DepthMix
from mmdepthseg.registry import HOOKS, MODELS, TRANSFORMS
from mmdepthseg.structures import FrameBatch


@HOOKS.register_module()
class ExactStepsHook(Hook):
    """Switch off drawn numbers and batch norm; write the names of the images seen."""

    def __init__(self, out: str) -> None:
        self.out = out
        self.seen: list[list[str]] = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        for module in unwrapped(runner.model).modules():
            if isinstance(module, _BatchNorm | nn.Dropout | nn.Dropout2d):
                module.eval()
            if isinstance(module, ASPP):  # has a way of its own for a batch of one
                module.training = False
            if isinstance(module, ViewSynthesisLoss):
                module.tie_noise = 0.0
        names = [s.img_id for s in data_batch['data_samples']]
        self.seen.append(sorted(sum(all_gather_object(names), [])))

    def after_train(self, runner):
        if get_rank() == 0:
            torch.save(self.seen, self.out)


@MODELS.register_module()
class DoublePreProcessor(DepthSegDataPreProcessor):
    """All images in float64, without colour jitter."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs | dict(color_jitter=None))

    def forward(self, data: dict, training: bool = False) -> dict:
        made = super().forward(data, training)
        inputs = made['inputs']
        if isinstance(inputs, FrameBatch):
            parts = {f.name: getattr(inputs, f.name) for f in fields(inputs)}
            parts = {k: v if v is None else v.double() for k, v in parts.items()}
            made['inputs'] = FrameBatch(**parts)
        return made


@TRANSFORMS.register_module()
class PairedDepthMix(DepthMix):
    """The partner is half a batch away: the same one when two ranks share the batch."""

    def partners(self, part: Tensor) -> Tensor:
        return part.roll(-(len(part) // 2), 0)
