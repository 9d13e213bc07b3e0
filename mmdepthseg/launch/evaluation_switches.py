"""The switches of tools/test.py, as changes of a config."""

import re
from collections.abc import Iterable

from mmengine.config import Config, ConfigDict

from mmdepthseg.evaluation.depth_metric import WRITE_DEPTH
from mmdepthseg.utils.configs import type_name
from mmdepthseg.utils.errors import UserError
from mmdepthseg.utils.files import check_writable


def enable_drawing(
    config: Config, show: bool, show_dir: str | None, wait_time: float
) -> None:
    """Turn the visualisation hook on.

    Args:
        config: With `default_hooks.visualization` and `visualizer`.
        show: Open a window.
        show_dir: Folder for drawn images, or None.
        wait_time: Seconds that each window is shown.

    Raises:
        UserError: The config has no visualisation hook or no visualiser, or the
            folder cannot be written.
    """
    hook = (config.get('default_hooks') or {}).get('visualization')
    if hook is None:
        raise UserError(
            '--show and --show-dir need default_hooks.visualization in the config, '
            "such as dict(type='SegVisualizationHook')"
        )
    hook['draw'] = True
    if str(hook.get('type')).endswith('SegVisualizationHook'):
        # OpenMMLab's release draws every 50th test image, the maintained fork all
        hook['interval'] = 1
    if show:
        hook.update(show=True, wait_time=wait_time)
    if show_dir:
        if config.get('visualizer') is None:
            raise UserError('--show-dir needs a `visualizer` in the config')
        check_writable(show_dir, 'folder of --show-dir')
        config.visualizer['save_dir'] = show_dir
        _use_ours(config.visualizer, 'SegLocalVisualizer')


def enable_tta(config: Config, options: Iterable[str] = ()) -> None:
    """Wrap the model in the config's `tta_model`, fed by its `tta_pipeline`.

    Args:
        config: The config, changed in place.
        options: Keys of the options that it was changed by.

    Raises:
        UserError: The config lacks one of the two, or an option is for the pipeline
            that is replaced.
    """
    lost = [
        key for key in options if re.match(r'\+*test_dataloader\..*\bpipeline', key)
    ]
    if lost:
        raise UserError(
            f'--cfg-options {", ".join(lost)}: with --tta images go through '
            'tta_pipeline instead of this pipeline; change it there, for example '
            'tta_pipeline.TestTimeAug.transforms.0.Resize.scale=...'
        )
    missing = [k for k in ('tta_model', 'tta_pipeline') if config.get(k) is None]
    if missing:
        raise UserError(f'--tta needs {" and ".join(missing)} in the config')
    dataset = config.test_dataloader.dataset
    while 'dataset' in dataset:  # wrappers such as RepeatDataset
        dataset = dataset.dataset
    dataset.pipeline = config.tta_pipeline
    # the config's data_preprocessor is a default for the model, but MMEngine would give
    # it to the wrapper, which puts it in the place of the model's own
    default = config.pop('data_preprocessor', None)
    if default is not None:
        config.model.setdefault('data_preprocessor', default)
    config.model = ConfigDict(**config.tta_model, module=config.model)


def enable_output(config: Config, folder: str) -> None:
    """Let the segmentation metrics write their predictions to `folder`.

    Raises:
        UserError: The folder cannot be written, or no metric can write predictions.
    """
    check_writable(folder, 'folder of --out')
    evaluators = config.get('test_evaluator') or []
    evaluators = [evaluators] if isinstance(evaluators, dict) else evaluators
    writing = [e for e in evaluators if type_name(e.get('type')).endswith('IoUMetric')]
    if not writing:
        raise UserError(
            f"--out needs an IoUMetric in the config's test_evaluator; {WRITE_DEPTH}"
        )
    for evaluator in writing:
        evaluator.update(output_dir=folder, keep_results=True)
        _use_ours(evaluator, 'IoUMetric')


def _use_ours(part: dict, name: str) -> None:
    """Replace a class of MMSegmentation that names files after the images alone.

    Images of two folders may have the same name. In our scope the name is already ours.
    """
    kind = part.get('type')
    foreign = isinstance(kind, type) and kind.__module__.startswith('mmseg.')
    if kind in (name, f'mmseg.{name}') or (foreign and type_name(kind) == name):
        part['type'] = f'mmdepthseg.{name}'
