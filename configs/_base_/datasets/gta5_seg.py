# Training on the rendered images of GTA5, validation on Cityscapes.
_base_ = './images_seg.py'
images = dict(
    data_root='data/gta5',
    data_prefix=dict(img_path='images', seg_map_path='labels'),
    img_suffix='.png',
    label_table='gta5',
)
# a few labels have another size than their image
train_dataloader = dict(dataset=dict(images, skip_broken=True, max_broken=100))
val_dataloader = dict(
    dataset=dict(
        type='CityscapesSequenceDataset', data_root='data/cityscapes', split='val'
    )
)
test_dataloader = val_dataloader
predict_dataloader = dict(dataset=images)
