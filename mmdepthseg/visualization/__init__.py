"""What the frameworks draw with: the visualiser and its hook."""
