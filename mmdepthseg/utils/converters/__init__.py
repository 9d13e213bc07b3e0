"""Weights of other projects, converted into checkpoints of ours."""

from .convert import PROJECTS, Converted, convert, save

__all__ = ["PROJECTS", "Converted", "convert", "save"]
