"""Call a tool's `main`, once or several times, in each process of a group.

As a script of torchrun: in_ranks.py TOOL '[["argument", ...], ...]' MODULE, which is
imported first.
"""

import importlib
import json
import runpy
import sys

import torch.distributed

from mmdepthseg.launch.setup import leave_distributed

if __name__ == '__main__':
    # A tool that makes the group may end it too, and torchrun allows no second one.
    torch.distributed.init_process_group('gloo')
    importlib.import_module(sys.argv[3])
    main = runpy.run_path(sys.argv[1])['main']
    for arguments in json.loads(sys.argv[2]):
        main(arguments)
    leave_distributed()
