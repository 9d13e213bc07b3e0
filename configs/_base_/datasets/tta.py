# tools/test.py --tta: the steps after Resize, for an image and its mirror image.
mirrored = [
    [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0)],
    [dict(type='LoadSegLabel', evaluate_at='label', after_flip=True)],
    [dict(type='PackDepthSegInputs')],
]
