"""Image files for tests."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image


def write_image(path: Path, image: np.ndarray) -> None:
    """Write an image, and the folders that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def encode(image: np.ndarray | Image.Image, kind: str = 'PNG', **options) -> bytes:
    """Return the file of an image as Pillow writes it; colours are RGB."""
    stream = io.BytesIO()
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    image.save(stream, kind, **options)
    return stream.getvalue()


def encode_deep(values: np.ndarray) -> bytes:
    """Return a png of 16 bits, grey or BGR."""
    return cv2.imencode('.png', values.astype(np.uint16))[1].tobytes()


def grey_png(values: np.ndarray, bits: int) -> bytes:
    """Return a grey png of 1, 2, 4 or 8 bits, packed by hand: libraries write none."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data)
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', crc)

    height, width = values.shape
    rows = b''
    for row in values:
        text = ''.join(f'{value:0{bits}b}' for value in row)
        text += '0' * (-len(text) % 8)
        rows += b'\0' + bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))
    header = struct.pack('>IIBBBBB', width, height, bits, 0, 0, 0, 0)
    parts = (b'IHDR', header), (b'IDAT', zlib.compress(rows)), (b'IEND', b'')
    return b'\x89PNG\r\n\x1a\n' + b''.join(chunk(*part) for part in parts)


def huge_headers(side: int = 60_000) -> dict[str, bytes]:
    """Return small files, by their suffix, that claim to have side x side pixels."""
    small = np.zeros((2, 2, 3), np.uint8)
    png, jpg = bytearray(encode(small)), bytearray(encode(small, 'JPEG'))
    png[16:24] = struct.pack('>II', side, side)
    png[29:33] = struct.pack('>I', zlib.crc32(png[12:29]))
    frame = jpg.index(b'\xff\xc0') + 5
    jpg[frame : frame + 4] = struct.pack('>HH', side, side)
    bmp, tif = bytearray(encode(small, 'BMP')), bytearray(encode(small, 'TIFF'))
    bmp[18:26] = struct.pack('<ii', side, side)
    for tag in (256, 257):  # width and height
        entry = tif.index(struct.pack('<HHI', tag, 4, 1))
        tif[entry + 8 : entry + 12] = struct.pack('<I', side)
    files = {'.png': png, '.jpg': jpg, '.bmp': bmp, '.tif': tif}
    return {suffix: bytes(data) for suffix, data in files.items()}
