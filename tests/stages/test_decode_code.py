import random
import time

import pyarrow as pa
import pytest

from stages.github.decode_code import decode_code
from tests.stages.stage_checks import run

CODE = "int main(void)\n{\n    return 0;  /* Größe */\n}\n"


def table(*contents):
    return pa.table({"content": pa.array(contents, pa.large_binary())})


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param(CODE.encode(), CODE, id="UTF-8"),
        pytest.param(b"\xef\xbb\xbf" + CODE.encode(), CODE, id="byte-order mark"),
        pytest.param(CODE.encode("utf-16"), CODE, id="UTF-16 with its mark"),
        pytest.param(CODE.encode("utf-16-le"), CODE, id="UTF-16 without"),
        pytest.param(CODE.encode("cp1252"), CODE, id="windows-1252"),
        pytest.param(b"# coding: iso-8859-2\nx = '\xb1'\n", "# coding: iso-8859-2\nx = 'ą'\n", id="declared"),
        pytest.param(b"x = '\xb1'\n", "x = '±'\n", id="not declared"),
        pytest.param(b"a\r\nb\rc\n", "a\nb\nc\n", id="line ends"),
        pytest.param(b"\x0ca\x1b[1m\n" * 9, None, id="form feeds and escapes are text"),
    ],
)
def test_text(content, text):
    found = run(decode_code, table(content))
    assert found["drop_reason"] == [None]
    assert text is None or found["text"] == [text]


@pytest.mark.parametrize(
    ("content", "values", "reason"),
    [
        pytest.param(None, {}, "empty", id="null"),
        pytest.param(b" \n\t\n", {}, "empty", id="white space"),
        pytest.param(b"x" * 100, {"max_bytes": 100}, None, id="as large as may be"),
        pytest.param(b"x" * 101, {"max_bytes": 100}, "too_large", id="larger"),
        pytest.param(b"text\x00" + b"text" * 99, {}, "binary", id="one NUL"),
        pytest.param(b"\x7fELF" + b"text" * 99, {}, "binary", id="a program"),
        pytest.param(b"%PDF-1.4 " + b"text" * 99, {}, "binary", id="PDF"),
        pytest.param(b"x" * 99 + b"\x01", {}, None, id="a hundredth of control bytes"),
        pytest.param(b"x" * 98 + b"\x01", {}, "binary", id="more"),
        pytest.param(random.Random(0).randbytes(3000), {}, "binary", id="noise"),
        pytest.param(b"\xff\xfe" + random.Random(0).randbytes(3000), {}, "binary", id="noise behind a mark of UTF-16"),
        pytest.param(b"\xef\xbb\xbf" + random.Random(0).randbytes(3000), {}, "binary", id="noise behind a mark of UTF-8"),
        pytest.param("\ufeff中文 𝒳\n".encode("utf-16-be"), {}, None, id="UTF-16 with few NULs"),
    ],
)
def test_reasons(content, values, reason):
    assert run(decode_code, table(content), **values)["drop_reason"] == [reason]


@pytest.mark.parametrize("content", [b"\x00a" * 500_000, b"\xff" * 1_000_000, b"\r" * 1_000_000, b"coding:" * 140_000])
def test_large_odd_files_take_linear_time(content):
    started = time.process_time()
    run(decode_code, table(content), max_bytes=2 << 20)
    assert time.process_time() - started < 5
