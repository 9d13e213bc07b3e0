# Your own video: edit only this file. Depth, selection and segmentation use its values.
# (Setting a variable again in a derived config does not change its bases.)
#   <data_root>/<clip>/frames/*.jpg       sorted by name
#   <data_root>/<clip>/intrinsics.json    {"K": 3x3, "width": ..., "height": ...}
#   <data_root>/<clip>/labels/<stem>.png  of frame <stem>, if it has a label
data_root = 'data/clips'
# (width, height) of the networks' input: the frames' aspect ratio, multiples of 32
scale = (320, 160)
# the same of sde_monodepth2-r18_10k_640x192.py, for Monodepth2's own weights
monodepth2_scale = (640, 192)
# classes of the values 0, 1, ... in the label files; 255 is ignored
classes = ('road', 'pavement', 'building', 'vehicle', 'person', 'other')
# if the files hold other ids, or colours: {7: 0, 26: 3, 0: 255, ...} or
# {'#804080': 0, '#00008E': 3, '#000000': 255, ...}; see docs/data.md
label_table = None
# names of the validation clips; segmentation needs at least one. It does not train on
# them, and selection does not choose their frames.
val_clips = []
dataset_type = 'ClipDataset'
