"""Few parameter groups instead of one for each parameter."""

from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from mmdepthseg.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class MergedGroupsConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's constructor, its groups of equal settings put together.

    With any `paramwise_cfg` MMEngine makes each parameter a group of its own, and
    torch's optimisers update group after group, however small: on a GPU that is a few
    kernel launches for each parameter instead of a few for all. The values are the same
    up to rounding: clipping adds the gradients' norms up in another order.

    Optimiser states are stored by group: a run begun without this constructor cannot be
    resumed with it, nor the other way round (`CheckCheckpointHook` says so).

    Args:
        optim_wrapper_cfg: As for MMEngine's.
        paramwise_cfg: As for MMEngine's.
    """

    def add_params(
        self, params: list[dict], module: nn.Module, prefix: str = '', **options
    ) -> None:
        """Add a module's parameters, and at the root merge the groups.

        Args:
            params: Groups, changed in place.
            module: The module.
            prefix: Its name; empty for the whole model.
            **options: MMEngine's own.
        """
        super().add_params(params, module, prefix, **options)
        if prefix:
            return
        merged: list[dict] = []
        for group in params:
            for other in merged:
                if _settings(other) == _settings(group):
                    other['params'] += group['params']
                    break
            else:
                merged.append(group)
        params[:] = merged


def _settings(group: dict) -> dict:
    return {key: value for key, value in group.items() if key != 'params'}
