# Mapillary Vistas v1.2, mapped to the 19 classes of Cityscapes (docs/data.md).
_base_ = './mapillary_seg.py'
train_dataloader = dict(dataset=dict(label_table='mapillary_vistas_19'))
val_dataloader = dict(dataset=dict(label_table='mapillary_vistas_19'))
test_dataloader = val_dataloader
predict_dataloader = dict(dataset=dict(label_table='mapillary_vistas_19'))
