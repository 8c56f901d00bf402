"""The report of a run: its numbers beside the accounts, what a hostile crawl may write into it, its size, and in a browser what it does."""

import base64
import hashlib
import json
import math
import re
import uuid
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from curation import open_run
from curation.cli import app
from curation.errors import RecipeError
from curation.inspect.report import gather, pictures, write
from curation.inspect.report.facts import Clusters, Facts, Sample, Shadows
from curation.inspect.report.html import DASH, crawled, el, ident, plain, text
from curation.inspect.report.overlap import interval
from curation.inspect.report.page import page
from curation.inspect.report.samples import TEXT_CHARS
from curation.inspect.summary import read_summary
from curation.ledger import NULL_BIN, OTHERS, bin_edges, histogram_bins
from curation.rules import Threshold
from stages.safety.redact_pii import masked
from tests.browser import CHROMIUM, Browser

VOID = {"br", "hr", "input", "link", "meta"}
FORBIDDEN = {"iframe", "object", "embed", "base", "form", "img", "link", "image", "use", "foreignobject", "animate", "set", "video"}


class Node:
    """An element: name, attributes, children (elements and strings)."""

    def __init__(self, name, attributes=()):
        self.name, self.attributes, self.children = name, dict(attributes), []
        assert len(self.attributes) == len(attributes), f"<{name}> has an attribute twice"

    def walk(self):
        yield self
        for child in self.children:
            if isinstance(child, Node):
                yield from child.walk()

    def all(self, name=None, **attributes):
        """Elements within that are so; `class_` is one of the classes."""
        class_ = attributes.pop("class_", None)
        wanted = {key.replace("_", "-"): value for key, value in attributes.items()}
        return [
            node for node in self.walk()
            if name in (None, node.name) and all(node.attributes.get(k) == v for k, v in wanted.items())
            and (class_ is None or class_ in node.attributes.get("class", "").split())
        ]  # fmt: skip

    def one(self, name=None, **attributes):
        found = self.all(name, **attributes)
        assert len(found) == 1, f"{len(found)} of {name} {attributes}"
        return found[0]

    @property
    def text(self):
        return "".join(child if isinstance(child, str) else child.text for child in self.children)


class Reader(HTMLParser):
    """Reads a page whose every element is closed where it must be."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.root = Node("")
        self.stack = [self.root]
        self.feed(html)
        self.close()
        assert self.stack == [self.root], f"not closed: {[node.name for node in self.stack]}"

    def handle_starttag(self, tag, attrs):
        node = Node(tag, attrs)
        self.stack[-1].children.append(node)
        if tag not in VOID:
            self.stack.append(node)

    def handle_endtag(self, tag):
        assert self.stack[-1].name == tag.lower(), f"</{tag}> ends <{self.stack[-1].name}>"
        self.stack.pop()

    def handle_data(self, data):
        self.stack[-1].children.append(data)

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    def unknown_decl(self, data):
        raise AssertionError(f"a declaration: {data}")

    handle_pi = unknown_decl


def read(html):
    """The page as elements, after a look whether it can do any harm."""
    root = Reader(html).root
    policy = root.one("meta", http_equiv="Content-Security-Policy").attributes["content"]
    parts = dict(part.split(" ", 1) for part in policy.split("; "))
    assert parts.keys() == {"default-src", "style-src", "script-src", "img-src", "base-uri", "form-action"}
    for name in parts.keys() - {"style-src", "script-src"}:
        assert parts[name] == "'none'"
    for name in ("style", "script"):  # one of each, and it is what the policy lets through
        content = root.one(name).text
        assert parts[f"{name}-src"] == f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
        assert not re.search(r"https?:|//[a-z]|@import|eval|innerHTML|insertAdjacent|document\.write", content)
        assert set(re.findall(r"url\([^)]*\)", content)) <= {"url(#hatch)"}
    ids = Counter(node.attributes["id"] for node in root.walk() if "id" in node.attributes)
    assert max(ids.values()) == 1, ids.most_common(3)
    for node in root.walk():
        assert node.name not in FORBIDDEN
        for name, value in node.attributes.items():
            assert not name.startswith("on"), f"<{node.name} {name}>"
            assert name not in ("style", "src", "srcdoc", "xlink:href", "formaction", "action", "target", "ping")
            assert not re.search(r"[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", value or "")
            if name == "href":
                assert value[:1] == "#", value
                assert value[1:] in ids, f"{value} leads nowhere"
            if name in ("for", "aria-controls"):
                assert value in ids
        if node.name == "svg":
            assert node.attributes.get("aria-hidden") or (node.attributes["role"] == "img" and node.attributes["aria-label"])
        for child in node.children:
            if isinstance(child, str) and node.name not in ("style", "script"):
                assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", child)
    return root


def whole(node):
    return int(node.text.replace(",", ""))


def told(root):
    """What each element with a fact says: name of the fact -> number."""
    found = {}
    for node in root.walk():
        fact = node.attributes.get("data-fact")
        if fact and node.name == "td":
            exact = node.all("data")
            assert fact not in found
            found[fact] = float(exact[0].attributes["value"]) if exact else whole(node)
    return found


@pytest.fixture(scope="module")
def annotated(annotated_run):
    """(run, its report's facts, the page as elements)."""
    run = open_run(annotated_run)
    facts = gather.facts(run)
    return run, facts, read(page(facts))


# -- numbers --------------------------------------------------------------------------------------


def test_every_number_is_that_of_the_accounts(annotated):
    run, _, root = annotated
    summary = read_summary(run.folder)
    expected = {f"inputs/{name}/files": of["files"] for name, of in run.manifest["inputs"].items()}
    for label, of in run.manifest.get("tasks", {}).items():
        expected |= {f"tasks/{label}/{what}": of[what] for what in ("tasks", "reused", "seconds")}
    for step in run.manifest["steps"]:
        name = step["name"]
        expected |= {f"{name}/{what}": step[what] for what in ("documents_in", "kept")}
        expected[f"{name}/dropped"] = sum(step["dropped"].values())
        expected |= {f"{name}/dropped/{reason}": n for reason, n in step["dropped"].items()}
        if (summary.kept(name) or [0, 0, 0])[2]:
            expected[f"{name}/tokens"] = summary.kept(name)[2]
        if step["cpu_seconds"]:
            expected[f"{name}/cpu_seconds"] = step["cpu_seconds"]
        for entry, of in step.get("report", {}).get("entries", {}).items():
            expected |= {f"{name}/{entry}/{what}": of[what] for what in ("wanted_tokens", "used_tokens", "tokens", "short_tokens")}
    for column, bins in summary.steps["pii"]["metrics"].items():
        if column.endswith("_count"):
            expected[f"pii/{column}/documents"] = sum(sum(n) for b, n in bins.items() if int(b) not in (0, NULL_BIN))
    found = told(root)
    assert {k: v for k, v in found.items() if not k.endswith("/shadows") and "/clusters/" not in k} == expected
    assert len(expected) > 200
    assert expected["ranked/tokens"] > expected["mix/tokens"] > 0

    for row in [r for part in root.all(class_="values") for r in part.all("tr") if "data-fact" in r.attributes]:
        dimension, _, value = row.attributes["data-fact"].partition("/")
        web, mix, anneal, dropped = (whole(cell) for cell in row.all("td")[:4])
        assert [web, mix, anneal] == [summary.kept_by(s, dimension).get(value, [0])[0] for s in ("ranked", "mix", "anneal")]
        on_the_way = [s["name"] for s in run.manifest["steps"] if not s["name"].startswith(("mix", "anneal", "outputs"))]
        assert dropped == sum(summary.dropped_by(s, dimension).get(value, [0])[0] for s in on_the_way)
    assert {row.attributes["data-fact"] for row in root.all("tr", data_find="language")} >= {"lang/en", "lang/zh", "lang/ar"}


def test_histograms_have_every_document_of_the_ledger_once(annotated):
    run, _, root = annotated
    summary = read_summary(run.folder)
    drawn = {node.attributes["data-fact"]: node for node in root.all("figure")}
    expected = {f"{step}/{column}" for step in summary.steps for column in summary.metrics(step)}
    assert drawn.keys() == expected
    assert len(expected) > 60
    for fact, figure in drawn.items():
        step, column = fact.split("/")
        bins, missing = summary.histogram(step, column)
        rows = figure.one("tbody").all("tr")
        cells = [tuple(whole(cell) for cell in row.all("td")) for row in rows if row.attributes.get("class") != "missing"]
        assert len(figure.all("g", class_="bar")) == len(cells)  # the n-th bar is the n-th row
        assert tuple(map(sum, zip((0, 0), *cells, strict=True))) == (sum(b[2] for b in bins), sum(b[3] for b in bins))
        gone = [tuple(whole(cell) for cell in row.all("td")) for row in rows if row.attributes.get("class") == "missing"]
        assert gone == ([missing] if sum(missing) else [])


def test_clusters_are_those_in_the_dropped_rows(annotated):
    run, facts, root = annotated
    found = told(root)
    for step in ("urls", "exact", "near"):
        survivors = Counter(run.table("dropped", ["duplicate_of"], step=step)["duplicate_of"].drop_null().to_pylist())
        sizes = Counter(n + 1 for n in survivors.values())
        shown = {low: n for low, _, n in facts.clusters[step].sizes if low > 1}
        assert shown == dict(sizes), step
        assert {k: found[f"{step}/clusters/{k}"] for k in shown} == shown
    alone = run.steps["near"].account["kept"] - sum(n for low, _, n in facts.clusters["near"].sizes if low > 1)
    assert facts.clusters["near"].sizes[0] == (1, 1, alone)


def test_overlap_is_what_the_shadows_say_and_counts_a_document_once(annotated):
    run, facts, root = annotated
    later = {}
    for path in (run.folder / "shadows").iterdir():
        for row in pq.read_table(path, columns=["id", "shadow_step", "shadow_reason", "shadow_later"]).to_pylist():
            key = (row["id"], row["shadow_step"], row["shadow_reason"])
            later.setdefault(key, set()).update(of.split(":")[0] for of in row["shadow_later"])
    rows = sum(pq.read_metadata(path).num_rows for path in (run.folder / "shadows").iterdir())
    assert facts.shadows.documents == len(later) < rows  # two outputs: two rows of one document
    assert facts.shadows.seen == Counter((step, reason) for _, step, reason in later)
    assert facts.shadows.alone == Counter((step, reason) for (_, step, reason), found in later.items() if not found)
    assert facts.shadows.both == Counter((step, other) for (_, step, _), found in later.items() for other in found)
    for step in run.manifest["steps"]:  # annotated: all that filters dropped
        if step["kind"] != "source" and step["dropped"]:
            assert sum(n for (name, _), n in facts.shadows.seen.items() if name == step["name"]) == sum(step["dropped"].values())
    table = next(t for t in root.all("table") if "Unique contribution" in t.text)
    valid = next(row for row in table.all("tr") if row.all("th")[0].text == "valid")
    n = [whole(cell) for cell in valid.all("td")[:2]]
    unique = sum(m for (name, _), m in facts.shadows.alone.items() if name == "valid")
    assert n == [48, 48]
    assert valid.all("td")[4].text == f"{unique}"
    assert "exact" in valid.text


def test_an_estimate_has_its_sample_and_its_interval():
    facts = made(steps=3)
    name = facts.steps[1]["name"]
    facts.shadows = Shadows(40, 2, 10, 0.0, Counter({(name, "r0"): 40}), Counter({(name, "r0"): 10}), Counter({(name, "step 2"): 30}))
    section = read(page(facts)).one("section", id="overlap")
    assert "A sample of 40 dropped documents" in section.text
    assert "2 of 10 files" in section.text
    row = next(row for row in section.all("tr") if row.all("th")[0].text == name)
    dropped = sum(facts.steps[1]["dropped"].values())
    cells = [cell.text for cell in row.all("td")]
    assert cells[:5] == [f"{dropped:,}", "40", "25.0\xa0%", f"14{DASH}40\xa0%", f"≈ {round(dropped / 4):,}"]
    assert interval(10, 40) == pytest.approx((0.1419, 0.4019), abs=1e-4)  # Wilson's, by R's binom.confint(10, 40, methods = "wilson")
    assert interval(0, 0) == (0.0, 1.0)
    facts.shadows = Shadows()
    assert "--annotate" in read(page(facts)).one("section", id="overlap").text


def test_samples_were_dropped_for_what_they_say(annotated):
    run, facts, root = annotated
    dropped = {(r["id"], r["step"]): r for r in run.table("dropped", ["id", "step", "drop_reason", "text", "word_count"]).to_pylist()}
    redacted, facts_above = run.steps["redacted"], {name: facts.above(name) for name in run.steps}
    stored = Counter((r["step"], r["drop_reason"]) for r in dropped.values() if r["text"] is not None)
    for step in run.manifest["steps"]:
        for reason, n in step["dropped"].items():
            samples = facts.samples[step["name"]][reason]
            assert len(samples) == min(n, gather.EACH), (step["name"], reason)
            for sample in samples:
                row = dropped[sample.row["id"], step["name"]]
                text_ = row["text"]
                if text_ is not None and "redacted" not in facts_above[step["name"]]:
                    text_ = masked(pa.array([text_], pa.large_string()), redacted.values)[0].as_py()
                assert (row["drop_reason"], text_) == (reason, sample.row["text"])
            assert sum(s.row["text"] is not None for s in samples) == min(stored[step["name"], reason], gather.EACH)
    cards = root.all("article")
    assert len(cards) == sum(len(s) for reasons in facts.samples.values() for s in reasons.values())
    short = next(card for card in cards if card.one("h4").all("mark")[0].text == "too_short")
    words = next(s for s in facts.samples["quality"]["too_short"]).row["word_count"]
    assert short.one("ul").all("mark")[0].text == f"word_count {words} < 50"


def test_thresholds_are_drawn_at_their_place_and_their_side_is_shaded(annotated):
    _, _, root = annotated
    figure = root.one("figure", id=ident("metric", "quality", "mean_word_length"))
    assert [node.text for node in figure.all("text", class_="word")] == ["≥ 3", "≤ 10"]
    lines = [node.attributes["d"] for node in figure.all("path", class_="limit") if node.attributes["class"] == "limit"]
    least, most = (float(d[1:].split(" ")[0]) for d in lines)
    shaded = [(float(n.attributes["x"]), float(n.attributes["width"])) for n in figure.all("rect", class_="shade")]
    assert [pytest.approx(x, abs=0.1) for x in (shaded[0][1] + shaded[0][0], shaded[1][0])] == [least, most]
    assert "min_mean_word_length ≥ 3 else mean_word_length" in figure.text


@pytest.mark.parametrize(
    ("values", "mark", "word", "shade"),
    [
        ([10, 60], ("≥", 5_000), "≥ 5,000 →", (6, 314)), ([10, 60], ("≤", 5_000), None, None),  # far above: all goes, or nothing does
        ([10, 60], ("≤", -5), "← ≤ -5", (6, 314)), ([10, 60], ("≥", -5), None, None),
        ([0, 3, 50, 1000, 70_000], ("≤", 0.25), "≤ 0.25", (18, 314)),  # logarithmic
        ([0, 3, 50, 1000, 70_000], ("≥", 0.25), "≥ 0.25", (6, 18)),
        ([3, 50, 1000, 70_000], ("≤", 0.25), "← ≤ 0.25", (6, 314)), ([3, 50, 1000, 70_000], ("≥", 0.25), None, None),
    ],
)  # fmt: skip
def test_a_threshold_beyond_the_picture_stands_at_its_edge_where_all_is_dropped(values, mark, word, shade):
    b, n = np.unique(histogram_bins(pa.array(values, pa.float64())), return_counts=True)
    svg = Reader(str(pictures.draw(pictures.histogram({int(k): (0, int(c)) for k, c in zip(b, n, strict=True)}), [mark], "x"))).root
    assert [node.text for node in svg.all("text", class_="word")] == ([word] if word else [])
    shaded = [(float(r.attributes["x"]), float(r.attributes["x"]) + float(r.attributes["width"])) for r in svg.all("rect", class_="shade")]
    assert shaded == ([shade] if shade else [])


def test_shares_of_none_and_all_are_no_whole_numbers_where_a_threshold_is_not():
    b = histogram_bins(pa.array([0.0, 1.0], pa.float64())).tolist()
    for limit, spans in ((2, ["0", "1"]), (0.8, ["0", "1 to 1.125"])):
        h = pictures.histogram(dict.fromkeys(b, (1, 0)), [limit])
        assert [pictures.span(bar, h.whole) for bar in h.bars] == spans


def test_values_that_accounts_do_not_name_are_said_to_be_somewhere():
    facts = made(steps=2, values=3)
    assert "Accounts name the values" not in page(facts)
    facts.verdicts["step 1"]["r0"]["by"] = {"lang": {"lang0": [5, 0, 0], OTHERS: [7, 0, 0]}}
    part = read(page(facts)).one("div", id="by-lang")
    assert "Accounts name the values" in part.text
    assert [whole(cell) for cell in part.all("tr")[-1].all("td")[:2]] == [0, 7]


def test_a_value_is_marked_where_it_breaks_its_bound_as_rules_compare():
    """(value, threshold, language, what is marked): float32 against float32, at the bound, by language, none."""
    tenth, above = float(np.float32(0.1)), float(np.nextafter(np.float32(0.1), np.float32(1)))
    by_lang = {"default": 50.0, "zh": 20.0, "th": None}
    for x, side, bound, drop_at, lang, marked in (
        (tenth, "most", 0.1, False, "en", None), (above, "most", 0.1, False, "en", "m 0.1 > 0.1"),
        (tenth, "most", 0.1, True, "en", "m 0.1 = 0.1"),
        (49, "least", 50, False, "en", "m 49 < 50"), (50, "least", 50, False, "en", None), (30, "least", by_lang, False, "zh", None),
        (30, "least", by_lang, False, "en", "m 30 < 50"), (10, "least", by_lang, False, "zh", "m 10 < 20"),
        (1, "least", by_lang, False, "th", None), (None, "least", 50, False, "en", None), (1, "least", None, False, "en", None),
    ):  # fmt: skip
        facts = made(steps=2)
        limit = Threshold("r0", "m", side, "p", bound, "lang" if isinstance(bound, dict) else None, drop_at)
        facts.thresholds = {"step 1": [limit, Threshold("r1", "m", "least", "other", 1e9, None)]}
        facts.samples = {"step 1": {"r0": [Sample({"id": "a", "lang": lang, "text": "t", "m": x}, {"m": x} if x is not None else {})]}}
        card = read(page(facts)).one("article")
        assert [mark.text for mark in card.all("mark")] == ["r0", *([marked] if marked else [])], (x, side, bound)


def test_a_text_begins_where_its_first_mark_is():
    facts = made(steps=2)
    row = {"id": "a", "text": "word " * 1_000 + "Needle and more " * 1_000}
    facts.samples = {"step 1": {"r0": [Sample(row, {}, ["needle"], 30_000)]}}
    quote = read(page(facts)).one("blockquote")
    assert quote.text.startswith("…")
    assert {mark.text for mark in quote.all("mark")} == {"Needle"}
    left = int(re.search(r"… ([\d,]+) more characters$", quote.text)[1].replace(",", ""))
    start = row["text"].index("Needle") - TEXT_CHARS // 4
    assert left == 30_000 - start - TEXT_CHARS


def test_personal_data_is_masked_in_texts_that_were_not_redacted(annotated, tmp_path):
    """Dropped ahead of `redacted`: marks in place of it; dropped behind it: the text as it is."""
    run, _, _ = annotated
    (tmp_path / "dropped").mkdir()
    (tmp_path / "run.json").write_text(json.dumps(run.manifest))
    text_ = "Write to jane.roe@mail.example.com today."
    for step, reason in (("language", "low_language_score"), ("quality", "too_short")):
        row = {"id": "a", "url": "u", "domain": "d", "step": step, "drop_reason": reason, "text": text_, "lang": "en", "lang2": text_}
        pq.write_table(pa.Table.from_pylist([row]), tmp_path / "dropped" / f"{run.steps[step].pass_}-0.parquet")
    copy = open_run(tmp_path)
    found, _ = gather.samples(copy, Facts(copy.manifest, {}, {}))
    early, late = found["language"]["low_language_score"][0], found["quality"]["too_short"][0]
    assert late.row["text"] == text_
    assert "jane" not in early.row["text"]
    assert early.row["text"].startswith("Write to ")
    assert "jane" not in early.metrics["lang2"]
    assert early.chars == len(text_)
    steps = [{**s, "params": {**s["params"], "gone": 1}} if s["name"] == "redacted" else s for s in run.manifest["steps"]]
    (tmp_path / "run.json").write_text(json.dumps({**run.manifest, "steps": steps}))  # of a version with another parameter
    copy = open_run(tmp_path)
    found, _ = gather.samples(copy, Facts(copy.manifest, {}, {}))
    assert found["language"]["low_language_score"][0].row["text"] == ""
    assert found["quality"]["too_short"][0].row["text"] == text_


def test_shadows_of_one_document_on_several_ways_are_one(tmp_path):
    """A file each: the ways of a document join, another step of the same document is another drop."""
    (tmp_path / "shadows").mkdir()
    steps = [{**step, "kind": "row"} for step in made(steps=3).steps]
    manifest = {**made().manifest, "steps": [{"tallies": {}, **step} for step in steps]}
    (tmp_path / "run.json").write_text(json.dumps(manifest))
    for way, rows in enumerate(([("a", []), ("b", ["q:r", "p:r", "p:s"])], [("a", ["q:r"]), ("b", ["x:r"])], [("c", [])])):
        table = {"id": [i for i, _ in rows], "shadow_step": ["s"] * len(rows), "shadow_reason": ["r"] * len(rows),
                 "shadow_later": pa.array([later for _, later in rows], pa.list_(pa.string()))}  # fmt: skip
        pq.write_table(pa.table(table), tmp_path / "shadows" / f"end-{way}.parquet")
    found = gather.shadows(open_run(tmp_path))
    assert (found.documents, found.files, found.of_files) == (3, 3, 3)
    assert (dict(found.seen), dict(found.alone)) == ({("s", "r"): 3}, {("s", "r"): 1})
    assert dict(found.both) == {("s", "q"): 2, ("s", "p"): 1, ("s", "x"): 1}


def test_reading_stops_at_its_bounds(annotated, monkeypatch):
    """Files and rows of a large run are sampled, and the page says so."""
    run, facts, _ = annotated
    monkeypatch.setattr(gather, "SHADOW_FILES", 3)
    monkeypatch.setattr(gather, "SAMPLE_FILES", 1)
    monkeypatch.setattr(gather, "CLUSTER_FILES", 1)
    less = gather.facts(run)
    assert (less.shadows.files, less.shadows.of_files) == (3, facts.shadows.of_files)
    assert 0 < less.shadows.documents < facts.shadows.documents
    assert less.sampled[0] < facts.sampled[0]
    assert less.clusters["urls"].sizes == []
    monkeypatch.setattr(gather, "SHADOW_FILES", 500)
    monkeypatch.setattr(gather, "SHADOW_ROWS", 10)
    assert gather.shadows(run).files < facts.shadows.files
    assert less.clusters["near"] == facts.clusters["near"]  # these need no rows
    text_ = read(page(less)).text
    for said in (f"3 of {facts.shadows.of_files} files", f"From {less.sampled[0]} of {less.sampled[1]} files", "Not counted: 40 dropped"):
        assert said in text_


# -- hostile pages --------------------------------------------------------------------------------

HOSTILE = [
    "</td></table><script>alert(1)</script>", "<img src=x onerror=alert(1)>", '" onmouseover="alert(1)" x="',
    "' autofocus onfocus=alert(1) '", "</script><script>alert(1)</script>", "<!-- ", "--> <script>", "]]>", "<![CDATA[",
    "</style><style>*{display:none}", "javascript:alert(1)", "&lt;script&gt;alert(1)&lt;/script&gt;", "&#60;script&#62;",
    "\u202egnp.exe\u2066\u2069\u200f", "\x00\x1b[31mred\x07", "\ud800", "\ufeff\ufffe",
    "<svg/onload=alert(1)>", "<a href=//evil.example>", "\u2028\u2029\x85", "x" * 5_000, "Z" + "\u0300" * 400, " ", "", OTHERS, "{{7*7}}",
    "\\u003cscript",
    "<b", "<", "a\tb\nc", "ключ \u0661\u0662 नमस्ते 你好 👩\u200d💻", "<plaintext>",
    "<math><mtext></table><mglyph><style><img src onerror=alert(1)>",
]  # fmt: skip


def seen(value):
    """How a text stands in a page once it was read: what cannot be seen by its code point."""
    return Reader(f"<p>{text(value)}</p>").root.text


@pytest.mark.parametrize("value", HOSTILE)
def test_a_text_stays_a_text(value):
    root = Reader(str(el("p", value, title=value))).root
    assert [node.name for node in root.walk()][:2] == ["", "p"]
    assert {node.name for node in root.walk()} <= {"", "p", "i"}
    shown = "".join(c if isinstance(c, str) else chr(int(c.text[2:], 16)) for c in root.one("p").children)
    assert shown == value.replace("\r", "\n")
    assert root.one("p").attributes["title"] == plain_read(value)


def plain_read(value):
    return Reader(f'<p title="{plain(value)}"></p>').root.one("p").attributes["title"]


@given(st.text())
def test_any_text_stays_a_text(value):
    root = Reader(f"<p>{crawled(value, 10_000)}</p>").root
    bdi = root.one("bdi")
    assert "".join(c if isinstance(c, str) else chr(int(c.text[2:], 16)) for c in bdi.children) == value
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]", bdi.text)
    assert ident(value) == ident(value)
    assert re.fullmatch(r"[\w.:]*", ident(value), re.A)


@given(st.lists(st.text(), min_size=2, max_size=2, unique=True))
def test_other_names_have_other_ids(names):
    assert ident(names[0]) != ident(names[1])
    assert ident("a", names[0]) != ident("a", names[1])


def hostile():
    """Facts in which every text that comes from the crawl, or from a recipe or plug-in, is hostile."""
    facts = made(steps=len(HOSTILE))
    facts.failures = []
    for step, evil in zip(facts.steps[:-1], HOSTILE, strict=True):
        step["examples"] = {evil: {other: i for i, other in enumerate(HOSTILE)}}
        step["notes"] = list(HOSTILE)
        step["params"] = {evil: HOSTILE}
        step["use"] = evil
        step["dropped"] = {f"{evil}{i}": 3 for i in range(2)}
        step["branches"] = {}
        facts.verdicts[step["name"]] = {f"{evil}0": {"documents": 3, "bytes": 5, "tokens": 0, "by": {
            name: {value: [1, 2, 3] for value in HOSTILE} for name in ("lang", "domain", "source", "license")}}}  # fmt: skip
        facts.metrics[step["name"]] = {evil: {497: [3, 4], NULL_BIN: [1, 0]}}
        facts.thresholds[step["name"]] = [Threshold(f"{evil}0", evil, "least", evil, {evil: 2.0, "default": 1.5}, "lang")]
        row = {"id": evil, "url": evil, "domain": evil, "lang": evil, "text": "".join(HOSTILE), evil: 0.5}
        facts.samples[step["name"]] = {f"{evil}0": [Sample(row, {evil: 0.5, "words": evil}, HOSTILE, 10**6)]}
        facts.clusters[step["name"]] = Clusters([(1, 1, 5), (2, 2, 1)], evil)
        step["report"] = {"entries": {evil: {"used_tokens": 3, "wanted_tokens": 4, "tokens": 9, "epochs": 0.3, "short_tokens": 1}}}
        facts.failures.append({"id": evil, "url": evil, "step": step["name"], "reason": evil, "detail": evil})
    facts.manifest["name"] = facts.manifest["recipe"] = "".join(HOSTILE)
    return facts


def test_no_page_of_the_crawl_can_do_anything_in_the_report():
    root = read(page(hostile()))
    names = {node.name for node in root.one("main").walk()}
    assert names <= {
        "main", "section", "div", "h1", "h2", "h3", "h4", "p", "dl", "dt", "dd", "b", "i", "span", "small", "a", "ul", "ol", "li", "code",
        "bdi", "data", "table", "caption", "thead", "tbody", "tr", "th", "td", "svg", "g", "rect", "path", "text", "figure", "figcaption",
        "details", "summary", "article", "mark", "blockquote", "footer",
    }  # fmt: skip
    said = root.one("main").text
    for evil in HOSTILE:
        assert seen(evil)[:80] in said, evil
    assert re.search("<", root.one("title").text)


# -- size -----------------------------------------------------------------------------------------


def made(steps=5, reasons=3, metrics=1, values=0, samples=0):
    """Facts of a chain of steps that each drop some documents, and an output."""
    rng = np.random.default_rng(1)
    left, all_ = 10**9, []
    for i in range(steps):
        dropped = {f"r{k}": int(rng.integers(1, left // (20 * reasons))) for k in range(reasons)}
        kept = left - sum(dropped.values())
        all_.append({
            "name": f"step {i}", "use": "gopher_quality", "kind": "row" if i else "source", "needs": [f"step {i - 1}"] if i else [],
            "params": {f"p{k}": k for k in range(20)}, "version": "1", "fingerprint": f"{i:032x}", "pass": "a", "writes": [],
            "notes": [], "examples": {}, "documents_in": left, "created": 0, "kept": kept, "dropped": dropped, "merged": 0, "failed": 0,
            "branches": {}, "bytes_in": left * 3000, "cpu_seconds": float(rng.random() * 1e6), "tallies": {},
        })  # fmt: skip
        left = kept
    end = {**all_[-1], "name": "outputs.web", "kind": "shards", "needs": [f"step {steps - 1}"], "dropped": {}, "documents_in": left,
           "kept": left, "cpu_seconds": 0.0}  # fmt: skip
    of = {dim: {f"{dim}{v}": [int(n), int(n) * 3000, int(n) * 700] for v, n in enumerate(rng.integers(1, 10**7, values))}
          for dim in ("lang", "domain", "source", "crawl", "date", "license")}  # fmt: skip
    manifest = {"name": "made", "recipe": "made.yaml", "status": "done", "sample": 1.0, "annotate": False, "input_bytes": 10**15,
                "inputs": {"crawl": {"files": 10_000, "identity": "0" * 32}}, "steps": [*all_, end]}  # fmt: skip
    bins = np.unique(histogram_bins(pa.array(rng.lognormal(3, 3, 5_000)))).tolist()
    row = {"id": "0" * 32, "url": "u" * 400, "text": "\u202e\u6587<" * 7_000}
    return Facts(
        manifest,
        {s["name"]: {r: {"documents": n, "bytes": n, "tokens": n, "by": of if r == "r0" else {}} for r, n in s["dropped"].items()}
         for s in all_},
        {s["name"]: {f"metric{k}": {b: [10**6, 10**5] for b in bins} for k in range(metrics)} for s in all_},
        {s["name"]: [Threshold("r0", "metric0", "most", "max_metric", 100.0, None)] for s in all_},
        samples={s["name"]: dict.fromkeys(s["dropped"], [Sample(row, {"m": 1.5}, (), 10**6)] * samples) for s in all_},
    )  # fmt: skip


def test_a_run_of_any_size_is_a_page_of_few_megabytes():
    """100 steps with 10 reasons and 100 metrics each, 200 languages, a thousand domains at each step."""
    facts = made(steps=100, reasons=10, metrics=100, values=1_000, samples=3)
    facts.verdicts["step 99"]["kept"] = {"documents": 10**6, "bytes": 0, "tokens": 0, "by": facts.verdicts["step 0"]["r0"]["by"]}
    for step in facts.steps:
        step["examples"] = {"removed lines": {f"{i}" * 300: i for i in range(1000)}}
        step["notes"] = ["n" * 1_000] * 1_000
        step["params"] = {f"p{k}": "v" * 10_000 for k in range(20)}
    facts.shadows = Shadows(10**6, 500, 10**4, 0.0)
    for i in range(99):
        facts.shadows.seen[f"step {i}", "r0"] = 10**4
        facts.shadows.both.update({(f"step {i}", f"step {k}"): 100 for k in range(i + 1, 100)})
    html = page(facts)
    assert len(html.encode()) < 5_000_000
    root = read(html)
    languages = root.one("div", id="by-lang").all("tr", data_find="language")
    assert len(languages) == 201
    assert [row.all("th")[0].text for row in languages][-1] == "800 more"  # and what is not shown is told as one row
    totals = [sum(whole(row.all("td")[k]) for row in languages) for k in (0, 1)]
    every = [sum(n for n, _, _ in facts.verdicts["step 0"]["r0"]["by"]["lang"].values())] * 2
    assert totals == [every[0], every[1] * 100]  # kept at the last step, dropped at each
    assert len(root.all("figure")) == 120
    assert f"{100 * 100 - 120:,} more metrics are not drawn" in root.text


# -- pictures -------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(allow_nan=True, allow_infinity=True), st.booleans()), max_size=60))
def test_a_histogram_loses_no_value(values):
    numbers = [x for x, _ in values]
    bins = {}
    for b, (_, kept) in zip(histogram_bins(pa.array(numbers, pa.float64())).tolist(), values, strict=True):
        bins.setdefault(b, [0, 0])[not kept] += 1
    h = pictures.histogram(bins)
    assert h.kept + h.missing[0] == sum(kept for _, kept in values)
    assert h.dropped + h.missing[1] == sum(not kept for _, kept in values)
    edges = [(bar.low, bar.high) for bar in h.bars]
    assert edges == sorted(edges)
    for (_, high), (low, _) in pairwise(edges):
        assert low >= high  # no two bars overlap
    for b in bins:
        if b != NULL_BIN:
            low, high = bin_edges(b)
            assert any(bar.low <= low and high <= bar.high for bar in h.bars)
    svg = Reader(str(pictures.draw(h, [("≥", 1.0), ("<", -3.5)], "x"))).root
    for rect in svg.all("rect"):
        assert all(math.isfinite(float(v)) and float(v) >= 0 for k, v in rect.attributes.items() if k in ("x", "y", "width", "height"))


@pytest.mark.parametrize(
    ("values", "spans"),
    [
        ([1, 2, 2, 5, 9], ["1", "2", "5", "9"]),  # whole numbers
        ([0, 0.5, 0.5, 0.26], ["0", "0.25 to 0.2812", "0.5 to 0.5625"]),
        ([3, 50, 1000, 70_000], ["3", "48 to 55", "896 to 1,023", "65,536 to 81,919"]),  # logarithmic
        ([-8.0, -3.3], ["-9 to -8", "-3.5 to -3.25"]),
    ],
)
def test_bars_are_told_by_their_values(values, spans):
    b, n = np.unique(histogram_bins(pa.array(values, pa.float64())), return_counts=True)
    h = pictures.histogram({int(k): (int(c), 0) for k, c in zip(b, n, strict=True)})
    assert [pictures.span(bar, h.whole) for bar in h.bars] == spans


def widths(svg, class_, y):
    """Widths at a height of the bands of a strip."""
    found = []
    for path in Reader(str(svg)).root.all("path", class_=class_):
        numbers = [float(x) for x in re.findall(r"-?[\d.]+", path.attributes["d"])]
        if class_ == "k":  # M a0 y-1 V y C ... b0 y1 v1 H b1 v-1 C ... a1 y v-1
            a0, top, b0, bottom, b1, a1 = numbers[0], numbers[2], numbers[7], numbers[8], numbers[10], numbers[-3]
            found += [a1 - a0] * (top == y) + [b1 - b0] * (bottom == y)
    return found


def test_flows_are_as_wide_as_their_documents():
    base = {"created": 0, "merged": 0, "failed": 0, "branches": {}}
    steps = [
        {**base, "name": "a", "needs": [], "documents_in": 1000, "kept": 800, "dropped": {"x": 200}},
        {**base, "name": "route", "needs": ["a"], "documents_in": 800, "kept": 800, "dropped": {}, "branches": {"web": 600, "math": 200}},
        {**base, "name": "q", "needs": ["route.web"], "documents_in": 600, "kept": 300, "dropped": {"y": 300}},
        {**base, "name": "all", "needs": ["q", "route.math"], "documents_in": 500, "kept": 500, "dropped": {}},
    ]
    strips = pictures.graph(steps)
    one = pictures.LANES / 1000
    assert widths(strips[0], "k", 100) == pytest.approx([800 * one], abs=0.11)
    assert sorted(widths(strips[1], "k", 100)) == pytest.approx([200 * one, 600 * one], abs=0.11)
    assert sorted(widths(strips[2], "k", 100)) == pytest.approx([200 * one, 300 * one], abs=0.11)
    assert sorted(widths(strips[3], "k", 0)) == pytest.approx([200 * one, 300 * one], abs=0.11)
    assert [len(Reader(str(s)).root.all("path", class_="d")) for s in strips] == [1, 0, 1, 0]
    leaves = Reader(str(strips[0])).root.one("path", class_="d").attributes["d"]
    numbers = [float(x) for x in re.findall(r"-?[\d.]+", leaves)]
    assert numbers[-2] - numbers[0] == pytest.approx(200 * one, abs=0.11)


# -- the command ----------------------------------------------------------------------------------


def test_the_command_writes_the_page(annotated, tmp_path):
    run, facts, _ = annotated
    out = tmp_path / "report.html"
    said = CliRunner().invoke(app, ["report", str(run.folder), "-o", str(out), "--json"])
    assert said.exit_code == 0, said.output
    assert json.loads(said.stdout) == {"report": str(out), "bytes": out.stat().st_size}
    assert out.read_text() == page(facts)  # the same bytes each time
    for bad, why in ((tmp_path, "it is a folder"), (tmp_path / "no" / "x.html", "there is no folder")):
        with pytest.raises(RecipeError, match=why):
            write(run, bad)


def test_a_run_that_is_not_done_has_its_accounts(annotated, tmp_path):
    run, _, _ = annotated
    manifest = {**run.manifest, "status": "failed", "steps": run.manifest["steps"][:6]}
    (tmp_path / "run.json").write_text(json.dumps(manifest))
    facts = gather.facts(open_run(tmp_path))
    root = read(page(facts))
    assert "This run is failed" in root.text
    assert told(root)["valid/kept"] == run.steps["valid"].account["kept"]
    assert not root.all("article")


@pytest.mark.parametrize("what", ["no output", "no document", "one step", "no metric"])
def test_odd_runs(what):
    facts = made(steps=1 if what == "one step" else 4, values=3)
    if what == "no output":
        facts.manifest["steps"] = facts.manifest["steps"][:-1]
    if what == "no document":
        for step in facts.steps:
            step.update(documents_in=0, kept=0, dropped={}, bytes_in=0, cpu_seconds=0.0)
        facts.verdicts, facts.metrics = {}, {}
    if what == "no metric":
        facts.metrics = {}
    root = read(page(facts))
    assert all(body.children for body in root.all("tbody"))  # no table of nothing
    assert told(root)[f"{facts.steps[0]['name']}/kept"] == facts.steps[0]["kept"]
    assert len(root.one("ol").all("li", data_find="step")) == len(facts.steps)


def test_failed_documents_are_told():
    facts = made(steps=2)
    facts.steps[1]["failed"], facts.steps[1]["kept"] = 2, facts.steps[1]["kept"] - 2
    facts.failures = [{"id": "a", "url": None, "step": "step 1", "reason": "crash", "detail": "signal <11>"}]
    root = read(page(facts))
    assert "Failed (1 of 2)" in root.text
    assert "signal <11>" in root.one("tr", data_find="failed").text


def test_a_run_in_an_object_store_gives_the_same_page(annotated):
    run, facts, _ = annotated
    store, name = fsspec.filesystem("memory"), uuid.uuid4().hex
    for path in run.folder.rglob("*"):
        if path.is_file() and path.relative_to(run.folder).parts[0] in ("run.json", "stats.json", "dropped", "shadows", "failed"):
            store.pipe(f"/{name}/{path.relative_to(run.folder)}", path.read_bytes())
    assert page(gather.facts(open_run(f"memory://{name}"))) == page(facts)


def test_real_pages(real_run):
    run = open_run(real_run)
    root = read(page(gather.facts(run)))
    assert told(root)["outputs.web/kept"] == sum(batch.num_rows for batch in run.batches("outputs", ["id"], output="web"))


# -- in a browser, where there is one -------------------------------------------------------------

if CHROMIUM:

    @pytest.fixture(scope="module")
    def browser():
        with Browser() as found:
            yield found

    def test_the_page_in_a_browser(browser, annotated, tmp_path):
        """No error, no request, no sideways scrolling at any width; search, keyboard and jumps work; without scripts all is there."""
        file = tmp_path / "report.html"
        file.write_text(page(annotated[1]))
        for width, dark in ((360, False), (768, True), (1400, False)):
            browser.open(file, width, 900, dark)
            assert browser.run("document.documentElement.scrollWidth") == width
            assert browser.run("matchMedia('(prefers-color-scheme: dark)').matches") == dark
            assert browser.complaints() == []
            assert browser.requests() == [file.as_uri()]
        browser.key("/", "/")
        for letter in "mean_word":
            browser.key(letter, letter)
        found = "[...document.querySelectorAll('[role=option]')].map(option => option.textContent)"
        options = browser.run(f"new Promise(done => setTimeout(() => done({found}), 300))")
        assert any("mean_word_length" in option for option in options)
        browser.key("ArrowDown")
        browser.key("Enter")
        assert "mean_word_length" in browser.run("document.querySelector('.jumped').textContent")
        browser.run("document.querySelector('#metrics .histogram').focus()")
        browser.key("ArrowRight")
        assert re.search(r"kept [\d,]+, dropped [\d,]+", browser.run("document.getElementById('tip').textContent"))
        browser.run("location.hash = '#step-quality'")
        assert browser.run("new Promise(done => setTimeout(() => done(document.getElementById('step-quality').open), 100))") is True
        assert browser.complaints() == []
        browser.open(file, scripts=False)
        assert browser.complaints() == []

    def test_hostile_pages_in_a_browser(browser, tmp_path):
        """Nothing of the crawl runs: no dialog, no error, no request, no element that is not the report's."""
        file = tmp_path / "report.html"
        file.write_text(page(hostile()), encoding="utf-8")
        browser.open(file, 390, 900)
        assert browser.complaints() == []
        assert browser.requests() == [file.as_uri()]
        assert browser.run("document.querySelectorAll('script').length") == 1
        assert browser.run("document.querySelectorAll('main script, main style, main img, main iframe, main [onerror]').length") == 0
        assert browser.run("document.documentElement.scrollWidth") == 390
        browser.key("/", "/")
        for letter in "<script>":
            browser.key(letter, letter)
        browser.run("new Promise(done => setTimeout(done, 300))")
        assert browser.run("document.querySelectorAll('#found script, #found img').length") == 0
        assert browser.run("document.querySelectorAll('[role=option]').length") > 0
        assert browser.complaints() == []

    def test_the_browser_would_have_seen_it(browser, tmp_path):
        """The check can fail: a page that runs a script, asks for a picture and is too wide is found out."""
        file = tmp_path / "bad.html"
        evil = "<p style='width:2000px'>x<img src='http://evil.invalid/x.png'><script>undefined_name()</script>"
        file.write_text(f"<!doctype html>{evil}")
        browser.open(file, 390, 900)
        assert any("undefined_name" in said for said in browser.complaints())
        assert "http://evil.invalid/x.png" in browser.requests()
        assert browser.run("document.documentElement.scrollWidth") > 390
