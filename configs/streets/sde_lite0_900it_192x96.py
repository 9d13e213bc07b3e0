# Depth as `make demo` learns it: the loss at the finest scale alone takes less time, so
# that 900 iterations are affordable, in which near objects begin to show.
_base_ = './sde_lite0_500it_192x96.py'
model = dict(depth_head=dict(num_scales=1))
iterations = 900
train_cfg = dict(max_iters=iterations, val_interval=iterations)
default_hooks = dict(checkpoint=dict(interval=iterations // 2))
