"""Registrable domains: the list's answer, by the short way and the long one."""

from __future__ import annotations

import pyarrow as pa
import pytest

from curation import domains
from curation.domains import registrable_domain, registrable_domains


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://www.example.co.uk/a?b#c", "example.co.uk"),
        ("HTTPS://WWW.Example.COM:443/", "example.com"),
        ("http://user:pw@a.b.example.com:80/", "example.com"),
        ("http://example.com.", "example.com"),
        ("http://example.com?x=//other.org/", "example.com"),
        ("http://example.com\\@other.org/", "example.com"),
        ("//cdn.example.com/x", "example.com"),
        ("http://someone.github.io/", "someone.github.io"),
        ("http://github.io/", "github.io"),
        ("http://com/", "com"),
        ("http://localhost:8080/", "localhost"),
        ("http://192.168.0.1:80/", "192.168.0.1"),
        ("http://[2001:DB8::1]:8080/", "[2001:db8::1]"),
        ("http://[nonsense]/", None),
        ("http://Bücher.example/", "xn--bcher-kva.example"),
        ("http://www.xn--bcher-kva.example/", "xn--bcher-kva.example"),
        ("http://faß.de/", "xn--fa-hia.de"),
        ("http://日本語。jp/", "xn--wgv71a119e.jp"),
        ("http://%65xample.com/", "example.com"),
        ("http://a..b.com/", None),
        ("http://a b.com/", None),
        ("http://<script>/", None),
        ("http:///path", None),
        ("mailto:someone@example.com", None),
        ("dns:example.com", None),
        ("example.com/page", None),
        ("", None),
        (None, None),
    ],
)
def test_registrable_domains(url, domain):
    assert registrable_domains(pa.array([url, url], pa.string())).to_pylist() == [domain, domain]


def test_domains_of_nothing_and_of_chunks():
    assert registrable_domains(pa.array([], pa.string())).to_pylist() == []
    chunks = pa.chunked_array([["http://a.com/"], ["http://b.com/"]])
    assert registrable_domains(chunks).to_pylist() == ["a.com", "b.com"]


def test_the_kernel_says_what_the_list_says():
    """Every rule of the public suffix list, with nothing, one and two labels in front of it."""
    rules = [r.lstrip("!").replace("*", "wild") for r in domains._suffixes()._publicsuffix]
    hosts = [f"{front}{rule}" for rule in rules for front in ("", "a.", "b.a.")]
    hosts += ["x.unknowntld", "localhost", "a_b.example.com", "b.a_b", "a..com", ".a.com", "a.com.", "x.1com", "x.c-m", "-.com", "1.2.3.4"]
    hosts += ["l." * 125 + "com", "l." * 126 + "com", "X.com", "u@x.com", "x.com:80", "%78.com"]
    hosts += ["x y.com", "x.com\n", "ü.com", "xn--tda.com"]
    urls = [url for host in hosts for url in (f"http://{host}", f"https://{host}/a.b/c", f"ftp://{host}?q=d.e", f"//{host}#f")]
    expected = [registrable_domain(host) for host in hosts for _ in range(4)]
    assert registrable_domains(pa.array(urls)).to_pylist() == expected


def test_only_what_is_not_plain_is_looked_up(monkeypatch):
    urls = pa.array([None, "http://www.example.com/", "http://EXAMPLE.com/", "http://a.example.co.uk/", "https://x.org?y"]).slice(1)
    asked = []
    monkeypatch.setattr(domains, "_looked_up", lambda hard: asked.extend(hard.to_pylist()) or pa.array(["up", "up"]))
    assert registrable_domains(urls).to_pylist() == ["example.com", "up", "up", "x.org"]
    assert asked == ["http://EXAMPLE.com/", "http://a.example.co.uk/"]
