"""Bytes of a page to text: whatever they are, the result is valid Unicode without ASCII's control characters.

The order: byte-order mark; UTF-16 that shows by its NULs; UTF-8, whatever the page declares and if a byte is broken (text
that is UTF-8 by chance is next to impossible, wrong declarations are not rare); then the charset of the HTTP header, of
the page's meta element or its XML declaration, where the bytes allow it; and at last detection.

A label means what browsers take it for: iso-8859-1 is windows-1252, gb2312 is gb18030. Since iso-8859-1 is also what
servers say that know nothing, it yields to another charset that the page names, and to another script that is by far
likelier. Detection reads a sample in each charset that was common on the web, as text of the languages that used it, and
takes the likeliest; its statistics (charset.npz) are fitted by classifiers/charset.py. Text that somebody decoded
wrongly before ("Ã©") stays as it is, and so do the characters U+0080 to U+009F that it is full of: it can still be mended.

Source:  WHATWG Encoding for labels; WHATWG HTML, "determining the character encoding", for the order, but for UTF-8.
Units:   limits are bytes; costs are -ln P in sixteenths of a nat.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FAMILIES = {
    "western": ("cp1252", "mac-roman"), "central": ("cp1250", "iso8859-2"), "baltic": ("cp1257", "iso8859-4", "iso8859-13"),
    "turkish": ("cp1254",), "vietnamese": ("cp1258",), "cyrillic": ("cp1251", "koi8-u", "cp866", "iso8859-5", "mac-cyrillic"),
    "greek": ("cp1253", "iso8859-7"), "hebrew": ("cp1255", "iso8859-8"), "arabic": ("cp1256", "iso8859-6"), "thai": ("cp874",),
    "chinese": ("gb18030", "big5hkscs"), "japanese": ("cp932", "euc_jis_2004"), "korean": ("cp949",),
}  # fmt: skip
"""Codecs that detection weighs, by the languages they served; among equals the earlier one wins."""
LATIN = ("western", "central", "baltic", "turkish", "vietnamese")
WIDE = ("chinese", "japanese", "korean")
"""Families whose codecs have characters of several bytes."""
CODECS = frozenset([
    *(codec for family in FAMILIES.values() for codec in family), "utf-8", "utf-16-le", "utf-16-be", "iso2022_jp_ext", "koi8-r",
    "iso8859-3", "iso8859-10", "iso8859-14", "iso8859-15", "iso8859-16",
])  # fmt: skip
"""Codecs a page may name: all are linear (Python's punycode is not)."""

WIDER = {
    "iso8859-1": "cp1252", "ascii": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_jp": "euc_jis_2004",
    "euc_kr": "cp949", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874", "big5": "big5hkscs",
    "iso2022_jp": "iso2022_jp_ext", "utf-16": "utf-16-le",
}  # fmt: skip
"""Python's name of a charset -> the wider one that it stands for on the web."""
LABELS = {
    **dict.fromkeys(["unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8", "utf8mb4"], "utf-8"),
    **dict.fromkeys(["csunicode", "iso-10646-ucs-2", "ucs-2", "unicode", "unicodefeff"], "utf-16-le"), "unicodefffe": "utf-16-be",
    **dict.fromkeys(["csiso88596e", "csiso88596i"], "iso8859-6"), "sun_eu_greek": "iso8859-7",
    **dict.fromkeys(["csiso88598e", "csiso88598i", "visual", "logical"], "iso8859-8"), "csisolatin9": "iso8859-15",
    **dict.fromkeys(["koi", "koi8"], "koi8-r"), "koi8-ru": "koi8-u", "dos-874": "cp874", "x-user-defined": "cp1252",
    **dict.fromkeys(["csmacintosh", "mac", "x-mac-roman"], "mac-roman"),
    **dict.fromkeys(["x-mac-cyrillic", "x-mac-ukrainian"], "mac-cyrillic"),
    **dict.fromkeys(["csgb2312", "gb_2312", "gb_2312-80", "x-gbk"], "gb18030"), **dict.fromkeys(["cn-big5", "x-x-big5"], "big5hkscs"),
    **dict.fromkeys(["cseucpkdfmtjapanese", "x-euc-jp"], "euc_jis_2004"), **dict.fromkeys(["windows-31j", "x-sjis"], "cp932"),
    **dict.fromkeys(["cseuckr", "csksc56011987", "iso-ir-149", "ks_c_5601-1989", "ksc_5601", "windows-949"], "cp949"),
}  # fmt: skip
"""Labels that Python does not know."""
_PAGE = re.compile(r"(?:x-)?(?:cp|win|windows)[-_]?(125[0-8]|874)")
_ISO = re.compile(r"iso[-_]?8859[-_]?(1?[0-9])(?:-[ei])?")

HEAD_BYTES = 4096
META = re.compile(
    rb"<meta[^>]{0,200}?charset\s{0,20}=\s{0,20}[\"']?\s{0,20}([A-Za-z0-9_:.-]{1,40})"
    rb"|<\?xml[^>]{0,100}?encoding\s{0,20}=\s{0,20}[\"']([A-Za-z0-9_:.-]{1,40})", re.I,
)  # fmt: skip
BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
CONTROLS = bytes([*range(9), 11, *range(14, 32), 127])
_CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]+")
_ASCII, _HIGH = bytes(range(128)), bytes(range(128, 256))
MAX_BROKEN = 0.05
"""Share of the bytes beyond ASCII that a declared charset may have no character for; ours, as the values below."""

SAMPLE_BYTES = 4096
SEARCHED_BYTES = 1 << 20
AFTER_LATIN = re.compile(rb"([A-Za-z])[\t\n\r ]")
"""White space that becomes a vertical tab, a class of its own: what follows a Latin word is seldom of another script."""
RARE = ("iso8859-4", "iso8859-5", "iso8859-6", "iso8859-8", "iso8859-13", "mac-roman", "mac-cyrillic")
PRIOR, PRIOR_RARE = 16 * 5, 16 * 10
"""Cost of a codec before anything is read, and of a rare one; windows-1252, which most pages are that say nothing, costs 0."""
BROKEN = 255
"""Cost of a byte that a charset has no character for."""
MARGIN = 16 * 3
"""How much likelier, for each byte beyond ASCII, another script must be to overrule iso-8859-1."""


def utf8(content: bytes, declared: str | None) -> bytes:
    """A page in UTF-8: `decoded`, without a copy where the page is that already."""
    if not content.startswith(b"\xef\xbb\xbf") and not _has_control(content):
        try:
            content.decode()
        except UnicodeDecodeError:
            pass
        else:
            return content
    return decoded(content, declared).encode()


def decoded(content: bytes, declared: str | None) -> str:
    """Text of a page.

    Args:
        content: its bytes, any. declared: charset of the HTTP header, as it stands there.
    Returns: text without control characters (but tab, line feed, form feed and carriage return), without surrogates and
        without a byte-order mark. Bytes that are no character of the charset become U+FFFD.
    """
    for bom, codec in BOMS:
        if content.startswith(bom):
            return _without_controls(content[len(bom) :].decode(codec, "replace"))
    head = content[:HEAD_BYTES]
    if b"\0" in head and (wide := _wide(head)):
        return _without_controls(content.decode(wide, "replace"))
    if 0x1B in content and content.isascii() and b"\x1b$" in content:
        return _without_controls(content.decode("iso2022_jp_ext", "replace"))
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return _without_controls(_legacy(content, declared))
    return _without_controls(text) if _has_control(content) else text


def codec_of(label: str) -> str | None:
    """The codec a browser takes for a charset label; None for one no page may name."""
    label = label.strip().strip("\"'").lower()
    if match := _PAGE.fullmatch(label):
        label = f"cp{match.group(1)}"
    elif match := _ISO.fullmatch(label):
        label = f"iso8859-{match.group(1)}"
    try:
        name = codecs.lookup(LABELS.get(label, label)).name
    except (LookupError, ValueError):
        return None
    name = WIDER.get(name, name)
    return name if name in CODECS else None


def _wide(head: bytes) -> str | None:
    """utf-16-le or utf-16-be, if markup shows by NULs in every second byte."""
    pairs = len(head) // 2
    first, second = head[: 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    if max(first, second) < max(4, pairs // 5) or min(first, second) * 50 > pairs:
        return None
    return "utf-16-le" if second > first else "utf-16-be"


def _has_control(content: bytes) -> bool:
    """Whether UTF-8 holds what _without_controls removes: thirty searches for a byte cost a twentieth of one for a class."""
    return any(map(content.__contains__, CONTROLS))


def _without_controls(text: str) -> str:
    return _CONTROLS.sub("", text.removeprefix("\ufeff"))


def _legacy(content: bytes, declared: str | None) -> str:
    """Text of bytes that are not UTF-8, or not quite."""
    text = content.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    high = len(content.translate(None, _ASCII))
    whole = len(text) - (len(content) - high) - broken
    if whole >= broken:
        return text
    meta = META.search(content[:HEAD_BYTES])
    labels = (declared, (meta.group(1) or meta.group(2)).decode() if meta else None)
    named = [codec for codec in (codec_of(label) for label in labels if label) if codec and not codec.startswith("utf-")]
    named.sort(key=lambda codec: codec == "cp1252")
    for codec in named:
        text = _read(content, detected(content, over_latin=True) if codec == "cp1252" else codec)
        if text.count("\ufffd") <= MAX_BROKEN * high:
            return text
    return _read(content, detected(content))


def _read(content: bytes, codec: str) -> str:
    text = content.decode(codec, "replace")
    return unicodedata.normalize("NFC", text) if codec == "cp1258" else text  # it writes tones behind their letters


def detected(content: bytes, over_latin: bool = False) -> str:
    """The likeliest codec of bytes that are not UTF-8.

    Args:
        content: the bytes. over_latin: windows-1252, unless a codec of another script is likelier by far.
    Returns: a codec of FAMILIES.
    """
    sample = _sample(content)
    classes, pairs, within, single = _model()
    points = np.frombuffer(sample, np.uint8)
    costs = {}
    for number, (family, names) in enumerate(FAMILIES.items()):
        for codec in names:
            if codec == "cp1252":
                cost = -MARGIN * int((points >= 128).sum()) if over_latin else 0
            elif over_latin and family in LATIN:
                continue
            else:
                cost = PRIOR_RARE if codec in RARE else PRIOR
            if family in WIDE:
                text = sample.decode(codec, "replace")
                wide = np.minimum(np.frombuffer(text.encode("utf-32-le"), np.uint32), 0xFFFF)
                cost += int(within[number][wide].sum(dtype=np.int64))
                ids = classes[wide]
            else:
                ids = single[codec][points]
            costs[codec] = cost + int(pairs[number][ids[:-1], ids[1:]].sum(dtype=np.int64))
    return min(costs, key=costs.__getitem__)


def _sample(content: bytes) -> bytes:
    """The bytes beyond ASCII with two neighbours on either side, stretches parted by spaces, up to SAMPLE_BYTES."""
    data = np.frombuffer(content, np.uint8, min(len(content), SEARCHED_BYTES))
    high = data >= 128
    kept = high.copy()
    for distance in (1, 2, 3):
        kept[:-distance] |= high[distance:]
    for distance in (1, 2):
        kept[distance:] |= high[:-distance]
    at = np.flatnonzero(kept)[:SAMPLE_BYTES]
    sample = data[at]
    sample[1:][np.diff(at) > 1] = ord(" ")
    return AFTER_LATIN.sub(rb"\1\v", b" " + sample.tobytes())


@cache
def _model() -> tuple[Any, Any, Any, dict[str, Any]]:
    """The statistics, and how bytes are looked up in them.

    Returns: classes uint16 (65536,), pairs uint8 (families, k, k), within uint8 (families, 65536) as classifiers/charset.py gives
        them, where class k - 1 is for bytes that are no character; and the classes of each codec's bytes, uint16 (256,).
    """
    with np.load(Path(__file__).with_suffix(".npz")) as file:
        classes, pairs, within = file["classes"], file["pairs"], file["within"]
    single = {}
    for codec in (codec for family, names in FAMILIES.items() if family not in WIDE for codec in names):
        single[codec] = np.full(256, pairs.shape[1] - 1, np.uint16)
        for byte in range(256):
            text = bytes([byte]).decode(codec, "ignore")
            if text and (text != "\xa0" or byte == 0xA0):
                single[codec][byte] = classes[ord(text)]
    return classes, pairs, within, single
