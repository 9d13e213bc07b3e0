"""Parts that several models share."""

from .pretrained_init import CheckedPretrainedInit

__all__ = ['CheckedPretrainedInit']
