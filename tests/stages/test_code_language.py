import time

import pyarrow as pa
import pytest

from stages.github.code_language import code_language
from stages.github.languages import HEAD_BYTES, _by, language_of, languages
from tests.stages.stage_checks import run


def table(*files):
    paths, values = zip(*files, strict=True)
    return pa.table({"path": pa.array(paths, pa.string()), "text": pa.array(values, pa.large_string())})


@pytest.mark.parametrize(
    ("path", "text", "language"),
    [
        ("a/b.py", "", "Python"),
        ("A/B.PY", "", "Python"),
        ("b.tar.py", "", "Python"),
        ("py", "x", None),
        ("dir.py/b", "x", None),
        ("Makefile", "", "Makefile"),
        ("src/Makefile.am", "", "Makefile"),
        ("CMakeLists.txt", "", "CMake"),
        ("Dockerfile", "", "Dockerfile"),
        ("LICENSE", "", "Text"),
        ("LICENSE-MIT", "", "Text"),
        ("README.ja", "", "Text"),
        ("COPYING.LESSER", "", "Text"),
        ("config.h.in", "", "C"),
        ("x.h", "int x;\n", "C"),
        ("x.h", "namespace a {\n", "C++"),
        ("x.h", "#include <vector>\n", "C++"),
        ("x.h", "@interface A\n", "Objective-C"),
        ("x.m", "#import <A/A.h>\n", "Objective-C"),
        ("x.m", "function y = f(x)\n% a\n", "MATLAB"),
        ("x.pl", "use strict;\nmy $x = 1;\n", "Perl"),
        ("x.pl", ":- module(a, [b/1]).\nb(X) :- c(X).\n", "Prolog"),
        ("x.v", "module a;\nendmodule\n", "Verilog"),
        ("x.v", "Theorem a : True.\n", "Coq"),
        ("x.pp", "class { 'a': }\n", "Puppet"),
        ("x.pp", "unit a;\ninterface\n", "Pascal"),
        ("x.inc", "<?php echo 1;\n", "PHP"),
        ("x.cls", "\\ProvidesClass{a}\n", "TeX"),
        ("x.mod", "module a\n", "Go Module"),
        ("x.mod", "xx", None),
        ("x.ts", "let a: number = 1\n", "TypeScript"),
        ("x.ts", "<?xml version='1.0'?>\n<!DOCTYPE TS>\n", "XML"),
        ("x.js", "<!DOCTYPE html>\n<html>", "HTML"),
        ("x.php", "<html><?php ?>", "PHP"),
        ("x.vue", "<template>", "Vue"),
        ("x.xsl", "<?xml version='1.0'?>", "XSLT"),
        ("ls.1", ".TH LS 1\n", "Roff"),
        ("ls.1", "1 2 3\n", None),
        ("run", "#!/usr/bin/env python3\n", "Python"),
        ("run", "#!/bin/sh -e\n", "Shell"),
        ("run", "#! /usr/bin/env -S node --x\n", "JavaScript"),
        ("run", "#!/opt/odd\n", None),
        ("run", "no\n", None),
        ("", "", None),
        ("x.qqq", "x", None),
    ],
)
def test_language(path, text, language):
    assert language_of(path, text.encode()[:HEAD_BYTES]) == language
    assert run(code_language, table((path, text)))["code_language"] == [language]


def test_reasons():
    files = [("a.py", "x"), ("a.c", "x"), ("a.json", "{}"), ("a.qqq", "x"), (None, None)]
    found = run(code_language, table(*files))
    assert found["drop_reason"] == [None, None, None, "unknown_language", "unknown_language"]
    assert found["code_kind"] == ["code", "code", "data", None, None]
    assert found["profile"] == ["code"] * 5
    assert run(code_language, table(*files), languages=["C", "JSON"], kinds=["code"])["drop_reason"][:3] == [
        "other_language",
        None,
        "other_language",
    ]


def test_an_unknown_name_is_an_error_of_the_recipe():
    with pytest.raises(ValueError, match=r"no language 'Pyhton'.*Python"):
        code_language.params(languages=["Pyhton"])


def test_the_table():
    """Names begin with a capital, so that maps find them; each extension is in lower case and of one language or told by marks."""
    from stages.github.languages import _MARKS

    assert all(name[0].isupper() and language.kind in ("code", "markup", "data", "prose") for name, language in languages().items())
    shared = {extension: names for extension, names in _by("extensions").items() if len(names) > 1}
    assert set(shared) <= set(_MARKS)
    for extension, marks in _MARKS.items():
        assert {name for name, _ in marks} >= set(shared.get(extension, ())) - {"XML"}
    assert all(word == word.lower() for field in ("extensions", "names", "interpreters") for word in _by(field))


@pytest.mark.parametrize(
    "text", ["#!" + "a/" * 500_000, "<" * 1_000_000, "a(" * 500_000, "\n" * 1_000_000, " " * 1_000_000, ":-" * 500_000]
)
def test_odd_files_take_little_time(text):
    started = time.process_time()
    run(code_language, table(*((f"{'a/' * 100_000}x.{extension}", text) for extension in ("h", "pl", "v", "inc", "q"))))
    assert time.process_time() - started < 5
