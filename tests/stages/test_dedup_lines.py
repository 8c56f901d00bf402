"""Line dedup against a count by brute force, its forms against the standard library, and its edges."""

import gzip
import json
import random
import re
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from repeated_checks import Shuffled, documents, run

from bench.odd_texts import odd_texts
from curation.stage import Batch
from curation.text import Spans, Utf8
from stages.dedup.dedup_lines import Params, dedup_lines
from stages.dedup.line_forms import CODE_REMOVES, EMPTY, GROWTH, form_hashes, form_of
from stages.heuristics.code_lines import code_lines
from tests.engine.engine_kit import recipe, rows, steps
from tests.engine.engine_kit import run as run_recipe

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
FORMS = ("ccnet/paper", "ccnet/code", "raw")


# Forms


def lowered(text):
    """Simple lower case, as the kernels have it."""
    return "".join("i" if c == "\u0130" else c.lower() for c in text)


def expected_form(line, form):
    """A form by the standard library; Hangul stays composed."""
    line = line.strip()
    if form == "raw":
        return line
    line = re.sub(r"\d", "0", lowered(line))
    if form == "ccnet/code":
        return "".join(c for c in line if c not in CODE_REMOVES)
    out = ""
    for c in line:
        parts = c if "\uac00" <= c <= "\ud7a3" else unicodedata.normalize("NFD", c)
        out += "".join(p for p in parts if unicodedata.category(p) != "Mn" and unicodedata.category(p)[0] != "P")
    return out.strip()


@pytest.mark.parametrize(
    ("line", "paper", "code"),
    [
        pytest.param("Read MORE", "read more", "read more", id="case"),
        pytest.param("12:05, 3rd of ٤", "0000 0rd of 0", "00:00, 0rd of 0", id="digits of any script, one by one"),
        pytest.param("Café Über naïve", "cafe uber naive", "café über naïve", id="accents"),
        pytest.param("e\u0301", "e", "e\u0301", id="a mark of its own"),
        pytest.param("«Hi» – “yes”…", "hi  yes", "hi  yes", id="typographic punctuation"),
        pytest.param("don't, (ok)!", "dont ok", "don't, (ok)!", id="ascii punctuation"),
        pytest.param("a\tb\x00c\x85d", "a\tb\x00c\x85d", "abcd", id="control characters"),
        pytest.param("中文，字。！", "中文字", "中文字", id="full-width punctuation"),
        pytest.param("x + y = $5 ^", "x + y = $0 ^", "x + y = $0 ^", id="symbols stay"),
        pytest.param("— … —", "", "  ", id="nothing but punctuation"),
        pytest.param(" \u3000\u00a0", "", "", id="blank"),
        pytest.param("- a -", "a", "- a -", id="white space that punctuation leaves"),
        pytest.param("한국어 가", "한국어 가", "한국어 가", id="hangul"),
        pytest.param("हिन्दी १२", "हिनदी 00", "हिन्दी 00", id="nonspacing marks of other scripts"),
        pytest.param("ＡＢ１２", "ａｂ00", "ａｂ00", id="full-width letters stay so"),
        pytest.param("\U0001d7d8\U0001f600", "0\U0001f600", "0\U0001f600", id="beyond the first plane"),
    ],
)
def test_forms(line, paper, code):
    assert form_of(line, "ccnet/paper") == paper
    assert form_of(line, "ccnet/code") == code
    assert form_of(f" {line}\u2003", "raw") == line.strip()


def check_forms(lines):
    spans = Utf8.of_strings(lines).lines("lf")  # no line feed in them: a line each
    spans = type(spans)(spans.text, spans.text.offsets[:-1], spans.text.offsets[1:], np.arange(len(lines) + 1))
    for form in FORMS:
        expected = [expected_form(line, form) for line in lines]
        assert [form_of(line, form) for line in lines] == expected
        hashes = form_hashes(spans, form).tolist()
        assert [h == EMPTY for h in hashes] == [not e for e in expected]
        assert len(set(zip(expected, hashes, strict=True))) == len(set(expected)) == len(set(hashes)), form


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cn"], max_codepoint=0x2FFFF), max_size=30), max_size=20))
def test_forms_are_those_of_the_standard_library(lines):
    check_forms(lines)


KNOWN = [chr(c) for c in range(0x30000) if unicodedata.category(chr(c)) not in ("Cs", "Cn")]


def test_forms_of_every_character():
    check_forms([f"a{c}b" for c in KNOWN])
    check_forms(KNOWN)  # at the end of a line, and of the text


def test_no_form_is_longer_than_the_room_for_it():
    grown = {c: max(len(form_of(c, form).encode()) for form in FORMS[:2]) / len(c.encode()) for c in KNOWN}
    assert max(grown.values()) == GROWTH
    note = max(grown, key=grown.get) * 100_000
    spans = Utf8.of_strings([note, expected_form(note, "ccnet/paper")]).lines()
    assert len(set(form_hashes(spans, "ccnet/paper").tolist())) == 1


@pytest.mark.parametrize("form", FORMS[:2])
def test_bytes_cut_off_at_the_end_of_a_line_do_not_take_from_the_next(form):
    pieces = [b"Ab, \xe2\x80\x99", "\u0915\u0940 \u00c4".encode(), b"\xc3", b"\xe2\x80", b"\xf0\x9d\x85", b"x" * 9]
    lines = [a + b for a in pieces for b in pieces for n in range(2, 6) for a in (a, a[:n])]
    apart = [form_hashes(Utf8.of(pa.array([line], pa.large_binary())).lines("lf"), form)[0] for line in lines]
    text = Utf8.of(pa.array([b"".join(lines)], pa.large_binary()))
    ends = np.cumsum([len(line) for line in lines])
    spans = Spans(text, np.concatenate(([0], ends[:-1])), ends, np.array([0, len(lines)]))
    assert form_hashes(spans, form).tolist() == apart


def test_bytes_that_are_no_text_keep_their_own_forms():
    array = pa.array([b"a\xffb", b"a\xfeb", b"A\xff\xe2\x82", b"a\xff\xe2\x82"], pa.large_binary())
    spans = Utf8.of(array).lines()
    for form in ("ccnet/paper", "ccnet/code"):
        one, two, three, four = form_hashes(spans, form).tolist()
        assert len({one, two, three}) == 3
        assert three == four


# Edges

LINE = "Sign up for our letter"


def body(i):
    return f"Text {'abcdefghijklmnopqrstuvwxyz'[i % 26]}{'abcdefghijklmnopqrstuvwxyz'[i // 26]} alone"


@pytest.mark.parametrize(("copies", "left"), [(6, True), (7, False)])
def test_the_bound_is_kept_and_one_more_takes_every_copy(copies, left):
    texts = [f"{LINE}\n{body(i)}" for i in range(copies)]
    found = run(dedup_lines, documents(texts))
    assert found["text"] == (texts if left else [body(i) for i in range(copies)])
    assert found["lines_removed"] == [0 if left else 1] * copies
    assert found["line_chars_removed"] == [0 if left else len(LINE)] * copies
    assert found["drop_reason"] == [None] * copies


def test_copies_within_one_document_count():
    found = run(dedup_lines, documents(["\n".join([LINE] * 7 + ["other"]), "\n".join([body(1)] * 6)]))
    assert found["text"] == ["other", "\n".join([body(1)] * 6)]
    assert found["lines_removed"] == [7, 0]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        pytest.param("X\na\nb", "a\nb", id="first"),
        pytest.param("a\nX\nb\n", "a\nb\n", id="between"),
        pytest.param("a\nb\nX", "a\nb", id="last, without a line end"),
        pytest.param("a\nb\nX\n", "a\nb\n", id="last, with one"),
        pytest.param("a\r\nX\r\nb\r", "a\r\nb\r", id="CR LF"),
        pytest.param("a\u2028X\u2029b", "a\u2029b", id="line separators"),
        pytest.param("a\n\nX\n\nb", "a\n\n\nb", id="blank lines stay"),
        pytest.param("\n\nX\na", "\n\na", id="blank lines before"),
        pytest.param("X\nX\na\nX\nX\nb\nX\nX", "a\nb", id="runs"),
        pytest.param("a\n\nX", "a\n\n", id="a blank line before the last"),
        pytest.param("a\rX\n\nb", "a\r\n\nb", id="CR and LF do not run together"),
        pytest.param("a\r\rX\n\nb", "a\r\r\n\nb", id="nor with what stands before"),
        pytest.param(" x! \na", "a", id="another line of its form"),
        pytest.param("Xa\nbX", "Xa\nbX", id="not within a line"),
        pytest.param("\x00\nX\n\U0001f600\u0301", "\x00\n\U0001f600\u0301", id="odd characters"),
    ],
)
def test_what_stays_is_exactly_the_other_lines(text, left):
    found = Shuffled(dedup_lines, documents([text, "\n".join(["X"] * 20 + ["end"])]), {"more_than": 6})
    assert found["text"] == [left, "end"]


def test_an_empty_form_is_neither_counted_nor_removed():
    texts = [f"\n---\n \n…\n{body(i)}\n* * *\n" for i in range(9)] + ["", None, "\n"]
    found = run(dedup_lines, documents(texts), more_than=1)
    assert found["text"] == [t or "" for t in texts]
    assert len(Shuffled(dedup_lines, documents(texts), {}).rows) == 9


@pytest.mark.parametrize(
    ("min_words_left", "left", "reason"),
    [(1, "...", "too_little_left"), (1, "one", None), (3, "one two", "too_little_left"), (3, "one two three", None), (None, "", None)],
)
def test_too_little_left(min_words_left, left, reason):
    texts = [f"{LINE}\n{left}", "", "a b", "\n".join([LINE] * 7 + ["a b c"])]
    found = run(dedup_lines, documents(texts), min_words_left=min_words_left)
    assert found["text"][0] == left
    assert found["drop_reason"] == [reason, None, None, None]  # one that lost nothing is never too short


def test_code_is_left_alone():
    code = "for (i = 0; i < n; i++) {\n    total += x[i];\n}"
    texts = [f"{LINE}\n\n{code}\n\n{body(i)}" for i in range(8)]
    table = documents(texts)
    assert code_lines(Batch(table).utf8().lines()).sum() == 3 * 8
    assert run(dedup_lines, table)["text"] == [f"\n{code}\n\n{body(i)}" for i in range(8)]
    assert run(dedup_lines, table, skip_code=False)["text"] == [f"\n}}\n\n{body(i)}" for i in range(8)]
    assert run(dedup_lines, table, unit="paragraph")["text"] == [f"{code}\n\n{body(i)}" for i in range(8)]
    profiles = ["code"] * 4 + ["web", None, "math", "web"]
    assert run(dedup_lines, documents(texts, profile=profiles))["text"] == texts  # those of code do not count
    assert run(dedup_lines, documents(texts, profile=profiles), more_than=3)["text"] == [
        t if p == "code" else t.partition("\n")[2] for t, p in zip(texts, profiles, strict=True)
    ]


def test_keep_first_keeps_the_copy_of_the_smallest_hash():
    texts = [f"{LINE}\n{body(i)}\n{LINE}" for i in range(7)]
    table = documents(texts)
    least = int(np.argmin(Batch(table).utf8("id").hash()))
    assert 0 < least < 6  # neither the first nor the last to come
    found = run(dedup_lines, table, keep_first=True)
    assert found["text"] == [f"{LINE}\n{body(i)}" if i == least else body(i) for i in range(7)]


def test_groups_are_counted_apart():
    texts = [f"{LINE}\n{body(i)}" for i in range(10)]
    langs = ["en"] * 7 + ["de", "de", None]
    for by in ("lang", "year"):
        table = documents(texts, lang=langs, year=[{"en": 1, "de": 2}.get(x) for x in langs])
        assert [t.count(LINE) for t in run(dedup_lines, table, by=by)["text"]] == [0] * 7 + [1] * 3
    assert not any(LINE in t for t in run(dedup_lines, table)["text"])
    nobodys = documents(texts, lang=[""] * 6 + [None] * 4)
    assert [t.count(LINE) for t in run(dedup_lines, nobodys, by="lang")["text"]] == [1] * 10, "no value is not an empty one"


def test_lines_are_counted_by_bucket():
    table = documents([f"{LINE}\n{body(i)}" for i in range(26)])
    found = run(dedup_lines, table, bucket_docs=7)
    buckets = Batch(table).utf8("id").hash() % np.uint64(4)
    sizes = np.bincount(buckets.astype(int), minlength=4)
    assert min(sizes) <= 6 < max(sizes)  # or this tests nothing
    assert [LINE in t for t in found["text"]] == [bool(sizes[int(b)] <= 6) for b in buckets]
    assert dedup_lines.buckets(30_000_000, Params()) == 1
    assert dedup_lines.buckets(30_000_001, Params()) == 2
    assert dedup_lines.buckets(0, Params()) == 1


def test_documents_of_a_domain_share_a_bucket():
    domains = [f"site{i // 8}.example" for i in range(48)]
    texts = [f"Menu of {'abcdef'[i // 8]}\n{body(i)}" for i in range(48)]
    table = documents([*texts, *texts[:8]], domain=[*domains, *[None] * 8])
    by_domain = run(dedup_lines, table, bucket_docs=1, bucket_by="domain", more_than=7)
    assert by_domain["text"] == [body(i) for i in range(48)] + texts[:8]
    by_id = run(dedup_lines, table, bucket_docs=1, more_than=7)
    assert by_id["text"] == [*texts, *texts[:8]]


def test_paragraphs():
    paragraph = " One part\nof two lines"
    texts = [f"{body(i)}\n\n{paragraph}\n \n\n {body(i)}\n{paragraph}" for i in range(7)]
    found = run(dedup_lines, documents(texts), unit="paragraph")
    assert found["text"] == [f"{body(i)}\n \n\n {body(i)}\n{paragraph}" for i in range(7)]
    assert found["lines_removed"] == [1] * 7


def test_the_most_frequent_lines_are_shown_in_their_form_with_their_counts():
    texts = [f"Page {i} of 20\n{LINE}\n{LINE}\n{body(i)}" for i in range(9)]
    found = Shuffled(dedup_lines, documents(texts), {}, shards=2, size=2)
    assert found.examples == {LINE.lower(): 18, "page 0 of 00": 9}
    many = "\n".join(chr(97 + i // 26) + chr(97 + i % 26) for i in range(60) for _ in range(7 + i))
    assert sorted(Shuffled(dedup_lines, documents([many]), {}).examples.values()) == list(range(57, 67))


@pytest.mark.parametrize(
    "values",
    [{"more_than": 0}, {"bucket_docs": 0}, {"bucket_by": "order"}, {"form": "ccnet"}, {"unit": "page"}, {"by": ""}, {"min_words_left": -1}],
)
def test_parameters_that_cannot_work_are_refused(values):
    with pytest.raises(ValidationError, match=next(iter(values))):
        Params(**values)


def test_a_column_that_makes_no_groups_is_refused():
    with pytest.raises(ValueError, match="by: tags is a list"):
        dedup_lines.check(Params(by="tags"), pa.schema([("tags", pa.list_(pa.string()))]))


# Against brute force


def split_lines(text):
    """Lines with what ends them."""
    return re.findall(r"[^\n\r\u2028\u2029]*(?:\r\n|[\n\r\u2028\u2029])|[^\n\r\u2028\u2029]+", text)


def bare(line):
    return line.rstrip("\n\r\u2028\u2029")


def expected(texts, buckets, groups, more_than, form, code):
    """Lines of each text that stay, by one dictionary."""
    keys = [[(expected_form(bare(x), form), b, g) for x in split_lines(t)] for t, b, g in zip(texts, buckets, groups, strict=True)]
    keys = [[k if not c else ("", 0, 0) for k, c in zip(ks, cs, strict=True)] for ks, cs in zip(keys, code, strict=True)]
    counts = Counter(k for ks in keys for k in ks if k[0])
    gone = {k for k, n in counts.items() if n > more_than}
    return [[bare(x) for x, k in zip(split_lines(t), ks, strict=True) if k not in gone] for t, ks in zip(texts, keys, strict=True)], counts


def real_texts(count):
    """Lines of the multilingual set, made to documents that share some of them."""
    with gzip.open(SHARED / "multilingual" / "text.jsonl.gz", "rt", encoding="utf-8") as file:
        lines = [json.loads(line)["text"] for line in file]
    rng = random.Random(5)
    often = rng.sample(lines, 60)
    sizes = [rng.randint(0, 12) for _ in range(count)]
    return ["\n".join(rng.choice(often) if rng.random() < 0.3 else rng.choice(lines) for _ in range(size)) for size in sizes]


def check_against_brute_force(texts, **values):
    params = Params(**values)
    rng = random.Random(7)
    langs = [rng.choice(["en", "de", "zh", None]) for _ in texts]
    table = documents(texts, lang=langs)
    found = Shuffled(dedup_lines, table, values, shards=5, size=300, reducers=3)
    count = dedup_lines.buckets(len(texts), params)
    buckets = (Batch(table).utf8("id").hash() % np.uint64(count)).tolist()
    lines = Batch(table).utf8().lines()
    flags = code_lines(lines) if params.skip_code else np.zeros(len(lines), bool)
    code = [flags[a:b].tolist() for a, b in zip(lines.offsets, lines.offsets[1:], strict=False)]
    left, counts = expected(texts, buckets, langs if params.by else [0] * len(texts), params.more_than, params.form, code)
    assert [[bare(x) for x in split_lines(t)] for t in found["text"]] == left
    removed = [len(split_lines(t)) - len(kept) for t, kept in zip(texts, left, strict=True)]
    assert found["lines_removed"] == removed
    assert sum(removed) > len(texts) / 10  # or this tests little
    assert sum(n <= params.more_than for n in counts.values()) > 10
    chars = [sum(map(len, (bare(x) for x in split_lines(t)))) - sum(map(len, kept)) for t, kept in zip(texts, left, strict=True)]
    assert found["line_chars_removed"] == chars
    assert found.rows["count"].to_numpy().sum() == sum(counts.values())


VALUES = [
    {"skip_code": False}, {"more_than": 2, "bucket_docs": 300}, {"form": "ccnet/code", "by": "lang", "more_than": 1},
    {"form": "raw", "more_than": 1, "bucket_docs": 700},
]  # fmt: skip


@pytest.mark.parametrize("values", VALUES)
def test_made_up_documents_against_brute_force(values):
    texts = [t for t in odd_texts(1_500) if "\u0130" not in t]
    rng = random.Random(3)
    often = [line for t in texts[:40] for line in split_lines(t)]
    texts = ["".join(x if rng.random() < 0.7 else rng.choice(often) for x in split_lines(t)) for t in texts]
    check_against_brute_force(texts, **values)


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data/multilingual")
@pytest.mark.parametrize("values", VALUES)
def test_real_lines_against_brute_force(values):
    check_against_brute_force(real_texts(3_000), **values)


# Cost


def test_one_line_in_a_third_of_the_corpus_is_one_row_a_mapper_and_one_verdict_a_shard():
    texts = [f"{LINE}\n{body(i % 600)} {i}" if i % 3 == 0 else f"{body(i % 600)} {i}" for i in range(3_000)]
    found = Shuffled(dedup_lines, documents(texts), {"form": "raw"}, shards=6, size=100)
    assert len(found.rows) == 3_000 + 6
    assert found.verdicts["shard"].to_pylist() == list(range(6))
    assert found.verdicts["count"].to_pylist() == [1_000] * 6


def test_a_shard_is_told_once_whatever_a_mapper_sends():
    params = Params(more_than=1, keep_first=True)
    rows = pa.table({
        "key": pa.array([5, 5, 5, 5, 9], pa.uint64()), "shard": pa.array([0, 0, 0, 2, 2], pa.uint32()),
        "row": pa.array([1, 4, 7, 3, 3], pa.uint32()), "count": pa.array([1, 200, 100, 1, 1], pa.uint32()),
        "first": pa.array([7, 2, 9, 4, 1], pa.uint64()),
    })  # fmt: skip
    verdicts = dedup_lines.reduce(rows, params, 0).verdicts
    assert verdicts.select(["shard", "unit", "count", "first"]).to_pylist() == [
        {"shard": 0, "unit": 5, "count": 302, "first": 2}, {"shard": 2, "unit": 5, "count": 302, "first": 2},
    ]  # fmt: skip
    chunks = [rows.slice(0, 2), rows.slice(2, 2)]
    streamed = [r.verdicts for r in dedup_lines.stream(lambda: iter(chunks), params, 0) if r.verdicts is not None]
    assert pa.concat_tables(streamed).equals(verdicts)
    merged = dedup_lines.combine(rows, params, 0)
    assert merged.select(["key", "count", "first"]).to_pylist() == [
        {"key": 5, "count": 302, "first": 2}, {"key": 9, "count": 1, "first": 1},
    ]  # fmt: skip


def test_hostile_text_costs_no_more_than_its_bytes():
    texts = ["x" * 3_000_000, "\n" * 3_000_000, "a\n" * 1_500_000, "\u0301" * 1_500_000, "\xa0\n" * 1_000_000, "." * 3_000_000]
    found = Shuffled(dedup_lines, documents(texts), {})
    assert found["lines_removed"] == [0, 0, 1_500_000, 0, 0, 0]
    assert found["text"][2] == ""
    assert found["drop_reason"][2] == "too_little_left"


# In a run


def test_a_run_knows_the_pages_of_code_where_there_are_profiles(tmp_path):
    texts = [f"{LINE}\n{body(i)}" for i in range(10)]
    for name, profiles in (("both", ["web"] * 5 + ["code"] * 5), ("web", ["web"] * 10), ("none", None)):
        folder = tmp_path / name
        folder.mkdir()
        table = {"text": pa.array(texts, pa.large_string()), **({"profile": profiles} if profiles else {})}
        pq.write_table(pa.table(table), folder / "in.parquet")
        carry = ", carry: [profile]" if profiles else ""
        text = f"""
inputs: {{docs: {{use: parquet, paths: "in.parquet"{carry}}}}}
steps: {{lines: {{use: dedup_lines}}}}
outputs: {{left: {{use: shards}}}}
"""
        run_recipe(recipe(folder, text), folder / "out")
        left = [r["text"] for r in rows(folder / "out", "outputs", "left")]
        assert left == (texts if name == "both" else [body(i) for i in range(10)])


def test_a_run_of_many_shards(tmp_path):
    rng = random.Random(11)
    texts = ["\n".join(rng.choice([LINE, "Menu", body(rng.randrange(600))]) for _ in range(rng.randint(1, 5))) for _ in range(900)]
    for file in range(3):
        (tmp_path / "in").mkdir(exist_ok=True)
        part = texts[file * 300 : file * 300 + 300]
        table = pa.table({"text": pa.array(part, pa.large_string()), "n": pa.array(range(file * 300, file * 300 + 300), pa.int64())})
        pq.write_table(table, tmp_path / "in" / f"{file}.parquet", row_group_size=70)
    text = """
inputs: {docs: {use: parquet, paths: "in/*.parquet", carry: [n]}}
steps: {lines: {use: dedup_lines, bucket_docs: 400, min_words_left: 2}}
outputs: {left: {use: shards}}
settings: {shuffle: {spill_bytes: 4096, reduce_bytes: 8192}}
"""
    run_recipe(recipe(tmp_path, text), tmp_path / "out")
    kept = {r["n"]: r for r in rows(tmp_path / "out", "outputs", "left")}
    dropped = rows(tmp_path / "out", "dropped")
    assert len(kept) + len(dropped) == 900
    assert {r["drop_reason"] for r in dropped} == {"too_little_left"}
    every = [*kept.values(), *dropped]
    ids = pa.array([r["id"] for r in sorted(kept.values(), key=lambda r: r["n"])])
    bucket = dict(zip(ids.to_pylist(), (Utf8.of(ids).hash() % np.uint64(3)).tolist(), strict=True))
    # What stays is fewer than seven in each bucket, what went is more: dropped documents took their lines along.
    counts = Counter((line, bucket[r["id"]]) for r in kept.values() for line in r["text"].split("\n"))
    assert max(counts.values()) <= 6
    assert not any(LINE in r["text"] for r in kept.values())
    assert sum(r["lines_removed"] for r in every) > 900
    step = steps(tmp_path / "out")["lines"]
    assert list(step["examples"]["removed lines"])[:2] in ([LINE.lower(), "menu"], ["menu", LINE.lower()])
    changed = text.replace("bucket_docs: 400", "bucket_docs: 400, form: raw")
    first = {n: r["text"] for n, r in kept.items()}
    run_recipe(recipe(tmp_path, changed), tmp_path / "two", workers=2)
    assert {r["n"]: r["text"] for r in rows(tmp_path / "two", "outputs", "left")} == first  # these lines have one form each
