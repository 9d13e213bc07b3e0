"""The record of a selection, and the records that another one may replace."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mmdepthseg.selection.files import RECORD, describe_files, remove_selection
from mmdepthseg.utils.stamp import Stamp

#: Options that do not change the picks.
UNDECISIVE = ('progress', 'memory', 'device')


class SelectionStamp(Stamp):
    """`selection.json` as the stamp of a selection.

    Args:
        folder: Its folder.
        options: Options that the picks depend on, JSON types.
        inputs: Paths of the files whose content matters, by role; None for one that
            another selection may have had.
        budgets: Total numbers of frames.
        scored: Whether each budget is a step with a student of the earlier frames. A
            pick then depends on the budgets up to its own; later budgets may be added
            or left out.

    Attributes:
        files: Path and sha256 of each given input, by role.
    """

    def __init__(
        self,
        folder: Path,
        options: Mapping,
        inputs: Mapping[str, str | None],
        budgets: Sequence[int],
        scored: bool,
    ) -> None:
        self.roles, self.scored = list(inputs), scored
        self.files = describe_files(inputs)
        hashes = self._hashes(self.files)
        made_with = {**options, **hashes, 'budget': sorted(set(budgets))}
        super().__init__(
            folder / RECORD,
            'a selection',
            made_with,
            cure='Give another --out, or --overwrite to replace it'
            + '; each budget is a step that the later ones build on.' * scored,
        )

    def clear(self) -> None:
        """Remove the record and the files it lists."""
        remove_selection(self.path.parent)

    def _unpack(self, content: dict) -> tuple[dict, dict]:
        was = {**content['options'], **self._hashes(content['files'])}
        old, now = sorted(set(was['budget'])), self.made_with['budget']
        both = min(len(old), len(now))
        kept = not self.scored or old[:both] == now[:both]
        was['budget'] = now if kept else old
        return {key: was.get(key) for key in self.made_with}, {}

    def _hashes(self, files: Mapping[str, Mapping]) -> dict[str, str | None]:
        return {role: files.get(role, {}).get('sha256') for role in self.roles}
