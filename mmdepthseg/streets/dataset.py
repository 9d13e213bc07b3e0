"""Rendering of data sets: clips in parallel, resumable, files written atomically."""

import contextlib
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np

from mmdepthseg.cityscapes import (
    STREETS_UNFINISHED,
    encode_disparity,
    json_bytes,
    png_bytes,
    train_id_table,
)
from mmdepthseg.streets import layout
from mmdepthseg.streets.cities import CarCamera
from mmdepthseg.streets.render import Frame, Renderer
from mmdepthseg.streets.scene import FRAME_RATE, SPLITS, build_scene
from mmdepthseg.streets.visits import POOLS, STOP_SECONDS, visit_of
from mmdepthseg.utils.errors import UserError, refuse
from mmdepthseg.utils.files import check_writable, remove_leftovers, write_atomically
from mmdepthseg.utils.stamp import Stamp

VERSION = 2
MANIFEST = 'streets.json'
#: The clips of one stop share no frames.
MOST_FLEET_FRAMES = int(STOP_SECONDS * FRAME_RATE) - 1  # odd, as all


@dataclass(frozen=True)
class Options:
    """Options that decide the content of a data set.

    Attributes:
        seed: Not negative; the same seed gives the same bytes.
        clips: Number of training clips.
        val_clips: Number of validation clips.
        frames: Frames per training clip, odd. The middle one is annotated: with another
            number it is that of another moment.
        val_frames: Frames per validation clip.
        size: Image size (width, height).
        supersample: Samples per pixel and axis, 1..4.
        pool: How often training clips visit a place: `'even'` or `'fleet'`, see
            `visits`.
    """

    seed: int = 0
    clips: int = 70
    val_clips: int = 20
    frames: int = 5
    val_frames: int = 3
    size: tuple[int, int] = (384, 192)
    supersample: int = 2
    pool: str = 'even'

    def __post_init__(self) -> None:
        """Check the ranges."""
        object.__setattr__(self, 'size', tuple(int(v) for v in self.size))
        width, height = self.size
        clips, frames = (self.clips, self.val_clips), (self.frames, self.val_frames)
        refuse(
            'streets',
            {
                f'seed must not be negative, got {self.seed}': self.seed < 0,
                'clips and val_clips must not be negative and not both 0, got '
                f'{self.clips} and {self.val_clips}': min(clips) < 0 or not any(clips),
                'frames and val_frames must be odd (the middle frame is annotated) and '
                f'at most 39, got {self.frames} and {self.val_frames}': any(
                    not 1 <= count <= 39 or count % 2 == 0 for count in frames
                ),
                'size must lie between 32x16 and 4096x4096 pixels (width x height), '
                f'got {width}x{height}': (
                    not (32 <= width <= 4096 and 16 <= height <= 4096)
                ),
                f'height / width must lie between 0.2 and 1.5, got {width}x{height}': (
                    not 0.2 * width <= height <= 1.5 * width
                ),
                f'supersample must be 1 to 4, got {self.supersample}': (
                    not 1 <= self.supersample <= 4
                ),
                f'pool must be one of {POOLS}, got {self.pool!r}': (
                    self.pool not in POOLS
                ),
                f'frames must be at most {MOST_FLEET_FRAMES} with pool="fleet", where '
                f'clips of a stop follow each other, got {self.frames}': (
                    self.pool == 'fleet' and self.frames > MOST_FLEET_FRAMES
                ),
            },
        )

    def frame_count(self, split: str) -> int:
        """Return the frames per clip of a split."""
        return self.frames if split == 'train' else self.val_frames

    def jobs(self) -> list[tuple[str, int]]:
        """List all (split, clip), sorted by city so that textures are painted once."""
        counts = zip(SPLITS, (self.clips, self.val_clips), strict=True)
        jobs = [(split, clip) for split, count in counts for clip in range(count)]
        return sorted(jobs, key=lambda job: (job[0], self.place_of(*job)))

    def place_of(self, split: str, clip: int) -> tuple[str, int]:
        """Return the city of a clip and the clip's number within the city."""
        visit = visit_of(self.seed, split, clip, self.pool)
        return visit.city, visit.sequence

    def as_json(self) -> dict:
        """Return the options in JSON types."""
        content = asdict(self)
        content['size'] = list(self.size)
        if self.pool == 'even':  # as before there were pools
            del content['pool']
        return content


@dataclass
class Clip:
    """A rendered clip: frames, camera-to-world poses (F, 4, 4), camera, names."""

    split: str
    city: str
    sequence: int
    frames: list[Frame]
    poses: np.ndarray
    camera: CarCamera


def render_clip(options: Options, split: str, clip: int, colour: bool = True) -> Clip:
    """Render a clip in memory.

    Args:
        options: What to render.
        split: `'train'` or `'val'`.
        clip: Number of the clip in the split; only it decides the content.
        colour: False leaves the images black (geometry and labels only).
    """
    if split not in SPLITS:
        raise UserError(f'split must be one of {SPLITS}, got {split!r}')
    width, height = options.size
    scene, sequence = build_scene(
        options.seed, split, clip, width, height, options.pool
    )
    renderer = Renderer(scene, width, height, options.supersample)
    times = scene.start + np.arange(options.frame_count(split)) / FRAME_RATE
    poses = np.stack([scene.pose(float(time)) for time in times])
    frames = [renderer(float(time), colour) for time in times]
    return Clip(split, scene.city, sequence, frames, poses, scene.camera)


def _write_clip(out: Path, options: Options, clip: Clip) -> None:
    count = len(clip.frames)
    table = train_id_table()
    # KITTI's convention: the world is the first frame's camera.
    poses = np.linalg.inv(clip.poses[0]) @ clip.poses
    encoders: dict[str, Callable[[Frame], bytes]] = {
        'image': lambda f: png_bytes(f.image),
        'label': lambda f: png_bytes(f.label),
        'train_id': lambda f: png_bytes(table[f.label]),
        'disparity': lambda f: png_bytes(
            encode_disparity(f.depth, clip.camera.baseline, clip.camera.fx)
        ),
        'camera': lambda _: json_bytes(clip.camera.as_json()),
        'poses': lambda _: layout.poses_bytes(poses),
    }
    names = layout.clip_files(clip.split, clip.city, clip.sequence, count)
    for name, (kind, number) in names.items():
        # Without a number: the poses, of all frames.
        write_atomically(out / name, encoders[kind](clip.frames[number or 0]))


def clip_is_complete(out: Path, options: Options, split: str, clip: int) -> bool:
    """Tell whether all files of a clip exist and are complete."""
    city, sequence = options.place_of(split, clip)
    count = options.frame_count(split)
    return all(
        layout.is_complete(out / name, kind, options.size, count)
        for name, (kind, _) in layout.clip_files(split, city, sequence, count).items()
    )


def _job(task: tuple[str, dict, str, int]) -> tuple[str, int]:
    """Render and write one clip (in a worker process)."""
    out, content, split, clip = task
    options = Options(**content)
    _write_clip(Path(out), options, render_clip(options, split, clip))
    return split, clip


def _serve(pipe: Connection) -> None:
    """Do tasks in a process of its own until none comes; send each one's result."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C: the main process ends it
    cv2.setNumThreads(1)
    with contextlib.suppress(EOFError, BrokenPipeError):  # the main process is gone
        while (task := pipe.recv()) is not None:
            try:
                found: Any = (_job(task), '')
            except (UserError, OSError) as error:
                found = (error, '')
            except Exception:  # of any class, which may not pass a pipe
                found = (None, traceback.format_exc())
            pipe.send(found)


def _run(tasks: list[tuple], workers: int) -> Iterator[tuple[str, int]]:
    if workers == 1 or len(tasks) <= 1:
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        try:
            yield from map(_job, tasks)
        finally:
            cv2.setNumThreads(threads)
        return
    # Spawned, not forked: forking a process with threads (torch, OpenCV) may hang. No
    # Pool, which waits for ever for what a killed worker had to do.
    context = multiprocessing.get_context('spawn')
    left, pipes = iter(tasks), {}
    try:
        for _ in range(min(workers, len(tasks))):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs,), daemon=True)
            process.start()
            theirs.close()
            pipes[ours] = process
            _send(ours, next(left))
        waiting: list[Any] = [*pipes]
        while waiting:
            for ready in wait(waiting):
                pipe = cast(Connection, ready)
                result = _receive(pipe, pipes[pipe])
                task = next(left, None)
                _send(pipe, task)
                if task is None:
                    waiting.remove(pipe)
                yield result
    finally:
        for process in pipes.values():
            process.terminate()
            process.join()


def _send(pipe: Connection, task: tuple | None) -> None:
    with contextlib.suppress(BrokenPipeError):  # `_receive` tells
        pipe.send(task)


def _receive(pipe: Connection, process: Any) -> tuple[str, int]:
    """Return what a process has rendered; raise its error, or one if it was ended."""
    try:
        found, trace = pipe.recv()
    except (EOFError, ConnectionResetError):
        process.join()
        code = process.exitcode
        how = f'signal {-code}' if code < 0 else f'exit code {code}, see above'
        cure = 'often for want of memory: try fewer --workers; ' if code == -9 else ''
        raise UserError(
            f'a process that rendered streets has ended ({how}): {cure}the same '
            'command goes on'
        ) from None
    if isinstance(found, Exception):
        raise found
    if trace:
        raise RuntimeError(f'in a process that rendered streets:\n{trace}')
    return found


def stamp_of(out: Path, options: Options) -> Stamp:
    """Return the stamp of a data set, `streets.json`."""
    return Stamp(
        out / MANIFEST,
        'streets',
        dict(version=VERSION, options=options.as_json()),
        partial=out / STREETS_UNFINISHED,
        cure='Use the same options, delete the folder or choose another one.',
    )


def render_dataset(
    out: str | os.PathLike,
    options: Options | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict:
    """Render a data set in the Cityscapes layout, continuing after an interruption.

    Args:
        out: Folder of the data set.
        options: What to render; default: `Options()`.
        workers: Processes; default: one per CPU that this process may use.
        progress: Called with (clips done, total) after each clip.

    Returns:
        The manifest, which is written to `streets.json` at the end.

    Raises:
        UserError: The folder contains something else or cannot be written to, or an
            option is out of range.
    """
    options = options or Options()
    out = Path(out).expanduser()
    if workers is None:
        workers = len(os.sched_getaffinity(0))
    if workers < 1:
        raise UserError(f'workers must be at least 1, got {workers}')
    check_writable(out, 'output folder')
    stamp = stamp_of(out, options)
    files = layout.clip_files('train', 'city', 0, 1)
    stamp.begin(taken=[out / folder for folder in {Path(f).parts[0]: 0 for f in files}])
    jobs = options.jobs()
    todo = [job for job in jobs if not clip_is_complete(out, options, *job)]
    done = len(jobs) - len(todo)
    if progress:
        progress(done, len(jobs))
    tasks = [(str(out), options.as_json(), *job) for job in todo]
    if tasks:
        stamp.note()
    for _ in _run(tasks, workers):
        done += 1
        if progress:
            progress(done, len(jobs))
    counts = zip(SPLITS, (options.clips, options.val_clips), strict=True)
    stamp.finish(
        frame_rate=FRAME_RATE,
        counts={
            split: {
                'clips': count,
                'annotated': count,
                'frames': count * options.frame_count(split),
                'cities': sorted({options.place_of(split, k)[0] for k in range(count)}),
            }
            for split, count in counts
        },
    )
    remove_leftovers(out)
    return {**stamp.made_with, **stamp.facts}
