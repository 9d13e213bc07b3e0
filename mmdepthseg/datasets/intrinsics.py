"""Reading camera files: Cityscapes camera json, plain intrinsics json, KITTI calib."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmdepthseg.utils.errors import UserError


class Camera(NamedTuple):
    """A pinhole camera as it stands in a file or a config.

    Attributes:
        cam2img: 3x3 K in pixels as nested lists.
        size: (height, width) of the image K refers to, None if not told.
        baseline: Stereo baseline in metres, None if not told.
    """

    cam2img: list[list[float]]
    size: tuple[int, int] | None = None
    baseline: float | None = None


def load_json(path: str) -> Any:
    """Content of a json file; errors name the file."""
    try:
        return json.loads(Path(path).read_text(encoding='utf-8'))
    except FileNotFoundError:
        raise UserError(f'Camera file {path} does not exist.') from None
    except (ValueError, OSError) as error:
        raise UserError(f'Camera file {path} cannot be read: {error}') from None


def check_intrinsics(
    cam2img: np.ndarray, size: tuple[int, int] | None, source: str
) -> None:
    """Reject a K that cannot be that of the image.

    Args:
        cam2img: (3, 3).
        size: (height, width) of the image K is said to belong to.
        source: File or config key, for the error.

    Raises:
        UserError: If K is not 3x3 and finite, a focal length is not positive or
            the principal point lies outside the image (the usual sign of a K that
            belongs to another image size).
    """
    if cam2img.shape != (3, 3) or not np.isfinite(cam2img).all():
        raise UserError(f'{source}: K must be 3x3 and finite, got {cam2img.tolist()}.')
    if not np.allclose(cam2img[2], (0, 0, 1)):
        raise UserError(f'{source}: the last row of K must be 0 0 1.')
    fx, fy, cx, cy = cam2img[[0, 1, 0, 1], [0, 1, 2, 2]]
    if fx <= 0 or fy <= 0:
        raise UserError(
            f'{source}: focal lengths must be positive, got fx={fx:g}, fy={fy:g}.'
        )
    if size is not None:
        height, width = size
        if not (-0.5 <= cx <= width - 0.5 and -0.5 <= cy <= height - 0.5):
            raise UserError(
                f'{source}: the principal point ({cx:g}, {cy:g}) lies outside the '
                f'{width}x{height} image. Either K is wrong or it belongs to another '
                'image size: give that size (`width` and `height` beside K, or, for '
                'Cityscapes camera files, `camera_size` of the data set).'
            )
        if fx < width * 0.05 or fy < height * 0.05:
            raise UserError(
                f'{source}: fx={fx:g}, fy={fy:g} are too small for a {width}x{height} '
                'image. If K is normalised by the image size, say normalized=True.'
            )


def parse_intrinsics(config: Mapping[str, Any], source: str) -> Camera:
    """Camera of a mapping with `K`, `width` and `height`.

    Args:
        config: Keys `K` (3x3, pixels), `width`, `height`; with
            `normalized=True` K is in units of the image size: fx and cx are
            multiplied by the width, fy and cy by the height, and the half pixel is
            taken off cx and cy, since pixel centres are at integers. Other keys are
            ignored.
        source: File or config key, for the errors.

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
        cam2img = np.array(config['K'], dtype=np.float64)
    except (TypeError, ValueError):
        raise UserError(f'{source}: K must be a 3x3 table of numbers.') from None
    if config.get('normalized', False) and cam2img.shape == (3, 3):
        cam2img[0] *= size[1]
        cam2img[1] *= size[0]
        cam2img[:2, 2] -= 0.5
    check_intrinsics(cam2img, size, source)
    return Camera(cam2img.tolist(), size)


def read_intrinsics(path: str) -> Camera:
    """Camera of an `intrinsics.json` (see `parse_intrinsics`)."""
    content = load_json(path)
    if not isinstance(content, Mapping):
        raise UserError(f'Camera file {path} must hold a json object.')
    return parse_intrinsics(content, path)


def read_cityscapes_camera(path: str) -> Camera:
    """Camera of a Cityscapes camera json.

    Args:
        path: Json with `intrinsic` (`fx`, `fy`, `u0`, `v0`) and, for
            stereo depth, `extrinsic` (`baseline`, metres). `width` and
            `height`, at the top or beside fx, are used where they stand.

    Returns:
        The camera.

    Raises:
        UserError: If a key is missing (names file and key).
        UserError: If the file is no json or a value no number.
    """
    content = load_json(path)
    intrinsic = content.get('intrinsic') if isinstance(content, Mapping) else None
    if not isinstance(intrinsic, Mapping):
        raise UserError(f'Camera file {path} lacks the key intrinsic.')
    for key in ('fx', 'fy', 'u0', 'v0'):
        if key not in intrinsic:
            raise UserError(f'Camera file {path} lacks the key intrinsic.{key}.')
    try:
        fx, fy, u0, v0 = (float(intrinsic[key]) for key in ('fx', 'fy', 'u0', 'v0'))
        baseline = (content.get('extrinsic') or {}).get('baseline')
        baseline = None if baseline is None else float(baseline)
        size = None
        for holder in (content, intrinsic):
            if 'width' in holder and 'height' in holder:
                size = (int(holder['height']), int(holder['width']))
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f'Camera file {path}: {error}.') from None
    return Camera([[fx, 0.0, u0], [0.0, fy, v0], [0.0, 0.0, 1.0]], size, baseline)


def read_kitti_calib(path: str, camera: int) -> Camera:
    """A camera of a `calib.txt` of KITTI odometry (Geiger et al., CVPR 2012).

    Args:
        path: Text with a line `P<camera>:` and the 12 numbers of the 3x4 projection
            matrix; K is its left part. The rest, the shift from camera 0 (to whose
            frame KITTI's poses belong), is left out: on the way from frame to frame
            it moves the camera by the shift (6 cm of camera 2) times the angle turned.
        camera: 0 to 3, the number in `image_<camera>`.

    Returns:
        The camera. The file does not tell the size of its images.

    Raises:
        UserError: If there is no such line.
        UserError: If it is no projection matrix.
    """
    lines = Path(path).read_text(encoding='utf-8', errors='replace').splitlines()
    found = [line[3:] for line in lines if line.startswith(f'P{camera}:')]
    if not found:
        raise UserError(
            f'Camera file {path} lacks the line P{camera}: of the images in '
            f'image_{camera}.'
        )
    try:
        projection = np.array(found[0].split(), dtype=np.float64).reshape(3, 4)
    except ValueError:
        raise UserError(
            f'Camera file {path}: P{camera}: 12 numbers are expected, got '
            f'{found[0].strip()[:60]!r}.'
        ) from None
    check_intrinsics(projection[:, :3], None, f'{path}, P{camera}')
    return Camera(projection[:, :3].tolist())


def sample_camera(results: Mapping[str, Any]) -> tuple[Camera | None, str]:
    """The camera of a sample in a pipeline.

    Args:
        results: With `camera_path` (and `camera_size`, for files that do not tell
            the image size), or `cam2img` (and `cam2img_size`), or neither.

    Returns:
        The camera, None if there is none, and what to call it in messages. A size
        that nothing tells is that of the image file (`img_file_shape` where a
        transform replaced `ori_shape`).
    """
    image_size = results.get('img_file_shape', results.get('ori_shape'))
    if 'camera_path' in results:
        path = results['camera_path']
        camera = read_cityscapes_camera(path)
        size = camera.size or results.get('camera_size') or image_size
        return camera._replace(size=size), f'Camera file {path}'
    if 'cam2img' in results:
        size = (
            results.get('legacy_camera_size')
            or results.get('cam2img_size')
            or image_size
        )
        name = results.get('img_id') or results.get('img_path')
        return Camera(results['cam2img'], size), f'Camera of {name}'
    return None, ''
