"""What the check of the frameworks sets up."""

import sys
from types import ModuleType

import pytest
from helpers import REPO

from mmdepthseg.frameworks import declare_mmcv_operators
from mmdepthseg.plugin import register_all_modules, without_import_noise


def test_only_the_noise_is_dropped(capsys):
    with without_import_noise():
        print('something else')
        print('Could not import OneDL')
    assert capsys.readouterr().out == 'something else\n'


def test_parts_of_both_packages_are_registered():
    from mmdepthseg.registry import HOOKS, MODELS, VISUALIZERS

    register_all_modules(init_default_scope=False)
    assert HOOKS.get('RandomStateHook') is not None
    assert MODELS.get('EncoderDecoder') is not None
    assert VISUALIZERS.get('SegLocalVisualizer') is not None


@pytest.mark.parametrize('room', ['datasets', 'models'])
def test_parts_are_imported_without_a_word(room, run_process):
    """Whichever comes first; the forks print that OneDL is not there."""
    command = f'import mmdepthseg.{room}'
    done = run_process(
        sys.executable,
        '-W',
        'ignore::DeprecationWarning',
        '-c',
        command,
        PYTHONPATH=str(REPO),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, '', '')


@pytest.mark.parametrize(('version', 'declared'), [('2.1.0', True), ('2.3.6', False)])
def test_missing_operators_of_the_originals(version, declared, monkeypatch):
    """They load, and raise when they are called; the forks guard them themselves."""
    monkeypatch.setitem(sys.modules, 'mmcv._ext', None)
    del sys.modules['mmcv._ext']
    mmcv = ModuleType('mmcv')
    mmcv.__version__ = version
    assert declare_mmcv_operators(mmcv) is declared
    assert ('mmcv._ext' in sys.modules) is declared
    if declared:
        assert declare_mmcv_operators(mmcv)
        with pytest.raises(RuntimeError, match='nms_forward'):
            sys.modules['mmcv._ext'].nms_forward(1)
