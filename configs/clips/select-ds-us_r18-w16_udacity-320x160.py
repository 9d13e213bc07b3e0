# Two highway clips (Udacity's advanced lane finding video). Teacher:
# configs/clips/sde_r18-w16_1k_udacity-320x160.py. The frames show no bonnet.
_base_ = './select-ds-us_r18-w16_320x160.py'
clips = dict(
    data_root='data/video',
    clips=['udacity_highway_a', 'udacity_highway_b'],
    exclude_clips=[],  # val_clips are of own video
)
predict_dataloader = dict(dataset=clips)
train_dataloader = dict(dataset=clips)
model = dict(depth_head=dict(valid_height=1.0))
selection = dict(
    teacher='sde_r18-w16_1k_udacity-320x160.py',
    criterion=dict(valid_height=1.0),
)
