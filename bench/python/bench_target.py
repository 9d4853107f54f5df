"""What the contestants that call Python by name call."""


def echo(x):
    return x
