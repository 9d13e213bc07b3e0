"""Camera motion of a depth model, evaluated from the command line."""

import copy
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import REPO, tiny_models

from mmdepthseg.apis import predict_poses
from mmdepthseg.geometry import axis_angle_to_matrix
from mmdepthseg.launch.config import load_config
from mmdepthseg.registry import DATASETS, MODELS
from mmdepthseg.utils.errors import UserError

CONFIG = REPO / 'configs/streets/sde_r18-w16_500it_192x96.py'


@pytest.fixture
def checkpoint(tmp_path):
    """Random weights of the streets' SDE model."""
    from mmdepthseg.plugin import register_all_modules

    register_all_modules()
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(load_config(CONFIG).model))
    path = tmp_path / 'random.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return path


@pytest.fixture
def cfg_options(streets):
    return [
        f'pose_dataloader.dataset.data_root={streets}',
        'pose_dataloader.num_workers=0',
        f'pose_evaluator.baseline.dataset.data_root={streets}',
    ]


def test_streets_with_random_weights(
    streets, checkpoint, cfg_options, tmp_path, run_tool, capsys
):
    out = tmp_path / 'pose.json'
    run_tool(
        'test_pose', CONFIG, checkpoint, '--out', out, '--cfg-options', *cfg_options
    )
    figures = json.loads(out.read_text())
    printed = capsys.readouterr().out
    (row,) = (line for line in printed.splitlines() if line.startswith('| model'))
    assert f'{figures["rotation"]:.4f}' in row and f'{figures["ate"]:.4f}' in row
    # the truth, from the file itself
    (path,) = streets.glob('poses/val/*/*')
    rows = np.loadtxt(path).reshape(-1, 3, 4)
    turns = rows[:-1, :, :3].transpose(0, 2, 1) @ rows[1:, :, :3]
    angles = np.degrees(np.arccos((np.trace(turns, axis1=1, axis2=2) - 1) / 2))
    assert figures['identity/rotation'] == pytest.approx(angles.mean(), rel=1e-4)
    # untrained, the net drives straight ahead; no sideways minimum could do that
    assert figures['direction'] < 30 < figures['identity/direction']


def test_figures_that_are_unknown(
    streets, checkpoint, cfg_options, tmp_path, run_tool, capsys
):
    out, least = tmp_path / 'pose.json', '+pose_evaluator.min_motion=1000'
    given = ('--out', out, '--cfg-options', *cfg_options, least)
    run_tool('test_pose', CONFIG, checkpoint, *given)
    assert 'scale: nan' in capsys.readouterr().out

    def refuse(text):
        raise AssertionError(f'{text} is not JSON')

    figures = json.loads(out.read_text(), parse_constant=refuse)
    assert figures['scale'] is figures['direction'] is None and figures['rotation'] > 0


def test_what_the_tool_needs(checkpoint, cfg_options, run_tool, capsys):
    for options, message in (
        (['pose_evaluator=None'], 'needs pose_evaluator: frames with true poses'),
        (
            ['model.pose_net=None', 'model.pose_refinement=None'],
            'this model has no pose_net',
        ),
        (['pose_dataloader.dataset.data_prefix.poses_path=x'], 'does not exist'),
    ):
        with pytest.raises(SystemExit):
            run_tool(
                'test_pose', CONFIG, checkpoint, '--cfg-options', *cfg_options, *options
            )
        assert message in capsys.readouterr().err
    options = ('--batch-size', 0, '--cfg-options', *cfg_options)
    with pytest.raises(SystemExit):
        run_tool('test_pose', CONFIG, checkpoint, *options)
    assert 'batch_size=0' in capsys.readouterr().err


class Turner(torch.nn.Module):
    """A pose net that sees which frame it is given: brightness is the angle."""

    def source_transforms(self, batch, offsets):
        """Rotation about y by the difference of the mean brightness, target first."""
        assert offsets == (-1, 2)
        mean = batch.adjacent.mean((2, 3, 4)) - batch.img.mean((1, 2, 3))[:, None]
        vector = torch.zeros(*mean.shape, 3)
        vector[..., 1] = mean
        result = torch.eye(4).repeat(*mean.shape, 1, 1)
        result[..., :3, :3] = axis_angle_to_matrix(vector.flatten(0, 1)).unflatten(
            0, mean.shape
        )
        return result


def test_predictions_belong_to_their_frames(streets):
    model = tiny_models.build(depth_head=tiny_models.DEPTH_HEAD).eval()
    config = dict(
        type='CityscapesSequenceDataset',
        data_root=str(streets),
        frames='sequence',
        offsets=(-1, 1),
    )
    load, neighbours, pack = (
        dict(type=kind)
        for kind in ('LoadImageFromFile', 'LoadAdjacentFrames', 'PackDepthSegInputs')
    )
    dataset = DATASETS.build(dict(config, pipeline=[load, neighbours, pack]))
    with pytest.raises(UserError, match='no pose_net'):
        next(predict_poses(model, dataset, num_workers=0))
    model.pose_net = Turner()
    samples = [dataset[i] for i in range(len(dataset))]
    for sample in samples:
        sample['data_samples'].set_metainfo(dict(adjacent_offsets=(-1, 2)))
    # as a mean teacher has it
    model = SimpleNamespace(student=model, data_preprocessor=model.data_preprocessor)
    done = []
    found = [
        s
        for batch in predict_poses(
            model, samples, 2, 0, lambda *progress: done.append(progress)
        )
        for s in batch
    ]
    assert done == [(2, 3), (3, 3)] and len(found) == 3
    std, mean = (
        np.array(tiny_models.PREPROCESSOR[k]).reshape(3, 1, 1) for k in ('std', 'mean')
    )
    for sample, given in zip(found, samples):
        frames = [given['inputs']['img'], *given['inputs']['adjacent']]
        bright = [((f.numpy()[::-1] - mean) / std).mean() for f in frames]
        sines = [transform[0, 2] for transform in sample.pred_transforms]
        assert np.allclose(sines, np.sin(np.subtract(bright[1:], bright[0])), atol=1e-5)
    alone = DATASETS.build(dict(config, pipeline=[load, pack]))
    with pytest.raises(UserError, match='offsets.*LoadAdjacentFrames'):
        next(predict_poses(model, alone, num_workers=0))
