"""What tells a pool of images from another one: names and contents of its files.

Images that have only another time, as after copying or mounting them again, have not
changed. Reading all files takes long, so that the hash of each is kept beside the
results, with the path, size and time for which it holds.
"""

import hashlib
import json
import os
import time
from pathlib import Path

from mmengine.dist import all_gather_object, get_dist_info

from mmdepthseg.apis.depth_labels import FLUSH_SECONDS
from mmdepthseg.apis.pool import ImagePool
from mmdepthseg.datasets.depth_labels import image_state
from mmdepthseg.utils.files import file_hash, read_json, write_atomically
from mmdepthseg.utils.progress import Progress
from mmdepthseg.utils.ranks import from_main

#: The hashes, in the folder of the results.
HASHES = 'images.json'
#: Images that a rank reads until the ranks tell each other.
_CHUNK = 100


def fingerprint(pool: ImagePool, folder: Path) -> str:
    """Return the SHA-256 of names and contents of all images.

    All ranks must call this; they share the reading.

    Args:
        pool: The images.
        folder: Where the hashes of the files are kept.
    """
    path, known = folder / HASHES, pool.states
    todo = from_main(lambda: _unknown(pool, path))
    rank, world_size = get_dist_info()
    progress, flushed = Progress('images read', 'images'), time.monotonic()
    for start in range(0, len(todo), _CHUNK * world_size):
        rows = todo[start : start + _CHUNK * world_size]
        mine = {row: _read(pool.paths[row]) for row in rows[rank::world_size]}
        for part in all_gather_object(mine):
            known.update((pool.names[r], state) for r, state in part.items() if state)
        if rank == 0:
            progress(start + len(rows), len(todo))
            if time.monotonic() - flushed >= FLUSH_SECONDS:
                _write(path, known)
                flushed = time.monotonic()
    if todo and rank == 0:
        _write(path, known)
    return from_main(lambda: _digest(pool))


def fingerprint_by_time(pool: ImagePool) -> str:
    """Return the SHA-256 of names, sizes and modification times of all images.

    It stands for them in results of earlier versions.
    """
    digest = hashlib.sha256()
    for name, path in zip(pool.names, pool.paths, strict=True):
        try:
            state = os.stat(path)
            text = f'{name}\0{state.st_size}\0{state.st_mtime_ns}\n'
        except OSError:  # not a local file, or missing: an error when it is read
            text = f'{name}\0{path}\n'
        digest.update(text.encode())
    return digest.hexdigest()


def _unknown(pool: ImagePool, path: Path) -> list[int]:
    """Read the hashes that still hold into `pool.states`; return the other rows."""
    kept = {**_kept(path), **pool.states}
    pool.states.clear()
    rows = []
    for row, (name, file) in enumerate(zip(pool.names, pool.paths, strict=True)):
        now, then = image_state(file), kept.get(name)
        if now is None:
            continue
        known = then.get('sha256') if isinstance(then, dict) else None
        if isinstance(known, str) and then == {**now, 'sha256': known}:
            pool.states[name] = {**now, 'sha256': known}
        else:
            rows.append(row)
    return rows


def _read(path: str) -> dict | None:
    """Return the state of a file with its hash; None if it cannot be read."""
    state = image_state(path)
    try:
        return None if state is None else {**state, 'sha256': file_hash(path)}
    except OSError:  # an error when the network is to see it
        return None


def _write(path: Path, states: dict[str, dict]) -> None:
    """Write hashes beside those of other pools, which may share the folder."""
    kept = {**_kept(path), **states}
    write_atomically(path, (json.dumps(kept, indent=1) + '\n').encode())


def _kept(path: Path) -> dict[str, dict]:
    try:
        return read_json(path, dict)
    except (OSError, ValueError):  # none, or damaged: all files are read
        return {}


def _digest(pool: ImagePool) -> str:
    digest = hashlib.sha256()
    for name, path in zip(pool.names, pool.paths, strict=True):
        content = pool.states[name]['sha256'] if name in pool.states else path
        digest.update(f'{name}\0{content}\n'.encode())
    return digest.hexdigest()
