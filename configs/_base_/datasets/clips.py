# Your own video: the one file to edit. What is set here holds for depth, selection and
# segmentation. (A variable that a config sets again changes nothing in its bases.)
#   <data_root>/<clip>/frames/*.jpg       sorted by name
#   <data_root>/<clip>/intrinsics.json    {"K": 3x3, "width": ..., "height": ...}
#   <data_root>/<clip>/labels/<stem>.png  of frame <stem>, where there is a label
data_root = 'data/clips'
# (width, height) at which the networks work: the frames' aspect ratio, multiples of 32
scale = (320, 160)
# what the values 0, 1, ... in the label files mean; 255 is ignored
classes = ('road', 'pavement', 'building', 'vehicle', 'person', 'other')
# names of the clips for validation, one at least for segmentation, which does not train
# on them; nor are frames of them chosen for labels
val_clips = []
dataset_type = 'ClipDataset'
