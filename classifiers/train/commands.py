"""`curate train`: from a label set to a model folder, and what is said of it."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from classifiers import evaluation, labels, metrics
from classifiers.train import calibration, spec
from classifiers.train.card import card
from classifiers.train.spec import FastText, Loaded
from classifiers.train.split import PARTS, split
from curation.errors import RecipeError, TaskError
from curation.storage import attempt_name, canonical
from curation.text import Utf8
from stages.quality.models.model_folder import ModelFolder
from stages.quality.models.scorer import load_scorer

Say = Callable[[str], None]
NO, YES = "no", "yes"
"""Classes of a fastText model that is trained on numbers."""
SHOWN = 20
"""Languages and sources the card names, and classes that are reported on where no one is positive (ours)."""
REPORT = "report"


@dataclass(frozen=True)
class Targets:
    """What is learnt. values: int64 (n,), places in `names`, or float64 without. wanted: bool (n,), None where no class is positive."""

    task: Literal["classes", "regression"]
    names: tuple[str, ...]
    values: Any
    positive: str | None
    wanted: Any


def train(
    kind: Literal["fasttext", "roberta"], files: Sequence[Path], out: Path, preset: str, sets: dict[str, Any], say: Say
) -> tuple[dict[str, Any], str]:  # fmt: skip
    """Train a model on a label set and write its folder; a report as data and as text.

    Files: those of a model folder (stages/quality/models/model_folder.py), and `report.md` and `report.json`.

    Raises: RecipeError at the first mistake in the spec or the labels, or if the folder has other content; TaskError if the training fails.
    """
    loaded = spec.load(kind, preset, sets)
    if kind == "roberta":
        from classifiers.train.encoder import libraries

        libraries()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RecipeError(f"{out} is there already: remove it, or name another folder")
    table, facts = labels.read(files, loaded.spec.columns)
    targets = targets_of(table, facts, loaded, kind)
    parts = parts_of(table, targets, loaded)
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = out.with_name(f".{out.name}.{attempt_name()}")
    folder.mkdir()
    try:
        names = Counter(path.name for path in files)
        sources = {str(path) if names[path.name] > 1 else path.name: _sha256(path) for path in files}
        report, text = _write(kind, folder, out.name, loaded, table, targets, parts, {"label_files": sources}, say)
        if out.exists():
            out.rmdir()
        folder.rename(out)
    except ValueError as e:
        raise TaskError(f"the model that was trained cannot be used: {e}") from e
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {"folder": str(out), **report}, f"{text}\nwritten: {out}"


def _sha256(path: Path) -> str:
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def targets_of(table: pa.Table, facts: labels.Facts, loaded: Loaded, kind: str) -> Targets:
    """What the labels ask for.

    Raises: RecipeError if the spec does not say which labels are wanted, or names one there is not.
    """
    asked = loaded.spec
    if facts.kind == "numbers":
        if asked.positive is not None:
            raise loaded.error("the labels are numbers, not classes: positive_from says from which one on a text is wanted", "positive")
        if asked.positive_from is None:
            raise loaded.error(f"labels are {facts.low:g} to {facts.high:g}: say from which one on a text is wanted", "positive_from")
        if not facts.low < asked.positive_from <= facts.high:
            raise loaded.error(f"labels are {facts.low:g} to {facts.high:g}: all are on one side of this", "positive_from")
        values = table["value"].to_numpy()
        wanted = values >= asked.positive_from
        if kind == "fasttext":
            return Targets("classes", (NO, YES), wanted.astype(np.int64), YES, wanted)
        return Targets("regression", (), values, None, wanted)
    names = tuple(sorted(facts.classes))
    if asked.positive_from is not None:
        raise loaded.error("the labels are classes, not numbers: positive names the one that is wanted", "positive_from")
    if asked.positive is None and len(names) == 2:
        raise loaded.error(f"which of the classes {names[0]!r} and {names[1]!r} is the wanted one?", "positive")
    if asked.positive is not None and asked.positive not in names:
        raise loaded.error(f"the labels have no class {asked.positive!r}; they have {', '.join(names[:SHOWN])}", "positive")
    if kind == "fasttext" and (bad := next((n for n in names if any(c.isspace() or c == "\0" for c in n)), None)) is not None:
        raise RecipeError(f"the class {bad!r} has a blank in it, and fastText's classes have none")
    values = pc.index_in(table["label"], pa.array(names)).to_numpy().astype(np.int64)
    return Targets("classes", names, values, asked.positive, None if asked.positive is None else values == names.index(asked.positive))


def parts_of(table: pa.Table, targets: Targets, loaded: Loaded) -> dict[str, Any]:
    """Rows of each part of the split.

    Raises: RecipeError if a part lacks a class.
    """
    parts = split(table, loaded.spec.validation, loaded.spec.test)
    classes = targets.values if targets.task == "classes" else targets.wanted.astype(np.int64)
    names = targets.names or (f"below {loaded.spec.positive_from:g}", f"from {loaded.spec.positive_from:g} on")
    for part, rows in parts.items():
        for missing in np.flatnonzero(np.bincount(classes[rows], minlength=len(names)) == 0):
            domains = len(pc.unique(table["domain"]))
            raise RecipeError(
                f"the {part} part ({len(rows):,} of {len(table):,} rows, of {domains:,} domains in all) has no row of {names[missing]!r}",
                hint="name parts in a column `split`, each with all classes, or set validation and test; more domains help most",
            )  # fmt: skip
    return parts


def _write(
    kind: str, folder: Path, name: str, loaded: Loaded, table: pa.Table, targets: Targets, parts: dict[str, Any], about: dict[str, Any],
    say: Say,
) -> tuple[dict[str, Any], str]:  # fmt: skip
    """Train, calibrate, judge; write all files into a folder. about: facts that are known already."""
    asked = loaded.spec
    texts = table["text"].combine_chunks()
    made = (_fasttext if kind == "fasttext" else _encoder)(folder, loaded, texts, targets, parts, say)
    read = ("max_chars",) if kind == "fasttext" else ("max_chars", "max_tokens", "windows", "pool")
    facts: dict[str, Any] = {
        "kind": "fasttext" if kind == "fasttext" else "encoder", "name": asked.name or name, "proxy": asked.proxy, "task": targets.task,
        "labels": list(targets.names), "positive": targets.positive, "input": {key: getattr(asked, key) for key in read},
    }  # fmt: skip
    files = {path.name: path for path in sorted(folder.iterdir())}
    model = ModelFolder.write(folder, files=files, card="", **facts)
    score = _scorer(model, targets.names)
    lang = table["lang"].to_pylist()
    held, test = parts["validation"], parts["test"]
    found, curve, notes = metrics.Thresholds({}, []), None, []
    if targets.wanted is not None:
        raw = score(texts.take(pa.array(held)))
        values = targets.wanted[held] if targets.task == "classes" else targets.values[held]
        curve = _calibration(asked.calibration, raw, values, targets.task == "classes")
        if curve is None and asked.calibration != "none":
            notes.append("On the validation part higher scores are not likelier wanted: scores are not calibrated.")
        model = ModelFolder.write(folder, files=files, card="", **facts, calibration=curve)
        found = metrics.thresholds(
            model.calibrated(raw), targets.wanted[held], [lang[i] for i in held],
            precision=asked.precision, recall=asked.recall, kept=asked.kept,
        )  # fmt: skip
    reports = _reports(model, score, table, texts, targets, test, found)
    made["losses"] = [[round(loss, 6) for loss in of_epoch] for of_epoch in made["losses"]]
    trained = {**about, **made, **_rows(table, targets, parts, loaded), "spec": asked.model_dump(), "preset": Path(loaded.preset).name}
    areas = {key: (r.auc, r.figures["auc_interval"]) for key, r in reports.items()}
    trained["test"] = {key: {"auc": round(a, 4), "auc_interval": i and [round(v, 4) for v in i]} for key, (a, i) in areas.items()}
    reached = []
    if targets.wanted is not None:
        reached = _reached(model, score(texts.take(pa.array(test))), targets.wanted[test], [lang[i] for i in test], found)
    notes += [note for r in list(reports.values())[:1] for note in r.notes] if len(reports) == 1 else []
    if copies := pc.sum(pc.is_in(texts.take(pa.array(test)), value_set=texts.take(pa.array(parts["train"])))).as_py():
        notes.append(f"{copies:,} texts of the test part stand in the training part, too, under other domains: the figures flatter.")
    page = card(facts["name"], loaded, trained, areas, reached, notes)
    ModelFolder.write(folder, files=files, card=page, **facts, calibration=curve, thresholds=found.values, trained=trained)
    (folder / f"{REPORT}.md").write_text("\n".join(r.markdown(f"Score for {key}", 1) for key, r in reports.items()), encoding="utf-8")
    (folder / f"{REPORT}.json").write_bytes(canonical({key: r.figures | {"format": 1} for key, r in reports.items()}) + b"\n")
    shown = [f"{key}: AUC {r.auc:.3f} on {r.figures['rows']:,} rows of the test part" for key, r in reports.items()]
    data = {"trained": trained, "thresholds": found.values, "reached": reached}
    return data, "\n".join([*shown, *notes])


def _fasttext(folder: Path, loaded: Loaded, texts: pa.Array, targets: Targets, parts: dict[str, Any], say: Say) -> dict[str, Any]:
    """Train a fastText model and write its file. Returns: facts."""
    from classifiers.train import fasttext

    asked: FastText = loaded.spec
    cut = pc.utf8_slice_codeunits(texts, 0, asked.max_chars)
    utf8 = {part: Utf8.of(cut.take(pa.array(rows))) for part, rows in parts.items()}
    made = fasttext.train(
        utf8["train"], targets.values[parts["train"]], targets.names, dim=asked.dim, rate=asked.rate, epochs=asked.epochs,
        word_ngrams=asked.word_ngrams, min_n=asked.min_n, max_n=asked.max_n, min_count=asked.min_count, max_words=asked.max_words,
        buckets=asked.buckets, weights=_weights(targets, parts["train"], asked), seed=asked.seed, threads=asked.threads,
        validation=(utf8["validation"], targets.values[parts["validation"]]), patience=asked.patience, say=say,
    )  # fmt: skip
    what = f"fastText: {len(made.words.counts):,} words, {made.features.buckets:,} rows for n-grams, vectors of {asked.dim}."
    if asked.compress:
        from classifiers.train.compress import save_compressed

        kept = save_compressed(made, utf8["train"], folder / "model.ftz", asked.keep, asked.seed)
        what += f" Compressed: {kept:,} rows, product quantisation."
    else:
        fasttext.save(made, folder / "model.bin")
    return {"what": what, "losses": made.losses, "epoch": made.epoch}


def _encoder(folder: Path, loaded: Loaded, texts: pa.Array, targets: Targets, parts: dict[str, Any], say: Say) -> dict[str, Any]:
    """Train an encoder, write its files and its export. Returns: facts."""
    from classifiers.train import encoder, export

    asked, outputs = loaded.spec, len(targets.names) or 1
    of = {part: texts.take(pa.array(rows)) for part, rows in parts.items()}
    made = encoder.train(
        asked, of["train"], targets.values[parts["train"]], outputs, _weights(targets, parts["train"], asked),
        (of["validation"], targets.values[parts["validation"]]), say,
    )  # fmt: skip
    encoder.files(made, folder)
    exported = export.export(made, asked, folder, pa.concat_arrays([of["test"], of["validation"]]))
    say(f"exported: Spearman {exported['spearman']:.4f} with the model before quantisation")
    numbers = sum(p.numel() for p in made.model.parameters())
    tokens = made.tokenizer.get_vocab_size()
    what = f"{type(made.model).__name__}: {numbers:,} parameters, {tokens:,} tokens, from {asked.model or 'random weights'}."
    versions = {package: version(package) for package in ("torch", "transformers", "tokenizers", "onnxruntime")}
    return {"what": what, "losses": made.losses, "epoch": made.epoch, "export": exported, "versions": versions}


def _weights(targets: Targets, rows: Any, asked: spec.Spec) -> Any:
    """Weight of a row of each class."""
    if targets.task == "regression" or asked.class_weights == "equal":
        return np.ones(max(1, len(targets.names)))
    counts = np.bincount(targets.values[rows], minlength=len(targets.names))
    return len(rows) / (len(counts) * counts)


def _calibration(how: str, raw: Any, values: Any, bounded: bool) -> dict[str, list[float]] | None:
    """Points, or None: none are asked for, or there is nothing to calibrate."""
    if how == "none":
        return None
    points = calibration.platt(raw, values) if how == "platt" and bounded else calibration.isotonic(raw, values, bounded)
    return None if points is None else {"x": points[0], "y": points[1]}


def _scorer(model: ModelFolder, names: Sequence[str]) -> Callable[[pa.Array], Any]:
    """Raw scores of texts, as a stage has them: float64 (n,), or (n, classes) where none is positive.

    A text without a token has none; here it gets the mean of the others, as one of which nothing is known.
    """
    scorer = load_scorer(model)

    def score(texts: pa.Array) -> Any:
        found = scorer.scores(texts)
        found = found if names and model.positive is None else scorer.raw(found)
        return np.where(np.isnan(found), np.nanmean(found, axis=0), found)

    return score


def _reports(
    model: ModelFolder, score: Callable[[pa.Array], Any], table: pa.Table, texts: pa.Array, targets: Targets, test: Any,
    found: metrics.Thresholds,
) -> dict[str, evaluation.Report]:  # fmt: skip
    """A report on the test part: of the score, or of each class where none is positive."""
    rows = table.take(pa.array(test))
    about = {key: rows[key].to_pylist() for key in ("lang", "domain")}
    source = pc.coalesce(rows["source"], rows["domain"]).to_pylist()
    held = texts.take(pa.array(test))
    if targets.wanted is not None:
        key = targets.positive or f"from {float(targets.values[targets.wanted].min()):g} on"

        def calibrated(of: pa.Array) -> Any:
            return model.calibrated(score(of))

        report = evaluation.evaluate(
            calibrated(held), targets.wanted[test], **about, source=source, texts=held, rescore=calibrated, thresholds=found
        )
        return {key: report}
    raw = score(held)
    return {
        name: evaluation.evaluate(raw[:, i], targets.values[test] == i, **about, source=source, texts=held)
        for i, name in enumerate(targets.names[:SHOWN])
    }


def _reached(
    model: ModelFolder, raw: Any, wanted: Any, lang: list[str | None], found: metrics.Thresholds
) -> list[dict[str, Any]]:  # fmt: skip
    """What each threshold does on the test part: precision, recall, kept share; None where nothing is kept or wanted."""
    values, of_lang, said = np.round(model.calibrated(raw), metrics.DIGITS), np.array(lang, object), []
    for name, bounds in found.values.items():
        for language, threshold in bounds.items():
            rows = np.ones(len(values), bool) if language == "*" else of_lang == language
            kept = rows & (values >= threshold)
            hits = int((kept & wanted).sum())
            said.append({
                "name": name, "lang": language, "threshold": threshold, "rows": int(rows.sum()),
                "precision": round(hits / int(kept.sum()), 4) if kept.any() else None,
                "recall": round(hits / int((rows & wanted).sum()), 4) if (rows & wanted).any() else None,
                "kept": round(int(kept.sum()) / int(rows.sum()), 4) if rows.any() else None,
            })  # fmt: skip
    return said


def _rows(table: pa.Table, targets: Targets, parts: dict[str, Any], loaded: Loaded) -> dict[str, Any]:
    """Facts about the labels."""
    classes = targets.values if targets.task == "classes" else targets.wanted.astype(np.int64)
    names = list(targets.names) or [f"below {loaded.spec.positive_from:g}", f"from {loaded.spec.positive_from:g} on"]
    domains = table["domain"].combine_chunks()
    given = table["split"].null_count < len(table)
    shares = f"{loaded.spec.validation:g} and {loaded.spec.test:g} of the domains, by hash, are validation and test"
    most = {key: Counter(v for v in table[key].to_pylist() if v is not None).most_common(SHOWN) for key in ("lang", "source")}
    return {
        "classes": names, "split": "The split is that of the label set." if given else f"{shares}.",
        "languages": dict(most["lang"]), "sources": dict(most["source"]),
        "rows": {
            part: {
                "rows": len(rows), "domains": len(domains.take(pa.array(rows)).unique()),
                "classes": np.bincount(classes[rows], minlength=len(names)).tolist(),
            }
            for part, rows in ((name, parts[name]) for name in PARTS)
        },
    }  # fmt: skip
