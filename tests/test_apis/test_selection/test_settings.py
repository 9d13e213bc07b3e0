"""What a config may say of a selection."""

import pytest
from mmengine.config import Config

from mmdepthseg.apis.selection.settings import SelectionSettings
from mmdepthseg.launch.config import load_config
from mmdepthseg.selection.criteria import ERRORS
from mmdepthseg.utils.errors import UserError


def settings(**selection):
    return SelectionSettings.from_config(Config(dict(selection=selection)))


def test_defaults_are_the_papers():
    found = SelectionSettings.from_config(Config(dict()))
    assert found.features == dict(step=3, size=(4, 8))
    assert found.criterion == dict(
        type='depth_error',
        error='abs_log',
        far_threshold=0.07,
        far_dilation=7,
        valid_height=0.87,
        mean_over='all',
    )
    assert found.bias == 1000 and found.student_ranks == 'one'
    assert settings(criterion=dict(type='entropy')).score_options == dict(
        valid_height=1.0
    )
    assert settings(criterion=dict(error='sq')).criterion['type'] == 'depth_error'
    assert settings(features=dict(level=-1)).features == dict(level=-1, size=(4, 8))


def test_iterations():
    published = [
        (25, 4000),
        (50, 8000),
        (100, 12000),
        (200, 16000),
        (372, 20000),
        (744, 24000),
    ]
    found = settings(iterations=published)
    assert [found.iterations_for(n) for n, _ in published] == [i for _, i in published]
    assert found.iterations_for(3) == 4000 and found.iterations_for(3000) == 24000
    assert found.iterations_for(35) == pytest.approx(4000 + 4000 * 0.4854, abs=1)
    assert settings(iterations=7).iterations_for(99) == 7
    with pytest.raises(UserError, match='lacks selection.iterations'):
        settings().iterations_for(5)


@pytest.mark.parametrize(
    ('selection', 'message'),
    [
        (dict(iteration=5), "selection.*'iteration'.*'itera"),
        (dict(features=dict(sise=3)), "selection.features.*'sise'"),
        (dict(features=dict(step=3, level=1)), 'selection.features: .*step.*level'),
        (dict(criterion=dict(type='entropie')), "'entropy'"),
        (dict(criterion=dict(eror='abs')), "'eror'.*'error'"),
        (dict(criterion=dict(type='entropy', error='abs')), "no key 'error'"),
        (dict(iterations=[(5, 0)]), 'positive'),
        (dict(iterations=[5, 7]), 'positive'),
        (dict(iterations=0), 'positive'),
        (dict(iterations=[]), 'positive'),
        (dict(iterations=[('5', 7)]), 'positive'),
        (dict(iterations=2.5), 'positive'),
        (dict(criterion=None), 'selection.criterion=None'),
        (dict(features=None), 'selection.features=None'),
        (dict(criterion='sq'), "selection.criterion='sq'"),
        (dict(criterion=dict(error='abslog')), "error='abslog'.*abs_log"),
        (dict(criterion=dict(mean_over='x')), "mean_over='x'.*'all'"),
        (dict(criterion=dict(far_dilation=4)), 'size.*4'),
        (dict(criterion=dict(far_dilation='7')), "selection.criterion=.*'7'"),
        (dict(criterion=dict(far_threshold='x')), "selection.criterion=.*'x'"),
        (dict(criterion=dict(valid_height=2)), 'valid_height=2'),
        (dict(criterion=dict(valid_height=0)), 'valid_height=0'),
        (dict(criterion=dict(type='entropy', valid_height=0)), 'valid_height=0, exp'),
        (dict(features=dict(size=4)), 'size=4'),
        (dict(features=dict(size=(0, 8))), r'size=\(0, 8\), expected \(h, w\)'),
        (dict(features=dict(size=(4, 8.0))), r'size=\(4, 8.0\), expected \(h, w\)'),
        (dict(features=dict(step=None)), 'step=None'),
        (dict(features=dict(level='x')), "level='x'"),
        (dict(bias='many'), "selection.bias='many'"),
        (dict(bias=float('nan')), 'selection.bias=nan'),
        (dict(teacher=5), 'selection.teacher=5'),
        (dict(student_ranks='two'), "student_ranks='two'.*one.*all"),
    ],
)
def test_errors(selection, message):
    with pytest.raises(UserError, match=message):
        settings(**selection)


def test_a_selection_that_is_no_dict():
    with pytest.raises(UserError, match='selection=5'):
        SelectionSettings.from_config(Config(dict(selection=5)))


def test_options_of_a_criterion_that_are_allowed():
    for error in ERRORS:
        for threshold in (None, 0.1):
            options = dict(
                error=error,
                far_threshold=threshold,
                far_dilation=99,
                valid_height=1,
                mean_over='valid',
            )
            assert settings(criterion=options).score_options == options
    assert settings(features=dict(size=[1, 2], level=-1)).features['size'] == [1, 2]


def test_teacher_beside_the_config_or_here(tmp_path, monkeypatch):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a/select.py').write_text("selection = dict(teacher='../sde.py')\n")
    cfg = load_config(tmp_path / 'a/select.py')
    found = SelectionSettings.from_config(cfg)
    with pytest.raises(UserError, match='a/../sde.py'):
        found.find_teacher(cfg)
    (tmp_path / 'sde.py').write_text('')
    assert found.find_teacher(cfg).resolve() == tmp_path / 'sde.py'
    (tmp_path / 'sde.py').unlink()
    monkeypatch.chdir(tmp_path / 'a')
    (tmp_path / 'sde.py').write_text('')
    assert found.find_teacher(Config(dict())).resolve() == tmp_path / 'sde.py'
    assert settings().find_teacher(cfg) is None
