"""Contents of the official Cityscapes release, and the parts of it on disk.

Counts and layout: Cordts et al., CVPR 2016, and the README of cityscapesScripts; every
annotated image is the 20th of a snippet of 30 frames.
"""

import os.path as osp
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from mmdepthseg.cityscapes import split_stem
from mmdepthseg.names import list_tree
from mmdepthseg.utils.errors import listed

#: Annotated images per split.
SPLITS = dict(train=2975, val=500, test=1525)
#: Frames of a snippet before and after the annotated one.
BEFORE, AFTER = 19, 10
SHOWN = 3


class Package(NamedTuple):
    """One download of the release.

    Attributes:
        kind: Kind of its files: image, label, disparity or camera.
        suffix: End of the file names after `<city>_<sequence>_<frame>`.
        archive: File to download from the Cityscapes site.
        frames: Files per annotated image.
    """

    kind: str
    suffix: str
    archive: str
    frames: int = 1


PACKAGES = dict(
    leftImg8bit=Package('image', '_leftImg8bit.png', 'leftImg8bit_trainvaltest.zip'),
    leftImg8bit_sequence=Package(
        'image',
        '_leftImg8bit.png',
        'leftImg8bit_sequence_trainvaltest.zip',
        BEFORE + 1 + AFTER,
    ),
    gtFine=Package('label', '_gtFine_labelIds.png', 'gtFine_trainvaltest.zip'),
    disparity=Package('disparity', '_disparity.png', 'disparity_trainvaltest.zip'),
    camera=Package('camera', '_camera.json', 'camera_trainvaltest.zip'),
)


class Listing(NamedTuple):
    """The files of one package and split.

    Attributes:
        package: Key of `PACKAGES`.
        split: Key of `SPLITS`.
        files: `{'<city>/<stem>': path}`, sorted.
    """

    package: str
    split: str
    files: dict[str, str]

    @property
    def name(self) -> str:
        """Return `<package>/<split>`."""
        return f'{self.package}/{self.split}'


def expected_files(name: str) -> int:
    """Return the number of files of `<package>/<split>` in the official release."""
    package, split = name.split('/')
    return SPLITS[split] * PACKAGES[package].frames


def list_release(
    root: str, packages: Iterable[str], splits: Sequence[str]
) -> list[Listing]:
    """Return the files below `root`.

    Args:
        root: Folder with `leftImg8bit`, `gtFine`, ...
        packages: Keys of `PACKAGES`.
        splits: Keys of `SPLITS`.

    Returns:
        One listing per package and split; it is empty if there are no files.
    """
    return [
        Listing(
            package,
            split,
            list_tree(osp.join(root, package, split), PACKAGES[package].suffix),
        )
        for package in packages
        for split in splits
    ]


def describe_gaps(
    listings: Sequence[Listing], names: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Describe the differences from the official release.

    Args:
        listings: Of `list_release`.
        names: Per split, the official names `<city>/<stem>` of the annotated
            images, if known; otherwise those found in any package.

    Returns:
        A line for each `<package>/<split>` that differs, such as `'gtFine/val: 498
        of 500 files; missing lindau/..., ... (gtFine_trainvaltest.zip)'`.
    """
    gaps = {}
    for listing in listings:
        package, found = PACKAGES[listing.package], len(listing.files)
        expected = expected_files(listing.name)
        official = names.get(listing.split)
        # with names, the right number may still hide a missing and a stray file
        if found == expected and not official:
            continue
        wanted = official or _annotated(listings, listing.split)
        frames = _all_frames(wanted, package.frames) if found else ()
        missing = [name for name in frames if name not in listing.files]
        if found != expected or missing:
            names_missing = f'; missing {listed(missing, SHOWN)}' if missing else ''
            gaps[listing.name] = (
                f'{listing.name}: {found:,} of {expected:,} files{names_missing} '
                f'({package.archive})'
            )
    return gaps


def _annotated(listings: Iterable[Listing], split: str) -> list[str]:
    """Return the names of the annotated images found in any package of a split."""
    found = (
        listing.files
        for listing in listings
        if listing.split == split and PACKAGES[listing.package].frames == 1
    )
    return sorted(set().union(*found))


def _all_frames(annotated: Iterable[str], frames: int) -> Iterable[str]:
    """Yield the names of the annotated frames, or of all frames of their snippets."""
    if frames == 1:
        yield from annotated
        return
    for name in annotated:
        sequence, number = split_stem(name)
        for frame in range(number - BEFORE, number + AFTER + 1):
            yield f'{sequence}_{frame:06d}'
