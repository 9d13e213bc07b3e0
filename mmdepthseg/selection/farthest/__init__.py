"""Exact farthest point search for pools of any size."""
