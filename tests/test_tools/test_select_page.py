"""The page of `tools/select_samples.py --features`: `--images`, `--no-page`."""

import json
import sys

import numpy as np
import pytest
from helpers.selection_page import FEATURES, Page, images

from mmdepthseg.selection import select


@pytest.fixture
def select_samples(tmp_path, call_tool):
    np.save(tmp_path / 'f.npy', FEATURES)
    names = [f'image_{row}' for row in range(60)]
    (tmp_path / 'names.txt').write_text('\n'.join(names))
    paths = images(tmp_path)
    (tmp_path / 'images.txt').write_text('\n'.join(paths))

    def run(*arguments):
        return call_tool(
            'select_samples', '--features', tmp_path / 'f.npy', '--budget', 3, 5,
            '--out', tmp_path / 'out', *arguments,
        )  # fmt: skip

    return run


@pytest.mark.parametrize('where', ['', 'images.txt'])
def test_tool_shows_images(tmp_path, select_samples, where):
    (tmp_path / 'exclude.txt').write_text('image_0\nimage_1\n')
    row = select(FEATURES, 'random', 5, seed=0, exclude=[0, 1]).order[2]
    (tmp_path / f'image_{row}.png').unlink()
    done = select_samples(
        '--names', tmp_path / 'names.txt', '--images', tmp_path / where,
        '--exclude', tmp_path / 'exclude.txt', '--method', 'random', '--seed', 0,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(tmp_path / 'out/selection.html')
    record = json.loads((tmp_path / 'out/selection.json').read_text())
    assert not {'images', 'no_page'} & record['options'].keys()
    page = Page(tmp_path / 'out/selection.html')
    assert len(page.find('image')) == 4
    assert '1 image ' in done.stderr
    assert f'image_{row}.png' in done.stderr
    # Files are told by name and content, not by where they lie on this machine.
    assert f'file: featuresf.npysha256 {record["files"]["features"]["sha256"]}' in (
        page.said
    )
    assert str(tmp_path) not in page.text
    assert 'excluded2' in page.said and '5 of 60 frames chosen' in page.said


def test_tool_without_page_and_with_wrong_images(tmp_path, select_samples):
    done = select_samples('--images', tmp_path / 'absent')
    assert done.returncode == 2 and 'absent' in done.stderr
    assert not list((tmp_path / 'out').glob('*'))
    done = select_samples('--images', tmp_path, '--no-page')
    assert done.returncode == 2 and '--no-page' in done.stderr
    done = select_samples('--no-page')
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / 'out/selection.html').exists()


@pytest.mark.parametrize('missing', ['jinja2', 'matplotlib'])
def test_what_the_page_needs_is_looked_for_before_all_work(
    tmp_path, select_samples, missing, monkeypatch
):
    monkeypatch.setitem(sys.modules, missing, None)
    done = select_samples()
    assert done.returncode == 2 and f'missing: {missing}.' in done.stderr
    assert '[page]' in done.stderr and '--no-page' in done.stderr
    assert not (tmp_path / 'out').exists()
    done = select_samples('--no-page')
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'out/selection.json').exists()
