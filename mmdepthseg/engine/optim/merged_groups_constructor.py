"""Optimiser constructor that merges parameter groups with equal settings."""

from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from mmdepthseg.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class MergedGroupsConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's default constructor with groups of equal settings merged.

    With any `paramwise_cfg`, MMEngine puts each parameter into a group of its own, and
    torch's optimisers update one group after another, however small: on a GPU this
    takes a few kernel launches for each parameter instead of a few for all of them. The
    values are the same up to rounding, because clipping sums the norms of the gradients
    in a different order.

    Optimiser states are stored by group, so a run that was started without this
    constructor cannot be resumed with it, or vice versa (`CheckCheckpointHook` reports
    this).

    Args:
        optim_wrapper_cfg: As in MMEngine's constructor.
        paramwise_cfg: As in MMEngine's constructor.
    """

    def add_params(
        self, params: list[dict], module: nn.Module, prefix: str = '', **options
    ) -> None:
        """Add the parameters of a module, and merge the groups at the root module.

        Args:
            params: Parameter groups, modified in place.
            module: Module whose parameters are added.
            prefix: Name of the module; empty for the whole model.
            **options: Passed to MMEngine's method.
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
