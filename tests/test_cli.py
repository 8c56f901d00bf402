"""The command line as scripts use it: the shapes of --json, exit codes, one message per mistake."""

import base64
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zlib
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curation.documents import record_ids

ROOT = Path(__file__).resolve().parent.parent
STEP = {"name", "use", "documents_in", "created", "kept", "dropped", "merged", "failed", "bytes_in", "cpu_seconds"}


def curate(*arguments, cwd=ROOT, stdin=None, timeout=300):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "curation.cli", *map(str, arguments)],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        input=stdin,
        timeout=timeout,
    )


@pytest.fixture(scope="module")
def finished(sample_run):
    """A finished run of the default pipeline on the sample crawl, and what `curate run` said of it."""
    return sample_run, json.loads(sample_run.with_suffix(".json").read_text())


def test_run_and_stats_give_the_accounts(finished):
    out, report = finished
    assert set(report) >= {"run", "steps"}
    for step in report["steps"]:
        assert set(step) >= STEP
        right = step["kept"] + sum(step["dropped"].values()) + step["merged"] + step["failed"]
        assert step["documents_in"] + step["created"] == right
    by_name = {s["name"]: s for s in report["steps"]}
    assert set(by_name["route"]["branches"]) == {"math", "code", "web"}
    stats = json.loads(curate("stats", out, "--json").stdout)
    assert {name: stats[name] for name in ("run", "status")} == {name: report[name] for name in ("run", "status")}
    for step, said in zip(stats["steps"], report["steps"], strict=True):
        assert {name: step[name] for name in said} == said
    files = list((out / "outputs" / "web").glob("*.parquet"))
    assert sum(pq.read_metadata(f).num_rows for f in files) == by_name["benchmarks"]["kept"]


def test_every_drop_reason_that_can_occur_on_the_sample_crawl_does(finished):
    """The sample crawl is written so that the default pipeline shows everything it can drop for."""
    found = {(s["use"], r) for s in finished[1]["steps"] for r in s["dropped"]}
    from curation.plan import Plan
    from curation.recipe import load

    declared = {(s.use, r) for s in Plan(load(ROOT / "pipeline.yaml"), fingerprints=False).steps.values() for r in s.drops}
    cannot = {
        ("warc", "too_large"),  # no page of the sample is over 32 MiB
        ("extract_html", "too_large"), ("extract_html", "parse_failed"),
        ("extract_html", "not_html"),  # valid_records looks at the bytes, too
        ("identify_language", "other_language"),  # `languages` is not set
        ("gopher_quality", "too_long"),  # no page of the sample has 100,000 words
        ("gopher_repetition", "empty"),  # variant datatrove
        ("code_page_quality", "code_fraction"),  # no bound is set
        ("math_page_quality", "formula_share"),  # two formulas in 8,000 words
        ("mix", "excluded"), ("mix", "held_out"),  # no training set of a benchmark comes in, nothing is held out
        ("dedup_urls", "duplicate_record"), ("dedup_exact", "duplicate_record"),  # each record stands in one file
        ("dedup_minhash", "duplicate_record"),
        ("score_quality", "low_quality"),  # no bound is set: a proxy ranks, and drops nothing
    }  # fmt: skip
    assert declared - found - cannot == set()
    assert found & cannot == set()


def test_plan_reuses_everything_then_says_what_changed(finished):
    out, _ = finished
    steps = json.loads(curate("plan", "pipeline.yaml", "--out", out, "--json").stdout)["steps"]
    assert all(set(s) >= {"name", "use", "fingerprint", "reuse", "why", "tasks", "cpu_seconds", "memory_bytes"} for s in steps)
    assert all(s["reuse"] for s in steps)
    changed = json.loads(curate("plan", "pipeline.yaml", "--out", out, "--set", "quality.min_words=40", "--json").stdout)["steps"]
    by_name = {s["name"]: s for s in changed}
    assert by_name["text"]["reuse"]
    assert not by_name["quality"]["reuse"]
    assert "min_words" in by_name["quality"]["why"]
    assert not by_name["exact"]["reuse"]


def test_explain_tells_a_kept_and_a_dropped_document(finished):
    out, _ = finished
    near = next(
        r for f in (out / "dropped").glob("*.parquet") for r in pq.read_table(f).to_pylist() if r["drop_reason"] == "near_duplicate"
    )
    ((fate,),) = ([f["steps"] for f in d["fates"]] for d in json.loads(curate("explain", out, near["id"], "--json").stdout)["documents"])
    assert [(s["name"], s["metrics"]["duplicate_of"]) for s in fate if "duplicate_of" in s["metrics"]] == [("near", near["duplicate_of"])]
    kept = pq.read_table(next((out / "outputs" / "web").glob("*.parquet")), columns=["id", "url"]).slice(0, 1).to_pylist()[0]
    report = json.loads(curate("explain", out, kept["id"], "--json").stdout)
    assert report["query"] == kept["id"]
    (document,) = report["documents"]
    fates = {f["fate"] for f in document["fates"]}
    assert "kept" in fates
    assert {"branch", "fate", "output", "row", "steps"} <= set(document["fates"][0])
    names = [s["name"] for f in document["fates"] if f["fate"] == "kept" for s in f["steps"]]
    assert names[:2] == ["crawl", "valid"]
    assert all({"name", "verdict", "reason", "metrics"} <= set(s) for f in document["fates"] for s in f["steps"])

    gone = next(
        r
        for f in sorted((out / "dropped").glob("language-*.parquet"))
        for r in pq.read_table(f, columns=["id", "url", "step", "drop_reason"]).to_pylist()
    )
    report = json.loads(curate("explain", out, gone["url"], "--json").stdout)
    last = [f["steps"][-1] for d in report["documents"] if d["id"] == gone["id"] for f in d["fates"]]
    assert {"dropped"} == {s["verdict"] for s in last}
    assert gone["drop_reason"] in {s["reason"] for s in last}
    assert curate("explain", out, "http://never.example/met", "--json").returncode == 1


def record_at(file, offset):
    """The WARC record that begins at an offset of a file: its headers and its bytes."""
    with open(file, "rb") as f:
        f.seek(offset)
        data = zlib.decompressobj(wbits=31).decompress(f.read())  # one gzip member, which is the record
    head, _, block = data.partition(b"\r\n\r\n")
    version, *lines = head.split(b"\r\n")
    assert version in (b"WARC/1.0", b"WARC/1.1")
    headers = {k.strip().lower(): v.strip() for k, v in (line.decode().split(":", 1) for line in lines)}
    assert len(block) == int(headers["content-length"]) + 4
    return headers, block[:-4]


@pytest.mark.parametrize(("name", "least"), [("mix", 50), ("anneal", 5)])
def test_each_row_of_a_mix_leads_to_its_record(finished, name, least):
    out, _ = finished
    crawl = ROOT / "examples" / "crawl"
    seen = 0
    for file in sorted((out / "outputs" / name).glob("*.parquet")):
        for row in pq.read_table(file).to_pylist():
            headers, block = record_at(crawl / row["record_file"], row["record_offset"])
            assert row["id"] == record_ids("warc", [headers["warc-record-id"].strip("<>")])[0].as_py()
            assert headers["warc-target-uri"].strip("<>") == row["url"]
            assert datetime.fromisoformat(headers["warc-date"]) == row["date"]
            assert headers["warc-type"] == "response"
            assert block.startswith(b"HTTP/1.")
            seen += 1
    assert seen >= least


def test_explain_leads_from_a_row_of_the_mix_to_its_record(finished):
    out, _ = finished
    file = sorted((out / "outputs" / "mix").glob("*.parquet"))[0]
    number, row = 3, pq.read_table(file).to_pylist()[3]
    (document,) = json.loads(curate("explain", out, row["id"], "--json").stdout)["documents"]
    assert document["record"] == {"source": "crawl", "file": row["record_file"], "offset": row["record_offset"]}
    (fate,) = [f for f in document["fates"] if f["output"] and f["output"].startswith("outputs/mix/")]
    assert (fate["output"], fate["row"]) == (f"outputs/mix/{file.name}", number)
    assert fate["steps"][-1] == {
        "name": "mix", "verdict": "kept", "reason": None,
        "metrics": {"mix_copy": 0, "mix_entry": row["mix_entry"], "mix_phase": "train", "mix_uses": ["train"]}, "rules": [], "replaced": {},
    }  # fmt: skip
    said = curate("explain", out, row["id"]).stdout
    assert f"read from crawl: {row['record_file']} at {row['record_offset']}" in said
    assert f"kept in outputs/mix/{file.name} row {number}" in said


def test_the_card_of_the_sample_run(finished):
    out, report = finished
    text = curate("card", out, "--output", "mix").stdout
    card = json.loads(curate("card", out, "--output", "mix", "--json").stdout)
    assert re.findall(r"^## (.+)$", text, re.M) == [
        "Entries", "Phases and validation", "Languages", "Sources", "Dates", "Top domains", "Licences", "What was done", "Decontamination",
        "Personal data and safety", "Who is mentioned", "Known gaps", "From a row to its source",
    ]  # fmt: skip
    others = {"anneal", *(f"outputs.{name}" for name in ("web", "mix", "anneal"))}
    assert {r["name"] for r in report["steps"]} - {s["name"] for s in card["steps"]} == others
    assert list(card["entries"]) == ["multilingual", "math_reasoning", "code", "general"]
    assert {s["use"] for s in card["steps"] if s["kind"] == "decontamination"} == {"decontaminate"}
    assert {s["use"] for s in card["steps"] if s["kind"] == "safety"} >= {"block_domains", "find_pii", "block_pii_domains", "nsfw"}
    used = sum(e["used_tokens"] for e in card["entries"].values())
    assert sum(v["tokens"] for v in card["by"]["lang"]) == card["total"]["tokens"] == used
    assert {g["group"] for g in card["mentions"]["groups"]} >= {"she", "he", "they", "religion"}
    assert [gap.partition(":")[0] for gap in card["gaps"]] == [
        "Licences of the documents are not recorded", "Who is mentioned was counted in 292 of 380 documents",
        "Tokens are those of the small tokenizer of this project, `default.json`",
        "Shares of languages, sources and domains are of what automatic steps found, errors included.",
    ]  # fmt: skip
    assert curate("card", out, "--output", "anneal").stdout.startswith("# Data card of `anneal`\n")
    refused = curate("card", out, "--output", "web")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)


def test_gc_leaves_a_run_that_is_still_whole(finished, tmp_path):
    out, report = finished
    out = shutil.copytree(out, tmp_path / "run")
    before = sorted(p.name for p in (out / "outputs").rglob("*.parquet"))
    assert curate("gc", out, "--json").returncode == 0
    assert sorted(p.name for p in (out / "outputs").rglob("*.parquet")) == before
    again = json.loads(curate("plan", "pipeline.yaml", "--out", out, "--json").stdout)
    assert all(s["reuse"] for s in again["steps"])
    assert json.loads(curate("run", "pipeline.yaml", "--out", out, "--json").stdout) == {**report, "run": str(out)}


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".parquet"])
def test_stage_alone_keeps_ids_columns_and_order(tmp_path, suffix):
    rows = [
        {"id": f"doc-{i}", "text": t, "lang": "en", "note": {"n": i}}
        for i, t in enumerate(["short", "the and of to in a garden " * 20, ""])
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(r) + "\n" for r in rows))
    out = tmp_path / f"out{suffix}"
    done = curate("stage", "gopher_quality", "--in", source, "--out", out, "--keep-dropped", "--set", "min_words=10", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["documents_in"] == 3
    back = tmp_path / "back.jsonl"
    assert curate("stage", "identify_language", "--in", out, "--out", back, "--set", "min_score=0.0").returncode == 0
    result = [json.loads(line) for line in back.read_text().splitlines()]
    assert [r["id"] for r in result] == ["doc-0", "doc-1", "doc-2"]
    assert [r["note"] for r in result] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert result[1]["text"] == rows[1]["text"]


def test_stage_alone_in_a_pipe():
    line = json.dumps({"id": "x", "text": "The garden behind the house was full of flowers in the spring."}) + "\n"
    done = curate("stage", "identify_language", "--in", "-", "--out", "-", stdin=line)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["lang"] == "en"


def test_stage_alone_says_why_documents_failed(tmp_path, monkeypatch):
    import stages.heuristics.gopher_quality as module
    from curation.alone import run_alone

    def fails(*_):
        raise ArithmeticError("no such number")

    monkeypatch.setattr(module, "_stop_words", fails)
    (tmp_path / "in.jsonl").write_text('{"text": "one"}\n{"text": "two"}\n')
    report = run_alone("gopher_quality", [str(tmp_path / "in.jsonl")], str(tmp_path / "out.jsonl"), {}, False, lambda plan: None)
    assert (report["failed"], report["why_failed"]) == (2, ["ArithmeticError: no such number"])


def test_stage_alone_reads_halves_of_surrogate_pairs():
    done = curate("stage", "find_pii", "--in", "-", "--out", "-", stdin='{"text": "a \\ud800 b", "tags": ["\\udc00", "\\ud83d\\ude00"]}\n')
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)
    assert (row["text"], row["tags"]) == ("a \ufffd b", ["\ufffd", "\U0001f600"])


def test_stage_alone_says_what_a_list_had_to_leave_out(tmp_path):
    (tmp_path / "hosts.txt").write_text("host.example\nno host\nco.uk\n")
    lists = f"lists={{a: {tmp_path / 'hosts.txt'}}}"
    done = curate("stage", "block_domains", "--in", "-", "--out", "-", "--set", lists, stdin='{"url": "http://host.example/"}\n')
    assert done.returncode == 0, done.stderr
    assert "1 usable entries, 2 broken (line 2: 'no'; line 2: 'host'), 1 refused" in done.stderr


def test_stage_alone_names_the_parameter_that_is_wrong():
    done = curate("stage", "redact_pii", "--in", "-", "--out", "-", "--set", "email=tag", "--set", "phone=x", stdin='{"text": "x"}\n')
    assert done.returncode == 2
    assert "phone: input should be 'redact', 'tag' or 'keep', got 'x'" in done.stderr


def test_stage_alone_reads_warc_and_html(tmp_path):
    crawl = sorted((ROOT / "examples" / "crawl").glob("*.warc.gz"))[0]
    done = curate("stage", "valid_records", "--in", crawl, "--out", tmp_path / "o.parquet", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kept"] > 50
    page = tmp_path / "page.html"
    page.write_text(
        "<html><body><article>" + "<p>The garden was full of flowers and of light that day.</p>" * 9 + "</article></body></html>"
    )
    assert curate("stage", "extract_html", "--in", page, "--out", tmp_path / "t.jsonl").returncode == 0
    assert "garden" in json.loads((tmp_path / "t.jsonl").read_text())["text"]


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_stage_alone_reads_pages_from_lines(tmp_path, suffix):
    page = "<html><body><article>" + "<p>Der Garten war an jenem Tag voller Blüten und voll Licht.</p>" * 9 + "</article></body></html>"
    rows = [{"id": "a", "html": page, "note": "kept"}, {"id": "b", "html_b64": base64.b64encode(page.encode("cp1252")).decode()}]
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (tmp_path / f"in{suffix}").write_bytes(gzip.compress(data) if suffix.endswith("gz") else data)
    done = curate("stage", "extract_html", "--in", tmp_path / f"in{suffix}", "--out", tmp_path / "out.jsonl")
    assert done.returncode == 0, done.stderr
    a, b = (json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines())
    assert (a["id"], a["note"], a["html"]) == ("a", "kept", page)
    assert a["text"] == b["text"]
    assert "voller Blüten" in b["text"]
    assert "content" not in a


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["run", "no-such.yaml"], 2, "no-such.yaml: cannot read the recipe", id="no recipe"),
        pytest.param(["run", "pipeline.yaml", "--set", "quality.min_word=3"], 2, "did you mean 'min_words'?", id="unknown parameter"),
        pytest.param(["run", "pipeline.yaml", "--set", "qualty.min_words=3"], 2, "did you mean 'quality'?", id="unknown step"),
        pytest.param(["run", "pipeline.yaml", "--until", "langage"], 2, "did you mean 'language'?", id="unknown until"),
        pytest.param(["run", "pipeline.yaml", "-x", "spark"], 2, "there is inline, processes, workers, slurm, ray", id="unknown executor"),
        pytest.param(["run"], 2, "Missing argument", id="no argument"),
        pytest.param(["stats", "."], 2, "not the folder of a run", id="no run"),
        pytest.param(["stages", "gopher_qualty"], 2, "did you mean 'gopher_quality'?", id="unknown stage"),
        pytest.param(["stage", "gopher_quality", "--in", "nope.jsonl", "--out", "-"], 2, "no such file", id="no input"),
        pytest.param(["stage", "gopher_quality", "--in", ".", "--out", "-"], 2, "name one file of it", id="a folder"),
        pytest.param(["stage", "gopher_quality", "--in", "x.jsonl", "--out", "x.csv"], 2, "suffix names the format", id="wrong suffix"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_message(arguments, code, said):
    done = curate(*arguments)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_help_is_quick():
    times = []
    for _ in range(3):
        started = time.monotonic()
        assert curate("--help").returncode == 0
        times.append(time.monotonic() - started)
    assert min(times) < 1.5  # the figure itself (0.3 s) is a benchmark's; this catches an eager import of the engine


def test_help_imports_no_engine():
    code = (
        "import sys\nsys.argv = ['curate', '--help']\nfrom curation.cli import main\ntry:\n main()\nexcept SystemExit: pass\n"
        "print(sorted({'numpy', 'pyarrow', 'numba', 'pydantic', 'trafilatura'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


def test_a_local_run_imports_no_cluster_code(tmp_path):
    code = (
        "import sys\nsys.argv = ['curate', 'run', 'pipeline.yaml', '-x', 'inline', '--until', 'blocked', '--out', sys.argv[1]]\n"
        "from curation.cli import main\ntry:\n main()\nexcept SystemExit as e: assert not e.code, e.code\n"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('ray', 'fsspec', 's3fs', 'boto3', 'torch') or m == 'curation.objects'))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "o")], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


def test_a_name_of_a_file_does_not_steer_the_terminal(tmp_path):
    name = "r\x1b]0;title\x07\u202e.yaml"
    result = curate("run", str(tmp_path / name))
    assert result.returncode == 2
    assert "r?]0;title??.yaml" in result.stderr
