"""count_mentions: what is counted in which language, lists that are wrong, and the list that comes with it."""

import pyarrow as pa
import pytest
from stage_checks import run

from curation import registry
from curation.assets import resolve
from curation.errors import RecipeError
from curation.plan import Plan
from curation.recipe import load
from curation.stage import TALLIED, Batch
from stages.safety.count_mentions import Params, count_mentions, read

EN = "she: [she, her]\npets: [cat, cats, sea cat, true]\nboth: [her, cat]\n"
DE = "she: [sie, ihr]\nwir: [wir, uns]\n"


@pytest.fixture
def lists(tmp_path):
    (tmp_path / "en.yaml").write_text(EN.replace("true", '"true"'))
    (tmp_path / "de.yaml").write_text(DE)
    return {language: str(tmp_path / f"{language}.yaml") for language in ("en", "de")}


def counted(lists, *rows):
    texts, langs = zip(*rows, strict=True)
    found = run(count_mentions, pa.table({"text": pa.array(texts, pa.large_string()), "lang": pa.array(langs, pa.string())}), lists=lists)
    return {name.removeprefix("mentions_"): values for name, values in found.items() if name != "drop_reason"}


@pytest.mark.parametrize(("text", "she", "pets", "both"), [
    ("She saw her cat.", 2, 1, 2),
    ("HER, her; her", 3, 0, 3),
    ("the hero, catalogue and shears", 0, 0, 0),
    ("she's the cat-lover", 1, 1, 1),
    ("a sea cat", 0, 1, 0),
    ("it is true", 0, 1, 0),
    ("", 0, 0, 0),
    (None, 0, 0, 0),
])  # fmt: skip
def test_words_are_counted_by_group(lists, text, she, pets, both):
    found = counted(lists, (text, "en"))
    assert (found["she"], found["pets"], found["both"]) == ([she], [pets], [both])


def test_a_document_is_counted_by_the_list_of_its_language_alone(lists):
    found = counted(lists, ("sie, she", "de"), ("sie, she", "en"), ("sie, she", "fr"), ("sie, she", None))
    assert found["she"] == [1, 1, None, None]
    assert found["wir"] == [0, None, None, None]
    assert found["pets"] == [None, 0, None, None]


def test_a_column_of_any_texts_makes_no_endless_note():
    langs = ["fr", "de", "sw", "yue", *(f"x{i}" * 9 for i in range(500)), "", "FR", None]
    noted = {}
    table = pa.table({"text": pa.array(["she"] * len(langs), pa.large_string()), "lang": pa.array(langs, pa.string())})
    count_mentions(Batch(table, noted=noted), Params())
    assert noted == {"not counted, no list": {"fr", "de", "sw", "yue", "what is no code of a language"}}


def test_its_columns_are_tallied(lists):
    assert all(f.nullable and f.metadata == {b"tallied": b"1"} for f in count_mentions.writes(Params(lists=lists)).values())
    assert TALLIED == {"tallied": "1"}


@pytest.mark.parametrize(("text", "place", "says"), [
    ("she: [she]\nShe: [her]", "2:1: She:", "lower-case"),
    ("she: she", "1:6: she:", "a list of words"),
    ("she: []", "1:6: she:", "a list of words"),
    ("she: [she,\n  true]", "1:6: she:", "quote what YAML takes for something else"),
    ("she: [she,\n  '...']", "2:3: she.1:", "no word"),
    ("she: [she]\nshe: [her]", "2:1: she:", "given twice"),
    ("{}", "1:1:", "1 to 64 groups"),
    ("- she", "", "is a map"),
    ("\n".join(f"g{n}: [a]" for n in range(65)), "1:1:", "1 to 64 groups"),
])  # fmt: skip
def test_a_list_that_is_none_is_an_error_at_its_place(tmp_path, text, place, says):
    (tmp_path / "en.yaml").write_text(text)
    (tmp_path / "recipe.yaml").write_text(
        "inputs: {docs: {use: jsonl, paths: docs.jsonl, carry: {lang: string}}}\n"
        "steps: {who: {use: count_mentions, lists: {en: en.yaml}}}\noutputs: {out: {use: shards, needs: who}}\n"
    )
    (tmp_path / "docs.jsonl").write_text('{"text": "a", "lang": "en"}\n')
    with pytest.raises(RecipeError, match=says) as e:
        Plan(load(tmp_path / "recipe.yaml"))
    assert f"{tmp_path / 'en.yaml'}:{place}" in str(e.value)


def test_the_list_that_comes_with_it():
    found = read(resolve("safety/mentions.en.yaml", registry.Path()))
    assert found.groups[:5] == ("first_person", "second_person", "she", "he", "they")
    assert {"gender", "sexual_orientation", "religion", "race_ethnicity", "nationality", "age", "disability"} <= set(found.groups)
    row = pa.table({"text": ["The US team: she and I met Muslim women, two black men and a senior citizen."], "lang": ["en"]})
    values = {name.removeprefix("mentions_"): v[0] for name, v in run(count_mentions, row).items() if v[0]}
    assert values == {"first_person": 1, "she": 1, "religion": 1, "gender": 1, "race_ethnicity": 1, "age": 1}
