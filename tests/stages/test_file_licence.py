import itertools
import random
import time
import tracemalloc

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from identify.vendor.licenses import LICENSES

from curation.stage import Batch
from stages.github.file_licence import MAX_STATEMENTS, file_licence
from stages.github.licence_texts import is_licence_file, licence_of_manifest, licence_of_text
from stages.github.spdx import ALLOWED, MAX_TOKENS, holds, normal
from tests.samples.github import MIT
from tests.test_every_stage import apply_global

TEXTS = dict(LICENSES)
GPL = TEXTS["GPL-3.0"]
GPL_HEADER = "# This program is free software under the GNU General Public License.\n"


def table(*files, **columns):
    """Rows of (path, text), or (path, text, archive)."""
    rows = [(*file, *(None,)[len(file) - 2 :]) for file in files]
    paths, values, archives = zip(*rows, strict=True)
    names = {"path": pa.array(paths, pa.string()), "text": pa.array(values, pa.large_string()), "archive": pa.array(archives, pa.string())}
    return pa.table(names | columns)


def found(files, size=1 << 20, columns=None, **values):
    """(licence, licence_from, drop_reason) of each file."""
    got = apply_global(file_licence, file_licence.params(**values), table(*files, **(columns or {})), size)
    return list(zip(*(got[name].to_pylist() for name in ("licence", "licence_from", "drop_reason")), strict=True))


def last(*files, **values):
    return found(files, **values)[-1]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param([("r/x.py", "x")], (None, None, "licence_unknown"), id="nothing is known"),
        pytest.param([("r/LICENSE", MIT), ("r/a/b/x.py", "x")], ("MIT", "file", None), id="the root's"),
        pytest.param(
            [("r/LICENSE", MIT), ("r/a/COPYING", GPL), ("r/a/b/x.py", "x")], ("GPL-3.0", "file", "licence_not_allowed"), id="the nearest"
        ),
        pytest.param([("r/LICENSE", MIT), ("r/a/COPYING", GPL), ("r/ab/x.py", "x")], ("MIT", "file", None), id="a folder of like name"),
        pytest.param([("r/a/LICENSE", MIT), ("r/x.py", "x")], (None, None, "licence_unknown"), id="a folder's is not its parent's"),
        pytest.param([("q/LICENSE", MIT), ("r/x.py", "x")], (None, None, "licence_unknown"), id="another repository's"),
        pytest.param([("LICENSE", MIT, "a.tar"), ("x.py", "x", "b.tar")], (None, None, "licence_unknown"), id="another archive's"),
        pytest.param([("LICENSE", MIT, "a.tar"), ("s/x.py", "x", "a.tar")], ("MIT", "file", None), id="at the root of an archive"),
        pytest.param(
            [("r/LICENSE", MIT), ("r/x.py", GPL_HEADER + "x")], ("GPL", "header", "licence_not_allowed"), id="what a file says of itself"
        ),
        pytest.param([("r/COPYING", GPL), ("r/x.py", "# SPDX-License-Identifier: MIT\n")], ("MIT", "header", None), id="its tag"),
        pytest.param([("r/x.py", "import y\n# SPDX-License-Identifier: MIT\n")], ("MIT", "header", None), id="its tag behind code"),
        pytest.param([("r/x.py", "# (c) A, SPDX-License-Identifier: MIT\n")], ("MIT", "header", None), id="its tag behind words"),
        pytest.param([("r/x.dts", "/* SPDX-License-Identifier: MIT */\n")], ("MIT", "header", None), id="in no language"),
        pytest.param(
            [("r/x.py", "x = y('SPDX-License-Identifier: MIT')\n'SPDX-License-Identifier: MIT'\n")],
            (None, None, "licence_unknown"),
            id="a tag that is a string",
        ),
        pytest.param(
            [("r/LICENSE", MIT), ("r/x.py", "x = 'GNU General Public License'\n")], ("MIT", "file", None), id="what no comment says"
        ),
        pytest.param(
            [("r/LICENSE", "All rights reserved.\n"), ("r/x.py", "x")], ("unknown", "file", "licence_unknown"), id="a text of no licence"
        ),
        pytest.param(
            [("r/LICENSE", MIT), ("r/COPYING", "All rights reserved.\n"), ("r/x.py", "x")],
            ("MIT AND unknown", "file", "licence_unknown"),
            id="a known text and another",
        ),
        pytest.param(
            [("r/LICENSE", MIT), ("r/docs/license.rst", ".. include:: ../LICENSE\n"), ("r/docs/x.py", "x")],
            ("MIT", "file", None),
            id="a pointer",
        ),
        pytest.param(
            [("r/LICENSE-MIT", MIT), ("r/LICENSE-GPL", GPL), ("r/x.py", "x")],
            ("GPL-3.0 AND MIT", "file", "licence_not_allowed"),
            id="two texts",
        ),
        pytest.param(
            [("r/LICENSE-MIT", MIT), ("r/LICENSE-GPL", GPL), ("r/Cargo.toml", '[package]\nlicense = "MIT OR GPL-3.0"\n'), ("r/x.rs", "x")],
            ("MIT OR GPL-3.0", "file", None),
            id="of which the manifest leaves the choice",
        ),
        pytest.param(
            [("r/LICENSE", "SPDX-License-Identifier: MIT AND GPL-3.0\n"), ("r/package.json", '{"license": "MIT"}'), ("r/x.js", "x")],
            ("MIT AND (MIT AND GPL-3.0)", "file", "licence_not_allowed"),
            id="a manifest that says but a part of it",
        ),
        pytest.param(
            [("r/LICENSE", GPL), ("r/package.json", '{"license": "MIT"}'), ("r/x.js", "x")],
            ("GPL-3.0 AND MIT", "file", "licence_not_allowed"),
            id="a manifest that says otherwise",
        ),
        pytest.param(
            [("r/LICENSES/MIT.txt", MIT), ("r/LICENSES/x/COPYING", GPL), ("r/LICENSES/LICENSE", MIT), ("r/x.py", "x")],
            ("MIT", "file", None),
            id="a folder for licences",
        ),
        pytest.param([("r/x-1.dist-info/licenses/LICENSE", MIT), ("r/x/y.py", "x")], ("MIT", "file", None), id="a wheel's"),
        pytest.param(
            [("r/PKG-INFO", "Metadata-Version: 2.1\nLicense: BSD\n\nLicense: GPL\n"), ("r/x.py", "x")], ("BSD", "file", None), id="PKG-INFO"
        ),
    ],
)
def test_which_licence(files, expected):
    """In whatever order the files come, and however they are dealt to shards."""
    for order in itertools.islice(itertools.permutations(range(len(files))), 6):
        for size in (1, 2, 1 << 20):
            assert found([files[n] for n in order], size)[order.index(len(files) - 1)] == expected


@pytest.mark.parametrize(
    ("folder", "is_aside"),
    [
        ("LICENSES", True), ("licences", True), ("x-1.dist-info", True), ("x.egg-info", True), ("x.EGG-INFO/licenses", True),
        ("licenses-old", False), ("x.dist-info.d", False), (".dist-info", False), ("doc", False),
    ],
)  # fmt: skip
def test_folders_that_speak_for_the_one_they_lie_in(folder, is_aside):
    assert last((f"r/{folder}/LICENSE", MIT), ("r/x.py", "x"))[0] == ("MIT" if is_aside else None)


def test_declared_by_the_data_set():
    files = [("r/x.py", "x"), ("r/y.py", "x"), ("r/z.py", "x"), ("r/w.py", "# SPDX-License-Identifier: GPL-2.0\n")]
    lists = {"of": pa.array([["MIT"], ["mit", "GPL-2.0"], [], ["MIT"]], pa.list_(pa.string()))}
    assert found(files, columns=lists, declared="of") == [
        ("MIT", "declared", None),
        ("GPL-2.0 AND MIT", "declared", "licence_not_allowed"),
        (None, None, "licence_unknown"),
        ("GPL-2.0", "header", "licence_not_allowed"),
    ]
    words = {"of": ["apache-2.0", None, "no such", "isc"]}
    assert [v[2] for v in found(files[:3] * 1 + files[:1], columns=words, declared="of")] == [
        None,
        *["licence_unknown"] * 2,
        "licence_not_allowed",
    ]


def test_other_licences_may_be_wanted():
    files = [("r/COPYING", GPL), ("r/x.py", "x"), ("q/x.py", "x")]
    assert [v[2] for v in found(files, allowed=["GPL-3.0"])] == [None, None, "licence_unknown"]
    assert [v[2] for v in found(files, allowed=None)] == [None] * 3


def test_a_column_of_another_type_is_refused():
    schema = pa.schema([("of", pa.int64())])
    with pytest.raises(ValueError, match="needs text or a list"):
        file_licence.check(file_licence.params(declared="of"), schema)


@pytest.mark.parametrize(("column", "step"), [("code_kind", "code_language"), ("header_chars_removed", "remove_licence_header")])
def test_steps_that_take_away_what_it_reads_come_later(column, step):
    with pytest.raises(ValueError, match=f"{step} takes away"):
        file_licence.check(file_licence.params(), pa.schema([(column, pa.string())]))


@pytest.mark.parametrize("text", ["a." * 32_000 + "a = 1", "x = {" + "a." * 30_000 + "a = 1}", ("a." * 499 + "a = 1\n") * 64])
def test_keys_of_many_parts_take_little_time(text):
    started = time.process_time()
    assert licence_of_manifest("pyproject.toml", text[: 1 << 16]) is None
    assert time.process_time() - started < 2


def test_a_repository_too_large_for_memory_is_streamed():
    """The streaming form gives what reduce gives, whatever the chunks; a folder with more statements than are kept is unknown."""
    rng = random.Random(2)
    files = [(f"r/{'/'.join(rng.choices('abc', k=rng.randrange(5)))}/x.py".replace("//", "/"), "x") for _ in range(60)]
    files += [("r/LICENSE", MIT), ("r/a/LICENSE", GPL), ("r/b/c/LICENSE", MIT)]
    files += [(f"r/c/LICENSE-{n}", f"SPDX-License-Identifier: X-{n}\n") for n in range(MAX_STATEMENTS + 1)]
    rng.shuffle(files)
    params = file_licence.params()
    keyed = file_licence.emit(Batch(table(*files)), params)
    rows = pa.table(
        {
            "key": pa.array(keyed.key),
            "shard": pa.array([0] * len(files), pa.uint32()),
            "row": pa.array(keyed.row, pa.int64()),
            **keyed.columns,
        }
    )
    whole = pa.concat_tables([r.verdicts for r in file_licence.reduce(rows, params, 0)])
    streamed = file_licence.stream(lambda: iter([rows.slice(n, 7) for n in range(0, rows.num_rows, 7)]), params, 0)
    assert pa.concat_tables([r.verdicts for r in streamed]).equals(whole)
    assert set(whole["licence"].to_pylist()) == {"MIT", "GPL-3.0", "unknown"}


@pytest.mark.parametrize(
    ("name", "text"), [("LICENSE-{}", "SPDX-License-Identifier: {}\n"), ("{}.dist-info/METADATA", "License-Expression: {}\n")]
)
def test_a_folder_of_many_licences_is_unknown(name, text):
    files = [(f"r/{name}".format(f"X-{n}"), text.format(f"X-{n}")) for n in range(MAX_STATEMENTS + 1)]
    assert last(*files[:2], ("r/x.py", "x")) == ("X-0 AND X-1", "file", "licence_not_allowed")
    assert last(*files, ("r/x.py", "x")) == ("unknown", "file", "licence_unknown")


def test_memory_is_flat_over_a_folder_of_many_licences():
    def chunks():
        for n in range(0, 40_000, 1000):
            rows = [f"X-{n + k}" for k in range(1000)]
            columns = {"key": [1] * 1000, "check": [1] * 1000, "folder": ["r"] * 1000, "own": ["X"] * 1000, "declared": rows}
            yield pa.table(columns | {"by_text": rows, "by_manifest": rows, "shard": [0] * 1000, "row": [n + k for k in range(1000)]})

    params = file_licence.params(allowed=None)
    tracemalloc.start()
    try:
        assert sum(found.verdicts.num_rows for found in file_licence.stream(chunks, params, 0)) == 40_000
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", [name for name, _ in LICENSES])
def test_each_known_text_is_known_again(name):
    """With another holder, wrapped otherwise, in capitals; and not with half of another one behind it."""
    text = TEXTS[name].replace("[year]", "2020").replace("[fullname]", "A. Writer and others")
    assert licence_of_text(text) == name
    assert licence_of_text(" ".join(text.split()).upper() if name == "Unlicense" else text.upper()) == name
    other = TEXTS["MIT" if name != "MIT" else "Zlib"]
    assert licence_of_text(text + "\n\nParts are under another licence:\n\n" + other) != name or len(text) > 12 * len(other)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(MIT + "\nThe Software shall be used for Good, not Evil.\n", "unknown", id="a condition more"),
        pytest.param(MIT + "\nCommercial use is prohibited.\n", "unknown", id="a use less"),
        pytest.param(
            MIT.replace("MIT License", "Copyright Example Inc. and its affiliates\n\nThe MIT License (MIT)"), "MIT", id="another title"
        ),
        pytest.param(
            "Licensed under the Apache License, Version 2.0 (the License)\nhttp://www.apache.org/licenses/LICENSE-2.0\n",
            "Apache-2.0",
            id="a notice",
        ),
        pytest.param("see docs\n", None, id="a pointer"),
        pytest.param("word " * 200, "unknown", id="a long text of another kind"),
        pytest.param("SPDX-License-Identifier: BSD-3-Clause\n" + "word " * 200, "BSD-3-Clause", id="a tag"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_texts(text, expected):
    assert licence_of_text(text) == expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("package.json", '{"license": "(MIT OR Apache-2.0)"}', "((MIT OR Apache-2.0))"),
        ("package.json", '{"license": {"type": "BSD-3-Clause"}}', "BSD-3-Clause"),
        ("package.json", '{"licenses": [{"type": "MIT"}, {"type": "GPL-2.0"}]}', "MIT OR GPL-2.0"),
        ("package.json", '{"license": "SEE LICENSE IN x"}', None),
        ("package.json", "[" * 60_000, None),
        ("package.json", "{", None),
        ("package.json", '{"license": 3}', None),
        ("package.json", "[1]", None),
        ("Cargo.toml", '[package]\nlicense = "MIT/Apache-2.0"', "MIT OR Apache-2.0"),
        ("pyproject.toml", '[project]\nlicense = {text = "New BSD"}', "BSD-3-Clause"),
        ("pyproject.toml", '[project]\nlicense = {file = "LICENSE"}', None),
        ("pyproject.toml", '[tool.poetry]\nlicense = "MIT"', "MIT"),
        ("pyproject.toml", "a." * 30_000, None),
        ("PKG-INFO", "License-Expression: MIT\nLicense: x y z\n", "MIT"),
        ("METADATA", "Name: x\nClassifier: License :: OSI Approved :: MIT License\n", "MIT"),
        ("METADATA", "Classifier: License :: OSI Approved :: Odd Words Here\n", "unknown"),
        ("METADATA", "Name: x\n\nLicense: MIT\n", None),
    ],
)
def test_manifests(name, text, expected):
    assert licence_of_manifest(name, text) == expected
    if expected:
        assert holds(expected, ALLOWED) is not None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("LICENSE", True),
        ("licence.txt", True),
        ("COPYING", True),
        ("COPYING.LESSER", True),
        ("LICENSE-MIT", True),
        ("MIT-LICENSE.txt", True),
        ("UNLICENSE", True),
        ("LICENSE.md", True),
        ("LICENSE-2.0", True),
        ("license.py", False),
        ("licenses.go", False),
        ("LICENSING", False),
        ("NOTICE", False),
        ("", False),
    ],
)
def test_names_of_licence_files(name, expected):
    assert is_licence_file(name) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", True),
        ("mit", True),
        ("GPL-2.0", False),
        ("MIT OR GPL-2.0", True),
        ("MIT AND GPL-2.0", False),
        ("MIT AND BSD-2-Clause OR GPL-2.0", True),
        ("MIT AND (BSD-2-Clause OR GPL-2.0)", True),
        ("(MIT OR GPL-2.0) AND GPL-2.0", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-2.0 WITH MIT", False),
        ("Apache-2.0+", True),
        ("BSD-3-Clause-No-Nuclear-License", False),
        ("", None),
        ("OR", None),
        ("MIT OR", None),
        ("(MIT", None),
        ("MIT)", None),
        ("MIT MIT", None),
        ("()", None),
        ("MIT, GPL", None),
        ("(" * 40 + "MIT" + ")" * 40, True),
        ("(" * 90 + "MIT" + ")" * 90, None),
    ],
)
def test_expressions(expression, expected):
    assert holds(expression, ALLOWED) is expected


EXPRESSIONS = st.recursive(
    st.sampled_from(["MIT", "GPL-2.0", "ISC", "BSD-2-Clause"]),
    lambda inner: st.tuples(st.sampled_from(["AND", "OR"]), inner, inner).map(lambda p: f"({p[1]} {p[0]} {p[2]})"),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(EXPRESSIONS)
def test_expressions_mean_what_python_says(expression):
    names = {"MIT": "True", "BSD-2-Clause": "True", "GPL-2.0": "False", "ISC": "False", "AND": "and", "OR": "or"}
    words = expression.replace("(", "( ").replace(")", " )").split()
    expected = eval(" ".join(names.get(w, w) for w in words))
    if len(words) <= MAX_TOKENS:
        assert holds(expression, ALLOWED) is expected
        assert holds(normal(expression), ALLOWED) is expected


@pytest.mark.parametrize(
    "files",
    [
        [("r/" + "a/" * 500_000 + "x.py", "x")],
        [("r/LICENSE", "word " * 400_000)],
        [("r/LICENSE", "copyright " * 200_000)],
        [("r/x.py", "#" * 2_000_000)],
        [("r/x.py", "# SPDX-License-Identifier: (" * 70_000)],
        [("r/package.json", '{"a":' * 10_000)],
        [("r/" + "licenses/" * 200_000 + "LICENSE", MIT)],
        [("r/LICENSE", "(c) " * 15_000), ("r/COPYING", "\n" * 60_000)],
        [("r/PKG-INFO", "License: " * 7_000)],
    ],
    ids=range(9),
)
def test_odd_files_take_little_time(files):
    started = time.process_time()
    found(files)
    assert time.process_time() - started < 2
