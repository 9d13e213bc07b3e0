"""Samplers that resume exactly."""

from mmdepthseg.datasets.samplers.infinite_sampler import ResumableInfiniteSampler
from mmdepthseg.datasets.samplers.multi_source_sampler import MultiSourceSampler
from mmdepthseg.datasets.samplers.stream_index import StreamIndex

__all__ = ['MultiSourceSampler', 'ResumableInfiniteSampler', 'StreamIndex']
