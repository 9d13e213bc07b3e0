"""Weights of other projects, converted into checkpoints of ours."""

from mmdepthseg.checkpoints.converters.convert import PROJECTS, Converted, convert, save

__all__ = ['PROJECTS', 'Converted', 'convert', 'save']
