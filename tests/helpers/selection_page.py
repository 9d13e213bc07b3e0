"""What tests of the page of a selection share: a pool, its selection, a parsed page."""

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import cv2
import numpy as np

from mmdepthseg.selection import select
from mmdepthseg.selection.files import write_selection

FEATURES = np.random.default_rng(0).standard_normal((60, 8)).astype(np.float32)
NAMES = [f'a&b/<clip>_{row:03d}' for row in range(60)]
VOID = {'meta', 'br', 'wbr', 'link', 'img', 'input', 'hr'}


class Page(HTMLParser):
    """Elements of a page: (tag, attributes); fails on tags that do not match."""

    def __init__(self, path):
        super().__init__()
        self.text = path.read_text(encoding='utf-8')
        self.elements, self.words, self._open = [], [], []
        self.feed(self.text)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if 'style' not in self._open:
            self.words.append(data)

    def find(self, tag, **wanted):
        return [
            attrs
            for name, attrs in self.elements
            if name == tag and wanted.items() <= attrs.items()
        ]

    @property
    def svgs(self):
        return [ElementTree.fromstring(svg) for svg in self._svg_texts()]

    def _svg_texts(self):
        return re.findall(r'<svg.*?</svg>', self.text, flags=re.DOTALL)

    @property
    def said(self):
        return re.sub(r'\s+', ' ', ''.join(self.words))


def record(tmp_path, method='ds', budgets=(4, 12), names=NAMES, **options):
    """What selection.json holds after a selection."""
    chosen = select(FEATURES, method, budgets, seed=1, **options)
    kept = dict(method=method, seed=1, bias=options.get('bias', 1000.0))
    kept['min_distance'] = options.get('min_distance', 0.0)
    write_selection(tmp_path, chosen, names, budgets, kept)
    return json.loads((tmp_path / 'selection.json').read_text())


def images(tmp_path, count=60):
    paths = []
    for row in range(count):
        paths.append(str(tmp_path / f'image_{row}.png'))
        cv2.imwrite(paths[-1], np.full((50, 200, 3), (4 * row, 90, 200), np.uint8))
    return paths
