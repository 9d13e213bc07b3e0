"""A pinhole camera: K under image transforms. Plain numpy.

Convention
    - K = [[fx, s, cx], [0, fy, cy], [0, 0, 1]] (skew s, usually 0), in pixels of the
      current image; pixel centres are at integers, so an image covers
      [-0.5, W - 0.5] x [-0.5, H - 0.5].
    - A point (X, Y, Z) is seen at u = (fx X + s Y) / Z + cx, v = fy Y / Z + cy.
    - Sizes are (height, width).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from mmdepthseg.utils.errors import UserError

Size = tuple[int, int]
AnyCamera = TypeVar('AnyCamera', bound='Camera')

#: Largest difference between the aspect ratio of stored images and that of K. KITTI's
#: 1242x375 resized to 640x192 differs by 0.6 %, a K of another sensor by far more.
ASPECT_TOLERANCE = 0.02


def same_aspect(size: Size, other: Size) -> bool:
    """Tell whether two sizes have the same aspect ratio, up to a pixel of rounding."""
    return abs(size[0] * other[1] - size[1] * other[0]) <= max(*size, *other)


def same_view(size: Size, other: Size) -> bool:
    """Tell whether images of two sizes can show the same view (`ASPECT_TOLERANCE`)."""
    ratio = other[1] * size[0] / (other[0] * size[1])
    return same_aspect(size, other) or abs(ratio - 1) <= ASPECT_TOLERANCE


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera: K and the size of the image that K belongs to.

    Each method returns the camera of the image after that operation.

    Args:
        K: (3, 3), pixels.
        size: (height, width) of the image.
        baseline: Distance to the other camera of a stereo pair, metres; None: unknown.
        source: File or config key of K, for messages.

    Raises:
        UserError: K is not the matrix of a pinhole camera.
    """

    K: np.ndarray
    size: Size
    baseline: float | None = None
    source: str = 'camera'

    def __post_init__(self) -> None:
        """Check K."""
        matrix = np.array(self.K, dtype=np.float64)
        object.__setattr__(self, 'K', matrix)
        object.__setattr__(self, 'size', (int(self.size[0]), int(self.size[1])))
        if matrix.shape != (3, 3) or not np.isfinite(matrix).all():
            raise UserError(
                f'{self.source}: K must be 3x3 and finite, got {matrix.tolist()}'
            )
        if np.abs(matrix[[1, 2, 2, 2], [0, 0, 1, 2]] - (0, 0, 0, 1)).max() > 1e-6:
            raise UserError(
                f'{self.source}: K must be [[fx, s, cx], [0, fy, cy], [0, 0, 1]], got '
                f'{matrix.tolist()}'
            )
        if self.fx <= 0 or self.fy <= 0:
            raise UserError(
                f'{self.source}: focal lengths must be positive, got fx={self.fx:g}, '
                f'fy={self.fy:g}'
            )
        if min(self.size) < 1:
            raise UserError(f'{self.source}: size must be positive, got {self.size}')

    @property
    def fx(self) -> float:
        """Return the horizontal focal length in pixels."""
        return float(self.K[0, 0])

    @property
    def fy(self) -> float:
        """Return the vertical focal length in pixels."""
        return float(self.K[1, 1])

    def resized(self: AnyCamera, size: Size) -> AnyCamera:
        """Return the camera of the image resized to `size`.

        Half-pixel exact, as cv2.resize and `F.interpolate(align_corners=False)`
        resize: u' = (u + 0.5) * scale - 0.5.
        """
        scale = np.array([size[1] / self.size[1], size[0] / self.size[0]])
        return self._mapped(scale, 0.5 * scale - 0.5, size)

    def fitted(self: AnyCamera, size: Size, image: str = 'the image') -> AnyCamera:
        """Return the camera of the same view, stored at another size.

        Args:
            size: Size of the stored image.
            image: Name of the image in the message.

        Raises:
            UserError: The aspect ratios differ by more than `ASPECT_TOLERANCE`: that
                image does not show the same view.
        """
        if not same_view(size, self.size):
            raise UserError(
                f'{self.source}: K belongs to an image of {self.size[1]}x'
                f'{self.size[0]} pixels, {image} has {size[1]}x{size[0]}: another '
                'aspect ratio, so it is another view. Give K of the images as they '
                'are, with their width and height.'
            )
        return self.resized(size)

    def cropped(self: AnyCamera, left: float, top: float, size: Size) -> AnyCamera:
        """Return the camera of the part of `size` whose first pixel is (left, top).

        The part may reach beyond the image, as with padding: `left` and `top` are then
        negative, or the size is larger.
        """
        return self._mapped(np.ones(2), np.array([-left, -top]), size)

    def flipped(self: AnyCamera, direction: str = 'horizontal') -> AnyCamera:
        """Return the camera of the mirrored image.

        The world is mirrored, too (horizontally X -> -X), so focal lengths stay
        positive: cx' = (W - 1) - cx.

        Args:
            direction: `'horizontal'`, `'vertical'` or `'diagonal'` (both).
        """
        mirrored = np.array([direction != 'vertical', direction != 'horizontal'])
        last = np.array(self.size[::-1]) - 1
        return self._mapped(np.where(mirrored, -1, 1), mirrored * last, self.size)

    def _mapped(
        self: AnyCamera, scale: np.ndarray, shift: np.ndarray, size: Sequence[int]
    ) -> AnyCamera:
        """Return the camera of the image with pixels moved to scale * uv + shift."""
        matrix = self.K.copy()
        matrix[:2] *= scale[:, None]
        matrix[:2, 2] += shift
        matrix[:, :2] *= np.sign(scale)  # a mirrored image shows the mirrored world
        return replace(self, K=matrix, size=(int(size[0]), int(size[1])))
