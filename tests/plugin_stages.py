"""Small stages the engine's tests plug in: each one exercises a mechanism."""

import ctypes
import os
import signal
import time
from functools import cache
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.documents import record_ids
from curation.errors import DocumentError
from curation.stage import (
    AssetMark,
    Batch,
    Combined,
    Expanded,
    GlobalStage,
    Keyed,
    PerGroup,
    Reduced,
    RegroupStage,
    Scattered,
    Source,
    StageParams,
    expand,
    stage,
)


def _words(path: Path) -> list[str]:
    return path.read_text("utf-8").split()


class Params(StageParams):
    trigger: str = "POISON"
    how: str = "raise"
    limit: int = 0
    hurt: bool = True
    words: Annotated[str, AssetMark(_words)] | None = None
    paths: str = ""
    per: PerGroup[int] = 0
    against: tuple[str, ...] = ()


@stage(reads=["text"], writes={"length": pa.int32()}, drops=["short", "odd"])
def measure(batch: Batch, params: Params):
    """Length of the text; shorter than `limit` is dropped."""
    n = np.asarray(pc.binary_length(batch["text"]).to_numpy(zero_copy_only=False), dtype=np.int32)
    return {"length": n, "drop_reason": pc.if_else(pa.array(n < params.limit), pa.scalar("short"), pa.scalar(None, pa.string()))}


@stage(reads=["text"], writes={"n_tokens": pa.int64()})
def count_words(batch: Batch, params: Params):
    """Counts words, where a mix wants tokens."""
    return {"n_tokens": np.array([len((t or "").split()) for t in batch["text"].to_pylist()], dtype=np.int64)}


@stage(reads=["text"], writes={"poisoned": pa.bool_()})
def poison(batch: Batch, params: Params):
    """Misbehaves on a document that holds the trigger."""
    for _, text in batch.documents("text"):
        if params.hurt and text is not None and params.trigger in text:
            _misbehave(params.how)
    return {"poisoned": np.zeros(len(batch), dtype=bool)}


@stage(reads=["text"], writes={"poisoned_too": pa.bool_()})
def poison_vector(batch: Batch, params: Params):
    """As `poison`, but says nothing of the document it is on."""
    for text in batch["text"].to_pylist():
        if params.hurt and text is not None and params.trigger in text:
            _misbehave(params.how)
    return {"poisoned_too": np.zeros(len(batch), dtype=bool)}


@stage(reads=["text"], writes={"poisoned_late": pa.bool_()})
def hurts_after_its_loop(batch: Batch, params: Params):
    """Goes through its documents, then misbehaves."""
    hurts = [params.hurt and params.trigger in text for _, text in batch.documents("text")]
    if any(hurts):
        _misbehave(params.how)
    return {"poisoned_late": np.zeros(len(batch), dtype=bool)}


@stage(reads=["text"], writes={"slow": pa.bool_()})
def slow(batch: Batch, params: Params):
    """Takes its time."""
    for _, _ in batch.documents("text"):
        time.sleep(0.005)
    return {"slow": np.zeros(len(batch), dtype=bool)}


@cache
def _model() -> str:
    """Loaded once a process, as a model is; tells whose it is and which GPU it was given."""
    return f"{os.getpid()} {os.environ.get('CUDA_VISIBLE_DEVICES', '')}"


@stage(reads=["text"], writes={"model_score": pa.float64()}, costly=True)
def stand_in_model(batch: Batch, params: Params):
    """Plays a model: a number of the text. Where `paths` is a folder, notes there which process had which GPU."""
    if params.paths:
        Path(params.paths, f"{time.monotonic_ns()}-{os.getpid()}").write_text(_model())
    return {"model_score": np.array([sum(map(ord, t)) % 1000 / 1000 for t in batch["text"].to_pylist()])}


def _hurt(batch: Batch, params: Params) -> None:
    for text in batch["text"].to_pylist():
        if params.hurt and text is not None and params.trigger in text:
            _misbehave(params.how)


RAISES = {e.__name__: e for e in (SystemExit, KeyError, MemoryError, RecursionError, DocumentError)}


def _misbehave(how: str) -> None:
    if how in RAISES:
        raise RAISES[how]("poison")
    if how == "raise":
        raise ValueError("this page is poison")
    if how == "segfault":
        ctypes.string_at(0)
    if how == "exit":
        os._exit(3)
    if how == "take the watcher along":
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    if how == "hang":
        given_up = time.process_time() + 30  # CPU seconds: far past every limit, and a test without one ends
        while time.process_time() < given_up:
            pass
    if how == "sleep":
        time.sleep(10_000)
    if how == "memory":
        hoard = []
        while True:
            hoard.append(np.ones(1 << 22))


@stage(reads=["text"], writes={"text": pa.large_string()})
def shout(batch: Batch, params: Params):
    """Upper case."""
    return {"text": pc.utf8_upper(batch["text"])}


@stage(reads=["text"], writes={}, drops=["banned"])
def banned_words(batch: Batch, params: Params):
    """Drops what holds a word of the list."""
    with open(params.words) as f:
        words = f.read().split()
    return {"drop_reason": pa.array(["banned" if any(w in t for w in words) else None for t in batch["text"].to_pylist()], pa.string())}


@stage(reads=["links"], writes={})
def reads_links(batch: Batch, params: Params):
    """Needs a column that no source has."""
    return {}


@stage(reads=["text"], writes={"other": pa.int32()})
def other_length(batch: Batch, params: Params):
    """Writes a column."""
    return {"other": np.zeros(len(batch), dtype=np.int32)}


@stage(reads=["text"], writes={"other": pa.string()})
def other_words(batch: Batch, params: Params):
    """Writes a column of the same name in another type."""
    return {"other": pa.array(["x"] * len(batch), pa.string())}


@expand(reads=["text"], writes={"text": pa.large_string(), "part": pa.int32()}, drops=["no_part"])
def paragraphs(batch: Batch, params: Params):
    """One document per blank-line separated part."""
    parents, texts, parts, reasons = [], [], [], []
    for row, text in batch.documents("text"):
        pieces = [p for p in text.split("\n\n") if p.strip()]
        parents += [row] * len(pieces)
        texts += pieces
        parts += range(len(pieces))
        reasons.append(None if pieces else "no_part")
    return Expanded(np.array(parents, dtype=np.int64), {"text": texts, "part": pa.array(parts, pa.int32())}, pa.array(reasons, pa.string()))


@expand(reads=["text"], writes={"text": pa.large_string(), "part": pa.int32()}, drops=["no_part"])
def hurts_in_expand(batch: Batch, params: Params):
    """`paragraphs`, but misbehaves."""
    _hurt(batch, params)
    return paragraphs.function(batch, params)


def _text_hash(batch: Batch):
    return batch.utf8("text").hash()


class FirstOfText(GlobalStage):
    """Keep the document with the smallest id of those with the same text."""

    name = "first_of_text"
    Params = Params
    drops = ("twin",)

    def reads(self, params):
        return ("id", "text")

    def writes(self, params):
        return {"twin_of": pa.field("twin_of", pa.string(), nullable=True)}

    def payload(self, params):
        return {"id": pa.string()}

    def verdict(self, params):
        return {"drop_reason": pa.string(), "twin_of": pa.string()}

    def emit(self, batch, params):
        for text in batch["text"].to_pylist():
            if params.hurt and text is not None and params.trigger in text:
                _misbehave(params.how)
        return Keyed(_text_hash(batch), np.arange(len(batch)), {"id": batch["id"]})

    def against(self, params):
        return params.against

    def _losers(self, rows, best):
        ids = rows["id"].to_pylist()
        keys = rows["key"].to_pylist()
        lost = [i for i, (k, d) in enumerate(zip(keys, ids, strict=True)) if best[k] != d]
        return pa.table(
            {
                "shard": rows["shard"].take(pa.array(lost, pa.int64())),
                "row": rows["row"].take(pa.array(lost, pa.int64())),
                "drop_reason": pa.array(["twin"] * len(lost), pa.string()),
                "twin_of": pa.array([best[keys[i]] for i in lost], pa.string()),
            }
        )

    def reduce(self, rows, params, round_):
        best = {}
        for k, d in zip(rows["key"].to_pylist(), rows["id"].to_pylist(), strict=True):
            best[k] = min(best.get(k, d), d)
        return Reduced(verdicts=self._losers(rows, best))

    def stream(self, chunks, params, round_):
        best = {}
        for rows in chunks():
            for k, d in zip(rows["key"].to_pylist(), rows["id"].to_pylist(), strict=True):
                best[k] = min(best.get(k, d), d)
        for rows in chunks():
            yield Reduced(verdicts=self._losers(rows, best))


first_of_text = FirstOfText()


class RareDomains(GlobalStage):
    """Drop documents of domains with fewer than `limit` documents: a map-side combine, a round more, a state."""

    name = "rare_domains"
    Params = Params
    drops = ("rare",)

    def reads(self, params):
        return ("url",)

    def writes(self, params):
        return {}

    def payload(self, params):
        return {"n": pa.int64()}

    def verdict(self, params):
        return {}

    def emit(self, batch, params):
        return Keyed(batch.utf8("url").hash(), np.arange(len(batch)), {"n": np.ones(len(batch), dtype=np.int64)})

    def combine(self, rows, params, round_):
        keys, first, inverse = np.unique(rows["key"].to_numpy(), return_index=True, return_inverse=True)
        n = np.bincount(inverse, weights=rows["n"].to_numpy()).astype(np.int64)
        return rows.take(pa.array(first)).set_column(rows.column_names.index("n"), "n", pa.array(n)).set_column(0, "key", pa.array(keys))

    def reduce(self, rows, params, round_):
        rows = self.combine(rows, params, round_)
        if round_ == 0:
            return Reduced(again={1: rows})
        return Reduced(state=rows.select(["key", "n"]))

    def apply(self, batch, verdicts, params):
        counts = dict(zip(verdicts.state["key"].to_pylist(), verdicts.state["n"].to_pylist(), strict=True))
        reasons = ["rare" if counts[k] < params.limit else None for k in batch.utf8("url").hash().tolist()]
        return {"drop_reason": pa.array(reasons, pa.string())}


rare_domains = RareDomains()


class SameOpening(GlobalStage):
    """Keep the smallest id of documents that begin with the same word and have as many words: followers, asks, rounds apart."""

    name = "same_opening"
    Params = Params
    drops = ("alike",)

    def reads(self, params):
        return ("id", "text")

    def writes(self, params):
        return {"like": pa.field("like", pa.string(), nullable=True)}

    def verdict(self, params):
        return {"drop_reason": pa.string(), **self.writes(params)}

    def payload(self, params):
        return {"id": pa.string(), "opening": pa.uint64()}

    def keeps(self, params):
        return {"id": pa.string(), "words": pa.int64(), "opening": pa.uint64(), "text_hash": pa.uint64()}

    def against(self, params):
        return params.against

    def state(self, params):
        return {"limit": params.limit}

    def message(self, params, round_):
        return {} if round_ % 2 else {"id": pa.string(), "words": pa.int64()}

    def asked(self, params, round_):
        return {"opening": pa.uint64()}

    def follower(self, params):
        return {"leader_id": pa.string()}

    def emit(self, batch, params):
        words = batch.words()
        counts = words.counts()
        first = np.zeros(len(batch), dtype=np.uint64)
        first[counts > 0] = words.hashes()[words.offsets[:-1][counts > 0]]
        batch.count("words seen", int(counts.sum()))
        for n, text in zip(counts.tolist(), batch["text"].to_pylist(), strict=True):
            batch.example("long text", n, text)
        kept = {"id": batch["id"], "words": counts, "opening": first, "text_hash": _text_hash(batch)}
        return Keyed(_text_hash(batch), np.arange(len(batch)), {"id": batch["id"], "opening": first}, kept)

    def emit_kept(self, kept, params):
        return Keyed(kept["text_hash"], np.arange(kept.num_rows), {"id": kept["id"], "opening": kept["opening"]})

    def combine(self, rows, params, round_):
        if round_:
            return rows
        best = {}
        for key, row, given in zip(rows["key"].to_pylist(), rows["row"].to_pylist(), rows["id"].to_pylist(), strict=True):
            best[key] = min(best.get(key, (given, row)), (given, row))
        lead = [best[key] for key in rows["key"].to_pylist()]
        follows = pa.array([row != leader for row, (_, leader) in zip(rows["row"].to_pylist(), lead, strict=True)])
        leaders, ids = zip(*((n, given) for given, n in lead), strict=True)
        whole = pa.table({"row": rows["row"], "leader": pa.array(leaders, pa.uint32()), "leader_id": pa.array(ids, pa.string())})
        return Combined(rows.filter(pc.invert(follows)), whole.filter(follows))

    def follow(self, followers, leaders, params):
        like = pc.coalesce(leaders["like"], followers["leader_id"])
        return pa.table({"row": followers["row"], "drop_reason": pa.array(["alike"] * len(like), pa.string()), "like": like})

    def reduce(self, rows, params, round_):
        if round_ == 0:
            key = rows["opening"].to_numpy()
            sent = pa.table({"key": key, "shard": rows["shard"], "row": rows["row"]})
            odd = pa.array(key % np.uint64(2) == 1)
            return Reduced(again={1: sent.filter(pc.invert(odd)), 3: sent.filter(odd)})
        if round_ % 2:
            return Reduced(ask=rows.append_column("opening", rows["key"]), counted={"asked": rows.num_rows})
        groups = {}
        for row in rows.to_pylist():
            groups.setdefault((row["key"], row["words"]), []).append((row["id"], row["shard"], row["row"]))
        lost = [(*where, min(g)[0]) for g in groups.values() for given, *where in g if given != min(g)[0]]
        return Reduced(verdicts=pa.table({
            "shard": pa.array([s for s, _, _ in lost], pa.uint32()), "row": pa.array([r for _, r, _ in lost], pa.uint32()),
            "drop_reason": pa.array(["alike"] * len(lost), pa.string()), "like": pa.array([like for _, _, like in lost], pa.string()),
        }))  # fmt: skip

    def stream(self, chunks, params, round_):
        yield self.reduce(pa.concat_tables(list(chunks())), params, round_)

    def recall(self, kept, asks, params, round_):
        assert asks["row"].to_pylist() == sorted(asks["row"].to_pylist())
        columns = {"key": asks["opening"], "shard": asks["shard"], "row": asks["row"], "id": kept["id"], "words": kept["words"]}
        return pa.table(columns)

    def judge(self, documents, dropped, params):
        if params.limit and dropped.get("alike", 0) > params.limit:
            raise ValueError(f"{dropped['alike']} of {documents} are alike")
        return f"{dropped.get('alike', 0)} alike"


same_opening = SameOpening()


class CommonWords(GlobalStage):
    """Count the words of each document that stand in more than `limit` documents of its bucket: verdicts about shards.

    Fails where a text holds the trigger: in `emit` as it stands, in `apply` in small letters.
    """

    name = "common_words"
    Params = Params
    many = True
    of_shard = True
    applies_kept = True

    def reads(self, params):
        return ("id", "text")

    def writes(self, params):
        return {"common": pa.int64()}

    def verdict(self, params):
        return {"word": pa.uint64()}

    def payload(self, params):
        return {"n": pa.int64()}

    def keeps(self, params):
        return {"of": pa.string(), "keys": pa.large_binary()}

    def buckets(self, documents, params):
        return documents // 100 + 1

    def _words(self, batch):
        """(row, key) of each different word of a document."""
        words = batch.words()
        bucket = batch.utf8("id").hash() % np.uint64(batch.buckets)
        row = words.documents()
        return row, words.hashes() ^ (bucket[row] * np.uint64(0x9E3779B97F4A7C15))

    def emit(self, batch, params):
        self._fail(batch, params.trigger)
        row, key = self._words(batch)
        kept = {"of": batch["id"], "keys": pa.array([key[row == n].tobytes() for n in range(len(batch))], pa.large_binary())}
        row, key = np.unique(np.stack([row.astype(np.uint64), key]), axis=1)
        return Keyed(key, row.astype(np.int64), {"n": np.ones(len(key), dtype=np.int64)}, kept)

    def combine(self, rows, params, round_):
        keys, first, inverse = np.unique(rows["key"].to_numpy(), return_index=True, return_inverse=True)
        n = np.bincount(inverse, weights=rows["n"].to_numpy()).astype(np.int64)
        return pa.table({"key": keys, "row": rows["row"].take(pa.array(first)), "n": n})

    def reduce(self, rows, params, round_):
        _, inverse = np.unique(rows["key"].to_numpy(), return_inverse=True)
        n = np.bincount(inverse, weights=rows["n"].to_numpy())[inverse]
        common = rows.filter(pa.array(n > params.limit))
        return Reduced(verdicts=pa.table({"shard": common["shard"], "row": common["row"], "word": common["key"]}))

    def stream(self, chunks, params, round_):
        yield self.reduce(pa.concat_tables(list(chunks())), params, round_)

    def apply(self, batch, verdicts, params):
        assert (verdicts.rows == -1).all()
        assert verdicts.kept["of"].to_pylist() == batch["id"].to_pylist()
        self._fail(batch, params.trigger.lower())
        kept = [np.frombuffer(keys, np.uint64) for keys in verdicts.kept["keys"].to_pylist()]
        return {"common": np.array([np.isin(keys, verdicts.table["word"].to_numpy()).sum() for keys in kept])}

    def _fail(self, batch, trigger):
        if any(trigger in (text or "") for text in batch["text"].to_pylist()):
            raise ValueError(trigger)


common_words = CommonWords()


class Dealt(GlobalStage):
    """Deal documents to two parts in a random order, some of them up to three times; shards of `limit` bytes of text, if that is not 0."""

    name = "dealt"
    Params = Params
    drops = ("not_dealt",)

    def reads(self, params):
        return ("id", "text")

    def writes(self, params):
        return {"copies": pa.int64()}

    def payload(self, params):
        return {"n": pa.int64()}

    def verdict(self, params):
        return {}

    def emit(self, batch, params):
        return Keyed(np.zeros(len(batch), np.uint64), np.arange(len(batch)), {"n": np.ones(len(batch), np.int64)})

    def combine(self, rows, params, round_):
        return rows.slice(0, 1).set_column(2, "n", pa.array([pc.sum(rows["n"]).as_py()], pa.int64()))

    def reduce(self, rows, params, round_):
        return Reduced(state=pa.table({"n": [pc.sum(rows["n"]).as_py()]}))

    def apply(self, batch, verdicts, params):
        assert pc.sum(verdicts.state["n"]).as_py() >= len(batch)
        lot = batch.utf8("id").hash() % np.uint64(8)
        copies = np.array([0, 1, 1, 1, 1, 1, 2, 3])[lot]
        return {"copies": copies, "drop_reason": pc.if_else(pa.array(copies == 0), "not_dealt", pa.scalar(None, pa.string()))}

    def parts(self, params):
        return ("validation", "train")

    def scattered(self, params):
        return {"copy": pa.int32()}

    def shard_size(self, params):
        return params.limit or None

    def scatter(self, table, params):
        batch = Batch(table)
        _hurt(batch, params)
        copies = batch["copies"].to_numpy()
        rows = np.repeat(np.arange(len(batch)), copies)
        copy = np.arange(len(rows)) - np.repeat(np.cumsum(copies) - copies, copies)
        lot = batch.utf8("id").hash()[rows]
        place = (lot + copy.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        part = (lot >> np.uint64(40)) % np.uint64(8) != 0
        return Scattered(rows, part.astype(np.int64), place, pc.binary_length(batch["text"]).to_numpy()[rows], {"copy": copy})


dealt = Dealt()


class DealtToOnePlace(Dealt):
    """`dealt`, but all to one place."""

    name = "dealt_to_one_place"

    def scatter(self, table, params):
        sent = super().scatter(table, params)
        return Scattered(sent.rows, sent.part, np.zeros(len(sent.rows), np.uint64), sent.size, sent.columns)


dealt_to_one_place = DealtToOnePlace()


class DealtBadly(Dealt):
    """`dealt`, but says what cannot be, as `trigger` asks."""

    name = "dealt_badly"

    def parts(self, params):
        return {"no name": ("../up",), "twice": ("a", "a"), "many": tuple(map(str, range(257)))}.get(params.trigger, super().parts(params))

    def scattered(self, params):
        return {"text": pa.string()} if params.trigger == "there already" else super().scattered(params)

    def scatter(self, table, params):
        sent = super().scatter(table, params)
        rows, part, place, size, columns = (getattr(sent, name) for name in ("rows", "part", "place", "size", "columns"))
        match params.trigger:
            case "loses one":
                rows, part, place, size, columns = rows[1:], part[1:], place[1:], size[1:], {"copy": columns["copy"][1:]}
            case "no such row":
                rows = rows + 1
            case "no such part":
                part = part + 1
            case "below nothing":
                size = size - 1000
            case "too few":
                place = place[1:]
            case "nothing":
                columns = {"copy": pa.nulls(len(rows), pa.int32())}
            case "undeclared":
                columns = {**columns, "other": columns["copy"]}
        return Scattered(rows, part, place, size, columns)


dealt_badly = DealtBadly()


class ByDomain(RegroupStage):
    """One document per registrable domain."""

    name = "by_domain"
    Params = Params

    def reads(self, params):
        return ("domain", "text")

    def writes(self, params):
        return {"text": pa.large_string(), "members": pa.int32()}

    def emit(self, batch, params):
        return Keyed(batch.utf8("domain").hash(), np.arange(len(batch)))

    def merge(self, rows, params):
        made = []
        at = 0
        keys = rows["key"].to_pylist()
        while at < len(keys):
            end = at
            while end < len(keys) and keys[end] == keys[at]:
                end += 1
            part = rows.slice(at, end - at)
            made.append(
                {
                    "parent_ids": part["id"].to_pylist(),
                    "text": "\n".join(part["text"].to_pylist()),
                    "members": end - at,
                    "domain": part["domain"][0].as_py(),
                }
            )
            at = end
        return pa.Table.from_pylist(
            made,
            schema=pa.schema(
                {
                    "parent_ids": pa.list_(pa.string()),
                    "text": pa.large_string(),
                    "members": pa.int32(),
                    "domain": pa.string(),
                }
            ),
        )


by_domain = ByDomain()


@stage(reads=["content", "mime"], writes={"text": pa.large_string()}, drops=["not_text"], costly=True)
def decode(batch: Batch, params: Params):
    """The page's bytes as text: reads a transient column."""
    texts, reasons = [], []
    for _, content, mime in batch.documents("content", "mime"):
        good = (mime or "").startswith("text/")
        texts.append(content.decode("utf-8", "replace") if good else "")
        reasons.append(None if good else "not_text")
    return {"text": pa.array(texts, pa.large_string()), "drop_reason": pa.array(reasons, pa.string())}


class FirstOfUrl(FirstOfText):
    """Keep one document a URL."""

    name = "first_of_url"

    def reads(self, params):
        return ("id", "url")

    def writes(self, params):
        return {}

    def verdict(self, params):
        return {"drop_reason": pa.string()}

    def emit(self, batch, params):
        return Keyed(batch.utf8("url").hash(), np.arange(len(batch)), {"id": batch["id"]})


first_of_url = FirstOfUrl()


class HurtsInApply(FirstOfText):
    """`first_of_text`, but misbehaves when verdicts are applied."""

    name = "hurts_in_apply"

    def emit(self, batch, params):
        return Keyed(_text_hash(batch), np.arange(len(batch)), {"id": batch["id"]})

    def apply(self, batch, verdicts, params):
        _hurt(batch, params)
        return super().apply(batch, verdicts, params)


hurts_in_apply = HurtsInApply()


class HurtsInReduce(FirstOfText):
    """`first_of_text`, but its reducer misbehaves."""

    name = "hurts_in_reduce"

    def emit(self, batch, params):
        return Keyed(_text_hash(batch), np.arange(len(batch)), {"id": batch["id"]})

    def reduce(self, rows, params, round_):
        _misbehave(params.how)


hurts_in_reduce = HurtsInReduce()


class HurtsInRegroup(ByDomain):
    """`by_domain`, but misbehaves when it emits."""

    name = "hurts_in_regroup"

    def emit(self, batch, params):
        _hurt(batch, params)
        return super().emit(batch, params)


hurts_in_regroup = HurtsInRegroup()


class Lines(Source):
    """One document per line; misbehaves on the trigger."""

    name = "lines"
    Params = Params
    drops = ("duplicate_record",)

    def columns(self, params, example):
        return {"text": pa.large_string()}

    def read(self, path, relative, part, params, want=None, progress=None):
        wanted = None if want is None else set(want.tolist())
        with open(path) as f:
            for row, line in enumerate(f):
                if wanted is not None and row not in wanted:
                    continue
                if progress is not None:
                    progress(row)
                if params.trigger in line:
                    _misbehave(params.how)
                yield pa.table(
                    {
                        "id": record_ids("lines", [f"{relative}:{row}"]),
                        "url": pa.array([f"https://{row % 7}.example.com/"]),
                        "date": pa.nulls(1, pa.timestamp("us", tz="UTC")),
                        "record_file": pa.array([relative]),
                        "record_offset": pa.array([row], pa.int64()),
                        "text": pa.array([line], pa.large_string()),
                        "_row": pa.array([row], pa.int64()),
                        "drop_reason": pa.nulls(1, pa.string()),
                    }
                )


lines = Lines()
