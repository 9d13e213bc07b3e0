"""Marks for what does not work in OpenMMLab's own releases, whatever we do."""

import mmseg
import pytest

from mmdepthseg.frameworks import parse_version

#: Whether this environment has OpenMMLab's MMSegmentation, not the maintained fork.
ORIGINALS = parse_version(mmseg.__version__) < (1, 3)


def broken_in_originals(reason: str, error: type[Exception]) -> pytest.MarkDecorator:
    """Expect a test to fail on OpenMMLab's releases, and only there.

    Args:
        reason: What is broken, and in which version.
        error: What the test then ends with.
    """
    return pytest.mark.xfail(ORIGINALS, reason=reason, raises=error, strict=True)
