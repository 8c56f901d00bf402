"""The command makes the same centroids of the same documents, near the centres they were drawn around."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from classifiers.centroids import sampled, spherical_kmeans
from stages.dedup.unit_vectors import nearest, unit_vectors


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "classifiers.centroids", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def written(path, vectors, first=0, kind=None):
    ids = [f"{first + i:032x}" for i in range(len(vectors))]
    kind = kind or pa.list_(pa.float32(), vectors.shape[1])
    pq.write_table(pa.table({"id": ids, "embedding": pa.array(list(vectors), kind)}), path, row_group_size=50)
    return path


@pytest.fixture
def planted():
    """300 vectors around 5 centres, of any length, and the centres."""
    rng = np.random.default_rng(0)
    centres = unit_vectors(rng.normal(size=(5, 16)))[0]
    vectors = (centres[np.arange(300) % 5] + rng.normal(size=(300, 16)) * 0.05) * rng.uniform(0.1, 9, (300, 1))
    return vectors.astype(np.float32), centres


def test_the_same_file_in_any_order_of_any_division(tmp_path, planted):
    vectors, centres = planted
    files = [written(tmp_path / f"{n}.parquet", vectors[n * 100 : n * 100 + 100], n * 100) for n in range(3)]
    whole = written(tmp_path / "whole.parquet", vectors.astype(np.float64), kind=pa.list_(pa.float64()))
    made = []
    for name, given in (("a", files), ("b", files[::-1]), ("c", [whole])):
        done = command(tmp_path / name, "--embeddings", *given, "--clusters", 20)
        assert done.returncode == 0, done.stderr
        assert done.stderr == "20 centroids of 300 embeddings\n"
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1] == made[2]
    found = np.load(tmp_path / "a", allow_pickle=False)
    assert (found.dtype, found.shape) == (np.float32, (20, 16))
    assert nearest(centres, found)[1].min() > 0.99
    other = command(tmp_path / "d", "--embeddings", whole, "--clusters", 20, "--sample", 50, "--seed", 7)
    assert other.stderr == "20 centroids of 50 embeddings\n"
    assert nearest(centres, np.load(tmp_path / "d"))[1].min() > 0.98


def test_a_sample_is_the_same_however_little_is_held(tmp_path, planted):
    file = written(tmp_path / "a.parquet", planted[0])
    all_of_them = sampled([file], "embedding", 300, seed=1)
    assert len(all_of_them) == 300
    assert (sampled([file], "embedding", 20, seed=1) == all_of_them[:20]).all()
    assert not (sampled([file], "embedding", 20, seed=2) == all_of_them[:20]).all()


def test_an_empty_cluster_begins_anew(planted):
    units = unit_vectors(planted[0])[0]
    twins = np.concatenate([np.repeat(units[:1], 5, axis=0), units])
    sizes = [np.bincount(nearest(twins, spherical_kmeans(twins, 5, turns))[0], minlength=5) for turns in (0, 25)]
    assert (sizes[0] > 0).sum() == 1
    assert (sizes[1] > 0).all()


def test_it_ends_where_every_centroid_is_the_mean_of_its_vectors(planted):
    units = unit_vectors(planted[0])[0]
    found = spherical_kmeans(units, 5, 1_000)
    cluster = nearest(units, found)[0]
    means = unit_vectors(np.stack([units[cluster == n].astype(np.float64).sum(axis=0) for n in range(5)]))[0]
    assert (means == found).all()


def test_more_turns_bring_vectors_no_further_from_their_centroids():
    units = unit_vectors(np.random.default_rng(1).normal(size=(400, 8)))[0]
    sums = [nearest(units, spherical_kmeans(units, 12, turns))[1].sum() for turns in (1, 2, 5, 25)]
    assert sums == sorted(sums)
    assert sums[-1] > sums[0] + 5


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param(["--clusters", 301], "300 embeddings are too few for 301 clusters", id="too many clusters"),
        pytest.param(["--clusters", 0], "are 1 or more", id="none"),
        pytest.param(["--clusters", 2, "--column", "vector"], "no Parquet with columns `id` and `vector`", id="no such column"),
        pytest.param(["--clusters", 2, "--column", "id"], "column 'id' is string, no list", id="no list"),
    ],
)
def test_a_mistake_is_one_message(tmp_path, planted, more, said):
    done = command(tmp_path / "x", "--embeddings", written(tmp_path / "a.parquet", planted[0]), *more)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_embeddings_of_two_lengths_and_none_at_all_are_refused(tmp_path):
    two = [written(tmp_path / f"{n}.parquet", np.ones((2, n))) for n in (3, 4)]
    with pytest.raises(ValueError, match=r"4\.parquet has embeddings of 3 and of 4 numbers"):
        sampled(two, "embedding", 9, seed=1)
    zeros = written(tmp_path / "zeros.parquet", np.zeros((2, 3)))
    with pytest.raises(ValueError, match="no embeddings in column"):
        sampled([zeros], "embedding", 9, seed=1)
