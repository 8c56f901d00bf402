"""HTTP responses as crawlers store them: the head's fields, and the body with its encodings undone.

Everything is bounded: a body that decodes to more than the limit is given up at the limit, whatever
the ratio (bombs of gzip, deflate, brotli, zstd, also stacked). What is declared is checked against the
bytes, since crawlers often store a decoded body under its old headers.
"""

from __future__ import annotations

import io
import re
import zlib
from functools import lru_cache
from typing import Any, NamedTuple

from fastwarc.stream_io import BrotliReader, ZstdReader

MAX_LAYERS = 4
STEP_BYTES = 8 << 10
_ENCODINGS = re.compile(rb"\n(content|transfer)-encoding:([^\r\n]*)")
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})\b")
_CHUNK = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]*)?\r?\n")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([^\s\"';,]+)", re.IGNORECASE)
_GZIP = b"\x1f\x8b\x08"
_ZSTD = b"\x28\xb5\x2f\xfd"
_TEXT_START = re.compile(rb"[\t\r\n\x20-\x7e\x80-\xff]*")


class Response(NamedTuple):
    """A stored HTTP response.

    status, mime, charset: from the head, None where it does not say. content: the decoded body.
    problem: None; "cut" if the encoded body ends early or is damaged and content is what came out
    before; "too_large"; or "undecodable" when nothing came out. With the last two content is b"".
    """

    status: int | None
    mime: str | None
    charset: str | None
    content: bytes | memoryview
    problem: str | None


class _TooLarge(Exception):
    """A body decodes to more than the limit."""


def parse_response(block: bytes, max_body_bytes: int) -> Response:
    """Split a WARC record's block into head and body and decode the body.

    Args:
        block: the whole record block. One that does not begin with HTTP/ has no head: all is content.
        max_body_bytes: bound on the body after each decoding step.
    """
    if block[:5] != b"HTTP/":
        if len(block) > max_body_bytes:
            return Response(None, None, None, b"", "too_large")
        return Response(None, None, None, block, None)
    end, start = _head_end(block)
    matched = _STATUS.match(block)
    status = int(matched[1]) if matched else None
    head = block[:end].lower()
    mime, charset = None, None
    at = head.find(b"\ncontent-type:")
    if at >= 0:
        stop = head.find(b"\n", at + 1)
        mime, charset = content_type(block[at + 14 : stop if stop >= 0 else end])
    body: bytes | memoryview = memoryview(block)[start:]
    cut = False
    try:
        encoded = head.find(b"\ncontent-encoding:") >= 0 or head.find(b"\ntransfer-encoding:") >= 0
        if encoded or block.startswith(_GZIP, start):
            body, cut = decode_body(block[start:], *_encodings(head), mime, max_body_bytes)
        if len(body) > max_body_bytes:
            raise _TooLarge
    except _TooLarge:
        return Response(status, mime, charset, b"", "too_large")
    if cut and not body:
        return Response(status, mime, charset, b"", "undecodable")
    return Response(status, mime, charset, body, "cut" if cut else None)


def _head_end(block: bytes) -> tuple[int, int]:
    """Where the head ends and the body starts; lines may end in CRLF or LF."""
    if block[block.find(b"\n") - 1] == 13:
        end = block.find(b"\r\n\r\n")
        if end >= 0:
            return end, end + 4
    end = block.find(b"\n\n")
    return (end, end + 2) if end >= 0 else (len(block), len(block))


def _encodings(head: bytes) -> tuple[bytes, bytes]:
    """Values of Transfer-Encoding and of Content-Encoding in a lower-case head, each joined by commas."""
    fields = _ENCODINGS.findall(head)
    transfer = b",".join(value for name, value in fields if name == b"transfer")
    return transfer, b",".join(value for name, value in fields if name == b"content")


@lru_cache(4096)
def content_type(value: bytes) -> tuple[str | None, str | None]:
    """Media type (lower case, without parameters) and charset of a Content-Type field."""
    text = value.decode("utf-8", "replace").strip()
    mime = text.partition(";")[0].partition(",")[0].strip().lower()
    charset = _CHARSET.search(text)
    return mime or None, charset[1].lower() if charset else None


def decode_body(body: bytes, transfer_encoding: bytes, content_encoding: bytes, mime: str | None, max_bytes: int) -> tuple[bytes, bool]:
    """Undo transfer- and content-encodings, in reverse order of their application.

    An encoding the bytes do not have is taken as already undone. HTML that is gzip without saying so is
    decoded too.

    Returns: (body, whether it is cut: damaged or ended early).
    Raises: _TooLarge if a step gives more than `max_bytes`.
    """
    codings = [c for field in (content_encoding, transfer_encoding) for c in _tokens(field)]
    cut = False
    for coding in codings[: -MAX_LAYERS - 1 : -1]:
        decode = _DECODERS.get(coding)
        if decode is not None:
            body, damaged = decode(body, max_bytes)
            cut = cut or damaged
    if body[:3] == _GZIP and mime in (None, "text/html", "application/xhtml+xml"):
        body, damaged = _gzip(body, max_bytes)
        cut = cut or damaged
    return body, cut


@lru_cache(1024)
def _tokens(field: bytes) -> tuple[str, ...]:
    names = (name.strip().lower() for name in field.decode("ascii", "replace").split(","))
    return tuple(name for name in names if name)


def _dechunk(body: bytes, max_bytes: int) -> tuple[bytes, bool]:
    """Join the chunks; a body that does not start with a chunk size is taken as joined already."""
    pieces: list[bytes] = []
    at, total = 0, 0
    while True:
        size_line = _CHUNK.match(body, at)
        if size_line is None:
            return (body, False) if at == 0 else (b"".join(pieces), True)
        size, start = int(size_line[1], 16), size_line.end()
        if size == 0:
            return b"".join(pieces), False
        if at == 0 and start + size < len(body) and body[start + size] not in b"\r\n":
            return body, False  # "beef\n…": a first line that only looks like a size
        pieces.append(body[start : start + size])
        total += len(pieces[-1])
        if total > max_bytes:
            raise _TooLarge
        at = start + size
        if at > len(body):
            return b"".join(pieces), True
        at += 2 if body[at : at + 2] == b"\r\n" else 1 if body[at : at + 1] == b"\n" else 0


def _gzip(body: bytes, max_bytes: int) -> tuple[bytes, bool]:
    if body[:2] != _GZIP[:2]:
        return body, False
    pieces, total = [], 0
    while body[:2] == _GZIP[:2]:
        data, rest, cut = _inflate(body, 31, max_bytes - total)
        pieces.append(data)
        total += len(data)
        if cut:
            return b"".join(pieces), True
        body = rest
    return b"".join(pieces), False


def _deflate(body: bytes, max_bytes: int) -> tuple[bytes, bool]:
    """zlib data as the standard says, or raw deflate as some servers send, or plain."""
    if len(body) > 1 and body[0] & 15 == 8 and int.from_bytes(body[:2], "big") % 31 == 0:
        data, _, cut = _inflate(body, 15, max_bytes)
        if data or not cut:
            return data, cut
    data, rest, cut = _inflate(body, -15, max_bytes)
    # Plain text can pass for a few bytes of raw deflate.
    plausible = len(data) > 64 or (not cut and not rest)
    return (data, cut) if plausible else (body, False)


def _inflate(body: bytes, window_bits: int, max_bytes: int) -> tuple[bytes, bytes, bool]:
    """(data, bytes behind the stream, whether it is damaged or ends early)."""
    decoder = zlib.decompressobj(window_bits)
    try:
        data = decoder.decompress(body, max_bytes + 1)
    except zlib.error:
        data = _prefix(zlib.decompressobj(window_bits), body, max_bytes)
        if len(data) > max_bytes:
            raise _TooLarge from None
        return data, b"", True
    if len(data) > max_bytes:
        raise _TooLarge
    return data, decoder.unused_data, not decoder.eof


def _prefix(decoder: Any, body: bytes, max_bytes: int) -> bytes:
    """What a damaged stream gives before the damage, as far as it is decoded in small steps."""
    pieces, total = [], 0
    try:
        for start in range(0, len(body), 256):
            pieces.append(decoder.decompress(body[start : start + 256], max_bytes + 1 - total))
            total += len(pieces[-1])
            if total > max_bytes:
                break
    except zlib.error:
        pass
    return b"".join(pieces)


def _brotli(body: bytes, max_bytes: int) -> tuple[bytes, bool]:
    data, cut = _drain(BrotliReader(io.BytesIO(body)), max_bytes)
    # Brotli has no magic: what does not decode at all and reads like text was plain.
    if cut and (not body or _TEXT_START.match(body, 0, 512).end() == min(512, len(body))):  # type: ignore[union-attr]
        return body, False
    return data, cut


def _zstd(body: bytes, max_bytes: int) -> tuple[bytes, bool]:
    if body[:4] != _ZSTD:
        return body, False
    return _drain(ZstdReader(io.BytesIO(body)), max_bytes)


def _drain(reader: Any, max_bytes: int) -> tuple[bytes, bool]:
    """Read a decoder in small steps, up to its end, its first error or the limit."""
    pieces: list[bytes] = []
    total = 0
    while True:
        try:
            piece = reader.read(STEP_BYTES)
        except OSError:
            return b"".join(pieces), True
        if not piece:
            return b"".join(pieces), False
        pieces.append(piece)
        total += len(piece)
        if total > max_bytes:
            raise _TooLarge


_DECODERS = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
    "chunked": _dechunk,
}
