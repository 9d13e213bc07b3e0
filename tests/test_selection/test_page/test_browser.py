"""The page of a selection in a real browser, without network: `make test-browser`."""

import html
import json
import re
import shutil
import subprocess

import pytest
from helpers.selection_page import FEATURES, images, record

from mmdepthseg.selection.page.report import write_report

BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason=f'none of {", ".join(BROWSERS)}'),
]
HOSTILE = [
    '<script>window.hacked = 1</script>',
    '"><img src=x onerror="window.hacked = 1">',
    "' onload='window.hacked = 1' x='",
    'javascript:window.hacked=1',
    '</title></style></svg><svg onload="window.hacked = 1">',
    '{{ 7 * 7 }}{% raw %}$\\frac{1}{0}$&lt;b&gt;',
]
#: Run in the page; what it finds is left in the dumped document.
SCRIPT = """<script>
const all = (what) => [...document.querySelectorAll(what)];
const width = (element) => element.getBoundingClientRect().width;
const pictures = all('image').map((element) => {
  const picture = document.createElement('img');  // the page is loaded when it is
  picture.src = element.getAttribute('href');
  return document.body.appendChild(picture);
});
addEventListener('load', () => {
  const found = {
    title: document.title,
    hacked: window.hacked === 1,
    scripts: all('script').length,
    handlers: all('*').flatMap((e) => e.getAttributeNames())
      .filter((name) => name.startsWith('on')),
    links: all('[href], [src]').map((e) => e.getAttribute('href') ?? e.src)
      .filter((link) => !/^(#[-\\w]+|data:image\\/jpeg;base64,.*)$/.test(link)),
    natural: pictures.map((picture) => picture.naturalWidth),
    images: all('image, .pair use').map(width),
    marks: all('.map a rect').map(width),
    pool: all('.map .pool circle').map(width),
    numbers: all('.map text').map((e) => e.textContent),
    curves: all('.chart .own path').map((e) => e.getTotalLength()),
    colors: all('.chart .own path').map((e) => getComputedStyle(e).stroke),
    back: getComputedStyle(document.body).backgroundColor,
    names: all('.card .name').map((e) => e.textContent),
    tips: all('.map title').map((e) => e.textContent),
    overflow: document.documentElement.scrollWidth - innerWidth,
  };
  const out = document.createElement('pre');
  out.id = 'found';
  out.textContent = JSON.stringify(found);
  document.body.append(out);
})</script>"""


@pytest.fixture
def browse(tmp_path):
    """A page of hostile names, and what the script finds in it with some options."""
    names = [f'frame_{row}' for row in range(60)]
    names[:6] = names[40:46] = HOSTILE
    selection = record(tmp_path, budgets=(9, 14), names=names, initial=range(6))
    page = tmp_path / 'page.html'
    write_report(page, selection, FEATURES, names, images(tmp_path))

    def run(*options, guarded=False):
        text = page.read_text().replace('</body>', SCRIPT + '</body>')
        if not guarded:
            text = re.sub('<meta http-equiv="Content-Security-Policy".*>', '', text)
        copy = tmp_path / 'copy.html'
        copy.write_text(text)
        done = subprocess.run(
            [
                BROWSER, '--headless', '--no-sandbox', '--disable-gpu',
                f'--user-data-dir={tmp_path}/profile', '--enable-logging=stderr',
                '--dump-dom', *options, copy.as_uri(),
            ],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        console = [line for line in done.stderr.splitlines() if 'CONSOLE' in line]
        match = re.search('<pre id="found">(.*?)</pre>', done.stdout)
        return match and json.loads(html.unescape(match[1])), console

    return run


@pytest.mark.parametrize('scheme', ['dark', 'light'])
@pytest.mark.parametrize('width', [500, 1200])
def test_page_is_drawn_and_hostile_names_are_inert(browse, scheme, width):
    found, console = browse(
        f'--blink-settings=preferredColorScheme={int(scheme == "light")}',
        f'--window-size={width},900',
    )
    assert console == []
    assert found['title'] == '14 of 60 frames chosen'
    assert not found['hacked'] and found['scripts'] == 1  # the test's own
    assert found['handlers'] == found['links'] == []
    assert found['natural'] == [160] * 14
    assert len(found['images']) == 14 + 8 and min(found['images']) > 50
    assert len(found['marks']) == 14 and min(found['marks']) > 3
    assert len(found['pool']) == 46 and min(found['pool']) > 1
    assert {'1', '7'} <= set(found['numbers'])
    assert len(found['curves']) == 2 and min(found['curves']) > 100
    dark = dict(back='rgb(20, 23, 26)', color='rgb(126, 166, 255)')
    light = dict(back='rgb(250, 250, 248)', color='rgb(47, 95, 208)')
    expected = dict(dark=dark, light=light)[scheme]
    assert found['back'] == expected['back']
    assert set(found['colors']) == {expected['color']}
    assert found['overflow'] <= 0
    assert found['names'][:6] == [f'{n}{name}' for n, name in enumerate(HOSTILE, 1)]
    for number, name in enumerate(HOSTILE, 1):
        assert f'{number}: {name} (Labelled before)' in found['tips']


def test_the_page_itself_forbids_scripts(browse):
    found, console = browse(guarded=True)
    assert found is None
    assert any('Content Security Policy' in line for line in console)
