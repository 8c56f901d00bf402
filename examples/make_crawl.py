"""Write the sample crawl, examples/crawl/*.warc.gz, the two small block lists in examples/lists/, and a benchmark of a few items.

    python examples/make_crawl.py            write the files
    python examples/make_crawl.py --check    exit with 1 if the files on disk are not what would be written
    python examples/make_crawl.py --list     print a table of the captures and of what is planted in each

The crawl is invented from end to end: the text was written for this project (crawl_text.py, crawl_langs.py), every
host name is reserved for examples or tests, and so are the e-mail, phone, IP and card numbers. It holds two
snapshots of about forty sites, so that pages are crawled again, and most of the things that go wrong in a crawl.

`pages()` yields one Record for each capture. Its `planted` is a comma-separated list of tags, the first of which
is the class of the capture:

    good        a page that should be kept; the second tag is its kind (article, forum, code, math, product, ...)
    superseded  an older capture of a page that was crawled again with success
    recrawl     a later capture that is worse than the older good one (an error page, or a soft error)
    revisit     a WARC revisit record: there is no page in it
    variant     the same page at another spelling of its URL
    dup         the text of a good page at another address (exact: the same text, near: an edited copy,
                retyped: the same words between other marks)
    pii         a page with invented personal data, listed in `pii`
    blocked     a page of a site on examples/lists/
    http        a response whose status is not 200
    type        a response that is not HTML
    thin        a page of links or teasers
    bad         a page that filters should drop; the second tag says why
    truncated   a response of which the end is missing
    damaged     a record whose bytes are damaged in the file

Everything is drawn from seeded generators and no time of day is used, so that each run writes the same bytes. The
gzip members hold stored blocks which are laid out here: what zlib makes of the same input may differ from one
version to the next. The files are then as large as their content, which is small enough.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import crawl_html as web
from crawl_langs import LANGUAGES, TITLES
from crawl_text import CODE, CODE_PROSE, ENGLISH, ENGLISH_TITLES, FORUM, MATH, MATH_REMARKS, NAMES, PROBLEMS, PRODUCTS
from crawl_warc import chunked, damaged, digest, gzip_member, pdf, png, stored, warc_record, zlib_stream

HERE = Path(__file__).resolve().parent
OLD, NEW = "2023-10", "2024-05"
STARTS = {OLD: datetime(2023, 9, 21, 6, 10, tzinfo=UTC), NEW: datetime(2024, 2, 24, 5, 40, tzinfo=UTC)}

LISTS = {
    "adult.txt": (
        "# Invented adult sites of the sample crawl: a domain (with its subdomains) or a host, one a line.",
        "velvet-hour.example",
        "rooms.redlantern.example.net",
        "unvisited-lounge.test",
    ),
    "malware.txt": (
        "# Invented phishing and malware sites of the sample crawl: a domain (with its subdomains) or a host.",
        "free-login-check.test",
        "cdn.downloads-now.example",
        "prize-parcel.test",
    ),
}

T = TypeVar("T")


# --- chance --------------------------------------------------------------------------------------------------


class Dice:
    """Seeded choices, built on random() alone: the one method that stays the same in every Python version."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed).random

    def below(self, n: int) -> int:
        """A number from 0 to n - 1."""
        return int(self._random() * n)

    def between(self, low: int, high: int) -> int:
        """A number from low to high, both included."""
        return low + self.below(high - low + 1)

    def chance(self, share: float) -> bool:
        """True in this share of the calls."""
        return self._random() < share

    def pick(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[self.below(len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in another order."""
        out = list(items)
        for i in range(len(out) - 1, 0, -1):
            j = self.below(i + 1)
            out[i], out[j] = out[j], out[i]
        return out

    def noise(self, n: int) -> bytes:
        """n bytes."""
        return bytes(self.below(256) for _ in range(n))


class Deck:
    """Sentences dealt from a shuffled deck, so that pages made one after the other share few of them."""

    def __init__(self, text: str, dice: Dice) -> None:
        self.lines = text.strip().splitlines()
        self._dice = dice
        self._rest: list[str] = []

    def deal(self, n: int, used: set[str]) -> list[str]:
        """Up to n sentences that are not in `used`, which are added to it."""
        out: list[str] = []
        for _ in range(2 * len(self.lines)):
            if len(out) == n or len(used.intersection(self.lines)) == len(self.lines):
                break
            if not self._rest:
                self._rest = self._dice.shuffled(self.lines)
            line = self._rest.pop()
            if line not in used:
                used.add(line)
                out.append(line)
        return out


def fill(text: str, dice: Dice) -> str:
    """The text with {a|b}, {3-9} and {name} filled in."""

    def choose(match: re.Match[str]) -> str:
        inside = str(match[1])
        if inside in NAMES:
            return dice.pick(NAMES[inside])
        if span := re.fullmatch(r"(\d+)-(\d+)", inside):
            return str(dice.between(int(span[1]), int(span[2])))
        return dice.pick(inside.split("|"))

    return re.sub(r"\{([^{}]*)\}", choose, text)


def letters(text: str) -> int:
    """How many letters and digits are in the text: shares of n-grams are shares of these."""
    return sum(c.isalnum() for c in text)


def threaded(words: Sequence[str], phrase: str, share: float) -> str:
    """The words with a phrase put between them so often, at even distances, that this share of the letters is its own."""
    copies = round(letters(" ".join(words)) * share / (1 - share) / letters(phrase))
    cuts = [len(words) * k // (copies + 1) for k in range(copies + 2)]
    return f" {phrase} ".join(" ".join(words[a:b]) for a, b in pairwise(cuts)) + "."


def quoted(texts: Sequence[str], passage: Sequence[str], copies: int, share: float) -> list[str]:
    """The texts with the start of a passage put at the end of some, so long that this share of the letters is in its later copies."""
    size = share * letters(" ".join(texts)) / (copies - 1 - share * copies)
    words = " ".join(passage).split()
    sums = list(accumulate(map(letters, words)))
    n = min(range(len(words)), key=lambda k: abs(sums[k] - size))
    quote = " ".join(words[: n + 1]).rstrip(".,;:") + "."
    out = list(texts)
    for k in range(copies):
        out[k * len(out) // copies] += " " + quote
    return out


# --- the plan ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Article:
    """A title and paragraphs of plain text, and how the page around them looks."""

    title: str
    texts: tuple[str, ...]
    host: str
    lang: str = "en"
    layout: str = "blog"
    day: str = "2023-09-12"
    related: tuple[str, ...] = ()
    used: frozenset[str] = frozenset()  # the sentences in it, before their alternatives are chosen


@dataclass(frozen=True)
class Capture:
    """A planned response: what is fetched, how it is sent, and what is planted in it."""

    url: str
    planted: str
    body: bytes
    snapshot: str
    lang: str = ""
    status: int = 200
    content_type: str = "text/html; charset=utf-8"
    coding: str = ""  # Content-Encoding: gzip, deflate, raw-deflate, or claimed (gzip, but sent plain)
    chunked: bool = False
    truncated: str = ""  # WARC-Truncated
    location: str = ""
    late: bool = False  # after everything else of its snapshot
    of: str = ""  # the URL of the page that this one repeats
    pii: tuple[str, ...] = ()
    article: Article | None = None
    kind: str = "response"


@dataclass(frozen=True)
class Record:
    """A capture as it was written, for tests to compare with."""

    file: str
    record_id: str
    url: str
    status: int
    lang: str
    planted: str
    date: str
    kind: str = "response"
    of: str = ""
    pii: tuple[str, ...] = ()


def render(article: Article, charset: str | None = "utf-8", html_lang: str | None = None, extra: str = "") -> str:
    """The HTML of an article."""
    return web.page(
        web.paragraphs(list(article.texts)) + extra,
        article.title,
        article.host,
        article.lang,
        article.layout,
        charset,
        html_lang,
        article.day,
        list(article.related),
    )


def slug(title: str) -> str:
    """The title as a path segment."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


ENGLISH_SITES: list[tuple[str, tuple[str, ...], str, int]] = [
    ("www.hedgerow-notes.example", ("garden", "birds", "weather"), "blog", 11),
    ("slowwheels.example", ("bike", "trains", "workshop"), "blog", 10),
    ("observatory.lanternhill.example", ("sky", "weather", "birds"), "old", 9),
    ("kitchen.copperpot.example", ("kitchen", "books", "garden"), "news", 10),
    ("ashbourne-mills.example.org", ("history", "music", "harbour"), "blog", 10),
    ("news.harbourpost.example", ("harbour", "weather", "trains"), "news", 11),
    ("tinkerbench.example.com", ("workshop", "music", "books"), "blog", 9),
]

# For each language: its site, the first word of its paths, and how each of its pages is encoded and where it says so
# (meta, header, both, none, or the name of a wrong charset in the header).
LANGUAGE_SITES: dict[str, tuple[str, str, list[tuple[str, str]]]] = {
    "de": ("www.gartenbuch.example", "artikel", [
        ("utf-8", "both"), ("cp1252", "header"), ("utf-8", "meta"), ("cp1252", "none"), ("utf-8", "both"), ("utf-8", "both")]),
    "fr": ("carnets.riviere.example", "billets", [
        ("utf-8", "both"), ("cp1252", "meta"), ("utf-8", "both"), ("cp1252", "utf-8"), ("utf-8", "header"), ("utf-8", "both")]),
    "es": ("cielo-abierto.example", "notas", [
        ("utf-8", "both"), ("cp1252", "header"), ("utf-8-sig", "none"), ("utf-8", "both"), ("utf-8", "meta"), ("utf-8", "both")]),
    "it": ("quaderni.orto.example", "note", [("utf-8", "both"), ("cp1252", "meta")] + [("utf-8", "both")] * 4),
    "pt": ("cidade-antiga.example", "textos", [("utf-8", "both"), ("cp1252", "header")] + [("utf-8", "meta")] * 4),
    "ru": ("zapiski.example.org", "statya", [
        ("koi8-r", "meta"), ("cp1251", "header"), ("utf-8", "both"), ("cp1251", "none"), ("koi8-r", "none"), ("utf-8", "both"),
        ("utf-8", "none")]),
    "pl": ("ogrodnik.example", "wpis", [("utf-8", "both"), ("iso-8859-2", "meta")] + [("utf-8", "both")] * 4),
    "tr": ("yol-defteri.example", "yazi", [("utf-8", "both"), ("cp1254", "header")] + [("utf-8", "both")] * 4),
    "vi": ("vuon-nha.example", "bai", [("utf-8", "both"), ("utf-8", "none")] + [("utf-8", "meta")] * 4),
    "zh": ("caiyuan.example", "wen", [
        ("gb18030", "meta"), ("gb18030", "header"), ("utf-8", "both"), ("gb18030", "none"), ("utf-8", "both"), ("utf-8", "meta")]),
    "ja": ("tabi.example.net", "kiji", [
        ("shift_jis", "meta"), ("euc-jp", "header"), ("utf-8", "both"), ("shift_jis", "none"), ("euc-jp", "meta"), ("utf-8", "both")]),
    "ar": ("falak.example", "maqal", [("utf-8", "both"), ("cp1256", "meta")] + [("utf-8", "both")] * 4),
    "hi": ("rasoi.example", "lekh", [("utf-8", "both")] * 5 + [("utf-8", "none")]),
}  # fmt: skip

DECLARED = {"cp1252": "iso-8859-1", "cp1251": "windows-1251", "cp1254": "windows-1254", "cp1256": "windows-1256", "utf-8-sig": "utf-8"}

LOREM = (
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore "
    "magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea commodo "
    "consequat. Duis aute irure dolor in reprehenderit in voluptate velit esse cillum dolore eu fugiat nulla "
    "pariatur. Excepteur sint occaecat cupidatat non proident, sunt in culpa qui officia deserunt mollit anim id est "
    "laborum."
)

LONG_WORDS = (
    "internationalisation characterisation interdepartmental misunderstandings counterrevolutionary electromagnetism "
    "disproportionately telecommunications institutionalisation incomprehensibility photosynthetically "
    "autobiographical environmentalist administratively crystallographic transcontinental hydroelectricity "
    "responsibilities experimentation interchangeability"
)

SHORT_WORDS = "a I we go to it as he is in an ox by us on my up so do at of be or no if me am ax hi ok"

KEYWORDS = (
    "cheap bicycle pump buy pump online discount tyre shop best price garden hose sale free shipping lamp offer "
    "wholesale kettle coupon outlet bargain deal saddle bag clearance voucher brand new quality original warehouse"
)

SWAPS = {
    "small": "little",
    "often": "frequently",
    "about": "roughly",
    "because": "since",
    "nearly": "almost",
    "old": "ancient",
    "good": "fine",
    "large": "big",
    "quiet": "silent",
    "evening": "night",
    "morning": "dawn",
    "usually": "normally",
    "several": "a few",
    "three": "four",
    "every": "each",
    "found": "discovered",
    "left": "departed",
    "still": "even now",
}


class Plan:
    """Draws up the captures, one kind of page at a time."""

    def __init__(self) -> None:
        self.dice = Dice("curate sample crawl")
        self.captures: list[Capture] = []
        self.decks: dict[tuple[str, str], Deck] = {}
        for lang, topics in {"en": ENGLISH, **LANGUAGES}.items():
            for topic, text in topics.items():
                self.decks[lang, topic] = Deck(text, Dice(f"deck {lang} {topic}"))
        self.decks["en", "code"] = Deck(CODE_PROSE, Dice("deck code"))
        self.decks["en", "math"] = Deck(MATH_REMARKS, Dice("deck math"))
        self.english_articles()
        self.language_pages()
        self.forum()
        self.code()
        self.math()
        self.shop()
        self.tables_and_lists()
        self.url_variants()
        self.copies()
        self.recrawls()
        self.personal_data()
        self.blocked_sites()
        self.errors()
        self.other_types()
        self.bad_pages()
        self.truncated()
        self.pages_without_text()
        self.repetitive_pages()
        self.filtered_pages()
        self.clauses()
        self.quizzes()

    # --- helpers ---

    def add(self, url: str, planted: str, html: str | bytes, snapshot: str = OLD, **more: object) -> Capture:
        """Plan a capture; the HTML is encoded as UTF-8 if it is not bytes already."""
        body = html.encode() if isinstance(html, str) else html
        capture = Capture(url, planted, body, snapshot, **more)  # type: ignore[arg-type]
        self.captures.append(capture)
        return capture

    def compose(self, lang: str, topics: Sequence[str], sentences: int, used: set[str] | None = None) -> tuple[str, ...]:
        """Paragraphs with about this many sentences, mostly on the first topic; `used` ones are avoided and noted."""
        dice, texts = self.dice, list[str]()
        used = set() if used is None else used
        glue = "" if lang in ("zh", "ja") else " "
        while sentences > 0:
            topic = topics[0] if dice.chance(0.55) else dice.pick(topics)
            dealt = self.decks[lang, topic].deal(min(sentences, dice.between(2, 4)), used)
            if not dealt:
                dealt = self.decks[lang, dice.pick([t for k, t in self.decks if k == lang and t in topics])].deal(2, used)
            if dealt:
                texts.append(glue.join(fill(line, dice) for line in dealt))
            sentences -= max(1, len(dealt))
        return tuple(texts)

    def title(self, lang: str, topic: str = "") -> str:
        """A title."""
        return fill(self.dice.pick(ENGLISH_TITLES[topic] if lang == "en" else TITLES[lang]), self.dice)

    def english(self, host: str, topics: Sequence[str], sentences: int, layout: str = "blog", day: str = "") -> Article:
        """An English article."""
        dice = self.dice
        related = tuple(self.title("en", dice.pick(topics)) for _ in range(4))
        day = day or f"{dice.between(2018, 2023)}-{dice.between(1, 9):02d}-{dice.between(1, 28):02d}"
        used: set[str] = set()
        texts = self.compose("en", topics, sentences, used)
        return Article(self.title("en", topics[0]), texts, host, "en", layout, day, related, frozenset(used))

    def good(self, kind: str = "") -> list[Capture]:
        """The good captures of the older snapshot that are plain articles."""
        return [c for c in self.captures if c.planted.startswith("good,article") and c.snapshot == OLD and c.article and kind in c.planted]

    # --- good pages ---

    def english_articles(self) -> None:
        """Articles of the seven English sites; the last three of each were first crawled in the newer snapshot."""
        sendings: list[dict[str, object]] = [
            {"coding": "gzip"},
            {"chunked": True},
            {"coding": "deflate"},
            {"coding": "gzip", "chunked": True},
            {"coding": "raw-deflate"},
            {"coding": "claimed"},
        ]
        for s, (host, topics, layout, count) in enumerate(ENGLISH_SITES):
            for i in range(count):
                main = topics[0] if i % 3 < 2 else topics[1 + i // 3 % 2]
                order = (main, *[t for t in topics if t != main])
                length = (54, 40)[s % 2] if i == 4 else self.dice.between(11, 24)
                attic = layout == "old" and i in (1, 6)
                article = self.english(host, order, length, "attic" if attic else layout)
                url = f"https://{host}/{article.day[:4]}/{slug(article.title)}-{i + 1}/"
                how: dict[str, object] = {}
                planted = "good,article" + (",layout:table" if attic else "")
                if i == 2:
                    how = dict(sendings[s % len(sendings)])
                    planted += ",sent:" + "+".join("chunked" if v is True else str(v) for v in how.values())
                body = render(article).encode()
                content_type = "text/html; charset=utf-8"
                if host.startswith("observatory") and i == 5:
                    body, content_type = render(article, "utf-16").encode("utf-16"), "text/html"
                    planted += ",charset:utf-16"
                if host.startswith("slowwheels") and i == 6:
                    content_type = "application/xhtml+xml"
                    planted += ",xhtml"
                self.add(url, planted, body, NEW if i >= count - 3 else OLD, lang="en", article=article, content_type=content_type, **how)

    def language_pages(self) -> None:
        """Articles in thirteen languages and many charsets; some with a wrong lang attribute."""
        for lang, (host, word, charsets) in LANGUAGE_SITES.items():
            for i, (codec, says) in enumerate(charsets):
                topics = self.dice.shuffled(list(LANGUAGES[lang]))
                used: set[str] = set()
                texts = self.compose(lang, topics, self.dice.between(13, 17), used)
                related = tuple(self.title(lang) for _ in range(3))
                day = f"{2019 + i % 4}-{self.dice.between(1, 9):02d}-{self.dice.between(10, 28)}"
                layout = ("blog", "news", "old")[i % 3]
                article = Article(self.title(lang), texts, host, lang, layout, day, related, frozenset(used))
                name = DECLARED.get(codec, codec)
                meta = name if says in ("meta", "both") else None
                header = {"meta": "", "none": "", "header": name, "both": name}.get(says, says)
                wrong = i == 4 and lang in ("de", "es", "vi", "ar", "tr")
                html_lang = "en" if wrong else "" if i == 3 else None
                planted = "good,article"
                if codec != "utf-8" or says not in ("both", "meta", "header"):
                    planted += f",charset:{name}-" + ("wrong" if says == "utf-8" else says)
                if wrong:
                    planted += ",html-lang:wrong"
                body = render(article, meta, html_lang).encode(codec, "xmlcharrefreplace")
                self.add(
                    f"https://{host}/{word}/{i + 1}.html",
                    planted,
                    body,
                    NEW if i == len(charsets) - 1 else OLD,
                    lang=lang,
                    content_type="text/html" + (f"; charset={header}" if header else ""),
                    article=article,
                )

    def forum(self) -> None:
        """Question and answer threads."""
        host = "forum.tinkerbench.example.com"
        for i, (question, text, answers) in enumerate(FORUM):
            posts = []
            for k, post in enumerate([text, *answers]):
                user = f"{slug(self.dice.pick(NAMES['name'])).split('-')[0]}{self.dice.between(3, 88)}"
                posts.append(
                    f'<div class="post{" question" if k == 0 else " answer"}" id="p{k}"><div class="author">'
                    f'<a href="/user/{user}">{user}</a><span class="rep">{self.dice.between(1, 950)}</span></div>'
                    f'<div class="text">{web.paragraphs([post])}</div><div class="actions"><a href="#">Reply</a> '
                    f'<a href="#">Quote</a> <a href="#">Report</a></div></div>'
                )
            related = [other[0] for other in FORUM if other[0] != question][:4]
            html = web.page("\n".join(posts), question, host, "en", "news", day=f"2022-0{i + 1}-14", related=related)
            self.add(f"https://{host}/viewtopic.php?t={1040 + 7 * i}", "good,forum", html, lang="en")

    def code(self) -> None:
        """Documentation and blog posts with code, in six ways of marking it up."""
        for i, (topic, language, code) in enumerate(CODE):
            style = web.CODE_STYLES[i % len(web.CODE_STYLES)]
            docs = i % 2 == 0
            host = "docs.pebblekit.test" if docs else "dev.quietstack.example"
            used: set[str] = set()
            lengths = (5, 4, 4, 3) if style == "blob" else (3, 3, 2, 2)
            texts = [" ".join(fill(s, self.dice) for s in self.decks["en", "code"].deal(n, used)) for n in lengths]
            name = (re.findall(r"(?:def|function|fn|func|int|struct|enum|record) (\w+)", code) or ["main"])[0]
            parts = [web.paragraphs(texts[:1]), f"<h2>The code</h2>\n{web.code_block(code, language, style)}"]
            parts.append(f"<p>The central part is <code>{name}</code>. {web.esc(texts[1])}</p>")
            if docs:
                rows = [
                    [f"<{option}>", str(self.dice.between(2, 400)), text]
                    for option, text in (
                        ("limit", "the largest number of entries"),
                        ("delay", "the pause between two attempts, in milliseconds"),
                        ("depth", "how far nested values are followed"),
                    )
                ]
                parts.append("<h2>Options</h2>\n" + web.table(["Option", "Default", "Meaning"], rows))
            parts.append("<h2>Notes</h2>\n" + web.paragraphs(texts[2:]))
            html = web.page(
                "\n".join(parts),
                topic,
                host,
                "en",
                "docs" if docs else "blog",
                day=f"2023-0{1 + i % 8}-1{i % 10}",
                related=[c[0] for c in CODE[i + 1 : i + 5]],
            )
            path = f"en/2.4/{slug(topic)}.html" if docs else f"posts/{slug(topic)}"
            snapshot = NEW if i >= len(CODE) - 4 else OLD
            self.add(f"https://{host}/{path}", f"good,code,{style},{language}", html, snapshot, lang="en")

    def math(self) -> None:
        """Pages with formulas, in seven ways of writing them."""
        styles = list(web.MATH_STYLES)
        for i, (topic, texts) in enumerate(MATH):
            style = styles[i % len(styles)]
            host = "math.chalkboard.example" if i % 2 == 0 else "lectures.numberfield.example.org"
            remarks = [fill(s, self.dice) for s in self.decks["en", "math"].deal(3, set())]
            body = [*texts[:3], remarks[0], *texts[3:], " ".join(remarks[1:])]
            scripts = {"mathjax": "MathJax.js?config=TeX-AMS_HTML", "script": "MathJax.js", "katex": "katex.min.js"}
            library = f'\n<script src="/js/{scripts[style]}"></script>' if style in scripts else ""
            html = web.page(
                web.math_paragraphs(body, style) + library,
                topic,
                host,
                "en",
                ("blog", "docs", "old")[i % 3],
                day=f"2021-1{i % 3}-0{1 + i % 9}",
                related=[m[0] for m in MATH[i - 3 : i]],
            )
            self.add(f"https://{host}/notes/{slug(topic)}", f"good,math,{style}", html, NEW if i > 9 else OLD, lang="en")
        for i, style in enumerate(("wiki", "image")):
            host = "math.chalkboard.example"
            texts = [t for m in MATH[i::4] for t in (m[1][0], m[1][-1])]
            html = web.page(web.math_paragraphs(texts, style), f"Summary of part {i + 1}", host)
            self.add(f"https://{host}/summary/{i + 1}", f"good,math,{style}", html, lang="en")

    def shop(self) -> None:
        """Product pages, which are good, and listings, which are thin."""
        host = "shop.millbrook.example"
        for i, (name, price, text) in enumerate(PRODUCTS):
            reviews = self.compose("en", (("garden", "garden", "bike", "workshop", "sky")[i], "weather"), 8)
            rows = [
                ["Weight", f"{self.dice.between(90, 1900)} g"],
                ["Made in", self.dice.pick(NAMES["town"])],
                ["In stock", str(self.dice.between(2, 60))],
            ]
            main = (
                f'<div class="price">EUR {price}</div><button>Add to basket</button>\n{web.paragraphs([text])}\n'
                f"{web.table(['Property', 'Value'], rows)}\n<h2>From our customers</h2>\n{web.paragraphs(list(reviews))}"
            )
            html = web.page(main, name, host, "en", "news", related=[p[0] for p in PRODUCTS if p[0] != name])
            self.add(f"https://{host}/product/{slug(name)}?id={200 + i}", "good,product", html, lang="en")
        for i in range(4):
            cards = "\n".join(
                f'<div class="card"><img src="/img/{k}.jpg" alt=""><h3><a href="/product/{slug(p[0])}">{p[0]}</a></h3>'
                f'<span>EUR {p[1]}</span> <a href="/basket">Add to basket</a></div>'
                for k, p in enumerate(PRODUCTS * 2)
            )
            html = web.page(f'<div class="grid">{cards}</div>', f"Collection {i + 1}", host, "en", "news")
            self.add(f"https://{host}/collections/{i + 1}", "thin,listing", html, (OLD, NEW)[i % 2], lang="en")

    def tables_and_lists(self) -> None:
        """Good pages with a table or a list between the paragraphs."""
        for i in range(6):
            host, topics, layout, _ = ENGLISH_SITES[(0, 2, 3, 4, 5, 6)[i]]
            article = self.english(host, topics, 14, layout)
            if i % 2:
                used: set[str] = set()
                items = [fill(s, self.dice) for s in self.decks["en", topics[0]].deal(5, used)]
                extra, kind = "\n" + web.bullets(items), "list"
            else:
                rows = [
                    [month, str(self.dice.between(3, 90)), f"{self.dice.between(-4, 21)}.{self.dice.below(10)}"]
                    for month in NAMES["month"][:8]
                ]
                extra, kind = "\n" + web.table(["Month", "Rain (mm)", "Mean (C)"], rows), "table"
            self.add(f"https://{host}/tables/{i + 1}", f"good,{kind}", render(article, extra=extra), lang="en")

    # --- the same page again ---

    def url_variants(self) -> None:
        """Three pages at other spellings of their URLs, fetched in the same snapshot."""
        for i, capture in enumerate(self.good()[5::17][:3]):
            parts = urlsplit(capture.url)
            host, path = parts.netloc, parts.path
            spellings = {
                "http": f"http://{host}{path}",
                "www": f"https://{host[4:] if host.startswith('www.') else 'www.' + host}{path}",
                "slash": f"https://{host}{path.rstrip('/') if path.endswith('/') else path + '/'}",
                "port": f"https://{host}:443{path}",
                "utm": f"https://{host}{path}?utm_source=letter&utm_medium=email&utm_campaign=spring{i}",
                "fragment": f"https://{host}{path}#comments",
                "case": f"https://{host.upper()}{path}",
                "session": f"https://{host}{path}?sid={i}4f9c0{i}77ab&fbclid=Qx{i}zz01",
            }
            for name, url in spellings.items():
                self.captures.append(replace(capture, url=url, planted=f"variant,{name}", of=capture.url, coding="", late=True))

    def copies(self) -> None:
        """Mirrors (the same text on another site) and edited copies."""
        english = [c for c in self.good() if c.lang == "en" and c.planted == "good,article"]
        others = [c for c in self.good() if c.lang in ("de", "ru", "zh", "es")]
        for i, capture in enumerate(english[3::9][:5] + others[0::6][:4]):
            assert capture.article
            layout = capture.article.layout if i < 6 else ("old", "news", "blog")[i % 3]
            article = replace(capture.article, host="mirror.copycat.example.com", layout=layout, related=())
            url = f"https://{article.host}/{capture.lang}/{i + 1}"
            self.add(url, "dup,exact", render(article), (OLD, NEW)[i % 2], lang=capture.lang, of=capture.url)
        for i, capture in enumerate(english[6::8][:6] + others[2::7][:3]):
            assert capture.article
            texts = list(capture.article.texts)
            if capture.lang == "en":
                texts = self.edited(texts)
            else:
                texts[-1] += " " + self.compose(capture.lang, ["town", "bike"], 1, set(capture.article.used))[0]
            article = replace(capture.article, host="reprints.gathered.example", texts=tuple(texts), layout="blog", related=())
            url = f"https://{article.host}/{slug(article.title) or capture.lang}-{i + 1}"
            self.add(url, "dup,near", render(article), (OLD, NEW)[i % 2], lang=capture.lang, of=capture.url)
        for i, capture in enumerate(english[1::11][:3]):  # the same words between other marks
            assert capture.article
            texts = tuple(text.replace(", ", " - ").replace("; ", " - ") for text in capture.article.texts)
            article = replace(capture.article, host="retyped.gathered.example", texts=texts, related=())
            self.add(f"https://{article.host}/{i + 1}", "dup,retyped", render(article), NEW, lang=capture.lang, of=capture.url)

    def edited(self, texts: list[str]) -> list[str]:
        """The paragraphs with a handful of words changed and a closing line added."""
        left = 5
        out = []
        for text in texts:
            words = text.split(" ")
            for k, word in enumerate(words):
                if left and word in SWAPS and self.dice.chance(0.6):
                    words[k] = SWAPS[word]
                    left -= 1
            out.append(" ".join(words))
        return [*out, fill("This text was first shown to the members of our circle in {month}.", self.dice)]

    def recrawls(self) -> None:
        """Pages of the older snapshot that are fetched again in the newer one, with all kinds of outcomes."""
        taken = {c.of for c in self.captures}
        free = [c for c in self.good() if c.url not in taken and c.planted == "good,article"]
        picks = self.dice.shuffled(free)[:29]
        for i, old in enumerate(picks):
            assert old.article
            at = self.captures.index(old)
            if i < 9:  # a newer version with a paragraph more
                extra = self.compose(old.lang, list(LANGUAGES.get(old.lang, ENGLISH)), 3, set(old.article.used))
                article = replace(old.article, texts=(*old.article.texts, *extra), day="2024-02-02")
                body = render(article).encode()
                self.captures[at] = replace(old, planted="superseded,updated")
                self.add(old.url, "good,article,recrawl:updated", body, NEW, lang=old.lang, article=article)
            elif i < 14:  # the same page
                self.captures[at] = replace(old, planted="superseded,unchanged")
                again = replace(old, planted="good,article,recrawl:unchanged", snapshot=NEW)
                self.captures.append(again)
            elif i < 17:  # a newer version in the same snapshot
                article = replace(
                    old.article, texts=(*old.article.texts, *self.compose(old.lang, ["garden", "kitchen"], 2, set(old.article.used)))
                )
                self.captures[at] = replace(old, planted="superseded,updated")
                self.add(old.url, "good,article,recrawl:same-snapshot", render(article), lang=old.lang, article=article, late=True)
            elif i < 24:  # the page has gone or the server is ill
                status = (404, 500, 404, 503, 301, 403, 410)[i - 17]
                self.captures[at] = replace(old, planted="good,article,recrawl:error-later")
                self.add(
                    old.url,
                    f"recrawl,{status}",
                    b"" if status == 301 else self.error_page(status, old.article.host),
                    NEW,
                    status=status,
                    of=old.url,
                    location="https://parked.example/" if status == 301 else "",
                )
            elif i < 26:  # an error page sent with 200
                self.captures[at] = replace(old, planted="good,article,recrawl:soft-error-later")
                html = web.page(web.paragraphs(["This page is being moved."]), "Moved", old.article.host)
                self.add(old.url, "recrawl,soft-error", html, NEW, lang="en", of=old.url)
            else:
                self.captures[at] = replace(old, planted="good,article,recrawl:revisit")
                self.captures.append(replace(old, planted="revisit", snapshot=NEW, of=old.url, kind="revisit"))

    # --- personal data and blocked sites ---

    def person(self, i: int) -> dict[str, str]:
        """Contact data that cannot belong to anyone: reserved domains, numbers and addresses."""
        name = NAMES["name"][i % len(NAMES["name"])]
        first, last = name.lower().split()
        return {
            "name": name,
            "email": f"{first}.{last}{i}@{('example.com', 'example.org', 'mail.example', 'example.net')[i % 4]}",
            "phone": (f"(202) 555-01{i % 100:02d}", f"+1 312-555-01{(i + 31) % 100:02d}", f"+44 20 7946 0{i % 1000:03d}")[i % 3],
            "ip": f"192.0.2.{(37 * i + 11) % 254 + 1}",
            "card": ("4111 1111 1111 1111", "5555 5555 5555 4444", "3782 822463 10005", "6011111111111117")[i % 4],
        }

    def personal_data(self) -> None:
        """Good pages with a contact line, and one site that consists of personal data."""
        lines = (
            ("Questions about this page can be sent to {email} or asked by phone at {phone}.", ("email", "phone")),
            ("The form was filled in by {name} ({email}) from the address {ip}.", ("email", "ip")),
            ("Please write to {email}; the old address no longer works.", ("email",)),
            ("Test your terminal with the card number {card} and call {phone} if it is refused.", ("card", "phone")),
        )
        for i in range(8):
            host, topics, layout, _ = ENGLISH_SITES[i % len(ENGLISH_SITES)]
            line, keys = lines[i % len(lines)]
            who = self.person(i)
            article = self.english(host, topics, 12, layout)
            texts = list(article.texts)
            texts.insert(len(texts) // 2, line.format(**who))
            html = render(replace(article, texts=tuple(texts)))
            self.add(f"https://{host}/contact/{i + 1}", "pii,contact", html, (OLD, NEW)[i % 2], lang="en", pii=tuple(who[k] for k in keys))
        requests = {"de": "Schreiben Sie an {email} oder rufen Sie unter {phone} an.", "fr": "Écrivez à {email} ou appelez le {phone}."}
        for i, (lang, request) in enumerate(requests.items()):
            who = self.person(20 + i)
            host = LANGUAGE_SITES[lang][0]
            texts = [*self.compose(lang, list(LANGUAGES[lang]), 12), request.format(**who)]
            html = render(Article(self.title(lang), tuple(texts), host, lang, day="2022-05-05"))
            self.add(f"https://{host}/kontakt/{i}.html", "pii,contact", html, lang=lang, pii=(who["email"], who["phone"]))
        host = "members-directory.example"
        for page in range(6):
            people = [self.person(100 + 14 * page + k) for k in range(14)]
            shown = ("email", "phone", "ip")
            places = ("library", "garden", "workshop", "boats", "archive", "kitchen")
            ways = (
                "{name} joined in {year} and looks after the {place}. Write to {email} or call {phone}; last seen from {ip}.",
                "For the {place}, ask {name} ({phone}), who has been with us since {year}. Mail: {email}, address: {ip}.",
                "{email} reaches {name} at any time, {phone} only in the evening. Keeper of the {place} since {year}, host {ip}.",
            )
            texts = [self.dice.pick(ways).format(**p, year=self.dice.between(1998, 2022), place=self.dice.pick(places)) for p in people]
            lines_between = self.decks["en", "books"].deal(7, set())
            texts[1::2] = [f"{text} {fill(line, self.dice)}" for text, line in zip(texts[1::2], lines_between, strict=True)]
            html = web.page(web.paragraphs(texts), f"Members, page {page + 1}", host, "en", "old")
            self.add(
                f"https://{host}/list?page={page + 1}",
                "pii,directory",
                html,
                (OLD, NEW)[page % 2],
                lang="en",
                pii=tuple(p[k] for p in people for k in shown),
            )

    def blocked_sites(self) -> None:
        """Sites on the block lists, with tame text, and their neighbours, which are not on them."""
        hosts = (
            ("velvet-hour.example", "blocked,adult,domain", 2),
            ("gallery.velvet-hour.example", "blocked,adult,subdomain", 2),
            ("rooms.redlantern.example.net", "blocked,adult,host", 2),
            ("cafe.redlantern.example.net", "good,article,blocked-neighbour", 2),
            ("free-login-check.test", "blocked,malware,domain", 2),
            ("secure.account.free-login-check.test", "blocked,malware,subdomain", 2),
            ("cdn.downloads-now.example", "blocked,malware,host", 2),
            ("www.downloads-now.example", "good,article,blocked-neighbour", 1),
        )
        topics = list(ENGLISH)
        for n, (host, planted, count) in enumerate(hosts):
            for i in range(count):
                order = (topics[(n + 5 * i) % len(topics)], topics[(n + 3) % len(topics)])
                article = self.english(host, order, self.dice.between(11, 15), ("blog", "news")[i % 2])
                self.add(f"https://{host}/{slug(article.title)}", planted, render(article), (OLD, NEW)[i % 2], lang="en", article=article)

    # --- what goes wrong ---

    def error_page(self, status: int, host: str) -> bytes:
        """The body of an error response."""
        text = {
            403: "You do not have permission to open this page.",
            404: "The page that you are looking for could not be found. It may have been moved or deleted.",
            410: "This page has been removed for good.",
            500: "Something went wrong on our side. Please try again in a few minutes.",
            503: "The service is down for maintenance.",
        }.get(status, "The document has moved.")
        return web.page(web.paragraphs([text]), f"Error {status}", host, "en", "blog").encode()

    def errors(self) -> None:
        """Responses with another status than 200, some of them with much text."""
        statuses = (404, 404, 404, 500, 500, 301, 301, 301, 302, 302, 403, 403, 503, 503, 410)
        for i, status in enumerate(statuses):
            host = ENGLISH_SITES[i % len(ENGLISH_SITES)][0]
            body = self.error_page(status, host)
            location = ""
            if 300 <= status < 400:
                location = f"https://{host}/moved/{i}/"
                body = b"" if status == 301 else f'<a href="{location}">Moved</a>'.encode()
            self.add(f"https://{host}/old/{i}.html", f"http,{status}", body, (OLD, NEW)[i % 2], status=status, location=location)
        for i in range(2):  # a "not found" page that is as long as an article
            host, topics, layout, _ = ENGLISH_SITES[i]
            html = render(self.english(host, topics, 12, layout))
            self.add(f"https://{host}/lost/{i}", "http,404,long", html, (OLD, NEW)[i], lang="en", status=404)

    def other_types(self) -> None:
        """Responses that are not HTML, and some that say they are."""
        dice = self.dice
        for i, snapshot in enumerate((OLD, NEW)):
            data = json.dumps({"items": [{"id": k, "title": self.title("en", "bike")} for k in range(9)]}, indent=1)
            css = "\n".join(f".c{k} {{ margin: {dice.between(0, 9)}px; color: #{k:03d}; }}" for k in range(40))
            robots = f"User-agent: *\nDisallow: /private/\nCrawl-delay: {i + 2}\n"
            host = ENGLISH_SITES[3 * i][0]
            plain = "\n\n".join(self.compose("en", ("weather", "sky"), 12))
            sitemap = f'<?xml version="1.0"?><urlset><url><loc>https://{host}/</loc></url></urlset>'
            for name, body, kind in (
                (f"api/list-{i}.json", data.encode(), "application/json"),
                (f"css/site-{i}.css", css.encode(), "text/css"),
                (f"img/dot-{i}.png", png(dice.noise(48)), "image/png"),
                (f"files/leaflet-{i}.pdf", pdf(f"Leaflet number {i + 1}"), "application/pdf"),
                ("robots.txt", robots.encode(), "text/plain"),
                (f"notes/plain-{i}.txt", plain.encode(), "text/plain; charset=utf-8"),
                ("sitemap.xml", sitemap.encode(), "application/xml"),
            ):
                planted = "type," + {"robots.txt": "robots"}.get(name, name.rsplit(".", 1)[1])
                self.add(f"https://{host}/{name}", planted, body, snapshot, content_type=kind)
            host = "oddments.example"
            self.add(f"https://{host}/empty/{i}", "bad,empty", b"", snapshot)
            self.add(f"https://{host}/photo/{i}", "bad,binary", png(dice.noise(3000)), snapshot, content_type="text/html")
            self.add(f"https://{host}/blob/{i}", "bad,binary", dice.noise(4000), snapshot)

    def bad_pages(self) -> None:
        """Pages for each rule of the usual quality filters, two or more of a kind."""
        dice = self.dice
        shorts = ("Under construction.", "Welcome to our new home page!", "Sorry, we could not find that page.", "Coming soon.")
        for i in range(4):
            html = f"<html><head><title>Page {i}</title></head><body><p>{shorts[i]}</p></body></html>"
            self.add(f"https://oddments.example/short/{i + 1}", "bad,short", html, (OLD, NEW)[i % 2], lang="en")
        for i in range(2):
            topics = dice.shuffled(list(ENGLISH))[:3]
            texts = list(self.compose("en", topics, 16))
            lines = [s for t in texts for s in re.split(r"(?<=[.])\s", t)]
            words = " ".join(texts).split()

            self.bad("lorem", i, [LOREM] * (2 + i) + texts[:2])
            self.bad("hash-symbols", i, [" ".join("#" + w.strip(".,") if k % 3 else w for k, w in enumerate(words[:160]))])
            self.bad("ellipsis-symbols", i, [" ".join(w + " ..." if k % 4 == 0 else w for k, w in enumerate(words[:200]))])
            self.bad("ellipsis-lines", i, [" ".join(s.split()[:11]) + ("...", "…")[i] for s in lines])
            items = [" ".join(s.split()[:14]) for s in lines]
            self.bad("bullets", i, ["• " + s for s in items] if i else [], extra="" if i else web.bullets(items))
            self.bad("long-words", i, self.salad(LONG_WORDS, 14))
            self.bad("short-words", i, self.salad(SHORT_WORDS, 20))
            rows = [[str(dice.between(100, 99999)) for _ in range(7)] + [dice.pick(words)] for _ in range(40)]
            numbers = [" ".join(row) for row in rows]
            self.bad("numbers", i, numbers if i else [], extra="" if i else web.table(list("ABCDEFGH"), rows))
            self.bad("dup-lines", i, dice.shuffled(lines[:6] * 4 + lines[6:9]))
            self.bad("dup-paragraphs", i, texts[:3] * 3 + texts[3:4])
            for n, phrase, share in ((2, "river bank", 0.38), (3, "the copper kettle", 0.22), (4, "down by the harbour", 0.2)):
                self.bad(f"top-{n}gram", i, [threaded(words[:150], phrase, share)])
            refrain = "so we took the long way home along the wall and counted every lamp on the far side"
            self.bad("dup-ngrams", i, [" ".join(f"{s} Then it was late, {refrain}." for s in lines[:12])])
            self.bad("no-stopwords", i, self.salad(KEYWORDS, 25), "seo")
            self.bad("gibberish", i, [self.gibberish(24) for _ in range(9)], lang="und")
            mixed = [self.compose(lang, ["kitchen"], 1)[0] for lang in dice.shuffled(list(LANGUAGES))]
            self.bad("mixed-languages", i, mixed, lang="mul")
            self.bad("no-punctuation", i, [re.sub(r"[.,;:?!]", "", " ".join(s.split()[:9])) for s in lines])
            code = "function track(a) { var b = { id: a, t: 0 }; return b; }"
            self.bad("script-text", i, [f"{s} {code}" for s in lines[:10]] + ["Please enable JavaScript."])

    def clauses(self) -> None:
        """Pages put together of the same thirty clauses: each has another choice of them, and nothing of its own."""
        self.dice = dice = Dice("clauses")
        pool = [" ".join(pair) for pair in zip(*[iter(self.sentences(list(ENGLISH), 60, set()))] * 2, strict=True)]
        for i in range(36):
            texts = dice.shuffled(pool)[:8]
            html = web.page(web.paragraphs(texts), f"Terms {i + 1}", "terms-assembled.example", "en", "old")
            self.add(f"https://terms-assembled.example/{i + 1}", "bad,clauses", html, (OLD, NEW)[i % 2], lang="en")

    def quizzes(self) -> None:
        """Ordinary pages that quote problems of the made-up benchmark."""
        self.dice = Dice("quizzes")
        for i in range(2):
            article = self.english("quiz-night.example", ("kitchen", "workshop", "garden"), 16)
            asked = [question for question, _ in PROBLEMS[3 * i : 3 * i + 3]]
            article = replace(article, texts=(*article.texts[:2], *asked, *article.texts[2:]))
            self.add(f"https://quiz-night.example/evening/{i + 1}", "bad,benchmark", render(article), (OLD, NEW)[i], lang="en")

    def bad(self, kind: str, i: int, texts: list[str], host: str = "", layout: str = "blog", extra: str = "", lang: str = "en") -> None:
        """A bad page on the site for oddments."""
        name = "seo-keywords.example" if host else "oddments.example"
        article = Article(self.title("en", "garden"), tuple(texts), name, "en", layout)
        html = render(article, extra=extra)
        self.add(f"https://{name}/{kind}/{i + 1}", f"bad,{kind}", html, (OLD, NEW)[i % 2], lang=lang)

    def pages_without_text(self) -> None:
        """Pages from which no text can be had: there is none, or it is buried too deep."""
        shell = '<div id="root"></div>\n<script src="/static/app.4f1c.js" defer></script><script>window.state = {"user": null};</script>'
        frame = "<div><p></p><p> <span></span></p></div><table><tr><td></td><td>&nbsp;</td></tr></table><ul></ul>"
        for i, main in enumerate((shell, frame)):
            head = f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">{web.STYLE}</head>\n'
            html = f"{head}<body>\n{main}\n{web.SCRIPT}</body></html>\n"
            self.add(f"https://oddments.example/no-text/{i + 1}", "bad,no-text", html, (OLD, NEW)[i % 2])
            text = web.paragraphs(list(self.compose("en", ["workshop"], 8)))
            self.bad("deep", i, [], extra="<div>" * 600 + text + "</div>" * 600)

    def repetitive_pages(self) -> None:
        """Pages that break one of Gopher's rules of repetition and none of those that come before it."""
        topics = list(ENGLISH)
        asides = ("And so the evening went on as before.", "Here the clerk turned a leaf.")
        choruses = (
            ("So row, my lads, to the light,", "and row for a kettle of tea,", "for the tide runs out", "and the lamp is lit", "at home."),
            (
                "So carry the corn to the mill,",
                "and carry it over the wall,",
                "for the rain will come",
                "and the wheel will turn",
                "by night.",
            ),
        )
        for i in range(2):
            used: set[str] = set()
            long = [" ".join(self.compose("en", topics, 5, used)) for _ in range(2)]
            lines = self.sentences(topics, 14, used)
            self.bad("dup-line-chars", i, [*long, *lines[:7], *long, *lines[7:]])

            lines = self.sentences(topics, 25, used)
            sections = [web.lines(lines[k : k + 5]) + web.paragraphs([asides[i]]) for k in range(0, 25, 5)]
            self.bad("dup-sections", i, [], extra="\n".join(sections))

            # A song whose chorus of five lines stands three times. The ends of lines within it count as characters of a
            # paragraph, but not of a line: verses are cut until only what counts them is over the bound.
            verses, chorus = [s.split()[:9] for s in self.sentences(topics, 24, used)], sum(map(len, choruses[i]))
            while 2 * chorus / (sum(len(" ".join(v)) for v in verses) + 3 * chorus) < 0.1985:
                max(verses, key=len).pop()
            sung = [" ".join(v) for v in verses]
            song = [web.paragraphs(sung[k : k + 6]) + web.lines(list(choruses[i])) for k in range(0, 18, 6)]
            self.bad("dup-chorus", i, [], extra="\n".join([*song, web.paragraphs(sung[18:])]))

            for n in range(6, 11):  # the bounds fall by 0.01 from 0.15 for 5-grams
                used = set()
                texts = self.compose("en", topics, 46, used)
                self.bad(f"dup-{n}gram", i, quoted(texts, self.sentences(topics, 30, used), (2, 5)[i], 0.205 - n / 100))

    def filtered_pages(self) -> None:
        """Pages for the filters of personal data, word lists, logs, programs, formulas and outlier words; two of a kind."""
        self.dice = dice = Dice("filtered pages")
        host = "people-finder.example"
        for page in range(24):  # a domain with enough pages to be judged
            people = [self.person(400 + 6 * page + k) for k in range(6)]
            lines = self.sentences(list(ENGLISH), 6, set())
            texts = [f"{line} {p['name']} answers at {p['email']} or {p['phone']}." for line, p in zip(lines, people, strict=True)]
            html = web.page(web.paragraphs(texts), f"People, page {page + 1}", host, "en", "old")
            found = tuple(p[k] for p in people for k in ("email", "phone"))
            self.add(f"https://{host}/list/{page + 1}", "pii,directory", html, (OLD, NEW)[page % 2], lang="en", pii=found)
        for i in range(2):
            used: set[str] = set()
            lines = self.sentences(list(ENGLISH), 40, used)
            words = " ".join(lines).split()
            self.bad("few-words", i, [" ".join(words[:42]) + "."])
            self.bad("bullet-lines", i, ["• " + " ".join(s.split()[:14]) for s in lines[:30]])
            curses, terms = ["flurbish", "grolm", "snavel-pit"], ["quimmel", "vorbelish", "velvet grolm"]
            self.bad("dirty-words", i, [f"{s} {', '.join(dice.shuffled(curses))}!" for s in lines[:14]])
            self.bad("adult-words", i, [f"{s} See {' '.join(dice.shuffled(terms))} with {dice.pick(terms)}." for s in lines[:14]])
            times = [f"2024-02-{1 + i:02d} {k // 60:02d}:{k % 60:02d}:{7 * k % 60:02d}.{dice.between(100, 999)}" for k in range(70)]
            log = [
                f"{t} [pool-{dice.between(1, 9)}] ERROR 0x{dice.between(4096, 65535):x} connection reset, retry {k}/70"
                for k, t in enumerate(times)
            ]
            self.bad("log", i, lines[:1], extra=web.lines(log))
            self.bad("outlier-words", i, [" ".join(self.scrambled(w) for w in s.split()) for s in lines[:24]])

            prose = web.paragraphs(lines[:5])
            unclosed = "\n".join(f"result[{k}] = call(arg{k}, {{value: ({k}, other[{k}" for k in range(12))
            packed = ";".join(f"var v{k}=f({k},[{k},{k + 1}])" for k in range(120)) + ";"
            dump = "\n".join(" ".join(f"{dice.between(0, 255):02x}" for _ in range(24)) for _ in range(40))
            alone = "\n".join(f"for (int i{k} = 0; i{k} < {k}; i{k}++) total += table[i{k}];" for k in range(30))
            for kind, code, text in (
                ("open-brackets", unclosed, prose), ("packed-code", packed, prose), ("dump", dump, prose), ("code-alone", alone, ""),
            ):  # fmt: skip
                self.bad(kind, i, [], extra=text + f"<pre><code>{web.esc(code)}</code></pre>")

            formulas = {
                "open-braces": [rf"\frac{{x_{k}}}{{y" for k in range(6)],
                "plain-formulas": [f"the price of item {k} was low" for k in range(6)],
                "formulas-alone": [rf"x_{k}^2 + y_{k}^2 = z_{k}^2" for k in range(12)],
            }
            for kind, found_tex in formulas.items():
                said = lines[:6] if kind != "formulas-alone" else [""] * 12
                shown = "".join(f'<p>{web.esc(s)} <script type="math/tex">{t}</script></p>' for s, t in zip(said, found_tex, strict=True))
                self.bad(kind, i, [], extra=shown)

    def scrambled(self, word: str) -> str:
        """A longer word with its letters in another order."""
        return "".join(self.dice.shuffled(word)) if len(word) > 4 and word.isalpha() else word

    def sentences(self, topics: Sequence[str], n: int, used: set[str]) -> list[str]:
        """This many sentences that are not `used`."""
        return [fill(line, self.dice) for line in Deck("\n".join(ENGLISH[t] for t in topics), self.dice).deal(n, used)]

    def salad(self, vocabulary: str, n: int) -> list[str]:
        """Nine paragraphs of n words taken at random."""
        words = vocabulary.split()
        return [" ".join(self.dice.pick(words) for _ in range(n)) + "." for _ in range(9)]

    def gibberish(self, n: int) -> str:
        """Words of no language."""
        dice = self.dice
        letters = ("qxzvkjw", "aeuyoi", "bdfghlmnprst", "äøüěőł")
        out = []
        for _ in range(n):
            out.append("".join(dice.pick(letters[(0, 2, 1, 0, 3)[dice.below(5)]]) for _ in range(dice.between(3, 9))))
        return " ".join(out).capitalize() + "."

    def truncated(self) -> None:
        """Responses that stop early."""
        for i, why in enumerate(("length", "disconnect", "length", "disconnect")):
            host, topics, layout, _ = ENGLISH_SITES[i]
            body = render(self.english(host, topics, 22, layout)).encode()
            snapshot = (OLD, NEW)[i // 2]
            self.add(f"https://{host}/long/{i}", f"truncated,{why}", body, snapshot, lang="en", truncated=why)
        host, topics, layout, _ = ENGLISH_SITES[6]
        for name in ("garbage-1", "garbage-2", "crc-1", "crc-2", "cut-1"):
            kind = name[:-2]
            article = self.english(host, topics, 14, layout)
            snapshot = NEW if name in ("garbage-2", "crc-2", "cut-1") else OLD
            self.add(f"https://{host}/damaged/{name}", f"damaged,{kind}", render(article), snapshot, lang="en")


# --- files ---------------------------------------------------------------------------------------------------


REASONS = {
    200: "OK",
    301: "Moved Permanently",
    302: "Found",
    403: "Forbidden",
    404: "Not Found",
    410: "Gone",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def http_response(capture: Capture, when: datetime, dice: Dice) -> tuple[bytes, bytes]:
    """The header and the payload of a response as they came over the wire."""
    payload = capture.body
    coders = {"gzip": gzip_member, "deflate": zlib_stream, "raw-deflate": stored}
    if capture.coding in coders:
        payload = coders[capture.coding](payload)
    head = [f"HTTP/1.1 {capture.status} {REASONS[capture.status]}", f"Date: {format_datetime(when, usegmt=True)}"]
    head.append("Server: " + dice.pick(["nginx", "Apache", "quietd/0.4", "lighttpd/1.4"]))
    head.append(f"Content-Type: {capture.content_type}")
    if capture.location:
        head.append(f"Location: {capture.location}")
    if capture.coding:
        head.append("Content-Encoding: " + {"raw-deflate": "deflate", "claimed": "gzip"}.get(capture.coding, capture.coding))
    if capture.chunked:
        head.append("Transfer-Encoding: chunked")
    else:
        head.append(f"Content-Length: {len(payload)}")
    head.append("Connection: close")
    return "\r\n".join([*head, "", ""]).encode(), payload


@dataclass
class Writer:
    """Lays out the records of one file."""

    name: str
    when: datetime
    data: bytearray = field(default_factory=bytearray)
    records: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = Dice(self.name)
        self.count = 0
        info = "software: curate sample crawl (examples/make_crawl.py)\r\nformat: WARC File Format 1.1\r\n"
        info += f"isPartOf: {self.name.rsplit('-', 1)[0]}\r\n"
        self.info_id = self.new_id("warcinfo")
        fields = {"Content-Type": "application/warc-fields", "WARC-Filename": self.name}
        self.data += warc_record("warcinfo", self.info_id, self.when, info.encode(), fields)

    def new_id(self, what: str) -> str:
        """A record id that depends on the file and on the position in it."""
        self.count += 1
        return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{self.name}/{self.count}/{what}')}>"

    def add(self, capture: Capture) -> bytes:
        """Append the records of a capture; returns the member of its response."""
        self.when += timedelta(seconds=self.dice.between(20, 140))
        request_id, record_id = self.new_id("request"), self.new_id(capture.kind)
        common = {"WARC-Target-URI": capture.url, "WARC-Warcinfo-ID": self.info_id}
        parts = urlsplit(capture.url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        ask = f"GET {path} HTTP/1.1\r\nUser-Agent: curatebot/1.0 (+https://crawler.example/bot)\r\nHost: {parts.netloc}\r\n"
        ask += "Accept: text/html\r\nAccept-Encoding: gzip, deflate\r\n\r\n"
        fields = {**common, "Content-Type": "application/http; msgtype=request", "WARC-Concurrent-To": record_id}
        self.data += warc_record("request", request_id, self.when, ask.encode(), fields)

        head, payload = http_response(capture, self.when, self.dice)
        fields = {
            **common,
            "WARC-IP-Address": f"192.0.2.{zlib.crc32(parts.netloc.lower().encode()) % 254 + 1}",
            "Content-Type": "application/http; msgtype=response",
        }
        if capture.kind == "revisit":
            fields["WARC-Profile"] = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
            fields["WARC-Refers-To-Target-URI"] = capture.of
            block = head
        else:
            if capture.truncated:
                payload = payload[: 2 * len(payload) // 3]
                fields["WARC-Truncated"] = capture.truncated
            block = head + (chunked(payload) if capture.chunked else payload)
            fields["WARC-Block-Digest"] = digest(block)
        fields["WARC-Payload-Digest"] = digest(payload)
        if capture.content_type.startswith("text/html") and capture.body:
            fields["WARC-Identified-Payload-Type"] = "text/html"
        member = warc_record(capture.kind, record_id, self.when, block, fields)
        if capture.planted.startswith("damaged,"):
            member = damaged(member, capture.planted.split(",")[1], self.dice.noise(len(member) // 2))
        self.data += member
        self.records.append(
            Record(
                self.name,
                record_id,
                capture.url,
                capture.status,
                capture.lang,
                capture.planted,
                f"{self.when:%Y-%m-%dT%H:%M:%SZ}",
                capture.kind,
                capture.of,
                capture.pii,
            )
        )
        if self.count % 10 < 2 and capture.kind == "response" and "cut" not in capture.planted:
            fields = {**common, "Content-Type": "application/warc-fields", "WARC-Concurrent-To": record_id}
            block = f"fetchTimeMs: {self.dice.between(40, 900)}\r\n".encode()
            self.data += warc_record("metadata", self.new_id("metadata"), self.when, block, fields)
        return member

    def repeat(self, member: bytes, record: Record) -> None:
        """Append a response again, with the same record id."""
        self.data += member
        self.records.append(replace(record, planted="variant,repeated-record", of=record.url))


def crawl_files() -> dict[str, Writer]:
    """The WARC files, by name."""
    writers: dict[str, Writer] = {}
    captures = Plan().captures
    for snapshot in (OLD, NEW):
        mine = [c for c in captures if c.snapshot == snapshot]
        broken = [c for c in mine if c.planted.startswith("damaged")]
        usual = [c for c in mine if not c.late and c not in broken]
        usual = Dice(f"order {snapshot}").shuffled(usual)
        shares = [usual[0::2], usual[1::2] + [c for c in mine if c.late]]
        for c in broken:  # the first file has no damage, and the last one ends with a record that is cut short
            share = shares[0] if snapshot == NEW else shares[1]
            if c.planted == "damaged,cut":
                shares[1].append(c)
            else:
                share.insert(len(share) // (3 if "garbage" in c.planted else 2), c)
        for n, share in enumerate(shares):
            name = f"CURATE-{snapshot}-{n:05d}.warc.gz"
            writer = writers[name] = Writer(name, STARTS[snapshot] + timedelta(hours=7 * n))
            kept: list[tuple[bytes, Record]] = []
            for i, capture in enumerate(share):
                member = writer.add(capture)
                if capture.planted == "good,article" and n == 0:
                    kept.append((member, writer.records[-1]))
                if i == len(share) // 2 and kept:
                    writer.repeat(*kept[0])
    return writers


def pages() -> Iterator[Record]:
    """The captures in the order of the files."""
    for writer in crawl_files().values():
        yield from writer.records


def outputs() -> dict[Path, bytes]:
    """What the files should contain."""
    out = {HERE / "crawl" / name: bytes(writer.data) for name, writer in crawl_files().items()}
    for name, lines in LISTS.items():
        out[HERE / "lists" / name] = ("\n".join(lines) + "\n").encode()
    items = [{"id": f"problem-{i + 1}", "question": question, "answer": answer} for i, (question, answer) in enumerate(PROBLEMS)]
    out[HERE / "benchmarks" / "word_problems.jsonl"] = "".join(json.dumps(item) + "\n" for item in items).encode()
    return out


def main(argv: list[str] | None = None) -> int:
    """Write, check or list the crawl."""
    parser = argparse.ArgumentParser(description="Write the sample crawl.")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--check", action="store_true", help="exit with 1 if the files on disk differ")
    group.add_argument("--list", action="store_true", help="print a table of the captures")
    options = parser.parse_args(argv)
    if options.list:
        print("file", "record_id", "url", "status", "lang", "planted", sep="\t")
        for r in pages():
            print(r.file, r.record_id, r.url, r.status, r.lang, r.planted, sep="\t")
        return 0
    return write_or_check(outputs(), (HERE / "crawl").glob("*.warc.gz"), options.check)


def write_or_check(files: Mapping[Path, bytes], there: Iterable[Path], check: bool) -> int:
    """Write files, or say which differ on disk, or are there (in `there`) and should not be; returns the exit status."""
    if check:
        wrong = [path for path, data in files.items() if not path.is_file() or path.read_bytes() != data]
        wrong += [path for path in there if path.is_file() and path not in files]
        for path in wrong:
            print(f"differs: {path.relative_to(HERE.parent)}", file=sys.stderr)
        return 1 if wrong else 0
    for path, data in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        print(f"{len(data):9,d}  {path.relative_to(HERE.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
