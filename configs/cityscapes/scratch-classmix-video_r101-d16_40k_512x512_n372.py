# Mean teacher with ClassMix; mix images are any frames of the video.
_base_ = './scratch-ema_r101-d16_40k_512x512_n372.py'
model = dict(mixing=dict(type='ClassMix'))
train_dataloader = dict(
    dataset=dict(sources=dict(mix=dict(_base_.mix_video, _delete_=True)))
)
