# Options of a table's mean teacher that starts from the finished run of a method
# (`after`) and mixes from its first iteration on; and of a second round, from the
# student of another mean teacher.
no_burn_in = {'default_hooks.mean_teacher.burn_in': 0}
pretrained = "dict(type='Pretrained', checkpoint='{after}'%s)"
from_finished = {'+model.segmentor.init_cfg': pretrained % '', **no_burn_in}
from_student = {
    '+model.segmentor.init_cfg': pretrained % ", prefix='student.'",
    **no_burn_in,
}
del no_burn_in, pretrained
