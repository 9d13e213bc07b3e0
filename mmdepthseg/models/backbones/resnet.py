"""ResNet that also returns its stem, the fifth level of a depth encoder."""

from mmseg.models.backbones import ResNet as MMSegResNet
from torch import Tensor

from mmdepthseg.registry import MODELS


@MODELS.register_module()
class ResNet(MMSegResNet):
    """MMSeg's ResNet with the stem's ReLU output as level 0.

    Shadows ``mmseg.ResNet``, whose shallowest output has stride 4: a U-Net depth
    decoder needs stride 2 as well (Godard et al., ICCV 2019, section 4). Names
    of parameters are MMSeg's, so torchvision and OpenMMLab ImageNet checkpoints
    load with ``init_cfg=dict(type='Pretrained', checkpoint=...)``.

    Args:
        out_stem (bool): Put the stem output in front of the stages. The paper's
            "features of 5 levels". Defaults to True.
        **kwargs: Those of ``mmseg.models.ResNet``. The paper's output stride 16
            is ``strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2),
            contract_dilation=True`` (torchvision's
            ``replace_stride_with_dilation``).
    """

    def __init__(self, out_stem: bool = True, **kwargs) -> None:
        super().__init__(**kwargs)
        self.out_stem = out_stem

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Encode.

        Args:
            x (Tensor): Images (N, C, H, W), normalised.

        Returns:
            tuple[Tensor]: Stem (N, C0, H/2, W/2) if ``out_stem``, then the
            stages in ``out_indices``.
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
