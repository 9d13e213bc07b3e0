"""Textures of a city and their mip-map pyramids in one image.

With one image, a single `cv2.remap` call shades all samples of a frame. The pyramids
avoid aliasing of distant surfaces: a sample is interpolated between the two levels
whose texel sizes are just below and above its footprint.
"""

import cv2
import numpy as np

_PAD = 1
_CHUNK = 4096  # cv2.remap refuses maps and images with 32767 or more columns or rows


def _coverage_alpha(alpha: np.ndarray, coverage: float) -> np.ndarray:
    """Rescale the alpha of a level so that the share above 1/2 stays `coverage`.

    Otherwise thin shapes (bicycles, fences) would vanish in coarse levels.
    """
    if not 0.0 < coverage < 1.0:
        return alpha
    threshold = float(np.quantile(alpha, 1.0 - coverage))
    scale = 128.0 / max(threshold, 1.0)
    return np.clip(alpha.astype(np.float32) * scale, 0, 255).astype(np.uint8)


class Atlas:
    """A growing set of BGRA textures, packed by `build`.

    Args:
        width: Width of the packed image in texels.
    """

    def __init__(self, width: int = 2176) -> None:
        self.width = width
        self.names: dict[str, int] = {}
        self.alpha_levels: list[list[np.ndarray] | None] = []
        self.sizes: list[tuple[int, int]] = []
        self._pyramids: list[tuple[list[np.ndarray], bool]] = []

    def add(self, name: str, image: np.ndarray, wrap: bool) -> int:
        """Add a texture.

        Args:
            name: Name of the texture.
            image: uint8 (h, w, 3) BGR or (h, w, 4) BGRA, h and w powers of two.
            wrap: Whether it repeats; otherwise its border is extended.

        Returns:
            The texture's number.
        """
        height, width = image.shape[:2]
        if height & (height - 1) or width & (width - 1):
            raise ValueError(
                f'texture {name!r}: edges must be powers of two, got {width}x{height}'
            )
        has_alpha = image.shape[2] == 4
        if not has_alpha:
            opaque = np.full((height, width, 1), 255, np.uint8)
            image = np.concatenate([image, opaque], axis=2)
        levels = [image]
        coverage = float((image[..., 3] >= 128).mean())
        while min(levels[-1].shape[:2]) > 4:
            h, w = levels[-1].shape[:2]
            levels.append(
                cv2.resize(levels[-1], (w // 2, h // 2), interpolation=cv2.INTER_AREA)
            )
        if has_alpha:
            alphas = [_coverage_alpha(lv[..., 3], coverage) for lv in levels]
            self.alpha_levels.append([np.ascontiguousarray(a) for a in alphas])
        else:
            self.alpha_levels.append(None)
        self._pyramids.append((levels, wrap))
        self.sizes.append((height, width))
        self.names[name] = len(self._pyramids) - 1
        return self.names[name]

    def __getitem__(self, name: str) -> int:
        """Return the number of the texture called `name`."""
        return self.names[name]

    def group(self, prefix: str) -> list[int]:
        """Return the numbers of all textures whose name starts with `prefix`."""
        return [i for name, i in self.names.items() if name.startswith(prefix)]

    def build(self) -> None:
        """Pack all pyramids into `image` (H, width, 3) and build the look-up table."""
        max_levels = max(len(levels) for levels, _ in self._pyramids)
        self.max_levels = max_levels
        count = len(self._pyramids)
        self.table = np.zeros((count, max_levels, 4), np.float32)
        self.last_level = np.zeros(count, np.float32)
        placed: list[tuple[np.ndarray, int, int]] = []
        x = y = shelf = 0
        order = sorted(range(count), key=lambda i: (-self.sizes[i][0], i))
        for index in order:
            levels, wrap = self._pyramids[index]
            mode = cv2.BORDER_WRAP if wrap else cv2.BORDER_REPLICATE
            border = [
                cv2.copyMakeBorder(lv[..., :3], _PAD, _PAD, _PAD, _PAD, mode)
                for lv in levels
            ]
            below = sum(b.shape[1] for b in border[1:])
            block_w = max(border[0].shape[1], below)
            block_h = border[0].shape[0] + (
                border[1].shape[0] if len(border) > 1 else 0
            )
            if x + block_w > self.width:
                x, y, shelf = 0, y + shelf, 0
            left = x
            for number, piece in enumerate(border):
                top = y if number == 0 else y + border[0].shape[0]
                px = x if number == 0 else left
                placed.append((piece, px, top))
                h, w = piece.shape[0] - 2 * _PAD, piece.shape[1] - 2 * _PAD
                # Subtract half a texel, because texel centres are at +0.5.
                entry = (px + _PAD - 0.5, top + _PAD - 0.5, w, h)
                self.table[index, number:] = entry
                if number:
                    left += piece.shape[1]
            self.last_level[index] = len(levels) - 1
            x += block_w
            shelf = max(shelf, block_h)
        self.image = np.zeros((y + shelf, self.width, 3), np.uint8)
        for piece, px, top in placed:
            self.image[top : top + piece.shape[0], px : px + piece.shape[1]] = piece
        self._flat = self.table.reshape(-1, 4)
        self._pyramids = []

    def sample(
        self,
        texture: np.ndarray | int,
        u: np.ndarray,
        v: np.ndarray,
        level: np.ndarray,
    ) -> np.ndarray:
        """Look up textures with trilinear filtering.

        Args:
            texture: Texture numbers, int (N,), or one number for all.
            u: Horizontal coordinate in units of the texture, (N,); it repeats.
            v: Vertical coordinate, (N,).
            level: Pyramid level, (N,), log2 of the footprint in texels of level 0.

        Returns:
            Float32 (N, 3), BGR in [0, 255].
        """
        u = u - np.floor(u)
        v = v - np.floor(v)
        level = np.clip(level, 0.0, self.last_level[texture])
        low = level.astype(np.int32)
        blend = (level - low)[:, None]
        base = np.asarray(texture) * self.max_levels
        fine = self._lookup(base + low, u, v)
        coarse = self._lookup(base + np.minimum(low + 1, self.max_levels - 1), u, v)
        return fine + (coarse - fine) * blend

    def _lookup(self, rows: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        entry = self._flat.take(rows, axis=0)
        count = len(u)
        lines = max(1, -(-count // _CHUNK))
        maps = np.zeros((2, lines * _CHUNK), np.float32)
        np.add(entry[:, 0], u * entry[:, 2], out=maps[0, :count])
        np.add(entry[:, 1], v * entry[:, 3], out=maps[1, :count])
        x, y = maps.reshape(2, lines, _CHUNK)
        colour = cv2.remap(self.image, x, y, cv2.INTER_LINEAR)
        return colour.reshape(-1, 3)[:count].astype(np.float32)
