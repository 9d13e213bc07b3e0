# Is DepthMix ahead of ClassMix? Both of streets_lite0.py, with more seeds; each seed
# has other labels.
#   python tools/run_experiments.py THIS --jobs 2
_base_ = './streets_lite0.py'
title = 'Streets at 192x96, 900 iterations from ImageNet weights: mixing, more seeds'
seeds = [7, 25, 42, 1, 2, 3]
label_counts = [8]
baseline = 'classmix'
methods = [
    method for method in _base_.methods if method['name'] in ('classmix', 'depthmix')
]
