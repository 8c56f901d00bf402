"""Reading MediaWiki dumps: every container, any cut into parts, damage, hostile input, flat memory."""

from __future__ import annotations

import bz2
import collections
import gzip
import random
import time
import tracemalloc
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.sources.dumps import wiki_dump, wiki_pieces
from stages.sources.dumps.wiki_dump import pages
from stages.sources.dumps.wiki_pieces import Piece
from stages.sources.wikipedia import wikipedia
from tests.engine.engine_kit import recipe, run
from tests.engine.engine_kit import rows as rows_of

SHARED = Path(__file__).parents[2] / "shared" / "data" / "wiki"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not beside the repository")
HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="sl">
  <siteinfo><sitename>Wikipedija</sitename><dbname>slwiki</dbname><base>https://sl.wikipedia.org/wiki/Glavna_stran</base></siteinfo>
"""
TAIL = "</mediawiki>\n"


def page(number, text="Besedilo & <b>več</b>", title=None, namespace=0, redirect=None, more="", model="wikitext"):
    target = f"\n    <redirect title={quoteattr(redirect)} />" if redirect else ""
    return f"""  <page>
    <title>{escape(title or f"Stran {number}")}</title>
    <ns>{namespace}</ns>
    <id>{number}</id>{target}
    <revision>
      <id>{number}00</id>
      <timestamp>2024-05-01T00:00:{number % 60:02d}Z</timestamp>
      <contributor><username>X</username><id>7</id></contributor>{more}
      <model>{model}</model>
      <format>text/x-wiki</format>
      <text bytes="9" xml:space="preserve">{escape(text)}</text>
      <sha1>x</sha1>
    </revision>
  </page>
"""


def dump(*written):
    return (HEAD + "".join(written) + TAIL).encode()


def multistream(*streams):
    return b"".join(bz2.compress(s if isinstance(s, bytes) else s.encode()) for s in streams)


def write(folder, name, data):
    (folder / name).write_bytes(data)
    return folder / name


def read(path, part="", want=None, progress=None, **params):
    params = wikipedia.params(paths=str(path), **params)
    tables = list(wikipedia.read(str(path), Path(path).name, part, params, want, progress))
    for table in tables:
        table.validate(full=True)
        assert 0 < len(table) <= 1024
    return pa.concat_tables(tables).to_pylist() if tables else []


def in_parts(path, part_bytes):
    """Rows of all parts, as one list."""
    parts = wikipedia.parts(str(path), path.stat().st_size, wikipedia.params(paths=str(path), part_bytes=part_bytes))
    rows = []
    for part in parts:
        mine = read(path, part)
        assert [row.pop("_row") for row in mine] == list(range(len(mine)))
        rows += mine
    return rows, len(parts)


def reasons(rows):
    return [row["drop_reason"] for row in rows]


def titles(rows):
    return [row["title"] for row in rows]


def test_columns_of_a_page(tmp_path):
    text = "'''A''' &amp; <ref>é</ref>\n\n  [[B]]"
    path = write(
        tmp_path,
        "a.xml",
        dump(page(1, text, title="Ljubljana & <Ž> a/b?"), page(2, "#PREUSMERITEV [[A]]", redirect='A "b" c\'d', namespace=10)),
    )
    first, second = read(path)
    assert first["content"].decode() == text
    assert first["url"] == "https://sl.wikipedia.org/wiki/Ljubljana_%26_%3C%C5%BD%3E_a/b%3F"
    assert first["date"].isoformat() == "2024-05-01T00:00:01+00:00"
    told = ("title", "page_id", "namespace", "redirect", "content_model", "declared_lang", "record_file", "drop_reason")
    assert [first[c] for c in told] == ["Ljubljana & <Ž> a/b?", 1, 0, None, "wikitext", "sl", "a.xml", None]
    assert [second[c] for c in told[1:4]] == [2, 10, 'A "b" c\'d']
    data = path.read_bytes()
    assert data[first["record_offset"] :].startswith(b"<page>")
    assert data[second["record_offset"] :].startswith(b"<page>\n    <title>Stran 2")
    assert len({first["id"], second["id"]}) == 2


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.xml", lambda d: d),
        ("a.xml.gz", lambda d: gzip.compress(d[:500]) + gzip.compress(d[500:])),
        ("a.xml.zst", lambda d: pa.compress(d, codec="zstd", asbytes=True)),
        ("a.xml.bz2", bz2.compress),
        ("a.XML.BZ2", lambda d: multistream(d[:501], d[501:1200], b"", d[1200:]) + b"\0" * 700),
        ("a.xml", lambda d: b"\xef\xbb\xbf" + d),
        ("a.xml", lambda d: b"\xff\xfe" + d.decode().encode("utf-16-le")),
        ("a.xml.bz2", lambda d: bz2.compress(b"\xfe\xff" + d.decode().encode("utf-16-be"))),
        ("a.xml", lambda d: d.decode().encode("utf-16-le")),
        ("a.xml", lambda d: d.decode().encode("utf-16-be")),
    ],
)  # fmt: skip
def test_containers_and_encodings_give_the_same_pages(tmp_path, name, pack):
    data = dump(page(1), page(2, "čšž \U0001f600" * 50), page(3, "x" * 70_000))
    wanted = read(write(tmp_path, "plain.xml", data))
    path = write(tmp_path, name, pack(data))
    wikipedia.check(str(path), None)
    columns = ("id", "content", "title", "url", "date", "declared_lang", "drop_reason", "_row")
    assert [[row[c] for c in columns] for row in read(path)] == [[row[c] for c in columns] for row in wanted]
    rows, _ = in_parts(path, 300)
    assert [row["id"] for row in rows] == [row["id"] for row in wanted]


@pytest.mark.parametrize(
    ("head", "name", "url", "language"),
    [
        ("<mediawiki>", "zh_min_nanwiki-2024-pages.xml", "https://zh-min-nan.wikipedia.org/wiki/A_b", "zh-min-nan"),
        ('<mediawiki xml:lang="sv">', "svwiktionary-pages.xml", "https://sv.wiktionary.org/wiki/A_b", "sv"),
        ("<mediawiki><base>http://w.example/</base>", "x.xml", "http://w.example/wiki/A_b", None),
        ("<mediawiki><base>http://w.example/title/M?a=1&amp;b</base>", "x.xml", "http://w.example/title/A_b", None),
        ("<mediawiki>", "commonswiki-pages.xml", None, None),
    ],
)  # fmt: skip
def test_address_and_language_come_from_the_dump_or_its_name(tmp_path, head, name, url, language):
    (row,) = read(write(tmp_path, name, f"{head}{page(1, title='A b')}</mediawiki>".encode()))
    assert (row["url"], row["declared_lang"]) == (url, language)


def test_pages_without_address_or_date_have_ids_by_their_place(tmp_path):
    twice = "<mediawiki>" + page(1) + page(1) + "</mediawiki>"
    ids = [row["id"] for row in read(write(tmp_path, "x.xml.bz2", bz2.compress(twice.encode())))]
    assert len(set(ids)) == 2


def test_the_last_revision_is_read(tmp_path):
    old, new = page(1, "old"), page(1, "new")
    both = old.replace("  </page>\n", new[new.index("    <revision>") :])
    assert [row["content"] for row in read(write(tmp_path, "x.xml", dump(both)))] == [b"new"]


def test_empty_deleted_and_cdata_texts(tmp_path):
    start, end = page(1).split('<text bytes="9" xml:space="preserve">')[0], page(1).split("</text>")[1]
    texts = [
        '<text deleted="deleted" />',
        "<text></text>",
        "<text>a &amp;<![CDATA[<b>&amp;]]>&lt;</text>",
        "<text>a <b>c</b></text>",
        "<text>a",
    ]
    rows = read(write(tmp_path, "x.xml", dump(*(start + text + end for text in texts))))
    assert [row["content"] for row in rows] == [b"", b"", b"a &<b>&amp;<", None, None]
    assert reasons(rows) == [None, None, None, "broken_record", "broken_record"]


# Parts


@given(st.lists(st.integers(0, 40), min_size=0, max_size=12), st.randoms(use_true_random=False), st.integers(1, 3000))
@settings(max_examples=25, deadline=None)
def test_no_cut_loses_or_doubles_a_page(tmp_path_factory, streams, chance, part_bytes):
    """Streams end anywhere in the dump, in tags too; parts anywhere in the file."""
    data = dump(*(page(n, "p" * chance.randrange(60)) for n in range(sum(streams) % 23)))
    cuts = sorted(chance.randrange(len(data) + 1) for _ in streams)
    packed = multistream(*(data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)))
    path = write(tmp_path_factory.mktemp("d"), "a.xml.bz2", packed)
    wanted = read(path)
    rows, _ = in_parts(path, part_bytes)
    assert rows == [{k: v for k, v in row.items() if k != "_row"} for row in wanted]
    assert titles(rows) == [f"Stran {n}" for n in range(sum(streams) % 23)]
    begins = {0, *(m.start() for m in wiki_pieces.STREAM.finditer(packed))}
    assert {row["record_offset"] for row in rows} <= begins


def test_cuts_within_the_tags_between_streams_of_a_few_bytes(tmp_path):
    data = dump(page(1), page(2), page(3))
    at = data.index(b"<page>", data.index(b"Stran 1"))
    for size in (1, 2, 3, 5):
        cuts = list(range(at - 6, at + 12, size))
        packed = [bz2.compress(data[a:b]) for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        path = write(tmp_path, f"{size}.xml.bz2", b"".join(packed))
        for part_bytes in {len(packed[0]) + len(b"".join(packed[1:k])) + d for k in range(1, len(packed)) for d in (-1, 0, 1)}:
            rows, parts = in_parts(path, part_bytes)
            assert titles(rows) == ["Stran 1", "Stran 2", "Stran 3"]
            assert parts > 1


@pytest.mark.parametrize("part_bytes", [1, 7, 64, 500, 4096])
def test_plain_files_are_cut_anywhere(tmp_path, part_bytes):
    data = dump(*(page(n, "x" * n) for n in range(3)))
    path = write(tmp_path, "a.xml", data)
    rows, parts = in_parts(path, part_bytes)
    assert rows == [{k: v for k, v in row.items() if k != "_row"} for row in read(path)]
    assert parts == (-(-len(data) // part_bytes) if part_bytes < len(data) else 1)


def test_a_part_decompresses_its_own_streams_alone(tmp_path, monkeypatch):
    streams = [HEAD, *(page(n, "text " * 400) for n in range(40)), TAIL]
    path = write(tmp_path, "a.xml.bz2", multistream(*streams))
    begun = []
    real = bz2.BZ2Decompressor
    monkeypatch.setattr(wiki_pieces.bz2, "BZ2Decompressor", lambda: begun.append(1) or real())
    rows, parts = in_parts(path, path.stat().st_size // 7)
    assert len(rows) == 40
    assert parts > 5
    assert len(begun) == len(streams) + parts  # each part looks at the dump's head


def test_wanted_rows_alone_are_given(tmp_path):
    path = write(tmp_path, "a.xml.bz2", multistream(HEAD, *(page(n) for n in range(9)), TAIL))
    seen = []
    rows = read(path, want=pa.array([2, 3, 7]).to_numpy(), progress=seen.append)
    assert rows == [row for row in read(path) if row["_row"] in (2, 3, 7)]
    assert seen == [2, 3, 7]
    assert read(path, want=pa.array([], pa.int64()).to_numpy()) == []


# Damage


def hurt(data, at):
    return data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]


def test_a_damaged_stream_costs_its_pages(tmp_path):
    streams = [multistream(s) for s in (HEAD, page(1), page(2) + page(3), page(4), TAIL)]
    streams[2] = hurt(streams[2], len(streams[2]) // 2)
    path = write(tmp_path, "a.xml.bz2", b"".join(streams))
    for part_bytes in (1 << 20, 100, len(streams[0]) + len(streams[1])):
        rows, _ = in_parts(path, part_bytes)
        assert titles(rows) == ["Stran 1", None, "Stran 4"]
        assert reasons(rows) == [None, "broken_record", None]
        assert rows[1]["record_offset"] == len(streams[0]) + len(streams[1])


def test_a_page_across_a_damaged_stream_is_lost_and_nothing_else(tmp_path):
    whole = page(2, "y" * 300)
    streams = [multistream(s) for s in (HEAD + page(1) + whole[:200], whole[200:] + page(3), page(4) + TAIL)]
    streams[1] = hurt(streams[1], 40)
    rows = read(write(tmp_path, "a.xml.bz2", b"".join(streams)))
    assert titles(rows) == ["Stran 1", None, "Stran 4"]


def test_what_a_damaged_block_holds_is_not_passed_on(tmp_path, monkeypatch):
    """The end of a block tells of the damage, after all of its bytes were decoded."""
    monkeypatch.setattr(wiki_pieces, "PIECE_BYTES", 10_000)
    data = " ".join(random.Random(1).choices(["river", "mill", "stone", "village", "water"], k=300_000)).encode()
    packed = bz2.compress(data, 5)
    for at in range(len(packed) // 2, len(packed) // 2 + 5):
        read = list(wiki_pieces.pieces(str(write(tmp_path, "a.xml.bz2", hurt(packed, at))), 0, 1 << 40))
        passed_on = b"".join(piece.data for piece in read if piece.data)
        assert read[-1].data is None
        assert len(passed_on) > 400_000
        assert data.startswith(passed_on)


@pytest.mark.parametrize("name", ["a.xml", "a.xml.gz", "a.xml.bz2"])
def test_cut_files(tmp_path, name):
    data = dump(*(page(n, "z" * 50) for n in range(5)))
    pack = {"a.xml": bytes, "a.xml.gz": gzip.compress, "a.xml.bz2": lambda d: multistream(d[:700], d[700:])}[name]
    packed = pack(data)
    for size in range(len(packed) // 3, len(packed) - 20, 37):
        rows = read(write(tmp_path, name, packed[:size]))
        intact = [row for row in rows if row["drop_reason"] is None]
        assert [row["title"] for row in intact] == [f"Stran {n}" for n in range(len(intact))]
        assert (
            reasons(rows)[len(intact) :] in ([], ["broken_record"])
            if name == "a.xml"
            else reasons(rows)[len(intact) :] == ["broken_record"]
        )


@pytest.mark.parametrize("name", ["a.xml.gz", "a.xml.zst"])
def test_pages_before_a_cut_are_read(tmp_path, name):
    """But for those in the last 16 kB of a .gz, or block of a .zst."""
    chance = random.Random(1)
    data = dump(*(page(n, chance.randbytes(400).hex()) for n in range(300)))
    packed = gzip.compress(data) if name.endswith("gz") else pa.compress(data, codec="zstd", asbytes=True)
    rows = read(write(tmp_path, name, packed[:-20]))
    assert titles(rows[:180]) == [f"Stran {n}" for n in range(180)]
    assert reasons(rows)[-1] == "broken_record"


def test_foreign_bytes_between_streams(tmp_path):
    first, second = multistream(HEAD, page(1)), multistream(page(2), TAIL)
    rows = read(write(tmp_path, "a.xml.bz2", first + b"<html>busy</html>" + second))
    assert titles(rows) == ["Stran 1", None, "Stran 2"]
    assert read(write(tmp_path, "a.xml.bz2", first + b"\0" * 99 + second)) == read(
        write(tmp_path, "a.xml.bz2", first + b"\0" * 99 + second)
    )
    assert titles(read(tmp_path / "a.xml.bz2")) == ["Stran 1", "Stran 2"]
    assert reasons(read(write(tmp_path, "b.xml.bz2", b"no bz2 at all"))) == ["broken_record"]
    assert read(write(tmp_path, "c.xml.bz2", b"")) == read(write(tmp_path, "c.xml", b"")) == []


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ([page(1).replace("  </page>\n", ""), page(2)], ["broken_record", None]),
        ([page(1).replace("<title>", "<titel>"), page(2)], ["broken_record", None]),
        ([page(1).replace("<revision>", "<version>"), page(2)], ["broken_record", None]),
        ([page(1, redirect="x").replace('title="x"', "title=x"), page(2)], ["broken_record", None]),
        ([page(1, "x" * 3000), page(2)], ["too_large", None]),
        ([page(1, "x" * 3000).replace("  </page>\n", ""), page(2)], ["broken_record", None]),
        ([page(1).replace("<ns>0</ns>", "<ns>99999999999</ns>").replace("<id>1</id>", "<id>x</id>", 1)], [None]),
    ],
)  # fmt: skip
def test_broken_pages_cost_themselves(tmp_path, written, wanted):
    path = write(tmp_path, "a.xml", dump(*written))
    assert reasons(read(path, max_page_bytes=2500)) == wanted
    for size in (1, 5, 6, 7, 100):
        data = path.read_bytes()
        cut = (Piece(data[at : at + size], at, None, True) for at in range(0, len(data), size))
        assert [f.reason if f.reason == "too_large" else None for f in pages(cut, 2500)] == [
            r if r == "too_large" else None for r in wanted
        ]


def test_wrong_encodings_keep_the_page(tmp_path):
    path = write(tmp_path, "a.xml", dump(page(1, "café"), page(2)).replace("café".encode(), b"caf\xe9"))
    assert [row["content"].decode()[:4] for row in read(path)] == ["caf\ufffd", "Bese"]


# Hostile input


LAUGHS = '<!DOCTYPE mediawiki [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {name} "{f"&{before};" * 100}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def test_billion_laughs_are_not_expanded(tmp_path):
    rows = read(write(tmp_path, "a.xml", f"{LAUGHS}]>\n{HEAD}{page(1).replace('Besedilo', '&i;')}{page(2)}{TAIL}".encode()))
    assert reasons(rows) == ["broken_record", None, None]
    assert rows[1]["content"].startswith(b"&i; & <b>")
    assert len({row["id"] for row in rows}) == 3


@pytest.mark.parametrize(
    "data",
    [
        b"<page>", b"<page", b"<page> ", b"<", b"</page>", b"<page></page>", b"<page><title>", b"<page><title>a</title><revision><text>",
        b"<page><title>a</title><revision><text><![CDATA[</text></page>", b"<mediawiki ", b"&", b"\x00", b"<page>a<pag",
    ],
)  # fmt: skip
def test_hostile_bytes_are_read_in_linear_time(tmp_path, data):
    path = write(tmp_path, "a.xml", b"<mediawiki>" + data * (200_000 // len(data)))
    start = time.process_time()
    assert set(reasons(read(path))) <= {"broken_record", "too_large"}
    assert time.process_time() - start < 8


@pytest.mark.parametrize("piece", ["<![CDATA[", "<![CDATA[]]", "<![CDATA[&]]>"])
def test_cdata_within_a_text_is_read_in_linear_time(tmp_path, piece):
    text = piece * (300_000 // len(piece))
    written = dump(page(1, "@"), page(2)).replace(b"@", text.encode())
    start = time.process_time()
    rows = read(write(tmp_path, "a.xml", written))
    assert reasons(rows) == [None if piece.endswith(">") else "broken_record", None]
    assert time.process_time() - start < 4  # a minute, if each is looked for an end


@pytest.mark.parametrize("magic", [b"BZh91AY&SY", b"BZh9\x17rE8P\x90", b"BZh91AY&SY" + b"\xff" * 50])
def test_heads_of_streams_that_are_none(tmp_path, magic):
    path = write(tmp_path, "a.xml.bz2", multistream(HEAD, page(1)) + magic * (200_000 // len(magic)) + multistream(page(2), TAIL))
    start = time.process_time()
    rows = read(path)
    assert [title for title in titles(rows) if title] == ["Stran 1", "Stran 2"]
    assert time.process_time() - start < 10


def test_a_bomb_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(wiki_dump, "BARREN_BYTES", 4 << 20)
    path = write(tmp_path, "a.xml.bz2", multistream(HEAD, page(1), b" " * (16 << 20)))
    assert reasons(read(path)) == [None, "broken_record"]
    path = write(tmp_path, "b.xml.bz2", multistream(HEAD, page(1), b"<page>" + b" " * (16 << 20)))
    assert reasons(read(path)) == [None, "broken_record"]


def test_memory_does_not_grow_with_the_dump(monkeypatch):
    """Pages of 1 kB and of 3 MB, more than a reader may hold at once, from a stream that is made as it is read."""
    small, large = page(1, "abc " * 200).encode(), page(2, "abc " * 800_000).encode()

    def peak(rounds):
        made = (Piece(data, 0, None, True) for _ in range(rounds) for data in (small * 200, large[: 1 << 20], large[1 << 20 :]))
        tracemalloc.start()
        found = collections.Counter(f.reason for f in pages(made, 2 << 20))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found == {None: 200 * rounds, "too_large": rounds}
        return peak

    assert peak(12) < 1.1 * peak(3) + (1 << 16)


def test_a_page_that_is_too_large_is_not_held():
    made = (Piece(data, 0, None, True) for data in [page(1).encode()[:200], *[b"x" * (1 << 20)] * 40, b"</text></page>"])
    tracemalloc.start()
    assert [found.reason for found in pages(made, 2 << 20)] == ["too_large"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 << 20


# What is refused before a run


def test_what_is_no_dump_is_refused(tmp_path):
    index = write(tmp_path, "enwiki-pages-articles-multistream-index.txt.bz2", bz2.compress(b"602:10:AccessibleComputing\n"))
    with pytest.raises(ValueError, match="leave it out of paths"):
        wikipedia.check(str(index), None)
    with pytest.raises(ValueError, match="no MediaWiki dump"):
        wikipedia.check(str(write(tmp_path, "a.xml", b"<rss></rss>")), None)
    wikipedia.check(str(write(tmp_path, "b.xml.bz2", b"BZh9 damaged")), None)
    wikipedia.check("s3://bucket/x.xml", None)
    with pytest.raises(ValueError, match="part_bytes"):
        wikipedia.params(paths="x", part_bytes=0)


@needs_shared
@pytest.mark.parametrize("path", sorted(SHARED.glob("**/*.xml*")), ids=lambda path: path.name)
def test_shared_dumps(path):
    wikipedia.check(str(path), None)
    rows = read(path)
    known = {"enwiki-pages": 206, "enwiki-table": 5, "bgwiki-pages": 3}
    assert len(rows) == next((n for start, n in known.items() if path.name.startswith(start)), 7)
    assert set(reasons(rows)) == {None}
    assert {row["declared_lang"] for row in rows} == {path.name[:2]}
    assert all(row["url"].startswith(f"https://{path.name[:2]}.wikipedia.org/wiki/") for row in rows)
    parts, _ = in_parts(path, path.stat().st_size // 3)
    assert [row["id"] for row in parts] == [row["id"] for row in rows]


@needs_shared
def test_shared_utf16_dump_is_the_utf8_one():
    wide, narrow = (read(SHARED / f"bgwiki-pages-articles-shortened.{name}.xml.bz2") for name in ("utf16", "utf8"))
    assert [(row["title"], row["content"]) for row in wide] == [(row["title"], row["content"]) for row in narrow]


# In a run


def test_a_dump_in_parts_through_a_pipeline(tmp_path):
    """The wikitext is read again behind the steps that decide on headers alone, and never written."""
    streams = [HEAD, *("".join(page(n, f"'''Article''' {n} of [[some]]") for n in range(k, k + 5)) for k in range(0, 40, 5)), TAIL]
    streams[4] += page(99, "#PREUSMERITEV [[A]]", redirect="A") + page(100, "text", namespace=10)
    write(tmp_path, "slwiki-pages.xml.bz2", multistream(*streams))
    file = recipe(
        tmp_path,
        "inputs: {pages: {use: wikipedia, paths: slwiki-*.bz2, part_bytes: 900}}\n"
        "steps:\n  urls: {use: dedup_urls}\n  text: {use: clean_wikitext}\noutputs: {kept: {use: shards}}\n",
    )
    run(file, tmp_path / "out")
    kept = rows_of(tmp_path / "out", "outputs")
    assert sorted(row["text"] for row in kept) == sorted(f"Article {n} of some" for n in range(40))
    assert all("content" not in row for row in kept)
    dropped = rows_of(tmp_path / "out", "dropped")
    assert collections.Counter(row["drop_reason"] for row in dropped) == {"redirect": 1, "not_article": 1}
