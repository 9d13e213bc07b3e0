"""MeanTeacher: one step, the teacher's life, plain checkpoints."""

import copy
import io

import pytest
import torch
from helpers.tiny_models import (
    BACKBONE,
    CLASSES,
    HEIGHT,
    PREPROCESSOR,
    SEG_HEAD,
    WIDTH,
    build,
    build_teacher,
    teacher_batch,
)
from mmengine.config import Config

IDENTITY = ()


def losses_of(model, data):
    """Losses of a collated batch in training mode."""
    model.train()
    data = model.data_preprocessor(data, True)
    return model(**data, mode='loss')


@pytest.mark.parametrize('mixer', ['DepthMix', 'ClassMix', 'CutMix', 'NoMix'])
@pytest.mark.parametrize('mix', [2, 3])
def test_step_gives_gradients_to_the_student_only(mixer, mix):
    model = build_teacher(mixing=dict(type=mixer))
    losses = losses_of(model, teacher_batch(mix=mix))
    assert {'decode.loss_ce', 'mix.loss_pseudo', 'mix.confident'} <= set(losses)
    total, _ = model.parse_losses(losses)
    total.backward()
    assert all(p.grad is not None for p in model.student.parameters())
    assert not any(p.requires_grad for p in model.teacher.parameters())


@pytest.mark.parametrize('options', [dict(), dict(portion=0.5), dict(portion=1.0)])
def test_the_logged_share_is_of_the_pixels_in_the_loss(options):
    kind = 'ConfidentPixelLoss' if options else 'PseudoLabelLoss'
    loss = dict(type=kind, threshold=0.999, **options)
    model = build_teacher(loss_pseudo=loss, ground_truth_mixing=False)
    share = losses_of(model, teacher_batch())['mix.confident']
    assert share == pytest.approx(options.get('portion', 0.0), abs=0.01)


def test_teacher_starts_as_the_student_and_stays_in_eval_mode():
    model = build_teacher().train()
    student, teacher = model.student.state_dict(), model.teacher.module.state_dict()
    assert all(torch.equal(student[k], teacher[k]) for k in student)
    assert model.student.training
    assert not any(m.training for m in model.teacher.modules())


def test_update_moves_the_teacher_towards_the_student():
    model = build_teacher()
    name, weight = next(iter(model.student.named_parameters()))
    before = weight.detach().clone()
    with torch.no_grad():
        weight.add_(1.0)
    model.update_teacher()
    after = dict(model.teacher.module.named_parameters())[name]
    # first step: alpha = min(1 - 1/2, 0.99)
    assert torch.allclose(after, before + 0.5)


def test_ground_truth_replaces_pseudo_labels_of_labelled_mix_images():
    options = dict(mixing=dict(type='NoMix'), strong_augmentation=IDENTITY)
    data = teacher_batch()
    model = build_teacher(**options)
    batch = model.data_preprocessor(data, True)
    samples, mix = batch['data_samples'][2:], batch['inputs'].select((2, 3))
    mixed = model.mix(mix, samples)
    truth = torch.stack([s.gt_sem_seg.data[0] for s in samples])
    assert torch.equal(mixed.labels, truth)
    assert torch.equal(mixed.confidence, (truth != 255).float())
    without = build_teacher(ground_truth_mixing=False, **options)
    assert not torch.equal(without.mix(mix, samples).labels, truth)


def test_mixed_images_come_from_both_partners():
    model = build_teacher(strong_augmentation=IDENTITY)
    batch = model.data_preprocessor(teacher_batch(), True)
    mix = batch['inputs'].select((2, 3))
    mixed = model.mix(mix, batch['data_samples'][2:])
    first, second, mask = mix.img_raw[0], mix.img_raw[1], mixed.mask[0]
    assert 0 < mask.float().mean() < 1
    assert torch.allclose(mixed.images[0], torch.where(mask, first, second))


def test_padding_has_no_label():
    """What was added to images, by the batch or by `Pad`, is void, mixed or not."""
    data = teacher_batch()
    data['inputs'][3]['img'] = data['inputs'][3]['img'][:, :40, :56]
    small = data['data_samples'][3]
    for item in ('gt_sem_seg', 'disparity_map'):  # its label comes from the teacher
        delattr(small, item)
    small.set_metainfo(dict(padding_size=(5, 0, 2, 0)))  # and a flip after `Pad`
    for mixing in ('NoMix', 'CutMix'):
        model = build_teacher(mixing=dict(type=mixing), strong_augmentation=IDENTITY)
        batch = model.data_preprocessor(copy.deepcopy(data), True)
        samples, mix = batch['data_samples'][2:], batch['inputs'].select((2, 3))
        mixed = model.mix(mix, samples)
        inside = torch.ones(2, HEIGHT, WIDTH, dtype=torch.bool)
        inside[1, 40:] = inside[1, :, 56:] = False
        inside[1, :2] = inside[1, :, :5] = False
        inside[0] = samples[0].gt_sem_seg.data[0] != 255
        known = torch.where(mixed.mask[:, 0], inside, inside.roll(-1, 0))
        assert torch.equal(mixed.labels != 255, known)
        assert torch.equal(mixed.confidence > 0, known)


@pytest.mark.parametrize('keep_raw', [True, False])
def test_teacher_and_student_see_the_padding_of_the_preprocessor(keep_raw):
    model = build_teacher(
        data_preprocessor=dict(PREPROCESSOR, pad_val=1.5, keep_raw=keep_raw),
        mixing=dict(type='NoMix'),
        strong_augmentation=IDENTITY,
    )
    data = teacher_batch(disparity=False)
    data['inputs'][3]['img'] = data['inputs'][3]['img'][:, :40, :56]
    del data['data_samples'][3].gt_sem_seg
    batch = model.data_preprocessor(data, True)
    mix, samples = batch['inputs'].select((2, 3)), batch['data_samples'][2:]
    seen = []
    model.teacher.module.backbone.register_forward_pre_hook(
        lambda _, args: seen.append(args[0])
    )
    mixed = model.mix(mix, samples)
    for images in (*seen, model.data_preprocessor.normalize(mixed.images)):
        torch.testing.assert_close(images, mix.img, rtol=0, atol=1e-5)
        assert torch.allclose(images[1, :, 40:], torch.tensor(1.5), atol=1e-5)
    assert not keep_raw or not mix.img_raw[1, :, 40:].any()


def test_predictions_of_student_and_teacher_differ_after_training():
    model = build_teacher().eval()
    with torch.no_grad():
        for weight in model.student.parameters():
            weight.add_(torch.randn_like(weight))
    data = teacher_batch()
    teacher = model.test_step(data)[0].seg_logits.data.clone()
    model.predict_with = 'student'
    student = model.test_step(data)[0].seg_logits.data
    assert not torch.allclose(teacher, student)
    with pytest.raises(ValueError, match='predict_with'):
        model.predict_with = 'both'


def test_plain_checkpoint_fills_student_and_teacher():
    plain = build(decode_head=SEG_HEAD).state_dict()
    model = build_teacher()
    found = model.load_state_dict(dict(plain), strict=False)
    assert found.unexpected_keys == []
    for network in (model.student, model.teacher.module):
        assert all(torch.equal(plain[k], v) for k, v in network.state_dict().items())


def test_state_dict_round_trip_keeps_the_teacher_apart():
    model = build_teacher()
    with torch.no_grad():
        next(iter(model.student.parameters())).add_(1.0)
    other = build_teacher()
    other.load_state_dict(model.state_dict())
    assert all(
        torch.equal(v, other.state_dict()[k]) for k, v in model.state_dict().items()
    )


def test_depthmix_without_depth_labels_names_the_transform():
    with pytest.raises(ValueError, match='LoadSDEDisparity'):
        losses_of(build_teacher(), teacher_batch(disparity=False))


def test_batches_without_branches_are_explained():
    data = teacher_batch()
    for sample in data['data_samples']:
        sample.set_metainfo(dict(branch=None))
    with pytest.raises(ValueError, match="branch='labeled'"):
        losses_of(build_teacher(), data)
    with pytest.raises(ValueError, match='decode_head'):
        build_teacher(
            segmentor=dict(
                type='DepthSegmentor',
                backbone=BACKBONE,
                depth_head=dict(
                    type='DecodeDepthHead',
                    decode_head=dict(
                        type='FCNHead',
                        in_channels=64,
                        in_index=-1,
                        channels=8,
                        num_convs=1,
                    ),
                ),
            )
        )


def test_built_by_mmseg(tmp_path):
    """Its init_model sets pretrained and train_cfg to None in every config."""
    from mmseg.apis import init_model

    plain = build(decode_head=SEG_HEAD).state_dict()
    path = str(tmp_path / 'plain.pth')
    meta = dict(dataset_meta=dict(classes=['x'] * CLASSES, palette=None))
    torch.save(dict(state_dict=plain, meta=meta), path)
    config = Config(
        dict(
            default_scope='mmdepthseg',
            model=dict(
                type='MeanTeacher',
                data_preprocessor=PREPROCESSOR,
                mixing=dict(type='NoMix'),
                segmentor=dict(
                    type='DepthSegmentor', backbone=BACKBONE, decode_head=SEG_HEAD
                ),
            ),
        )
    )
    model = init_model(config, path, device='cpu')
    found = model.teacher.module.state_dict()
    assert all(torch.equal(plain[k], v) for k, v in found.items())
    with pytest.raises(ValueError, match="pretrained='a.pth'.*init_cfg"):
        build_teacher(pretrained='a.pth')
    with pytest.raises(ValueError, match='train_cfg.*segmentor'):
        build_teacher(train_cfg=dict(x=1))
    with pytest.raises(ValueError, match='decode_head.*segmentor'):
        build_teacher(decode_head=dict(type='FCNHead'))


def test_share_of_the_mixed_images_loss():
    model = build_teacher(mixing=dict(type='NoMix'), strong_augmentation=IDENTITY)
    seen = []
    model.teacher.module.backbone.register_forward_pre_hook(
        lambda *_: seen.append(model.mix_share)
    )
    data = teacher_batch()
    found = {}
    for share in (1.0, 0.25, 0.0):
        torch.manual_seed(0)
        model.mix_share = share
        found[share] = losses_of(model, data)
    loss = found[1.0]['mix.loss_pseudo']
    assert loss > 0
    torch.testing.assert_close(found[0.25]['mix.loss_pseudo'], 0.25 * loss)
    # at 0 nothing is computed for the mix images
    assert not any(name.startswith('mix.') for name in found[0.0])
    assert 'decode.loss_ce' in found[0.0] and seen == [1.0, 0.25]


def test_teacher_sees_the_images_without_jitter():
    jitter = dict(brightness=0.5, contrast=0.5, saturation=0.5, hue=0.1, p=1.0)
    model = build_teacher(
        data_preprocessor=dict(PREPROCESSOR, color_jitter=jitter),
        mixing=dict(type='NoMix'),
        strong_augmentation=IDENTITY,
    )
    data = teacher_batch()
    batch = model.data_preprocessor(data, True)
    clean = model.data_preprocessor(data, False)['inputs'].img[2:]
    mix = batch['inputs'].select((2, 3))
    assert not torch.allclose(mix.img, clean, atol=0.1)
    seen = []
    model.teacher.module.backbone.register_forward_pre_hook(
        lambda _, args: seen.append(args[0])
    )
    model.mix(mix, batch['data_samples'][2:])
    assert torch.equal(seen[0], clean)
    with pytest.raises(ValueError, match='keep_raw'):
        build_teacher(
            data_preprocessor=dict(PREPROCESSOR, color_jitter=jitter, keep_raw=False)
        )


def train_steps(model, optimizer, first, last):
    """Real steps, with dropout, mixing and strong augmentation at random."""
    for i in range(first, last):
        data = teacher_batch(mix=2 + i % 2)
        total, _ = model.parse_losses(losses_of(model, data))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        model.update_teacher()


def new_training():
    """A model and its optimiser."""
    model = build_teacher()
    return model, torch.optim.AdamW(model.student.parameters(), 1e-2)


def test_resumed_training_is_the_uninterrupted_one():
    model, optimizer = new_training()
    train_steps(model, optimizer, 0, 2)
    stored = io.BytesIO()
    torch.save(
        dict(
            state_dict=model.state_dict(),
            optimizer=optimizer.state_dict(),
            rng=torch.get_rng_state(),
        ),
        stored,
    )
    train_steps(model, optimizer, 2, 4)

    other, other_optimizer = new_training()
    stored.seek(0)
    state = torch.load(stored)
    other.load_state_dict(state['state_dict'])
    other_optimizer.load_state_dict(state['optimizer'])
    torch.set_rng_state(state['rng'])
    assert other.teacher.updates == 2
    train_steps(other, other_optimizer, 2, 4)

    assert other.teacher.updates == model.teacher.updates == 4
    found = other.state_dict()
    different = [
        k for k, v in model.state_dict().items() if not torch.equal(v, found[k])
    ]
    assert different == []


def test_the_preprocessor_of_mmsegmentation_is_refused():
    """It cannot normalise what was mixed."""
    with pytest.raises(ValueError, match='DepthSegDataPreProcessor.*mean, std'):
        build_teacher(data_preprocessor=dict(type='mmseg.SegDataPreProcessor'))


@pytest.mark.parametrize(
    ('mixer', 'disparity', 'needed'),
    [('DepthMix', 'label', True), ('ClassMix', 'label', False)],
)
def test_what_mixing_needs(mixer, disparity, needed):
    model = build_teacher(mixing=dict(type=mixer), disparity=disparity)
    assert model.needs_depth_labels is needed
