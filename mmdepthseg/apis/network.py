"""A trained network that predicts labels and disparity of images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.device import get_device
from mmengine.model import BaseModel
from mmengine.registry import DefaultScope

from mmdepthseg.apis.model import load_model
from mmdepthseg.geometry import depth_to_disparity
from mmdepthseg.launch.config import load_config
from mmdepthseg.utils.errors import UserError

PARTS = ('teacher', 'student')
#: Transforms that a prediction has no use for, besides those that load something.
_NOT_NEEDED = ('SeedBySample', 'DisparityFromDepth')
#: Depths of disparity 1 and 0 for a depth head that does not name them.
_RANGE = (0.1, 100.0)


@dataclass(frozen=True)
class Prediction:
    """Prediction for an image, at its size.

    Attributes:
        labels: Class of each pixel, (H, W) uint8 (uint16 for more than 256 classes), or
            None without a segmentation head.
        disparity: Sigmoid disparity in [0, 1], (H, W) float32, or None without a depth
            head.
    """

    labels: np.ndarray | None
    disparity: np.ndarray | None


class Network:
    """A trained model of any kind, which predicts images.

    Args:
        config: The model's config or its path.
        checkpoint: Its checkpoint.
        device: Where to predict; None: a GPU if there is one.
        part: 'teacher' or 'student' of a mean teacher; None: what the config predicts
            with (the teacher by default).

    Attributes:
        made_with: What decides the predictions, besides the checkpoint; JSON types.
        classes: Names of the classes.
        palette: RGB of each.
        predicts_depth: Whether there is a depth head.

    Raises:
        UserError: See `load_model`; or the model is not a mean teacher, but a part of
            one is asked for.
    """

    def __init__(
        self,
        config: Config | str | Path,
        checkpoint: str | Path,
        device: str | None = None,
        part: str | None = None,
    ) -> None:
        cfg = config if isinstance(config, Config) else load_config(config)
        self.model = load_model(cfg, checkpoint, device or get_device())
        self.part = choose_part(self.model, part)
        steps = inference_pipeline(cfg)
        self.scope = cfg.get('default_scope', 'mmdepthseg')
        with DefaultScope.overwrite_default_scope(self.scope):
            self.pipeline = Compose(steps)
        self.made_with = dict(model=cfg.model.to_dict(), pipeline=steps, part=self.part)
        self.classes, self.palette = _classes(self.model)
        self.depth_range = depth_range(self.model)
        self.predicts_depth = _has_depth(self.model)

    def prepare(self, image: np.ndarray) -> dict:
        """Return an image (H, W, 3) uint8 BGR as the network takes it.

        Raises:
            UserError: It is another array, which would be predicted as a strange image.
        """
        _check_image(image)
        size = image.shape[:2]
        sample = dict(img=image, img_shape=size, ori_shape=size)
        with DefaultScope.overwrite_default_scope(self.scope):
            return self.pipeline(sample)

    @torch.inference_mode()
    def predict(self, samples: Sequence[dict]) -> list[Prediction]:
        """Predict a batch.

        Args:
            samples: From `prepare`, of one size.

        Raises:
            UserError: The depth is not finite.
        """
        batch = pseudo_collate(samples)
        with DefaultScope.overwrite_default_scope(self.scope):
            return [self._convert(found) for found in self.model.test_step(batch)]

    def __call__(self, images: Sequence[np.ndarray]) -> list[Prediction]:
        """Predict images (H, W, 3) uint8 BGR, one at a time."""
        return [self.predict([self.prepare(image)])[0] for image in images]

    def _convert(self, found) -> Prediction:
        labels = disparity = None
        if self.classes:
            kind = np.uint8 if len(self.classes) <= 256 else np.uint16
            labels = found.pred_sem_seg.data[0].cpu().numpy().astype(kind)
        if self.predicts_depth:
            depth = found.pred_depth_map.data[0].float().cpu()
            disparity = depth_to_disparity(depth, *self.depth_range).numpy()
            if not np.isfinite(disparity).all():
                raise UserError(
                    'the predicted depth has NaN or infinite values; train again or '
                    'use an earlier checkpoint'
                )
            disparity = disparity.clip(0, 1)
        return Prediction(labels, disparity)


def _check_image(image: np.ndarray) -> None:
    """Raise UserError unless it is an image (H, W, 3) uint8."""
    if not isinstance(image, np.ndarray):
        got = type(image).__name__
    else:
        got = f'an array of shape {image.shape}, {image.dtype}'
        sides = image.ndim == 3 and image.shape[2] == 3 and image.size > 0
        if sides and image.dtype == np.uint8:
            return
    raise UserError(
        f'Network: {got}: expected an image as a numpy array (H, W, 3) of uint8, BGR '
        'as from cv2.imread; convert it'
    )


def choose_part(model: BaseModel, part: str | None) -> str | None:
    """Let a mean teacher predict with one of its networks.

    Args:
        model: Any model.
        part: See `Network`.

    Returns:
        The part that predicts; None if the model is not a mean teacher.

    Raises:
        UserError: It is not, but a part is asked for.
    """
    if not hasattr(model, 'predict_with'):
        if part is not None:
            raise UserError(
                f'--part {part}: the config has a single network '
                f'({type(model).__name__}), not a mean teacher; leave --part out'
            )
        return None
    if part is not None:
        model.predict_with = part
    return model.predict_with


def predictor(model: BaseModel) -> BaseModel:
    """Return the network of a model that predicts."""
    return getattr(model, 'predictor', model)


def depth_range(model: BaseModel) -> tuple[float, float]:
    """Return the depths of disparity 1 and 0."""
    head = getattr(predictor(model), 'depth_head', None)
    near, far = _RANGE
    return getattr(head, 'min_depth', near), getattr(head, 'max_depth', far)


def _has_depth(model: BaseModel) -> bool:
    return getattr(predictor(model), 'depth_head', None) is not None


def inference_pipeline(cfg: Config) -> list[dict]:
    """Return the transforms between a loaded image and the network.

    They are those of the config's test, or else of its depth labels, without what loads
    files.

    Raises:
        UserError: The config has no such pipeline.
    """
    for name in ('test_dataloader', 'val_dataloader'):
        dataset = (cfg.get(name) or {}).get('dataset') or {}
        while isinstance(dataset.get('dataset'), Mapping):  # such as RepeatDataset
            dataset = dataset['dataset']
        if dataset.get('pipeline'):
            steps = dataset['pipeline']
            break
    else:
        steps = cfg.get('predict_pipeline') or cfg.get('test_pipeline')
    if not steps:
        raise UserError(
            f'{cfg.filename or "the config"}: needs test_dataloader.dataset.pipeline '
            'or predict_pipeline (LoadImageFromFile, Resize, PackDepthSegInputs)'
        )
    kept = []
    for step in steps:
        kind = step['type']
        kind = kind if isinstance(kind, str) else kind.__name__
        kind = kind.rpartition('.')[-1]
        if not kind.startswith('Load') and kind not in _NOT_NEEDED:
            kept.append(step.to_dict() if hasattr(step, 'to_dict') else dict(step))
    return kept


def _classes(model: BaseModel) -> tuple[list[str], list[list[int]]]:
    """Return names and colours of the classes, as the training saved them."""
    head = getattr(predictor(model), 'decode_head', None)
    if head is None:
        return [], []
    head = head[-1] if isinstance(head, torch.nn.ModuleList) else head
    count = getattr(head, 'num_classes', 0)
    meta = model.dataset_meta
    classes = [str(name) for name in meta.get('classes') or ()]
    palette = [[int(value) for value in color] for color in meta.get('palette') or ()]
    if len(classes) != count:
        classes = [f'class {number}' for number in range(count)]
    if len(palette) != count:
        rng = np.random.default_rng(0)
        palette = rng.integers(0, 256, (count, 3)).tolist()
    return classes, palette
