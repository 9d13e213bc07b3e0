"""Checks of a run before its first iteration; `CheckStartHook` says when."""
