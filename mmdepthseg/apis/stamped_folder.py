"""Folders that hold one computed thing each, with its stamp."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from mmdepthseg.utils.stamp import DONE, MISSING, Stamp, renamed


class StampedFolder(Stamp):
    """Keep the stamp of a folder that holds one thing and nothing else.

    Args:
        folder: The folder; `clear` removes it.
        what: See `Stamp`.
        made_with: See `Stamp`.
        earlier: Entries of `made_with` as earlier versions wrote them for the same
            inputs; `check` writes those of a stamp anew.
    """

    def __init__(
        self,
        folder: str | Path,
        what: str,
        made_with: Mapping,
        earlier: Mapping | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.earlier = dict(earlier or {})
        self._is_earlier = False
        super().__init__(
            self.folder / 'stamp.json',
            what,
            made_with,
            cure='Give another folder (--out, --teacher-dir), or --overwrite to make '
            'what has changed again.',
            remake=True,
        )

    def check(self, overwrite: bool = False, taken: Iterable[Path] = ()) -> str:
        """Do as `Stamp.check`; every file of the folder is somebody else's."""
        if self.folder.is_dir():
            taken = [*taken, *self.folder.iterdir()]
        state = super().check(overwrite, taken)
        if state != MISSING and self._is_earlier:
            self._write(self.path, complete=state == DONE)
        return state

    def set_aside(self) -> Path:
        """Rename the folder."""
        return renamed(self.folder)

    def clear(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder)

    def _pack(self, complete: bool) -> dict:
        return dict(
            what=self.what,
            complete=complete,
            facts=self.facts,
            made_with=self.made_with,
        )

    def _unpack(self, content: dict) -> tuple[dict, dict]:
        before = dict(content['made_with'])
        same = [key for key, value in self.earlier.items() if before.get(key) == value]
        before.update({key: self.made_with[key] for key in same})
        self._is_earlier = bool(same)
        return before, dict(content['facts'])
