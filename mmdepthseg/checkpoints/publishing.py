"""Checkpoints to pass on: the weights of one network and nothing else."""

import io
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmdepthseg.checkpoints.normalization import NORMALIZATION
from mmdepthseg.checkpoints.reading import read_checkpoint
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import write_atomically

#: Beginnings of the entries of a mean teacher's networks.
PREFIXES = dict(teacher='teacher.module.', student='student.')
#: What is kept of a checkpoint's `meta`; configs and paths of the machine are not.
META = ('dataset_meta', NORMALIZATION, 'epoch', 'iter', 'mmengine_version')


def publish(checkpoint: str | Path, out: str | Path, part: str | None = None) -> Path:
    """Write the weights of a checkpoint, without optimiser and training state.

    The name gets the first 8 digits of the file's SHA-256, as OpenMMLab's have. The
    same weights give the same file.

    Args:
        checkpoint: The checkpoint.
        out: The file to write, *.pth, to whose name the digits are added.
        part: 'teacher' or 'student' of a mean teacher, whose entries then have the
            names of a single network: its segmentor's config fits them, and the mean
            teacher's, too. (What a teacher lacks, because only losses need it, is the
            student's.) None: the teacher, if there is one.

    Returns:
        The file written.

    Raises:
        UserError: The checkpoint cannot be read or lacks the part.
    """
    out = Path(out).expanduser()
    if out.suffix != '.pth':
        raise UserError(f'--out {out}: the name of the file must end with .pth')
    content = read_checkpoint(checkpoint)
    state, part = _part(content.get('state_dict', content), part, checkpoint)
    meta = content.get('meta') or {}
    kept: dict[str, Any] = {key: meta[key] for key in META if key in meta}
    if part is not None:
        kept['part'] = part
    buffer = io.BytesIO()  # torch would write the name of a file into it
    torch.save(dict(meta=kept, state_dict=state), buffer)
    data = buffer.getvalue()
    path = out.with_name(f'{out.stem}-{sha256(data).hexdigest()[:8]}.pth')
    write_atomically(path, data)
    return path


def _part(
    state: Mapping[str, Tensor], part: str | None, source: str | Path
) -> tuple[dict[str, Tensor], str | None]:
    """Return the entries of a network on the CPU, each with its own memory."""
    both = all(any(n.startswith(p) for n in state) for p in PREFIXES.values())
    if not both and part is not None:
        raise UserError(
            f'--part {part}: {source} holds a single network, not a mean teacher; '
            'leave --part out'
        )
    if both:
        part = part or 'teacher'
        # the student alone has what only its losses need, such as the pose net
        order = [PREFIXES['student'], PREFIXES[part]]
        state = {
            name.removeprefix(prefix): value
            for prefix in order
            for name, value in state.items()
            if name.startswith(prefix)
        }
    other = next((n for n, value in state.items() if not torch.is_tensor(value)), None)
    if other is not None:
        raise UserError(
            f'{source}: {other} is no tensor: expected a checkpoint with the weights '
            'in state_dict, as MMEngine saves them'
        )
    return {name: value.detach().cpu().clone() for name, value in state.items()}, part
