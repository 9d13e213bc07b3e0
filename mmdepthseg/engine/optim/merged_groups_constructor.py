"""Optimiser constructor that merges parameter groups with equal settings."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.logging import MMLogger
from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from mmdepthseg.registry import OPTIM_WRAPPER_CONSTRUCTORS

#: The constructors that read the keys of MMEngine's `paramwise_cfg`, and no others.
PARAMWISE_READERS = ('DefaultOptimWrapperConstructor', 'MergedGroupsConstructor')
#: What MMEngine logs for each parameter: two lines each, and one of each teacher's.
_PER_PARAMETER = re.compile(r'paramwise_options -- |\S+ is skipped since its requires_')


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

    The log gets a line for each group; MMEngine's has two for each parameter.

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
        if prefix:
            super().add_params(params, module, prefix, **options)
            return
        logger = MMLogger.get_current_instance()
        with _without_lines_of_parameters(logger):
            super().add_params(params, module, prefix, **options)
        merged: list[dict] = []
        for group in params:
            for other in merged:
                if _settings(other) == _settings(group):
                    other['params'] += group['params']
                    break
            else:
                merged.append(group)
        params[:] = merged
        for number, group in enumerate(merged):
            settings = {'lr': self.base_lr, **_settings(group)}
            values = ', '.join(
                f'{key} {value:g}' if isinstance(value, float) else f'{key} {value}'
                for key, value in settings.items()
            )
            tensors = len(group['params'])
            logger.info(f'Parameter group {number}: {tensors} tensors, {values}')


def _settings(group: dict) -> dict:
    return {key: value for key, value in group.items() if key != 'params'}


@contextmanager
def _without_lines_of_parameters(logger: logging.Logger) -> Iterator[None]:
    def keep(record: logging.LogRecord) -> bool:
        return _PER_PARAMETER.match(record.getMessage()) is None

    logger.addFilter(keep)
    try:
        yield
    finally:
        logger.removeFilter(keep)
