"""The split: no domain on two sides, the same side everywhere, and given splits are checked."""

import pyarrow as pa
import pytest

from classifiers.train.split import PARTS, split
from curation.errors import RecipeError


def table(domains, given=None):
    return pa.table({"domain": domains, "split": pa.array(given or [None] * len(domains), pa.string())})


def sides(domains, parts):
    return {domains[row]: name for name, rows in parts.items() for row in rows.tolist()}


def test_each_domain_is_on_one_side_and_stays_there():
    domains = [f"site{i % 700}.example" for i in range(2_000)]
    parts = split(table(domains), 0.1, 0.2)
    assert sorted(row for rows in parts.values() for row in rows.tolist()) == list(range(2_000))
    of = {name: {domains[row] for row in rows.tolist()} for name, rows in parts.items()}
    assert sum(map(len, of.values())) == len(set().union(*of.values())) == 700
    assert 0.07 < len(of["validation"]) / 700 < 0.13
    assert 0.16 < len(of["test"]) / 700 < 0.24
    others = list(dict.fromkeys(reversed(domains)))[:300]
    assert sides(others, split(table(others), 0.1, 0.2)).items() <= sides(domains, parts).items()


def test_a_given_split_is_taken_as_it_is():
    given = ["test", "train", "validation", "train"]
    assert {k: v.tolist() for k, v in split(table(["a", "b", "c", "b"], given), 0.9, 0.05).items()} == dict(
        zip(PARTS, ([1, 3], [2], [0]), strict=True)
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [(["train", "test", "train"], "the domain 'a' is in train and in test: 1 domains leak"),
     (["train", "valid", "test"], r"the split 'valid': parts are train, validation, test")],
)  # fmt: skip
def test_a_given_split_is_checked(given, said):
    with pytest.raises(RecipeError, match=said):
        split(table(["a", "a", "b"] if "leak" in said else ["a", "b", "c"], given), 0.1, 0.2)
