# Students of data selection (exp. 211): Adam, poly. tools/select_samples.py sets the
# iterations of each student and scales the schedule accordingly.
iterations = 4000
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-4))
# MMEngine's PolyLR ends one step early
param_scheduler = [
    dict(type='PolyLR', by_epoch=False, power=0.9, eta_min=0.0, end=iterations + 1)
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=iterations)
