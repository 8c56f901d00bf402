"""Bytes for the sample crawl (see make_crawl.py): gzip members, small PNG and PDF files, WARC records.

The compressed streams hold stored blocks that are laid out here, so that no version of zlib can change a byte.
"""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib
from datetime import datetime


def stored(data: bytes) -> bytes:
    """The data as a deflate stream of stored blocks (RFC 1951, 3.2.4)."""
    out = bytearray()
    chunks = [data[i : i + 0xFFFF] for i in range(0, len(data), 0xFFFF)] or [b""]
    for i, chunk in enumerate(chunks):
        out += struct.pack("<BHH", i == len(chunks) - 1, len(chunk), len(chunk) ^ 0xFFFF) + chunk
    return bytes(out)


def gzip_member(data: bytes) -> bytes:
    """The data as a gzip member with no name and no time."""
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    return head + stored(data) + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def zlib_stream(data: bytes) -> bytes:
    """The data in the zlib format, which is what "Content-Encoding: deflate" means."""
    return b"\x78\x01" + stored(data) + struct.pack(">I", zlib.adler32(data))


def png(noise: bytes) -> bytes:
    """A grey picture, one row of pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", len(noise), 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib_stream(b"\0" + noise)) + chunk(b"IEND", b"")


def pdf(text: str) -> bytes:
    """A page with one line of text."""
    stream = f"BT /F1 18 Tf 72 720 Td ({text}) Tj ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, offsets = "%PDF-1.4\n", []
    for n, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{n} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    return (out + f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n").encode()


def digest(data: bytes) -> str:
    """A digest as WARC files write it."""
    return "sha1:" + base64.b32encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()


def chunked(payload: bytes) -> bytes:
    """The payload in the chunked transfer coding."""
    size = 1500
    out = b"".join(b"%x\r\n%s\r\n" % (len(payload[i : i + size]), payload[i : i + size]) for i in range(0, len(payload), size))
    return out + b"0\r\n\r\n"


def warc_record(kind: str, record_id: str, when: datetime, block: bytes, fields: dict[str, str]) -> bytes:
    """A WARC record as a gzip member."""
    lines = [f"WARC-Type: {kind}", f"WARC-Record-ID: {record_id}", f"WARC-Date: {when:%Y-%m-%dT%H:%M:%SZ}"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    lines.append(f"Content-Length: {len(block)}")
    return gzip_member("\r\n".join(["WARC/1.1", *lines, "", ""]).encode() + block + b"\r\n\r\n")


def damaged(member: bytes, how: str, noise: bytes) -> bytes:
    """The gzip member with some of its bytes replaced (by noise, which is shorter) or cut off."""
    if how == "garbage":  # the deflate stream begins with a block of the reserved type, and noise follows it
        noise = noise.replace(b"\x1f\x8b", b"\x1f\x8c")
        return member[:10] + b"\x07" + noise + member[11 + len(noise) :]
    if how == "crc":  # the stream can be read, but it is not what was written
        middle = 2 * len(member) // 3
        return member[:middle] + bytes(b ^ 0x20 for b in member[middle : middle + 9]) + member[middle + 9 :]
    return member[: 2 * len(member) // 3]
