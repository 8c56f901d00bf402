"""What the tests of decontaminate and contamination share: words by the standard library, n-grams by search, small benchmarks."""

import json
import re
import unicodedata

import pyarrow as pa
from hypothesis import strategies as st

from stages.benchmarks.words import GREEK

WORDS = ["a", "b", "the", "mill", "12", "中", "é", "\\alpha", "x_1", "ก", "กข"]
few_words = st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join)


def plain_words(text):
    """Words by the standard library, in the form they are compared in."""
    found, kind_before = [], None
    text = re.sub(r"\\+([A-Za-z]+)", lambda m: f"\ue000{GREEK[m[1].lower()]}\ue000" if m[1].lower() in GREEK else " ", text)
    for number, part in enumerate(text.split("\ue000")):
        if number % 2:
            found.append(part)
            kind_before = None
            continue
        for char in part:
            lower = "i" if char == "\u0130" else char.lower() if len(char.lower()) == 1 else char
            if ord(char) in range(0x300, 0x370) or char in "\u00ad\u200c\u200d\u2060\ufeff\u200e\u202e":
                continue
            folded = [c for c in unicodedata.normalize("NFKD", lower) if ord(c) not in range(0x300, 0x370)]
            if (ord(char) < 0x530 or 0x1D00 <= ord(char) < 0x2150 or 0xFF01 <= ord(char) < 0xFF5F or ord(char) >= 0x1D400) and len(
                folded
            ) == 1:
                lower = folded[0].lower()
            category = unicodedata.category(lower)
            name = unicodedata.name(lower, "")
            alone = name.startswith(("CJK", "HIRAGANA", "KATAKANA", "THAI CHARACTER")) and category[0] == "L"
            kind = "alone" if alone else category[0] if category[0] in "LN" else "M" if category[0] == "M" else None
            if kind == "M" and kind_before:
                found[-1] += lower
                continue
            if kind is not None:
                kind = "L" if kind == "M" else kind
                if kind == kind_before and kind != "alone":
                    found[-1] += lower
                else:
                    found.append(lower)
            kind_before = kind
    return found


def write(path, *items):
    path.write_text("".join(json.dumps(i if isinstance(i, dict) else {"question": i}, ensure_ascii=False) + "\n" for i in items), "utf-8")
    return str(path)


def documents(*texts):
    return pa.table({"text": pa.array(texts, pa.large_string())})


def windows(words, n):
    """(begin, end) of the n-grams of some words; a Thai letter counts for a quarter of a word."""
    for begin in range(len(words)):
        ends = (e for e in range(begin + 1, len(words) + 1) if sum(weight(w) for w in words[begin:e]) >= n)
        if (end := next(ends, None)) is not None:
            yield begin, end


def weight(word):
    return 0.25 if "\u0e00" <= word < "\u0e80" else 1


def expected_grams(text, items, n, least):
    """N-grams of items, as tuples of words, that a text has."""
    words = plain_words(text)
    wanted = set()
    for item in items:
        parts = plain_words(item)
        wanted |= {tuple(parts[a:b]) for a, b in windows(parts, n)}
        if least <= sum(map(weight, parts)) < n:
            wanted.add(tuple(parts))
    return {gram for gram in wanted if any(tuple(words[k : k + len(gram)]) == gram for k in range(len(words) - len(gram) + 1))}
