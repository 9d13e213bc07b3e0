"""What arrives in the array is what the file holds."""

import io

import numpy as np
import pytest
from PIL import Image

from mmdepthseg.datasets.errors import BrokenFileError
from mmdepthseg.datasets.transforms.files import ORIENTATION, decode


def grey_png(array, bits):
    """A grey png of few bits, as libraries write masks: packed by hand."""
    import struct
    import zlib

    def chunk(kind, data):
        crc = zlib.crc32(kind + data)
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', crc)

    height, width = array.shape
    rows = b''
    for row in array:
        text = ''.join(f'{value:0{bits}b}' for value in row)
        text += '0' * (-len(text) % 8)
        rows += b'\0' + bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))
    header = struct.pack('>IIBBBBB', width, height, bits, 0, 0, 0, 0)
    parts = (b'IHDR', header), (b'IDAT', zlib.compress(rows)), (b'IEND', b'')
    return b'\x89PNG\r\n\x1a\n' + b''.join(chunk(*part) for part in parts)


@pytest.mark.parametrize('bits', [1, 2, 4, 8])
def test_grey_png_of_few_bits(bits):
    array = np.arange(5 * 7, dtype=np.uint8).reshape(5, 7) % np.uint8(min(2**bits, 255))
    image = decode(grey_png(array, bits), 'label.png', 'Label', 'unchanged')
    np.testing.assert_array_equal(image, array)


@pytest.mark.parametrize('kind', ['JPEG', 'PNG'])
@pytest.mark.parametrize('orientation', [1, 6])
def test_turned_images_are_refused(kind, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stream = io.BytesIO()
    Image.new('RGB', (8, 4), (200, 30, 30)).save(stream, kind, exif=exif)
    if orientation == 1:
        assert decode(stream.getvalue(), 'f', 'Image').shape == (4, 8, 3)
    else:
        with pytest.raises(BrokenFileError, match='phone.jpg.* 6'):
            decode(stream.getvalue(), 'phone.jpg', 'Image')
