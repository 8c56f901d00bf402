"""The trainer's probabilities are Chen and Goodman's, sum to one, and are read by KenLM as they were written."""

import io
import itertools
import math
import subprocess
import sys

import numpy as np
import pytest

from classifiers.ngram_lm import FALLBACK, bits, fit, train, write_arpa

SENTENCES = [line.split() for line in ("a b c a b", "a b d", "b c a a", "d a b c", "a", "c c c a b a b", "", "e f e f e f a")]


def arpa_of(sentences, order):
    out = io.StringIO()
    write_arpa(*train(sentences, order), out)
    return out.getvalue()


def read(arpa):
    """{n-gram: (log10 p, log10 back-off)} of an ARPA text."""
    found = {}
    for line in arpa.splitlines():
        parts = line.split("\t")
        if len(parts) > 1:
            found[tuple(parts[1].split(" "))] = (float(parts[0]), float(parts[2]) if len(parts) > 2 else 0.0)
    return found


def chance(model, context, word):
    """log10 p(word | context) by the rule of back-off."""
    context = tuple(context)
    while True:
        if (*context, word) in model:
            return model[(*context, word)][0]
        if not context:
            return model[("<unk>",)][0]
        return model.get(context, (0.0, 0.0))[1] + chance(model, context[1:], word)


@pytest.mark.parametrize("order", [2, 3, 5])
def test_after_any_words_the_probabilities_sum_to_one(order):
    model = read(arpa_of(SENTENCES, order))
    words = [w for (w, *more) in model if not more and w != "<s>"]
    for length in range(order):
        for context in itertools.product(["<s>", "a", "b", "e", "never"], repeat=length):
            assert sum(10 ** chance(model, context, w) for w in words) == pytest.approx(1, abs=1e-5), context


@pytest.mark.parametrize("order", [2, 3, 5])
def test_bits_are_those_of_the_file(order):
    model = read(arpa_of(SENTENCES, order))
    vocabulary, grams = train(SENTENCES, order)
    number = {word: i for i, word in enumerate(vocabulary)}
    said = [line.split() for line in ("a b c a b c", "", "f never e f e a b", "d d d", "b")]
    words = np.array([i for sentence in said for i in (1, *(number.get(w, 0) for w in sentence), 2)])
    wanted = []
    for sentence in said:
        whole = ["<s>", *sentence, "</s>"]
        wanted += [0.0, *(-chance(model, whole[max(0, i - order + 1) : i], whole[i]) / math.log10(2) for i in range(1, len(whole)))]
    assert bits(grams, words) == pytest.approx(wanted, rel=1e-4)


def test_words_of_the_vocabulary_that_are_not_in_the_text_share_what_is_left():
    grams = fit(np.array([1, 3, 4, 3, 2]), 50, 2)
    chances = 2 ** -np.array([bits(grams, np.array([1, 3, w]))[-1] for w in [0, *range(2, 50)]])
    assert chances.sum() == pytest.approx(1)
    assert len(set(chances[10:])) == 1


def test_a_bigram_model_small_enough_to_do_by_hand():
    """Text: "a b", "a". Too little for counts of counts, so the discounts are 0.5 (once), 1 (twice), 1.5."""
    assert FALLBACK == (0.5, 1.0, 1.5)
    model = read(arpa_of([["a", "b"], ["a"]], 2))
    # What comes before: a after <s>: 1 word; b after a: 1; </s> after b and after a: 2. In all 4, of which 0.5 + 0.5 + 1 = 2 go to the
    # uniform distribution over a, b, </s> and <unk>.
    a = b = 0.5 / 4 + 2 / 4 / 4
    end = 1 / 4 + 2 / 4 / 4
    assert 10 ** model[("a",)][0] == pytest.approx(a, rel=1e-5)
    assert 10 ** model[("b",)][0] == pytest.approx(b, rel=1e-5)
    assert 10 ** model[("</s>",)][0] == pytest.approx(end, rel=1e-5)
    assert 10 ** model[("<unk>",)][0] == pytest.approx(2 / 4 / 4, rel=1e-5)
    # After a (2 times): b once, </s> once; 1 of 2 is left for the rest.
    assert 10 ** model[("a",)][1] == pytest.approx(0.5, rel=1e-5)
    assert 10 ** model[("a", "b")][0] == pytest.approx(0.5 / 2 + 0.5 * b, rel=1e-5)
    assert 10 ** model[("a", "</s>")][0] == pytest.approx(0.5 / 2 + 0.5 * end, rel=1e-5)
    # After <s> (2 times): a twice, of which 1 is taken off.
    assert 10 ** model[("<s>", "a")][0] == pytest.approx(1 / 2 + 1 / 2 * a, rel=1e-5)


def test_discounts_come_from_counts_of_counts():
    """Bigrams of which 4 occur once, 3 twice, 2 three times, 1 four times: Y = 4 / (4 + 6) = 0.4."""
    pairs = [("a", "b"), ("c", "d"), ("e", "f"), ("g", "h")], [("i", "j"), ("k", "l"), ("m", "n")], [("o", "p"), ("q", "r")], [("s", "t")]
    flat = [list(pair) for times, group in enumerate(pairs, 1) for pair in group for _ in range(times)]
    model = read(arpa_of(flat, 2))
    # <s> x and y </s> double the counts of counts: 12, 9, 6, 3 of all bigrams, and the same Y.
    d1, d2, d3 = 1 - 2 * 0.4 * 9 / 12, 2 - 3 * 0.4 * 6 / 9, 3 - 4 * 0.4 * 3 / 6
    assert 10 ** model[("a",)][1] == pytest.approx(d1, rel=1e-5)
    assert 10 ** model[("i",)][1] == pytest.approx(d2 / 2, rel=1e-5)
    assert 10 ** model[("o",)][1] == pytest.approx(d3 / 3, rel=1e-5)
    assert 10 ** model[("s",)][1] == pytest.approx(d3 / 4, rel=1e-5)


@pytest.mark.parametrize("order", [2, 4])
def test_kenlm_reads_what_was_written(order, tmp_path):
    kenlm = pytest.importorskip("kenlm")
    arpa = arpa_of(SENTENCES, order)
    (tmp_path / "m.arpa").write_text(arpa)
    model, ours = kenlm.Model(str(tmp_path / "m.arpa")), read(arpa)
    assert model.order == order
    for text in ("a b c", "c a b d", "e f never a", ""):
        words = ["<s>", *text.split(), "</s>"]
        expected = [chance(ours, words[max(0, i - order + 1) : i], words[i]) for i in range(1, len(words))]
        assert [score for score, _, _ in model.full_scores(text)] == pytest.approx(expected, abs=1e-4)


def test_the_same_text_gives_the_same_file_and_marks_in_it_are_no_words():
    assert arpa_of(SENTENCES, 3) == arpa_of(SENTENCES, 3)
    assert arpa_of([["<s>", "a", "</s>", "<unk>"]], 2) == arpa_of([["a"]], 2)


def test_no_sentence_and_no_order_are_refused():
    with pytest.raises(ValueError, match="no sentence"):
        train([], 3)
    with pytest.raises(ValueError, match="at least 2, not 1"):
        train(SENTENCES, 1)


def test_the_command_writes_a_model_and_normalised_lines(tmp_path):
    (tmp_path / "t.txt").write_text("The Café, 1999!\n\nthe cafe\n")
    call = [sys.executable, "-m", "classifiers.ngram_lm"]
    subprocess.run([*call, str(tmp_path / "m.arpa"), str(tmp_path / "t.txt"), "--order", "2"], check=True)
    assert ("the", "cafe") in read((tmp_path / "m.arpa").read_text())
    lines = subprocess.run([*call, "-", str(tmp_path / "t.txt"), "--lines"], check=True, capture_output=True, text=True).stdout
    assert lines == "the cafe 0000\nthe cafe\n"


@pytest.mark.parametrize(("text", "said"), [(" \n", "no sentence to learn from"), (None, "No such file")])
def test_a_mistake_is_one_message_and_leaves_no_file(tmp_path, text, said):
    if text is not None:
        (tmp_path / "t.txt").write_text(text)
    call = [sys.executable, "-m", "classifiers.ngram_lm", str(tmp_path / "m.arpa"), str(tmp_path / "t.txt")]
    done = subprocess.run(call, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "m.arpa").exists()
