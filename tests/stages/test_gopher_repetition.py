import re
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stage_checks import reasons, run

from curation.stage import Batch
from curation.text import CLASS_BLOCKS, CLASS_INDEX, Utf8
from curation.unicode_tables import CJK, SEA, SPACES
from stages.heuristics.gopher_repetition import SHARES, gopher_repetition


def table(*texts):
    return pa.table({"text": pa.array(texts, pa.large_string())})


def unique(n, first=0):
    """n different words of six characters."""
    return [f"w{k:05d}" for k in range(first, first + n)]


def phrases(n, copies, different, total):
    """A line of `total` words of six characters: `different` phrases of n words, each `copies` times, never side by side."""
    found, fresh = [], iter(unique(total, 10_000))
    for k in range(different):
        for _ in range(copies):
            found += [*unique(n, k * n), next(fresh)]
    return " ".join(found + [next(fresh) for _ in range(total - len(found))])


def parts(copies, others, between, other_form="{}"):
    """`copies` times the line `x`, then `others` different long ones."""
    return between.join(["x"] * copies + [other_form.format(*unique(2, 2 * k)) for k in range(others)])


def weighed(between, rest):
    """A word of 20 characters twice, between it words of `rest` characters in all."""
    long = "y" * 20
    words = [c * 7 for c in "abcdefg"] + ["h" * (rest - 49)]
    return between.join([long, *words, long])


LINES_ONLY = {"max_dup_line_chars": None}

CASES = [
    pytest.param("", {}, None, id="empty"),
    pytest.param(None, {}, None, id="null"),
    pytest.param("\n \r\n\t\n", {}, None, id="white space"),
    pytest.param("one two", {}, None, id="a short text repeats nothing"),
    pytest.param(parts(4, 6, "\n"), {}, None, id="lines at the bound"),
    pytest.param(parts(5, 5, "\n"), {}, "dup_lines", id="a line too many"),
    pytest.param(parts(5, 5, " \n\n\n\t"), {}, "dup_lines", id="blank lines are none"),
    pytest.param(parts(5, 5, "\n"), {"max_dup_lines": 0.4}, None, id="another bound of lines"),
    pytest.param(parts(4, 6, "\n\n", "{}\n{}"), {}, None, id="paragraphs at the bound"),
    pytest.param(parts(5, 5, "\n\n", "{}\n{}"), {}, "dup_paragraphs", id="a paragraph too many"),
    pytest.param(weighed("\n", 60), {}, None, id="characters of lines at the bound"),
    pytest.param(weighed("\n", 59), {}, "dup_line_chars", id="a character of lines too many"),
    pytest.param(weighed("\n\n", 60), LINES_ONLY, None, id="characters of paragraphs at the bound"),
    pytest.param(weighed("\n\n", 59), LINES_ONLY, "dup_para_chars", id="a character of paragraphs too many"),
    pytest.param(phrases(2, 2, 1, 20), {}, None, id="top 2-gram at the bound"),
    pytest.param(phrases(2, 2, 1, 19), {}, "top_2gram", id="top 2-gram over it"),
    pytest.param(phrases(3, 3, 1, 50), {}, None, id="top 3-gram at the bound"),
    pytest.param(phrases(3, 3, 1, 49), {}, "top_3gram", id="top 3-gram over it"),
    pytest.param(phrases(4, 2, 1, 50), {}, None, id="top 4-gram at the bound"),
    pytest.param(phrases(4, 2, 1, 49), {}, "top_4gram", id="top 4-gram over it"),
    *(pytest.param(phrases(n, 2, 20 - n, 100 * n), {}, None, id=f"duplicate {n}-grams at the bound") for n in range(5, 11)),
    *(pytest.param(phrases(n, 2, 20 - n, 100 * n - 1), {}, f"dup_{n}gram", id=f"duplicate {n}-grams over it") for n in range(5, 11)),
    pytest.param(phrases(5, 2, 15, 499), {"max_dup_5gram": None}, None, id="no bound of 5-grams"),
    pytest.param(phrases(5, 2, 15, 499).replace("w", "W", 1), {}, None, id="case makes a difference"),
    pytest.param("", {"variant": "datatrove"}, "empty", id="empty in datatrove"),
    pytest.param(" ", {"variant": "datatrove"}, None, id="a space is not empty"),
    pytest.param("one two", {"variant": "datatrove"}, "top_2gram", id="a short text is all top n-gram in datatrove"),
    pytest.param("\n", {"variant": "datatrove"}, "dup_lines", id="two empty lines around a line feed"),
    pytest.param(parts(5, 5, "\n\n"), {"variant": "datatrove"}, "dup_paragraphs", id="paragraphs before lines"),
]


@pytest.mark.parametrize(("text", "values", "reason"), CASES)
def test_case(text, values, reason):
    assert reasons(gopher_repetition, table(text), **values) == [reason]


def test_all_cases_in_one_table():
    rows = [case.values for case in CASES if not case.values[1]]
    assert reasons(gopher_repetition, table(*[r[0] for r in rows])) == [r[2] for r in rows]
    assert {case.values[2] for case in CASES} - {None} == set(gopher_repetition.drops)


def alone(rule, bound):
    """Parameters of datatrove's variant with one rule."""
    return dict.fromkeys([f"max_{r}" for r in SHARES]) | {f"max_{rule}": bound, "variant": "datatrove"}


ALL_AT_ONCE = "\n\n".join([" ".join(unique(10)), "x\ny\nx", "a b", "a b c", " ".join(unique(40)), " ".join(unique(10))])


@pytest.mark.parametrize("rule", SHARES)
def test_bounds_of_datatrove(rule):
    """A share at the bound is kept, one above it by the last bit of a float32 is not."""
    share = slow_datatrove(ALL_AT_ONCE)[rule]
    assert share > 0
    assert reasons(gopher_repetition, table(ALL_AT_ONCE), **alone(rule, share)) == [None]
    assert reasons(gopher_repetition, table(ALL_AT_ONCE), **alone(rule, float(np.nextafter(np.float32(share), np.float32(0))))) == [rule]


@pytest.mark.parametrize(
    ("text", "rule", "value"),
    [
        pytest.param("a b c d a b", "top_2gram", round(3 * 2 / 11, 4), id="spaces count"),
        pytest.param("a a a a", "top_2gram", round(3 * 3 / 7, 4), id="overlaps count"),
        pytest.param("aa bb c d e f", "top_2gram", round(5 / 13, 4), id="the first of those that occur once"),
        pytest.param("c d aa bb c d aa bb", "top_2gram", round(3 * 2 / 19, 4), id="the first, not the longest"),
        pytest.param("a b c d e x a b c d e", "dup_5gram", round(5 / 21, 4), id="marks and spaces are in the text"),
        pytest.param("a a a a a a a a a a a", "dup_5gram", round(10 / 21, 4), id="the search goes on behind a duplicate"),
        pytest.param("ab c d e f x a bc d e f", "dup_5gram", round(6 / 23, 4), id="words run together"),
        pytest.param("ab c d e f x a bc d e f", "dup_6gram", 0.0, id="and no longer"),
        pytest.param("a b c d e f g h x ab c d e fgh i j k", "dup_8gram", 0.0, id="of as many words"),
        pytest.param("a\n\n\nb\n\n a\n\na", "dup_paragraphs", 0.25, id="white space counts"),
        pytest.param("\n\na\n\nb\n \n\na", "dup_paragraphs", 0.3333, id="but not at the ends of the text"),
        pytest.param("\na\nb\n", "dup_lines", 0.25, id="empty lines at both ends are equal"),
        pytest.param("a\nb\n", "dup_lines", 0.0, id="one is no duplicate"),
        pytest.param("a\r\nb\ra\r\nb", "dup_lines", 0.0, id="a carriage return ends no line"),
        pytest.param("aa\nb\naa", "dup_line_chars", round(2 / 7, 4), id="of the characters of the text"),
    ],
)
def test_how_datatrove_counts(text, rule, value):
    assert facts(text, variant="datatrove")[rule] == value


def facts(text, **values):
    found = run(gopher_repetition, table(text), **values)
    return {rule: round(found[f"{rule}_fraction"][0], 4) for rule in SHARES}


@pytest.mark.parametrize(
    ("text", "rule", "value"),
    [
        pytest.param("a\nb\na\na", "dup_lines", 0.5, id="the first copy is none"),
        pytest.param("aa\r\nb\r aa\u2028", "dup_line_chars", 0.4, id="line ends and white space do not matter"),
        pytest.param("a\nb\n\nc\n\n\na\nb", "dup_paragraphs", 0.3333, id="paragraphs of lines"),
        pytest.param("a\nb\n\nc\n\n\na\nb", "dup_para_chars", 0.4286, id="with their line ends"),
        pytest.param("a b c", "top_3gram", 0.0, id="what occurs once is no top n-gram"),
        pytest.param("aa b aa b c d e f", "top_2gram", 0.6, id="characters of words alone"),
        pytest.param("a b x a b ccc d y ccc d", "top_2gram", 0.5714, id="of two equally frequent the longer"),
        pytest.param("a b x a b y a b ccccccccc d z ccccccccc d", "top_2gram", 0.2069, id="the more frequent before the longer"),
        pytest.param("a a a a a a a a", "top_2gram", 1.0, id="overlaps count once"),
        pytest.param("a a a a a a a a", "dup_5gram", 0.875, id="all but the first word"),
        pytest.param("a b c d e x a b c d e", "dup_5gram", 0.4545, id="a repeated 5-gram"),
        pytest.param("a b c d e x a b c d e", "dup_6gram", 0.0, id="which is no 6-gram"),
        pytest.param("é b c d e x é b c d e", "dup_5gram", 0.4545, id="characters, not bytes"),
        pytest.param("一二三四五六七八九十天一二三四五六七八九十", "dup_5gram", 0.4762, id="ten of chinese for five"),
        pytest.param("一二三四五六七八九天一二三四五六七八九", "dup_5gram", 0.0, id="nine are too few"),
    ],
)
def test_how_is_counted(text, rule, value):
    assert facts(text)[rule] == value


def test_word_characters_of_unspaced_scripts():
    chinese, thai = "一二三四五天一二三四五", "กขคงจ" + "ฮ" + "กขคงจ"
    assert facts(chinese, cjk_word_chars=1)["dup_5gram"] == 0.4545
    assert facts(thai, sea_word_chars=1)["dup_5gram"] == 0.4545
    assert facts(thai)["dup_5gram"] == 0.0
    assert facts("กขคง" * 5 + "ฮ" + "กขคง" * 5, sea_word_chars=4)["dup_5gram"] > 0.4
    for half in (" ".join([text, *unique(11)]) for text in (chinese, thai)):  # not most of the words
        assert facts(half)["dup_5gram"] > 0
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        gopher_repetition.params(cjk_word_chars=0)


def test_bounds_by_language():
    rows = table(*[phrases(2, 2, 1, 19)] * 3).append_column("lang", pa.array(["zh", "en", None]))
    assert reasons(gopher_repetition, rows, max_top_2gram={"default": 0.2, "zh": None}) == [None, "top_2gram", "top_2gram"]


@pytest.mark.parametrize(
    "text",
    ["x" * 1_000_000, "\n" * 1_000_000, "a " * 500_000, "中" * 300_000, "a\n" * 500_000, "a\n\n" * 300_000, "ก" * 300_000],
    ids=["one word", "newlines", "words", "chinese", "lines", "paragraphs", "thai"],
)
def test_large_odd_documents(text):
    found = run(gopher_repetition, table("", text, None))
    assert (found["drop_reason"][1] is None) == (len(set(text)) == 1 and text[0] in "x\n")
    assert all(0 <= v <= 1 for name, values in found.items() if name != "drop_reason" for v in values)


def test_a_small_document_after_a_large_one():
    """What the large document left in the shared table does not matter."""
    large, small = " ".join(unique(5_000)), " ".join(unique(40, 2_000))
    found = run(gopher_repetition, table(large, small, small, large, small))
    assert {v for name, values in found.items() for v in values} == {0.0, None}


def test_bytes_that_are_not_utf8():
    texts = [b"\xff\xff\n\xff\xff\n", b"a\xe4\xb8", b"\x80" * 50, b"\xe0", None]
    found = run(gopher_repetition, pa.table({"text": pa.array(texts, pa.large_binary())}))
    assert found["dup_lines_fraction"] == [0.5, 0, 0, 0, 0]


def kind(char):
    return int(CLASS_BLOCKS[(int(CLASS_INDEX[ord(char) >> 8]) << 8) | (ord(char) & 255)])


def again(parts):
    """Shares of parts and of their characters that came before."""
    copies = [p for k, p in enumerate(parts) if p in parts[:k]]
    return len(copies) / max(1, len(parts)), sum(map(len, copies)) / max(1, sum(map(len, parts)))


def top(grams):
    """Indexes of the top n-gram."""
    counts = Counter(grams)
    most = max(counts.values(), default=1)
    if most == 1:
        return []
    best = max((g for g in grams if counts[g] == most), key=lambda g: sum(map(len, g)))  # the first of equals
    return [k for k, g in enumerate(grams) if g == best]


def slow(text):
    """The rules read aloud, one document at a time."""
    lines = [line.strip(SPACES) for line in re.split("\r\n|[\n\r\u2028\u2029]", text)]
    paragraphs = Utf8.of_strings([text]).paragraphs().to_list(0)
    facts = {}
    facts["dup_lines"], facts["dup_line_chars"] = again([line for line in lines if line])
    facts["dup_paragraphs"], facts["dup_para_chars"] = again(paragraphs)
    words = Utf8.of_strings([text]).words().to_list(0)
    kinds = Counter(kind(w[0]) for w in words)
    times = 2 if kinds[CJK] > len(words) / 2 else 4 if kinds[SEA] > len(words) / 2 else 1
    for n in range(2, 11):
        size = n * times
        grams = [tuple(words[k : k + size]) for k in range(len(words) - size + 1)]
        hits = top(grams) if n < 5 else [k for k, g in enumerate(grams) if g in grams[:k]]
        covered = {w for k in hits for w in range(k, k + size)}
        share = sum(len(words[w]) for w in covered) / max(1, sum(map(len, words)))
        facts[f"top_{n}gram" if n < 5 else f"dup_{n}gram"] = share
    bounds = gopher_repetition.params()
    reason = next((rule for rule in SHARES if facts[rule] > getattr(bounds, f"max_{rule}")), None)
    return {f"{rule}_fraction": facts[rule] for rule in SHARES} | {"drop_reason": reason}


def slow_datatrove(text):
    """The other variant read aloud: share of each rule."""
    words, length = Utf8.of_strings([text]).words().to_list(0), max(1, len(text))
    facts = {}
    for kind, parts in (("line", re.split("\n+", text)), ("paragraph", re.split("\n\n+", text.strip()))):
        copies = [p for k, p in enumerate(parts) if p in parts[:k]]
        facts[f"dup_{kind}s"] = len(copies) / len(parts)
        facts[f"dup_{kind[:4]}_chars"] = len("".join(copies)) / length
    for n in range(2, 11):
        grams = [words[k : k + n] for k in range(len(words) - n + 1)]
        if n < 5:
            spaced = [" ".join(g) for g in grams]
            facts[f"top_{n}gram"] = max(((spaced.count(g), -k) for k, g in enumerate(spaced)), default=None)
            if spaced:
                count, k = facts[f"top_{n}gram"]
                facts[f"top_{n}gram"] = count * len(spaced[-k]) / length
            else:
                facts[f"top_{n}gram"] = 0
        else:
            joined, seen, k, chars = ["".join(g) for g in grams], [], 0, 0
            while k < len(joined):
                again = joined[k] in seen
                chars += len(joined[k]) * again
                seen.append(joined[k])
                k += n if again else 1
            facts[f"dup_{n}gram"] = chars / length
    return facts


PIECES = ["a ", "b ", "cc ", "dé ", "1 ", "a", "\n", "\n\n", "\r\n", "\r", "\u2028", " ", "..."]
PIECES += ["中", "文", "ก", "ข", "a b cc\n", "\x00", "\u3000"]
TEXTS = st.one_of(
    st.text(max_size=30),
    st.lists(st.sampled_from(PIECES), max_size=80).map("".join),
    st.lists(st.sampled_from("ab"), max_size=60).map(" ".join),
    st.lists(st.sampled_from("中文字"), max_size=60).map("".join),
    st.lists(st.sampled_from("กข"), max_size=60).map("".join),
    st.lists(st.integers(0, 12).map(str), max_size=80).map("\n".join),
)


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_agrees_with_the_slow_reading(texts):
    given_ = gopher_repetition(Batch(table(*texts)), gopher_repetition.params())
    expected = [slow(text) for text in texts]
    for name, values in given_.items():
        if name == "drop_reason":
            assert values.to_pylist() == [e[name] for e in expected]
        else:
            assert values.tolist() == np.array([e[name] for e in expected], values.dtype).tolist(), name


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(st.lists(st.one_of(TEXTS, st.lists(st.sampled_from(["a", "aa", "ab", "b"]), max_size=60).map(" ".join)), min_size=1, max_size=5))
def test_datatrove_agrees_with_the_slow_reading(texts):
    given_ = gopher_repetition(Batch(table(*texts)), gopher_repetition.params(variant="datatrove"))
    for rule in SHARES:
        expected = [slow_datatrove(text)[rule] if text else None for text in texts]
        assert given_[f"{rule}_fraction"].to_pylist() == pa.array(expected, pa.float32()).to_pylist(), rule
