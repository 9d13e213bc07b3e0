"""Helpers of tools and package; light to import, the frameworks only where used."""

from mmdepthseg.utils.errors import UserError, did_you_mean

__all__ = ['UserError', 'did_you_mean']
