"""The map on the page, and what the page's parts share."""

import re
from pathlib import Path

import numpy as np
from helpers.selection_page import FEATURES, NAMES, Page, record

from mmdepthseg.selection.page import report
from mmdepthseg.selection.page.drawings import MAP, place_numbers
from mmdepthseg.selection.page.picks import (
    INITIAL_COLOR,
    group_picks,
    number,
    percent,
)
from mmdepthseg.selection.page.report import write_report

STYLE = (Path(report.__file__).parent / 'style.css').read_text()


def test_map_marks_picks_excluded_and_the_rest(tmp_path):
    selection = record(tmp_path, initial=[3], exclude=[20, 21])
    write_report(tmp_path / 'page.html', selection, FEATURES, NAMES, exclude=[20, 21])
    (drawn,) = [s for s in Page(tmp_path / 'page.html').svgs if s.get('class') == 'map']
    groups = {group.get('class'): group for group in drawn.iter('g')}
    titles = {
        name: [title.text for title in group.iter('title')]
        for name, group in groups.items()
    }
    assert titles['excluded'] == [f'{NAMES[row]} (excluded)' for row in (20, 21)]
    rest = set(range(60)) - {20, 21} - set(selection['order'])
    assert titles['pool'] == [NAMES[row] for row in sorted(rest)]
    links = {a.get('href'): a[0] for a in drawn.iter('a')}
    assert links.keys() == {f'#pick-{number}' for number in range(1, 13)}
    for place, row in enumerate(selection['order'], start=1):
        tip = links[f'#pick-{place}'].find('title').text
        assert tip.startswith(f'{place}: {NAMES[row]} (')
    first, second = links['#pick-1'], links['#pick-2']
    assert first[0].text == f'1: {NAMES[3]} (Labelled before)'
    assert first.get('fill') == INITIAL_COLOR != second.get('fill')
    assert first.get('rx') is None and second.get('rx')  # a square, a circle
    # The axes are the plane's, on one scale, the second one upwards.
    uses = [links[f'#pick-{number}'] for number in range(2, 13)]
    points = np.array([(float(u.get('x')), -float(u.get('y'))) for u in uses])
    data = FEATURES - FEATURES.mean(axis=0)
    axes = np.linalg.svd(data.astype(float), full_matrices=False)[2][:2].T
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    flat = (data @ axes)[selection['order'][1:]]
    flat, points = flat - flat[0], points - points[0]
    scale = np.abs(points).max() / np.abs(flat).max()
    np.testing.assert_allclose(points, scale * flat, atol=0.03)


def test_numbers_on_the_map_do_not_overlap():
    random = np.random.default_rng(0)
    marks = random.normal(MAP / 2, 60, (150, 2))
    texts = [str(number) for number in range(1, 151)]
    found = place_numbers(marks, texts, 4)
    assert 20 < len(found) <= 120 and 0 in found
    spots = np.array(list(found.values()))
    width = np.array([6.4 * len(texts[place]) for place in found])
    apart = np.abs(spots[:, None] - spots)
    clear = apart[..., 0] >= (width[:, None] + width) / 2 - 1e-6
    clear |= apart[..., 1] >= 9 - 1e-6
    assert (clear | np.eye(len(found), dtype=bool)).all()
    covers = np.abs(spots[:, None] - marks)
    assert not ((covers[..., 0] < width[:, None] / 2) & (covers[..., 1] < 4.5)).any()


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
