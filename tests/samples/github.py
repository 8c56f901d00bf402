"""Samples of stages/github: a small repository of each kind of file, and odd ones."""

import pyarrow as pa

from tests.samples.documents import ODD  # isort: skip: it puts examples/ on the path

import source_code  # isort: skip

CODE = "def area(width, height):\n    return width * height\n\n\nprint(area(3, 4))\n"
NOTICE = "# Copyright (c) 2020 A. Writer. All rights reserved.\n# Licensed under the MIT License; see LICENSE.\n\n"
MIT = source_code.MIT.replace("2024 {holder}", "2020 A. Writer")
PAGE = "<!DOCTYPE html>\n<html><head><style>p { margin: 0 }</style></head><body><p>" + "Words of the page. " * 12 + "</p></body></html>\n"
FILES = [
    ("a/LICENSE", MIT),
    ("a/setup.py", NOTICE + CODE),
    ("a/src/area.py", CODE),
    ("a/src/area.h", "int area(int width, int height);\n"),
    ("a/src/area.min.js", "var area=1;\n"),
    ("a/vendor/other.go", "package other\n"),
    ("a/docs/page.html", PAGE),
    ("a/docs/empty.html", "<html><body><img src='a.png'></body></html>\n" * 5),
    ("a/data.json", "{}\n" * 600),
    ("a/long.py", "x = '" + "ab " * 400 + "'\n"),
    ("a/mean.py", ("y = " + "name + " * 20 + "1\n") * 3),
    ("a/signs.py", "#" * 70 + "\nx\n"),
    ("a/packed.js", ("f(a,b);g(c,d);" * 6 + "\n") * 9),
    ("a/table.py", "T = [\n" + "0x12, 0x3f, 0x9a, 0x00, 0x11, 0x77, 0x20, 0x31,\n" * 20 + "]\n"),
    ("a/run.py", "K = '" + "QUJDREVG0a" * 200 + "'\n" + "name = name + other\n" * 300),
    ("a/gen.py", "# Automatically generated\nx = 1\n"),
    ("a/notice.py", NOTICE),
    ("a/copy/GPL/x.c", "/* This is free software under the\n * GNU General Public License. */\nint x;\n"),
    ("a/unknown.qqq", "x\n"),
    ("b/main.rb", "puts 1\n"),
    ("b/tagged.rb", "# SPDX-License-Identifier: Apache-2.0\nputs 1\n"),
    ("c/package.json", '{"name": "c", "license": "ISC"}\n'),
    ("c/index.js", "'use strict'\nmodule.exports = 1\n"),
]


def repository(*more):
    """Rows of files of three repositories, in no archive, and odd ones; nulls among them."""
    rows = [*FILES, *((f"odd/{k}.py", text) for k, text in enumerate(ODD)), ("odd/null", None), (None, CODE), *more]
    paths, values = zip(*rows, strict=True)
    return pa.table(
        {
            "id": pa.array([f"{k:032x}" for k in range(len(rows))]),
            "path": pa.array(paths, pa.string()),
            "text": pa.array(values, pa.large_string()),
            "archive": pa.array([None] * len(rows), pa.string()),
        }
    )


def in_languages(*more):
    """The same with the column of code_language."""
    from stages.github.code_language import code_language

    table = repository(*more)
    return table.append_column("code_language", code_language(table)["code_language"])


def decode_code():
    content = [
        CODE.encode(),
        b"",
        b" \n",
        b"\x7fELF" + bytes(50),
        b"a\x00b" * 9,
        "x = 'é'\r\n".encode("utf-16"),
        b"# coding: latin-1\nx = '\xe9'\n",
        None,
        b"a\x01\x02b",
        b"x" * 5_000,
    ]
    yield {"max_bytes": 4_000}, pa.table({"content": pa.array(content, pa.large_binary())})


def code_language():
    yield {}, repository()
    yield {"languages": ["Python", "C"], "kinds": ["code"]}, repository()


def file_licence():
    yield {}, repository()
    declared = pa.array([["MIT"], None, ["GPL-2.0", "MIT"]] * 20, pa.list_(pa.string()))
    table = repository()
    yield {"declared": "licences"}, table.append_column("licences", declared[: table.num_rows])


def code_file_quality():
    yield {}, in_languages(("a/lines.py", "x = 1\n" * 100_001))


def remove_licence_header():
    yield {}, in_languages()
