"""`curate explain --reread`: the row steps of a run once more on one source record, to see what each made of its text.

Only where they are the same: the recipe is the run's own, as it was saved; each step's fingerprint (stage, version, parameters, lists and
models) and the input file's content must be what they were. What a global step decided is taken from the run's columns.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Container
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curation import assets, registry
from curation.documents import record_ids
from curation.domains import registrable_domains
from curation.errors import CurateError, RecipeError
from curation.inspect.explain import Way
from curation.inspect.rows import OpenStep, RunRows
from curation.ledger import Ledger
from curation.plan import Plan, Step
from curation.recipe import build
from curation.shards import conform
from curation.stage import Batch, Expanded, Source, array_of
from curation.storage import digest, read_sealed
from curation.yaml_file import YamlFile

MOST_CHARS, MOST_LINES = 1_000_000, 20_000
"""Texts up to that long are compared (ours): a diff may take the square of the lines."""
DIFF_LINES = 400
"""Lines of a diff that are shown (ours)."""


class Rereader:
    """Reads documents of a run again.

    Raises: RecipeError if the recipe, or a list or model it names, is not what it was, or a stage is not known (see `registry.plug_in`).
    """

    def __init__(self, run: RunRows) -> None:
        self.run = run
        try:
            saved = read_sealed(run.folder / run.manifest["plan"])
            raw = json.loads(saved["recipe"])
            plugins, raw["plugins"] = raw["plugins"], []  # no code runs because a run's folder names it
            recipe = build(YamlFile(Path(saved["file"]), raw), {})
            self.plan = Plan(recipe, **saved["options"])
        except (KeyError, FileNotFoundError) as e:
            raise RecipeError("--reread: the run has not kept its recipe (it was made by an earlier version): run it again") from e
        except CurateError as e:
            hint = f"its plug-ins are named with --plugin: {', '.join(plugins)}" if plugins else ""
            raise RecipeError(f"--reread: the run's recipe does not hold any more: {e}", hint=hint) from e
        stages = {s.name: (registry.beside(s.stage, "masked"), s.params) for s in self.plan.steps.values() if s.stage is not None}
        self.masks = {name: (mask, params) for name, (mask, params) in stages.items() if mask is not None}
        """Step -> what puts marks in place of the personal data that it replaces; for texts that have not passed it."""

        self._latest: tuple[tuple[str, str, int], pa.Table] | None = None
        """The record that was read last: the ways of a document begin at one."""

    def __call__(self, run: RunRows, document: dict[str, Any], ways: list[Way]) -> None:
        """Add to each fate of a document what its texts were: {"says", "agrees", "texts": [{"step", "before", "after", "diff"}]}.

        before, after = characters; diff = lines of a unified diff, at most DIFF_LINES, marks in place of personal data.
        """
        unsafe = next((w.last for w in ways if w.last and registry.is_safety(run.steps[w.last].use)), None)
        for way in ways:
            found: dict[str, Any]
            if unsafe:
                found = {"says": f"no text is shown: the safety step {unsafe} dropped the document", "agrees": None, "texts": []}
            else:
                found = self._read(way, ways, {document["id"], *(document["parents"] or ())})
            way.report["reread"] = found

    # -- the record ---------------------------------------------------------------------------------

    def _record(self, step: Step, way: Way) -> pa.Table:
        """The source record of a document, one row.

        Raises: RecipeError if the file is gone, changed, or has no such record.
        """
        source = step.stage
        assert isinstance(source, Source)
        wanted, offset = way.found.values["record_file"], way.found.values["record_offset"]
        path = next((p for p, relative in self.plan.files(step) if relative == wanted), None)
        if path is None:
            raise RecipeError(f"--reread: {wanted} is not among the files of the input {step.name} any more")
        (file,) = assets.identify([(path, wanted)])
        for part in source.parts(file.path, file.bytes, step.params):
            if not self._was_read(step, f"{file.identity}|{part}"):
                raise RecipeError(f"--reread: {file.path} is not the file that the run read: it has changed since")
            for table in source.read(file.path, wanted, part, step.params):
                hit = pc.fill_null(pc.equal(table["record_offset"], offset), False).to_numpy()
                if hit.any():
                    return self._ingested(step, table.slice(int(hit.argmax()), 1))
        raise RecipeError(f"--reread: {file.path} has no record at {offset}")

    def _was_read(self, step: Step, identity: str) -> bool:
        """Whether a task of the run read this split, alone or in a pack."""
        home = self.plan.passes[step.name]
        if home.folder not in self.run.manifest["folders"]:
            return False
        packs = self.run.folder / "work" / f"packs-{step.name}.json"
        known = [[identity], *(read_sealed(packs) if packs.exists() else [])]
        shares = [1.0]
        if self.plan.sample < 1:
            source, files = step.stage, assets.identify(self.plan.files(step))
            assert isinstance(source, Source)
            shares.append(self.plan.sample * sum(len(source.parts(f.path, f.bytes, step.params)) for f in files))
        heads = Ledger(self.run.folder / "work" / home.folder).heads()
        return any(digest(home.fingerprint, pack, share) in heads for pack in known if identity in pack for share in shares)

    @staticmethod
    def _ingested(step: Step, row: pa.Table) -> pa.Table:
        if "source" not in row.column_names:
            row = row.append_column("source", pa.array([step.name]))
        if "domain" not in row.column_names:
            row = row.append_column("domain", registrable_domains(row["url"].combine_chunks()))
        return conform(row, pa.schema([f.remove_metadata() for f in step.schema]))

    # -- the way ------------------------------------------------------------------------------------

    def _read(self, way: Way, ways: list[Way], ids: set[str]) -> dict[str, Any]:
        """Go a document's way again, step by step."""
        if way.found.values.get("record_file") is None:  # a document that failed, above all: what it did to the step it would do again
            return {"says": "the row does not say which record it was read from", "agrees": None, "texts": []}
        for step in way.steps:
            if self.plan.steps[step.name].fingerprint != step.fingerprint:
                raise RecipeError(f"--reread: {step.name} is not what it was: its stage, or a list or model it names, has changed since")
        head = self.plan.steps[way.steps[0].name]
        if way.last == head.name:
            return {"says": "it went where it was read", "agrees": None, "texts": []}
        place = (head.name, way.found.values["record_file"], way.found.values["record_offset"])
        if self._latest is None or self._latest[0] != place:
            self._latest = (place, self._record(head, way))
        row = self._latest[1]
        texts: list[dict[str, Any]] = []
        differ: list[str] = []
        for n, step in enumerate(way.steps[1:], 1):
            last = step.name == way.last
            before = _text(row)
            if step.kind == "regroup":
                return {"says": f"up to {step.name}, which makes one document of several", "agrees": not differ, "texts": texts}
            after, verdict = self._step(self.plan.steps[step.name], step, row, way, ways, ids)
            if after is None:
                return {"says": f"up to {step.name}: what it made of the text is not known", "agrees": not differ, "texts": texts}
            if step.kind in ("row", "keep", "expand") and verdict != (way.reason if last else None):
                differ.append(f"{step.name}: {verdict or 'kept'}")
            if _text(after) != before and "text" in (*step.writes, *(() if step.kind != "expand" else ("text",))):
                texts.append(self._change(step.name, before, _text(after), {s.name for s in way.steps[: n + 1]}))
            if last or verdict is not None:
                break
            row = after
        says = "the same verdicts" if not differ else f"another verdict than the run's: {', '.join(differ)}"
        return {"says": says, "agrees": not differ, "texts": texts}

    def _step(
        self, step: Step, told: OpenStep, row: pa.Table, way: Way, ways: list[Way], ids: set[str]
    ) -> tuple[pa.Table | None, str | None]:
        """One step: the row behind it (None where that cannot be known), and why it goes."""
        if step.kind == "keep":
            return row, None if step.rules[""].mask(row)[0].as_py() else "where_false"
        if step.kind in ("split", "global"):
            return self._decided(step, told, row, way, ways), None
        assert step.stage is not None
        columns = step.stage(Batch(row), step.params)  # type: ignore[operator]
        if step.kind == "row":
            reason = array_of(columns["drop_reason"], pa.string())[0].as_py() if columns.get("drop_reason") is not None else None
            return _with(row, {name: array_of(columns[name], f.type) for name, f in step.writes.items()}), reason
        assert isinstance(columns, Expanded)
        if not len(columns.parents):
            return row, array_of(columns.drop_reason, pa.string())[0].as_py()
        made = record_ids("expand", [f"{step.name}/{row['id'][0].as_py()}/{n}" for n in range(len(columns.parents))]).to_pylist()
        child = next((n for n, name in enumerate(made) if name in ids), None)
        if child is None:
            return None, None
        values = {name: array_of(columns.columns[name], f.type).slice(child, 1) for name, f in step.writes.items()}
        return _with(row, {**values, "id": pa.array([made[child]])}), None

    def _decided(self, step: Step, told: OpenStep, row: pa.Table, way: Way, ways: list[Way]) -> pa.Table | None:
        """The row behind a step that sees all documents, from the run's own columns; its text from an output that has it as it was then."""
        stored = way.found.row
        names = [*told.writes, *(["branch"] if step.kind == "split" else [])]
        values = {name: stored[name].combine_chunks() for name in names if name != "text" and name in stored.column_names}
        if "text" in told.writes and step.name != way.last:
            kept = next((w for w in ways if w.fate == "kept" and _is_last_text(told, w.steps)), None)
            if kept is None:
                return None
            place = pa.table({"_file": [kept.found.file], "_row": pa.array([kept.found.number], pa.int64())})
            values["text"] = self.run.rows("outputs", place, ("text",))["text"].combine_chunks()
        return _with(row, values)

    def _change(self, step: str, before: str | None, after: str | None, passed: Container[str] = ()) -> dict[str, Any]:
        """A change of the text, as it may be shown; passed: steps on its way, this one included."""
        old = self._masked(before or "", [name for name in self.masks if name not in passed or name == step])
        new = self._masked(after or "", [name for name in self.masks if name not in passed])
        lines = old.split("\n"), new.split("\n")
        if max(len(old), len(new)) > MOST_CHARS or max(map(len, lines)) > MOST_LINES:
            diff = ["(too long to be compared)"]
        else:
            diff = list(difflib.unified_diff(*(lines if before is not None else ([], lines[1])), lineterm="", n=1))[2:]
            if len(diff) > DIFF_LINES:
                diff = [*diff[:DIFF_LINES], f"... {len(diff) - DIFF_LINES:,} more lines"]
        return {"step": step, "before": len(before or ""), "after": len(after or ""), "diff": diff}

    def _masked(self, text: str, names: list[str]) -> str:
        for mask, params in (self.masks[name] for name in names):
            text = mask(pa.array([text], pa.large_string()), params)[0].as_py()
        return text


def _is_last_text(step: OpenStep, way: list[OpenStep]) -> bool:
    """Whether a way passes a step behind which nothing writes the text."""
    names = [s.name for s in way]
    if step.name not in names:
        return False
    return not any("text" in s.writes or s.kind in ("expand", "regroup") for s in way[names.index(step.name) + 1 :])


def _text(row: pa.Table) -> str | None:
    if "text" not in row.column_names:
        return None
    value = row["text"][0]
    return value.as_buffer().to_pybytes().decode("utf-8", "replace") if value.is_valid else None


def _with(row: pa.Table, columns: dict[str, Any]) -> pa.Table:
    """The row with these columns, in place of those of the same names."""
    for name, value in columns.items():
        i = row.schema.get_field_index(name)
        row = row.append_column(name, value) if i < 0 else row.set_column(i, name, value)
    return row
