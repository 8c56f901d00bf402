"""Documents of `bench kl`: ordinary pages, good unusual ones, planted outliers, each from one of two halves of the data.

The halves share no source: what the statistic was chosen on (`choosing`) has other sites, books, articles and other kinds of
outliers than what is reported (`reporting`). All lengths are drawn from one distribution, so that length tells nothing.
Everything is English, which the data has most of; a document is at most `LONGEST` words.

What was seen before: in bench/RESULTS.md.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import html
import itertools
import json
import re
import string
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import xxhash

MEDIAN_WORDS, SIGMA, LEAST, LONGEST = 300, 0.8, 50, 3_000
"""Lengths are log-normal, as in bench/corpus.py (ours)."""
Rng = np.random.Generator


@dataclass(frozen=True)
class Document:
    """kind: `ordinary`, or the name of a kind of good unusual document or planted outlier. label: ordinary, good or planted."""

    text: str
    label: str
    kind: str


BOOKS = {
    "choosing": ("frankenstein-84-0", "pride-and-prejudice-1342-0", "the-importance-of-being-earnest-pg844"),
    "reporting": ("a-tale-of-two-cities-98-0", "the-adventures-of-sherlock-holmes-pg1661", "war-and-peace-wap"),
}
VERSE = {
    "choosing": ("shakespeare-hamlet", "shakespeare-macbeth", "shakespeare-othello", "shakespeare-merchant"),
    "reporting": ("shakespeare-a_and_c", "shakespeare-dream", "shakespeare-j_caesar", "shakespeare-r_and_j", "genesis-english-kjv"),
}
SITES = {"choosing": ("matheducators.stackexchange.com",), "reporting": ("coffee.stackexchange.com", "meta.mathoverflow.net")}
PAPERS = {"choosing": ("plutus",), "reporting": ("monero", "ethereum")}
MANUALS = {"choosing": {"API": ("ghcode-cubed",)}, "reporting": {"API": ("ghcode-httpx", "ghcode-glue"), "lecture": ("ghmath-lilian",)}}
DIALECTS = {"choosing": ("sco",), "reporting": ("pcm", "jam")}


def half_of(name: str) -> str:
    """Which half a site or an article belongs to, by the hash of its name."""
    return "reporting" if xxhash.xxh3_64_intdigest(name.encode()) & 1 else "choosing"


# -- what the data holds --------------------------------------------------------------------------


@cache
def pages(data: Path) -> list[tuple[str, str]]:
    """(site, text) of the annotated English web pages."""
    found = []
    for path in sorted((data / "extraction").glob("pages-*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as f:
            for line in f:
                row = json.loads(line)
                if row["source"] == "wcxb-dev" and row["gold"] and row["lang"] in ("en", None):
                    found.append((row["url"].split("/")[2] if row["url"] else row["id"], row["gold"]))
    return found


@cache
def manuals(data: Path, sources: tuple[str, ...]) -> str:
    """Text of the pages of some documentation and lecture sites, one after the other."""
    texts = []
    for path in sorted((data / "extraction").glob("pages-*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as f:
            texts += [row["gold"] for row in map(json.loads, f) if row["source"].startswith(sources) and row["gold"]]
    return "\n\n".join(texts)


@cache
def articles(data: Path) -> list[tuple[str, str]]:
    """(title, wikitext) of the articles of the Wikipedia sample."""
    found = []
    with bz2.open(data / "wiki" / "enwiki-pages-articles-shortened.xml.bz2") as f:
        for _, node in ET.iterparse(f):
            if node.tag.endswith("}page"):
                title, text = node.findtext("{*}title") or "", node.findtext("{*}revision/{*}text") or ""
                if ":" not in title and not text.lower().startswith("#redirect"):
                    found.append((title, text))
                node.clear()
    return found


def plain(wikitext: str) -> str:
    """Prose of wikitext, roughly."""
    text = re.sub(r"<!--.*?-->|<ref[^>]*/>|<ref.*?</ref>|<math>.*?</math>", "", wikitext, flags=re.S)
    for _ in range(4):
        text = re.sub(r"\{\{[^{}]*\}\}", "", text)
    text = re.sub(r"\{\|.*?\|\}", "", text, flags=re.S)
    text = re.sub(r"\[\[(?:File|Image|Category)[^\[\]]*(?:\[\[[^\]]*\]\][^\[\]]*)*\]\]", "", text)
    text = re.sub(r"\[\[(?:[^\]|]*\|)?([^\]]*)\]\]", r"\1", text)
    text = re.sub(r"\[https?:\S* ?([^\]]*)\]|<[^>]+>|'{2,}|^[=*#:;|!{}]+.*$", r"\1", text, flags=re.M)
    return re.sub(r"\n{2,}", "\n\n", html.unescape(text)).strip()


@cache
def posts(data: Path, site: str) -> list[str]:
    """Posts of a Stack Exchange site without tags."""
    with gzip.open(data / "stackexchange" / site / "Posts.xml.gz") as f:
        root = ET.fromstring(f.read())
    return [html.unescape(re.sub(r"<[^>]+>", "", row.get("Body") or "")) for row in root]


@cache
def book(data: Path, name: str) -> str:
    return gzip.open(data / "books" / f"{name}.txt.gz", "rt", encoding="utf-8", errors="replace").read()


@cache
def papers(data: Path, groups: tuple[str, ...]) -> str:
    """LaTeX bodies of some papers, one after the other."""
    parts = []
    for folder in sorted((data / "arxiv").iterdir()):
        if folder.name.startswith(groups):
            for tex in sorted(folder.rglob("*.tex")):
                text = tex.read_text("utf-8", "replace")
                parts.append(text[text.find("\\section") :] if "\\section" in text else "")
    return "\n\n".join(parts)


@cache
def sentences(data: Path, language: str) -> list[str]:
    """Paragraphs and sentences of a language of the multilingual sample."""
    with gzip.open(data / "multilingual" / "text.jsonl.gz", "rt", encoding="utf-8") as f:
        return [row["text"] for row in map(json.loads, f) if row["lang"] == language]


# -- documents of a wanted length -----------------------------------------------------------------


def length(rng: Rng) -> int:
    """Words of a document."""
    return int(min(LONGEST, max(LEAST, rng.lognormal(np.log(MEDIAN_WORDS), SIGMA))))


def cut(text: str, rng: Rng) -> Iterator[str]:
    """Runs of lines of a long text, each of about a drawn length."""
    held: list[str] = []
    words, wanted = 0, length(rng)
    for line in text.splitlines():
        pieces = [line] if len(line) < 20_000 else re.findall(r".{1,4000}(?:\s|$)", line)
        for piece in pieces:
            held.append(piece)
            words += len(piece.split())
            if words >= wanted:
                yield "\n".join(held).strip()
                held, words, wanted = [], 0, length(rng)
    if words >= LEAST:
        yield "\n".join(held).strip()


def ordinary(data: Path, half: str, rng: Rng) -> list[str]:
    """Ordinary documents of a half, in an order of chance."""
    texts = [text for site, text in pages(data) if half_of(site) == half]
    texts += [plain(text) for title, text in articles(data) if half_of(title) == half]
    for site in SITES[half]:
        joined = "\n".join(posts(data, site))
        texts.append(joined)
    texts += [book(data, name) for name in BOOKS[half]]
    found = [piece for text in texts for piece in cut(text, rng) if len(piece.split()) >= LEAST]
    return [found[i] for i in rng.permutation(len(found)).tolist()]


def good(data: Path, half: str, rng: Rng) -> dict[str, list[str]]:
    """Good documents whose words are unlike those of most, by kind."""
    found = {"verse": [piece for name in VERSE[half] for piece in cut(book(data, name), rng)]}
    found["math"] = list(cut(papers(data, PAPERS[half]), rng))
    found["dialect"] = [piece for code in DIALECTS[half] for _ in range(6) for piece in cut(_shuffled(sentences(data, code), rng), rng)]
    found |= {kind: list(cut(manuals(data, sources), rng)) for kind, sources in MANUALS[half].items()}
    wiki = [(title, text) for title, text in articles(data) if half_of(title) == half]
    entries = [f"{title}: {_first_sentence(text)}" for title, text in wiki]
    linked = re.compile(r"\[\[([^\]|:]+)\]\],? ([^\[\]{}|<>\n.]{20,120}\.)")
    entries += [f"{m[1]}: {m[2].strip()}" for _, text in wiki for m in linked.finditer(text)]
    found["glossary"] = list(cut("\n".join(entries), rng))
    found["table"] = list(cut("\n".join(_tables(text) for _, text in wiki), rng))
    return {kind: [t for t in texts if len(t.split()) >= LEAST] for kind, texts in found.items()}


def _shuffled(lines: list[str], rng: Rng) -> str:
    return "\n".join(lines[i] for i in rng.permutation(len(lines)).tolist())


def _first_sentence(wikitext: str) -> str:
    return plain(wikitext).replace("\n", " ").partition(". ")[0][:300]


def _tables(wikitext: str) -> str:
    """Rows of the tables and infoboxes of an article, cells between bars."""
    rows = []
    for table in re.findall(r"\{\|.*?\|\}", wikitext, flags=re.S):
        cells = re.sub(r"^\|-.*$", "\0", table, flags=re.M)
        cells = re.sub(r"^[{|!]\|?[^|\n]*=[^|\n]*\|?|^\|\}", "", cells, flags=re.M)
        rows += [" | ".join(c.strip() for c in re.split(r"\n[|!]|\|\||!!", row) if c.strip()) for row in cells.split("\0")]
    rows += [" | ".join(pair) for pair in re.findall(r"^\s*\|\s*([\w ]+?)\s*=\s*([^|{}\n]+)$", wikitext, flags=re.M)]
    return plain("\n".join(r for r in rows if r))


# -- planted outliers -----------------------------------------------------------------------------


def _words_of(base: str) -> list[str]:
    return base.split()


def stuffing(data: Path, base: str, rng: Rng) -> str:
    """A few phrases over and over, with little between them."""
    words = _words_of(base)
    phrases = [" ".join(words[i : i + int(rng.integers(1, 4))]) for i in rng.integers(0, len(words) - 4, int(rng.integers(4, 15))).tolist()]
    return " ".join(phrases[k] for k in rng.integers(0, len(phrases), max(1, len(words) // 2)).tolist())


def base64_dump(data: Path, base: str, rng: Rng) -> str:
    """Lines of base64."""
    blob = base64.b64encode(rng.bytes(len(base) * 3 // 4)).decode()
    return "\n".join(blob[i : i + 76] for i in range(0, len(blob), 76))


def shuffled_letters(data: Path, base: str, rng: Rng) -> str:
    """Every word with its letters in an order of chance."""
    return " ".join("".join(rng.permutation(list(w)).tolist()) for w in _words_of(base))


def mojibake(data: Path, base: str, rng: Rng) -> str:
    """Text of another script read in a wrong charset."""
    lines = sentences(data, str(rng.choice(["rus", "ell", "kor", "bul"])))
    text = ""
    while len(text) < len(base):
        text += lines[int(rng.integers(len(lines)))] + "\n"
    return text[: max(80, len(base) // 2)].encode().decode(str(rng.choice(["cp1252", "latin-1"])), "replace")


def ocr_garbage(data: Path, base: str, rng: Rng) -> str:
    """A bad scan: letters taken for others, words broken, specks."""
    alike = dict(zip("eolimhastndgr", ["c", "0", "1", "!", "rn", "li", "u", "5", "f", "ri", "cl", "q", "v"], strict=True))
    rate, out = float(rng.uniform(0.25, 0.5)), []
    for letter, u in zip(base, rng.random(len(base)).tolist(), strict=True):
        speck = "~^.,'|*"[int(u * 1e6) % 7] if u > 1 - rate / 6 else letter
        out.append(alike.get(letter, letter) if u < rate else " " if u < rate * 1.2 else speck)
    return "".join(out)


def word_salad(data: Path, base: str, rng: Rng) -> str:
    """Words of chance: each from the vocabulary, whatever its frequency."""
    known = _vocabulary(data)
    return " ".join(known[i] for i in rng.integers(0, len(known), len(_words_of(base))).tolist())


@cache
def _vocabulary(data: Path) -> list[str]:
    texts = [text for _, text in pages(data)] + [plain(text) for _, text in articles(data)]
    return sorted({w for text in texts for w in re.findall(r"[a-z]{3,}", text.lower())})


def mixed_languages(data: Path, base: str, rng: Rng) -> str:
    """Spam of lines from many languages between English ones."""
    codes = ["deu", "fin", "hun", "tur", "pol", "vie", "ind", "swh", "nld", "ron", "eus", "est"]
    lines = re.split(r"(?<=[.\n])\s+", base)
    out = []
    for line in lines:
        foreign = sentences(data, codes[int(rng.integers(len(codes)))])
        out += [line] if rng.random() < 0.25 else [foreign[int(rng.integers(len(foreign)))][:200]]
    return "\n".join(out)


def seo_list(data: Path, base: str, rng: Rng) -> str:
    """Every service with every place, as pages made for search engines have it."""
    services = ["plumber", "locksmith", "roof repair", "cheap flights", "car rental", "hotel deals", "dentist", "payday loan", "movers"]
    made = _names(rng, 12)
    mine = [services[i] for i in rng.permutation(len(services))[:3].tolist()]
    parts = []
    while sum(len(p.split()) for p in parts) < len(_words_of(base)):
        place = made[int(rng.integers(len(made)))]
        for service in mine:
            parts.append(f"{service} {place}, best {service} near {place}, 24h {service} {place} {rng.integers(10_000, 99_999)}")
    return "\n".join(parts)


def _names(rng: Rng, n: int) -> list[str]:
    syllables = [
        "bel",
        "mor",
        "ton",
        "ham",
        "ville",
        "ford",
        "burg",
        "stead",
        "lin",
        "cas",
        "wes",
        "nor",
        "har",
        "kin",
        "ash",
        "wood",
        "field",
        "dale",
    ]
    return ["".join(syllables[i] for i in rng.integers(0, len(syllables), 3).tolist()).capitalize() for _ in range(n)]


def log_dump(data: Path, base: str, rng: Rng) -> str:
    """Lines of a server's log, or a stack trace of addresses."""
    out = []
    words = 0
    hosts = _names(rng, 5)
    while words < len(_words_of(base)):
        address = "".join(rng.choice(list("0123456789abcdef"), 12))
        a, b, c, d, e, f = rng.integers(0, 256, 6).tolist()
        day, clock = 1 + e % 28, f"{f % 24:02d}:{a % 60:02d}:{b % 60:02d}"
        line = [
            f"{a}.{b}.{c}.{d} - - [{day}/Mar/2021:{clock}] GET /{address}.php 404 {b * 31}",
            f"2021-03-{day:02d} {clock},{c} ERROR [{hosts[d % 5]}-{a}] com.{hosts[b % 5]}.Handler@{address[:7]} failed",
            f"#{a} 0x{address} in _Z{b}{address[4:]}E () from /usr/lib/lib{hosts[c % 5]}.so.{d % 9}",
        ][int(rng.integers(3))]
        out.append(line)
        words += len(line.split())
    return "\n".join(out)


def host_list(data: Path, base: str, rng: Rng) -> str:
    """Names of hosts, one a line: real ones."""
    hosts = _hosts(data)
    at = int(rng.integers(len(hosts)))
    return "\n".join(hosts[(at + k * 7) % len(hosts)] for k in range(max(20, len(_words_of(base)) // 3)))


@cache
def _hosts(data: Path) -> list[str]:
    found: list[str] = []
    for path in sorted((data / "lists" / "hosts").iterdir()):
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8", errors="replace") as f:
            found += [line.split()[-1] for line in f if line.strip() and not line.startswith("#")]
    return found


def substituted(data: Path, base: str, rng: Rng) -> str:
    """Every letter another, as a wrong font or keyboard gives it."""
    letters = list(string.ascii_lowercase)
    table = dict(zip(letters, rng.permutation(letters).tolist(), strict=True))
    return base.lower().translate(str.maketrans(table))


def spaced_letters(data: Path, base: str, rng: Rng) -> str:
    """Letters apart, to get past a filter of words."""
    gap = str(rng.choice([" ", ".", "-", " . "]))
    return "  ".join(gap.join(w) for w in _words_of(base)[: max(20, len(_words_of(base)) // 4)])


def lost_spaces(data: Path, base: str, rng: Rng) -> str:
    """Words run together, as bad converters leave them."""
    words, out = _words_of(base), []
    while words:
        n = int(rng.integers(2, 7))
        out.append("".join(words[:n]))
        words = words[n:]
    return " ".join(out)


def number_dump(data: Path, base: str, rng: Rng) -> str:
    """Rows of measured values."""
    columns = int(rng.integers(3, 9))
    rows = max(8, len(_words_of(base)) // columns)
    values = (rng.normal(0, 10 ** rng.uniform(0, 4), columns) for _ in range(rows))
    return "\n".join(",".join(f"{v:.{int(rng.integers(1, 6))}f}" for v in row) for row in values)


def pseudo_latin(data: Path, base: str, rng: Rng) -> str:
    """Filler text of made-up Latin."""
    stems = ["lor", "ipsum", "dol", "sit", "amet", "consect", "adipisc", "elit", "sed", "tempor", "incid", "labor", "magna", "aliqu",
             "enim", "minim", "veni", "nostr", "exerc", "ullam", "nisi", "commod"]  # fmt: skip
    ends = ["", "em", "or", "etur", "unt", "is", "ae", "us", "are"]
    return " ".join(stems[int(rng.integers(len(stems)))] + ends[int(rng.integers(len(ends)))] for _ in _words_of(base)).capitalize() + "."


def nonsense_words(data: Path, base: str, rng: Rng) -> str:
    """Words of a machine that knows which letter follows which: pronounceable, and no words."""
    after = _followers(data)
    out = []
    for _ in _words_of(base):
        word, state = "", " "
        while len(word) < 14:
            state = after[state][int(rng.integers(len(after[state])))]
            if state == " ":
                break
            word += state
        out.append(word or "a")
    return " ".join(out)


@cache
def _followers(data: Path) -> dict[str, str]:
    text = " ".join(_vocabulary(data)[::7])
    found: dict[str, list[str]] = {}
    for a, b in itertools.pairwise(text):
        found.setdefault(a, []).append(b)
    return {a: "".join(b) for a, b in found.items()}


def part_numbers(data: Path, base: str, rng: Rng) -> str:
    """A shop's list of part numbers and prices."""
    letters = list(string.ascii_uppercase)
    makers = _names(rng, 4)
    lines = []
    for _ in range(max(8, len(_words_of(base)) // 5)):
        code = "".join(rng.choice(letters, int(rng.integers(2, 5))).tolist()) + f"-{rng.integers(100, 99_999)}" + str(rng.choice(letters))
        lines.append(f"{makers[int(rng.integers(4))]} {code} in stock ${rng.integers(5, 900)}.{rng.integers(10, 99)}")
    return "\n".join(lines)


def url_list(data: Path, base: str, rng: Rng) -> str:
    """Addresses with their queries, one a line."""
    hosts = _names(rng, 30)
    lines = []
    for _ in range(max(8, len(_words_of(base)) // 8)):
        key = "".join(rng.choice(list(string.ascii_lowercase + string.digits), 16).tolist())
        one, other = (hosts[int(rng.integers(30))].lower() for _ in range(2))
        lines.append(f"https://www.{one}.example/p/{rng.integers(1e6)}?sid={key}&ref={other}")
    return "\n".join(lines)


def escaped(data: Path, base: str, rng: Rng) -> str:
    """Text in escapes of another program, twice."""
    lines = sentences(data, str(rng.choice(["rus", "fra", "deu", "spa"])))
    text = ""
    while len(text) < len(base) // 3:
        text += lines[int(rng.integers(len(lines)))] + " "
    return "".join(c if c.isascii() else f"&amp;#{ord(c)};" if len(base) % 2 else f"\\u{ord(c):04x}" for c in text)


def script_code(data: Path, base: str, rng: Rng) -> str:
    """A minified script."""
    letters = list(string.ascii_letters)

    def name() -> str:
        return "".join(rng.choice(letters, int(rng.integers(1, 4))).tolist())

    forms = (
        "function {}({},{}){{return {}.{}({})}}", "var {}={}[{}],{}={}({});", "if(!{}){{{}.{}={}}}",
        "{}.prototype.{}=function({}){{this._{}={}}};",
    )  # fmt: skip
    parts = []
    while sum(map(len, parts)) < len(base):
        form = forms[int(rng.integers(len(forms)))]
        parts.append(form.format(*(name() for _ in range(form.count("{}")))))
    return "".join(parts)


def tag_cloud(data: Path, base: str, rng: Rng) -> str:
    """Tags of a site, each many times with its count."""
    words = sorted({w.strip(".,;:").lower() for w in _words_of(base) if len(w) > 5}) or ["tag"]
    tags = [words[i] for i in rng.permutation(len(words))[:12].tolist()]
    return " ".join(f"{tags[int(rng.integers(len(tags)))]} ({rng.integers(1, 400)})" for _ in range(max(20, len(_words_of(base)) // 2)))


def spun(data: Path, base: str, rng: Rng) -> str:
    """Text with half its longer words replaced by others of the dictionary."""
    known = _vocabulary(data)
    return " ".join(known[int(rng.integers(len(known)))] if len(w) > 3 and rng.random() < 0.5 else w for w in _words_of(base))


Planter = Callable[[Path, str, Rng], str]
PLANTED: dict[str, tuple[Planter, ...]] = {
    "choosing": (
        stuffing, base64_dump, shuffled_letters, mojibake, ocr_garbage, word_salad, mixed_languages, seo_list, log_dump,
        host_list, substituted,
    ),
    "reporting": (
        spaced_letters, lost_spaces, number_dump, pseudo_latin, nonsense_words, part_numbers, url_list, escaped, script_code,
        tag_cloud, spun,
    ),
}  # fmt: skip


def planted(data: Path, half: str, bases: list[str], rng: Rng) -> list[tuple[str, str]]:
    """(kind, text) of an outlier for each base document: 40 to 100 % of it spoilt, in one stretch."""
    found = []
    for i, base in enumerate(bases):
        plant = PLANTED[half][i % len(PLANTED[half])]
        lines = base.split()
        keep = int(len(lines) * rng.uniform(0, 0.6))
        head, rest = " ".join(lines[:keep]), " ".join(lines[keep:])
        spoilt = plant(data, rest if len(rest.split()) > 8 else base, rng)
        found.append((plant.__name__, f"{head}\n\n{spoilt}" if rng.random() < 0.5 else f"{spoilt}\n\n{head}"))
    return found


def documents(data: Path, half: str, seed: int, most_ordinary: int, each_good: int, n_planted: int) -> tuple[list[str], list[Document]]:
    """(texts the reference is counted over, documents to be judged); they share no document.

    Two percent of the reference are outliers of the half's own kinds, as a crawl's would be.
    """
    rng = np.random.default_rng([seed, half == "reporting"])
    every = ordinary(data, half, rng)
    unusual = good(data, half, rng)
    chosen = {kind: [texts[i] for i in rng.permutation(len(texts)).tolist()] for kind, texts in unusual.items()}
    n = len(every)
    spare = n_planted + max(1, n // 100)
    bases, rest = every[:spare], every[spare:]
    judged_ordinary, reference = rest[: min(most_ordinary, len(rest) // 2)], rest[min(most_ordinary, len(rest) // 2) :]
    reference = reference + [text for _, text in planted(data, half, bases[n_planted:], rng)]
    judged = [Document(text, "ordinary", "ordinary") for text in judged_ordinary]
    judged += [Document(text, "planted", kind) for kind, text in planted(data, half, bases[:n_planted], rng)]
    judged += [Document(text, "good", kind) for kind, texts in chosen.items() for text in texts[:each_good]]
    # a web crawl holds a few pages of every good kind, too
    reference += [text for texts in chosen.values() for text in texts[each_good : each_good + max(1, len(reference) // 400)]]
    return reference, judged
