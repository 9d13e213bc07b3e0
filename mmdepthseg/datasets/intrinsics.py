"""Reading cameras: Cityscapes' camera json, `intrinsics.json`, KITTI's two texts."""

import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from mmdepthseg.camera import Camera, Size
from mmdepthseg.utils.errors import UserError, refuse
from mmdepthseg.utils.files import read_json, read_text

#: A principal point closer to an edge than this share of the side causes a warning.
OFF_CENTRE = 0.25
#: So does one farther from the middle than this share of both sides, in both to lower
#: or in both to higher pixels, as in K of a smaller or larger image. A cropped image,
#: without the bonnet for example, has it so in one direction.
OFF_BOTH = 0.08
#: A larger quotient of the focal lengths, and a longer one in widths, do so too.
SQUARE, LONG = 1.25, 10.0
_COEFFICIENTS = '(coeff?(icient)?s?|param(eter)?s?)'
#: Names that calibrations give to the distortion of a lens, without underscores, and
#: those of its numbers below such a name; OpenCV and ROS have `rows`, `cols`, `data`.
DISTORTION = re.compile(
    f'd|[kp][1-6]|(radial|tangential|lens)?dist(ortion)?{_COEFFICIENTS}?', re.IGNORECASE
)
DISTORTION_PARTS = re.compile(
    rf'{DISTORTION.pattern}|[a-z]\d|data|values?|radial|tangential|{_COEFFICIENTS}',
    re.IGNORECASE,
)


def load_json(path: str) -> Any:
    """Return the content of a json file, or raise an error that names the file."""
    try:
        return read_json(path, finite=True)
    except OSError as error:
        raise UserError(f'Camera file {path} cannot be read: {error}') from None


def whole(value: Any) -> int:
    """Return a whole number given as a number or text, or raise a ValueError."""
    if isinstance(value, bool) or not float(value).is_integer():
        raise ValueError(f'{value!r} is not a whole number')
    return int(float(value))


def checked(camera: Camera) -> Camera:
    """Return a camera that was read from a file, after checking that it is plausible.

    Raises:
        UserError: The principal point lies outside the image (usually because K
            belongs to another image size), or K is in other units.

    Warns:
        UserWarning: If the principal point is far from the middle (K of an image of
            half the size, for example), pixels are not nearly square, or the focal
            length is that of a telescope.
    """
    (height, width), (cx, cy) = camera.size, camera.K[:2, 2]
    fx, fy, skew = camera.fx, camera.fy, camera.K[0, 1]
    image = f'{width}x{height} image'
    refuse(
        camera.source,
        {
            f'the principal point ({cx:g}, {cy:g}) lies outside the {image}. Either K '
            'is wrong or it belongs to another image size: give that size (`width` and '
            '`height` beside K, or, for Cityscapes camera files, `camera_size` of the '
            'data set).': not (
                -0.5 <= cx <= width - 0.5 and -0.5 <= cy <= height - 0.5
            ),
            f'fx={fx:g}, fy={fy:g} are too small for a {image}. If K is normalised by '
            'the image size, set normalized=True.': (
                fx < width * 0.05 or fy < height * 0.05
            ),
        },
    )
    off = np.array([(cx + 0.5) / width, (cy + 0.5) / height]) - 0.5
    doubts = {
        f'the principal point ({cx:g}, {cy:g}) is far from the middle of the {image}': (
            np.abs(off).max() >= 0.5 - OFF_CENTRE
            or np.abs(off).min() > OFF_BOTH
            and off[0] * off[1] > 0
        ),
        f'fx={fx:g} and fy={fy:g} differ by more than {SQUARE - 1:.0%}': (
            not 1 / SQUARE < fx / fy < SQUARE
        ),
        f'fx={fx:g} is more than {LONG:g} widths of the {image}': fx > LONG * width,
        f'the skew {skew:g} is more than 5 % of fx={fx:g}': abs(skew) > 0.05 * fx,
    }
    for doubt, applies in doubts.items():
        if applies:
            warnings.warn(
                f'{camera.source}: {doubt}. Does K belong to an image of another size?',
                stacklevel=2,
            )
    return camera


def parse_intrinsics(config: Any, source: str) -> Camera:
    """Return the camera of a mapping with `K`, `width` and `height`.

    Args:
        config: Keys `K` (3x3, pixels), `width`, `height`; with
            `normalized=True` K is in units of the image size: fx and cx are
            multiplied by the width, fy and cy by the height, and the half pixel is
            subtracted from cx and cy, because pixel centres are at integers. Other
            keys are ignored, but see below.
        source: File or config key, for error messages.

    Returns:
        The camera, in pixels.

    Raises:
        UserError: A key is missing, or K cannot belong to an image of that size.

    Warns:
        UserWarning: If there are coefficients of a distortion; and see `checked`.
    """
    if not isinstance(config, Mapping):
        raise UserError(f'{source} must be a dict of K, width and height')
    missing = [key for key in ('K', 'width', 'height') if key not in config]
    normalized = config.get('normalized', False)
    refuse(
        source,
        {
            f'the camera lacks {", ".join(missing)}: give K (3x3, pixels), and width '
            'and height of the image that K refers to': bool(missing),
            f'normalized must be true or false, not {normalized!r}': (
                not isinstance(normalized, bool)
            ),
        },
    )
    try:
        size = (whole(config['height']), whole(config['width']))
        matrix = np.array(config['K'], dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(
            f'{source}: K must be a 3x3 table of numbers, width and height whole '
            f'numbers: {error}'
        ) from None
    if normalized and matrix.shape == (3, 3):
        matrix[0] *= size[1]
        matrix[1] *= size[0]
        matrix[:2, 2] -= 0.5
    bent = _distortions(config, DISTORTION)
    if bent:
        warnings.warn(
            f'{source}: the distortion ({", ".join(bent)}) is not used: straight lines '
            'of the scene must be straight in the frames. Undistort them '
            '(cv2.undistort), and remove it here.',
            stacklevel=2,
        )
    return checked(Camera(matrix, size, source=source))


def _distortions(config: Mapping, names: re.Pattern) -> list[str]:
    """Return the keys of a calibration with such names and numbers other than 0."""
    return [
        key
        for key, value in config.items()
        if names.fullmatch(str(key).replace('_', '')) and _distorts(value)
    ]


def _distorts(value: Any) -> bool:
    """Tell whether coefficients of a distortion are not all 0."""
    if isinstance(value, Mapping):
        return bool(_distortions(value, DISTORTION_PARTS))
    if isinstance(value, list | tuple | np.ndarray):
        return any(map(_distorts, value))
    try:
        return abs(float(value)) > 0
    except (TypeError, ValueError):  # a text, such as 'removed'
        return False


def read_intrinsics(path: str) -> Camera:
    """Return the camera of an `intrinsics.json` (see `parse_intrinsics`)."""
    return parse_intrinsics(load_json(path), path)


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
        UserError: A key is missing, the file is not json, or K cannot belong to an
            image of that size. The message names file and key.
    """
    content = load_json(path)
    intrinsic = content.get('intrinsic') if isinstance(content, Mapping) else None
    found = intrinsic if isinstance(intrinsic, Mapping) else {}
    missing = [f'.{key}' for key in ('fx', 'fy', 'u0', 'v0') if key not in found]
    if missing:
        key = 'intrinsic' + (missing[0] if found else '')
        raise UserError(f'Camera file {path} lacks the key {key}')
    try:
        fx, fy, u0, v0 = (float(found[key]) for key in ('fx', 'fy', 'u0', 'v0'))
        baseline = (content.get('extrinsic') or {}).get('baseline')
        baseline = None if baseline is None else float(baseline)
        for holder in (content, found):
            if 'width' in holder and 'height' in holder:
                image_size = (whole(holder['height']), whole(holder['width']))
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UserError(f'Camera file {path}: {error}') from None
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
        UserError: The line is missing or is not a projection matrix.
    """
    numbers = _kitti_numbers(path, f'P{number}', 12, f'image_{number}')
    source = f'Camera file {path}, P{number}'
    return checked(Camera(numbers.reshape(3, 4)[:, :3], image_size, source=source))


def read_kitti_raw_calib(path: str, number: int) -> Camera:
    """Return a rectified camera of a `calib_cam_to_cam.txt` of KITTI's raw data.

    Args:
        path: Text with lines `P_rect_<number>:`, the 3x4 projection matrix (of which
            see `read_kitti_calib`), and `S_rect_<number>:`, width and height.
        number: 0 to 3, the number in `image_<number>`.

    Returns:
        The camera.

    Raises:
        UserError: A line is missing or is not of as many numbers.
    """
    images, key = f'image_{number:02d}', f'P_rect_{number:02d}'
    projection = _kitti_numbers(path, key, 12, images).reshape(3, 4)
    width, height = _kitti_numbers(path, f'S_rect_{number:02d}', 2, images)
    source = f'Camera file {path}, {key}'
    try:
        size = (whole(height), whole(width))
    except (ValueError, OverflowError) as error:
        raise UserError(f'Camera file {path}, S_rect_{number:02d}: {error}') from None
    return checked(Camera(projection[:, :3], size, source=source))


def _kitti_numbers(path: str, key: str, count: int, images: str) -> np.ndarray:
    """Return the numbers of a line `<key>: ...` of a calibration file."""
    lines = read_text(path, tolerant=True).splitlines()
    found = [line[len(key) + 1 :] for line in lines if line.startswith(f'{key}:')]
    text = found[0].strip() if found else 'no such line'
    try:
        return np.array(text.split(), dtype=np.float64).reshape(count)
    except ValueError:
        raise UserError(
            f'Camera file {path}: a line {key}: of {count} numbers is expected for the '
            f'images in {images}, got {text[:60]!r}'
        ) from None


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
