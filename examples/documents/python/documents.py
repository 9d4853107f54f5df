"""Statistics of English texts, and how alike two of them are. Plain Python: nothing here knows who calls it."""

import math
import re
from collections import Counter
from difflib import SequenceMatcher
from functools import lru_cache
from pathlib import Path

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
SENTENCE_END = re.compile(r"[.!?:;](?:\s|$)")
VOWELS = re.compile(r"[aeiouyæœ]+")


def statistics(path):
    """Counts one document, and says how rich its vocabulary is and how easy it is to read."""
    words, text = words_of(path), Path(path).read_text(encoding="utf-8")
    counts = Counter(words)
    sentences = max(1, len(SENTENCE_END.findall(text)))
    syllables = sum(syllables_of(word) * n for word, n in counts.items())
    return {
        "words": len(words),
        "sentences": sentences,
        "vocabulary": len(counts),
        "richness": richness(words),
        "readability": 206.835 - 1.015 * len(words) / sentences - 84.6 * syllables / len(words),
        "common": [word for word, _ in counts.most_common(60) if len(word) > 4][:3],
    }


def compare(folder, one, other):
    """How alike two documents are, and the longest passage that both of them have, word for word."""
    a, b = words_of(one), words_of(other)
    match = SequenceMatcher(None, a, b, autojunk=False).find_longest_match(0, len(a), 0, len(b))
    passage = " ".join(a[match.a : match.a + match.size])
    return {"likeness": cosine(vector(folder, one), vector(folder, other)), "passage": passage}


def cosine(a, b):
    """Of two tf-idf vectors: 0 when they share no telling word, 1 when they use all of them alike."""
    if len(b) < len(a):
        a, b = b, a
    return sum(weight * b.get(term, 0.0) for term, weight in a.items())


@lru_cache(maxsize=None)
def words_of(path):
    return tuple(word.lower() for word in WORD.findall(Path(path).read_text(encoding="utf-8")))


def terms_of(path):
    """Words, and pairs of words that follow each other."""
    words = words_of(path)
    return Counter(words) + Counter(zip(words, words[1:]))


@lru_cache(maxsize=None)
def rarity(folder):
    """For each term of the folder: the logarithm of how few of the documents have it."""
    paths = sorted(Path(folder).glob("*.txt"))
    spread = Counter(term for path in paths for term in terms_of(str(path)))
    return {term: math.log(len(paths) / n) for term, n in spread.items()}


@lru_cache(maxsize=None)
def vector(folder, path):
    rare = rarity(folder)
    weights = {term: (1 + math.log(n)) * rare[term] for term, n in terms_of(path).items()}
    length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
    return {term: weight / length for term, weight in weights.items() if weight > 0}


def richness(words, window=500):
    """The share of different words in a stretch of text, so that long documents can be compared with short ones."""
    stretches = [words[i : i + window] for i in range(0, max(1, len(words) - window + 1), window)]
    return sum(len(set(stretch)) / len(stretch) for stretch in stretches) / len(stretches)


def syllables_of(word):
    count = len(VOWELS.findall(word)) - (word.endswith("e") and not word.endswith("le"))
    return max(1, count)
