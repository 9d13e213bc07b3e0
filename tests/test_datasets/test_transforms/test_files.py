"""What arrives in the array is what the file holds."""

import io

import cv2
import numpy as np
import pytest
from helpers.images import grey_png, huge_headers
from PIL import Image

from mmdepthseg.datasets.errors import BrokenFileError
from mmdepthseg.datasets.transforms.files import (
    ORIENTATION,
    decode,
    decode_stored,
    decode_values,
    read_bytes,
    read_values,
)


@pytest.mark.parametrize('bits', [1, 2, 4, 8])
def test_grey_png_of_few_bits(bits):
    array = np.arange(5 * 7, dtype=np.uint8).reshape(5, 7) % np.uint8(min(2**bits, 255))
    image = decode_values(grey_png(array, bits), 'label.png', 'Label', np.uint8)
    np.testing.assert_array_equal(image, array)


@pytest.mark.parametrize('kind', ['JPEG', 'PNG'])
@pytest.mark.parametrize('orientation', [0, 1, 2, 6, 8, 9])
def test_turned_images_are_refused(kind, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stream = io.BytesIO()
    Image.new('RGB', (8, 4), (200, 30, 30)).save(stream, kind, exif=exif)
    if orientation in (0, 1, 9):  # 0 and 9 mean nothing
        assert decode(stream.getvalue(), 'f', 'Image').shape == (4, 8, 3)
    else:
        with pytest.raises(BrokenFileError, match=f'phone.jpg.* {orientation}'):
            decode(stream.getvalue(), 'phone.jpg', 'Image')


def test_late_exif_of_a_png_turns_too():
    exif = Image.Exif()
    exif[ORIENTATION] = 3
    stream = io.BytesIO()
    Image.new('RGB', (8, 4)).save(stream, 'PNG', exif=exif)
    content = stream.getvalue()
    start = content.index(b'eXIf') - 4
    size = 12 + int.from_bytes(content[start : start + 4], 'big')
    chunk, rest = content[start : start + size], content[start + size :]
    end = rest.index(b'IEND') - 4
    content = content[:start] + rest[:end] + chunk + rest[end:]
    with pytest.raises(BrokenFileError, match='x.png.* 3'):
        decode(content, 'x.png', 'Image')


def encoded(image, kind='PNG', **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def random_pixels(*shape, top=256):
    return np.random.default_rng(0).integers(0, top, shape)


@pytest.mark.parametrize('mode', ['1', 'L', 'P', 'RGB', 'opaque LA', 'opaque RGBA'])
def test_colours_of_images_are_those_of_the_file(mode):
    image = Image.fromarray(random_pixels(5, 7, 3).astype(np.uint8))
    image = image.convert(mode.split()[-1])
    if 'opaque' in mode:
        image.putalpha(255)
    expected = np.asarray(image.convert('RGB'))[:, :, ::-1]
    np.testing.assert_array_equal(decode(encoded(image), 'x.png', 'Image'), expected)


@pytest.mark.parametrize('bits', [1, 2, 4])
def test_grey_images_of_few_bits_are_grey(bits):
    array = random_pixels(5, 7, top=2**bits).astype(np.uint8)
    image = decode(grey_png(array, bits), 'x.png', 'Image')
    expected = np.repeat(array[..., None] * (255 // (2**bits - 1)), 3, 2)
    np.testing.assert_array_equal(image, expected)


def palette(**options):
    image = Image.fromarray(random_pixels(5, 7, top=4).astype(np.uint8)).convert('P')
    return encoded(image, **options)


def deep(*channels, suffix='.png'):
    pixels = random_pixels(5, 7, *channels, top=65536).astype(np.uint16)
    return cv2.imencode(suffix, pixels)[1].tobytes()


@pytest.mark.parametrize(
    'content, named',
    [
        (deep(), '16'),
        (deep(3), '16'),
        (deep(3, suffix='.tif'), '16'),
        (encoded(Image.new('RGBA', (7, 5), (9, 9, 9, 254))), 'transparent'),
        (encoded(Image.new('LA', (7, 5), (9, 0))), 'transparent'),
        (palette(transparency=1), 'transparent'),
        (encoded(Image.new('RGB', (7, 5), 9), transparency=(9, 0, 0)), 'transparent'),
        (encoded(Image.new('CMYK', (7, 5), 9), 'JPEG'), 'CMYK'),
    ],
    ids=lambda value: value if isinstance(value, str) else '',
)
def test_images_that_would_lose_something_are_refused(content, named):
    with pytest.raises(BrokenFileError, match=f'x.png.*{named}'):
        decode(content, 'x.png', 'Image')


def test_numbers_of_maps_are_those_of_the_file():
    array = random_pixels(5, 7).astype(np.uint8)
    image = Image.fromarray(array)
    np.testing.assert_array_equal(
        decode_values(encoded(image), 'x.png', 'Label', np.uint8), array
    )
    image.putpalette([255 - i // 3 for i in range(768)])
    for options in ({}, dict(transparency=3)):
        content = encoded(image, **options)
        values = decode_values(content, 'x.png', 'Label', np.uint8)
        np.testing.assert_array_equal(values, array)
    mask = Image.fromarray(array > 128)
    for options in ({}, dict(transparency=1)):
        content = encoded(mask, **options)
        values = decode_values(content, 'x.png', 'Label', np.uint8)
        np.testing.assert_array_equal(values, array > 128)
    content = deep()
    values = decode_values(content, 'x.png', 'Depth map', np.uint16)
    np.testing.assert_array_equal(values, np.asarray(Image.open(io.BytesIO(content))))


@pytest.mark.parametrize(
    'content, dtype, named',
    [
        (deep(), np.uint8, 'uint16'),
        (deep(3), np.uint16, '3'),
        (encoded(Image.new('L', (7, 5))), np.uint16, 'uint8'),
        (encoded(Image.new('RGB', (7, 5))), np.uint8, '3'),
        (encoded(Image.new('LA', (7, 5))), np.uint8, '2'),
        (encoded(Image.new('L', (7, 5)), 'JPEG'), np.uint8, 'JPEG'),
    ],
)
def test_other_maps_are_refused(content, dtype, named):
    with pytest.raises(BrokenFileError, match=f'Label x.png.*{named}'):
        decode_values(content, 'x.png', 'Label', dtype)


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.bmp', '.tif'])
def test_headers_of_billions_of_pixels(suffix, backend):
    content = huge_headers()[suffix]
    with pytest.raises(BrokenFileError, match='huge'):
        decode(content, f'huge{suffix}', 'Image', backend=backend)
    with pytest.raises(BrokenFileError, match='huge'):
        decode_values(content, f'huge{suffix}', 'Label', np.uint8)


@pytest.mark.parametrize('kind', ['JPEG', 'PNG'])
def test_data_behind_an_image_are_not_its_end(kind, tmp_path):
    """Phones append films to JPEGs; a thumbnail in front has an end of its own."""
    exif = Image.Exif()
    small = encoded(Image.new('RGB', (8, 8)), 'JPEG')
    exif[0x010E] = small
    options = dict(exif=exif) if kind == 'JPEG' else {}
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    content = encoded(Image.fromarray(noise), kind, **options)
    path = tmp_path / 'motion.jpg'
    for data, whole in (
        (content, True),
        (content + 9000 * b'm', True),
        (content[:-60], False),
        (content[: len(content) // 2], False),
    ):
        path.write_bytes(data)
        if whole:
            assert read_bytes(str(path), 'Image') == data
        else:
            with pytest.raises(BrokenFileError, match='motion.jpg is truncated'):
                read_bytes(str(path), 'Image')


def test_what_to_do_is_a_sentence_of_its_own(tmp_path):
    path = tmp_path / 'x.png'
    path.write_bytes(encoded(Image.fromarray(np.zeros((4, 4), np.uint16))))
    for read in (
        lambda: read_values(str(path), 'Depth map', 'Take 8 bits.', np.uint8),
        lambda: decode_stored(path.read_bytes(), str(path), 'Label', 'index', 'ids'),
    ):
        with pytest.raises(BrokenFileError, match=r'shape \(4, 4\)\. T'):
            read()
