"""`curate ablate` where the truth is known: two halves of one corpus, boilerplate added, documents five times, copies that differ a little.

halves       a corpus is cut into two random halves, again and again: how often is one called better at 5 %? What the rule says, and beside
             it what a bootstrap of the targets' documents alone would say.
boilerplate  clean documents against the same ones with 30 % boilerplate (of the bytes of the document, real lines around the main text of
             crawled pages, of one page a document).
duplicates   all documents once against a fifth of them five times, each copy a document of its own.
near         the same, each copy with 1 % of its words replaced by others of the corpus.
speed        20 M tokens, one seed, a side: CPU-seconds and peak memory of a whole comparison.

The corpus: main texts of the crawled pages in ../shared/data/warc/built, and READMEs and Python files of packages as installed (2 to 40
kB), in random order until there are CORPUS_BYTES. Targets: Wikipedia (less its markup), books, questions with answers, papers, and Python
files of packages that are not in the corpus; TARGET_BYTES of each, documents of 8 kB at most. 1 M tokens, one seed, the small tokenizer of
the project.
"""

from __future__ import annotations

import bz2
import html
import json
import random
import re
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.measure import ROOT, run, scratch, versions

OPTIONS = {
    "data": "folder of the test data (default: ../shared/data)", "repeats": "random halves (100)", "draws": "of the other parts (10)",
}  # fmt: skip
CORPUS_BYTES = 18_000_000
TARGET_BYTES = 200_000
DOCUMENT_BYTES = 8_000
TOKENS = 1_000_000
SPEED_TOKENS = 20_000_000
BOILERPLATE = 0.3
COPIES = 5
REPLACED = 0.01


Document = tuple[str, str]
"""Id and text."""


def measure(scale: float, pairs: int, only: list[str], data: str | None, repeats: str | None, draws: str | None) -> dict[str, Any]:
    """Run the parts: halves, boilerplate, duplicates, near, speed."""
    folder = Path(data).resolve() if data else ROOT.parent / "shared" / "data"
    report: dict[str, Any] = {"name": "ablate", "parts": {}, "targets": {}, "missing": [], "versions": versions("numpy", "tokenizers")}
    if not (folder / "warc" / "built").is_dir():
        return report | {"missing": [f"no test data in {folder}; name the folder with --data"]}
    for part in only or ["halves", "boilerplate", "duplicates", "near", "speed"]:
        many = str(repeats or 100) if part == "halves" else str(draws or 10)
        with scratch() as here:
            used, said = run([sys.executable, "-m", "bench.ablate", part, str(folder), many, str(scale), str(here)])
        found = {**json.loads(said), "CPU-seconds": round(used.cpu_seconds), "peak MB": round(used.peak_bytes / 1e6)}
        report["parts"][part] = found
        if part == "halves":
            called = found["called different over all"]
            met = called <= 10 if many == "100" else None
            report["targets"]["of 100 random halves, called different over all"] = (called, "<= 10", met)
        elif part in ("boilerplate", "duplicates"):
            above, all_ = found["A below B"], f"{many} of {many}"
            report["targets"][f"{part}: the clean side is ranked above"] = (f"{above} of {many}", all_, above == int(many))
    return report


def corpus(folder: Path) -> list[str]:
    """Texts of the corpus, in random order."""
    from classifiers.defaults.sources import pages

    texts = [text.text for text in pages(folder / "warc" / "built") if text.what != "boilerplate"]
    texts += [text for name, text in _installed() if zlib.crc32(name.encode()) % 5]
    texts = sorted({text for text in texts if len(text) > 300})
    random.Random(0).shuffle(texts)
    chosen, size = [], 0
    for text in texts:
        if size < CORPUS_BYTES:
            chosen.append(text)
            size += len(text.encode())
    return chosen


def boilerplate(folder: Path) -> list[str]:
    """What stands around the main text of pages."""
    from classifiers.defaults.sources import pages

    return [text.text for text in pages(folder / "warc" / "built") if text.what == "boilerplate" and len(text.text) > 50]


def targets(folder: Path) -> dict[str, list[str]]:
    """The targets' documents: those with the smallest hashes."""
    from classifiers.defaults.sources import books, papers, posts

    found = {
        "wiki": list(_articles(folder / "wiki" / "enwiki-pages-articles-shortened.xml.bz2")),
        "books": [part for text in books(folder / "books") for part in _parts(text.text)],
        "q_and_a": [text.text for text in posts(folder / "stackexchange")],
        "math": [text.text for text in papers(folder / "arxiv")],
        "code": [text for name, text in _installed() if not zlib.crc32(name.encode()) % 5 and not text.startswith("Metadata")],
    }
    for name, texts in found.items():
        texts = sorted((t[:DOCUMENT_BYTES] for t in set(texts) if len(t) > 300), key=lambda text: zlib.crc32(text.encode()))
        size, found[name] = 0, []
        for text in texts:
            if size < TARGET_BYTES:
                found[name].append(text)
                size += len(text.encode())
    return found


def _root() -> Path:
    """The folder of installed packages."""
    found = find_spec("pyarrow")
    return Path(str(found and found.origin)).parent.parent


def _installed() -> Iterator[tuple[str, str]]:
    """Package, and a README or Python file of it."""
    root = _root()
    for path in sorted((*root.glob("*.dist-info/METADATA"), *root.glob("*/**/*.py"))):
        parts = path.relative_to(root).parts
        if 2_000 < path.stat().st_size < 40_000 and not {"tests", "test", "_vendor"} & {*parts}:
            yield parts[0].partition("-")[0].lower(), path.read_text("utf-8", "replace")


def _articles(file: Path) -> Iterator[str]:
    """Prose of articles, without templates, references, tables and links' marks."""
    for text in re.findall(r"<text[^>]*>([^<]*)</text>", bz2.decompress(file.read_bytes()).decode("utf-8", "replace")):
        text = re.sub(r"<ref[^>]*/>|<ref.*?</ref>|<!--.*?-->|\{\|.*?\|\}", "", html.unescape(text), flags=re.DOTALL)
        for _ in range(4):
            text = re.sub(r"\{\{[^{}]*\}\}|\[\[(?:File|Image|Category):[^\[\]]*\]\]", "", text)
        text = re.sub(r"\[\[(?:[^\[\]|]*\|)?([^\[\]]*)\]\]|'{2,}", r"\1", text)
        for part in re.split(r"\n==[^\n]*==\n", text):
            if not part.startswith("#"):
                yield re.sub(r"\n{2,}", "\n\n", part).strip()


def _parts(text: str) -> Iterator[str]:
    for i in range(0, len(text), DOCUMENT_BYTES):
        yield text[i : i + DOCUMENT_BYTES]


# -- the parts, each in a process of its own --------------------------------------------------------------


class Remembered:
    """A tokenizer that tokenises a text once: the same texts come again in every repeat."""

    def __init__(self) -> None:
        from curation.assets import resolve
        from stages.tokens.tokenizer_file import load

        self._of, self._known = load(str(resolve("tokens/default.json", Path.cwd()))), dict[str, Any]()

    def ids(self, text: str) -> Any:
        import numpy as np

        if text not in self._known:
            self._known[text] = np.array(self._of.ids(text), np.uint16)
        return self._known[text]

    def count(self, text: str) -> int:
        return len(self.ids(text))

    def size(self) -> int:
        return self._of.size()


def _judge(here: Path, given: list[str], tokenizer: Any, a: list[Document], b: list[Document], tokens: int, seed: int) -> list[Any]:
    """Results of a comparison, and whether the targets' documents alone would tell the sides apart."""
    import numpy as np

    from classifiers.ablate import commands, compare

    for name, texts in (("a", a), ("b", b)):
        lines = (json.dumps({"id": id_, "text": text}) for id_, text in texts)
        (here / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    settings = commands.Settings(tokens=tokens, seeds=1, seed=seed)
    files = (str(here / "a.jsonl"), str(here / "b.jsonl"))
    held, sides = commands.drawn(files, given, tokenizer, settings, commands.BLOCKS, lambda text: None)
    bits = []
    for side in sides:
        of_models = [found for found, _ in commands.trained(side.sample.blocks, held, tokenizer.size() + commands.SPECIAL, settings.order)]
        bits.append([np.array(of_target) for of_target in zip(*of_models, strict=True)])
    sizes = [target.bytes for target in held]
    rng = np.random.default_rng(seed)
    draws = [compare.resampled((x - y).mean(axis=0), size, rng) for x, y, size in zip(*bits, sizes, strict=True)]
    low, high = np.quantile(np.mean(draws, axis=0), [0.025, 0.975])
    return [compare.compare(bits, sizes, [target.name for target in held], seed), bool(low > 0 or high < 0)]


def _part(name: str, folder: Path, many: int, scale: float, here: Path) -> dict[str, Any]:
    given = []
    for target, held in targets(folder).items():
        (here / f"{target}.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in held), encoding="utf-8")
        given.append(f"{target}={here / f'{target}.jsonl'}")
    if name == "speed":
        return _speed(here, given, scale)
    texts, tokens = corpus(folder), int(TOKENS * scale)
    documents = [(f"d{i}", text) for i, text in enumerate(texts)]
    tokenizer, around = Remembered(), boilerplate(folder)
    sides: dict[str, Callable[[random.Random], tuple[list[Document], list[Document]]]] = {
        "halves": lambda r: _halves(documents, r), "boilerplate": lambda r: (documents, _with_boilerplate(documents, around, r)),
        "duplicates": lambda r: (documents, _copies(documents, r)), "near": lambda r: (documents, _near(documents, r)),
    }  # fmt: skip
    over_all, alone, any_target = [], 0, 0
    by_target: dict[str, Counter[str]] = {}
    changes = []
    for repeat in range(many):
        started = time.process_time()
        results, of_documents = _judge(here, given, tokenizer, *sides[name](random.Random(repeat)), tokens, repeat)
        over_all.append(results[-1].verdict)
        alone += of_documents
        any_target += any("better" in result.verdict for result in results[:-1])
        for result in results[:-1]:
            by_target.setdefault(result.name, Counter())[result.verdict] += 1
        changes.append(100 * results[-1].difference / results[-1].b)
        print(f"{repeat} {over_all[-1]} {changes[-1]:+.2f} % {time.process_time() - started:.1f} s", file=sys.stderr, flush=True)
    a, b = over_all.count("A is better"), over_all.count("B is better")
    return {
        "documents": len(texts), "bytes": sum(len(text.encode()) for text in texts), "comparisons": many,
        "A below B": sum(change < 0 for change in changes), "A better": a, "B better": b,
        "called different over all": a + b, "some target called different (Holm)": any_target,
        "called different by the documents of the targets alone": alone,
        "A, B better by target": {name: [said["A is better"], said["B is better"]] for name, said in by_target.items()},
        "bits per byte, A against B, %: least, mean, most": [round(v, 2) for v in (min(changes), sum(changes) / many, max(changes))],
    }  # fmt: skip


def _halves(documents: list[Document], r: random.Random) -> tuple[list[Document], list[Document]]:
    mixed = r.sample(documents, len(documents))
    return mixed[::2], mixed[1::2]


def _with_boilerplate(documents: list[Document], around: list[str], r: random.Random) -> list[Document]:
    found = []
    for id_, text in documents:
        wanted, lines = int(BOILERPLATE * len(text)), [""]
        while sum(map(len, lines)) < wanted:
            lines += r.choice(around).split("\n")
        said = "\n".join(lines)[:wanted]
        half = said.rfind("\n", 0, wanted // 2)
        found.append((id_, f"{said[:half]}\n{text}\n{said[half:]}"))
    return found


def _copies(documents: list[Document], r: random.Random) -> list[Document]:
    few = r.sample(documents, len(documents) // COPIES)
    return [(f"{id_}-{k}" if k else id_, text) for k in range(COPIES) for id_, text in few]


def _near(documents: list[Document], r: random.Random) -> list[Document]:
    words = [word for _, text in r.sample(documents, 200) for word in text.split()]
    return [
        (id_, re.sub(r"\w+", lambda m: r.choice(words) if r.random() < REPLACED else m[0], text)) for id_, text in _copies(documents, r)
    ]


def _speed(here: Path, given: list[str], scale: float) -> dict[str, Any]:
    """A comparison from the command line, of two halves of all Python files of the installed packages."""
    tokens = int(SPEED_TOKENS * scale)
    sizes = [0, 0]
    with (here / "a.jsonl").open("w", encoding="utf-8") as a, (here / "b.jsonl").open("w", encoding="utf-8") as b:
        for path in sorted(_root().glob("*/**/*.py")):
            side = zlib.crc32(str(path).encode()) % 2
            if 1_000 < path.stat().st_size < 200_000 and sizes[side] < 8 * tokens:
                text = path.read_text("utf-8", "replace")
                sizes[side] += (a, b)[side].write(json.dumps({"id": str(path), "text": text}) + "\n")
    options = [part for one in given for part in ("--target", one)]
    command = [sys.executable, "-m", "curation.cli", "ablate", str(here / "a.jsonl"), str(here / "b.jsonl"), *options]
    used, said = run([*command, "--tokens", str(tokens), "--seeds", "1", "--json"])
    found = json.loads(said)
    return {
        "tokens a side": tokens, "characters a side": sizes, "n-grams of a model by order": found["model"]["ngrams"]["a"],
        "whole comparison, CPU-seconds": round(used.cpu_seconds, 1), "whole comparison, peak MB": round(used.peak_bytes / 1e6),
    }  # fmt: skip


if __name__ == "__main__":
    what, data_, many_, scale_, here_ = sys.argv[1:]
    print(json.dumps(_part(what, Path(data_), int(many_), float(scale_), Path(here_))))
