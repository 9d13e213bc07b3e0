custom_imports = dict(imports=['mmdepthseg.plugin'], allow_failed_imports=False)
default_scope = 'mmdepthseg'
# the same for MMSegmentation's get_flops.py
scope = default_scope
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(
    # with its scope for MMSegmentation's browse_dataset.py and MMSegInferencer
    type='mmdepthseg.SegLocalVisualizer',
    vis_backends=vis_backends,
    name='visualizer',
)
# for `--tta`; the pipeline stands with the data set
tta_model = dict(type='DepthSegTTAModel')
log_processor = dict(by_epoch=False)
log_level = 'INFO'
load_from = None
resume = False
randomness = dict(seed=7)
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='CheckpointHook', by_epoch=False, interval=1000, max_keep_ckpts=2
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    sync_buffers=dict(type='SyncBuffersHook'),
    visualization=dict(type='SegVisualizationHook'),
    # not in custom_hooks, which a config replaces as a whole
    check_start=dict(type='CheckStartHook'),
    random_state=dict(type='RandomStateHook'),
    check_checkpoint=dict(type='CheckCheckpointHook'),
    non_finite_loss=dict(type='NonFiniteLossHook'),
    training_summary=dict(type='TrainingSummaryHook'),
)
# for configs that add to it
custom_hooks = []
