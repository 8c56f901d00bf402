"""The lines of a printed page as paragraphs: running heads and page numbers out, words and sentences whole again.

Nothing is taken for granted but the lines. A line is furniture of the page if its like stands, alone, in the midst of
sentences again and again, or beside page breaks. A line end is one of the typesetter's if the next word had not fitted
any more; a paragraph most of whose line ends are so is prose and becomes one line, and what is not (verse, a table, a list,
a title) stays line by line. A word cut at a line end is whole again as the rest of the book has it.

Source:  ours.
Units:   lines, and characters of a line.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from stages.books.gutenberg import HEADING

PAGE_BREAK = "\f"
MIN_REPEATED = 4
"""Times a line stands in a book to be a running head, and page numbers in it. All values here are ours."""
MIN_CUTTING = 0.3
"""Share of them that interrupt a sentence or stand beside a page break."""
MAX_HEAD_CHARS = 80
MAX_WIDTH = 200
"""Lines are longer where nobody has wrapped them."""
PROSE, LOWER_FORCED, OTHER_FORCED = 0.7, 0.5, 0.8
"""Shares of line ends that are forced: of a book of prose, of a paragraph most of whose lines begin in lower case, of any other."""
RAGGED = 1.25
"""Sum of the shares of forced line ends and of lines that begin in lower case, where no blank lines part paragraphs."""
NARROW, FILLED = 0.75, 0.65
"""Shares of the book's width: below the one only the former paragraph is prose; above the other, on average, it is whatever is forced."""
SLACK = 3
"""Characters that a line may fall short of the width."""

_PAGE_MARK = re.compile(r"( ?)(?:\[(?:Pg|Page|page|p)\.? ?[0-9ivxlc]{1,6}\]|\{(?:Pg|Page|page|p)\.? ?[0-9ivxlc]{1,6}\})( ?)")
_NOT_LETTERS = re.compile(r"[\W\d_]+")
_NUMBER = re.compile(r"[\W_]{0,6}(?:[Pp](?:age|g)?\.? )?(?:(?P<number>\d{1,4})|(?P<roman>[ivxlc]{1,8}))[\W_]{0,6}")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_LAST_WORD = re.compile(r"([^\W\d_]+(?:['’-][^\W\d_]+)*)[-\u00ad¬\u2010]$")
_ENDS = tuple(".?!:;\"”’'»…)]。！？」』*_")
_CUTS = ("-", "\u00ad", "¬", "\u2010")
_DASHES = ("—", "--", "―")
_TOGETHER = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ua4cf\uf900-\ufaff\uff00-\uffef]")
"""Scripts that write words together: no blank stands for a line end."""
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}


@dataclass
class Block:
    """Lines that stand together.

    gap: blank lines above it, 0 where it goes on what is above. paged: a page break is above it.
    """

    lines: list[str]
    gap: int
    paged: bool = False


def roman(text: str) -> int:
    """Value of a Roman numeral in lower case, however it is written."""
    values = [_ROMAN[c] for c in text]
    return sum(-v if v < after else v for v, after in zip(values, [*values[1:], 0], strict=True))


def blocks_of(lines: Iterable[str]) -> list[Block]:
    """Lines as blocks, without page marks. The first and last line of a page are blocks of their own, with a gap of 0."""
    blocks: list[Block] = []
    here: list[str] = []
    blank = gap = 0
    paged = first = False
    for line in lines:
        if line == PAGE_BREAK:
            if len(here) > 1:
                blocks += [Block(here[:-1], gap, paged), Block(here[-1:], 0)]
                here, paged = [], False
            elif here:
                blocks.append(Block(here, gap, paged))
                here, paged = [], False
            paged = first = True
            continue
        bare = _PAGE_MARK.sub(lambda m: " " if m[1] or m[2] else "", line) if "[" in line or "{" in line else line
        if bare.strip():
            if not here:
                gap, blank = blank, 0
            here.append(bare.rstrip())
            if first:
                blocks.append(Block(here, gap, paged))
                here, gap, paged, first = [], 0, False, False
        elif bare != line:
            continue  # a page mark on a line of its own
        else:
            blank += 1
            if here:
                blocks.append(Block(here, gap, paged))
                here, paged, blank = [], False, 1
    return [*blocks, Block(here, gap, paged)] if here else blocks


def without_furniture(blocks: list[Block]) -> list[Block]:
    """Blocks without page numbers and running heads; what a page's end cuts is one again."""
    keys = [_key(" ".join(b.lines)) if len(b.lines) <= 2 and sum(map(len, b.lines)) <= MAX_HEAD_CHARS else None for b in blocks]
    places: dict[str, list[int]] = {}
    for k, key in enumerate(keys):
        if key is not None:
            places.setdefault(key, []).append(k)
    often = {key: found for key, found in places.items() if len(found) >= MIN_REPEATED}
    above, below = _neighbours(blocks, [key in often for key in keys])
    gone: set[int] = set()
    for key, found in often.items():
        cutting = {k for k in found if _cut(blocks, above[k], below[k]) or blocks[k].paged or (k + 1 < len(blocks) and blocks[k + 1].paged)}
        if len(cutting) < MIN_CUTTING * len(found):
            continue
        titled = key != "" and (above[found[0]] < 0 or blocks[above[found[0]]].lines[-1].endswith(_ENDS))
        gone |= cutting | _rising(blocks, found) if key == "" else set(found[titled:])
        if titled and found[0] + 1 < len(blocks):
            blocks[found[0] + 1].gap = max(1, blocks[found[0] + 1].gap)
    return _joined(blocks, gone)


def _key(line: str) -> str:
    """What is alike of running heads: their letters; "" for a number alone."""
    if _NUMBER.fullmatch(line):
        return ""
    words = _NOT_LETTERS.sub(" ", line).casefold().split()
    return " ".join(word for k, word in enumerate(words) if len(word) > 1 or 0 < k < len(words) - 1) or line


def _neighbours(blocks: list[Block], skipped: list[bool]) -> tuple[list[int], list[int]]:
    """Of each block the nearest one above and below that is not skipped, -1 where there is none."""
    above, below = [-1] * len(blocks), [-1] * len(blocks)
    near = -1
    for k in range(len(blocks)):
        above[k] = near
        near = near if skipped[k] else k
    near = -1
    for k in range(len(blocks) - 1, -1, -1):
        below[k] = near
        near = near if skipped[k] else k
    return above, below


def _cut(blocks: list[Block], above: int, below: int) -> bool:
    """Whether a sentence goes on from the one block to the other."""
    if above < 0 or below < 0:
        return False
    end, start = blocks[above].lines[-1], blocks[below].lines[0]
    return not end.endswith(_ENDS) and start[:1].isalpha() and not start[0].isupper() and not end.startswith(HEADING)


def _rising(blocks: list[Block], found: list[int]) -> set[int]:
    """Those of lone numbers that make the longest rising sequence: page numbers."""
    values = []
    for k in found:
        match = _NUMBER.fullmatch(" ".join(blocks[k].lines))
        assert match is not None
        values.append(int(match["number"]) if match["number"] else roman(match["roman"]))
    ends: list[int] = []  # value that ends the best sequence of each length, and where it stands
    at: list[int] = []
    before = [-1] * len(values)
    for k, value in enumerate(values):
        length = bisect_left(ends, value)
        before[k] = at[length - 1] if length else -1
        ends[length : length + 1], at[length : length + 1] = [value], [k]
    k, rising = at[-1], set()
    while k >= 0:
        rising.add(found[k])
        k = before[k]
    return rising


def _joined(blocks: list[Block], gone: set[int]) -> list[Block]:
    """The other blocks, joined where a page's end, or a gap of several lines, parts a sentence."""
    kept: list[Block] = []
    crossed = False
    for k, block in enumerate(blocks):
        if k in gone:
            crossed = True
            continue
        if kept:
            above = kept[-1]
            end, start = above.lines[-1], block.lines[0].lstrip("\"'“‘")[:1]
            goes_on = not end.endswith(_ENDS) and start.isalpha() and not end.startswith(HEADING)
            long = len(above.lines) > 1 or len(end) > MAX_HEAD_CHARS // 2
            across = (crossed or block.paged) and goes_on and (long or not start.isupper())
            apart = block.gap > 1 and goes_on and long and block.lines[0][:1].islower() and end[:1] != " "
            if (block.gap == 0 and not crossed) or across or apart:
                above.lines += block.lines
                crossed = False
                continue
        kept.append(Block(list(block.lines), block.gap))
        crossed = False
    return kept


@dataclass(frozen=True)
class Setting:
    """How a book is set.

    width: what 19 of 20 line ends within paragraphs do not exceed; 0 where it is not wrapped. prose: most of these are forced.
    spaced: paragraphs are parted by blank lines alone, so that a short line is none's last one.
    """

    width: int
    prose: bool
    spaced: bool


def setting(blocks: list[Block]) -> Setting:
    """How the lines of these blocks are set."""
    counts = Counter(len(line) for block in blocks if len(block.lines) > 2 for line in block.lines[:-1])
    left, width = sum(counts.values()) // 20, 0
    for length in sorted(counts, reverse=True):
        left -= counts[length]
        if left < 0:
            width = length if length <= MAX_WIDTH else 0
            break
    breaks = ends = forced = full_ends = 0
    for block in blocks:
        for line, after in pairwise(block.lines):
            full = _forced(line, after, width)
            forced, breaks = forced + full, breaks + 1
            if line.endswith(_ENDS) and _indent(after) < _indent(line) + 2:
                ends, full_ends = ends + 1, full_ends + full
    spaced = 2 * full_ends >= ends
    if not spaced:
        forced, breaks = forced - full_ends, breaks - ends
    return Setting(width, forced >= PROSE * breaks, spaced)


def paragraphs(blocks: list[Block]) -> list[str]:
    """Each block as text: prose as one line, all else line by line."""
    book, hyphens = setting(blocks), Hyphens(blocks)
    return ["\n".join(_unwrapped(block.lines, book, hyphens)) for block in blocks]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _forced(line: str, after: str, width: int) -> bool:
    """Whether the first word of the next line had not fitted on this one."""
    text = after.lstrip()
    word = 1 if _TOGETHER.match(text) else len(text[:MAX_WIDTH].split(" ", 1)[0])
    return len(line) + 1 + word > width - SLACK


def _unwrapped(lines: list[str], book: Setting, hyphens: Hyphens) -> list[str]:
    indent = min(map(_indent, lines))
    if len(lines) == 1 or not book.width or not _is_prose(lines, book):
        return [line[indent:] for line in lines]
    made: list[str] = []
    pieces: list[str] = []
    for line, after in pairwise(lines):
        here = line.strip()
        free = not book.spaced and not _forced(line, after, book.width)
        if here.endswith(_ENDS) and (free or _indent(after) >= indent + 2):
            made.append("".join([*pieces, here]))
            pieces = []
        else:
            pieces.append(hyphens.before(here, after.lstrip()))
    return [*made, "".join([*pieces, lines[-1].strip()])]


def _is_prose(lines: list[str], book: Setting) -> bool:
    """Whether a block's line ends are the typesetter's: those that may end paragraphs are not asked."""
    if lines[0].startswith(HEADING) or 2 * sum(map(_has_columns, lines)) >= len(lines):
        return False
    longest = max(map(len, lines))
    within = [(line, after) for line, after in pairwise(lines) if book.spaced or not line.endswith(_ENDS)]
    if not within:
        return False  # each line may be a paragraph
    breaks = len(within)
    n_lower = sum(_starts_lower(after) for _, after in within)
    lower = 2 * n_lower >= breaks
    narrow = longest < NARROW * book.width
    if narrow and not lower:
        return False
    full = [_forced(line, after, longest if narrow else book.width) for line, after in (within if lower else pairwise(lines))]
    forced = sum(full)
    if lower and not narrow:
        ragged = not book.spaced and forced + n_lower >= RAGGED * breaks
        filled = book.prose and sum(len(line) for line, _ in within) >= FILLED * book.width * breaks
        return ragged or filled or forced >= LOWER_FORCED * breaks
    return forced >= OTHER_FORCED * len(full)


def _has_columns(line: str) -> bool:
    """Whether a line may be a row of a table, or leads to a page number."""
    text = line.strip()
    return "   " in text or "\t" in text or "....." in text or ". . . . ." in text or text.count("|") > 1


def _starts_lower(line: str) -> bool:
    start = line.lstrip(" \"'“‘(_")[:1]
    return start.isalpha() and start.islower()


class Hyphens:
    """What becomes of hyphens at line ends, as a book writes the words elsewhere.

    Where the word stands nowhere else, as it does with most others of the book: scans cut words, Project Gutenberg's files do not.
    """

    def __init__(self, blocks: list[Block]) -> None:
        pairs: Counter[tuple[str, str]] = Counter()
        for block in blocks:
            for line, after in pairwise(block.lines):
                if pair := _cut_word(line, after):
                    pairs[pair] += 1
        whole = {a + b for a, b in pairs} | {f"{a}-{b}" for a, b in pairs}
        self._seen: Counter[str] = Counter()
        if pairs:
            for block in blocks:
                cut = False
                for line in block.lines:
                    words = _WORD.findall(line.lower())
                    words, cut = words[1:] if cut else words, line.endswith(_CUTS)
                    self._seen.update(word for word in (words[:-1] if cut else words) if word in whole)
        told = [self._seen[a + b] - self._seen[f"{a}-{b}"] for a, b in pairs]
        self._cuts_words = sum(n > 0 for n in told) >= sum(n < 0 for n in told)

    def before(self, line: str, after: str) -> str:
        """A line with what parts it from the next one, or without its hyphen."""
        if line.endswith(_DASHES):
            return line if line.rstrip("-—―")[-1:].strip() else line + " "
        if not line.endswith(_CUTS) or not after[:1].isalnum():
            return line if _TOGETHER.match(line[-1:]) and _TOGETHER.match(after) else line + " "
        if line[-1] in "\u00ad¬":
            return line[:-1]
        pair = _cut_word(line, after)
        if pair is None:
            return line if line[-2:-1].isalnum() else line + " "
        whole, apart = self._seen["".join(pair)], self._seen["-".join(pair)]
        return line[:-1] if whole > apart or (whole == apart and self._cuts_words) else line


def _cut_word(line: str, after: str) -> tuple[str, str] | None:
    """The halves, in lower case, of a word that is cut at the end of a line."""
    if not line.endswith(_CUTS) or line.endswith("--"):
        return None
    left, right = _LAST_WORD.search(line[-60:]), _WORD.match(after.lstrip()[:60])
    return (left[1].lower(), right[0].lower()) if left and right and right[0][0].islower() else None
