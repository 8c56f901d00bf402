"""The rounds of a recall: a model of what is wanted finds more of it, a person says where else it stands, the next model learns from that.

Source:  DeepSeekMath (Shao et al. 2024, arXiv:2402.03300), section 2.1: a fastText model is trained on a seed set against random pages; of
         the domains of which it recalls more than 10 % of the pages, people annotate URL paths, and the pages there that it did not recall
         join the seed set; four rounds, until 98 % of what a round recalls had been collected before. The paper recalls the best pages up
         to a number of tokens; here a threshold says what a hit is. `domain_pages`, caps on domains and prefixes: ours.
Units:   shares of pages, 0 to 1.

A round is a folder, and each of its files is made once, so that what was stopped goes on; `round.json` is written last:

    labels.parquet     what the model learnt from: `yes` are the seed set and what people accepted, `no` are random pages of the rest
    model/             the model folder
    hits/N.parquet     row, id and score of the hits in the Nth file
    prefixes.csv       what a person is to judge
    round.json         the figures

Memory: that of one batch of documents, of the hits of one file, of some 250 bytes for each positive and negative of a round (while they are
drawn), of the sums (counts.py), of at most MAX_DOMAINS domains. The trainer holds the texts it learns from.
"""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from classifiers import labels
from classifiers.documents import tables
from classifiers.label.sample import hashes
from classifiers.recall import prefixes
from classifiers.recall.counts import Counts
from curation.assets import identify
from curation.documents import plain
from curation.domains import registrable_domains
from curation.errors import Place, RecipeError, TaskError
from curation.inspect import markdown
from curation.shards import ShardWriter
from curation.storage import digest, replace

YES, NO = "yes", "no"
MAX_DOMAINS = 5_000
MAX_PREFIXES = 20
"""Domains of a round, those with most hits, and prefixes of a domain, those with most pages, a person is asked about (ours)."""
LEAST_DOMAINS = 20
"""Domains the positives of a round need for its labels to be split by domain (ours): with fewer a part may have none of them."""
COLUMNS = ("id", "text", "url", "lang", "domain", "source")
HITS = pa.schema([("row", pa.int64()), ("id", pa.string()), ("score", pa.float32())])
BYTES_A_DOCUMENT = 1_000
"""For guessing how many documents a JSONL file has."""

Score = Callable[[Any], Any]
"""Texts (string array (n,)) -> scores, float64 (n,), NaN for none."""


class Learner(Protocol):
    """Makes and loads models; it must travel to other processes where there are several."""

    def facts(self) -> Any:
        """What its models depend on beside the labels, as JSON."""

    def train(self, labels: Path, folder: Path) -> None:
        """Train on a label set of the classes YES and NO, write the folder, as a whole or not at all."""

    def load(self, folder: Path) -> Score:
        """The model in a folder."""


@dataclass(frozen=True)
class Settings:
    """What all rounds of a recall have in common.

    threshold: least score of a hit. domain_share, domain_pages: share of hits, and pages, from which on a domain is looked at. positives,
    negatives: most of a round. depth: of prefixes. stop: share already collected that ends it.
    """

    threshold: float = 0.5
    domain_share: float = 0.1
    domain_pages: int = 10
    positives: int = 500_000
    negatives: int = 500_000
    depth: int = 1
    stop: float = 0.98
    seed: int = 0


class Recall:
    """A recall in a folder.

    Args:
        files: of the corpus; of one recall always the same.
        seeds: files of documents that are wanted.
    Raises: RecipeError if the folder holds a recall of another corpus, seed set, settings or learner.
    """

    def __init__(
        self, folder: Path, files: Sequence[str], seeds: Sequence[str], settings: Settings, learner: Learner, jobs: int = 1,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:  # fmt: skip
        self.folder, self.files, self.seeds, self.settings = folder, list(files), list(seeds), settings
        self._learner, self._jobs, self._say = learner, jobs, say
        of = {
            "files": _identities(self.files), "seeds": _identities(self.seeds),
            "settings": {name: value for name, value in asdict(settings).items() if name != "stop"},
            "learner": learner.facts(),
        }  # fmt: skip
        facts = folder / "recall.json"
        if facts.exists():
            before = json.loads(facts.read_bytes())
            said = {
                "files": "another corpus", "seeds": "another seed set", "settings": "other settings",
                "learner": "another --preset or --set",
            }  # fmt: skip
            for key, what in said.items():
                if before.get(key) != of[key]:
                    raise RecipeError(f"{folder} holds a recall of {what}: give this one its own --out")
        else:
            folder.mkdir(parents=True, exist_ok=True)
            replace(facts, json.dumps(of, ensure_ascii=False, indent=1).encode() + b"\n")
        self._about = sum(_documents(f) for f in self.files)

    def figures(self) -> list[dict[str, Any]]:
        """Figures of the rounds that are done."""
        found: list[dict[str, Any]] = []
        while (file := self._round(len(found) + 1) / "round.json").exists():
            found.append(json.loads(file.read_bytes()))
        return found

    def _round(self, number: int) -> Path:
        return self.folder / f"round-{number}"

    def next(self) -> list[dict[str, Any]]:
        """Do the next round; the figures of all.

        Raises: RecipeError if the recall has ended, or nobody judged the last round's prefixes; TaskError if the training fails.
        """
        done = self.figures()
        number = len(done) + 1
        if done and done[-1]["share_already"] is not None and done[-1]["share_already"] >= self.settings.stop:
            raise RecipeError(
                f"of round {number - 1}'s hits {100 * done[-1]['share_already']:.1f} % had been collected before: the recall has ended",
                hint="a larger --stop goes on",
            )
        verdicts = self._verdicts(done)
        here = self._round(number)
        here.mkdir(exist_ok=True)
        self._same_verdicts(here, verdicts)
        figures: dict[str, Any] = {"round": number, "accepted": sum(v == prefixes.ACCEPT for of in verdicts for v in of.values())}
        figures |= self._labels(number, here / "labels.parquet", verdicts)
        if not (here / "model").exists():
            self._say(f"round {number}: {figures['positives']:,} positives, {figures['negatives']:,} negatives: training")
            self._learner.train(here / "labels.parquet", here / "model")
        self._say(f"round {number}: scoring {len(self.files):,} files")
        self._score(here)
        figures |= self._collected(number)
        figures |= self._annotate(number, here, {prefix for of in verdicts for prefix in of})
        replace(here / "round.json", json.dumps(figures, indent=1).encode() + b"\n")
        return [*done, figures]

    # -- what people said -------------------------------------------------------------------------

    def _verdicts(self, done: list[dict[str, Any]]) -> list[dict[str, str]]:
        """Verdicts of each round that is done."""
        files = [self._round(of["round"]) / "prefixes.csv" for of in done]
        found = [prefixes.read(file, self.settings.depth) for file in files]
        if found and not found[-1] and done[-1]["prefixes"]:
            file = files[-1]
            raise RecipeError(f"{file}: no prefix has a verdict: write {prefixes.ACCEPT} or {prefixes.REJECT} into the first column")
        return found

    @staticmethod
    def _same_verdicts(here: Path, verdicts: list[dict[str, str]]) -> None:
        """Note the verdicts a round begins with; refuse to go on with others."""
        mark, now = here / "verdicts", digest(verdicts).encode()
        if mark.exists() and mark.read_bytes() != now:
            raise RecipeError(f"{here} was begun with other verdicts: remove it")
        replace(mark, now)

    # -- what the model learns from ---------------------------------------------------------------

    def _labels(self, number: int, file: Path, verdicts: list[dict[str, str]]) -> dict[str, Any]:
        """Write the round's label set: the seed set, pages that were accepted and not yet collected, and others."""
        settings, facts = self.settings, file.with_suffix(".json")
        if file.exists() and facts.exists():
            found: dict[str, Any] = json.loads(facts.read_bytes())
            return found
        positive, negative = _Smallest(settings.positives), _Smallest(settings.negatives)
        seeds = 0
        for seed in self.seeds:
            for table in tables(seed, ["id"]):
                positive.offer(hashes(table["id"], settings.seed), np.arange(-1 - seeds, -1 - seeds - len(table), -1))
                seeds += len(table)
        if not seeds:
            raise RecipeError(f"{', '.join(self.seeds)}: no document in the seed set")
        first = 0
        accepted = [pa.array([p for p, verdict in of.items() if verdict == prefixes.ACCEPT], pa.string()) for of in verdicts]
        for index, corpus in enumerate(self.files):
            masks = [self._hits(n, index, self._rows(index)) for n in range(1, number)]
            at = 0
            for table in tables(corpus, ["id", "url"]):
                here = slice(at, at + len(table))
                under = prefixes.prefixes_of(plain(table["url"]), settings.depth)
                wanted = other = np.zeros(len(table), bool)
                for of, mask in zip(accepted, masks, strict=True):
                    there = pc.is_in(under, of).to_numpy(zero_copy_only=False)
                    wanted, other = wanted | (there & ~mask[here]), other | there | mask[here]
                order, places = hashes(table["id"], settings.seed), np.arange(first + at, first + at + len(table))
                positive.offer(order[wanted], places[wanted])
                negative.offer(order[~other], places[~other])
                at += len(table)
            first += at
        yes, no = positive.rows(), negative.rows()
        writer = labels.Writer(file, "classes")
        seen: set[bytes] = set()
        given, beside = np.sort(-1 - yes[yes < 0]), yes[yes >= 0]
        domains: set[str] = set()
        for files, rows in ((self.seeds, given), (self.files, beside)):
            for table in _picked(files, rows, ["domain"]):
                domains.update(table["domain"].drop_null().to_pylist() if len(domains) < LEAST_DOMAINS else ())
        apart = len(domains) < LEAST_DOMAINS
        counted = [
            self._copy(writer, files, rows, label, seen, apart)  # seeds first: none of them is an example of the rest
            for files, rows, label in ((self.seeds, given, YES), (self.files, beside, YES), (self.files, no, NO))
        ]
        writer.close()
        if not counted[2]:
            raise RecipeError("no page of the corpus is left to be an example of what is not wanted")
        found = {
            "positives": counted[0] + counted[1], "positives_accepted": counted[1], "negatives": counted[2],
            "split_by": "document" if apart else "domain",
        }  # fmt: skip
        replace(facts, json.dumps(found).encode())
        return found

    @staticmethod
    def _copy(writer: labels.Writer, files: Sequence[str], wanted: Any, label: str, seen: set[bytes], apart: bool) -> int:
        """Write the documents of some rows (see `_picked`), but for empty ones and ids and texts written before.

        Args:
            apart: each is a domain of its own, so that a split is one of documents.
        """
        written = 0
        for table in _picked(files, wanted, COLUMNS):
            keep = []
            for row, (id, text) in enumerate(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True)):
                keys = {xxhash.xxh3_128_digest(b"id " + id.encode()), xxhash.xxh3_128_digest((text or "").encode())}
                if text and not text.isspace() and seen.isdisjoint(keys):
                    seen |= keys
                    keep.append(row)
            picked = table.take(pa.array(keep, pa.int64())).append_column("label", pa.array([label] * len(keep), pa.string()))
            writer.write(picked.set_column(COLUMNS.index("domain"), "domain", picked["id"]) if apart else picked)
            written += len(keep)
        return written

    # -- hits -------------------------------------------------------------------------------------

    def _score(self, here: Path) -> None:
        """Score the files that were not."""
        (here / "hits").mkdir(exist_ok=True)
        todo = [(n, file) for n, file in enumerate(self.files) if not _hits_file(here, n).exists()]
        calls = [(self._learner, here, n, file, self.settings.threshold) for n, file in todo]
        if self._jobs == 1 or len(calls) < 2:
            for call in calls:
                _score_file(*call)
            return
        try:
            with ProcessPoolExecutor(self._jobs, multiprocessing.get_context("spawn")) as pool:
                for _ in pool.map(_score_file, *zip(*calls, strict=True)):
                    pass
        except BrokenProcessPool as e:
            raise TaskError("a process that scores documents died; run the same command again, with fewer --jobs if need be") from e

    def _rows(self, index: int) -> int:
        """Documents of a file, as the first round counted them."""
        return int(pq.read_schema(_hits_file(self._round(1), index)).metadata[b"rows"])

    def _hits(self, number: int, index: int, rows: int) -> Any:
        """Which documents of a file a round hit: bool (rows,)."""
        mask = np.zeros(rows, bool)
        mask[pq.read_table(_hits_file(self._round(number), index), columns=["row"])["row"].to_numpy()] = True
        return mask

    def _collected(self, number: int) -> dict[str, Any]:
        """How much was hit, and how much of that had been hit before."""
        documents = hits = already = collected = 0
        for index in range(len(self.files)):
            rows = self._rows(index)
            now, before = self._hits(number, index, rows), np.zeros(rows, bool)
            for n in range(1, number):
                before |= self._hits(n, index, rows)
            documents, hits = documents + rows, hits + int(now.sum())
            already, collected = already + int((now & before).sum()), collected + int((now | before).sum())
        share = None if number == 1 or not hits else round(already / hits, 4)
        return {"documents": documents, "hits": hits, "already": already, "share_already": share, "collected": collected}

    # -- what a person is asked -------------------------------------------------------------------

    def _annotate(self, number: int, here: Path, judged: set[str]) -> dict[str, Any]:
        """Write prefixes.csv: the prefixes, not judged before, of domains of which a good share was hit."""
        settings, spill = self.settings, here / ".counts"
        shutil.rmtree(spill, ignore_errors=True)
        domains = Counts(spill / "domains", self._about)
        for _, table, hits in self._documents_with_hits(number):
            domains.add(plain(registrable_domains(plain(table["url"]))), hits)
        with_hits, over = 0, pa.table({"key": pa.array([], pa.string()), "hits": pa.array([], pa.int64())})
        for sums in domains.sums():
            with_hits += pc.sum(pc.greater(sums["hits"], 0)).as_py() or 0
            share = pc.divide(sums["hits"].cast(pa.float64()), sums["pages"].cast(pa.float64()))
            chosen = sums.filter(pc.and_(pc.greater(share, settings.domain_share), pc.greater_equal(sums["pages"], settings.domain_pages)))
            over = pa.concat_tables([over, chosen.select(["key", "hits"])])
        looked_at = over.sort_by([("hits", "descending"), ("key", "ascending")]).slice(0, MAX_DOMAINS)["key"]
        counts = Counts(spill / "prefixes", self._about)
        for _, table, hits in self._documents_with_hits(number):
            inside = pc.is_in(registrable_domains(plain(table["url"])), value_set=looked_at).to_numpy(zero_copy_only=False)
            urls = plain(table["url"].filter(pa.array(inside)))
            shown = pc.replace_substring_regex(pc.utf8_slice_codeunits(urls, 0, 200), "[\\x00-\\x1f\\x7f]", " ")
            counts.add(prefixes.prefixes_of(urls, settings.depth), hits[inside], shown)
        order = {domain: n for n, domain in enumerate(looked_at.to_pylist())}
        by_domain: dict[str, list[dict[str, Any]]] = {}
        found = 0
        for sums in counts.sums():
            new = sums.filter(pc.invert(pc.is_in(sums["key"], pa.array(sorted(judged), pa.string()))))
            found += len(new)
            of = registrable_domains(pc.binary_join_element_wise("http://", plain(new["key"]), ""))
            for row, domain in zip(new.to_pylist(), of.to_pylist(), strict=True):
                if domain not in order:  # a host that is none; no page of the domain is named so
                    continue
                rows = by_domain.setdefault(domain, [])
                share = round(row["hits"] / row["pages"], 4)
                rows.append({"prefix": row["key"], "domain": domain, "share": share, **{k: row[k] for k in ("pages", "hits", "example")}})
                if len(rows) > 4 * MAX_PREFIXES:
                    rows[:] = _largest(rows)
        shutil.rmtree(spill, ignore_errors=True)
        kept = [row for rows in by_domain.values() for row in _largest(rows)]
        kept.sort(key=lambda row: (order[row["domain"]], -row["pages"], row["prefix"]))
        prefixes.write(here / "prefixes.csv", kept)
        return {
            "domains_with_hits": with_hits, "domains_over": len(over), "domains_left_out": len(over) - len(looked_at),
            "prefixes": len(kept), "prefixes_left_out": found - len(kept),
        }  # fmt: skip

    def _documents_with_hits(self, number: int) -> Iterator[tuple[int, pa.Table, Any]]:
        for index, file in enumerate(self.files):
            mask, at = self._hits(number, index, self._rows(index)), 0
            for table in tables(file, ["url"]):
                yield index, table, mask[at : at + len(table)]
                at += len(table)


def _identities(files: Sequence[str]) -> list[str]:
    """Path, size and content hash of each file, as of a run's inputs.

    Raises: RecipeError for one that cannot be read.
    """
    try:
        return [file.identity for file in identify([(f, f) for f in files])]
    except OSError as e:
        raise RecipeError(f"cannot be read: {e.strerror}", Place(str(e.filename), 0, 0)) from e


def _picked(files: Sequence[str], wanted: Any, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Some rows of files: int64, sorted, counted over all of them."""
    first = 0
    for file in files:
        for table in tables(file, columns):
            here = wanted[np.searchsorted(wanted, first) : np.searchsorted(wanted, first + len(table))] - first
            first += len(table)
            if len(here):
                yield table.take(pa.array(here))


def _largest(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (-row["pages"], row["prefix"]))[:MAX_PREFIXES]


class _Smallest:
    """Rows of the `size` smallest different hashes."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._order, self._places = np.empty(0, np.uint64), np.empty(0, np.int64)

    def offer(self, order: Any, places: Any) -> None:
        self._order, self._places = np.concatenate([self._order, order]), np.concatenate([self._places, places])
        if len(self._order) > 2 * self._size:
            self._cut()

    def _cut(self) -> None:
        self._order, kept = np.unique(self._order, return_index=True)
        self._order, self._places = self._order[: self._size], self._places[kept[: self._size]]

    def rows(self) -> Any:
        """The rows, sorted: int64."""
        self._cut()
        return np.sort(self._places)


def _documents(file: str) -> int:
    """About how many documents a file has."""
    if file.endswith(".parquet"):
        return int(pq.read_metadata(file).num_rows)
    return Path(file).stat().st_size // BYTES_A_DOCUMENT + 1


def _hits_file(here: Path, index: int) -> Path:
    return here / "hits" / f"{index:06d}.parquet"


def _score_file(learner: Learner, here: Path, index: int, file: str, threshold: float) -> None:
    """Write the hits of one file; its number of documents stands in the schema."""
    score, rows, found = _loaded(learner, here / "model"), 0, []
    for table in tables(file, ["id", "text"]):
        scores = np.asarray(score(plain(table["text"])), np.float64)
        hit = np.flatnonzero(scores >= threshold)
        found.append(pa.table([hit + rows, table["id"].take(pa.array(hit)), scores[hit].astype(np.float32)], schema=HITS))
        rows += len(table)
    part = here / "hits" / f".{index:06d}.parquet"
    writer = ShardWriter(part, HITS.with_metadata({"rows": str(rows)}))
    for table in found:
        writer.write(table)
    writer.close()
    part.replace(_hits_file(here, index))


_models: dict[Path, Score] = {}


def _loaded(learner: Learner, folder: Path) -> Score:
    """The model of a round, loaded once a process."""
    if folder not in _models:
        _models.clear()
        _models[folder] = learner.load(folder)
    return _models[folder]


def table(figures: Sequence[dict[str, Any]]) -> str:
    """The figures of all rounds as Markdown."""
    columns = (
        "round", "positives", "positives_accepted", "negatives", "hits", "already", "share_already", "collected", "domains_with_hits",
        "domains_over", "prefixes", "accepted",
    )  # fmt: skip
    rows = [[_shown(name, of[name]) for name in columns] for of in figures]
    return markdown.table([name.replace("_", " ") for name in columns], rows)


def _shown(name: str, value: Any) -> str:
    if value is None:
        return ""
    return f"{100 * value:.1f} %" if name == "share_already" else f"{value:,}"
