"""The one generator of every benchmark corpus: made-up documents, the same for a seed on any machine.

A word is drawn from its language's Zipf-Mandelbrot distribution (rank + 2.7) ** -1.1 over 30,000
words: the commonest are real function words, the others are strung together of the script's
syllables or characters. Words make sentences, sentences paragraphs; lengths in bytes are log-normal.
Document i depends on (seed, i) alone, so a corpus of any size is made in flat memory, and its
beginning is the beginning of a longer one.

Units: all lengths are bytes of UTF-8. Values ours.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

VERSION = 1
"""Part of a cached corpus's name: raise it when the same parameters give other documents."""
WORDS = 30_000
SLOTS = 1 << 20
"""Resolution of the Zipf table: the rarest words share slots by chance of rounding, a few get none."""
CHUNK_BYTES = 32 << 20
ROW_GROUP_ROWS = 8_192
ROW_GROUP_BYTES = 64 << 20


@dataclass(frozen=True)
class Language:
    """How text of one language is made up.

    share: of documents. common: real words, the commonest first. units: what other words are made of;
    low, high: how many. space: between words. stop, comma: marks. capital: sentences begin with one.
    """

    name: str
    script: str
    share: float
    common: str
    units: str
    low: int
    high: int
    space: str = " "
    stop: str = "."
    comma: str = ", "
    capital: bool = False


_LATIN = (
    "ba be bi bo da de di do fa fe ga ge ha he in an en er or st tr pl cr gr sh ch th la le li lo ma me mi mo na ne "
    "no pa pe ra re ri ro sa se si so ta te ti to va ve"
)
_CYRILLIC = (
    "ба бо ва ве во да де до за ка ко ла ле ли ло ма ме мо на не но ни па по ра ре ро са со ст та те то тр ца ша ша ни ем ов ан ен ость ть"
)
_ARABIC = "ا ب ت ج ح د ر س ش ع ف ق ك ل م ن ه و ي ة"
_DEVANAGARI = "क का की को ख ग च ज त ता ती द न ना नी प पा ब भ म मा य र रा री ल ला व श स सा ह हा"
_HAN = "".join(chr(c) for c in range(0x4E00, 0x4E00 + 2_400))
_KANA = "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをん"
_HANGUL = "가 나 다 라 마 바 사 아 자 하 고 노 도 로 모 보 소 오 조 기 니 디 리 미 비 시 이 지 은 을 는 를 인 한 장 정 성 원 전 동"
_THAI = "กา การ ขอ คน งาน จะ ชา ดี ตา ทำ นา บาน ปา ผล พา มา ยา รา ลา วา สา หา อา"

LANGUAGES = (
    Language("en", "Latin", 0.55,
        "the of and to a in is that for it as with was on be by are this from at or an have not which you they we has but "
        "all one can more their will other about if there when what so up out no its than who some time these two may "
        "then do first any my now such like our over", _LATIN, 2, 5, capital=True),
    Language("de", "Latin", 0.12,
        "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat "
        "dass sie nach wird bei einer um am sind noch wie einem über", _LATIN + " ü ö ä ung keit", 2, 6, capital=True),
    Language("fr", "Latin", 0.1,
        "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec son mais "
        "comme ou si leur y dont elle deux", _LATIN + " é è ê ion eau", 2, 5, capital=True),
    Language("es", "Latin", 0.08,
        "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha me si sin sobre "
        "este ya entre cuando todo esta ser", _LATIN + " ó í á ión dad", 2, 5, capital=True),
    Language("ru", "Cyrillic", 0.05,
        "и в не на что с по как это он к но из у за от так же для все мы вы бы о его она если или до только уже был когда",
        _CYRILLIC, 2, 5, capital=True),
    Language("zh", "CJK", 0.04,
        "的 一 是 不 了 在 人 有 我 他 这 个 们 中 来 上 大 为 和 国 地 到 以 说 时 要 就 出 会 可 也 你 对 生 能 而 子 "
        "那 得", _HAN, 1, 3, space="", stop="。", comma=","),
    Language("ar", "Arabic", 0.02,
        "في من على إلى أن هذا التي الذي ما لا كان عن مع هو هي قد بعد كل بين ذلك أو لم حتى هذه", _ARABIC, 3, 6, comma="، "),
    Language("ja", "CJK", 0.02,
        "の に は を た が で て と し れ さ ある いる も する から な こと として い や など なっ ない この ため その",
        _KANA + _HAN[:600], 1, 4, space="", stop="。", comma="、"),
    Language("hi", "Devanagari", 0.01,
        "के में की है और से का को पर यह कि एक ने हैं भी नहीं कर तो ही या हो था इस लिए जो", _DEVANAGARI, 2, 5, stop="।"),
    Language("ko", "Hangul", 0.005, "이 그 저 수 것 등 및 또는 있다 하는 있는 그리고 한다 에서 위해 대한 통해", _HANGUL, 2, 4),
    Language("th", "Thai", 0.005, "ที่ และ ใน ของ มี เป็น ได้ ว่า ไม่ ให้ จาก กับ โดย นี้", _THAI, 2, 4, space="", stop=" ", comma=" "),
)  # fmt: skip


@dataclass(frozen=True)
class Spec:
    """What a corpus is like.

    Args:
        documents: how many.
        mean_bytes: mean length of a text (before the rounding down to whole words: a few bytes less).
        sigma: of the log-normal distribution of lengths. max_bytes: longest text (0 = 50 means).
        other_scripts: share of documents that are not in Latin script.
        exact, near: share of documents that are copies of an earlier one, and copies with
            `edit` of their words replaced.
        columns: which of id, url, date, lang, copy_of stand beside `text` (copy_of: number of the
            document a copy is of, else -1).
        files: how many files the documents are cut into.
    """

    documents: int
    mean_bytes: int = 3_000
    sigma: float = 0.7
    max_bytes: int = 0
    other_scripts: float = 0.15
    exact: float = 0.0
    near: float = 0.0
    edit: float = 0.05
    columns: tuple[str, ...] = ("id", "url", "date")
    files: int = 1
    seed: int = 1

    @property
    def longest(self) -> int:
        return self.max_bytes or 50 * self.mean_bytes


# Vocabulary


@cache
def _vocabulary(language: Language) -> tuple[Any, Any]:
    """(UTF-8 bytes of all words, offsets): words 0..WORDS-1, then the same with a capital letter."""
    rng = np.random.default_rng(zlib.crc32(language.name.encode()))
    units = language.units.split() if " " in language.units else list(language.units)
    words = language.common.split()
    known = set(words)
    while len(words) < WORDS:
        # A rarer word is longer: half a unit more per tenfold rank.
        more = np.log10(len(words) + 1) / 2
        n = int(rng.integers(language.low, language.high + 1) * (0.6 + more / 4)) or 1
        word = "".join(units[k] for k in rng.integers(0, len(units), n))
        if word not in known or rng.random() < 0.02:
            known.add(word)
            words.append(word)
    words += [w[:1].upper() + w[1:] for w in words] if language.capital else words
    raw = [w.encode() for w in words]
    offsets = np.zeros(len(raw) + 1, np.int64)
    offsets[1:] = np.cumsum([len(w) for w in raw])
    return np.frombuffer(b"".join(raw), np.uint8), offsets


@cache
def _zipf() -> Any:
    """Word number of each slot: a uniform slot gives a Zipf-Mandelbrot word."""
    weight = (np.arange(WORDS) + 2.7) ** -1.1
    return np.searchsorted(np.cumsum(weight) / weight.sum(), (np.arange(SLOTS) + 0.5) / SLOTS).astype(np.int32)


@cache
def _tables() -> tuple[Any, ...]:
    """Everything the kernel needs, all languages side by side."""
    vocabularies = [_vocabulary(language) for language in LANGUAGES]
    starts = np.cumsum([0, *(len(data) for data, _ in vocabularies)])
    data = np.concatenate([d for d, _ in vocabularies])
    offsets = np.stack([o + start for (_, o), start in zip(vocabularies, starts[:-1].tolist(), strict=True)])
    marks = np.zeros((len(LANGUAGES), 3, 8), np.uint8)  # [language][space, stop, comma][length, bytes ...]
    for i, language in enumerate(LANGUAGES):
        for j, mark in enumerate((language.space, language.stop, language.comma)):
            raw = mark.encode()
            marks[i, j, 0] = len(raw)
            marks[i, j, 1 : 1 + len(raw)] = list(raw)
    return data, offsets, marks, _zipf()


def _shares(other: float) -> Any:
    """Cumulative share of each language when `other` of the documents are not Latin."""
    latin = np.array([language.script == "Latin" for language in LANGUAGES])
    share = np.array([language.share for language in LANGUAGES])
    share = np.where(latin, share * (1 - other) / share[latin].sum(), share * other / share[~latin].sum())
    return np.cumsum(share)


# Documents


def _kernel(function: Kernel) -> Kernel:
    return cast(Kernel, numba.njit(cache=True, nogil=True)(function))


@_kernel
def _mix(x: Any) -> Any:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@_kernel
def _draw(seed: Any, document: Any, stream: Any) -> Any:
    """64 random bits of a document, one of a few streams."""
    return _mix(
        _mix(np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(document)) + np.uint64(stream) * np.uint64(0xD1B54A32D192ED03)
    )


@_kernel
def _unit(bits: Any) -> Any:
    return np.float64(bits >> np.uint64(11)) / 9007199254740992.0


@_kernel
def _root(seed: Any, document: Any, exact: Any, near: Any) -> Any:
    """(document it is a copy of, itself if of none; 0 original, 1 exact, 2 near copy)."""
    at, kind = document, 0
    while at > 0:
        u = _unit(_draw(seed, at, 1))
        if u >= exact + near:
            break
        if at == document:
            kind = 1 if u < exact else 2
        at = np.int64(_draw(seed, at, 2) % np.uint64(at))
    return at, kind


@_kernel
def _plan_documents(
    seed: Any,
    first: Any,
    mean: Any,
    sigma: Any,
    longest: Any,
    exact: Any,
    near: Any,
    shares: Any,
    roots: Any,
    kinds: Any,
    languages: Any,
    targets: Any,
) -> None:
    shift = -sigma * sigma / 2
    for i in range(len(roots)):
        root, kind = _root(seed, first + i, exact, near)
        roots[i], kinds[i] = root, kind
        a, b = _unit(_draw(seed, root, 3)), _unit(_draw(seed, root, 4))
        normal = np.sqrt(-2 * np.log(1 - a)) * np.cos(2 * np.pi * b)
        targets[i] = min(longest, max(8.0, mean * np.exp(sigma * normal + shift)))
        u = _unit(_draw(seed, root, 5))
        language = 0
        while language < len(shares) - 1 and u >= shares[language]:
            language += 1
        languages[i] = language


@_kernel
def _write_documents(
    seed: Any,
    first: Any,
    edit: Any,
    data: Any,
    offsets: Any,
    marks: Any,
    zipf: Any,
    roots: Any,
    kinds: Any,
    languages: Any,
    targets: Any,
    out: Any,
    ends: Any,
) -> None:
    words = offsets.shape[1] // 2
    at = 0
    for i in range(len(roots)):
        language = languages[i]
        state = _draw(seed, roots[i], 6)
        own = _draw(seed, first + i, 7)
        bound = at + targets[i]
        begin = at
        in_sentence, in_paragraph = 0, 0
        sentence_words = np.int64(5 + (state >> np.uint64(7)) % np.uint64(20))
        paragraph = np.int64(3 + (state >> np.uint64(17)) % np.uint64(6))
        while True:
            state += np.uint64(0x9E3779B97F4A7C15)
            bits = _mix(state)
            word = zipf[bits >> np.uint64(44)]
            if kinds[i] == 2:
                own += np.uint64(0x9E3779B97F4A7C15)
                mine = _mix(own)
                if _unit(mine) < edit:
                    word = zipf[_mix(mine) >> np.uint64(44)]
            if in_sentence == 0:
                word += words
            low, high = offsets[language, word], offsets[language, word + 1]
            space = marks[language, 0, 0] if in_sentence else 0
            if at + space + high - low + 4 > bound and at > begin:
                break
            if space:
                out[at] = marks[language, 0, 1]
                at += 1
            for k in range(low, high):
                out[at] = data[k]
                at += 1
            in_sentence += 1
            if in_sentence >= sentence_words:
                for k in range(marks[language, 1, 0]):
                    out[at] = marks[language, 1, 1 + k]
                    at += 1
                in_sentence = 0
                in_paragraph += 1
                sentence_words = np.int64(5 + (bits & np.uint64(0xFFFF)) % np.uint64(20))
                if in_paragraph >= paragraph:
                    out[at] = 10
                    out[at + 1] = 10
                    at += 2
                    in_paragraph = 0
                    paragraph = np.int64(3 + ((bits >> np.uint64(16)) & np.uint64(0xFFFF)) % np.uint64(6))
                elif marks[language, 0, 0]:
                    out[at] = 32
                    at += 1
            elif (bits & np.uint64(0xF)) == 0 and at + 8 < bound:
                for k in range(marks[language, 2, 0] - (1 if marks[language, 0, 0] else 0)):
                    out[at] = marks[language, 2, 1 + k]
                    at += 1
        while at > begin and (out[at - 1] == 10 or out[at - 1] == 32):
            at -= 1
        if in_sentence:
            for k in range(marks[language, 1, 0]):
                out[at] = marks[language, 1, 1 + k]
                at += 1
        ends[i] = at


def tables(spec: Spec, first: int = 0, last: int | None = None) -> Iterator[pa.Table]:
    """Documents first <= i < last, a few thousand at a time: `text` and the columns asked for."""
    last = spec.documents if last is None else last
    step = max(1, min(65_536, CHUNK_BYTES // spec.mean_bytes))
    shares = _shares(spec.other_scripts)
    for at in range(first, last, step):
        n = min(step, last - at)
        roots, kinds, languages, targets = np.empty(n, np.int64), np.empty(n, np.int8), np.empty(n, np.int64), np.empty(n, np.int64)
        _plan_documents(
            spec.seed,
            at,
            float(spec.mean_bytes),
            spec.sigma,
            float(spec.longest),
            spec.exact,
            spec.near,
            shares,
            roots,
            kinds,
            languages,
            targets,
        )
        out, ends = np.empty(int(targets.sum()) + 256 * n, np.uint8), np.zeros(n + 1, np.int64)
        _write_documents(spec.seed, at, spec.edit, *_tables(), roots, kinds, languages, targets, out, ends[1:])
        text = pa.LargeStringArray.from_buffers(n, pa.py_buffer(ends), pa.py_buffer(out[: ends[-1]].copy()))
        yield pa.table({name: _column(name, spec, at, n, roots, kinds, languages, targets) for name in spec.columns} | {"text": text})


def _column(name: str, spec: Spec, first: int, n: int, roots: Any, kinds: Any, languages: Any, targets: Any) -> Any:
    numbers = np.arange(first, first + n, dtype=np.int64)
    if name == "id":
        digits = [xxhash.xxh3_128_hexdigest(b"%d:%d" % (spec.seed, i)) for i in range(first, first + n)]
        return pa.array(digits, pa.string())
    if name == "url":
        sites = _sites().take(pa.array(_zipf()[(numbers * 2654435761) % SLOTS]))
        return pc.binary_join_element_wise("https://", sites, "/page/", pa.array(numbers).cast(pa.string()), "")
    if name == "date":
        return pa.array(1_700_000_000_000_000 + (numbers * 7_919 % 31_536_000) * 1_000_000, pa.timestamp("us", tz="UTC"))
    if name == "lang":
        return pa.array([language.name for language in LANGUAGES], pa.string()).take(pa.array(languages))
    if name == "copy_of":
        return pa.array(np.where(kinds > 0, roots, -1), pa.int64())
    raise ValueError(f"a corpus has no column {name!r}")


@cache
def _sites() -> Any:
    """30,000 host names; the first are large sites."""
    data, offsets = _vocabulary(LANGUAGES[0])
    raw = data.tobytes()
    words = [raw[offsets[i] : offsets[i + 1]].decode() for i in range(WORDS)]
    return pa.array([f"www.{w}{i}.example" for i, w in enumerate(words)], pa.string())


# Files


def write_parquet(spec: Spec, folder: Path, compression: str = "zstd", level: int | None = 1) -> None:
    """`part-00000.parquet` ...: row groups of at most 8,192 rows and about 64 MB."""
    for number, (first, last) in enumerate(_parts(spec)):
        with _whole(folder / f"part-{number:05d}.parquet") as path:
            writer = None
            for table in tables(spec, first, last):
                writer = writer or pq.ParquetWriter(path, table.schema, compression=compression, compression_level=level)
                writer.write_table(table, row_group_size=max(1, min(ROW_GROUP_ROWS, ROW_GROUP_BYTES // spec.mean_bytes)))
            if writer:
                writer.close()


def write_jsonl(spec: Spec, folder: Path) -> None:
    """`part-00000.jsonl` ...: one object a line."""
    for number, (first, last) in enumerate(_parts(spec)):
        with _whole(folder / f"part-{number:05d}.jsonl") as path, open(path, "w", encoding="utf-8") as f:
            for table in tables(spec, first, last):
                if "date" in table.column_names:
                    table = table.set_column(
                        table.column_names.index("date"), "date", pc.strftime(table["date"], format="%Y-%m-%dT%H:%M:%SZ")
                    )
                f.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in table.to_pylist())


def write_warc(spec: Spec, folder: Path, distinct: int = 2_000) -> None:
    """`part-00000.warc.gz` ...: response records of made-up HTML pages, one gzip member each.

    The first `distinct` documents are compressed once and then repeated under fresh URLs, dates and
    record ids, so that a file of gigabytes is made in seconds. A corpus's `mean_bytes` is that of the page.
    """
    pages = [Page(text.encode()) for table in tables(replace(spec, columns=()), 0, min(distinct, spec.documents)) for text in _html(table)]
    for number, (first, last) in enumerate(_parts(spec)):
        with _whole(folder / f"part-{number:05d}.warc.gz") as path, open(path, "wb", buffering=1 << 20) as f:
            for i in range(first, last):
                f.write(pages[i % len(pages)].member(i))


class Page:
    """A page as the tail of a gzip member, to which a fresh WARC head is put in front."""

    def __init__(self, html: bytes) -> None:
        self.http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nServer: example\r\nContent-Length: %d\r\n\r\n" % len(
            html
        )
        self.tail = self.http + html + b"\r\n\r\n"
        squeeze = zlib.compressobj(6, zlib.DEFLATED, -15)
        self.packed = squeeze.compress(self.tail) + squeeze.flush()
        self.length = len(self.http) + len(html)

    def member(self, i: int) -> bytes:
        name = xxhash.xxh3_128_hexdigest(b"warc:%d" % i)
        head = (
            f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Date: 2024-03-{1 + i % 28:02d}T"
            f"{i // 3600 % 24:02d}:{i // 60 % 60:02d}:{i % 60:02d}Z\r\n"
            f"WARC-Record-ID: <urn:uuid:{name[:8]}-{name[8:12]}-{name[12:16]}-{name[16:20]}-{name[20:]}>\r\n"
            f"Content-Length: {self.length}\r\nContent-Type: application/http; msgtype=response\r\n"
            f"WARC-Target-URI: https://www.site{i % 9_973}.example/page/{i}\r\nWARC-IP-Address: 192.0.2.{i % 250}\r\n\r\n"
        ).encode()
        squeeze = zlib.compressobj(6, zlib.DEFLATED, -15)
        front = squeeze.compress(head) + squeeze.flush(zlib.Z_FULL_FLUSH)
        check = zlib.crc32(self.tail, zlib.crc32(head))
        size = (len(head) + len(self.tail)) & 0xFFFFFFFF
        return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + front + self.packed + check.to_bytes(4, "little") + size.to_bytes(4, "little")


_BEFORE = (
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Page</title><link rel="stylesheet" href="/site.css">'
    '<script>window.dataLayer=window.dataLayer||[];</script></head>\n<body><header><nav><ul><li><a href="/">Home</a></li>'
    '<li><a href="/news">News</a></li><li><a href="/about">About</a></li></ul></nav></header>\n<main><article><h1>Page</h1>\n<p>'
)
_AFTER = '</p>\n</article></main>\n<footer><p>Copyright Example. <a href="/terms">Terms</a></p></footer></body></html>\n'


def _html(table: pa.Table) -> list[str]:
    body = pc.replace_substring(table["text"], "\n\n", '</p>\n<p class="text">')
    return [_BEFORE + text + _AFTER for text in body.to_pylist()]


def _parts(spec: Spec) -> list[tuple[int, int]]:
    edges = [spec.documents * k // spec.files for k in range(spec.files + 1)]
    return list(itertools.pairwise(edges))


class _whole:
    """A file that stands under its name only when it is whole."""

    def __init__(self, path: Path) -> None:
        self.path, self.temporary = path, path.with_name(f".{path.name}.part")

    def __enter__(self) -> Path:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return self.temporary

    def __exit__(self, kind: Any, *rest: Any) -> None:
        if kind is None:
            os.replace(self.temporary, self.path)
        else:
            self.temporary.unlink(missing_ok=True)


WRITERS = {"parquet": write_parquet, "jsonl": write_jsonl, "warc": write_warc}


def describe(spec: Spec) -> dict[str, Any]:
    """Lengths and scripts of a corpus, from its first 20,000 documents (all, if fewer)."""
    sizes: list[Any] = []
    scripts: dict[str, int] = {}
    copies = 0
    for table in tables(replace(spec, columns=("lang", "copy_of")), 0, min(spec.documents, 20_000)):
        sizes.append(pc.binary_length(table["text"]).to_numpy())
        for entry in pc.value_counts(table["lang"]).to_pylist():
            script = next(language.script for language in LANGUAGES if language.name == entry["values"])
            scripts[script] = scripts.get(script, 0) + entry["counts"]
        copies += int((table["copy_of"].to_numpy() >= 0).sum())
    lengths = np.concatenate(sizes)
    return {
        "documents": spec.documents, "mean_bytes": round(float(lengths.mean()), 1),
        "bytes_quantiles": {str(q): int(np.quantile(lengths, q)) for q in (0.05, 0.5, 0.95, 1.0)},
        "scripts": {s: round(n / len(lengths), 4) for s, n in sorted(scripts.items(), key=lambda item: -item[1])},
        "copies": round(copies / len(lengths), 4), "seed": spec.seed,
    }  # fmt: skip


def main() -> None:
    """Make a corpus in a folder and print what it is like, as JSON; see `bench.measure.corpus`."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.corpus", description="Make a benchmark corpus. Example: python -m bench.corpus /tmp/c '{\"documents\": 1000}'"
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("spec", help="JSON of the fields of Spec")
    parser.add_argument("--kind", choices=list(WRITERS), default="parquet")
    options = parser.parse_args()
    raw = json.loads(options.spec)
    if "columns" in raw:
        raw["columns"] = tuple(raw["columns"])
    spec = Spec(**raw)
    WRITERS[options.kind](spec, options.folder)
    files = sorted(p for p in options.folder.iterdir() if not p.name.startswith("."))
    facts = {**describe(spec), "file_bytes": sum(p.stat().st_size for p in files), "spec": asdict(spec)}
    json.dump(facts, sys.stdout)


if __name__ == "__main__":
    main()
