"""Published weights: one network, nothing else, and they load again."""

import re
from hashlib import sha256

import pytest
import torch
from helpers.untrained import MULTI_TASK, SEGMENTATION, TEACHER, save_untrained

from mmdepthseg.apis import load_model
from mmdepthseg.checkpoints.publishing import publish
from mmdepthseg.launch.config import load_config
from mmdepthseg.utils.errors import UserError

NORMALIZATION = dict(mean=[123.675, 116.28, 103.53], std=[1.0] * 3, bgr_to_rgb=True)


def read(path):
    return torch.load(path, weights_only=True)


@pytest.fixture
def trained(tmp_path):
    """A checkpoint as a training leaves it."""

    def make(config):
        meta = dict(cfg='root = "/home/me"', normalization=NORMALIZATION)
        path = save_untrained(config, tmp_path / 'run.pth', **meta)
        content = read(path)
        extra = dict(optimizer=dict(state=torch.zeros(9)), message_hub=dict(a=1))
        torch.save(dict(content, **extra), path)
        return path

    return make


def test_name_has_the_hash_of_the_content(trained, tmp_path):
    checkpoint = trained(SEGMENTATION)
    path = publish(checkpoint, tmp_path / 'out/seg.pth')
    digits = re.fullmatch('seg-([0-9a-f]{8}).pth', path.name)[1]
    assert sha256(path.read_bytes()).hexdigest().startswith(digits)
    assert publish(checkpoint, tmp_path / 'out/seg.pth') == path
    content = read(path)
    assert set(content) == {'meta', 'state_dict'} and 'cfg' not in content['meta']
    assert content['meta']['normalization'] == NORMALIZATION
    state = read(checkpoint)['state_dict']
    assert all(torch.equal(content['state_dict'][n], v) for n, v in state.items())


@pytest.mark.parametrize('part', ['teacher', 'student'])
def test_one_network_loads_into_both_configs(part, trained, tmp_path):
    """Into the mean teacher's and into that of its segmentor, whole."""
    checkpoint = trained(MULTI_TASK)
    path = publish(checkpoint, tmp_path / 'a.pth', part)
    assert path.stat().st_size < 0.65 * checkpoint.stat().st_size
    state, cfg = read(checkpoint)['state_dict'], load_config(MULTI_TASK)
    prefix = dict(teacher='teacher.module.', student='student.')[part]
    both = load_model(cfg, path)
    for name, value in both.state_dict().items():
        network, _, own = name.partition('.')
        own = own.removeprefix('module.')
        if name != 'teacher.steps' and f'{prefix}{own}' in state:
            assert torch.equal(value, state[f'{prefix}{own}']), name
    preprocessor = cfg.model.data_preprocessor
    cfg.model = dict(cfg.model.segmentor, data_preprocessor=preprocessor)
    alone = load_model(cfg, path)
    wanted = getattr(both, part)
    wanted = wanted.module if part == 'teacher' else wanted
    image = torch.rand(1, 3, 64, 96)
    assert torch.equal(
        alone.encode_decode(image, [dict(img_shape=(64, 96))]),
        wanted.encode_decode(image, [dict(img_shape=(64, 96))]),
    )


def test_the_teacher_is_the_default(trained, tmp_path):
    checkpoint = trained(TEACHER)
    assert read(publish(checkpoint, tmp_path / 'a.pth'))['meta']['part'] == 'teacher'


def test_what_cannot_be_published(trained, tmp_path):
    whole = tmp_path / 'whole.pth'
    torch.save(dict(model=dict(w=torch.ones(1)), epoch=3), whole)
    with pytest.raises(UserError, match='whole.pth.*is no tensor.*state_dict'):
        publish(whole, tmp_path / 'a.pth')
    checkpoint = trained(SEGMENTATION)
    with pytest.raises(UserError, match='--part'):
        publish(checkpoint, tmp_path / 'a.pth', 'student')
    with pytest.raises(UserError, match='a.onnx'):
        publish(checkpoint, tmp_path / 'a.onnx')
