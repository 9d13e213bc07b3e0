"""Convert weights of Hoyer et al. (CVPR 2021) into a checkpoint.

Takes the folder of a self-supervised depth network (encoder.pth, depth.pth,
pose_encoder.pth, pose.pth), or a best_model*.pkl of it, of a segmentation network
(exp. 210, 211) or of a multi-task network (exp. 212).

Example:
    python tools/model_converters/authors.py DOWNLOADED/mono_cityscapes/ sde.pth
"""

import sys
from pathlib import Path

# A checkout works without being installed, from any folder.
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]

from mmdepthseg.launch.errors import friendly_errors  # noqa: E402


def main(argv: list[str] | None = None) -> None:
    """Entry point."""
    with friendly_errors('--debug' in (sys.argv if argv is None else argv)):
        from mmdepthseg.utils.compat import require_frameworks

        require_frameworks()
        from conversion import run

        run('authors', __doc__, argv)


if __name__ == '__main__':
    main()
