import gzip
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curation.text import Utf8
from stages.dedup import canonical_url as module
from stages.dedup.canonical_url import canonical_url, canonical_urls
from tests.cpu_time import within_cpu_seconds

WARC = Path(__file__).resolve().parents[3] / "shared" / "data" / "warc"

SAME = [
    ("http://a.com", "https://a.com"),
    ("HTTP://A.Com/", "https://a.com"),
    ("  http://a.com/x \n", "https://a.com/x"),
    ("http://a.com/x\ny", "https://a.com/xy"),
    ("http://user:pw@a.com/", "https://a.com"),
    ("http://www.a.com/x", "https://a.com/x"),
    ("http://www.com/", "https://www.com"),
    ("http://a.com:80/x", "https://a.com/x"),
    ("https://a.com:443/x", "https://a.com/x"),
    ("http://a.com:/x", "https://a.com/x"),
    ("http://a.com:8080/x", "https://a.com:8080/x"),
    ("http://a.com:08080/x", "https://a.com:8080/x"),
    ("http://a.com:0443/x", "https://a.com/x"),
    ("http://www.www.a.com/x", "https://a.com/x"),
    ("http://www.a_b.com/x", "https://a_b.com/x"),
    ("http://wwx.a.com/x", "https://wwx.a.com/x"),
    ("http://user@a.com:81/", "https://a.com:81"),
    ("http://%61.com/", "https://a.com"),
    ("http://a..com/", "http://a..com/"),
    ("http://a.com:8x/", "https://a.com"),
    ("http://./", "http://./"),
    ("https:/a.com", "https:/a.com"),
    ("http", "http"),
    ("http://a.com./x", "https://a.com/x"),
    ("http://münchen.de/x", "https://xn--mnchen-3ya.de/x"),
    ("http://[2001:DB8::1]:80/x", "https://[2001:db8::1]/x"),
    ("http://[::1]:81/", "https://[::1]:81"),
    ("//a.com/x", "https://a.com/x"),
    ("ftp://a.com/x", "ftp://a.com/x"),
    ("http:\\\\a.com\\x", "https://a.com/x"),
    ("http://a.com/a/./b/../c", "https://a.com/a/c"),
    ("http://a.com/../../c", "https://a.com/c"),
    ("http://a.com/a/..", "https://a.com"),
    ("http://a.com/a/b/.", "https://a.com/a/b"),
    ("http://a.com/%2e%2e/x", "https://a.com/x"),
    ("http://a.com/x/", "https://a.com/x"),
    ("http://a.com/x//", "https://a.com/x"),
    ("http://a.com//x", "https://a.com//x"),
    ("http://a.com/X", "https://a.com/X"),
    ("http://a.com/index.html", "https://a.com/index.html"),
    ("http://a.com/%7euser/%41", "https://a.com/~user/A"),
    ("http://a.com/%e2%82%ac", "https://a.com/%E2%82%AC"),
    ("http://a.com/€", "https://a.com/%E2%82%AC"),
    ("http://a.com/a b", "https://a.com/a%20b"),
    ("http://a.com/100%", "https://a.com/100%25"),
    ("http://a.com/a%2Fb", "https://a.com/a%2Fb"),
    ("http://a.com/x;jsessionid=12AB.n1?a=1", "https://a.com/x?a=1"),
    ("http://a.com/x;JSESSIONID=1/y", "https://a.com/x/y"),
    ("http://a.com/x;v=1", "https://a.com/x;v=1"),
    ("http://a.com/x;%6asessionid=1", "https://a.com/x"),
    ("http://a.com/.;sid=1./y;sid=;v=1", "https://a.com/y;v=1"),
    ("http://a.com/x;sid", "https://a.com/x;sid"),
    ("http://a.com/x;zsid=1", "https://a.com/x;zsid=1"),
    ("http://a.com/?utm_source=x&a=1&UTM_Medium=y", "https://a.com?a=1"),
    ("http://a.com/x?gclid=1", "https://a.com/x"),
    ("http://a.com/x?fbclid=1&b=2", "https://a.com/x?b=2"),
    ("http://a.com/x?PHPSESSID=1&ASPSESSIONIDQ=2&id=3", "https://a.com/x?id=3"),
    ("http://a.com/x?sid=0123456789abcdef0123456789abcdef&p=1", "https://a.com/x?p=1"),
    ("http://a.com/x?sid=08/12/01", "https://a.com/x?sid=08/12/01"),
    ("http://a.com/x?s=0123456789abcde", "https://a.com/x?s=0123456789abcde"),
    ("http://a.com/x?S=0123456789abcdeF", "https://a.com/x"),
    ("http://a.com/x?s=abcdefghijklmnopqrstuvwxy", "https://a.com/x?s=abcdefghijklmnopqrstuvwxy"),
    ("http://a.com/x?s=abcdefghijklmnopqrstuvwxyZ", "https://a.com/x"),
    ("http://a.com/x?utm%5Fid=1&utm&utm_", "https://a.com/x?utm"),
    ("http://a.com/x?gclids=1&_G%61=2", "https://a.com/x?gclids=1"),
    ("http://a.com/x?b=2&a=1", "https://a.com/x?a=1&b=2"),
    ("http://a.com/x?c=1&b=2&a=3&b=1&=&ab", "https://a.com/x?=&a=3&ab&b=2&b=1&c=1"),
    ("http://a.com/x?q=%+41%2", "https://a.com/x?q=%25%2041%252"),
    ("http://a.com/x?a=2&a=1", "https://a.com/x?a=2&a=1"),
    ("http://a.com/x?", "https://a.com/x"),
    ("http://a.com/x?&&a=1&", "https://a.com/x?a=1"),
    ("http://a.com/x?a", "https://a.com/x?a"),
    ("http://a.com/x?a=", "https://a.com/x?a="),
    ("http://a.com/x?q=a+b", "https://a.com/x?q=a%20b"),
    ("http://a.com/x?q=a%2Bb", "https://a.com/x?q=a%2Bb"),
    ("http://a.com/x?q=a%26b&c", "https://a.com/x?c&q=a%26b"),
    ("http://a.com/x?u=http://b.com/?c", "https://a.com/x?u=http://b.com/?c"),
    ("http://a.com/x#top", "https://a.com/x"),
    ("http://a.com/x#", "https://a.com/x"),
    ("http://a.com/#!/page", "https://a.com#!/page"),
    ("http://a.com/#!/a b?c=é&d", "https://a.com#!/a%20b?c=%C3%A9%26d"),
    ("http://a.com/#\t!x", "https://a.com#!x"),
    ("http://a.com?a=1", "https://a.com?a=1"),
    ("mailto:x@a.com", "mailto:x@a.com"),
    ("not a url", "not a url"),
    ("http:///x", "http:///x"),
    ("", ""),
]


@pytest.mark.parametrize(("url", "canonical"), SAME)
def test_canonical(url, canonical):
    assert canonical_url(url) == canonical


@pytest.mark.parametrize(("url", "canonical"), SAME)
def test_canonical_again_changes_nothing(url, canonical):
    assert canonical_url(canonical) == canonical


def by_column(urls):
    return canonical_urls(Utf8.of(pa.array(urls, pa.large_string()))).to_arrow().to_pylist()


def test_the_column_form_gives_the_same():
    urls, canonical = zip(*SAME, strict=True)
    assert by_column(urls) == list(canonical)
    assert by_column(canonical) == list(canonical)
    assert by_column([]) == []


def test_the_kernel_does_plain_urls_itself():
    plain = [(u, c) for u, c in SAME if re.fullmatch(r"(?i)https?://[a-z_.]*[a-z](:\d*)?([/?#][^\t\n\\]*)?", u)]
    text = Utf8.of_strings([u for u, _ in plain])
    data, offsets, hard = module._canonical(text.data, text.offsets)
    assert len(plain) > 60
    assert [u for (u, _), h in zip(plain, hard, strict=True) if h] == ["http://a..com/"]
    assert Utf8(data, offsets).to_arrow().to_pylist() == [c if not h else "" for (_, c), h in zip(plain, hard, strict=True)]


PIECES = [
    "http", "https", "HTTP", "ftp", ":", "//", "/", "?", "#", "#!", "&", "=", "+", ";", "@", ".", "..", "-", "_", "~", "\\", "[::1]",
    "www.", "%", "%2", "%2f", "%41", "%7E", "%c3%a9", "%2e", "%3B", "a", "B", "com", "0", "80", ":443", "sid=", "s=",
    ";jsessionid=", "phpsessid", "utm_", "UTM_x=1", "gclid", "_ga=", "0123456789abcdef", "z=1&y=2&x=3",
    "é", "\u212a", "\U0001f600", "\u3002", "\t", "\n", " ", "\x7f", "\0",
]  # fmt: skip
STARTS = st.sampled_from(["", "http://", "https://a.com/", "HTTP://a.B?"])
URLS = st.builds(str.__add__, STARTS, st.lists(st.sampled_from(PIECES)).map("".join))


@settings(max_examples=500, deadline=None)
@given(st.lists(URLS | st.text(), min_size=1, max_size=20))
@example(["http://a.com/?" + "&".join(f"{k % 7}={k}" for k in range(n)) for n in (module._MOST_PAIRS, module._MOST_PAIRS + 1)])
def test_the_column_form_agrees_with_the_definition(urls):
    expected = [canonical_url(url) for url in urls]
    assert by_column(urls) == expected
    assert [canonical_url(url) for url in expected] == expected


def test_real_urls_agree():
    """Whatever looks like a URL in the test crawl, links and headers and all."""
    if not WARC.exists():
        pytest.skip("no ../shared/data")
    found = set()
    for path in sorted((WARC / "built").glob("*.gz")):
        found.update(re.findall(rb"https?://[^\s\"<>']{1,300}", gzip.decompress(path.read_bytes())))
    urls = sorted(url.decode("utf-8", "replace") for url in found)
    assert len(urls) > 2_000
    assert by_column(urls) == [canonical_url(url) for url in urls]
    text = Utf8.of_strings(urls)
    assert np.mean(module._canonical(text.data, text.offsets)[2]) < 0.02


@pytest.mark.parametrize("rows", [slice(1, 3), slice(2, 2), slice(0, 1)])
def test_slices_and_nulls_of_a_column(rows):
    column = pa.array(["http://a.com/x?b&a", None, "http://b.com:/é", "http://é.com"], pa.string())
    expected = [canonical_url(url or "") for url in column.to_pylist()]
    assert canonical_urls(Utf8.of(column[rows])).to_arrow().to_pylist() == expected[rows]


TAILS = ["/../", "/./", "?a&", "%", "%41", ";jsessionid=1", "\\", "é", "/", "&b&a", "?b&a", "#!é", ";sid", "/..//.."]


@pytest.mark.parametrize("tail", TAILS)
def test_time_is_linear(tail):
    url = "http://a.com/" + tail * 100_000
    within_cpu_seconds(2, lambda: canonical_urls(Utf8.of_strings([url])))
    within_cpu_seconds(2, canonical_url, url)


@pytest.mark.parametrize("host", ["é", "a.", "é.", "%41", "@", ":", "[", "www.", "".join(map(chr, range(0x4E00, 0x7E00)))])
def test_time_is_linear_in_the_host(host):
    within_cpu_seconds(2, canonical_url, "http://" + host * (300_000 // len(host)) + "/x")
