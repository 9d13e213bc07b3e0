"""Checkpoints of the configs' networks without training."""

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from helpers import REPO
from mmdepthseg.datasets import CityscapesSequenceDataset
from mmdepthseg.launch.config import load_config
from mmdepthseg.plugin import register_all_modules
from mmdepthseg.registry import MODELS

STREETS = REPO / 'configs/streets'
DEPTH = STREETS / 'sde_r18-w16_500it_192x96.py'
SEGMENTATION = STREETS / 'supervised_r18-w16_600it_192x96_n8.py'
TEACHER = STREETS / 'classmix_r18-w16_600it_192x96_n8.py'
MULTI_TASK = STREETS / 'multitask_r18-w16_600it_192x96_n8.py'


def save_untrained(config: Config | str | Path, path: Path, **meta) -> Path:
    """Write the weights that a config's model has when it is built.

    The teacher of a mean teacher gets others than its student. `meta` is the file's, by
    default with the classes of Cityscapes, as a training saves them.
    """
    register_all_modules()
    torch.manual_seed(3)
    cfg = config if isinstance(config, Config) else load_config(config)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
    for name, value in model.named_parameters():
        if name.startswith('teacher.'):
            value.data += 0.05 * torch.randn_like(value)
    meta = {'dataset_meta': CityscapesSequenceDataset.METAINFO, **meta}
    torch.save(dict(meta=meta, state_dict=model.state_dict()), path)
    return path
