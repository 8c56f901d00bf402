"""Rules over columns: what a bound keeps, which rule gives the reason, and that every stage's rules say all of what it drops for."""

import pyarrow as pa
import pytest

from curation import registry
from curation.errors import TaskError
from curation.rules import Bound, Rule, Threshold, judge, thresholds
from curation.stage import Batch, GlobalStage, PerGroup, RowStage, StageParams, stage
from tests.samples import samples_of
from tests.samples.documents import resolved
from tests.test_every_stage import NAMES, columns_of


class Params(StageParams):
    least: PerGroup[float | None] = 0.1
    most: PerGroup[float | None] = None
    exempt: tuple[str, ...] = ()


def verdicts(*rules, lang=None, **values):
    """Drop reasons of shares 0, 0.1, 0.2, 0.3 and null."""
    share = pa.array([0, 0.1, 0.2, 0.3, None], pa.float32())
    table = pa.table({"share": share, "lang": lang or ["en"] * 5})
    return judge(rules, Batch(table), Params(**values)).to_pylist()


@pytest.mark.parametrize(
    ("rule", "values", "expected"),
    [
        (Bound("low", "share", least="least"), {}, ["low", None, None, None, None]),
        (Bound("low", "share", least="least", drop_at=True), {}, ["low", "low", None, None, None]),
        (Bound("high", "share", most="most"), {}, [None] * 5),
        (Bound("high", "share", most="most"), {"most": 0.2}, [None, None, None, "high", None]),
        (Bound("high", "share", most="most", drop_at=True), {"most": 0.2}, [None, None, "high", "high", None]),
        (Bound("both", "share", least="least", most="most"), {"most": 0.2}, ["both", None, None, "both", None]),
        (Bound("low", "share", least="least"), {"least": {"default": 0.25, "zh": None, "th": 0.1}}, ["low", None, None, None, None]),
        (Bound("low", "share", least="least", unless=Bound("none", "share", least="most")), {"least": 0.3, "most": 0.1},
         [None, "low", "low", None, None]),
        (Bound("half", "share", most="least", value=lambda params, name: getattr(params, name) / 2), {"least": 0.3},
         [None, None, "half", "half", None]),
    ],
)  # fmt: skip
def test_bound(rule, values, expected):
    """A value at the bound is kept, though 0.1 and 0.2 are other numbers in float32; null breaks nothing."""
    assert verdicts(rule, lang=["en", "th", "zh", None, "en"], **values) == expected


def test_first_rule_gives_the_reason():
    low, high = Bound("low", "share", least="least"), Bound("high", "share", most="most")
    assert verdicts(low, high, least=0.3, most=0.1) == ["low", "low", "low", "high", None]
    assert verdicts(high, low, least=0.3, most=0.1) == ["low", "low", "high", "high", None]
    assert verdicts() == [None] * 5


def test_truths_are_numbers():
    """As stored: of a branch that a step was not asked in they are null."""
    table = pa.table({"odd": pa.array([True, False, None])})
    assert judge((Bound("odd", "odd", most="most"),), Batch(table), Params(most=0)).to_pylist() == ["odd", None, None]


def test_values_are_what_the_parameters_hold():
    """Those of bounds held in another form, too, and of documents that are not asked."""
    half = Bound("half", "share", most="least", value=lambda params, name: {"default": 1, "web": getattr(params, name) / 2})
    rule = Bound("low", "share", least="most", unless=half)
    assert rule.values(Params(least=4, most=3)) == [3, {"default": 1, "web": 2}]
    odd = Rule("odd", ("share",), lambda batch, params: batch["share"].is_null(), "share is null", ("exempt",))
    assert odd.values(Params(exempt=["a"])) == [("a",)]


def test_whole_numbers_beyond_float32_are_compared_as_they_are():
    table = pa.table({"n": pa.array([16_777_216, 16_777_217, None], pa.int32())})
    assert judge((Bound("many", "n", most="most"),), Batch(table), Params(most=16_777_216)).to_pylist() == [None, "many", None]


def test_thresholds_are_the_bounds_of_the_parameters():
    rules = (
        Bound("both", "share", least="least", most="most"), Rule("odd", ("share",), lambda batch, params: batch["share"].is_null(), "odd"),
    )  # fmt: skip
    assert thresholds(rules, Params(most={"default": 1, "web": 2})) == [
        Threshold("both", "share", "least", "least", 0.1, None),
        Threshold("both", "share", "most", "most", {"default": 1, "web": 2}, "profile"),
    ]


def test_rules_in_words():
    rule = Bound("r", "share", least="least", most="most", unless=Bound("s", "size", most="most", drop_at=True))
    assert rule.when == "share < least or share > most, unless size >= most"
    assert (rule.columns, rule.params) == (("share", "size"), ("least", "most", "most"))


def test_a_stage_with_rules_gives_no_verdict_of_its_own():
    rules = (Bound("long", "length", most="most"),)

    @stage(reads=["text"], writes={"length": pa.int32()}, rules=rules)
    def measured(batch, params):
        return {"length": pa.compute.utf8_length(batch["text"])}

    @stage(reads=["text"], writes={"length": pa.int32()}, rules=rules)
    def doubtful(batch, params):
        return {"length": pa.compute.utf8_length(batch["text"]), "drop_reason": pa.nulls(len(batch), pa.string())}

    @stage(reads=["text"], writes={"length": pa.int32()}, rules=rules)
    def lacking(batch, params):
        return {}

    @stage(reads=["text"], writes={"length": pa.int32()}, rules=rules)
    def short(batch, params):
        return {"length": [3]}

    table = pa.table({"text": ["a", "aaa"]})
    assert measured.drops == ("long",)
    assert measured(table, Params(most=2))["drop_reason"].to_pylist() == [None, "long"]
    said = ("a drop_reason beside its rules", r"not return \['length'\]", "1 values of length for 2")
    for wrong, what in zip((doubtful, lacking, short), said, strict=True):
        with pytest.raises(TaskError, match=f"stage {wrong.name} .*{what}"):
            wrong(table, Params(most=2))


class Watched:
    """A batch or parameters that remember what is read of them."""

    def __init__(self, inner):
        self.inner, self.read = inner, set()

    def __getitem__(self, name):
        self.read.add(name)
        return self.inner[name]

    def __getattr__(self, name):
        self.read.add(name)
        return getattr(self.inner, name)

    def __len__(self):
        return len(self.inner)


def ruled(one):
    return one.rules_ if isinstance(one, RowStage) else type(one).rules is not GlobalStage.rules


def nowhere(batch, rules):
    """Documents as they are beside those of a branch that the step was not asked in: without its columns."""
    columns = {"lang", "profile", *(column for rule in rules for column in rule.columns)}
    table = pa.table({name: batch[name] for name in columns if name in batch})
    return pa.concat_tables([table, pa.table([pa.nulls(2, f.type) for f in table.schema], schema=table.schema)]).combine_chunks()


RULED = [name for name in NAMES if ruled(registry.lookup(name))]


@pytest.mark.parametrize("name", RULED)
def test_rules_say_all_that_a_stage_drops_for(name):
    """From the stored columns alone come the verdicts of the stage; rules name what they read, and no reason is undeclared."""
    one = registry.lookup(name)
    for values, table in samples_of(name)():
        params = resolved(one, values)
        rules, columns = one.rules(params), columns_of(name, params, table)
        assert {rule.reason for rule in rules} <= set(one.drops)
        if not rules:
            continue
        batch = Batch(table).having(columns, one.writes(params))
        assert judge(rules, batch, params).equals(columns["drop_reason"])
        judge(rules, Batch(nowhere(batch, rules)), params)
        for rule in rules:
            seen, asked = Watched(batch), Watched(params)
            rule.breaks(seen, asked)
            assert seen.read - {"per_row", "table"} <= set(rule.columns), rule
            assert set(rule.columns) <= set(batch.table.column_names) | set(columns)
            assert (asked.read & set(type(params).model_fields)) - {"variant", "models"} <= set(rule.params), rule


def test_filters_are_ruled():
    """What they drop for stands in their columns; what drops for something else (a duplicate, a broken page) has no rules."""
    assert set(RULED) == {
        "c4_quality", "clean_book", "code_file_quality", "code_page_quality", "count_dirty_words", "dedup_lines", "dedup_spans",
        "fineweb_quality", "gopher_quality", "gopher_repetition", "identify_language", "kl_outlier", "line_corrections",
        "math_page_quality", "nsfw", "perplexity", "post_score", "repeated_lines", "score_quality", "thread_quality",
    }  # fmt: skip
