import gzip
import json
import re
from itertools import islice

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from stage_checks import reasons, run

from curation.stage import Batch
from curation.text import CLASS_BLOCKS, CLASS_INDEX, LOWER_BLOCKS, LOWER_INDEX, Utf8
from curation.unicode_tables import DIGIT, MARK
from stages.heuristics.code_lines import in_code
from stages.heuristics.line_corrections import COUNTED, COUNTS, line_corrections
from tests.conftest import ROOT
from tests.cpu_time import within_cpu_seconds

LINE = "This is a line of ten words that always stays."
SHARED = ROOT.parent / "shared" / "data"


def table(*texts, **columns):
    return pa.table({"text": pa.array(texts, pa.large_string()), **columns})


def page(*lines, others=20):
    """Some lines, then others of ten words that are beyond doubt."""
    return "\n".join([*lines, *[LINE] * others])


CASES = [
    pytest.param("", {}, "words_lost", id="empty"),
    pytest.param(None, {}, "words_lost", id="null"),
    pytest.param("!? -- ...", {}, "words_lost", id="no word at all"),
    pytest.param("", {"max_words_lost": None}, None, id="empty, but no bound"),
    pytest.param(LINE, {}, None, id="nothing lost"),
    pytest.param(page(*["Menu"] * 10, others=19), {}, None, id="10 words of 200 are 5 %"),
    pytest.param(page(*["Menu"] * 11, others=20), {}, "words_lost", id="11 of 211 are more"),
    pytest.param(page(*["Menu"] * 11, others=20), {"max_words_lost": 0.06}, None, id="another bound"),
    pytest.param(page(*["Menu"] * 11, others=1), {"max_words_lost": None}, None, id="no bound"),
    pytest.param(page("*", *["—"] * 99, others=1), {}, None, id="marks are no words"),
    pytest.param(page("See. Read more...", others=3), {}, "words_lost", id="words of a line that is edited are lost too"),
    pytest.param(page("See. Read more...", others=4), {}, None, id="2 of 42, those of the line that stay are not"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "values", "reason"), CASES)
def test_case(text, values, reason):
    assert reasons(line_corrections, table(text), **values) == [reason]


def test_every_reason_has_a_case():
    assert {case.values[2] for case in CASES} - {None} == set(line_corrections.drops)


FREE = {"min_line_words": None}
LINES = [
    pytest.param("HOME PAGE", {}, "upper_lines", id="capitals"),
    pytest.param("ABab", FREE, None, id="half of the characters"),
    pytest.param("ABCab", FREE, "upper_lines", id="more"),
    pytest.param("AB CDe", {}, "upper_lines", id="4 of 6: blanks are characters"),
    pytest.param("AB CD ef", {}, None, id="4 of 8"),
    pytest.param("ГЛАВНАЯ страница", {}, None, id="7 of 16 in cyrillic"),
    pytest.param("ГЛАВНАЯ стра", {}, "upper_lines", id="7 of 12"),
    pytest.param("HOME PAGE", {"max_upper_ratio": None}, None, id="no rule for capitals"),
    pytest.param("HOME PAGE", {"max_upper_ratio": 0.9}, None, id="another ratio"),
    pytest.param("ǅ ǅ", {"max_upper_ratio": 0.6}, "upper_lines", id="title case has a small letter"),
    pytest.param("\U0001d400\U0001d401 \U0001d402", {}, None, id="mathematical capitals have none"),
    pytest.param("2024", FREE, "digit_lines", id="digits"),
    pytest.param("２٠٢४", FREE, "digit_lines", id="of any script"),
    pytest.param("½", FREE, "digit_lines", id="a fraction is a number, too"),
    pytest.param("20 24", {}, None, id="a blank is none"),
    pytest.param("20.24", FREE, None, id="nor is a full stop"),
    pytest.param("2024", {"digits": False, **FREE}, None, id="no rule for digits"),
    *[pytest.param(f"3 {word}", {}, "counter_lines", id=f"3 {word}") for word in COUNTED],
    *[pytest.param(line, {}, "counter_lines", id=line)
      for line in ("1,234 Likes", "1.2K views", "12m  VIEWS!", "  - 3\u00a0shares ", "· 4b followers ·", "3,., likes", "٣ likes",
                   "3\u212a li\u212aes")],
    *[pytest.param(line, {}, None, id=line)
      for line in ("3 like", "3 dislikes", "3 likesome", "3 likes it", "it 3 likes", ",3x likes", "3KK views", "3 k views", "_3 likes",
                   "3 likes_", "3e likes", "three likes")],
    pytest.param("3likes", FREE, None, id="a counter has white space"),
    pytest.param("3 likes", {"counters": []}, None, id="no counters"),
    pytest.param("3 Likes", {"counters": ["claps"]}, None, id="others"),
    pytest.param("3 claps", {"counters": ["Claps"]}, "counter_lines", id="others go"),
    pytest.param("menu", {}, "short_lines", id="one word"),
    pytest.param("  (menu)\t", {}, "short_lines", id="with blanks around"),
    pytest.param("two words", {}, None, id="two words"),
    pytest.param("a\u3000b", {}, None, id="white space of another script"),
    pytest.param("two words", {"min_line_words": 3}, "short_lines", id="another number"),
    pytest.param("menu", FREE, None, id="no least number"),
    pytest.param("MENU", {}, "upper_lines", id="the first reason counts"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "values", "count"), LINES)
def test_line(line, values, count):
    """A line that goes, and the same with others around: they stay."""
    found = run(line_corrections, table(page(line), page(LINE, line, others=30)), max_words_lost=None, **values)
    for row, before in ((0, []), (1, [LINE])):
        assert {name for name in COUNTS if found[name][row]} == ({count} if count else set())
        assert found["text"][row] == page(*before, *([] if count else [line]), others=20 + 10 * row)


@pytest.mark.parametrize(
    ("line", "values", "left"),
    [
        pytest.param("Cart: 3 items in cart now", {}, "Cart: 3 now", id="anywhere"),
        pytest.param("ITems IN cArt now", {}, " now", id="at the beginning: a blank before it goes, none behind"),
        pytest.param("an items in cart, items in cart b", {}, "an, b", id="each time"),
        pytest.param("many items in carton", {}, "manyon", id="inside a word"),
        pytest.param("many items  in cart", {}, "many items  in cart", id="two blanks are none"),
        pytest.param("items in cart", {}, None, id="a line that has no more goes"),
        pytest.param("\t items in cart \u3000", {}, None, id="blanks are nothing"),
        pytest.param("The story of it. Read more...", {}, "The story of it.", id="at the end"),
        pytest.param("The story of it.\u3000READ MORE...", {}, "The story of it.", id="a wide blank"),
        pytest.param("The story of it.  read more...", {}, "The story of it. ", id="one blank alone"),
        pytest.param("Read more... of it", {}, "Read more... of it", id="not at the end"),
        pytest.param("Read more...", {}, None, id="nothing else"),
        pytest.param("Please read more!!!", {}, "Please read more!!!", id="dots are dots"),
        pytest.param("x Read more... Read more...", {}, "x Read more...", id="once"),
        pytest.param("Sign-in to comment", {}, "to comment", id="at the start"),
        pytest.param("SIGN-IN\u2003to comment", {}, "to comment", id="of any case"),
        pytest.param("Sign-in", {**FREE}, None, id="no more than that"),
        pytest.param("Please sign-in here", {}, "Please sign-in here", id="not at the start"),
        pytest.param("Sign-in or see items in cart. Read more...", {}, "or see.", id="all three"),
        pytest.param("Sign-in items in cart Read more...", {}, None, id="nothing is left by all three"),
        pytest.param("a b c d e f g h items in", {}, "a b c d e f g h items in", id="ten words, no phrase"),
        pytest.param("a b c d e f g items in cart", {}, "a b c d e f g", id="ten words"),
        pytest.param("a b c d e f g h items in cart", {}, "a b c d e f g h items in cart", id="eleven"),
        pytest.param("a b c d e f g h items in cart", {"max_edited_words": 11}, "a b c d e f g h", id="another bound"),
        pytest.param("a b c d e f g h items in cart", {"max_edited_words": None}, "a b c d e f g h", id="no bound"),
        pytest.param("a items in cart", {"max_edited_words": 0}, "a items in cart", id="never"),
        pytest.param("One items in cart", {}, "One", id="a line may be left with one word"),
        pytest.param("Sign-in a items in cart Read more...", {"starts": [], "ends": [], "anywhere": []},
                     "Sign-in a items in cart Read more...", id="no phrases"),
        pytest.param("See all of it »", {"ends": ["it »", " of it »"]}, "See all", id="the longest of several at the end"),
        pytest.param("Log in now now", {"starts": ["Log", "log in", "now"]}, "now now", id="at the start"),
        pytest.param("the cart now", {"anywhere": ["cart", "cart now"]}, "the", id="and anywhere"),
        pytest.param("ПОДРОБНЕЕ обо всём этом ЕЩЁ", {"starts": ["подробнее"], "ends": ["ещё"]}, "обо всём этом", id="cyrillic"),
        pytest.param("больше В корзине нет", {"anywhere": ["в КОРЗИНЕ"]}, "больше нет", id="cyrillic anywhere"),
        pytest.param("İ ſ like", {"starts": ["i s"], "ends": ["İKE"]}, "İ ſ l", id="I with a dot has a small letter, a long s is one"),
        pytest.param("a \u212aart now", {"anywhere": ["KART"]}, "a now", id="the sign of Kelvin is a K"),
    ],
)  # fmt: skip
def test_edited(line, values, left):
    found = run(line_corrections, table(page(line)), max_words_lost=None, **values)
    assert found["text"] == [page(*([] if left is None else [left]))]
    assert found["edited_lines"] == [left != line]
    assert [found[name] for name in COUNTS[:4]] == [[0]] * 4


def test_blank_lines_stay_but_for_those_around_what_went():
    texts = [f"\n \n{LINE}\n\n\n{LINE}\n", f"{LINE}\n\nMENU\n\n{LINE}\n\n", f"MENU\n\n{LINE}\nmenu", f"{LINE}\nmenu\n\n \n{LINE}"]
    found = run(line_corrections, table(*texts), max_words_lost=None)["text"]
    assert found == [texts[0], f"{LINE}\n\n{LINE}", LINE, f"{LINE}\n\n \n{LINE}"]


def test_lines_end_as_they_did():
    ends = ["\n", "\r\n", "\r", "\u2028", "\u2029"]
    text = "".join(f"{LINE}{end}menu{end}see it items in cart{end}" for end in ends) + LINE
    assert run(line_corrections, table(text), max_words_lost=None)["text"] == ["".join(f"{LINE}{end}see it{end}" for end in ends) + LINE]


CODE = "def f(x):\n    a[x] = {}\n    return\n\n"


def test_code_stays():
    texts = table(page(CODE), page("else"), profile=pa.array(["web", "code"]))
    assert run(line_corrections, texts, max_words_lost=None)["text"] == texts["text"].to_pylist()
    assert run(line_corrections, texts, max_words_lost=None, skip_code=False)["short_lines"] == [1, 1]


def test_bounds_by_language_and_profile():
    rows = table(*["三句话。\n" * 3 + "3 likes"] * 2, lang=pa.array(["zh", "en"]))
    found = run(line_corrections, rows, min_line_words={"default": 2, "zh": None}, max_words_lost={"default": 0.05, "zh": 0.5})
    assert found["short_lines"] == [0, 3]
    assert found["counter_lines"] == [1, 1]
    assert found["drop_reason"] == [None, "words_lost"]
    rows = table(*["12\nA MENU"] * 2, profile=pa.array(["math", None]))
    found = run(line_corrections, rows, digits={"default": True, "math": False}, max_upper_ratio={"default": 0.5, "math": None})
    assert (found["digit_lines"], found["upper_lines"], found["short_lines"]) == ([0, 1], [0, 1], [1, 0])


def test_a_text_that_becomes_empty_is_no_neighbour():
    found = run(line_corrections, table("MENU", page(), "menu", None, page()), max_words_lost=None)
    assert found["text"] == ["", page(), "", "", page()]
    assert found["words_lost"] == [1, 0, 1, 1, 0]


@pytest.mark.parametrize("values", [{"anywhere": [""]}, {"ends": ["x" * 101]}, {"starts": "x"}])
def test_phrases_that_are_none_are_refused(values):
    with pytest.raises(ValidationError):
        line_corrections.params(**values)


LONG = 1_000_000


@pytest.mark.parametrize(
    "text",
    ["x" * LONG, "\n" * LONG, "A\n" * LONG, "Я" * LONG, "7" * LONG, "1," * LONG, "3" + " " * LONG, "3 likes" + "!" * LONG, "\u0301" * LONG,
     "items in car" * 100_000, "items in cart" * 100_000, " items in cart\n" * 100_000, "字" * LONG, "字 items in cart\n" * 100_000,
     "x" * LONG + "\n" + "y Read more...\n" * 100_000, "\u3000" * LONG, "sign-in " * 9 + "s" * LONG],
    ids=lambda text: repr(text[:14]),
)  # fmt: skip
def test_cost_is_linear(text):
    line_corrections(table("a b"))
    within_cpu_seconds(1.5, line_corrections, table("", text, None))


def test_bytes_that_are_not_utf8():
    texts = [b"\xff\xfe the of.", b"items in \xe2cart x", b"a b\xa0\xa0\xa0 \xe2\x80", b"\x80\x80\x80 Read more...", b"3 likes\xf0\x9f"]
    texts += [b"AB\xe2C x", b"AB\x80\x80\x80 x", None]
    found = line_corrections(pa.table({"text": pa.array(texts, pa.large_binary())}))
    assert found["counter_lines"].tolist() == [0, 0, 0, 0, 1, 0, 0, 0]
    assert found["edited_lines"].tolist() == [0, 0, 0, 1, 0, 0, 0, 0]
    assert found["upper_lines"].tolist() == [0, 0, 0, 0, 0, 0, 0, 0]
    assert bytes(found["text"].buffers()[2]) == b"".join([*texts[:3], b"\x80\x80\x80", *texts[5:7]])


def small(char):
    code = ord(char)
    return chr(code + int(LOWER_BLOCKS[(int(LOWER_INDEX[code >> 8]) << 8) | (code & 255)]))


def kind(char):
    return int(CLASS_BLOCKS[(int(CLASS_INDEX[ord(char) >> 8]) << 8) | (ord(char) & 255)])


def is_part_of_a_word(char):
    return char == "_" or (kind(char) >= DIGIT and kind(char) != MARK)


def counter(line):
    """The pattern of a counter, of a line in small letters whose classes are plain: 0 a digit, a any other of a word."""
    plain = "".join(c if c in " kmb,." or (c.isascii() and c.isalpha()) else " " if c.isspace() else
                    "0" if kind(c) == DIGIT else "_" if is_part_of_a_word(c) else "!" for c in map(small, line))  # fmt: skip
    return re.search(rf"^\W*0[0,.]*[kmb]?\s+({'|'.join(COUNTED)})\W*$", plain)


def cut(line, pattern):
    """A line without what the pattern finds in its small letters, which are as many."""
    lower, left, at = "".join(map(small, line)), "", 0
    for match in re.finditer(pattern, lower):
        left, at = left + line[at : match.start()], match.end()
    return left + line[at:]


SPACE = r"[\s\x1c-\x1f]?"


def slow(text, code, max_upper_ratio, min_line_words, max_edited_words):
    """The rules read aloud."""
    counts, kept, gap, changed = dict.fromkeys(COUNTS, 0), [], False, False
    for line, of_code in zip(re.findall(r"[^\n\r\u2028\u2029]*(?:\r\n|[\n\r\u2028\u2029])|[^\n\r\u2028\u2029]+", text), code, strict=True):
        bare = line.rstrip("\n\r\u2028\u2029")
        end = line[len(bare) :]
        if not bare.split():
            if not (gap and (not kept or not kept[-1].strip())):
                kept.append(line)
                gap = False
            continue
        rules = {
            "upper_lines": sum(small(c) != c for c in bare) / len(bare) > max_upper_ratio,
            "digit_lines": all(kind(c) == DIGIT for c in bare),
            "counter_lines": counter(bare),
            "short_lines": len(bare.split()) < min_line_words,
        }
        reason = next((name for name, holds in rules.items() if holds and not of_code), None)
        left = bare
        if not of_code and len(bare.split()) <= max_edited_words:
            left = cut(left, rf"{SPACE}items in cart")
            left = cut(left, rf"{SPACE}read more\.\.\.\Z")
            left = cut(left, rf"\Asign-in{SPACE}")
        if reason is None and left != bare:
            reason = "edited_lines"
        if reason:
            counts[reason] += 1
            changed = True
        if reason in (None, "edited_lines") and left.strip():
            kept.append(left + end)
            gap = False
        else:
            gap = True
    left = "".join(kept)
    left = left.rstrip() if changed else left
    words = Utf8.of_strings([text, left]).words().counts().tolist()
    return counts | {"text": left, "words_lost": np.float32(1 - words[1] / words[0] if words[0] else 1)}


PIECES = [LINE, "\n", "\n", "\n\n", "\r\n", "\u2028", " ", " ", "\u3000", "\x1c", "MENU", "Home", "a b", "Я", "я", "字", "ǅ", "é", "É"]
PIECES += ["3 likes", "3", "1,2", "k", "K", "\u212a", "likes", "VIEWS", " views", "!", "_", "２", "½", "\u0301", ".", ",", "- "]
PIECES += ["items in cart", " Items in Cart", "items in ca", "rt", "Read more...", " read more", "...", "Sign-in", "sign-in ", "SIGN"]
PIECES += ["-in", "İ", "ſ", "x = {};", "    "]
TEXTS = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join),
    st.lists(st.lists(st.sampled_from(PIECES), max_size=4).map("".join), max_size=8).map("\n".join),
)


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(st.lists(TEXTS, min_size=1, max_size=5), st.sampled_from([(0.5, 2, 10), (0.3, 1, 3), (1.0, 3, 0)]), st.booleans())
def test_agrees_with_the_slow_reading(texts, bounds, skip_code):
    names = ("max_upper_ratio", "min_line_words", "max_edited_words")
    batch = Batch(table(*texts))
    given_ = line_corrections(batch, line_corrections.params(skip_code=skip_code, **dict(zip(names, bounds, strict=True))))
    code, offsets = in_code(batch) & skip_code, batch.utf8().lines().offsets
    expected = [slow(text, code[offsets[k] : offsets[k + 1]], *bounds) for k, text in enumerate(texts)]
    for name in (*COUNTS, "text"):
        values = given_[name]
        assert (values.to_pylist() if isinstance(values, pa.Array) else values.tolist()) == [e[name] for e in expected], name
    assert given_["words_lost"] == pytest.approx([e["words_lost"] for e in expected], abs=1e-6)


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared is not here: no real texts")
def test_agrees_with_the_slow_reading_on_real_texts():
    """Sentences of many languages; pages with all that is around their text, tags taken for line ends."""
    with gzip.open(SHARED / "multilingual" / "text.jsonl.gz", "rt", encoding="utf-8") as file:
        lines = [json.loads(line)["text"] for line in islice(file, 0, None, 20)]
    with gzip.open(SHARED / "extraction" / "pages-02.jsonl.gz", "rt", encoding="utf-8") as file:
        pages = [re.sub("<[^<>]*>", "\n", json.loads(line)["html"] or "") for line in islice(file, 20)]
    texts = [*("\n".join(lines[k : k + 10]) for k in range(0, len(lines), 10)), *pages]
    batch = Batch(table(*texts))
    found = line_corrections(batch, line_corrections.params())
    code, offsets = in_code(batch), batch.utf8().lines().offsets
    expected = [slow(text, code[offsets[k] : offsets[k + 1]], 0.5, 2, 10) for k, text in enumerate(texts)]
    assert found["text"].to_pylist() == [e["text"] for e in expected]
    for name in COUNTS:
        assert found[name].tolist() == [e[name] for e in expected], name
    assert all(found[name].sum() > 0 for name in COUNTS[:4])
