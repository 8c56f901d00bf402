"""One linear scan over a page's bytes, before the parser sees them.

A parser that builds the tree of the HTML standard is at the mercy of the page: lexbor's time grows
with the square of the nesting, an element may carry a hundred thousand attributes, and a few bytes of
unclosed formatting elements are copied into every paragraph that follows. The scan bounds all of it:

* elements opened deeper than `MAX_DEPTH` lose their tags and keep their content (they are counted);
* formatting elements left open beyond `MAX_FORMATTING` lose their tags, too;
* an element keeps `MAX_ATTRIBUTES` attributes; long ones and those nobody reads (handlers, `srcset`,
  paths of drawings, inlined images) go;
* comments, styles, frames and scripts go, but for scripts that hold formulas or metadata;
* beyond `MAX_RAW_TAGS`, what looks like a tag in raw text is made none, lest the parser take it for one.

How deep an element stands is told by the standard's rules for implied end tags, so that a page of ten
thousand unclosed `<p>` is as flat as it is in a browser.

Source:  WHATWG HTML, "Tokenization" and "Tree construction"; the bounds are ours.
Units:   bytes of UTF-8.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from stages.extract.tree import TAG, TAG_HASHES, TAG_NUMBERS, TAGS, VOID, hash_of, look_up

MAX_DEPTH = 512
MAX_FORMATTING = 32
MAX_ATTRIBUTES = 64
MAX_VALUE_BYTES = 16 << 10
MAX_STYLE_BYTES = 256
MAX_SCRIPT_BYTES = 64 << 10
MAX_RAW_TAGS = 256

# What an element is to the tree builder.
_PLAIN, _SPECIAL, _FORMATTING = 0, 1, 2
_SPECIALS = frozenset([
    "address", "article", "aside", "blockquote", "body", "button", "caption", "center", "col", "dd", "details", "dir", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "frame", "frameset", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header",
    "hgroup", "html", "iframe", "li", "listing", "main", "marquee", "menu", "nav", "noscript", "object", "ol", "p", "plaintext", "pre",
    "search", "section", "select", "summary", "table", "tbody", "td", "template", "textarea", "tfoot", "th", "thead", "title", "tr",
    "ul", "xmp",
])  # fmt: skip
_FORMATTINGS = frozenset(["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"])
_CLOSES_P = frozenset([
    "address", "article", "aside", "blockquote", "center", "details", "dialog", "dir", "div", "dl", "dd", "dt", "fieldset", "figcaption",
    "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "li", "listing", "main", "menu", "nav", "ol",
    "p", "plaintext", "pre", "search", "section", "summary", "table", "ul", "xmp",
])  # fmt: skip
_SCOPES = frozenset(["caption", "marquee", "object", "table", "td", "template", "th"])
_CLASS = np.array([_SPECIAL if t in _SPECIALS else _FORMATTING if t in _FORMATTINGS else _PLAIN for t in TAGS], np.int8)
_ENDS_P = np.array([t in _CLOSES_P for t in TAGS], np.bool_)
_SCOPE = np.array([t in _SCOPES for t in TAGS], np.bool_)
_MARKER = _SCOPE & np.array([t != "table" for t in TAGS], np.bool_)  # what stands open outside is not opened again inside
_IS_VOID = np.array([t in VOID for t in TAGS], np.bool_)

T_A, T_P, T_LI, T_DD, T_DT, T_TABLE, T_TR, T_TD, T_TH = (TAG[t] for t in ("a", "p", "li", "dd", "dt", "table", "tr", "td", "th"))
T_TBODY, T_THEAD, T_TFOOT, T_CAPTION = (TAG[t] for t in ("tbody", "thead", "tfoot", "caption"))
T_HTML, T_BODY, T_HEAD, T_H1, T_H6, T_DIV, T_ADDRESS = (TAG[t] for t in ("html", "body", "head", "h1", "h6", "div", "address"))
T_SCRIPT, T_STYLE, T_IFRAME, T_NOEMBED, T_NOFRAMES = (TAG[t] for t in ("script", "style", "iframe", "noembed", "noframes"))
T_TITLE, T_TEXTAREA, T_XMP, T_PLAINTEXT, T_SVG, T_MATH = (TAG[t] for t in ("title", "textarea", "xmp", "plaintext", "svg", "math"))
T_COL, T_BUTTON, T_OPTION = (TAG[t] for t in ("col", "button", "option"))
_I: Any = np.int64
_U: Any = np.uint64


_TYPE, _STYLE_NAME = hash_of("type"), hash_of("style")
_UNREAD = np.array(
    [hash_of(n) for n in ("srcset", "sizes", "d", "points", "integrity", "nonce", "transform", "path", "imagesrcset")], np.uint64
)


@njit(cache=True)
def _is_space(byte: Any) -> bool:
    return bool(byte == 32 or 9 <= byte <= 13)


@njit(cache=True)
def _is_letter(byte: Any) -> bool:
    return bool(97 <= byte <= 122 or 65 <= byte <= 90)


@njit(cache=True)
def _lower_hash(data: Any, start: Any, stop: Any) -> Any:
    """`name_hash` of a name in lower case."""
    h = _U(0xCBF29CE484222325)
    for i in range(start, stop):
        byte = data[i]
        h = (h ^ _U(byte + 32 if 65 <= byte <= 90 else byte)) * _U(0x100000001B3)
    return h


@njit(cache=True)
def _starts(data: Any, i: Any, lower: Any) -> bool:
    """Whether data[i:] starts with these lower-case ASCII bytes, in any case."""
    if i + len(lower) > len(data):
        return False
    for k in range(len(lower)):
        byte = data[i + k]
        if (byte + 32 if 65 <= byte <= 90 else byte) != lower[k]:
            return False
    return True


@njit(cache=True)
def _raw_end(data: Any, i: Any, name: Any, script: bool) -> Any:
    """Where the end tag of a raw-text element that begins at i stands: (its <, or len(data); whether escaped text occurs)."""
    n, escaped, twice, ever = len(data), False, False, False
    while i < n:
        if data[i] == 60:
            if i + 1 < n and data[i + 1] == 47 and _starts(data, i + 2, name):
                after = i + 2 + len(name)
                if after >= n or _is_space(data[after]) or data[after] == 47 or data[after] == 62:
                    if not twice:
                        return i, ever
                    twice = False
            elif script and i + 3 < n and data[i + 1] == 33 and data[i + 2] == 45 and data[i + 3] == 45:
                escaped, ever = True, True
            elif script and escaped and not twice and _starts(data, i + 1, name):
                after = i + 1 + len(name)
                twice = after < n and (_is_space(data[after]) or data[after] == 47 or data[after] == 62)
        elif script and data[i] == 62 and i > 1 and data[i - 1] == 45 and data[i - 2] == 45:
            escaped, twice = False, False
        i += 1
    return n, ever


@njit(cache=True)
def _comment_end(data: Any, i: Any) -> Any:
    """One past the comment whose text begins at i (behind `<!--`)."""
    n = len(data)
    if i < n and data[i] == 62:
        return i + 1
    if i + 1 < n and data[i] == 45 and data[i + 1] == 62:
        return i + 2
    while i + 2 < n:
        if data[i] == 45 and data[i + 1] == 45 and (data[i + 2] == 62 or (data[i + 2] == 33 and i + 3 < n and data[i + 3] == 62)):
            return i + (3 if data[i + 2] == 62 else 4)
        i += 1
    return n


@njit(cache=True)
def _wanted(data: Any, name: Any, name_stop: Any, value: Any, value_stop: Any, unread: Any) -> Any:
    """Whether an attribute is kept."""
    if name_stop - name > 64 or value_stop - value > MAX_VALUE_BYTES or name_stop == name:
        return False
    if name_stop - name > 4 and (data[name] | 32) == 111 and (data[name + 1] | 32) == 110:  # onclick …
        return False
    h = _lower_hash(data, name, name_stop)
    for k in range(len(unread)):
        if unread[k] == h:
            return False
    return h != _STYLE_NAME or value_stop - value <= MAX_STYLE_BYTES


@njit(cache=True)
def _tag(data: Any, i: Any, out: Any, at: Any, unread: Any) -> Any:
    """Copy a start tag's attributes from data[i:] (behind its name) to out[at:], as the tokenizer reads them.

    Returns: (one past the `>`, or -1 if the tag never ends; new end of out; whether it ends in `/>`;
    where the value of `type` stands).
    """
    n, kept, closed = len(data), 0, False
    type_start, type_stop = _I(0), _I(0)
    while i < n:
        byte = data[i]
        if byte == 62:
            return i + 1, at, closed, type_start, type_stop
        if _is_space(byte) or byte == 47:
            closed = byte == 47
            i += 1
            continue
        closed = False
        name = i
        i += 1
        while i < n and not (_is_space(data[i]) or data[i] == 47 or data[i] == 62 or data[i] == 61):
            i += 1
        name_stop = i
        k = i
        while k < n and _is_space(data[k]):
            k += 1
        value, value_stop, stop = i, i, i
        if k < n and data[k] == 61:
            k += 1
            while k < n and _is_space(data[k]):
                k += 1
            if k < n and (data[k] == 34 or data[k] == 39):
                quote = data[k]
                value = k + 1
                k = value
                while k < n and data[k] != quote:
                    k += 1
                value_stop, stop = k, k + 1
            else:
                value = k
                while k < n and not (_is_space(data[k]) or data[k] == 62):
                    k += 1
                value_stop, stop = k, k
            i = stop
        if stop > n:
            return _I(-1), at, False, type_start, type_stop
        if type_stop == 0 and name_stop - name == 4 and _lower_hash(data, name, name_stop) == _TYPE:
            type_start, type_stop = value, value_stop
        if kept < MAX_ATTRIBUTES and _wanted(data, name, name_stop, value, value_stop, unread):
            out[at] = 32
            at += 1
            for j in range(name, stop):
                out[at] = data[j]
                at += 1
            kept += 1
    return _I(-1), at, False, type_start, type_stop


@njit(cache=True)
def _is_read(data: Any, start: Any, stop: Any, math: Any, metadata: Any) -> bool:
    """Whether a script of this type holds something to read: formulas (math/…) or metadata (JSON-LD)."""
    while start < stop and _is_space(data[start]):
        start += 1
    return _starts(data[:stop], start, math) or _starts(data[:stop], start, metadata)


_RAW_NAMES = {T_SCRIPT: "script", T_STYLE: "style", T_IFRAME: "iframe", T_NOEMBED: "noembed", T_NOFRAMES: "noframes",
              T_TITLE: "title", T_TEXTAREA: "textarea", T_XMP: "xmp"}  # fmt: skip
_RAW_BYTES = np.frombuffer("".join(_RAW_NAMES.values()).encode(), np.uint8)
_RAW_OFFSETS = np.zeros((len(TAGS), 2), np.int64)
for _number, _end in zip(_RAW_NAMES, np.cumsum([len(v) for v in _RAW_NAMES.values()]), strict=True):
    _RAW_OFFSETS[_number] = _end - len(_RAW_NAMES[_number]), _end
_MATH_TYPE, _METADATA_TYPE = np.frombuffer(b"math/", np.uint8), np.frombuffer(b"application/ld+json", np.uint8)


@njit(cache=True)
def _copy_raw(data: Any, i: Any, stop: Any, out: Any, at: Any, tags: Any) -> Any:
    """Copy raw text to out[at:]; returns the new end and `tags`, counted on.

    Where the parser is not in the state the scan takes it for (in a drawing, say), it reads tags in it. Behind
    MAX_RAW_TAGS of them a blank stands after their `<`, which makes text of them everywhere.
    """
    while i < stop:
        out[at] = data[i]
        at += 1
        if data[i] == 60 and i + 1 < stop and (_is_letter(data[i + 1]) or data[i + 1] == 47):
            tags += 1
            if tags > MAX_RAW_TAGS:
                out[at] = 32
                at += 1
        i += 1
    return at, tags


@njit(cache=True)
def _find(stack: Any, top: Any, h: Any, kinds: Any, scope: Any, inside: bool) -> Any:
    """Place on the stack of the nearest open element with this name, or 0.

    inside: stop at what bounds a scope; else at any special element.
    """
    while top > 0:
        if stack[top, 0] == h:
            return top
        number = _I(stack[top, 1])
        if (inside and scope[number]) or (not inside and kinds[number] == _SPECIAL):
            return 0
        top -= 1
    return 0


@njit(cache=True)
def _pop(stack: Any, place: Any, top: Any, opened: Any, marker: Any, formatting: Any, floor: Any) -> Any:
    """End the open elements from place to top; returns `formatting` and `floor` as they are behind them."""
    for k in range(place, top + 1):
        number = _I(stack[k, 1])
        opened[number] -= 1
        if marker[number]:
            formatting, floor = min(formatting, _I(stack[k, 2])), min(floor, _I(stack[k, 3]))
    return formatting, floor


@njit(cache=True)
def _ended(active: Any, floor: Any, formatting: Any, number: Any) -> Any:
    """Take the last formatting element of this number out of those the parser opens again; returns how many are left."""
    k = formatting - 1
    while k >= floor and active[k] != number:
        k -= 1
    if k < floor:
        return formatting
    for j in range(k, formatting - 1):
        active[j] = active[j + 1]
    return formatting - 1


@njit(cache=True)
def _reach(stack: Any, top: Any, number: Any) -> Any:
    """How many elements stand open within the last one of this number. Of up to eight the parser makes copies of it."""
    k = top
    while k > 0 and stack[k, 1] != _U(number):
        k -= 1
    return top - k


@njit(cache=True)
def _place_of(stack: Any, top: Any, a: Any, b: Any, c: Any, below: Any) -> Any:
    """Place of the nearest open a, b or c above the nearest open `below`, or 0."""
    while top > 0 and stack[top, 1] != _U(below):
        number = _I(stack[top, 1])
        if number in (a, b, c):
            return top
        top -= 1
    return 0


@njit(cache=True)
def _item(stack: Any, top: Any, a: Any, b: Any, kinds: Any) -> Any:
    """Place of the open list item (or term) a new one ends, or 0."""
    while top > 0:
        number = _I(stack[top, 1])
        if number in (a, b):
            return top
        if kinds[number] == _SPECIAL and number != T_DIV and number != T_P and number != T_ADDRESS:
            return 0
        top -= 1
    return 0


@njit(cache=True)
def _scan(
    data: Any, hashes: Any, numbers: Any, kinds: Any, ends_p: Any, scope: Any, marker: Any, void: Any, unread: Any, raw: Any,
    raw_spans: Any, math: Any, metadata: Any,
) -> Any:  # fmt: skip
    n = _I(len(data))
    out = np.empty(2 * n + 16, np.uint8)  # every attribute may gain a blank
    at, i = _I(0), _I(0)
    # open elements: hash of the name, number in TAGS; `formatting` and `floor` when it was opened
    stack = np.zeros((MAX_DEPTH + 2, 4), np.uint64)
    # formatting elements the parser opens again where a block cut them off, and how many of them stand outside of the cell they are in
    active, floor = np.zeros(MAX_FORMATTING, np.int64), _I(0)
    opened = np.zeros(len(kinds), np.int64)
    top, formatting, nodes, flattened, tags = 0, _I(0), _I(6), 0, _I(0)  # the document, html, head, body and two runs of text
    dropped = np.zeros(256, np.int32)  # start tags left out at the depth limit, by hash: their end tags go, too
    while i < n:
        if data[i] != 60:
            nodes += 1
            while i < n and data[i] != 60:
                out[at] = data[i]
                at += 1
                i += 1
            continue
        following = data[i + 1] if i + 1 < n else 0
        if following == 33:
            if i + 3 < n and data[i + 2] == 45 and data[i + 3] == 45:
                i = _comment_end(data, i + 4)
                continue
            keep = i + 2 < n and (_is_letter(data[i + 2]) or (data[i + 2] == 91 and opened[T_SVG] + opened[T_MATH] > 0))
            if keep and data[i + 2] == 91:  # CDATA within drawings and formulas
                start = i
                while i < n and not (data[i] == 62 and data[i - 1] == 93 and data[i - 2] == 93):
                    i += 1
                at, tags = _copy_raw(data, start, i, out, at, tags)
            while i < n:
                last = data[i] == 62
                if keep:
                    out[at] = data[i]
                    at += 1
                i += 1
                if last:
                    break
            continue
        ending = following == 47
        if ending:
            following = data[i + 2] if i + 2 < n else 0
        if not _is_letter(following):
            if ending or following == 63:  # </ and no name, <?
                while i < n and data[i] != 62:
                    i += 1
                i += 1
            else:
                out[at] = 60
                at += 1
                i += 1
            continue
        start = i + 2 if ending else i + 1
        i = start
        while i < n and not (_is_space(data[i]) or data[i] == 47 or data[i] == 62):
            i += 1
        name_stop = i
        h = _lower_hash(data, start, name_stop)
        number = _I(look_up(hashes, numbers, h))
        number = number if number != 0 else 1
        kind = kinds[number]
        head = at
        out[at] = 60
        at += 1
        if ending:
            out[at] = 47
            at += 1
        for k in range(start, min(name_stop, start + 64)):
            out[at] = data[k]
            at += 1
        i, stop, closed, type_start, type_stop = _tag(data, i, out, at, unread)
        if i < 0:  # a tag that never ends: the standard drops it
            at = head
            break
        if ending:
            out[at] = 62
            at += 1
            bucket = _I(h & _U(255))
            if top >= MAX_DEPTH and dropped[bucket] > 0:
                dropped[bucket] -= 1
                at = head
                continue
            place = 0
            if T_H1 <= number <= T_H6:
                place = top
                while place > 0 and not (T_H1 <= _I(stack[place, 1]) <= T_H6):
                    place = 0 if scope[_I(stack[place, 1])] else place - 1
            elif number == 1 or opened[number] > 0:
                place = _find(stack, top, h, kinds, scope, kind == _SPECIAL)
            if kind == _FORMATTING:
                reach = _reach(stack, top, number) if place == 0 and opened[number] > 0 else 0
                nodes += 4 * min(8, reach)
                formatting = _ended(active, floor, formatting, number) if reach < 8 else formatting
            if place > 0:
                formatting, floor = _pop(stack, place, top, opened, marker, formatting, floor)
                top = place - 1
            elif number == T_P or name_stop - start == 2:  # </p> and </br> stand for an element
                nodes += 1
            nodes += formatting if kind == _SPECIAL else 0
            continue
        # implied end tags
        place = 0
        if ends_p[number] and opened[T_P] > 0:
            place = top
            while place > 0 and stack[place, 1] != _U(T_P):
                place = 0 if scope[_I(stack[place, 1])] or stack[place, 1] == _U(T_BUTTON) else place - 1
        if number == T_LI and opened[T_LI] > 0:
            k = _item(stack, top, T_LI, T_LI, kinds)
            place = k if k > 0 else place
        elif number in (T_DD, T_DT) and opened[T_DD] + opened[T_DT] > 0:
            k = _item(stack, top, T_DD, T_DT, kinds)
            place = k if k > 0 else place
        elif number in (T_TD, T_TH):
            place = _place_of(stack, top, T_TD, T_TH, T_CAPTION, T_TABLE)
        elif number == T_TR:
            place = _place_of(stack, top, T_TR, T_TD, T_CAPTION, T_TABLE)
            k = _place_of(stack, place - 1, T_TR, T_TR, T_TR, T_TABLE) if place > 0 else 0
            place = k if k > 0 else place
        elif number in (T_TBODY, T_THEAD, T_TFOOT):
            place = top
            while place > 0 and stack[place, 1] != _U(T_TABLE):
                place -= 1
            place = place + 1 if 0 < place < top else 0
        elif top > 0 and (
            (number == T_OPTION and stack[top, 1] == _U(T_OPTION)) or (T_H1 <= number <= T_H6 and T_H1 <= _I(stack[top, 1]) <= T_H6)
        ):
            place = top
        if place > 0:
            formatting, floor = _pop(stack, place, top, opened, marker, formatting, floor)
            top = place - 1
            nodes += formatting  # text behind it opens them again
        if top < MAX_DEPTH and flattened > 0:
            dropped[:] = 0
        span = raw_spans[number]
        if span[1] > span[0]:
            name = raw[span[0] : span[1]]
            close, escaped = _raw_end(data, i, name, number == T_SCRIPT)
            read = number in (T_TITLE, T_TEXTAREA, T_XMP)
            if number == T_SCRIPT and close - i <= MAX_SCRIPT_BYTES and not escaped:
                read = _is_read(data, type_start, type_stop, math, metadata)
            at = stop if read else head
            if read:
                out[at] = 62
                at += 1
                at, tags = _copy_raw(data, i, close, out, at, tags)
                out[at], out[at + 1] = 60, 47
                at += 2
                for k in range(len(name)):
                    out[at] = name[k]
                    at += 1
                out[at] = 62
                at += 1
                nodes += 2
            i = close
            while i < n and data[i] != 62:
                i += 1
            i += 1
            continue
        if number == T_PLAINTEXT:  # would make text of all tags behind it, wherever the parser heeds it
            at = head
            continue
        at = stop
        nodes += 1 + (formatting if kind == _SPECIAL else 0)
        if opened[T_TABLE] > 0:  # the row and the section a cell or a row stands in without a tag
            within = _I(stack[top, 1])
            nodes += 2 * (number in (T_TD, T_TH) and within != T_TR) + (number in (T_TR, T_COL) and within == T_TABLE)
        if kind == _FORMATTING:
            if number == T_A and opened[T_A] > 0:  # ends the link before it
                place = _find(stack, top, h, kinds, scope, False)
                reach = _reach(stack, top, number) if place == 0 else 0
                nodes += 4 * min(8, reach)
                formatting = _ended(active, floor, formatting, number) if reach < 8 else formatting
                if place > 0:
                    formatting, floor = _pop(stack, place, top, opened, marker, formatting, floor)
                    top = place - 1
            if formatting >= MAX_FORMATTING:
                flattened += 1
                at = head
                continue
        foreign = opened[T_SVG] + opened[T_MATH] > 0
        out[at] = 62
        if closed and foreign:
            out[at], out[at + 1] = 47, 62
            at += 1
        at += 1
        if void[number] or (closed and foreign) or number in (T_HTML, T_BODY, T_HEAD):
            continue
        if number in (T_TR, T_TD, T_TH) and opened[T_TABLE] == 0:
            continue  # outside a table such a tag says nothing
        if top >= MAX_DEPTH:
            flattened += 1
            dropped[_I(h & _U(255))] += 1
            at = head
            continue
        top += 1
        stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3] = h, _U(number), _U(formatting), _U(floor)
        opened[number] += 1
        if marker[number]:
            floor = formatting
        if kind == _FORMATTING:
            active[formatting] = number
            formatting += 1
    return out[:at], flattened, nodes + 3 * min(tags, MAX_RAW_TAGS)


class Scanned(NamedTuple):
    """What the scan leaves of a page.

    page: bytes for the parser. flattened: elements that lost their tags. nodes: an upper estimate of
    the nodes the parser will make.
    """

    page: bytes
    flattened: int
    nodes: int


def scan(page: bytes) -> Scanned:
    """Bound a page (UTF-8) for the parser. Any bytes will do."""
    out, flattened, nodes = _scan(
        np.frombuffer(page, np.uint8), TAG_HASHES, TAG_NUMBERS, _CLASS, _ENDS_P, _SCOPE, _MARKER, _IS_VOID, _UNREAD, _RAW_BYTES,
        _RAW_OFFSETS, _MATH_TYPE, _METADATA_TYPE,
    )  # fmt: skip
    return Scanned(out.tobytes(), int(flattened), int(nodes))
