"""The fastText trainer against a slow one of plain Python, its files against our reader, and what it promises."""

import numpy as np
import pytest

from classifiers.train import fasttext
from classifiers.train.compress import save_compressed
from curation.errors import TaskError
from curation.text import Utf8
from stages.language.fasttext_model import read_model

SETTINGS = {
    "dim": 6, "rate": 0.5, "epochs": 3, "word_ngrams": 2, "min_n": 0, "max_n": 0, "min_count": 1, "max_words": 10_000, "buckets": 500,
    "weights": [1, 1], "seed": 3,
}  # fmt: skip
TEXTS = ["the cat sat", "der Hund läuft  schnell", "a cat\nruns", "中文 Hund", "x __label__b cat", "end </s> never read", "a a a a"]
LABELS = [0, 1, 0, 1, 0, 1, 0]


def documents(count, seed, share=0.15):
    """Texts of two classes, which a few words tell apart."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    rows = []
    for label in labels:
        words = [f"w{i}" for i in rng.zipf(1.4, 40) % 300]
        rows.append(" ".join(f"k{label}{rng.integers(20)}" if rng.random() < share else word for word in words))
    return Utf8.of_strings(rows), labels


def train(texts, labels, names=("a", "b"), **changes):
    return fasttext.train(texts if isinstance(texts, Utf8) else Utf8.of_strings(texts), labels, names, **{**SETTINGS, **changes})


# -- a slow trainer -------------------------------------------------------------------------------


def fnv(data):
    h = 2166136261
    for byte in data:
        h = ((h ^ (byte | 0xFFFFFF00 if byte > 127 else byte)) * 16777619) & 0xFFFFFFFF
    return h


def slow_rows(text, words, settings):
    """Rows of a text's features, as the paper and the file format have them."""
    tokens = []
    for token in text.encode().split():
        if token == b"</s>":
            break
        if not token.startswith(b"__label__"):
            tokens.append(token)
    first, found = len(words) + 1, []
    for token in tokens:
        found += [words.index(token) + 1] if token in words else []
        marked = f"<{token.decode()}>"
        for i in range(len(marked)):
            for n in range(max(1, settings["min_n"]), settings["max_n"] + 1):
                gram = marked[i : i + n]
                if len(gram) == n and gram not in ("<", ">"):
                    found.append(first + fnv(gram.encode()) % settings["buckets"])
    hashes = [h - (1 << 32) if (h := fnv(token)) >> 31 else h for token in [*tokens, b"</s>"]]
    for i, h in enumerate(hashes):
        for other in hashes[i + 1 : i + settings["word_ngrams"]]:
            h = (h * 116049371 + other) % (1 << 64)
            found.append(first + h % settings["buckets"])
    return [*found, 0]


def slow(texts, labels, settings, names=2):
    """(rows, output) after training, in float64."""
    order = {}
    for text in texts:
        for token in text.encode().split():
            if token == b"</s>":
                break
            if not token.startswith(b"__label__"):
                order[token] = order.get(token, 0) + 1
    words = sorted((w for w in order if order[w] >= settings["min_count"]), key=lambda w: -order[w])[: settings["max_words"]]
    rng = np.random.default_rng(settings["seed"])
    rows = (rng.random((len(words) + 1 + settings["buckets"], settings["dim"]), np.float32).astype(np.float64) - 0.5) * 2 / settings["dim"]
    output = np.zeros((names, settings["dim"]))
    for epoch in range(settings["epochs"]):
        for place, row in enumerate(rng.permutation(len(texts))):
            rate = settings["rate"] * (1 - (epoch + place / len(texts)) / settings["epochs"]) * settings["weights"][labels[row]]
            features = slow_rows(texts[row], words, settings)
            hidden = rows[features].mean(axis=0)
            chance = np.exp(output @ hidden)
            step = rate * (np.eye(names)[labels[row]] - chance / chance.sum())
            slope = step @ output / len(features)
            output += np.outer(step, hidden)
            np.add.at(rows, features, slope)
    return rows, output


@pytest.mark.parametrize(
    "changes",
    [{"word_ngrams": 1, "min_n": 1, "max_n": 3}, {"word_ngrams": 3}, {"weights": [0.5, 2]}, {"min_count": 2}, {"max_words": 3, "rate": 3}],
)
def test_numbers_are_those_of_a_slow_trainer(changes):
    made = train(TEXTS, LABELS, **changes)
    rows, output = slow(TEXTS, LABELS, {**SETTINGS, **changes})
    np.testing.assert_allclose(made.rows, rows, atol=2e-6)
    np.testing.assert_allclose(made.output, output, atol=2e-6)
    assert np.abs(made.output).max() > 0.01


# -- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{}, {"word_ngrams": 3}, {"word_ngrams": 1}, {"min_n": 2, "max_n": 4}, {"min_count": 2}])
def test_our_reader_gives_what_the_trainer_means(tmp_path, changes):
    made = train(TEXTS, LABELS, **changes)
    fasttext.save(made, tmp_path / "model.bin")
    model = read_model(tmp_path / "model.bin")
    assert model.labels == ("a", "b")
    found = model.probabilities(Utf8.of_strings(TEXTS))[np.arange(len(TEXTS)), LABELS]
    meant = fasttext.loss_of(made.words, made.features, made.rows, made.output, Utf8.of_strings(TEXTS), LABELS, [1, 1])
    assert -np.log(found - 1e-5).mean() == pytest.approx(meant, abs=1e-5)


def test_a_loss_weighs_documents_by_their_label():
    made = train(TEXTS, LABELS, rate=5.0)
    each = np.array([fasttext.loss_of(made.words, made.features, made.rows, made.output, Utf8.of_strings([t]), [k], [1, 1])
                     for t, k in zip(TEXTS, LABELS, strict=True)])  # fmt: skip
    weights = np.where(np.array(LABELS) == 1, 5.0, 1.0)
    whole = fasttext.loss_of(made.words, made.features, made.rows, made.output, Utf8.of_strings(TEXTS), LABELS, [1, 5])
    assert whole == pytest.approx((each * weights).sum() / weights.sum(), rel=1e-5)
    assert abs(whole - each.mean()) > 1e-3


def test_a_compressed_model_scores_like_its_original_and_is_as_small_as_asked(tmp_path):
    texts, labels = documents(300, 1)
    made = train(texts, labels, rate=1.0, epochs=5, buckets=50_000)
    fasttext.save(made, tmp_path / "model.bin")
    seen = int(fasttext.seen_rows(made, texts).sum())
    assert save_compressed(made, texts, tmp_path / "all.ftz", None, 0) == seen < 10_000
    assert save_compressed(made, texts, tmp_path / "some.ftz", 500, 0) == 500
    held, _ = documents(200, 2)
    exact, whole, some = (read_model(tmp_path / name).probabilities(held)[:, 0] for name in ("model.bin", "all.ftz", "some.ftz"))
    assert np.corrcoef(exact, whole)[0, 1] > 0.998
    assert np.corrcoef(exact, some)[0, 1] > 0.97
    sizes = [(tmp_path / name).stat().st_size for name in ("model.bin", "all.ftz", "some.ftz")]
    assert sizes[0] > 10 * sizes[1] > 40 * sizes[2]
    assert save_compressed(made, texts, tmp_path / "again.ftz", 500, 0) == 500
    assert (tmp_path / "again.ftz").read_bytes() == (tmp_path / "some.ftz").read_bytes()


# -- promises -------------------------------------------------------------------------------------


def test_it_learns_and_one_seed_is_one_model(tmp_path):
    texts, labels = documents(400, 1)
    held = documents(200, 2)
    files = []
    for seed in (0, 0, 1):
        made = train(texts, labels, rate=1.0, epochs=8, seed=seed, validation=held)
        fasttext.save(made, tmp_path / "model.bin")
        files.append((tmp_path / "model.bin").read_bytes())
        found = read_model(tmp_path / "model.bin").probabilities(held[0]).argmax(axis=1)
        assert (found == held[1]).mean() > 0.95
    assert files[0] == files[1] != files[2]


def test_the_best_epoch_stays_and_patience_ends_the_training():
    texts, labels = documents(100, 1, share=0.05)
    labels = np.where(np.random.default_rng(0).random(100) < 0.3, 1 - labels, labels)  # after a while, nothing to learn but these rows
    held = documents(200, 2, share=0.05)
    made = train(texts, labels, rate=1.0, epochs=60, validation=held, patience=2)
    losses = [b for _, b in made.losses]
    assert len(losses) < 60
    assert 1 < made.epoch == 1 + int(np.argmin(losses)) == len(losses) - 2
    kept = fasttext.loss_of(made.words, made.features, made.rows, made.output, *held, [1, 1])
    assert kept == pytest.approx(min(losses), abs=1e-7) != losses[-1]


def test_threads_learn_the_same_lesson():
    texts, labels = documents(400, 1)
    held = documents(200, 2)
    made = train(texts, labels, rate=1.0, epochs=8, threads=2, validation=held)
    assert made.losses[-1][1] < 0.2


def test_numbers_that_are_not_finite_are_an_error():
    with pytest.raises(TaskError, match=r"epoch 1: the loss or the weights are no finite numbers: lower the learning rate \(1e\+30\)"):
        train(TEXTS, LABELS, rate=1e30)
