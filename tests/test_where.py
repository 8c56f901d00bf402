"""The expression language of `where` and `split`: meanings, errors with their places, hostile input."""

import math
import pickle
import random
import re
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from curation.where import MAX_CHARS, WhereError, normal_form, parse

T, F, NAN = True, False, math.nan


def column(name, type_, values):
    """One column, nullable in the schema where it holds a null or a NaN."""
    nullable = any(v is None or v != v for v in values)
    return pa.field(name, type_, nullable=nullable), pa.array(values, type_)


COLUMNS = [
    column("lang", pa.large_string(), ["en", "sw", "it's", "né"]),
    column("code", pa.dictionary(pa.int8(), pa.string()), ["a", "b", None, "a"]),
    column("text", pa.string(), ["", "abc", "héé", None]),
    column("score", pa.float64(), [0.5, NAN, None, -1.0]),
    column("f32", pa.float32(), [0.1, 0.2, -0.0, math.inf]),
    column("f16", pa.float16(), [0.5, NAN, 2.0, None]),
    column("id", pa.int64(), [2**53, 2**53 + 1, -(2**63), 2**63 - 1]),
    column("hash", pa.uint64(), [2**53, 2**53 + 1, 2**64 - 1, 2**63 - 1]),
    column("small", pa.int8(), [-128, 0, 5, 127]),
    column("words", pa.int32(), [10, None, 0, 3]),
    column("good", pa.bool_(), [T, T, F, F]),
    column("checked", pa.bool_(), [T, None, F, None]),
    column("tokens", pa.list_(pa.int32()), [[1, 2], [], [None], [3]]),
    column("links", pa.large_list(pa.string()), [["x"], None, [], ["y", "z"]]),
    column("at", pa.timestamp("s"), [datetime(2023, 1, day, 12) for day in (1, 2, 3, 4)]),
    column("zoned", pa.timestamp("s", "Asia/Tokyo"), [datetime(2023, 1, d, 12, tzinfo=UTC) for d in (1, 2, 3, 5)]),
    column("nanos", pa.timestamp("ns", "UTC"), [datetime(2023, 1, day, 12, tzinfo=UTC) for day in (1, 2, 3, 4)]),
    column("day", pa.date32(), [date(2023, 1, day) for day in (1, 2, 3, 4)]),
    column("day64", pa.date64(), [date(2023, 1, day) for day in (1, 2, 3, 5)]),
    column("raw", pa.binary(), [b"x", None, b"", b"y"]),
    column("nothing", pa.null(), [None] * 4),
    column("not_a_number", pa.float64(), [None, NAN, 1.0, math.inf]),
]
SCHEMA = pa.schema([field for field, _ in COLUMNS])
TABLE = pa.table([array for _, array in COLUMNS], schema=SCHEMA)


def matches(source, table=TABLE):
    return parse(source, table.schema).mask(table).to_pylist()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        # strings
        ("lang = 'en'", [T, F, F, F]),
        ('lang == "en"', [T, F, F, F]),
        ("lang != 'en'", [F, T, T, T]),
        ("lang = 'it''s'", [F, F, T, F]),
        ('lang = "it\'s"', [F, F, T, F]),
        ("lang >= 'n' and lang < 'o'", [F, F, F, T]),
        ("'m' <= lang", [F, T, F, T]),
        ("lang in ('en', 'sw', 'en')", [T, T, F, F]),
        ("lang not in ('en', 'sw')", [F, F, T, T]),
        ("starts_with(lang, 'n')", [F, F, F, T]),
        ("starts_with(lang, '')", [T, T, T, T]),
        ("len(lang) = 2", [T, T, F, T]),
        ("code = 'a' and code is not null", [T, F, F, T]),
        ("code is null or code in ('b')", [F, T, T, F]),
        ("lang = code and code is not null", [F, F, F, F]),
        ("len(text) = 3 or text is null", [F, T, T, T]),
        ("lang = 'a\\n'", [F, F, F, F]),
        # null and NaN
        ("score is null", [F, T, T, F]),
        ("score is not null", [T, F, F, T]),
        ("score is not null and score != 0.5", [F, F, F, T]),
        ("not (score > 0 and score is not null)", [F, T, T, T]),
        ("score is null or score >= 0.5", [T, T, T, F]),
        ("not score > 0 or score is null and false", [F, F, F, T]),
        ("score + 1 > 0 and score is not null", [T, F, F, F]),
        ("score not in (0.5) or score is null and false", [F, F, F, T]),
        ("f16 >= 0.5 and f16 is not null", [T, F, T, F]),
        ("not_a_number is null", [T, T, F, F]),
        ("nothing is null", [T, T, T, T]),
        ("raw is null", [F, T, F, F]),
        ("links is null", [F, T, F, F]),
        ("code is null", [F, F, T, F]),
        # booleans, Kleene
        ("good", [T, T, F, F]),
        ("not good", [F, F, T, T]),
        ("good = false", [F, F, T, T]),
        ("good in (true)", [T, T, F, F]),
        ("good = (small < 0)", [T, F, T, T]),
        ("checked and checked is not null", [T, F, F, F]),
        ("not checked or checked is null and false", [F, F, T, F]),
        ("checked or good or checked is null and false", [T, T, F, F]),
        ("not (checked and good) or checked is null and false", [F, F, T, T]),
        ("checked = good and checked is not null", [T, F, T, F]),
        # precedence
        ("true or false and false", [T] * 4),
        ("(true or false) and false", [F] * 4),
        ("not true or true", [T] * 4),
        ("not (true or true)", [F] * 4),
        ("not not good", [T, T, F, F]),
        ("1 + 2 * 3 = 7 and (1 + 2) * 3 = 9", [T] * 4),
        ("10 - 3 - 2 = 5 and 10 - (3 - 2) = 9", [T] * 4),
        ("8 / 4 / 2 = 1 and 8 / (4 / 2) = 4", [T] * 4),
        ("-2 * -3 = 6 and 2 - -3 = 5 and - -2 = 2", [T] * 4),
        ("not small = 5", [T, T, F, T]),
        # numbers
        ("id = 9007199254740993", [F, T, F, F]),
        ("id > 9_007_199_254_740_992", [F, T, F, T]),
        ("id in (9007199254740993, -9223372036854775808)", [F, T, T, F]),
        ("id = hash", [T, T, F, T]),
        ("id < hash", [F, F, T, F]),
        ("hash = 18446744073709551615", [F, F, T, F]),
        ("9007199254740993 = 9007199254740992", [F] * 4),
        ("9223372036854775808 > 9223372036854775807", [T] * 4),
        ("small = -128 or small = 127", [T, F, F, T]),
        ("small > 4.5", [F, F, T, T]),
        ("small = 5.0", [F, F, T, F]),
        ("small in (5.0, 127)", [F, F, T, T]),
        ("small < id", [T, T, F, T]),
        ("small < f32", [T, T, F, T]),
        ("f32 = 0.1", [T, F, F, F]),
        ("f32 in (0.1, 0)", [T, F, T, F]),
        ("f32 = 0 and f32 = -0.0", [F, F, T, F]),
        ("f32 > 1e30", [F, F, F, T]),
        ("f32 - f32 = 0", [T, T, T, F]),  # inf - inf is null
        ("f32 - f32 != 0", [F, F, F, F]),
        ("f32 in (-0.0)", [F, F, T, F]),
        ("id + 1 = hash", [T, T, F, T]),  # float64: 2**53 and 2**53 + 1 are one number
        ("1e308 * 10 > 1e308", [T] * 4),
        ("not (1 / 0 = 1)", [F] * 4),
        ("1 / small > 0", [F, F, T, T]),
        ("small / -0.0 = 1 or true", [T] * 4),
        ("small * small = 16129", [F, F, F, T]),  # no int8 overflow
        ("-small = 128", [T, F, F, F]),
        ("0.5e1 = small", [F, F, T, F]),
        ("len(tokens) > 1", [T, F, F, F]),
        ("len(tokens) = 0.0", [F, T, F, F]),
        ("len(tokens) in (0, 1)", [F, T, T, T]),
        ("len(links) * 2 >= len(tokens) and links is not null", [T, F, F, T]),
        ("words / len(tokens) >= 3 and words is not null", [T, F, F, T]),
        # times
        ("at >= '2023-01-03'", [F, F, T, T]),
        ("at = '2023-01-02T12:00:00'", [F, T, F, F]),
        ("at = '2023-01-02T13:00:00+01:00'", [F, T, F, F]),
        ("zoned = '2023-01-02 12:00:00Z'", [F, T, F, F]),
        ("at = zoned", [T, T, T, F]),
        ("nanos in ('2023-01-01T12:00', '2023-01-04T12:00')", [T, F, F, T]),
        ("'2023-01-02' < day", [F, F, T, T]),
        ("day64 = '2023-01-05' or day = '2023-01-01'", [T, F, F, T]),
        ("day = day64", [T, T, T, F]),
    ],
)
def test_mask(source, expected):
    assert matches(source) == expected
    assert matches(normal_form(source)) == expected


def test_mask_of_other_layouts():
    source = "score is not null and score >= 0 or code is not null and code = 'b' or starts_with(lang, 'n')"
    where = parse(source, SCHEMA)
    assert where.columns == {"score", "code", "lang"}
    assert where.source == source
    chunks = pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1, 0), TABLE.slice(1)])
    assert chunks.column("lang").num_chunks > 1
    for rows in (
        TABLE,
        chunks,
        TABLE.combine_chunks().to_batches()[0],
        TABLE.select(["lang", "code", "score"]),
    ):
        mask = where.mask(rows)
        assert isinstance(mask, pa.BooleanArray)
        assert mask.null_count == 0
        assert mask.to_pylist() == [T, T, F, T]
    for empty in (TABLE.slice(0, 0), SCHEMA.empty_table()):
        assert where.mask(empty).to_pylist() == []
        assert parse("1 < 2", SCHEMA).mask(empty).to_pylist() == []


def test_same_strings_in_another_arrow_type():
    where = parse("lang in ('en') or lang = 'sw'", SCHEMA)
    for type_ in (pa.string(), pa.string_view(), pa.dictionary(pa.int32(), pa.large_string())):
        assert where.mask(pa.table({"lang": pa.array(["en", "sw", "x"]).cast(type_)})).to_pylist() == [
            T,
            T,
            F,
        ]


def test_null_in_the_dictionary_itself():
    codes = pa.DictionaryArray.from_arrays(pa.array([0, 1, None], pa.int8()), pa.array(["a", None]))
    table = pa.table({"code": codes})
    assert matches("code is null", table) == [F, T, T]
    assert matches("code != 'b' and code is not null", table) == [T, F, F]


def test_undeclared_null_does_not_match():
    schema = pa.schema([pa.field("x", pa.float64(), nullable=False)])
    for source in ("x > 0", "not x > 0", "x != 5", "x not in (5)"):
        assert parse(source, schema).mask(pa.table({"x": [None, NAN]})).to_pylist() == [F, F]


def test_pickled():
    where = parse("at > '2023-01-02' and lang in ('en', 'né') and -small * 2 < 1 and hash > 5", SCHEMA)
    again = pickle.loads(pickle.dumps(where))
    assert again == where
    assert again.mask(TABLE).to_pylist() == where.mask(TABLE).to_pylist() == [F, F, F, T]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"x": [1]}, '"lang" was planned as large_string, these rows have no such column'),
        ({"lang": [1]}, '"lang" was planned as large_string, these rows have int64'),
    ],
)
def test_rows_unlike_the_plan(rows, message):
    with pytest.raises(WhereError) as caught:
        parse("'a' < lang", SCHEMA).mask(pa.table(rows))
    assert (str(caught.value), caught.value.offset) == (message, 6)


@pytest.mark.parametrize(
    ("source", "offset", "message"),
    [
        # characters
        ("lang = 'en", 7, "no closing '"),
        ("lang = \"en'", 7, 'no closing "'),
        ("lang = “en”", 7, "write plain quotes"),
        ("good && good", 5, 'write "and"'),
        ("good || good", 5, 'write "or"'),
        ("!good", 0, 'write "not"'),
        ("small <> 5", 6, "unexpected '<>': write \"!=\""),
        ("`lang` = 'en'", 0, "takes no quotes"),
        ("small > .5", 8, "starts with a digit"),
        ("small > 5.", 8, '"5." is not a number'),
        ("small > 1__0", 8, "is not a number"),
        ("small > 0x10", 8, '"0x10" is not a number'),
        ("small > 1e", 8, "is not a number"),
        ("small > 5abc", 8, "is not a number"),
        ("score > 1e999", 8, "too large"),
        ("hash > 18446744073709551616", 7, "too large"),
        ("é = 1", 0, "unexpected 'é'"),
        ("lang = '\ud800'", 8, "not a character"),
        # grammar
        ("", 0, 'the expression is empty: write a condition, such as "score >= 0.5"'),
        ("   ", 0, "the expression is empty"),
        ("good AND good", 5, 'write "and" for "AND"'),
        ("good and NOT good", 9, 'write "not" for "NOT"'),
        ("good = True", 7, 'write "true" for "True"'),
        ("good and", 8, "expected a column or a value, found the end"),
        ("good good", 5, 'expected an operator, such as "and", "=" or "in", found "good"'),
        ("lang like 'e%'", 5, "expected an operator"),
        ("(good", 5, 'expected ")" for the "(" at offset 0, found the end'),
        ("good)", 4, 'found ")"'),
        ("0 < small < 5", 10, 'comparisons do not chain: write "0 < x and x < 5"'),
        ("lang is null is null", 13, "do not chain"),
        ("good = not good", 7, 'put "not ..." in parentheses here'),
        ("score = null", 8, 'ask "column is null" or "column is not null"'),
        ("score is 5", 9, 'expected "null" after "is"'),
        ("score is not 5", 13, 'expected "null" after "is not"'),
        ("score + 1 is null", 10, '"is null" is asked of a column, not of score + 1'),
        ("lang not 'en'", 9, 'expected "in" after "not"'),
        ("lang in 'en'", 8, 'expected "(" after "in"'),
        ("lang in ()", 9, 'expected a column or a value, found ")"'),
        ("lang in ('en',)", 14, "expected a column or a value"),
        ("lang in ('en' 'sw')", 14, 'expected ")" or "," in the list of values'),
        ("lang in (en)", 9, "in (...) takes literals, en is none"),
        ("small in (1 + 1)", 10, "in (...) takes literals, 1 + 1 is none"),
        ("length(lang) > 1", 0, "unknown function \"length\" (did you mean 'len'?)"),
        ("len('en') > 1", 4, "expected a column: len(column)"),
        ("len(lang, 1) > 1", 8, 'expected ")" at the end of len(column)'),
        ("starts_with(lang)", 16, 'expected "," after the column'),
        ("starts_with(lang, code)", 18, "expected text in quotes"),
        # columns and types
        ("lnag = 'en'", 0, "unknown column \"lnag\" (did you mean 'lang'?); columns: lang, code, text"),
        ("lang = en", 7, "text goes in quotes: 'en'"),
        ("xyzzy is null", 0, 'unknown column "xyzzy"; columns:'),
        ("lang = 5", 7, "cannot compare \"lang\" (large_string) with 5 (integer): write '5'"),
        ("5 = lang", 0, 'cannot compare "lang" (large_string) with 5 (integer)'),
        ("lang in ('en', 5)", 15, 'cannot compare "lang" (large_string) with 5 (integer)'),
        ("code = 0.5", 7, '"code" (dictionary<string>) with 0.5 (float)'),
        (
            "small = '5'",
            8,
            "cannot compare \"small\" (int8) with '5' (string): write a number, without quotes",
        ),
        ("small = true", 8, "with true (boolean)"),
        ("good = 1", 7, '"good" (bool) with 1 (integer): write true or false'),
        ("good < true", 5, 'true and false are compared with "=" and "!=", not with "<"'),
        ("small = 128", 8, '128 is out of range of "small" (int8)'),
        ("small > -129", 8, '-129 is out of range of "small" (int8)'),
        ("hash = -1", 7, '-1 is out of range of "hash" (uint64)'),
        ("id < 9223372036854775808", 5, "out of range"),
        ("f32 < 1e39", 6, '1e+39 is out of range of "f32" (float)'),
        ("-18446744073709551615 = 1", 0, "too small"),
        ("lang = small", 7, '"lang" (large_string) with "small" (int8): their types differ'),
        ("at = day", 5, "their types differ"),
        ("at = nanos", 5, "their types differ"),
        ("tokens = 5", 9, 'only len(...) and "is null" take it'),
        ("5 = tokens", 0, 'only len(...) and "is null" take it'),
        ("small = tokens", 8, 'only len(...) and "is null" take it'),
        ("raw = 'x'", 6, 'only "is null" takes it'),
        ("raw = raw", 6, 'only "is null" takes it'),
        ("nothing = 1", 10, 'only "is null" takes it'),
        (
            "at > 'yesterday'",
            5,
            "'yesterday' does not fit \"at\" (timestamp[s]): write a time, such as '2023-01-31'",
        ),
        ("at > '2023-01-01T00:00:00.5'", 5, "does not fit"),
        ("nanos > '2023-01-01T00:00:00.1234567'", 8, "does not fit"),
        ("nanos > '9999-01-01'", 8, "does not fit"),
        ("at > '0001-01-01T00:00:00+10:00'", 5, "does not fit"),
        ("day > '2023-01-01T01:00'", 6, "write a date, such as '2023-01-31'"),
        ("at > 2023", 5, "write a time"),
        ("small + 1", 6, '"small + 1" (double) is no condition'),
        ("lang", 0, '"lang" (large_string) is no condition'),
        ("good and lang", 9, '"and" takes conditions, "lang" (large_string) is none'),
        ("not small", 4, '"not" takes conditions'),
        ("lang + 'x' = 'y'", 0, '"+" takes numbers, "lang" (large_string) is none'),
        ("small + good > 1", 8, '"+" takes numbers, "good" (bool) is none'),
        ("-lang = 1", 1, '"-" takes numbers'),
        ("-true = 1", 1, '"-" takes numbers, true (boolean) is none'),
        ("len(small) > 1", 4, 'len() takes a string or a list, "small" (int8) is none'),
        ("starts_with(tokens, 'x')", 12, 'starts_with() takes a string, "tokens"'),
        # null unsaid
        (
            "score >= 0.5",
            0,
            '"score" may be null: say what null does, e.g. "score is not null and score >= 0.5"',
        ),
        ("good and not (0.5 <= score)", 21, '"score is not null and 0.5 <= score"'),
        ("score is null or words > 1", 17, '"words" may be null'),
        ("small + words > 1", 8, '"words is not null and small + words > 1"'),
        ("checked", 0, '"checked is not null and checked"'),
        ("len(links) > 1", 4, '"links is not null and len(links) > 1"'),
        ("starts_with(code, 'x')", 12, "\"code is not null and starts_with(code, 'x')\""),
        ("code in ('x')", 0, "\"code is not null and code in ('x')\""),
    ],
)
def test_errors(source, offset, message):
    with pytest.raises(WhereError) as caught:
        parse(source, SCHEMA)
    assert message in str(caught.value)
    assert (caught.value.offset, caught.value.message) == (offset, str(caught.value))
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.message, again.offset) == (caught.value.message, offset)


def test_two_columns_of_one_name():
    schema = pa.schema([("x", pa.int8()), ("x", pa.int8())])
    with pytest.raises(WhereError, match='2 columns are named "x"'):
        parse("x is null", schema)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a=1", "a = 1"),
        ("a\n==\t1", "a = 1"),
        ("((a)) = (1)", "a = 1"),
        ('a = "x"', "a = 'x'"),
        ('a = "it\'s ""so"""', "a = 'it''s \"so\"'"),
        ("a = 1_000", "a = 1000"),
        ("a = 0.50", "a = 0.5"),
        ("a = 1e3", "a = 1000.0"),
        ("a = 1e300", "a = 1e+300"),
        ("a = 00e5", "a = 0.0"),
        ("a = -(5)", "a = -5"),
        ("a = 1 and (b and c)", "a = 1 and b and c"),
        ("((a or b) or c) and d", "(a or b or c) and d"),
        ("not (a = 1)", "not a = 1"),
        ("not (a and b)", "not (a and b)"),
        ("(a - b) - c = a - (b - c)", "a - b - c = a - (b - c)"),
        ("-(a + 1) * - - b = 1", "-(a + 1) * --b = 1"),
        ("(a = b) = c", "(a = b) = c"),
        ("(not a) = b", "(not a) = b"),
        ("(a in(1,-2)) and b is  not null", "a in (1, -2) and b is not null"),
        ("a not in ('x') or starts_with( b , 'y' )", "a not in ('x') or starts_with(b, 'y')"),
    ],
)
def test_normal_form(source, expected):
    assert normal_form(source) == expected
    assert normal_form(expected) == expected


def test_normal_form_keeps_apart():
    forms = [
        "a = 1",
        "a = 1.0",
        "a = '1'",
        "a != 1",
        "a = b",
        "b = a",
        "a in (1)",
        "a in (1, 2)",
        "a = -1",
        "a = ' 1'",
    ]
    assert len({normal_form(form) for form in forms}) == len(forms)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("(" * 4000 + "good" + ")" * 4000, id="parentheses"),
        pytest.param("(" * 9_999, id="open parentheses"),
        pytest.param("not " * 2_000 + "good", id="not"),
        pytest.param("-" * 9_000 + "small = 1", id="minus"),
        pytest.param("small" + " + 1" * 2_000 + " > 0", id="a long sum"),
        pytest.param("small in (" + "-" * 5_000 + "1)", id="minus in a list"),
        pytest.param("(small * 1 + 1 = 1 and 1 or " * 300 + "1" + ")" * 300, id="all levels"),
        pytest.param("(" * 90 + "small" + " * 1 + 1 - 1)" * 90 + " > 1", id="left-deep"),
    ],
)
def test_too_deep(source):
    assert len(source) <= MAX_CHARS
    with pytest.raises(WhereError, match="more than 100 levels deep"):
        parse(source, SCHEMA)


def test_deep_enough():
    assert matches("(" * 100 + "good" + ")" * 100) == [T, T, F, F]
    assert matches("not " * 100 + "good") == [T, T, F, F]
    assert matches("small" + " + 1" * 90 + " > 90") == [F, F, T, T]
    assert matches(" or ".join(["lang = 'en'"] * 600)) == [T, F, F, F]
    assert matches(f"small in ({', '.join(['5'] * 3_000)})") == [F, F, T, F]


def test_too_long():
    with pytest.raises(WhereError, match="10,001 characters are too many: at most 10,000") as caught:
        parse("good" + " " * 9_997, SCHEMA)
    assert caught.value.offset == MAX_CHARS
    assert matches("good" + " " * 9_996) == [T, T, F, F]
    for source in (
        "1" * 10_000,
        "'" * 9_999,
        "1_" * 5_000,
        "1" * 9_999 + "x",
        "a" * 10_000,
        "1." + "1" * 9_998,
    ):
        with pytest.raises(WhereError) as caught:
            parse(source, SCHEMA)
        assert len(str(caught.value)) < 600


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from([*"()+-*/=<>,'\"_.!", "and", "or", "not", "in", "is", "null", "true", "len", "starts_with"])
        | st.sampled_from(["good", "small", "lang", "score", "at", "'a'", "1", "0.5", "é", "\ud800"]),
        max_size=12,
    )
)
def test_any_text_parses_or_is_refused(pieces):
    source = " ".join(pieces)
    try:
        where = parse(source, SCHEMA)
    except WhereError as e:
        offset = e.offset
    else:
        offset = 0
        assert len(where.mask(TABLE)) == 4
    assert 0 <= offset <= len(source)


# A second implementation, row by row, of trees that hypothesis draws: (kind, ...) tuples.

NAMES = {"i": pa.int64(), "u": pa.uint64(), "x": pa.float64(), "s": pa.large_string(), "b": pa.bool_()}
INTEGERS = st.sampled_from([0, 1, 2, 5, 2**53, 2**53 + 1, 2**63 - 1]) | st.integers(0, 10)
FLOATS = st.sampled_from([0.0, -0.0, 0.5, -1.5, 5.0, 1e308, 2.0**53])
STRINGS = st.sampled_from(["", "a", "ab", "b", "é", "'", '"', "\U0001f600", "\uffff"])
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "i": st.none() | INTEGERS | INTEGERS.map(lambda i: -i),
            "u": st.none() | INTEGERS | st.just(2**64 - 1),
            "x": st.none() | FLOATS | st.just(NAN) | st.just(math.inf),
            "s": st.none() | STRINGS,
            "b": st.none() | st.booleans(),
        }
    ),
    max_size=6,
)


def literal(values):
    return st.tuples(st.just("literal"), values)


def name(*names):
    return st.tuples(st.just("column"), st.sampled_from(names))


COMPARISON = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
NUMBERS = st.recursive(
    literal(INTEGERS | FLOATS) | name("i", "u", "x") | st.just(("len", "s")),
    lambda n: st.tuples(st.sampled_from("+-*/"), n, n) | st.tuples(st.just("negative"), n),
    max_leaves=5,
)
PREDICATES = (
    st.tuples(COMPARISON, NUMBERS, NUMBERS)
    | st.tuples(COMPARISON, name("s"), name("s") | literal(STRINGS))
    | st.tuples(st.sampled_from(["=", "!="]), name("b"), name("b") | literal(st.booleans()))
    | st.tuples(st.just("in"), st.booleans(), NUMBERS, st.lists(INTEGERS | FLOATS, min_size=1, max_size=3))
    | st.tuples(st.just("in"), st.booleans(), name("s"), st.lists(STRINGS, min_size=1, max_size=3))
    | st.tuples(st.just("is null"), st.sampled_from([*NAMES]), st.booleans())
    | st.tuples(st.just("starts_with"), st.just("s"), STRINGS)
    | name("b")
)
CONDITIONS = st.recursive(
    PREDICATES,
    lambda c: st.tuples(st.sampled_from(["and", "or"]), c, c) | st.tuples(st.just("not"), c),
    max_leaves=6,
)


def spelled(value, pick):
    """A literal as source text, in one of its spellings."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        quote = pick.choice("'\"")
        return quote + value.replace(quote, quote * 2) + quote
    return f"{value:_}" if isinstance(value, int) and pick.random() < 0.5 else repr(value)


def written(tree, pick):
    """A tree as source text: every operand in parentheses, often twice, spaces at random."""

    def inside(child):
        text, doubled = written(child, pick), pick.random() < 0.3
        return f"(({text}))" if doubled else f"( {text})"

    match tree:
        case "literal", value:
            return spelled(value, pick)
        case "column", column_name:
            return column_name
        case "len", column_name:
            return f"len( {column_name})"
        case "starts_with", column_name, prefix:
            return f"starts_with({column_name} ,{spelled(prefix, pick)})"
        case "is null", column_name, negated:
            return f"{column_name} is{' not' * negated} null"
        case "in", negated, operand, values:
            return f"{inside(operand)}{' not' * negated} in ({','.join(spelled(v, pick) for v in values)})"
        case ("not" | "negative") as op, operand:
            return ("not" if op == "not" else "-") + inside(operand)
        case op, left, right:
            return inside(left) + (pick.choice(["=", "=="]) if op == "=" else f" {op} ") + inside(right)
    raise AssertionError(tree)


def compared(op, left, right):
    if left is None or right is None:
        return None
    if isinstance(left, float) or isinstance(right, float):
        left, right = float(left), float(right)
    if isinstance(left, str):
        left, right = left.encode(), right.encode()
    order = (left > right) - (left < right)
    return {
        "=": order == 0,
        "!=": order != 0,
        "<": order < 0,
        "<=": order <= 0,
        ">": order > 0,
        ">=": order >= 0,
    }[op]


def number(value):
    return None if value is None or math.isnan(value) else float(value)


def either(left, right):
    return True if left is True or right is True else None if left is None or right is None else False


def negation(value):
    return None if value is None else not value


def meaning(tree, row):
    """The value of a tree for one row: Kleene's logic, None for null."""
    match tree:
        case "literal", value:
            return value
        case "column", column_name:
            value = row[column_name]
            return None if value != value else value
        case "len", column_name:
            return None if row[column_name] is None else len(row[column_name])
        case "starts_with", column_name, prefix:
            return None if row[column_name] is None else row[column_name][: len(prefix)] == prefix
        case "is null", column_name, negated:
            return (row[column_name] is None or row[column_name] != row[column_name]) != negated
        case "in", negated, operand, values:
            sought = meaning(operand, row)
            if any(isinstance(v, float) for v in values) and sought is not None:
                sought = float(sought)
            found = None
            for value in values:
                found = either(found or False, compared("=", sought, value))
            return negation(found) if negated else found
        case "not", operand:
            return negation(meaning(operand, row))
        case "negative", operand:
            value = meaning(operand, row)
            if operand[0] == "literal":
                return -value
            return None if value is None else -float(value)
        case "or", left, right:
            return either(meaning(left, row), meaning(right, row))
        case "and", left, right:
            return negation(either(negation(meaning(left, row)), negation(meaning(right, row))))
        case ("+" | "-" | "*" | "/") as op, left, right:
            a, b = number(meaning(left, row)), number(meaning(right, row))
            if a is None or b is None or (op == "/" and b == 0):
                return None
            return number({"+": a + b, "-": a - b, "*": a * b, "/": a / (b or 1)}[op])
        case op, left, right:
            return compared(op, meaning(left, row), meaning(right, row))
    raise AssertionError(tree)


@settings(max_examples=400, deadline=None)
@given(CONDITIONS, ROWS, st.randoms(use_true_random=False))
def test_against_a_second_implementation(tree, rows, pick):
    schema = pa.schema([pa.field(n, type_, nullable=False) for n, type_ in NAMES.items()])
    table = pa.table({n: pa.array([row[n] for row in rows], type_) for n, type_ in NAMES.items()})
    source, respelled = written(tree, pick), written(tree, random.Random(0))
    try:
        where = parse(source, schema)
    except WhereError as e:  # such as -5 for a uint64
        assume(not re.search("out of range|too small", e.message))
        raise
    expected = [meaning(tree, row) is True for row in rows]
    assert where.mask(table).to_pylist() == expected
    assert normal_form(source) == normal_form(respelled) == normal_form(normal_form(source))
    assert parse(normal_form(source), schema).mask(table).to_pylist() == expected
    said = [n for n in NAMES if re.search(rf"\b{n} is (not )?null", source)]
    unsaid = where.columns - set(said)
    if unsaid:
        with pytest.raises(WhereError, match="may be null"):
            parse(source, pa.schema(NAMES.items()))
    else:
        parse(source, pa.schema(NAMES.items()))
