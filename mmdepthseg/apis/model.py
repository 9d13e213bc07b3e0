"""Build a model from a config and load its weights, strictly."""

import logging
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.model import BaseModel, revert_sync_batchnorm
from mmengine.registry import DefaultScope
from mmengine.runner.checkpoint import load_state_dict

from mmdepthseg.checkpoints.matching import match_checkpoint
from mmdepthseg.checkpoints.normalization import (
    compare_normalization,
    trained_normalization,
)
from mmdepthseg.checkpoints.reading import read_checkpoint
from mmdepthseg.registry import MODELS
from mmdepthseg.utils.devices import usable_device
from mmdepthseg.utils.errors import UserError


def load_model(
    config: Config | str, checkpoint: str | Path, device: str | torch.device = 'cpu'
) -> BaseModel:
    """Return a trained model in eval mode.

    `mmseg.apis.init_model` loads non-strictly and only warns: with a checkpoint of
    another model, weights would stay random.

    Args:
        config: The model's config or its path.
        checkpoint: A checkpoint written by the runner; file or URL.
        device: Where to put the model.

    Returns:
        The model, with `cfg` and `dataset_meta` (classes and palette, as far as the
        checkpoint knows them) attached.

    Raises:
        UserError: The checkpoint is missing, damaged or belongs to another model.
    """
    cfg = Config.fromfile(config) if not isinstance(config, Config) else config
    state = read_checkpoint(checkpoint)
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmdepthseg')):
        model = MODELS.build(cfg.model)
    match = match_checkpoint(model, state)
    if match.share < 1:
        raise UserError(
            f'{checkpoint} is not a checkpoint of the model in '
            f'{cfg.filename or "the config"}: {match.describe()}'
        )
    trained = trained_normalization(state)
    if doubt := compare_normalization(model, str(checkpoint), trained):
        print_log(doubt, logger='current', level=logging.WARNING)
    load_state_dict(model, state.get('state_dict', state))
    model = revert_sync_batchnorm(model).to(usable_device(device)).eval()
    model.cfg = cfg
    meta = state.get('meta') or {}
    model.dataset_meta = meta.get('dataset_meta') or {}
    return model
