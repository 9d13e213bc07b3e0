"""Multi-task learning (exp. 212): the mean teacher's joint step."""

import io
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
    build_teacher,
    teacher_batch,
)
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper

from mmdepthseg.apis import load_model
from mmdepthseg.checkpoints.matching import match_checkpoint
from mmdepthseg.engine.hooks import CheckCheckpointHook
from mmdepthseg.models.mixing import normalize_disparity
from mmdepthseg.utils.errors import UserError

LOSSES = {
    'decode.loss_ce',
    'side.loss_ce',
    'depth.loss_photometric',
    'depth.loss_smooth',
    'mix.depth.loss_photometric',
    'mix.depth.loss_smooth',
    'mix.loss_pseudo',
}
JITTER = dict(brightness=0.5, contrast=0.5, saturation=0.5, hue=0.1, p=1.0)


def losses_of(model, data=None):
    """Losses of a collated batch in training mode."""
    model.train()
    data = model.data_preprocessor(data or teacher_batch(neighbours=True), True)
    return model(**data, mode='loss')


class Calls:
    """Counts how often parts of a mean teacher run."""

    def __init__(self, model):
        self.found = dict.fromkeys(
            (
                'student',
                'teacher',
                'pose',
                'student depth',
                'teacher depth',
                'student labels',
                'teacher labels',
                'side',
            ),
            0,
        )
        student, teacher = model.student, model.teacher.module
        for name, module in {
            'student': student.backbone,
            'teacher': teacher.backbone,
            'pose': student.pose_net,
            'student depth': student.depth_head.decoder.fuse[-1],
            'teacher depth': teacher.depth_head.decoder.fuse[-1],
            'student labels': student.decode_head.decoder.fuse[-1],
            'teacher labels': teacher.decode_head.decoder.fuse[-1],
            'side': student.distillation.side_head,
        }.items():
            module.register_forward_hook(self._counter(name))

    def _counter(self, name):
        def hook(*_):
            self.found[name] += 1

        return hook


@pytest.mark.parametrize('disparity', ['label', 'online', 'teacher'])
@pytest.mark.parametrize('weights', [(1, 1), (0, 1), (1, 0)])
def test_every_trainable_parameter_gets_a_gradient(disparity, weights):
    # find_unused_parameters=False needs exactly this
    model = build_multi_task_teacher(
        disparity=disparity,
        labeled_depth_weight=weights[0],
        mix_depth_weight=weights[1],
    )
    losses = losses_of(model)
    unwanted = {
        name
        for name in LOSSES
        if 'depth' in name and not weights[name.startswith('mix')]
    }
    assert {name for name in losses if 'loss' in name} == LOSSES - unwanted
    model.parse_losses(losses)[0].backward()
    without = [
        n for n, p in model.named_parameters() if p.requires_grad and p.grad is None
    ]
    assert without == []
    assert not any(p.requires_grad for p in model.teacher.parameters())


@pytest.mark.parametrize(
    'options,expected',
    [
        # labelled, clean mix (depth only), mixed (labels only); teacher (labels only)
        (dict(), (3, 1, 2, 2, 0, 2, 1, 1)),
        (dict(disparity='label'), (3, 1, 2, 2, 0, 2, 1, 1)),
        (dict(disparity='teacher'), (3, 1, 2, 2, 1, 2, 1, 1)),
        (dict(mix_depth_weight=0), (3, 1, 1, 2, 0, 2, 1, 1)),
        (dict(mix_depth_weight=0, disparity='label'), (2, 1, 1, 1, 0, 2, 1, 1)),
        (dict(labeled_depth_weight=0), (3, 1, 1, 1, 0, 2, 1, 1)),
        # nobody looks at the depth of mix images
        (dict(mix_depth_weight=0, mixing=dict(type='NoMix')), (2, 1, 1, 1, 0, 2, 1, 1)),
        (
            dict(mix_depth_weight=0, mixing=dict(type='ClassMix')),
            (2, 1, 1, 1, 0, 2, 1, 1),
        ),
        (
            dict(disparity='teacher', mixing=dict(type='CutMix')),
            (3, 1, 2, 2, 0, 2, 1, 1),
        ),
    ],
)
def test_nothing_is_computed_for_nobody(options, expected):
    model = build_multi_task_teacher(**options)
    calls = Calls(model)
    losses_of(model)
    assert tuple(calls.found.values()) == expected


def test_online_depth_is_that_of_the_depth_loss():
    model = build_multi_task_teacher(
        data_preprocessor=dict(PREPROCESSOR, color_jitter=JITTER)
    )
    seen = []
    depth, mixing = model.student.loss_and_disparity, model.mixing
    object.__setattr__(
        model.student,
        'loss_and_disparity',
        lambda *args: (seen.append(depth(*args)), seen[0])[1],
    )
    model.mixing = lambda batch: (seen.append(batch), mixing(batch))[1]
    # stored labels would be used if there were no online depth
    losses_of(model, teacher_batch(neighbours=True, disparity=True))
    (_, disparity), mixed = seen
    assert not disparity.requires_grad
    assert disparity.shape == (2, 1, HEIGHT, WIDTH)
    assert torch.equal(mixed.disparity, normalize_disparity(disparity))
    assert mixed.disparity.amin((1, 2, 3)).tolist() == [0, 0]
    assert mixed.disparity.amax((1, 2, 3)).tolist() == [1, 1]


@pytest.mark.parametrize('source', ['online', 'teacher'])
def test_depth_of_the_network_that_is_named(source):
    model = build_multi_task_teacher(disparity=source)
    with torch.no_grad():
        for weight in model.teacher.module.depth_head.parameters():
            weight.add_(torch.randn_like(weight))
    seen, mixing = [], model.mixing
    model.mixing = lambda batch: (seen.append(batch), mixing(batch))[1]
    model.eval()
    data = model.data_preprocessor(teacher_batch(), True)
    mix = data['inputs'].select((2, 3))
    model.mix(mix, data['data_samples'][2:])
    network = dict(online=model.student, teacher=model.teacher.module)
    for name, net in network.items():
        disparity = normalize_disparity(net.predict_disparity(mix.img))
        same = torch.allclose(seen[0].disparity, disparity, atol=1e-5)
        assert same == (name == source)


def test_weights_of_the_depth_losses():
    options = dict(mixing=dict(type='NoMix'), strong_augmentation=())
    found = []
    for weights in ((1, 1), (0.5, 3)):
        torch.manual_seed(0)
        model = build_multi_task_teacher(
            labeled_depth_weight=weights[0], mix_depth_weight=weights[1], **options
        )
        torch.manual_seed(1)
        found.append(losses_of(model))
    plain, weighted = found
    for name in LOSSES:
        factor = 1 if 'depth' not in name else 3 if name.startswith('mix') else 0.5
        torch.testing.assert_close(weighted[name], factor * plain[name])
    # a share is logged as it is
    shares = [name for name in plain if name.endswith('warped')]
    assert len(shares) == 2
    for name in shares:
        torch.testing.assert_close(weighted[name], plain[name])


def test_a_joint_model_without_exchange():
    model = build_multi_task_teacher(dict(distillation=None))
    losses = losses_of(model)
    assert {name for name in losses if 'loss' in name} == LOSSES - {'side.loss_ce'}
    model.parse_losses(losses)[0].backward()
    assert all(p.grad is not None for p in model.student.parameters())


def test_samples_without_neighbours_are_named():
    with pytest.raises(ValueError, match='0.png.*LoadAdjacentFrames'):
        losses_of(build_multi_task_teacher(), teacher_batch())


def test_impossible_options():
    with pytest.raises(ValueError, match='both.*are 0.*pose_net'):
        build_multi_task_teacher(labeled_depth_weight=0, mix_depth_weight=0)
    with pytest.raises(ValueError, match='negative'):
        build_multi_task_teacher(mix_depth_weight=-1)
    with pytest.raises(ValueError, match="one of.*'depth'"):
        build_multi_task_teacher(disparity='depth')
    with pytest.raises(ValueError, match='online.*needs a depth_head'):
        build_teacher(disparity='online')
    # without depth losses the weights have no effect
    model = build_multi_task_teacher(
        dict(pose_net=None), labeled_depth_weight=0, mix_depth_weight=0
    )
    assert 'depth.loss_smooth' not in losses_of(model, teacher_batch())


def test_teacher_and_student_predict_both_tasks():
    model = build_multi_task_teacher().eval()
    for name in ('teacher', 'student'):
        model.predict_with = name
        sample = model.test_step(teacher_batch())[0]
        assert 'pred_depth_map' in sample and 'pred_sem_seg' in sample
    img = torch.rand(1, 3, HEIGHT, WIDTH)
    assert model.predict_disparity(img).shape == (1, 1, HEIGHT, WIDTH)


# -- checkpoints ----------------------------------------------------------------


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
    with pytest.raises(UserError, match='100% needed.*student.depth_head'):
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


def train_steps(model, wrapper, first, last):
    """Real steps, with dropout, mixing and strong augmentation at random."""
    for i in range(first, last):
        model.train()
        model.train_step(teacher_batch(mix=2 + i % 2, neighbours=True), wrapper)
        model.update_teacher()


def new_training(**options):
    """A model and its optimiser, with learning rates by part."""
    model = build_multi_task_teacher(**options)
    return model, build_optim_wrapper(
        model,
        dict(
            type='OptimWrapper',
            clip_grad=dict(max_norm=10),
            optimizer=dict(type='SGD', lr=1e-2, momentum=0.9, weight_decay=5e-4),
            paramwise_cfg=dict(
                custom_keys={
                    'student.backbone': dict(lr_mult=0.1),
                    'student.pose_net': dict(lr_mult=1e-4),
                }
            ),
        ),
    )


@pytest.mark.parametrize('split', [False, True])
def test_resumed_training_is_the_uninterrupted_one(split):
    model, wrapper = new_training(split_backward=split)
    train_steps(model, wrapper, 0, 2)
    stored = io.BytesIO()
    torch.save(
        dict(
            state_dict=model.state_dict(),
            optimizer=wrapper.state_dict(),
            rng=torch.get_rng_state(),
        ),
        stored,
    )
    train_steps(model, wrapper, 2, 4)

    other, other_wrapper = new_training(split_backward=split)
    stored.seek(0)
    state = torch.load(stored)
    other.load_state_dict(state['state_dict'])
    other_wrapper.load_state_dict(state['optimizer'])
    torch.set_rng_state(state['rng'])
    train_steps(other, other_wrapper, 2, 4)
    found = other.state_dict()
    assert [
        k for k, v in model.state_dict().items() if not torch.equal(v, found[k])
    ] == []


def test_learning_rates_by_part():
    model, wrapper = new_training()
    names = {id(p): n for n, p in model.named_parameters()}
    rates = {
        names[id(p)]: group['lr']
        for group in wrapper.optimizer.param_groups
        for p in group['params']
    }
    assert set(rates) == {n for n, p in model.named_parameters() if p.requires_grad}
    for name, rate in rates.items():
        wanted = 1e-2
        if name.startswith('student.backbone.'):
            wanted = 1e-3
        elif name.startswith('student.pose_net.'):
            wanted = 1e-6
        assert rate == pytest.approx(wanted), name
    assert any('pose_net.backbone.' in name for name in rates)


def test_gradients_are_clipped_together():
    norms = []
    for split in (False, True):
        model, wrapper = new_training(split_backward=split)
        wrapper.clip_grad_kwargs = dict(max_norm=1e-3)
        step = wrapper.optimizer.step
        wrapper.optimizer.step = lambda step=step, w=wrapper: (
            norms.append(
                torch.stack(
                    [
                        p.grad.norm()
                        for g in w.optimizer.param_groups
                        for p in g['params']
                    ]
                )
                .norm()
                .item()
            ),
            step(),
        )
        train_steps(model, wrapper, 0, 1)
    assert norms == pytest.approx([1e-3, 1e-3], rel=1e-3)
