"""The paper's three training steps as their formulas read, to compare ours with.

Networks of plain torch modules (names as in our checkpoints, so that these load), the
losses written out, `F.interpolate`, torch's optimisers with their defaults. Nothing is
computed twice on purpose, and nothing is made quicker than a careful first version
would be: the ratio of our step to this one tells what the package's own ways bring.
"""
