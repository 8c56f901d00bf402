"""The published recipes, on one crawl in one run: what each step of each keeps, beside what was published; writes docs/recipes.md.

    python -m bench.recipes                     write the page from the sample crawl and the samples of other sources
    python -m bench recipes --crawl FILES       the same figures of other WARC files (a glob)

The recipes run as one recipe. Steps that are the same behind the same steps run once; tokens are counted behind each step
that makes or changes texts: no verdict depends on that.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from bench.measure import ROOT, curate, run, scratch, versions

FOLDER = ROOT / "examples" / "recipes"
PAGE = ROOT / "docs" / "recipes.md"
WEB = ("ccnet", "c4", "refinedweb", "fineweb", "dclm", "llama3")
"""Recipes of a web crawl, oldest first."""
OPTIONS = {"crawl": "WARC files to run on, a glob (default: the sample crawl)"}

PUBLISHED: dict[str, tuple[str, dict[str, str]]] = {
    "ccnet": (
        "Duplicated paragraphs are 70 % of the text (section 3.2). Of the characters of a shard 42 % are left where a shard is compared "
        "with itself, 28 % with 100 shards (figure 4).",
        {"lines": "28 to 42 % of characters stay"},
    ),
    "c4": (
        "745 GB of 6.1 TB of English text stay (Raffel et al., table 8). Made again by Dodge et al. 2021 (arXiv:2104.08758, table 1): "
        "1.1 billion pages and 1.4 T tokens of English, 395 million and 198 G behind the rules, 365 million and 156 G behind the words.",
        {"spans": "36 % of pages, 14 % of tokens stay, of English ones", "words": "92 % of pages, 79 % of tokens stay"},
    ),
    "refinedweb": (
        "URLs remove 2.24 % of the documents, extraction 1.49 %, English 50.66 %; from there on rates are of tokens: repetition 24.28 %, "
        "other rules 16.19 %, line corrections 22.59 %, MinHash 37.88 %, exact substrings 18.47 % (figure 2). What is left of "
        "all is the product of both, as there.",
        {
            "blocked": "97.76 % left", "text": "96.31 % left", "english": "47.51 % left",
            "repetition": "35.97 % left, 75.72 % of tokens stay",
            "quality": "30.15 % left, 83.81 % of tokens stay", "lines": "23.34 % left, 77.41 % of tokens stay",
            "near": "14.50 % left, 62.12 % of tokens stay", "spans": "11.67 % left, 81.53 % of tokens stay",
        },
    ),
    "fineweb": (
        "36 T tokens behind Gopher's rules, 20 T behind MinHash within each snapshot (sections 3.3, 3.4), 15 T in the end (3.7). C4's "
        "rules without that about ends of lines remove about 7 % of the tokens, the three filters about 22 % (sections 3.5, 3.6), each "
        "alone 10.14, 12.47 and 3.73 %. The paper puts MinHash before C4's rules, the program behind the three filters.",
        {"c4": "about 93 % of tokens stay", "lists": "about 78 % of tokens stay", "near": "56 % of tokens stay (of texts before `c4`)"},
    ),
    "dclm": (
        "Of the documents the URL filters remove 0.8 %, English 50.8 %, page length 7.9 %, repetition 9.6 %, lost words 2.0 %, the other "
        "rules 9.0 %, so that 19.9 % are left; the Bloom filter 6.2 %, the classifier 12.3 %: 1.4 % stay (figure 4).",
        {
            "blocked": "99.2 % of all documents left", "english": "48.4 % of all documents left",
            "quality": "31.5 % of all documents left",
            "repetition": "21.9 % of all documents left", "lines": "19.9 % of all documents left",
            "paragraphs": "13.7 % of all documents left", "best": "1.4 % of all documents left, a tenth of those scored",
        },
    ),
    "llama3": ("No rate was published.", {}),
}  # fmt: skip
"""Recipe -> what was published about it as a whole, and by step."""


LLAMA1 = {
    "common_crawl": ("67.0 %", "3.3 TB", "1.10"), "c4": ("15.0 %", "783 GB", "1.06"), "github": ("4.5 %", "328 GB", "0.64"),
    "wikipedia": ("4.5 %", "83 GB", "2.45"), "books": ("4.5 %", "85 GB", "2.23"), "arxiv": ("2.5 %", "92 GB", "1.06"),
    "stackexchange": ("2.0 %", "78 GB", "1.03"),
}  # fmt: skip
"""Source -> share of the tokens, size on disk and epochs as LLaMA's table 1 has them."""


@dataclass
class Funnel:
    """What the steps of one recipe kept.

    Args:
        came: records of the crawl, damaged ones too.
        rows: (step, stage, documents, tokens or None where there is no text yet).
    """

    name: str
    came: int
    rows: list[tuple[str, str, int, int | None]]


def together(names: tuple[str, ...] = WEB, crawl: list[str] | None = None) -> tuple[dict[str, Any], dict[str, list[tuple[str, str]]]]:
    """One recipe of several.

    Args:
        crawl: WARC files in place of the recipes' own, each a path or glob; relative ones to the folder one is in.
    Returns: the recipe; of each recipe its steps, and the step of the whole that does each (and counts its tokens).
    """
    inputs: dict[str, Any] = {}
    steps: dict[str, dict[str, Any]] = {}
    outputs: dict[str, dict[str, Any]] = {}
    known: dict[str, str] = {}
    paths: dict[str, list[tuple[str, str]]] = {}
    for name in names:
        changing, said = _recipe(name)
        assert not inputs or inputs == said["inputs"], f"{name} reads another input"
        inputs = said["inputs"]
        at, paths[name] = next(iter(inputs)), []
        for step, entry in said["steps"].items():
            assert "needs" not in entry, f"{name}.{step}: only steps in a row are put together"
            own = json.dumps([entry, at], sort_keys=True)
            if own not in known:
                steps[f"{name}_{step}"] = {**entry, "needs": at}
                known[own] = f"{name}_{step}"
                if step in changing:
                    counted = any(real.endswith("_tokens") for _, real in paths[name])
                    if counted:  # what came to the change is written, so that its tokens are in the accounts
                        steps[at]["checkpoint"] = True
                    use = "count_tokens_again" if counted else "count_tokens"
                    steps[f"{name}_{step}_tokens"] = {"use": use, "needs": known[own]}
                    known[own] += "_tokens"
            at = known[own]
            paths[name].append((step, at))
        outputs[name] = {"use": "shards", "needs": at}
    if crawl is not None:
        inputs["crawl"]["paths"] = [path if "://" in path else str(Path.cwd() / path) for path in crawl]
    _send_to_each(steps, outputs)
    plugins = [str(ROOT / "bench" / "stages_for_bench.py")]
    settings = {"pack_bytes": 64 << 20}  # a task a pass where the crawl is small: there are some fifty passes
    return {"name": "recipes", "plugins": plugins, "inputs": inputs, "steps": steps, "outputs": outputs, "settings": settings}, paths


def _recipe(name: str) -> tuple[set[str], dict[str, Any]]:
    """Which steps of a recipe write `text`, and its YAML with paths that hold anywhere."""
    from curation.plan import Plan
    from curation.recipe import load

    file = FOLDER / f"{name}.yaml"
    changing = {step.name for step in Plan(load(file), fingerprints=False).steps.values() if "text" in step.writes}
    return changing, yaml.safe_load(file.read_text(encoding="utf-8").replace("../", f"{FOLDER.parent}/"))


def _send_to_each(steps: dict[str, dict[str, Any]], outputs: dict[str, dict[str, Any]]) -> None:
    """Put a split that copies where several need the rows of one step."""
    for port in list(steps):
        behind = {name: entry for name, entry in [*steps.items(), *outputs.items()] if entry["needs"] == port}
        if len(behind) > 1:
            steps[f"{port}_to"] = {"use": "split", "copy": True, "needs": port, "to": dict.fromkeys(behind, "true"), "else": "none"}
            for name, entry in behind.items():
                entry["needs"] = f"{port}_to.{name}"
    outputs["none"] = {"use": "shards", "needs": [f"{name}.none" for name, entry in steps.items() if entry["use"] == "split"]}


def funnels(folder: Path, paths: dict[str, list[tuple[str, str]]]) -> list[Funnel]:
    """What a finished run of `together` kept, recipe by recipe."""
    from curation.inspect.summary import read_summary

    summary = read_summary(folder)
    accounts = {s["name"]: s for s in summary.manifest["steps"]}

    def kept(real: list[str]) -> int | None:
        """Tokens that the first of some steps in a row kept: as it wrote them, or what those behind it in its pass dropped and kept."""
        step, *behind = real
        if (counts := summary.kept(step)) is not None:
            return counts[2]
        branch = summary.verdicts(f"{step}_to").get(f"kept.{behind[0]}") if behind else None
        if branch is not None:
            return branch[2]
        rest = kept(behind) if behind and accounts[behind[0]]["pass"] == accounts[step]["pass"] else None
        return None if rest is None else rest + summary.dropped(behind[0])[2]

    found = []
    for name, path in paths.items():
        rows, texts = [], False
        for place, (step, real) in enumerate(path):
            texts = texts or real.endswith("_tokens")
            counted = accounts[real.removesuffix("_tokens")]
            rows.append((step, counted["use"], counted["kept"], kept([r for _, r in path[place:]]) if texts else None))
        found.append(Funnel(name, accounts["crawl"]["documents_in"], rows))
    return found


def measured(crawl: list[str] | None = None, folder: Path | None = None) -> tuple[list[Funnel], dict[str, Any]]:
    """Run the recipes together.

    Returns: their funnels; the run as `curate run --json` says it.
    """
    whole, paths = together(crawl=crawl)
    with scratch() as here:
        out = folder or here / "run"
        recipe = here / "recipes.yaml"
        recipe.write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")
        _, said = run(curate("run", str(recipe), "-j", "2", "--out", str(out), "--json"))
        return funnels(out, paths), json.loads(said)


def sources(folder: Path) -> list[tuple[str, int, int, int, float]]:
    """What a finished run of llama1.yaml has of each source: name, records, documents and tokens behind its steps, share of the mix."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    records = {s["name"]: s["documents_in"] for s in json.loads((folder / "run.json").read_text(encoding="utf-8"))["steps"]}
    clean, mixed = (pq.read_table(folder / "outputs" / name, columns=["source", "n_tokens"]) for name in ("all", "mix"))
    total = pc.sum(mixed["n_tokens"]).as_py()
    found = []
    for name in LLAMA1:
        rows, taken = (table.filter(pc.field("source") == name)["n_tokens"] for table in (clean, mixed))
        found.append((name, records[name], len(rows), pc.sum(rows).as_py(), (pc.sum(taken).as_py() or 0) / total))
    return found


def measure(scale: float, pairs: int, only: list[str], crawl: str | None = None) -> dict[str, Any]:
    """The funnels as tables."""
    found, _ = measured(None if crawl is None else [crawl])
    grids = []
    for funnel in found:
        rows = [[step, *(f"{n:,}" if n is not None else None for n in (documents, tokens))] for step, _, documents, tokens in funnel.rows]
        grids.append({"title": funnel.name, "columns": ["step", "documents", "tokens"], "rows": rows})
    return {"name": "recipes", "parts": {"kept": {"grids": grids}}, "targets": {}, "versions": versions("pyarrow", "numba", "trafilatura")}


def page(found: list[Funnel], of_sources: list[tuple[str, int, int, int, float]]) -> str:
    """docs/recipes.md, of the funnels of web recipes and what llama1.yaml has of each source."""
    parts = [INTRODUCTION]
    for funnel in found:
        said, by_step = PUBLISHED[funnel.name]
        head = (FOLDER / f"{funnel.name}.yaml").read_text(encoding="utf-8").split("\nname:")[0]
        parts += [f"## {funnel.name}", f"[examples/recipes/{funnel.name}.yaml](../examples/recipes/{funnel.name}.yaml)", _prose(head)]
        parts += [f"*Published.* {said}", _table(funnel, by_step)]
    head = (FOLDER / "llama1.yaml").read_text(encoding="utf-8").split("\nname:")[0]
    lines = ["| source | records | documents | tokens | share of the mix | published share | size | epochs |", "|---" + "|---:" * 7 + "|"]
    for name, records, documents, tokens, share in of_sources:
        published = " | ".join(LLAMA1[name])
        lines.append(f"| {name} | {records:,} | {documents:,} | {tokens:,} | {100 * share:.1f} % | {published} |")
    parts += ["## llama1", "[examples/recipes/llama1.yaml](../examples/recipes/llama1.yaml)", _prose(head)]
    parts += ["*Published.* Shares, sizes on disk and epochs of 1.4 T tokens (table 1), no rates of removal.", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


INTRODUCTION = """<!-- Written by `python -m bench.recipes`; change the program, not this page. -->

# The published recipes

Pipelines that were published, as recipes of the stages of this project, all on one crawl: the sample crawl of this repository. It was
invented to hold what goes wrong in a crawl, two snapshots of some forty sites. So *its rates say what the steps do, not what they do to
the web*: most of its pages are good, many come twice, three in four are in English. The rates that were published stand beside, so that
one sees which step did the work there. To run a recipe on files of your own (a path is relative to the recipe, also one that is set):

    curate run examples/recipes/c4.yaml --set "crawl.paths=$PWD/my/*.warc.gz"

Documents and tokens are those a step keeps, shares are of what came to it; tokens are of the project's own small tokenizer."""


def _prose(comment: str) -> str:
    """A comment of a recipe as Markdown: a paragraph, then a list."""
    lines = [line.removeprefix("#").removeprefix(" ") for line in comment.splitlines()]
    begins = (line.startswith("- ") and not before.startswith(("- ", "  ")) for before, line in pairwise(["", *lines]))
    return "\n".join("\n" * begin + line for begin, line in zip(begins, lines, strict=True))


def _table(funnel: Funnel, published: dict[str, str]) -> str:
    """The steps, what they kept, and what was published of them."""
    assert set(published) <= {step for step, *_ in funnel.rows}, f"{funnel.name}: published rates of steps that are not there"
    lines = ["| step | stage | documents | of those before | tokens | of those before | published |", "|---|---|---:|---:|---:|---:|---|"]
    before: tuple[int, int | None] = funnel.came, None
    lines.append(f"| | records of the crawl | {funnel.came:,} | | | | |")
    for step, stage, documents, tokens in funnel.rows:
        shares = [_share(documents, before[0]), _share(tokens, before[1])]
        shown = "" if tokens is None else f"{tokens:,}"
        lines.append(f"| {step} | `{stage}` | {documents:,} | {shares[0]} | {shown} | {shares[1]} | {published.get(step, '')} |")
        before = documents, tokens
    return "\n".join(lines)


def _share(part: int | None, whole: int | None) -> str:
    return "" if part is None or not whole else f"{100 * part / whole:.1f} %"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        web, llama1 = Path(name) / "web", Path(name) / "llama1"
        run(curate("run", str(FOLDER / "llama1.yaml"), "-j", "2", "--out", str(llama1), "--json"))
        PAGE.write_text(page(measured(folder=web)[0], sources(llama1)), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}", file=sys.stderr)
