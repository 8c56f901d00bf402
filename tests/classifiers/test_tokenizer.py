"""The trainer of the default tokenizer: what it reads, in which shares, and that the same text gives the same file."""

import gzip
import json
import sys

import pytest

from classifiers import tokenizer
from classifiers.tokenizer import CODE, HOSTS, SHARES, documents, main, repeated, times, train
from curation.assets import HOME
from stages.tokens.tokenizer_file import load

PAGE = "<html><body><article><p>The server reads its configuration when it starts, and again when it is asked to.</p></article></body>"


def warc(pages):
    """Response records of (id, url)."""
    out = b""
    for name, url in pages:
        http = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{PAGE.replace('server', f'server {url[-1]}')}".encode()
        head = f"WARC/1.1\r\nWARC-Type: response\r\nWARC-Record-ID: {name}\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2024-01-01T00:00:00Z\r\n"
        record = f"{head}Content-Type: application/http\r\nContent-Length: {len(http)}\r\n\r\n".encode() + http + b"\r\n\r\n"
        out += gzip.compress(record, mtime=0)
    return out


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A folder of test data in small."""
    words = {"eng": "river", "rus": "река", "aar": "weqay"}
    lines = [{"lang": lang, "text": f"{word} {n} {word}"} for n in range(60) for lang, word in words.items()]
    for folder in ("multilingual", "books", "arxiv/one", "warc/built"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "multilingual" / "text.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    books = [{"id": "a", "file": "a.txt.gz", "lang": "en"}, {"id": "a-with-pg-header", "file": "no.txt.gz", "lang": "en"}]
    (tmp_path / "books" / "books.jsonl").write_text("\n".join(map(json.dumps, books)))
    (tmp_path / "books" / "a.txt.gz").write_bytes(gzip.compress(b"It was a river. " * 3_000))
    (tmp_path / "arxiv" / "one" / "main.tex").write_text(r"\section{River} $x_1^2$")
    pages = [("<urn:1>", "http://httpd.apache.org/a"), ("<urn:2>", "http://www.w3.org/b"), ("<urn:3>", "http://gobyexample.com/d")]
    (tmp_path / "warc" / "built" / "a.warc.gz").write_bytes(warc(pages))
    facts = ["file\trecord_id\turl\tdomain\twarc_date\tstatus\tmime\tlanguage\tdeclared_lang\tplanted"]
    facts += [f"a\t{name}\t{url}\t\t\t200\ttext/html\ten\ten\t{'near_dup' if name == '<urn:3>' else ''}" for name, url in pages]
    (tmp_path / "warc" / "built" / "pages.tsv").write_text("\n".join(facts) + "\n")
    monkeypatch.setattr(tokenizer, "CODE", (("curation", "errors.py"),))
    return tmp_path


def test_only_what_may_be_derived_from_is_read(data):
    found = list(documents(data))
    assert [kind for kind, _ in found] == ["en"] * 3 + ["other"] * 3 + ["ru"] * 3 + ["en"] * 3 + ["latex", "code", "en"]
    assert found[-1][1].startswith("The server a reads its configuration")
    assert sum(text.count("It was a river") for _, text in found) >= 2_999


def test_the_card_of_the_default_names_every_source_with_its_licence():
    card = (HOME / "stages" / "tokens" / "default.md").read_text("utf-8")
    table = [line for line in card.splitlines() if line.startswith("| ")]
    books_and_papers = ("Shakespeare", "Genesis", "novels and plays", "monero-project", "IntersectMBO/plutus", "ethereum/research")
    for source in (*HOSTS, *(package for package, _ in CODE), "Tatoeba", "Universal Declaration", *books_and_papers):
        licences = [line.split(" | ")[2] for line in table if source in line.split(" | ")[0]]
        assert len(licences) == 1, source
        assert any(name in licences[0] for name in ("CC BY", "MIT", "Apache", "BSD", "public domain")), source


def test_kinds_are_read_in_their_shares():
    sizes = {"en": 4_000_000, "code": 9_000_000, "latex": 700_000, "other": 500_000, "de": 1_600_000, "ru": 900_000, "sw": 1_000}
    often = times(sizes)
    whole = sizes["en"] / SHARES["en"]
    for kind in ("en", "code", "latex", "other"):
        assert often[kind] * sizes[kind] / whole == pytest.approx(SHARES[kind])
    assert often["de"] * sizes["de"] / (often["ru"] * sizes["ru"]) == pytest.approx((16 / 9) ** 0.5)
    assert often["sw"] == tokenizer.MOST_TIMES


@pytest.mark.parametrize(("often", "given"), [(1.0, "abcd"), (0.5, "bd"), (2.0, "aabbccdd"), (1.5, "abbcdd"), (0.0, "")])
def test_a_text_is_read_as_often_as_asked_on_average(often, given):
    assert "".join(repeated(list("abcd"), often)) == given


def test_the_same_texts_give_the_same_file(data, tmp_path, monkeypatch, capsys):
    for name in ("one.json", "two.json"):
        monkeypatch.setattr(sys, "argv", ["tokenizer", str(data), "--tokens", "300", "--out", str(tmp_path / name)])
        assert main() == 0
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    monkeypatch.setattr(sys, "argv", ["tokenizer", str(data), "--measure", "--out", str(tmp_path / "one.json")])
    assert main() == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0].split() == ["kind", "bytes", "one.json"]
    assert {line.split()[0] for line in table[1:]} <= {"en", "ru", "other", "latex", "code"}


def test_any_text_comes_back_and_no_token_is_special(tmp_path):
    made = train(iter(["the river and the mill"] * 50), 262)
    assert made.get_vocab_size() == 262
    assert made.get_added_tokens_decoder() == {}
    (tmp_path / "t.json").write_text(made.to_str())
    for text in ("the river", "\x00 \u0e01 \U0001f600 <s>", " \n\n  x"):
        assert made.decode(load(str(tmp_path / "t.json")).ids(text)) == text
