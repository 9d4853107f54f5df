"""Computes: how alike two texts are. Plain Python: nothing here knows who calls it."""

from difflib import SequenceMatcher


def ratio(a, b):
    """1.0 when they are the same, 0.0 when they have nothing in common."""
    return SequenceMatcher(None, a, b, autojunk=False).ratio()
