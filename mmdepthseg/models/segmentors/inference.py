"""Check of the options of inference, when a model is built."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmdepthseg.utils.errors import UserError, check_keys, did_you_mean

MODES = ('whole', 'slide')
WINDOW = ('crop_size', 'stride')


def check_test_cfg(test_cfg: Mapping[str, Any], owner: str) -> None:
    """Raise unless MMSeg's inference can use these options.

    MMSeg itself ignores unknown keys and reads the others only when they are needed.

    Args:
        test_cfg: `mode`, 'whole' or 'slide'; with 'slide' `crop_size` and `stride`,
            (height, width) in pixels.
        owner: Name of the model, for the message.

    Raises:
        UserError: An option is wrong; the message names the key.
    """
    check_keys(test_cfg, ('mode', *WINDOW), f'{owner}: test_cfg')
    mode = test_cfg.get('mode')
    if mode not in MODES:
        raise UserError(
            f'{owner}: test_cfg.mode must be one of {MODES}, got '
            f'{mode!r}{did_you_mean(str(mode), MODES)}'
        )
    if mode != 'slide':
        return
    for key in WINDOW:
        value = test_cfg.get(key)
        if not (
            isinstance(value, Sequence)
            and len(value) == 2
            and all(isinstance(v, int) and v > 0 for v in value)
        ):
            raise UserError(
                f"{owner}: test_cfg with mode='slide' needs {key}, "
                f'(height, width) in pixels, got {value!r}'
            )
    if any(s > c for s, c in zip(test_cfg['stride'], test_cfg['crop_size'])):
        raise UserError(
            f'{owner}: test_cfg.stride={tuple(test_cfg["stride"])} must not exceed '
            f'crop_size={tuple(test_cfg["crop_size"])}: pixels would be left out'
        )
