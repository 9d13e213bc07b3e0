# Mapillary Vistas v1.2, 65 classes; its 19 of Cityscapes: mapillary19_seg.py.
_base_ = './images_seg.py'
images = dict(
    data_root='data/mapillary',
    # of the older download: '{split}/labels'
    data_prefix=dict(img_path='{split}/images', seg_map_path='{split}/v1.2/labels'),
    label_table='mapillary_vistas',
)
train_dataloader = dict(dataset=dict(images, split='training'))
val_dataloader = dict(dataset=dict(images, split='validation'))
test_dataloader = val_dataloader
predict_dataloader = dict(dataset=dict(images, split='training'))
