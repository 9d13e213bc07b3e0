"""Multi-task learning (exp. 212): the losses of the mean teacher's joint step."""

import pytest
import torch
from helpers.tiny_models import (
    HEIGHT,
    PREPROCESSOR,
    WIDTH,
    build_multi_task_teacher,
    build_teacher,
    teacher_batch,
)

from mmdepthseg.models.mixing import normalize_disparity

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
