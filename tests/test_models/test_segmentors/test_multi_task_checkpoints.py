"""Multi-task learning: what checkpoints hold, and what fills a mean teacher."""

import logging
from types import SimpleNamespace

import pytest
import torch
from helpers.tiny_models import (
    BACKBONE,
    DEPTH_HEAD,
    HEIGHT,
    MULTI_TASK,
    POSE_NET,
    PREPROCESSOR,
    SEG_HEAD,
    WIDTH,
    build,
    build_multi_task_teacher,
)
from mmengine.config import Config

from mmdepthseg.apis import load_model
from mmdepthseg.checkpoints.matching import match_checkpoint
from mmdepthseg.engine.hooks import CheckCheckpointHook
from mmdepthseg.utils.errors import UserError


def test_the_teacher_goes_without_a_pose_net():
    model = build_multi_task_teacher()
    names = set(model.state_dict())
    mine = {n.removeprefix('student.') for n in names if n.startswith('student.')}
    teachers = {
        n.removeprefix('teacher.module.')
        for n in names
        if n.startswith('teacher.module.')
    }
    assert any(n.startswith('pose_net.') for n in mine)
    assert teachers == {n for n in mine if not n.startswith('pose_net.')}
    assert names - {f'student.{n}' for n in mine} - {
        f'teacher.module.{n}' for n in teachers
    } == {'teacher.steps'}
    model.update_teacher()


def test_plain_checkpoint_fills_student_and_teacher():
    plain = build(**MULTI_TASK).state_dict()
    model = build_multi_task_teacher()
    match = match_checkpoint(model, dict(state_dict=plain))
    assert not match.unexpected and not match.misshapen and not match.missing
    found = model.load_state_dict(dict(plain), strict=False)
    assert found.unexpected_keys == []
    for network in (model.student, model.teacher.module):
        assert all(torch.equal(plain[k], v) for k, v in network.state_dict().items())
    assert model.teacher.updates == 0 == int(model.teacher.steps)


def test_plain_checkpoint_is_tested_as_a_mean_teacher(tmp_path):
    """Converted weights of exp. 212, say: every entry of the model is filled."""
    path = tmp_path / 'plain.pth'
    plain = build(**MULTI_TASK)
    torch.save(dict(state_dict=plain.state_dict()), path)
    config = Config(
        dict(
            model=dict(
                type='MeanTeacher',
                data_preprocessor=PREPROCESSOR,
                mixing=dict(type='NoMix'),
                segmentor=dict(type='DepthSegmentor', backbone=BACKBONE, **MULTI_TASK),
            )
        )
    )
    model = load_model(config, path)
    assert model.predict_with == 'teacher'
    img = torch.rand(1, 3, HEIGHT, WIDTH)
    assert torch.equal(
        model.predict_disparity(img), plain.eval().predict_disparity(img)
    )
    runner = SimpleNamespace(model=model, logger=logging.getLogger('test'))
    hook = CheckCheckpointHook()
    hook.after_load_checkpoint(runner, torch.load(path))
    other = build(decode_head=SEG_HEAD).state_dict()
    with pytest.raises(UserError, match='student.depth_head'):
        hook.after_load_checkpoint(runner, dict(state_dict=other))


def test_starts_from_a_depth_checkpoint(tmp_path):
    sde = build(depth_head=DEPTH_HEAD, pose_net=POSE_NET).state_dict()
    path = str(tmp_path / 'sde.pth')
    torch.save(dict(state_dict=sde), path)

    def init(prefix):
        return dict(type='Pretrained', checkpoint=path, prefix=prefix)

    parts = dict(MULTI_TASK)
    parts['depth_head'] = dict(DEPTH_HEAD, init_cfg=init('depth_head.'))
    parts['pose_net'] = dict(POSE_NET, init_cfg=init('pose_net.'))
    decoder = dict(SEG_HEAD['decoder'], init_cfg=init('depth_head.decoder.'))
    parts['decode_head'] = dict(MULTI_TASK['decode_head'], decoder=decoder)
    model = build_multi_task_teacher(parts)
    backbone = build_multi_task_teacher(
        dict(
            backbone=dict(
                type='ResNet',
                depth=18,
                base_channels=8,
                stem_channels=8,
                norm_cfg=dict(type='BN'),
                init_cfg=init('backbone.'),
            )
        )
    ).student.backbone
    for prefix, part in {
        'depth_head.': model.student.depth_head,
        'pose_net.': model.student.pose_net,
        'depth_head.decoder.': model.student.decode_head.decoder,
        'backbone.': backbone,
    }.items():
        found = part.state_dict()
        assert found and all(
            torch.equal(sde[f'{prefix}{name}'], v) for name, v in found.items()
        )
    for name, value in model.teacher.module.depth_head.state_dict().items():
        assert torch.equal(sde[f'depth_head.{name}'], value)
