"""Figures of a score: against scikit-learn where it has them, by hand where it has not."""

import json

import numpy as np
import pyarrow as pa
import pytest

from classifiers.evaluation import EXCERPT_CHARS, evaluate
from classifiers.metrics import LEAST_EACH, Pairs, auc, calibration, curve, spearman, thresholds
from classifiers.source_words import typical, without


def random_rows(n=400, seed=1, digits=2):
    """Scores with ties and labels they tell apart somewhat."""
    random = np.random.default_rng(seed)
    labels = random.random(n) < 0.3
    return np.round(np.clip(random.normal(0.4 + 0.2 * labels, 0.2), 0, 1), digits), labels


@pytest.mark.parametrize(("seed", "digits"), [(1, 2), (2, 1), (3, 6), (4, 0)])
def test_curves_are_those_of_scikit_learn(seed, digits):
    metrics = pytest.importorskip("sklearn.metrics")
    scores, labels = random_rows(seed=seed, digits=digits)
    found = curve(scores, labels)
    x, y, _ = metrics.roc_curve(labels, scores, drop_intermediate=False)
    assert np.allclose(found.roc(), np.column_stack([x, y]))
    assert found.auc() == pytest.approx(metrics.roc_auc_score(labels, scores), abs=1e-12)
    assert Pairs(scores, labels).auc() == pytest.approx(found.auc(), abs=1e-12)
    assert found.average_precision() == pytest.approx(metrics.average_precision_score(labels, scores), abs=1e-12)
    precision, recall, at = metrics.precision_recall_curve(labels, scores)
    assert np.allclose(found.precision[::-1], precision[:-1])
    assert np.allclose(found.recall[::-1], recall[:-1])
    assert np.allclose(found.thresholds[::-1], at)


def test_weights_of_pairs_are_copies_of_rows():
    scores, labels = random_rows(80)
    strata = np.arange(80) % 3
    weights = np.random.default_rng(5).integers(0, 4, 80)
    rows = np.repeat(np.arange(80), weights)
    assert Pairs(scores, labels, strata).auc(weights) == pytest.approx(Pairs(scores[rows], labels[rows], strata[rows]).auc(), abs=1e-12)
    parts = [(auc(scores[own], labels[own]), labels[own].sum() * (~labels[own]).sum()) for own in (strata == k for k in range(3))]
    assert Pairs(scores, labels, strata).auc() == pytest.approx(sum(a * n for a, n in parts) / sum(n for _, n in parts), abs=1e-12)


def test_points_by_hand():
    #                    yes  no   yes  yes  no   no
    found = curve(np.array([0.9, 0.8, 0.7, 0.7, 0.7, 0.1]), np.array([1, 0, 1, 1, 0, 0]))
    assert found.at_recall(1.0) == (0.7, 3 / 5, 1.0, 5 / 6)
    assert found.at_recall(1 / 3) == (0.9, 1.0, 1 / 3, 1 / 6)
    assert found.at_recall(0.34).threshold == 0.7
    assert found.at_precision(0.55).threshold == 0.7
    assert found.at_precision(0.7).threshold == 0.9
    assert found.at_kept(0.5).threshold == 0.8, "0.7 would keep 5 of 6"
    assert found.at_kept(0.01).threshold == 0.9, "nothing keeps less than the best score"
    assert found.auc() == pytest.approx((3 + 2 * (1 + 0.5)) / 9)
    assert curve([0.9, 0.8], [False, True]).at_precision(0.9) is None


def test_an_interval_goes_by_groups():
    scores, labels = random_rows(600)
    alone = Pairs(scores, labels).interval()
    copies = np.tile(np.arange(600), 9)
    assert alone is not None
    assert alone[0] < auc(scores, labels) < alone[1]
    by_group = Pairs(scores[copies], labels[copies]).interval(groups=copies)
    by_row = Pairs(scores[copies], labels[copies]).interval()
    assert by_group[1] - by_group[0] == pytest.approx(alone[1] - alone[0], rel=0.15), "nine copies of a row are no nine rows"
    assert by_row[1] - by_row[0] < 0.5 * (alone[1] - alone[0])
    assert Pairs(scores, labels).interval(groups=np.where(labels, "a", np.arange(600))) is None, "all yes are of one domain"
    assert Pairs(scores, labels).interval(seed=0) == alone


def test_an_interval_holds_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(0)
    held = 0
    for _ in range(60):
        labels = random.random(150) < 0.5
        low, high = Pairs(random.normal(labels * 1.0, 1.0), labels).interval(samples=200)
        held += low <= 0.7602 <= high  # Phi(1 / sqrt 2)
    assert 50 <= held <= 60


def test_calibration_by_hand():
    bins, ece = calibration([0.05, 0.05, 0.95, 1.0], [False, True, True, True])
    assert [tuple(b) for b in bins] == [(0.0, 0.1, 2, 0.05, 0.5), (0.9, 1.0, 2, 0.975, 1.0)]
    assert ece == pytest.approx((2 * 0.45 + 2 * 0.025) / 4)
    with pytest.raises(ValueError, match="no probabilities"):
        calibration([0.5, 1.5], [False, True])


def test_thresholds_hold_on_stored_scores_and_by_language():
    random = np.random.default_rng(2)
    labels = random.random(3_000) < 0.4
    lang = np.array(["en"] * 1_500 + ["de"] * 1_200 + ["sw"] * 190 + ["is"] * 110)
    scores = np.clip(random.normal(0.45 + 0.2 * labels - 0.2 * (lang == "de"), 0.12), 0, 1)
    values, unreached = thresholds(scores, labels, lang.tolist(), precision=(0.9,), recall=(0.9,), kept=(0.1,))
    assert not unreached
    assert values["precision_0.9"].keys() == {"*", "en", "de"}, "190 rows are too few"
    stored = np.round(scores, 3)
    for value in ("*", "en", "de"):
        own = (lang == value) | (value == "*")
        kept = {name: own & (stored >= of[value]) for name, of in values.items()}
        assert labels[kept["precision_0.9"]].mean() >= 0.9
        assert (kept["recall_0.9"] & labels).sum() >= 0.9 * labels[own].sum()
        assert kept["kept_0.1"].sum() <= 0.1 * own.sum()
        assert kept["kept_0.1"].sum() > 0.09 * own.sum()
    assert values["recall_0.9"]["de"] < values["recall_0.9"]["en"] - 0.1
    wider = thresholds(scores, labels, lang.tolist(), recall=(0.9,), least_rows=100).values
    assert wider["recall_0.9"].keys() == {"*", "en", "de", "sw", "is"}
    few = labels.copy()
    few[np.flatnonzero((lang == "de") & labels)[LEAST_EACH - 1 :]] = False
    assert "de" not in thresholds(scores, few, lang.tolist(), recall=(0.9,)).values["recall_0.9"]


def test_the_best_few_rows_show_no_precision():
    rng = np.random.default_rng(0)
    found = [thresholds(rng.random(400), rng.random(400) < 0.5, precision=(0.9,)) for _ in range(40)]  # scores that tell nothing
    assert all(one.values == {} and one.unreached == [("precision_0.9", "*")] for one in found)


def test_a_wish_out_of_reach_is_said():
    labels = np.arange(800) % 2 == 0
    en = np.arange(800) < 400
    scores = np.where(en, labels * 0.5 + 0.2, 0.9 - labels * 0.5)
    values, unreached = thresholds(scores, labels, np.where(en, "en", "de").tolist(), precision=(0.6, 0.99))
    assert unreached == [("precision_0.6", "de"), ("precision_0.99", "*"), ("precision_0.99", "de")]
    assert values == {"precision_0.6": {"*": 0.4, "en": 0.7}}
    notes = evaluate(scores, labels, thresholds=thresholds(scores, labels, np.where(en, "en", "de").tolist(), precision=(0.6, 0.99))).notes
    assert [note for note in notes if note.startswith("No threshold")] == [
        "No threshold reaches precision_0.6 in `de`: the one over all is used there.", "No threshold reaches precision_0.99.",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="recall_2: a share"):
        thresholds(scores, labels, recall=(2,))


def test_rank_correlation():
    stats = pytest.importorskip("scipy.stats")
    a, b = random_rows()[0], random_rows(seed=9)[0]
    assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)
    assert spearman([1, 2, 3], [10, 20, 90]) == 1
    assert np.isnan(spearman([1, 1], [1, 2]))


# -- what tells the source ----------------------------------------------------------------------------


def test_words_that_tell_the_source_by_hand():
    pytest.importorskip("sklearn")
    from sklearn.metrics import mutual_info_score

    random = np.random.default_rng(3)
    source = np.repeat(["a", "b", "c"], [40, 30, 30])
    rate = {"site": (0.9, 0.0, 0.1), "Über": (0.1, 0.8, 0.8), "the": (0.9, 0.9, 0.9), "数": (0.0, 0.3, 0.0), "all": (1, 1, 1)}
    has = {word: random.random(100) < np.repeat(p, [40, 30, 30]) for word, p in rate.items()}
    texts = pa.array([" ".join(word for word in rate if has[word][i]) for i in range(100)])
    told = {word.lower(): mutual_info_score(has[word], source) for word in rate}
    words, _ = typical(texts, source)
    assert words == sorted((word for word in told if told[word] > 1e-9), key=lambda word: -told[word])
    assert typical(texts, source, 2)[0] == words[:2]


def test_words_are_taken_out_whole_and_whatever_their_case():
    texts = pa.array(["The site, THE sites; 数学 site", "", "a site"])
    words, hashes = typical(pa.array(["site 数"] * 5 + ["a"] * 5), ["x"] * 5 + ["y"] * 5)
    assert set(words) == {"site", "数", "a"}
    assert without(texts, hashes).to_pylist() == ["The , THE sites; 学 ", "", " "]


def sourced(learned):
    """Rows of six sources, most of one label each; a score that reads the source's name, or what tells the labels apart."""
    random = np.random.default_rng(4)
    source = random.integers(0, 6, 900)
    labels = random.random(900) < np.where(source < 3, 0.9, 0.1)
    rows = zip(source.tolist(), labels.tolist(), strict=True)
    texts = [f"site{s} {'good' if y else 'bad'} words{random.integers(0, 40)}" for s, y in rows]

    def score(given):
        return np.array([
            0.5 + 0.4 * (("good" in text) - ("bad" in text)) if learned == "text" else 0.5 + 0.1 * sum(f"site{s}" in text for s in range(3))
            for text in given.to_pylist()
        ])  # fmt: skip

    texts = pa.array(texts)
    names = [f"source {s}" for s in source]
    return evaluate(score(texts), labels, source=names, texts=texts, rescore=score)


def test_a_score_that_only_learned_the_source_is_told_so():
    report = sourced("source")
    assert report.auc > 0.85
    assert report.figures["within_source"]["auc"] == 0.5
    assert report.figures["source_words"]["auc_without"] == 0.5
    assert any(note.startswith("**It mostly learned the source**") for note in report.notes)
    assert any(note.startswith("**It leans on words of the sources**") for note in report.notes)
    assert "**It mostly learned the source**" in report.markdown()


def test_one_that_learned_the_text_is_not():
    report = sourced("text")
    assert report.figures["within_source"]["auc"] == 1.0
    assert report.figures["within_source"]["sources"] == 6
    assert not any("mostly learned" in note for note in report.notes)
    assert 0.8 < report.figures["source_alone"] < 0.95


def test_labels_that_are_the_sources_are_said():
    labels = np.arange(60) % 2 == 0
    report = evaluate(labels * 0.5, labels, source=np.where(labels, "wiki", "web").tolist())
    assert report.figures["within_source"] is None
    assert any(note.startswith("Each source has one label only") for note in report.notes)
    assert any(note.startswith("Sources are not known") for note in evaluate(labels * 0.5, labels).notes)
    alone = evaluate(labels * 0.5, labels, source=[str(i) for i in range(60)])
    assert alone.figures["source_alone"] == 0.5, "a row says nothing of itself"


# -- the report ---------------------------------------------------------------------------------------


def test_parts_mistakes_and_bins():
    scores, labels = random_rows(300)
    lang = ["en" if i % 3 else "de" for i in range(299)] + [None]
    texts = ["x" * (100 + 400 * i) for i in range(300)]
    figures = evaluate(scores, labels, lang=lang, texts=texts).figures
    assert [(p["name"], p["rows"]) for p in figures["languages"]] == [("en", 199), ("de", 100), ("", 1)]
    assert figures["languages"][0]["auc"] == auc(scores[[v == "en" for v in lang]], labels[[v == "en" for v in lang]])
    assert figures["languages"][2]["auc"] is None
    assert [p["name"] for p in figures["lengths"]] == ["0 to 499", "500 to 1,999", "2,000 to 7,999", "8,000 and more"]
    assert [p["rows"] for p in figures["lengths"]] == [1, 4, 15, 280]
    rows = [m["row"] for m in figures["mistakes"]]
    assert len(rows) == 20
    assert labels[rows].tolist() == [True] * 10 + [False] * 10
    assert scores[rows[0]] == scores[labels].min()
    assert scores[rows[10]] == scores[~labels].max()
    perfect = evaluate(labels.astype(float), labels, texts=texts)
    assert perfect.figures["mistakes"] == []
    many = evaluate(scores, labels, source=[f"s{i % 45}" for i in range(300)]).figures["sources"]
    assert (len(many), many[-1]["name"], sum(p["rows"] for p in many)) == (31, "15 others", 300)


def test_crawled_text_stays_text():
    evil = "<script>alert(1)</script> `x | [a](javascript:b)\n# head\x1b[31m\u202e" + "y" * 10_000
    labels = np.arange(40) % 2 == 0
    scores = np.where(labels, 0.4, 0.6)
    report = evaluate(scores, labels, lang=[evil] * 40, source=[evil] * 40, texts=[evil] * 40, rescore=lambda texts: scores)
    lines = report.markdown().split("\n")
    rows = [line for line in lines if "alert" in line]
    assert rows
    for line in rows:
        assert line.startswith("| ") or line.startswith("`"), line
        assert line.count("`") % 2 == 0
        outside = "".join(line.split("`")[::2])
        assert not set("<>[]#") & set(outside)
        assert line.isprintable()
    assert max(map(len, lines)) < 4 * EXCERPT_CHARS + 6_000
    assert all(len(m["text"]) <= EXCERPT_CHARS + 1 and m["text"].isprintable() for m in json.loads(report.json())["mistakes"])


def test_json_is_the_whole_and_the_same_each_time():
    scores, labels = random_rows(400)
    report = evaluate(scores, labels, lang=["en"] * 400, domain=[f"d{i % 50}" for i in range(400)])
    assert report.json() == evaluate(scores, labels, lang=["en"] * 400, domain=[f"d{i % 50}" for i in range(400)]).json()
    read = json.loads(report.json())
    assert read["auc"] == round(report.auc, 6)
    assert read["roc"][0] == [0, 0]
    assert read["roc"][-1] == [1, 1]
    assert len(read["precision_recall"]) <= 101
    assert f"**AUC {report.auc:.3f}** (95 % interval {read['auc_interval'][0]:.3f} to" in report.markdown()


@pytest.mark.parametrize(
    ("scores", "labels", "more", "message"),
    [
        ([], [], {}, "no rows"),
        ([0.5, 0.5], [True], {}, "one value a row"),
        ([0.5, float("nan")], [True, False], {}, "1 of 2 scores are not finite"),
        ([0.5, 0.2], [True, True], {}, "all 2 rows have label True"),
        ([0.5, 0.2], [0, 2], {}, "true or false"),
        ([0.5, 0.2], [0, 1], {"lang": ["en"]}, "lang has 1 values for 2 scores"),
    ],
)
def test_bad_input(scores, labels, more, message):
    with pytest.raises(ValueError, match=message):
        evaluate(np.array(scores), np.array(labels), **more)
