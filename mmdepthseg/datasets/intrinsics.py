"""Reading cameras: Cityscapes camera json, `intrinsics.json`, KITTI `calib.txt`."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmdepthseg.camera import Camera, Size
from mmdepthseg.utils.errors import UserError

#: A principal point closer to an edge than this share of the side causes a warning.
OFF_CENTRE = 0.25


def load_json(path: str) -> Any:
    """Return the content of a json file, or raise an error that names the file."""
    try:
        return json.loads(Path(path).read_text(encoding='utf-8-sig'))
    except FileNotFoundError:
        raise UserError(f'Camera file {path} does not exist.') from None
    except (ValueError, OSError) as error:
        raise UserError(f'Camera file {path} cannot be read: {error}') from None


def checked(camera: Camera) -> Camera:
    """Return a camera as it was read, if it can be that of a whole image.

    Raises:
        UserError: The principal point lies outside the image (the usual sign of a K
            that belongs to another image size), or K is in other units.

    Warns:
        UserWarning: The principal point is far from the middle (K of an image of half
            the size, say).
    """
    (height, width), (cx, cy) = camera.size, camera.K[:2, 2]
    if not (-0.5 <= cx <= width - 0.5 and -0.5 <= cy <= height - 0.5):
        raise UserError(
            f'{camera.source}: the principal point ({cx:g}, {cy:g}) lies outside the '
            f'{width}x{height} image. Either K is wrong or it belongs to another '
            'image size: give that size (`width` and `height` beside K, or, for '
            'Cityscapes camera files, `camera_size` of the data set).'
        )
    if camera.fx < width * 0.05 or camera.fy < height * 0.05:
        raise UserError(
            f'{camera.source}: fx={camera.fx:g}, fy={camera.fy:g} are too small for a '
            f'{width}x{height} image. If K is normalised by the image size, say '
            'normalized=True.'
        )
    shares = ((cx + 0.5) / width, (cy + 0.5) / height)
    if not all(OFF_CENTRE < share < 1 - OFF_CENTRE for share in shares):
        warnings.warn(
            f'{camera.source}: the principal point ({cx:g}, {cy:g}) lies far from the '
            f'middle of the {width}x{height} image. Does K belong to an image of '
            'another size?',
            stacklevel=2,
        )
    return camera


def parse_intrinsics(config: Mapping[str, Any], source: str) -> Camera:
    """Return the camera of a mapping with `K`, `width` and `height`.

    Args:
        config: Keys `K` (3x3, pixels), `width`, `height`; with
            `normalized=True` K is in units of the image size: fx and cx are
            multiplied by the width, fy and cy by the height, and the half pixel is
            subtracted from cx and cy, because pixel centres are at integers. Other
            keys are ignored.
        source: File or config key, for error messages.

    Returns:
        The camera, in pixels.

    Raises:
        UserError: If a key is missing.
        UserError: If K cannot belong to an image of that size.
    """
    missing = [key for key in ('K', 'width', 'height') if key not in config]
    if missing:
        raise UserError(
            f'{source} lacks {", ".join(missing)}: K (3x3, pixels), width and height '
            'of the image K refers to are needed.'
        )
    size = (int(config['height']), int(config['width']))
    try:
        matrix = np.array(config['K'], dtype=np.float64)
    except (TypeError, ValueError):
        raise UserError(f'{source}: K must be a 3x3 table of numbers.') from None
    if config.get('normalized', False) and matrix.shape == (3, 3):
        matrix[0] *= size[1]
        matrix[1] *= size[0]
        matrix[:2, 2] -= 0.5
    return checked(Camera(matrix, size, source=source))


def read_intrinsics(path: str) -> Camera:
    """Return the camera of an `intrinsics.json` (see `parse_intrinsics`)."""
    content = load_json(path)
    if not isinstance(content, Mapping):
        raise UserError(f'Camera file {path} must hold a json object.')
    return parse_intrinsics(content, path)


def read_cityscapes_camera(path: str, image_size: Size) -> Camera:
    """Return the camera of a Cityscapes camera json.

    Args:
        path: Json with `intrinsic` (`fx`, `fy`, `u0`, `v0`) and, for
            stereo depth, `extrinsic` (`baseline`, metres). `width` and
            `height`, at the top level or beside fx, are used if present.
        image_size: Size of the image that K refers to, if the file does not say.

    Returns:
        The camera.

    Raises:
        UserError: If a key is missing, the file is not json, or K cannot belong to an
            image of that size. The message names file and key.
    """
    content = load_json(path)
    intrinsic = content.get('intrinsic') if isinstance(content, Mapping) else None
    if not isinstance(intrinsic, Mapping):
        raise UserError(f'Camera file {path} lacks the key intrinsic.')
    missing = [key for key in ('fx', 'fy', 'u0', 'v0') if key not in intrinsic]
    if missing:
        raise UserError(f'Camera file {path} lacks the key intrinsic.{missing[0]}.')
    try:
        fx, fy, u0, v0 = (float(intrinsic[key]) for key in ('fx', 'fy', 'u0', 'v0'))
        baseline = (content.get('extrinsic') or {}).get('baseline')
        baseline = None if baseline is None else float(baseline)
        for holder in (content, intrinsic):
            if 'width' in holder and 'height' in holder:
                image_size = (int(holder['height']), int(holder['width']))
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f'Camera file {path}: {error}.') from None
    matrix = np.array([[fx, 0, u0], [0, fy, v0], [0, 0, 1]], np.float64)
    return checked(Camera(matrix, image_size, baseline, f'Camera file {path}'))


def read_kitti_calib(path: str, number: int, image_size: Size) -> Camera:
    """Return a camera of a `calib.txt` of KITTI odometry (Geiger et al., CVPR 2012).

    Args:
        path: Text with a line `P<number>:` and the 12 numbers of the 3x4 projection
            matrix; K is its left part. The last column, the offset from camera 0 (to
            which KITTI's poses refer), is ignored: it changes the motion between two
            frames by the offset (6 cm for camera 2) times the angle of rotation.
        number: 0 to 3, the number in `image_<number>`.
        image_size: Size of the images, which the file does not contain.

    Returns:
        The camera.

    Raises:
        UserError: If the line is missing or is not a projection matrix.
    """
    lines = Path(path).read_text(encoding='utf-8-sig', errors='replace').splitlines()
    found = [line[3:] for line in lines if line.startswith(f'P{number}:')]
    if not found:
        raise UserError(
            f'Camera file {path} lacks the line P{number}: of the images in '
            f'image_{number}.'
        )
    try:
        projection = np.array(found[0].split(), dtype=np.float64).reshape(3, 4)
    except ValueError:
        raise UserError(
            f'Camera file {path}: P{number}: 12 numbers are expected, got '
            f'{found[0].strip()[:60]!r}.'
        ) from None
    source = f'Camera file {path}, P{number}'
    return checked(Camera(projection[:, :3], image_size, source=source))


def listed_camera(results: Mapping[str, Any], image_size: Size) -> Camera | None:
    """Return the camera that the data set lists for a sample, or None.

    Args:
        results: With `camera_path` (and `camera_size`, for files that do not contain
            the image size), or `file_camera`, or neither.
        image_size: Size of the image that K refers to, if nothing else says.
    """
    if 'camera_path' in results:
        size = results.get('camera_size') or image_size
        return read_cityscapes_camera(results['camera_path'], size)
    return results.get('file_camera')


def file_size(results: Mapping[str, Any], unknown: Size) -> Size:
    """Return the size of a sample's image file, before any transform.

    Args:
        results: With `img_file_shape` (`ori_shape` may then be that of a label, see
            `evaluate_at` of `LoadSegLabel`) or `ori_shape`.
        unknown: Size to return if neither is there.
    """
    return tuple(results.get('img_file_shape', results.get('ori_shape', unknown)))
