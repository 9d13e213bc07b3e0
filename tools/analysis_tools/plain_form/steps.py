"""The three training steps: self-supervised depth, mean teacher, multi-task."""

import copy
import random
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plain_form.losses import (
    VOID,
    blur,
    cross_entropy,
    depth_loss,
    jitter,
    pseudo_loss,
    transform,
)
from plain_form.networks import Network

MEAN, STD = 0.45, 0.225
JITTER = dict(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.1)


class PlainStep:
    """One of the paper's training steps.

    Args:
        cfg: `model` of one of the paper's configs.
        state: State dict of our model with the same config; None: random weights.
        reference: State dict of the frozen encoder of the feature distance.
        augment: Whether colours are jittered and mixed images blurred, and ties broken
            by noise; without, the losses are exactly ours.
    """

    def __init__(
        self,
        cfg: dict,
        state: dict | None = None,
        reference: dict | None = None,
        augment: bool = True,
        device: str = 'cpu',
    ) -> None:
        self.augment, self.device = augment, device
        self.mean_teacher = 'segmentor' in cfg
        segmentor = cfg['segmentor'] if self.mean_teacher else cfg
        self.net = Network(segmentor).to(device).train()
        if state is not None:
            prefix = 'student.' if self.mean_teacher else ''
            self.net.load_state_dict(
                {
                    key.removeprefix(prefix): value
                    for key, value in state.items()
                    if key.startswith(prefix)
                }
            )
        self.frozen = None
        if segmentor.get('loss_feature'):
            self.frozen = copy.deepcopy(self.net.backbone).eval().requires_grad_(False)
            if reference is not None:
                self.frozen.load_state_dict(reference)
        self.updates = 0
        if self.mean_teacher:
            self.teacher = copy.deepcopy(self.net).eval().requires_grad_(False)
            self.optimizer: Any = torch.optim.SGD(
                self._groups(), lr=1e-2, momentum=0.9, weight_decay=5e-4
            )
        else:
            self.optimizer = torch.optim.Adam(self.net.parameters(), lr=1e-5)

    def _groups(self) -> list[dict]:
        rates = dict(backbone=1e-3, pose_net=1e-6)
        return [
            dict(params=list(child.parameters()), lr=rates.get(name, 1e-2))
            for name, child in self.net.named_children()
        ]

    def step(self, batch: dict) -> dict[str, Tensor]:
        """Take an optimiser step on a packed batch; return the losses."""
        self.optimizer.zero_grad()
        losses = self.losses(batch)
        sum(losses.values()).backward()
        if self.mean_teacher:
            nn.utils.clip_grad_norm_(self.net.parameters(), 10)
        self.optimizer.step()
        if self.mean_teacher:
            self.update_teacher()
        return losses

    @torch.no_grad()
    def update_teacher(self) -> None:
        """Average the student's parameters, and copy its buffers."""
        self.updates += 1
        alpha = min(1 - 1 / (self.updates + 1), 0.99)
        for mine, other in zip(self.teacher.parameters(), self.net.parameters()):
            mine.mul_(alpha).add_(other, alpha=1 - alpha)
        for mine, other in zip(self.teacher.buffers(), self.net.buffers()):
            mine.copy_(other)

    def losses(self, batch: dict) -> dict[str, Tensor]:
        """Return the losses of a packed batch."""
        samples = batch['data_samples']
        if not self.mean_teacher:
            return self.depth_losses(batch['inputs'], samples)
        parts: dict[str, list] = dict(labeled=[], mix=[])
        for inputs, sample in zip(batch['inputs'], samples, strict=True):
            parts[sample.metainfo['branch']].append((inputs, sample))
        labeled, mix = (list(zip(*part)) for part in parts.values())
        losses = self.supervised_losses(*labeled)
        disparity = None
        if self.net.pose_net is not None:
            images = normalize(self.stacked(mix[0], 'img'))
            outs = self.net(images, labels=False)
            found = self.view_synthesis(outs['disparities'], *mix)
            losses.update({f'mix.{name}': value for name, value in found.items()})
            disparity = outs['disparities'][0].detach()
        losses['mix.loss_pseudo'] = self.mixed_loss(*mix, disparity)
        return losses

    def depth_losses(self, inputs: list, samples: list) -> dict[str, Tensor]:
        """Return the losses of self-supervised depth with the feature distance."""
        frames = torch.cat(
            [self.stacked(inputs, 'img')[:, None], self.stacked(inputs, 'adjacent')], 1
        )
        seen = frames
        if self.augment:
            seen = torch.stack(
                [jitter(f, **JITTER) if random.random() < 0.5 else f for f in frames]
            )
        seen = normalize(seen)
        outs = self.net(seen[:, 0])
        losses = self.view_synthesis(outs['disparities'], inputs, samples, frames, seen)
        if self.frozen is not None:
            with torch.no_grad():
                reference = self.frozen(seen[:, 0])[-1]
            distance = (outs['levels'][-1] - reference).norm()
            losses['feature.loss_distance'] = 1e-2 * distance
        return losses

    def view_synthesis(
        self, disparities, inputs, samples, frames=None, seen=None
    ) -> dict[str, Tensor]:
        """Return the depth losses of triplets; frames are (N, 3, 3, H, W)."""
        if frames is None:
            frames = [
                self.stacked(inputs, 'img')[:, None],
                self.stacked(inputs, 'adjacent'),
            ]
            frames = torch.cat(frames, 1)
            seen = normalize(frames)
        camera = torch.stack(
            [torch.from_numpy(s.metainfo['camera'].K).float() for s in samples]
        ).to(frames.device)
        target, before, after = seen.unbind(1)
        # both pairs at once: batch norm sees them together
        vectors = self.net.pose_net(
            torch.cat([before, target]), torch.cat([target, after])
        ).chunk(2)
        motions = transform(vectors[0], invert=True), transform(vectors[1], False)
        image, *sources = frames.unbind(1)
        noise = 1e-5 if self.augment else 0
        losses = depth_loss(disparities, image, sources, camera, motions, noise)
        return {f'depth.{name}': value for name, value in losses.items()}

    def supervised_losses(self, inputs: list, samples: list) -> dict[str, Tensor]:
        """Return the losses of labelled images."""
        labels = torch.cat([s.gt_sem_seg.data for s in samples])
        labels = labels.to(self.device).long()
        outs = self.net(normalize(self.stacked(inputs, 'img')))
        losses = {'decode.loss_ce': cross_entropy(outs['logits'], labels)}
        if 'side' in outs:
            losses['decode.loss_ce'] = losses['decode.loss_ce'] / 2
            losses['side.loss_ce'] = cross_entropy(outs['side'], labels) / 2
        if 'disparities' in outs:
            losses.update(self.view_synthesis(outs['disparities'], inputs, samples))
        return losses

    def mixed_loss(
        self, inputs: list, samples: list, disparity: Tensor | None
    ) -> Tensor:
        """Return the loss of images mixed by depth."""
        images = self.stacked(inputs, 'img')
        with torch.no_grad():
            logits = self.teacher(normalize(images), depth=False)['logits']
            logits = F.interpolate(
                logits, size=images.shape[2:], mode='bilinear', align_corners=False
            )
            probabilities = logits.softmax(1)
            for i, sample in enumerate(samples):
                if 'gt_sem_seg' in sample:
                    labels = sample.gt_sem_seg.data[0].to(self.device).long()
                    one_hot = F.one_hot(labels, VOID + 1)[..., : probabilities.shape[1]]
                    probabilities[i] = one_hot.permute(2, 0, 1)
            mask = self.mask(samples, disparity)
            images = mask * images + (1 - mask) * images.roll(-1, 0)
            probabilities = mask * probabilities + (1 - mask) * probabilities.roll(
                -1, 0
            )
            if self.augment:
                images = torch.cat([strongly_augmented(i) for i in images.split(1)])
        logits = self.net(normalize(images), depth=False)['logits']
        return pseudo_loss(logits, probabilities)

    def stacked(self, inputs: list, key: str) -> Tensor:
        """Return packed BGR frames (..., 3, H, W) as RGB in [0, 1]."""
        frames = torch.stack([sample[key] for sample in inputs]).to(self.device)
        return frames.flip(-3).float() / 255

    def mask(self, samples: list, disparity: Tensor | None) -> Tensor:
        """Return where an image is not farther than its partner, (N, 1, H, W)."""
        margin: Any = 0.03
        if disparity is None:
            disparity = torch.stack([s.disparity_map.data for s in samples])
            disparity = disparity.to(self.device)
            margin = margin * (disparity.max() - disparity.min())
        else:
            low, high = (
                f(disparity, (1, 2, 3), True) for f in (torch.amin, torch.amax)
            )
            disparity = (disparity - low) / (high - low)
        nearer = disparity >= disparity.roll(-1, 0) - margin
        return (nearer & (disparity >= 0)).float()


def normalize(images: Tensor) -> Tensor:
    """Return what the networks see."""
    return (images - MEAN) / STD


def strongly_augmented(image: Tensor) -> Tensor:
    """Return a mixed image (1, 3, H, W) jittered and blurred, each by chance."""
    if random.random() < 0.8:
        image = jitter(image, 0.25, 0.25, 0.25, 0.25)
    if random.random() < 0.5:
        image = blur(image, random.uniform(0.15, 1.15))
    return image
