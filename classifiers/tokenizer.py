"""Train the small tokenizer `count_tokens` uses unless it is given another: byte-level BPE over many languages, code and LaTeX.

    python -m classifiers.tokenizer DATA [--tokens 16384] [--out stages/tokens/default.json] [--measure]

DATA is the folder of test data whose README names sources and licences. Read are only texts that may be derived from: sentences of
the multilingual sample, books in the public domain, LaTeX sources, pages of the hosts in HOSTS, and code: of the packages in CODE, as they
are installed. Each kind of text (a language, `code`, `latex`) has a share of all text: SHARES, and for the other
languages what the square root of their bytes gives; a kind with less text is read several times, of one with more not all is read.
Every HELD-th document is left out;
--measure trains nothing and prints what the file in --out, and others named with --beside, make of those.

Source:  byte-level BPE as GPT-2 has it; text is split by Llama 3's pattern (stages/tokens/tokenizer_file.py). The mixture is ours.
Units:   shares are of bytes of UTF-8. Tokens per byte of what was left out.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import tokenizers
from fastwarc.warc import ArchiveIterator, WarcRecordType
from tokenizers import decoders, models, pre_tokenizers, trainers

from curation.assets import HOME
from curation.stage import Batch
from stages.extract.extract_html import extract_html
from stages.tokens.tokenizer_file import PATTERNS, load

HOSTS = frozenset({"httpd.apache.org", "gobyexample.com"})
"""Licences: Apache-2.0, CC BY 3.0."""
CODE = (("numpy", "*.py"), ("pydantic", "*.py"), ("pyarrow", "*.h"))
"""Licences: BSD-3-Clause, MIT, Apache-2.0."""
BOOKS_LEFT_OUT = ("pg1342-2008", "-with-pg-header")
LANGUAGES = {
    "eng": "en", "deu": "de", "fra": "fr", "spa": "es", "por": "pt", "ita": "it", "nld": "nl", "pol": "pl", "rus": "ru", "ukr": "uk",
    "tur": "tr", "vie": "vi", "ind": "id", "arb": "ar", "ara": "ar", "pes": "fa", "heb": "he", "hin": "hi", "ben": "bn", "tam": "ta",
    "tha": "th", "kor": "ko", "jpn": "ja", "cmn": "zh", "ell": "el", "swe": "sv", "ces": "cs", "hun": "hu", "ron": "ro", "swh": "sw",
}  # fmt: skip
"""Languages with a share of their own (ISO 639-3 -> 639-1); all others are one kind."""
SHARES = {"en": 0.4, "code": 0.15, "latex": 0.07, "other": 0.05}
HELD = 10
LEAST_BYTES = 200_000
"""Bytes a kind counts as at least, when shares are made (ours)."""
MOST_TIMES = 12
"""Times a text is read at most (ours)."""


def documents(data: Path) -> Iterator[tuple[str, str]]:
    """(kind, text) of everything that is read, in a fixed order.

    Args:
        data: the folder of test data.
    """
    lines: dict[str, list[str]] = defaultdict(list)
    with gzip.open(data / "multilingual" / "text.jsonl.gz", "rt", encoding="utf-8") as f:
        for row in map(json.loads, f):
            lines[LANGUAGES.get(row["lang"], "other")].append(row["text"])
    for kind, texts in sorted(lines.items()):
        yield from ((kind, "\n".join(texts[at : at + 20])) for at in range(0, len(texts), 20))
    for row in map(json.loads, (data / "books" / "books.jsonl").read_text("utf-8").splitlines()):
        if not any(mark in row["id"] for mark in BOOKS_LEFT_OUT):
            text = gzip.decompress((data / "books" / row["file"]).read_bytes()).decode("utf-8")
            yield from ((row["lang"], text[at : at + 20_000]) for at in range(0, len(text), 20_000))
    yield from (("latex", path.read_text("utf-8", "replace")) for path in sorted((data / "arxiv").rglob("*.tex")))
    for package, pattern in CODE:
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise ValueError(f"code is read from the package {package}, which is not installed")
        yield from (("code", path.read_text("utf-8", "replace")) for path in sorted(Path(spec.origin).parent.rglob(pattern)))
    yield from _pages(data / "warc" / "built")


def _pages(folder: Path) -> Iterator[tuple[str, str]]:
    """Text of the pages of HOSTS, each once."""
    languages = {}
    for line in (folder / "pages.tsv").read_text("utf-8").splitlines()[1:]:
        fields = line.split("\t")
        if not fields[9] and fields[7] != "mul":  # nothing planted, one language
            languages[fields[1]] = fields[7]
    seen: set[str] = set()
    for file in sorted(folder.glob("*.warc.gz")):
        with open(file, "rb") as f:
            for record in ArchiveIterator(f, WarcRecordType.response):
                url = record.headers["WARC-Target-URI"]
                language = languages.get(record.record_id or "")
                if language is None or urlsplit(url).netloc not in HOSTS:
                    continue
                page = {
                    "content": [record.reader.read()], "mime": ["text/html"], "http_charset": [record.http_charset], "url": [url],
                }  # fmt: skip
                text = extract_html(Batch(pa.table(page)))["text"][0].as_py()
                if text and text not in seen:
                    seen.add(text)
                    yield language if language in LANGUAGES.values() else "other", text


def times(sizes: dict[str, int]) -> dict[str, float]:
    """How often each kind is read, on average, so that it has its share of the text.

    Args:
        sizes: bytes of each kind.
    """
    free = {kind: max(size, LEAST_BYTES) ** 0.5 for kind, size in sizes.items() if kind not in SHARES}
    rest = 1 - sum(share for kind, share in SHARES.items() if kind in sizes)
    share = {kind: SHARES.get(kind) or rest * free[kind] / sum(free.values()) for kind in sizes}
    whole = sizes["en"] / share["en"]
    return {kind: min(MOST_TIMES, whole * share[kind] / size) for kind, size in sizes.items()}


def repeated(texts: list[str], often: float) -> Iterator[str]:
    """Each text as often as it takes for `often` on average: one of two where that is 0.5."""
    for at, text in enumerate(texts):
        yield from [text] * (int(often * (at + 1)) - int(often * at))


def train(texts: Iterator[str], size: int) -> Any:
    """A tokenizer of `size` tokens, without special ones."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(tokenizers.Regex(PATTERNS["llama3"]), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=sorted(alphabet), special_tokens=[], show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def main() -> int:
    """Train, or measure; see the head of this file."""
    parser = argparse.ArgumentParser(prog="python -m classifiers.tokenizer", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--tokens", type=int, default=16_384)
    parser.add_argument("--out", type=Path, default=HOME / "stages" / "tokens" / "default.json")
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--beside", nargs="*", default=[])
    options = parser.parse_args()
    kept: dict[str, list[str]] = defaultdict(list)
    held: dict[str, list[str]] = defaultdict(list)
    for number, (kind, text) in enumerate(documents(options.data)):
        (held if number % HELD == 0 else kept)[kind].append(text)
    if options.measure:
        sys.stdout.write(measured(held, [str(options.out), *options.beside]))
        return 0
    sizes = {kind: sum(len(text.encode()) for text in texts) for kind, texts in sorted(kept.items())}
    often = times(sizes)
    sys.stderr.write("".join(f"{kind:<6} {size:>10,} bytes, {often[kind]:.2f} times\n" for kind, size in sizes.items()))
    tokenizer = train((text for kind in sizes for text in repeated(kept[kind], often[kind])), options.tokens)
    options.out.write_text(tokenizer.to_str(pretty=False) + "\n", encoding="utf-8")
    return 0


def measured(held: dict[str, list[str]], files: list[str]) -> str:
    """A table: tokens per 100 bytes of each kind of text, a column for each file."""
    rows = [["kind", "bytes", *(Path(file).name for file in files)]]
    for kind, texts in sorted(held.items()):
        size = sum(len(text.encode()) for text in texts)
        rows.append([kind, f"{size:,}", *(f"{100 * sum(map(load(file).count, texts)) / size:.1f}" for file in files)])
    return "".join("  ".join(cell.rjust(12) for cell in row) + "\n" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
