"""Books that others contain: planted excerpts and editions found, what goes judged by sets of words, speed, memory; recall beside theory.

Documents of `bench/corpus.py` as long as books; every second one begins and ends with a licence all share. Of a hundred, 15 are excerpts
of another one (some with words changed), 5 editions with a foreword, 5 exact copies, 5 volumes that share a long foreword and must stay.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

from bench.measure import (
    STARTUP_DOCUMENTS,
    CommandFailedError,
    Contender,
    cache,
    compare,
    curate,
    run,
    scratch,
    versions,
    write_recipe,
)

DOCUMENTS, MEAN_BYTES = 600, 300_000
LARGE, LARGE_BYTES = 80, 6_000_000
LICENCE_CHARS, FOREWORD_CHARS = 18_000, 100_000
CHANGED = (0.0, 0.0, 0.002, 0.01, 0.015, 0.02, 0.03)
"""Shares of the words of an excerpt that are other ones: at 0.02 about 0.9 of the shingles are left."""
RECIPE = """
name: books
inputs: {docs: {use: parquet, paths: "%s/*.parquet"}}
steps: {%s: {use: %s}}
outputs: {written: {use: shards}}
"""
CONTAINED = (0.8, 0.85, 0.88, 0.9, 0.92, 0.95, 1.0)
SIZE, PAIRS = 1_000, 2_000


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """Run the parts: whole, large, recall."""
    parts: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    if not only or "whole" in only:
        parts["whole"] = whole = _whole(max(200, int(DOCUMENTS * scale)), pairs)
        wrong = whole["judged"]["dropped that should stay"]
        targets["documents dropped that no survivor contains by more than 0.9"] = (wrong, "0", wrong == 0)
        missed = whole["judged"]["planted pairs over 0.9 of which both stay"]
        pairs_over, missed = (whole["judged"][f"planted pairs over 0.9{what}"] for what in ("", " of which both stay"))
        targets["planted pairs over 0.9 of which both stay"] = (missed, "<= 1 in 100", missed <= pairs_over / 100)
    if not only or "large" in only:
        parts["large"] = large = _large(max(10, int(LARGE * scale)))
        targets["peak memory with books of a million words, MB"] = (large["peak_mb"], "< 2000", large["peak_mb"] < 2_000)
    if not only or "recall" in only:
        parts["recall"] = recall = _child("recall")
        within = recall.pop("within")
        targets["recall beside theory, largest distance in standard errors"] = (within, "<= 4", within <= 4)
    return {"name": "books", "parts": parts, "targets": targets, "versions": versions("pyarrow", "numpy", "numba")}


def _child(*arguments: str) -> Any:
    """What this file prints in a process of its own."""
    return json.loads(run([sys.executable, "-m", "bench.books", *arguments])[1])


def _corpus(documents: int, mean_bytes: int = MEAN_BYTES) -> tuple[Path, dict[str, Any]]:
    """Folder and facts of a corpus, made once."""
    folder = cache() / "bench-corpora" / f"books-{documents}-{mean_bytes}"
    facts = folder / "facts.json"
    if not facts.exists():
        facts.parent.mkdir(parents=True, exist_ok=True)
        facts.write_text(json.dumps(_child("write", str(folder), str(documents), str(mean_bytes))), encoding="utf-8")
    return folder, json.loads(facts.read_text(encoding="utf-8"))


def _whole(documents: int, pairs: int) -> dict[str, Any]:
    """Parquet in, kept rows out, beside dedup_minhash on the same books; start-up on 64 of them subtracted."""
    folder, facts = _corpus(documents)
    tiny, tiny_facts = _corpus(STARTUP_DOCUMENTS)
    judged: dict[str, Any] = {}

    def check(out: Path) -> None:
        if not judged:
            judged.update(_child("judge", str(folder), str(out / "run")))
            if judged["documents"] != documents:
                raise CommandFailedError(f"{documents} documents in, {judged['documents']} out")

    with scratch() as here:
        contenders = {}
        for name in ("dedup_books", "dedup_minhash"):
            files = [write_recipe(here, f"{name}-{where.name}", RECIPE % (where, name, name)) for where in (folder, tiny)]
            commands = [curate("run", file, "-x", "inline", "--json", "--out", "OUT/run") for file in files]
            contenders[name] = Contender(*commands, check if name == "dedup_books" else None)
        results = compare(contenders, pairs)
    more = documents - STARTUP_DOCUMENTS
    size = facts["bytes"] - tiny_facts["bytes"]
    return {"corpus": facts, "judged": judged, **{name: r.rates(more, size) for name, r in results.items()}}


def _large(documents: int) -> dict[str, Any]:
    """One run on books of a million words."""
    folder, facts = _corpus(documents, LARGE_BYTES)
    with scratch() as here:
        used, _ = run(curate("run", write_recipe(here, "large", RECIPE % (folder, "dedup_books", "dedup_books")), "-x", "inline",
                             "--json", "--out", str(here / "run")))  # fmt: skip
        step = next(s for s in json.loads((here / "run" / "run.json").read_text(encoding="utf-8"))["steps"] if s["name"] == "dedup_books")
    return {"corpus": facts, "cpu_seconds": round(used.cpu_seconds, 1), "peak_mb": round(used.peak_bytes / 1e6), "notes": step["notes"]}


# In a process of their own


def _write(folder: Path, documents: int, mean_bytes: int) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from bench.corpus import Spec, tables

    rng = random.Random(1)
    spec = Spec(documents=documents, mean_bytes=mean_bytes, columns=("id",))
    made: list[dict[str, str]] = []
    licence = foreword = ""
    for table in tables(spec, 0, documents):
        for text in table["text"].to_pylist():
            licence, foreword = licence or text[:LICENCE_CHARS], foreword or text[-FOREWORD_CHARS:]
            kind, old = rng.random(), rng.choice(made) if made else {"id": "", "text": text}
            source = ""
            if kind < 0.15:
                length = int(len(old["text"]) * rng.uniform(0.1, 0.8))
                at = rng.randrange(len(old["text"]) - length)
                text, source = _changed(old["text"][at : at + length], rng), old["id"]
            elif kind < 0.2:
                text, source = f"{text[:8_000]}\n\n{_changed(old['text'], rng)}", old["id"]
            elif kind < 0.25:
                text, source = old["text"], old["id"]
            elif kind < 0.3:
                text = f"{foreword}\n\n{text}"
            elif rng.random() < 0.5:
                text = f"{licence[: LICENCE_CHARS // 9]}\n\n{text}\n\n{licence}"
            made.append({"id": f"{len(made):032x}", "text": text, "source": source})
    rng.shuffle(made)
    each = -(-documents // 4)
    for n in range(4):
        part = pa.Table.from_pylist(made[n * each : (n + 1) * each])
        pq.write_table(part.set_column(1, "text", part["text"].cast(pa.large_string())), folder / f"part-{n}.parquet")
    size = sum(len(row["text"].encode()) for row in made)
    return {
        "documents": documents,
        "bytes": size,
        "mean_bytes": round(size / documents),
        "planted": sum(row["source"] != "" for row in made),
    }


def _changed(text: str, rng: random.Random) -> str:
    share = rng.choice(CHANGED)
    return " ".join(f"changed{rng.randrange(10**6)}" if rng.random() < share else word for word in text.split(" "))


def _sets(texts: dict[str, str]) -> dict[str, set[Any]]:
    """Shingles of five words of each text, as Python tuples."""
    import pyarrow as pa

    from curation.text import Utf8

    found = {}
    for name, text in texts.items():
        words = Utf8.of(pa.array([text], pa.large_string())).lower().words()
        data = words.text.data.tobytes()
        own = [data[a:b] for a, b in zip(words.starts.tolist(), words.ends.tolist(), strict=True)]
        found[name] = {tuple(own[k : k + 5]) for k in range(len(own) - 4)}
    return found


def _judge(source: str, out: str) -> dict[str, Any]:
    """Each planted pair and each dropped document beside the true containment of its sets, pair by pair."""
    from collections import Counter
    from itertools import pairwise

    import pyarrow as pa
    import pyarrow.parquet as pq

    from stages.dedup.dedup_books import Params, found_share

    params = Params()
    given = pa.concat_tables([pq.read_table(f) for f in sorted(Path(source).glob("*.parquet"))])
    texts = dict(zip(given["id"].to_pylist(), given["text"].to_pylist(), strict=True))
    kept = pa.concat_tables([pq.read_table(f, columns=["id"]) for f in sorted(Path(out).glob("outputs/*/*.parquet"))])["id"].to_pylist()
    names = ["id", "drop_reason", "duplicate_of", "similarity"]
    dropped = pa.concat_tables([pq.read_table(f, columns=names) for f in sorted(Path(out).glob("dropped/*.parquet"))]).to_pylist()
    gone = {row["id"]: row for row in dropped}
    stays = set(kept)
    wrong, apart = 0, 0.0
    for row in dropped:
        one, another = _sets({name: texts[name] for name in (row["id"], row["duplicate_of"])}).values()
        true = len(one & another) / len(one)
        apart = max(apart, abs(true - row["similarity"]))
        wrong += not (row["duplicate_of"] in stays and len(one) <= len(another) and true > params.more_than)
    over, missed, theory = 0, 0, 0.0
    bands: dict[str, list[int]] = {f"{low:g} to {high:g}": [0, 0] for low, high in pairwise((0.8, 0.85, 0.9, 0.95, 1.01))}
    for name, of in zip(given["id"].to_pylist(), given["source"].to_pylist(), strict=True):
        if not of or texts[name] == texts[of]:
            continue
        one, another = _sets({name: texts[name], of: texts[of]}).values()
        size = min(len(one), len(another))
        true = len(one & another) / size
        lost = name in gone or of in gone
        for label, counted in bands.items():
            low, _, high = label.partition(" to ")
            if float(low) < true <= float(high):
                counted[0] += 1
                counted[1] += lost
        if true > params.more_than and size >= params.min_shingles:
            over, missed = over + 1, missed + (not lost)
            theory += 1 - found_share(size, true, params.more_than, params.sample_one_in)
    step = next(s for s in json.loads((Path(out) / "run.json").read_text(encoding="utf-8"))["steps"] if s["name"] == "dedup_books")
    return {
        "documents": len(kept) + len(dropped), "dropped": dict(Counter(row["drop_reason"] for row in dropped)),
        "dropped that should stay": wrong, "largest distance of a similarity from the truth": float(f"{apart:.1e}"),
        "planted pairs over 0.9": over, "planted pairs over 0.9 of which both stay": missed, "expected by theory": round(theory, 3),
        "planted pairs, of which one went": {share: f"{gone_} of {all_}" for share, (all_, gone_) in bands.items()}, "notes": step["notes"],
    }  # fmt: skip


def _recall() -> dict[str, Any]:
    """Share of PAIRS pairs, the smaller one of SIZE made-up shingles, that are compared, at each containment, by the default parameters."""
    from itertools import pairwise

    import numpy as np
    import pyarrow as pa

    from curation.stage import Batch
    from stages.dedup.dedup_books import dedup_books, found_share, least_shared
    from stages.dedup.shingles import Shingles

    params = dedup_books.params(shingle=1)
    rng = np.random.default_rng(1)
    rows: dict[str, Any] = {}
    worst = 0.0
    for contained in CONTAINED:
        both = round(SIZE * contained)
        texts = []
        for words in rng.integers(0, 2**62, (PAIRS, 2 * SIZE)).tolist():
            named = [f"{word:x}" for word in words]
            texts += [" ".join(named[:SIZE]), " ".join(named[SIZE - both :])]
        table = pa.table({"id": [str(i) for i in range(len(texts))], "text": pa.array(texts, pa.large_string())})
        drawn = Shingles.of_arrow(dedup_books.emit(Batch(table), params).kept["sample"], 8)
        sets = [set(drawn.values[a:b].tolist()) for a, b in pairwise(drawn.offsets)]
        shared = np.array([len(one & another) for one, another in zip(sets[::2], sets[1::2], strict=True)])
        least = least_shared(np.minimum(drawn.counts()[::2], drawn.counts()[1::2]), params.more_than)
        found = float((shared >= least).mean())
        theory = found_share(SIZE, both / SIZE, params.more_than, params.sample_one_in)
        errors = abs(found - theory) / max((theory * (1 - theory) / PAIRS) ** 0.5, 1 / PAIRS)
        worst = max(worst, errors)
        rows[f"{contained}"] = f"{found:.4f} found, {theory:.4f} by theory, {errors:.1f} standard errors"
    return {**rows, "within": round(worst, 2)}


if __name__ == "__main__":
    verb, *rest = sys.argv[1:]
    if verb == "write":
        print(json.dumps(_write(Path(rest[0]), int(rest[1]), int(rest[2]))))
    elif verb == "judge":
        print(json.dumps(_judge(*rest)))
    elif verb == "recall":
        print(json.dumps(_recall()))
