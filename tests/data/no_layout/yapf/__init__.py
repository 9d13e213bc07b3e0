"""In the place of yapf in processes of tests: see `plain_layout` in conftest.py."""

__version__ = '0.43.0'  # MMEngine reads it
