"""Samples of stages/books."""

import pyarrow as pa

from tests import books


def clean_book():
    texts = [
        books.modern(),
        books.nineties(),
        books.small_print_below(),
        books.novel(),
        books.modern(more="\nThis is a COPYRIGHTED Project Gutenberg eBook\n"),
    ]
    packed = books.epub(books.three_pages())
    odd = [
        packed, packed[:-300], b"PK\x03\x04", books.epub(books.three_pages(), more=[("META-INF/encryption.xml", ENCRYPTED)]),
        b"a b. " * 40_000,
        b"<html><h1>One</h1><p>" + books.paragraph(1).encode() * 9, b"", None, b"short",
        "ж\u0301 \U0001f600 \ufeff".encode() * 400, b"\xff\xfe" * 900,
    ]  # fmt: skip
    content = pa.array([*(text.encode() for text in texts), *odd], pa.large_binary())
    yield {"max_bytes": 100_000, "keep_rights": ["public_domain", "unknown"]}, pa.table({"content": content})
    yield {"read": "text", "unwrap": False, "min_chars": 0}, pa.table({"text": [*texts, None, "", "ж\u0301 \U0001f600 \x02 \f \n1\n"]})


ENCRYPTED = '<encryption><EncryptedData><CipherData><CipherReference URI="OPS/a.xhtml"/></CipherData></EncryptedData></encryption>'
