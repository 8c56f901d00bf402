"""What distributors put around a book: taken off, and read for what it says of the book.

Project Gutenberg's files have had several forms. Since 2004 a line `*** START OF THE PROJECT GUTENBERG EBOOK` and one
`*** END OF` enclose the book; before, the "small print" stood on top of it up to `*END*THE SMALL PRINT!`, or below it; the
oldest, and those of its sister projects, have neither. Everything outside goes, also between the books of one file; so
do who produced the text, and transcribers' notes. Where a form is not recognised nothing is cut.

Source:  the files themselves, 1991 to 2024; the rules are ours.
Units:   lines; a paragraph is a run of lines that are not blank.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

HEADING = "\x02"
"""What a line of a heading begins with on its way through this folder: charset.decoded leaves no such character in a text."""

HEAD_CHARS = 300
"""Characters of a line that are looked at."""
TOP_PARAGRAPHS, CREDIT_PARAGRAPHS, END_PARAGRAPHS = 60, 12, 12
"""Paragraphs in which a header without a mark, credits, and an unmarked footer are looked for; ours, as all limits here."""
MAX_MARK_LINES, MAX_BLURB_LINES, MAX_NOTE_LINES, MAX_VAIN_LINES = 4, 15, 200, 20_000
"""Lines of a mark, of what stands between two works, of a note; and how many may be looked at for ends of notes that have none."""
MAX_TITLE_CHARS, MAX_FIELD_CHARS = 25, 500

_MARK = re.compile(
    r"[\s*\x02]{0,40}(?:(?P<start>START OF (?:THE|THIS|THE COPYRIGHTED) PROJECT GUTENBERG|Beginning of th(?:e|is) Project Gutenberg)"
    r"|(?P<end>END OF (?:THE|THIS|THE COPYRIGHTED) PROJECT GUTENBERG|START: FULL LICENSE"
    r"|(?:End|Ende|Fin|Fine|Fim|Einde|Slut|Slutten|Koniec|Konec|Loppu)\b.{0,40}\bProje[ck]?[kt]o? Gutenberg)"
    r"|(?P<print_start>START\W{0,6}THE SMALL PRINT)|(?P<print_end>END\W{0,6}THE SMALL PRINT))", re.I,
)  # fmt: skip
_GUTENBERG = re.compile(r"\bProje[ck]?[kt]o? Gutenberg", re.I)
_PARTS_OF_HEADER = re.compile(
    r"Proje[ck]?[kt]o? Gutenberg|Plain Vanilla Electronic Texts|Readable By Both Humans|Prepared By (?:Hundreds|Thousands) of"
    r"|Copyright laws are changing|this header should be the first|Please do not remove this|gutenberg\.(?:net|org)|Small Print"
    r"|^(?:Title|Author|Editor|Translator|Illustrator|Release Date|Posting Date|Edition|Language|Character set encoding)\s{0,3}:",
    re.I | re.M,
)  # fmt: skip
_CREDIT = re.compile(
    r"\W{0,4}(?:(?:Updated |HTML )?(?:e-?text|e-?book|text|html(?: version| file)?) (?:was )?(?:prepared|produced|created|transcribed"
    r"|scanned)\b"
    r"|Th(?:is|e) (?:Project Gutenberg )?(?:e-?text|e-?book|file|book|html version|text) was (?:first )?(?:scanned|prepared|produced"
    r"|created|transcribed|typed|proof)"
    r"|Produced by|Prepared by|Transcribed (?:from|by)|Scanned (?:and|by)|Digiti[sz]ed by|Proofread(?:ing)? by|Credits\s{0,3}:"
    r"|Note: (?:Project Gutenberg|Images of the original)|Images of the original pages|Project Gutenberg has the other volume"
    r"|This eBook is for the use of anyone)", re.I,
)  # fmt: skip
_NOTE = re.compile(r"(?P<open>[\[{]?)\W{0,4}Transcriber(?:'|’)?s?(?:'|’)? (?:Foot)?notes?\b", re.I)
_STARTS_NOTE = re.compile(r"ranscriber|RANSCRIBER|<<THIS ELECTRONIC VERSION")
_BOXED = re.compile(r"\s{0,40}(?:[+|](?:[-=]{3,}|.*)[+|])\s{0,40}")
_SCAN = re.compile(
    r"\s{0,40}(?:Digiti[sz]ed by (?:Google|[VLCj]\w?j?OOQ\w{1,3}|the Internet Archive.{0,200}|Microsoft.{0,40})"
    r"|Generated (?:on|for) .{0,80}(?:hathitrust|HathiTrust).{0,200}|Public Domain, Google-digitized.{0,80})\s{0,40}"
)  # fmt: skip
_GOOGLE_START = "This is a digital copy of a book that was preserved for generations"
_GOOGLE_END = re.compile(r"books\s?\.\s?google\s?\.\s?com")
_NUMBERED = re.compile(r"\[E-?(?:text|book) #", re.I)
_FIELD = re.compile(r"(?P<name>[A-Z][A-Za-z ]{2,30}?)\s{0,3}:\s{0,20}(?P<value>.*)")
_OLD_TITLE = re.compile(
    r"[\s*\x02]{0,9}(?:This is )?(?:The )?Project Gutenberg(?:'s|’s)?(?: (?:e-?text|e-?book))?(?: (?:of|edition of))? (?P<title>.{1,200}?)"
    r"(?:,? by (?P<author>[^\n]{2,100}?))?[\s*.]{0,9}$", re.I,
)  # fmt: skip
_MONTHS = {m: n for n, m in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1)}
_DATE = re.compile(r"\b(?P<month>[A-Z][a-z]{2,8})\.?(?: (?P<day>\d{1,2}))?,? (?P<year>(?:19|20)\d\d)\b")
_ISO_DATE = re.compile(r"\b(?:19|20)\d\d-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?(?!\d)")
YEAR = re.compile(r"\b(1[4-9]\d\d|20\d\d)\b")
LANGUAGES = dict(re.findall(r"(\w+) (\w+)", """
    afrikaans af, albanian sq, arabic ar, armenian hy, basque eu, belarusian be, bengali bn, breton br, bulgarian bg, catalan ca,
    chinese zh, croatian hr, czech cs, danish da, dutch nl, english en, esperanto eo, estonian et, farsi fa, finnish fi, french fr,
    frisian fy, friulian fur, gaelic gd, galician gl, georgian ka, german de, greek el, hebrew he, hindi hi, hungarian hu, icelandic is,
    indonesian id, interlingua ia, inuktitut iu, irish ga, italian it, japanese ja, javanese jv, kannada kn, khasi kha, korean ko, latin
    la, latvian lv, lithuanian lt, malay ms, maori mi, marathi mr, mongolian mn, nahuatl nah, neapolitan nap, norwegian no, occitan oc,
    ojibwa oj, persian fa, polish pl, portuguese pt, romanian ro, russian ru, sanskrit sa, scots sco, serbian sr, slovak sk, slovenian
    sl, spanish es, swahili sw, swedish sv, tagalog tl, tamil ta, telugu te, thai th, tibetan bo, turkish tr, ukrainian uk, urdu ur,
    vietnamese vi, welsh cy, yiddish yi
"""))  # fmt: skip
"""English name of a language -> its code, for what Project Gutenberg publishes."""
_COPYRIGHTED = re.compile(r"copyrighted Project Gutenberg|START OF THE COPYRIGHTED", re.I)
_FREE = re.compile(r"for the use of anyone anywhere|PUBLIC DOMAIN (?:E-?TEXT|E-?BOOK)S|in the public domain", re.I)


class Told(NamedTuple):
    """What a distributor says of a book; None where it does not.

    lang: a code. released: YYYY-MM(-DD), of the electronic text. year: of the printed book. rights: public_domain or copyrighted.
    """

    title: str | None = None
    author: str | None = None
    lang: str | None = None
    released: str | None = None
    year: int | None = None
    rights: str | None = None


def cut(lines: list[str]) -> tuple[list[str], Told]:
    """The lines of the book, or books, and what was said around them."""
    lines = _without_google(lines)
    outside = _outside_marks(lines) or _outside_paragraphs(lines)
    around = [line for line, out in zip(lines, outside, strict=True) if out]
    books = [[line for line, _ in group] for out, group in groupby(zip(lines, outside, strict=True), key=itemgetter(1)) if not out]
    own = [line for book in books for line in (_without_credits(book) if around else book)]
    return _without_notes(own), _told(around)


def _outside_marks(lines: list[str]) -> list[bool]:
    """Which lines the marks say are not of the book; [] where there are none."""
    marks = [(k, m.lastgroup or "") for k, line in enumerate(lines) if (m := _MARK.match(line[:HEAD_CHARS]))]
    if not marks:
        return []
    outside = _small_print(lines, marks)
    kinds = [kind for _, kind in marks if kind in ("start", "end")]
    if "start" not in kinds and not outside[0]:
        head = _header_end(["" if out else line for line, out in zip(lines, outside, strict=True)])
        outside[:head] = [True] * head
    at, inside = 0, kinds[:1] != ["start"]
    for k, kind in marks:
        if kind == "start":
            after = _end_of_mark(lines, k)
            first = k if inside and k - at > MAX_NOTE_LINES else at  # two marks close by are of one header
            outside[first:after] = [True] * (after - first)
            at, inside = after, True
        elif kind == "end" and inside:
            at, inside = k, False
    if not inside:
        outside[at:] = [True] * (len(lines) - at)
    return outside


def _small_print(lines: list[str], marks: list[tuple[int, str]]) -> list[bool]:
    """Which lines are of the small print: with all above it where it stands on top of the book, or all below where it ends the file."""
    outside = [False] * len(lines)
    ends = [k for k, kind in marks if kind == "print_end"]
    if not ends:
        return outside
    begun = next((k for k, kind in marks if kind == "print_start" and k < ends[0]), 0)
    stop = ends[0] + 1
    if sum(map(len, lines[:begun])) <= sum(map(len, lines[stop:])):
        outside[:stop] = [True] * stop
    else:
        outside[begun:] = [True] * (len(lines) - begun)
    return outside


def _end_of_mark(lines: list[str], k: int) -> int:
    """One past a mark that begins at line k: it may run over lines, up to its last stars."""
    if lines[k].rstrip().endswith("*") and lines[k].strip(" *"):
        return k + 1
    for n in range(k + 1, min(len(lines), k + MAX_MARK_LINES)):
        if not lines[n].strip():
            break
        if lines[n].rstrip().endswith("*"):
            return n + 1
    return k + 1


def _outside_paragraphs(lines: list[str]) -> list[bool]:
    """The same of a file without marks: paragraphs that speak of the project, on top and at the end."""
    start = _header_end(lines)
    stop = len(lines)
    if start:
        for first, last in _from_the_end(lines, END_PARAGRAPHS):
            if first >= start and _GUTENBERG.search("\n".join(line[:HEAD_CHARS] for line in lines[first:last])):
                stop = first
    return [not start <= k < stop for k in range(len(lines))]


def _header_end(lines: list[str]) -> int:
    """One past the last paragraph of a header without a mark; 0 where the first ones do not name the project."""
    end, named = 0, False
    for n, (first, last) in enumerate(_paragraphs(lines)):
        if n == TOP_PARAGRAPHS or (n == 5 and not named):
            break
        text = "\n".join(line[:HEAD_CHARS] for line in lines[first : min(last, first + 40)])
        named = named or _GUTENBERG.search(text) is not None
        if _PARTS_OF_HEADER.search(text):
            end = last
    return end if named else 0


def _paragraphs(lines: list[str]) -> Iterator[tuple[int, int]]:
    """(first, one past the last) line of each paragraph."""
    first = -1
    for k, line in enumerate(lines):
        if line.strip():
            first = k if first < 0 else first
        elif first >= 0:
            yield first, k
            first = -1
    if first >= 0:
        yield first, len(lines)


def _from_the_end(lines: list[str], most: int) -> Iterator[tuple[int, int]]:
    """The last paragraphs, the last one first."""
    found, last = 0, -1
    for k in range(len(lines) - 1, -2, -1):
        if k >= 0 and lines[k].strip():
            last = k + 1 if last < 0 else last
        elif last >= 0:
            yield k + 1, last
            found, last = found + 1, -1
            if found == most:
                return


def _without_google(lines: list[str]) -> list[str]:
    """Lines without those that scanning projects add: the page in front, and a stamp on every other."""
    kept = [line for line in lines if not _SCAN.fullmatch(line[:HEAD_CHARS])]
    start = next((k for k, line in enumerate(kept[:400]) if line.lstrip().startswith(_GOOGLE_START)), -1)
    if start >= 0:
        near = range(start, min(len(kept), start + MAX_NOTE_LINES))
        stop = next((k for k in near if _GOOGLE_END.search(kept[k][:1000])), -1)
        if stop >= 0:
            return kept[:start] + kept[stop + 1 :]
    return kept


def _without_credits(lines: list[str]) -> list[str]:
    """Lines without the paragraphs near the top that say who made the electronic text."""
    gone: list[tuple[int, int]] = []
    for n, (first, last) in enumerate(_paragraphs(lines)):
        if n == CREDIT_PARAGRAPHS:
            break
        if last - first <= 20 and _CREDIT.match(lines[first][:HEAD_CHARS]):
            gone.append((first, last))
    return _without(lines, gone)


def _without(lines: list[str], gone: list[tuple[int, int]]) -> list[str]:
    kept, at = [], 0
    for first, last in gone:
        kept += lines[at:first]
        at = max(at, last)
    return kept + lines[at:]


def _without_notes(lines: list[str]) -> list[str]:
    """Lines without transcribers' notes: to the closing bracket, to the end of the box, to a wider gap or a heading."""
    gone: list[tuple[int, int]] = []
    at, vain = 0, MAX_VAIN_LINES
    for k, line in enumerate(lines):
        if k < at or not _STARTS_NOTE.search(line[:60]):
            continue
        first = k
        if line.startswith("<<"):  # between the works in Project Gutenberg's Shakespeare
            at = next((n + 1 for n in range(k, min(len(lines), k + MAX_BLURB_LINES)) if ">>" in lines[n][:HEAD_CHARS]), k + 1)
        elif _BOXED.fullmatch(line[:HEAD_CHARS]):
            while first > at and _BOXED.fullmatch(lines[first - 1][:HEAD_CHARS]):
                first -= 1
            at = k + 1
            while at < len(lines) and _BOXED.fullmatch(lines[at][:HEAD_CHARS]):
                at += 1
        elif note := _NOTE.match(line[:HEAD_CHARS].strip(" _=*#\t\x02")):
            stop = min(len(lines), k + (MAX_NOTE_LINES if vain > 0 else MAX_BLURB_LINES))
            at, looked = (_end_of_bracket if note["open"] else _end_of_note)(lines, k, stop)
            vain -= looked - at
        else:
            continue
        gone.append((first, at))
    return _without(lines, gone)


def _end_of_bracket(lines: list[str], k: int, stop: int) -> tuple[int, int]:
    """One past the line in which the bracket closes that opens in line k; of that line alone where it does not. And one past what was
    looked at."""
    depth = 0
    for n in range(k, stop):
        depth += sum(lines[n].count(c) for c in "[{") - sum(lines[n].count(c) for c in "]}")
        if depth <= 0:
            return n + 1, n + 1
    return k + 1, stop


def _end_of_note(lines: list[str], k: int, stop: int) -> tuple[int, int]:
    """One past a note that is a section of its own: it ends at two blank lines behind some text, at a heading, or with the file; where
    none of these is near, it is its first paragraph. And one past what was looked at."""
    text = blank = 0
    paragraph = -1
    title = len(lines[k].strip(" _=*:.\x02")) < MAX_TITLE_CHARS  # the note itself stands below
    for n in range(k + 1, stop):
        if lines[n].startswith(HEADING):
            return n, n
        if lines[n].strip():
            text, blank = text + 1, 0
            continue
        blank += 1
        if text or not title:
            paragraph = n if paragraph < 0 else paragraph
            if blank == 2:
                return n, n
    return (stop if stop == len(lines) else paragraph if paragraph >= 0 else k + 1), stop


def _told(around: list[str]) -> Told:
    """What the lines around a book say of it."""
    fields: dict[str, str] = {}
    name = ""
    for line in around[:400]:
        text = line[:HEAD_CHARS].strip(" \x02")
        if match := _FIELD.fullmatch(text):
            name = match["name"].lower()
            name = name if name not in fields else ""
            if name:
                fields[name] = match["value"]
        elif text and name and (line[:1] == " " or fields[name][-1:] in ",;:") and len(fields[name]) < MAX_FIELD_CHARS:
            fields[name] += " " + text
        else:
            name = ""
    text = "\n".join(line[:HEAD_CHARS] for line in around)
    title, author = fields.get("title"), fields.get("author")
    if not title:
        old = next((m for line in around[:20] if (m := _OLD_TITLE.match(line[:HEAD_CHARS]))), None)
        title, author = (old["title"], author or old["author"]) if old else (title, author)
    language = fields.get("language", "").split(",")[0].split(" and ")[0].strip().lower()
    printed = YEAR.findall(fields.get("original publication", ""))
    dated = fields.get("release date") or next((line for line in around[:40] if _NUMBERED.search(line[:HEAD_CHARS])), "")
    rights = "copyrighted" if _COPYRIGHTED.search(text) else "public_domain" if _FREE.search(text) else None
    return Told(clean(title), clean(author), LANGUAGES.get(language), date_of(dated), int(printed[-1]) if printed else None, rights)


def clean(value: str | None) -> str | None:
    """A field as one line, bounded; None where nothing is left."""
    return " ".join((value or "").split()).strip(" *")[:MAX_FIELD_CHARS] or None


def date_of(text: str) -> str | None:
    """The day or month a text names in English or as ISO has it: YYYY-MM-DD or YYYY-MM."""
    if iso := _ISO_DATE.search(text[:HEAD_CHARS]):
        return iso[0]
    for match in _DATE.finditer(text[:HEAD_CHARS]):
        if month := _MONTHS.get(match["month"][:3].lower()):
            return f"{match['year']}-{month:02}" + (f"-{int(match['day']):02}" if match["day"] and 1 <= int(match["day"]) <= 31 else "")
    return None
