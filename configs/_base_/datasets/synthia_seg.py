# Training on the rendered images of SYNTHIA-RAND-CITYSCAPES, validation on Cityscapes.
# Three of the 19 classes do not occur: terrain, truck, train.
_base_ = './images_seg.py'
images = dict(
    data_root='data/synthia',
    data_prefix=dict(img_path='RGB', seg_map_path='GT/LABELS'),
    img_suffix='.png',
    label_table='synthia',
)
train_dataloader = dict(dataset=images)
val_dataloader = dict(
    dataset=dict(
        type='CityscapesSequenceDataset', data_root='data/cityscapes', split='val'
    )
)
test_dataloader = val_dataloader
predict_dataloader = dict(dataset=images)
