"""What tools/train.py and tools/test.py say when something given to them is wrong."""

import shutil
import sys
from pathlib import Path

import pytest
import torch

REPO = Path(__file__).resolve().parents[2]


def error_of(capsys, run_tool, *arguments) -> str:
    """Message of a tool that has to end with exit code 2 and without a traceback."""
    with pytest.raises(SystemExit) as stop:
        run_tool(*arguments)
    assert stop.value.code == 2
    output = capsys.readouterr().err
    assert 'Traceback' not in output
    (line,) = [line for line in output.splitlines() if line.startswith('error: ')]
    return line


def test_exit_code_and_message_as_a_process(run_process, tmp_path):
    config = tmp_path / 'empty.py'
    config.write_text('model = dict()\n')
    tool = REPO / 'tools/generate_depth.py'
    done = run_process(sys.executable, tool, config, 'x.pth', '--out', tmp_path / 'out')
    assert done.returncode == 2
    message = done.stderr.splitlines()[-1]
    assert message.startswith('error: ') and 'predict_dataloader' in message
    assert 'Traceback' not in done.stderr
    assert 'OneDL' not in done.stdout + done.stderr  # said at import, of no use


def test_near_config_name_is_suggested(tiny_config, run_tool, capsys):
    path = tiny_config().with_name('tinny.py')
    assert "'tiny.py'" in error_of(capsys, run_tool, 'train', path)


def test_broken_config_file(tmp_path, run_tool, capsys):
    config = tmp_path / 'broken.py'
    config.write_text('model = dict(\n')
    message = error_of(capsys, run_tool, 'train', config)
    assert 'broken.py' in message


def test_config_without_a_needed_part(tmp_path, run_tool, capsys):
    config = tmp_path / 'empty.py'
    config.write_text("model = dict(type='EncoderDecoder')\n")
    work_dir = ('--work-dir', tmp_path / 'run')
    message = error_of(capsys, run_tool, 'train', config, *work_dir)
    assert 'lacks train_dataloader, train_cfg, optim_wrapper' in message


@pytest.mark.parametrize(
    ('option', 'expected'),
    [
        ('optim_wrapper.optimizer.lrr=1', "'lr'"),
        ('train_dataloder.batch_size=1', "'train_dataloader'"),
        ('custom_hooks.7.type=X', 'custom_hooks'),
        ('train_cfg.max_iters.x=1', 'max_iters'),
    ],
)
def test_misspelt_option(tiny_config, run_tool, tmp_path, capsys, option, expected):
    arguments = ('--work-dir', tmp_path / 'run', '--cfg-options', option)
    message = error_of(capsys, run_tool, 'train', tiny_config(), *arguments)
    assert option.split('=')[0] in message
    assert expected in message


def test_misspelt_top_level_key(tiny_config, run_tool, capsys):
    config = tiny_config(extra='default_hoks = dict()\n')
    message = error_of(capsys, run_tool, 'train', config)
    assert "has no key 'default_hoks'; did you mean 'default_hooks'?" in message


def test_misspelt_argument_names_type_and_key(tiny_config, run_tool, tmp_path, capsys):
    config = tiny_config(extra="model['decode_head']['dropout_ration'] = 0.1\n")
    work_dir = ('--work-dir', tmp_path / 'run')
    message = error_of(capsys, run_tool, 'train', config, *work_dir)
    assert "type='FCNHead' has no argument 'dropout_ration'" in message
    assert "'dropout_ratio'" in message


def test_unknown_type_is_named(tiny_config, run_tool, tmp_path, capsys):
    config = tiny_config(extra="model['backbone']['type'] = 'ResNetV1d2'\n")
    work_dir = ('--work-dir', tmp_path / 'run')
    message = error_of(capsys, run_tool, 'train', config, *work_dir)
    assert "no model of type='ResNetV1d2'" in message
    assert "'ResNetV1d'" in message


def test_work_dir_that_cannot_be_written(tiny_config, run_tool, tmp_path, capsys):
    blocker = tmp_path / 'file'
    blocker.write_text('')
    arguments = ('--work-dir', blocker / 'run')
    message = error_of(capsys, run_tool, 'train', tiny_config(), *arguments)
    assert f'cannot write to {blocker}/run' in message
    assert '--work-dir' in message


def test_missing_and_damaged_checkpoints(tiny_config, run_tool, tmp_path, capsys):
    config, folder = tiny_config(), tmp_path / 'weights'
    folder.mkdir()
    torch.save({'state_dict': {}}, folder / 'iter_2.pth')
    content = (folder / 'iter_2.pth').read_bytes()
    (folder / 'iter_4.pth').write_bytes(content[: len(content) // 2])
    work_dir = ('--work-dir', tmp_path / 'run')

    resume = ('--resume', folder / 'iter_3.pth')
    message = error_of(capsys, run_tool, 'train', config, *work_dir, *resume)
    assert 'checkpoint not found' in message and "'iter_2.pth'" in message

    arguments = (config, folder / 'iter_4.pth', *work_dir)
    message = error_of(capsys, run_tool, 'test', *arguments)
    assert 'iter_4.pth is damaged' in message and 'iter_2.pth' in message

    option = ('--cfg-options', 'load_from=nowhere.pth')
    message = error_of(capsys, run_tool, 'train', config, *work_dir, *option)
    assert 'nowhere.pth' in message


def test_checkpoint_of_another_model(tiny_config, run_tool, tmp_path, capsys):
    weights = tmp_path / 'other.pth'
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Conv2d(4, 4, 3))
    torch.save({'meta': {}, 'state_dict': model.state_dict()}, weights)
    arguments = (tiny_config(), weights, '--work-dir', tmp_path / 'run')
    message = error_of(capsys, run_tool, 'test', *arguments)
    assert 'other.pth does not belong to this model (EncoderDecoder)' in message
    assert "fills 0% of the model's entries" in message
    assert 'backbone.stem.0.weight' in message


@pytest.mark.parametrize('content', ['garbage', 'truncated', 'no weights'])
@pytest.mark.parametrize('tool', ['test', 'generate_depth', 'init_cfg'])
def test_damaged_checkpoint_is_named(
    tiny_config, run_tool, tmp_path, capsys, tool, content
):
    weights = tmp_path / 'weights.pth'
    torch.save(torch.zeros(999), weights)
    if content == 'truncated':
        weights.write_bytes(weights.read_bytes()[:-99])
    if content == 'garbage':
        weights.write_text('this is no checkpoint\n')
    out = ('--work-dir', tmp_path / 'run')
    if tool == 'init_cfg':
        init = f"dict(type='Pretrained', checkpoint={str(weights)!r})"
        extra = f"model['backbone']['init_cfg'] = {init}\n"
        message = error_of(capsys, run_tool, 'train', tiny_config(extra=extra), *out)
        assert 'init_cfg' in message
    elif tool == 'test':
        message = error_of(capsys, run_tool, tool, tiny_config(), weights, *out)
    else:
        extra = 'predict_pipeline = []\npredict_dataloader = test_dataloader\n'
        arguments = (tiny_config(extra=extra), weights, '--out', tmp_path / 'out')
        message = error_of(capsys, run_tool, tool, *arguments)
    assert str(weights) in message
    assert ('damaged' if content != 'no weights' else 'holds a Tensor') in message


@pytest.mark.parametrize(
    ('part', 'key', 'expected'),
    [
        ('train_dataloader', 'batch_sizee=3', "'batch_size'"),
        ('randomness', 'sed=3', "'seed'"),
        ("env_cfg['mp_cfg']", 'opencv_num_thread=0', "'opencv_num_threads'"),
    ],
)
def test_misspelt_key_outside_registries(
    tiny_config, run_tool, tmp_path, capsys, part, key, expected
):
    config = tiny_config(extra=f'{part}.update({key})\n')
    work_dir = ('--work-dir', tmp_path / 'run')
    message = error_of(capsys, run_tool, 'train', config, *work_dir)
    place = part.replace("['", '.').replace("']", '')
    assert f'{place} has no key {key.split("=")[0]!r}' in message
    assert f'did you mean {expected}' in message


@pytest.mark.parametrize(
    ('part', 'key', 'place', 'expected'),
    [
        ("default_hooks['checkpoint']", 'intervall=3', None, "'interval'"),
        ("optim_wrapper['clip_grad']", 'max_nrm=3', None, "'max_norm'"),
        ("optim_wrapper['paramwise_cfg']", 'custom_key={}', None, "'custom_keys'"),
        (
            "optim_wrapper['paramwise_cfg']['custom_keys']['backbone']",
            'lr_mul=1.',
            "optim_wrapper.paramwise_cfg.custom_keys['backbone']",
            "'lr_mult'",
        ),
    ],
)
def test_misspelt_key_that_would_be_ignored(
    tiny_config, run_tool, tmp_path, capsys, part, key, place, expected
):
    config = tiny_config(extra=f'{part}.update({key})\n')
    work_dir = ('--work-dir', tmp_path / 'run')
    message = error_of(capsys, run_tool, 'train', config, *work_dir)
    place = place or part.replace("['", '.').replace("']", '')
    assert f'{place} has no key {key.split("=")[0]!r}' in message
    assert f'did you mean {expected}' in message


def test_misspelt_metainfo(tiny_config, run_tool, capsys):
    extra = "metainfo = dict(clases=('road', 'car', 'sky'))\n"
    extra += "train_dataloader['dataset']['metainfo'] = metainfo\n"
    message = error_of(capsys, run_tool, 'train', tiny_config(extra=extra))
    assert "train_dataloader.dataset.metainfo has no key 'clases'" in message
    assert "'classes'" in message


NETWORK = """
backbone = dict(type='ResNet', depth=18, base_channels=8, stem_channels=8)
decode_head = dict(type='FCNHead', in_channels=64, in_index=4, channels=8,
                   num_convs=1, num_classes=3)
model = dict(
    type='DepthSegmentor', backbone=backbone, decode_head=decode_head,
    data_preprocessor=dict(type='DepthSegDataPreProcessor', color_jitter=dict(p=0.5)))
"""
TEACHER = """
model = dict(type='MeanTeacher', segmentor=model, mixing=dict(type='ClassMix'),
             ema=dict(decay=0.9), data_preprocessor=dict(
                 type='DepthSegDataPreProcessor'))
"""


@pytest.mark.parametrize(
    ('extra', 'expected'),
    [
        (
            "model['data_preprocessor']['color_jitter'].update(brightnes=0.5)",
            "DepthSegDataPreProcessor: color_jitter has no key 'brightnes'; "
            "did you mean 'brightness'?",
        ),
        (
            TEACHER + "model['ema'].update(decayy=0.5)",
            "MeanTeacher: ema has no key 'decayy'; did you mean 'decay'",
        ),
        (
            "model['test_cfg'] = dict(mode='slid')",
            "test_cfg.mode must be one of ('whole', 'slide'), got 'slid'; did you mean",
        ),
        (
            "model['test_cfg'] = dict(mod='slide')",
            "test_cfg has no key 'mod'; did you mean 'mode'?",
        ),
    ],
)
def test_misspelt_key_in_a_plain_dict_of_the_model(
    tiny_config, run_tool, tmp_path, capsys, extra, expected
):
    config = tiny_config(extra=NETWORK + extra + '\n')
    work_dir = ('--work-dir', tmp_path / 'run')
    message = error_of(capsys, run_tool, 'train', config, *work_dir)
    assert expected in message


def test_seed_that_is_missing(tiny_config, run_tool, tmp_path, capsys):
    config = tiny_config(extra='randomness = dict(deterministic=True)\n')
    work_dir = ('--work-dir', tmp_path / 'run')
    message = error_of(capsys, run_tool, 'train', config, *work_dir)
    assert "'seed'" in message


def test_batch_size_that_is_not_the_sum_of_source_counts(
    tiny_config, run_tool, tmp_path, capsys
):
    sampler = "dict(type='MultiSourceSampler', source_counts=[1, 2])"
    config = tiny_config(extra=f"train_dataloader['sampler'] = {sampler}\n")
    work_dir = ('--work-dir', tmp_path / 'run')
    message = error_of(capsys, run_tool, 'train', config, *work_dir)
    assert 'batch_size=2 is not the sum of sampler.source_counts=[1, 2]' in message


def test_out_that_cannot_be_written(
    tiny_config, run_tool, run_process, tmp_path, capsys
):
    blocker = tmp_path / 'file'
    blocker.write_text('')
    extra = 'predict_pipeline = []\npredict_dataloader = test_dataloader\n'
    arguments = (tiny_config(extra=extra), 'x.pth', '--out', blocker / 'labels')
    message = error_of(capsys, run_tool, 'generate_depth', *arguments)
    assert f'cannot write to {blocker}/labels' in message and '--out' in message

    tool = REPO / 'tools/dataset_converters/streets.py'
    small = ('--clips', 1, '--val-clips', 1, '--frames', 3, '--size', 96, 48)
    done = run_process(
        sys.executable, tool, '--out', blocker / 'set', *small, '--workers', 1
    )
    assert done.returncode == 2
    assert str(blocker) in done.stderr and 'Traceback' not in done.stderr


def test_json_that_cannot_be_written(tiny_config, run_tool, tmp_path, capsys):
    tool, config = 'analysis_tools/benchmark_step', tiny_config()
    blocker = tmp_path / 'file'
    blocker.write_text('')
    # this model cannot be built: the path is looked at first
    config.write_text(config.read_text() + "model['backbone']['depth'] = 17\n")
    message = error_of(capsys, run_tool, tool, config, '--json', blocker / 'x.json')
    assert f'cannot write to {blocker}' in message and '--json' in message
    message = error_of(capsys, run_tool, tool, config, '--json', tmp_path)
    assert f'--json {tmp_path} is a folder' in message


@pytest.mark.parametrize('option', ['--tta', '--show-dir=x', '--out=x'])
def test_options_of_test_that_the_config_cannot_serve(
    tiny_config, run_tool, tmp_path, capsys, option, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    config = tiny_config(
        extra="default_hooks.pop('visualization')\ntest_evaluator = []\n"
    )
    weights = tmp_path / 'weights.pth'
    torch.save({'state_dict': {}}, weights)
    work_dir = ('--work-dir', tmp_path / 'run')
    message = error_of(capsys, run_tool, 'test', config, weights, option, *work_dir)
    assert option.split('=')[0] in message


def test_missing_image_in_a_worker(tiny_config, run_tool, tmp_path, capsys):
    config = tiny_config(workers=2)
    shutil.rmtree(tmp_path / 'tiny/labels')
    work_dir = ('--work-dir', tmp_path / 'run')
    message = error_of(capsys, run_tool, 'train', config, *work_dir)
    assert 'labels/' in message


def test_debug_keeps_the_traceback(tiny_config, run_tool, tmp_path):
    from mmdepthseg.utils import UserError

    with pytest.raises(UserError):
        run_tool('train', tmp_path / 'none.py', '--debug')
