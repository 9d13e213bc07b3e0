# Two highway clips (Udacity's advanced lane finding video) with their intrinsics.
# data/video/<clip>/frames/*.jpg and <clip>/intrinsics.json:
#   python tools/train.py THIS
_base_ = './sde_r18-w16_1k_320x160.py'
clips = ['udacity_highway_a', 'udacity_highway_b']
data_root = 'data/video'
train_dataloader = dict(dataset=dict(data_root=data_root, clips=clips))
predict_dataloader = dict(dataset=dict(data_root=data_root, clips=clips))
