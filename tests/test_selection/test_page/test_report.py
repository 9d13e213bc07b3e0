"""The page of a selection."""

import base64
import configparser
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from helpers import REPO
from helpers.selection_page import FEATURES, NAMES, Page, images, record

from mmdepthseg.selection import METHODS, select
from mmdepthseg.selection.files import write_selection
from mmdepthseg.selection.page import report
from mmdepthseg.selection.page.picks import number, percent
from mmdepthseg.selection.page.report import write_report

RANDOM = np.random.default_rng(0)
SCORES = RANDOM.random(60)


def test_page_stands_alone_and_is_well_formed(tmp_path):
    selection = record(tmp_path, initial=[3, 9], exclude=[20, 21])
    paths = images(tmp_path)
    out = tmp_path / 'page.html'
    assert write_report(out, selection, FEATURES, NAMES, paths, exclude=[20, 21]) == []
    page = Page(out)
    assert len(page.svgs) > 10
    for tag, attrs in page.elements:
        assert tag not in ('script', 'link', 'iframe', 'object')
        for key in ('src', 'href', 'xlink:href', 'srcset', 'action'):
            assert attrs.get(key, '#').startswith(('#', 'data:image/jpeg;base64,'))
    assert '://' not in page.text and 'url(' not in page.text
    assert '@import' not in page.text
    # Everything that is pointed at is there, once.
    ids = [attrs['id'] for _, attrs in page.elements if 'id' in attrs]
    assert len(ids) == len(set(ids))
    targets = {
        attrs['href'][1:]
        for _, attrs in page.elements
        if attrs.get('href', '').startswith('#')
    }
    assert targets <= set(ids)
    # Names are text, never markup; no paths of this machine; the same bytes again.
    assert '<clip>' not in page.text and 'a&b' not in page.text
    assert str(tmp_path) not in page.text
    again = tmp_path / 'again.html'
    write_report(again, selection, FEATURES, NAMES, paths, exclude=[20, 21])
    assert again.read_bytes() == out.read_bytes()


def test_cards_tell_the_selection(tmp_path):
    selection = record(tmp_path, 'ds_us', scores=SCORES, bias=2, initial=[3, 9])
    selection['score'][2] = None  # chosen before there were scores
    write_report(tmp_path / 'page.html', selection, FEATURES, NAMES)
    page = Page(tmp_path / 'page.html')
    cards = page.find('li', **{'class': 'card'})
    assert [card['id'] for card in cards] == [f'pick-{n}' for n in range(1, 13)]
    said = page.said
    for place in range(12):
        name = selection['names'][place]
        text = f'{place + 1}{name}'
        if place >= 2:
            nearest = selection['order'].index(selection['nearest'][place]) + 1
            distance = number(selection['min_distance'][place])
            text += f'{distance} from {nearest}, the nearest before'
            text += ', ' if place > 2 else ' 4'  # the next card
        if place != 2:
            text += f'score {number(selection["score"][place])}'
        assert text in said
    for heading in ('Labelled before picks 1 to 2', 'Budget 4 picks 3 to 4',
                    'Budget 12 picks 5 to 12'):  # fmt: skip
        assert heading in said
    for fact in ('methodds_us', 'seed1', 'budgets4, 12', 'weight of scores2',
                 'labelled before2', 'normalised bynone'):  # fmt: skip
        assert fact in said
    assert 'no image' not in said


@pytest.mark.parametrize('method', METHODS)
def test_every_method_is_described(tmp_path, method):
    selection = record(tmp_path, method, scores=SCORES, budgets=(4,))
    write_report(tmp_path / 'page.html', selection, FEATURES)
    said = Page(tmp_path / 'page.html').said
    assert f'method{method}' in said
    assert 'as described in selection.json' not in said


def test_neighbours_of_methods_without_distances(tmp_path):
    selection = record(tmp_path, 'us', scores=SCORES, budgets=(9,))
    write_report(tmp_path / 'page.html', selection, FEATURES)
    said = Page(tmp_path / 'page.html').said
    data = FEATURES[selection['order']].astype(float)
    for place in range(1, 9):
        before = np.sqrt(np.square(data[:place] - data[place]).sum(axis=1))
        text = f'{number(before.min())} from {before.argmin() + 1}, the nearest before'
        assert text in said
    # Without features nothing can be measured, and the page says so.
    write_report(tmp_path / 'page.html', selection)
    page = Page(tmp_path / 'page.html')
    assert 'coverage.' in page.said
    assert page.said.count('no distance measured') == 8
    assert not page.find('svg')


def test_pictures_are_embedded_once(tmp_path):
    selection = record(tmp_path, budgets=(6,))
    paths = images(tmp_path)
    broken = selection['order'][3]
    (tmp_path / f'image_{broken}.png').write_text('broken')
    unreadable = write_report(tmp_path / 'page.html', selection, FEATURES, NAMES, paths)
    assert unreadable == [paths[broken]]
    page = Page(tmp_path / 'page.html')
    pictures = page.find('image')
    assert [picture['id'] for picture in pictures] == [
        f'image-{place}' for place in (1, 2, 3, 5, 6)
    ]
    for picture, place in zip(pictures, (0, 1, 2, 4, 5), strict=True):
        data = base64.b64decode(picture['href'].split(',')[1])
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == (40, 160, 3)
        expected = (4 * selection['order'][place], 90, 200)
        assert np.abs(image.astype(int) - expected).max() < 8
    assert '1 image could' in page.said
    uses = [use['href'] for use in page.find('use')]
    shown = {href for href in uses if href.startswith('#image')}
    place = {row: f'#image-{n}' for n, row in enumerate(selection['order'], 1)}
    assert shown == {place[row] for row in selection['nearest'][1:]} - {'#image-4'}


def test_coverage_is_drawn_and_told(tmp_path):
    selection = record(tmp_path, budgets=(4, 12))
    write_report(tmp_path / 'page.html', selection, FEATURES, draws=3)
    page = Page(tmp_path / 'page.html')
    data = FEATURES.astype(float)
    mean, largest = [], []
    for chosen in [selection['order']] + [
        select(FEATURES, 'random', 12, seed=seed).order for seed in (0, 2, 3)
    ]:
        near = np.linalg.norm(data[:, None] - data[chosen], axis=2).min(axis=1)
        mean.append(near.mean())
        largest.append(near.max())
    row = ''.join(
        f'{number(own)}{number(np.mean(draws))} '
        f'({number(min(draws))} to {number(max(draws))})'
        for own, *draws in (mean, largest)
    )
    assert f'12{row}' in page.said
    words = []
    for own, *draws in (largest, mean):
        change = own / np.mean(draws) - 1
        side = 'above' if change > 0 else 'below'
        words.append(f'distance is {percent(abs(change))} {side} random choice')
    said = page.said.replace('\N{NO-BREAK SPACE}', ' ')
    for text in words:
        assert text.replace('\N{NO-BREAK SPACE}', ' ') in said
    assert 'Random seeds: 0, 2, 3.' in said
    charts = [svg for svg in page.svgs if svg.get('class') == 'chart']
    assert len(charts) == 2
    for chart in charts:
        (line,) = chart.findall(".//g[@class='own']/path")
        heights = [float(y) for y in re.findall(r'[ML] \S+ (\S+)', line.get('d'))]
        assert len(heights) > 1
        assert heights == sorted(heights)  # distances only fall; y points down
        (marks,) = chart.findall(".//g[@class='marks']/g")
        assert len(marks) == 2 and float(marks[-1].get('y')) == heights[-1]


def test_size_is_bounded_and_the_bounds_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(report, 'MOST_CARDS', 7)
    monkeypatch.setattr(report, 'MOST_IMAGES', 2)
    monkeypatch.setattr('mmdepthseg.selection.page.report.POOL_FRAMES', 20)
    monkeypatch.setattr('mmdepthseg.selection.page.report.EXCLUDED_FRAMES', 3)
    monkeypatch.setattr('mmdepthseg.selection.coverage.PLANE_FRAMES', 30)
    monkeypatch.setattr('mmdepthseg.selection.coverage.LEAST_FRAMES', 10)
    monkeypatch.setattr('mmdepthseg.selection.coverage.COVERAGE_WORK', 1)
    exclude = list(range(20, 28))
    selection = record(tmp_path, exclude=exclude)
    write_report(
        tmp_path / 'page.html', selection, FEATURES, NAMES, images(tmp_path),
        exclude=exclude,
    )  # fmt: skip
    page = Page(tmp_path / 'page.html')
    for text in (
        'The first 7 of 12 picks are shown here and on the map',
        'The first 2 have pictures',
        'fitted to 30 of 60 frames',
        '20 of the 45 frames not chosen are drawn',
        '3 of the 8 excluded frames are drawn',
        'Measured on 10 of 52 frames',
    ):
        assert text in page.said
    assert len(page.find('li', **{'class': 'card'})) == 7
    assert len(page.find('image')) == 2


def test_hundreds_of_pictures_stay_small(tmp_path):
    paths = []
    for row in range(12):
        paths.append(str(tmp_path / f'{row}.jpg'))
        noise = RANDOM.integers(0, 256, (40, 64, 3), dtype=np.uint8)
        cv2.imwrite(paths[-1], cv2.resize(noise, (640, 400)))
    features = RANDOM.standard_normal((400, 4))
    chosen = select(features, 'ds', 300)
    write_selection(tmp_path, chosen, None, [300], dict(seed=0, method='ds'))
    selection = json.loads((tmp_path / 'selection.json').read_text())
    out = tmp_path / 'page.html'
    write_report(out, selection, features, None, [paths[i % 12] for i in range(400)])
    assert len(Page(out).find('image')) == 300
    assert out.stat().st_size < 300 * 16e3


@pytest.mark.parametrize(
    'case', ['one frame', 'equal', 'whole pool', 'given only', 'rest excluded', 'ended']
)
def test_odd_selections(tmp_path, case):
    features, budgets, options, exclude = FEATURES[:9], [4], {}, []
    if case == 'one frame':
        features, budgets = FEATURES[:1], [1]
    elif case == 'equal':
        features = np.ones((9, 3))
    elif case == 'whole pool':
        budgets = [9]
    elif case == 'given only':
        options = dict(initial=[1, 2, 3, 4])
    elif case == 'rest excluded':
        exclude = [0, 1, 2, 3, 4]
    else:
        budgets, options = [2, 4, 9], dict(min_distance=3.5)
    chosen = select(features, 'ds', budgets, exclude=exclude, **options)
    write_selection(tmp_path, chosen, None, budgets, dict(seed=0, **options))
    selection = json.loads((tmp_path / 'selection.json').read_text())
    with np.errstate(all='raise'):
        write_report(tmp_path / 'page.html', selection, features, exclude=exclude)
    page = Page(tmp_path / 'page.html')
    assert 'nan' not in page.said and 'inf' not in page.said
    for svg in page.svgs:
        assert 'nan' not in ElementTree.tostring(svg, 'unicode')
    assert len(page.find('li', **{'class': 'card'})) == len(chosen.order)
    if case == 'ended':
        assert f'ended at {len(chosen.order)}' in page.said
        assert 'at least 3.5' in page.said


def test_broken_features_of_a_random_choice(tmp_path):
    broken = FEATURES.copy()
    broken[11, 0] = np.nan
    selection = record(tmp_path, 'random')
    write_report(tmp_path / 'page.html', selection, broken)
    page = Page(tmp_path / 'page.html')
    assert 'features: row 11 ' in page.said
    assert len(page.find('li', **{'class': 'card'})) == 12


@pytest.mark.parametrize(
    ('change', 'given', 'message'),
    [
        (dict(order=[]), {}, "'order'"),
        ({}, dict(names=NAMES[:-1]), 'features 60, names 59'),
        ({}, dict(image_paths=['x']), 'features 60, image_paths 1'),
        (dict(order=[*range(11), 60]), {}, 'row 60.*features'),
        (dict(score=[1.0]), {}, '1 score.* 12 '),
        ({}, dict(exclude=[60]), 'exclude: row 60'),
    ],
)
def test_errors(tmp_path, change, given, message):
    selection = {**record(tmp_path), **change}
    with pytest.raises(ValueError, match=message):
        write_report(tmp_path / 'page.html', selection, FEATURES, **given)
    assert not (tmp_path / 'page.html').exists()


def test_an_installed_package_has_the_template():
    setup = configparser.ConfigParser()
    setup.read(REPO / 'setup.cfg')
    carried = setup['options.package_data']['mmdepthseg.selection.page'].split()
    folder = Path(report.__file__).parent
    files = {path.name for path in folder.iterdir() if path.is_file()}
    assert {name for name in files if not name.endswith('.py')} == set(carried)
