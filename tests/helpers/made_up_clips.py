"""Random folders of clips, with what a data set is to make of them.

A tree has at most one defect, so the documented error is known.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from helpers.images import encode, encode_deep, grey_png

CLIP_LETTERS = "aZäß漢 ._-+%'{}~,#017"
FRAME_LETTERS = "aZä漢 _-+%'{},#"
FRAME_DEFECTS = ('grey16', 'rgb16', 'transparent', 'turned', 'truncated', 'empty')
LABEL_DEFECTS = ('rgb', 'grey16', 'jpeg', 'size', 'id', 'twice', 'stray')
CAMERA_DEFECTS = ('aspect', 'outside', 'key', 'nan', 'text')
DEFECTS = (
    *(f'frame {kind}' for kind in (*FRAME_DEFECTS, 'twice', 'size')),
    *(f'label {kind}' for kind in LABEL_DEFECTS),
    *(f'depth {kind}' for kind in ('grey8', 'rgb16', 'size')),
    *(f'camera {kind}' for kind in CAMERA_DEFECTS),
    'clip empty',
)


@dataclass(repr=False)
class Frame:
    """A frame as it is to be loaded."""

    image: np.ndarray
    exact: bool
    label: np.ndarray | None = None
    depth: np.ndarray | None = None


@dataclass
class Clip:
    """A clip as it is to be loaded; frames by name, in order."""

    frames: dict[str, Frame] = field(default_factory=dict)
    matrix: np.ndarray | None = None


@dataclass(repr=False)
class Tree:
    """A folder of clips.

    Attributes:
        root: `data_root`.
        clips: By name, sorted.
        classes: Number of classes.
        offsets: Neighbours.
        named: What the error names; empty for a tree without defect.
        single: Whether `data_root` is the clip itself.
    """

    root: Path
    clips: dict[str, Clip]
    classes: int
    offsets: tuple[int, ...]
    named: tuple[str, ...]
    single: bool


class Writer:
    """Draws a tree and writes it.

    Args:
        draw: Of hypothesis.
        folder: An empty folder.
        defect: One of `DEFECTS`, or '' for a tree without.
    """

    def __init__(self, draw, folder: Path, defect: str) -> None:
        self.draw = draw
        self.folder = folder
        self.random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        self.classes = draw(st.sampled_from([1, 2, 3, 17, 200]))
        self.defect = defect
        self.here = False  # whether the defect belongs to the clip being written
        self.named: tuple[str, ...] = ()
        self.size = (0, 0)

    def one_of(self, *values):
        return self.draw(st.sampled_from(values))

    def maybe(self) -> bool:
        return self.draw(st.booleans())

    def suffix(self, text: str) -> str:
        return self.one_of(text, text.upper(), text.title())

    def takes(self, kind: str, last: bool = True) -> str:
        """Return the defect if it is to be made here, else ''; surely at the last."""
        of, _, what = self.defect.partition(' ')
        wanted = of == kind and self.here and not self.named
        return what if wanted and (last or self.maybe()) else ''

    def write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def tree(self) -> Tree:
        names = self.draw(
            st.lists(clip_names(), min_size=1, max_size=3, unique=True).map(sorted)
        )
        names = names[: 1 if (single := self.maybe()) else None]
        counts = [self.draw(st.integers(1, 5)) for _ in names]
        self.offsets: tuple[int, ...] = ()
        longest = counts.index(max(counts))
        maps = self.defect.startswith(('label', 'depth'))
        if counts[longest] > 2 and not maps:
            self.offsets = self.one_of((), (-1, 1), (1,), (-2, -1))
        if self.defect == 'frame size' and not self.offsets:
            self.defect = ''
        root = self.folder / 'data root'
        clips = {}
        for place, (name, count) in enumerate(zip(names, counts, strict=True)):
            self.here = place == longest
            clips[name] = self.clip(root / name, count)
        self.here = not single
        if self.takes('clip'):
            (root / 'zz').mkdir()
            self.named = ("'zz'", str(root / 'zz'))
        if self.maybe():
            self.junk(root)
        root = root / names[0] if single else root
        return Tree(root, clips, self.classes, self.offsets, self.named, single)

    def junk(self, folder: Path) -> None:
        """Write what systems and tools leave."""
        for name in ('.DS_Store', '._1.jpg', '__MACOSX/1.jpg', '.cache/1.png'):
            self.write(folder / name, b'\0')

    def clip(self, folder: Path, count: int) -> Clip:
        self.size = tuple(self.draw(st.integers(4, 12)) for _ in range(2))
        where = folder / 'frames' if self.maybe() else folder
        clip = Clip()
        for left, stem in enumerate(self.draw(stems(count)), 1 - count):
            defect = self.takes('frame', left == 0)
            clip.frames[stem] = frame = self.frame(where, stem, defect)
            defect = self.takes('label', left == 0)
            defect = '' if defect == 'stray' else defect
            if defect or self.maybe():
                frame.label = self.label(folder, stem, defect)
            defect = self.takes('depth', left == 0)
            if defect or self.maybe():
                frame.depth = self.depth(folder, stem, defect)
        if self.takes('label') == 'stray':
            path = folder / 'labels/of nobody.png'
            self.write(path, grey_png(np.zeros(self.size, np.uint8), 8))
            self.named = (str(path.parent), path.name)
        clip.matrix = self.camera(folder)
        if self.maybe():
            self.junk(where)
        return clip

    def frame(self, where: Path, stem: str, defect: str) -> Frame:
        shape, exact = self.size, True
        if defect == 'size':
            shape = (self.size[0] + 1, self.size[1])
        suffix = '.png'
        colours = self.random.integers(0, 256, (*shape, 3), dtype=np.uint8)
        if defect in ('grey16', 'rgb16'):
            deep = self.random.integers(0, 2**16, colours.shape)
            content = encode_deep(deep[..., 0] if defect == 'grey16' else deep)
        elif defect == 'transparent':
            image = Image.fromarray(colours)
            image.putalpha(Image.new('L', shape[::-1], self.one_of(0, 128, 254)))
            content = encode(image)
        elif self.maybe():  # lossy, so of one colour
            suffix, exact = self.one_of('.jpg', '.jpeg'), False
            colours[:] = colours[0, 0]
            image = Image.fromarray(colours)
            if self.maybe():
                image = image.convert('L')
                colours = np.asarray(image.convert('RGB'))
            content = encode(image, 'JPEG', quality=100, **self.exif(defect))
        else:
            content, colours = self.png(colours, **self.exif(defect))
        if defect == 'truncated':
            content = content[: len(content) - 14]
        content = b'' if defect == 'empty' else content
        path = where / (stem + self.suffix(suffix))
        self.write(path, content)
        if defect == 'twice':
            other = where / (stem + self.one_of('.JpG', '.jPeG', '.pNg'))
            self.write(other, content)
            self.named = (str(where), path.name, other.name)
        elif defect:
            self.named = (stem,) if defect == 'size' else (str(path),)
        return Frame(colours[:, :, ::-1], exact)

    def exif(self, defect: str) -> dict:
        exif = Image.Exif()
        exif[0x0112] = self.one_of(*range(2, 9)) if defect == 'turned' else 1
        return dict(exif=exif) if defect == 'turned' or self.maybe() else {}

    def png(self, colours: np.ndarray, **options) -> tuple[bytes, np.ndarray]:
        """Return a file and its colours."""
        kind = self.one_of('RGB', 'P', 'L', 'RGBA', 'LA', 1, 2, 4)
        if isinstance(kind, int) and not options:
            grey = colours[..., 0] >> (8 - kind)
            shown = grey * (255 // (2**kind - 1))
            return grey_png(grey, kind), np.repeat(shown[..., None], 3, 2)
        mode = kind if isinstance(kind, str) else 'RGB'
        image = Image.fromarray(colours).convert(mode)
        return encode(image, **options), np.asarray(image.convert('RGB'))

    def label(self, folder: Path, stem: str, defect: str) -> np.ndarray:
        kinds = [bits for bits in (1, 2, 4) if not defect] + ['L', 'P']
        kind = self.one_of(*kinds)
        top = self.classes if isinstance(kind, str) else min(self.classes, 2**kind)
        shape = (self.size[0] + 2, self.size[1]) if defect == 'size' else self.size
        label = self.random.integers(0, top, shape, dtype=np.uint8)
        if isinstance(kind, str):
            label[self.random.random(shape) < 0.2] = 255
        label[0, 0] = self.classes if defect == 'id' else label[0, 0]
        image = Image.fromarray(label)
        if kind == 'P':
            image.putpalette(self.random.bytes(768))
        content = {
            'rgb': lambda: encode(Image.merge('RGB', [Image.fromarray(label)] * 3)),
            'grey16': lambda: encode_deep(label),
            'jpeg': lambda: encode(Image.fromarray(label), 'JPEG'),
        }.get(defect, lambda: encode(image) if kind in ('L', 'P') else None)()
        path = folder / 'labels' / (stem + self.suffix('.png'))
        self.write(path, content or grey_png(label, kind))
        if defect == 'twice':
            other = path.with_name(stem + '.pNg')
            self.write(other, path.read_bytes())
            self.named = (str(path.parent), path.name, other.name)
        elif defect:
            self.named = (str(path),)
        return label

    def depth(self, folder: Path, stem: str, defect: str) -> np.ndarray:
        height, width = self.size
        shape = (height, 2 * width) if defect == 'size' else self.size
        values = self.random.integers(0, 2**16, shape)
        path = folder / 'lidar' / (stem + self.suffix('.png'))
        if defect:
            self.named = (str(path),)
        if defect == 'grey8':
            self.write(path, grey_png(values.astype(np.uint8), 8))
        else:
            deep = np.stack([values] * 3, -1) if defect == 'rgb16' else values
            self.write(path, encode_deep(deep))
        return (values / 256).astype(np.float32)

    def camera(self, folder: Path) -> np.ndarray | None:
        """Write K of an image of another size; return that of the frames."""
        defect = self.takes('camera')
        if not (self.offsets or defect or self.maybe()):
            return None
        scale = self.one_of(1, 2, 3)
        height, width = (side * scale for side in self.size)
        focal = float(self.random.uniform(0.5, 2)) * width
        cx, cy = self.random.uniform(0.3, 0.7, 2) * (width, height) - 0.5
        k = [[focal, 0, cx], [0, focal, cy], [0, 0, 1]]
        content = dict(K=k, width=width, height=height)
        expected = np.array(k)
        expected[:2] /= scale
        expected[:2, 2] += (1 / scale - 1) / 2
        if self.maybe():
            normalised = np.array(k)
            normalised[:2, 2] += 0.5
            normalised[:2] /= [[width], [height]]
            content |= dict(K=normalised.tolist(), normalized=True)
        path = folder / 'intrinsics.json'
        if defect:
            k = [list(row) for row in k]
            k[0][2] = {'outside': 2.0 * width, 'nan': float('nan')}.get(defect, k[0][2])
            content = dict(K=k, width=width, height=height)
            content |= dict(aspect=dict(width=width * 2), text=dict(K='3x3')).get(
                defect, {}
            )
            if defect == 'key':
                del content[self.one_of('K', 'width', 'height')]
            self.named = (str(path),)
        text = json.dumps(content, indent=self.one_of(None, 1))
        text = text.replace('\n', self.one_of('\n', '\r\n'))
        self.write(path, text.encode(self.one_of('utf-8', 'utf-8-sig')))
        return expected


def clip_names() -> st.SearchStrategy[str]:
    """Names of folders."""
    names = st.text(CLIP_LETTERS, min_size=1, max_size=8)
    return names.filter(lambda name: not name.startswith('.') and name != 'zz')


@st.composite
def stems(draw, count: int) -> list[str]:
    """Names of frames without extension, in the order of their numbers."""
    start, end = (
        draw(st.text(FRAME_LETTERS, max_size=4)),
        draw(st.sampled_from(['', '_left', ' x'])),
    )
    numbers = draw(
        st.lists(st.integers(0, 3000), min_size=count, max_size=count, unique=True)
    )
    style = draw(st.sampled_from(['{}', '{:06d}', 'stamp']))
    return [
        start
        + (str(1403715273 + n / 20) if style == 'stamp' else style.format(n))
        + end
        for n in sorted(numbers)
    ]


@st.composite
def trees(draw, folder: Path, defect: str) -> Tree:
    """Write a tree below an empty folder; it may be without the defect."""
    return Writer(draw, folder, defect).tree()
