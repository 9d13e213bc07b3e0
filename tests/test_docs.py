"""The guides name files, tools and options that exist."""

import re

import pytest
from helpers import REPO

GUIDES = sorted(
    str(path.relative_to(REPO))
    for path in (
        *REPO.glob('*.md'),
        *REPO.glob('docs/*.md'),
        *REPO.glob('configs/**/*.md'),
    )
)
#: What section 4 of the Cityscapes guide leaves off its table of configs.
TAIL = '_r101-d16_40k_512x512_n372.py'


@pytest.mark.parametrize('guide', GUIDES)
def test_named_files_exist(guide):
    text = (REPO / guide).read_text()
    named = re.findall(r'\b((?:configs|tools|docs)/[\w./-]+\.(?:py|txt|md))\b', text)
    assert not [name for name in named if not (REPO / name).is_file()]
    tests = re.findall(r'`(?:tests/)?((?:test_\w+/)*test_\w+\.py)`', text)
    files = [str(path) for path in (REPO / 'tests').rglob('test_*.py')]
    tests = [name for name in tests if 'NAME' not in name]
    assert not [t for t in tests if not any(f.endswith('/' + t) for f in files)]
    links = re.findall(r'\]\((?!http)([\w./-]+)(?:#[\w-]+)?\)', text)
    here = (REPO / guide).parent
    assert not [link for link in links if not (here / link).exists()]
    assert text.startswith('# ')
    experiments = re.findall(r'`(cityscapes/[\w-]+)`', text)
    assert not [
        name
        for name in experiments
        if not (REPO / 'configs' / f'{name}{TAIL}').is_file()
    ]


def anchors(path):
    """Return the anchors of a guide's headings, as GitHub makes them."""
    blocks = re.sub(r'(?ms)^```.*?^```', '', path.read_text())
    headings = re.findall(r'^#+ (.+)$', blocks, flags=re.MULTILINE)
    plain = (re.sub(r'[^\w\- ]', '', heading.lower()) for heading in headings)
    return {heading.replace(' ', '-') for heading in plain}


@pytest.mark.parametrize('guide', GUIDES)
def test_tables_and_lists_are_not_run_together(guide):
    """As by a tool that fills lines."""
    text = re.sub(r'(?ms)^```.*?^```', '', (REPO / guide).read_text())
    prose = [line for line in text.splitlines() if not re.match(r' *\|', line)]
    assert not [
        line for line in prose if '|---' in line or re.search(r'[.:] - `', line)
    ]
    rows = re.findall(r'(?m)^ *\|.*\|---.*$', text)
    assert not [row for row in rows if re.search(r'[^-|: ]', row)]


@pytest.mark.parametrize('guide', GUIDES)
def test_links_into_pages_lead_to_headings(guide):
    here = REPO / guide
    links = re.findall(r'\]\((?!http)([\w./-]*)#([\w-]+)\)', here.read_text())
    assert not [
        f'{name}#{anchor}'
        for name, anchor in links
        if anchor not in anchors(here.parent / name if name else here)
    ]


def test_cityscapes_guide_lists_every_experiment():
    text = (REPO / 'docs/cityscapes.md').read_text()
    for path in (REPO / 'configs/cityscapes').glob('*.py'):
        name = str(path.relative_to(REPO / 'configs'))
        assert name in text or f'`{name.removesuffix(TAIL)}`' in text, name


def test_options_of_the_converter():
    text = (REPO / 'docs/cityscapes.md').read_text()
    tool = (REPO / 'tools/dataset_converters/cityscapes.py').read_text()
    section = text.split('## 2.')[1].split('## 3.')[0]
    options = set(re.findall(r'--[a-z][a-z-]*', section))
    assert len(options) > 5
    assert not [option for option in options if f"'{option}'" not in tool]
