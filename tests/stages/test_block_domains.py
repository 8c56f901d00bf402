import gzip

import pyarrow as pa
import pytest
from pydantic import ValidationError
from stage_checks import run

from stages.safety.block_domains import block_domains, read_list, usable


def table(*urls):
    return pa.table({"url": pa.array(urls, pa.string())})


@pytest.fixture
def lists(tmp_path):
    adult, casino = tmp_path / "adult.hosts.txt", tmp_path / "casino.txt.gz"
    adult.write_text(
        "# comment\n127.0.0.1 localhost\n0.0.0.0 0.0.0.0\n::1 ip6-localhost\n0.0.0.0 bad.example # why\n"
        "\n  *.worse.example  \nMÜNCHEN.example.\nco.uk\ngithub.io\nname.github.io\ncom\nhttp://x.example/y\n192.0.2.7\n"
    )
    casino.write_bytes(gzip.compress(b"casino.example\r\nsub.bad.example\r\nbad.example\r\n"))
    return {"adult": str(adult), "casino": (str(casino),)}


@pytest.mark.parametrize(
    ("url", "category"),
    [
        pytest.param("http://bad.example/", "adult", id="host"),
        pytest.param("https://WWW.Bad.Example:8080/x", "adult", id="subdomain, case, port"),
        pytest.param("http://a.b.c.worse.example", "adult", id="deep subdomain of a starred entry"),
        pytest.param("http://notbad.example/", None, id="suffix of the string only"),
        pytest.param("http://example/", None, id="parent"),
        pytest.param("http://user:bad.example@fine.example/", None, id="userinfo is no host"),
        pytest.param("http://fine.example/?u=http://bad.example/", None, id="url in a query"),
        pytest.param("http://fine.example#//bad.example/", None, id="url in a fragment"),
        pytest.param("http://xn--mnchen-3ya.example/", "adult", id="punycode"),
        pytest.param("http://münchen.example./", "adult", id="unicode and final dot"),
        pytest.param("http://shop.co.uk/", None, id="a public suffix in the list"),
        pytest.param("http://other.github.io/", None, id="a private suffix in the list"),
        pytest.param("http://name.github.io/", "adult", id="a site under it"),
        pytest.param("http://192.0.2.7/", "adult", id="address"),
        pytest.param("http://8.192.0.2.7/", None, id="not an address"),
        pytest.param("http://x.sub.bad.example/", "casino", id="the longest entry decides"),
        pytest.param("//casino.example/x", "casino", id="without scheme"),
        pytest.param("casino.example", None, id="no host"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="null"),
        pytest.param("http://😀.example/", None, id="emoji"),
    ],
)
def test_match(lists, url, category):
    columns = run(block_domains, table(url), lists=lists)
    assert columns["block_category"] == [category]
    assert columns["block_list"] == [category and {"adult": "adult", "casino": "casino"}[category]]
    assert columns["drop_reason"] == [category and "blocked_domain"]


def test_a_plain_list_of_files(lists):
    urls = ["http://bad.example/", None, "http://casino.example/"] * 5
    columns = run(block_domains, table(*urls), lists=[lists["adult"], *lists["casino"]])
    assert columns["block_category"] == ["adult", None, "casino"] * 5
    assert columns["block_list"] == columns["block_category"]


def test_reading_a_list(lists):
    assert read_list(lists["adult"]) == [
        "bad.example", "worse.example", "xn--mnchen-3ya.example", "name.github.io", "192.0.2.7",
    ]  # fmt: skip


@pytest.mark.parametrize("entry", ["com", "co.uk", "github.io", "localhost", "0.0.0.0", "a b", "/x", "", "*", "*.com"])
def test_entries_that_never_match(entry):
    assert usable(entry) is None


def test_a_list_without_entries_is_refused(tmp_path):
    (tmp_path / "x.txt").write_text("com\n")
    with pytest.raises(ValueError, match="no usable"):
        block_domains(table("http://a.com/"), lists=[str(tmp_path / "x.txt")])


def test_lists_are_required():
    with pytest.raises(ValidationError):
        block_domains.params()
