"""A frozen encoder with which a trained one is compared."""

import copy

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdepthseg.checkpoints.arrival import init_weights_checked, is_pretrained
from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import UserError


class FrozenEncoder(BaseModule):
    """A backbone with fixed weights with which a trained one is compared.

    It is always in eval mode, has no gradients and is not a sub-module: the optimiser,
    DDP and checkpoints do not see it. Checkpoints need not contain it, because its
    weights are read from the `Pretrained` file of its config whenever a training starts
    or resumes. For ResNet-101 this saves 170 MB per checkpoint, and models for
    inference never build it.

    Args:
        backbone: Config of a backbone with `init_cfg=dict(type='Pretrained', ...)`; its
            last level is used.
    """

    def __init__(self, backbone: dict) -> None:
        super().__init__()
        self.backbone_cfg = copy.deepcopy(backbone)
        # in a list, so that nn.Module does not register it
        self._network: list[nn.Module] = []

    def init_weights(self) -> None:
        """Build the network and read its weights.

        MMEngine's runner calls this at the start of every training.

        Raises:
            UserError: The config has no `Pretrained` weights, so that a resumed
                training would compare with different random weights.
        """
        init_cfg = self.backbone_cfg.get('init_cfg') or {}
        configs = init_cfg if isinstance(init_cfg, list | tuple) else [init_cfg]
        if not any(map(is_pretrained, configs)):
            raise UserError(
                "FrozenEncoder: the backbone needs init_cfg=dict(type='Pretrained', "
                f'checkpoint=...), got {init_cfg or None}; its weights are not stored '
                'in checkpoints, so they must come from a file'
            )
        network = MODELS.build(copy.deepcopy(self.backbone_cfg))
        init_weights_checked(network, network.init_weights)
        self._freeze(network)

    def use_random_weights(self) -> None:
        """Build the network with random weights, for timings only."""
        self._freeze(MODELS.build(copy.deepcopy(self.backbone_cfg)))

    @property
    def network(self) -> nn.Module | None:
        """The backbone; None before its weights are read."""
        return self._network[0] if self._network else None

    def _apply(self, *args, **kwargs) -> 'FrozenEncoder':
        """Take the network along to a device or memory format: `.to(...)`."""
        super()._apply(*args, **kwargs)
        for network in self._network:
            network._apply(*args, **kwargs)
        return self

    def _freeze(self, network: nn.Module) -> None:
        network.requires_grad_(False)
        network.eval()
        self._network = [network]
        self.is_init = True

    @torch.no_grad()
    def forward(self, img: Tensor) -> Tensor:
        """Return the deepest features.

        Args:
            img: Normalised images (N, 3, H, W).

        Returns:
            (N, C, h, w), without gradient.

        Raises:
            RuntimeError: `init_weights` was not called.
        """
        network = self.network
        if network is None:
            raise RuntimeError(
                'FrozenEncoder has no weights yet: call init_weights() '
                'of the model before training'
            )
        like = next(network.parameters())
        if like.device != img.device or like.dtype != img.dtype:
            network.to(img)
        return network(img)[-1]
