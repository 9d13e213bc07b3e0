import colorsys
import itertools

import numpy as np
import pytest
import torch

from mmdepthseg.models.mixing.color_jitter import (
    ColorJitterParams,
    color_jitter,
    draw_color_jitter,
)

NAMES = ('brightness', 'contrast', 'saturation', 'hue')
LUMA = np.array([0.299, 0.587, 0.114])


def _params(count=1, order=(0, 1, 2, 3), **values):
    full = dict(brightness=1.0, contrast=1.0, saturation=1.0, hue=0.0, **{})
    full.update(values)
    return ColorJitterParams(
        *(torch.as_tensor(full[name]).expand(count) for name in NAMES),
        torch.tensor(order).expand(count, 4),
    )


def _image(seed=0, size=(5, 6)):
    """Muted colours: nothing has to be clamped."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, *size, generator=generator) * 0.4 + 0.3


def _by_loops(image, params, index=0):
    """One operation after the other, one pixel after the other."""
    x = image.numpy().astype(float)
    values = [p[index].item() for p in params[:4]]
    yiq = np.array(
        [LUMA, [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]]
    )
    for operation in params.order[index].tolist():
        value = values[operation]
        grey = np.tensordot(LUMA, x, 1)
        if operation == 0:
            x = x * value
        elif operation == 1:
            x = value * x + (1 - value) * grey.mean()
        elif operation == 2:
            x = value * x + (1 - value) * grey
        else:
            for y, c in np.ndindex(x.shape[1:]):
                luma, i, q = yiq @ x[:, y, c]
                chroma = complex(i, q) * np.exp(-2j * np.pi * value)
                turned = [luma, chroma.real, chroma.imag]
                x[:, y, c] = np.linalg.solve(yiq, turned)
    return x.clip(0, 1)


@pytest.mark.parametrize('order', list(itertools.permutations(range(4))))
def test_agrees_with_plain_loops(order):
    image = _image()
    params = _params(
        order=order, brightness=1.1, contrast=0.8, saturation=1.2, hue=0.07
    )
    np.testing.assert_allclose(
        color_jitter(image, params)[0].numpy(), _by_loops(image[0], params), atol=1e-5
    )


def test_each_image_has_its_own_parameters_and_order():
    images = torch.cat([_image(seed) for seed in range(3)])
    params = draw_color_jitter(
        3, 0.25, 0.25, 0.25, 0.25, generator=torch.Generator().manual_seed(2)
    )
    assert params.order.unique(dim=0).shape[0] > 1
    result = color_jitter(images, params)
    for index in range(3):
        np.testing.assert_allclose(
            result[index].numpy(), _by_loops(images[index], params, index), atol=1e-5
        )


@pytest.mark.parametrize('value', [0.75, 1.25])
def test_agrees_with_pillow(value):
    """ImageEnhance's definitions, to the rounding of 8 bits."""
    enhance = pytest.importorskip('PIL.ImageEnhance')
    from PIL import Image

    image = (_image(size=(16, 16)) * 255).round() / 255
    pixels = (image[0] * 255).round().byte().permute(1, 2, 0).numpy()
    for name, filter_ in (
        ('brightness', enhance.Brightness),
        ('contrast', enhance.Contrast),
        ('saturation', enhance.Color),
    ):
        expected = np.asarray(filter_(Image.fromarray(pixels)).enhance(value))
        result = color_jitter(image, _params(**{name: value}))[0].permute(1, 2, 0)
        np.testing.assert_allclose(result.numpy() * 255, expected, atol=1.5)


def test_hue_turns_as_hsv_does_and_keeps_the_luma():
    red = torch.tensor([0.6, 0.4, 0.4]).view(1, 3, 1, 1)
    for turn, strongest in ((1 / 3, 1), (-1 / 3, 2), (0.5, None)):
        result = color_jitter(red, _params(hue=turn))[0, :, 0, 0].numpy()
        assert result @ LUMA == pytest.approx(red[0, :, 0, 0].numpy() @ LUMA)
        hue = colorsys.rgb_to_hsv(*result.tolist())[0]
        distance = abs((hue - turn + 0.5) % 1 - 0.5)
        assert distance < 0.06  # YIQ's circle is not quite HSV's hexagon
        if strongest is not None:
            assert result.argmax() == strongest
    # There and back, and a full half turn twice, is the identity.
    image = _image()
    back = color_jitter(color_jitter(image, _params(hue=0.1)), _params(hue=-0.1))
    torch.testing.assert_close(back, image, atol=1e-5, rtol=0)


def test_grey_stays_grey():
    grey = torch.rand(1, 1, 4, 4).expand(1, 3, 4, 4)
    result = color_jitter(grey, _params(saturation=0.3, hue=0.4))
    torch.testing.assert_close(result, grey, atol=1e-6, rtol=0)
    flat = color_jitter(_image(), _params(saturation=0.0))
    torch.testing.assert_close(flat[:, 0], flat[:, 2])


def test_frames_of_a_sample_share_parameters():
    frames = torch.cat([_image(seed) for seed in range(6)]).view(2, 3, 3, 5, 6)
    params = draw_color_jitter(2, 0.2, 0.2, 0.2, 0.1)
    result = color_jitter(frames, params)
    for index in range(3):
        torch.testing.assert_close(
            result[:, index], color_jitter(frames[:, index], params)
        )


def test_identity_and_clamping():
    image = _image()
    torch.testing.assert_close(
        color_jitter(image, draw_color_jitter(1)), image, atol=1e-6, rtol=0
    )
    bright = color_jitter(image, _params(brightness=10.0))
    assert bright.max() == 1 and bright.min() >= 0


def test_draws():
    params = draw_color_jitter(2000, 0.2, 0.3, 0.4, 0.1, p=0.5)
    for name, strength in zip(NAMES, (0.2, 0.3, 0.4, 0.1)):
        values = getattr(params, name) - float(name != 'hue')
        assert 0.95 * strength < values.abs().max() <= strength + 1e-6
        same = values == 0
        assert 0.45 < same.float().mean() < 0.55
    assert torch.equal(params.brightness == 1, params.hue == 0)
    assert params.order.unique(dim=0).shape[0] == 24
    assert torch.equal(params.order.sort(1)[0], torch.arange(4).expand(2000, 4))


def test_under_autocast_and_half():
    image, params = _image(), draw_color_jitter(1, 0.2, 0.2, 0.2, 0.1)
    expected = color_jitter(image, params)
    with torch.autocast('cpu', torch.bfloat16):
        torch.testing.assert_close(color_jitter(image, params), expected)
        assert color_jitter(image.bfloat16(), params).dtype == torch.float32


def test_bad_arguments():
    with pytest.raises(ValueError, match=r'\(N, 3, H, W\)'):
        color_jitter(torch.rand(2, 4, 5, 5), _params(2))
    with pytest.raises(ValueError, match='1 .* 2'):
        color_jitter(torch.rand(2, 3, 5, 5), _params(1))
    with pytest.raises(ValueError, match='strengths >= 0'):
        draw_color_jitter(1, brightness=-0.1)
