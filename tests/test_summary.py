"""`curate stats` and `curate diff`: every figure against a recount of the run's own rows."""

import json
import shutil
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

sys.path.append(str(Path(__file__).parent / "engine"))
from engine_kit import documents, parquet, recipe, run

from curation.cli import app
from curation.errors import RecipeError
from curation.inspect import diff as diff_module
from curation.inspect.diff import configuration, diff
from curation.inspect.diff import page as diff_page
from curation.inspect.stats import gather, movers, page, quantiles, reached, rows_by
from curation.inspect.summary import Summary, read_summary
from curation.ledger import DIMENSIONS, OTHERS

RUNS = ("sample_run", "real_run")


def curate(*arguments):
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exit_code == 0, done.output
    return json.loads(done.output) if "--json" in arguments else done.output


def values(table, dimension):
    column = table[dimension]
    return [v or "" for v in (pc.strftime(column, format="%Y-%m") if dimension == "date" else column).to_pylist()]


def recount(tables):
    """Documents and tokens, and dimension -> value -> the same, of rows."""
    total, by = [0, 0], defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for table in tables:
        tokens = [n or 0 for n in table["n_tokens"].to_pylist()] if "n_tokens" in table.column_names else [0] * table.num_rows
        total = [total[0] + table.num_rows, total[1] + sum(tokens)]
        for dimension in DIMENSIONS:
            for value, n in zip(values(table, dimension), tokens, strict=True) if dimension in table.column_names else ():
                by[dimension][value][0] += 1
                by[dimension][value][1] += n
    return total, {dimension: dict(found) for dimension, found in by.items()}


def without_bytes(counts):
    return {value: [documents, tokens] for value, (documents, _, tokens) in counts.items()}


@pytest.mark.parametrize("name", RUNS)
def test_what_was_dropped(name, request):
    out = request.getfixturevalue(name)
    summary, rows = read_summary(out), defaultdict(list)
    for file in sorted((out / "dropped").glob("*.parquet")):
        table = pq.read_table(file)
        for of in pc.unique(pc.binary_join_element_wise(table["step"], table["drop_reason"], "\0")).to_pylist():
            step, reason = of.split("\0")
            rows[step, reason].append(table.filter(pc.and_(pc.equal(table["step"], step), pc.equal(table["drop_reason"], reason))))
    said = {(s, v): c for s in summary.steps for v, c in summary.verdicts(s).items() if v != "in" and not v.startswith("kept")}
    assert set(rows) == set(said)
    assert len(rows) > 8
    for (step, reason), tables in rows.items():
        total, by = recount(tables)
        assert [said[step, reason][0], said[step, reason][2]] == total
        for dimension, wanted in by.items():
            found = summary.by(step, reason, dimension)
            assert without_bytes(found) == wanted or (not found and set(wanted) == {""})  # the column was not there yet


@pytest.mark.parametrize("name", RUNS)
def test_what_was_kept(name, request):
    out = request.getfixturevalue(name)
    summary = read_summary(out)
    report = gather(summary, out)
    for output, counts in report["outputs"].items():
        tables = [pq.read_table(file) for file in sorted((out / "outputs" / output).glob("*.parquet"))]
        total, by = recount(tables)
        assert [counts[0], counts[2]] == total
        assert counts[1] == sum(len(text.encode()) for table in tables for text in table["text"].to_pylist())
        for dimension in ("lang", "domain", "source", "date"):
            found = {r["value"]: r["outputs"][output] for r in rows_by(summary, dimension) if r["outputs"][output][0]}
            assert without_bytes(found) == by.get(dimension, {})
    assert {s["name"]: s["kept"] for s in report["steps"] if s["kept"]}.items() >= {
        f"outputs.{name}": counts[0] for name, counts in report["outputs"].items() if counts[0]
    }.items()


def test_what_came_to_a_step_by_language(sample_run):
    """Of the documents that reached repetition, those it dropped and those a later step of its pass did, or that were written."""
    summary = read_summary(sample_run)
    account = {s["name"]: s for s in summary.manifest["steps"]}
    found = {name: reached(summary, name, "lang") for name in ("language", "quality", "repetition", "exact", "near", "dirty")}
    for name in ("quality", "repetition", "exact", "near", "dirty"):
        assert sum(counts[0] for counts in found[name].values()) == account[name]["documents_in"]
    assert found["language"] is None or sum(c[0] for c in found["language"].values()) == account["language"]["documents_in"]
    dropped = summary.dropped_by("quality", "lang")
    assert {v: c[0] - dropped.get(v, [0])[0] for v, c in found["quality"].items()} == {v: c[0] for v, c in found["repetition"].items()}
    assert reached(summary, "valid", "lang") is None  # languages are not known there
    rows = {r["value"]: r for r in rows_by(summary, "lang", "repetition")}
    assert rows["en"]["in"] == found["repetition"]["en"]
    assert sum(r["dropped"][0] for r in rows.values()) == sum(account["repetition"]["dropped"].values())


def test_what_came_to_a_step_is_not_told_by_copies():
    """Two documents of five are copied behind a step, and two others fail there: as many are counted as came, not the same."""
    by = {"kept.a": {"x": [3, 9, 0]}, "kept.b": {"x": [2, 6, 0]}}
    verdicts = {name: {"documents": 1, "bytes": 1, "tokens": 0, "by": {"lang": values}} for name, values in by.items()}
    given = {"kind": "row", "pass": "p", "created": 0, "failed": 0, "documents_in": 5}
    steps = [{**given, "name": "p", "needs": []}, {**given, "name": "route", "needs": ["p"], "created": 2, "failed": 2}]
    summed = Summary({"status": "done", "steps": steps}, {"route": {"verdicts": verdicts}})
    assert reached(summed, "p", "lang") is reached(summed, "route", "lang") is None
    steps[1]["created"] = 0
    assert reached(summed, "p", "lang") == {"x": [5, 15, 0]}


def test_quantiles_are_those_of_the_rows(sample_run):
    summary = read_summary(sample_run)
    dropped = quantiles(summary, "quality", "word_count")["dropped"]
    rows = []
    for file in (sample_run / "dropped").glob("*.parquet"):
        table = pq.read_table(file)
        if "word_count" in table.column_names:
            rows += table.filter(pc.equal(table["step"], "quality"))["word_count"].to_pylist()
    rows.sort()
    assert dropped["documents"] == len(rows) == 17
    for p in ("p10", "p50", "p90"):
        exact = rows[min(len(rows) - 1, int(int(p[1:]) / 100 * len(rows)))]
        assert 0.85 * exact <= dropped[p] <= 1.15 * exact


def test_the_command(sample_run, stricter_run):
    report = curate("stats", sample_run, "--json")
    manifest = json.loads((sample_run / "run.json").read_bytes())
    assert [s["name"] for s in report["steps"]] == [s["name"] for s in manifest["steps"]]
    assert all(of["seconds"] >= 0 for of in report["tasks"].values())
    assert sum(of["seconds"] for of in report["tasks"].values()) > 0.1
    text = curate("stats", sample_run)
    assert "repetition" in text
    assert "dup_5gram" in text
    for by in ("reason", "language", "lang", "domain", "source", "crawl", "date"):
        assert curate("stats", sample_run, "--by", by, "--json")["rows"]
        assert len(curate("stats", sample_run, "--by", by).splitlines()) > 2
    step = curate("stats", sample_run, "--step", "quality", "--by", "lang", "--json")
    assert [s["name"] for s in step["steps"]] == ["quality"]
    assert "word_count" in step["metrics"]
    assert "word_count" in curate("stats", sample_run, "--step", "quality")
    moved = curate("stats", stricter_run, "--against", sample_run, "--json")["movers"]
    assert moved
    assert "against" in curate("stats", stricter_run, "--against", sample_run)


@pytest.mark.parametrize(("options", "said"), [
    (["--step", "qualty"], "did you mean 'quality'"), (["--by", "colour"], "counted by"), (["--against", "."], "not the folder of a run"),
])  # fmt: skip
def test_mistakes_are_said(sample_run, options, said):
    done = CliRunner().invoke(app, ["stats", str(sample_run), *options])
    assert done.exit_code != 0
    assert said in str(done.exception)


def test_the_largest_movers(sample_run, stricter_run):
    """Held against the accounts and rows of both runs."""
    summed, other = read_summary(stricter_run), read_summary(sample_run)
    found = movers(summed, other)
    accounts = [{s["name"]: s for s in of.manifest["steps"]} for of in (summed, other)]
    by_reason = {(m["step"], m["name"]): m for m in found if m["kind"] == "reason"}
    short = by_reason["quality", "too_short"]
    shares = [a["quality"]["dropped"]["too_short"] / a["quality"]["documents_in"] for a in accounts]
    assert short["difference"] == pytest.approx(shares[0] - shares[1], abs=1e-6)
    assert short["difference"] > 0
    for kind in {m["kind"] for m in found}:
        sizes = [abs(m["difference"]) for m in found if m["kind"] == kind]
        assert sizes == sorted(sizes, reverse=True)
        assert 0 < len(sizes) <= 10
    kept = [Counter(v for f in (out / "outputs" / "web").glob("*.parquet") for v in values(pq.read_table(f), "domain"))
            for out in (stricter_run, sample_run)]  # fmt: skip
    for m in found:
        if (m["kind"], m["step"]) == ("domain", "web"):
            shares = [c[m["name"]] / c.total() for c in kept]
            assert m["difference"] == pytest.approx(shares[0] - shares[1], abs=1e-6)
    assert movers(other, other) == []


def test_a_value_that_one_run_does_not_name_has_no_share():
    """It may be among what is not named."""

    def run(values):
        steps = [{"name": "s", "kind": "row", "documents_in": 100, "dropped": {}, "needs": [], "pass": "s"}]
        output = {"name": "outputs.o", "kind": "shards", "needs": ["s"], "documents_in": 100, "dropped": {}, "pass": None}
        by = {"domain": {value: [n, 0, 0] for value, n in values.items()}}
        return Summary({"steps": [*steps, output]}, {"s": {"verdicts": {"kept": {"documents": 100, "bytes": 0, "tokens": 0, "by": by}}}})

    moved = movers(run({"a": 60, "b": 20, OTHERS: 20}), run({"a": 40, "c": 30, OTHERS: 30}))
    assert [(m["name"], m["difference"]) for m in moved] == [("a", 0.2)]
    moved = movers(run({"a": 60, "b": 40}), run({"a": 40, "c": 60}))
    assert [(m["name"], m["difference"]) for m in moved] == [("c", -0.6), ("b", 0.4), ("a", 0.2)]


def test_an_unfinished_run_shows_its_accounts(sample_run, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    manifest = json.loads((sample_run / "run.json").read_bytes())
    (out / "run.json").write_text(json.dumps({**manifest, "status": "running", "steps": manifest["steps"][:6]}))
    shutil.copy(sample_run / "stats.json", out)  # of an earlier run
    report = curate("stats", out, "--json")
    assert report["status"] == "running"
    assert [s["documents_in"] for s in report["steps"]] == [s["documents_in"] for s in manifest["steps"][:6]]
    assert "running" in curate("stats", out)
    done = CliRunner().invoke(app, ["stats", str(out), "--by", "lang"])
    assert "it is running" in str(done.exception)


def test_crawled_text_does_not_write_to_the_terminal():
    wrong = "\x1b[31mred\x1b[0m [bold]not[/bold] \u202egnp.exe\n"
    steps = [{"name": "s", "kind": "row", "use": "s", "documents_in": 1, "dropped": {"r": 1}, "needs": [], "pass": "s", "kept": 0}]
    by = {"license": {wrong: [1, 5, 0]}}
    summed = Summary({"status": "done", "steps": steps}, {"s": {"verdicts": {"r": {"documents": 1, "bytes": 5, "tokens": 0, "by": by}}}})
    report = {"steps": [], "outputs": {}, "by": "license", "rows": rows_by(summed, "license"), "status": "done", "run": "."}
    text = page(report)
    assert not {"\x1b", "\u202e"} & set(text)
    assert "[bold]not[/bold]" in text
    assert "at least as many" not in text


def test_that_a_domain_beside_the_others_may_be_among_them_is_said():
    by = {"domain": {**{f"{n}.example": [9, 5, 0] for n in range(30)}, OTHERS: [1, 1, 0]}}
    step = {"name": "s", "kind": "row", "use": "s", "documents_in": 271, "dropped": {"r": 271}, "needs": [], "pass": "s", "kept": 0}
    verdicts = {"r": {"documents": 271, "bytes": 151, "tokens": 0, "by": by}}
    rows = rows_by(Summary({"status": "done", "steps": [step]}, {"s": {"verdicts": verdicts}}), "domain")
    text = page({"steps": [], "outputs": {}, "by": "domain", "rows": rows, "status": "done", "run": "."})
    assert "*: what records did not name; of a domain beside it there are at least as many as told" in text


# -- diff -------------------------------------------------------------------------------------------


def ends(out):
    """id -> every fate; id -> URL, id -> language."""
    fates, urls, langs = defaultdict(set), {}, {}
    for label, form in (("outputs", None), ("dropped", "{step}: {drop_reason}"), ("failed", "failed at {step}: {reason}")):
        for file in (out / label).glob("*/*.parquet" if label == "outputs" else "*.parquet"):
            for row in pq.read_table(file).to_pylist():
                fates[row["id"]].add(f"kept in {file.parent.name}" if form is None else form.format(**row))
                urls[row["id"]] = row.get("url")
                langs[row["id"]] = row.get("lang") or langs.get(row["id"], "")
                for parent in row.get("parent_ids") or ():
                    fates[parent].add("merged")
    return {i: "; ".join(sorted(of)) for i, of in fates.items()}, urls, langs


def holds(before, after):
    """The report of two runs is what their rows say."""
    report = diff(before, after)
    (a, urls, _), (b, more, langs) = ends(before), ends(after)
    wanted = Counter((a.get(i), b.get(i)) for i in a | b)
    assert {(c["before"], c["after"]): c["documents"] for c in report["changes"]} == {k: n for k, n in wanted.items() if k[0] != k[1]}
    assert report["documents"] == {
        "before": len(a), "after": len(b), "both": len(a.keys() & b.keys()), "same": sum(n for k, n in wanted.items() if k[0] == k[1]),
        "changed": sum(n for k, n in wanted.items() if None not in k and k[0] != k[1]),
    }  # fmt: skip
    for c in report["changes"]:
        assert 0 < len(c["samples"]) == min(3, c["documents"])
        for s in c["samples"]:
            assert (a.get(s["id"]), b.get(s["id"])) == (c["before"], c["after"])
            assert s["url"] == (urls | more).get(s["id"])
        assert sum(c["lang"].values()) == c["documents"]
        if c["after"] is not None and ";" not in f"{c['before']}{c['after']}":
            assert c["lang"] == Counter(langs.get(i, "") for i in a | b if (a.get(i), b.get(i)) == (c["before"], c["after"]))
    return report


def test_documents_that_changed_fate(sample_run, stricter_run):
    report = holds(sample_run, stricter_run)
    assert report["configuration"] == ["quality: min_words 50 -> 80", "near: min_jaccard 0.7 -> 0.85"]
    assert "quality: too_short" in [c["after"] for c in report["changes"]]
    back = diff(stricter_run, sample_run)
    assert [(c["after"], c["before"], c["documents"]) for c in back["changes"]] != []
    assert Counter((c["after"], c["before"], c["documents"]) for c in back["changes"]) == Counter(
        (c["before"], c["after"], c["documents"]) for c in report["changes"]
    )
    same = diff(sample_run, sample_run)
    assert same["changes"] == same["configuration"] == []
    assert same["documents"]["same"] == same["documents"]["both"] == len(ends(sample_run)[0])
    text = curate("diff", sample_run, stricter_run)
    assert "min_words 50 -> 80" in text
    assert "quality: too_short" in text
    assert curate("diff", sample_run, stricter_run, "--json")["changes"] == report["changes"]


SMALL = """
inputs: {docs: {use: parquet, paths: "crawl/*.parquet"}}
steps:
  len:   {use: measure, limit: 30}
  risky: {use: poison}
  twins: {use: first_of_text}
  parts: {use: paragraphs}
  first: {use: keep, where: "part < 2"}
  sites: {use: by_domain}
outputs: {pages: {use: shards, needs: twins}, joined: {use: shards}}
"""


def test_documents_of_which_others_were_made(tmp_path):
    """Some fail, some are cut into parts, parts are joined."""
    for i in range(2):
        parquet(tmp_path / "crawl" / f"{i}.parquet", documents(60, seed=i, poison={3, 40}))
    file = recipe(tmp_path, SMALL)
    run(file, tmp_path / "a")
    run(file, tmp_path / "b", overrides={"len.limit": 100, "first.where": "part < 1"})
    report = holds(tmp_path / "a", tmp_path / "b")
    assert report["configuration"] == ["len: limit 30 -> 100", "first: rules.where part < 2 -> part < 1"]
    changes = {(c["before"], c["after"]): c["documents"] for c in report["changes"]}
    assert changes["failed at risky: error", "len: short"] > 0
    assert any(before and "merged" in before for before, _ in changes)
    assert changes["merged", "first: where_false"] > 0
    assert any(after is None for _, after in changes)  # parts of what is dropped now
    holds(tmp_path / "b", tmp_path / "a")


def test_a_document_all_of_whose_parts_are_dropped_was_met(tmp_path):
    parquet(tmp_path / "crawl" / "0.parquet", documents(60))
    file = recipe(tmp_path, SMALL.replace("  sites: {use: by_domain}\n", "").replace("pages: {use: shards, needs: twins}, ", ""))
    run(file, tmp_path / "a")
    run(file, tmp_path / "none", overrides={"first.where": "part < 0"})
    report = holds(tmp_path / "a", tmp_path / "none")
    assert [(c["before"], c["after"]) for c in report["changes"]] == [("kept in joined", "first: where_false")]
    assert report["documents"]["both"] == report["documents"]["before"] == report["documents"]["after"]


def test_runs_over_other_documents(sample_run, real_run):
    report = holds(sample_run, real_run)
    assert report["documents"]["both"] == 0
    assert any("input crawl: " in line for line in report["configuration"])


def test_what_is_held_does_not_grow(sample_run, stricter_run, monkeypatch):
    """Many partitions, written often; two language codes alone."""
    report = diff(sample_run, stricter_run)
    held = []
    real = diff_module._Changes.add
    monkeypatch.setattr(diff_module, "PART_ROWS", 50)
    monkeypatch.setattr(diff_module, "HELD_ROWS", 100)
    monkeypatch.setattr(diff_module._Changes, "add", lambda self, rows: held.append(len(rows)) or real(self, rows))
    assert diff(sample_run, stricter_run) == report
    assert max(held) < 200 < sum(held)
    monkeypatch.setattr(diff_module, "MOST_LANGUAGES", 3)
    few = diff(sample_run, stricter_run)
    assert [c["documents"] for c in few["changes"]] == [c["documents"] for c in report["changes"]]


def test_a_run_that_is_not_done(sample_run, tmp_path):
    manifest = json.loads((sample_run / "run.json").read_bytes())
    (tmp_path / "run.json").write_text(json.dumps({**manifest, "status": "running"}))
    with pytest.raises(RecipeError, match="is running: finish it"):
        diff(sample_run, tmp_path)


def step(name, use="gopher_quality", **more):
    given = {"name": name, "use": use, "kind": "row", "version": 1, "params": {}, "contents": {}, "needs": ["docs"], "fingerprint": "f"}
    return {**given, **more}


def manifest(*steps, files=3, identity="i", **more):
    given = {"sample": 1.0, "annotate": False, "inputs": {"docs": {"files": files, "identity": identity}}}
    return {**given, "steps": [step("docs", "warc", kind="source", needs=[], fingerprint="d"), *steps], **more}


OLD = step("q", params={"min_words": {"default": 50, "by": {"en": 40}}, "words": "/lists/a.txt"}, contents={"words": "1"})


@pytest.mark.parametrize(("old", "new", "said"), [
    ([], [step("q")], ["step q (gopher_quality) added"]),
    ([step("q")], [], ["step q (gopher_quality) removed"]),
    ([], [step("outputs.o", "shards", kind="shards")], ["output o added"]),
    ([step("q")], [step("q", "c4_quality", fingerprint="g")], ["q: stage gopher_quality -> c4_quality"]),
    ([step("q")], [step("q", version=2, fingerprint="g")], ["q: version of gopher_quality 1 -> 2"]),
    ([step("q")], [step("q", needs=["a", "b"], fingerprint="g")], ["q: needs docs -> a, b"]),
    ([OLD], [{**OLD, "params": {**OLD["params"], "min_words": {"default": 50, "by": {"en": 30, "de": 20}}}}],
     ["q: min_words.by.en 40 -> 30", "q: min_words.by.de none -> 20"]),
    ([OLD], [{**OLD, "contents": {"words": "2"}, "fingerprint": "g"}], ["q: words: the content of /lists/a.txt is another"]),
    ([OLD], [{**OLD, "params": {**OLD["params"], "words": "/elsewhere/a.txt"}}], []),
    ([OLD], [{**OLD, "params": {**OLD["params"], "words": "/lists/b.txt"}, "contents": {"words": "2"}, "fingerprint": "g"}],
     ["q: words /lists/a.txt -> /lists/b.txt"]),
    ([step("q")], [step("q", fingerprint="g")], ["q: the content of a list or a model it names, or a setting, is another"]),
    ([step("q"), step("r", needs=["q"], fingerprint="h")], [step("r", fingerprint="i")],
     ["step q (gopher_quality) removed", "r: needs q -> docs"]),
    ([step("q"), step("r", needs=["q"], fingerprint="h")], [step("q", version=2, fingerprint="g"), step("r", needs=["q"], fingerprint="i")],
     ["q: version of gopher_quality 1 -> 2"]),
])  # fmt: skip
def test_the_configuration_in_words(old, new, said):
    assert list(configuration(manifest(*old), manifest(*new))) == said


def test_inputs_and_options_in_words():
    other = manifest(files=4, identity="j", sample=0.1)
    assert list(configuration(manifest(), other)) == ["sample: 1.0 -> 0.1", "input docs: 3 files -> 4, not the same ones"]
    assert list(configuration(manifest(), manifest(identity="j"))) == ["input docs: 3 files, not the same ones"]


def test_a_page_of_hostile_documents():
    samples = [{"id": "1", "url": "https://x.example/\x1b]0;owned\x07\u202e"}]
    change = {"before": "a: \x1bb", "after": None, "documents": 1, "lang": {"\x9b": 1}, "samples": samples}
    report = {"configuration": ["q: p \x1b[2J -> 1"], "funnel": [], "documents": Counter(), "changes": [change]}
    assert not {"\x1b", "\u202e", "\x07", "\x9b"} & set(diff_page(report))
