"""Visualiser that MMSegmentation's hook draws with."""
