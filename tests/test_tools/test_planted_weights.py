"""A planted file of weights before each tool: not run, and named."""

import pytest
from helpers.planted import plant
from mmengine.config import Config
from mmseg.apis import MMSegInferencer, init_model

from mmdepthseg.utils import UserError

DEPTH = """
predict_pipeline = []
predict_dataloader = test_dataloader
pose_dataloader = test_dataloader
pose_evaluator = []
"""
PARTS = ('encoder', 'depth', 'pose_encoder', 'pose')


@pytest.fixture
def planted(tmp_path):
    return plant(tmp_path / 'w.pth', tmp_path / 'ran', meta=dict(iter=2, epoch=0))


@pytest.fixture
def refused(planted, tmp_path, run_tool, capsys):
    """Run a tool, which is to refuse the planted file; return its message."""

    def run(tool, *arguments, name='w.pth'):
        with pytest.raises(SystemExit) as stop:
            run_tool(tool, *arguments)
        message = capsys.readouterr().err.splitlines()[-1]
        assert stop.value.code == 2
        assert name in message and 'makedirs' in message, message
        assert '--trust-checkpoint' in message
        assert not (tmp_path / 'ran').exists()

    return run


@pytest.mark.parametrize('way', ['resume', 'auto', 'load_from', 'init_cfg', 'part'])
def test_train(tiny_config, planted, refused, tmp_path, way):
    work_dir = tmp_path / 'run'
    arguments, extra = ['--work-dir', work_dir], ''
    init = f"dict(type='Pretrained', checkpoint={str(planted)!r})"
    if way == 'resume':
        arguments += ['--resume', planted]
    elif way == 'auto':
        work_dir.mkdir()
        planted = planted.rename(work_dir / 'iter_2.pth')
        (work_dir / 'last_checkpoint').write_text(str(planted))
        arguments += ['--resume']
    elif way == 'load_from':
        extra = f'load_from = {str(planted)!r}\n'
    elif way == 'init_cfg':
        extra = f"model['backbone']['init_cfg'] = {init}\n"
    else:
        extra = f"model['decode_head']['init_cfg'] = {init}\n"
    refused('train', tiny_config(extra=extra), *arguments, name=planted.name)


def test_evaluation_and_prediction(tiny_config, planted, refused, tmp_path):
    config = tiny_config(extra=DEPTH)
    refused('test', config, planted, '--work-dir', tmp_path / 'run')
    refused('generate_depth', config, planted, '--out', tmp_path / 'out')
    refused('test_pose', config, planted)


def test_selection(select_world, planted, refused, tmp_path):
    arguments = ('--budget', 5, '--out', tmp_path / 'out', '--device', 'cpu')
    refused('select_samples', select_world / 'select.py', planted, *arguments)


@pytest.mark.parametrize('project', ['authors', 'monodepth2'])
def test_converters(planted, tmp_path, call_tool, project):
    for name in ('best_model.pkl', 'encoder.pth', 'depth.pth'):
        (tmp_path / name).write_bytes(planted.read_bytes())
    sources = [[tmp_path / 'best_model.pkl'], [tmp_path]]
    for source in sources:
        done = call_tool(f'model_converters/{project}', *source, tmp_path / 'out.pth')
        assert done.returncode == 2 and 'makedirs' in done.stderr
        assert '--trust-checkpoint' in done.stderr
    assert not (tmp_path / 'ran').exists()


def test_switch(tiny_config, planted, run_tool, tmp_path, capsys):
    """The file is run, and then refused for what it lacks."""
    arguments = (tiny_config(), planted, '--work-dir', tmp_path / 'run')
    with pytest.raises(SystemExit):
        run_tool('test', *arguments, '--trust-checkpoint')
    assert (tmp_path / 'ran').is_dir()
    assert 'does not belong to this model' in capsys.readouterr().err


def test_mmsegmentations_inference(tiny_config, planted, tmp_path):
    config = str(tiny_config())
    with pytest.raises(UserError, match='w.pth.*makedirs.*MMDEPTHSEG_TRUST_CHECKPOINT'):
        init_model(config, str(planted), device='cpu')
    with pytest.raises(UserError, match='w.pth.*makedirs'):
        MMSegInferencer(model=config, weights=str(planted), device='cpu')
    assert not (tmp_path / 'ran').exists()


def test_mmsegmentations_runner(tiny_config, planted, tmp_path):
    """What its train.py and test.py build, without our tools' checks."""
    from mmengine.runner import Runner

    for resume in (True, False):
        config = Config.fromfile(tiny_config())
        config.update(work_dir=str(tmp_path), load_from=str(planted), resume=resume)
        config.update(experiment_name=f'{tmp_path.name}-{resume}')
        runner = Runner.from_cfg(config)
        with pytest.raises(UserError, match='w.pth.*makedirs'):
            runner.train()
        with pytest.raises(UserError, match='w.pth.*makedirs'):
            runner.test()
    assert not (tmp_path / 'ran').exists()
