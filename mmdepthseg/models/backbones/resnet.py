"""ResNet that also returns its stem, the fifth level of a depth encoder."""

from mmseg.models.backbones import ResNet as MMSegResNet
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmdepthseg.registry import MODELS
from mmdepthseg.utils.errors import UserError


@MODELS.register_module()
class ResNet(MMSegResNet):
    """MMSeg's ResNet with the stem's ReLU output as level 0.

    Shadows `mmseg.ResNet`, whose shallowest output has stride 4: a U-Net depth decoder
    needs stride 2 as well (Godard et al., ICCV 2019, section 4). Parameters have the
    names of MMSeg, so that torchvision's and OpenMMLab's ImageNet checkpoints load with
    `init_cfg=dict(type='Pretrained', checkpoint=...)`; those of OpenMMLab's ResNetV1c
    need `deep_stem=True`.

    Freezing works as in MMSeg: `frozen_stages=4` freezes the parameters and batch-norm
    statistics of the whole encoder, which then normalises with the stored statistics.

    Args:
        out_stem: Return the stem output before those of the stages, the paper's
            "features of 5 levels". Defaults to True.
        legacy_frozen_bn: Freeze as the authors' code does: the parameters of frozen
            stages do not change, but their batch norms normalise with the statistics of
            the batch and keep averaging them, so that the "frozen" encoder drifts. Only
            for comparisons with their results. Defaults to False.
        **kwargs: Options of `mmseg.models.ResNet`. The paper's output stride 16 is
            `strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2), contract_dilation=True`
            (torchvision's `replace_stride_with_dilation`).

    Raises:
        UserError: `legacy_frozen_bn` is set, but nothing is frozen or `norm_eval` is
            set too.
    """

    def __init__(
        self, out_stem: bool = True, legacy_frozen_bn: bool = False, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        if legacy_frozen_bn and (self.frozen_stages < 0 or self.norm_eval):
            raise UserError(
                'ResNet: legacy_frozen_bn lets the batch norms of frozen stages '
                'train, so it needs frozen_stages >= 0 and norm_eval=False, got '
                f'frozen_stages={self.frozen_stages}, norm_eval={self.norm_eval}'
            )
        self.out_stem = out_stem
        self.legacy_frozen_bn = legacy_frozen_bn

    def train(self, mode: bool = True) -> 'ResNet':
        """Set training or eval mode; frozen parts stay in eval mode in both."""
        super().train(mode)  # MMSeg's returns None
        if mode and self.legacy_frozen_bn:
            for part in self._frozen_parts():
                for module in part.modules():
                    if isinstance(module, _BatchNorm):
                        module.train()
        return self

    def _frozen_parts(self) -> list[nn.Module]:
        stem = self.stem if self.deep_stem else self.norm1
        return [
            stem,
            *(getattr(self, f'layer{i}') for i in range(1, self.frozen_stages + 1)),
        ]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the levels of images.

        Args:
            x: Images (N, C, H, W), normalised.

        Returns:
            The stem (N, C0, H/2, W/2) if `out_stem`, then the stages in `out_indices`.
        """
        if self.deep_stem:
            x = self.stem(x)
        else:
            x = self.relu(self.norm1(self.conv1(x)))
        outs = [x] if self.out_stem else []
        x = self.maxpool(x)
        for i, name in enumerate(self.res_layers):
            x = getattr(self, name)(x)
            if i in self.out_indices:
                outs.append(x)
        return tuple(outs)
