import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from stage_checks import reasons, run

from curation.stage import Batch
from curation.text import Utf8
from curation.unicode_tables import SPACES
from stages.heuristics.fineweb_quality import fineweb_quality
from stages.heuristics.sentences import TERMINALS

OLD = {"variant": "datatrove"}
FIRST = {"variant": "datatrove_0_2"}


def table(*texts):
    return pa.table({"text": pa.array(texts, pa.large_string())})


def line(k, end=".", size=40):
    """A line of its own of `size` characters."""
    return f"line {k:05d} of many words ".ljust(size - len(end), "x") + end


def lines(n, ended, end="."):
    """n lines of 40 characters, `ended` of them with an end."""
    return "\n".join(line(k, end if k < ended else "") for k in range(n))


def short(n, of, size):
    """n lines, `of` of them with `size` characters."""
    return "\n".join(line(k, size=size if k < of else 40) for k in range(n))


def again(copies, others, first=40):
    """A line of `first` characters `copies` times, then other lines of 40."""
    return "\n".join([line(99_999, size=first)] * copies + [line(k) for k in range(others)])


HUNDRED_WORDS = "\n".join([" ".join(["a", "bb"] * 5) + "x" * k + "." for k in range(20, 30)])

CASES = [
    pytest.param("", {}, "empty", id="empty"),
    pytest.param(None, {}, "empty", id="null"),
    pytest.param(" \n\t\u3000\n", {}, "empty", id="white space"),
    pytest.param("", OLD, "empty", id="empty in datatrove"),
    pytest.param(" \n\x1c\n", OLD, "empty", id="white space in datatrove"),
    pytest.param("", FIRST, "line_punctuation", id="empty in datatrove 0.2 has a line without an end"),
    pytest.param(lines(100, 13), {}, None, id="just enough ends"),
    pytest.param(lines(100, 12), {}, "line_punctuation", id="ends at the bound are too few in the paper"),
    pytest.param(lines(100, 12), OLD, None, id="and enough in datatrove"),
    pytest.param(lines(100, 11), OLD, "line_punctuation", id="an end too few in datatrove"),
    pytest.param(lines(100, 12), FIRST, "line_punctuation", id="as in the paper in 0.2"),
    pytest.param(lines(100, 13), FIRST, None, id="enough in 0.2"),
    pytest.param(lines(10, 0), {"min_punctuated_lines": None}, None, id="no ends asked for"),
    pytest.param(lines(10, 10, "。"), {}, None, id="ends of chinese"),
    pytest.param(lines(10, 10, "。"), OLD, None, id="in datatrove too"),
    pytest.param(lines(10, 10, "。"), FIRST, "line_punctuation", id="not in 0.2"),
    pytest.param(lines(10, 10, "”"), {}, None, id="a quotation mark"),
    pytest.param(lines(10, 10, "”"), OLD, "line_punctuation", id="is no end in datatrove"),
    pytest.param(lines(10, 10, "'"), FIRST, None, id="an ascii one is in 0.2"),
    pytest.param(lines(10, 10, "\u17d6"), OLD, None, id="the three khmer signs"),
    pytest.param(lines(10, 10, "\u2024"), OLD, "line_punctuation", id="a mark datatrove leaves out"),
    pytest.param(lines(10, 10, ". "), {}, None, id="white space behind the end"),
    pytest.param(lines(10, 10, ". "), OLD, "line_punctuation", id="counts in datatrove"),
    pytest.param(lines(10, 10, ","), {"end_marks": [","]}, None, id="other marks"),
    pytest.param(short(100, 66, 29), {}, None, id="not too many short lines"),
    pytest.param(short(100, 67, 29), {}, "short_lines", id="short lines at the bound"),
    pytest.param(short(100, 100, 30), {}, None, id="30 characters are not short"),
    pytest.param(short(100, 67, 30), OLD, None, id="they are in datatrove, where the bound is kept"),
    pytest.param(short(100, 68, 30), OLD, "short_lines", id="a short line too many in datatrove"),
    pytest.param(short(100, 100, 31), OLD, None, id="31 are not short"),
    pytest.param(short(100, 67, 30), FIRST, "short_lines", id="at the bound in 0.2"),
    pytest.param(short(100, 67, 29), {"short_line_chars": 29}, None, id="another length"),
    pytest.param("я" * 29 + ".\n" + line(1), {}, None, id="characters, not bytes"),
    pytest.param("\n\n".join([line(k) for k in range(10)]), FIRST, None, id="blank lines are lines in 0.2"),
    pytest.param("\n\n\n\n".join([line(k) for k in range(40)]), FIRST, "short_lines", id="and short"),
    pytest.param("\n\n\n".join([line(k) for k in range(40)]), OLD, "newlines", id="not in datatrove"),
    pytest.param(again(2, 10), {}, None, id="not too much again"),
    pytest.param(again(2, 9, 40), {"max_line_dup_chars": 1 / 11}, "line_dup_chars", id="characters again at the bound"),
    pytest.param(again(2, 9), {"max_line_dup_chars": 0.0909}, "line_dup_chars", id="over it"),
    pytest.param(again(2, 9), {}, None, id="a tenth is not reached"),
    pytest.param(again(2, 8), {}, "line_dup_chars", id="a tenth is"),
    pytest.param(again(2, 98), OLD, None, id="one in a hundred is kept in datatrove"),
    pytest.param(again(2, 97), OLD, "line_dup_chars", id="more is not"),
    pytest.param(again(2, 98), FIRST, "line_dup_chars", id="nor at the bound in 0.2"),
    pytest.param(HUNDRED_WORDS + "\n" * 21, OLD, None, id="0.3 line feeds a word"),
    pytest.param(HUNDRED_WORDS + "\n" * 22, OLD, "newlines", id="one more"),
    pytest.param("x\n" * 20 + line(1), {"max_newlines_per_word": 0.3, "max_short_lines": None, "max_line_dup_chars": None,
                                       "min_punctuated_lines": None}, "newlines", id="the rule in the paper's variant"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "values", "reason"), CASES)
def test_case(text, values, reason):
    assert reasons(fineweb_quality, table(text), **values) == [reason]


def test_every_reason_has_a_case():
    assert {case.values[2] for case in CASES} - {None} == set(fineweb_quality.drops)


def test_variants_have_their_own_defaults():
    paper, datatrove, old = (fineweb_quality.params(variant=v) for v in ("paper", "datatrove", "datatrove_0_2"))
    assert (paper.max_line_dup_chars, datatrove.max_line_dup_chars, old.max_line_dup_chars) == (0.1, 0.01, 0.01)
    assert (paper.max_newlines_per_word, datatrove.max_newlines_per_word) == (None, 0.3)
    assert fineweb_quality.params(variant="datatrove", max_line_dup_chars=0.2).max_line_dup_chars == 0.2
    assert fineweb_quality.params() == paper
    with pytest.raises(ValueError, match="variant"):
        fineweb_quality.params(variant="fineweb")


def test_bounds_by_language_and_profile():
    rows, expected = table(lines(10, 0), lines(10, 0), lines(10, 0)), [None, "line_punctuation", "line_punctuation"]
    rows = rows.append_column("lang", pa.array(["th", "en", None]))
    assert reasons(fineweb_quality, rows, min_punctuated_lines={"default": 0.12, "th": None}) == expected
    rows = rows.append_column("profile", pa.array(["code", "web", None]))
    assert reasons(fineweb_quality, rows, min_punctuated_lines={"default": 0.12, "code": None}) == expected


@pytest.mark.parametrize("variant", ["paper", "datatrove", "datatrove_0_2"])
@pytest.mark.parametrize("text", ["x" * 1_000_000, "\n" * 1_000_000, "a.\n" * 300_000, "。" * 300_000, "\u0301" * 500_000])
def test_large_odd_documents(text, variant):
    assert run(fineweb_quality, table("", text, None), variant=variant)["drop_reason"][1] in (None, *fineweb_quality.drops)


def test_bytes_that_are_not_utf8():
    texts = [b"\xff\xfe.", b"x\xe3\x80", b"\x80\n\x80", b"\xe3\x80\x82", b"a\x82", None]
    found = run(fineweb_quality, pa.table({"text": pa.array(texts, pa.large_binary())}))
    assert found["punctuated_line_fraction"] == [1, 0, 0, 1, 0, None]


def slow(text, variant):
    """The rules read aloud."""
    params = fineweb_quality.params(variant=variant)
    if variant == "paper":
        counted = [s for s in (part.strip(SPACES) for part in re.split("\r\n|[\n\r\u2028\u2029]", text)) if s]
        every, chars = counted, sum(map(len, counted))
    else:
        counted = [part for part in text.split("\n") if part.strip()]
        every, chars = (text.split("\n") if variant == "datatrove_0_2" else counted), len(text.replace("\n", ""))
    n = max(1, len(every))
    ends = sum(part.endswith(params.end_marks) for part in every) / n
    shorts = sum(len(part) < 30 + (variant != "paper") for part in every) / n
    dups = sum(len(part) for k, part in enumerate(counted) if part in counted[:k]) / max(1, chars)
    feeds = text.count("\n") / max(1, len(Utf8.of_strings([text]).words()))
    shares = {"punctuated_line_fraction": ends, "short_line_fraction": shorts, "line_dup_chars_fraction": dups}
    facts = {**(shares if every else dict.fromkeys(shares)), "newlines_per_word": feeds}
    kept = variant == "datatrove"
    rules = {
        "empty": not every,
        "line_punctuation": ends < 0.12 or (ends == 0.12 and not kept),
        "short_lines": shorts > 0.67 or (shorts == 0.67 and not kept),
        "line_dup_chars": dups > params.max_line_dup_chars or (dups == params.max_line_dup_chars and not kept),
        "newlines": variant != "paper" and feeds > 0.3,
    }
    return facts | {"drop_reason": next((name for name, holds in rules.items() if holds), None)}


PIECES = ["a ", "b.", "cc!\n", "dé", "\n", "\n\n", "\r\n", "\r", "\u2028", " ", "\x1c", "...", "中。", "”", "x" * 30, "\x00"]
PIECES += ["a long line of many words. "]
TEXTS = st.one_of(st.text(max_size=40), st.lists(st.sampled_from(PIECES), max_size=60).map("".join))


@pytest.mark.parametrize("variant", ["paper", "datatrove", "datatrove_0_2"])
@settings(max_examples=100, deadline=None, database=None, derandomize=True)
@given(texts=st.lists(TEXTS, min_size=1, max_size=5))
def test_agrees_with_the_slow_reading(texts, variant):
    given_ = fineweb_quality(Batch(table(*texts)), fineweb_quality.params(variant=variant))
    expected = [slow(text, variant) for text in texts]
    for name, values in given_.items():
        kind = pa.string() if name == "drop_reason" else pa.float32()
        assert pa.array(values).to_pylist() == pa.array([e[name] for e in expected], kind).to_pylist(), name


def test_paper_marks_hold_all_terminals():
    assert set(TERMINALS) < set(fineweb_quality.params().end_marks)


@pytest.mark.parametrize("values", [{"short_line_chars": -1}, {"end_marks": []}])
def test_values_without_a_meaning_are_refused(values):
    with pytest.raises(ValidationError, match=r"at least 1 item|greater than or equal to 0"):
        fineweb_quality.params(**values)
