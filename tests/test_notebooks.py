"""The notebooks of examples/ run on the sample crawl, say what the run says, and are kept without outputs."""

import ast
import json
from pathlib import Path

import pytest

import curation

FOLDER = Path(__file__).resolve().parent.parent / "examples" / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))


def load(name):
    return json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))


def execute(name, monkeypatch, run):
    """Run the cells as a kernel does; returns their names, and what each cell shows last."""
    monkeypatch.setenv("CURATE_RUN", str(run))
    names, shown = {"__name__": "__main__"}, []
    for number, cell in enumerate(load(name)["cells"]):
        if cell["cell_type"] == "code":
            tree = ast.parse("".join(cell["source"]))
            last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, f"{name}:{number}", "exec"), names)
            if last is not None:
                shown.append(eval(compile(ast.Expression(last.value), f"{name}:{number}", "eval"), names))
                assert repr(shown[-1])
    return names, shown


def test_there_are_four():
    assert NAMES == ["dedup_clusters", "filter_stats", "mix", "threshold_tuning"]


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_kept_without_outputs(name):
    notebook = load(name)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert notebook["cells"][0]["cell_type"] == "markdown"
    for cell in notebook["cells"]:
        assert cell["metadata"] == {}
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    assert (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8") == text


def test_filter_stats(sample_run, monkeypatch):
    names, _ = execute("filter_stats", monkeypatch, sample_run)
    run, funnel, by_language = curation.open_run(sample_run), names["funnel"], names["by_language"]
    assert list(funnel.index) == list(run.steps)
    assert funnel.loc["quality", "dropped"] == names["reasons"]["quality"].sum() == sum(run.steps["quality"].account["dropped"].values())
    counts = run.table("dropped", ["lang"], step="quality", as_="pandas")["lang"].value_counts()
    assert {lang: n for lang, n in by_language["quality"].items() if n} == counts.to_dict()
    histogram = names["histogram"]
    assert histogram["dropped"].sum() + names["without"][1] == funnel.loc["quality", "dropped"]
    assert [(t.param, t.value) for t in names["bounds"]] == [("min_words", 50), ("max_words", 100_000)]
    assert names["sample"].num_rows == 5


def test_threshold_tuning(sample_run, monkeypatch):
    names, shown = execute("threshold_tuning", monkeypatch, sample_run)
    tuned, run = names["tuned"], curation.open_run(sample_run)
    assert names["bound"] == 50
    assert tuned.loc[50].tolist() == [0, 0]
    assert tuned["won"].is_monotonic_decreasing
    assert tuned["lost"].is_monotonic_increasing
    assert tuned.loc[150, "lost"] == run.table("outputs", ["id"], "word_count < 150", output="web").num_rows > 0
    assert tuned.loc[30, "won"] == run.table("dropped", ["id"], "word_count >= 30", step="quality", reason="too_short").num_rows
    assert names["lost"]["lost"].sum() == tuned.loc[100, "lost"]
    assert len(names["texts"]) == 3
    assert len(shown[-1]) == 8


def test_dedup_clusters(sample_run, monkeypatch):
    names, _ = execute("dedup_clusters", monkeypatch, sample_run)
    run, members = curation.open_run(sample_run), names["members"]
    near = run.steps["near"].account["dropped"]
    assert len(names["near"]) == near["near_duplicate"]
    assert names["sizes"].sum() == run.steps["outputs.web"].account["kept"]
    for survivor, of in members[members["step"] == "near"].groupby("id"):
        assert len(of) == of["cluster_size"].iloc[0] - 1, survivor
    assert names["near"]["similarity"].min() >= run.steps["near"].params["min_jaccard"]
    assert names["pair"]["text"] != names["pair"]["text_kept"]


def test_mix(sample_run, monkeypatch):
    names, shown = execute("mix", monkeypatch, sample_run)
    entries, counted = names["entries"], names["counted"]
    assert counted.groupby("mix_entry")["tokens"].sum().to_dict() == entries["used_tokens"].to_dict()
    assert counted.groupby("mix_entry")["documents"].sum().to_dict() == entries["used_documents"].to_dict()
    assert names["shares"]["wanted"].to_dict() == {"multilingual": 0.08, "math_reasoning": 0.25, "code": 0.17, "general": 0.5}
    assert shown[-1][1]["mix"]["train"] >= 1
