"""What is said more than once in a text. Plain Python: nothing here knows who calls it."""

import re
from collections import Counter

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def repeated(text):
    """The longest phrase that a text has twice or more, and how often; of several, the first."""
    words = [word.lower() for word in WORD.findall(text)]
    for length in range(min(40, len(words) // 2), 0, -1):
        counts = Counter(tuple(words[i : i + length]) for i in range(len(words) - length + 1))
        for phrase, n in counts.items():
            if n > 1:
                return {"phrase": " ".join(phrase), "times": n}
    return {"phrase": "", "times": 0}


def preview(text, width=60):
    """The beginning of a text, on one line."""
    return " ".join(text.split())[:width]
