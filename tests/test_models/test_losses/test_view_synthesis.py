import pytest
import torch
import torch.nn.functional as F
from helpers.golden import assert_golden, assert_golden_gradient, load
from helpers.one_view import synthesize_view

from mmdepthseg.geometry import pose_vector_to_matrix
from mmdepthseg.models.losses import ViewSynthesisLoss
from mmdepthseg.registry import MODELS

VARIANTS = dict(
    automask=dict(),
    avg=dict(reduce='mean'),
    noautomask=dict(auto_mask=False),
    avg_noautomask=dict(auto_mask=False, reduce='mean'),
    nossim=dict(ssim_weight=0),
    smooth0=dict(smooth_weight=0),
    smooth1=dict(smooth_weight=1),
)


def _golden_inputs():
    data = load('a6')
    poses = [
        data[f'{part}_{frame}'][:, 0].clone().requires_grad_()
        for frame in ('m1', 'p1')
        for part in ('axisangle', 'translation')
    ]
    arguments = dict(
        disparities=[data[f'disp_{s}'].clone().requires_grad_() for s in range(4)],
        target=data['color_0'],
        sources=torch.stack([data['color_m1'], data['color_p1']], 1),
        cam2img=data['K'][:, :3, :3],
        transforms=torch.stack(
            [
                pose_vector_to_matrix(poses[0], poses[1], invert=True),
                pose_vector_to_matrix(poses[2], poses[3]),
            ],
            1,
        ),
        target_pyramid=[
            data[name] for name in ('color_0', 'color_0_s1', 'color_0_s2', 'color_0_s3')
        ],
    )
    return arguments, poses


def _sum(losses):
    return losses['loss_photometric'] + losses['loss_smooth']


@pytest.mark.parametrize('variant', VARIANTS)
def test_golden_losses(variant):
    arguments, _ = _golden_inputs()
    golden = load('a8')
    loss = ViewSynthesisLoss(tie_noise=0, **VARIANTS[variant])
    terms = loss.per_scale(**arguments)
    per_scale = torch.stack([t.photometric + t.smooth for t in terms])
    assert_golden(per_scale, golden[f'{variant}_loss_per_scale'])
    total = loss(**arguments)
    assert_golden(_sum(total), golden[f'{variant}_loss'])
    assert set(total) == {'loss_photometric', 'loss_smooth', 'warped'}
    if f'{variant}_identity_fraction' in golden:
        share = torch.stack([t.warped_share for t in terms])
        expected = 1 - golden[f'{variant}_identity_fraction']
        assert_golden(share, expected, atol=1 / 4096)  # one pixel of 2 x 32 x 64
        assert_golden(total['warped'], expected.mean(), atol=1 / 4096)
        assert not total['warped'].requires_grad


def test_golden_gradients():
    arguments, poses = _golden_inputs()
    golden = load('a7')
    loss = _sum(ViewSynthesisLoss(tie_noise=0)(**arguments))
    assert_golden(loss, golden['loss'])
    loss.backward()
    for scale, disparity in enumerate(arguments['disparities']):
        assert_golden_gradient(disparity.grad, golden[f'grad_disp_{scale}'])
    names = [f'{p}_{f}' for f in ('m1', 'p1') for p in ('axisangle', 'translation')]
    for name, pose in zip(names, poses):
        assert_golden_gradient(pose.grad, golden[f'grad_{name}'])


def test_default_pyramid_is_the_area_average():
    arguments, _ = _golden_inputs()
    loss = ViewSynthesisLoss(tie_noise=0)
    expected = loss(**arguments)['loss_smooth']
    given = arguments.pop('target_pyramid')
    by_default = loss(**arguments)['loss_smooth']
    torch.testing.assert_close(by_default, expected, rtol=1e-2, atol=0)
    arguments['target_pyramid'] = [
        F.avg_pool2d(given[0], 2**scale) if scale else given[0] for scale in range(4)
    ]
    torch.testing.assert_close(loss(**arguments)['loss_smooth'], by_default)


def _plane(auto_mask=True, **options):
    """Target and two sources of a plane at 4 m; true motions."""
    generator = torch.Generator().manual_seed(0)
    wide = F.avg_pool2d(torch.rand(1, 3, 20, 52, generator=generator), 5, 1)
    target, left, right = wide[..., 4:-4], wide[..., :-8], wide[..., 8:]
    transforms = torch.eye(4).repeat(1, 2, 1, 1)
    # f b / z = 4 pixels with f = 20 and z = 4
    transforms[0, :, 0, 3] = torch.tensor([0.8, -0.8])
    disparity = torch.full((1, 1, 16, 40), (1 / 4 - 0.01) / 9.99)
    cam2img = torch.tensor([[[20.0, 0, 20], [0, 20, 8], [0, 0, 1]]])
    loss = ViewSynthesisLoss(auto_mask=auto_mask, tie_noise=0, **options)
    sources = torch.stack([left, right], 1)
    return loss, dict(
        disparities=[disparity.requires_grad_()],
        target=target,
        sources=sources,
        cam2img=cam2img,
        transforms=transforms.requires_grad_(),
    )


def test_true_depth_explains_the_target():
    """Each border strip leaves one source only; the minimum finds the other."""
    loss, scene = _plane()
    (terms,) = loss.per_scale(**scene)
    assert terms.photometric < 1e-3
    assert terms.warped_share > 0.99
    mean_loss, _ = _plane(reduce='mean')
    assert mean_loss.per_scale(**scene)[0].photometric > 10 * terms.photometric


def test_identity_wins_ties_of_a_standing_camera():
    loss, scene = _plane()
    scene['target'] = torch.zeros_like(scene['target'])
    scene['sources'] = torch.zeros_like(scene['sources'])
    (terms,) = loss.per_scale(**scene)
    terms.photometric.backward()
    assert terms.warped_share == 0
    assert scene['disparities'][0].grad.abs().max() == 0


@pytest.mark.parametrize('reduce', ['min', 'mean'])
@pytest.mark.parametrize('auto_mask', [True, False])
def test_pixels_behind_a_camera_take_no_part(reduce, auto_mask):
    """One source lies behind the plane: the loss is that of the other alone."""
    loss, scene = _plane(auto_mask, reduce=reduce)
    behind = scene['transforms'].detach().clone()
    behind[0, 1, 2, 3] = -10
    sources = scene['sources']
    scene['transforms'] = behind.requires_grad_()
    (both,) = loss.per_scale(**scene)
    both.photometric.backward()
    gradient = scene['disparities'][0].grad.clone()
    assert behind.grad[0, 1].abs().max() == 0
    assert gradient.isfinite().all() and gradient.abs().max() > 0

    if auto_mask:  # the identity error of the other source stays
        return
    scene.update(sources=sources[:, :1], transforms=behind[:, :1].detach())
    scene['disparities'][0].grad = None
    (alone,) = loss.per_scale(**scene)
    alone.photometric.backward()
    torch.testing.assert_close(both.photometric, alone.photometric)
    torch.testing.assert_close(gradient, scene['disparities'][0].grad)


@pytest.mark.parametrize('reduce', ['min', 'mean'])
@pytest.mark.parametrize('auto_mask', [True, False])
@pytest.mark.parametrize('damage', ['behind', 'nan'])
def test_nothing_to_look_up_at_all(reduce, auto_mask, damage):
    loss, scene = _plane(auto_mask, reduce=reduce)
    transforms = scene['transforms'].detach().clone()
    transforms[..., 2, 3] = -10 if damage == 'behind' else float('nan')
    scene['transforms'] = transforms.requires_grad_()
    (terms,) = loss.per_scale(**scene)
    terms.photometric.backward()
    for tensor in (scene['disparities'][0], transforms):
        assert tensor.grad.abs().max() == 0
    if auto_mask:
        identity = loss._identity_error(
            scene['sources'], loss.error.prepare(scene['target'])
        )
        torch.testing.assert_close(terms.photometric, identity.mean())
    else:
        assert terms.photometric == 0


@pytest.mark.parametrize('reduce', ['min', 'mean'])
def test_mean_is_over_the_pixels_that_can_be_looked_up(reduce):
    """After a quarter turn one half of the scene lies behind the camera."""
    loss, scene = _plane(auto_mask=False, reduce=reduce)
    turn = torch.tensor([[0.0, torch.pi / 2, 0]])
    transform = pose_vector_to_matrix(turn, torch.zeros(1, 3))
    scene['sources'] = scene['sources'][:, :1]
    scene['transforms'] = transform.unsqueeze(1)
    (terms,) = loss.per_scale(**scene)
    warped, valid = synthesize_view(
        scene['sources'][:, 0],
        torch.full((1, 1, 16, 40), 4.0),
        transform,
        scene['cam2img'],
    )
    assert 0.3 < valid.float().mean() < 0.7
    expected = loss.error(warped, scene['target'])[valid].mean()
    torch.testing.assert_close(terms.photometric, expected)


def test_tie_noise_is_small_and_drawn_each_time():
    _, scene = _plane()
    noisy, exact = ViewSynthesisLoss(), ViewSynthesisLoss(tie_noise=0)
    statistics = exact.error.prepare(scene['target'])
    expected = exact._identity_error(scene['sources'], statistics)
    first, second = (
        noisy._identity_error(scene['sources'], statistics) for _ in range(2)
    )
    assert not torch.equal(first, second)
    assert 1e-6 < (first - expected).std() < 2e-5


@pytest.mark.parametrize('frames', [1, 3])
def test_any_number_of_sources_and_scales(frames):
    sources = torch.rand(3, frames, 3, 16, 24)
    loss = ViewSynthesisLoss()(
        [torch.rand(3, 1, 8, 12)],
        sources[:, 0],
        sources,
        torch.eye(3).expand(3, 3, 3),
        torch.eye(4).expand(3, frames, 4, 4),
    )
    assert all(value.isfinite() for value in loss.values())


def test_autocast_half_disparities_and_channels_last():
    arguments, _ = _golden_inputs()
    loss = ViewSynthesisLoss(tie_noise=0)
    expected = loss(**arguments)
    arguments['target'] = arguments['target'].contiguous(
        memory_format=torch.channels_last
    )
    with torch.autocast('cpu', torch.bfloat16):
        actual = loss(**arguments)
        arguments['disparities'] = [d.bfloat16() for d in arguments['disparities']]
        half = loss(**arguments)
    torch.testing.assert_close(actual, expected)
    half.pop('warped'), expected.pop('warped')  # counts flip with rounding
    assert half['loss_photometric'].dtype == torch.float32
    torch.testing.assert_close(half, expected, rtol=2e-2, atol=0)


def test_arguments_are_checked():
    loss = MODELS.build(dict(type='ViewSynthesisLoss'))
    arguments, _ = _golden_inputs()
    cases = {
        r'sources must have shape \(2, \*, 3, 32, 64\)': dict(
            sources=torch.rand(2, 2, 3, 32, 32)
        ),
        'at least one source': dict(sources=torch.rand(2, 0, 3, 32, 64)),
        'at least one disparity': dict(disparities=[]),
        'disparity': dict(disparities=[torch.rand(1, 1, 32, 64)]),
        r'transforms must have shape \(2, 2, 4, 4\)': dict(
            transforms=torch.eye(4).expand(2, 1, 4, 4)
        ),
        '1 levels for 4 disparities': dict(target_pyramid=[torch.rand(2, 3, 32, 64)]),
    }
    for message, change in cases.items():
        with pytest.raises(ValueError, match=message):
            loss(**{**arguments, **change})
    for options in (
        dict(reduce='max'),
        dict(min_depth=0),
        dict(tie_noise=-1),
        dict(ssim_weight=2),
    ):
        with pytest.raises(ValueError):
            ViewSynthesisLoss(**options)
