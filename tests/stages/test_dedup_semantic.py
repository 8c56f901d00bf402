"""Semantic duplicates: against all pairs in whole numbers, through the engine in any division, and at the threshold itself."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stage_checks import emitted, run_global

import stages.dedup.dedup_semantic as module
from curation.errors import RecipeError, TaskError
from curation.stage import Batch
from stages.dedup import unit_vectors as vectors_module
from stages.dedup.dedup_semantic import dedup_semantic, greedy
from stages.dedup.unit_vectors import column_vectors, first_similar, is_embedding, load_centroids, nearest, unit_vectors
from tests.engine.engine_kit import recipe, rows, run, steps

D = 24
EPSILON = 0.05
TEXT = """
inputs: {docs: {use: parquet, paths: "docs/*", carry: [embedding]}}
steps: {same: {use: dedup_semantic, centroids: centroids.npy, max_drop_share: 1%s}}
"""
SMALL = {"settings.shuffle.reduce_bytes": 40_000, "settings.shuffle.spill_bytes": 50_000}


def identifier(number):
    return f"{number:032x}"


def saved(folder, centroids):
    np.save(folder / "centroids.npy", np.asarray(centroids, np.float32))
    return str(folder / "centroids.npy")


def planted(n, seed=0):
    """n vectors: groups of many sizes and widths around common centres, whole copies, and strangers; and 6 centroids."""
    rng = np.random.default_rng(seed)
    topics = rng.normal(size=(6, D))
    centres = topics[rng.integers(0, 6, n // 8)] + rng.normal(size=(n // 8, D)) * 0.7
    group = np.minimum(rng.geometric(8 / n, n), n // 8) - 1
    vectors = centres[group] + rng.normal(size=(n, D)) * rng.choice([0.02, 0.15, 0.25, 0.6], (n, 1))
    copies = rng.integers(0, n // 2, n // 10)
    vectors[-len(copies) :] = vectors[copies]
    return vectors.astype(np.float32)[rng.permutation(n)], topics.astype(np.float32)


def expected(vectors, centroids, epsilon=EPSILON, least=True):
    """Number -> (survivor or None, cosine or None, cluster): all pairs, one by one, in whole numbers of 2**-24 and 2**-48."""
    whole, centres = (np.rint(unit_vectors(v)[0].astype(np.float64) * 2**24).astype(np.int64) for v in (vectors, centroids))
    central = whole @ centres.T
    cluster = central.argmax(axis=1)
    products = whole @ whole.T
    sign = 1 if least else -1
    order = sorted(range(len(whole)), key=lambda i: (sign * int(central[i, cluster[i]]), identifier(i)))
    survivors = {n: [] for n in range(len(centres))}
    found = {}
    for i in order:
        of = next((s for s in survivors[cluster[i]] if int(products[i, s]) > (1 - epsilon) * 2**48), None)
        found[i] = (of, None if of is None else min(1.0, products[i, of] / 2**48), int(cluster[i]))
        if of is None:
            survivors[cluster[i]].append(i)
    return found


@pytest.fixture(scope="module")
def oracle():
    vectors, centroids = planted(3_000)
    found = expected(vectors, centroids)
    gone = sum(of is not None for of, _, _ in found.values())
    assert 500 < gone < 2_500
    assert len({cluster for _, _, cluster in found.values()}) == 6
    return vectors, centroids, found


def written(folder, vectors, numbers, kind=None):
    """Files docs/*.parquet of these documents, one for each list of numbers."""
    (folder / "docs").mkdir(parents=True, exist_ok=True)
    for file, mine in enumerate(numbers):
        table = pa.table({
            "id": [identifier(i) for i in mine], "text": [f"document {i}" for i in mine],
            "embedding": pa.array([None if vectors[i] is None else list(vectors[i]) for i in mine], kind or pa.list_(pa.float32())),
        })  # fmt: skip
        pq.write_table(table, folder / "docs" / f"{file}.parquet", row_group_size=100)


def outcome(out):
    """Number -> (survivor or None, cosine or None, cluster) of all documents of a run."""
    found = {}
    for row in [*rows(out, "outputs"), *rows(out, "dropped")]:
        assert row.get("drop_reason") == (None if row["duplicate_of"] is None else "semantic_duplicate")
        of = None if row["duplicate_of"] is None else int(row["duplicate_of"], 16)
        found[int(row["id"], 16)] = (of, row["similarity"], row["semantic_cluster"])
    return found


def close(found, wanted):
    """Whether outcomes agree, cosines as float32."""
    as_written = {i: (of, None if cosine is None else float(np.float32(cosine)), cluster) for i, (of, cosine, cluster) in wanted.items()}
    return found == as_written


DIVISIONS = {
    "one file": lambda n: [range(n)],
    "three files": lambda n: [range(0, n, 3), range(1, n, 3), range(2, n, 3)],
    "backwards": lambda n: [range(n - 1, n // 3, -1), range(n // 3, -1, -1)],
}


@pytest.mark.parametrize("sizes", [{}, SMALL], ids=["in memory", "streamed"])
@pytest.mark.parametrize("division", DIVISIONS)
def test_the_engine_gives_what_all_pairs_give(tmp_path, monkeypatch, oracle, division, sizes):
    if sizes:  # clusters of several windows, of several blocks each
        monkeypatch.setattr(module, "BLOCK", 64)
        monkeypatch.setattr(module, "WINDOW_BYTES", 150 * 4 * D)
    vectors, centroids, wanted = oracle
    saved(tmp_path, centroids)
    written(tmp_path, vectors, DIVISIONS[division](len(vectors)))
    run(recipe(tmp_path, TEXT % ""), tmp_path / "out", overrides=sizes)
    assert close(outcome(tmp_path / "out"), wanted)
    notes = str(steps(tmp_path / "out")["same"]["notes"])
    assert ("too large for memory" in notes) == bool(sizes)


def test_running_twice_drops_nothing_more(tmp_path, oracle):
    vectors, centroids, wanted = oracle
    saved(tmp_path, centroids)
    written(tmp_path, vectors, [[i for i, (of, _, _) in wanted.items() if of is None]])
    it = run(recipe(tmp_path, TEXT % ""), tmp_path / "out")
    assert not it.accounts["same"].dropped


@pytest.mark.parametrize("values", [{"keep": "most_central"}, {"epsilon": 0.3}, {"epsilon": 0.001}])
def test_all_pairs_agree_for_other_parameters(tmp_path, values):
    vectors, centroids = planted(400, seed=1)
    wanted = expected(vectors, centroids, values.get("epsilon", EPSILON), values.get("keep") != "most_central")
    assert sum(of is not None for of, _, _ in wanted.values()) > 20
    table = pa.table({"id": [identifier(i) for i in range(400)], "embedding": pa.array(list(vectors), pa.list_(pa.float32()))})
    columns = run_global(dedup_semantic, table.slice(0, 150), table.slice(150), centroids=saved(tmp_path, centroids), **values)
    found = zip(columns["duplicate_of"], columns["similarity"], columns["semantic_cluster"], strict=True)
    assert close({i: (None if of is None else int(of, 16), cosine, cluster) for i, (of, cosine, cluster) in enumerate(found)}, wanted)


def test_a_dropped_document_is_similar_to_one_that_stays(oracle):
    vectors, _, wanted = oracle
    long = vectors.astype(np.float64)
    true = long / np.linalg.norm(long, axis=1)[:, None]
    for i, (of, cosine, cluster) in wanted.items():
        if of is not None:
            assert wanted[of][0] is None
            assert wanted[of][2] == cluster
            assert cosine == pytest.approx(true[i] @ true[of], abs=1e-6)
            assert cosine > 1 - EPSILON


HALF = [0.5, 0.5, 0.5, 0.5]
STEP = 2.0**-20
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("values", "embeddings", "fates"),
    [
        pytest.param({"epsilon": 0.5}, [[1, 0, 0, 0], HALF], "kk", id="the threshold itself is kept"),
        pytest.param({"epsilon": 0.5}, [[1, 0, 0, 0], [0.5 + STEP, 0.5, 0.5, 0.5]], "1k", id="just over"),
        pytest.param({"epsilon": 0.5}, [[1, 0, 0, 0], [0.5 - STEP, 0.5, 0.5, 0.5]], "kk", id="just under"),
        pytest.param({}, [HALF, [7, 7, 7, 7], [1e-30] * 4], "k00", id="length does not matter"),
        pytest.param({}, [HALF, [-0.5] * 4], "kk", id="opposite"),
        pytest.param({"epsilon": 1e-5}, [[1, 2, 3, 4], [1, 2, 3, 4]], "k0", id="copies at the least epsilon"),
        pytest.param({"epsilon": 0.3}, [[4, 0, 0, 0], [4, 3, 0, 0], [0, 1, 0, 0]], "1kk", id="least central"),
        pytest.param({"epsilon": 0.3, "keep": "most_central"}, [[4, 0, 0, 0], [4, 3, 0, 0], [0, 1, 0, 0]], "k0k", id="most central"),
        pytest.param({}, [None, None, HALF], "nnk", id="null"),
        pytest.param({}, [[], [0.0] * 4, [1.0] * 5, [None] * 4, [1.0, NAN, 0, 0], [INF, 0, 0, 0]], "n" * 6, id="unusable"),
    ],
)
def test_fates(tmp_path, values, embeddings, fates):
    """k = kept, a digit = dropped as a duplicate of that one, n = kept without a cluster; the centroid is the first axis."""
    path = saved(tmp_path, [[1, 0, 0, 0]])
    table = pa.table({"id": [identifier(i) for i in range(len(embeddings))], "embedding": pa.array(embeddings, pa.list_(pa.float32()))})
    for tables in ([table], [table.slice(i, 1) for i in range(len(embeddings))]):
        columns = run_global(dedup_semantic, *tables, centroids=path, **values)
        assert columns["duplicate_of"] == [identifier(int(c)) if c.isdigit() else None for c in fates]
        assert columns["drop_reason"] == ["semantic_duplicate" if c.isdigit() else None for c in fates]
        assert columns["semantic_cluster"] == [None if c == "n" else 0 for c in fates]


def test_a_chain_is_not_followed(tmp_path):
    """SemDeDup's own rule would drop the third, which is similar to the dropped second alone."""
    angles = np.deg2rad([40, 30, 20])
    table = pa.table({"id": [identifier(i) for i in range(3)], "embedding": [[np.cos(a), np.sin(a)] for a in angles]})
    columns = run_global(dedup_semantic, table, centroids=saved(tmp_path, [[1, 0]]), epsilon=1 - np.cos(np.deg2rad(15)))
    assert columns["duplicate_of"] == [None, identifier(0), None]


def test_documents_of_two_clusters_are_not_compared(tmp_path):
    table = pa.table({"id": [identifier(i) for i in range(2)], "embedding": [[1.0, 0.99], [0.99, 1.0]]})
    columns = run_global(dedup_semantic, table, centroids=saved(tmp_path, [[1, 0], [0, 1]]))
    assert columns["drop_reason"] == [None, None]
    assert columns["semantic_cluster"] == [0, 1]


@pytest.mark.parametrize("window", [5, 16, 40, 1_000])
def test_windows_and_blocks_change_nothing(monkeypatch, window):
    units = unit_vectors(planted(500, seed=2)[0])[0]
    order = np.random.default_rng(0).permutation(500)
    whole = greedy(lambda: iter([units]), order, 0.9, 500)
    assert 50 < (whole[0] >= 0).sum() < 450
    monkeypatch.setattr(module, "BLOCK", 16)
    monkeypatch.setattr(vectors_module, "BLOCK", 7)
    pieces = greedy(lambda: (units[low : low + 90] for low in range(0, 500, 90)), order, 0.9, window)
    assert (pieces[0] == whole[0]).all()
    assert (pieces[1] == whole[1]).all()


def test_products_are_the_same_in_any_order_and_shape():
    rng = np.random.default_rng(5)
    made = [unit_vectors(rng.normal(size=(n, 700)))[0] for n in (64, 90)]
    wide = [units.astype(np.float64) for units in made]
    products = wide[0] @ wide[1].T
    whole = [(units * 2**24).astype(np.int64) for units in wide]
    assert (products * 2.0**48 == whole[0] @ whole[1].T).all()
    for _ in range(5):
        order = rng.permutation(700)
        assert (wide[0][:, order] @ wide[1][:, order].T == products).all()
    assert (np.stack([wide[1] @ row for row in wide[0]]) == products).all()
    cluster, cosine = nearest(*made)
    assert (cluster == products.argmax(axis=1)).all()
    assert (cosine == products.max(axis=1)).all()
    which, cosine = first_similar(*made, 0.05)
    assert (which == [next((j for j in range(90) if row[j] > 0.05), -1) for row in products]).all()
    assert (cosine == [row[j] if j >= 0 else 0 for j, row in zip(which, products, strict=True)]).all()


def test_rounding_moves_a_cosine_by_less_than_it_says():
    long = np.random.default_rng(6).normal(size=(200, 1_024)) + 0.5
    true = long.astype(np.float32).astype(np.float64)
    true /= np.linalg.norm(true, axis=1)[:, None]
    wide = unit_vectors(long)[0].astype(np.float64)
    assert abs(wide @ wide.T - true @ true.T).max() < 2.0**-24 * 32
    flat = unit_vectors(np.ones((1, vectors_module.MAX_DIMENSIONS)) * 1.37)[0].astype(np.float64)
    assert (flat @ flat.T).item() > 1 - module.LEAST_EPSILON


@pytest.mark.parametrize(
    "kind",
    [pa.list_(pa.float32()), pa.large_list(pa.float64()), pa.list_(pa.float32(), 3), pa.list_(pa.float64(), 3), pa.list_(pa.float16())],
)
def test_every_form_of_a_list_is_read(kind):
    column = pa.array([[9.0, 9, 9], [0.0, 3, 4], None, [0.0, 0, 0], [0.0, 0, 1]], pa.list_(pa.float64())).cast(kind)
    assert is_embedding(kind)
    units, rows_, wrong = column_vectors(column.slice(1), 3)
    assert rows_.tolist() == [0, 3]
    assert (units * 2**24).tolist() == [[0, round(0.6 * 2**24), round(0.8 * 2**24)], [0, 0, 2**24]]
    assert sorted(wrong.values()) == [0, 1, 1]


def test_unusable_embeddings_are_counted_and_kept(tmp_path):
    saved(tmp_path, [[1, 0], [0, 1]])
    vectors = [[1.0, 2], None, [1.0, 2, 3], None, [0.0, 0], [NAN, 1], [INF, 1]]
    written(tmp_path, vectors, [range(3), range(3, 7)])
    it = run(recipe(tmp_path, TEXT % ""), tmp_path / "out")
    assert it.accounts["same"].kept == 7
    notes = steps(tmp_path / "out")["same"]["notes"]
    assert [n for n in notes if "embedding" in n] == [
        "embedding of another length than the centroids: 1", "embedding of zeros or not finite: 3", "no embedding: 2",
    ]  # fmt: skip


def test_one_embedding_everywhere_is_sent_once_a_mapper(tmp_path):
    params = dedup_semantic.params(centroids=saved(tmp_path, [[1, 0]]))
    vectors = [[0.3, 0.4]] * 40 + [[0.1, float(i)] for i in range(10)]
    table = pa.table({"id": [identifier(i) for i in range(50, 0, -1)], "embedding": vectors})
    sent = dedup_semantic.combine(emitted(dedup_semantic, table, params, 0).drop_columns(["shard"]), params, 0)
    assert sent.rows.num_rows == 11
    assert set(sent.followers["leader"].to_pylist()) == {39}
    assert sorted(sent.followers["row"].to_pylist()) == list(range(39))
    written(tmp_path, [[0.3, 0.4]] * 60, [range(0, 60, 2), range(1, 60, 2)])
    it = run(recipe(tmp_path, TEXT % ""), tmp_path / "out")
    assert it.accounts["same"].dropped == {"semantic_duplicate": 59}
    assert {of for of, _, _ in outcome(tmp_path / "out").values()} == {None, 0}


@pytest.mark.parametrize(
    ("made", "said"),
    [
        pytest.param(lambda path: np.save(path, np.ones((2, 3))), "has 4 numbers a document, the centroids have 3", id="another length"),
        pytest.param(lambda path: np.save(path, np.zeros((2, 4))), "2 centroids are zeros", id="zeros"),
        pytest.param(lambda path: np.save(path, np.full((2, 4), np.nan)), "2 centroids are zeros or not finite", id="not finite"),
        pytest.param(lambda path: np.save(path, np.ones(4)), "holds no matrix", id="no matrix"),
        pytest.param(lambda path: np.save(path, np.ones((2, 4), np.int32)), "holds no matrix of floating-point", id="whole numbers"),
        pytest.param(lambda path: np.save(path, np.ones((0, 4))), "holds 0 centroids of 4", id="none"),
        pytest.param(lambda path: np.save(path, np.array([[{}]]), allow_pickle=True), "is no .npy file of numbers", id="pickled"),
        pytest.param(lambda path: path.write_bytes(b""), "is no .npy file of numbers", id="empty"),
        pytest.param(lambda path: path.write_text("not numbers"), "is no .npy file of numbers", id="text"),
        pytest.param(lambda path: None, "no file 'centroids.npy'", id="missing"),
    ],
)
def test_centroids_are_checked_before_any_work(tmp_path, made, said):
    written(tmp_path, [[1.0, 2, 3, 4]], [range(1)], pa.list_(pa.float32(), 4))
    made(tmp_path / "centroids.npy")
    with pytest.raises(RecipeError, match=said) as e:
        run(recipe(tmp_path, TEXT % ""), tmp_path / "out")
    assert "recipe.yaml:5" in str(e.value)


def test_a_column_that_holds_no_embeddings_is_refused(tmp_path):
    saved(tmp_path, [[1, 0]])
    written(tmp_path, [[1.0, 2]], [range(1)])
    for column, said in (("text", "column 'text' is large_string, no list of floating-point numbers"), ("vector", "reads column 'vector'")):
        with pytest.raises(RecipeError, match=said):
            run(recipe(tmp_path, TEXT % f", column: {column}"), tmp_path / "out")


def test_a_cluster_too_large_stops_the_run(tmp_path, monkeypatch):
    saved(tmp_path, [[1, 0]])
    monkeypatch.setattr(module, "MAX_CLUSTER", 9)
    written(tmp_path, [[1.0, i] for i in range(10)], [range(10)])
    with pytest.raises(TaskError, match=r"cluster 0 has 10 documents, .* make more centroids"):
        run(recipe(tmp_path, TEXT % ""), tmp_path / "out")


@pytest.mark.parametrize(
    ("documents", "gone", "values", "said"),
    [
        (999, 999, {}, None),
        (1_000, 500, {}, None),
        (1_000, 501, {}, "501 of 1,000 documents (50.1%) are duplicates"),
        (1_000, 900, {}, "900 of 1,000 documents (90.0%) are duplicates"),
        (1_000, 901, {}, ValueError),
        (1_000, 301, {"max_drop_share": 0.3}, ValueError),
        (1_000, 1_000, {"max_drop_share": 1}, "1,000 of 1,000 documents (100.0%) are duplicates"),
    ],
)
def test_much_dropped_is_said_and_too_much_stops(tmp_path, documents, gone, values, said):
    params = dedup_semantic.params(centroids="c.npy", **values)
    if said is ValueError:
        with pytest.raises(ValueError, match="more than max_drop_share"):
            dedup_semantic.judge(documents, {"semantic_duplicate": gone}, params)
        return
    assert dedup_semantic.judge(documents, {"semantic_duplicate": gone}, params) == said


@pytest.mark.parametrize("epsilon", [0, 1e-6, 1, -1])
def test_an_epsilon_that_cannot_work_is_refused(epsilon):
    with pytest.raises(ValueError, match="epsilon"):
        dedup_semantic.params(centroids="c.npy", epsilon=epsilon)


def test_no_documents(tmp_path):
    params = dedup_semantic.params(centroids=saved(tmp_path, [[1, 0]]))
    none = pa.schema({"id": pa.string(), "embedding": pa.list_(pa.float32())}).empty_table()
    keyed = dedup_semantic.emit(Batch(none), params)
    assert len(keyed.key) == len(keyed.columns["units"]) == 0
    assert load_centroids(params.centroids).shape == (1, 2)
