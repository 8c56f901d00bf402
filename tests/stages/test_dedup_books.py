"""dedup_books beside its definition, worked out pair by pair with Python sets; what samples find beside theory."""

import gzip
import json
import random
import sys
import tracemalloc
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from near_duplicates import SCHEMA, contained_pairs, counts_of, expected, fates_of, preference, streamed, written
from pydantic import ValidationError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "engine"))
from engine_kit import ran, recipe, rows, run

from curation.errors import CurateError
from curation.stage import Batch
from curation.text import Utf8
from stages.dedup.addresses import addresses_of, keys_of
from stages.dedup.dedup_books import DedupBooks, dedup_books, found_share, least_shared
from stages.dedup.shingles import Shingles, containment, sample, shingles
from tests.test_every_stage import apply_global

TEXT = """
inputs: {docs: {use: parquet, paths: "docs/*.parquet", carry: [lang, score]}}
steps: {books: {use: dedup_books, max_drop_share: 1%s}}
outputs: {kept: {use: shards}}
"""
TINY = {"settings.shuffle.reduce_bytes": 60_000, "settings.shuffle.spill_bytes": 60_000}
ALL = ", sample_one_in: 1, min_shingles: 1, max_bucket: 1000"
"""Every shingle is sampled and no bucket is full: no pair is missed."""
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "books"
ALPHABETS = ("abcdefghij", "абвгдежзик", "αβγδεζηθικ", "ابتثجحخدذر", "अआइईउऊएऐओऔ")


def library(n, seed=0, words=200):
    """n documents, of five alphabets and of ideographs: books, excerpts, volumes with one foreword, later editions, collections, twins."""
    rng = random.Random(seed)
    vocabularies = [["".join(rng.choice(letters) for _ in range(6)) for _ in range(2_000)] for letters in ALPHABETS]
    ideographs = [chr(c) for c in range(0x4E00, 0x4E00 + 2_000)]
    vocabularies.append(ideographs)
    forewords = [[rng.choice(v) for _ in range(words // 2)] for v in vocabularies]
    books, made = [], []
    for i in range(n):
        kind = rng.random()
        which, old = rng.choice(books[-60:]) if books else (rng.randrange(6), [])
        if not books or kind < 0.3:
            which = rng.randrange(6)
            book = [rng.choice(vocabularies[which]) for _ in range(rng.randrange(words // 2, words * 2))]
        elif kind < 0.4:  # volumes that share a foreword
            book = forewords[which] + [rng.choice(vocabularies[which]) for _ in range(rng.randrange(words // 3, words))]
        elif kind < 0.65:  # an excerpt, some of it other words
            at = rng.randrange(len(old) // 2 + 1)
            book = list(old[at : at + rng.randrange(len(old) // 4, len(old)) + 1])
            for _ in range(rng.choice([0, 0, 1, 2, 4])):
                book[rng.randrange(len(book))] = rng.choice(vocabularies[which])
        elif kind < 0.8:  # a later edition: chains
            at = rng.randrange(len(old) // 10 + 1)
            book = old[at:] + [rng.choice(vocabularies[which]) for _ in range(rng.randrange(len(old) // 5 + 1))]
        elif kind < 0.9:
            others = [book for script, book in books[-60:] if script == which]
            book = [word for part in rng.sample(others, min(2, len(others))) for word in part]
        else:
            book = list(old)
        book = book[: words * 4]
        books.append((which, book))
        text = ("" if which == 5 else " ").join(book)
        made.append({
            "id": f"{rng.getrandbits(128):032x}", "url": f"http://a.example/{i}", "date": None, "lang": rng.choice(["en", "de", None]),
            "text": text.upper() if rng.random() < 0.1 else text, "score": rng.choice([None, 0.5, 1.0]),
        })  # fmt: skip
    return made


def shingle_sets(given, n=5):
    """Shingles of each text as Python tuples; an ideograph is a word."""
    split = [row["text"].lower().split() if " " in row["text"] else list(row["text"]) for row in given]
    return [[tuple(words[i : i + n]) for i in range(len(words) - n + 1)] for words in split]


def wanted(given, more_than=0.9, key=preference, **options):
    """Fates by the definition alone."""
    sets = shingle_sets(given)
    size = {row["id"]: len(set(own)) for row, own in zip(given, sets, strict=True)}

    def order(row):
        return -size[row["id"]], key(row)

    return expected(given, more_than, key=order, sets=sets, pairs_of=contained_pairs, near="contained_book", **options)


def result(folder, given, files=3, options="", sizes=None):
    """id -> (reason, survivor, similarity, cluster size) of a run."""
    written(folder / "docs", given, files)
    run(recipe(folder, TEXT % options), folder / "out", overrides=sizes or {})
    fates = fates_of(folder / "out")
    assert len(fates) == len(given)
    return fates


def counts(folder):
    return counts_of(folder / "out", "books")


def other(found, right):
    """Documents with another fate; similarities to what a float32 holds."""
    assert found.keys() == right.keys()
    rounded = {i: (*fate[:2], fate[2] if fate[2] is None else float(np.float32(fate[2])), fate[3]) for i, fate in right.items()}
    return {i: (found[i], rounded[i]) for i in found if found[i] != rounded[i]}


@pytest.mark.parametrize(
    ("files", "order", "sizes"), [(1, 1, None), (3, -1, None), (7, 1, TINY)], ids=["one shard", "three, backwards", "seven, tiny reducers"]
)
def test_every_pair_over_the_threshold_counts(tmp_path, files, order, sizes):
    given = library(1_200 if sizes is None else 250, seed=1)
    right = wanted(given)
    gone = Counter(reason for reason, *_ in right.values())
    assert min(gone["contained_book"], gone["exact_duplicate"], gone[None]) > len(given) / 50
    assert any(0.9 < fate[2] < 1 for fate in right.values() if fate[0] == "contained_book")
    assert other(result(tmp_path, given[::order], files, ALL, sizes), right) == {}


def samples(given, params):
    """Samples of some documents as Python sets."""
    table = pa.Table.from_pylist(given, schema=SCHEMA)
    drawn = Shingles.of_arrow(dedup_books.emit(Batch(table), params).kept["sample"], 8)
    return [set(drawn.values[a:b].tolist()) for a, b in pairwise(drawn.offsets)]


def test_samples_say_which_pairs_are_compared(tmp_path):
    given = library(1_200, seed=2)
    params = dedup_books.params(sample_one_in=20, min_shingles=60)
    drawn = samples(given, params)

    def compared(i, j):
        both = len(drawn[i] & drawn[j])
        return both > 0 and both >= least_shared(min(len(drawn[i]), len(drawn[j])), 0.9)

    right = wanted(given, compared=compared)
    assert other(right, wanted(given)), "the corpus has no pair that is missed"
    assert other(result(tmp_path, given, options=", sample_one_in: 20, min_shingles: 60, max_bucket: 1000"), right) == {}


def test_only_within_a_group(tmp_path):
    given = library(500, seed=3)
    right = wanted(given, by="lang")
    assert other(right, wanted(given))
    assert other(result(tmp_path, given, options=ALL + ", by: lang"), right) == {}


def test_of_equal_ones_the_preferred(tmp_path):
    given = library(500, seed=4)

    def key(row):
        return (0, -row["score"]) if row["score"] is not None else (1, 0), preference(row)

    right = wanted(given, key=key)
    assert other(right, wanted(given))
    assert other(result(tmp_path, given, options=ALL + ", prefer: [-score, -nowhere, -text_bytes, -date]"), right) == {}


def test_a_second_run_changes_nothing(tmp_path):
    given = library(700, seed=5)
    options = ", sample_one_in: 5, min_shingles: 20"
    fates = result(tmp_path / "first", given, options=options)
    left = [row for row in given if fates[row["id"]][0] is None]
    assert 100 < len(left) < 600
    again = result(tmp_path / "second", left, options=options)
    assert {fate[0] for fate in again.values()} == {None}


def test_what_goes_is_in_a_survivor_that_is_larger(tmp_path):
    given = library(700, seed=6)
    fates = result(tmp_path, given, options=", sample_one_in: 5, min_shingles: 20, max_bucket: 4")
    sets = dict(zip((row["id"] for row in given), map(set, shingle_sets(given)), strict=True))
    gone = {one: fate for one, fate in fates.items() if fate[0] is not None}
    assert len(gone) > 100
    for one, (_, survivor, similarity, _) in gone.items():
        assert fates[survivor][0] is None
        assert len(sets[one]) <= len(sets[survivor])
        true = len(sets[one] & sets[survivor]) / len(sets[one])
        assert true > 0.9
        assert similarity == np.float32(true)


@pytest.mark.parametrize("values", [{}, {"sample_one_in": 3, "max_bucket": 3}])
def test_keys_too_large_for_memory_decide_alike(values):
    params = dedup_books.params(**{"sample_one_in": 1, "min_shingles": 30, **values})
    table = pa.Table.from_pylist(library(150, seed=7, words=80), schema=SCHEMA)
    whole, pieces = (apply_global(stage, params, table, 60) for stage in (dedup_books, streamed(DedupBooks)))
    assert 30 < whole["drop_reason"].null_count < 120
    for name, column in whole.items():
        assert column.equals(pieces[name]), name


def test_rows_are_made_in_pieces(monkeypatch):
    params = dedup_books.params(sample_one_in=1, min_shingles=30)
    table = pa.Table.from_pylist(library(150, seed=7, words=80), schema=SCHEMA)
    whole = apply_global(dedup_books, params, table, 60)
    made = []

    def key_rows(self, leaders, real=DedupBooks.key_rows):
        for rows_ in real(self, leaders):
            made.append(rows_.num_rows)
            yield rows_

    monkeypatch.setattr("stages.dedup.dedup_books.ROWS", 500)
    monkeypatch.setattr("stages.dedup.buckets.PAIRS", 100)
    monkeypatch.setattr(DedupBooks, "key_rows", key_rows)
    pieces = apply_global(dedup_books, params, table, 60)
    assert len(made) > 5
    assert max(made) < 500 + 4 * 80
    assert all(column.equals(pieces[name]) for name, column in whole.items())


# Text that many documents have


def with_licence(seed=8):
    """120 books that have 40 % of their words in common, of some a copy with a word changed."""
    rng = random.Random(seed)
    vocabulary = [f"w{i}" for i in range(3_000)]
    licence = [rng.choice(vocabulary) for _ in range(200)]
    books = [[rng.choice(vocabulary) for _ in range(300)] for _ in range(120)]
    copies = [[*book[:150], "changed", *book[150:]] for book in books[::6]]
    given = library(140, seed=seed)
    for row, book in zip(given, books + copies, strict=True):
        row["text"] = " ".join([*book, *licence])
    return given


def test_a_licence_everyone_has_hides_no_copy(tmp_path):
    given = with_licence()
    right = wanted(given)
    assert sum(fate[0] is not None for fate in right.values()) == 20
    assert other(result(tmp_path, given, options=", sample_one_in: 4, min_shingles: 100, max_bucket: 20"), right) == {}
    counted = counts(tmp_path)
    assert 30 < counted["buckets over max_bucket"] < 70
    assert counted["documents in them"] == 140 * counted["buckets over max_bucket"]
    assert counted["pairs not compared"] == counted["buckets over max_bucket"] * (140 * 139 // 2 - (8 * 7 // 2 + 132 * 8))
    assert counted["pairs compared"] == 20


def editions(n=100, seed=9):
    """n editions of one book: of each another word is changed, and it ends elsewhere."""
    rng = random.Random(seed)
    book = [f"w{rng.randrange(3_000)}" for _ in range(600)]
    given = library(n, seed=seed)
    for i, row in enumerate(given):
        words = book[: 600 - i]
        words[rng.randrange(400)] = f"edition{i}"
        row["text"] = " ".join(words)
    return given


@pytest.mark.parametrize("part_documents", [100_000, 30])
def test_a_book_with_more_editions_than_a_bucket_holds(tmp_path, monkeypatch, part_documents):
    monkeypatch.setattr("stages.dedup.buckets.PART_DOCUMENTS", part_documents)
    given = editions()
    options = ", sample_one_in: 4, min_shingles: 100, max_bucket: 20"
    fates = result(tmp_path / "one", given, options=options)
    assert result(tmp_path / "other", given[::-1], files=7, options=options, sizes=TINY) == fates
    left = sum(fate[0] is None for fate in fates.values())
    assert left == 1 if part_documents > 100 else 1 <= left <= 4
    counted = counts(tmp_path / "one")
    assert counted["buckets over max_bucket"] > 50
    assert counted["pairs compared"] <= 100 * 8 * 4


def round_2(pairs):
    """Rows of round 2 of documents of one shard: (owner, other, samples of the owner, shared, met)."""
    owner, partner, samples_, shared, met = (np.array(column, np.uint32) for column in zip(*pairs, strict=True))
    zero = np.zeros(len(owner), np.uint32)
    columns = {"samples": samples_, "tie": partner, "shared": shared, "met": met}
    table = pa.table({"key": keys_of(zero, owner), "shard": zero, "row": partner, **columns})
    return table.sort_by([("key", "ascending"), ("shard", "ascending"), ("row", "ascending")])


def compared(reduced):
    """Pairs (smaller, larger) that go on to be compared."""
    again = reduced.again[1]
    return sorted(zip(again["row"].to_pylist(), addresses_of(again["key"].to_numpy())[1].tolist(), strict=True))


NEED = int(least_shared(50, 0.9))


def test_pairs_that_share_enough_samples_are_compared():
    given = [(1, 7, 50, 1, 0)] * NEED + [(1, 8, 50, NEED - 1, 0), (2, 8, 50, 50, 0), (3, 9, 1, 1, 0), (4, 9, 50, NEED - 7, 7)]
    found = dedup_books.reduce(round_2(given), dedup_books.params(), 2)
    assert compared(found) == [(1, 7), (2, 8), (3, 9), (4, 9)]


def test_samples_in_full_buckets_may_be_shared():
    given = [(1, 1, 50, 0, 1)] * 20 + [(1, 7, 50, NEED - 20, 0), (1, 8, 50, NEED - 21, 5), (2, 7, 50, NEED - 20, 0)]
    assert compared(dedup_books.reduce(round_2(given), dedup_books.params(), 2)) == [(1, 7)]


def test_of_those_the_ones_known_to_share_most_are_compared():
    rng = random.Random(1)
    shared = {n: (rng.randrange(3), rng.randrange(3)) for n in range(10, 40)}
    given = [(1, 1, 50, 0, 50), *((1, n, 50, *s) for n, s in shared.items()), (1, 99, 50, 0, 50)]
    found = dedup_books.reduce(round_2(given), dedup_books.params(), 2)
    best = sorted(shared, key=lambda n: (-sum(shared[n]), n))[:8]
    assert compared(found) == sorted((1, n) for n in [*best, 99])
    assert found.counted["pairs that may share enough, not compared"] == len(shared) - 8


def test_rows_of_one_pair_are_added_up_before_they_are_sent():
    given = round_2([(1, 7, 50, 1, 0)] * 30 + [(1, 7, 50, 0, 1)] * 4 + [(1, 8, 50, 2, 0), (2, 7, 9, 1, 0)])
    sent = dedup_books.combine(given, dedup_books.params(), 2)
    owners = addresses_of(sent["key"].to_numpy())[1].tolist()
    assert sorted(zip(owners, *(sent[name].to_pylist() for name in ("row", "shared", "met")), strict=True)) == [
        (1, 7, 30, 4), (1, 8, 2, 0), (2, 7, 1, 0),
    ]  # fmt: skip


def test_a_book_of_many_excerpts_is_sent_once(tmp_path, monkeypatch):
    """300 excerpts of one book are compared where the book is, not it where they are."""
    rng = random.Random(11)
    book = [f"w{rng.randrange(9_000)}" for _ in range(4_000)]
    given = library(300, seed=11)
    given[0]["text"] = " ".join(book)
    for i, row in enumerate(given[1:]):
        row["text"] = " ".join(book[12 * i : 12 * i + 60])
    sent = []

    def recall(self, kept, asks, params, round_, real=DedupBooks.recall):
        answers = real(self, kept, asks, params, round_)
        sent.extend(map(len, answers["set"].to_pylist()))
        return answers

    monkeypatch.setattr(DedupBooks, "recall", recall)
    fates = result(tmp_path, given, options=", sample_one_in: 4, min_shingles: 40, max_bucket: 1000")
    assert sum(fate[1] == given[0]["id"] for fate in fates.values()) > 280
    assert max(sent) == 4 * len(set(shingle_sets(given[:1])[0]))
    assert sum(n > 1_000 for n in sent) == 1


# Short documents, parameters, earlier runs


def test_short_documents_meet_twins_only(tmp_path):
    given = library(60, seed=12)
    for i, row in enumerate(given):
        row["text"] = " ".join(f"w{j}" for j in range(30 + i % 20))
    fates = result(tmp_path, given, options=", min_shingles: 42, sample_one_in: 1")
    few = {row["id"] for i, row in enumerate(given) if 26 + i % 20 < 42}
    reasons = Counter((one in few, reason) for one, (reason, *_) in fates.items())
    assert reasons == {
        (True, None): 16,
        (True, "exact_duplicate"): 32,
        (False, None): 1,
        (False, "contained_book"): 9,
        (False, "exact_duplicate"): 2,
    }
    assert counts(tmp_path)["under min_shingles"] == len(few)


@pytest.mark.parametrize("text", ["", "one two three four", "!"])
def test_nothing_without_a_shingle_goes(text):
    table = pa.table({"id": ["1", "2"], "text": pa.array([text, text], pa.large_string())})
    columns = apply_global(dedup_books, dedup_books.params(), table, 1)
    assert columns["drop_reason"].null_count == 2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param({"min_shingles": 30}, r"one shingle in 100 find 23\.\d% of the documents of 30 shingles", id="samples of nothing"),
        pytest.param({"sample_one_in": 5_000}, "smaller sample_one_in or more min_shingles", id="samples too thin"),
        pytest.param({"more_than": 1}, "more_than", id="more than everything"),
        pytest.param({"more_than": 0}, "more_than", id="everything"),
        pytest.param({"sample_one_in": 0}, "sample_one_in", id="no sample"),
        pytest.param({"min_shingles": 0}, "min_shingles", id="no shingle"),
        pytest.param({"shingle": 0}, "shingle", id="no words"),
        pytest.param({"max_bucket": 1}, "max_bucket", id="no pair"),
        pytest.param({"unit": "line"}, "unit", id="unknown unit"),
        pytest.param({"min_jaccard": 0.9}, "min_jaccard", id="unknown parameter"),
    ],
)
def test_parameters_that_cannot_work(values, message):
    with pytest.raises(ValidationError, match=message):
        dedup_books.params(**values)


def test_a_library_of_long_books_alone():
    """What is found of them is worked out in no more memory than for books of 1,000 samples."""
    tracemalloc.start()
    for values in ({"min_shingles": 3_000_000}, {"min_shingles": 30_000, "sample_one_in": 1}):
        assert dedup_books.params(**values)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_too_much_would_go(tmp_path):
    given = library(1_100, seed=13, words=20)
    for row in given[:1_050]:
        row["text"] = "one text of some more words than five that nearly everything here is"
    written(tmp_path / "docs", given, 2)
    with pytest.raises(CurateError, match="max_drop_share"):
        run(recipe(tmp_path, TEXT.replace("max_drop_share: 1", "max_drop_share: 0.9") % ""), tmp_path / "out")


def test_new_books_against_what_an_earlier_run_left(tmp_path):
    text = 'inputs: {docs: {use: parquet, paths: "docs/*"}}\nsteps: {books: {use: dedup_books, sample_one_in: 5, min_shingles: 30}}'
    given = library(500, seed=14)
    old, new = given[:300], given[300:]
    written(tmp_path / "old" / "docs", old, 2)
    run(recipe(tmp_path / "old", text), tmp_path / "old" / "out")
    left = {one for one, fate in fates_of(tmp_path / "old" / "out").items() if fate[0] is None}
    both = [row for row in old if row["id"] in left] + new
    written(tmp_path / "both" / "docs", both, 3)
    written(tmp_path / "new" / "docs", new, 2)
    run(recipe(tmp_path / "both", text), tmp_path / "both" / "out")
    right = {one: fate[1] for one, fate in fates_of(tmp_path / "both" / "out").items() if fate[0] is not None}
    for file in (tmp_path / "old" / "docs").iterdir():
        file.unlink()
    out, against = tmp_path / "new" / "out", {"books.against": ["../old/out/states/books"]}
    run(recipe(tmp_path / "new", text), out, overrides=against)
    superseded = {row["id"]: row["superseded_by"] for row in rows(out, "superseded")}
    gone = {one: fate[1] for one, fate in fates_of(out).items() if fate[0] is not None}
    assert gone | superseded == right
    assert len(superseded) >= 5
    assert set(superseded) <= left
    assert set(gone.values()) & left
    assert ran(run(recipe(tmp_path / "new", text), out, overrides=against)) == {}


# The parts


@pytest.mark.parametrize(("size", "one_in"), [(200, 20), (600, 20), (1_000, 100), (60, 7)])
def test_excerpts_are_found_as_theory_says(size, one_in):
    """Pairs of sets of made-up shingles, of which the smaller one has `size`."""
    rng = np.random.default_rng(1)
    pairs = 200_000 // size
    params = dedup_books.params(shingle=1, sample_one_in=one_in, min_shingles=size)
    missed = 0.0
    for contained in (0.6, 0.75, 0.85, 0.9, 1.0):
        both = round(size * contained)
        words = rng.integers(0, 2**62, (pairs, size + size))
        texts = []
        for row in words:
            names = [f"{word:x}" for word in row.tolist()]
            texts += [" ".join(names[:size]), " ".join(names[size - both : -both])]
        found, shares = 0, []
        table = pa.table({"id": [str(i) for i in range(len(texts))], "text": pa.array(texts, pa.large_string())})
        drawn = Shingles.of_arrow(dedup_books.emit(Batch(table), params).kept["sample"], 8)
        sets = [set(drawn.values[a:b].tolist()) for a, b in pairwise(drawn.offsets)]
        for one, another in zip(sets[::2], sets[1::2], strict=True):
            shared = len(one & another)
            found += shared > 0 and shared >= least_shared(len(one), params.more_than)
            shares += [shared / len(one)] if one else []
        theory = found_share(size, both / size, params.more_than, one_in)
        missed = max(missed, 1 - theory)
        assert abs(found / pairs - theory) < 4 * np.sqrt(theory * (1 - theory) / pairs) + 2e-3, (contained, found / pairs, theory)
        spread = np.sqrt(contained * (1 - contained) / (size / one_in) / pairs)
        assert abs(np.mean(shares) - contained) < 6 * spread + 1e-9, "the estimate is biased"
    assert missed > 0.01


def test_planted_excerpts_go_as_theory_says(tmp_path):
    """Excerpts of 300 words of which one in 40 is sampled: 95 in 100 are found, end to end."""
    rng = random.Random(15)
    given = library(1_000, seed=15)
    for row, part in zip(given[::2], given[1::2], strict=True):
        words = [f"{rng.getrandbits(40):x}" for _ in range(600)]
        row["text"], part["text"] = " ".join(words), " ".join(words[150:454])
    found = sum(fate[0] is not None for fate in result(tmp_path, given, options=", sample_one_in: 40, min_shingles: 300").values())
    theory = found_share(300, 1.0, 0.9, 40)
    assert 0.9 < theory < 0.9999
    assert abs(found / 500 - theory) < 4 * np.sqrt(theory * (1 - theory) / 500) + 2e-3


@pytest.mark.parametrize(("size", "contained", "one_in"), [(40, 0.9, 4), (7, 0.5, 2), (12, 1.0, 3), (9, 0.8, 1)])
def test_found_share_by_hand(size, contained, one_in):
    both, p = round(size * contained), 1 / one_in
    chance = [[0.0] * (size - both + 1) for _ in range(both + 1)]
    chance[0][0] = 1.0
    for k in range(size):  # one shingle after the other
        moved = [[0.0] * (size - both + 1) for _ in range(both + 1)]
        for x in range(both + 1):
            for y in range(size - both + 1):
                moved[x][y] += chance[x][y] * (1 - p)
                if k < both and x < both:
                    moved[x + 1][y] += chance[x][y] * p
                elif k >= both and y < size - both:
                    moved[x][y + 1] += chance[x][y] * p
        chance = moved
    found = sum(c for x, row in enumerate(chance) for y, c in enumerate(row) if x >= max(1, least_shared(x + y, 0.9)))
    assert found_share(size, contained, 0.9, one_in) == pytest.approx(found, abs=1e-12)


@pytest.mark.parametrize(
    ("samples_", "more_than", "least"), [(0, 0.9, 1), (1, 0.9, 1), (10, 0.9, 6), (100, 0.9, 81), (100, 0.5, 35), (10_000, 0.9, 8_910)]
)
def test_least_shared(samples_, more_than, least):
    assert least_shared(samples_, more_than) == least


def test_more_than_means_more():
    shares = np.array([0.0, 0.9, np.nextafter(0.9, 1), 1.0])
    assert dedup_books.similar(shares, dedup_books.params()).tolist() == [False, False, True, True]


@pytest.mark.parametrize("unit", ["word", "char"])
def test_a_sample_is_the_same_of_every_document(unit):
    texts = [row["text"] for row in library(40, seed=16)] + ["", "one two", "a b c d e f g " * 200, "中文" * 300]
    text, n = Utf8.of_strings([*texts, *texts]), 2 * len(texts)
    sets = shingles(text, unit, 3, False)
    groups = np.repeat([0, 9], len(texts)).astype(np.uint64)
    every = sample(text, unit, 3, sets, 1, 1, groups, np.ones(n, dtype=bool))
    some = sample(text, unit, 3, sets, 7, 1, groups, np.ones(n, dtype=bool))
    whole, part = ([set(s.values[a:b].tolist()) for a, b in pairwise(s.offsets)] for s in (every, some))
    assert [len(s) for s in whole] == sets.distinct().counts().tolist()
    assert every.counts().tolist() == [len(s) for s in whole], "once each"
    chosen = set().union(*part)
    assert all(own == all_ & chosen for own, all_ in zip(part, whole, strict=True))
    assert not set().union(*whole[: len(texts)]) & set().union(*whole[len(texts) :]), "groups share nothing"
    assert abs(len(chosen) / len(set().union(*whole)) - 1 / 7) < 0.02
    assert set().union(*(s.values.tolist() for s in (sample(text, unit, 3, sets, 7, 2, groups, np.ones(n, dtype=bool)),))) != chosen
    assert sample(text, unit, 3, sets, 7, 1, groups, np.zeros(n, dtype=bool)).counts().sum() == 0


SETS = st.lists(st.lists(st.sampled_from([0, 1, 2, 255, 256, 2**16, 2**31, 2**32 - 1, 7, 8, 9]), max_size=12), min_size=2, max_size=5)


@given(sets=SETS)
@settings(max_examples=50)
def test_containment_is_that_of_sets(sets):
    flat = Shingles(np.array([v for s in sets for v in s], np.uint32), np.r_[0, np.cumsum([len(s) for s in sets])])
    pairs = [(i, j) for i in range(len(sets)) for j in range(len(sets))]
    left, right = (np.array(side) for side in zip(*pairs, strict=True))
    again = Shingles.of_arrow(flat.distinct().to_arrow())
    for i, j, found in zip(left, right, containment(again, left, right), strict=True):
        a, b = set(sets[i]), set(sets[j])
        assert found == (len(a & b) / min(len(a), len(b)) if a and b else 0.0)


@pytest.mark.parametrize("text", ["a " * 1_000_000, "\x00" * 1_000_000, "文" * 300_000, "é́" * 300_000, "😀 " * 200_000, "a-" * 500_000])
@pytest.mark.parametrize("unit", ["word", "char"])
def test_odd_texts_of_a_megabyte(text, unit):
    table = pa.table({"id": ["1", "2"], "text": pa.array([text, text + " x y z"], pa.large_string())})
    params = dedup_books.params(unit=unit, min_shingles=1, sample_one_in=1)
    keyed = dedup_books.emit(Batch(table), params)
    assert len(keyed.key) <= 2
    assert max((len(s) for s in keyed.columns["sample"].to_pylist()), default=0) < 200


def test_bytes_that_are_not_text():
    raw = b"\xff\xfe \xc3 \xe0\x80 a b c d \xf0\x9f" * 300
    column = pa.Array.from_buffers(pa.large_string(), 1, [None, pa.py_buffer(np.array([0, len(raw)], np.int64)), pa.py_buffer(raw)])
    for unit in ("word", "char"):
        assert len(dedup_books.emit(Batch(pa.table({"id": ["1"], "text": column})), dedup_books.params(unit=unit)).key) == 1


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data/books")
def test_real_books(tmp_path):
    """Editions of one book are one, translations of Genesis and plays of Shakespeare are not; a chapter is in its book."""
    listed = [json.loads(line) for line in (SHARED / "books.jsonl").read_text(encoding="utf-8").splitlines()]
    texts = {one["id"]: gzip.decompress((SHARED / one["file"]).read_bytes()).decode("utf-8") for one in listed}
    texts["chapter"] = texts["war-and-peace-wap"][500_000:560_000]
    (tmp_path / "docs").mkdir()
    table = pa.table(
        {"id": list(texts), "url": [f"http://b.example/{name}" for name in texts], "text": pa.array(texts.values(), pa.large_string())}
    )
    pq.write_table(table, tmp_path / "docs" / "books.parquet")
    run(recipe(tmp_path, TEXT.replace(", carry: [lang, score]", "") % ""), tmp_path / "out")
    url = {row["id"]: row["url"].rpartition("/")[2] for folder in ("outputs", "dropped") for row in rows(tmp_path / "out", folder)}
    gone = {url[one]: url[fate[1]] for one, fate in fates_of(tmp_path / "out").items() if fate[0] == "contained_book"}
    assert gone == {
        "pride-and-prejudice-1342-0": "pride-and-prejudice-pg1342-2008", "frankenstein-84-0": "frankenstein-with-pg-header",
        "the-importance-of-being-earnest-pg844": "the-importance-of-being-earnest-with-pg-header", "chapter": "war-and-peace-wap",
    }  # fmt: skip


@pytest.mark.parametrize(("few", "many"), [(1, 1), (1, 5_000), (3, 2_000), (40, 1_300), (40, 1_270), (0, 100), (500, 500)])
def test_values_two_sets_share_whatever_their_sizes(few, many):
    """A page and a book are compared by looking the page's values up."""
    rng = np.random.default_rng(few + many)
    for _ in range(20):
        large = np.sort(rng.choice(4 * many + 8, many, replace=False)).astype(np.uint32)
        small = np.unique(np.concatenate([rng.choice(large, few // 2), rng.integers(0, 4 * many + 8, few - few // 2)])).astype(np.uint32)
        sets = Shingles(np.concatenate([small, large]), np.array([0, len(small), len(small) + len(large)]))
        both = len({*small.tolist()} & {*large.tolist()})
        for left, right in ((0, 1), (1, 0)):
            found = containment(sets, np.array([left]), np.array([right]))[0]
            assert found == (both / min(len(small), len(large)) if len(small) else found)
