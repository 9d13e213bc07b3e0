"""Samplers that restart exactly."""

from .infinite_sampler import ResumableInfiniteSampler
from .multi_source_sampler import MultiSourceSampler
from .stream_index import StreamIndex

__all__ = ['MultiSourceSampler', 'ResumableInfiniteSampler', 'StreamIndex']
