"""Walks the plan: what is recorded is reused, the rest runs; accounts are checked; winners are published.

`Run.walk(dry=True)` finds out what would run without running it; `walk()` does it. A task is done
when its record exists, and its key says everything it depends on, so there is no other state.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from curation import assets, registry
from curation.errors import AccountError, FailedShareError, TaskError, said_of
from curation.executors import Executor
from curation.ledger import Account, Heads, Ledger
from curation.plan import STATE_FILE, Pass, Plan, Step, plan_file, snapshot, state_of
from curation.shards import count_rows
from curation.shuffle import (
    BLOCK,
    DOCUMENTS_SHARE,
    SPILLS,
    STATE_BYTES,
    Blocks,
    block_bytes,
    place_bits,
    plan_exchange,
    plan_reducers,
    plan_shards,
    read_indexes,
    read_state,
    write_groups,
)
from curation.stage import DEFAULTED, GlobalStage, Source, StageParams, lookup_columns
from curation.storage import (
    ahead,
    canonical,
    digest,
    entries,
    file_of,
    read_sealed,
    remove,
    remove_tree,
    replace,
    stand,
    write_json,
    write_sealed,
)
from curation.sums import STATS_FILE, SUMS, add_up, differing, groups, read_parts
from curation.tasks.base import heaviest
from curation.tasks.schemas import output_schema, payload_schema
from curation.workers import Quarantine

MAX_ROUNDS = 10_000
"""A stage that sends rows for ever is stopped; a chain of similar documents takes a round wherever it goes to another reducer (ours)."""
PACK_FILES = 1_000
PACK_BYTES = 64 << 20
PACK_MEMBERS = 1_000
NAMED = 8
"""Languages a note names."""


@dataclass(slots=True)
class Shard:
    """A materialised shard: the task that wrote it, the port, its files, where its rows came from."""

    key: str
    port: str
    file: str | None = None
    rows: int = 0
    bytes: int = 0
    footer: int = 0
    shadow: str | None = None
    shadow_footer: int = 0
    texts: list[dict[str, Any]] | None = None
    """Where the text of its rows stands, if it has none itself: see `curation/tasks/texts.py`."""
    input: str | None = None
    splits: list[dict[str, Any]] = field(default_factory=list)
    virtual: bool = False
    """The task has not run yet (a dry walk)."""
    earlier: bool = False
    """An earlier run's: its documents compete, and are not the step's."""
    numbered: bool = False
    """It holds what a stage kept, by the column `row`."""
    name: str | None = None
    """Of a shard of an output already, which is not joined with others: its part, and its number in it."""

    def take(self, folder: str, facts: dict[str, Any]) -> None:
        """Fill in what a record says of the file."""
        self.file, self.rows, self.bytes, self.footer = f"{folder}/{facts['file']}", facts["rows"], facts["bytes"], facts["footer"]

    def plain(self) -> dict[str, Any]:
        """What a task that reads the file is told."""
        plain: dict[str, Any] = {"file": self.file, "rows": self.rows, "footer": self.footer}
        if self.texts is not None:
            plain["texts"] = self.texts
        return {**plain, "numbered": self.numbered} if self.earlier else plain


@dataclass
class Progress:
    """What happened to a pass, for whoever shows it."""

    name: str
    total: int
    done: int
    reused: int


class Run:
    """One run of a plan in a folder.

    Args:
        plan: with fingerprints. out: the run's folder. executor: None for a dry walk.
        notify: called with (event, data): ("pass", Progress), ("task", head), ("message", text).
    """

    def __init__(self, plan: Plan, out: Path, executor: Executor | None, notify: Callable[[str, Any], None] | None = None) -> None:
        self.plan, self.out, self.executor = plan, out, executor
        self.notify = notify or (lambda event, data: None)
        self.work = out / "work"
        self.shards: dict[str, list[Shard]] = {}
        self.accounts: dict[str, Account] = {}
        self.noted: dict[str, dict[str, set[str]]] = {}
        """What stages noted: step -> what -> languages."""
        self.counted: dict[str, Counter[str]] = {}
        self.examples: dict[str, dict[str, dict[str, int]]] = {}
        """step -> kind -> text -> weight."""
        self.tallies: dict[str, dict[str, dict[str, list[int]]]] = {}
        """step -> `in` and `dropped` -> tallied column -> documents of which it is known, of which it is above 0, its sum."""
        self.judged: dict[str, str] = {}
        """What global stages say of their result."""
        self.written: dict[str, list[dict[str, Any]]] = {}
        """output -> name, rows and bytes of its files."""
        self.returned: dict[str, dict[str, Any] | None] = {}
        """step -> file of the state its reducers gave back."""
        self.reports: dict[str, tuple[Mapping[str, Any], list[str]]] = {}
        """What global stages report: for the accounts, and for the user."""
        self.tasks: dict[str, tuple[int, int]] = {}
        """pass, `step emit` or `step reduce` -> (tasks, already recorded)."""
        self.keys: dict[str, list[str]] = {}
        """work folder -> keys of this run's tasks in it."""
        self.published: dict[str, set[str]] = {"dropped": set(), "failed": set(), "shadows": set(), "superseded": set()}
        self.earlier: dict[str, list[Shard]] = {}
        """step -> shards of earlier runs that compete with its own."""
        self.states: dict[str, dict[str, str]] = {}
        """step -> file to stand in `states/STEP` -> what its stage kept."""
        self.seconds: dict[str, float] = {}
        """pass, `step emit` or `step reduce` -> seconds this process has waited for its tasks."""
        self.sums: dict[str, dict[str, Any]] = {}
        """work folder -> what stats.json says of its records: a digest of their keys, and their sum."""
        self.dry = executor is None
        self.manifest = read_manifest(out)
        self.summed = {} if self.dry else read_parts(out)
        """`sums` of an earlier run."""
        self.input_bytes = 0

    # -- the walk -----------------------------------------------------------------------------------

    def walk(self) -> None:
        """Run (or, dry, look at) every pass and output, parents first."""
        self._inputs()
        for p in self.plan.passes.values():
            self._pass(p)
        for step in self.plan.outputs:
            self._output(step)
        if not self.dry:
            self._save("done")

    def state(self, name: str) -> tuple[pa.Table | None, int]:
        """What the reducers of a global step make of all documents, and how many these are; nothing is applied, no output written."""
        self._inputs()
        for p in self.plan.passes.values():
            if p.name == name:
                break
            self._pass(p)
        settled = self._settled(self.plan.steps[name])
        assert settled is not None
        self._save("done")
        state = settled["returns"]["state"]
        return read_state(self.out / state["file"], state["xxh3"]) if state else None, sum(s.rows for s in settled["full"])

    def _inputs(self) -> None:
        self.files = {}
        for step in self.plan.sources:
            try:
                self.files[step.name] = assets.identify(self.plan.files(step))
            except OSError as e:
                raise self.plan.recipe.error(str(e), "inputs", step.name, "paths", value=True) from e
        self.input_bytes = sum(f.bytes for files in self.files.values() for f in files)

    def _bits(self, shards: list[Shard], parts: int) -> int:
        """Bits of a place that name a partition of documents scattered to some parts.

        From the size of the step's shards; one not there yet is taken to have their mean.
        """
        known = [shard.bytes for shard in shards if not shard.virtual]
        size = sum(known) * len(shards) // max(1, len(known))
        return place_bits(size, self.plan.recipe.settings.shuffle.partition_bytes, parts)

    def _pass(self, p: Pass) -> None:
        head = p.head
        if head.kind == "source":
            tasks = self._source_tasks(p)
        elif head.kind == "regroup":
            self._regroup(p)
            return
        elif head.kind == "global":
            tasks = self._applied_tasks(p)
        else:
            tasks = [self._row_task(p, shard) for shard in self._of(p.inputs)]
        heads = self._do(p.name, p.folder, tasks)
        for step in p.steps:
            account = self.accounts.setdefault(step.name, Account())
            if step.kind == "split":
                account.branches.update({port.partition(".")[2]: 0 for port in step.ports})  # a branch that gets nothing says so
        self.shards |= {port: [] for port in p.exits}
        for task in tasks:
            found = heads.get(task["key"])
            if found is not None:
                for step in p.steps:
                    self.accounts[step.name].add(found["steps"][step.name])
                self._shown(found)
                self._publish(p.name, p.folder, found)
            for port in p.exits:
                shard = self._shard(p, task, port, found)
                if shard is not None:
                    self.shards[port].append(shard)
        if self.plan.parts(head):
            self.shards[head.name] = self._gathered(p, tasks, heads)
        if not self.dry:
            self._check(p, tasks)
            self._sum(p, p.folder, heads.ledger)
            self._report(head)
            self._save("running")

    def _report(self, step: Step) -> None:
        """Let a global stage report on its result."""
        if isinstance(step.stage, GlobalStage):
            facts = self.returned[step.name]
            state = read_state(self.out / facts["file"], facts["xxh3"]) if facts else None
            with said_of(step.name):
                found = step.stage.report(state, self.counted.get(step.name, {}), step.params)
            if found is not None:
                self.reports[step.name] = found

    def _shown(self, head: Mapping[str, Any]) -> None:
        """Gather what a task's record says beside its accounts."""
        for name, noted in head.get("noted", {}).items():
            for what, languages in noted.items():
                self.noted.setdefault(name, {}).setdefault(what, set()).update(languages)
        for name, counted in head.get("counted", {}).items():
            self.counted.setdefault(name, Counter()).update(counted)
        for name, examples in head.get("examples", {}).items():
            known = self.examples.setdefault(name, {})
            for kind, found in examples.items():
                of_kind = known.setdefault(kind, {})
                of_kind.update({text: max(weight, of_kind.get(text, 0)) for text, weight in found.items()})
            self.examples[name] = heaviest(known)
        for name, verdicts in head.get("tallies", {}).items():
            for verdict, columns in verdicts.items():
                totals = self.tallies.setdefault(name, {}).setdefault(verdict, {})
                for column, counts in columns.items():
                    totals[column] = [a + b for a, b in zip(totals.get(column, (0, 0, 0)), counts, strict=True)]

    def _of_step(self, name: str) -> dict[str, Any]:
        """What `_shown` has gathered of a step, in the form of a record."""
        noted = {what: sorted(languages) for what, languages in self.noted.get(name, {}).items()}
        return {
            "noted": {name: noted},
            "counted": {name: dict(self.counted.get(name, {}))},
            "examples": {name: self.examples.get(name, {})},
        }

    def _of(self, ports: tuple[str, ...]) -> list[Shard]:
        """The shards of several ports, port by port."""
        return [shard for port in ports for shard in self.shards[port]]

    # -- tasks of passes ----------------------------------------------------------------------------

    def _source_tasks(self, p: Pass) -> list[dict[str, Any]]:
        step = p.head
        source = step.stage
        assert isinstance(source, Source)
        splits = [
            {"path": f.path, "relative": f.relative, "part": part, "identity": f"{f.identity}|{part}", "bytes": f.bytes}
            for f in self.files[step.name]
            for part in source.parts(f.path, f.bytes, step.params)
        ]
        splits, share = self._sampled(splits)
        packs = self._packs(step.name, splits)
        tasks = []
        for pack in packs:
            key = digest(p.fingerprint, [s["identity"] for s in pack], share)
            task = {"kind": "rows", "pass": p.name, "folder": p.folder, "key": key, "input": step.name, "splits": pack}
            tasks.append(task if share == 1 else {**task, "row_share": share})
        return sorted(tasks, key=lambda t: str(t["key"]))

    def _sampled(self, splits: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], float]:
        """Splits of a sample by hash of their identity; rows only when less than one split is wanted."""
        f = self.plan.sample
        if f >= 1 or not splits:
            return splits, 1.0
        ranked = sorted(splits, key=lambda s: digest(s["identity"]))
        wanted = f * len(splits)
        if wanted < 1:
            return ranked[:1], wanted
        chosen = {s["identity"] for s in ranked[: round(wanted)]}
        return [s for s in splits if s["identity"] in chosen], 1.0

    def _packs(self, name: str, splits: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
        """Small files of a large input joined into packs; a pack is fixed once it has run."""
        limit = self.plan.recipe.settings.pack_bytes
        if limit is None:
            limit = PACK_BYTES if len(splits) > PACK_FILES else 0
        if not limit:
            return [[s] for s in splits]
        file = self.work / f"packs-{name}.json"
        known: list[list[str]] = read_sealed(file) if file.exists() else []
        by_identity = {s["identity"]: s for s in splits}
        packs = []
        for members in known:
            if all(m in by_identity for m in members):
                packs.append([by_identity.pop(m) for m in members])
        fixed, room = len(packs), 0
        for split in by_identity.values():
            if len(packs) == fixed or split["bytes"] > room or len(packs[-1]) == PACK_MEMBERS:
                packs.append([])
                room = limit
            packs[-1].append(split)
            room -= split["bytes"]
        if not self.dry and len(packs) > fixed:  # packs of files that are gone stay on record: they may come back
            write_sealed(file, [*known, *([s["identity"] for s in pack] for pack in packs[fixed:])])
        return packs

    def _row_task(
        self, p: Pass, source: Shard, global_key: str | None = None, place: dict[str, int] | None = None, **more: Any
    ) -> dict[str, Any]:
        key = digest(p.fingerprint, source.key, source.port, global_key)
        return {
            "kind": "rows", "pass": p.name, "folder": p.folder, "key": key, "input": source.input, "splits": source.splits,
            "shard": {**source.plain(), "shadow": source.shadow, "shadow_footer": source.shadow_footer, **(place or {})}, **more,
        }  # fmt: skip

    def _shard(self, p: Pass, task: dict[str, Any], port: str, head: dict[str, Any] | None) -> Shard | None:
        if head is None:
            return Shard(task["key"], port, input=task["input"], splits=task["splits"], virtual=True)
        facts, shadow = head["outputs"].get(port), head["shadow"].get(port)
        if facts is None and shadow is None:
            return None
        folder = f"work/{p.folder}"
        shard = Shard(task["key"], port, input=task["input"], splits=task["splits"])
        if facts:
            shard.take(f"{folder}/{port}", facts)
        if shadow:
            shard.shadow, shard.shadow_footer = f"{folder}/{port}.shadow/{shadow['file']}", shadow["footer"]
        if facts and self.plan.leaves_text(port):
            shard.bytes += facts["text_bytes"]
            if p.head.kind == "source":
                read = zip(task["splits"], head["footers"], strict=True)
                shard.texts = [{"file": s["path"], "footer": footer, "input": p.name, "part": s["part"]} for s, footer in read]
            else:
                above = task["shard"]
                shard.texts = above.get("texts") or [{"file": above["file"], "footer": above["footer"]}]
        return shard

    def _do(self, label: str, folder: str, tasks: list[dict[str, Any]]) -> Heads:
        """Heads of all tasks: recorded ones from the ledger, the others after running them."""
        ledger = Ledger(self.work / folder)
        known = ledger.heads()
        todo = [t for t in tasks if t["key"] not in known]
        self.tasks[label] = (len(tasks), len(tasks) - len(todo))
        self.keys[folder] = [t["key"] for t in tasks]
        progress = Progress(label, len(tasks), len(tasks) - len(todo), len(tasks) - len(todo))
        self.notify("pass", progress)
        started = time.monotonic()
        if self.executor is not None and todo:
            failed: dict[str, Account] = {}
            for task in self.executor.map(todo, Quarantine(self.work / folder, self.plan.recipe.settings.max_failed)):
                head = ledger.note(task["key"])
                self._early_stop(task, head, failed)
                progress.done += 1
                self.notify("task", head)
        self.seconds[label] = self.seconds.get(label, 0) + time.monotonic() - started
        heads = Heads(ledger, self.keys[folder])
        if self.executor is not None and len(heads) != len({t["key"] for t in tasks}):
            raise TaskError(f"{label}: {len(tasks) - len(heads)} tasks left no record")
        return heads

    def _early_stop(self, task: dict[str, Any], head: dict[str, Any], seen: dict[str, Account]) -> None:
        """Stop at once when a step has failed ten times as much as allowed."""
        limit = self.plan.recipe.settings.max_failed
        steps = head.get("steps", {})
        if task["kind"] == "emit":
            steps = {task["step"]: Account(head["rows"], kept=head["rows"] - len(head["failed"]), failed=len(head["failed"])).plain()}
        for name, account in steps.items():
            total = seen.setdefault(name, Account())
            total.add(account)
            if total.failed > 10 * max(limit.least, limit.share * total.documents_in):
                raise FailedShareError(f"{name}: {total.failed} of {total.documents_in} documents failed so far; see {self.out / 'work'}")

    # -- global and regroup steps -------------------------------------------------------------------

    def _emitted(self, step: Step) -> tuple[list[Shard], Heads, str, list[str]]:
        """Emit every shard of a step's parents; returns shards, emit heads, the step's key, emit keys."""
        # Earlier ones first: of one record met in both, the copy that was put out stays.
        shards = [*self._earlier(step), *sorted(self._of(step.needs), key=lambda s: (s.key, s.port))]
        full = [s for s in shards if s.rows or s.virtual]
        folder = f"{step.name}.emit-{step.fingerprint[:12]}"
        buckets, settings = self._buckets(step, full), self.plan.recipe.settings.shuffle
        block = block_bytes(settings.reduce_bytes, len(full))  # not in the key: blocks of any size are read alike
        tasks: list[dict[str, Any]] = [
            {"kind": "emit", "step": step.name, "folder": folder, "block_bytes": block, "buckets": buckets, "shard": s.plain(),
             "key": digest("emit", SPILLS, step.fingerprint, buckets, s.key, s.port)}
            for s in full
        ]  # fmt: skip
        heads = self._do(f"{step.name} emit", folder, tasks)
        keys = [str(t["key"]) for t in tasks]
        whole = digest("global", SPILLS, step.fingerprint, settings.reduce_bytes, keys)
        for shard, key in zip(full, keys, strict=True):
            if shard.earlier and (found := heads.get(key)) and found["failed"]:
                raise TaskError(f"{step.name}: {shard.file} holds what it cannot read: {found['failed'][0]['detail']}")
        return full, heads, whole, keys

    def _earlier(self, step: Step) -> list[Shard]:
        """Shards of earlier runs that compete with a global step's own."""
        stage = step.stage
        if not isinstance(stage, GlobalStage) or not stage.against(step.params):
            return []
        if step.name in self.earlier:
            return self.earlier[step.name]
        numbered = bool(stage.keeps(step.params))
        shards = []
        for f in assets.identify(self.plan.against(step)):
            shard = Shard(digest(f.identity), "against", file=f.path, bytes=f.bytes, earlier=True, numbered=numbered)
            columns = ("row", *stage.keeps(step.params)) if numbered else ("id", *stage.reads(step.params))
            shard.rows, shard.footer = count_rows(file_of(self.out, f.path), columns)
            shards.append(shard)
        self.earlier[step.name] = [shard for _, shard in sorted({s.key: s for s in shards}.items())]
        return self.earlier[step.name]

    @staticmethod
    def _buckets(step: Step, shards: list[Shard]) -> int:
        """How many parts a global stage deals the documents of these shards to."""
        return step.stage.buckets(sum(s.rows for s in shards), step.params) if isinstance(step.stage, GlobalStage) else 1

    def _settled(self, step: Step) -> dict[str, Any] | None:
        """Emit, then reduce in rounds until no reducer has more to say.

        Returns: what stands in `settled.json`: the reduce tasks' keys, where the verdicts lie, how many
            each shard must get back, and the CPU time; with the shards and emit failures added. None if
            a dry walk cannot know because something has yet to run.
        """
        full, emits, whole, keys = self._emitted(step)
        folder = f"{step.name}.reduce-{whole[:12]}"
        file = self.work / folder / "settled.json"
        rest: dict[str, Any] = {"full": full, "whole": whole, "folder": folder}
        if len(emits) < len({*keys}):
            self.tasks[f"{step.name} reduce"] = (1, 0)
            return None
        rest["failed"] = [emits[k]["failed"] for k in keys]
        emitted = f"work/{step.name}.emit-{step.fingerprint[:12]}"
        rest["kept"] = [self._placed(f"{emitted}/kept", emits[k].get("kept")) for k in keys]
        rest["followers"] = [self._placed(f"{emitted}/followers", emits[k].get("followers")) for k in keys]
        if step.kind == "regroup":
            for found in emits.values():
                self._publish(f"{step.name}.emit", f"{step.name}.emit-{step.fingerprint[:12]}", found)
        if file.exists():
            settled: dict[str, Any] = read_sealed(file)
            self.tasks[f"{step.name} reduce"] = (len(settled["keys"]), len(settled["keys"]))
            self.keys[folder] = settled["keys"]
            self._shown(settled["shown"])
        elif self.dry:
            self.tasks[f"{step.name} reduce"] = (1, 0)
            return None
        else:
            kept = [s.plain() if s.numbered else facts for s, facts in zip(full, rest["kept"], strict=True)]
            spills = [(f"{emitted}/spill/{emits[k]['spill']['file']}", emits[k]["spill"]) for k in keys]
            heads = self._rounds(step, whole, folder, spills, kept)
            settled = {"keys": [h["key"] for h in heads], "cpu_seconds": sum(h["cpu_seconds"] for h in [*emits.values(), *heads])}
            if step.kind == "global":
                returns, moved = self._returns(step, whole, folder, [h for h in heads if h["kind"] == "reduce"], len(full))
                settled |= {**returns, "keys": [*settled["keys"], *(h["key"] for h in moved)]}
                self.keys[folder] = settled["keys"]
            for head in [*emits.values(), *heads]:
                self._shown(head)
            settled["shown"] = self._of_step(step.name)
            write_sealed(file, settled)
        self.accounts.setdefault(step.name, Account()).cpu_seconds += settled["cpu_seconds"]
        return {**settled, **rest}

    @staticmethod
    def _placed(folder: str, facts: dict[str, Any] | None) -> dict[str, Any] | None:
        """What a record says of a file, with the file's place in the run."""
        return None if facts is None else {**facts, "file": f"{folder}/{facts['file']}"}

    def _rounds(
        self, step: Step, whole: str, folder: str, spills: list[tuple[str, dict[str, Any]]], kept: list[dict[str, Any] | None]
    ) -> list[dict[str, Any]]:
        """Heads of all reduce and recall tasks, round by round.

        Args:
            spills: file and facts of each mapper's. kept: of each shard, what the stage kept of its documents.
        """
        settings = self.plan.recipe.settings.shuffle
        done: list[dict[str, Any]] = []
        keys: list[str] = []
        waiting = {0: spills}
        while waiting:
            number = min(waiting)
            if number >= MAX_ROUNDS:
                raise TaskError(f"{step.name}: not settled after {MAX_ROUNDS} rounds")
            names, facts = [n for n, _ in waiting[number]], [f for _, f in waiting.pop(number)]
            place = write_groups(self.out, f"work/{folder}", f"round-{number}", names, facts)
            blocks = Blocks.of(self.out, place, payload_schema(step, self.plan, number))
            indexed = blocks.totals["rows"].sum()
            if indexed != sum(f["rows"] for f in facts):
                raise AccountError(f"{step.name}: {indexed} rows indexed, {sum(f['rows'] for f in facts)} were emitted")
            ranges = plan_reducers(blocks, settings.reduce_bytes)
            block = block_bytes(settings.reduce_bytes, len(ranges))
            place, moved = self._exchanged(step, whole, folder, place, len(names), len(ranges))
            tasks: list[dict[str, Any]] = [
                {"kind": "reduce", "step": step.name, "folder": folder, "key": digest(whole, number, list(r)), "round": number,
                 "range": list(r), "rows": int(rows), "block_bytes": block, "blocks": place}
                for r, rows in zip(ranges, blocks.rows(ranges), strict=True)
            ]  # fmt: skip
            reduced = self._found(f"{step.name} reduce", folder, tasks)
            if (taken := sum(h["taken"] for h in reduced)) != indexed:
                raise AccountError(f"{step.name}: reducers took {taken} rows of round {number}, {indexed} were emitted")
            found = moved + reduced
            asks = [(f"work/{folder}/ask/{h['ask']['file']}", h["ask"]) for h in found if h.get("ask")]
            if asks:
                recalls, moved = self._recalls(step, whole, folder, number, asks, kept)
                found += moved + self._found(f"{step.name} recall", folder, recalls)
            keys += [str(h["key"]) for h in found]
            self.keys[folder] = keys
            done += found
            for head in found:
                for later, spilled in (head.get("again") or {}).items():
                    waiting.setdefault(int(later), []).append((f"work/{folder}/again-{later}/{spilled['file']}", spilled))
        return done

    def _exchanged(self, step: Step, whole: str, folder: str, place: str, files: int, readers: int) -> tuple[str, list[dict[str, Any]]]:
        """Put what mappers wrote together by partition, group by group, where each reader reading of each file is too much.

        Args:
            place: of their blocks. files: how many there are. readers: tasks that will read a range of each.
        Returns: the place of the blocks to read, and the heads of the tasks that moved them.
        """
        settings = self.plan.recipe.settings.shuffle
        if files * readers <= settings.range_reads:
            return place, []
        blocks, tasks = Blocks.of(self.out, place, pa.schema([])), []
        for group in range(len(blocks.groups)):
            index = np.concatenate([np.empty(0, BLOCK), *blocks.of_group(group).entries()])
            for low, high in plan_exchange(index, settings.reduce_bytes):
                start, stop = np.searchsorted(index["first"], [low, high])
                rows = int(index["rows"][start:stop].sum())
                tasks.append({
                    "kind": "exchange", "step": step.name, "folder": folder, "key": digest(whole, "exchange", place, group, low, high),
                    "blocks": place, "group": group, "range": [low, high], "rows": rows,
                })  # fmt: skip
        heads = self._found(f"{step.name} exchange", folder, tasks)
        facts = [h["exchanged"] for h in heads]
        names = [f"work/{folder}/exchanged/{f['file']}" for f in facts]
        return write_groups(self.out, f"work/{folder}", Path(place).stem + "-exchanged", names, facts, exchanged=True), heads

    def _found(self, label: str, folder: str, tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Heads of tasks, in their order, when they have run."""
        heads = self._do(label, folder, tasks)
        return [heads[str(t["key"])] for t in tasks]

    def _recalls(
        self, step: Step, whole: str, folder: str, number: int,
        asks: list[tuple[str, dict[str, Any]]], kept: list[dict[str, Any] | None],
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:  # fmt: skip
        """A task for each shard that the reducers of a round ask, and the heads of tasks that put their asks together."""
        names, facts = [n for n, _ in asks], [f for _, f in asks]
        expected = _by_part([self.out / n for n in names], facts, len(kept))
        asked = np.flatnonzero(expected).tolist()
        block = block_bytes(self.plan.recipe.settings.shuffle.reduce_bytes, len(asked))
        place = write_groups(self.out, f"work/{folder}", f"asks-{number}", names, facts)
        place, moved = self._exchanged(step, whole, folder, place, len(names), len(asked))
        tasks: list[dict[str, Any]] = []
        for n in asked:
            if kept[n] is None:
                raise AccountError(f"{step.name}: shard {n} is asked for documents, and nothing of it was kept")
            tasks.append({
                "kind": "recall", "step": step.name, "folder": folder, "key": digest(whole, "recall", number, n), "round": number,
                "ordinal": n, "expected": int(expected[n]), "kept": kept[n], "block_bytes": block, "blocks": place,
            })  # fmt: skip
        return tasks, moved

    def _applied_tasks(self, p: Pass) -> list[dict[str, Any]]:
        step = p.head
        settled = self._settled(step)
        ghosts = sorted((s for s in self._of(step.needs) if not (s.rows or s.virtual)), key=lambda s: (s.key, s.port))
        if settled is None:
            return [self._row_task(p, s, "unsettled") for s in self._of(step.needs)]
        returns, whole, buckets = settled["returns"], settled["whole"], self._buckets(step, settled["full"])
        self._supersede(step, settled)
        self.returned[step.name] = returns["state"]
        parts = len(self.plan.parts(step))
        scatters = {"bits": self._bits(settled["full"], parts)} if parts else {}
        if parts:  # they decide what partitions are, and no one else's key has them
            whole = digest(whole, SPILLS, scatters["bits"])
        tasks = [
            self._row_task(
                p, s, whole, {"ordinal": n, "expected": settled["expected"][n]}, returns=returns, emit_failed=settled["failed"][n],
                followers=settled["followers"][n], kept=settled["kept"][n], buckets=buckets, **scatters,
            )
            for n, s in enumerate(settled["full"])
            if not s.earlier
        ]  # fmt: skip
        none = {"ordinal": 0, "expected": 0}
        return tasks + [self._row_task(p, s, whole, none, returns=returns, emit_failed=[], **scatters) for s in ghosts]

    def _supersede(self, step: Step, settled: dict[str, Any]) -> None:
        """List the documents of earlier runs that lost, and leave behind what the stage kept, for later runs."""
        folder = f"{step.name}.superseded-{settled['whole'][:12]}"
        tasks = [
            {"kind": "supersede", "step": step.name, "folder": folder, "key": digest(settled["whole"], s.key),
             "shard": {**s.plain(), "ordinal": n, "expected": settled["expected"][n]},
             "returns": settled["returns"], "followers": settled["followers"][n]}
            for n, s in enumerate(settled["full"])
            if s.earlier
        ]  # fmt: skip
        if tasks:
            heads = self._do(f"{step.name} superseded", folder, tasks)
            for head in heads.values():
                self._publish(step.name, folder, head)
            self.counted.setdefault(step.name, Counter())["superseded of earlier runs"] = sum(h["rows"] for h in heads.values())
        if isinstance(step.stage, GlobalStage) and step.stage.state(step.params) is not None:
            folder = f"{step.name}.state-{settled['whole'][:12]}"
            tasks = [
                {"kind": "state", "step": step.name, "folder": folder, "key": digest(settled["whole"], s.key, s.port),
                 "kept": settled["kept"][n], "shard": {**s.plain(), "ordinal": n, "expected": settled["expected"][n]},
                 "returns": settled["returns"], "followers": settled["followers"][n]}
                for n, s in enumerate(settled["full"])
                if settled["kept"][n] is not None and not s.earlier
            ]  # fmt: skip
            heads = self._do(f"{step.name} state", folder, tasks)
            self.states[step.name] = {
                f"{h['key']}.parquet": f"work/{folder}/state/{h['state']['file']}" for h in heads.values() if h.get("state")
            }

    def _returns(
        self, step: Step, whole: str, folder: str, heads: list[dict[str, Any]], shards: int
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Where verdicts and state lie and how many verdicts each shard must get back; heads of tasks that put verdicts together."""
        base = self.work / folder
        files = [f"work/{folder}/verdicts/{h['verdicts']['file']}" for h in heads]
        facts = [h["verdicts"] for h in heads]
        expected = _by_part([self.out / f for f in files], facts, shards)
        place = write_groups(self.out, f"work/{folder}", "returns", files, facts)
        place, moved = self._exchanged(step, whole, folder, place, len(files), shards)
        states = [(base / "state" / h["state"]["file"], h["state"]) for h in heads if h.get("state")]
        state = None
        if states:
            if sum(facts["bytes"] for _, facts in states) > STATE_BYTES:
                raise TaskError(f"{step.name}: its reducers returned more than {STATE_BYTES >> 20} MB of state")
            merged = pa.concat_tables(list(ahead(lambda s: read_state(s[0], s[1]["xxh3"]), states, self.out)))
            sink = pa.BufferOutputStream()
            with pa.ipc.new_file(sink, merged.schema) as f:
                f.write_table(merged)
            data = sink.getvalue().to_pybytes()
            state = {"file": f"work/{folder}/state.arrow", "xxh3": xxhash.xxh3_128_hexdigest(data)}
            replace(self.out / state["file"], data)
        return {"returns": {"blocks": place, "state": state}, "expected": expected.tolist()}, moved

    def _gathered(self, p: Pass, tasks: list[dict[str, Any]], heads: Mapping[str, dict[str, Any]]) -> list[Shard]:
        """The shards of an output, gathered from what the tasks of a pass have scattered."""
        step, keys = p.head, [str(t["key"]) for t in tasks]
        assert isinstance(step.stage, GlobalStage)
        size, size_bytes = step.stage.shard_size(step.params), self.plan.recipe.settings.output_bytes
        whole = digest("gather", keys, ["size", size] if size else ["bytes", size_bytes])
        folder, label = f"{p.name}.gather-{whole[:12]}", f"{p.name} gather"
        file = self.work / folder / "gathered.json"
        if file.exists() and all(key in heads for key in keys):
            gathered: dict[str, Any] = read_sealed(file)
            self.tasks[label] = (len(gathered["shards"]), len(gathered["shards"]))
        elif self.dry:
            self.tasks[label] = (1, 0)
            return [Shard("ungathered", step.name, virtual=True, name=step.name)]
        else:
            facts = [heads[key]["scattered"] for key in keys]
            names = [f"work/{p.folder}/scattered/{f['file']}" for f in facts]
            target = (int(tasks[0]["bits"]) if tasks else 0, size, size_bytes)
            work, moved = self._gather_tasks(step, whole, folder, names, facts, target)
            found = self._found(label, folder, work)
            for kind in ("rows", "size"):
                sent, came = (sum(f[kind] for f in of) for of in (facts, found))
                if sent != came:
                    raise AccountError(f"{step.name}: {kind} of what was scattered {sent}, of what was gathered {came}")
            gathered = {"keys": [h["key"] for h in [*moved, *found]], "shards": [[t["name"], t["key"]] for t in work]}
            write_sealed(file, gathered)
        self.keys[folder] = gathered["keys"]
        names_of, shards = {key: name for name, key in gathered["shards"]}, []
        for head in self._recorded(step, Ledger(self.work / folder), gathered["keys"]):
            self.accounts[step.name].cpu_seconds += head["cpu_seconds"]
            if head["kind"] == "gather" and (made := head["outputs"].get("shards")):
                shards.append(Shard(head["key"], step.name, name=names_of[head["key"]]))
                shards[-1].take(f"work/{folder}/shards", made)
        return shards

    @staticmethod
    def _recorded(step: Step, ledger: Ledger, keys: list[str]) -> Iterator[dict[str, Any]]:
        """The heads of tasks that were done, each read once.

        Raises: TaskError if one is gone.
        """
        for key in keys:
            head = ledger.get(key)
            if head is None:
                raise TaskError(f"{step.name}: the record of task {key} is gone")
            yield head

    def _gather_tasks(
        self, step: Step, whole: str, folder: str, names: list[str], facts: list[dict[str, Any]], target: tuple[int, int | None, int]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """A task for each shard of an output, and the heads of tasks that put what was scattered together.

        Args:
            names, facts: of what each mapper has scattered. target: bits, size and bytes of shards, as for `plan_shards`.
        """
        budget = self.plan.recipe.settings.shuffle.reduce_bytes // DOCUMENTS_SHARE
        place = write_groups(self.out, f"work/{folder}", "scattered", names, facts)
        blocks = Blocks.of(self.out, place, pa.schema([]))
        totals = blocks.totals
        for kind in ("rows", "size"):
            if totals[kind].sum() != sum(f[kind] for f in facts):
                raise AccountError(f"{step.name}: {kind} indexed {totals[kind].sum()}, scattered {sum(f[kind] for f in facts)}")
        tasks: list[dict[str, Any]] = []
        for part, of_part in enumerate(self.plan.parts(step)):
            shards = list(plan_shards(blocks, part, *target))
            digits = max(5, len(str(len(shards) - 1)))  # an output is read in the order of its names
            for n, shard in enumerate(shards):
                name = f"{of_part}-{n:0{digits}d}"
                tasks.append({
                    "kind": "gather", "step": step.name, "folder": folder, "key": digest(whole, part, n), "name": name,
                    "ranges": plan_reducers(blocks, budget, *shard.range), "bits": target[0],
                    "bounds": list(shard.bounds), "before": shard.before, "after": shard.after,
                })  # fmt: skip
        ranges = [r for t in tasks for r in t["ranges"]]
        rows = iter(blocks.rows(ranges).tolist())
        place, moved = self._exchanged(step, whole, folder, place, len(names), len(ranges))
        return [{**t, "ranges": [[*r, next(rows)] for r in t["ranges"]], "blocks": place} for t in tasks], moved

    def _regroup(self, p: Pass) -> None:
        step = p.head
        settled = self._settled(step)
        if settled is None:
            self.shards[step.name] = [Shard("unsettled", step.name, virtual=True)]
            return
        account = self.accounts[step.name]
        shards, ledger = [], Ledger(self.work / settled["folder"])
        for head in self._recorded(step, ledger, settled["keys"]):
            if head["kind"] != "reduce":
                continue
            account.add(head["steps"].get(step.name) or Account().plain())
            facts = head["outputs"].get(step.name)
            if facts:
                shards.append(Shard(head["key"], step.name))
                shards[-1].take(f"work/{settled['folder']}/{step.name}", facts)
        failed = sum(len(f) for f in settled["failed"])
        account.documents_in += failed
        account.failed += failed
        self.shards[step.name] = shards
        if not self.dry:
            self._check_in(step)
            account.check(step.name)
            self._judge(step)
            self._sum(p, settled["folder"], ledger)
            self._save("running")

    # -- accounts -----------------------------------------------------------------------------------

    def _check(self, p: Pass, tasks: list[dict[str, Any]]) -> None:
        """Balance each step, hold the head's `in` against its parents, and judge `max_failed`."""
        if p.head.kind != "source":
            expected = sum(t["shard"]["rows"] for t in tasks)
            if self.accounts[p.name].documents_in != expected:
                raise AccountError(f"{p.name}: {self.accounts[p.name].documents_in} in, its parents' shards hold {expected}")
        for step in p.steps:
            account = self.accounts[step.name]
            account.check(step.name)
            self._check_in(step)
            self._judge(step)

    def _check_in(self, step: Step) -> None:
        """A step's `in` is what the parents or branches it needs kept."""
        parents = sum(
            self.accounts[self.plan.owner[n]].branches[n.partition(".")[2]] if "." in n else self.accounts[self.plan.owner[n]].kept
            for n in step.needs
        )
        if step.needs and self.accounts[step.name].documents_in != parents:
            raise AccountError(f"{step.name}: {self.accounts[step.name].documents_in} in, its parents kept {parents}")

    def _judge(self, step: Step) -> None:
        account, limit = self.accounts[step.name], self.plan.recipe.settings.max_failed
        if account.failed > max(limit.least, limit.share * account.documents_in):
            self._save("failed")
            raise FailedShareError(
                f"{step.name}: {account.failed} of {account.documents_in} documents failed "
                f"(max_failed: share {limit.share}, least {limit.least}); reasons are in {self.out / 'failed'}"
            )
        if isinstance(step.stage, GlobalStage):
            try:
                note = step.stage.judge(account.documents_in, account.dropped, step.params)
            except ValueError as e:
                self._save("failed")
                raise TaskError(f"{step.name}: {e}") from e
            if note is not None:
                self.judged[step.name] = note

    def _sum(self, p: Pass, folder: str, ledger: Ledger) -> None:
        """Add up what the records of a pass say of its documents, many of them by tasks, and hold it against the accounts."""
        keys = sorted(set(self.keys[folder]))
        part = self.summed.get(folder)
        if part is None or part["keys"] != digest(SUMS, keys):
            places, apart = ledger.places(keys), groups(len(keys))
            if len(apart) > 1:
                below = f"{p.name}.sum-{folder.rpartition('-')[2]}"
                tasks = [
                    {"kind": "sum", "step": p.name, "folder": below, "key": digest("sum", SUMS, keys[s]), "of": folder, "places": places[s]}
                    for s in apart
                ]  # fmt: skip
                ledger = self._do(f"{p.name} sum", below, tasks).ledger
                places = ledger.places([str(t["key"]) for t in tasks])
            part = {"keys": digest(SUMS, keys), "steps": add_up(ledger.said(places))}
        for step in p.steps:
            if said := differing(part["steps"], step.name, self.accounts[step.name].dropped):
                raise AccountError(f"{step.name}: {said}")
        self.sums[folder] = part

    # -- outputs ------------------------------------------------------------------------------------

    def _output(self, step: Step) -> None:
        name = step.name.removeprefix("outputs.")
        shards = sorted((s for s in self._of(step.needs) if s.rows or s.virtual), key=lambda s: (s.key, s.port))
        columns = [c["name"] for c in output_schema(step)]
        groups: list[list[Shard]] = []
        room = 0
        placed = [(f"{s.name}-{s.key}.parquet", s.name.rpartition("-")[0], s) for s in shards if s.name is not None]
        for s in (s for s in shards if s.name is None):
            if not groups or s.bytes > room:
                groups.append([])
                room = self.plan.recipe.settings.output_bytes
            groups[-1].append(s)
            room -= s.bytes
        final = {file: s.file for file, _, s in placed if s.file}
        written: list[dict[str, Any]] = [{"name": file, "part": part, "rows": s.rows, "bytes": s.bytes} for file, part, s in placed]
        account = Account(rows := sum(s.rows for _, _, s in placed), kept=rows)
        tasks = []
        for group in groups:
            rows = sum(s.rows for s in group)
            account.documents_in += rows
            key = digest(step.fingerprint, [[s.key, s.port] for s in group])
            same = len(group) == 1 and self.plan.port_schema(group[0].port).names == columns
            if same and group[0].file:
                final[f"{key}.parquet"] = group[0].file
                account.kept += rows
                written.append({"name": f"{key}.parquet", "rows": rows, "bytes": group[0].bytes})
            else:
                tasks.append({
                    "kind": "output", "step": step.name, "folder": f"{step.name}-{step.fingerprint[:12]}", "key": key,
                    "schema": output_schema(step), "shards": [s.plain() for s in group],
                })  # fmt: skip
        folder = f"{step.name}-{step.fingerprint[:12]}"
        heads = self._do(step.name, folder, tasks)
        for head in heads.values():
            facts = head["outputs"]["shards"]
            final[f"{head['key']}.parquet"] = f"work/{folder}/shards/{facts['file']}"
            account.kept += facts["rows"]
            written.append({"name": f"{head['key']}.parquet", "rows": facts["rows"], "bytes": facts["bytes"]})
        self.accounts[step.name] = account
        if not self.dry:
            account.check(step.name)
            self._check_in(step)
            self._stand(self.out / "outputs" / name, final)
        self.written[name] = sorted(written, key=lambda file: str(file["name"]))

    def _publish(self, name: str, folder: str, head: dict[str, Any]) -> None:
        """Remember which dropped, failed and shadow files of a task are this run's."""
        for label, files in self.published.items():
            facts = head.get("failed_file" if (head["kind"], label) == ("emit", "failed") else label)
            if isinstance(facts, dict):
                files.add(f"{name}-{head['key']}.parquet|work/{folder}/{label}/{facts['file']}")

    def _stand(self, folder: Path, files: dict[str, str]) -> None:
        """Make a folder hold exactly these files: name -> the winner's place in the run."""
        stand(folder, {name: self.out / source for name, source in files.items()})

    # -- the manifest -------------------------------------------------------------------------------

    def _save(self, status: str) -> None:
        if status == "done":
            names = {s.name.removeprefix("outputs.") for s in self.plan.outputs}
            for entry in entries(self.out / "outputs"):
                if entry.name not in names:
                    remove_tree(entry)
            for folder, keys in self.keys.items():
                write_sealed(self.work / folder / "current.json", sorted(keys))
        for label in {"done": tuple(self.published), "failed": ("failed",)}.get(status, ()):
            self._stand(self.out / label, {f.partition("|")[0]: f.partition("|")[2] for f in sorted(self.published[label])})
        if status == "done":
            for old in entries(self.out / "states"):
                if old.name not in self.states:
                    remove_tree(old)
            for name, files in self.states.items():
                self._stand(self.out / "states" / name, files)
                write_sealed(self.out / "states" / name / STATE_FILE, state_of(self.plan.steps[name]))
        manifest = {
            "name": self.plan.recipe.name, "recipe": str(self.plan.recipe.file), "status": status,
            "plan": plan_file(snapshot(self.plan)),
            "sample": self.plan.sample, "annotate": self.plan.annotate, "input_bytes": self.input_bytes,
            "inputs": {n: {"files": len(f), "identity": digest([x.identity for x in f])} for n, f in self.files.items()},
            "steps": [self._step(s) for s in self.plan.steps.values() if s.name in self.accounts],
            "folders": sorted(self.keys),
            "tasks": {
                label: {"tasks": n, "reused": reused, "seconds": round(self.seconds.get(label, 0), 3)}
                for label, (n, reused) in self.tasks.items()
            },
        }  # fmt: skip
        if status == "done":
            self._cards(manifest)
            manifest["sums"] = {folder: part["keys"] for folder, part in self.sums.items()}
            write_sealed(self.out / STATS_FILE, {"parts": self.sums})
        write_json(self.out / "run.json", manifest)

    def _cards(self, manifest: dict[str, Any]) -> None:
        """Let stages that made an output describe it for people, in files beside it: `cards/`."""
        files: dict[str, bytes] = {}
        for output in self.plan.outputs:
            head, name = self.plan.steps[self.plan.owner[output.needs[0]]], output.name.removeprefix("outputs.")
            card = registry.beside(head.stage, "card") if head.stage is not None and len(output.needs) == 1 else None
            if card is not None and name in self.written:
                folder = self.plan.passes[self.plan.pass_of[head.name]].folder
                files |= card(output.name, manifest, self.sums[folder]["steps"], self.written[name])
        remove(old for old in entries(self.out / "cards") if old.name not in files)
        for file, content in files.items():
            replace(self.out / "cards" / file, content)

    def _step(self, step: Step) -> dict[str, Any]:
        notes = list(step.notes)
        noted = dict(self.noted.get(step.name, {}))
        if isinstance(step.params, StageParams) and "lang" not in lookup_columns(step.params).values():
            noted.pop(DEFAULTED, None)  # the stage's own map is meant for all languages
        for what, languages in sorted(noted.items()):
            notes.append(f"{what} for {', '.join(sorted(languages)[:NAMED])}{' ...' if len(languages) > NAMED else ''}")
        report, said = self.reports.get(step.name, (None, None))
        notes += [f"{what}: {n:,}" for what, n in sorted(self.counted.get(step.name, {}).items())] if said is None else said
        if step.name in self.judged:
            notes.append(self.judged[step.name])
        return {
            "name": step.name, "use": step.use, "kind": step.kind, "fingerprint": step.fingerprint, "needs": list(step.needs),
            "version": None if step.stage is None else registry.version(step.use),
            "params": describe_params(step), "contents": step.contents, "pass": self.plan.pass_of.get(step.name),
            "writes": sorted({*step.writes, *self.plan.scattered(step)}), "notes": notes,
            "examples": self.examples.get(step.name, {}), "tallies": self.tallies.get(step.name, {}),
            **({} if report is None else {"report": report}),
            **self.accounts[step.name].plain(),
        }  # fmt: skip


def _by_part(files: list[Path], facts: list[dict[str, Any]], parts: int) -> Any:
    """Rows for each part of spills or verdicts: int64 (parts,)."""
    total = np.zeros(parts, dtype=np.int64)
    for index in read_indexes(files, facts):
        np.add.at(total, index["first"].astype(np.int64), index["rows"])
    return total


def describe_params(step: Step) -> dict[str, Any]:
    """Parameters of a step as plain data, for the manifest and for saying what changed."""
    if step.kind in ("split", "keep"):
        return {"rules": {b or "where": w.source for b, w in step.rules.items()}, "else": step.other, "copy": step.copy}
    params: dict[str, Any] = json.loads(canonical(step.params.model_dump(mode="json")))
    return params


def read_manifest(out: Path) -> dict[str, Any]:
    """run.json of an earlier run in this folder, or an empty map."""
    try:
        manifest: dict[str, Any] = json.loads((out / "run.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return manifest
