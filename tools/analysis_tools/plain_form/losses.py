"""Losses and augmentation of the paper's steps, as their formulas read."""

import random
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

VOID = 255
LUMA = (0.299, 0.587, 0.114)
YIQ = torch.tensor(
    [LUMA, (0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135)]
)


def dissimilarity(x: Tensor, y: Tensor) -> Tensor:
    """Return clamp((1 - SSIM) / 2, 0, 1) over 3x3 windows, (N, 3, H, W)."""
    x, y = (F.pad(image, (1, 1, 1, 1), mode='reflect') for image in (x, y))
    mean_x, mean_y = F.avg_pool2d(x, 3, 1), F.avg_pool2d(y, 3, 1)
    var_x = F.avg_pool2d(x**2, 3, 1) - mean_x**2
    var_y = F.avg_pool2d(y**2, 3, 1) - mean_y**2
    cov = F.avg_pool2d(x * y, 3, 1) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    above = (2 * mean_x * mean_y + c1) * (2 * cov + c2)
    below = (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    return ((1 - above / below) / 2).clamp(0, 1)


def photometric(x: Tensor, y: Tensor) -> Tensor:
    """Return 0.85 SSIM' + 0.15 L1, (N, 1, H, W)."""
    difference = (x - y).abs().mean(1, keepdim=True)
    return 0.85 * dissimilarity(x, y).mean(1, keepdim=True) + 0.15 * difference


def rotation_matrix(vector: Tensor) -> Tensor:
    """Return Rodrigues' matrices (N, 3, 3) of axis-angle vectors (N, 3)."""
    angle = vector.norm(dim=1)[:, None, None].clamp(min=1e-7)
    x, y, z = (vector / angle[:, 0]).unbind(1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).view(-1, 3, 3)
    eye = torch.eye(3, device=vector.device)
    return eye + angle.sin() * cross + (1 - angle.cos()) * (cross @ cross)


def transform(vector: Tensor, invert: bool) -> Tensor:
    """Return rigid transforms (N, 4, 4) of pose vectors (N, 6)."""
    matrix = torch.eye(4, device=vector.device).repeat(len(vector), 1, 1)
    matrix[:, :3, :3] = rotation_matrix(vector[:, :3])
    matrix[:, :3, 3] = vector[:, 3:]
    return torch.linalg.inv(matrix) if invert else matrix


def warp(source: Tensor, depth: Tensor, motion: Tensor, camera: Tensor) -> Tensor:
    """Return the source image (N, 3, H, W) as seen from the target camera."""
    n, _, height, width = source.shape
    y, x = torch.meshgrid(
        torch.arange(height, device=source.device, dtype=torch.float32),
        torch.arange(width, device=source.device, dtype=torch.float32),
        indexing='ij',
    )
    pixels = torch.stack([x, y, torch.ones_like(x)]).view(1, 3, -1).expand(n, -1, -1)
    points = depth.view(n, 1, -1) * (torch.linalg.inv(camera) @ pixels)
    points = motion[:, :3, :3] @ points + motion[:, :3, 3:]
    seen = camera @ points
    grid = (seen[:, :2] / (seen[:, 2:] + 1e-7)).view(n, 2, height, width)
    size = torch.tensor([width - 1, height - 1], device=source.device)
    grid = grid.permute(0, 2, 3, 1) / size * 2 - 1
    return F.grid_sample(source, grid, padding_mode='border', align_corners=True)


def smoothness(disparity: Tensor, image: Tensor) -> Tensor:
    """Return the edge-aware smoothness of mean-normalised disparity."""
    disparity = disparity / (disparity.mean((2, 3), keepdim=True) + 1e-7)
    total = 0
    for dim in (2, 3):
        edges = image.diff(dim=dim).abs().mean(1, keepdim=True)
        total = total + (disparity.diff(dim=dim).abs() * (-edges).exp()).mean()
    return total


def depth_loss(
    disparities: Sequence[Tensor],
    target: Tensor,
    sources: Sequence[Tensor],
    camera: Tensor,
    motions: Sequence[Tensor],
    noise: float = 1e-5,
) -> dict[str, Tensor]:
    """Return the loss of self-supervised depth (Godard et al., ICCV 2019).

    Args:
        disparities: Four scales, finest first.
        target: Images in [0, 1], (N, 3, H, W).
        sources: Neighbours in the same form.
        camera: K, (N, 3, 3).
        motions: Transforms from the target to each source, (N, 4, 4).
        noise: Against ties of the identity errors.
    """
    error, smooth = 0, 0
    for scale, disparity in enumerate(disparities):
        image = F.interpolate(target, size=disparity.shape[2:], mode='area')
        smooth = smooth + 1e-3 / 2**scale * smoothness(disparity, image)
        disparity = F.interpolate(
            disparity, size=target.shape[2:], mode='bilinear', align_corners=False
        )
        depth = 1 / (0.01 + (10 - 0.01) * disparity)
        errors = []
        for source, motion in zip(sources, motions, strict=True):
            errors.append(photometric(warp(source, depth, motion, camera), target))
            identity = photometric(source, target)
            errors.append(identity + noise * torch.randn_like(identity))
        error = error + torch.cat(errors, 1).min(1).values.mean()
    return dict(loss_photometric=error / 4, loss_smooth=smooth / 4)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross entropy over known pixels, at the labels' size."""
    logits = F.interpolate(
        logits, size=labels.shape[1:], mode='bilinear', align_corners=False
    )
    return F.cross_entropy(logits, labels, ignore_index=VOID)


def pseudo_loss(logits: Tensor, probabilities: Tensor) -> Tensor:
    """Return cross entropy on mixed probabilities, weighted by the confident share."""
    confidence, labels = probabilities.max(1)
    labels[confidence == 0] = VOID
    weight = (confidence >= 0.968).float().mean()
    logits = F.interpolate(
        logits, size=labels.shape[1:], mode='bilinear', align_corners=False
    )
    loss = F.cross_entropy(logits, labels, ignore_index=VOID, reduction='none')
    return (weight * loss).mean()


def jitter(image: Tensor, brightness, contrast, saturation, hue) -> Tensor:
    """Return frames (F, 3, H, W) of one sample in other colours, in random order."""
    luma = torch.tensor(LUMA, device=image.device).view(3, 1, 1)
    b, c, s = (random.uniform(1 - v, 1 + v) for v in (brightness, contrast, saturation))
    angle = torch.tensor(-2 * torch.pi * random.uniform(-hue, hue))
    turn = torch.eye(3)
    turn[1, 1] = turn[2, 2] = angle.cos()
    turn[2, 1] = angle.sin()
    turn[1, 2] = -turn[2, 1]
    turn = (YIQ.inverse() @ turn @ YIQ).to(image.device)
    for operation in random.sample(range(4), 4):
        if operation == 0:
            image = b * image
        elif operation == 1:
            grey = (image * luma).sum(1, keepdim=True).mean((2, 3), keepdim=True)
            image = c * image + (1 - c) * grey
        elif operation == 2:
            image = s * image + (1 - s) * (image * luma).sum(1, keepdim=True)
        else:
            image = torch.einsum('ij,fjhw->fihw', turn, image)
        image = image.clamp(0, 1)
    return image


def blur(image: Tensor, sigma: float) -> Tensor:
    """Return an image (1, 3, H, W) after a Gaussian blur with nine taps a side."""
    at = torch.arange(-4, 5, device=image.device)
    kernel = torch.softmax(-0.5 * (at / sigma) ** 2, 0)
    image = F.pad(image, (4, 4, 4, 4), mode='reflect')
    image = F.conv2d(image, kernel.view(1, 1, 1, -1).repeat(3, 1, 1, 1), groups=3)
    return F.conv2d(image, kernel.view(1, 1, -1, 1).repeat(3, 1, 1, 1), groups=3)
