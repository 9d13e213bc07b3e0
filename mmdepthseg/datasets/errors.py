"""The one error of a sample whose file cannot be used."""

from mmdepthseg.utils import UserError


class BrokenFileError(UserError):
    """A file of a sample is missing, truncated or not what it should be.

    Its message names the file and the cure. A data set with `skip_broken=True`
    catches it, counts it and takes another sample.
    """
