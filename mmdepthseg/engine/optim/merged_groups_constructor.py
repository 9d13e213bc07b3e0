"""Few parameter groups instead of one for each parameter."""

from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from torch import nn

from mmdepthseg.registry import OPTIM_WRAPPER_CONSTRUCTORS

_NOT_A_SETTING = ("params", "param_names")


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class MergedGroupsConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's constructor, its groups of equal settings put together.

    With any ``paramwise_cfg`` MMEngine makes each parameter a group of its own, which
    torch's optimisers update one after the other. On a GPU that takes some four kernel
    launches a parameter, with hundreds of parameters a quarter of a step; those of one
    group are updated together, to the same values up to rounding: clipping adds the
    gradients' norms up in another order.

    Optimiser states are stored by group: a checkpoint of a run without this constructor
    cannot be resumed with it, nor the other way round.

    Args:
        optim_wrapper_cfg (dict): as for MMEngine's.
        paramwise_cfg (dict): as for MMEngine's.
    """

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the optimiser wrapper of a model."""
        wrapper = super().__call__(model)
        merged: list[dict] = []
        for group in wrapper.optimizer.param_groups:
            for other in merged:
                if _settings(other) == _settings(group):
                    for key in _NOT_A_SETTING:
                        if key in group:
                            other[key] = [*other[key], *group[key]]
                    break
            else:
                merged.append(group)
        # in place: schedulers and hooks may hold the list
        wrapper.optimizer.param_groups[:] = merged
        return wrapper


def _settings(group: dict) -> dict:
    return {k: v for k, v in group.items() if k not in _NOT_A_SETTING}
