import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from stage_checks import reasons, run

from curation.stage import Batch
from curation.text import Utf8
from stages.heuristics.c4_quality import COUNTS, c4_quality
from stages.heuristics.sentences import ZEROS, sentences

OLD = {"variant": "datatrove"}
FIRST = {"variant": "tfds"}
FREE = {"variant": "fineweb"}
LINE = "This is a line of words."


def table(*texts):
    return pa.table({"text": pa.array(texts, pa.large_string())})


def page(*lines, others=5):
    """Some lines, then others that are beyond doubt."""
    return "\n".join([*lines, *[LINE] * others])


CASES = [
    pytest.param("", {}, "too_few_sentences", id="empty"),
    pytest.param(None, {}, "too_few_sentences", id="null"),
    pytest.param(page(others=3), {}, None, id="just enough sentences"),
    pytest.param(page(others=2), {}, "too_few_sentences", id="a sentence too few"),
    pytest.param(page(others=2), {"min_sentences": 2}, None, id="another number"),
    pytest.param(page(others=0) + "nothing of this stays", {"min_sentences": None}, None, id="no least number"),
    pytest.param(page(others=5), OLD, None, id="just enough in datatrove"),
    pytest.param(page(others=4), OLD, "too_few_sentences", id="a sentence too few in datatrove"),
    pytest.param("One is of words. Two is, too. And so is three.", {}, None, id="several in a line"),
    pytest.param(page("{ is in a line"), {}, "curly_bracket", id="a bracket anywhere drops in the paper"),
    pytest.param(page("{ is in a line"), FIRST, None, id="one in a line that goes does not in the code"),
    pytest.param(page("There { is in a line that stays."), FIRST, "curly_bracket", id="one in a line that stays does"),
    pytest.param(page("There { is in a line that stays."), {"curly_brackets": False}, None, id="unless the parameter says otherwise"),
    pytest.param(page("some Lorem IPSUM"), {}, "lorem_ipsum", id="lorem ipsum anywhere"),
    pytest.param(page("some Lorem IPSUM"), FIRST, None, id="not in the code"),
    pytest.param(page("This is some Lorem IPSUM text."), FREE, "lorem_ipsum", id="in a line that stays"),
    pytest.param(page("This is some lorem  ipsum text."), {}, None, id="two spaces are none"),
    pytest.param(page("This is some Lorem IPSUM text."), {"lorem_ipsum": False}, None, id="no rule"),
    pytest.param(page("Is { here in this line.", "This is some lorem ipsum."), OLD, "curly_bracket", id="the first line gives the reason"),
    pytest.param(page("This is some lorem ipsum.", "Is { here in this line."), OLD, "lorem_ipsum", id="whichever it is"),
    pytest.param(page("Use javascript and { this."), OLD, None, id="javascript goes before its bracket is seen"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "values", "reason"), CASES)
def test_case(text, values, reason):
    assert reasons(c4_quality, table(text), **values) == [reason]


def test_every_reason_has_a_case():
    assert {case.values[2] for case in CASES} - {None} == set(c4_quality.drops)


STAYS, GOES = True, False


@pytest.mark.parametrize(
    ("line", "values", "count"),
    [
        pytest.param("Five words are in this.", {}, None, id="five words"),
        pytest.param("Four words in this.", {}, "c4_short_lines", id="four"),
        pytest.param("Three words here.", OLD, None, id="three in datatrove"),
        pytest.param("Two words.", OLD, "c4_short_lines", id="two"),
        pytest.param("Two words.", {"min_line_words": None}, None, id="no least number of words"),
        pytest.param("A line of words has no end", {}, "c4_unended_lines", id="no end"),
        pytest.param("A line of words has no end", FREE, None, id="none is asked in fineweb"),
        *[pytest.param("A line of words here" + end, {}, None, id=f"ends in {end}") for end in '.!?"”'],
        *[pytest.param("A line of words here" + end, {}, "c4_unended_lines", id=f"ends in {end}")
          for end in ("...", "'", ",", "。", "…", ")")],
        *[pytest.param("A line of words here" + end, FIRST, None, id=f"code: ends in {end}") for end in '.!?"'],
        *[pytest.param("A line of words here" + end, FIRST, "c4_unended_lines", id=f"code: ends in {end}") for end in "”'"],
        pytest.param("A line of words here'", OLD, None, id="datatrove: an apostrophe"),
        pytest.param("A line of words here。", {"end_marks": ["。", "."]}, None, id="another mark"),
        pytest.param("  A line of words here. \u3000", {}, None, id="white space at the ends"),
        pytest.param(f"A line with a long {'w' * 1000} here.", {}, None, id="1,000 characters in a word"),
        pytest.param(f"A line with a long {'w' * 1001} here.", {}, "c4_long_word_lines", id="1,001"),
        pytest.param(f"A line with a long {'я' * 1000} here.", {}, None, id="characters, not bytes"),
        pytest.param(f"A line with a long {'я' * 1001} here.", {}, "c4_long_word_lines", id="1,001 of cyrillic"),
        pytest.param(f"A line with a long {'я' * 800}\u3000{'я' * 800} here.", {}, None, id="white space of another script"),
        pytest.param(f"{'w' * 1001} is first here in this line.", {}, "c4_long_word_lines", id="at the beginning"),
        pytest.param(f"It is the last one {'w' * 1001}.", {}, "c4_long_word_lines", id="at the end"),
        pytest.param(f"A line with a long {'w' * 1001} here.", {"max_word_chars": None}, None, id="no longest word"),
        pytest.param("Please do turn JavaScript on here.", {}, "c4_javascript_lines", id="javascript"),
        pytest.param("Please do turn myjavascripts on here.", {}, "c4_javascript_lines", id="inside a word"),
        pytest.param("Please do turn Java Script on here.", {}, None, id="two words"),
        pytest.param("Please do turn JavaScript on here.", {"javascript": False}, None, id="javascript may stay"),
        *[pytest.param(f"Here {phrase} and so on it is.", {}, "c4_policy_lines", id=phrase)
          for phrase in ("Terms of Use", "privacy policy", "COOKIE POLICY", "uses cookies", "use of cookies", "use cookies",
                         "coo\u212aie policy")],
        *[pytest.param(f"Here {phrase} and so on it is.", {}, None, id=phrase)
          for phrase in ("terms of service", "privacy", "cookie", "user cookie", "cookies", "using cookies")],
        pytest.param("We use cookies here in this.", {"policy": False}, None, id="policy lines may stay"),
        pytest.param("Lines with [1] five words here.", {}, None, id="a citation"),
        pytest.param("A citation at the end.[1]", {}, None, id="a citation at the end"),
        pytest.param("A citation at the end. [1]", {}, None, id="the paper's lines are trimmed again"),
        pytest.param("A citation at the end. [1]", FIRST, "c4_unended_lines", id="those of the code are not"),
        pytest.param("[1] [2] [3] here.", {}, "c4_short_lines", id="words are counted without citations"),
        pytest.param("[1] [2] [3].", OLD, None, id="and with them in datatrove"),
        pytest.param("It says use coo[12]kies here.", {}, "c4_policy_lines", id="a phrase parted by a citation"),
    ],
)  # fmt: skip
def test_line(line, values, count):
    found = run(c4_quality, table(page(line)), **values)
    assert {name for name in COUNTS[1:6] if found[name] != [0]} == ({count} if count else set())
    assert found["c4_lines"] == [6]
    assert len(found["text"][0].split("\n")) == 5 + (count is None)


@pytest.mark.parametrize(
    ("line", "left", "number"),
    [
        ("see [1] and [22] and [] there", "see  and  and  there", 3),
        ("see [edit] and [citation needed]", "see  and ", 2),
        ("see [Edit] and [citation] and [1a] [ 1]", "see [Edit] and [citation] and [1a] [ 1]", 0),
        ("see [[1]] and [12", "see [] and [12", 1),
        ("see [١٢] and [１] but [²]", "see  and  but [²]", 2),
        ("see [" * 3 + "1]", "see [see [see ", 1),
    ],
)
def test_citations(line, left, number):
    found = run(c4_quality, table(page(line + ".")), variant="fineweb")
    assert found["text"][0].split("\n")[0] == left + "."
    assert found["c4_citations"] == [number]
    assert run(c4_quality, table(page(line + ".")), variant="fineweb", citations=False)["text"][0].split("\n")[0] == line + "."


def test_text_and_counts():
    text = "  First of the lines here. \r\n\r\nno end of this line\x85Last of the lines here!\x0bToo short."
    text += "\u2028Is JavaScript on in here?\n\n"
    found = run(c4_quality, table(text, f"Dropped: {{\n{LINE}"), min_sentences=2)
    assert found["text"] == ["First of the lines here.\nLast of the lines here!", LINE]
    assert {name: found[name][0] for name in COUNTS} == {
        "c4_lines": 7, "c4_long_word_lines": 0, "c4_unended_lines": 3, "c4_short_lines": 1, "c4_javascript_lines": 1, "c4_policy_lines": 0,
        "c4_citations": 0, "c4_sentences": 2,
    }  # fmt: skip


def test_a_document_that_becomes_empty_is_no_neighbour():
    found = run(c4_quality, table("nothing", page(others=2), "nothing", page(others=1)), min_sentences=None)
    assert found["text"] == ["", page(others=2), "", page(others=1)]


def test_bounds_by_language_and_profile():
    rows = table(*["三句话。" * 3] * 2).append_column("lang", pa.array(["zh", "en"]))
    words = {"default": 5, "zh": None}
    assert reasons(c4_quality, rows, min_line_words=words, end_marks=["。"]) == [None, "too_few_sentences"]
    rows = table(*[page("x = {}")] * 3).append_column("profile", pa.array(["code", "web", None]))
    assert reasons(c4_quality, rows, curly_brackets={"default": True, "code": False}) == [None, "curly_bracket", "curly_bracket"]


def test_variants_have_their_own_defaults():
    of = {v: c4_quality.params(variant=v) for v in ("paper", "tfds", "datatrove", "fineweb")}
    assert [(p.min_line_words, p.min_sentences) for p in of.values()] == [(5, 3), (5, 3), (3, 5), (3, 5)]
    assert of["fineweb"].end_marks is None
    assert c4_quality.params(variant="datatrove", min_sentences=1).min_sentences == 1
    with pytest.raises(ValueError, match="variant"):
        c4_quality.params(variant="c4")


@pytest.mark.parametrize("variant", ["paper", "fineweb"])
@pytest.mark.parametrize(
    "text",
    ["x" * 1_000_000, "\n" * 1_000_000, "." * 1_000_000, "[" * 1_000_000, "[1" * 300_000, "[]" * 300_000, "coo" * 300_000, "{" * 9,
     "a. " * 300_000, "字" * 300_000],
)  # fmt: skip
def test_large_odd_documents(text, variant):
    assert len(run(c4_quality, table("", text, None), variant=variant)["text"]) == 3


def test_bytes_that_are_not_utf8():
    texts = [b"\xff\xfe the of.", b"[\xd9", b"\xe2\x84", b"\xe2\x84\xaa", b"[\xe2]{", None]
    found = run(c4_quality, pa.table({"text": pa.array(texts, pa.large_binary())}), variant="tfds", min_sentences=None)
    assert found["drop_reason"] == [None] * 6


def test_zeros_begin_the_decimal_digits():
    """What `\\d` matches, as far as this Python knows them."""
    known = {c for zero in ZEROS for c in range(zero, zero + 10)}
    assert {c for c in range(0x110000) if re.match(r"\d", chr(c))} <= known
    assert len(known) == 10 * len(ZEROS)


PHRASES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")


def slow(text):
    """The paper's rules read aloud."""
    left, counts = [], dict.fromkeys(COUNTS, 0)
    lines = text.splitlines()
    counts["c4_lines"] = len(lines)
    for line in lines:
        if any(len(word) > 1000 for word in line.split()):
            counts["c4_long_word_lines"] += 1
            continue
        line, number = re.subn(r"\[(\d*|edit|citation needed)\]", "", line.strip())
        counts["c4_citations"] += number
        line = line.strip()
        rules = {
            "c4_unended_lines": not line.endswith((".", "!", "?", '"', "”")) or line.endswith("..."),
            "c4_short_lines": len(line.split()) < 5,
            "c4_javascript_lines": "javascript" in line.lower(),
            "c4_policy_lines": any(phrase in line.lower() for phrase in PHRASES),
        }
        reason = next((name for name, holds in rules.items() if holds), None)
        if reason:
            counts[reason] += 1
        else:
            left.append(line)
    counts["c4_sentences"] = int(sentences(Utf8.of_strings(left)).counts().sum())
    found = {"lorem_ipsum": "lorem ipsum" in text.lower(), "curly_bracket": "{" in text}
    rules = {**found, "too_few_sentences": counts["c4_sentences"] < 3}
    reason = next((name for name, holds in rules.items() if holds), None)
    counts |= {f"c4_{name}_line": int(there) for name, there in found.items()}
    return counts | {"text": "\n".join(left).strip(), "drop_reason": reason}


PIECES = [LINE + "\n", LINE + " ", "a b c d e", ". ", ".\n", "...", "!", '"', "\n", "\r\n", "\x85", "\u2028", "[1]", "[", "]", "[edit]"]
PIECES += ["Javascript ", "java", "lorem ipsum ", "use cookies ", "coo\u212aies ", "privacy", " policy", "é", "字", "\x1c", "\u3000", " "]
PIECES += ["{", "İ", "x", "x" * 999]
TEXTS = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join),
    st.lists(st.sampled_from(PIECES[:9]), max_size=40).map("".join),
)


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_agrees_with_the_slow_reading(texts):
    given_ = c4_quality(Batch(table(*texts)), c4_quality.params())
    expected = [slow(text) for text in texts]
    for name, values in given_.items():
        assert (values.to_pylist() if isinstance(values, pa.Array) else values.tolist()) == [e[name] for e in expected], name


def test_no_end_mark_at_all_is_refused():
    with pytest.raises(ValidationError, match="at least 1 item"):
        c4_quality.params(end_marks=[])
    assert c4_quality.params(end_marks=None).end_marks is None
