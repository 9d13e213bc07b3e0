# Frame triplets of two highway clips (Udacity's advanced lane finding video).
#   data/video/<clip>/frames/*.jpg and <clip>/intrinsics.json
_base_ = './clips_sde.py'
clips = ['udacity_highway_a', 'udacity_highway_b']
data_root = 'data/video'
train_dataloader = dict(dataset=dict(data_root=data_root, clips=clips))
# val_clips are of own video
predict_dataloader = dict(
    dataset=dict(data_root=data_root, clips=clips, exclude_clips=[])
)
