# BDD100K's 10,000 images with semantic labels, the 19 classes of Cityscapes.
_base_ = './images_seg.py'
images = dict(
    data_root='data/bdd100k',
    data_prefix=dict(
        img_path='images/10k/{split}', seg_map_path='labels/sem_seg/masks/{split}'
    ),
    label_table='cityscapes_train_ids',
)
train_dataloader = dict(dataset=dict(images, split='train'))
val_dataloader = dict(dataset=dict(images, split='val'))
test_dataloader = val_dataloader
predict_dataloader = dict(dataset=dict(images, split='train'))
