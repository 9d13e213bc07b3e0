"""Keys that MMEngine would ignore when misspelt."""

import pytest
from mmengine.config import Config

from mmdepthseg.launch.config_keys import check_nested_keys
from mmdepthseg.utils import UserError


def check(**parts) -> None:
    check_nested_keys(Config(parts))


def wrapper(**options) -> dict:
    return dict(optim_wrapper=dict(optimizer=dict(type='SGD', lr=1.0), **options))


def test_all_that_is_read_passes():
    check(
        default_hooks=dict(
            timer=None,
            checkpoint=dict(
                type='CheckpointHook', interval=1, save_best='mIoU', priority='LOW'
            ),
        ),
        **wrapper(
            clip_grad=dict(type='value', clip_value=1.0, foreach=False),
            paramwise_cfg=dict(
                norm_decay_mult=0.0,
                custom_keys=dict(
                    backbone=dict(lr_mult=0.1, decay_mult=0.0, momentum=0.5)
                ),
            ),
        ),
        train_dataloader=dict(
            dataset=dict(
                type='X', datasets=[dict(metainfo=dict(classes=('a',), mine=3))]
            )
        ),
    )
    check()
    check(default_hooks=None, optim_wrapper=None, val_dataloader=None)
    check(default_hooks=dict(checkpoint=None), **wrapper(clip_grad=None))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(clip_grad=dict(max_norm=1, norm_typ=2)), "'norm_typ'; .*'norm_type'"),
        (dict(clip_grad=dict(norm_type=2)), 'clip_grad.*max_norm'),
        (dict(clip_grad=dict(type='value', max_norm=1)), "no key 'max_norm'"),
        (dict(clip_grad=dict(type='nrm', max_norm=1)), "'norm'.*'value'.*'nrm'"),
        (dict(paramwise_cfg=dict(norm_decay_mul=0)), "'norm_decay_mult'"),
        (
            dict(
                paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mul=0.1))),
                constructor='mmdepthseg.MergedGroupsConstructor',
            ),
            r"custom_keys\['backbone'\].*'lr_mul'; .*'lr_mult'",
        ),
    ],
)
def test_optim_wrapper(options, message):
    with pytest.raises(UserError, match=message):
        check(**wrapper(**options))


def test_parts_of_unknown_kind_are_left_alone():
    other = dict(constructor='LearningRateDecayOptimizerConstructor')
    check(**wrapper(paramwise_cfg=dict(num_layers=3), **other))
    check(default_hooks=dict(checkpoint=dict(type='OwnHook', x=1)))
    own = dict(type='OwnOptimizer')
    options = dict(custom_keys=dict(backbone=dict(x=1)))
    check(optim_wrapper=dict(optimizer=own, paramwise_cfg=options))


def test_metainfo_of_parts_of_a_data_set():
    parts = [dict(metainfo=dict(classes=())), dict(metainfo=dict(palete=()))]
    message = r"val_dataloader.dataset.datasets.1.metainfo .* 'palete'; .*'palette'"
    with pytest.raises(UserError, match=message):
        check(val_dataloader=dict(dataset=dict(type='X', datasets=parts)))


@pytest.mark.parametrize(
    ('parts', 'message'),
    [
        (dict(train_dataloader=dict(batch_sizee=3)), "'batch_sizee'; .*'batch_size'"),
        (dict(randomness=dict(seed=0, sed=3)), "randomness.*'sed'; .*'seed'"),
        (dict(randomness=dict(deterministic=True)), "randomness.*'seed'"),
        (
            dict(env_cfg=dict(mp_cfg=dict(opencv_num_thread=0))),
            "env_cfg.mp_cfg.*'opencv_num_thread'; .*'opencv_num_threads'",
        ),
        (
            dict(default_hooks=dict(checkpoint=dict(type='CheckpointHook', intervl=3))),
            "default_hooks.checkpoint.*'intervl'; .*'interval'",
        ),
    ],
)
def test_loaders_randomness_processes_and_hooks(parts, message):
    with pytest.raises(UserError, match=message):
        check(**parts)


@pytest.mark.parametrize(
    ('options', 'named'),
    [
        (dict(shuffle=True), 'shuffle goes into the sampler.*DefaultSampler'),
        (dict(batch_sampler=dict(type='X'), drop_last=True), 'batch_sampler and drop'),
    ],
)
def test_options_of_a_loader_that_exclude_each_other(options, named):
    loader = dict(dataset=dict(type='X'), sampler=dict(type='DefaultSampler'))
    check(val_dataloader=loader, train_dataloader=dict(loader, drop_last=True))
    with pytest.raises(UserError, match=f'train_dataloader.*{named}'):
        check(train_dataloader=dict(loader, **options))


@pytest.mark.parametrize(
    ('parts', 'named'),
    [
        (
            dict(predict_dataloader=dict(dataset=dict(data_root='data'))),
            'predict_dataloader.dataset has no type, only data_root',
        ),
        (
            dict(test_pipeline=dict(Resize=dict(scale=(8, 4)))),
            'test_pipeline must be a list',
        ),
    ],
)
def test_options_do_not_make_data_sets_or_pipelines(parts, named):
    with pytest.raises(UserError, match=f'config: {named}.*options change'):
        check(**parts)


@pytest.mark.parametrize('key', ['collate_fn', 'worker_init_fn'])
def test_functions_of_a_loader(key):
    check(val_dataloader={key: dict(type='default_collate')})
    with pytest.raises(UserError, match=f"val_dataloader.{key}.*'collate'"):
        check(val_dataloader={key: dict(type='collate')})


@pytest.mark.parametrize(
    ('right', 'wrong', 'named'),
    [
        (dict(log_level='DEBUG'), dict(log_level='INFOO'), "log_level.*'INFOO'"),
        (dict(log_level=10), dict(log_level='10'), "log_level.*'10'"),
        (
            dict(randomness=dict(seed=None)),
            dict(randomness=dict(seed=1.5)),
            'seed.*1.5',
        ),
        (
            dict(env_cfg=dict(mp_cfg=dict(mp_start_method='spawn'))),
            dict(env_cfg=dict(mp_cfg=dict(mp_start_method='frk'))),
            "mp_start_method.*fork.*'frk'",
        ),
        (
            dict(auto_scale_lr=dict(enable=True, base_batch_size=8)),
            dict(auto_scale_lr=dict(enable=True, base_batch_size=0)),
            'base_batch_size',
        ),
    ],
)
def test_values_of_the_environment(right, wrong, named):
    check(**right)
    with pytest.raises(UserError, match=f'config: .*{named}'):
        check(**wrong)


def test_a_key_without_effect_in_configs_of_mmsegmentation():
    keys = dict(theta=dict(wd_mult=0.0))
    check(**wrapper(paramwise_cfg=dict(custom_keys=keys)))
