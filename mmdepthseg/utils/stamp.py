"""Stamps of computed results: reuse, continue, refuse or replace them.

Rendering, depth labels, features, students and trainings take minutes to days, so
existing results are used again. Each result has a stamp beside it, a JSON file that
tells what determined its content and whether it is complete. If nothing has changed,
the result is used, or continued where it stopped. Otherwise the differences are named:
an outdated result is never used silently, and never deleted unasked.
"""

import itertools
import json
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmdepthseg.utils.errors import UserError, listed
from mmdepthseg.utils.files import read_json, write_atomically

#: States of a result: there is nothing, it is incomplete, it is complete.
MISSING, BEGUN, DONE = 'missing', 'begun', 'done'
_SHORT = 60
_SHOWN = 8


class DamagedStamp(UserError):
    """A stamp cannot be read."""


class Stamp:
    """The stamp of one result, a flat JSON file.

    Args:
        path: The file.
        what: Name of the result in messages, such as 'the features'.
        made_with: Everything that determines the content, by name; JSON types.
        partial: File that is used until the result is complete, so that `path` exists
            only for a complete one. Without it, `path` holds an entry `complete`.
        tolerant: Treat a damaged file as missing, instead of raising an error.
        cure: Advice about a result made with something else, for messages.
        remake: Set a damaged file aside in `check`, with a warning, so that the result
            is made again.

    Attributes:
        facts: Other facts about the result, see `note` and `finish`.
        changed: Differences from the file, found by the last `look`; texts.
    """

    def __init__(
        self,
        path: str | Path,
        what: str,
        made_with: Mapping,
        *,
        partial: str | Path | None = None,
        tolerant: bool = False,
        cure: str = 'Give another folder, or --overwrite to make it again.',
        remake: bool = False,
    ) -> None:
        self.path = Path(path)
        self.what = what
        # in the form in which it is read again: lists for tuples, strings for keys
        self.made_with: dict[str, Any] = json.loads(json.dumps(made_with, default=str))
        self.partial = None if partial is None else Path(partial)
        self.tolerant = tolerant
        self.cure = cure
        self.remake = remake
        self.facts: dict[str, Any] = {}
        self.changed: list[str] = []

    def look(self) -> str:
        """Read the file into `facts` and `changed`.

        Returns:
            `MISSING`, `BEGUN` or `DONE`, whatever the result was made with.

        Raises:
            UserError: The file is damaged or not a stamp.
        """
        self.facts, self.changed = {}, []
        for path in filter(None, (self.path, self.partial)):
            try:
                content = read_json(path, dict)
                before, facts = self._unpack(content)
                done = content.get('complete', path == self.path)
            except FileNotFoundError:
                continue
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                if self.tolerant:
                    continue
                raise DamagedStamp(
                    f'{path}: damaged, or not a stamp of {self.what} '
                    f'({type(error).__name__}: {error}); give another folder, or '
                    'remove the file and the results that belong to it'
                ) from None
            self.facts, self.changed = facts, list(differences(before, self.made_with))
            return DONE if done else BEGUN
        return MISSING

    def is_done(self) -> bool:
        """Tell whether the result is complete and made with the same; reads `facts`."""
        return self.look() == DONE and not self.changed

    def check(self, overwrite: bool = False, taken: Iterable[Path] = ()) -> str:
        """Refuse a result that was made with something else, or `clear` it.

        Args:
            overwrite: Clear it.
            taken: Files that must not exist without a stamp, since they are foreign;
                beside a damaged one they may be ours.

        Returns:
            `MISSING`, `BEGUN` or `DONE`.

        Raises:
            UserError: The result was made with something else (the differences are
                named), foreign files exist, or the stamp is damaged.
        """
        try:
            state = self.look()
        except DamagedStamp:
            if not self.remake:
                raise
            warnings.warn(
                f'{self.path}: damaged, so {self.what} are made again; the old ones '
                f'are kept as {self.set_aside()}',
                stacklevel=2,
            )
            state, taken = MISSING, ()
        foreign = next(filter(Path.exists, taken), None) if state == MISSING else None
        if foreign is not None:
            raise UserError(
                f'{self.path.parent} is the folder for {self.what}, but it holds other '
                f'files ({os.path.relpath(foreign, self.path.parent)}, without '
                f'{self.path.name}); give another folder, or move them away'
            )
        if not self.changed:
            return state
        if not overwrite:
            raise UserError(
                f'{self.path.parent} holds {self.what} made with something else: '
                f'{listed(self.changed, _SHOWN, "; ")}. {self.cure}'
            )
        self.clear()
        self.facts, self.changed = {}, []
        return MISSING

    def begin(self, overwrite: bool = False, taken: Iterable[Path] = ()) -> bool:
        """Do as `check`, and write a stamp if there is none.

        Returns:
            True if the result is complete.
        """
        state = self.check(overwrite, taken)
        if state == MISSING:
            self.note()
        return state == DONE

    def note(self, **facts: object) -> None:
        """Write that the result is not complete, whatever the file said before.

        Args:
            **facts: Facts about it, JSON types; added to the earlier ones.
        """
        self.facts.update(facts)
        if self.partial is not None and self.path.exists():
            os.replace(self.path, self.partial)
        self._write(self.partial or self.path, complete=False)

    def finish(self, **facts: object) -> None:
        """Write that the result is complete.

        Args:
            **facts: See `note`.
        """
        self.facts.update(facts)
        self._write(self.path, complete=True)
        if self.partial is not None:
            self.partial.unlink(missing_ok=True)

    def set_aside(self) -> Path:
        """Rename what a damaged stamp belongs to; in this class, the stamp alone.

        Returns:
            The new path.
        """
        return renamed(self.path)

    def clear(self) -> None:
        """Remove the result and its stamp; in this class, the stamp alone."""
        for path in filter(None, (self.path, self.partial)):
            path.unlink(missing_ok=True)

    def _write(self, path: Path, complete: bool) -> None:
        text = json.dumps(self._pack(complete), indent=1) + '\n'
        write_atomically(path, text.encode())

    def _pack(self, complete: bool) -> dict:
        said = {} if self.partial is not None else dict(complete=complete)
        return {**self.made_with, **said, **self.facts}

    def _unpack(self, content: dict) -> tuple[dict, dict]:
        """Split the file's content into `made_with` and facts."""
        if self.made_with.keys().isdisjoint(content):
            raise KeyError(', '.join(self.made_with))
        rest = {key: value for key, value in content.items() if key != 'complete'}
        return {key: rest.pop(key, None) for key in self.made_with}, rest


def renamed(path: Path) -> Path:
    """Rename a file or folder to the first free name of the form NAME.damaged-1."""
    names = (path.with_name(f'{path.name}.damaged-{i}') for i in itertools.count(1))
    free = next(name for name in names if not name.exists())
    path.rename(free)
    return free


def differences(before: Mapping, now: Mapping, within: str = '') -> Iterator[str]:
    """Name the differences of two mappings, including nested ones.

    Args:
        before: The earlier mapping.
        now: The present mapping.
        within: Prefix of the names.

    Yields:
        A name, with both values if they are short.
    """
    for key in {**before, **now}:
        old, new = before.get(key), now.get(key)
        if old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from differences(old, new, f'{within}{key}.')
        elif max(len(str(old)), len(str(new))) > _SHORT:
            yield f'{within}{key}'
        else:
            yield f'{within}{key} (then {old}, now {new})'
