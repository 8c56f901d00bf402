"""examples/recipes/llama1.yaml: seven sources, each cleaned in its way, to the shares of LLaMA, on the shipped samples and real files."""

import gzip
import importlib.metadata
import io
import json
import subprocess
import sys
import tarfile

import pyarrow.parquet as pq
import pytest
import yaml

from tests.conftest import ROOT, _made_once

SHARED = ROOT.parent / "shared" / "data"
RECIPE = ROOT / "examples" / "recipes" / "llama1.yaml"
SHARES = {"common_crawl": 67, "c4": 15, "github": 4.5, "wikipedia": 4.5, "books": 4.5, "arxiv": 2.5, "stackexchange": 2}


def placed():
    """The recipe with paths that hold anywhere."""
    text = RECIPE.read_text("utf-8").replace("../../mixes", f"{ROOT}/mixes").replace("../", f"{ROOT}/examples/")
    return yaml.safe_load(text)


@pytest.fixture
def ran(llama1_run):
    return llama1_run


def steps(out):
    return {step["name"]: step for step in json.loads((out / "run.json").read_text("utf-8"))["steps"]}


def rows(out, output, source, *columns):
    return pq.read_table(out / "outputs" / output, columns=list(columns), filters=[("source", "=", source)]).to_pylist()


def tokens_of(out, output, source):
    return [row["n_tokens"] for row in rows(out, output, source, "n_tokens")]


def assert_sources_give_their_shares(out):
    """CommonCrawl is the scarcest and gives all it has; the others their shares beside that, or less than a document more or less."""
    crawl = sum(tokens_of(out, "mix", "common_crawl"))
    assert crawl == sum(tokens_of(out, "all", "common_crawl"))
    for source, share in SHARES.items():
        wanted = crawl * share / SHARES["common_crawl"]
        assert abs(sum(tokens_of(out, "mix", source)) - wanted) <= max(tokens_of(out, "all", source)), source


def test_the_samples_are_what_the_script_writes():
    done = subprocess.run([sys.executable, ROOT / "examples" / "make_sources.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sum(path.stat().st_size for path in (ROOT / "examples" / "sources").rglob("*") if path.is_file()) < 1_000_000


def test_the_shares_are_those_of_the_mix_file():
    entries = yaml.safe_load((ROOT / "mixes" / "llama1.yaml").read_text("utf-8"))["entries"]
    assert {name: entry["weight"] for name, entry in entries.items()} == SHARES
    assert set(placed()["inputs"]) == set(SHARES)


def test_shares_on_the_samples(ran):
    assert_sources_give_their_shares(ran)
    total = sum(sum(tokens_of(ran, "mix", source)) for source in SHARES)
    for source, share in SHARES.items():
        assert abs(sum(tokens_of(ran, "mix", source)) / total - share / 100) < 0.01, source


def test_only_files_of_known_licences_that_someone_wrote(ran):
    found = rows(ran, "all", "github", "path", "archive", "licence", "text")
    assert {row["licence"] for row in found} == {"MIT", "Apache-2.0"}
    assert not any("flotsam" in row["archive"] for row in found)
    assert not any(name in row["path"] for row in found for name in ("vendor/", "_pb2", ".min.js", ".png", ".csv"))
    assert not any("SPDX-License" in row["text"] or "Licensed under" in row["text"] for row in found)
    assert steps(ran)["licences"]["dropped"]["licence_unknown"] > 10


def test_articles_are_prose_without_markup(ran):
    found = rows(ran, "all", "wikipedia", "title", "text")
    assert len(found) == 22
    text = "\n".join(row["text"] for row in found)
    for mark in ("{{", "[[", "<ref", "Category:", "Kategorie:", "'''", "thumb"):
        assert mark not in text
    assert "\\frac" in text
    assert "def " in text
    assert steps(ran)["articles"]["dropped"] == {"disambiguation": 2, "not_article": 4, "redirect": 2}


def test_a_book_is_there_once(ran):
    found = rows(ran, "all", "books", "path", "text")
    assert {row["path"].rpartition("/")[2] for row in found} >= {"five.epub", "six.epub", "scan.txt", "three.txt", "four.html"}
    assert len(found) == 6
    assert sum(steps(ran)["editions"]["dropped"].values()) == 1


def test_papers_begin_at_their_first_section_with_macros_put_in(ran):
    found = rows(ran, "all", "arxiv", "arxiv_id", "text")
    assert len(found) == 8
    for row in found:
        assert row["text"].startswith("\\section")
        assert row["text"].count("\\section") == 2
        assert "\\mathbb{R}" in row["text"]
        for gone in ("\\norm", "\\set", "\\half", "\\newcommand", "bibitem", "%", "abstract"):
            assert gone not in row["text"].replace("\\%", "")
    assert steps(ran)["arxiv"]["dropped"] == {"no_tex": 1}


def test_threads_are_questions_with_their_answers(ran):
    found = rows(ran, "all", "stackexchange", "title", "text")
    assert 15 <= len(found) <= 20
    text = "\n".join(row["text"] for row in found)
    assert "<p>" not in text
    worst = [row["text"] for row in found if "Buy a new one." in row["text"]]
    assert [text.endswith("Buy a new one.") for text in worst] == [True]
    assert "\\sum_{k=1}^{n}" in text
    assert steps(ran)["stackexchange"]["dropped"] == {"other_post_type": 1}


def arxiv_tar(folder):
    """The real papers as a bulk tar."""
    name = folder / "arXiv_src_2101_001.tar"
    with tarfile.open(name, "w") as bulk:
        for number, paper in enumerate(sorted(path for path in (SHARED / "arxiv").iterdir() if path.is_dir()), 1):
            inner = io.BytesIO()
            with tarfile.open(fileobj=inner, mode="w") as submission:
                submission.add(paper, arcname=".")
            data = gzip.compress(inner.getvalue())
            entry = tarfile.TarInfo(f"2101/2101.{number:05d}.gz")
            entry.size = len(data)
            bulk.addfile(entry, io.BytesIO(data))
    return str(name)


def c4_file(folder):
    """The texts of real English pages in C4's form."""
    name, stamp = folder / "c4-train.00000-of-00001.json.gz", "2019-04-18T00:00:00Z"
    pages = map(json.loads, gzip.decompress((SHARED / "extraction" / "pages-00.jsonl.gz").read_bytes()).splitlines())
    lines = [json.dumps({"text": page["gold"], "timestamp": stamp, "url": page["url"]}) for page in pages if page["lang"] == "en"]
    name.write_bytes(gzip.compress("\n".join(lines).encode()))
    return str(name)


def code_tar(folder):
    """The code of an installed package with its licence, where pip puts both."""
    name = folder / "pydantic.tar.gz"
    with tarfile.open(name, "w:gz", compresslevel=1) as archive:
        for file in importlib.metadata.files("pydantic"):
            if file.suffix == ".py" or "LICENSE" in file.name:
                archive.add(file.locate(), arcname=str(file))
    return str(name)


@pytest.mark.slow
def test_shares_on_real_files(tmp_path, tmp_path_factory):
    """Real files of every source, cut into paragraphs: of whole books and papers one has more tokens than the share of its source."""
    if not (SHARED / "arxiv").is_dir():
        pytest.skip("../shared is not here: no real sources")
    whole = placed()
    inputs = whole["inputs"]
    inputs["common_crawl"]["paths"] = str(SHARED / "warc" / "built" / "crawl-2019-01.warc.gz")
    inputs["c4"]["paths"] = c4_file(tmp_path)
    inputs["github"]["paths"] = code_tar(tmp_path)
    inputs["wikipedia"]["paths"] = [str(SHARED / "wiki" / f"{name}.bz2") for name in (
        "enwiki-pages-articles-shortened.xml", "enwiki-table-markup.xml", "bgwiki-pages-articles-shortened.utf16.xml",
    )]  # fmt: skip
    inputs["books"]["paths"] = str(SHARED / "books" / "*.txt.gz")
    inputs["arxiv"]["paths"] = arxiv_tar(tmp_path)
    inputs["stackexchange"]["paths"] = str(SHARED / "stackexchange" / "*" / "Posts.xml.gz")
    whole["plugins"] = [str(ROOT / "tests" / "plugin_stages.py")]
    whole["steps"]["pieces"] = {"use": "paragraphs", "needs": whole["steps"]["tokens"]["needs"]}
    whole["steps"]["tokens"]["needs"] = "pieces"
    out = _made_once(tmp_path_factory, "llama1_real", text=yaml.safe_dump(whole, sort_keys=False))
    kept = {name: step["kept"] for name, step in steps(out).items()}
    assert kept["articles"] > 80
    assert kept["papers"] >= 28
    assert kept["editions"] == 18  # three are other editions
    assert kept["threads"] > 700
    assert kept["once"] > 50
    assert kept["referenced"] > 80
    taken = {source: tokens_of(out, "mix", source) for source in SHARES}
    total = sum(map(sum, taken.values()))
    assert any(sum(taken[source]) == sum(tokens_of(out, "all", source)) for source in SHARES)  # the scarcest gives all it has
    for source, share in SHARES.items():
        wanted = total * share / 100
        assert abs(sum(taken[source]) - wanted) < 0.05 * wanted, source
