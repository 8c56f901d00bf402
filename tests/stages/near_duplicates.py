"""Made-up corpora, and what dedup_minhash and dedup_books must make of them, computed from their definitions alone."""

import random
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "engine"))
from engine_kit import rows as rows_of
from engine_kit import steps

from curation.stage import Reduced


def documents(n, seed=0, words=60):
    """n documents: copies of a few pages, mutated by anything from nothing to most words, drifting chains, twins, short ones."""
    rng = random.Random(seed)
    vocabulary = [f"w{i}" for i in range(3_000)]
    pages, rows = [], []
    for i in range(n):
        kind = rng.random()
        if not pages or kind < 0.35:
            page = [rng.choice(vocabulary) for _ in range(rng.randrange(words // 2, words * 2))]
        elif kind < 0.4:
            page = [rng.choice(vocabulary) for _ in range(rng.randrange(5))]
        elif kind < 0.5:
            page = list(rng.choice(pages[-200:]))
        else:  # also of what is mutated already: chains
            page = list(rng.choice(pages[-40:]))
            for _ in range(rng.choice([1, 1, 2, 3, 5, 8])):
                at = rng.randrange(len(page) + 1)
                page[at : at + rng.randrange(3)] = [rng.choice(vocabulary) for _ in range(rng.randrange(3))]
        if len(page) >= 5:
            pages.append(page)
        text = " ".join(page)
        date = None if rng.random() < 0.1 else datetime(2024, 1, 1 + rng.randrange(3), tzinfo=UTC)
        rows.append({
            "id": f"{rng.getrandbits(128):032x}", "url": f"http://a.example/{i}", "date": date, "lang": rng.choice(["en", "de", None]),
            "text": text.upper() if rng.random() < 0.1 else text, "score": rng.choice([None, 0.5, 1.0, 2.0]),
        })  # fmt: skip
    return rows


SCHEMA = pa.schema({
    "id": pa.string(), "url": pa.string(), "date": pa.timestamp("us", tz="UTC"), "lang": pa.string(),
    "text": pa.large_string(), "score": pa.float64(),
})  # fmt: skip


def written(folder, rows, files):
    """Rows as Parquet files of one folder."""
    folder.mkdir(parents=True)
    size = -(-len(rows) // files)
    for i in range(files):
        pq.write_table(pa.Table.from_pylist(rows[i * size : (i + 1) * size], schema=SCHEMA), folder / f"{i}.parquet")


def fates_of(out):
    """id -> (reason, survivor, similarity, cluster size) of a run of one step."""
    kept, dropped = rows_of(out, "outputs"), rows_of(out, "dropped")
    assert all(row["cluster_id"] == row["id"] for row in kept)
    fates = {row["id"]: (None, row["duplicate_of"], row["similarity"], row["cluster_size"]) for row in kept}
    fates |= {row["id"]: (row["drop_reason"], row["duplicate_of"], row["similarity"], None) for row in dropped}
    assert len(fates) == len(kept) + len(dropped)
    return fates


def counts_of(out, step):
    """What a run says it counted at a step."""
    notes = (note.rpartition(": ") for note in steps(out)[step]["notes"])
    return {what: int(n.replace(",", "")) for what, _, n in notes}


def shingle_sets(rows, n=5):
    """Shingles of each text as Python tuples: a list per document."""
    split = [row["text"].lower().split() for row in rows]
    return [[tuple(words[i : i + n]) for i in range(len(words) - n + 1)] for words in split]


def shared_shingles(sets):
    """How many shingles each pair (i, j), i < j, of sets has in common; sets and those numbers."""
    sets = [set(s) for s in sets]
    having = defaultdict(list)
    found = {}
    for j, own in enumerate(sets):
        for i, shared in Counter(i for shingle in own for i in having[shingle]).items():
            found[i, j] = shared
        for shingle in own:
            having[shingle].append(j)
    return sets, found


def similar_pairs(sets, threshold):
    """All pairs (i, j), i < j, of sets with at least that Jaccard similarity -> similarity."""
    sets, found = shared_shingles(sets)
    similarity = {(i, j): shared / (len(sets[i]) + len(sets[j]) - shared) for (i, j), shared in found.items()}
    return {pair: share for pair, share in similarity.items() if share >= threshold}


def contained_pairs(sets, more_than):
    """All pairs (i, j), i < j, of sets of which the smaller one is in the other by more than that share -> the share."""
    sets, found = shared_shingles(sets)
    contained = {(i, j): shared / min(len(sets[i]), len(sets[j])) for (i, j), shared in found.items()}
    return {pair: share for pair, share in contained.items() if share > more_than}


def preference(row):
    """Sort key of the default order: most bytes, then newest, undated last, then id."""
    date = row["date"]
    return -len(row["text"].encode()), (1, 0) if date is None else (0, -date.timestamp()), row["id"]


def expected(
    rows, threshold=0.7, compared=None, by=None, key=preference, sets=None, pairs_of=similar_pairs, near="near_duplicate"
):  # fmt: skip
    """What becomes of each document: id -> (reason, survivor, similarity, size of its cluster).

    Args:
        compared: of a pair of leaders (i, j), whether the stage compares them; None = all. by: column, or None.
        sets: shingles of each document in their order. pairs_of: pairs of similar ones of some sets. near: reason.
    """
    sets = shingle_sets(rows) if sets is None else sets
    twins = defaultdict(list)
    for i in sorted(range(len(rows)), key=lambda i: key(rows[i])):
        twins[rows[i][by] if by else None, tuple(sets[i]) if sets[i] else i].append(i)
    leaders = [group[0] for group in twins.values()]
    of = {group[0]: group for group in twins.values()}
    pairs = pairs_of([sets[i] for i in leaders], threshold)
    neighbours = defaultdict(dict)
    for (a, b), similarity in pairs.items():
        i, j = leaders[a], leaders[b]
        if (compared is None or compared(i, j)) and (by is None or rows[i][by] == rows[j][by]):
            neighbours[i][j] = neighbours[j][i] = similarity
    result, size = {}, Counter()
    survives = set()
    for leader in leaders:  # best first
        better = next((i for i in leaders if i in survives and i in neighbours[leader]), None) if neighbours[leader] else None
        survivor = leader if better is None else better
        if better is None:
            survives.add(leader)
        size[survivor] += len(of[leader])
        for i in of[leader]:
            if i == survivor:
                continue
            reason, similarity = ("exact_duplicate", 1.0) if better is None else (near, neighbours[leader][better])
            result[rows[i]["id"]] = (reason, rows[survivor]["id"], similarity, None)
    for survivor in survives:
        result[rows[survivor]["id"]] = (None, None, None, size[survivor])
    return result


def streamed(stage_class):
    """A stage with every key of every round taken for one too large for memory."""

    class Streamed(stage_class):
        def reduce(self, rows, params, round_):
            key = rows["key"].to_numpy()
            parts = []
            for one in dict.fromkeys(key.tolist()):
                at = np.flatnonzero(key == one)
                mine = rows.slice(at[0], len(at))
                parts += self.stream(lambda mine=mine: (mine.slice(i, 2) for i in range(0, mine.num_rows, 2)), params, round_)
            again, counted = {}, Counter()
            for part in parts:
                counted.update(part.counted)
                for ahead, table in part.again.items():
                    again.setdefault(ahead, []).append(table)
            verdicts, asks = ([v for v in (getattr(part, name) for part in parts) if v is not None] for name in ("verdicts", "ask"))
            return Reduced(
                verdicts=pa.concat_tables(verdicts) if verdicts else None, ask=pa.concat_tables(asks) if asks else None, counted=counted,
                again={ahead: pa.concat_tables(t.select(tables[0].column_names) for t in tables) for ahead, tables in again.items()},
            )  # fmt: skip

    return Streamed()
