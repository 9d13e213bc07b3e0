"""Optimiser wrappers and their constructors."""

from mmdepthseg.engine.optim.bfloat16_optim_wrapper import BFloat16OptimWrapper
from mmdepthseg.engine.optim.merged_groups_constructor import MergedGroupsConstructor

__all__ = ['BFloat16OptimWrapper', 'MergedGroupsConstructor']
