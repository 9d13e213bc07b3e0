"""What a person sees first on the console, and what the log file keeps."""

import logging
import re

import pytest
from mmengine.hooks import Hook
from mmengine.logging import MMLogger

from mmdepthseg.engine.hooks.training_summary_hook import SUMMARY
from mmdepthseg.launch.opening import Opening
from mmdepthseg.registry import HOOKS

DUMP = ('System environment:', 'Config:\n', 'Hooks will be executed')


def shown(capsys):
    lines = capsys.readouterr().out.splitlines()
    return [line.rpartition(' - ')[2] for line in lines]


def test_the_summary_comes_first(capsys, tmp_path):
    logger = MMLogger('a', log_file=str(tmp_path / 'file.log'))
    opening = Opening(logger)
    logger.info('the config')
    logger.warning('while building')
    opening.described = True
    logger.info('a data set')
    logger.info('a camera')
    logger.warning('The prefix is not set in metric class X.')
    assert shown(capsys) == []
    logger.info('training: a data set', extra={SUMMARY: True})
    logger.info('an iteration')
    expected = ['training: a data set', 'while building', 'a camera', 'an iteration']
    assert shown(capsys) == expected
    text = (tmp_path / 'file.log').read_text()
    assert len(re.findall(' - ', text)) == 3 * 7
    assert text.index('the config') < text.index('The prefix') < text.index('training')


def test_errors_are_shown_at_once_and_the_end_shows_the_rest(capsys):
    logger = MMLogger('a')
    opening = Opening(logger)
    logger.warning('first')
    logger.error('second')
    assert shown(capsys) == ['second']
    opening.end()
    logger.log(logging.INFO, 'third')
    assert shown(capsys) == ['first', 'third']


def log_of(folder):
    return next(folder.glob('*/*.log')).read_text()


def test_a_training_begins_with_its_summary(
    tiny_config, run_tool, tmp_path, capsys, recwarn
):
    run_tool('train', tiny_config(), '--work-dir', tmp_path / 'run')
    out = capsys.readouterr().out
    first, *lines = out.splitlines()
    assert first.endswith('This training:') and lines[0].startswith('  train ')
    # logged before the summary, and after it
    assert 'Checkpoints will be saved' in out and 'Iter(train) [1/4]' in out
    assert not any(part in out for part in DUMP)
    assert not any('The draw is False' in str(one.message) for one in recwarn)
    text, rest = log_of(tmp_path / 'run'), -1
    for part in (*DUMP, 'This training:', 'Iter(train) [1/4]'):
        assert text.index(part) > rest
        rest = text.index(part)


def test_a_test_has_no_dump(tiny_config, run_tool, tmp_path, capsys):
    config, work_dir = tiny_config(), tmp_path / 'run'
    run_tool('train', config, '--work-dir', work_dir)
    capsys.readouterr()
    run_tool('test', config, work_dir / 'iter_4.pth', '--work-dir', tmp_path / 'test')
    out = capsys.readouterr().out
    assert 'mIoU' in out and not any(part in out for part in DUMP)
    path = re.search(r'config and hooks: (\S+\.log)', out)[1]
    assert path == str(next((tmp_path / 'test').glob('*/*.log')))
    assert all(part in log_of(tmp_path / 'test') for part in DUMP)


@HOOKS.register_module()
class FailsAtTheStart(Hook):
    """Warn, then fail."""

    def before_train(self, runner):
        runner.logger.warning('a doubt')
        raise RuntimeError


def test_a_start_that_fails_shows_its_warnings(tiny_config, run_tool, capsys, tmp_path):
    extra = "\ncustom_hooks.append(dict(type='FailsAtTheStart'))\n"
    with pytest.raises(RuntimeError):
        run_tool('train', tiny_config(extra=extra), '--work-dir', tmp_path / 'run')
    assert 'a doubt' in capsys.readouterr().out


def test_a_model_that_cannot_be_built_shows_warnings(
    tiny_config, run_tool, capsys, monkeypatch, tmp_path
):
    def fail(runner, *args):
        runner.logger.warning('a doubt')
        raise RuntimeError

    monkeypatch.setattr('mmengine.runner.Runner.build_model', fail)
    with pytest.raises(RuntimeError):
        run_tool('train', tiny_config(), '--work-dir', tmp_path / 'run')
    assert 'a doubt' in capsys.readouterr().out
