"""The HTML that Stack Exchange's editor writes, as text, by one kernel; `fragment_text` is for the rest.

A site's posts have some twenty elements, well nested. Their text is the same whether a tree is made of them or not, but the tree takes
twenty times as long; so the kernel writes such a post in one pass over its bytes, and gives up at whatever is not of the kind: another
element or attribute, a tag that does not close the last one opened, a table, a comment. It gives up rather than guess, and who called it
takes the long way. Text is what `fragment_text` makes of the post, but that formulas between dollars stay to the byte.

Source:  https://meta.stackexchange.com/q/1777 (elements of posts); forms as in extract/render.py.
Units:   bytes of UTF-8.
"""

from __future__ import annotations

from html.entities import html5
from typing import Any

import numpy as np
from numba import njit

from stages.extract.math.raw_tex import DISPLAY_ENVIRONMENTS, INNER_ENVIRONMENTS
from stages.extract.render import MAX_INDENT
from stages.extract.tree import TAG, TAG_HASHES, TAG_NUMBERS, TAGS, look_up, name_hash, name_table
from stages.sources.dumps.post_rows import numeric_reference, starts, write_utf8

_I: Any = np.int64
MAX_DEPTH = 64
MAX_IMAGES = 16
ROOM = 64
"""Bytes that stand before a block at most: a gap, an indent, a marker."""
OWN_ROOM = 1024
"""Bytes a text may have beside twice those of its HTML; what needs more (lists in lists of nothing) is left to the reader of pages."""

_STRANGE, _INLINE, _FLOW, _BREAK, _RULE, _IMAGE, _PRE, _SPAN = range(8)
_KIND = np.zeros(len(TAGS), np.int8)
for _kind, _names in (
    (_INLINE, "a b code del em i kbd s strike strong sub sup"), (_FLOW, "blockquote h1 h2 h3 h4 h5 h6 li ol p ul"), (_BREAK, "br"),
    (_RULE, "hr"), (_IMAGE, "img"), (_PRE, "pre"), (_SPAN, "span"),
):  # fmt: skip
    for _name in _names.split():
        _KIND[TAG[_name]] = _kind
_FORMATTING = np.isin(np.array(TAGS), ["b", "em", "i", "s", "strike", "strong"])
"""Elements that may overlap."""
_A, _CODE, _KBD, _P, _LI, _OL, _UL, _H1, _H6, _PRE_TAG, _SPAN_TAG = (
    TAG[t] for t in ("a", "code", "kbd", "p", "li", "ol", "ul", "h1", "h6", "pre", "span")
)


def _word(text: str) -> Any:
    return np.frombuffer(text.encode(), np.uint8)


_HREF, _REL, _TITLE, _SRC, _ALT, _WIDTH, _HEIGHT, _START, _CLASS = (
    np.uint64(name_hash(_word(n), 0, len(n))) for n in ("href", "rel", "title", "src", "alt", "width", "height", "start", "class")
)
_NO_ALT = _word("enter image description here")
"""What the editor writes where nobody did."""
_HOSTS = (_word("://i.stack.imgur.com/"), _word("://i.sstatic.net/"), _word("://i.imgur.com/"))
_FORMULA_SIGNS = tuple(_word(w) for w in ("tex", "math", "cht=", "quat", "rmul", "cogs", "hurm", "eeim", "xpr=", "\\"))
"""Hosts of uploads, and what in other addresses may speak of a formula (extract/math/formula_marks.py)."""
_LANG, _PRETTY, _DEFAULT, _POST_TAG, _SPOILER, _MATH = (
    _word(w) for w in ("lang-", "prettyprint", "default", "post-tag", "spoiler", "math-container")
)
_CODE_START, _CODE_END, _PRE_END, _SPAN_END = _word("<code"), _word("</code>"), _word("</pre>"), _word("</span>")
_BEGIN, _END, _BOM, _ZERO_WIDTH = _word("begin"), _word("end"), _word("\ufeff"), _word("\u200b")
_SAYS_FORMULA = ("equation", "equation*", "displaymath", "math")
_NAMED_FORMULAS = (*(_word(f"\\begin{{{name}") for name in _SAYS_FORMULA), _word("latex "))
"""What a formula may begin with that says only that it is one."""
_ENVIRONMENTS = sorted((DISPLAY_ENVIRONMENTS | INNER_ENVIRONMENTS) - set(_SAYS_FORMULA))
_ENVIRONMENT_HASHES, _ENVIRONMENT_NUMBERS = name_table({name: k + 1 for k, name in enumerate(_ENVIRONMENTS)})
_PLAIN = np.array([b > 32 and b not in b"&<$\\#[\xc2\xef" for b in range(256)])
_CHARACTERS = {name[:-1]: ord(c) for name, c in html5.items() if name[-1] == ";" and len(c) == 1}
_NAMES = sorted(_CHARACTERS)
_NAME_HASHES, _NAME_NUMBERS = name_table({name: k + 1 for k, name in enumerate(_NAMES)})
_MEANT = np.array([0, *(_CHARACTERS[name] for name in _NAMES)], np.int64)

# State of a post, as slots of one array: where in out its text begins, its open block begins (-1: none is open), its text ends; whether
# white space is owed, the last thing was a line break or the end of a link, the block before stands in a list, a heading is open; the item
# that waits for its text (0 none, 1 waiting, 2 an image has its marker), its number (-1: none) and level; open inline elements, code
# elements; whether the block has text outside of code; paragraphs of code alone; images owed; between dollars (1 single, 2 double ones),
# behind a backslash, before the second dollar of two.
_BASE, _FIRST, _AT, _SPACE, _NEWLINE, _LINK, _LISTED, _HEADED, _ITEM, _NUMBER, _LEVEL, _INLINES, _CODES, _PROSE, _TYPED = range(15)
_OWED, _DOLLARS, _ESCAPED, _PAIR = range(15, 19)


def post_texts(data: Any, offsets: Any) -> tuple[Any, Any, Any]:
    """Texts of many posts.

    Args:
        data: uint8, their HTML one behind another, valid UTF-8. offsets: int64 (n + 1,).
    Returns: (uint8, the texts one behind another; int64 (n + 1,), where they begin and end; bool (n,), whether a post was read:
        where not, its text is empty).
    """
    out = np.empty(2 * int(offsets[-1] - offsets[0]) + (len(offsets) - 1) * OWN_ROOM, np.uint8)
    data = data.view()
    data.flags.writeable = False  # one kind of array, so that one kernel is compiled
    ends, done = _posts(data, np.array(offsets), out)
    return out[: ends[-1]], ends, done


@njit(cache=True)
def _posts(data: Any, offsets: Any, out: Any) -> Any:
    n = len(offsets) - 1
    ends, done = np.zeros(n + 1, np.int64), np.zeros(n, np.bool_)
    s = np.zeros(19, np.int64)
    stack, numbers = np.zeros(MAX_DEPTH, np.int64), np.zeros(MAX_DEPTH, np.int64)
    owed = np.zeros((MAX_IMAGES, 2), np.int64)
    for k in range(n):
        s[:] = 0
        s[_BASE], s[_FIRST], s[_AT] = ends[k], -1, ends[k]
        room = out[: ends[k] + 2 * (offsets[k + 1] - offsets[k]) + OWN_ROOM]  # what a post has does not depend on those before it
        done[k] = _post(data, offsets[k], offsets[k + 1], room, s, stack, numbers, owed)
        ends[k + 1] = s[_AT] if done[k] else ends[k]
    return ends, done


@njit(cache=True)
def _post(data: Any, i: Any, stop: Any, out: Any, s: Any, stack: Any, numbers: Any, owed: Any) -> Any:
    """Write a post; False where it is not of the kind."""
    top = 0  # stack[1 ... top] are the open elements, numbers[k] the last number of a list, its step is 1
    lists = 0
    touched = False  # something stands between the last start tag and here
    span = np.zeros(4, np.int64)
    while i < stop:
        byte = data[i]
        inside = stack[top] if top > 0 else 0
        if byte != 60:
            if len(out) - s[_AT] < stop - i + ROOM:
                return False
            touched = True
            i = _characters(data, i, stop, out, s, inside)
            if i < 0:
                return False
            continue
        if i + 1 < stop and data[i + 1] == 47:
            name = i + 2
            i = name
            while i < stop and data[i] != 62:
                i += 1
            tag = look_up(TAG_HASHES, TAG_NUMBERS, name_hash(data, name, i))
            kind = _KIND[tag]
            if i >= stop:
                return False
            i += 1
            if tag == _P and inside != _P:  # the end of a paragraph that a block in it has ended: an empty paragraph
                if s[_INLINES] or inside in (_OL, _UL) or _H1 <= inside <= _H6 or not _flush(data, out, s, owed):
                    return False
            elif top == 0:
                return False
            else:
                if tag != inside:  # <em><strong> … </em></strong>
                    if not (_FORMATTING[tag] and _FORMATTING[inside] and stack[top - 1] == tag):
                        return False
                    stack[top - 1] = inside
                top -= 1
                if kind == _FLOW:
                    lists -= tag in (_OL, _UL)
                    if not _end(data, out, s, owed, tag):
                        return False
                else:
                    s[_INLINES] -= 1
                    s[_CODES] -= tag in (_CODE, _KBD)
            if touched:
                s[_LINK] = tag == _A
            touched = True
            continue
        name = i + 1
        i = name
        while i < stop and (97 <= data[i] <= 122 or 48 <= data[i] <= 57):
            i += 1
        tag = look_up(TAG_HASHES, TAG_NUMBERS, name_hash(data, name, i))
        kind = _KIND[tag]
        if kind == _STRANGE:
            return False
        i = _attributes(data, i, stop, tag, kind, span)
        if i < 0:
            return False
        if kind in (_FLOW, _RULE, _PRE):
            if s[_INLINES] or _H1 <= inside <= _H6 or not _end(data, out, s, owed, inside if inside == _P else tag):
                return False
            if inside == _P:
                top -= 1
                inside = stack[top] if top > 0 else 0
        elif s[_CODES]:
            return False
        if (inside in (_OL, _UL)) != (tag == _LI):
            return False
        touched = False
        if kind == _BREAK:
            if s[_NEWLINE]:
                if not _flush(data, out, s, owed):
                    return False
            elif s[_FIRST] >= 0:
                out[s[_AT]] = 10
                s[_AT] += 1
                s[_NEWLINE], s[_ESCAPED] = 1, 0
        elif kind == _IMAGE:
            if span[1] > span[0]:
                if s[_OWED] == MAX_IMAGES:
                    return False
                owed[s[_OWED], 0], owed[s[_OWED], 1] = span[0], span[1]
                s[_OWED] += 1
            s[_SPACE] = 1
        elif kind == _PRE:
            i = _listing(data, i, stop, out, s, span)
            if i < 0:
                return False
        elif kind == _SPAN:
            i = _formula(data, i, stop, out, s, owed)
            if i < 0:
                return False
        elif kind != _RULE:
            if top + 1 >= MAX_DEPTH:
                return False
            top += 1
            stack[top] = tag
            if tag == _A:
                for k in range(1, top):
                    if stack[k] == _A:
                        return False
                s[_SPACE] |= s[_LINK]
            s[_HEADED] |= _H1 <= tag <= _H6
            if tag in (_OL, _UL):
                lists += 1
                numbers[top] = span[2] - 1
            elif tag == _LI:
                s[_ITEM], s[_LEVEL], s[_NUMBER] = 1, lists, -1
                if inside == _OL:
                    numbers[top - 1] += 1
                    s[_NUMBER] = numbers[top - 1]
            if kind == _INLINE:
                s[_INLINES] += 1
                s[_CODES] += tag in (_CODE, _KBD)
        s[_LINK] = 0
    return top == 0 and _flush(data, out, s, owed)


@njit(cache=True)
def _end(data: Any, out: Any, s: Any, owed: Any, tag: Any) -> Any:
    """End the open block, of an element that ends or where another begins; False where that cannot be done."""
    if tag == _P and s[_FIRST] >= 0 and not s[_PROSE]:
        s[_TYPED] += 1
        if s[_TYPED] > 1:  # lines of one listing, it may be
            return False
    s[_HEADED] = 0
    return _flush(data, out, s, owed)


@njit(cache=True)
def _attributes(data: Any, i: Any, stop: Any, tag: Any, kind: Any, span: Any) -> Any:
    """Go past a tag's attributes; span gets where an image's alt stands, a list's first number, whether there is a class.

    Returns what is behind the tag, -1 where an attribute is not of the kind.
    """
    span[0], span[1], span[2], span[3] = 0, 0, 1, 0
    known = kind != _SPAN and kind != _IMAGE  # of an image its host, of a span its class must be known
    while i < stop and data[i] == 32:
        i += 1
        name = i
        while i < stop and 97 <= data[i] <= 122:
            i += 1
        if i == name:
            break
        h = name_hash(data, name, i)
        if i + 1 >= stop or data[i] != 61 or data[i + 1] != 34:
            return -1
        i += 2
        first = i
        while i < stop and data[i] != 34:
            i += 1
        if h == _CLASS:
            known, span[3] = _class(data, first, i, tag), 1
            if not known:
                return -1
        elif h == _SRC and kind == _IMAGE:
            at = first
            while at < i and data[at] != 58:
                at += 1
            for host in _HOSTS:
                known = known or starts(data, at, i, host)
            known = known or not _has_formula_sign(data, first, i)
        elif h == _ALT and kind == _IMAGE:
            for k in range(first, i):
                if data[k] in (36, 92, 94, 95, 123):  # of formulas
                    return -1
            if not (i - first == len(_NO_ALT) and starts(data, first, i, _NO_ALT)):
                span[0], span[1] = first, i
        elif h == _START and tag == _OL:
            number, digits = 0, i - first
            if digits == 0 or digits > 6:
                return -1
            for k in range(first, i):
                if data[k] < 48 or data[k] > 57:
                    return -1
                number = number * 10 + _I(data[k]) - 48
            span[2] = number
        elif h not in (_HREF, _REL, _TITLE, _WIDTH, _HEIGHT):
            return -1
        i += 1
    if i < stop and data[i] == 47 and kind in (_BREAK, _RULE, _IMAGE):
        i += 1
    return i + 1 if i < stop and data[i] == 62 and known else -1


@njit(cache=True)
def _has_formula_sign(data: Any, i: Any, stop: Any) -> Any:
    """Whether an address may be a formula's."""
    while i < stop:
        for sign in _FORMULA_SIGNS:
            same = i + len(sign) <= stop
            for k in range(len(sign)):
                same = same and (data[i + k] == sign[k] or data[i + k] | 32 == sign[k])
            if same:
                return True
        i += 1
    return False


@njit(cache=True)
def _class(data: Any, i: Any, stop: Any, tag: Any) -> Any:
    """Whether a class is one of the site's that change nothing."""
    if tag == _SPAN_TAG:
        return stop - i == len(_MATH) and starts(data, i, stop, _MATH)
    if tag != _PRE_TAG and tag != _CODE:
        return starts(data, i, stop, _POST_TAG) or (stop - i == len(_SPOILER) and starts(data, i, stop, _SPOILER))
    while i < stop:
        if not (starts(data, i, stop, _LANG) or starts(data, i, stop, _PRETTY) or starts(data, i, stop, _DEFAULT)):
            return False
        while i < stop and data[i] != 32:
            i += 1
        i += 1
    return True


@njit(cache=True)
def _reference(data: Any, i: Any, stop: Any) -> Any:
    """What stands for the & at data[i - 1]: (code point, where to go on), a blank for a no-break space; (0, ...) where it is not told."""
    if i >= stop or data[i] <= 32:
        return 38, i
    if data[i] == 35:
        number, length = numeric_reference(data, i + 1, stop)
        if number < 32 or 127 <= number < 160 or 0xD800 <= number < 0xE000 or number > 0x10FFFF:
            return 0, i
        i += 1 + length
    else:
        end = i
        while end < stop and data[end] != 59:
            end += 1
        if end == stop:
            return 0, i
        number = _MEANT[look_up(_NAME_HASHES, _NAME_NUMBERS, name_hash(data, i, end))]
        i = end + 1
    return (32 if number == 0xA0 else number), i


@njit(cache=True)
def _characters(data: Any, i: Any, stop: Any, out: Any, s: Any, inside: Any) -> Any:
    """Write text up to the next tag, white space collapsed; returns where that stands, -1 where it is not of the kind."""
    edge, bare = stop, False  # of a formula without delimiters its end
    while True:
        if bare and i == edge:
            _two_dollars(out, s)
            edge, bare = stop, False
        if i == stop or data[i] == 60:
            return i
        byte, code = _I(data[i]), _I(0)
        i += 1
        if byte == 38:
            code, i = _reference(data, i, stop)
            byte = min(code, 127)
        elif byte == 0xC2 and i < stop and (data[i] == 0xA0 or data[i] == 0xAD):
            byte, code, i = 32, 0xAD * (data[i] == 0xAD), i + 1
        elif byte == 0xEF and starts(data, i - 1, stop, _BOM):
            code, i = 0xFEFF, i + 2
        if code == 0xAD or code == 0xFEFF:  # a soft hyphen, a byte order mark
            continue
        if byte <= 32:
            if byte not in (9, 10, 13, 32) or (byte == 10 and s[_CODES]):
                return -1
            s[_SPACE], s[_ESCAPED] = 1, 0
            continue
        if s[_FIRST] < 0:
            if inside in (_OL, _UL):
                return -1
            _begin(out, s, not s[_HEADED] and s[_ITEM] > 0)
        elif s[_SPACE] and not s[_NEWLINE]:
            out[s[_AT]] = 32
            s[_AT] += 1
        s[_SPACE], s[_NEWLINE], s[_LINK] = 0, 0, 0
        if s[_CODES] == 0:
            s[_PROSE] = 1
            if byte == 92 and not s[_DOLLARS] and not s[_ESCAPED] and starts(data, i, stop, _BEGIN):
                edge, bare = _environment_end(data, i, stop), True
                if edge < 0 or len(out) - s[_AT] < stop - i + ROOM:
                    return -1
                _two_dollars(out, s)
            if not _tex(data, i, stop, byte, s):
                return -1
        at = write_utf8(code, out, s[_AT]) if code > 127 else s[_AT] + 1
        if code <= 127:
            out[at - 1] = byte
        if not s[_ESCAPED]:  # most of a text: bytes that mean nothing, and single blanks between them
            while i + 1 < edge and (_PLAIN[data[i]] or (data[i] == 32 and _PLAIN[data[i + 1]])):
                out[at] = data[i]
                at += 1
                i += 1
        s[_AT] = at


@njit(cache=True)
def _two_dollars(out: Any, s: Any) -> None:
    """Begin or end a formula that has no delimiters of its own."""
    out[s[_AT]], out[s[_AT] + 1] = 36, 36
    s[_AT] += 2
    s[_DOLLARS] = 2 - s[_DOLLARS]


@njit(cache=True)
def _environment_end(data: Any, i: Any, stop: Any) -> Any:
    r"""What is behind the \end{align} of a formula without delimiters, from behind the backslash of its \begin on; -1 where it is none."""
    first = i + len(_BEGIN)
    last = first
    while last < stop and data[last] != 125:
        last += 1
    if look_up(_ENVIRONMENT_HASHES, _ENVIRONMENT_NUMBERS, name_hash(data, first + 1, last)) == 0 or data[first] != 123:
        return -1
    name, depth, i = data[first : last + 1], 0, last + 1
    while i < stop and data[i] != 60 and data[i] != 36 and depth >= 0:
        byte = _I(data[i])
        i += 1
        if byte == 38:
            byte, i = _reference(data, i, stop)
            if byte in (0, 36, 40, 41, 91, 92, 93, 123, 125):
                return -1
        elif byte == 123:
            depth += 1
        elif byte == 125:
            depth -= 1
        elif byte == 92:
            if starts(data, i, stop, _END):
                i += len(_END)
                if starts(data, i, stop, name):
                    return i + len(name) if depth == 0 else -1
                if i < stop and data[i] != 123:
                    return -1
            elif starts(data, i, stop, _BEGIN):
                i += len(_BEGIN)
                if i < stop and (data[i] != 123 or starts(data, i, stop, name)):
                    return -1
            elif i < stop and data[i] in (40, 41, 60, 91, 93):
                return -1
            else:
                i += i < stop and data[i] != 38
    return -1


@njit(cache=True)
def _tex(data: Any, i: Any, stop: Any, byte: Any, s: Any) -> Any:
    """Follow the marks of formulas; False at one that is written in another form: other delimiters than dollars."""
    following = data[i] if i < stop else 0
    if s[_PAIR]:
        s[_PAIR] = 0
    elif s[_ESCAPED]:
        s[_ESCAPED] = 0
        if s[_DOLLARS] == 0 and (byte == 40 or byte == 91 or (byte == 98 and starts(data, i - 1, stop, _BEGIN))):
            return False
    elif byte == 92:
        s[_ESCAPED] = 1
    elif byte == 36 and following == 36:
        s[_DOLLARS], s[_PAIR] = 0 if s[_DOLLARS] == 2 else 2, 1
    elif byte == 36:
        s[_DOLLARS] = 2 if s[_DOLLARS] == 2 else 1 - s[_DOLLARS]
    elif (byte == 35 and following == 35) or (byte == 91 and following == 47):
        return False
    return True


@njit(cache=True)
def _begin(out: Any, s: Any, listed: Any) -> None:
    """Begin a block: the gap, the indent of an item and its marker."""
    if s[_AT] > s[_BASE]:
        for _ in range(1 if listed and s[_LISTED] else 2):
            out[s[_AT]] = 10
            s[_AT] += 1
    if listed:
        for _ in range(4 * min(MAX_INDENT, s[_LEVEL] - 1)):
            out[s[_AT]] = 32
            s[_AT] += 1
    if s[_ITEM] == 1:
        if s[_NUMBER] < 0:
            out[s[_AT]] = 45
            s[_AT] += 1
        else:
            unit = 1
            while unit * 10 <= s[_NUMBER]:
                unit *= 10
            while unit:
                out[s[_AT]] = 48 + s[_NUMBER] // unit % 10
                s[_AT] += 1
                unit //= 10
            out[s[_AT]] = 46
            s[_AT] += 1
        out[s[_AT]] = 32
        s[_AT] += 1
        s[_ITEM] = 2
    s[_LISTED], s[_FIRST] = listed, s[_AT]
    s[_PROSE], s[_DOLLARS], s[_ESCAPED] = 0, 0, 0


@njit(cache=True)
def _flush(data: Any, out: Any, s: Any, owed: Any) -> Any:
    """End the open block, and write the images owed behind it; False where that cannot be done."""
    if s[_FIRST] >= 0:
        while out[s[_AT] - 1] == 10:
            s[_AT] -= 1
        s[_FIRST], s[_ITEM] = -1, 0
    for k in range(s[_OWED]):
        i, stop, space = owed[k, 0], owed[k, 1], False
        if len(out) - s[_AT] < stop - i + ROOM:
            return False
        while i < stop:
            byte = _I(data[i])
            i += 1
            if byte == 38:
                byte, i = _reference(data, i, stop)
                if byte > 127:
                    return False
            if byte == 0xC2 or byte == 0xEF or (byte < 32 and byte not in (9, 10, 13)):
                return False
            if byte <= 32:
                space = True
                continue
            if s[_FIRST] < 0:
                _begin(out, s, s[_ITEM] == 1)
            elif space:
                out[s[_AT]] = 32
                s[_AT] += 1
            space = False
            out[s[_AT]] = byte
            s[_AT] += 1
        s[_FIRST] = -1
    s[_OWED], s[_NEWLINE] = 0, 0
    return True


@njit(cache=True)
def _listing(data: Any, i: Any, stop: Any, out: Any, s: Any, span: Any) -> Any:
    """Write a code block, from behind <pre>; returns what is behind </pre>, -1 where it is not of the kind."""
    coded, named = starts(data, i, stop, _CODE_START), span[3]
    if coded:
        i = _attributes(data, i + len(_CODE_START), stop, _CODE, _INLINE, span)
        named |= span[3]
    if i < 0 or len(out) - s[_AT] < stop - i + ROOM:
        return -1
    _begin(out, s, False)
    if s[_AT] > s[_BASE] and out[s[_AT] - 1] == 32:  # a marker, on a line of its own
        out[s[_AT] - 1] = 10
    first, inked, letters = s[_AT], s[_AT], False
    while i < stop and data[i] != 60:
        byte = _I(data[i])
        i += 1
        if byte == 38:
            byte, i = _reference(data, i, stop)
            if byte > 127:
                return -1
        elif byte == 0xC2 and i < stop and data[i] == 0xA0:
            byte, i = 32, i + 1
        if byte < 32 and byte != 9 and byte != 10:
            return -1
        if byte == 0xE2 and starts(data, i - 1, stop, _ZERO_WIDTH):
            i += 2
            continue
        if byte == 10 and inked == first:  # lines without anything at the start
            s[_AT] = first
            continue
        out[s[_AT]] = byte
        s[_AT] += 1
        if byte > 32:
            inked = s[_AT]
        letters |= 97 <= (byte | 32) <= 122
    s[_AT], s[_FIRST], s[_ITEM] = inked, -1, 0
    if inked == first or (named and not letters):  # nothing, or line numbers, it may be
        return -1
    if coded:
        if not starts(data, i, stop, _CODE_END):
            return -1
        i += len(_CODE_END)
        while i < stop and data[i] == 10:
            i += 1
    return i + len(_PRE_END) if starts(data, i, stop, _PRE_END) else -1


@njit(cache=True)
def _formula(data: Any, i: Any, stop: Any, out: Any, s: Any, owed: Any) -> Any:
    """Write a formula between dollars, from behind its <span>; returns what is behind </span>, -1 where it is not of the kind."""
    end = i
    while end < stop and data[end] != 60:
        end += 1
    width = 2 if i + 1 < end and data[i + 1] == 36 else 1
    first, last = i + width, end - width
    if not starts(data, end, stop, _SPAN_END) or last <= first or data[i] != 36 or data[end - 1] != 36 or data[end - width] != 36:
        return -1
    while width == 2 and first < last and (data[first] == 32 or data[first] == 10):
        first += 1
    while width == 2 and first < last and (data[last - 1] == 32 or data[last - 1] == 10):
        last -= 1
    if data[first] <= 32 or data[last - 1] <= 32 or data[last - 1] == 92 or len(out) - s[_AT] < stop - i + ROOM:
        return -1
    for named in _NAMED_FORMULAS:
        if starts(data, first, last, named):
            return -1
    if width == 2:
        if s[_INLINES] or not _flush(data, out, s, owed):
            return -1
        _begin(out, s, False)
    elif s[_FIRST] < 0:
        _begin(out, s, not s[_HEADED] and s[_ITEM] > 0)
    elif s[_SPACE] and not s[_NEWLINE]:
        out[s[_AT]] = 32
        s[_AT] += 1
    s[_SPACE], s[_NEWLINE], s[_PROSE] = 0, 0, 1
    for _ in range(width):
        out[s[_AT]] = 36
        s[_AT] += 1
    while first < last:
        byte = _I(data[first])
        first += 1
        if byte == 38:
            byte, first = _reference(data, first, last)
            if byte > 127:
                return -1
        if byte == 36 or byte == 0 or byte == 13 or (byte == 10 and first < last and data[first] == 10):
            return -1
        out[s[_AT]] = byte
        s[_AT] += 1
    for _ in range(width):
        out[s[_AT]] = 36
        s[_AT] += 1
    if width == 2:
        s[_FIRST], s[_ITEM] = -1, 0
    return end + len(_SPAN_END)
