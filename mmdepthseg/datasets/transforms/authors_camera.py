"""The treatment of K in the public code of 3W."""

from dataclasses import dataclass, replace

import numpy as np

from mmdepthseg.camera import Camera, Size
from mmdepthseg.utils.errors import UserError


@dataclass(frozen=True, eq=False)
class AuthorsCamera(Camera):
    """K as the authors' code changes it: wrong, for comparisons only.

    K of the camera's own image (2048x1024) is used on the resized one; a horizontal
    flip turns cx into W - cx and, though nothing is upside down, cy into H - cy, with
    that image's W and H; a crop subtracts its offset.

    Args:
        own_size: (height, width) of the camera's own image.
        whole: False once a crop or padding has moved K.
    """

    own_size: Size = (0, 0)
    whole: bool = True

    @classmethod
    def of(cls, camera: Camera) -> 'AuthorsCamera':
        """Return this kind of camera, made from one as it was read."""
        return cls(camera.K, camera.size, camera.baseline, camera.source, camera.size)

    def resized(self, size: Size) -> 'AuthorsCamera':
        """Return the camera with K unchanged."""
        return replace(self, size=size)

    def cropped(self, left: float, top: float, size: Size) -> 'AuthorsCamera':
        """Return the camera with the offset subtracted from K."""
        return replace(super().cropped(left, top, size), whole=False)

    def flipped(self, direction: str = 'horizontal') -> 'AuthorsCamera':
        """Return the camera with the centre on the other side of its own image.

        Raises:
            UserError: For a flip that the authors' code does not know.
        """
        if direction != 'horizontal' or not self.whole:
            raise UserError(
                f'{self.source}: with legacy_authors_k=True of LoadCamera only '
                f'horizontal flips before crops and padding are defined, got a '
                f'{direction} one{"" if self.whole else " after them"}; put RandomFlip '
                "in front, direction='horizontal'"
            )
        matrix = self.K.copy()
        matrix[:2, 2] = np.array(self.own_size[::-1]) - matrix[:2, 2]
        return replace(self, K=matrix)
