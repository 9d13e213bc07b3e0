"""Tables from what label files store (ids or colours) to class indices.

A data set names its table in `data_info['label_table']`, and `LoadSegLabel` applies
it: a name in `LABEL_TABLES`, the number of classes (the files then hold class indices)
or a `LabelTable`. 255 is "ignore" everywhere; what has no entry is an error.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import mmseg.datasets
import numpy as np

from mmdepthseg.cityscapes import CLASSES, IGNORED, LABEL_IDS, PALETTE
from mmdepthseg.utils.errors import UserError, listed, refuse

#: Marks what has no table entry; no data set has 254 classes.
UNKNOWN = 254
#: Advice about files that `LabelTable.takes_indices`.
TAKEN_INDICES = 'holds 255 and otherwise only class indices, as files of train ids do'
#: Number of values that a label file can hold, by what it stores: `'index'`, 8-bit ids
#: (grey, or the indices of a palette); `'colour'`, 8-bit RGB; `'red'`, ids in the red
#: channel of 16-bit RGB.
SIZES = dict(index=1 << 8, colour=1 << 24, red=1 << 16)

_VISTAS: dict[str, Any] = mmseg.datasets.MapillaryDataset_v1.METAINFO
#: Cityscapes' classes and the names of v1.2 of Mapillary Vistas that they contain, by
#: Cityscapes' definitions (`docs/data.md` says why); all other names are ignored.
VISTAS_NAMES = {
    'road': (
        *('Road', 'Lane Marking - General', 'Lane Marking - Crosswalk', 'Bike Lane'),
        *('Crosswalk - Plain', 'Service Lane', 'Pothole', 'Manhole', 'Catch Basin'),
    ),
    'sidewalk': ('Sidewalk', 'Pedestrian Area', 'Curb', 'Curb Cut'),
    'building': ('Building',),
    'wall': ('Wall',),
    'fence': ('Fence',),
    'pole': ('Pole', 'Utility Pole'),
    'traffic light': ('Traffic Light',),
    'traffic sign': ('Traffic Sign (Front)',),
    'vegetation': ('Vegetation',),
    'terrain': ('Terrain', 'Sand'),
    'sky': ('Sky',),
    'person': ('Person',),
    'rider': ('Bicyclist', 'Motorcyclist', 'Other Rider'),
    'car': ('Car',),
    'truck': ('Truck',),
    'bus': ('Bus',),
    'train': ('On Rails',),
    'motorcycle': ('Motorcycle',),
    'bicycle': ('Bicycle',),
}
_VISTAS_19 = {
    name: CLASSES.index(ours) for ours, names in VISTAS_NAMES.items() for name in names
}
#: Ids of SYNTHIA-RAND-CITYSCAPES in the order of Cityscapes' classes (its README). The
#: others are void, parking slots, road works and lane markings.
_SYNTHIA = (3, 4, 2, 21, 5, 7, 15, 9, 6, 16, 1, 10, 17, 8, 18, 19, 20, 12, 11)

LABEL_TABLES: dict[str, Mapping] = {
    'cityscapes_label_ids': LABEL_IDS,
    'cityscapes_train_ids': {i: i for i in range(len(CLASSES))},
    'camvid': {**{i: i for i in range(11)}, 11: IGNORED},
    'gta5': {**LABEL_IDS, 34: IGNORED},  # 34: licence plate
    'mapillary_vistas': {**{i: i for i in range(65)}, 65: IGNORED},
    'mapillary_vistas_19': {
        i: _VISTAS_19.get(name, IGNORED) for i, name in enumerate(_VISTAS['classes'])
    },
    'synthia': dict(
        red={**dict.fromkeys(range(23), IGNORED)}
        | {label_id: index for index, label_id in enumerate(_SYNTHIA)}
    ),
}
#: Those whose files have the ids of Cityscapes.
LABEL_ID_TABLES = ('cityscapes_label_ids', 'gta5')
_CITYSCAPES = dict(classes=CLASSES, palette=PALETTE)
#: Classes and palette of the tables that have their own.
TABLE_METAINFO: dict[str, dict] = {
    'cityscapes_label_ids': _CITYSCAPES,
    'cityscapes_train_ids': _CITYSCAPES,
    'gta5': _CITYSCAPES,
    'mapillary_vistas': {key: tuple(value[:65]) for key, value in _VISTAS.items()},
    'mapillary_vistas_19': _CITYSCAPES,
    'synthia': _CITYSCAPES,
}


@dataclass(frozen=True)
class LabelTable:
    """A table from what the pixels of label files store to class indices.

    Args:
        name: Name of the table, for messages.
        stored: What the files store, a key of `SIZES`.
        entries: Pairs of a stored value (a colour as 0xRRGGBB) and its class index or
            255.
        released: Whether the files are those of a data set of the field, not the
            user's own.
    """

    name: str
    stored: str
    entries: tuple[tuple[int, int], ...]
    released: bool = False

    @classmethod
    def of(cls, table: 'str | int | Mapping | LabelTable') -> 'LabelTable':
        """Return the table that a data set means.

        Args:
            table: Key of `LABEL_TABLES`; the number of classes, for files of class
                indices; `{id: class index}`; `{'#RRGGBB': class index}`;
                `dict(red={id: class index})`; or a table.

        Raises:
            UserError: The table does not exist, or an entry cannot be.
        """
        if isinstance(table, LabelTable):
            return table
        if isinstance(table, Mapping):
            return _checked(table, 'label_table of the config')
        if isinstance(table, int):
            return _numbered(table)
        return _named(table)

    @property
    def highest(self) -> int:
        """Return the highest class index; -1 if all is ignored."""
        return max((i for _, i in self.entries if i != IGNORED), default=-1)

    def lookup(self) -> np.ndarray:
        """Return the class index of each value that can be stored, see `SIZES`.

        Returns:
            uint8, `UNKNOWN` where the table has no entry.
        """
        return _lookup(self)

    def takes_indices(self, label: np.ndarray) -> bool:
        """Tell whether a label file holds class indices that the table would misread.

        Train ids in the place of label ids: they are all known ids, of other classes.
        Cityscapes' ids are 0..33; should the licence plate's -1 be stored as 255,
        then the vehicle that it belongs to is there, whose id is above all indices.

        Args:
            label: (H, W) uint8, as stored.

        Returns:
            Whether it holds 255 and otherwise only class indices, of which the table
            ignores some, as hardly any file of label ids does without others. Always
            False of a user's own table, in which 255 may be void.
        """
        if self.stored != 'index' or not self.released:
            return False
        indices = np.arange(self.highest + 1)
        lost = self.lookup()[indices] == IGNORED
        # the pixels are counted only where it may be so, because that takes longer
        if not lost.any() or label.max() != IGNORED:
            return False
        counts = np.bincount(label.ravel(), minlength=SIZES['index'])[:IGNORED]
        others = counts[len(indices) :].any()
        return not others and bool(counts[indices][lost].any())

    def texts(self, values: np.ndarray) -> str:
        """Return stored values as the config writes them, for messages."""
        if self.stored == 'colour':
            return listed([f'#{value:06X}' for value in values.tolist()], 8)
        return str(values.tolist())


def lookup_table(name: str | int) -> np.ndarray:
    """Return the entries of a table of ids: (256,) uint8, see `LabelTable.lookup`."""
    return LabelTable.of(name).lookup()


def names_train_ids(suffix: str) -> bool:
    """Tell whether the end of label names speaks of train ids, in any spelling."""
    return 'trainid' in re.sub('[^a-z]', '', suffix.lower())


def given_table(
    owner: str,
    table: 'str | int | Mapping | LabelTable | None',
    reduce_zero_label: bool | None = None,
) -> 'str | int | LabelTable | None':
    """Return the `label_table` of a data set's options as its samples have it.

    Args:
        owner: Name of the data set, for messages.
        table: As given; None: class indices of the classes in the metainfo.
        reduce_zero_label: That of MMSegmentation's data sets.

    Returns:
        Short for a named table, because each sample has it.

    Raises:
        UserError: As `LabelTable.of`; or the two do not go together.
    """
    made = None if table is None else LabelTable.of(table)
    refuse(
        owner,
        {
            'reduce_zero_label goes with class indices, not with a table of ids or '
            'colours: write the classes into the label_table': bool(
                reduce_zero_label and made and not isinstance(table, int)
            )
        },
    )
    return made if isinstance(table, Mapping) else table


def with_classes(table: Any, metainfo: Mapping | None) -> Mapping | None:
    """Return a metainfo with classes and palette of a named table, if it has none.

    Args:
        table: `label_table` of a data set.
        metainfo: That of its options.
    """
    if not isinstance(table, str) or 'classes' in (metainfo or {}):
        return metainfo
    return {**TABLE_METAINFO.get(table, {}), **(metainfo or {})}


def check_classes(owner: str, table: Any, classes: Sequence[str]) -> None:
    """Raise unless each class of a table has a name, its own.

    Args:
        owner: Name of the data set, for messages.
        table: Its `label_table`; None: class indices, which need no check.
        classes: Names of its classes.

    Raises:
        UserError: There are fewer names, or a named table's in another order.
    """
    if table is None:
        return
    made = LabelTable.of(table)
    if made.highest >= len(classes):
        raise UserError(
            f'{owner}: {made.name}: the highest class is {made.highest}, the metainfo '
            f'names {len(classes)} classes: give metainfo=dict(classes=...) of '
            f'{made.highest + 1} names'
        )
    own = TABLE_METAINFO.get(table if isinstance(table, str) else '', {})
    names = own.get('classes', ())
    if sorted(names) == sorted(classes) and list(names) != list(classes):
        raise UserError(
            f'{owner}: the classes in the metainfo are those of the {made.name} in '
            'another order, in which it does not map them: leave them out, or give '
            f'them as {", ".join(names)}'
        )


@lru_cache(maxsize=None)
def _named(name: str) -> LabelTable:
    if name not in LABEL_TABLES:
        raise UserError(f'label_table {name!r} is not one of {sorted(LABEL_TABLES)}')
    return replace(_checked(LABEL_TABLES[name], f'table {name}'), released=True)


@lru_cache(maxsize=None)
def _numbered(classes: int) -> LabelTable:
    return _checked({i: i for i in range(classes)}, f'{classes} classes')


@lru_cache(maxsize=8)
def _lookup(table: LabelTable) -> np.ndarray:
    found = np.full(SIZES[table.stored], UNKNOWN, dtype=np.uint8)
    if table.stored != 'colour':
        found[IGNORED] = IGNORED
    for value, index in table.entries:
        found[value] = index
    return found


def _checked(given: Mapping, name: str) -> LabelTable:
    """Return the table of a mapping; raise UserError for an entry that cannot be."""
    stored = 'index'
    if {*given} == {'red'} and isinstance(given['red'], Mapping):
        given, stored = given['red'], 'red'
    elif all(isinstance(key, str) for key in given):
        stored = 'colour'
    entries = []
    for key, index in given.items():
        value: Any = key
        if stored == 'colour' and re.fullmatch('#[0-9a-fA-F]{6}', key):
            value = int(key[1:], 16)
        if not (type(value) is int and 0 <= value < SIZES[stored]):
            raise UserError(
                f'{name}: {key!r} is not what a label file stores: give either ids '
                f"({{7: 0, ...}}) or colours ({{'#804080': 0, ...}}), not both"
            )
        if not (type(index) is int and (0 <= index < UNKNOWN or index == IGNORED)):
            raise UserError(
                f'{name}: {key!r} has the class {index!r}: give its index from 0, or '
                '255 for what is ignored'
            )
        entries.append((value, index))
    if not entries:
        raise UserError(f'{name} is empty: give the ids or colours of the classes')
    if len(dict(entries)) < len(entries):
        raise UserError(f'{name}: a colour stands there twice, in other letters')
    return LabelTable(name, stored, tuple(sorted(entries)))
