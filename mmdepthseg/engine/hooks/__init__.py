"""Hooks: they decide when something happens."""

from .check_checkpoint_hook import CheckCheckpointHook
from .mean_teacher_hook import MeanTeacherHook
from .non_finite_loss_hook import NonFiniteLossHook
from .random_state_hook import RandomStateHook
from .speed_hooks import ChannelsLastHook, CompileHook

__all__ = [
    "ChannelsLastHook",
    "CheckCheckpointHook",
    "CompileHook",
    "MeanTeacherHook",
    "NonFiniteLossHook",
    "RandomStateHook",
]
