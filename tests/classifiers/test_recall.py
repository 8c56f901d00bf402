"""`curate recall`: prefixes, sums in bounded memory, rounds on a planted web, what the gate of math and code pages loses.

The learner is a stand-in but where it is said: a page is like the positives if most of its words are commoner in them.
"""

import csv
import json
import os
import random
from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from classifiers import labels
from classifiers.recall import commands, counts, gate, prefixes, rounds
from classifiers.recall.counts import Counts
from classifiers.recall.rounds import Recall, Settings
from curation.cli import app
from curation.documents import record_ids
from curation.errors import LockedError, RecipeError, TaskError
from curation.storage import run_lock
from examples.crawl_warc import warc_record


def page_warc(file, pages, mime="text/html; charset=utf-8"):
    """A WARC file of pages by URL."""
    with open(file, "wb") as out:
        for n, (url, page) in enumerate(pages.items()):
            block = f"HTTP/1.1 200 OK\r\nContent-Type: {mime}\r\n\r\n{page}".encode()
            fields = {"WARC-Target-URI": url, "Content-Type": "application/http; msgtype=response"}
            out.write(warc_record("response", f"<urn:uuid:{n}>", datetime(2024, 1, 1, tzinfo=UTC), block, fields))
    return file


class Words:
    """A stand-in for `curate train fasttext`."""

    trained = scored = 0
    kind = "words"

    def facts(self):
        return self.kind

    def train(self, file, folder):
        Words.trained += 1
        table, _ = labels.read([file])
        of = {name: Counter() for name in ("yes", "no")}
        for text, label in zip(table["text"].to_pylist(), table["label"].to_pylist(), strict=True):
            of[label].update(set(text.split()))
        sizes = Counter(table["label"].to_pylist())
        known = {word for word, n in of["yes"].items() if n / sizes["yes"] > 2 * of["no"][word] / sizes["no"]}
        part = folder.with_name("part")
        part.mkdir()
        (part / "words.json").write_text(json.dumps(sorted(known)))
        part.rename(folder)

    def load(self, folder):
        known = set(json.loads((folder / "words.json").read_text()))

        def score(texts):
            Words.scored += len(texts)
            words = [text.split() for text in texts.to_pylist()]
            return np.array([sum(w in known for w in of) / len(of) if of else np.nan for of in words])

        return score


# -- prefixes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "one", "two"),
    [
        ("https://Math.example/questions/12/a?b=c", "math.example/questions/", "math.example/questions/12/"),
        ("http://math.example/page.html", "math.example/", "math.example/"),
        ("http://math.example", "math.example/", "math.example/"),
        ("http://forum.example/viewtopic.php?t=4", "forum.example/viewtopic.php?", "forum.example/viewtopic.php?"),
        ("http://forum.example/a/viewtopic.php?t=/4", "forum.example/a/", "forum.example/a/viewtopic.php?"),
        ("http://forum.example/?t=4", "forum.example/", "forum.example/"),
        ("http://u:p@host.example:8080/a/b", "host.example:8080/a/", "host.example:8080/a/"),
        ("//host.example/a//b/c", "host.example/a/", "host.example/a/"),
        ("http://host.example/" + "x" * 100 + "/b", "host.example/", "host.example/"),
        ("http://host.example/#/a/b", "host.example/", "host.example/"),
        ("http://数学.example/题/1", "数学.example/题/", "数学.example/题/"),
        ("http://a@@host.example/b/c", "host.example/b/", "host.example/b/"),
        ("http://host.example/a/b\rc/d", "host.example/a/", "host.example/a/"),
        ("http://host.example/\x1b[2J/b", "host.example/", "host.example/"),
        ("http:// host.example/a/b", None, None),
        ("http://\u3000host.example/a/b", None, None),
        ("mailto:a@b", None, None),
        (None, None, None),
    ],
)  # fmt: skip
def test_a_prefix_is_the_host_and_the_first_parts_of_the_path(url, one, two):
    urls = pa.array([url], pa.string())
    assert prefixes.prefixes_of(urls, 1).to_pylist() == [one]
    assert prefixes.prefixes_of(urls, 2).to_pylist() == [two]
    if one is not None:
        assert prefixes.prefixes_of(pa.array(["http://" + one]), 1).to_pylist() == [one]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("verdict,prefix\nyes,a.example/\n", r"p.csv:2:1: verdict: 'yes': write accept or reject, or nothing"),
        ("verdict,prefix\nacept,a.example/\n", r"did you mean 'accept'"),
        ("verdict,prefix\naccept,a.example/b\n", r"p.csv:2:2: prefix: 'a.example/b' is no prefix of .*did you mean 'a.example/'"),
        ("verdict,prefix\naccept,a.example/\nreject,a.example/\n", r"p.csv:3:2: prefix: 'a.example/' stands in line 2, too"),
        ("verdict,prefix,domain\naccept,a.example/\nyes\n", r"p.csv:3:1: verdict: 'yes': write accept or reject"),
        ("verdict,prefix\naccept,a.example/,1\n", r"p.csv:2:3: 3 fields, the header has 2"),
        ("prefix\na.example/\n", r"p.csv:1:1: the column 'verdict' is missing"),
        ('verdict,prefix\n"accept,a.example/\n', r"not valid CSV"),
    ],
)
def test_a_file_of_verdicts_that_is_wrong_is_named(tmp_path, lines, said):
    (tmp_path / "p.csv").write_text(lines)
    with pytest.raises(RecipeError, match=said):
        prefixes.read(tmp_path / "p.csv", 1)


def test_a_person_may_add_lines_and_leave_some_out(tmp_path):
    rows = [{"prefix": f"{d}.example/", "domain": d, "pages": 3, "hits": 1, "share": 0.3, "example": "http://x, y"} for d in "abc"]
    prefixes.write(tmp_path / "p.csv", rows)
    text = (tmp_path / "p.csv").read_text().replace("\n,a.", "\nAccept ,a.").replace("\n,b.", "\nreject,b.")
    (tmp_path / "p.csv").write_text("\ufeff" + text + "accept,new.example/q/\n")
    assert prefixes.read(tmp_path / "p.csv", 1) == {"a.example/": "accept", "b.example/": "reject", "new.example/q/": "accept"}


# -- sums -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("held", [40, 1 << 18])
def test_sums_are_right_whether_or_not_they_fit(tmp_path, monkeypatch, held):
    monkeypatch.setattr(counts, "HELD", held)
    monkeypatch.setattr(counts, "PER_FILE", 100)
    rng = random.Random(3)
    under_way, wanted = Counts(tmp_path / "c", 1_000), {}
    most = 0
    for _ in range(20):
        keys = [rng.choice([None, *(f"k{i}" for i in range(150))]) for _ in range(50)]
        hits, urls = np.array([rng.random() < 0.3 for _ in keys]), [f"u{rng.randrange(99)}" for _ in keys]
        under_way.add(pa.array(keys), hits, pa.array(urls))
        most = max(most, under_way._rows)
        for key, hit, url in zip(keys, hits.tolist(), urls, strict=True):
            if key is not None:
                pages, found, least = wanted.get(key, (0, 0, "z"))
                wanted[key] = (pages + 1, found + hit, min(least, url))
    tables = list(under_way.sums())
    rows = [row for table in tables for row in table.to_pylist()]
    assert {row["key"]: (row["pages"], row["hits"], row["example"]) for row in rows} == wanted
    assert len(rows) == len(wanted)
    assert (len(tables) == 10) == (held == 40) == (most < 100)


# -- rounds ---------------------------------------------------------------------------------------

ALGEBRA, GEOMETRY, NUMBERS = (
    "group ring field ideal module", "angle circle line point tangent", "prime divisor integer modulus residue",
)  # fmt: skip
REST = ["shop", "price", "cart", "holiday", "beach", "football", "goal", "match", "recipe", "onion", "film", "star"]


def web(seed=0):
    """A web of mathematics in three kinds of words. A seed set knows algebra; geometry stands beside it, number theory beside geometry."""
    rng, rows = random.Random(seed), []

    def page(host, path, words, n):
        for i in range(n):
            text = " ".join(rng.choice(words) for _ in range(30)) + f" {host}{path}{i}"
            url = f"https://{host}{path}{i}"
            rows.append({"id": record_ids("x", [url])[0].as_py(), "url": url, "text": text, "profile": "web"})

    algebra, geometry, numbers = ALGEBRA.split(), GEOMETRY.split(), NUMBERS.split()
    page("one.example", "/algebra/", algebra, 30)
    page("one.example", "/geometry/", geometry, 30)
    page("one.example", "/shop/", REST, 30)
    page("two.example", "/t.php?id=", geometry, 30)
    page("two.example", "/numbers/", numbers, 30)
    page("three.example", "/n/", numbers, 30)
    for k in range(20):
        page(f"shop{k}.example", "/a/", REST, 20)
    page("mixed.example", "/a/", REST, 95)
    page("mixed.example", "/b/", algebra, 5)
    page("tiny.example", "/a/", algebra, 3)
    rng.shuffle(rows)
    return rows


WANTED = {"one.example/algebra/", "one.example/geometry/", "two.example/t.php?", "two.example/numbers/", "three.example/n/"}


@pytest.fixture
def corpus(tmp_path):
    rows = web()
    for k in range(3):
        pq.write_table(pa.Table.from_pylist(rows[k::3]), tmp_path / f"part{k}.parquet", row_group_size=100)
    rng = random.Random(1)
    seeds = [{"id": f"s{i}", "text": " ".join(rng.choice(ALGEBRA.split()) for _ in range(30))} for i in range(40)]
    (tmp_path / "seeds.jsonl").write_text("".join(json.dumps(row) + "\n" for row in seeds))
    return tmp_path


def recall(folder, out="recall", settings=None, learner=None, **options):
    files = [str(p) for p in sorted(folder.glob("part*.parquet"))]
    chosen = settings or Settings(negatives=60, domain_pages=5)
    return Recall(folder / out, files, [str(folder / "seeds.jsonl")], chosen, learner or Words(), **options)


def judge(file, accepted=WANTED):
    with file.open(newline="") as f:
        rows = list(csv.DictReader(f))
    with file.open("w", newline="") as f:
        writer = csv.DictWriter(f, prefixes.HEADER)
        writer.writeheader()
        for row in rows:
            writer.writerow(row | {"verdict": "accept" if row["prefix"] in accepted else "reject"})
    return {row["prefix"]: row for row in rows}


def test_rounds_find_what_stands_beside_what_is_known_until_all_is_collected(corpus):
    asked, figures = [], []
    for n in range(1, 6):
        figures = recall(corpus).next()
        if figures[-1]["share_already"] is not None and figures[-1]["share_already"] >= 0.98:
            break
        asked.append(judge(corpus / "recall" / f"round-{n}" / "prefixes.csv"))
    algebra, mathematics = 30 + 5 + 3, 5 * 30 + 5 + 3
    assert figures[0]["hits"] == algebra
    assert figures[0]["share_already"] is None
    assert figures[0]["domains_with_hits"] == 3
    assert figures[0]["domains_over"] == 1  # of `mixed` 5 in 100 pages are hits, `tiny` has 3 pages
    assert set(asked[0]) == {"one.example/algebra/", "one.example/geometry/", "one.example/shop/"}
    assert (asked[0]["one.example/algebra/"]["pages"], asked[0]["one.example/algebra/"]["hits"]) == ("30", "30")
    assert asked[0]["one.example/geometry/"]["example"].startswith("https://one.example/geometry/")
    assert figures[1]["hits"] == algebra + 60
    assert figures[1]["positives_accepted"] == 30  # geometry beside algebra; what was collected is no news
    assert set(asked[1]) == {"two.example/t.php?", "two.example/numbers/"}  # what was judged before is not asked again
    assert figures[2]["hits"] == mathematics
    assert figures[2]["already"] == figures[1]["hits"]
    assert figures[-1]["share_already"] == 1.0
    assert figures[-1]["collected"] == mathematics
    assert len(figures) == 4
    with pytest.raises(RecipeError, match=r"of round 4's hits 100.0 % had been collected before: the recall has ended"):
        recall(corpus).next()
    shown = rounds.table(figures)
    assert shown.count("\n") == 5
    assert "100.0 %" in shown


def test_the_loop_by_the_trainer_of_the_program(corpus):
    small = {"dim": 8, "buckets": 1_024, "epochs": 10, "rate": 0.5, "validation": 0.2, "test": 0.2}
    rng = random.Random(1)
    seeds = [{"id": f"s{i}", "source": f"b{i % 20}", "text": " ".join(rng.choice(ALGEBRA.split()) for _ in range(30))} for i in range(100)]
    (corpus / "seeds.jsonl").write_text("".join(json.dumps(row) + "\n" for row in seeds))
    learner, settings = commands.FastText("deepseekmath", small), Settings(negatives=150, domain_pages=5)
    first = recall(corpus, settings=settings, learner=learner).next()
    assert judge(corpus / "recall" / "round-1" / "prefixes.csv").keys() >= {"one.example/geometry/"}
    second = recall(corpus, settings=settings, learner=learner).next()
    assert first[0]["hits"] == 38
    assert second[1]["hits"] > 38 + 15
    assert second[1]["already"] == 38
    shop = [row["id"] for row in web() if "shop" in row["url"]]
    hits = [id for k in range(3) for id in pq.read_table(corpus / "recall" / "round-2" / "hits" / f"{k:06d}.parquet")["id"].to_pylist()]
    assert not set(hits) & set(shop)


def test_without_a_prefix_to_judge_the_next_round_begins(corpus):
    recall(corpus, settings=Settings(negatives=60, domain_pages=1_000)).next()
    figures = recall(corpus, settings=Settings(negatives=60, domain_pages=1_000)).next()
    assert [f["prefixes"] for f in figures] == [0, 0]
    assert figures[1]["share_already"] == 1.0


def test_negatives_are_of_the_rest(corpus):
    recall(corpus).next()
    judge(corpus / "recall" / "round-1" / "prefixes.csv")
    recall(corpus).next()
    table, facts = labels.read([corpus / "recall" / "round-2" / "labels.parquet"])
    assert facts.classes == {"yes": 40 + 30, "no": 60}
    hosts = Counter(zip(table["label"].to_pylist(), prefixes.prefixes_of(table["url"].combine_chunks(), 1).to_pylist(), strict=True))
    assert not [p for label, p in hosts if label == "no" and p in ("one.example/algebra/", "one.example/geometry/")]
    assert hosts["yes", "one.example/geometry/"] == 30
    assert hosts["yes", None] == 40
    assert table["domain"].equals(table["id"])  # positives of one domain: a split by domains could leave a part without any


def test_labels_are_split_by_domain_where_positives_have_some(corpus):
    rng = random.Random(1)
    seeds = [{"url": f"https://m{i}.example/", "text": " ".join(rng.choice(ALGEBRA.split()) for _ in range(30))} for i in range(25)]
    (corpus / "seeds.jsonl").write_text("".join(json.dumps(row) + "\n" for row in seeds))
    assert recall(corpus).next()[0]["split_by"] == "domain"
    table, _ = labels.read([corpus / "recall" / "round-1" / "labels.parquet"])
    assert {"m0.example", "shop1.example"} < set(table["domain"].to_pylist())


def test_a_seed_that_stands_in_the_corpus_is_no_example_of_the_rest(corpus):
    rows = web()
    (corpus / "seeds.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows if "algebra" in row["url"]))
    recall(corpus, settings=Settings(negatives=10_000)).next()
    table, facts = labels.read([corpus / "recall" / "round-1" / "labels.parquet"])
    assert facts.classes == {"yes": 30, "no": len(rows) - 30}
    assert len(set(table["id"].to_pylist())) == len(rows)


def test_caps_are_kept_by_hash_whatever_the_order(corpus):
    figures = recall(corpus, settings=Settings(positives=25, negatives=30)).next()
    assert (figures[0]["positives"], figures[0]["negatives"]) == (25, 30)
    first = labels.read([corpus / "recall" / "round-1" / "labels.parquet"])[0]
    for k, rows in enumerate([web()[::2], web()[1::2]]):
        pq.write_table(pa.Table.from_pylist(rows), corpus / f"part{k}.parquet")
    (corpus / "part2.parquet").unlink()
    recall(corpus, "again", Settings(positives=25, negatives=30)).next()
    again = labels.read([corpus / "again" / "round-1" / "labels.parquet"])[0]
    assert set(again["id"].to_pylist()) == set(first["id"].to_pylist())


def test_what_was_stopped_goes_on_and_scores_no_file_again(corpus):
    class Fails(Words):
        def load(self, folder):
            score, calls = super().load(folder), []

            def failing(texts):
                calls.append(1)
                if len(calls) > 3:
                    raise TaskError("stopped")
                return score(texts)

            return failing

    with pytest.raises(TaskError, match="stopped"):
        recall(corpus, learner=Fails()).next()
    rounds._models.clear()
    assert not (corpus / "recall" / "round-1" / "round.json").exists()
    trained, scored = Words.trained, Words.scored
    figures = recall(corpus).next()
    assert Words.trained == trained
    total = len(web())
    assert Words.scored - scored < total
    rounds._models.clear()
    assert figures == recall(corpus, "fresh").next()


def test_several_processes_find_the_same(corpus):
    one = recall(corpus).next()
    assert one == recall(corpus, "jobs", jobs=2).next()
    hits = [pq.read_table(corpus / out / "round-1" / "hits" / "000001.parquet") for out in ("recall", "jobs")]
    assert hits[0].equals(hits[1])
    assert hits[0].num_rows
    assert pc.min(hits[0]["score"]).as_py() >= 0.5


def test_what_does_not_fit_is_refused(corpus):
    seeds = corpus / "seeds.jsonl"
    text = seeds.read_text()
    seeds.write_text("")
    with pytest.raises(RecipeError, match="no document in the seed set"):
        recall(corpus, "empty").next()
    seeds.write_text(text)
    recall(corpus).next()
    with pytest.raises(RecipeError, match=r"round-1/prefixes.csv: no prefix has a verdict"):
        recall(corpus).next()
    with pytest.raises(RecipeError, match="other settings"):
        recall(corpus, settings=Settings(threshold=0.7))
    other = Words()
    other.kind = "other words"
    with pytest.raises(RecipeError, match="another --preset or --set"):
        recall(corpus, learner=other)
    with (corpus / "seeds.jsonl").open("a") as f:
        f.write("\n")
    with pytest.raises(RecipeError, match="another seed set"):
        recall(corpus)
    seeds.write_text(text)
    recall(corpus)
    part = corpus / "part2.parquet"
    data, times = part.read_bytes(), part.stat()
    part.write_bytes(data[:-20] + bytes([data[-20] ^ 1]) + data[-19:])
    os.utime(part, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(RecipeError, match="another corpus"):
        recall(corpus)
    part.write_bytes(data)
    recall(corpus)
    part.unlink()
    with pytest.raises(RecipeError, match="another corpus"):
        recall(corpus)


def test_urls_made_to_break_it_are_listed_or_left_out(corpus):
    rows = web()
    geometry = [row for row in rows if "/geometry/" in row["url"]]
    hostile = ["http://x@@one.example/", "http:// one.example/", "http://one.example/a\r\nb/", "http://one.example/\x1b[2J\r/", "//[one/"]
    hostile += ["http://x@ one.example/", "http://\u3000one.example/"]
    for row, url in zip(geometry, hostile, strict=False):
        row["url"] = url
    pq.write_table(pa.Table.from_pylist(rows), corpus / "part0.parquet")
    for k in (1, 2):
        (corpus / f"part{k}.parquet").unlink()
    recall(corpus).next()
    file = corpus / "recall" / "round-1" / "prefixes.csv"
    assert all(byte >= 32 or byte == 10 for byte in file.read_bytes())
    assert "one.example/" in judge(file)
    assert set(prefixes.read(file, 1).values()) == {"accept", "reject"}
    recall(corpus).next()


def test_two_do_not_work_in_one_folder_and_a_wrong_preset_is_said_first(corpus):
    given = [[str(corpus / "part*.parquet")], [str(corpus / "seeds.jsonl")], corpus / "r", Settings()]
    with run_lock(corpus / "r"), pytest.raises(LockedError, match="works in"):
        commands.one_round(*given, "deepseekmath", {}, 1, print)
    with pytest.raises(RecipeError, match="--set epoch: unknown key"):
        commands.one_round(*given, "deepseekmath", {"epoch": 1}, 1, print)
    assert not (corpus / "r" / "recall.json").exists()
    before, after = (commands.FastText("deepseekmath", sets).facts() for sets in ({}, {"epochs": 7}))
    assert before["positive"] == "yes"
    assert {key for key in before if before[key] != after[key]} == {"epochs"}


def test_a_round_that_began_keeps_its_verdicts(corpus):
    recall(corpus).next()
    file = corpus / "recall" / "round-1" / "prefixes.csv"
    judge(file)

    class Fails(Words):
        def train(self, file, folder):
            raise TaskError("stopped")

    with pytest.raises(TaskError):
        recall(corpus, learner=Fails()).next()
    judge(file, {"one.example/shop/"})
    with pytest.raises(RecipeError, match="round-2 was begun with other verdicts: remove it"):
        recall(corpus).next()


# -- the gate -------------------------------------------------------------------------------------

PROSE = "<p>The theorem says that every ideal of this ring is generated by one element, and the proof goes as follows here.</p>" * 3
PAGES = {
    "math": f"<html><body><article>{PROSE}<p>so \\(x^2 + y^2 = z^2\\) and $$a^2 = b^2$$ and \\(c = 1\\)</p></article></body></html>",
    "no_mark": f"<html><body><article>{PROSE}<p>so x squared is y</p></article></body></html>",
    "one_formula": f'<html><body><article>{PROSE}<p>so <span class="math">\\(x^2\\)</span> holds</p></article></body></html>',
    "little_code": f"<html><body><article>{PROSE * 3}<pre>x = 1</pre></article></body></html>",
    "code": "<html><body><article><p>An ideal program, for the theorem of this ring:</p><pre>"
    + "for i in range(10):\n    print(i)\n" * 12 + "</pre></article></body></html>",
    "shop": f"<html><body><article>{PROSE.replace('theorem', 'story')}</article></body></html>",
}  # fmt: skip


def wanted(texts):
    return np.array([float("theorem" in text) for text in texts.to_pylist()])


def test_what_is_lost_at_the_gate_and_behind_it(tmp_path):
    file = page_warc(tmp_path / "a.warc.gz", {f"http://{name}.example/": page for name, page in PAGES.items()})
    found = gate.gate([str(file)], wanted, 0.5)
    assert (found["pages"], found["hits"]) == (6, 5)
    assert found["profiles"] == {"web": 3, "math": 1, "code": 1}
    assert found["gate_closed"] == 1
    assert found["behind_gate"] == {"formulas": 1, "code": 1, "both": 0}
    assert {e["url"]: e["why"] for e in found["examples"]}["http://no_mark.example/"] == "gate_closed"
    assert found["share_lost"]["value"] == 0.6
    page_warc(tmp_path / "n.warc.gz", {"http://n.example/": PAGES["no_mark"]}, "text/css")
    assert gate.gate([str(tmp_path / "n.warc.gz")], wanted, 0.5)["pages"] == 0
    low, high = found["share_lost_at_gate"]["low"], found["share_lost_at_gate"]["high"]
    assert (low, high) == pytest.approx((0.0362, 0.6245), abs=1e-3)  # Wilson's of 1 in 5
    assert gate.gate([str(file)], lambda texts: wanted(texts) - 1, 0.5)["share_lost"] is None
    (tmp_path / "b.cdx").write_text(" CDX N b a m s k r M S V g\n")
    with pytest.raises(RecipeError, match=r"b\.cdx"):
        gate.gate([str(tmp_path / "b.cdx")], wanted, 0.5)


def test_the_commands_say_what_to_do_next(corpus, monkeypatch):
    monkeypatch.setattr(commands, "FastText", lambda preset, sets: Words())
    monkeypatch.setattr(commands, "load", lambda folder: wanted)
    given = ["recall", "round", str(corpus / "part*.parquet"), "--seeds", str(corpus / "seeds.jsonl"), "--out", str(corpus / "r")]
    result = CliRunner().invoke(app, given)
    assert result.exception is None, result.exception
    assert "judge the " in result.output
    assert (corpus / "r" / "figures.md").read_text() in result.output + "\n"
    judge(corpus / "r" / "round-1" / "prefixes.csv")
    found = json.loads(CliRunner().invoke(app, [*given, "--json"]).stdout)
    assert [f["round"] for f in found["rounds"]] == [1, 2]
    assert found["ended"] is False
    page_warc(corpus / "a.warc.gz", {"http://a.example/": PAGES["no_mark"]})
    named = [str(corpus / "a.warc.gz"), str(corpus / "*.warc.gz")]
    assert commands.gate(named, corpus, 0.5)[0]["pages"] == 1
    result = CliRunner().invoke(app, ["recall", "gate", *named, "--model", str(corpus)])
    assert "lost at the gate (no mark of a formula or of code in the bytes): 100.0 % [" in result.output
