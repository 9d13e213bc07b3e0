"""What a computed thing was made with: whether to go on with it, refuse or replace it.

Rendering, depth labels, features, students and trainings take minutes to days, so what
is there is used again. Each has a stamp beside it, a JSON file that says what decided
its content and whether it is complete. If all of that is still so, the thing is used,
or gone on with where it stopped; otherwise the differences are named: it is never used
silently, and never thrown away unasked.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import write_atomically

#: What a stamp says: nothing there, not complete, complete.
MISSING, BEGUN, DONE = 'missing', 'begun', 'done'
_SHORT = 60
_SHOWN = 8


class Stamp:
    """Keep the stamp of one computed thing, a flat JSON file.

    Args:
        path: The file.
        what: What to call the thing in messages, 'the features'.
        made_with: What decides the content, by name; JSON types.
        partial: The file while the thing is not complete, so that `path` being there
            means that the thing is; without it, `path` says `complete` itself.
        tolerant: Whether a damaged file counts as none, instead of an error.
        cure: What to do about a thing made with something else.

    Attributes:
        facts: What else is known of the thing, see `note` and `finish`.
        changed: What differs from the file, as of the last `look`; texts.
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
    ) -> None:
        self.path = Path(path)
        self.what = what
        # as it will be read again: tuples become lists, keys become strings
        self.made_with: dict[str, Any] = json.loads(json.dumps(made_with, default=str))
        self.partial = None if partial is None else Path(partial)
        self.tolerant = tolerant
        self.cure = cure
        self.facts: dict[str, Any] = {}
        self.changed: list[str] = []

    def look(self) -> str:
        """Read what is there: `facts` and `changed`.

        Returns:
            `MISSING`, `BEGUN` or `DONE`, whatever the thing was made with.

        Raises:
            UserError: The file is damaged, or not a stamp.
        """
        self.facts, self.changed = {}, []
        for path in filter(None, (self.path, self.partial)):
            try:
                content = json.loads(path.read_text(encoding='utf-8'))
                before, facts = self._unpack(content)
                done = content.get('complete', path == self.path)
            except FileNotFoundError:
                continue
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                if self.tolerant:
                    continue
                raise UserError(
                    f'{path}: damaged, or not what is written with {self.what} '
                    f'({type(error).__name__}: {error}); give another folder, or '
                    'remove that file and what it belongs to'
                ) from None
            self.facts, self.changed = facts, list(differences(before, self.made_with))
            return DONE if done else BEGUN
        return MISSING

    def is_done(self) -> bool:
        """Tell whether the thing is complete by now and as asked for; reads `facts`."""
        return self.look() == DONE and not self.changed

    def check(self, overwrite: bool = False, taken: Iterable[Path] = ()) -> str:
        """Refuse what was made with something else, or `clear` it.

        Args:
            overwrite: Clear it.
            taken: What must not be there without a stamp: it is somebody else's.

        Returns:
            `MISSING`, `BEGUN` or `DONE`.

        Raises:
            UserError: The thing there was made with something else, which is named;
                or files of another origin are there; or the stamp is damaged.
        """
        state = self.look()
        foreign = next(filter(Path.exists, taken), None) if state == MISSING else None
        if foreign is not None:
            raise UserError(
                f'{self.path.parent} is where {self.what} should go, but it holds '
                f'other files ({foreign.name}, without {self.path.name}); give '
                'another folder, or move them away'
            )
        if not self.changed:
            return state
        if not overwrite:
            more = len(self.changed) - _SHOWN
            listed = '; '.join(self.changed[:_SHOWN])
            raise UserError(
                f'{self.path.parent} holds {self.what} made with something else: '
                f'{listed}{f" and {more} more" if more > 0 else ""}. {self.cure}'
            )
        self.clear()
        self.facts, self.changed = {}, []
        return MISSING

    def begin(self, overwrite: bool = False, taken: Iterable[Path] = ()) -> bool:
        """Find out what is there, and be ready to go on; see `check`.

        Returns:
            True if the thing is complete.
        """
        state = self.check(overwrite, taken)
        if state == MISSING:
            self.note()
        return state == DONE

    def note(self, **facts: object) -> None:
        """Write that the thing is not complete, whatever was said before.

        Args:
            **facts: What is known of it, JSON types; added to what was said before.
        """
        self.facts.update(facts)
        if self.partial is not None and self.path.exists():
            os.replace(self.path, self.partial)
        self._write(self.partial or self.path, complete=False)

    def finish(self, **facts: object) -> None:
        """Write that the thing is complete.

        Args:
            **facts: See `note`.
        """
        self.facts.update(facts)
        self._write(self.path, complete=True)
        if self.partial is not None:
            self.partial.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove the thing and its stamp; here, the stamp alone."""
        for path in filter(None, (self.path, self.partial)):
            path.unlink(missing_ok=True)

    def _write(self, path: Path, complete: bool) -> None:
        text = json.dumps(self._pack(complete), indent=1) + '\n'
        write_atomically(path, text.encode())

    def _pack(self, complete: bool) -> dict:
        said = {} if self.partial is not None else dict(complete=complete)
        return {**self.made_with, **said, **self.facts}

    def _unpack(self, content: dict) -> tuple[dict, dict]:
        """Split the file's content into what the thing was made with, and facts."""
        if self.made_with.keys().isdisjoint(content):
            raise KeyError(', '.join(self.made_with))
        rest = {key: value for key, value in content.items() if key != 'complete'}
        return {key: rest.pop(key, None) for key in self.made_with}, rest


def differences(before: Mapping, now: Mapping, within: str = '') -> Iterator[str]:
    """Name what differs between two mappings, inner ones included.

    Args:
        before: What was.
        now: What is.
        within: Prefix of the names.

    Yields:
        The name, with both values where they are short.
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
