"""Convert weights of Monodepth2 (Godard et al., ICCV 2019) into a checkpoint.

Takes the folder of a published model with ResNet encoder and, for monocular training,
separate pose encoder: encoder.pth, depth.pth (and pose_encoder.pth, pose.pth).

Example:
    python tools/model_converters/monodepth2.py DOWNLOADED/mono_640x192/ sde.pth
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

        run('monodepth2', __doc__, argv)


if __name__ == '__main__':
    main()
