import random
import time

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_lines import GOOD, MACHINE, page
from stage_checks import reasons, run

from curation.stage import Batch
from stages.heuristics.repeated_lines import repeated_lines


def table(*texts, profile="web"):
    return pa.table({"text": pa.array(texts, pa.large_string()), "profile": pa.array([profile] * len(texts), pa.string())})


def cleaned(text, profile="web", **values):
    return run(repeated_lines, table(text, profile=profile), **{"min_words": None, **values})["text"][0]


PROSE = "The keeper of the garden walked along the river every morning, and wrote what she found there into a small book."
THAI = [a + b for a in "กขคงจ" for b in ("า", "ี", "น")]
LOG = "10:22:{:02} [error] worker {} of the pool gave no answer ({} ms)"


def log(n, form=LOG):
    return [form.format(k, k * 7, k * 31) for k in range(n)]


def joined(*parts):
    return "\n".join(line for part in parts for line in ([part] if isinstance(part, str) else part))


def template(words, covered):
    """Five lines of `words` words without a digit, the first `covered` of which are the same in all."""
    same = [f"w{'abcdefghijklmnopqrst'[i]}" for i in range(covered)]
    return [
        " ".join([*same, *(f"{'pqrst'[k]}{'abcdefghijklmnopqrst'[i]}x" for i in range(words - covered))]) + " 11:22:33" for k in range(5)
    ]


GOES = [
    pytest.param(log(5), {}, id="as few lines as go"),
    pytest.param(log(40), {}, id="many"),
    pytest.param(log(6, "2024-03-01 12:00:{:02} 用户{}登录成功，来自地址 10.0.0.{}，已写入日志文件"), {}, id="chinese"),
    pytest.param(log(6, "INSERT INTO t VALUES ({},'a{}',{},NULL,0,'2024-01-01 10:00:00');"), {}, id="dump: ends like code, full of digits"),
    pytest.param(template(10, 5), {"max_coverage": 0.49}, id="coverage over the bound"),
    pytest.param(["so it goes on " * 12], {}, id="a line that repeats itself"),
    pytest.param(["我们今天去花园里散步吧" * 12], {}, id="a chinese line that repeats itself"),
    pytest.param(["เราไปเดินเล่นในสวนกัน" * 12], {}, id="a thai line that repeats itself"),
]
STAYS = [
    pytest.param(log(4), {}, id="a line too few"),
    pytest.param([x for line in log(9) for x in (line, "")], {}, id="lines apart"),
    pytest.param(template(10, 5), {"max_coverage": 0.5}, id="coverage at the bound"),
    pytest.param(log(9, "- " + LOG), {}, id="items of a list"),
    pytest.param(log(9, "\t- " + LOG), {}, id="items behind a tab"),
    pytest.param([f"\t{k}. " + line for k, line in enumerate(log(9))], {}, id="numbered items behind a tab"),
    pytest.param([f"  {k}. " + line for k, line in enumerate(log(9))], {}, id="numbered items"),
    pytest.param(log(9, LOG.replace(" ", "\t")), {}, id="rows of a table"),
    pytest.param(log(9, LOG + ";"), {"min_sign_fraction": 0.28}, id="ends like code, not enough digits"),
    pytest.param(log(9, "And he lived {} years in the land of his father, and begat {} sons and {} daughters."), {}, id="a sentence"),
    pytest.param(["and the river runs on to the sea, my love"] * 9, {}, id="a refrain"),
    pytest.param(log(9, "{} {} {} 1 2 3 4 5 6 7 8 9 [error]"), {}, id="numbers"),
    pytest.param(log(9, "{} [error] a b {} {}"), {"min_line_words": 8}, id="short lines"),
    pytest.param(log(9), {"max_coverage": None}, id="no bound"),
    pytest.param(log(9), {"n": 15}, id="n-grams longer than the lines"),
    pytest.param(log(9), {"min_lines": 10}, id="fewer lines than asked for"),
    pytest.param(["".join(random.Random(1).choices(THAI, k=900))], {}, id="a long thai line, whose letters come again"),
    pytest.param([" ".join(map(str, range(200)))], {}, id="numbers, which are all alike"),
    pytest.param(["so it goes on " * 7], {}, id="too short to repeat itself"),
    pytest.param(["so it goes on " * 12], {"max_own_coverage": None}, id="no bound on what repeats itself"),
    pytest.param(["$$" + r"\frac{a}{b} + " * 20 + "$$"], {}, id="a formula"),
    pytest.param([PROSE + " " + " ".join(f"{a}{b} was here" for a in "bcdfghj" for b in "aeiou")], {}, id="a long line"),
]


@pytest.mark.parametrize(("lines", "values"), GOES)
def test_goes(lines, values):
    assert cleaned(joined(PROSE, "", lines, "", PROSE), **values) == joined(PROSE, "", PROSE)


@pytest.mark.parametrize(("lines", "values"), STAYS)
def test_stays(lines, values):
    text = joined(PROSE, "", lines, "", PROSE)
    assert cleaned(text, **values) == text


def test_a_line_within_may_stand_apart_and_stays():
    lines = log(6)
    text = joined(PROSE, "", lines[:3], "the river is wide", lines[3:], "", PROSE)
    assert cleaned(text) == joined(PROSE, "", "the river is wide", "", PROSE)
    assert cleaned(joined(lines[:3], "the river", "is wide", lines[3:])) == joined(lines[:3], "the river", "is wide", lines[3:])


def test_behind_a_log_a_line_of_its_template_needs_no_marks():
    lines = [x for line in log(6) for x in (line, "each of these is said once for every worker")]
    assert cleaned(joined(PROSE, "", lines)) == joined(PROSE, "", "")
    assert "each of these" in cleaned(joined(PROSE, "", lines[1::2]))


@pytest.mark.parametrize(("before", "behind", "expected"), [
    pytest.param(["a", ""], ["", "b"], "a\n\nb", id="one blank line of two"),
    pytest.param(["a"], ["", "b"], "a\n\nb", id="a blank line behind"),
    pytest.param(["a", ""], ["b"], "a\n\nb", id="a blank line before"),
    pytest.param([], ["", "b"], "b", id="at the start"),
    pytest.param(["a", ""], [], "a\n\n", id="at the end"),
    pytest.param(["a", "", ""], ["", "", "b"], "a\n\n\nb", id="blank lines of the page stay"),
])  # fmt: skip
def test_gaps(before, behind, expected):
    assert cleaned(joined(before, log(6), behind)) == expected


def test_line_ends_stay():
    text = "a\r\n" + "\r\n".join(log(6)) + "\r\nb\u2028c\rd"
    assert cleaned(text) == "a\r\nb\u2028c\rd"


@pytest.mark.parametrize("profile", ["code", "math"])
def test_pages_of_code_and_math_lose_nothing(profile):
    text = joined(log(9), "so it goes on " * 12)
    assert cleaned(text, profile) == text
    assert cleaned(text, profile, max_coverage=0.4) == "so it goes on " * 12
    assert cleaned(text, profile, max_own_coverage=0.8) == joined(log(9), "")


def test_columns():
    text = joined("é" * 9, log(6))
    found = run(repeated_lines, table(text, PROSE, "", None))
    assert found["repeated_lines"] == [6, 0, 0, 0]
    assert found["removed_fraction"][0] == pytest.approx((len(text) - 10) / len(text))
    assert found["removed_fraction"][1:] == [0, 0, 0]
    # Of each log line the words error worker of the pool gave no answer ms; of the document one more.
    assert found["repeated_coverage"][0] == pytest.approx(6 * 9 / (6 * 9 + 1))
    assert found["repeated_coverage"][1:] == [0, 0, 0]
    assert found["text"][1:] == [PROSE, "", ""]


@pytest.mark.parametrize(("left", "values", "reason"), [
    pytest.param(49, {}, "too_little_left", id="one word too few"),
    pytest.param(50, {}, None, id="just enough"),
    pytest.param(0, {}, "too_little_left", id="nothing"),
    pytest.param(0, {"min_words": None}, None, id="no bound"),
    pytest.param(9, {"min_words": {"default": 50, "web": 9}}, None, id="bound per profile"),
])  # fmt: skip
def test_too_little_left(left, values, reason):
    words = " ".join([f"{a}{b}" for a in "bcdfghjklmn" for b in "aeiou"][:left])
    assert reasons(repeated_lines, table(joined(words, log(6))), **values) == [reason]


def test_short_documents_that_lose_nothing_stay():
    assert reasons(repeated_lines, table("a b c", "", None)) == [None] * 3


def planted(family, kinds, seed):
    """Kind -> share of its lines (by characters) that go, and of the other lines of its pages."""
    rng, found = random.Random(seed), {}
    for kind in kinds[family]:
        texts, lines = zip(*[page(rng, kind) for _ in range(20)], strict=True)
        left = [set(t.split("\n")) for t in repeated_lines(table(*texts))["text"].to_pylist()]
        mine = [(line, line in kept) for these, kept in zip(lines, left, strict=True) for line in these]
        others = [line in kept for t, these, kept in zip(texts, lines, left, strict=True) for line in t.split("\n") if line not in these]
        gone = sum(len(line) for line, kept in mine if not kept)
        found[kind.__name__] = gone / sum(len(line) for line, _ in mine), others.count(False) / len(others)
    return found


MISSED = {"test_runner", "rust_trace"}
"""Their lines share too few words with each other: most of each are names of its own (and half of a trace's are short)."""


@pytest.mark.parametrize("family", MACHINE)
def test_planted_logs_go(family):
    for name, (gone, prose) in planted(family, MACHINE, 1).items():
        assert gone >= 0.9 or name in MISSED, (name, gone)
        assert prose == 0, name


@pytest.mark.parametrize("family", GOOD)
def test_good_pages_that_repeat_themselves_stay(family):
    found = planted(family, GOOD, 2)
    assert max(gone for gone, _ in found.values()) <= 0.1, found
    assert sum(gone for gone, _ in found.values()) / len(found) <= 0.01, found


PIECES = [
    "10:22:31 ",
    "[error] ",
    "worker ",
    "of ",
    "the ",
    "7 ",
    "\n",
    "\n",
    "\r\n",
    "- ",
    "\t",
    ";",
    ".",
    "中文",
    "é",
    "\x00",
    "$",
    "a b c d e f g h ",
]


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=80).map("".join), min_size=1, max_size=5))
def test_what_is_left_are_lines_of_the_text_in_order(texts):
    made = run(repeated_lines, table(*texts), min_lines=2, min_line_words=1, min_own_words=4)
    for before, after, removed in zip(texts, made["text"], made["repeated_lines"], strict=True):
        rest = iter(before.splitlines(keepends=True))
        assert all(line in rest for line in after.splitlines(keepends=True))
        if removed == 0:
            assert after == before
        lost = [line for line in before.splitlines() if line.strip()]
        kept = [line for line in after.splitlines() if line.strip()]
        assert len(lost) - len(kept) <= removed


@pytest.mark.parametrize("text", [
    "a " * 1_000_000, "x" * 2_000_000, "\n" * 1_000_000, "1 " * 500_000, "a\n" * 500_000, "中" * 500_000, "a b c 1 [x]\n" * 150_000,
])  # fmt: skip
def test_large_odd_documents_take_linear_time(text):
    def seconds(size):
        batch = Batch(table(text[:size]))
        batch.words().hashes()
        started = time.process_time()
        repeated_lines(batch)
        return time.process_time() - started

    seconds(1000)
    small, large = max(1e-3, min(seconds(len(text) // 8) for _ in range(3))), min(seconds(len(text)) for _ in range(2))
    assert large < 8 * 4 * small + 0.05


def test_a_table_without_profiles_is_judged_as_the_web():
    table = pa.table({"text": pa.array(["a line of prose"], pa.large_string())})
    assert repeated_lines(table)["drop_reason"].to_pylist() == [None]
    with pytest.raises(ValueError, match="max_coverage: a map by profile needs a column 'profile'"):
        repeated_lines(table, max_coverage={"default": 0.4, "code": None})
