"""Label files of ids that mean something else than their table says."""

from collections.abc import Sequence

import cv2
import numpy as np

from mmdepthseg.cityscapes import IGNORED
from mmdepthseg.datasets.label_tables import TAKEN_INDICES, UNKNOWN, LabelTable
from mmdepthseg.datasets.transforms.files import PNG, PNG_DEPTH, png_chunks
from mmdepthseg.utils.errors import UserError

#: What to do about images without a label file in MMSegmentation's data sets.
LABELS_ARE_OPTIONAL = (
    "MMSegmentation's data sets expect a label for each image: leave seg_map_path out "
    'of the data_prefix of a source without labels (and LoadAnnotations out of its '
    'pipeline), or use ImageLabelDataset, with labeled_subset=dict() for the images '
    "that have one and also subset_mode='mark' for all images"
)
#: Colour type of a png of palette indices, in the byte behind its depth.
INDEXED = 3
#: Greys of two-coloured pictures, which say nothing of ids.
BLACK_AND_WHITE = {0, 255}
#: The colour map of PASCAL VOC, (256, 3) RGB, which many tools give to any indices:
#: bits 0, 3 and 6 of an index are the highest of red, bits 1, 4 and 7 of green, ...
VOC_COLOURS = np.array(
    [
        [sum((i >> (3 * k + c) & 1) << (7 - k) for k in range(3)) for c in range(3)]
        for i in range(256)
    ],
    np.uint8,
)


def refuse_other_ids(
    content: bytes,
    label: np.ndarray,
    path: str,
    table: LabelTable,
    classes: np.ndarray,
    palette: Sequence[Sequence[int]],
) -> None:
    """Refuse files of train ids, and palettes that contradict their indices.

    Args:
        content: Bytes of the file.
        label: (H, W) uint8, the ids that it stores.
        path: Name of the file, for the error.
        table: The data set's table.
        classes: (256,) uint8, the class of each id, 255 or `UNKNOWN`.
        palette: RGB of each class; may be empty.

    Raises:
        UserError: Names the file, and what the data set must say instead.
    """
    if table.takes_indices(label):
        raise UserError(
            f'Label {path} {TAKEN_INDICES}, but the {table.name} is one of ids. Train '
            "ids: give seg_map_suffix='_gtFine_labelTrainIds.png' (in Cityscapes' "
            "layout) or label_table='cityscapes_train_ids'. Ids: store void as one of "
            'them, not as 255.'
        )
    colours = png_palette(content)
    if colours is None:
        return
    counts = cv2.calcHist([label], [0], None, [256], [0, 256]).ravel()
    used = np.flatnonzero(counts[: len(colours)])
    if shows_more(colours, used, palette):
        return
    problem = contradiction(used, colours[used], classes, palette)
    if problem:
        raise UserError(
            f'Label {path} is a palette png, of which the indices are read '
            f'({table.name}); {problem}'
        )


def png_palette(content: bytes) -> np.ndarray | None:
    """Return the colours of a palette png: (n, 3) uint8 RGB; None of other files."""
    if not content.startswith(PNG) or content[PNG_DEPTH + 1] != INDEXED:
        return None
    place = png_chunks(content).get(b'PLTE')
    if place is None:
        return None
    data = content[place]
    return np.frombuffer(data[: len(data) // 3 * 3], np.uint8).reshape(-1, 3)


def shows_more(
    colours: np.ndarray, used: np.ndarray, palette: Sequence[Sequence[int]]
) -> bool:
    """Tell whether a palette is one for all files, which says nothing of one of them.

    Tools that number colours anew write those of the picture, each once, and perhaps
    black behind them.

    Args:
        colours: (n, 3) uint8 RGB of all indices.
        used: Indices that the file uses.
        palette: RGB of each class.
    """
    shown = [tuple(colour) for colour in colours[used].tolist()]
    known = {*shown, (0, 0, 0), *(tuple(colour) for colour in palette)}
    return len({*shown}) < len(shown) or not {*map(tuple, colours.tolist())} <= known


def contradiction(
    used: np.ndarray,
    colours: np.ndarray,
    classes: np.ndarray,
    palette: Sequence[Sequence[int]],
) -> str:
    """Return what a palette says against its indices, or ''.

    Tools that save colours, or ids as greys, as a png of few colours number them anew.
    Palettes that only show the indices in some colours say nothing.

    Args:
        used: (n,) indices that the file uses.
        colours: (n, 3) uint8 RGB of each.
        classes: See `refuse_other_ids`.
        palette: See `refuse_other_ids`.
    """
    ramp = np.repeat(used[:, None], 3, 1)
    if (colours == VOC_COLOURS[used]).all() or (colours == ramp).all():
        return ''
    owners: dict[tuple[int, ...], set[int]] = {}
    for index, colour in enumerate(palette):
        owners.setdefault(tuple(colour), set()).add(index)
    shown = [owners.get(tuple(colour), set()) for colour in colours.tolist()]
    given = classes[used].tolist()
    moved = [
        i for i, own in enumerate(shown) if own and given[i] not in {*own, IGNORED}
    ]
    # Colours of classes that are ignored: also of those that the user leaves out, so
    # they count only beside others that have moved.
    lost = sum(bool(own) and given[i] == IGNORED for i, own in enumerate(shown))
    if moved and len(moved) + lost > sum(not own for own in shown):
        red, green, blue = colours[moved[0]]
        return (
            f'its colours are those of other classes, such as index {used[moved[0]]} '
            f'with #{red:02X}{green:02X}{blue:02X}. If the colours are right, give a '
            "label_table of colours ({'#RRGGBB': class index}); else the palette of "
            'the metainfo.'
        )
    greys = colours[:, 0]
    odd = np.flatnonzero(greys != used)
    if (
        odd.size
        and (colours == greys[:, None]).all()
        and (classes[greys] != UNKNOWN).all()
        and not {*greys.tolist()} <= BLACK_AND_WHITE
        and used[-1] == len(used) - 1  # numbered from 0
        and not any(given[i] in own for i, own in enumerate(shown))
    ):
        return (
            f'its colours are ids as greys, such as {greys[odd[0]]} at index '
            f'{used[odd[0]]}: a tool has numbered them anew. Save it as a grey png.'
        )
    return ''
