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
    text = re.sub(r"\\{2,}([A-Za-z])(?![A-Za-z])", r" \1", text)
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
    """(begin, end) of the n-grams of some words; a Thai letter counts for a quarter of a word, an ideograph for half of one."""
    for begin in range(len(words)):
        ends = (e for e in range(begin + 1, len(words) + 1) if sum(weight(w) for w in words[begin:e]) >= n)
        if (end := next(ends, None)) is not None:
            yield begin, end


def weight(word):
    return 0.25 if "\u0e00" <= word < "\u0e80" else 0.5 if "\u4e00" <= word < "\ua000" else 1


def grams_of(item, n, least):
    """N-grams of what an item asks, as tuples of words, in order."""
    words = plain_words(item)
    found = [tuple(words[a:b]) for a, b in windows(words, n)]
    return (*found, *([tuple(words)] if least <= sum(map(weight, words)) < n else ()))


def held_grams(text, items, n, least):
    """N-grams of items that a text has."""
    words = plain_words(text)
    wanted = {gram for item in items for gram in grams_of(item, n, least)}
    return {gram for gram in wanted if any(tuple(words[k : k + len(gram)]) == gram for k in range(len(words) - len(gram) + 1))}


def expected_grams(text, items, n, least, common=()):
    """Those that are hits: of an item alone and not common, or with half of the n-grams of an item, of a common one two or more."""
    held, distinct = held_grams(text, items, n, least), {grams_of(item, n, least) for item in items}
    hits = set()
    for gram in held:
        owners = [{*grams} for grams in distinct if gram in grams]
        halves = [owner for owner in owners if 2 * len(owner & held) >= len(owner)]
        stands = any(len(owner & held) > 1 for owner in halves) if gram in common else halves or len(owners) == 1
        hits |= {gram} if stands else set()
    return hits
