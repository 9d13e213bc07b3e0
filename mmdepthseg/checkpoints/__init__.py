"""Read checkpoints, match them with models, convert published ones."""
