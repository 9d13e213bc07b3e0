"""Computed things that are kept, and what they were made with.

A selection takes hours of networks; each part of it (features, students, scores) has a
folder of its own with a stamp that says what decides its content. A part that is there
is used again if all of that is still so, goes on where it stopped if it is not
complete, and is otherwise named: never used silently, never thrown away unasked.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import write_atomically

STAMP = 'stamp.json'
_SHORT = 60


class StampedFolder:
    """A folder with one computed thing.

    Args:
        folder: Its place.
        what: What to call it in messages, 'the features'.
        made_with: What decides the content, by name; JSON types.

    Attributes:
        facts: What `finish` was given; empty while not complete.
    """

    def __init__(self, folder: str | Path, what: str, made_with: Mapping) -> None:
        self.folder = Path(folder)
        self.what = what
        # as it will be read again: tuples become lists, keys become strings
        self.made_with: dict[str, Any] = json.loads(json.dumps(made_with, default=str))
        self.facts: dict[str, Any] = {}

    @property
    def stamp(self) -> Path:
        """The stamp's path."""
        return self.folder / STAMP

    def begin(self, overwrite: bool = False) -> bool:
        """Find out what is there, and be ready to go on.

        Args:
            overwrite: Remove what was made with something else, instead of an error.

        Returns:
            True if the thing is complete.

        Raises:
            UserError: The folder holds the thing made with something else, or files
                of another origin.
        """
        self.facts = {}
        if not self.stamp.exists():
            if self.folder.exists() and any(self.folder.iterdir()):
                raise UserError(
                    f'{self.folder} is where {self.what} should go, but it holds other '
                    'files; give another folder (--out, --teacher-dir), or move them '
                    'away.'
                )
            self._write(complete=False)
            return False
        old = self._read()
        before = old['made_with']
        changed = [
            key
            for key in {**before, **self.made_with}
            if before.get(key) != self.made_with.get(key)
        ]
        if not changed:
            self.facts = old['facts']
            return bool(old['complete'])
        if not overwrite:
            differences = '; '.join(self._difference(key, before) for key in changed)
            raise UserError(
                f'{self.folder} holds {self.what} made with something else: '
                f'{differences}. Give another folder (--out, --teacher-dir), or '
                '--overwrite to make anew what '
                'has changed.'
            )
        shutil.rmtree(self.folder)
        self._write(complete=False)
        return False

    def reopen(self) -> None:
        """Say that the thing is not complete, whatever was said before."""
        self.facts = {}
        self._write(complete=False)

    def finish(self, **facts: object) -> None:
        """Say that the thing is complete.

        Args:
            **facts: What to remember of it, JSON types.
        """
        self.facts = facts
        self._write(complete=True)

    def read_facts(self) -> bool:
        """Whether the thing is complete by now (made by another process)."""
        if self.stamp.exists():
            old = self._read()
            if old['complete'] and old['made_with'] == self.made_with:
                self.facts = old['facts']
                return True
        return False

    def _read(self) -> dict:
        try:
            old = json.loads(self.stamp.read_text())
            if not {'made_with', 'complete', 'facts'} <= set(old):
                raise ValueError('it lacks keys')
        except (ValueError, TypeError) as error:
            raise UserError(
                f'{self.stamp}: damaged ({error}); remove the folder {self.folder}.'
            ) from None
        return old

    def _write(self, complete: bool) -> None:
        stamp = dict(
            what=self.what, complete=complete, facts=self.facts,
            made_with=self.made_with,
        )  # fmt: skip
        text = json.dumps(stamp, indent=1) + '\n'
        write_atomically(self.stamp, text.encode())

    def _difference(self, key: str, before: Mapping) -> str:
        old, new = (str(side.get(key)) for side in (before, self.made_with))
        if max(len(old), len(new)) > _SHORT:
            return key
        return f'{key} (then {old}, now {new})'
