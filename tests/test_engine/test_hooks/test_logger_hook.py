"""The file of a test's figures."""

import json
from types import SimpleNamespace

import pytest
from mmengine.hooks import LoggerHook as MMEngineLoggerHook

from mmdepthseg.engine.hooks import LoggerHook
from mmdepthseg.registry import HOOKS

FIGURES = {'mIoU': 40.5, 'time': 0.25}


def runner_in(folder, said):
    return SimpleNamespace(
        log_dir=str(folder),
        test_dataloader=[None],
        logger=SimpleNamespace(info=said.append),
        log_processor=SimpleNamespace(
            get_log_after_epoch=lambda *_, **__: (dict(FIGURES), 'the figures')
        ),
    )


@pytest.mark.parametrize('rank', [0, 1])
def test_the_first_rank_writes_the_figures_of_a_test(tmp_path, monkeypatch, rank):
    monkeypatch.setattr('mmengine.dist.utils.get_rank', lambda group=None: rank)
    hook, said = HOOKS.build(dict(type='LoggerHook')), []
    assert isinstance(hook, LoggerHook) and isinstance(hook, MMEngineLoggerHook)
    hook.json_log_path = 'figures.json'
    hook.after_test_epoch(runner_in(tmp_path, said), {})
    written = [json.loads(path.read_text()) for path in tmp_path.iterdir()]
    assert (written, said) == (([FIGURES], ['the figures']) if rank == 0 else ([], []))


def test_configs_have_it(our_scope):
    from mmengine.registry import HOOKS as ROOT

    assert type(ROOT.build(dict(type='LoggerHook'))) is LoggerHook
