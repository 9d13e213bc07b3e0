# Mean teacher with ClassMix on a given number of frames without labels, to see how
# many are needed (`...sources.mix.labeled_subset.n`).
_base_ = './ema_lite0_900it_192x96_n8.py'
model = dict(mixing=dict(type='ClassMix'))
train_dataloader = dict(dataset=dict(sources=dict(mix=_base_.mix_pool)))
