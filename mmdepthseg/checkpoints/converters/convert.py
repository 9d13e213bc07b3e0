"""Turn another project's weights into a checkpoint of ours."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mmdepthseg.checkpoints.converters.architecture import check_fit, model_config
from mmdepthseg.checkpoints.converters.files import read_source
from mmdepthseg.checkpoints.converters.names import (
    authors_rules,
    monodepth2_rules,
    tapped_levels,
)
from mmdepthseg.checkpoints.converters.rules import Conversion, Rule, rename
from mmdepthseg.checkpoints.matching import CheckpointMatch
from mmdepthseg.utils.errors import UserError, listed
from mmdepthseg.utils.files import atomic_path, remove_leftovers

SHOWN = 12


@dataclass(frozen=True)
class Project:
    """A project whose weights can be converted.

    Attributes:
        title: Its name in messages.
        rules: Names in a source -> rules for them.
        dilated: Whether its bottleneck encoders have a dilated last stage.
        licence: Text for the user and for the checkpoint's meta data.
    """

    title: str
    rules: Callable[[Collection[str]], list[Rule]]
    dilated: bool
    licence: str


PROJECTS = {
    'authors': Project(
        'Three Ways to Improve Semantic Segmentation (Hoyer et al., CVPR 2021)',
        authors_rules,
        True,
        'these weights were published without a licence of their own, by a project '
        "whose depth code is under Monodepth2's non-commercial licence. Converting "
        'does not change that: use the checkpoint for non-commercial research only, '
        'and cite Hoyer et al.',
    ),
    'monodepth2': Project(
        'Monodepth2 (Godard et al., ICCV 2019)',
        monodepth2_rules,
        False,
        'these weights are under the Monodepth2 licence (Niantic): non-commercial use '
        'only. Converting does not change that: the checkpoint stays under it. Cite '
        'Godard et al.',
    ),
}


@dataclass
class Converted:
    """A converted checkpoint and the account of its conversion.

    Attributes:
        checkpoint: `dict(meta=..., state_dict=...)`, to be saved.
        conversion: Where each entry went.
        config: Config of the model it was compared with.
        match: How it fits that model.
    """

    checkpoint: dict[str, Any]
    conversion: Conversion
    config: Mapping
    match: CheckpointMatch


def convert(
    paths: Sequence[str | Path],
    project: str,
    config: Mapping | None = None,
    strict: bool = True,
) -> Converted:
    """Read, rename and check the weights of another project.

    Args:
        paths: A folder with `encoder.pth`, `depth.pth` and, for the poses,
            `pose_encoder.pth` and `pose.pth`; these files; or one `best_model*.pkl`.
        project: A key of `PROJECTS`.
        config: Config of the model that the weights are for; None: derive it from their
            names and shapes.
        strict: Whether every entry of the source must be accounted for and every entry
            of the model filled.

    Raises:
        UserError: A file cannot be read, no rule knows an entry, or the entries differ
            from those of the model; the message names them.
    """
    kind = PROJECTS[project]
    source = read_source(paths)
    result = rename(source.entries, kind.rules(list(source.entries)))
    result.dropped.update(source.dropped)
    if strict and result.left_over:
        raise UserError(
            f'no rule for {listed(result.left_over, SHOWN)} of {_names(paths)}. Is it '
            f"a file of {kind.title}, of a network described in the tool's help? "
            '--allow-mismatch converts the rest'
        )
    if config is None:
        config = model_config(
            result.state_dict, tapped_levels(source.entries), kind.dilated
        )
    match = check_fit(result.state_dict, config)
    if strict and (match.missing or match.unexpected or match.misshapen):
        raise UserError(
            f'{_names(paths)} does not fill the model: '
            f'{"; ".join(match.differences(SHOWN))}. --allow-mismatch converts '
            'what is there'
        )
    meta = dict(
        converted_from=[str(path) for path in paths],
        project=kind.title,
        licence=kind.licence,
        input_size=source.input_size,
        dropped=result.dropped,
        left_over=result.left_over,
    )
    checkpoint = dict(meta=meta, state_dict=result.state_dict)
    return Converted(checkpoint, result, config, match)


def save(converted: Converted, path: str | Path) -> None:
    """Write the checkpoint; an interrupted run does not leave half of it."""
    path = Path(path).expanduser()
    remove_leftovers(path)
    with atomic_path(path) as temporary:
        torch.save(converted.checkpoint, temporary)


def _names(paths: Sequence[str | Path]) -> str:
    return ', '.join(map(str, paths))
