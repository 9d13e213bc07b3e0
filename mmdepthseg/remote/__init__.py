"""Tables on a machine without network; the machine's part imports no package."""
