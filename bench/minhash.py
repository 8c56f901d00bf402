"""Near-duplicate removal beside datatrove, text-dedup, datasketch, daft, rensa; recall beside theory; verdicts beside all pairs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from bench.measure import (
    STARTUP_DOCUMENTS,
    CommandFailedError,
    Contender,
    NotInstalledError,
    compare,
    corpus,
    curate,
    expect_rows,
    peer_script,
    peer_version,
    rows_of,
    run,
    scratch,
    versions,
    write_recipe,
)  # fmt: skip

CORPUS: dict[str, Any] = {"mean_bytes": 3_000, "exact": 0.05, "near": 0.1, "edit": 0.01, "files": 4}
"""Of a near copy 1 % of the words are other ones: Jaccard similarity of 5-word shingles about 0.9."""
RECIPE = """
name: minhash
inputs: {docs: {use: parquet, paths: "%s/part-*.parquet"}}
steps: {near: {use: dedup_minhash}}
outputs: {written: {use: shards}}
settings: {output_bytes: 1}
"""
"""Files are not joined, as no peer joins any."""
PEERS = {
    "pyarrow": ("pyarrow", "pyarrow_copy", "pyarrow", 1.0), "daft": ("daft", "daft_minhash", "daft", 1.0),
    "rensa": ("rensa", "rensa_minhash", "rensa", 0.4), "datasketch": ("datasketch", "datasketch_minhash", "datasketch", 0.2),
    "text-dedup": ("text_dedup", "text_dedup_minhash", "text-dedup", 0.1),
    "datatrove": ("datatrove_minhash", "datatrove_minhash", "datatrove", 0.05),
    "datatrove, our shingles": ("datatrove_minhash", "datatrove_minhash", "datatrove", 0.2),
}  # fmt: skip
"""Name -> environment, script, package, share of the documents it is given: the slow ones would take hours."""
DOCUMENTS = 60_000
SIMILARITIES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """Run the parts: speed, signatures, recall, oracle; see `bench minhash_scale` for millions of documents."""
    parts: dict[str, Any] = {}
    missing: list[str] = []
    targets: dict[str, Any] = {}
    speed: dict[str, Any] = {}
    if not only or "speed" in only:
        speed, missing = _speed(int(DOCUMENTS * scale), pairs)
        parts["speed"] = speed
        for peer, wanted in (("daft", 2), ("datatrove", 50), ("datatrove, our shingles", 10)):
            if peer in speed["ratios"]:
                x = speed["ratios"][peer]
                targets[f"speed beside {peer}"] = (x, f">= {wanted}", x >= wanted)
    if not only or "signatures" in only:
        parts["signatures"] = _signatures(int(20_000 * scale), missing)
    if not only or "recall" in only:
        parts["recall"] = recall = json.loads(run([sys.executable, "-m", "bench.minhash", "recall"])[1])
        within = recall.pop("within")
        targets["recall beside 1 - (1 - s^8)^14, largest distance in standard errors"] = (within, "<= 4", within <= 4)
    if not only or "oracle" in only:
        parts["oracle"] = oracle = _oracle(int(20_000 * scale))
        wrong = oracle["wrong"]
        targets["documents judged otherwise than by the similarity of all pairs"] = (wrong, "0", wrong == 0)
    return {"name": "minhash", **speed, "parts": parts, "missing": missing, "targets": targets, "versions": versions("pyarrow", "numba")}


def _speed(documents: int, pairs: int) -> tuple[dict[str, Any], list[str]]:
    """Parquet in, kept rows out; each side on its share of the documents, its start on 64 of them subtracted."""
    folder, facts = corpus(documents=documents, **CORPUS)
    tiny, _ = corpus(documents=STARTUP_DOCUMENTS, **{**CORPUS, "files": 1})
    counts = {"ours": documents}
    missing: list[str] = []
    with scratch() as here:
        recipes = [write_recipe(here, name, RECIPE % where) for name, where in (("full", folder), ("tiny", tiny))]
        commands = [curate("run", recipe, "-x", "inline", "--json", "--out", "OUT/run") for recipe in recipes]
        contenders = {"ours": Contender(*commands, _fewer(documents, "run/outputs/written/*.parquet"))}
        for name, (environment, script, _, share) in PEERS.items():
            try:
                command = peer_script(environment, script)
            except NotInstalledError as e:
                missing.append(f"{name}: {e}")
                continue
            n = int(documents * share)
            where = folder if share == 1 else corpus(documents=n, **CORPUS)[0]
            given = [[str(where), "OUT"], [str(tiny), "OUT"]]
            if "our shingles" in name:
                for i, (file, source) in enumerate((("full.npz", where), ("tiny.npz", tiny))):
                    run([sys.executable, "-m", "bench.minhash", "shingles", str(source), str(here / file)])
                    given[i].append(str(here / file))
            copies = script == "pyarrow_copy"
            check = expect_rows(n, "written/**/*.parquet") if copies else _fewer(n, "written/**/*.parquet")
            made = Contender([*command, *given[0]], [*command, *given[1]], check)
            try:
                made.once(made.startup or made.command)
            except CommandFailedError as e:
                missing.append(f"{name}: {str(e)[-300:]}")
                continue
            contenders[name], counts[name] = made, n
        results = compare(contenders, pairs)
    rates = {name: {**r.rates(counts[name], facts["mean_bytes"] * counts[name]), "documents": counts[name]} for name, r in results.items()}
    for name in rates:
        if name != "ours":
            rates[name]["version"] = peer_version(PEERS[name][0], PEERS[name][2])
    ours = rates.pop("ours")
    ratios = {p: round(ours["documents_per_cpu_second"] / r["documents_per_cpu_second"], 3) for p, r in rates.items()}
    return {"corpus": facts, "ours": ours, "peers": rates, "ratios": ratios}, missing


def _signatures(documents: int, missing: list[str]) -> dict[str, Any]:
    """Signatures alone, of the same shingles in memory: ours beside rensa's; documents a CPU-second, the best of five."""
    folder, facts = corpus(documents=documents, **CORPUS)
    with scratch() as here:
        file = str(here / "shingles.npz")
        run([sys.executable, "-m", "bench.minhash", "shingles", str(folder), file])
        sides = {"ours": [sys.executable, "-m", "bench.minhash", "signatures", file]}
        try:
            sides["rensa"] = [*peer_script("rensa", "rensa_signatures"), file]
        except NotInstalledError as e:
            missing.append(f"rensa: {e}")
        found = {side: json.loads(run(command)[1]) for side, command in sides.items()}
    rates = {side: round(f["documents"] / f["cpu_seconds"]) for side, f in found.items()}
    return {"documents": documents, "mean_bytes": facts["mean_bytes"], "documents_per_cpu_second": rates}


def _fewer(documents: int, pattern: str) -> Any:
    """A check that most of the copies went and most others stayed, by what was written."""

    def check(out: Path) -> None:
        written = rows_of(out, pattern)
        if not 0.8 * documents < written < 0.9 * documents:
            raise CommandFailedError(f"{written} of {documents} documents written, and 15 % are copies")

    return check


def _oracle(documents: int) -> dict[str, Any]:
    """One run on a corpus of small documents, beside the true similarity of all pairs; both in processes of their own."""
    spec = {"documents": documents, "mean_bytes": 600, "exact": 0.1, "near": 0.4, "edit": 0.03, "files": 5}
    folder, _ = corpus(**spec)
    with scratch() as here:
        recipe = write_recipe(here, "oracle", RECIPE % folder)
        run(curate("run", recipe, "-x", "inline", "--json", "--out", str(here / "run")))
        found: dict[str, Any] = json.loads(run([sys.executable, "-m", "bench.minhash", "oracle", str(folder), str(here / "run")])[1])
    return {"documents": documents, **found}


# In a process of their own


def _recall() -> dict[str, Any]:
    """Share of 20,000 planted pairs of sets of 600 shingles that share a band, at each similarity."""
    import numpy as np

    from stages.dedup.dedup_minhash import Params, found_share
    from stages.dedup.shingles import Shingles, band_keys, minhash

    params = Params()
    rng = np.random.default_rng(1)
    size, pairs, rows = 600, 20_000, {}
    worst = 0.0
    for similarity in SIMILARITIES:
        shared = round(2 * size * similarity / (1 + similarity))
        true = shared / (2 * size - shared)
        values = rng.integers(0, 2**32, (pairs, 2 * size - shared), dtype=np.uint32)
        both = np.concatenate([values[:, :size], values[:, size - shared :]], axis=1).ravel()
        sets = Shingles(both, np.arange(2 * pairs + 1) * size)
        signatures = minhash(sets, params.bands * params.rows_per_band, params.seed)
        keys = band_keys(signatures, params.bands, np.zeros(2 * pairs, np.uint64))
        found = float((keys[::2] == keys[1::2]).any(axis=1).mean())
        theory = found_share(true, params.bands, params.rows_per_band)
        errors = abs(found - theory) / max((theory * (1 - theory) / pairs) ** 0.5, 1 / pairs)
        worst = max(worst, errors)
        rows[f"{similarity}"] = f"{found:.4f} found, {theory:.4f} by theory, {errors:.1f} standard errors"
    return {**rows, "within": round(worst, 2)}


def _sign(file: str) -> dict[str, Any]:
    """CPU-seconds our signatures of the shingles in a file take, the best of five."""
    import time

    import numpy as np

    from stages.dedup.dedup_minhash import Params
    from stages.dedup.shingles import Shingles, minhash

    given, params = np.load(file), Params()
    sets = Shingles(given["values"], given["offsets"])
    best = 9e9
    for _ in range(6):  # the first one compiles
        started = time.process_time()
        minhash(sets, params.bands * params.rows_per_band, params.seed)
        best = min(best, time.process_time() - started)
    return {"documents": len(sets.counts()), "cpu_seconds": best}


def _shingle_file(source: str, out: str) -> None:
    """Our shingles of each document of a corpus, as datatrove takes them."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from curation.text import Utf8
    from stages.dedup.shingles import shingles

    table = pa.concat_tables([pq.read_table(f, columns=["text"]) for f in sorted(Path(source).glob("part-*.parquet"))])
    sets = shingles(Utf8.of(table["text"]), "word", 5, True)
    np.savez(out, values=sets.values, offsets=sets.offsets)


def _judge(source: str, out: str) -> dict[str, Any]:
    """Replay the definition: greedy over pairs that share a band and whose sets, as Python tuples of words, are similar enough."""
    from collections import Counter, defaultdict

    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from curation.text import Utf8
    from stages.dedup.dedup_minhash import Params
    from stages.dedup.shingles import band_keys, minhash, shingles

    params = Params()
    tables = [pq.read_table(f, columns=["text", "date", "url"]) for f in sorted(Path(source).glob("part-*.parquet"))]
    table = pa.concat_tables(tables)
    kept = pa.concat_tables([pq.read_table(f) for f in sorted(Path(out).glob("outputs/*/*.parquet"))])
    dropped = pa.concat_tables([pq.read_table(f) for f in sorted(Path(out).glob("dropped/*.parquet"))], promote_options="default")
    names = ["url", "id", "drop_reason", "duplicate_of", "similarity"]
    kept = kept.append_column("drop_reason", pa.nulls(len(kept), pa.string()))
    fate = {row["url"]: row for part in (kept, dropped) for row in part.select(names).to_pylist()}
    texts, urls = table["text"].to_pylist(), table["url"].to_pylist()
    text = Utf8.of(table["text"])
    words = text.lower().words()
    data = words.text.data.tobytes()
    sets: list[list[Any]] = []
    for i in range(len(texts)):
        own = [data[words.starts[k] : words.ends[k]] for k in range(words.offsets[i], words.offsets[i + 1])]
        sets.append([tuple(own[k : k + 5]) for k in range(len(own) - 4)])
    signatures = minhash(shingles(text, "word", 5, False), params.bands * params.rows_per_band, params.seed)
    bands = band_keys(signatures, params.bands, np.zeros(len(texts), np.uint64))
    dates = table["date"].cast(pa.int64()).to_pylist()
    places = sorted(
        range(len(texts)), key=lambda i: (-len(texts[i].encode()), -dates[i] if dates[i] is not None else float("inf"), fate[urls[i]]["id"])
    )
    leaders: dict[Any, int] = {}
    twin = {i: leaders.setdefault(tuple(sets[i]) if sets[i] else i, i) for i in places}
    having: dict[Any, list[int]] = defaultdict(list)
    survivor: dict[int, tuple[int, float]] = {}
    rank: dict[int, int] = {}
    similar = shared = 0
    for i in (i for i in places if twin[i] == i):
        mine = set(sets[i])
        both = Counter(j for shingle in mine for j in having[shingle])
        best = None
        for j, n in both.items():
            similarity = n / (len(mine) + len(set(sets[j])) - n)
            if similarity >= params.min_jaccard:
                similar += 1
                if (bands[i] == bands[j]).any():
                    shared += 1
                    if survivor[j][0] == j and (best is None or rank[j] < rank[best[0]]):
                        best = (j, similarity)
        rank[i] = len(rank)
        survivor[i] = best or (i, 1.0)
        for shingle in mine:
            having[shingle].append(i)
    wrong = 0
    for i in range(len(texts)):
        to, similarity = survivor[twin[i]]
        found = fate[urls[i]]
        wanted = None if to == i else "exact_duplicate" if to == twin[i] else "near_duplicate"
        right = found["drop_reason"] == wanted and (wanted is None or found["duplicate_of"] == fate[urls[to]]["id"])
        wrong += not (right and (wanted is None or found["similarity"] == np.float32(similarity)))
    gone = Counter(row["drop_reason"] for row in fate.values())
    return {"wrong": wrong, "similar_pairs": similar, "of_them_sharing_a_band": shared, "dropped": {k: v for k, v in gone.items() if k}}


if __name__ == "__main__":
    verb, *rest = sys.argv[1:]
    if verb == "recall":
        print(json.dumps(_recall()))
    elif verb == "signatures":
        print(json.dumps(_sign(*rest)))
    elif verb == "shingles":
        _shingle_file(*rest)
    elif verb == "oracle":
        print(json.dumps(_judge(*rest)))
