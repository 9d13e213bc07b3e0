# For good depth rather than transfer, the first of two steps: at 192x96, on more clips.
# Validation, and tests, are on the streets of the other configs.
#   python tools/dataset_converters/streets.py --out data/streets
#   python tools/dataset_converters/streets.py --out data/streets_long --clips 240
#   python tools/train.py THIS
_base_ = '../_base_/schedules/sde_streets_long.py'
iterations = 700
train_cfg = dict(max_iters=iterations, val_interval=iterations // 4)
default_hooks = dict(checkpoint=dict(interval=iterations))
