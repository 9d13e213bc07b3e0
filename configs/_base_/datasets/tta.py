# tools/test.py --tta: the steps after Resize, for an image and its mirror image.
views = [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0)]
pack_views = [dict(type='PackDepthSegInputs')]
mirrored = [
    views,
    [dict(type='LoadSegLabel', evaluate_at='label', after_flip=True)],
    pack_views,
]
# the same for depth: a Cityscapes disparity file, or a map in metres
mirrored_stereo = [
    views,
    [dict(type='LoadStereoDepth', keep_size=True, after_flip=True)],
    pack_views,
]
mirrored_map = [
    views,
    [dict(type='LoadDepthMap', keep_size=True, after_flip=True)],
    pack_views,
]
