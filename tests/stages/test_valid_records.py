import pyarrow as pa
import pytest
from stage_checks import reasons, run

from stages.safety.valid_records import is_binary, valid_records

HTML = b"<!DOCTYPE html><html><body>hello</body></html>"


def table(*rows):
    rows = [{"content": HTML, "http_status": 200, "mime": "text/html", "truncated": None, "warc_type": "response", **row} for row in rows]
    schema = pa.schema(
        {
            "content": pa.large_binary(),
            "http_status": pa.int16(),
            "mime": pa.string(),
            "truncated": pa.string(),
            "warc_type": pa.string(),
        }
    )
    made = pa.Table.from_pylist(rows, schema)
    return made.append_column("body_bytes", pa.array([len(r["content"] or b"") for r in rows], pa.int64()))


CASES = [
    pytest.param({}, None, id="a page"),
    pytest.param({"mime": "application/xhtml+xml"}, None, id="xhtml"),
    pytest.param({"http_status": 404}, "bad_status", id="error page"),
    pytest.param({"http_status": 301}, "bad_status", id="redirect"),
    pytest.param({"http_status": None}, "bad_status", id="no status"),
    pytest.param({"truncated": "length"}, "truncated", id="cut by the crawler"),
    pytest.param({"truncated": "decode"}, "truncated", id="cut by damage"),
    pytest.param({"content": b""}, "empty", id="no bytes"),
    pytest.param({"content": None}, "empty", id="null"),
    pytest.param({"content": b" \n\t" * 900}, "empty", id="white space alone"),
    pytest.param({"content": b" \n\t" * 900 + HTML}, None, id="much white space first"),
    pytest.param({"mime": "application/pdf", "content": b"%PDF-1.4"}, "not_html", id="pdf"),
    pytest.param({"content": b"\x89PNG\r\n\x1a\n\0\0"}, "not_html", id="png declared as html"),
    pytest.param({"content": b"\x1f\x8b\x08\0\0"}, "not_html", id="gzip left over"),
    pytest.param({"content": b"<p>\0\x01\x02\0\0\x07abc\0\0"}, "not_html", id="nul bytes"),
    pytest.param({"content": "<p>hé</p>".encode("utf-16")}, None, id="utf-16 with a mark"),
    pytest.param({"content": "<p>hello</p>".encode("utf-16-le")}, None, id="utf-16 without"),
    pytest.param({"content": "<p>こんにちは</p>".encode("shift_jis")}, None, id="shift_jis"),
    pytest.param({"mime": "text/plain", "content": b"text"}, "not_html", id="plain text"),
    pytest.param({"mime": None}, None, id="undeclared html"),
    pytest.param({"mime": "", "content": b"<!-- x --><HTML>"}, None, id="empty mime, html after a comment"),
    pytest.param({"mime": None, "content": b"<!---->" * 400}, "not_html", id="comments alone"),
    pytest.param({"mime": None, "content": b"{}"}, "not_html", id="undeclared json"),
    pytest.param({"mime": "text/plain", "http_status": None, "warc_type": "conversion", "content": b"text"}, None, id="wet"),
    pytest.param({"warc_type": None, "mime": None, "http_status": None, "content": None}, "bad_status", id="nulls"),
]


def test_all_cases_in_one_table():
    rows = [case.values[0] for case in CASES]
    assert reasons(valid_records, table(*rows)) == [case.values[1] for case in CASES]


@pytest.mark.parametrize(("row", "reason"), CASES)
def test_case(row, reason):
    assert reasons(valid_records, table(row)) == [reason]


@pytest.mark.parametrize(
    ("values", "row"),
    [
        pytest.param({"statuses": [200, 203]}, {"http_status": 203}, id="statuses"),
        pytest.param({"mimes": ["text/plain"]}, {"mime": "text/plain", "content": b"x"}, id="mimes"),
        pytest.param({"keep_truncated": True}, {"truncated": "length"}, id="keep_truncated"),
    ],
)
def test_parameters(values, row):
    assert run(valid_records, table(row), **values)["drop_reason"] == [None]


def test_binary_heads():
    assert is_binary(b"\0\0\1\0icon")
    assert not is_binary(b"")
    assert not is_binary("текст".encode("cp1251"))
