"""Optimiser wrappers and how they are made."""

from .bfloat16_optim_wrapper import BFloat16OptimWrapper
from .merged_groups_constructor import MergedGroupsConstructor

__all__ = ["BFloat16OptimWrapper", "MergedGroupsConstructor"]
