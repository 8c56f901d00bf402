"""From a run to what its report tells.

Accounts, counts and histograms are the whole run's. Rows are read of some files only, by bounds that stand here, and the page says of how
many: nothing grows with the run but the lists of its files.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from pydantic import ValidationError

from curation import registry
from curation.inspect.opened import OpenRun
from curation.inspect.report.facts import Clusters, Facts, Sample, Shadows
from curation.inspect.rows import id_order
from curation.ledger import NULL_BIN, bin_edges
from curation.shards import opened

SHADOW_ROWS = 500_000
SHADOW_FILES = 500
CLUSTER_ROWS = 2_000_000
CLUSTER_FILES = 400
SAMPLE_FILES = 16
"""Of each pass."""
FAILURES = 50
EACH = 3
"""Samples of each step and reason."""
SIZES = 16
"""Clusters up to this size have a row each, larger ones one for each power of two."""
TEXT_CHARS = 20_000
"""Of a sample's text that are looked at for what a stage objects to."""
ABOUT = ("id", "url", "domain", "lang", "profile", "step", "drop_reason", "text")


def facts(run: OpenRun) -> Facts:
    """All a report tells of a run; of one that is not done, its accounts."""
    summary = run.summary
    found = Facts(
        run.manifest,
        {step: said.get("verdicts", {}) for step, said in summary.steps.items()},
        {
            step: {column: {int(b): n for b, n in bins.items()} for column, bins in said.get("metrics", {}).items()}
            for step, said in summary.steps.items()
        },
        {name: step.thresholds for name, step in run.steps.items()},
    )
    if run.status == "done":
        found.shadows = shadows(run)
        found.clusters = clusters(run, found.metrics)
        found.samples, found.sampled = samples(run, found)
        found.failures = failures(run)
    return found


def _some(files: list[Any], most: int) -> list[Any]:
    """So many files, by a hash of their names."""
    return sorted(files, key=lambda path: xxhash.xxh3_64_intdigest(path.name.encode()))[:most]


def _groups(path: Any, columns: list[str]) -> Iterator[pa.Table]:
    """Row groups of a file, the columns it has of these."""
    with opened(path) as file:
        there = [name for name in columns if name in file.schema_arrow.names]
        for group in range(file.metadata.num_row_groups):
            yield file.read_row_group(group, columns=there, use_threads=False)


def shadows(run: OpenRun) -> Shadows:
    """What else would have dropped the documents that ran on. One that reaches several outputs has a row in each, and is one document."""
    files = run.files("shadows")
    result = Shadows(of_files=len(files), share=1.0 if run.manifest["annotate"] else 0.0)
    later: dict[tuple[int, str, str], frozenset[str]] = {}
    known: dict[tuple[str, ...], frozenset[str]] = {}
    rows = 0
    for path in _some(files, SHADOW_FILES):
        for table in _groups(path, ["id", "shadow_step", "shadow_reason", "shadow_later"]):
            ids = id_order(table["id"], 0).tolist()
            names = zip(*(table[name].to_pylist() for name in ("shadow_step", "shadow_reason", "shadow_later")), strict=True)
            for id_, (step, reason, found) in zip(ids, names, strict=True):
                also = known.setdefault(tuple(found or ()), frozenset(of.partition(":")[0] for of in found or ()))
                key = (id_, step, reason)
                later[key] = later[key] | also if key in later else also
            rows += table.num_rows
        result.files += 1
        if rows >= SHADOW_ROWS:
            break
    for (_, step, reason), also in later.items():
        result.documents += 1
        result.seen[step, reason] += 1
        if not also:
            result.alone[step, reason] += 1
        for other in also:
            result.both[step, other] += 1
    return result


def clusters(run: OpenRun, metrics: Mapping[str, Mapping[str, Mapping[int, Any]]]) -> dict[str, Clusters]:
    """Clusters by size of each step that names survivors: from the histogram of their sizes, else by counting who names the same one."""
    result = {}
    for name, step in run.steps.items():
        dropped = sum(step.account["dropped"].values())
        if "duplicate_of" not in step.writes or not dropped:
            continue
        if "cluster_size" in metrics.get(name, {}):
            bins = ((bin_edges(b), kept) for b, (kept, _) in metrics[name]["cluster_size"].items() if b != NULL_BIN and kept)
            sizes = [(int(low), max(int(low), int(np.ceil(high)) - 1), kept) for (low, high), kept in bins]
            result[name] = Clusters(_by_size(sizes), "By the column cluster_size of the documents that stay.")
            continue
        files = run.files("dropped", name)
        if dropped > CLUSTER_ROWS or len(files) > CLUSTER_FILES:
            result[name] = Clusters([], f"Not counted: {dropped:,} dropped documents in {len(files):,} files are more than a report reads.")
            continue
        parts = []
        for path in files:
            for table in _groups(path, ["step", "duplicate_of"]):
                parts.append(table.filter(pc.equal(table["step"], name))["duplicate_of"].drop_null().combine_chunks())
        values = pc.value_counts(pa.chunked_array(parts, pa.string())) if parts else None
        counted = Counter(values.field("counts").to_pylist() if values is not None else ())
        exact = [(n + 1, n + 1, k) for n, k in counted.items()]
        result[name] = Clusters(_by_size(exact), "By the survivor that dropped documents name: those without a duplicate have no row.")
    return result


def _by_size(sizes: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Rows (from, to, clusters), sizes over SIZES joined by powers of two."""
    joined: defaultdict[tuple[int, int], int] = defaultdict(int)
    for low, high, n in sizes:
        if low > SIZES:
            low = 1 << (low.bit_length() - 1)
            high = 2 * low - 1
        joined[low, high] += n
    return [(low, high, n) for (low, high), n in sorted(joined.items())]


def samples(run: OpenRun, facts: Facts) -> tuple[dict[str, dict[str, list[Sample]]], tuple[int, int]]:
    """Some dropped documents of each step and reason, those first whose text was stored; and from how many files, of how many.

    A text that was dropped ahead of a step that replaces personal data has that step's marks in place of it.
    """
    masks = _masks(run)
    found: dict[str, dict[str, list[Sample]]] = {}
    read = of = 0
    for pass_ in dict.fromkeys(step.pass_ for step in run.steps.values()):
        steps = [step for step in run.steps.values() if step.pass_ == pass_ and step.account["dropped"]]
        if not steps:
            continue
        files = run.files("dropped", steps[0].name)
        of += len(files)
        best: dict[tuple[str, str], list[tuple[bool, int, dict[str, Any]]]] = {}
        wanted = {(step.name, reason) for step in steps for reason in step.account["dropped"]}
        columns = list(dict.fromkeys([*ABOUT, *(c for step in steps for c in step.writes)]))
        for path in _some(files, SAMPLE_FILES):
            for table in _groups(path, columns):
                for name, reason, none, order, row in _best(table):
                    known = best.setdefault((name, reason), [])
                    known.append((none, order, row))
                    known[:] = sorted(known, key=lambda item: item[:2])[:EACH]
            read += 1
            if all(len(best.get(key, ())) == EACH and not best[key][-1][0] for key in wanted):
                break
        for step in steps:
            passed = facts.above(step.name)
            ahead = [mask for name, mask in masks.items() if name not in passed]
            for reason in sorted(reason for name, reason in wanted & best.keys() if name == step.name):
                found.setdefault(step.name, {})[reason] = [_sample(row, step.writes, ahead) for _, _, row in best[step.name, reason]]
    return found, (read, of)


def failures(run: OpenRun) -> list[dict[str, Any]]:
    """The first FAILURES documents that failed, of a file after the other."""
    rows: list[dict[str, Any]] = []
    for path in _some(run.files("failed"), SAMPLE_FILES):
        for table in _groups(path, ["id", "url", "step", "reason", "detail"]):
            head = table.slice(0, FAILURES - len(rows))
            rows += [{name: _plain(head[name][i]) for name in head.column_names} for i in range(head.num_rows)]
    return rows


def _best(table: pa.Table) -> Iterator[tuple[str, str, bool, int, dict[str, Any]]]:
    """(step, reason, no text, order, row) of the first EACH rows of each step and reason of a table."""
    if not table.num_rows:
        return
    none = table["text"].is_null().to_numpy()
    order = id_order(table["id"], 0)
    codes = [table[name].combine_chunks().dictionary_encode().indices.to_numpy() for name in ("step", "drop_reason")]
    group = codes[0].astype(np.int64) << 32 | codes[1]
    rows = np.lexsort((order, none, group))
    first = np.flatnonzero(np.diff(group[rows], prepend=-1))  # where each group begins
    rank = np.arange(len(rows)) - np.repeat(first, np.diff(first, append=len(rows)))
    for at in rows[rank < EACH].tolist():
        row = {name: _plain(table[name][at]) for name in table.column_names}
        yield row["step"], row["drop_reason"], bool(none[at]), int(order[at]), row


def _plain(scalar: pa.Scalar) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError:  # bytes of a page that are not UTF-8
        return scalar.as_buffer().to_pybytes().decode("utf-8", "replace") if hasattr(scalar, "as_buffer") else None


Mask = Callable[[pa.Array], pa.Array]
"""Texts (n,) -> the same with marks in place of personal data."""


def _masks(run: OpenRun) -> dict[str, Mask]:
    """What steps that replace personal data make of a text: nothing is left where today's stage cannot do what that of the run did."""
    found: dict[str, Mask] = {}
    for step in run.steps.values():
        try:
            stage = registry.lookup(step.use)
        except KeyError:
            continue
        masked = registry.beside(stage, "masked")
        if masked is not None:
            try:
                found[step.name] = partial(masked, params=stage.params.model_validate(step.params))
            except ValidationError:  # of a version that had other parameters
                found[step.name] = _hidden
    return found


def _hidden(texts: pa.Array) -> pa.Array:
    return pa.array([""] * len(texts), pa.large_string())


def _sample(row: dict[str, Any], writes: tuple[str, ...], masks: list[Mask]) -> Sample:
    chars = len(row.get("text") or "")
    terms = [term for c in writes if isinstance(row.get(c), list) for term in row[c] if isinstance(term, str)]
    found = {name: x for name, x in row.items() if isinstance(x, str) and (name == "text" or name in writes)}
    row |= {name: _shown(x[:TEXT_CHARS], masks) for name, x in found.items()}
    metrics = {c: row[c] for c in writes if c not in ABOUT and row.get(c) is not None and not isinstance(row[c], (list, dict))}
    return Sample(row, metrics, terms, chars)


def _shown(text: str, masks: list[Mask]) -> str:
    for mask in masks:
        text = mask(pa.array([text], pa.large_string()))[0].as_py()
    return text
