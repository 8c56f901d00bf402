"""Verdicts of our heuristics beside datatrove's, document by document: given the same words, and each with its own.

Real texts are taken from the folder named by --data (default: `shared/data` beside the project): pages of web archives and of
the extraction sets as `extract_html` reads them, paragraphs in many languages joined, chapters of books. Made-up ones are
those of `bench.odd_texts` and `bench.corpus`. datatrove runs in its own environment; where words are given, they are ours, and so are the
sentences of each line. A document on which datatrove raises (no words to divide by) is counted apart.
`python -m bench.oracle FILE` writes what datatrove says of 500 texts of `bench.odd_texts` to FILE, for tests to replay.
"""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import re
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bench.corpus import Spec, tables
from bench.measure import ROOT, NotInstalledError, curate, peer_script, run, scratch, versions, write_recipe
from bench.odd_texts import odd_texts
from curation import registry
from curation.text import Utf8
from stages.heuristics.sentences import sentences

DATA = ROOT.parent / "shared" / "data"
OPTIONS = {"data": "folder of real documents (default: shared/data beside the project)"}
GRAMS = {f"top_{n}_gram": f"top_{n}gram" for n in range(2, 5)} | {f"duplicated_{n}_n_grams": f"dup_{n}gram" for n in range(5, 11)}
REASONS = {
    "gopher_repetition": {
        "dup_para_frac": "dup_paragraphs", "dup_para_char_frac": "dup_para_chars", "dup_line_frac": "dup_lines",
        "dup_line_char_frac": "dup_line_chars", **GRAMS,
    },
    "gopher_quality": {
        "gopher_short_doc": "too_short", "gopher_long_doc": "too_long", "gopher_below_avg_threshold": "mean_word_length",
        "gopher_above_avg_threshold": "mean_word_length", "gopher_too_many_hashes": "symbol_ratio",
        "gopher_too_many_ellipsis": "symbol_ratio", "gopher_too_many_bullets": "bullet_lines",
        "gopher_too_many_end_ellipsis": "ellipsis_lines", "gopher_below_alpha_threshold": "alpha_words",
        "gopher_enough_stop_words": "stop_words",
    },
    "fineweb_quality": {
        "line_punct_ratio": "line_punctuation", "short_line_ratio": "short_lines", "char_dup_ratio": "line_dup_chars",
        "list_ratio": "newlines",
    },
}  # fmt: skip
"""datatrove's reason -> ours, where they have other names."""
OURS = {
    "gopher_repetition": ("gopher_repetition", "datatrove"), "gopher_quality": ("gopher_quality", "datatrove"),
    "fineweb_quality": ("fineweb_quality", "datatrove"), "c4_quality": ("c4_quality", "datatrove"),
    "c4_quality_fineweb": ("c4_quality", "fineweb"),
}  # fmt: skip
"""Filter of `peers/datatrove_filters.py` -> our stage and variant."""
CITATION = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
REPLAYED = 500
RECIPE = """
name: texts
inputs: {docs: {use: warc, paths: %s/warc/built/*.warc.gz}}
steps: {text: {use: extract_html}}
outputs: {out: {use: shards}}
"""


def measure(scale: float, pairs: int, only: list[str], data: str | None) -> dict[str, Any]:
    """Run the parts: given (the same words), own (each side's own)."""
    try:
        peer, old = peer_script("datatrove_filters", "datatrove_filters"), peer_script("datatrove_0_2", "datatrove_filters")
    except NotInstalledError as e:
        return {"name": "oracle", "skipped": str(e)}
    folder = Path(data).resolve() if data else DATA
    parts: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    with scratch() as here:
        documents = {kind: texts for kind, texts in _documents(folder, here, scale).items() if texts}
        everything = [text for texts in documents.values() for text in texts]
        if not only or "given" in only:
            said = ask(peer, "given", everything, here)
            before = ask(old, "given:fineweb_quality", everything, here)
            compared = {name: compare(name, everything, said) for name in OURS}
            compared["fineweb_quality 0.2"] = compare("fineweb_quality", everything, before, "datatrove_0_2")
            parts["given"] = {
                "documents": {kind: len(texts) for kind, texts in documents.items()},
                "grids": [_grid("given the same words and sentences", compared)],
                "examples": [e for c in compared.values() for e in c["examples"]][:10],
            }
            wrong = sum(c["other"] for c in compared.values())
            targets["documents with another verdict, reason or text, given the same words"] = (wrong, "0", wrong == 0)
            targets["documents compared"] = (len(everything), ">= 20000", len(everything) >= 20_000)
        if not only or "own" in only:
            some = {kind: texts[:: max(1, len(texts) // int(500 * scale) or 1)] for kind, texts in documents.items()}
            few = [text for texts in some.values() for text in texts]
            said, given = ask(peer, "own", few, here), ask(peer, "given", few, here)
            compared = {name: compare(name, few, said) for name in OURS}
            parts["own"] = {
                "documents": {kind: len(texts) for kind, texts in some.items()},
                "grids": [_grid("each side with its own words and sentences", compared)],
                "why": {name: _why(name, said, given) for name in OURS},
            }
    return {"name": "oracle", "parts": parts, "targets": targets, "versions": versions("numpy", "pyarrow")}


# Documents


def _documents(folder: Path, here: Path, scale: float) -> dict[str, list[str]]:
    """Kind -> texts."""
    found = {
        "made-up, odd": list(odd_texts(int(8_000 * scale))),
        "made-up, prose": [
            text for table in tables(Spec(documents=int(4_000 * scale), other_scripts=0.5, columns=()), 0, int(4_000 * scale))
            for text in table["text"].to_pylist()
        ],
    }  # fmt: skip
    if folder.is_dir():
        real = {"archives": archives(folder, here), "pages": pages(folder), "paragraphs": _paragraphs(folder), "books": _books(folder)}
        for kind, texts in real.items():
            every = list(texts)
            found[kind] = every[:: max(1, round(1 / scale))]
    return found


def archives(folder: Path, here: Path) -> Iterator[str]:
    """Texts of the pages in web archives."""
    run(curate("run", write_recipe(here, "texts", RECIPE % folder), "-x", "inline", "--json", "--out", str(here / "texts")))
    for file in sorted((here / "texts" / "outputs" / "out").glob("*.parquet")):
        yield from pq.read_table(file, columns=["text"])["text"].to_pylist()


def pages(folder: Path) -> Iterator[str]:
    """Texts of the pages of the extraction sets."""
    stage = registry.lookup("extract_html")
    for file in sorted((folder / "extraction").glob("pages-*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        raw = [row["html"].encode("utf-8", "surrogatepass") if "html" in row else base64.b64decode(row["html_b64"]) for row in rows]
        html = pa.array(raw, pa.large_binary())
        nothing = pa.nulls(len(rows), pa.string())
        table = pa.table({"content": html, "mime": ["text/html"] * len(rows), "http_charset": nothing, "url": [row["url"] for row in rows]})
        yield from (text for text in stage(table)["text"].to_pylist() if text)  # type: ignore[operator]


def _paragraphs(folder: Path) -> Iterator[str]:
    """Ten and forty paragraphs of a language, at one break or two."""
    with gzip.open(folder / "multilingual" / "text.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    for number, (_, group) in enumerate(itertools.groupby(rows, key=lambda row: (row["lang"], row["source"]))):
        texts = [row["text"] for row in group]
        for size in (10, 40):
            for at in range(0, len(texts), size):
                yield ("\n\n", "\n")[(number + at) % 2].join(texts[at : at + size])


def _books(folder: Path) -> Iterator[str]:
    for file in sorted((folder / "books").glob("*.txt.gz")):
        text = gzip.decompress(file.read_bytes()).decode("utf-8", "replace")
        for size in (3_000, 30_000):
            yield from (text[at : at + size] for at in range(0, len(text), size))


# The two sides


def ask(peer: list[str], how: str, texts: list[str], here: Path) -> list[dict[str, Any]]:
    """What datatrove's filters say of each text, and last what that cost; see `peers/datatrove_filters.py`."""
    source, out = here / "documents.jsonl", here / "answers.jsonl"
    with source.open("w", encoding="utf-8") as file:
        for row in given_words(texts) if how.startswith("given") else ({"text": text} for text in texts):
            file.write(json.dumps(row) + "\n")
    run([*peer, how, str(source), str(out)])
    with out.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def given_words(texts: list[str]) -> Iterator[dict[str, Any]]:
    """Rows of `peers/datatrove_filters.py` with our words and sentences."""
    for at in range(0, len(texts), 1_000):
        few = texts[at : at + 1_000]
        words = Utf8.of_strings(list(few)).words()
        for k, text in enumerate(few):
            yield {"text": text, "words": words.to_list(k), "sentences": _sentences(text)}


def _sentences(text: str) -> dict[str, int]:
    """Sentences of every line datatrove may ask for: white space off, then citations."""
    lines = list({CITATION.sub("", line.strip()) for line in text.splitlines()})
    return dict(zip(lines, sentences(Utf8.of_strings(list(lines))).counts().tolist(), strict=True))


def verdicts(name: str, texts: list[str], variant: str | None = None) -> list[Any]:
    """What our stage says, in the form of datatrove's answers."""
    stage_name, own_variant = OURS[name]
    stage: Any = registry.lookup(stage_name)
    said: list[Any] = []
    for at in range(0, len(texts), 1_000):
        table = pa.table({"text": pa.array(texts[at : at + 1_000], pa.large_string())})
        columns = stage(table, variant=variant or own_variant)
        reasons = columns["drop_reason"].to_pylist()
        left = columns["text"].to_pylist() if "text" in columns else None
        said += reasons if left is None else [[r, r or zlib.crc32(t.encode())] for r, t in zip(reasons, left, strict=True)]
    return said


def compare(name: str, texts: list[str], said: list[dict[str, Any]], variant: str | None = None) -> dict[str, Any]:
    """Counts of documents: same, other, raised; how often each side drops; some that differ."""
    mine, renamed = verdicts(name, texts, variant), REASONS.get(name, {})
    same = other = raised = 0
    dropped: Counter[Any] = Counter()
    examples = []
    for text, ours, answer in zip(texts, mine, said[:-1], strict=True):
        theirs = answer[name]
        if isinstance(theirs, list):  # what is left of a text is compared where the document stays
            reason = renamed.get(theirs[0], theirs[0])
            theirs = [reason, reason or theirs[1]]
        else:
            theirs = renamed.get(theirs, theirs)
        reason = theirs[0] if isinstance(theirs, list) else theirs
        if (reason or "").startswith("error"):
            raised += 1
            continue
        dropped[reason] += 1
        if theirs == ours:
            same += 1
        else:
            other += 1
            examples.append(f"{name}: ours {ours}, datatrove {theirs}: {text[:80]!r} ({len(text)} characters)")
    return {
        "same": same, "other": other, "raised": raised, "dropped": len(texts) - raised - dropped[None],
        "reasons": len(set(dropped) - {None}), "examples": examples,
    }  # fmt: skip


def _grid(title: str, compared: dict[str, dict[str, Any]]) -> dict[str, Any]:
    columns = ["same", "other", "raised", "dropped", "reasons"]
    rows = [[name, *(c[k] for k in columns), f"{100 * c['same'] / max(1, c['same'] + c['other']):.2f} %"] for name, c in compared.items()]
    return {"title": title, "columns": ["filter", *columns, "agreement"], "rows": rows}


def _why(name: str, own: list[dict[str, Any]], given: list[dict[str, Any]]) -> dict[str, int]:
    """With our words -> with its own: which verdicts of datatrove itself change by the splitter, the commonest first."""

    def reason(answer: dict[str, Any]) -> Any:
        return answer[name][0] if isinstance(answer[name], list) else answer[name]

    changes = Counter((reason(a), reason(b)) for a, b in zip(given[:-1], own[:-1], strict=True))
    return {f"{a or 'kept'} -> {b or 'kept'}": n for (a, b), n in changes.most_common() if a != b}


def main() -> None:
    """Write what datatrove says of the texts that tests replay."""
    texts = list(odd_texts(REPLAYED))
    with scratch() as here:
        said = ask(peer_script("datatrove_filters", "datatrove_filters"), "given", texts, here)
        before = ask(peer_script("datatrove_0_2", "datatrove_filters"), "given:fineweb_quality", texts, here)
    found: dict[str, Any] = {"datatrove": [said[-1]["version"], before[-1]["version"]], "texts": zlib.crc32("\0".join(texts).encode())}
    for name in OURS:
        renamed = REASONS.get(name, {})
        found[name] = [
            [renamed.get(v[0], v[0]), v[1]] if isinstance(v, list) else renamed.get(v, v) for v in (answer[name] for answer in said[:-1])
        ]
    found["fineweb_quality_0_2"] = [REASONS["fineweb_quality"].get(a["fineweb_quality"], a["fineweb_quality"]) for a in before[:-1]]
    rows = ",\n".join(f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in found.items())
    Path(sys.argv[1]).write_text("{\n" + rows + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
