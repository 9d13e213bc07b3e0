"""python -m mmdepthseg.doctor, and importing where a framework is missing."""

import subprocess
import sys

import pytest
from helpers import REPO

from mmdepthseg import doctor, frameworks

# Runs a module or a statement as if some modules were not installed.
WITHOUT = """
import importlib.abc, importlib.util, runpy, sys
hidden = set(sys.argv[1].split(','))

class Hide(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in hidden:
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)

sys.meta_path.insert(0, Hide())
find = importlib.util.find_spec
importlib.util.find_spec = lambda n, *a: None if n.split('.')[0] in hidden else find(n)
sys.argv = sys.argv[2:]
if sys.argv[0] == '-c':
    exec(sys.argv[1])
else:
    runpy.run_module(sys.argv[0], run_name='__main__')
"""


def run_without(hidden: str, *command: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, '-c', WITHOUT, hidden, *command],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )


def test_complete_environment(capsys):
    assert doctor.main() == 0
    output = capsys.readouterr().out
    for name in ('python', 'torch', 'mmengine', 'mmcv', 'mmseg', 'cpu cores'):
        assert f'\n  {name} ' in output
    assert 'All needed parts are there.' in output
    for extra in ('imagenet', 'page', 'onnx', 'slurm'):
        assert f'(extra `{extra}`)' in output


def test_everything_missing():
    hidden = 'torch,mmengine,mmcv,mmseg,mmpretrain,torchvision,tensorboard,numpy,cv2'
    done = run_without(hidden, 'mmdepthseg.doctor')
    assert done.returncode == 1, done.stderr
    assert 'Traceback' not in done.stdout + done.stderr
    for name in ('torch', 'mmengine', 'mmcv', 'mmseg'):
        assert f'problem: {name} (>= ' in done.stdout
    assert 'pip install -e .[onedl]' in done.stdout


@pytest.mark.parametrize('name', ['mmengine', 'torch'])
def test_registry_says_what_is_missing(name):
    done = run_without(name, '-c', 'import mmdepthseg.registry')
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert f'FrameworkImportError: {name} (>= ' in last
    assert 'pip install -e .[onedl]' in last
    assert 'During handling' not in done.stderr


def test_plain_parts_import_no_framework():
    code = (
        'import mmdepthseg, mmdepthseg.utils, mmdepthseg.utils.errors; '
        "assert not {'torch', 'numpy'} & set(sys.modules)"
    )
    done = run_without('mmengine,mmcv,mmseg', '-c', code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize('part', ['geometry', 'selection', 'streets'])
def test_physics_knows_no_framework(part):
    if not (REPO / 'mmdepthseg' / part).is_dir():
        pytest.skip(f'no {part} yet')
    done = run_without('mmengine,mmcv,mmseg', '-c', f'import mmdepthseg.{part}')
    assert done.returncode == 0, done.stderr


def test_old_version_is_refused(monkeypatch):
    import mmseg

    monkeypatch.setattr(mmseg, '__version__', '0.30.0')
    wanted = frameworks.REQUIREMENTS[-1]
    with pytest.raises(frameworks.FrameworkImportError, match=r'mmseg 0\.30\.0'):
        frameworks.import_requirement(wanted)
    row = doctor.check_needed()[-1]
    assert row.found == 'DOES NOT FIT' and row.problem


def test_framework_that_fails_while_importing(tmp_path, monkeypatch):
    (tmp_path / 'clashing_frame.py').write_text(
        "assert False, 'MMCV==2.2.0 is used but incompatible'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    requirement = frameworks.Requirement('clashing_frame', '1.0', 'a test')
    with pytest.raises(frameworks.FrameworkImportError, match=r'clashing.*MMCV==2\.2'):
        frameworks.import_requirement(requirement)


@pytest.mark.parametrize(
    ('text', 'numbers'),
    [('2.13.0+cpu', (2, 13, 0)), ('0.10', (0, 10)), ('1.2rc1', (1, 2)), ('', ())],
)
def test_parse_version(text, numbers):
    assert frameworks.parse_version(text) == numbers


def test_hint_for_training_on_cpu():
    rows = [doctor.Row('gpu', 'none'), doctor.Row('OMP_WAIT_POLICY', 'not set')]
    assert 'OMP_WAIT_POLICY=PASSIVE' in doctor.hints(rows)[0]
    rows[1] = doctor.Row('OMP_WAIT_POLICY', 'passive')
    assert doctor.hints(rows) == []
