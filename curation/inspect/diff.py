"""`curate diff`: what two runs were told, and which documents they judged differently.

Documents are found by id. Each file of outputs/, dropped/ and failed/ is read once, ids and reasons alone, and rows are dealt by hash of
the id to partitions on this machine's disk (33 bytes a row); a partition of both runs is compared in memory. So memory does not grow with
the documents, up to some 4 x 10^9 rows, and counts are exact.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.errors import RecipeError
from curation.inspect.show import require_run, safe
from curation.inspect.stats import drawn, percent
from curation.ledger import OTHERS
from curation.shards import column_names, opened, read_rows
from curation.text import Utf8

PART_ROWS = 1 << 20
"""Rows of a partition that are compared at a time (ours); more where there would be more than MOST_PARTS."""
MOST_PARTS = 1 << 12
HELD_ROWS = 1 << 20
"""Rows held before they are written to their partitions (ours)."""
MOST_LANGUAGES = 1 << 12
"""Languages that are told apart (ours); the others are one, OTHERS."""
SAMPLES = 3
"""Documents of a change that are named (ours)."""
SHOWN = 20
"""Changes the page names; --json has all."""
ROW = np.dtype([("high", "<u8"), ("low", "<u8"), ("side", "u1"), ("fate", "<u4"), ("lang", "<u4"), ("file", "<u4"), ("row", "<u4")])
"""A fate of a document: the hash of its id, the run, what became of it, and where that stands."""


def diff(before: Path, after: Path) -> dict[str, Any]:
    """What differs between two finished runs.

    Returns: {"runs", "configuration": [in words], "funnel": [{"step", "before", "after": {"in", "kept", "dropped"} or None}], "documents":
        {"before", "after", "both", "same", "changed"}, "changes": [{"before", "after", "documents", "lang": {language: documents},
        "samples": [{"id", "url"}]}]}, most documents first. A fate is `kept in OUTPUT`, `STEP: REASON`, `failed at STEP: REASON`,
        `merged` (a document was made of it that was kept or dropped), several of them where a document has several ends, and None where
        the run never met the document. Of what a document was made of its parents are known, not theirs. The language is that of the
        second run, else of the first.
    Raises: RecipeError if one is no finished run.
    """
    manifests = [_done(run) for run in (before, after)]
    steps: list[dict[str, dict[str, Any]]] = [{s["name"]: s for s in m["steps"]} for m in manifests]
    accounts = [s for m in manifests for s in m["steps"]]
    rows = sum(s["failed"] + s["merged"] + sum(s["dropped"].values()) + (s["kind"] == "shards") * s["kept"] for s in accounts)
    fates = _Fates()
    with tempfile.TemporaryDirectory(prefix="curate-") as folder:
        parts = _Parts(Path(folder), rows)
        for side, run in enumerate((before, after)):
            for found in fates.of(run, side):
                parts.add(found)
        changes = _Changes(fates)
        for part in parts:
            changes.add(part)
    return {
        "runs": [str(before), str(after)], "configuration": list(configuration(*manifests)),
        "funnel": [{"step": n, "before": _funnel(steps[0].get(n)), "after": _funnel(steps[1].get(n))} for n in steps[0] | steps[1]],
        **changes.plain(),
    }  # fmt: skip


def _done(run: Path) -> dict[str, Any]:
    manifest = require_run(run)
    if manifest["status"] != "done":
        raise RecipeError(f"the run in {run} is {manifest['status']}: finish it, then compare")
    return manifest


def _funnel(step: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if step is None else {"in": step["documents_in"], "kept": step["kept"], "dropped": step["dropped"]}


# -- configuration ----------------------------------------------------------------------------------


def configuration(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """What two runs were told, where that differs, in words: inputs, steps, parameters, the content of lists and models."""
    for what in ("sample", "annotate"):
        if before[what] != after[what]:
            yield f"{what}: {before[what]} -> {after[what]}"
    for name in before["inputs"] | after["inputs"]:
        a, b = before["inputs"].get(name), after["inputs"].get(name)
        if a is None or b is None:
            yield f"input {name} {'added' if a is None else 'removed'}"
        elif a["identity"] != b["identity"]:
            files = f"{a['files']} files -> {b['files']}" if a["files"] != b["files"] else f"{a['files']} files"
            yield f"input {name}: {files}, not the same ones"
    steps: list[dict[str, Any]] = [{s["name"]: s for s in m["steps"]} for m in (before, after)]
    for name in steps[0] | steps[1]:
        a, b = steps[0].get(name), steps[1].get(name)
        if a is None or b is None:
            step = (steps[0] | steps[1])[name]
            what = f"output {name.removeprefix('outputs.')}" if step["kind"] == "shards" else f"step {name} ({step['use']})"
            yield f"{what} {'added' if a is None else 'removed'}"
            continue
        said = list(_step(a, b))
        own = not said and a["fingerprint"] != b["fingerprint"] and a["kind"] not in ("shards", "source")
        if own and all(steps[0][n]["fingerprint"] == steps[1][n]["fingerprint"] for n in _above(a)):
            said = ["the content of a list or a model it names, or a setting, is another"]  # an older run does not say which
        yield from (f"{name}: {text}" for text in said)


def _above(step: Mapping[str, Any]) -> set[str]:
    return {need.partition(".")[0] for need in step["needs"]}


def _step(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[str]:
    if a["use"] != b["use"]:
        yield f"stage {a['use']} -> {b['use']}"
    elif a["version"] != b["version"]:
        yield f"version of {b['use']} {a['version']} -> {b['version']}"
    if a["needs"] != b["needs"]:
        yield f"needs {', '.join(a['needs'])} -> {', '.join(b['needs'])}"
    contents = a.get("contents", {}), b.get("contents", {})
    for key in a["params"] | b["params"]:
        listed = key in contents[0] and key in contents[1]
        if listed and contents[0][key] == contents[1][key]:
            continue  # the same list, wherever it stands
        was, now = a["params"].get(key), b["params"].get(key)
        if was != now:
            yield from _changed(key, was, now)
        elif listed:
            yield f"{key}: the content of {_short(now)} is another"


def _changed(key: str, was: Any, now: Any) -> Iterator[str]:
    if isinstance(was, dict) and isinstance(now, dict):
        for inner in was | now:
            if was.get(inner) != now.get(inner):
                yield from _changed(f"{key}.{inner}", was.get(inner), now.get(inner))
    else:
        yield f"{key} {_short(was)} -> {_short(now)}"


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 100 else f"{text[:99]}…"


# -- documents --------------------------------------------------------------------------------------


class _Fates:
    """What became of the documents of both runs, as rows; knows fates and languages by number and files by theirs."""

    def __init__(self) -> None:
        self.names = {"merged": 0}
        self.langs: dict[str, int] = {"": 0}
        self.files: list[Path] = []

    def of(self, run: Path, side: int) -> Iterator[Any]:
        """Rows of a run: arrays of ROW."""
        for label in ("outputs", "dropped", "failed"):
            for path in sorted((run / label).glob("*/*.parquet" if label == "outputs" else "*.parquet")):
                yield from self._of_file(path, label, side)

    def _of_file(self, path: Path, label: str, side: int) -> Iterator[Any]:
        reason = {"outputs": None, "dropped": "drop_reason", "failed": "reason"}[label]
        self.files.append(path)
        with opened(path) as file:
            wanted = [c for c in ("id", "lang", "parent_ids", *(("step", reason) if reason else ())) if c in file.schema_arrow.names]
            first = 0
            for group in range(file.metadata.num_row_groups):
                table = file.read_row_group(group, columns=wanted, use_threads=False)
                yield from self._of_table(table, path, reason, side, first)
                first += table.num_rows

    def _of_table(self, table: pa.Table, path: Path, reason: str | None, side: int, first: int) -> Iterator[Any]:
        """Rows of a part of a file that begins at row `first`."""
        row = np.arange(first, first + table.num_rows, dtype=np.uint32)
        lang = np.zeros(table.num_rows, np.uint32)
        if "lang" in table.column_names and pa.types.is_string(table.schema.field("lang").type):
            lang = self._numbers(table["lang"], self.langs, MOST_LANGUAGES)
        if reason:
            said = pc.binary_join_element_wise(table["step"], table[reason], ": ", null_handling="replace", null_replacement="")
            fate = self._numbers(said, self.names, prefix="failed at " if reason == "reason" else "")
        else:
            fate = self.names.setdefault(f"kept in {path.parent.name}", len(self.names))
        yield self._rows(table["id"], side, fate, lang, row)
        if "parent_ids" in table.column_names and table["parent_ids"].null_count < table.num_rows:
            lists = table["parent_ids"].combine_chunks()
            child = pc.list_parent_indices(lists).to_numpy()
            yield self._rows(pc.list_flatten(lists), side, self.names["merged"], lang[child], row[child])

    def _rows(self, ids: Any, side: int, fate: Any, lang: Any, row: Any) -> Any:
        found = np.empty(len(row), ROW)
        found["high"], found["low"] = Utf8.of(ids).hash128() if len(row) else (0, 0)
        found["side"], found["fate"], found["lang"], found["file"], found["row"] = side, fate, lang, len(self.files) - 1, row
        return found

    @staticmethod
    def _numbers(values: Any, known: dict[str, int], most: int | None = None, prefix: str = "") -> Any:
        """The number of each value: uint32 (n,); of values beyond the first `most`, that of OTHERS."""
        codes = pc.fill_null(values, "").combine_chunks().dictionary_encode()
        codes = codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes
        numbers = []
        for value in codes.dictionary.to_pylist():
            name = prefix + value
            if most is not None and len(known) >= most and name not in known:
                name = OTHERS
            numbers.append(known.setdefault(name, len(known)))
        return np.array([*numbers, 0], np.uint32)[codes.indices.to_numpy()]


class _Parts:
    """Rows dealt to files by the first bits of their hash."""

    def __init__(self, folder: Path, rows: int) -> None:
        self._folder, self._bits = folder, min(MOST_PARTS, max(1, -(-rows // PART_ROWS))).bit_length()
        self._held: list[Any] = []
        self._count = 0

    def add(self, rows: Any) -> None:
        self._held.append(rows)
        self._count += len(rows)
        if self._count > HELD_ROWS:
            self._write()

    def _write(self) -> None:
        rows = np.concatenate([np.empty(0, ROW), *self._held])
        part = rows["high"] >> np.uint64(64 - self._bits)
        order = np.argsort(part, kind="stable")
        bounds = np.searchsorted(part[order], np.arange((1 << self._bits) + 1))
        for n in np.flatnonzero(np.diff(bounds)).tolist():
            with open(self._folder / str(n), "ab") as file:
                file.write(rows[order[bounds[n] : bounds[n + 1]]].tobytes())
        self._held, self._count = [], 0

    def __iter__(self) -> Iterator[Any]:
        """Partitions, in order of the hash."""
        self._write()
        for n in range(1 << self._bits):
            path = self._folder / str(n)
            if path.exists():
                yield np.fromfile(path, ROW)
                path.unlink()


class _Changes:
    """Documents by fate before and after, and by language."""

    def __init__(self, fates: _Fates) -> None:
        self._fates = fates
        self._weights = np.random.default_rng(0).integers(0, 1 << 64, len(fates.names) + 1, np.uint64)
        self._sets: dict[int, tuple[int, ...]] = {0: ()}
        """Sum of the weights of fates -> the fates; 0 = the run never met the document."""
        self._counts: Counter[tuple[int, int, int]] = Counter()
        """(before, after, language) -> documents."""
        self._samples: dict[tuple[int, int], list[Any]] = {}
        """(before, after) -> a row of each of the documents with the lowest hashes, its own if there is one."""

    def add(self, rows: Any) -> None:
        """Count the documents of a partition, all of whose rows these are."""
        rows = rows[np.lexsort((~rows["fate"], rows["side"], rows["low"], rows["high"]))]  # `merged` last: there stands another document
        rows = rows[_first(rows, "high", "low", "side", "fate")]
        starts = np.flatnonzero(_first(rows, "high", "low", "side"))
        sets = np.add.reduceat(self._weights[rows["fate"]], starts)
        for value, at in zip(*(found.tolist() for found in np.unique(sets, return_index=True)), strict=True):
            if value not in self._sets:
                end = starts[at + 1] if at + 1 < len(starts) else len(rows)
                self._sets[value] = tuple(rows["fate"][starts[at] : end].tolist())
        ends = rows[starts]
        one = np.flatnonzero(_first(ends, "high", "low"))
        two = np.append(np.diff(one), len(ends) - one[-1]) == 2
        last = one + two
        before = np.where(ends["side"][one] == 0, sets[one], np.uint64(0))
        after = np.where(ends["side"][last] == 1, sets[last], np.uint64(0))
        lang = np.where(ends["lang"][last] > 0, ends["lang"][last], ends["lang"][one])
        seen = np.empty(len(one), [("before", "<u8"), ("after", "<u8"), ("lang", "<u4")])
        seen["before"], seen["after"], seen["lang"] = before, after, lang
        for (a, b, code), n in zip(*(found.tolist() for found in np.unique(seen, return_counts=True)), strict=True):
            self._counts[a, b, code] += n
        changed, own = np.flatnonzero(before != after), np.where(ends["fate"][last] > 0, last, one)
        pairs, which = np.unique(seen[["before", "after"]][changed], return_inverse=True)
        for n, pair in enumerate(pairs.tolist()):
            known = self._samples.setdefault(pair, [])
            if len(known) < SAMPLES:
                known.extend(ends[own[changed[np.flatnonzero(which == n)[: SAMPLES - len(known)]]]])

    def plain(self) -> dict[str, Any]:
        """The counts, and what the samples are."""
        totals: Counter[str] = Counter()
        changes: dict[tuple[int, int], Counter[str]] = {}
        langs = list(self._fates.langs)
        for (a, b, code), n in self._counts.items():
            for what, there in (("before", a), ("after", b), ("both", a and b), ("same", a == b), ("changed", a and b and a != b)):
                totals[what] += n if there else 0
            if a != b:
                changes.setdefault((a, b), Counter())[langs[code]] += n
        named = _named(self._fates.files, [of for found in self._samples.values() for of in found])
        ordered = sorted(changes.items(), key=lambda item: (-item[1].total(), *(self._said(end) or "" for end in item[0])))
        found = [
            {"before": self._said(a), "after": self._said(b), "documents": by.total(),
             "lang": dict(sorted(by.items(), key=lambda item: (-item[1], item[0]))),
             "samples": [named[of.tobytes()] for of in self._samples[a, b]]}
            for (a, b), by in ordered
        ]  # fmt: skip
        return {"documents": {what: totals[what] for what in ("before", "after", "both", "same", "changed")}, "changes": found}

    def _said(self, value: int) -> str | None:
        names = list(self._fates.names)
        return "; ".join(sorted(names[fate] for fate in self._sets[value])) or None


def _first(rows: Any, *fields: str) -> Any:
    """Which sorted rows differ in one of the fields from the row before: bool (n,)."""
    new = np.ones(len(rows), dtype=bool)
    new[1:] = np.logical_or.reduce([rows[name][1:] != rows[name][:-1] for name in fields])
    return new


def _named(files: list[Path], rows: list[Any]) -> dict[bytes, dict[str, Any]]:
    """Row -> id and URL of the document; of one that only names it as a parent, no URL."""
    found = {}
    by_file: dict[int, list[Any]] = {}
    for of in sorted(rows, key=lambda of: (int(of["file"]), int(of["row"]))):
        by_file.setdefault(int(of["file"]), []).append(of)
    for file, wanted in by_file.items():
        columns = [c for c in ("id", "url", "parent_ids") if c in column_names(files[file], None)]
        places = np.array([of["row"] for of in wanted], np.int64)
        for low, high, table in read_rows(files[file], places, None, numbered=False, columns=columns):
            for of, said in zip(wanted[low:high], table.to_pylist(), strict=True):
                ids = [said["id"], *(said.get("parent_ids") or ())]
                mine = np.flatnonzero(Utf8.of(pa.array(ids)).hash128()[0] == of["high"])[0]
                found[of.tobytes()] = {"id": ids[mine], "url": said.get("url") if mine == 0 else None}
    return found


# -- for people -------------------------------------------------------------------------------------


def page(report: Mapping[str, Any]) -> str:
    """The differences as text."""
    documents = report["documents"]
    lines = [safe(line) for line in report["configuration"]] or ["Both runs were told the same."]
    if moved := list(_moved(report["funnel"])):
        lines += ["", drawn(["step", "in", "before", "dropped", "before", "%", "before"], moved)]
    lines.append("")
    lines.append(
        f"{documents['both']:,} documents of both runs, {documents['before'] - documents['both']:,} of the first alone, "
        f"{documents['after'] - documents['both']:,} of the second alone; {documents['changed']:,} ended otherwise"
    )
    ends = [(c, [c["before"] or "(not met)", c["after"] or "(not met)"]) for c in report["changes"][:SHOWN]]
    if ends:
        langs = [", ".join(f"{lang or '(none)'} {n:,}" for lang, n in list(c["lang"].items())[:3]) for c, _ in ends]
        changes = ([f"{c['documents']:,}", *both, said] for (c, both), said in zip(ends, langs, strict=True))
        lines += ["", drawn(["documents", "before ", "after ", "language "], changes), ""]
        lines.append(drawn(["sample", "before ", "after "], ([s["url"] or s["id"], *both] for c, both in ends for s in c["samples"])))
    return "\n".join(lines)


def _moved(funnel: Iterable[Mapping[str, Any]]) -> Iterator[list[str]]:
    """The steps whose numbers differ."""
    for row in funnel:
        sides = [row["after"], row["before"]]
        if sides[0] != sides[1]:
            cells = [["", "", ""] if s is None else _three(s["in"], sum(s["dropped"].values())) for s in sides]
            yield [row["step"], *(cell for pair in zip(*cells, strict=True) for cell in pair)]


def _three(came: int, gone: int) -> list[str]:
    return [f"{came:,}", f"{gone:,}", percent(gone, came)]
