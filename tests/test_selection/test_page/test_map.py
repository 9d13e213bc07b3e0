"""The map on the page, and what the page's parts share."""

import re

import numpy as np
from test_selection.test_page.pages import FEATURES, NAMES, Page, record

from mmdepthseg.selection.page.map import _labels
from mmdepthseg.selection.page.parts import (
    INITIAL_COLOR,
    group_picks,
    number,
    percent,
)
from mmdepthseg.selection.page.report import write_report
from mmdepthseg.selection.page.style import STYLE

RANDOM = np.random.default_rng(0)


def test_map_marks_picks_excluded_and_the_rest(tmp_path):
    selection = record(tmp_path, initial=[3], exclude=[20, 21])
    write_report(tmp_path / 'page.html', selection, FEATURES, NAMES, exclude=[20, 21])
    drawn = [s for s in Page(tmp_path / 'page.html').svgs if s.get('class') == 'map']
    groups = {group.get('class'): group for group in drawn[0].iter('g')}
    titles = {
        name: [title.text for title in group.iter('title')]
        for name, group in groups.items()
    }
    assert titles['excluded'] == [f'{NAMES[row]} (excluded)' for row in (20, 21)]
    rest = set(range(60)) - {20, 21} - set(selection['order'])
    assert titles['pool'] == [NAMES[row] for row in sorted(rest)]
    assert len(titles['picks']) == 12
    assert f'1: {NAMES[3]} (Labelled before)' in titles['picks']
    squares, discs = list(groups['picks'].iter('rect')), groups['picks'].iter('circle')
    assert [square.get('fill') for square in squares] == [INITIAL_COLOR]
    # The axes are the plane's, on one scale, the second one upwards.
    points = [(float(d.get('cx')), float(d.get('cy'))) for d in discs][::-1]
    data = FEATURES - FEATURES.mean(axis=0)
    axes = np.linalg.svd(data.astype(float), full_matrices=False)[2][:2].T
    flat = (data @ axes)[selection['order'][1:]]
    between = np.linalg.norm(flat[:, None] - flat, axis=2)
    shown = np.linalg.norm(np.subtract.outer(points, points)[:, [0, 1], :, [0, 1]],
                           axis=0)  # fmt: skip
    scale = shown.max() / between.max()
    np.testing.assert_allclose(shown, scale * between, atol=0.3)


def test_numbers_on_the_map_do_not_overlap():
    marks = RANDOM.normal((300, 200), 60, (150, 2))
    svg, missing = _labels(marks, range(1, 151), 400)
    found = re.findall(r'x="([\d.]+)" y="([\d.]+)">(\d+)<', svg)
    assert len(found) + missing == 150 and 20 < len(found) <= 120
    assert found[0][2] == '1'
    x, y = np.array([spot[:2] for spot in found], float).T
    width = np.array([8.0 * len(spot[2]) for spot in found])
    apart = np.abs(x[:, None] - x) >= (width[:, None] + width) / 2
    apart |= np.abs(y[:, None] - y) >= 12
    assert (apart | np.eye(len(found), dtype=bool)).all()
    covers = np.abs(x[:, None] - marks[:, 0]) < width[:, None] / 2
    covers &= np.abs(y[:, None] - 4 - marks[:, 1]) < 6
    assert not covers.any()


def test_groups():
    groups = group_picks(30, 5, [5, 10, 25, 50, 100])
    assert [(g.title, g.first, g.last) for g in groups] == [
        ('Labelled before', 1, 5),
        ('Budget 10', 6, 10),
        ('Budget 25', 11, 25),
        ('Budget 50, ended at 30', 26, 30),
    ]
    assert len({group.color for group in groups}) == 4


def test_numbers():
    shown = {0: '0', 1234.5: '1,234', 12.34: '12.3', 0.01234: '0.0123', -2.5: '-2.50',
             1e-5: '1.00e-05', 12345678: '1.23e+07', np.nan: 'not finite'}  # fmt: skip
    assert {value: number(value) for value in shown} == shown
    shares = {0.31: '31', 0.042: '4.2', 1: '100', 0: '0.0', 0.0996: '10'}
    for share, text in shares.items():
        assert percent(share) == f'{text}\N{NO-BREAK SPACE}%'


def test_colors_are_visible_in_light_and_dark():
    def luminance(color):
        part = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        curve = ((part + 0.055) / 1.055) ** 2.4
        linear = np.where(part <= 0.04045, part / 12.92, curve)
        return linear @ (0.2126, 0.7152, 0.0722)

    def contrast(one, other):
        low, high = sorted((luminance(one), luminance(other)))
        return (high + 0.05) / (low + 0.05)

    light, dark = (
        dict(re.findall(r'--(\w+): (#\w+)', block))
        for block in STYLE.split('@media (prefers-color-scheme: dark)')
    )
    assert light.keys() == dark.keys()
    marks = [g.color for g in group_picks(100, 0, [*range(10, 101, 10)])]
    for theme in (light, dark):
        for back in (theme['back'], theme['panel']):
            for text in ('ink', 'soft', 'link'):
                assert contrast(theme[text], back) >= 4.5
            for line in ('own', 'random', 'cross'):
                assert contrast(theme[line], back) >= 3
        for color in (*marks, INITIAL_COLOR):
            assert contrast(color, theme['panel']) >= 3
