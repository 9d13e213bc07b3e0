"""From a config file and options to a Runner; errors of the command line."""
