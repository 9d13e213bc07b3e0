"""Semantic segmentation with self-supervised depth, as MMSegmentation plugins.

Importing the package itself is light on purpose: `mmdepthseg.geometry`,
`mmdepthseg.selection` and `mmdepthseg.streets` work without MMEngine, mmcv and
MMSegmentation. The check that those are there, and fit, is made by
`mmdepthseg.registry`, which every framework part imports.
"""

from mmdepthseg.version import __version__

__all__ = ['__version__']
