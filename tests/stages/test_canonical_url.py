import time

import pytest

from stages.dedup.canonical_url import canonical_url

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
    ("http://a.com/?utm_source=x&a=1&UTM_Medium=y", "https://a.com?a=1"),
    ("http://a.com/x?gclid=1", "https://a.com/x"),
    ("http://a.com/x?fbclid=1&b=2", "https://a.com/x?b=2"),
    ("http://a.com/x?PHPSESSID=1&ASPSESSIONIDQ=2&id=3", "https://a.com/x?id=3"),
    ("http://a.com/x?sid=0123456789abcdef0123456789abcdef&p=1", "https://a.com/x?p=1"),
    ("http://a.com/x?sid=08/12/01", "https://a.com/x?sid=08/12/01"),
    ("http://a.com/x?b=2&a=1", "https://a.com/x?a=1&b=2"),
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


@pytest.mark.parametrize("tail", ["/../", "/./", "?a&", "%", "%41", ";jsessionid=1", "\\", "é", "/"])
def test_time_is_linear(tail):
    start = time.process_time()
    canonical_url("http://a.com/" + tail * 100_000)
    assert time.process_time() - start < 2
