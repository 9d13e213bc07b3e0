"""Data sets of the field in miniature, in the layouts of their downloads.

Each maker writes a few images of 96x64 below a folder. A label repeats all ids that the
real files may hold, one a column.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from helpers.images import encode, encode_deep, write_image

HEIGHT, WIDTH = 64, 96
#: Size of the images of KITTI's first day, and its K in short.
KITTI_SIZE, KITTI_FOCAL = (1242.0, 375.0), 721.5377


def columns(ids: list[int]) -> np.ndarray:
    """Return a map (64, 96) uint8 whose columns hold the ids in turn."""
    return np.tile(np.resize(np.array(ids, np.uint8), WIDTH), (HEIGHT, 1))


def write_file(path: Path, content: bytes) -> None:
    """Write a file, and the folders that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def palette_png(ids: np.ndarray) -> bytes:
    """Return a png of palette indices, whose colours are not the indices."""
    image = Image.fromarray(ids, mode='P')
    image.putpalette([(7 * i + 100) % 256 for i in range(768)])
    return encode(image)


def images(*paths: Path) -> None:
    """Write images of random pixels."""
    for seed, path in enumerate(paths):
        pixels = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3))
        write_image(path, pixels.astype(np.uint8))


def mapillary(root: Path, labels: str = 'v1.2/labels') -> None:
    """Mapillary Vistas: jpg, and palette indices 0..65."""
    for split in ('training', 'validation'):
        images(*(root / f'{split}/images/{n}.jpg' for n in ('aB-1', 'zQ_2')))
        for name in ('aB-1', 'zQ_2'):
            label = palette_png(columns([*range(66)]))
            write_file(root / f'{split}/{labels}/{name}.png', label)


def bdd100k(root: Path) -> None:
    """BDD100K: jpg, and grey train ids."""
    for split in ('train', 'val'):
        images(root / f'images/10k/{split}/0a-1.jpg')
        label = columns([*range(19), 255])
        write_image(root / f'labels/sem_seg/masks/{split}/0a-1.png', label)


def gta5(root: Path) -> None:
    """GTA5: png, and palette indices that are Cityscapes' label ids, or 34."""
    for name in ('00001', '00002'):
        images(root / f'images/{name}.png')
        write_file(root / f'labels/{name}.png', palette_png(columns([*range(35)])))


def synthia(root: Path) -> None:
    """SYNTHIA-RAND-CITYSCAPES: ids in the red channel of 16-bit RGB."""
    images(root / 'RGB/0000000.png')
    ids = columns([*range(23)])
    label = np.stack([0 * ids, ids + 100, ids], -1)  # blue, instances, ids
    write_file(root / 'GT/LABELS/0000000.png', encode_deep(label))
    write_image(root / 'GT/COLOR/0000000.png', label)


def kitti_semantics(root: Path) -> None:
    """KITTI's 200 labelled images, all alike; the test images have no labels."""
    image = encode(np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    label = encode(columns([*range(34)]))
    for number in range(200):
        name = f'{number:06d}_10.png'
        write_file(root / 'training/image_2' / name, image)
        write_file(root / 'training/semantic' / name, label)
    write_file(root / 'testing/image_2/000000_10.png', image)


def cityscapes_val(root: Path) -> None:
    """One image of Cityscapes' validation, which those of rendered images use."""
    stem = 'val/lindau/lindau_000000_000019'
    images(root / f'leftImg8bit/{stem}_leftImg8bit.png')
    label = root / f'gtFine/{stem}_gtFine_labelIds.png'
    write_image(label, columns([*range(34)]))


def kitti_raw(
    root: Path,
    drives: tuple[str, ...] = ('2011_09_26_drive_0001', '2011_09_26_drive_0002'),
    frames: int = 4,
    size: tuple[int, int] = (29, 96),
) -> None:
    """KITTI's raw drives with four cameras; annotated depth in `../kitti_depth`.

    Depth, in metres, is 10 plus the number of the camera; the first frame has none.
    """
    for number, drive in enumerate(drives):
        day = root / drive[:10]
        for camera in range(4):
            clip = day / f'{drive}_sync/image_{camera:02d}'
            for frame in range(frames):
                image = np.full((*size, 3), 40 * camera + 10 * number + frame, np.uint8)
                image[:, ::7] += 3
                grey = image[..., 0] if camera < 2 else image
                write_image(clip / f'data/{frame:010d}.png', grey)
            (clip / 'timestamps.txt').write_text('2011-09-26 13:02:25.594360375\n')
            if camera < 2:
                continue
            part = 'val' if drive.endswith('0002') else 'train'
            depth = root.parent / f'kitti_depth/{part}/{drive}_sync/proj_depth'
            for frame in range(1, frames):
                path = f'groundtruth/image_{camera:02d}/{frame:010d}.png'
                metres = np.full(size, (10 + camera) * 256, np.uint16)
                write_image(depth / path, metres)
        lines = ['calib_time: 09-Jan-2012 13:57:47', 'corner_dist: 9.950000e-02']
        for camera in range(4):
            focal = KITTI_FOCAL + camera
            lines += [
                f'S_{camera:02d}: 1.392000e+03 5.120000e+02',
                f'K_{camera:02d}: 984.2 0 690.0 0 980.8 233.2 0 0 1',
                f'S_rect_{camera:02d}: {KITTI_SIZE[0]:e} {KITTI_SIZE[1]:e}',
                f'P_rect_{camera:02d}: {focal} 0 609.5593 44.85 0 {focal} 172.854 0.2 '
                '0 0 1 0.0027',
            ]
        (day / 'calib_cam_to_cam.txt').write_text('\n'.join(lines) + '\n')


#: Maker of each data set, by the folder in `data` that the configs name.
MAKERS: dict[str, Callable[[Path], None]] = dict(
    mapillary=mapillary,
    bdd100k=bdd100k,
    gta5=gta5,
    synthia=synthia,
    kitti_semantics=kitti_semantics,
    kitti_raw=kitti_raw,
    cityscapes=cityscapes_val,
)


def smaller(node: object, factor: int) -> object:
    """Return a config's part with the sizes of its transforms divided."""
    if isinstance(node, dict):
        return {
            key: type(value)(side // factor for side in value)
            if key in ('scale', 'crop_size')
            else 0
            if key == 'num_workers'
            else smaller(value, factor)
            for key, value in node.items()
        }
    return [smaller(part, factor) for part in node] if isinstance(node, list) else node
