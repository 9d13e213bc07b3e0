"""ONNX files give what torch gives, for any number of images, and say what it means."""

import importlib.util
import json

import cv2
import numpy as np
import pytest
import torch
from helpers.untrained import DEPTH, MULTI_TASK, TEACHER, save_untrained

from mmdepthseg.apis import Network
from mmdepthseg.apis import onnx_export as module
from mmdepthseg.apis.onnx_export import PACKAGES, Graph, export_onnx
from mmdepthseg.checkpoints.normalization import mean_and_std
from mmdepthseg.launch.config import load_config
from mmdepthseg.utils.errors import UserError

installed = all(importlib.util.find_spec(name) for name in PACKAGES)
needs_onnx = pytest.mark.skipif(not installed, reason='without the extra onnx')


@needs_onnx
def test_both_in_one_graph(tmp_path):
    """From pixels to what `Network` predicts at the network's size."""
    import onnxruntime

    checkpoint = save_untrained(MULTI_TASK, tmp_path / 'a.pth')
    done = export_onnx(
        MULTI_TASK, checkpoint, tmp_path / 'a.onnx', size=(64, 96), part='student'
    )
    assert set(done.differences) == {'logits', 'disparity'}
    assert max(done.differences.values()) < 1e-3
    session = onnxruntime.InferenceSession(str(tmp_path / 'a.onnx'))
    facts = session.get_modelmeta().custom_metadata_map
    assert facts['channels'] == 'RGB' and len(json.loads(facts['classes'])) == 19
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    blob = cv2.cvtColor(image, cv2.COLOR_BGR2RGB).transpose(2, 0, 1)[None]
    logits, disparity = session.run(None, dict(image=blob.astype(np.float32)))
    network = Network(MULTI_TASK, checkpoint, 'cpu', 'student')
    network.pipeline.transforms = [
        step for step in network.pipeline.transforms if type(step).__name__ != 'Resize'
    ]
    [found] = network([image])
    assert np.mean(logits[0].argmax(0) == found.labels) > 0.999
    np.testing.assert_allclose(disparity[0, 0], found.disparity, atol=1e-4)


@needs_onnx
@pytest.mark.parametrize('config, name', [(DEPTH, 'disparity'), (TEACHER, 'logits')])
def test_one_task_at_the_size_of_the_test(config, name, tmp_path):
    checkpoint = save_untrained(config, tmp_path / 'a.pth')
    done = export_onnx(config, checkpoint, tmp_path / 'a.onnx')
    assert set(done.differences) == {name}
    assert done.size == ((96, 192) if config is DEPTH else (128, 256))
    other = 'segmentation' if config is DEPTH else 'depth'
    with pytest.raises(UserError, match=other):
        export_onnx(config, checkpoint, tmp_path / 'b.onnx', what=other)
    assert not (tmp_path / 'b.onnx').exists()


@needs_onnx
def test_model_of_mmsegmentation(tiny_config, tmp_path):
    """Whose preprocessor normalises in other units; its config names no size."""
    config = tiny_config()
    checkpoint = save_untrained(config, tmp_path / 'a.pth')
    with pytest.raises(UserError, match='--size'):
        export_onnx(config, checkpoint, tmp_path / 'a.onnx')
    export_onnx(config, checkpoint, tmp_path / 'a.onnx', size=(32, 48))
    assert (tmp_path / 'a.onnx').is_file()


@needs_onnx
def test_one_channel_for_two_classes(tiny_config, tmp_path):
    """Its largest channel is always the first: the file tells the threshold."""
    import onnxruntime

    config = load_config(tiny_config())
    config.model.decode_head.update(
        num_classes=2,
        out_channels=1,
        threshold=0.3,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True),
    )
    checkpoint = save_untrained(config, tmp_path / 'a.pth')
    export_onnx(config, checkpoint, tmp_path / 'a.onnx', size=(64, 64))
    session = onnxruntime.InferenceSession(str(tmp_path / 'a.onnx'))
    facts = session.get_modelmeta().custom_metadata_map
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    blob = cv2.cvtColor(image, cv2.COLOR_BGR2RGB).transpose(2, 0, 1)[None]
    [logits] = session.run(None, dict(image=blob.astype(np.float32)))
    middle = float(np.median(1 / (1 + np.exp(-logits))))
    assert logits.shape == (1, 1, 64, 64) and json.loads(facts['threshold']) == 0.3
    # as docs/predict.md tells, at a threshold that divides this image
    network = Network(config, checkpoint, 'cpu')
    network.model.decode_head.threshold = middle
    [found] = network([image])
    ours = 1 / (1 + np.exp(-logits[0, 0])) > middle
    assert 0.2 < ours.mean() < 0.8 and np.mean(ours == found.labels) > 0.98


@needs_onnx
def test_windows_of_the_test_are_not_in_the_graph(tiny_config, tmp_path):
    windows = (
        "model['test_cfg'] = dict(mode='slide', crop_size=(32, 32), stride=(16, 16))"
    )
    config = tiny_config(extra=windows)
    checkpoint = save_untrained(config, tmp_path / 'a.pth')
    with pytest.warns(UserWarning, match='slide'):
        export_onnx(config, checkpoint, tmp_path / 'a.onnx', size=(32, 48))


@needs_onnx
@pytest.mark.parametrize('ours', [True, False])
def test_what_the_preprocessor_pads_is_refused(ours, tiny_config, tmp_path):
    """The network predicts padded images, the graph would see them without."""
    config = load_config(DEPTH if ours else tiny_config())
    pad = config.model.data_preprocessor
    pad.update(dict(size_divisor=64) if ours else dict(test_cfg=dict(size_divisor=64)))
    checkpoint = save_untrained(config, tmp_path / 'a.pth')
    with pytest.raises(UserError, match='100x60.*size_divisor.*--size 128 64'):
        export_onnx(config, checkpoint, tmp_path / 'a.onnx', size=(60, 100))
    assert not (tmp_path / 'a.onnx').exists()
    export_onnx(config, checkpoint, tmp_path / 'a.onnx', size=(64, 128))


@needs_onnx
def test_difference_is_an_error(tiny_config, tmp_path, monkeypatch):
    config = tiny_config()
    checkpoint = save_untrained(config, tmp_path / 'a.pth')
    forward = Graph.forward

    def other(self, image):
        [logits] = forward(self, image)
        return (logits + 0.1 * (not torch.jit.is_tracing()),)

    monkeypatch.setattr(Graph, 'forward', other)
    with pytest.raises(UserError, match='logits'):
        export_onnx(config, checkpoint, tmp_path / 'a.onnx', size=(32, 48))
    assert not [*tmp_path.glob('a.onnx*')]


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr(module, 'PACKAGES', ('torch', 'not_installed'))
    with pytest.raises(UserError, match=r'not_installed.*\[onnx\]'):
        export_onnx('c.py', 'c.pth', 'c.onnx')


@pytest.mark.parametrize('config', [DEPTH, None])
def test_normalization_in_units_of_pixels(config, tiny_config, tmp_path):
    config = config or tiny_config()
    model = Network(config, save_untrained(config, tmp_path / 'a.pth'), 'cpu').model
    mean, std = mean_and_std(model.data_preprocessor)
    image = torch.randint(0, 256, (3, 32, 48), dtype=torch.uint8)
    data = model.data_preprocessor(dict(inputs=[image], data_samples=None), False)
    wanted = data['inputs'][0]
    torch.testing.assert_close((image.flip(0).float() - mean) / std, wanted)


@needs_onnx
@pytest.mark.parametrize('verbose', [False, True])
def test_an_operator_that_onnx_does_not_have(verbose, tmp_path, capfd):
    network = torch.nn.AdaptiveAvgPool2d(3)  # not a factor of 8
    with pytest.raises(
        UserError, match='adaptive_avg_pool2d.*--size.*--debug'
    ) as caught:
        module._trace(network, tmp_path / 'a.onnx', ['logits'], (8, 8), verbose)
    assert len(str(caught.value)) < 400 and '\n' not in str(caught.value)
    print('and on')
    lines = capfd.readouterr().out.splitlines()
    assert lines[-1] == 'and on'
    assert (len(lines) > 1) == verbose
