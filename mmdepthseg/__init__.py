"""Semantic segmentation with self-supervised depth, as MMSegmentation plugins.

Importing the package itself is light on purpose: `mmdepthseg.geometry`,
`mmdepthseg.selection` and `mmdepthseg.streets` work without MMEngine, mmcv and
MMSegmentation. The check that those are there, and fit, is made by
`mmdepthseg.registry`, which every framework part imports.
"""

from pathlib import Path

from mmdepthseg.version import __version__

#: Folder of our configs, in a checkout and where the package is installed. A config of
#: another project may derive from them: `_base_ = __import__('mmdepthseg').CONFIGS +
#: '/streets/supervised_r18-w16_600it_192x96_n8.py'`.
CONFIGS = str(Path(__file__).parent / '.mim/configs')

__all__ = ['CONFIGS', '__version__']
