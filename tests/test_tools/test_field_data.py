"""A data set of the field through the training's tool, with its validation."""

from helpers import REPO, field_data, tiny_models

from mmdepthseg.launch.config import load_config

CONFIG = """
_base_ = ['{repo}/configs/_base_/datasets/synthia_seg.py',
          '{repo}/configs/_base_/default_runtime.py',
          '{repo}/configs/_base_/schedules/seg_600it.py']
model = dict(type='DepthSegmentor', backbone={backbone!r}, decode_head={head!r},
             data_preprocessor={preprocessor!r})
train_pipeline = {train!r}
val_pipeline = {val!r}
train_dataloader = dict(
    num_workers=0,
    dataset=dict(data_root='{root}/synthia', pipeline=train_pipeline))
val_dataloader = dict(
    num_workers=0, dataset=dict(data_root='{root}/cityscapes', pipeline=val_pipeline))
test_dataloader = val_dataloader
train_cfg = dict(max_iters=1, val_interval=1)
"""


def test_rendered_images_and_real_validation(tmp_path, at_home, run_tool, capfd):
    field_data.synthia(tmp_path / 'synthia')
    field_data.cityscapes_val(tmp_path / 'cityscapes')
    cfg = load_config('configs/_base_/datasets/synthia_seg.py')
    loaders = {key: cfg[f'{key}_dataloader'].to_dict() for key in ('train', 'val')}
    small = {k: field_data.smaller(v['dataset'], 8) for k, v in loaders.items()}
    config = tmp_path / 'tiny.py'
    text = CONFIG.format(
        repo=REPO,
        root=tmp_path,
        backbone=tiny_models.BACKBONE,
        head=dict(tiny_models.SEG_HEAD, num_classes=19),
        preprocessor=dict(tiny_models.PREPROCESSOR, keep_raw=False),
        train=small['train']['pipeline'],
        val=small['val']['pipeline'],
    )
    config.write_text(text)
    run_tool('train', config, '--work-dir', tmp_path / 'work')
    printed = capfd.readouterr()
    printed = printed.out + printed.err
    # nothing of SYNTHIA's ids is lost: its labels show all classes here
    assert 'none of the 1 labels' not in printed and 'mIoU' in printed
    assert (tmp_path / 'work/iter_1.pth').is_file()
