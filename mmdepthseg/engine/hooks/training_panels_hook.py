"""Hook that draws what a training sees, with the visualizer of the config."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from mmdepthseg.checkpoints.matching import unwrapped
from mmdepthseg.engine.random_state import kept_random_state
from mmdepthseg.registry import HOOKS
from mmdepthseg.structures import Panel
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.modes import kept_modes
from mmdepthseg.visualization.drawing import (
    color_disparity,
    color_labels,
    contact_sheet,
    to_bgr,
)


@HOOKS.register_module()
class TrainingPanelsHook(Hook):
    """Draw panels of a batch every few iterations: what goes in, and what comes out.

    They go to all backends of the config's visualizer (local files, TensorBoard, W&B,
    MLflow, ...) as `training/<name>`: for depth from video the image, its disparity, a
    neighbour, warped, and the error; for segmentation image, label and prediction; for
    a mean teacher labelled images with the predictions of student and teacher, and
    mixed ones with disparity, mask, pseudo-label and confidence. The training is not
    changed: networks run in evaluation mode, on a copy of the batch, before the step,
    and random states are restored.

    MMSegmentation's `SegVisualizationHook` draws predictions of validations.

    Args:
        interval: Number of iterations from one picture to the next; the first
            iteration has one.
        samples: How many samples of the batch to draw, at most.
        panel_width: Width of each panel in pixels.

    Raises:
        UserError: A number is less than 1, or the model has nothing to draw.
    """

    priority = 'LOW'

    def __init__(
        self, interval: int = 500, samples: int = 2, panel_width: int = 256
    ) -> None:
        if min(interval, samples, panel_width) < 1:
            raise UserError(
                'TrainingPanelsHook: interval, samples and panel_width must be at '
                f'least 1, got {interval}, {samples} and {panel_width}'
            )
        self.interval = interval
        self.samples = samples
        self.panel_width = panel_width

    def before_train(self, runner: Runner) -> None:
        """Check the model.

        Raises:
            UserError: It has no `panels`.
        """
        if not hasattr(unwrapped(runner.model), 'panels'):
            raise UserError(
                'TrainingPanelsHook draws the trainings of a DepthSegmentor or '
                f'MeanTeacher, not of {type(unwrapped(runner.model)).__name__}: take '
                'it out of custom_hooks'
            )

    @master_only
    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Draw, if it is due."""
        if runner.iter % self.interval:
            return
        model = unwrapped(runner.model)
        # where labels are drawn, data sets have one: MMSegmentation invents it
        palette = (runner.visualizer.dataset_meta or {}).get('palette', ())
        with undisturbed(model):
            # the data preprocessor completes the samples in place
            data = model.data_preprocessor(copy.deepcopy(data_batch), True)
            with runner.optim_wrapper.optim_context(runner.model):
                found = model.panels(**data)
        for name, rows in found.items():
            drawn = [
                [(panel.caption, draw(panel, palette)) for panel in row]
                for row in rows[: self.samples]
            ]
            sheet = contact_sheet(drawn, self.panel_width)
            runner.visualizer.add_image(
                f'training/{name}', sheet[..., ::-1], runner.iter
            )


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Let a model run in evaluation mode without gradients; restore everything."""
    with kept_random_state(), kept_modes(model.modules()), torch.no_grad():
        model.eval()
        yield


def draw(panel: Panel, palette: list) -> np.ndarray:
    """Return a panel as an image (H, W, 3) or (H, W), uint8, BGR."""
    data = panel.data.float().numpy()
    if panel.kind == 'image':
        return to_bgr(panel.data.float())
    if panel.kind == 'labels':
        return color_labels(panel.data.numpy(), palette)
    if panel.kind == 'disparity':
        return color_disparity(data)
    return (data.clip(0, 1) * 255).astype(np.uint8)
