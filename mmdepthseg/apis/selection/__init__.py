"""Select frames with networks: features and scores of a pool, one folder each."""

from mmdepthseg.apis.selection.run import NetworkSelection

__all__ = ['NetworkSelection']
