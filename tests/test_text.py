"""curation/text.py: spans against slow Python, hashes against reference code, bytes that are no UTF-8."""

import gc
import random
import unicodedata
import weakref

import numpy as np
import pyarrow as pa
import pytest
import xxhash

from curation import text, unicode_tables
from curation.stage import Batch, Texts
from curation.text import Utf8
from tests.cpu_time import within_cpu_seconds

ODD = [
    "",
    " \t\u3000\u2003 ",
    "a",
    "don't my_var 3.14, 1,000. 1.x x.1",
    "e\u0301te\u0301\u0301 \u0301 x",
    "line\r\nline\rline\n\nline\u2028line\u2029",
    "\ufeffbom \u200bzero\u200bwidth\u200c",
    "今日は、カタカナ abc中文x1 〇々ー",
    "สวัสดีชาวโลก ខ្មែរ မြန်မာ ລາວ",
    "👩‍👩‍👧 🇩🇪 ✓ 𝒜𝓫 𐐀",
    "İI KÅ ẞß Ⱥ ΑΣ ǅ",
    "\x00\x01\x1c\x1f\x7f\x85\xa0",
    "x" * 1000,
]


def reference_words(s):
    """The definition at the head of curation/text.py, one character at a time."""
    ut, words, word, gap = unicode_tables, [], "", ""
    kinds = [int(text.CLASS_BLOCKS[text.CLASS_INDEX[ord(c) >> 8] * 256 + (ord(c) & 255)]) for c in s]
    before = 0
    for c, kind in zip(s, kinds, strict=True):
        if kind >= ut.DIGIT:
            number_gap = gap in ut.NUMJOINS and gap != ""
            parted = kind in (ut.CJK, ut.SEA) or before in (ut.CJK, ut.SEA)
            parted = parted or (number_gap and not (before == kind == ut.DIGIT))
            if word and kind != ut.MARK and parted:
                words.append(word)
                word = ""
            if not word or kind != ut.MARK:
                before = kind
            word += (gap + c) if word else c
            gap = ""
        elif word:
            if not gap and (kind == ut.JOIN or (kind == ut.NUMJOIN and before == ut.DIGIT)):
                gap = c
            else:
                words.append(word)
                word, gap = "", ""
    return [*words, word] if word else words


def random_texts(n, seed=7):
    rng = random.Random(seed)
    pool = "ab é.,'-_ \n\r\t123 中カ ไทย ה\u0301\u2019\u00ad\u200b\u2028\u3000😀ÀŻИ"
    return ["".join(rng.choices(pool, k=rng.randint(0, 60))) for _ in range(n)]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        pytest.param("Hello, world!", ["Hello", "world"], id="punctuation"),
        pytest.param("don't l’été e-mail", ["don't", "l’été", "e-mail"], id="joiners"),
        pytest.param("'quoted' -x- a--b", ["quoted", "x", "a", "b"], id="joiners at an end or doubled"),
        pytest.param("my_var_name(x_1)", ["my_var_name", "x_1"], id="identifiers"),
        pytest.param("3.14 1,000.5 v1.x a.B", ["3.14", "1,000.5", "v1", "x", "a", "B"], id="numbers"),
        pytest.param("today今日は", ["today", "今", "日", "は"], id="ideographs and kana"),
        pytest.param("ดี ชา", ["ดี", "ช", "า"], id="thai letters with their marks"),
        pytest.param("नमस्ते दुनिया", ["नमस्ते", "दुनिया"], id="devanagari with marks"),
        pytest.param("한국어 텍스트", ["한국어", "텍스트"], id="hangul has spaces"),
        pytest.param("e\u0301te\u0301", ["e\u0301te\u0301"], id="decomposed accents"),
        pytest.param("co\u00adop\u200dx", ["co\u00adop\u200dx"], id="invisible joiners"),
        pytest.param("≠ + 😀 —", [], id="no letters"),
    ],
)
def test_words(source, words):
    assert Utf8.of_strings([source]).words().to_list(0) == words
    assert reference_words(source) == words


def test_words_equal_the_definition_on_random_text():
    texts = random_texts(500) + ODD
    words = Utf8.of_strings(texts).words()
    assert [words.to_list(i) for i in range(len(texts))] == [reference_words(s) for s in texts]


def test_words_of_long_texts():
    """Words are found 64 bytes at a time: what joins and parts them may stand at any edge, beside anything, or at the end."""
    rng = random.Random(3)
    pieces = ["a", "bc", "Z", "1", "23", "'", "-", "_", ".", ",", " ", "\n", "é", "中", "\u0301", "\u2019", "ก", "$", "٣"]
    texts = []
    for _ in range(800):
        weights = [rng.random() ** 3 for _ in pieces]
        texts += ["".join(rng.choices(pieces, weights, k=rng.randint(0, 300))) for _ in range(5)]
    words = Utf8.of_strings(texts).words()
    assert [words.to_list(i) for i in range(len(texts))] == [reference_words(s) for s in texts]


def test_tokens_are_python_split():
    texts = random_texts(500) + ODD
    tokens = Utf8.of_strings(texts).tokens()
    assert [tokens.to_list(i) for i in range(len(texts))] == [s.split() for s in texts]


def python_lines(s):
    for end in ("\r\n", "\r", "\u2028", "\u2029"):
        s = s.replace(end, "\n")
    return s.split("\n")[:-1] if s.endswith("\n") or not s else s.split("\n")


def test_lines_and_trimmed():
    texts = random_texts(500) + ODD
    lines = Utf8.of_strings(texts).lines()
    trimmed = lines.trimmed()
    for i, s in enumerate(texts):
        assert lines.to_list(i) == python_lines(s)
        assert trimmed.to_list(i) == [line.strip(unicode_tables.SPACES) for line in python_lines(s)]


def split_at_lf(s):
    return s.split("\n")[: -1 if s.endswith("\n") or not s else None]


@pytest.mark.parametrize(("breaks", "split"), [("python", str.splitlines), ("lf", split_at_lf)])
def test_lines_by_other_breaks(breaks, split):
    odd = "a\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\t \u2028\u2029\u2027é\xa0"
    rng = random.Random(3)
    texts = random_texts(200) + ODD + ["".join(rng.choices(odd, k=rng.randint(0, 40))) for _ in range(500)]
    lines = Utf8.of_strings(texts).lines(breaks)
    assert [lines.to_list(i) for i in range(len(texts))] == [split(s) for s in texts]


def test_paragraphs():
    source = "\n\n a\nb \n \t\nc\n\n\n"
    paragraphs = Utf8.of_strings([source, "", "\n \n", "d"]).paragraphs()
    assert [paragraphs.to_list(i) for i in range(4)] == [["a\nb", "c"], [], [], ["d"]]


def simple_lower(s):
    return "".join(chr(ord(c) + unicode_tables.lower_delta(c)) for c in s)


def test_lower_and_folded():
    texts = random_texts(300) + ODD
    utf8 = Utf8.of_strings(texts)
    assert utf8.lower().to_arrow().to_pylist() == [simple_lower(s) for s in texts]
    blanks = dict.fromkeys(map(ord, unicode_tables.SPACES), " ")
    folded = [" ".join(t for t in simple_lower(s).translate(blanks).split(" ") if t) for s in texts]
    assert utf8.folded().to_arrow().to_pylist() == folded
    assert Utf8.of_strings(["Ⱥ" * 999]).lower().to_arrow().to_pylist() == ["ⱥ" * 999]  # grows by half


M = (1 << 64) - 1
SECRET = (0x2D358DCCAA6C78A5, 0x8BB84B93962EACC9, 0x4B33A62ED433D4A3, 0x4D5A2DA51DE1AA47)


def wyhash(key, seed=0):
    """wyhash final version 4 in Python."""
    s0, s1, s2, s3 = SECRET
    mix = lambda a, b: (a * b & M) ^ (a * b >> 64)  # noqa: E731
    r = lambda p, k: int.from_bytes(key[p : p + k], "little")  # noqa: E731
    n = len(key)
    seed ^= mix(seed ^ s0, s1)
    if n <= 16:
        if n >= 4:
            half = (n >> 3) << 2
            a, b = r(0, 4) << 32 | r(half, 4), r(n - 4, 4) << 32 | r(n - 4 - half, 4)
        else:
            a, b = (key[0] << 16 | key[n >> 1] << 8 | key[n - 1] if n else 0), 0
    else:
        i, p = n, 0
        if i >= 48:
            x = y = seed
            while i >= 48:
                seed = mix(r(p, 8) ^ s1, r(p + 8, 8) ^ seed)
                x = mix(r(p + 16, 8) ^ s2, r(p + 24, 8) ^ x)
                y = mix(r(p + 32, 8) ^ s3, r(p + 40, 8) ^ y)
                p, i = p + 48, i - 48
            seed ^= x ^ y
        while i > 16:
            seed = mix(r(p, 8) ^ s1, r(p + 8, 8) ^ seed)
            p, i = p + 16, i - 16
        a, b = r(n - 16, 8), r(n - 8, 8)
    a, b = a ^ s1, b ^ seed
    return mix((a * b & M) ^ s0 ^ n, (a * b >> 64) ^ s1)


@pytest.mark.parametrize(
    ("key", "seed", "value"),
    [  # of the published test_vector.cpp
        (b"", 0, 0x93228A4DE0EEC5A2),
        (b"a", 1, 0xC5BAC3DB178713C4),
        (b"abc", 2, 0xA97F2F7B1D9B3314),
        (b"message digest", 3, 0x786D1F1DF3801DF4),
    ],
)
def test_reference_wyhash(key, seed, value):
    # mismatches here would say that the reference above, not the kernel, is wrong
    assert wyhash(key, seed) == value


def test_hashes_equal_the_references():
    rng = random.Random(3)
    keys = [rng.randbytes(n) for n in [*range(120), 1000, 4097]]
    utf8 = Utf8.of(pa.array(keys, pa.large_binary()))
    assert utf8.hash().tolist() == [wyhash(k) for k in keys]
    high, low = utf8.hash128()
    joined = [(h << 64) | w for h, w in zip(high.tolist(), low.tolist(), strict=True)]
    assert joined == [xxhash.xxh3_128_intdigest(k) for k in keys]
    texts = random_texts(100)
    words = Utf8.of_strings(texts).words()
    listed = [w for i in range(100) for w in words.to_list(i)]
    assert words.hashes().tolist() == [wyhash(w.encode()) for w in listed]
    assert words.hashes(lower=True).tolist() == [wyhash(simple_lower(w).encode()) for w in listed]
    assert words.chars().tolist() == [len(w) for w in listed]


@pytest.mark.parametrize("n", [1, 2, 5, 13])
def test_ngram_hashes(n):
    texts = ["a b c d e f g a b c d e f g", "a b", "", "g a b c d e", "b a"]
    hashes, offsets = Utf8.of_strings(texts).words().ngram_hashes(n)
    grams = [s.split()[k : k + n] for s in texts for k in range(max(0, len(s.split()) - n + 1))]
    assert np.diff(offsets).tolist() == [max(0, len(s.split()) - n + 1) for s in texts]
    by_gram = {}
    for gram, value in zip(grams, hashes.tolist(), strict=True):
        assert by_gram.setdefault(tuple(gram), value) == value
    assert len(set(by_gram.values())) == len(by_gram)


def test_ngram_of_zero_words_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        Utf8.of_strings(["a"]).words().ngram_hashes(0)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()])
def test_of_arrow(kind):
    values = ["ab", None, "", "cdé"]
    array = pa.array([None if v is None else v.encode() for v in values], pa.binary()).cast(kind)
    for view, expected in ((array, values), (array.slice(1), values[1:]), (array.slice(3, 1), values[3:])):
        utf8 = Utf8.of(view)
        assert utf8.to_arrow().to_pylist() == [v or "" for v in expected]
        assert utf8.data.ctypes.data == array.buffers()[2].address  # no copy
    assert len(Utf8.of(array.slice(2, 0))) == 0
    assert Utf8.of(pa.chunked_array([array, array])).chars_per_row().tolist() == [2, 0, 0, 4 - 1] * 2


def test_null_with_bytes_behind_it_is_empty():
    offsets, data = pa.array([0, 2, 5], pa.int32()).buffers()[1], pa.py_buffer(b"abcde")
    array = pa.Array.from_buffers(pa.string(), 2, [pa.py_buffer(b"\x01"), offsets, data])
    assert Utf8.of(array).to_arrow().to_pylist() == ["ab", ""]


def test_all_null_and_wrong_type():
    assert Utf8.of(pa.nulls(3)).bytes_per_row().tolist() == [0, 0, 0]
    with pytest.raises(TypeError, match="string or binary"):
        Utf8.of(pa.array([1]))


def test_bytes_that_are_not_utf8_crash_nothing():
    rng = random.Random(11)
    keys = [rng.randbytes(rng.randint(0, 40)) for _ in range(2000)]
    keys += [bytes([lead]) for lead in range(256)]
    keys += [b"a\xe2\x80", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"]
    utf8 = Utf8.of(pa.array(keys, pa.binary()))
    for spans in (utf8.words(), utf8.tokens(), utf8.lines(), utf8.paragraphs(), utf8.lines().trimmed()):
        document = spans.documents()
        assert (spans.starts <= spans.ends).all()
        assert (spans.starts >= utf8.offsets[document]).all()
        assert (spans.ends <= utf8.offsets[document + 1]).all()
        spans.hashes(lower=True)
    assert len(utf8.lower()) == len(utf8.folded()) == len(keys)


def test_documents_do_not_depend_on_their_neighbours():
    texts = random_texts(60) + ODD
    whole = Utf8.of_strings(texts)
    for i, s in enumerate(texts):
        one = Utf8.of_strings([s])
        assert one.words().to_list(0) == whole.words().to_list(i)
        assert one.hash()[0] == whole.hash()[i]


def test_parts():
    words = Utf8.of_strings(["don't well-known-to a plain -x- ", None, "", "l’eau a\u2010b n'", "中-文 1-2", "-"]).words()
    expected = [["don", "t", "well", "known", "to"], [], [], ["l", "eau", "a", "b"], ["1", "2"], []]
    assert [words.parts().to_list(i) for i in range(6)] == expected
    assert words.parts() is words.parts()


def test_sums():
    words = Utf8.of_strings(["a bb c", "", "dd e"]).words()
    assert words.sums(words.bytes()).tolist() == [4, 0, 3]
    assert words.sums(words.bytes() > 1).tolist() == [1, 0, 1]


def test_where():
    words = Utf8.of_strings(["a bb c", "", "dd e"]).words()
    long = words.where(words.bytes() > 1)
    assert [long.to_list(i) for i in range(3)] == [["bb"], [], ["dd"]]


def test_tables_agree_with_this_python_where_it_knows_the_character():
    wrong = []
    for code in range(0x110000):
        char = chr(code)
        if unicodedata.category(char) != "Cn" and code < 0x20000:
            stored = text.CLASS_BLOCKS[text.CLASS_INDEX[code >> 8] * 256 + (code & 255)]
            if stored != unicode_tables.char_class(char):
                wrong.append(char)
    assert len(wrong) <= 40, wrong  # a handful of characters change category between Unicode versions


@pytest.mark.parametrize("view", ["words", "tokens", "lines", "paragraphs", "folded"])
@pytest.mark.parametrize("unit", ["a", "a ", "\n", "a'", " ", "中", "\r", "\xad", "1."])
def test_time_is_linear(view, unit):
    long = unit * (4_000_000 // len(unit))
    within_cpu_seconds(3, lambda: getattr(Utf8.of_strings([long]), view)())


@pytest.mark.parametrize("seed", range(20))
def test_spans_of_some_documents_are_those_found_in_them(seed):
    draw = random.Random(seed)
    texts = draw.choices(ODD, k=30)
    text = Utf8.of_strings(texts)
    text.words().hashes(lower=True)
    text.lines()
    for _ in range(2):  # what was taken from what was taken
        rows = np.array(sorted(draw.sample(range(len(texts)), draw.randrange(len(texts) + 1))), np.int64)
        texts = [texts[i] for i in rows]
        text = text.of_rows(rows, pa.array(texts, pa.large_string()))
        again = Utf8.of_strings(texts)
        for mine, found in ((text.words(), again.words()), (text.lines(), again.lines()), (text.tokens(), again.tokens())):
            assert (mine.starts.tolist(), mine.ends.tolist()) == (found.starts.tolist(), found.ends.tolist())
            assert mine.offsets.tolist() == found.offsets.tolist()
            assert mine.hashes(lower=True).tolist() == found.hashes(lower=True).tolist()


def test_words_are_found_once_though_documents_go(monkeypatch):
    found = []
    kernel = text._words
    monkeypatch.setattr(text, "_words", lambda *a: found.append(1) or kernel(*a))
    texts = Texts()
    table = pa.table({"text": pa.array(ODD, pa.large_string()), "url": pa.array(["u"] * len(ODD))})
    assert Batch(table, texts=texts).words().to_list(3) == ["don't", "my_var", "3.14", "1,000", "1", "x", "x", "1"]
    for _ in range(3):  # three steps that each drop the first document, and write a column
        mask = np.arange(table.num_rows) > 0
        after = table.filter(pa.array(mask)).append_column("n", pa.array(range(table.num_rows - 1))).drop_columns(["n"])
        texts.filtered(table, mask, after)
        texts.forget(table)
        table = after
    assert Batch(table, texts=texts).words().to_list(0) == ["don't", "my_var", "3.14", "1,000", "1", "x", "x", "1"]
    assert len(found) == 1
    changed = table.set_column(0, "text", pa.array(["new"] * table.num_rows, pa.large_string()))
    assert Batch(changed, texts=texts).words().to_list(0) == ["new"]


def test_hashes_of_lower_case_at_every_length():
    """Short and long, with and without capitals, in ASCII and beyond: the hash of what `lower` gives."""
    letters = "aBcDeZ[@`{zAé1Éя Я中"
    texts = [(letters * 4)[k : k + n] for k in range(len(letters)) for n in (*range(20), 33, 49)]
    texts += ["x" * n for n in range(20)] + ["X" * n for n in range(20)]
    utf8 = Utf8.of_strings(texts)
    spans = text.Spans(utf8, utf8.offsets[:-1], utf8.offsets[1:], np.arange(len(texts) + 1))
    assert spans.hashes(lower=True).tolist() == utf8.lower().hash().tolist()
    assert spans.chars().tolist() == [len(s) for s in texts]


def test_hashes_of_lower_case_of_every_changed_character():
    """Whatever lower case changes is marked, wherever it stands."""
    changed = np.flatnonzero(text.LOWER_BLOCKS.reshape(-1, 256)[text.LOWER_INDEX]).tolist()
    rng = random.Random(1)
    texts = ["".join(rng.choice("x中é") for _ in range(rng.randint(0, 70))) + chr(c) + "y" * rng.randint(0, 70) for c in changed]
    utf8 = Utf8.of_strings(texts)
    spans = text.Spans(utf8, utf8.offsets[:-1], utf8.offsets[1:], np.arange(len(texts) + 1))
    lower = utf8.lower()
    assert (np.diff(lower.offsets) > 0).all()
    assert (spans.hashes(lower=True) == lower.hash()).all()
    assert (spans.hashes(lower=True) != utf8.hash()).all()


def test_the_same_bytes_with_other_nulls_are_another_text():
    offsets, data = pa.py_buffer(np.array([0, 3, 6], np.int64)), pa.py_buffer(b"onetwo")
    whole = pa.Array.from_buffers(pa.large_string(), 2, [None, offsets, data])
    half = pa.Array.from_buffers(pa.large_string(), 2, [pa.py_buffer(bytes([1])), offsets, data])
    texts = Texts()
    assert texts.of(whole).words().counts().tolist() == [1, 1]
    assert texts.of(half).words().counts().tolist() == [1, 0]


@pytest.mark.parametrize("let_go", [lambda texts, _: texts.clear(), lambda texts, table: texts.forget(table)], ids=["clear", "forget"])
def test_a_text_let_go_of_is_freed_at_once(let_go):
    """Its spans know it and it knows them: without a cut they would stay until Python looks for cycles."""
    texts = Texts()
    table = pa.table({"text": pa.array(ODD, pa.large_string())})
    view = texts.of(table["text"].chunk(0))
    view.words().hashes()
    gone = weakref.ref(view)
    del view
    gc.disable()
    try:
        let_go(texts, table)
        assert gone() is None
    finally:
        gc.enable()
