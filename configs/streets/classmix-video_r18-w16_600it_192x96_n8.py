# Mean teacher with ClassMix, from scratch; mix frames are any frames of the clips.
_base_ = './ema_r18-w16_600it_192x96_n8.py'
model = dict(mixing=dict(type='ClassMix'), ground_truth_mixing=False)
train_dataloader = dict(
    dataset=dict(sources=dict(mix=dict(_base_.mix_video, _delete_=True)))
)
