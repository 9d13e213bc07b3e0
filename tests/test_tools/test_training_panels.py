"""Panels through tools/train.py, to local files and TensorBoard."""

import torch
from helpers.tiny_streets import CLASSMIX
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

CONFIG = """
_base_ = {base!r}
visualizer = dict(vis_backends=[
    dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')])
custom_hooks = [*_base_.custom_hooks, dict(type='TrainingPanelsHook', interval=2)]
"""


def test_pictures_in_all_backends_and_the_same_weights(run_tool, options, tmp_path):
    config = tmp_path / 'watched.py'
    config.write_text(CONFIG.format(base=str(CLASSMIX)))
    weights = []
    for path, name in ((CLASSMIX, 'plain'), (config, 'watched')):
        out = tmp_path / name
        # MMEngine keeps visualizers by name
        mine = [*options['full'], f'visualizer.name={tmp_path.name}-{name}']
        run_tool('train', path, '--work-dir', out, '--cfg-options', *mine)
        file = torch.load(next(out.glob('iter_*.pth')), weights_only=False)
        weights.append(file['state_dict'])
    assert all(torch.equal(weights[1][key], value) for key, value in weights[0].items())
    pictures = sorted(
        str(path.relative_to(path.parents[1]))
        for path in (tmp_path / 'watched').rglob('vis_image/training/*.png')
    )
    assert pictures == ['training/labelled_0.png', 'training/mixed_0.png']
    events = next((tmp_path / 'watched').rglob('events.out.tfevents*'))
    log = EventAccumulator(str(events.parent), size_guidance=dict(images=0))
    log.Reload()
    assert log.Tags()['images'] == ['training/labelled', 'training/mixed']
