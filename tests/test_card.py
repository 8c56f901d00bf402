"""The data card of a mix: its numbers beside the rows, what a hostile crawl may write into it, what it says is missing, where it stands."""

import json
import re
import shutil
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from markdown_it import MarkdownIt

sys.path.append(str(Path(__file__).parent / "engine"))
from engine_kit import ROOT, recipe, rows, run, steps, tree

from curation import cli
from curation.errors import RecipeError
from curation.inspect.markdown import code, table
from curation.inspect.show import read_card
from curation.inspect.summary import read_summary
from curation.ledger import OTHERS
from curation.storage import location
from mixes.card import card as card_module
from mixes.card import page as page_module
from mixes.card.card import by_value
from mixes.card.gaps import gaps
from mixes.card.mentions import difference, movers, wilson
from mixes.card.page import page

SHE, HE, NONE = "She saw the house by the river.", "He saw the house by the river.", "A house by the river, seen from a hill."
N = 400
READ = '{use: parquet, paths: "crawl/*.parquet", carry: [lang, n_tokens, license, score, source, domain]}'
WHO, FILTER = "who: {use: count_mentions}", 'filter: {use: keep, where: "score is not null and score < 7"}'
MIX = "use: mix, recipe: mix.yaml, short: repeat, empty: leave_out, tokens: 9_000, shard_tokens: 1_500"
ENTRIES = """
entries:
  code: {where: "lang is not null and lang = 'py'", weight: 1, max_epochs: 3}
  rest: {where: "score is not null and score < 100", weight: 3}
  none: {where: "score is not null and score > 100", weight: 1}
schedule:
  - {name: main, tokens: 6_000}
  - {name: late, tokens: 3_000, weights: {code: 3}}
validation: {share: 0.05}
"""


def pipeline(folder, steps=(WHO, FILTER), outputs=(f"mix: {{{MIX}, needs: filter}}",), inputs=(f"docs: {READ}",), settings=""):
    """A recipe of some inputs, steps and outputs."""
    sections = {"inputs": inputs, "steps": steps, "outputs": outputs}
    text = "".join(f"{name}:\n" + "".join(f"  {line}\n" for line in lines) for name, lines in sections.items())
    return recipe(folder, text + settings)


HOSTILE = [
    "</td></table><script>alert(1)</script>", "a|b|c", "a\\|b", "`tick``s`", "[x](javascript:alert(1))", "![i](http://evil.example/i.png)",
    "# head\n\n- list\n| x | y |\n|---|---|\n", "\u202egnp.exe", "<img src=x onerror=alert(1)>", "http://evil.example/ www.evil.example",
    "&lt;b&gt;", "*b* _i_ ~~s~~ $x$ @user #1", "x" * 5_000, "\x1b[31mred\x00", "\\", "\\`", "|", " ", OTHERS, "{{7*7}}",
    "<!-- ", "]]>", "\u2028\u0085",
]  # fmt: skip


def corpus(folder, n=N, hostile=()):
    """Documents of which those with `she` have a higher score more often than others, in four files."""
    rng = np.random.default_rng(1)
    kind = np.arange(n) % 3
    score = np.where(kind == 0, rng.integers(0, 14, n), rng.integers(0, 8, n))
    odd = [hostile[i % len(hostile)] if hostile else None for i in range(n)]
    documents = pa.table({
        "id": [f"{i:032x}" for i in range(n)], "url": [f"http://site{i % 7}.example/{i}" for i in range(n)],
        "text": pa.array([(SHE, HE, NONE)[k] + f" It was number {i}." for i, k in enumerate(kind)], pa.large_string()),
        "lang": [o or ("en", "en", "en", "py", "de")[i % 5] for i, o in enumerate(odd)],
        "n_tokens": pa.array(rng.integers(1, 60, n), pa.int64()), "score": pa.array(score, pa.int64()),
        "license": [o or (None, "cc-by", "mit")[i % 3] for i, o in enumerate(odd)],
        "source": [o or ("web", "books")[i % 2] for i, o in enumerate(odd)],
        "domain": [o or f"site{i % 7}.example" for i, o in enumerate(odd)],
        "date": pa.array([i * 2_000_000_000_000 for i in range(n)], pa.timestamp("us", tz="UTC")),
    })  # fmt: skip
    (folder / "crawl").mkdir(parents=True, exist_ok=True)
    for i in range(4):
        pq.write_table(documents.slice(i * n // 4, n // 4), folder / "crawl" / f"{i}.parquet")
    (folder / "mix.yaml").write_text(ENTRIES)
    return pipeline(folder)


def made(out, name="mix"):
    return json.loads((Path(out) / "cards" / f"{name}.json").read_text())


def written(out, name="mix"):
    return (Path(out) / "cards" / f"{name}.md").read_text()


def html(text):
    """What GitHub's tables and CommonMark make of a page."""
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixed")
    file = corpus(folder)
    run(file, folder / "out")
    return folder / "out"


# -- its numbers ----------------------------------------------------------------------------------------


def test_all_of_it_adds_up_to_the_rows(mixed):
    card, got = made(mixed), rows(mixed, "outputs", "mix")
    assert card["total"]["rows"] == len(got)
    assert card["total"]["documents"] == len({r["id"] for r in got}) < len(got)
    assert card["total"]["tokens"] == sum(r["n_tokens"] for r in got)
    files = sorted((mixed / "outputs" / "mix").glob("*.parquet"))
    assert (card["total"]["shards"], card["total"]["bytes"]) == (len(files), sum(f.stat().st_size for f in files))
    for part in ("validation", "main", "late"):
        mine, shards = [r for r in got if r["mix_phase"] == part], [f.stat().st_size for f in files if f.name.startswith(part)]
        assert card["parts"][part] == {
            "tokens": sum(r["n_tokens"] for r in mine), "uses": len(mine), "documents": sum(r["mix_copy"] == 0 for r in mine),
            "shards": len(shards), "bytes": sum(shards), "smallest_bytes": min(shards), "largest_bytes": max(shards),
        }  # fmt: skip


@pytest.mark.parametrize("dimension", ["lang", "source", "domain", "license", "date"])
def test_values_are_those_of_the_rows(mixed, dimension):
    expected_rows, tokens = Counter(), Counter()
    for r in rows(mixed, "outputs", "mix"):
        value = r["date"].strftime("%Y-%m") if dimension == "date" else r[dimension] or ""
        expected_rows[value] += 1
        tokens[value] += r["n_tokens"]
    got = made(mixed)["by"][dimension]
    assert {v["value"]: (v["rows"], v["tokens"]) for v in got} == {value: (n, tokens[value]) for value, n in expected_rows.items()}
    assert [v["tokens"] for v in got] == sorted((v["tokens"] for v in got), reverse=True)


def test_entries_are_those_of_the_accounts(mixed):
    card = made(mixed)
    assert card["entries"] == steps(mixed)["mix"]["report"]["entries"]
    assert card["entries"]["none"]["documents"] == 0
    assert "The mix is short: `none has nothing to give: no document`" in card["gaps"]
    assert card["entries"]["none"]["parts"]["validation"]["wanted_documents"] == 0
    assert "Nothing of `none` is held out for validation." in card["gaps"]
    assert not [gap for gap in card["gaps"] if "`rest`" in gap]
    assert card["entries"]["code"]["epochs"] > 1


def test_what_is_short_and_what_failed_is_said(tmp_path):
    corpus(tmp_path, 80)
    few = MIX.replace("short: repeat", "short: scale")
    settings = "settings: {max_failed: {share: 0.5, least: 50}}"
    file = pipeline(tmp_path, (WHO, "risky: {use: poison, how: raise}", FILTER), (f"mix: {{{few}, needs: filter}}",), settings=settings)
    documents = pq.read_table(tmp_path / "crawl" / "0.parquet")
    broken = documents["text"].to_pylist()
    broken[3] = "POISON " + broken[3]
    pq.write_table(documents.set_column(2, "text", pa.array(broken, pa.large_string())), tmp_path / "crawl" / "0.parquet")
    run(file, tmp_path / "out")
    card = made(tmp_path / "out")
    (short,) = (gap for gap in card["gaps"] if gap.startswith("The mix is short: ") and "nothing to give" not in gap)
    found = re.search(r"`(\w+) has ([\d,]+) tokens, [\d.]+ % of 9,000 are ([\d,]+): entries with weights give ", short)
    has, wanted = (int(n.replace(",", "")) for n in found.groups()[1:])
    assert card["entries"][found[1]]["wanted_tokens"] - card["entries"][found[1]]["short_tokens"] == has < wanted
    assert short in written(tmp_path / "out")
    assert card["total"]["failed"] == 1
    assert [gap for gap in card["gaps"] if gap.startswith("1 document failed")]


def test_steps_say_what_they_are_and_dropped(mixed):
    card, all_steps = made(mixed), steps(mixed)
    assert [s["name"] for s in card["steps"]] == ["docs", "who", "filter", "mix"]
    for s in card["steps"]:
        assert s["fingerprint"] == all_steps[s["name"]]["fingerprint"]
        assert s["dropped"] == all_steps[s["name"]]["dropped"]
    by_name = {s["name"]: s for s in card["steps"]}
    given = {"recipe": "mix.yaml", "short": "repeat", "empty": "leave_out", "tokens": 9_000, "shard_tokens": 1_500}
    assert by_name["mix"]["given"] == given
    assert by_name["who"]["given"] == {}
    assert by_name["who"]["params"] == {"lists": {"en": "mentions.en.yaml"}}
    assert by_name["who"]["kind"] == "mentions"
    assert by_name["filter"]["given"]["rules"] == {"where": "score is not null and score < 7"}


def test_a_part_has_its_own_shards_whatever_its_name(tmp_path):
    corpus(tmp_path, 80)
    phases = 'entries: {all: {where: "true", weight: 1}}\nschedule: [{name: train, tokens: 700}, {name: train-00000, tokens: 700}]\n'
    (tmp_path / "mix.yaml").write_text(phases)
    run(pipeline(tmp_path, outputs=("mix: {use: mix, recipe: mix.yaml, shard_tokens: 200, needs: filter}",)), tmp_path / "out")
    for part, of in made(tmp_path / "out")["parts"].items():
        shards = [pq.read_table(p, columns=["mix_phase"]) for p in (tmp_path / "out" / "outputs" / "mix").glob("*.parquet")]
        assert of["shards"] == sum(set(shard["mix_phase"].to_pylist()) == {part} for shard in shards) > 1


def test_entries_that_are_all_there_is_and_give_too_little_are_said(tmp_path):
    corpus(tmp_path, 80)
    (tmp_path / "mix.yaml").write_text('entries: {all: {where: "true", tokens: 50}}\nschedule: [{name: a, tokens: 1000}]\n')
    run(pipeline(tmp_path, outputs=("mix: {use: mix, recipe: mix.yaml, needs: filter}",)), tmp_path / "out")
    said = "entries without a weight are all there is and give 50 of 1,000 tokens"
    assert f"The mix is short: {code(said, 300)}" in made(tmp_path / "out")["gaps"]
    assert steps(tmp_path / "out")["mix"]["notes"][-1] == f"short: {said}"


def test_only_steps_above_the_mix_are_in_it(tmp_path):
    corpus(tmp_path, 80)
    aside = 'other: {use: keep, needs: docs2, where: "score is not null and score < 3"}'
    outputs = ("rest: {use: shards, needs: other}", f"mix: {{{MIX}, needs: filter}}")
    first = WHO.replace("{use", "{needs: docs, use")
    file = pipeline(tmp_path, (first, FILTER, aside), outputs, (f"docs2: {READ}", f"docs: {READ}"))
    run(file, tmp_path / "out")
    assert set(steps(tmp_path / "out")) >= {"docs2", "other"}
    assert [s["name"] for s in made(tmp_path / "out")["steps"]] == ["docs", "who", "filter", "mix"]
    assert sorted(p.name for p in (tmp_path / "out" / "cards").iterdir()) == ["mix.json", "mix.md"]
    assert list(made(tmp_path / "out")["inputs"]) == ["docs"]


def test_a_recipe_without_a_duty_is_told_so(mixed):
    said = " ".join(made(mixed)["gaps"])
    for missing in ("decontaminate", "identify_language", "find_pii", "block_domains", "nsfw", "dedup_exact"):
        assert f"`{missing}`" in said
    assert "count_mentions" not in said
    assert "Licences" not in said


@pytest.mark.parametrize(("uses", "copies", "near"), [
    ((), True, False), (("dedup_exact",), False, True), (("dedup_minhash",), False, False), (("dedup_books",), True, False),
    (("dedup_exact", "dedup_semantic"), False, False),
])  # fmt: skip
def test_what_is_said_of_copies(mixed, uses, copies, near):
    card = made(mixed)
    said = gaps(card, [*card["steps"], *({**card["steps"][0], "use": use} for use in uses)])
    assert any(gap.startswith("Copies of documents") for gap in said) is copies
    assert any(gap.startswith("Near copies") for gap in said) is near


# -- who is mentioned -----------------------------------------------------------------------------------


def mention(r, group):
    return r[f"mentions_{group}"] is not None and r[f"mentions_{group}"] > 0


@pytest.mark.parametrize("group", ["she", "he", "gender"])
def test_mentions_are_counted_from_the_columns(mixed, group):
    kept = {r["id"]: r for r in rows(mixed, "outputs", "mix")}.values()
    every = [*kept, *rows(mixed, "dropped")]
    (found,) = (g for g in made(mixed)["mentions"]["groups"] if g["group"] == group)
    assert found["known"] == sum(r[f"mentions_{group}"] is not None for r in every) > found["kept_known"]
    assert found["mention"] == sum(mention(r, group) for r in every)
    assert found["mentions"] == sum(r[f"mentions_{group}"] or 0 for r in every)
    assert found["kept_known"] == sum(r[f"mentions_{group}"] is not None for r in kept)
    assert found["kept_mention"] == sum(mention(r, group) for r in kept)


def test_the_step_that_moved_it_most_is_named(mixed):
    dropped = rows(mixed, "dropped")
    (first, *_) = made(mixed)["mentions"]["moved"]
    assert (first["step"], first["group"]) == ("filter", "she")
    gone = [r for r in dropped if r["step"] == "filter" and r["mentions_she"] is not None]
    assert (first["dropped_known"], first["dropped_mention"]) == (len(gone), sum(r["mentions_she"] > 0 for r in gone))
    assert 0 < first["low"] < first["difference"] < first["high"]
    assert re.search(r"\| `filter` \| `she` \| \d+ of \d+ \|", written(mixed))


def tallied(mention_, known, gone_mention, gone):
    return {"name": "s", "tallies": {"in": {"mentions_x": [known, mention_, mention_]}, "dropped": {"mentions_x": [gone, gone_mention, 9]}}}


@pytest.mark.parametrize(("numbers", "told"), [
    ((100, 1000, 30, 120), True),
    ((100, 1000, 12, 120), False),
    ((10, 1000, 3, 120), False),
    ((100, 1000, 0, 120), True),
    ((0, 1000, 0, 120), False),
    ((1000, 1000, 30, 30), False),
    ((100, 1000, 0, 0), False),
])  # fmt: skip
def test_noise_is_no_effect(numbers, told):
    assert bool(movers([tallied(*numbers)])["moved"]) is told


def test_of_many_comparisons_chance_shows_none():
    rng = np.random.default_rng(5)
    many = []
    for k in range(500):
        gone_with, gone_without = rng.binomial(300, 0.2), rng.binomial(2_000, 0.2)
        many.append({**tallied(300, 2_300, int(gone_with), int(gone_with + gone_without)), "name": f"s{k}"})
    found = movers(many)
    assert found["comparisons"] == 500
    assert len(found["moved"]) <= 1
    alone = sum(bool(movers([step])["moved"]) for step in many)
    assert 10 <= alone <= 45  # one by one, some 5 % would have been taken for effects


def test_intervals_are_those_of_the_books():
    assert wilson(81, 263, 1.96) == pytest.approx((0.2553, 0.3662), abs=1e-4)  # Newcombe 1998 a, table I, method 3
    assert wilson(0, 20, 1.96) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert difference(56, 70, 48, 80, 1.96) == pytest.approx((0.0524, 0.3339), abs=1e-4)  # Newcombe 1998 b, table II, method 10
    assert difference(10, 10, 0, 10, 1.96) == pytest.approx((0.6075, 1.0), abs=1e-4)


# -- hostile strings ------------------------------------------------------------------------------------


def test_nothing_that_was_crawled_becomes_markup(tmp_path):
    run(corpus(tmp_path, 240, HOSTILE), tmp_path / "out")
    calm = corpus(tmp_path / "calm", 240)
    run(calm, tmp_path / "calm" / "out")
    text = written(tmp_path / "out")
    assert all(c.isprintable() or c in "\n\u00a0" for c in text)
    tags = set(re.findall(r"<(\w+)", html(text)))
    assert tags == set(re.findall(r"<(\w+)", html(written(tmp_path / "calm" / "out"))))
    for line in text.splitlines():  # each row has the cells of its table
        if line.startswith("|"):
            assert len(re.findall(r"<t[dh][ >]", html(f"{line}\n{re.sub('[^|]+', '---', line)}\n"))) == line.count("|") - 1
    values = {v["value"] for v in made(tmp_path / "out")["by"]["domain"]}
    assert {v[:256] for v in HOSTILE} <= values | {" "}


@pytest.mark.parametrize("value", HOSTILE)
def test_a_code_span_holds_whatever_it_is_given(value):
    span = code(value)
    assert len(span) < 100
    got = html(table(("a", "b"), [[span, "1"]]))
    assert got.count("<td") == 2
    assert got.count("<code>") == (span != "(none)")
    assert re.sub(r"</?(?:table|thead|tbody|tr|td|th|code)\b[^>]*>", "", got).count("<") == 0
    inline = html(f"- {span} and **more**")
    assert "<strong>more</strong>" in inline


def test_names_in_gaps_cannot_become_markup(mixed):
    card = made(mixed)
    step = {**card["steps"][0], "use": "count_tokens", "params": {"tokenizer": "a`<b>|.json"}, "given": {"tokenizer": 1}}
    card["entries"] = {"a`<b>": card["entries"]["none"]}
    card["lacking"] = ["x ` <script>"]
    said = gaps(card, [*card["steps"], step])
    assert "Tokens are those of `a?<b>?.json`: another tokenizer counts others." in said
    assert not set(re.findall(r"<(\w+)", html("\n".join(f"- {gap}" for gap in said)))) - {"ul", "li", "code", "p"}


# -- where it stands, and when there is none ------------------------------------------------------------


def test_the_same_run_has_the_same_card_wherever_it_is(mixed, tmp_path):
    file = corpus(tmp_path / "elsewhere")
    run(file, tmp_path / "elsewhere" / "out")
    assert tree(mixed, "cards") == tree(tmp_path / "elsewhere" / "out", "cards") != {}
    run(file, tmp_path / "elsewhere" / "out")  # and again, with nothing to do
    assert tree(mixed, "cards") == tree(tmp_path / "elsewhere" / "out", "cards")
    assert str(ROOT) not in written(mixed) + (mixed / "cards" / "mix.json").read_text()


def test_in_an_object_store_it_is_the_same(mixed, tmp_path):
    file, url = corpus(tmp_path), f"memory://cards/{tmp_path.name}"
    run(file, url)
    for name in ("mix.md", "mix.json"):
        assert (location(url) / "cards" / name).read_bytes() == (mixed / "cards" / name).read_bytes()
    assert read_card(location(url), None, "md") == written(mixed)


def test_the_command_shows_it(mixed, capsys):
    cli.app(["card", str(mixed)], standalone_mode=False)
    assert capsys.readouterr().out == written(mixed)
    cli.app(["card", str(mixed), "--output", "mix", "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out) == made(mixed)


def test_an_empty_mix_has_a_card_that_says_so(tmp_path):
    corpus(tmp_path, 80)
    run(pipeline(tmp_path, (WHO, FILTER.replace("< 7", "< 0"))), tmp_path / "out")
    card = made(tmp_path / "out")
    assert card["total"]["documents"] == card["total"]["tokens"] == card["total"]["shards"] == 0
    nothing = [f"The mix is short: `{name} has nothing to give: no document`" for name in ("code", "rest", "none")]
    assert [gap for gap in card["gaps"] if "nothing to give" in gap] == nothing
    assert "**0 tokens** in 0 documents" in written(tmp_path / "out")
    assert "nan" not in written(tmp_path / "out")


def test_a_run_without_a_mix_has_none(tmp_path, monkeypatch, capsys):
    run(corpus(tmp_path, 80), tmp_path / "out")
    assert (tmp_path / "out" / "cards" / "mix.md").exists()
    run(pipeline(tmp_path, outputs=("web: {use: shards, needs: filter}",)), tmp_path / "out")
    assert not list((tmp_path / "out" / "cards").iterdir())  # that of the mix there was is gone
    monkeypatch.setattr(sys, "argv", ["curate", "card", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as e:
        cli.main()
    assert e.value.code == 2
    assert "has no card: none of its outputs (web) is made by a stage that writes one, as `mix` does" in capsys.readouterr().err


@pytest.mark.parametrize(("output", "says"), [("mox", "did you mean 'mix'"), ("web", "it has cards of mix")])
def test_a_name_that_has_no_card(mixed, output, says):
    with pytest.raises(RecipeError, match=re.escape(says)):
        read_card(mixed, output, "md")


def test_an_unfinished_run_is_told_apart(mixed, tmp_path):
    manifest = json.loads((mixed / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**manifest, "status": "running"}))
    with pytest.raises(RecipeError, match="is running: finish it"):
        read_card(tmp_path, None, "md")
    with pytest.raises(RecipeError, match="is not the folder of a run"):
        read_card(tmp_path / "nowhere", None, "md")


def test_a_sample_is_called_one_and_notes_on_dropped_documents_change_nothing(mixed, tmp_path):
    file = corpus(tmp_path)
    run(file, tmp_path / "sample", sample=0.5)
    assert "The run took a sample of 0.5 of its input." in made(tmp_path / "sample")["gaps"]
    run(file, tmp_path / "annotated", annotate=True)
    whole, annotated = made(mixed), made(tmp_path / "annotated")  # fingerprints know of the share of shadows
    assert {name: whole[name] for name in ("total", "entries", "parts", "by", "mentions", "gaps")}.items() <= annotated.items()


def test_two_mixes_have_two_cards(tmp_path):
    corpus(tmp_path, 80)
    both = """both: {use: split, to: {a: "true", b: "true"}, else: c, copy: true}"""
    second = "second: {use: mix, needs: both.b, recipe: mix.yaml, empty: leave_out, tokens: 500}"
    named = (WHO, both, FILTER.replace("{use", "{needs: both.a, use"), 'left: {use: keep, needs: both.c, where: "true"}')
    run(pipeline(tmp_path, named, (f"mix: {{{MIX}, needs: filter}}", second, "rest: {use: shards, needs: left}")), tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out" / "cards").iterdir()) == ["mix.json", "mix.md", "second.json", "second.md"]
    assert made(tmp_path / "out", "second")["total"]["tokens"] < made(tmp_path / "out")["total"]["tokens"]
    with pytest.raises(RecipeError, match="name one with --output"):
        read_card(tmp_path / "out", None, "md")
    assert read_card(tmp_path / "out", "second", "md") == written(tmp_path / "out", "second")


# -- large runs -----------------------------------------------------------------------------------------


def test_what_is_not_shown_is_one_sum(monkeypatch):
    values = {f"d{n}": [10 - n, 1, 100 + n] for n in range(5)} | {OTHERS: [7, 1, 9]}
    said = {"mix": {"verdicts": {"kept": {"by": {"domain": values, "license": {"a": [1, 1, 1]}, "licence": {"a": [2, 2, 2]}}}}}}
    found = by_value("mix", said)["domain"]
    assert [v["value"] for v in found] == ["d4", "d3", "d2", "d1", "d0", OTHERS]
    assert found[-1] == {"value": OTHERS, "rows": 7, "tokens": 9}
    assert by_value("mix", said)["license"] == [{"value": "a", "rows": 3, "tokens": 3}]
    monkeypatch.setattr(card_module, "SHOWN_VALUES", 3)
    (*first, last) = by_value("mix", said)["domain"]
    assert len(first) == 3
    assert last["rows"] == sum(v["rows"] for v in found) - sum(v["rows"] for v in first)


def test_long_lists_are_cut_and_years_stand_for_months(monkeypatch, mixed):
    card = made(mixed)
    card["by"]["date"] = [{"value": f"{2010 + m // 12}-{m % 12 + 1:02d}", "rows": 1, "tokens": 10} for m in range(40)]
    monkeypatch.setitem(page_module.SHOWN, "domain", 2)
    text = page(card)
    assert "| `2010` | 120 | 30.0\u00a0% | 12 |" in text
    assert "| `2013` | 40 | 10.0\u00a0% | 4 |" in text
    assert "| 5 more |" in text


def test_no_shard_is_read(mixed, tmp_path, monkeypatch):
    """All of it comes from the accounts: with every shard gone the same card is made."""
    shutil.copytree(mixed, tmp_path / "out", symlinks=True)
    for file in (tmp_path / "out").rglob("*.parquet"):
        file.unlink()
    (tmp_path / "out" / "stats.json").unlink()
    manifest = json.loads((tmp_path / "out" / "run.json").read_text())
    files = [{"name": p.name, "part": p.name.partition("-")[0], "rows": pq.read_metadata(p).num_rows, "bytes": p.stat().st_size}
             for p in sorted((mixed / "outputs" / "mix").glob("*.parquet"))]  # fmt: skip
    again = card_module.card("outputs.mix", manifest, read_summary(tmp_path / "out").steps, files)
    assert json.loads(again["mix.json"]) == made(mixed)
