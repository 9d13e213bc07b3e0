"""View synthesis from one source image per sample."""

from torch import Tensor

from mmdepthseg.geometry import synthesize_views


def synthesize_view(
    source: Tensor, depth: Tensor, transform: Tensor, cam2img: Tensor
) -> tuple[Tensor, Tensor]:
    """Warp (N, C, H, W) with (N, 4, 4): `synthesize_views` of one source."""
    sources, transforms = source[:, None], transform[:, None]
    warped, valid = synthesize_views(sources, depth, transforms, cam2img)
    return warped[:, 0], valid[:, 0]
