"""Pictures of results."""

from .contact_sheet import color_depth, color_labels, contact_sheet, write_image

__all__ = ['color_depth', 'color_labels', 'contact_sheet', 'write_image']
