"""The exact search for the farthest point, at any size of the pool."""
