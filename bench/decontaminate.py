"""Decontamination, Parquet in to Parquet out and its kernel, beside datatrove; recall on planted items, false hits on clean text, memory.

Speed: documents of `bench/corpus.py`, a hundredth of which hold a whole item of a made-up benchmark of 2,000 items (texts of the same
generator of 300 bytes, another seed); those documents and no others must go. Recall: the questions of real benchmarks (`--data`), each
put between two paragraphs of a text that holds none, verbatim and changed. Clean: real texts by domain, and what is a hit in them.
"""

from __future__ import annotations

import bz2
import gzip
import html
import json
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.measure import (
    ROOT,
    STARTUP_DOCUMENTS,
    CommandFailedError,
    Contender,
    NotInstalledError,
    cache,
    compare,
    corpus,
    curate,
    peer_script,
    peer_version,
    run,
    scratch,
    versions,
    write_recipe,
)

OPTIONS = {"data": "folder of the test data (default: ../shared/data)"}
DOCUMENTS, MEAN_BYTES, ITEMS, EVERY = 30_000, 3_000, 2_000, 100
TARGET = 20_000
FILES = {
    "gsm8k": "gsm8k_test.jsonl", "humaneval": "HumanEval.jsonl.gz", "aqua-rat": "agieval_aqua-rat.jsonl",
    "gaokao-mathcloze": "agieval_gaokao-mathcloze.jsonl", "math": "agieval_math.jsonl", "sat-math": "agieval_sat-math.jsonl",
}  # fmt: skip
RECIPE = """
name: decontaminate
inputs: {docs: {use: parquet, paths: "%s/part-*.parquet"}}
steps: {clean: {use: decontaminate, benchmarks: {made_up: "%s"}}}
outputs: {written: {use: shards}}
"""
PEER, PEER_ENVIRONMENT = "datatrove", "datatrove_lines"
FLOOR = "nothing done (pyarrow copy)"
RULES = ((10, 1), (10, 0), (10, 3), (13, 1))
"""(n, min_proper) that recall and false hits are looked at for; the first is the default."""
MANY = 1_000_000


def measure(scale: float, pairs: int, only: list[str], data: str | None) -> dict[str, Any]:
    """Run the parts: whole, kernel, recall, clean, items."""
    folder = Path(data).resolve() if data else ROOT.parent / "shared" / "data"
    parts: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    missing: list[str] = []
    documents = max(1_000, int(DOCUMENTS * scale))
    if not only or "whole" in only:
        parts["whole"] = _whole(documents, pairs, missing)
        rate = parts["whole"]["ours"]["documents_per_cpu_second"] * parts["whole"]["corpus"]["mean_bytes"] / MEAN_BYTES
        targets["documents of 3 kB a CPU-second, end to end (Parquet to Parquet)"] = (round(rate), f">= {TARGET}", rate >= TARGET)
    if not only or "kernel" in only:
        parts["kernel"] = _child("kernel", str(documents))
        rate = parts["kernel"]["emit and apply, documents of 3 kB a CPU-second"]
        targets["documents of 3 kB a CPU-second, the step's own work (emit and apply)"] = (rate, f">= {TARGET}", rate >= TARGET)
    for part in ("recall", "clean"):
        if not only or part in only:
            if (folder / "benchmarks").is_dir():
                parts[part] = _child(part, str(folder))
            else:
                missing.append(f"{part} not measured: no test data in {folder}; name the folder with --data")
    if not only or "items" in only:
        with scratch() as here:
            used, said = run([sys.executable, "-m", "bench.decontaminate", "items", str(here), str(int(MANY * scale))])
            parts["items"] = {**json.loads(said), "peak_mb": round(used.peak_bytes / 1e6)}
    used = versions("pyarrow", "numpy", "numba")
    return {"name": "decontaminate", "parts": parts, "targets": targets, "missing": missing, "versions": used}


def _child(*arguments: str) -> Any:
    """What this file prints in a process of its own."""
    return json.loads(run([sys.executable, "-m", "bench.decontaminate", *arguments])[1])


def _corpus(documents: int) -> tuple[Path, dict[str, Any]]:
    """Folder (part-0.parquet, items.jsonl) and facts, made once."""
    folder = cache() / "bench-corpora" / f"decontaminate-{documents}"
    facts = folder / "facts.json"
    if not facts.exists():
        folder.mkdir(parents=True, exist_ok=True)
        facts.write_text(json.dumps(_child("write", str(folder), str(documents))), encoding="utf-8")
    return folder, json.loads(facts.read_text(encoding="utf-8"))


def _whole(documents: int, pairs: int, missing: list[str]) -> dict[str, Any]:
    """Ours and a bare copy on all documents, the peer (which is slow) on a tenth of them."""
    folder, facts = _corpus(documents)
    tenth, fewer = _corpus(documents // 10)
    tiny, _ = _corpus(STARTUP_DOCUMENTS)
    checks: dict[str, Any] = {}

    def judge(side: str, where: Path, written: str) -> Any:
        def judged(out: Path) -> None:
            checks[side] = _child("judge", str(where), str(out / written))
            if side == "ours" and (checks[side]["planted documents left"] or checks[side]["others gone"]):
                raise CommandFailedError(f"{side}: {checks[side]}")

        return judged

    with scratch() as here:
        files = [write_recipe(here, where.name, RECIPE % (where, where / "items.jsonl")) for where in (folder, tiny)]
        commands = [curate("run", file, "-x", "inline", "--json", "--out", "OUT/run") for file in files]
        contenders = {"ours": Contender(*commands, judge("ours", folder, "run/outputs/written"))}
        script = peer_script("pyarrow", "pyarrow_copy")
        contenders[FLOOR] = Contender(*([*script, str(where), "OUT"] for where in (folder, tiny)))
        rates = {name: r.rates(documents, facts["mean_bytes"] * documents) for name, r in compare(contenders, pairs).items()}
        try:
            script = peer_script(PEER_ENVIRONMENT, "datatrove_decontaminate")
            peer = Contender(*([*script, str(where), "OUT"] for where in (tenth, tiny)), judge(PEER, tenth, "written"))
            result = compare({PEER: peer}, 1)[PEER]
            rates[PEER] = result.rates(fewer["documents"], fewer["mean_bytes"] * fewer["documents"])
            rates[PEER]["version"] = peer_version(PEER_ENVIRONMENT, PEER)
        except NotInstalledError as e:
            missing.append(f"{PEER} not installed: {e}")
    mine = rates.pop("ours")
    ratios = {name: round(mine["documents_per_cpu_second"] / row["documents_per_cpu_second"], 2) for name, row in rates.items()}
    return {"corpus": facts, "ours": mine, "peers": rates, "ratios": ratios, "what was left": checks}


# In a process of their own


def _write(folder: Path, documents: int) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def texts(n: int, **spec: Any) -> list[str]:
        where, _ = corpus(documents=n, columns=[], **spec)
        return [t for file in sorted(where.glob("*.parquet")) for t in pq.read_table(file)["text"].to_pylist()]

    items = texts(ITEMS, mean_bytes=300, seed=2)
    with open(folder / "items.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"question": item}, ensure_ascii=False) + "\n" for item in items)
    rows, planted = texts(documents, mean_bytes=MEAN_BYTES), []
    for n in range(EVERY // 2, documents, EVERY):
        rows[n] = f"{rows[n]}\n{items[n % ITEMS]}\n{rows[n - 1]}"
        planted.append(f"{n:032x}")
    table = pa.table({"id": [f"{n:032x}" for n in range(documents)], "text": pa.array(rows, pa.large_string())})
    pq.write_table(table, folder / "part-0.parquet", compression="zstd", row_group_size=8_192)
    (folder / "planted.json").write_text(json.dumps(planted), encoding="utf-8")
    size = sum(len(row.encode()) for row in rows)
    return {"documents": documents, "mean_bytes": round(size / documents, 1), "planted": len(planted), "items": ITEMS}


def _judge(folder: Path, out: Path) -> dict[str, Any]:
    """What was left, beside what was planted."""
    import pyarrow.parquet as pq

    planted = set(json.loads((folder / "planted.json").read_text(encoding="utf-8")))
    documents = pq.read_metadata(folder / "part-0.parquet").num_rows
    left = [i for file in sorted(out.rglob("*.parquet")) for i in pq.read_table(file, columns=["id"])["id"].to_pylist()]
    return {
        "planted documents": len(planted), "planted documents left": len(planted & set(left)),
        "others gone": documents - len(planted) - len(set(left) - planted),
    }  # fmt: skip


def _best(call: Callable[[], Any], times: int = 5) -> float:
    """CPU-seconds of the fastest call."""
    call()
    seconds = []
    for _ in range(times):
        started = time.process_time()
        call()
        seconds.append(time.process_time() - started)
    return min(seconds)


def _kernel(documents: int) -> dict[str, Any]:
    """The step's own work on batches of 8 MiB, without reading or writing: emit, apply, and the search alone."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from curation.stage import Batch, Verdicts
    from curation.text import Utf8
    from stages.benchmarks.decontaminate import Params, decontaminate

    folder, facts = _corpus(documents)
    table = pq.read_table(folder / "part-0.parquet", columns=["text"]).combine_chunks()
    each = max(1, (8 << 20) // int(facts["mean_bytes"]))
    parts = [table.slice(n, each).combine_chunks() for n in range(0, len(table), each)]
    params = Params(benchmarks={"made_up": str(folder / "items.jsonl")})
    index = decontaminate.index(params)
    none = pa.table({})
    kept = [pa.table(dict(decontaminate.emit(Batch(p), params).kept)) for p in parts]

    def apply() -> None:
        for part, held in zip(parts, kept, strict=True):
            decontaminate.apply(Batch(part), Verdicts(np.empty(0, np.int64), none, None, held), params)

    seconds = {
        "search": _best(lambda: [index.find(Utf8.of(p["text"])) for p in parts]),
        "emit": _best(lambda: [decontaminate.emit(Batch(p), params) for p in parts]),
        "apply": _best(apply),
    }
    seconds["emit and apply"] = seconds["emit"] + seconds["apply"]
    unit = len(table) * facts["mean_bytes"] / MEAN_BYTES
    rates = {f"{name}, documents of 3 kB a CPU-second": round(unit / s) for name, s in seconds.items() if name != "apply"}
    return {**rates, "search, MB a CPU-second": round(unit * MEAN_BYTES / 1e6 / seconds["search"])}


def _items(folder: Path, n: int) -> dict[str, Any]:
    """A benchmark of a million items of some 50 words: what reading it and its table cost."""
    import resource

    from stages.benchmarks.decontaminate import Params, decontaminate

    rng = random.Random(1)
    words = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in ("an", "or", "il", "eb") for c in ("", "a", "er", "ing", "ost", "um")]
    file = folder / "many.jsonl"
    with open(file, "w", encoding="utf-8") as out:
        for i in range(n):
            out.write(json.dumps({"question": f"{' '.join(rng.choices(words, k=48))} {i}"}) + "\n")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    index = decontaminate.index(Params(benchmarks={"many": str(file)}))
    further = index.copies
    seconds = time.process_time() - started
    arrays = (
        *(index.starts, index.ends, index.sizes, index.first, index.slots, index.filter, index.openings),
        *(further.grams, further.parts, further.shared, further.counts),
    )
    held = sum(a.nbytes for a in arrays)
    return {
        "items": n, "words": len(index.sizes), "cpu_seconds": round(seconds, 1), "bytes a word": round(held / len(index.sizes), 1),
        "table_mb": round(held / 1e6), "text_mb": round(index.items.data.nbytes / 1e6), "before_mb": round(before / 1e3),
    }  # fmt: skip


# Recall


def _reworded(share: float) -> Callable[[str, random.Random], str]:
    """Another word for this share of the words (runs without white space)."""
    return lambda text, rng: re.sub(r"\S+", lambda m: rng.choice(OTHERS) if rng.random() < share else m[0], text)


OTHERS = ("about", "every", "given", "later", "maybe", "whole", "number", "people", "thing", "place", "total", "each", "some", "more")
VARIANTS: dict[str, Callable[[str, random.Random], str]] = {
    "verbatim": lambda t, _: t,
    "white space": lambda t, rng: re.sub(r"\s+", lambda m: rng.choice(["  ", "\n", "\t", "\u00a0", " \n\n "]), t),
    "UPPER CASE": lambda t, _: t.upper(),
    "other quotes and dashes": lambda t, _: t.replace("'", "\u2019").replace('"', "\u201d").replace("-", "\u2011"),
    "no punctuation": lambda t, _: re.sub(r"[^\w\s\\]|_", " ", t),
    "full-width digits": lambda t, _: t.translate({ord("0") + k: 0xFF10 + k for k in range(10)}),
    "LaTeX: other commands and delimiters": lambda t, _: re.sub(r"\$([^$]*)\$", r"\\(\1\\)", t.replace("\\frac", "\\dfrac")),
    "LaTeX: spaces and sizes": lambda t, _: re.sub(r"([{}^_=+])", r" \1 ", t.replace("(", "\\left( ").replace(")", " \\right)")),
    "LaTeX: plain text (no commands, braces or dollars)": lambda t, _: re.sub(r"[{}$]", "", re.sub(r"\\[A-Za-z]+", " ", t)),
    "backslashes doubled, dollars escaped": lambda t, _: t.replace("\\", "\\\\").replace("$", "\\$"),
    **{f"reworded, {round(100 * s)} % of the words": _reworded(s) for s in (0.05, 0.1, 0.2, 0.3)},
    "half of it": lambda t, _: t[: len(t) // 2],
}  # fmt: skip


def _recall(data: Path) -> dict[str, Any]:
    """Share of items found when their question is planted, by benchmark and variant; items that are not looked for count as missed."""
    import numpy as np

    from stages.benchmarks.decontaminate import Params, decontaminate
    from stages.benchmarks.items import items_of

    before = "The museum opens at nine. Visitors leave their coats downstairs and take the stairs to the hall where the paintings hang."
    after = "From the windows there one sees the harbour and, on clear days, the islands. Tea is served until five."
    asked = [
        (with_choices[0][1], alone[0][1])
        for path in _files(data).values()
        for (_, with_choices), (_, alone) in zip(
            items_of(path, None), items_of(path, {"question": ("prompt" if "HumanEval" in path else "question",)}), strict=True
        )
    ]
    grids = []
    for n, proper in RULES:
        params = Params(benchmarks=_files(data), n=n, min_proper=proper)
        index = decontaminate.index(params)
        items, found = index.items, {}
        of = items.benchmark_of(np.arange(len(items.ids)))
        for variant, change in {"verbatim, with its choices": None, **VARIANTS}.items():
            rng = random.Random(1)
            planted = [question if change else whole for whole, question in asked]
            texts = [f"{before}\n\n{change(text, rng) if change else text}\n\n{after}" for text in planted]
            hit = _hits(params, texts) > 0
            found[variant] = [round(float(hit[of == b].mean()), 3) for b in range(len(items.names))]
        assert not _hits(params, [f"{before}\n\n{after}"]).any()
        grids.append({
            "title": f"recall, n: {n}, min_proper: {proper}; {int((~index.looked_for()).sum())} items not looked for",
            "columns": ["planted", *(f"{name} ({(of == b).sum():,})" for b, name in enumerate(items.names))],
            "rows": [[variant, *row] for variant, row in found.items()],
        })  # fmt: skip
    return {"grids": grids}


def _hits(params: Any, texts: list[str]) -> Any:
    """N-grams that are hits in each text, by the stage itself, none of them common: int32 (texts,)."""
    import numpy as np
    import pyarrow as pa

    from curation.stage import Batch, Verdicts
    from stages.benchmarks.decontaminate import decontaminate

    batch = Batch(pa.table({"text": pa.array(texts, pa.large_string())}))
    held = pa.table(dict(decontaminate.emit(batch, params).kept))
    return decontaminate.apply(batch, Verdicts(np.empty(0, np.int64), pa.table({}), None, held), params)["contamination_ngrams"]


def _files(data: Path) -> dict[str, str]:
    return {name: str(data / "benchmarks" / file) for name, file in FILES.items()}


# Clean texts


def _pieces(text: str) -> list[str]:
    return [text[k : k + MEAN_BYTES] for k in range(0, len(text), MEAN_BYTES)]


def _read(path: Path) -> str:
    kind = {".gz": gzip.open, ".bz2": bz2.open}.get(path.suffix, open)
    with kind(path, "rt", encoding="utf-8", errors="replace") as file:
        return str(file.read())


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _read(path).split("\n") if line]


WRITTEN = {
    "exam pages (written for this)": [
        "Part B. Which of the following is true? (a) All crows are black. (b) No swan is. (c) Some owls are brown. Explain your choice.",
        "Choice A is incorrect and may be the result of a slip in the second step. Choice B is incorrect because the sign is lost.",
        "Choice C is the best answer. Choice D is incorrect and may result from reading the chart for the wrong year. Go on.",
        "For each question, choose the best answer from the four choices given. No calculator is allowed. You have 25 minutes.",
        "What is the main idea of the passage? What does the author mean by the word plain in the third paragraph? Explain.",
        "The correct answer is 12. What is the value of x? If the equation has no solution, write none. Find the value of x + y.",
        "How many of them are there in total? How much money does he have left? What is the sum of the two numbers? Show your work.",
        "None of the above. It cannot be determined from the information given. Not enough information is given to answer the question.",
        "def solve(n):\n    \"\"\"Return the n-th term.\n    >>> solve(3)\n    5\n    \"\"\"\n    return n + 2\n\nassert solve(1) == 3",
        "Write a function that takes a list of integers and returns True if the list is sorted. You can assume that the list is not empty.",
    ],
    "Chinese and Japanese mathematics (written for this)": [
        "第三章：已知函数f(x)的定义域为R，且满足f(x+1)=f(x)，证明它是周期函数，并求它的最小正周期。",
        "则实数a的取值范围是多少？请同学们先画出函数的图像，再写出解题过程。",
        "在平面直角坐标系xOy中，已知椭圆的左、右焦点分别为F1和F2，点P在椭圆上，求三角形面积的最大值。",
        "设等差数列{a_n}的前n项和为S_n，若a_1=2，公差为3，求S_10。设等比数列的各项均为正数，求公比。",
        "已知集合A={1,2,3}，B={2,4}，则A与B的交集是什么？已知i为虚数单位，求复数z的模。",
        "从甲、乙、丙三名同学中随机选取两名参加比赛，则甲被选中的概率为三分之二。",
        "若直线l与圆C相切，求直线l的方程。已知向量a与向量b的夹角为60度，求它们的数量积。",
        "この機能を使うと文書を編集することができるでしょうか、と聞かれた。次の方程式を解きなさい。答えを求めなさい。",
    ],
    "Asymptote (written for this)": [
        "[asy]\nsize(150);\npair A, B, C;\nA = (2,4); B = (0,0); C = (5,0);\ndraw(A--B--C--cycle);\nlabel(\"$A$\", A, N);"
        " label(\"$B$\", B, SW); label(\"$C$\", C, SE);\n[/asy]",
        "[asy]\nunitsize(0.3 inch);\ndraw((0,0)--(6,0)--(6,3)--(0,3)--cycle);\ndot((0,0)); dot((6,0));\nlabel(\"$D$\", (6,3), NE);\n[/asy]",
        "[asy]\ndraw(Circle((0,0),2));\ndraw((-3,0)--(3,0), Arrows);\ndraw((0,-3)--(0,3), Arrows);\nlabel(\"$x$\", (3,0), E);\n"
        "label(\"$y$\", (0,3), N);\n[/asy]",
        "import graph; size(200); real f(real x) {return x^2;} draw(graph(f,-2,2)); xaxis(\"$x$\",Arrow); yaxis(\"$y$\",Arrow);",
    ],
}  # fmt: skip
"""What exams, their keys and their drawings say over and over, in words of ours: none of it is an item."""


def _clean_texts(data: Path) -> Iterator[tuple[str, list[str]]]:
    """(domain, texts) of the test data."""
    pages = [row["gold"] for path in sorted((data / "extraction").glob("pages-*.jsonl.gz")) for row in _rows(path)]
    yield "web pages, annotated text", [page for page in pages if page]
    wiki = [_read(path) for path in sorted((data / "wiki").glob("*.bz2")) if "utf16" not in path.name]
    yield "Wikipedia, wikitext", [html.unescape(t) for dump in wiki for t in re.findall(r"<text[^>]*>([^<]+)</text>", dump)]
    yield from WRITTEN.items()
    for site in sorted((data / "stackexchange").iterdir()):
        bodies = re.findall(r'Body="([^"]*)"', _read(site / "Posts.xml.gz"))
        yield site.name, [html.unescape(re.sub(r"<[^<>]*>", " ", html.unescape(b))) for b in bodies]
    yield "books, pieces of 3,000 characters", [p for book in sorted((data / "books").glob("*.txt.gz")) for p in _pieces(_read(book))]
    yield "papers, LaTeX, the same", [p for paper in sorted((data / "arxiv").glob("*/*.tex")) for p in _pieces(_read(paper))]
    for name in ("multilingual/text.jsonl.gz", "quality/reasoning.jsonl", "quality/reference_style.jsonl"):
        yield name.partition(".")[0], [row["text"] for row in _rows(data / name)]


def _clean(data: Path) -> dict[str, Any]:
    """Documents with a hit, by domain and rule; the n-grams of those of the default rule."""
    import numpy as np

    from curation.text import Utf8
    from stages.benchmarks.decontaminate import Params, decontaminate

    domains = list(_clean_texts(data))
    rows = [[domain, f"{len(texts):,}", f"{sum(len(t) for t in texts) / 1e6:.1f}"] for domain, texts in domains]
    shown = {}
    for n, proper in RULES:
        params = Params(benchmarks=_files(data), n=n, min_proper=proper)
        index = decontaminate.index(params)
        for row, (domain, texts) in zip(rows, domains, strict=True):
            hit = np.flatnonzero(_hits(params, texts))
            row.append(str(len(hit)))
            for k in hit[:20].tolist() if (n, proper) == RULES[0] else ():
                gram = int(index.find(Utf8.of_strings([texts[k]])).grams[0])
                shown[f"{domain}: {' '.join(index.items.label(int(index.items_of(gram))))}"] = index.text(gram)
    titles = [f"n: {n}, min_proper: {proper}" for n, proper in RULES]
    grid = {"title": "documents with a hit", "columns": ["domain", "documents", "M characters", *titles], "rows": rows}
    return {"grids": [grid], "hits of the first rule": shown}


def _main(command: str, *arguments: str) -> Any:
    if command in ("write", "items"):
        return (_write if command == "write" else _items)(Path(arguments[0]), int(arguments[1]))
    if command == "judge":
        return _judge(Path(arguments[0]), Path(arguments[1]))
    if command == "kernel":
        return _kernel(int(arguments[0]))
    return (_recall if command == "recall" else _clean)(Path(arguments[0]))


if __name__ == "__main__":
    print(json.dumps(_main(*sys.argv[1:]), ensure_ascii=False))
