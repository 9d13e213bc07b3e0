# As depthmix_..., but what is nearer than a random depth stays, whatever the partner
# shows.
_base_ = './depthmix_r18-w16_600it_192x96_n8.py'
model = dict(mixing=dict(_delete_=True, type='DepthThresholdMix'))
# the thresholds are for disparities that fill [0, 1] in each image
mix_pipeline = [*_base_.mix_pipeline]
mix_pipeline[3] = dict(type='LoadSDEDisparity', stretch=True)
mix_stretched = dict(_base_.mix_with_depth, pipeline=mix_pipeline)
train_dataloader = dict(dataset=dict(datasets=[_base_.labeled, mix_stretched]))
