"""Importing this makes float64 the type of new models; for processes of their own."""

import torch

torch.set_default_dtype(torch.float64)
