"""Text of XML: character data and attribute values as UTF-8, without a parser.

For dumps whose elements are flat and known (MediaWiki, Stack Exchange): who has found where an element stands asks here what is written in
it. Entities a document declares itself stay as they are written, so there are no billion laughs. Linear in any input.
"""

from __future__ import annotations

import re

_NAMED = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'"}
_REFERENCE = re.compile(rb"&(?:(amp|lt|gt|quot|apos)|#([0-9]{1,20})|#x([0-9a-fA-F]{1,20}));")
_FORBIDDEN = bytes({*range(0x20)} - {*b"\t\n\r"})
"""Characters that XML 1.0 allows nowhere."""
_ONE_LINE = bytes.maketrans(b"\t\n\r", b"   ")
_ATTRIBUTE = re.compile(rb"""[ \t\r\n]++([^ \t\r\n=<>"'/]++)[ \t\r\n]*+=[ \t\r\n]*+(?:"([^"<]*+)"|'([^'<]*+)')""")
_NAME = re.compile(rb"""<[^ \t\r\n=<>"'/]++""")
_TAG_END = re.compile(rb"[ \t\r\n]*+/?>")


def xml_text(raw: bytes, attribute: bool = False) -> bytes:
    """What is written, as valid UTF-8.

    The five entities of XML and character references are resolved, once; another entity stays as it is. Line ends become \\n; in an
    attribute tabs and line ends that are no references become spaces, as XML has it. Characters XML does not allow (control characters,
    surrogates, numbers beyond Unicode) are left out, bytes that are no UTF-8 are U+FFFD.

    Args:
        raw: as it stands between tags or quotes, in UTF-8. attribute: whether it stands between quotes.
    """
    text = raw.translate(_ONE_LINE if attribute else None, _FORBIDDEN)
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if b"&#" in text:
        text = _REFERENCE.sub(_resolved, text)
    elif b"&" in text:
        text = text.replace(b"&lt;", b"<").replace(b"&gt;", b">").replace(b"&quot;", b'"').replace(b"&apos;", b"'").replace(b"&amp;", b"&")
    try:
        text.decode()
    except UnicodeDecodeError:
        return text.decode("utf-8", "replace").encode()
    return text


def xml_attributes(tag: bytes) -> dict[str, bytes]:
    """The attributes of a start tag, their values as `xml_text` gives them.

    Args:
        tag: from its < to its >, both included.
    Raises: ValueError if it is no tag: no name, a value without quotes or with <, a name twice.
    """
    name = _NAME.match(tag)
    if name is None:
        raise ValueError("no start tag")
    attributes: dict[str, bytes] = {}
    at = name.end()
    while found := _ATTRIBUTE.match(tag, at):
        key, double, single = found.groups()
        attribute = key.decode("utf-8", "replace")
        if attribute in attributes:
            raise ValueError(f"attribute {attribute[:40]!r} twice")
        attributes[attribute] = xml_text(single if double is None else double, attribute=True)
        at = found.end()
    if not _TAG_END.fullmatch(tag, at):
        raise ValueError(f"broken tag at its byte {at}")
    return attributes


def _resolved(found: re.Match[bytes]) -> bytes:
    name, decimal, hexadecimal = found.groups()
    if name is not None:
        return _NAMED[name]
    number = int(decimal) if decimal is not None else int(hexadecimal, 16)
    if (number < 0x20 and number not in b"\t\n\r") or 0xD800 <= number < 0xE000 or number > 0x10FFFF:
        return b""
    return chr(number).encode()
