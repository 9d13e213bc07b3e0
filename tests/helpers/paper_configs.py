"""Configs of the paper's experiments by the names of their methods."""

import argparse

from mmengine.config import Config

from mmdepthseg.launch.config import load_config
from mmdepthseg.launch.options import OptionsAction, apply_options

NETWORK = 'r101-d16_40k_512x512_n372'
MULTI_TASK = ('pad-transfer-depthmix-gt', 'sel-pad-transfer-depthmix-gt')


def load(name: str, *options: str) -> Config:
    """Load the config of an experiment, with options of the command line."""
    cfg = load_config(f'configs/cityscapes/{name}_{NETWORK}.py')
    return change(cfg, *options)


def change(cfg: Config, *options: str) -> Config:
    """Set options of the command line in a config."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=OptionsAction)
    args = parser.parse_args(['--cfg-options', *options] if options else [])
    apply_options(cfg, args.cfg_options or {})
    return cfg
