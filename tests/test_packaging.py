"""The wheel: what it carries, and that it works without the checkout."""

import configparser
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import mmseg
import pytest
from helpers import REPO

from mmdepthseg import doctor

FOLDERS = ('mmdepthseg', 'configs', 'tools')
FILES = ('setup.cfg', 'pyproject.toml', 'README.md', 'LICENSE')
BUILD = 'import setuptools.build_meta as b; b.build_wheel("..")'
TRAIN = Path(mmseg.__file__).parent / '.mim/tools/train.py'
CACHES = shutil.ignore_patterns('__pycache__')


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """The wheel of the checkout, built without network and outside of it."""
    source = tmp_path_factory.mktemp('wheel') / 'source'
    source.mkdir()
    for name in FOLDERS:
        shutil.copytree(REPO / name, source / name, symlinks=True, ignore=CACHES)
    for name in FILES:
        shutil.copy(REPO / name, source / name)
    command = [sys.executable, '-c', BUILD]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    return next(source.parent.glob('*.whl'))


def test_what_the_wheel_carries(wheel):
    names = {*zipfile.ZipFile(wheel).namelist()}
    for folder in ('configs', 'tools'):
        files = [
            f'mmdepthseg/.mim/{path.relative_to(REPO)}'
            for path in (REPO / folder).rglob('*')
            if path.is_file() and '__pycache__' not in path.parts
        ]
        assert files and not {*files} - names
    assert {'mmdepthseg/.mim/model-index.yml', 'mmdepthseg/py.typed'} <= names
    assert not [name for name in names if '__pycache__' in name]


MINE = """
_base_ = (
    __import__('mmdepthseg').CONFIGS + '/streets/supervised_r18-w16_600it_192x96_n8.py'
)
subset = dict(_delete_=True, n=2, ann_file='configs/_base_/splits/mine.txt')
train_dataloader = dict(
    batch_size=2, num_workers=0, persistent_workers=False,
    dataset=dict(data_root={root!r}, labeled_subset=subset))
val_dataloader = None
val_cfg = None
val_evaluator = None
train_cfg = dict(max_iters=1)
"""


@pytest.mark.skipif(not TRAIN.is_file(), reason='mmseg without its tools')
def test_training_from_the_wheel(wheel, streets, run_process, tmp_path):
    """MMSegmentation's tool in an empty folder; our lists of images are found too."""
    site = tmp_path / 'site'
    zipfile.ZipFile(wheel).extractall(site)
    images = sorted(streets.glob('leftImg8bit/train/*/*.png'))
    names = [path.name.removesuffix('_leftImg8bit.png') for path in images]
    lists = site / 'mmdepthseg/.mim/configs/_base_/splits'
    (lists / 'mine.txt').write_text('\n'.join(names[:2]))
    config = tmp_path / 'mine.py'
    config.write_text(MINE.format(root=str(streets)))
    no_layout = REPO / 'tests/data/no_layout'
    done = run_process(
        *(sys.executable, TRAIN, config, '--work-dir', tmp_path / 'run'),
        PYTHONPATH=os.pathsep.join([str(site), str(no_layout)]),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert str(REPO) not in done.stderr.replace(sys.prefix, '')
    assert (tmp_path / 'run/iter_1.pth').is_file()


def test_versions_of_python_agree():
    """The oldest is the first of those that are named, wherever they are named."""
    setup = configparser.ConfigParser()
    setup.read(REPO / 'setup.cfg')
    named = re.findall(r'Python :: (3\.\d+)', setup['metadata']['classifiers'])
    oldest = '.'.join(map(str, doctor._MINIMUM_PYTHON))
    assert named[0] == oldest
    assert setup['options']['python_requires'] == f'>={oldest}'
    script = (REPO / 'requirements/create_env.sh').read_text()
    assert f'sys.version_info < ({oldest.replace(".", ", ")})' in script
    for version in named:
        assert f'python{version} ' in script
    readme = (REPO / 'README.md').read_text()
    assert f'Python {", ".join(named[:-1])} or {named[-1]}' in readme
