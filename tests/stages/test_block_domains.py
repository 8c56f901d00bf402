import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from stage_checks import run

from curation.alone import run_alone
from curation.domains import host_of, public_suffixes
from curation.errors import RecipeError
from curation.plan import Plan
from curation.recipe import load
from curation.text import Utf8
from stages.safety.block_domains import block_domains
from stages.safety.lists.match import ANY_DAY, match
from stages.safety.lists.read import ALWAYS, WEIGHT_UNIT, check, parse_hosts, read_hosts, read_pages, read_words
from stages.safety.lists.table import compile_lists, sorted_table, table_of


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


def names(entries):
    return entries.names.to_arrow().to_pylist()


def test_reading_a_list(lists):
    assert names(read_hosts(Path(lists["adult"]))) == [
        "bad.example", "worse.example", "xn--mnchen-3ya.example", "name.github.io", "192.0.2.7",
    ]  # fmt: skip


@pytest.mark.parametrize("entry", ["com", "co.uk", "github.io", "localhost", "0.0.0.0", "a b", "/x", "", "*", "*.com", "jo@host.example"])
def test_entries_that_never_match(tmp_path, entry):
    (tmp_path / "x.txt").write_text(f"{entry}\nhttp://y.example/\n")
    assert names(read_hosts(tmp_path / "x.txt")) == []


@pytest.mark.parametrize(
    ("entry", "url", "blocked"),
    [
        pytest.param("[2001:db8::7]", "http://[2001:DB8:0::7]:80/x", True, id="as in URLs"),
        pytest.param("2001:db8:0::7", "http://[2001:db8::7]/", True, id="without brackets"),
        pytest.param("2001:db8::7", "http://[2001:db8::8]/", False, id="another"),
        pytest.param("2001:db8::7", "http://2001/", False, id="no address"),
    ],
)
def test_ipv6_addresses(write, entry, url, blocked):
    columns = run(block_domains, table(url), lists=[write("x.txt", f"{entry}\nhost.example\n")])
    assert columns["drop_reason"] == ["blocked_domain" if blocked else None]


@pytest.mark.parametrize("weight", [0.0001, 1e300, float("inf"), float("nan")])
def test_weights_no_words_can_have_are_refused(weight):
    with pytest.raises(ValidationError):
        block_domains.params(lists=[], min_soft_weight=weight)


def test_a_list_without_entries_is_refused(tmp_path):
    (tmp_path / "x.txt").write_text("co.uk\n")
    with pytest.raises(ValueError, match=r"no usable entry \(1 refused as public suffixes"):
        block_domains(table("http://a.com/"), lists=[str(tmp_path / "x.txt")])


def test_lists_are_required():
    with pytest.raises(ValidationError):
        block_domains.params()


@pytest.fixture
def write(tmp_path):
    """Write a list file; returns its path."""

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


@pytest.mark.parametrize(
    ("url", "blocked"),
    [
        pytest.param("http://good.bad.example/", None, id="allowed"),
        pytest.param("http://x.good.bad.example/", None, id="beneath what is allowed"),
        pytest.param("http://worse.good.bad.example/", "adult", id="a longer entry beneath what is allowed"),
        pytest.param("http://bad.example/", "adult", id="above what is allowed"),
        pytest.param("http://both.example/", None, id="allowed and listed"),
        pytest.param("http://good.bad.example/casino", None, id="words do not count"),
        pytest.param("http://other.example/casino", "play", id="elsewhere they do"),
    ],
)
def test_allow(write, url, blocked):
    values = {
        "lists": {"adult": write("adult.txt", "bad.example\nworse.good.bad.example\nboth.example\n")},
        "allow": [write("allow.txt", "good.bad.example\nboth.example\n")],
        "words": {"play": write("play.txt", "casino\n")},
    }
    assert run(block_domains, table(url), **values)["block_category"] == [blocked]


@pytest.mark.parametrize(
    ("url", "blocked"),
    [
        pytest.param("http://site.example/people/jo", True, id="the page"),
        pytest.param("https://www.site.example/people/jo/", True, id="with www and a final slash"),
        pytest.param("http://SITE.example:80/people/jo/photos?x=1", True, id="beneath the page"),
        pytest.param("http://site.example/people/jo?x=1", True, id="with a query"),
        pytest.param("http://site.example/people/joe", False, id="another page that begins so"),
        pytest.param("http://site.example/people", False, id="above"),
        pytest.param("http://sub.site.example/people/jo", False, id="another host"),
        pytest.param("http://site.example/show?id=7", True, id="a page with a query"),
        pytest.param("http://site.example/show?id=7&x=1", True, id="and more of it"),
        pytest.param("http://site.example/show?id=77", False, id="another query"),
        pytest.param("http://xn--mnchen-3ya.example/a", True, id="IDN"),
        pytest.param("http://münchen.example/a", True, id="IDN in Unicode"),
        pytest.param("http://whole.example/x", True, id="a host alone"),
        pytest.param("http://site.example/%7ejo/", True, id="a tilde escaped"),
        pytest.param("http://site.example/~jo/x", True, id="a tilde as it stands"),
        pytest.param("http://site.example/caf%c3%a9?q=%2f", True, id="escaped in lower case"),
        pytest.param("http://site.example/café?q=%2F", True, id="beyond ASCII as it stands"),
        pytest.param("http://site.example/café?q=/", False, id="a slash is not an escaped slash"),
        pytest.param("http://site.example/~jo%2Fx", False, id="nor the other way round"),
        pytest.param("http://site.example/100%/x", True, id="a percent sign that escapes nothing"),
        pytest.param("http://site.example/" + "é" * 3_000, False, id="long when escaped"),
    ],
)
def test_pages(write, url, blocked):
    text = "site.example/people/jo/\nhttp://site.example/show?id=7\nmünchen.example/a\nwhole.example/\nno slash\nx/y\n"
    text += "site.example/%7Ejo\nsite.example/caf%C3%A9?q=%2F\nsite.example/100%\n"
    columns = run(block_domains, table(url), lists=[], pages=[write("ut1/adult/urls", text)])
    assert columns["block_category"] == columns["block_list"] == ["adult" if blocked else None]


@pytest.mark.parametrize(
    ("date", "blocked"),
    [
        pytest.param("2024-04-30T23:59:59", False, id="the day before"),
        pytest.param("2024-05-01T00:00:00", True, id="the day"),
        pytest.param("2025-01-01T00:00:00", True, id="later"),
        pytest.param("1969-12-31T23:00:00", False, id="before 1970"),
        pytest.param(None, True, id="no date"),
    ],
)
def test_opt_out(write, date, blocked):
    file = write("left.txt", "2024-05-01 www.left.example\ngone.example # all of it\nleft.example 2024-05-01\nbad.example 2024-13-01\n")
    dates = pa.array([date] * 2, pa.string()).cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
    rows = table("http://left.example/", "http://gone.example/").append_column("date", dates)
    columns = run(block_domains, rows, lists=[], opt_out={"opted out": file})
    assert columns["block_category"] == ["opted out" if blocked else None, "opted out"]
    assert block_domains.reads(block_domains.params(lists=[])) == ("url",)
    facts = read_hosts(Path(file), dated=True)
    assert facts.broken == 1
    assert facts.examples == ("line 4: '2024-13-01'",)


def test_days_of_dates(write):
    days = ["1970-01-01", "1970-01-02", "2000-02-29", "1999-12-31", "2024-12-31", "0001-01-01", "2100-03-01"]
    entries = read_hosts(Path(write("x.txt", "".join(f"h{k}.example {day}\n" for k, day in enumerate(days)))), dated=True)
    assert entries.values.tolist() == [int(np.datetime64(day).astype("datetime64[D]").astype(int)) for day in days]
    for wrong in ("2023-02-29", "2100-02-29", "2024-04-31", "2024-00-01", "2024-1-011", "2024-01-0x"):
        assert read_hosts(Path(write("y.txt", f"h.example {wrong}\n")), dated=True).values.tolist() == [ALWAYS]


def test_the_earlier_list_with_a_day_that_has_come_decides(write):
    files = (write("a.txt", "x.example 2024-05-02\n"), write("b.txt", "x.example 2024-05-01\n"), write("c.txt", "x.example 2024-05-03\n"))
    made = compile_lists(tuple(("dated", file) for file in files))
    assert len(made) == 2  # c.txt's never decides
    days = [np.datetime64(d).astype("datetime64[D]").astype(int) for d in ("2024-04-30", "2024-05-01", "2024-05-02", "2024-05-03")]
    urls = pa.array(["http://x.example/"] * 4)
    found = match(urls, np.array(days, np.int32), made, False, compile_lists(()), 0, 1)
    assert found.lists.tolist() == [-1, 1, 0, 0]


@pytest.mark.parametrize(
    ("url", "category"),
    [
        pytest.param("http://a.example/Casino/x", "play", id="path, any case"),
        pytest.param("http://casino.example/", "play", id="host"),
        pytest.param("http://a.example/?q=casino", "play", id="query"),
        pytest.param("http://a.example/%63asino", "play", id="percent-encoded"),
        pytest.param("http://a.example/%E4%B8%AD", "play", id="beyond ASCII"),
        pytest.param("http://a.example/中", "play", id="beyond ASCII, as it stands"),
        pytest.param("http://a.example/%D0%9A%D0%90%D0%97%D0%98%D0%9D%D0%9E", "play", id="beyond ASCII in capitals, escaped"),
        pytest.param("http://a.example/КАЗино/x", "play", id="beyond ASCII in capitals"),
        pytest.param("http://a.example/Ⱥⱥ", "play", id="a capital of fewer bytes"),
        pytest.param("http://a.example/" + "Ⱥ" * 2_000, None, id="many of them"),
        pytest.param("http://a.example/中/bet", "play", id="ASCII after it"),
        pytest.param("http://a.example/casinos", None, id="part of a word"),
        pytest.param("http://a.example/#casino", "play", id="fragment"),
        pytest.param("http://casino:casino@a.example/", None, id="userinfo"),
        pytest.param("http://a.example/bet", None, id="one soft word"),
        pytest.param("http://a.example/bet/bet-bet", None, id="the same soft word again"),
        pytest.param("http://a.example/bet/odds", "soft", id="two soft words"),
        pytest.param("http://a.example/bet/half", None, id="just too light"),
        pytest.param("http://a.example/bet/half/quarter/tiny", None, id="still too light"),
        pytest.param("http://a.example/bet/half/quarter/tiny/quarters", "soft", id="heavy enough"),
        pytest.param("http://bet.odds/", "soft", id="in a host"),
        pytest.param("casino", None, id="no host"),
    ],
)
def test_words(write, url, category):
    soft = "bet\nodds 1\nhalf 0.5\nquarter 0.25\nquarters .2\ntiny 0.05\n"
    values = {"words": {"play": write("play.txt", "CASINO\n中\nКазино\nȺȺ\n")}, "soft_words": {"soft": write("soft.txt", soft)}}
    assert run(block_domains, table(url), lists={}, **values)["block_category"] == [category]


def test_a_url_of_any_length(write):
    values = {"lists": {"a": write("a.txt", "bad.example\n")}, "words": {"w": write("w.txt", "casino\n")}}
    long = "x/" * 50_000
    urls = [f"http://{'a.' * 200}bad.example/", f"http://bad.example/{long}", f"http://{'a' * 5_000}.bad.example/"]
    urls += [f"http://ok.example/{long}casino"]
    urls += [f"http://{'u' * 5_000}@bad.example/", "http://ok.example/" + "%63" * 2_000]
    columns = run(block_domains, table(*urls), **values)
    assert columns["block_category"] == [None, "a", None, None, None, None]  # no host has more than 253 bytes


def test_lists_by_folder(write):
    columns = run(block_domains, table("http://a.example/"), lists=[write("blacklists/gambling/domains", "a.example\n")])
    assert columns["block_category"] == columns["block_list"] == ["gambling"]


def test_broken_lines_are_counted_and_shown(write):
    path = Path(write("x.txt", "good.example\nhost!.example\nco.uk\n127.0.0.1 localhost\n::1 ip6-localhost\ny..example com\nx.y/z\n"))
    entries = read_hosts(path)
    assert names(entries) == ["good.example", "host!.example"]
    assert (entries.broken, entries.refused) == (3, 1)
    assert entries.examples == ("line 6: 'y..example'", "line 6: 'com'", "line 7: 'x.y/z'")
    note = check("hosts", path)
    assert note == f"{path}: 2 usable entries, 3 broken ({'; '.join(entries.examples)}), 1 refused as public suffixes"
    assert check("hosts", path) == note  # from the cache
    assert check("hosts", Path(write("y.txt", "good.example\n"))) is None


def test_words_and_pages_with_broken_lines(write):
    words = read_words(Path(write("w.txt", "good\ntwo words\nx 0\nx -1\nx nan\nx inf\nx 1 1\na-b\n# no\n\nok 3 # yes\n")))
    assert names(words) == ["good", "ok"]
    assert words.values.tolist() == [WEIGHT_UNIT, 3 * WEIGHT_UNIT]
    assert words.broken == 7
    pages = read_pages(Path(write("p.txt", "a.example/x\nco.uk/\nnothing\n#\n/x\nhttp://b.example/y#z # why\n")))
    assert names(pages) == ["a.example/x", "b.example/y#z"]
    assert (pages.broken, pages.refused) == (2, 1)


RECIPE = """
inputs: {{docs: {{use: jsonl, paths: docs.jsonl}}}}
steps: {{blocked: {{use: block_domains, lists: {{adult: {file}}}}}}}
outputs: {{out: {{use: shards}}}}
"""


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "no file"),
        (b"\x1f\x8b\x08broken", "is damaged"),
        (b"", "no usable entry .it is empty"),
        (b"co.uk\nuk.com\n", "no usable entry .2 refused as public suffixes, which would block strangers.$"),
        (b"co.uk\nx/y\n", "no usable entry .1 refused as public .* strangers; 1 broken: line 2: 'x/y'"),
    ],
    ids=["missing", "damaged", "empty", "public suffixes", "nothing usable"],
)
def test_one_error_before_the_run(write, tmp_path, content, problem):
    write("docs.jsonl", '{"text": "x", "url": "http://a.example/"}\n')
    if content is not None:
        write("list.txt", content)
    with pytest.raises(RecipeError, match=problem):
        Plan(load(Path(write("recipe.yaml", RECIPE.format(file="list.txt"))), {}))


def test_notes_before_the_run(write):
    write("docs.jsonl", '{"text": "x", "url": "http://a.example/"}\n')
    write("list.txt", "a.example\nco.uk\n")
    plan = Plan(load(Path(write("recipe.yaml", RECIPE.format(file="list.txt"))), {}))
    (note,) = plan.steps["blocked"].notes
    assert note.startswith("lists: ")
    assert "1 usable entries, 1 refused as public suffixes" in note


def test_a_table_is_compiled_once_and_mapped(write, tmp_path, monkeypatch):
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path / "cache"))
    lists = (("hosts", write("a.txt", "".join(f"h{k}.example\n" for k in range(5_000)))),)
    first = table_of(lists)
    monkeypatch.setattr("stages.safety.lists.table.compile_lists", None)  # must not be called again
    again = table_of(lists)
    assert all(np.array_equal(a, b) for a, b in zip(first.arrays(), again.arrays(), strict=True))
    base = again.marks
    while base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)
    with pytest.raises(TypeError):
        table_of((("hosts", write("a.txt", "other.example\n")),))


def test_a_cache_that_cannot_be_written(write, tmp_path, monkeypatch):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "lists").write_text("x")
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path / "cache"))
    assert len(table_of((("hosts", write("a.txt", "a.example\n")),))) == 1


def test_a_collision_of_hashes_blocks_nobody_else(monkeypatch):
    """All names get one hash: the name itself decides."""
    monkeypatch.setattr(Utf8, "hash", lambda self: np.full(len(self), Utf8.of_strings(["b.example"])._hashed(), np.uint64), raising=True)
    monkeypatch.setattr(Utf8, "_hashed", lambda self: TRUE_HASH, raising=False)
    made = sorted_table(Utf8.of_strings(["a.example", "c.example"]), np.full(2, ALWAYS, np.int32), np.zeros(2, np.uint16))
    monkeypatch.undo()
    found = match(pa.array(["http://b.example/"]), np.full(1, ANY_DAY, np.int32), made, False, compile_lists(()), 0, 1)
    assert found.lists.tolist() == [-1]


TRUE_HASH = Utf8.of_strings(["b.example"]).hash()[0]


LABEL = st.sampled_from(["a", "b", "xn--mnchen-3ya", "münchen", "B", "com", "co", "uk", "1", "0x1", "ß", "-", "_", "", "%61", "a b", "u@a"])
HOST = st.lists(LABEL, min_size=1, max_size=4).map(".".join)


URL = st.tuples(st.sampled_from(["http://", "//", "", "HTTPS://u@"]), HOST, st.sampled_from(["", ":8", "/a"]))


@given(st.lists(HOST, max_size=8), st.lists(URL))
@settings(max_examples=300, deadline=None)
def test_as_the_rule_says(entries, parts):
    """The kernel against the rule in plain Python."""
    listed = [host_of(word.removeprefix("*").lstrip(".")) for entry in entries for word in entry.split()]
    listed = {host for host in listed if host is not None and "." in host and not public_suffixes(Utf8.of_strings([host]))[0]}
    made = sorted_table(Utf8.of_strings(sorted(listed)), np.full(len(listed), ALWAYS, np.int32), np.zeros(len(listed), np.uint16))
    urls = ["".join(part) for part in parts]
    found = match(pa.array(urls, pa.string()), np.full(len(urls), ANY_DAY, np.int32), made, False, compile_lists(()), 0, 1)
    for url, (scheme, host, port), verdict in zip(urls, parts, found.lists.tolist(), strict=True):
        name = host_of(host + port.partition("/")[0]) if scheme else None
        parents = [] if name is None else [name]
        while name and "." in name and not name.rpartition(".")[2].isdigit() and not name.rpartition(".")[2].startswith("0x"):
            name = name.partition(".")[2]
            parents.append(name)
        assert (verdict == 0) == any(parent in listed for parent in parents), url


@given(st.lists(HOST, max_size=12))
@settings(max_examples=200, deadline=None)
def test_lists_are_read_as_the_rule_says(words):
    content = "\n".join(words).encode()
    expected = [None if "@" in word else host_of(word.removeprefix("*").lstrip(".")) for line in words for word in line.split()]
    usable = [host for host in expected if host is not None and "." in host]
    refused = public_suffixes(Utf8.of_strings(usable)).tolist() if usable else []
    entries = parse_hosts(content, False)
    assert names(entries) == [host for host, bad in zip(usable, refused, strict=True) if not bad]
    assert entries.refused == sum(refused)


SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.mark.skipif(not SHARED.exists(), reason="the lists are in ../shared, which is not here")
def test_real_lists():
    hosts = SHARED / "lists" / "hosts"
    sizes = {name: len(read_hosts(hosts / f"{name}-hosts.gz").names) for name in ("gambling", "pornography", "snuff", "social")}
    assert sizes["pornography"] > 60_000
    assert sizes["gambling"] > 2_600
    pages = [line.split("\t") for line in (SHARED / "warc" / "built" / "pages.tsv").read_text().splitlines()[1:]]
    planted = [page[2] for page in pages if "blocked_domain" in page[9]]
    columns = run(block_domains, table(*[page[2] for page in pages]), lists=[str(SHARED / "lists" / "test_blocklist.txt")])
    blocked = [page[2] for page, reason in zip(pages, columns["drop_reason"], strict=True) if reason]
    assert sorted(blocked) == sorted(planted)
    assert len(blocked) == 12


def test_through_the_engine(write, tmp_path):
    rows = '{"text": "x", "url": "http://a.bad.example/"}\n{"text": "y", "url": "http://fine.example/"}\n'
    report = run_alone(
        "block_domains", [write("in.jsonl", rows)], str(tmp_path / "out.jsonl"),
        {"lists": {"adult": write("adult.txt", "bad.example\n")}}, False, lambda stage: None,
    )  # fmt: skip
    assert report["dropped"] == {"blocked_domain": 1}
