"""The error for a sample whose file cannot be used."""

from mmdepthseg.utils import UserError


class BrokenFileError(UserError):
    """A sample's file is missing, truncated or of the wrong kind.

    The message names the file and the remedy. A data set with `skip_broken=True`
    catches the error, counts it and takes another sample.
    """
