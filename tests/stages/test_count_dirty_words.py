"""count_dirty_words, and the lists and matches of stages/safety/phrases.py that it shares with nsfw. The words are made up."""

import gzip
import json
import re
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stage_checks import reasons, run

from curation.errors import RecipeError
from curation.plan import Plan
from curation.recipe import load
from curation.stage import Batch
from curation.text import Utf8
from stages.safety.count_dirty_words import Params, count_dirty_words
from stages.safety.phrases import MAX_PHRASE_WORDS, files_of, read_list

ROOT = Path(__file__).resolve().parent.parent.parent
LISTS = {
    "en": ["grolm", "flurbish", "velvet grolm", "big velvet lantern", "snavel-pit", "q&z", "7zip", "grölm"],
    "de": ["ärgling", "STRAẞE", "grolm"],
    "zh": ["花瓶", "花瓶子", "性", "3片"],
    "ja": ["グロ", "さくら餅", "g スポ"],
    "th": ["กระดี", "ระดี", "ดี"],
    "lo": ["ແມວດຳ"],
    "km": ["ឆ្មាខ្មៅ"],
    "ru": ["ёлка", "Злая белка"],
    "ko": ["호두"],
}


@pytest.fixture(scope="module")
def lists(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lists")
    for language, phrases in LISTS.items():
        (folder / language).write_text("\n".join(phrases) + "\n", "utf-8")
    return str(folder)


def table(*rows):
    """Rows of (text, lang)."""
    texts, langs = zip(*rows, strict=True)
    return pa.table({"text": pa.array(texts, pa.large_string()), "lang": pa.array(langs, pa.string())})


def counts(lists, *rows, **values):
    return run(count_dirty_words, table(*rows), lists=lists, **values)["dirty_words"]


MATCHES = [
    pytest.param("a grolm here", "en", 1, id="a word"),
    pytest.param("GROLM, Grolm; grolm.", "en", 3, id="any case, any marks beside it"),
    pytest.param("grolms ungrolm grolmen", "en", 0, id="not inside a longer word"),
    pytest.param("grolm_x x_grolm grolm2", "en", 0, id="not inside an identifier"),
    pytest.param("well-grolm grolm-ish o'grolm grolm’s", "en", 4, id="parts that hyphens and apostrophes join"),
    pytest.param("grolm-grolm", "en", 2, id="both parts"),
    pytest.param("-grolm- 'grolm'", "en", 2, id="marks around it join nothing"),
    pytest.param("gr-olm gr'olm", "en", 0, id="parts are not put together"),
    pytest.param("a snavel-pit, snavel pit", "en", 1, id="a hyphen of the list's own"),
    pytest.param("a velvet grolm", "en", 1, id="the longest phrase, its words not again"),
    pytest.param("Velvet \n\t GROLM", "en", 1, id="white space is one space"),
    pytest.param("velvet. Grolm", "en", 1, id="a phrase does not cross a mark, its second word counts alone"),
    pytest.param("big velvet grolm", "en", 1, id="a longer phrase that breaks off gives way"),
    pytest.param("velvet velvet velvet lantern big velvet lantern", "en", 1, id="starts again at each word"),
    pytest.param("q&z q & z q z", "en", 1, id="marks within are exact"),
    pytest.param("7zip 7 zip", "en", 1, id="letters and digits"),
    pytest.param("gro1m gr0lm", "en", 0, id="no look-alikes"),
    pytest.param("gro\u0308lm grölm", "en", 2, id="composed or not"),
    pytest.param("Ärgling ÄRGLING straße", "de", 3, id="beyond ASCII"),
    pytest.param("ЁЛКА злая  белка", "ru", 2, id="cyrillic"),
    pytest.param("这里有花瓶吗", "zh", 1, id="chinese: wherever the characters stand"),
    pytest.param("花瓶子花瓶", "zh", 2, id="chinese: the longest, then on behind it"),
    pytest.param("理性的人 性", "zh", 1, id="chinese: one character alone is no part of a word"),
    pytest.param("看3片吧", "zh", 1, id="chinese: digits and characters"),
    pytest.param("花 瓶", "zh", 0, id="chinese: white space divides"),
    pytest.param("グロな", "ja", 1, id="katakana: a whole run"),
    pytest.param("グローバル プログラム アナグロ", "ja", 0, id="katakana: not inside a run"),
    pytest.param("そのさくら餅が G スポ", "ja", 2, id="japanese"),
    pytest.param("ที่กระดีมี", "th", 1, id="thai: the longest, not the short one in it"),
    pytest.param("คนระดีมาก คนดีมาก ดี", "th", 2, id="thai: in the midst, but not a letter alone"),
    pytest.param("ໂຕແມວດຳນີ້", "lo", 1, id="lao"),
    pytest.param("មានឆ្មាខ្មៅមួយ", "km", 1, id="khmer"),
    pytest.param("호두 호두나무", "ko", 1, id="korean: words, as they are written apart"),
    pytest.param("grolm", "fr", 0, id="a language without a list"),
    pytest.param("grolm", None, 0, id="no language"),
    pytest.param("", "en", 0, id="empty"),
    pytest.param(None, "en", 0, id="null"),
    pytest.param("\x00grolm\x00", "en", 1, id="null bytes"),
]


@pytest.mark.parametrize(("text", "lang", "count"), MATCHES)
def test_matches(lists, text, lang, count):
    assert counts(lists, (text, lang)) == [count]


def test_documents_do_not_touch_each_other(lists):
    rows = [(case.values[0], case.values[1]) for case in MATCHES]
    assert counts(lists, *rows) == [case.values[2] for case in MATCHES]
    assert counts(lists, ("velvet", "en"), ("grolm", "en"), ("o'", "en"), ("grolm", "de")) == [0, 1, 0, 1]


def test_always_and_default(lists, tmp_path):
    rows = [("grolm ärgling", "en"), ("grolm ärgling", "de"), ("grolm ärgling", "fr"), ("grolm ärgling", None)]
    assert counts(lists, *rows) == [1, 2, 0, 0]
    assert counts(lists, *rows, always=("de",)) == [2, 2, 2, 2]
    named = {"en": f"{lists}/en", "default": f"{lists}/de"}
    assert counts(named, *rows) == [1, 2, 2, 2]
    with pytest.raises(ValueError, match="always names"):
        Params(lists=named, always=("xx",))


BOUNDS = [
    pytest.param("grolm " * 2 + "w " * 98, {}, None, id="so few never drop"),
    pytest.param("grolm " * 3 + "w " * 27, {}, None, id="density at the bound"),
    pytest.param("grolm " * 3 + "w " * 26, {}, "dirty_words", id="density just over"),
    pytest.param("grolm " * 3, {"max_count": 3}, None, id="count at its bound"),
    pytest.param("grolm " * 4, {"max_count": 3}, "dirty_words", id="count over its bound"),
    pytest.param("grolm " * 50, {"max_per_1000": None}, None, id="no bound"),
    pytest.param("grolm " + "w " * 9_999, {"variant": "c4"}, "dirty_words", id="c4: one is enough"),
    pytest.param("w " * 9_999, {"variant": "c4"}, None, id="c4: none"),
    pytest.param("grolm " * 9, {"max_per_1000": {"default": 5, "en": None}}, None, id="bound per language"),
    pytest.param("grolm " * 9, {"max_count": {"default": 0, "en": 9}}, None, id="count per language"),
]


@pytest.mark.parametrize(("text", "values", "reason"), BOUNDS)
def test_bounds(lists, text, values, reason):
    assert reasons(count_dirty_words, table((text, "en")), lists=lists, **values) == [reason]


def test_density_is_of_words(lists):
    found = run(count_dirty_words, table(("grolm " + "w " * 3, "en"), ("花瓶白白", "zh"), ("", "en")), lists=lists)
    assert found["dirty_words_per_1000"] == [250, 250, 0]


def test_lists_are_read(tmp_path):
    lines = [b"\xef\xbb\xbfGrolm", b"# a comment", b"", b"  ", b"\xff\xfe", b"!!!", b"grolm ", b"a!", b"(b", b"x  y\tz", b"#c"]
    lines += [b" ".join([b"w"] * MAX_PHRASE_WORDS), b" ".join([b"w"] * (MAX_PHRASE_WORDS + 1)), "Ärg".encode(), "花瓶".encode()]
    for name, data in (("plain", b"\r\n".join(lines)), ("packed", gzip.compress(b"\n".join(lines)))):
        (tmp_path / name).write_bytes(data)
        phrases, broken = read_list(tmp_path / name)
        assert [p.text for p in phrases] == ["grolm", "x y z", "w " * (MAX_PHRASE_WORDS - 1) + "w", "ärg", "花瓶"]
        assert [(p.chars, p.words) for p in phrases] == [(5, 1), (3, 3), (32, 32), (3, 1), (6, 1)]
        whys = ["not UTF-8", "no word", "begins or ends with a mark", "begins or ends with a mark", "more than 32 words"]
        assert broken == list(zip([5, 6, 8, 9, 13], whys, strict=True))


def test_folders_name_languages(tmp_path):
    for name in ("en", "de.txt", "pt-BR.txt.gz", "zh.gz", "LICENSE", "README.md", ".hidden", "english"):
        (tmp_path / name).write_bytes(b"grolm")
    (tmp_path / "fr").mkdir()
    assert {k: v.name for k, v in files_of(tmp_path).items()} == {"en": "en", "de": "de.txt", "pt-BR": "pt-BR.txt.gz", "zh": "zh.gz"}


RECIPE = """name: r
inputs: {{in: {{use: jsonl, paths: in.jsonl, carry: {{lang: string}}}}}}
steps:
  words: {{use: count_dirty_words, lists: {lists}}}
"""
WRONG = [
    pytest.param("{en: none.txt}", "no file 'none.txt'", id="a missing list"),
    pytest.param("nowhere", "no file 'nowhere'", id="a missing folder"),
    pytest.param("{en: marks.txt}", "has no usable word or phrase", id="a list without a word"),
    pytest.param("nothing", "no file named for a language", id="a folder without a list"),
    pytest.param("bad", "has no usable word or phrase", id="a folder with a list without a word"),
]


@pytest.fixture
def recipe(tmp_path):
    (tmp_path / "marks.txt").write_text("!!\n")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "en").write_text("!!\n")
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "en").write_text("grolm\n!!\n")
    (tmp_path / "good" / "LICENSE").write_text("mine")
    rows = [f'{{"url": "http://a.example/{i}", "text": "a grolm grolm grolm", "lang": "{"enxx"[i % 2 * 2 :][:2]}"}}\n' for i in range(40)]
    (tmp_path / "in.jsonl").write_text("".join(rows))

    def write(lists):
        (tmp_path / "r.yaml").write_text(RECIPE.format(lists=lists))
        return tmp_path / "r.yaml"

    return write


@pytest.mark.parametrize(("lists", "message"), WRONG)
def test_wrong_lists_are_errors_of_the_recipe(recipe, lists, message):
    with pytest.raises(RecipeError, match=message) as error:
        Plan(load(recipe(lists), {}))
    assert "steps.words.lists" in str(error.value)


def test_broken_lines_and_languages_without_a_list_are_said_once(recipe, tmp_path):
    command = [sys.executable, "-m", "curation.cli", "run", recipe("good"), "-x", "inline", "--out", tmp_path / "out", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    said = done.stderr.splitlines()
    broken = f"not named for a language, ignored: LICENSE; {tmp_path}/good/en: 1 broken line ignored: 2 (no word)"
    assert said.count(f"words: lists: {broken}") == 1
    step = json.loads(done.stdout)["steps"][1]
    assert step["notes"] == [f"lists: {broken}", "no list (used: none) for xx"]
    assert step["dropped"] == {"dirty_words": 20}


def slow(text, phrases):
    """The longest phrase from the left, read aloud over the words of one text."""
    words = Utf8.of_strings([text]).words()
    data, spans = words.text.data.tobytes(), list(zip(words.starts.tolist(), words.ends.tolist(), strict=True))
    normal = {unicodedata.normalize(form, p) for p in phrases for form in ("NFC", "NFD")}

    def folded(start, end):
        return re.sub(r"\s+", " ", data[start:end].decode("utf-8", "replace")).replace("İ", "i").lower()

    count = k = 0
    while k < len(spans):
        after = next((j for j in range(len(spans), k, -1) if folded(spans[k][0], spans[j - 1][1]) in normal), None)
        if after is None:
            count += sum(part in normal for part in re.split("[-'’]", folded(*spans[k]))) if re.search("[-'’]", folded(*spans[k])) else 0
            k += 1
        else:
            count += 1
            k = after
    return count


PIECES = [
    "grolm",
    "velvet",
    " ",
    "  ",
    "\n",
    "big",
    "lantern",
    "-",
    "'",
    "’",
    ".",
    "snavel",
    "pit",
    "q&z",
    "Grolm",
    "grölm",
    "x",
    "7zip",
    "ö",
]


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=30).map("".join), min_size=1, max_size=4))
def test_agrees_with_the_slow_reading(lists, texts):
    given_ = count_dirty_words(table(*[(t, "en") for t in texts]), lists=lists)["dirty_words"]
    assert given_.tolist() == [slow(t, LISTS["en"]) for t in texts]


def test_a_match_is_compared_by_bytes(lists, monkeypatch):
    """Were all words to have one hash, every word would still be told from every other."""
    from stages.safety import phrases

    real = Utf8.of_strings(["velvet"]).words().hashes(lower=True)[0]
    monkeypatch.setattr("curation.text.Spans.hashes", lambda self, lower=False: np.full(len(self), real))
    phrases._loaded.cache_clear()
    try:
        assert count_dirty_words(table(("nothing of it here velvet x-y", "en")), lists={"en": f"{lists}/ko"})["dirty_words"].tolist() == [0]
    finally:
        phrases._loaded.cache_clear()


@pytest.mark.parametrize(
    "text", ["big velvet " * 300_000, "a-" * 500_000, "'" * 1_000_000, "性" * 400_000, "grolm " * 200_000, "ก" * 400_000]
)
def test_large_odd_documents_take_linear_time(lists, text):
    def seconds(size):
        batch = Batch(table((text[:size], "en")))
        batch.words().hashes(lower=True)
        started = time.process_time()
        count_dirty_words(batch, lists=lists)
        return time.process_time() - started

    seconds(1000)
    small, large = max(1e-3, min(seconds(len(text) // 8) for _ in range(3))), min(seconds(len(text)) for _ in range(2))
    assert large < 8 * 4 * small + 0.05
