"""Tables from the ids stored in label files to class indices.

A data set names its table in `data_info['label_table']`, and `LoadSegLabel` applies
it. A number instead of a name is the number of classes; the files then hold class
indices. 255 is "ignore" everywhere; an id without an entry is an error.
"""

from functools import lru_cache

import numpy as np

from mmdepthseg.cityscapes import CLASSES, LABEL_IDS
from mmdepthseg.utils.errors import UserError

#: Marks ids without a table entry; no data set has 254 classes.
UNKNOWN = 254

LABEL_TABLES: dict[str, dict[int, int]] = {
    'cityscapes_label_ids': LABEL_IDS,
    'cityscapes_train_ids': {i: i for i in range(len(CLASSES))},
    'camvid': {**{i: i for i in range(11)}, 11: 255},
}


@lru_cache(maxsize=None)
def lookup_table(name: str | int) -> np.ndarray:
    """Return the 256 entries of a table, uint8; `UNKNOWN` where it has none.

    Args:
        name: Key of `LABEL_TABLES`; or the number of classes, for label files that
            hold class indices.

    Returns:
        (256,) uint8.

    Raises:
        UserError: If the table does not exist.
    """
    if isinstance(name, int):
        entries = {i: i for i in range(name)}
    elif name in LABEL_TABLES:
        entries = LABEL_TABLES[name]
    else:
        raise UserError(f'label_table {name!r} is not one of {sorted(LABEL_TABLES)}.')
    table = np.full(256, UNKNOWN, dtype=np.uint8)
    table[255] = 255
    for label_id, index in entries.items():
        table[label_id] = index
    return table
