import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stage_checks import reasons, run

from curation.errors import RecipeError
from curation.plan import Plan
from curation.recipe import load
from curation.stage import Batch
from curation.text import CLASS_BLOCKS, CLASS_INDEX, Utf8
from curation.unicode_tables import CJK, LETTER, SPACES
from stages.heuristics.gopher_quality import gopher_quality


def table(*texts, langs=None):
    made = pa.table({"text": pa.array(texts, pa.large_string())})
    return made if langs is None else made.append_column("lang", pa.array(langs, pa.string()))


def words(n, word="word"):
    """n words, two of them stop words of four letters."""
    return " ".join(["that", "have", *[word] * (n - 2)])


def lines(n, marked, form):
    """n lines of ten words, `marked` of them in the form given."""
    return "\n".join(form.format(words(10)) if k < marked else words(10) for k in range(n))


DATATROVE = {"variant": "datatrove"}

CASES = [
    pytest.param("", {}, "too_short", id="empty"),
    pytest.param(None, {}, "too_short", id="null"),
    pytest.param(" \n\t\u3000", {}, "too_short", id="white space"),
    pytest.param("!!! ... --- " * 60, {}, "too_short", id="marks are no words"),
    pytest.param(words(49), {}, "too_short", id="a word too few"),
    pytest.param(words(50), {}, None, id="just enough words"),
    pytest.param(words(100_000), {}, None, id="as many words as may be"),
    pytest.param(words(100_001), {}, "too_long", id="a word too many"),
    pytest.param(words(9), {"min_words": None}, None, id="no least number"),
    pytest.param("the and " * 30, {}, None, id="mean length 3"),
    pytest.param("the and " * 30 + "to", {}, "mean_word_length", id="mean length just under 3"),
    pytest.param("the and " * 30 + "to", {"min_mean_word_length": None}, None, id="no least mean length"),
    pytest.param("that have" + " xxxxxxxxxx" * 48 + " " + "x" * 22, {}, None, id="mean length 10"),
    pytest.param("that have" + " xxxxxxxxxx" * 48 + " " + "x" * 23, {}, "mean_word_length", id="mean length just over 10"),
    pytest.param("that have" + " яяяяяяяяяя" * 48 + " " + "я" * 22, {}, None, id="characters, not bytes"),
    pytest.param("中文" * 30, {"min_stop_words": None}, None, id="chinese is exempt from the mean length"),
    pytest.param("ไทย" * 30, {"min_stop_words": None}, None, id="thai too"),
    pytest.param("한국 말을 " * 30, {"min_stop_words": None}, None, id="korean too"),
    pytest.param("བོད་ཡིག་" * 30, {"min_stop_words": None}, None, id="tibetan too"),
    pytest.param("ꆈꌠ ꁱꂷ " * 30, {"min_stop_words": None}, None, id="yi too"),
    pytest.param("中文" * 30, {"min_stop_words": None, "exempt_short_scripts": None}, "mean_word_length", id="no exemption"),
    pytest.param("中" * 51 + " be" * 50, {"min_stop_words": 1}, None, id="just over half chinese"),
    pytest.param("中" * 50 + " be" * 50, {"min_stop_words": 1}, "mean_word_length", id="half chinese"),
    pytest.param(words(100) + " #" * 10, {}, None, id="number signs at the bound"),
    pytest.param(words(100) + " #" * 11, {}, "symbol_ratio", id="a number sign too many"),
    pytest.param("… " * 10 + words(100), {}, None, id="ellipses at the bound"),
    pytest.param("… " * 11 + words(100), {}, "symbol_ratio", id="an ellipsis too many"),
    pytest.param("... " * 10 + words(100), {}, None, id="three dots at the bound"),
    pytest.param("... " * 11 + words(100), {}, "symbol_ratio", id="three dots too many"),
    pytest.param("." * 30 + words(100), {}, None, id="thirty dots are ten ellipses"),
    pytest.param("." * 33 + words(100), {}, "symbol_ratio", id="thirty-three dots are eleven"),
    pytest.param("... # " * 10 + words(100), {}, None, id="each symbol alone"),
    pytest.param(words(100) + " #" * 11, {"max_symbol_ratio": 0.11}, None, id="another ratio"),
    pytest.param(lines(100, 90, "  • {}"), {}, None, id="bullets at the bound"),
    pytest.param(lines(100, 91, "  • {}"), {}, "bullet_lines", id="a bullet too many"),
    pytest.param(lines(10, 10, "- {}"), {}, "bullet_lines", id="hyphens are bullets"),
    pytest.param(lines(10, 10, "- {}"), {"bullets": ["•", "->"]}, None, id="unless the parameter says otherwise"),
    pytest.param(lines(10, 10, "-> {}\n \n\n"), {"bullets": ["•", "->"]}, "bullet_lines", id="blank lines are none"),
    pytest.param(lines(10, 3, "{}... "), {}, None, id="ends in ellipses at the bound"),
    pytest.param(lines(10, 4, "{}... "), {}, "ellipsis_lines", id="an end in dots too many"),
    pytest.param(lines(10, 4, "{}…\u3000"), {}, "ellipsis_lines", id="an end in an ellipsis too many"),
    pytest.param(lines(10, 4, "{}.."), {}, None, id="two dots are no ellipsis"),
    pytest.param(words(80) + " 2024" * 20, {}, None, id="words with letters at the bound"),
    pytest.param(words(79) + " 2024" * 21, {}, "alpha_words", id="a word without letters too many"),
    pytest.param(words(79) + " 202x" * 21, {}, None, id="one letter is enough"),
    pytest.param("the " * 60, {}, "stop_words", id="one stop word many times"),
    pytest.param("with " + "the " * 60, {}, None, id="two stop words"),
    pytest.param("WITH " + "The " * 60, {}, None, id="in any case"),
    pytest.param("without then " * 60, {}, "stop_words", id="parts of words are none"),
    pytest.param("the " * 60, {"min_stop_words": 1}, None, id="another number of stop words"),
    pytest.param("word " * 60, {"stop_words": []}, "stop_words", id="no list to have stop words of"),
    pytest.param("word " * 60, {"stop_words": [], "min_stop_words": 0}, None, id="none asked"),
    pytest.param(words(49), DATATROVE, "too_short", id="datatrove: a word too few"),
    pytest.param(words(50), DATATROVE, None, id="datatrove: just enough words"),
    pytest.param(words(49) + " \uff11\uff11", DATATROVE, "too_short", id="datatrove: a word of the fullwidth one does not count"),
    pytest.param(words(49) + " \uff11\uff12", DATATROVE, None, id="datatrove: other digits do"),
    pytest.param(words(100_000), DATATROVE, None, id="datatrove: as many words as may be"),
    pytest.param(words(100_001), DATATROVE, "too_long", id="datatrove: a word too many"),
    pytest.param("the and " * 30, DATATROVE, None, id="datatrove: mean length 3"),
    pytest.param("the and " * 30 + "to", DATATROVE, "mean_word_length", id="datatrove: mean length just under 3"),
    pytest.param("中文" * 30, DATATROVE, "mean_word_length", id="datatrove: chinese is not exempt"),
    pytest.param("that have" + " xxxxxxxxxx" * 48 + " " + "x" * 22, DATATROVE, None, id="datatrove: mean length 10"),
    pytest.param("that have" + " xxxxxxxxxx" * 48 + " " + "x" * 23, DATATROVE, "mean_word_length", id="datatrove: mean length over 10"),
    pytest.param(words(100) + " #" * 10, DATATROVE, None, id="datatrove: number signs at the bound"),
    pytest.param(words(100) + " #" * 11, DATATROVE, "symbol_ratio", id="datatrove: a number sign too many"),
    pytest.param("... " * 5 + "… " * 5 + words(100), DATATROVE, None, id="datatrove: ellipses at the bound"),
    pytest.param("... " * 5 + "… " * 6 + words(100), DATATROVE, "symbol_ratio", id="datatrove: an ellipsis too many"),
    pytest.param(lines(100, 90, "  • {}"), DATATROVE, None, id="datatrove: bullets at the bound"),
    pytest.param(lines(100, 91, "\x1f- {}"), DATATROVE, "bullet_lines", id="datatrove: a bullet too many"),
    pytest.param(lines(10, 10, "* {}"), DATATROVE, None, id="datatrove: an asterisk is no bullet"),
    pytest.param(lines(10, 10, "- {}\n"), DATATROVE, None, id="datatrove: blank lines are lines"),
    pytest.param(lines(10, 10, "- {}\x0b- one more"), DATATROVE, "bullet_lines", id="datatrove: a vertical tab ends a line"),
    pytest.param(lines(10, 3, "{}... "), DATATROVE, None, id="datatrove: ends in ellipses at the bound"),
    pytest.param(lines(10, 4, "{}…\x1f"), DATATROVE, "ellipsis_lines", id="datatrove: an end too many"),
    pytest.param(words(80) + " 2024" * 20, DATATROVE, None, id="datatrove: words with letters at the bound"),
    pytest.param(words(79) + " 2024" * 21, DATATROVE, "alpha_words", id="datatrove: a word without letters too many"),
    pytest.param("with " + "the " * 60, DATATROVE, None, id="datatrove: two stop words"),
    pytest.param("With " + "the " * 60, DATATROVE, "stop_words", id="datatrove: in small letters only"),
]


@pytest.mark.parametrize(("text", "values", "reason"), CASES)
def test_case(text, values, reason):
    assert reasons(gopher_quality, table(text), **values) == [reason]


def test_all_cases_in_one_table():
    rows = [case.values for case in CASES if not case.values[1]]
    assert reasons(gopher_quality, table(*[r[0] for r in rows])) == [r[2] for r in rows]
    assert {case.values[2] for case in CASES} - {None} == set(gopher_quality.drops)


GERMAN = {"de": ["der", "und"], "en": ["the", "be", "of"]}


@pytest.mark.parametrize(
    ("text", "lang", "values", "reason"),
    [
        pytest.param("wort ", "de", {}, None, id="the list is for english"),
        pytest.param("wort ", None, {}, None, id="unknown languages are not asked"),
        pytest.param("word ", "en", {}, "stop_words", id="english is asked"),
        pytest.param("wort ", "de", {"stop_words": GERMAN}, "stop_words", id="a list for german"),
        pytest.param("the of ", "de", {"stop_words": GERMAN}, "stop_words", id="is not that for english"),
        pytest.param("der Und ", "de", {"stop_words": GERMAN}, None, id="german stop words"),
        pytest.param("mot ", "fr", {"stop_words": GERMAN}, None, id="no list for french"),
        pytest.param("mot ", "fr", {"stop_words": GERMAN | {"default": ["le", "de"]}}, "stop_words", id="a list for all others"),
        pytest.param("word ", "en", {"min_stop_words": {"default": 2, "en": None}}, None, id="a bound by language"),
    ],
)
def test_stop_words_by_language(text, lang, values, reason):
    assert reasons(gopher_quality, table(text * 60, langs=[lang]), min_mean_word_length=None, **values) == [reason]


def test_lists_by_language_need_a_language(tmp_path):
    (tmp_path / "in.jsonl").write_text('{"url": "http://a.example", "text": "x"}\n')
    recipe = tmp_path / "r.yaml"
    step = "name: r\ninputs: {in: {use: jsonl, paths: in.jsonl}}\nsteps: {a: {use: gopher_quality, stop_words: %s}}\n"
    recipe.write_text(step % "[der, und]")
    Plan(load(recipe, {}))
    recipe.write_text(step % "{de: [der, und]}")
    with pytest.raises(RecipeError, match="gopher_quality reads column 'lang'"):
        Plan(load(recipe, {}))


def test_datatrove_asks_every_language_for_stop_words():
    rows = table("wort " * 60, langs=["de"])
    assert reasons(gopher_quality, rows, **DATATROVE) == ["stop_words"]
    assert reasons(gopher_quality, rows, **DATATROVE, stop_words=GERMAN | {"de": ["wort", "Wort"]}, min_stop_words=1) == [None]


def test_variants_have_their_own_defaults():
    params = gopher_quality.params(**DATATROVE)
    assert (params.bullets, params.exempt_short_scripts) == (("•", "-"), None)
    assert gopher_quality.params(**DATATROVE, bullets=["+"]).bullets == ("+",)
    assert gopher_quality.params(variant="paper") == gopher_quality.params()


def test_bounds_by_language_and_profile():
    texts, langs = [words(30)] * 3, ["zh", "en", None]
    found = reasons(gopher_quality, table(*texts, langs=langs), min_words={"default": 50, "zh": 20})
    assert found == [None, "too_short", "too_short"]
    profiles = table(*texts).append_column("profile", pa.array(["code", "web", None]))
    found = reasons(gopher_quality, profiles, min_words={"default": 50, "code": None})
    assert found == [None, "too_short", "too_short"]


@pytest.mark.parametrize("values", [{"min_words": {"zh": 20}}, {"min_word": 3}, {"bullets": [""]}])
def test_wrong_parameters(values):
    with pytest.raises(ValueError, match=r"default|min_word|at least 1 character"):
        gopher_quality.params(**values)


def test_columns():
    found = run(gopher_quality, table("- The END… #1\n\n中文 is 3.14...", ""))
    assert [type(v[0]) for v in found.values()][:-1] == [int, *[float] * 7, int]
    facts = {name: round(values[0], 4) for name, values in found.items() if name != "drop_reason"}
    assert facts == {
        "word_count": 7, "mean_word_length": round(15 / 7, 4), "short_script_fraction": 0.2857, "hash_ratio": 0.1429,
        "ellipsis_ratio": 0.2857, "bullet_line_fraction": 0.5, "ellipsis_line_fraction": 0.5, "alpha_word_fraction": 0.7143,
        "stop_word_count": 1,
    }  # fmt: skip
    assert [values[1] for values in found.values()] == [0] * 9 + ["too_short"]


def test_a_line_does_not_reach_into_its_neighbours():
    found = run(gopher_quality, table("..", "word.", "..", ".\n..", "...", "…"))
    assert found["ellipsis_line_fraction"] == [0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    "text",
    ["x" * 1_000_000, "\n" * 1_000_000, "." * 1_000_000, "a " * 500_000, "中" * 300_000, "-\n" * 500_000],
    ids=["one word", "newlines", "dots", "words", "chinese", "bullets"],
)
def test_large_odd_documents(text):
    assert run(gopher_quality, table("", text, None))["drop_reason"][1] is not None


def test_bytes_that_are_not_utf8():
    texts = [b"\xff\xfe the of", b"\xe2\x80", b"\xe4\xb8", b"..\xe2", b"#\xc3", b"\x80" * 50, None]
    found = run(gopher_quality, pa.table({"text": pa.array(texts, pa.large_binary())}))
    assert found["word_count"] == [2, 0, 0, 0, 0, 0, 0]
    assert found["stop_word_count"][0] == 2


STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}


def kind(char):
    return int(CLASS_BLOCKS[(int(CLASS_INDEX[ord(char) >> 8]) << 8) | (ord(char) & 255)])


def is_short(char):
    return kind(char) >= CJK or (kind(char) == LETTER and re.match("[\u0f00-\u0fff\ua000-\ua48f\uac00-\ud7a3]", char) is not None)


def slow(text):
    """The rules read aloud, one document at a time."""
    found = Utf8.of_strings([text]).words().to_list(0)
    parts = [s for s in (line.strip(SPACES) for line in re.split("\r\n|[\n\r\u2028\u2029]", text)) if s]
    per_word, per_line = max(1, len(found)), max(1, len(parts))
    facts = {
        "word_count": len(found),
        "mean_word_length": sum(map(len, found)) / per_word,
        "short_script_fraction": sum(is_short(w[0]) for w in found) / per_word,
        "hash_ratio": text.count("#") / per_word,
        "ellipsis_ratio": (text.count("...") + text.count("…")) / per_word,
        "bullet_line_fraction": sum(p.startswith(tuple("•‣⁃▪●◦*-")) for p in parts) / per_line,
        "ellipsis_line_fraction": sum(p.endswith(("...", "…")) for p in parts) / per_line,
        "alpha_word_fraction": sum(any(kind(c) >= LETTER for c in w) for w in found) / per_word,
        "stop_word_count": len({w.replace("İ", "i").lower() for w in found} & STOP_WORDS),
    }
    length, symbols = facts["mean_word_length"], max(facts["hash_ratio"], facts["ellipsis_ratio"])
    rules = {
        "too_short": facts["word_count"] < 5,
        "mean_word_length": (length < 3 and facts["short_script_fraction"] <= 0.5) or length > 10,
        "symbol_ratio": symbols > 0.1,
        "bullet_lines": facts["bullet_line_fraction"] > 0.9,
        "ellipsis_lines": facts["ellipsis_line_fraction"] > 0.3,
        "alpha_words": facts["alpha_word_fraction"] < 0.8,
        "stop_words": facts["stop_word_count"] < 2,
    }
    return facts | {"drop_reason": next((name for name, holds in rules.items() if holds), None)}


PIECES = ["the ", "With ", "and\n", "word ", "longerwords ", "1,000 ", "3", "#", "...", ".", "…", "\n", "\r\n", "\u2028", "\r", "•"]
PIECES += ["- ", "* ", "中文", "かな", "ไทย", "한국 ", "བོད་", "é", "e\u0301", "\u0301", "\u3000", "\x85", "\x00", "😀", "don't ", "K", "İ"]
TEXTS = st.one_of(st.text(max_size=30), st.lists(st.sampled_from(PIECES), max_size=60).map("".join))


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_agrees_with_the_slow_reading(texts):
    given_ = gopher_quality(Batch(table(*texts)), gopher_quality.params(min_words=5))
    expected = [slow(text) for text in texts]
    for name, values in given_.items():
        stored = pa.array(values)
        assert stored.to_pylist() == pa.array([e[name] for e in expected], stored.type).to_pylist(), name


def slow_datatrove(text):
    """The other variant read aloud."""
    found = Utf8.of_strings([text]).words().to_list(0)
    counted = [w for w in found if set(w) - set("\uff11'\u2019-_.,")]
    parts, per_word = text.splitlines(), max(1, len(found))
    per_line = max(1, len(parts))
    return {
        "word_count": len(counted),
        "mean_word_length": sum(map(len, counted)) / max(1, len(counted)),
        "hash_ratio": text.count("#") / per_word,
        "ellipsis_ratio": (text.count("...") + text.count("…")) / per_word,
        "bullet_line_fraction": sum(p.lstrip().startswith(("•", "-")) for p in parts) / per_line,
        "ellipsis_line_fraction": sum(p.rstrip().endswith(("...", "…")) for p in parts) / per_line,
        "alpha_word_fraction": sum(any(c.isalpha() for c in w) for w in found) / per_word,
        "stop_word_count": len(set(found) & STOP_WORDS),
    }


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(st.lists(st.lists(st.sampled_from([*PIECES, "\uff11", "\x1c", "\x0b"]), max_size=60).map("".join), min_size=1, max_size=5))
def test_datatrove_agrees_with_the_slow_reading(texts):
    given_ = gopher_quality(Batch(table(*texts)), gopher_quality.params(**DATATROVE))
    for name in slow_datatrove(""):
        expected = [slow_datatrove(text)[name] for text in texts]
        stored = pa.array(given_[name])
        assert stored.to_pylist() == pa.array(expected, stored.type).to_pylist(), name
