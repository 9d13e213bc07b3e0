"""Hooks that run at fixed points of training, validation and testing."""

from mmdepthseg.engine.hooks.channels_last_hook import ChannelsLastHook
from mmdepthseg.engine.hooks.check_checkpoint_hook import CheckCheckpointHook
from mmdepthseg.engine.hooks.check_start_hook import CheckStartHook
from mmdepthseg.engine.hooks.logger_hook import LoggerHook
from mmdepthseg.engine.hooks.mean_teacher_hook import MeanTeacherHook
from mmdepthseg.engine.hooks.monitor_hooks import CheckpointHook, EarlyStoppingHook
from mmdepthseg.engine.hooks.non_finite_loss_hook import NonFiniteLossHook
from mmdepthseg.engine.hooks.random_state_hook import RandomStateHook
from mmdepthseg.engine.hooks.standing_frames_hook import StandingFramesHook
from mmdepthseg.engine.hooks.stop_signal_hook import StopSignalHook
from mmdepthseg.engine.hooks.training_panels_hook import TrainingPanelsHook
from mmdepthseg.engine.hooks.training_summary_hook import TrainingSummaryHook
from mmdepthseg.engine.hooks.whole_checkpoint_hook import WholeCheckpointHook

__all__ = [
    'ChannelsLastHook',
    'CheckCheckpointHook',
    'CheckStartHook',
    'CheckpointHook',
    'EarlyStoppingHook',
    'LoggerHook',
    'MeanTeacherHook',
    'NonFiniteLossHook',
    'RandomStateHook',
    'StandingFramesHook',
    'StopSignalHook',
    'TrainingPanelsHook',
    'TrainingSummaryHook',
    'WholeCheckpointHook',
]
