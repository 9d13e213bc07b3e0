"""A smaller copy of Cityscapes: in parallel, restartable, counted."""

import os
import os.path as osp
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from mmdepthseg.cityscapes import CONVERTED, is_whole, json_bytes, png_bytes
from mmdepthseg.datasets.converters.cityscapes_release import (
    PACKAGES,
    SPLITS,
    Listing,
    describe_gaps,
    expected_files,
    list_release,
)
from mmdepthseg.datasets.converters.resampling import (
    shrink_camera,
    shrink_disparity,
    shrink_image,
    shrink_label,
    train_ids,
)
from mmdepthseg.datasets.errors import BrokenFileError
from mmdepthseg.datasets.transforms.files import decode, read_bytes, read_values
from mmdepthseg.utils.errors import check_keys, listed, refuse
from mmdepthseg.utils.files import read_json, remove_leftovers, write_atomically
from mmdepthseg.utils.stamp import Stamp

FULL_SIZE = (2048, 1024)
SHOWN = 5
JPG_QUALITY = 95
TRAIN_IDS_SUFFIX = '_gtFine_labelTrainIds.png'


@dataclass(frozen=True)
class ConvertOptions:
    """Options that determine the content of the converted files.

    Attributes:
        size: (width, height) of the new images, at most that of the originals.
        image_format: Format of the images: `'png'`, or `'jpg'`, which is lossy and
            takes a fraction of the disk space; labels and disparity are always png.
        jpg_quality: 1..100, of jpg.
    """

    size: tuple[int, int] = (1024, 512)
    image_format: str = 'png'
    jpg_quality: int = JPG_QUALITY

    def __post_init__(self) -> None:
        """Check the ranges."""
        object.__setattr__(self, 'size', tuple(int(side) for side in self.size))
        refuse(
            'cityscapes',
            {
                f'size must be width and height, got {self.size}': (
                    len(self.size) != 2 or min(self.size) < 1
                ),
                f"image_format must be 'png' or 'jpg', got {self.image_format!r}": (
                    self.image_format not in ('png', 'jpg')
                ),
                f'jpg_quality must be 1..100, got {self.jpg_quality}': (
                    not 1 <= self.jpg_quality <= 100
                ),
                f'jpg_quality={self.jpg_quality} (--jpg-quality) is for image_format='
                "'jpg' (--image-format)": (
                    self.image_format != 'jpg' and self.jpg_quality != JPG_QUALITY
                ),
            },
        )

    def as_json(self) -> dict:
        """Return the options as json stores them."""
        return {**asdict(self), 'size': list(self.size)}


@dataclass(frozen=True)
class Job:
    """One file to convert: its kind (see `Package`), path and targets."""

    kind: str
    source: str
    targets: tuple[Path, ...]


def convert_cityscapes(
    source: str | os.PathLike,
    out: str | os.PathLike,
    options: ConvertOptions | None = None,
    packages: Sequence[str] = tuple(PACKAGES),
    splits: Sequence[str] = tuple(SPLITS),
    names: Mapping[str, Sequence[str]] | None = None,
    allow_partial: bool = False,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict:
    """Write a smaller Cityscapes, or continue where that was interrupted.

    Images are averaged over areas; for labels, disparities and cameras see
    `resampling`. `labelTrainIds` are written beside `labelIds`. Files are written
    completely or not at all; complete files are kept.

    Args:
        source: Folder of the original with `leftImg8bit` and so on.
        out: Folder of the copy.
        options: Size and format of the copy.
        packages: Parts to convert, keys of `PACKAGES`.
        splits: Keys of `SPLITS`.
        names: Names of the annotated images per split, to name what is missing.
        allow_partial: Convert an incomplete release, too.
        workers: Threads (OpenCV does not hold Python's lock); default: one per CPU
            that this process may use.
        progress: Called with (files done, files in all).

    Returns:
        The manifest in `out`: `options`, `files` (their number per package and split),
        `complete` (whether they are the whole release), `gaps` (missing originals,
        per package and split) and `unfinished` (packages and splits, of any run, of
        which files are left to convert).

    Raises:
        UserError: The original is incomplete, or `out` was made with other options.
        BrokenFileError: At the end, naming files that could not be converted; all
            others are done.
        OSError: `out` cannot be written to.
    """
    options = options or ConvertOptions()
    _check_choice(source, out, packages, splits, workers)
    listings = list_release(os.fspath(source), packages, splits)
    gaps = describe_gaps(listings, names or {})
    full_size = next(_image_sizes(listings), FULL_SIZE)
    _check_originals(source, listings, options, full_size, gaps, allow_partial)
    stamp = _stamp(Path(out), options)
    stamp.begin(taken=[Path(out, name) for name in PACKAGES])
    before = stamp.facts.get(
        'unfinished'
    )  # True of an earlier version: not known which
    left = {*(before if isinstance(before, list) else ())}
    # a part must not pass for all that is wanted
    stamp.note(unfinished=sorted(left | {listing.name for listing in listings}))
    jobs = [job for listing in listings for job in _jobs(listing, out, options)]
    failed = _run(jobs, options, full_size, workers, progress)
    _finish(stamp, options, listings, gaps, left, {*failed})
    if failed:
        broken = sorted(failed.values())
        raise BrokenFileError(
            f'{len(broken)} of {len(jobs)} files could not be converted; all others '
            'are done. Extract these again, or move them away and add --allow-partial, '
            'and repeat the command:\n  ' + listed(broken, SHOWN, '\n  ')
        )
    return read_json(stamp.path, dict)


def _check_originals(
    source: str | os.PathLike,
    listings: Sequence[Listing],
    options: ConvertOptions,
    full_size: tuple[int, int],
    gaps: Mapping[str, str],
    allow_partial: bool,
) -> None:
    """Refuse originals that are missing, incomplete or smaller than the copy."""
    searched = ', '.join(listing.name for listing in listings)
    missing = ''.join(f'\n  {gap}' for gap in gaps.values())
    (width, height), full = options.size, full_size
    refuse(
        str(source),
        {
            f'holds nothing of {searched}: expected <package>/<split>/<city>/..., as '
            'the archives unpack': not any(listing.files for listing in listings),
            f'is not the whole release:{missing}\nGet the missing files, leave them '
            'out (--packages, --splits), or convert the others (--allow-partial)': (
                bool(gaps) and not allow_partial
            ),
            f'size {width}x{height} is above that of the original images, '
            f'{full[0]}x{full[1]}: this tool only shrinks': (
                width > full[0] or height > full[1]
            ),
        },
    )


def _check_choice(
    source: str | os.PathLike,
    out: str | os.PathLike,
    packages: Sequence[str],
    splits: Sequence[str],
    workers: int | None,
) -> None:
    check_keys(packages, PACKAGES, 'packages')
    check_keys(splits, SPLITS, 'splits')
    refuse(
        'cityscapes',
        {
            'packages and splits must not be empty': not (packages and splits),
            f'{out} is the original itself: choose another folder': (
                osp.realpath(source) == osp.realpath(out)
            ),
            f'workers must be at least 1, got {workers}': (workers or 1) < 1,
        },
    )


def _image_sizes(listings: Sequence[Listing]) -> Iterator[tuple[int, int]]:
    """Yield the sizes (width, height) of the images that can be read."""
    for listing in listings:
        if PACKAGES[listing.package].kind == 'camera':
            continue
        for path in listing.files.values():
            try:
                content = read_bytes(path, 'Image')
                yield decode(content, path, 'Image', 'unchanged').shape[1::-1]
            except BrokenFileError:
                continue  # reported later, with the others


def _stamp(out: Path, options: ConvertOptions) -> Stamp:
    return Stamp(
        out / CONVERTED,
        'a copy of Cityscapes',
        dict(options=options.as_json()),
        cure='Use the same options or another folder.',
    )


def _jobs(
    listing: Listing, out: str | os.PathLike, options: ConvertOptions
) -> Iterator[Job]:
    package = PACKAGES[listing.package]
    suffixes = [package.suffix]
    if package.kind == 'image':
        suffixes = [f'{osp.splitext(package.suffix)[0]}.{options.image_format}']
    elif package.kind == 'label':
        suffixes.append(TRAIN_IDS_SUFFIX)
    folder = Path(out) / listing.package / listing.split
    for name, path in listing.files.items():
        yield Job(
            package.kind, path, tuple(folder / f'{name}{suffix}' for suffix in suffixes)
        )


def _run(
    jobs: Sequence[Job],
    options: ConvertOptions,
    full_size: tuple[int, int],
    workers: int | None,
    progress: Callable[[int, int], None] | None,
) -> dict[str, str]:
    """Convert the missing files; return the messages about broken ones by source."""
    workers = workers or len(os.sched_getaffinity(0))
    broken, done = dict[str, str](), 0
    todo, sources = iter(jobs), dict[Future, str]()
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    pool = ThreadPoolExecutor(workers)
    try:
        while True:
            # a short queue: after an interruption not much more is converted
            for job in islice(todo, 2 * workers - len(sources)):
                future = pool.submit(_attempt, job, options, full_size)
                sources[future] = job.source
            if not sources:
                break
            for future in wait(sources, return_when=FIRST_COMPLETED).done:
                done += 1
                source = sources.pop(future)
                if message := future.result():
                    broken[source] = message
                if progress:
                    progress(done, len(jobs))
    finally:
        pool.shutdown(cancel_futures=True)
        cv2.setNumThreads(threads)
    return broken


def _attempt(job: Job, options: ConvertOptions, full_size: tuple[int, int]) -> str:
    """Do a job unless it is done; return what is wrong with its file, or ''."""
    try:
        if not all(is_whole(path, options.size) for path in job.targets):
            for path, data in zip(job.targets, _convert(job, options, full_size)):
                write_atomically(path, data)
    except BrokenFileError as error:
        return str(error)
    return ''


def _convert(
    job: Job, options: ConvertOptions, full_size: tuple[int, int]
) -> list[bytes]:
    """Return the contents of the job's targets."""
    if job.kind == 'camera':
        return [json_bytes(shrink_camera(job.source, full_size, options.size))]
    if job.kind == 'disparity':
        code = read_values(
            job.source, 'Stereo disparity', 'Cityscapes disparity maps are expected.'
        )
        _check_size(code, job.source, full_size)
        return [png_bytes(shrink_disparity(code, options.size))]
    if job.kind == 'label':
        label = read_values(job.source, 'Label', 'labelIds are expected.', np.uint8)
        _check_size(label, job.source, full_size)
        label = shrink_label(label, options.size)
        return [png_bytes(label), png_bytes(train_ids(label, job.source))]
    image = decode(read_bytes(job.source, 'Image'), job.source, 'Image')
    _check_size(image, job.source, full_size)
    image = shrink_image(image, options.size)
    if options.image_format == 'png':
        return [png_bytes(image)]
    quality = [cv2.IMWRITE_JPEG_QUALITY, options.jpg_quality]
    return [cv2.imencode('.jpg', image, quality)[1].tobytes()]


def _check_size(image: np.ndarray, path: str, full_size: tuple[int, int]) -> None:
    if image.shape[1::-1] != tuple(full_size):
        raise BrokenFileError(
            f'{path} is {image.shape[1]}x{image.shape[0]}, the first image '
            f'{full_size[0]}x{full_size[1]}: all must have one size'
        )


def _finish(
    stamp: Stamp,
    options: ConvertOptions,
    listings: Sequence[Listing],
    gaps: Mapping[str, str],
    left: Collection[str],
    broken: Collection[str],
) -> None:
    """Count the files, with those of earlier runs, and write the manifest.

    Args:
        stamp: Of the copy.
        options: Of the copy.
        listings: What this run has converted.
        gaps: See `convert_cityscapes`.
        left: Names of the listings that earlier runs have not finished.
        broken: Files that this run could not convert.
    """
    unfinished = {*left}
    out = stamp.path.parent
    files, known_gaps = stamp.facts.get('files', {}), stamp.facts.get('gaps', {})
    for listing in listings:
        files[listing.name] = sum(
            all(path.is_file() for path in job.targets)
            for job in _jobs(listing, out, options)
        )
        known_gaps.pop(listing.name, None)
        unfinished.discard(listing.name)
        if not {*listing.files.values()}.isdisjoint(broken):
            unfinished.add(listing.name)
    remove_leftovers(out)
    whole = all(count == expected_files(name) for name, count in files.items())
    write = stamp.finish if whole else stamp.note
    write(files=files, gaps={**known_gaps, **gaps}, unfinished=sorted(unfinished))
