import time

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.github.header import without_licence
from stages.github.languages import languages
from stages.github.remove_licence_header import remove_licence_header
from tests.samples.github import MIT
from tests.stages.stage_checks import run

C_NOTICE = "/*\n * Copyright (c) 2020 A. Writer. All rights reserved.\n *\n * Licensed under the Apache License, Version 2.0.\n */\n"
IN_C = "/*\n" + "".join(f" * {line}\n".replace(" \n", "\n") for line in MIT.splitlines()) + " */\n"
CASES = [
    pytest.param("C", C_NOTICE + "\nint x;\n", "int x;\n", id="a comment that is a notice, and the blank line behind"),
    pytest.param("C", IN_C + "int x;\n", "int x;\n", id="a whole licence"),
    pytest.param("C", "// Copyright 2020 A\n// SPDX-License-Identifier: MIT\n\nint x;\n", "int x;\n", id="lines"),
    pytest.param("C", "/* (c) 2012 A. Writer */\nint x;\n", "int x;\n", id="(c)"),
    pytest.param("Python", "# Proprietary formats of confidential clients.\nx = 1\n", None, id="other things are proprietary"),
    pytest.param("Python", "# Company Confidential.\nx = 1\n", "x = 1\n", id="companies'"),
    pytest.param("C", "/* Counts sheep. */\nint x; // (c) 2020\n", None, id="nothing about a licence at the start"),
    pytest.param("C", "int x;\n" + C_NOTICE, None, id="behind code it stays"),
    pytest.param("C", "/* Copyright (c) 2020 A */ int x;\n", None, id="code on its line"),
    pytest.param("C", "/* Copyright (c) 2020 A\nint x;\n", None, id="never closed"),
    pytest.param(
        "C",
        "/*\n * Counts sheep.\n *\n * Copyright (c) 2020 A\n */\nint x;\n",
        "/*\n * Counts sheep.\n *\n */\nint x;\n",
        id="description before",
    ),
    pytest.param(
        "C",
        "/* Copyright (c) 2020 A\n *\n * Counts sheep.\n */\nint x;\n",
        "/*\n *\n * Counts sheep.\n */\nint x;\n",
        id="description behind",
    ),
    pytest.param(
        "C",
        "/* Counts sheep.\n *\n * Copyright (c) 2020 A */\nint x;\n",
        "/* Counts sheep.\n *\n*/\nint x;\n",
        id="closed on the line that goes",
    ),
    pytest.param("C", "// Copyright 2020 A\n\n// Counts sheep.\nint x;\n", "// Counts sheep.\nint x;\n", id="two comments"),
    pytest.param(
        "Python",
        "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n# Copyright 2020 A\n\nx = 1\n",
        "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n\nx = 1\n",
        id="what must come first stays",
    ),
    pytest.param(
        "Python",
        '"""Counts sheep.\n\n:copyright: (c) 2020 by A.\n:license: BSD, see LICENSE for details.\n"""\nx = 1\n',
        '"""Counts sheep.\n\n"""\nx = 1\n',
        id="docstring",
    ),
    pytest.param(
        "Python", "'''\nCopyright (c) 2020 A\n\nCounts sheep.\n'''\n", "'''\n\nCounts sheep.\n'''\n", id="docstring in single quotes"
    ),
    pytest.param("Python", "# Copyright 2020 A\n", "", id="nothing else"),
    pytest.param("HTML", "<!DOCTYPE html>\n<!-- Copyright (c) 2020 A -->\n<p>x</p>\n", "<!DOCTYPE html>\n<p>x</p>\n", id="HTML"),
    pytest.param("PHP", "<?php\n/** Licensed under the MIT License */\necho 1;\n", "<?php\necho 1;\n", id="PHP"),
    pytest.param("Lua", "-- Copyright 2020 A\nlocal x\n", "local x\n", id="Lua"),
    pytest.param("Lua", "--[[ Copyright (C) 2020 A ]]\nlocal x\n", "local x\n", id="Lua, closed"),
    pytest.param("JSON", '{"copyright": "(c) 2020"}\n', None, id="no comments"),
    pytest.param(None, "# Copyright 2020 A\n", None, id="no language"),
]


def table(*files):
    names, values = zip(*files, strict=True)
    return pa.table({"text": pa.array(values, pa.large_string()), "code_language": pa.array(names, pa.string())})


@pytest.mark.parametrize(("language", "text", "left"), CASES)
def test_cases(language, text, left):
    found = run(remove_licence_header, table((language, text)))
    left = text if left is None else left
    assert found["text"] == [left]
    assert found["header_chars_removed"] == [len(text) - len(left)]
    assert found["drop_reason"] == [None if left else "empty"]


def test_what_is_left_is_left_again():
    for language, text, _ in (case.values for case in CASES):
        once = run(remove_licence_header, table((language, text)))["text"][0]
        assert run(remove_licence_header, table((language, once)))["text"] == [once]


PIECES = st.sampled_from(
    ["/*", "*/", "//", "\n", " ", "Copyright (c) 2020", "int x;", "# ", '"""', "'''", "SPDX-License-Identifier: MIT", "words", "*"]
)


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(st.lists(PIECES, max_size=25).map("".join), st.sampled_from(["C", "Python", "HTML", "Lua", "CSS", "CoffeeScript"]))
def test_only_comments_at_the_start_lose_anything(text, name):
    """Code stays to the last byte, and a text without the words of a licence stays whole."""
    marked = text + "\nint code = 1; Copyright (c) 1999\n"
    left = without_licence(marked, languages()[name])
    assert left.endswith("int code = 1; Copyright (c) 1999\n")
    bare = marked.replace("Copyright (c)", "").replace("SPDX-License-Identifier", "")
    assert without_licence(bare, languages()[name]) == bare


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("C", "/*" * 1_000_000),
        ("C", "//\n" * 700_000),
        ("C", "/* Copyright 2020 */\n" * 100_000),
        ("Python", '"""' * 700_000),
        ("C", "\n" * 2_000_000),
        ("C", "/*" + " " * 2_000_000),
        ("C", "// " + "copyright " * 200_000),
        ("Python", "#" * 2_000_000),
        ("HTML", "<!--" * 500_000),
    ],
)
def test_large_odd_files_take_little_time(name, text):
    started = time.process_time()
    remove_licence_header(table((name, text)))
    assert time.process_time() - started < 2
