import math
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from classifiers.word_reference import count
from curation.executors.inline import Inline
from curation.plan import Plan
from curation.recipe import load as load_recipe
from curation.run import Run
from curation.stage import Batch, Verdicts
from curation.tasks.base import Context
from stages.quality import spelling, word_reference
from stages.quality.kl_outlier import Params, kl_outlier
from stages.quality.word_bags import bags_of
from stages.quality.word_reference import LENGTHS, ROWS, Counting, Language, combined, load, rows_of, save
from tests.test_every_stage import apply_global

NOTHING = Verdicts(np.empty(0, np.int64), pa.table({}))
SUBJECTS = ["river", "garden", "mill", "hill", "valley", "village", "stone", "wheel", "spring", "summer", "morning", "weather", "branch",
            "water", "people", "book"]  # fmt: skip
GLUE = ["the", "of", "and", "to", "a", "in", "is", "that", "for", "it", "as", "with", "was", "on", "be", "by", "are", "this", "from", "at"]


def ordinary(n, seed=0):
    """Documents of common words and some of 16 subjects each."""
    rng = random.Random(seed)
    documents = []
    for _ in range(n):
        mine = rng.sample(SUBJECTS, 8)
        words = (rng.choice(GLUE if rng.random() < 0.5 else mine) for _ in range(rng.choice([40, 60, 90, 130])))
        documents.append(" ".join(words))
    return documents


def table(texts, lang="en"):
    return pa.table({"text": pa.array(texts, pa.large_string()), "lang": [lang] * len(texts) if isinstance(lang, str) else lang})


def over(texts, size=1 << 20, lang="en", **params):
    return apply_global(kl_outlier, Params(**params), table(texts, lang), size)


DUMP = " ".join(f"q{i * 7919 % 100_003:x}zx{i * 104_729 % 65_521:x}" for i in range(80))
STUFFED = "the cheap watches of online " * 20


def test_dumps_and_stuffing_go_and_ordinary_documents_stay():
    columns = over([*ordinary(200), DUMP, STUFFED])
    reasons = columns["drop_reason"].to_pylist()
    assert reasons[200:] == ["outlier_tokens"] * 2
    assert sum(r is not None for r in reasons[:200]) <= 2
    words = columns["outlier_words"].to_pylist()
    assert set(words[201][:3]) == {"cheap", "watches", "online"}
    assert len(words[200]) == 8
    assert set(words[200]) <= set(DUMP.split())
    assert all(w is None for w, r in zip(words, reasons, strict=True) if r is None)


def test_each_part_finds_its_kind():
    latin = [a + b for a in ("lor", "ips", "dol", "sit", "ame") for b in ("em", "um", "or", "is", "unt", "ae")]
    filler = " ".join(random.Random(1).choices(latin, k=80))
    columns = over([*ordinary(200), DUMP, filler, STUFFED])
    for place, part in enumerate(("kl_once", "kl_few", "kl_repeated"), 200):
        values = columns[part].to_numpy()
        assert values[place] > np.delete(values, place).max(), part
    assert columns["drop_reason"].to_pylist()[200:] == ["outlier_tokens"] * 3


def test_every_word_is_in_one_part():
    texts = ["a a a a a b b b b c c d d e", "a b c d e e"]
    columns = over(texts, by=None)
    whole, once, few, repeated = (columns[f"kl{part}"].to_pylist()[0] for part in ("", "_once", "_few", "_repeated"))
    terms = {}
    for word in "abcde":
        p = texts[0].split().count(word) / 14
        terms[word] = p * math.log(p / (0.8 * texts[1].split().count(word) / 6 + 0.2 / (1 << 18)))
    assert whole == pytest.approx(sum(terms.values()))
    assert few == pytest.approx(terms["b"] + terms["c"] + terms["d"])
    assert repeated == pytest.approx(terms["a"])
    assert once == pytest.approx(math.log(1 / 14 / (0.95 * 2 / 6)) / 14)


def test_of_a_word_of_megabytes_the_beginning_is_named():
    columns = over([*ordinary(40), " ".join(f"{i}zq" * 100_000 for i in range(20))])
    assert [len(w) for w in columns["outlier_words"].to_pylist()[40]] == [200] * 8


@pytest.mark.parametrize("size", [1, 7, 50])
def test_divisions_do_not_matter(size):
    texts = [*ordinary(60), DUMP, "", None, "a", STUFFED]
    whole, parts = over(texts), over(texts, size)
    assert all(whole[name].equals(parts[name]) for name in whole)


def test_order_does_not_matter():
    texts = [*ordinary(60), DUMP, STUFFED]
    order = np.random.default_rng(1).permutation(len(texts))
    whole, other = over(texts), over([texts[i] for i in order.tolist()], 9)
    assert whole["kl_score"].take(pa.array(order)).equals(other["kl_score"])


def test_a_stream_of_chunks_gives_the_state_of_the_whole():
    params = Params()
    keyed = kl_outlier.emit(Batch(table(ordinary(60))), params)
    rows = pa.table({"key": keyed.key, "row": keyed.row.astype(np.uint32), **keyed.columns}).sort_by("key")
    rows = rows.append_column("shard", pa.array(np.zeros(len(rows), np.uint32)))
    again = kl_outlier.reduce(rows, params, 0).again[1]
    (streamed,) = kl_outlier.stream(lambda: (rows.slice(i, 100) for i in range(0, len(rows), 100)), params, 0)
    by = [(c, "ascending") for c in ("key", "lang", "bucket", "count")]
    assert streamed.again[1].select(again.column_names).sort_by(by).equals(again.sort_by(by))
    (state,) = kl_outlier.stream(lambda: (again.slice(i, 100) for i in range(0, len(again), 100)), params, 1)
    assert state.state.equals(kl_outlier.reduce(again, params, 1).state)


def test_the_divergence_is_that_of_the_definition():
    texts, smoothing, buckets = ["a a b", "a c", "c c c d"], 0.2, 1 << 18
    found = over(texts, by=None)["kl"].to_pylist()
    for i, text in enumerate(texts):
        mine, others = text.split(), " ".join(t for k, t in enumerate(texts) if k != i).split()
        expected = 0.0
        for word in set(mine):
            p = mine.count(word) / len(mine)
            expected += p * math.log(p / ((1 - smoothing) * others.count(word) / len(others) + smoothing / buckets))
        assert found[i] == pytest.approx(expected, rel=1e-6)


def test_words_used_once_and_never_seen_are_smoothed_by_their_spelling():
    how = Counting(18)
    language = Language.of(combined(rows_of(Batch(table(ordinary(50))), pa.array(["en"] * 50), how)[1], how), how)
    bags = bags_of(Batch(table(["vallage", "xqzjkvq", "river"])), 18, None)
    once = language.parts(bags, np.arange(3), how, own=False)[1][0]
    assert once[2] < once[0] < once[1]
    words = bags.words
    nats = [spelling.surprisal(words.text.data, words.starts[k], words.ends[k], language.letters, *_lower()) for k in (0, 1)]
    assert once[:2] == pytest.approx([min(n, word_reference.MOST_NATS) - math.log(word_reference.UNSEEN) for n in nats])


def _lower():
    from curation.text import LOWER_BLOCKS, LOWER_INDEX

    return LOWER_INDEX, LOWER_BLOCKS


def test_spelling_is_the_backed_off_trigram_of_the_definition():
    texts = ["Abc", "abb", "ba"]  # each document's first word is counted
    how = Counting(18)
    language = Language.of(combined(rows_of(Batch(table(texts)), pa.array(["en"] * 3), how)[1], how), how)
    words = bags_of(Batch(table(["abq"])), 18, None).words
    found = spelling.surprisal(words.text.data, words.starts[0], words.ends[0], language.letters, *_lower())
    padded = [f"^^{t.lower()}$" for t in texts]
    grams = [s[i - 2 : i + 1] for s in padded for i in range(2, len(s))]
    expected, word = 0.0, "^^abq$"
    for i in range(2, len(word)):
        a, b, c = word[i - 2 : i + 1]
        p = (sum(g[2] == c for g in grams) + 0.5) / (len(grams) + 0.5 * spelling.ALPHABET)
        p = (sum(g[1:] == b + c for g in grams) + 5 * p) / (sum(g[1] == b for g in grams if i > 2 or g[:2] == "^^") + 5)
        p = (sum(g == a + b + c for g in grams) + 5 * p) / (sum(g[:2] == a + b for g in grams) + 5)
        expected -= math.log(p)
    assert found == pytest.approx(expected, rel=1e-6)


def test_letters_of_a_document_that_fills_every_slot_have_room(monkeypatch):
    words = bags_of(Batch(table([" ".join(f"{k * 7919:x}" for k in range(800))])), 18, None).words
    monkeypatch.setattr(spelling, "LETTER_BITS", 4)
    monkeypatch.setattr(spelling, "_slot", spelling._slot.py_func)
    one = np.zeros(1, np.int64)
    with np.errstate(over="ignore"):
        found = spelling._letter_totals.py_func(one, one, words.text.data, words.starts, words.ends, words.offsets, *_lower())
    document, slot, count = found
    assert len(document) == 17
    assert sorted(slot[1:]) == list(range(16))
    assert count[1:].sum() == 3 * count[0]


def test_where_every_bucket_is_heaped_up_by_rare_words_a_count_up_to_that_says_nothing():
    how, counts = Counting(10), np.full(1 << 10, 500)
    counts[:100] = 50_000
    rows = pa.table([["en"] * 1024, np.arange(1024, dtype=np.uint32), counts, pa.nulls(1024, pa.large_string())], schema=ROWS)
    language = Language.of(rows, how)
    assert language.background == 500
    texts = [f"{a}{b}" for a in "bcdfghjklm" for b in "aeiou"]
    bags = bags_of(Batch(table(texts)), 10, None)
    once = language.parts(bags, np.arange(len(texts)), how, own=False)[1][0]
    known = counts[bags.buckets] > 500
    assert 0 < known.sum() < len(texts)
    assert np.isfinite(once).all()
    assert once[~known].min() > once[known].max()


def test_a_language_with_few_documents_and_a_short_document_are_not_judged():
    texts = [*ordinary(40), *ordinary(15, seed=1), " ".join(["river"] * 19), " ".join(["river"] * 20)]
    columns = over(texts, lang=["en"] * 40 + ["de"] * 15 + ["en"] * 2)
    judged = [v is not None for v in columns["kl_score"].to_pylist()]
    assert judged == [True] * 40 + [False] * 15 + [False, True]
    sixteen = over(ordinary(16, seed=1), lang="de")["kl_score"]
    assert sixteen.null_count == 0


@pytest.mark.parametrize(
    ("score", "bound", "out"),
    [(5.0, 5.0, False), (np.nextafter(np.float32(5), np.float32(6)), 5.0, True), (9.0, None, False),
     (9.0, {"default": 1.0, "en": None}, False), (9.0, {"default": 9.5, "en": 8.5}, True), (9.0, {"default": 8.5, "en": 9.0}, False)],
)  # fmt: skip
def test_a_score_at_the_bound_stays(monkeypatch, score, bound, out):
    monkeypatch.setattr(Language, "scores", lambda self, parts, tokens: np.full(len(tokens), score))
    reasons = over(ordinary(20), max_score=bound)["drop_reason"].to_pylist()
    assert reasons == ["outlier_tokens" if out else None] * 20


def test_odd_texts_are_not_judged_and_cost_nothing():
    columns = over([*ordinary(40), "", None, " \n", "\x00" * 50, "\u0301" * 50, "\U0001f600" * 50])
    assert columns["kl_score"].to_pylist()[40:] == [None] * 6
    assert columns["drop_reason"].to_pylist()[40:] == [None] * 6


# -- references -----------------------------------------------------------------------------------


def write(folder, name, texts, lang="en"):
    path = folder / name
    pq.write_table(table(texts, lang), path)
    return str(path)


def test_references_add_up_to_the_same_file_in_any_order(tmp_path):
    texts, params, how = ordinary(300), Params(), Params().how
    whole, halves = write(tmp_path, "all.parquet", texts), [write(tmp_path, f"{k}.parquet", texts[k::2]) for k in (0, 1)]
    for name, files in (("whole", [whole]), ("a", halves[:1]), ("b", halves[1:])):
        save(tmp_path / f"{name}.arrow", count(files, params), how)
    for name, files in (("ab", "ab"), ("ba", "ba")):
        save(tmp_path / f"{name}.arrow", count([str(tmp_path / f"{f}.arrow") for f in files], params), how)
    files = [(tmp_path / f"{name}.arrow").read_bytes() for name in ("whole", "ab", "ba")]
    assert files[0] == files[1] == files[2]
    rows, _, _ = load(tmp_path / "whole.arrow")
    counted = rows.filter(pa.compute.less(rows["bucket"], 1 << 18))
    assert pa.compute.sum(counted["count"]).as_py() == sum(len(t.split()) for t in texts)


def test_a_reference_of_earlier_documents_judges_without_counting(tmp_path):
    save(tmp_path / "r.arrow", count([write(tmp_path, "t.parquet", ordinary(200))], Params()), Params().how)
    params = Params(reference=str(tmp_path / "r.arrow"))
    kl_outlier.check(params, None)
    batch = Batch(table([*ordinary(20, seed=5), DUMP, STUFFED]))
    assert len(kl_outlier.emit(batch, params).key) == 0
    reasons = kl_outlier.apply(batch, NOTHING, params)["drop_reason"].to_pylist()
    assert reasons == [None] * 20 + ["outlier_tokens"] * 2


def test_the_sample_is_bounded_whatever_the_number_of_documents():
    how = Counting(18)
    rows = combined(rows_of(Batch(table(ordinary(2_000))), pa.array(["en"] * 2_000), how)[1], how)
    sampled = rows.filter(pa.compute.greater_equal(rows["bucket"], how.counts))
    assert max(v["counts"] for v in sampled["bucket"].value_counts().to_pylist()) == word_reference.SAMPLE
    long = rows_of(Batch(table(["word " * 2**LENGTHS, "word " * (2**LENGTHS - 1)])), pa.array(["en"] * 2), how)[1]
    assert pa.compute.sum(pa.compute.greater_equal(long["bucket"], how.counts)).as_py() == 1
    few = rows_of(Batch(table(ordinary(2_000))), pa.array(["en"] * 2_000), Counting(18, sample=0.01))[1]
    assert 2 <= pa.compute.sum(pa.compute.greater_equal(few["bucket"], how.counts)).as_py() <= 60


def test_a_reference_that_does_not_fit_is_refused(tmp_path):
    save(tmp_path / "r.arrow", count([write(tmp_path, "t.parquet", ordinary(5))], Params()), Params().how)
    with pytest.raises(ValueError, match=r"in 2\*\*18 buckets, the step .* in 2\*\*16"):
        kl_outlier.check(Params(reference=str(tmp_path / "r.arrow"), bits=16), None)
    (tmp_path / "x.arrow").write_bytes(b"no")
    with pytest.raises(ValueError, match="is no word reference"):
        load(tmp_path / "x.arrow")
    with pytest.raises(ValueError, match="neither Parquet with the columns nor a reference"):
        count([str(tmp_path / "none.parquet")], Params())


def test_tokens_of_a_tokenizer_file(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {word: k for k, word in enumerate(["?", *GLUE, *SUBJECTS, "cheap", "watches", "online"])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="?"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    params = {"tokenizer": str(tmp_path / "tokenizer.json"), "bits": 10}
    kl_outlier.check(Params(**params), None)
    columns = over([*ordinary(60), STUFFED], **params)
    assert columns["drop_reason"].to_pylist()[60] == "outlier_tokens"
    assert set(columns["outlier_words"].to_pylist()[60][:3]) == {"cheap", "watches", "online"}
    raw = pa.array([b"the \xff cheap watches", b"the cheap watches"], pa.large_binary())
    broken = Batch(pa.table({"text": pa.Array.from_buffers(pa.large_string(), 2, raw.buffers())}))
    assert bags_of(broken, 10, params["tokenizer"]).tokens.tolist() == [4, 3]
    apart = tokenizers.Tokenizer(tokenizers.models.WordLevel({"?": 0, "the": 1 << 10}, unk_token="?"))
    apart.save(str(tmp_path / "apart.json"))
    with pytest.raises(ValueError, match=r"numbers tokens up to 1,024, `bits: 10` holds 1,024"):
        kl_outlier.check(Params(tokenizer=str(tmp_path / "apart.json"), bits=10), None)
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(ValueError, match=r"is no tokenizer\.json file"):
        kl_outlier.check(Params(tokenizer=str(tmp_path / "bad.json")), None)


RECIPE = """
name: kl
inputs:
  pages: {use: parquet, paths: "pages-*.parquet", carry: [lang]}
steps:
  words: {use: kl_outlier}
outputs:
  web: {use: shards, needs: words}
"""


def test_a_run_drops_outliers_and_says_by_which_words(tmp_path):
    texts = [*ordinary(90), DUMP, STUFFED]
    for n in range(2):
        write(tmp_path, f"pages-{n}.parquet", texts[n::2])
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    plan = Plan(load_recipe(tmp_path / "recipe.yaml", {}))
    run = Run(plan, tmp_path / "run", Inline(Context(plan, tmp_path / "run")))
    run.walk()
    dropped = pq.read_table(next((tmp_path / "run" / "dropped").rglob("*.parquet")).parent)
    named = {words[0] for words in dropped["outlier_words"].to_pylist()}
    assert named & {"cheap", "watches", "online"}
    assert named & set(DUMP.split())
    alone = over(texts)["drop_reason"].null_count
    assert run.accounts["words"].kept == alone
