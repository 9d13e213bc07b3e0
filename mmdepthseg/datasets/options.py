"""Options that data sets share: folders with a split in them, texts, whole numbers."""

from collections.abc import Mapping
from numbers import Integral

from mmdepthseg.utils.errors import UserError, check_keys, refuse

#: Prefixes that may be '', for images right in `data_root`.
IMAGE_PREFIXES = ('img_path', 'sequence_path')


def split_folders(
    known: Mapping[str, str | None],
    given: Mapping | None,
    split: str | None,
    owner: str,
    default: str | None = None,
) -> dict[str, str]:
    """Return the `data_prefix` of a split.

    Args:
        known: Folders below `data_root`, with `{split}`; None: unused.
        given: Changes of them.
        split: The split; None: the folders have no `{split}`.
        owner: Owner of the `data_prefix`, for the message.
        default: The split that an owner has unless another is given.

    Raises:
        UserError: A key is not among the known ones, a folder is empty, or the split
            has no effect, so that all splits would be the same images.
    """
    check_keys(given or (), known, f'{owner}: data_prefix')
    folders = {k: v for k, v in {**known, **(given or {})}.items() if v is not None}
    maps = {k: v for k, v in folders.items() if k not in IMAGE_PREFIXES}
    refuse_empty(f'{owner}: data_prefix', maps, " ('.' is data_root itself)")
    refuse_empty(owner, dict(split=split))
    used = any('{split}' in folder for folder in folders.values())
    with_split = ', '.join(f"{k}='{v}/{{split}}'" for k, v in folders.items())
    refuse(
        owner,
        {
            'the data_prefix contains {split}: give split': split is None and used,
            f'split={split!r} has no effect, because no folder contains {{split}}: '
            f'give data_prefix=dict({with_split}), or leave split out': (
                split not in (None, default) and not used
            ),
        },
    )
    return {k: v.format(split=split) for k, v in folders.items()}


def refuse_empty(owner: str, options: Mapping[str, object], cure: str = '') -> None:
    """Refuse empty texts; None is what has not been given.

    `--cfg-options key=$NAME` with a variable that is not set gives one.

    Args:
        owner: Owner of the options, for the message.
        options: Names of files, folders and the like; or lists or dicts of them.
        cure: What else to do, for the message.

    Raises:
        UserError: Names the option.
    """
    for key, value in options.items():
        parts = [*value.values()] if isinstance(value, Mapping) else [value]
        if isinstance(value, list | tuple):
            parts = [*value]
        if any(isinstance(part, str) and not part.strip() for part in parts):
            raise UserError(
                f'{owner}: {key}={value!r} names nothing (is a variable of the shell '
                f'empty?): give a name, or leave {key} out{cure}'
            )


def is_whole(value: object) -> bool:
    """Tell whether a value is a whole number; True, 8.0 and '8' are not."""
    return isinstance(value, Integral) and not isinstance(value, bool)
