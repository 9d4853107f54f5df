"""What the contestants that call Python by name call."""

import os
import time


def echo(x):
    return x


def note(path, line):
    """One line in one write, so that what ran is known however the process ends."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(fd, b"%d\n" % line)
    finally:
        os.close(fd)


def note_slowly(path, line, seconds):
    note(path, line)
    time.sleep(seconds)
