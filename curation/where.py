"""The small expression language of `where` and `split`: from text to a mask over a table.

    where: "lang in ('en', 'sw') and score is not null and score >= 0.5 and len(text) < 1_000_000"

Loosest first; spaces mean nothing, keywords are lower case, `==` is `=`:

    condition  = condition "or" condition | condition "and" condition | "not" condition
               | value [ ("=" | "!=" | "<" | "<=" | ">" | ">=") value ]
               | value ["not"] "in" "(" literal { "," literal } ")"
               | column "is" ["not"] "null"
               | "starts_with" "(" column "," string ")"
    value      = value ("+" | "-") value | value ("*" | "/") value | "-" value
               | column | literal | "len" "(" column ")" | "(" condition ")"
    literal    = ["-"] integer | ["-"] float | string | "true" | "false"
    string     = 'text' or "text"; a quote inside is doubled ('it''s'), a backslash is a backslash
    column     = [A-Za-z_][A-Za-z0-9_]*

Three steps, in this order below: *parse* text to a tree, *check* the tree against the schema (literals take
the column's type, casts become nodes), *evaluate* the checked tree with Arrow kernels; nothing is `eval`ed.

Null: NaN counts as null everywhere. Null goes through `and`, `or` and `not` by Kleene's rules, and a row for
which the whole is null does not match. That is easily overlooked, so an expression that uses a nullable
column must also say `column is null` or `column is not null`; one declared nullable=False needs no such word.

Numbers: integers are compared exactly, beyond 2**53 too, until a float or arithmetic is met. Arithmetic is
done in float64; dividing by zero gives null. A float literal is rounded to the column's precision: `x = 0.1`
finds float32 0.1. Strings compare by their UTF-8 bytes; times compare with ISO strings, UTC unless they say
otherwise.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import NoReturn, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from curation.errors import did_you_mean

MAX_CHARS = 10_000
MAX_DEPTH = 100


class WhereError(ValueError):
    """An expression that cannot be used; `offset` counts characters from the start of the expression."""

    def __init__(self, message: str, offset: int) -> None:
        """Say what is wrong and what would be right, and where."""
        super().__init__(message, offset)
        self.message = message
        self.offset = offset

    def __str__(self) -> str:
        """Return the message alone: the caller knows better how to show the place."""
        return self.message


@dataclass(frozen=True)
class Where:
    """A checked expression; it can be pickled and sent to workers."""

    source: str
    columns: frozenset[str]
    tree: Node = field(repr=False, compare=False)

    def mask(self, table: pa.Table | pa.RecordBatch) -> pa.BooleanArray:
        """Tell which rows match.

        Args:
            table: holds at least `columns`, with the types the expression was checked against.

        Returns: one boolean per row, never null: a null result does not match.

        Raises: WhereError if a column is missing or has another type than was planned.
        """
        result = _evaluate(self.tree, table)
        if isinstance(result, pa.Scalar):  # an expression of literals alone
            result = pa.repeat(result, table.num_rows)
        if isinstance(result, pa.ChunkedArray):
            result = result.combine_chunks()
        return pc.fill_null(result, False)


def parse(source: str, schema: pa.Schema) -> Where:
    """Check an expression against the schema of the rows it will be asked of.

    Args:
        source: the expression, as in the module's docstring; at most 10,000 characters, 100 levels deep.
        schema: names, types and nullability of the columns at that step of the plan.

    Returns: the expression, ready to be evaluated.

    Raises: WhereError with the place and, where one can be guessed, what would be right.
    """
    parsed = _parse(source)
    checked, type_ = _check(parsed, schema)
    if type_ != _BOOLEAN:
        raise WhereError(f"{_describe(parsed, type_)} is no condition: compare it with something", parsed.at)
    _require_null_said(parsed, _asked_for_null(parsed), schema)
    return Where(source, _columns(parsed), checked)


def columns_of(source: str) -> frozenset[str]:
    """Columns an expression names; there need not be a schema yet.

    Raises: WhereError if the expression cannot be parsed.
    """
    return _columns(_parse(source))


def normal_form(source: str) -> str:
    """Write an expression in the one way that fingerprints use.

    Args:
        source: the expression; its columns need not exist.

    Returns: an expression of the same meaning, the same one whatever the spacing, the quotes, needless
    parentheses, `==` for `=` and the way numbers were written.

    Raises: WhereError if the expression cannot be parsed.
    """
    return _render(_parse(source))


# ---- The tree. `at` is a place in the source, never part of the meaning.


@dataclass(frozen=True)
class Node:
    """Anything in the tree; `at` counts characters, an operator stands where its sign stands."""

    at: int = field(compare=False)


@dataclass(frozen=True)
class Literal(Node):
    """A number, a string, true or false, as written; a minus before a number belongs to it."""

    value: bool | int | float | str


@dataclass(frozen=True)
class Column(Node):
    """A column's value; the check fills in `type`."""

    name: str
    type: pa.DataType | None = None


@dataclass(frozen=True)
class Call(Node):
    """`len(column)`, or `starts_with(column, 'prefix')`."""

    function: str
    column: Column
    prefix: str = ""


@dataclass(frozen=True)
class IsNull(Node):
    """`column is null`, true for NaN too, or `column is not null`."""

    column: Column
    negated: bool


@dataclass(frozen=True)
class Unary(Node):
    """`not operand` or `-operand`."""

    op: str
    operand: Node


@dataclass(frozen=True)
class Binary(Node):
    """A comparison or arithmetic."""

    op: str
    left: Node
    right: Node


@dataclass(frozen=True)
class In(Node):
    """`operand in (values)` or `operand not in (values)`; the check makes an array of the values."""

    operand: Node
    values: tuple[Literal, ...] | pa.Array
    negated: bool


@dataclass(frozen=True)
class Logic(Node):
    """`a and b and c` or `a or b or c`, flat: a thousand alternatives are not a thousand levels deep."""

    op: str
    operands: tuple[Node, ...]


@dataclass(frozen=True)
class Constant(Node):
    """Made by the check: a literal in the type it is compared in."""

    scalar: pa.Scalar


@dataclass(frozen=True)
class Cast(Node):
    """Made by the check: an operand in the type it is compared in."""

    operand: Node
    type: pa.DataType


def _children(node: Node) -> tuple[Node, ...]:
    """Return the operands; `is null` has none, since it does not use the column's value."""
    match node:
        case Call(column=child) | Unary(operand=child) | In(operand=child):
            return (child,)
        case Binary(left=left, right=right):
            return (left, right)
        case Logic(operands=operands):
            return operands
    return ()


def _walk(root: Node) -> Iterator[tuple[Node, int]]:
    """Yield every parsed node with its depth, left to right, without recursion."""
    stack = [(root, 0)]
    while stack:
        node, depth = stack.pop()
        yield node, depth
        stack.extend((child, depth + 1) for child in reversed(_children(node)))


def _asked_for_null(root: Node) -> set[str]:
    """Columns of which the expression says what null does."""
    return {node.column.name for node, _ in _walk(root) if isinstance(node, IsNull)}


def _columns(root: Node) -> frozenset[str]:
    return frozenset(_asked_for_null(root) | {node.name for node, _ in _walk(root) if isinstance(node, Column)})


# ---- Parse: text -> tokens -> tree.

_OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _MINUS = range(7)
_BINDS = dict.fromkeys(("=", "!=", "<", "<=", ">", ">=", "in", "not", "is"), _COMPARE) | {
    "or": _OR, "and": _AND, "+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT,
}  # fmt: skip
_KEYWORDS = {"and", "or", "not", "in", "is", "null", "true", "false"}
_FUNCTIONS = {"len": ("string", "list"), "starts_with": ("string",)}  # kinds of column they take
_INSTEAD = dict.fromkeys("\u201c\u201d\u2018\u2019", "write plain quotes") | {
    "&": 'write "and"', "|": 'write "or"', "!": 'write "not" or "!="', "<>": 'write "!="', "~": 'write "not"',
    ".": "a number starts with a digit, as in 0.5", "`": "a column's name takes no quotes",
}  # fmt: skip
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<number>[0-9]+(?:_[0-9]+)*(?P<float>(?:\.[0-9]+(?:_[0-9]+)*)?(?:[eE][+-]?[0-9]+)?))(?![\w.])
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<string>'(?:[^']|'')*+'|"(?:[^"]|"")*+")
      | (?P<symbol><=|>=|!=|==|[=<>](?!>)|[-+*/(),])""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class _Token:
    """A `symbol`, `keyword`, `word` (a name), `literal`, or the `end`."""

    kind: str
    text: str
    at: int
    value: bool | int | float | str = False  # of a literal


def _tokens(source: str) -> list[_Token]:
    tokens, at = [], 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            _refuse_characters(source, at)
        text = match[0]
        if match["number"]:
            tokens.append(_Token("literal", text, at, _number(text, at, is_float=bool(match["float"]))))
        elif match["string"]:
            tokens.append(_Token("literal", text, at, text[1:-1].replace(text[0] * 2, text[0])))
        elif text in ("true", "false"):
            tokens.append(_Token("literal", text, at, text == "true"))
        elif match["word"] and text not in _KEYWORDS and text.lower() in _KEYWORDS:
            raise WhereError(f'keywords are lower case: write "{text.lower()}" for "{text}"', at)
        elif match["word"]:
            tokens.append(_Token("keyword" if text in _KEYWORDS else "word", text, at))
        elif match["symbol"]:
            tokens.append(_Token("symbol", "=" if text == "==" else text, at))
        at += len(text)
    return [*tokens, _Token("end", "the end", at)]


def _refuse_characters(source: str, at: int) -> NoReturn:
    if source[at] in "'\"":
        raise WhereError(f"this string has no closing {source[at]} (a quote inside a string is doubled)", at)
    if number := re.match(r"[0-9][A-Za-z0-9_.]*", source[at : at + 40]):
        raise WhereError(f'"{number[0]}" is not a number: write 1000, 1_000, 0.5 or 1e-5', at)
    text = "<>" if source.startswith("<>", at) else source[at]
    hint = _INSTEAD.get(text, "text goes in quotes, a column's name is letters, digits and _")
    raise WhereError(f"unexpected {text!r}: {hint}", at)


def _number(text: str, at: int, *, is_float: bool) -> int | float:
    digits = text.replace("_", "")
    if is_float and not math.isinf(value := float(digits)):
        return value
    if is_float or len(digits.lstrip("0")) > 20 or int(digits) >= 2**64:
        raise WhereError(f"{_shorten(text)} is too large: integers are below 2**64, others below 1.8e308", at)
    return int(digits)


def _parse(source: str) -> Node:
    if len(source) > MAX_CHARS:
        raise WhereError(f"{len(source):,} characters are too many: at most {MAX_CHARS:,} are taken", MAX_CHARS)
    try:
        source.encode()
    except UnicodeEncodeError as e:
        raise WhereError("half of a surrogate pair is not a character", e.start) from e
    tree = _Parser(_tokens(source)).whole()
    for node, depth in _walk(tree):
        if depth > MAX_DEPTH:  # a long chain of + or -: the parser does not recurse there, later steps do
            raise _too_deep(node.at)
    return tree


def _too_deep(at: int) -> WhereError:
    return WhereError(f"nested more than {MAX_DEPTH} levels deep: use in (...) or several steps", at)


class _Parser:
    """A Pratt parser: `expression(level)` takes every operator that binds at least as tightly as `level`."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.position = 0

    @property
    def token(self) -> _Token:
        return self.tokens[self.position]

    def advance(self) -> _Token:
        token = self.token
        self.position += token.kind != "end"
        return token

    def accept(self, text: str) -> bool:
        found = self.token.kind in ("symbol", "keyword") and self.token.text == text
        self.position += found
        return found

    def expect(self, text: str, where: str) -> None:
        if not self.accept(text):
            self.unexpected(f'expected "{text}" {where}')

    def unexpected(self, message: str) -> NoReturn:
        found = self.token.text if self.token.kind in ("end", "literal") else f'"{self.token.text}"'
        raise WhereError(f"{message}, found {_shorten(found)}", self.token.at)

    def whole(self) -> Node:
        if self.token.kind == "end":
            raise WhereError('the expression is empty: write a condition, such as "score >= 0.5"', 0)
        tree = self.expression(_OR, 0)
        if self.token.kind != "end":
            self.unexpected('expected an operator, such as "and", "=" or "in"')
        return tree

    def expression(self, level: int, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise _too_deep(self.token.at)
        left = self.operand(level, depth + 1)
        compared = False
        while self.token.kind in ("symbol", "keyword") and (binds := _BINDS.get(self.token.text, -1)) >= level:
            if binds == _COMPARE and compared:
                raise WhereError('comparisons do not chain: write "0 < x and x < 5"', self.token.at)
            compared = binds == _COMPARE
            left = self.infix(left, self.advance(), depth + 1)
        return left

    def infix(self, left: Node, operator: _Token, depth: int) -> Node:
        op, at = operator.text, operator.at
        if op == "is":
            return self.is_null(left, at)
        if op in ("in", "not"):
            if op == "not":
                self.expect("in", 'after "not"')
            return In(at, left, self.values(depth), op == "not")
        right = self.expression(_BINDS[op] + 1, depth)
        if op in ("and", "or"):
            joined = [n.operands if isinstance(n, Logic) and n.op == op else (n,) for n in (left, right)]
            return Logic(at, op, joined[0] + joined[1])
        return Binary(at, op, left, right)

    def is_null(self, left: Node, at: int) -> IsNull:
        negated = self.accept("not")
        self.expect("null", f'after "is{" not" * negated}" (other values are compared with = and !=)')
        if not isinstance(left, Column):
            raise WhereError(f'"is null" is asked of a column, not of {_shorten(_render(left))}', at)
        return IsNull(at, left, negated)

    def values(self, depth: int) -> tuple[Literal, ...]:
        self.expect("(", 'after "in"')
        values: list[Literal] = []
        while not values or self.accept(","):
            at = self.token.at
            value = self.expression(_SUM, depth)
            if not isinstance(value, Literal):
                raise WhereError(f"in (...) takes literals, {_shorten(_render(value))} is none", at)
            values.append(value)
        self.expect(")", 'or "," in the list of values')
        return tuple(values)

    def operand(self, level: int, depth: int) -> Node:
        token = self.token
        if token.kind == "literal":
            return Literal(token.at, self.advance().value)
        if token.kind == "word":
            self.advance()
            return self.call(token) if self.accept("(") else Column(token.at, token.text)
        if self.accept("("):
            inside = self.expression(_OR, depth)
            self.expect(")", f'for the "(" at offset {token.at}')
            return inside
        if self.accept("-"):
            inside = self.expression(_MINUS, depth)
            if isinstance(inside, Literal) and not isinstance(inside.value, bool | str):
                return Literal(token.at, -inside.value)
            return Unary(token.at, "-", inside)
        if self.accept("not"):
            if level > _NOT:
                raise WhereError('put "not ..." in parentheses here', token.at)
            return Unary(token.at, "not", self.expression(_NOT, depth))
        if self.accept("null"):
            raise WhereError('null is no value: ask "column is null" or "column is not null"', token.at)
        self.unexpected("expected a column or a value")

    def call(self, name: _Token) -> Call:
        usage = "len(column)" if name.text == "len" else "starts_with(column, 'prefix')"
        if name.text not in _FUNCTIONS:
            guess = did_you_mean(name.text, [*_FUNCTIONS])
            raise WhereError(f'unknown function "{_shorten(name.text)}"{guess}; functions: len(column), {usage}', name.at)
        column = Column(self.token.at, self.token.text)
        if self.advance().kind != "word":
            raise WhereError(f"expected a column: {usage}", column.at)
        prefix = ""
        if name.text == "starts_with":
            self.expect(",", f"after the column: {usage}")
            if not isinstance(self.token.value, str):
                self.unexpected(f"expected text in quotes: {usage}")
            prefix = str(self.advance().value)
        self.expect(")", f"at the end of {usage}")
        return Call(name.at, name.text, column, prefix)


def _render(node: Node, level: int = _OR) -> str:
    """Write a parsed tree with no more parentheses than it needs beside an operator of `level`."""
    match node:
        case Literal(value=bool(truth)):
            return "true" if truth else "false"
        case Literal(value=str(text)):
            return "'" + text.replace("'", "''") + "'"
        case Literal(value=number):
            return repr(number)
        case Column(name=name):
            return name
        case Call(function="len", column=column):
            return f"len({column.name})"
        case Call(column=column, prefix=prefix):
            return f"starts_with({column.name}, {_render(Literal(0, prefix))})"
        case IsNull(column=column, negated=negated):
            text, binds = f"{column.name} is{' not' * negated} null", _COMPARE
        case Unary(op="-", operand=operand):
            text, binds = f"-{_render(operand, _MINUS)}", _MINUS
        case Unary(operand=operand):
            text, binds = f"not {_render(operand, _NOT)}", _NOT
        case Binary(op=op, left=left, right=right):
            binds = _BINDS[op]
            text = f"{_render(left, binds + (binds == _COMPARE))} {op} {_render(right, binds + 1)}"
        case In(operand=operand, values=values, negated=negated):
            listed = ", ".join(_render(value) for value in values)
            text, binds = f"{_render(operand, _COMPARE + 1)}{' not' * negated} in ({listed})", _COMPARE
        case Logic(op=op, operands=operands):
            binds = _BINDS[op]
            text = f" {op} ".join(_render(operand, binds + 1) for operand in operands)
        case _:
            raise AssertionError(f"made by the check: {node}")
    return f"({text})" if binds < level else text


# ---- Check: tree and schema -> tree with its types settled, and the type of its result.

_BOOLEAN, _TEXT, _FLOAT64 = pa.bool_(), pa.large_string(), pa.float64()
_INT64, _UINT64 = pa.int64(), pa.uint64()
_INT65 = pa.decimal128(20, 0)  # holds int64 and uint64, neither of which holds the other
_LITERAL_KINDS = {bool: "boolean", int: "integer", float: "float", str: "string"}
_HINTS = {  # what to write beside a value of this kind
    "boolean": "write true or false", "string": "text goes in quotes",
    "integer": "write a number, without quotes", "float": "write a number, without quotes",
    "date": "write a date, such as '2023-01-31'",
    "timestamp": "write a time, such as '2023-01-31' or '2023-01-31T13:59:00Z'",
    "list": 'only len(...) and "is null" take it', "other": 'only "is null" takes it',
}  # fmt: skip


def _kind(type_: pa.DataType | None) -> str:
    """Name what can be done with a type: a kind compares with itself, integer and float with each other."""
    is_a = pa.types
    kinds = {
        "boolean": is_a.is_boolean(type_),
        "integer": is_a.is_integer(type_),
        "float": is_a.is_floating(type_),
        "string": _value_type(type_) == _TEXT,
        "date": is_a.is_date(type_),
        "timestamp": is_a.is_timestamp(type_),
        "list": is_a.is_list(type_) or is_a.is_large_list(type_) or is_a.is_fixed_size_list(type_),
    }
    return next((kind for kind, holds in kinds.items() if holds), "other")


def _value_type(type_: pa.DataType) -> pa.DataType:
    """Return the type in which values of a column of this type are worked on."""
    is_a = pa.types
    if is_a.is_dictionary(type_):
        return _TEXT if _value_type(type_.value_type) == _TEXT else type_
    if is_a.is_string(type_) or is_a.is_large_string(type_) or is_a.is_string_view(type_):
        return _TEXT
    if is_a.is_timestamp(type_):
        return pa.timestamp(type_.unit, "UTC")
    return _FLOAT64 if is_a.is_floating(type_) else pa.date32() if is_a.is_date(type_) else type_


def _check(node: Node, schema: pa.Schema) -> tuple[Node, pa.DataType]:
    match node:
        case Literal(at, value):
            return _check_literal(at, value)
        case Column():
            return _check_column(node, schema)
        case Call(at, function, column, prefix):
            checked, type_ = _check_column(column, schema)
            if _kind(type_) not in _FUNCTIONS[function]:
                takes = " or a ".join(_FUNCTIONS[function])
                raise WhereError(f"{function}() takes a {takes}, {_describe(column, type_)} is none", column.at)
            return Call(at, function, checked, prefix), _INT64 if function == "len" else _BOOLEAN
        case IsNull(at, column, negated):
            return IsNull(at, _check_column(column, schema)[0], negated), _BOOLEAN
        case Unary(at, "-", operand):
            return Unary(at, "-", _check_number(operand, "-", schema)), _FLOAT64
        case Unary(at, op, operand):
            return Unary(at, op, _check_condition(operand, op, schema)), _BOOLEAN
        case Binary(at, op, left, right) if op in _ARITHMETIC:
            return Binary(at, op, _check_number(left, op, schema), _check_number(right, op, schema)), _FLOAT64
        case Binary():
            return _check_comparison(node, schema), _BOOLEAN
        case In():
            return _check_in(node, schema), _BOOLEAN
        case Logic(at, op, operands):
            return Logic(at, op, tuple(_check_condition(o, op, schema) for o in operands)), _BOOLEAN
    raise AssertionError(f"made by the check: {node}")


def _check_literal(at: int, value: bool | int | float | str) -> tuple[Constant, pa.DataType]:
    """Give a literal a type of its own, for where there is no column to take one from."""
    if _LITERAL_KINDS[type(value)] == "integer" and int(value) < -(2**63):
        raise WhereError(f"{value} is too small: integers are at least -2**63", at)
    types = {"boolean": _BOOLEAN, "integer": _INT64, "float": _FLOAT64, "string": _TEXT}
    type_ = _UINT64 if isinstance(value, int) and value >= 2**63 else types[_LITERAL_KINDS[type(value)]]
    return Constant(at, pa.scalar(value, type_)), type_


def _check_column(column: Column, schema: pa.Schema) -> tuple[Column, pa.DataType]:
    found = schema.get_all_field_indices(column.name)
    if len(found) > 1:
        raise WhereError(f'{len(found)} columns are named "{column.name}"', column.at)
    if not found:
        name, known = _shorten(column.name), ", ".join(schema.names) or "none"
        guess = did_you_mean(name, schema.names)
        raise WhereError(f"unknown column \"{name}\"{guess}; columns: {known}; text goes in quotes: '{name}'", column.at)
    type_ = schema.field(found[0]).type
    return Column(column.at, column.name, type_), type_


def _check_condition(node: Node, op: str, schema: pa.Schema) -> Node:
    checked, type_ = _check(node, schema)
    if type_ != _BOOLEAN:
        raise WhereError(f'"{op}" takes conditions, {_describe(node, type_)} is none', node.at)
    return checked


def _check_number(node: Node, op: str, schema: pa.Schema) -> Node:
    checked, type_ = _check(node, schema)
    if _kind(type_) not in ("integer", "float"):
        raise WhereError(f'"{op}" takes numbers, {_describe(node, type_)} is none', node.at)
    return _cast(checked, type_, _FLOAT64)


def _check_comparison(node: Binary, schema: pa.Schema) -> Binary:
    """Bring both sides to one type; a literal takes the type of what it is compared with."""
    (left, left_type), (right, right_type) = _check(node.left, schema), _check(node.right, schema)
    if isinstance(node.right, Literal) and not isinstance(node.left, Literal):
        common = _type_beside(left_type, (node.right,))
        right = Constant(right.at, _fit(node.right, node.left, common))
        left = _cast(left, left_type, common)
    elif isinstance(node.left, Literal) and not isinstance(node.right, Literal):
        common = _type_beside(right_type, (node.left,))
        left = Constant(left.at, _fit(node.left, node.right, common))
        right = _cast(right, right_type, common)
    else:
        common = _common_type(left_type, right_type)
        if common is None:
            _refuse_comparison(node.left, left_type, node.right, right_type)
        left, right = _cast(left, left_type, common), _cast(right, right_type, common)
    if common == _BOOLEAN and node.op not in ("=", "!="):
        raise WhereError(f'true and false are compared with "=" and "!=", not with "{node.op}"', node.at)
    return Binary(node.at, node.op, left, right)


def _check_in(node: In, schema: pa.Schema) -> In:
    operand, type_ = _check(node.operand, schema)
    common = _type_beside(type_, node.values)
    values = [_fit(value, node.operand, common) for value in node.values]
    if _value_type(common) == _FLOAT64 and any(value.as_py() == 0 for value in values):
        values += [pa.scalar(0.0), pa.scalar(-0.0)]  # Arrow's set of floats tells them apart
    return In(node.at, _cast(operand, type_, common), pa.array(values, _value_type(common)), node.negated)


def _common_type(left: pa.DataType, right: pa.DataType) -> pa.DataType | None:
    """Return the type in which two columns or results are compared, None where there is none."""
    kinds = {_kind(left), _kind(right)}
    left, right = _value_type(left), _value_type(right)
    if kinds == {"integer"}:
        return _INT65 if _UINT64 in (left, right) else _INT64
    if kinds == {"integer", "float"}:
        return _FLOAT64
    return left if left == right and not kinds & {"list", "other"} else None


def _type_beside(type_: pa.DataType, literals: tuple[Literal, ...]) -> pa.DataType:
    """Return the type in which a value meets literals: its own, but float64 where an integer meets a 0.5."""
    floats = any(isinstance(literal.value, float) for literal in literals)
    return _FLOAT64 if floats and _kind(type_) == "integer" else type_


def _cast(node: Node, type_: pa.DataType, wanted: pa.DataType) -> Node:
    return node if _value_type(type_) == _value_type(wanted) else Cast(node.at, node, _value_type(wanted))


def _fit(literal: Literal, other: Node, type_: pa.DataType) -> pa.Scalar:
    """Return a literal as a value of `type_`, which is what `other` is compared in."""
    value, given, kind = literal.value, _LITERAL_KINDS[type(literal.value)], _kind(type_)
    beyond = WhereError(f"{value} is out of range of {_describe(other, type_)}", literal.at)
    if kind == "float" and given in ("integer", "float"):
        rounded = float(pa.scalar(float(value), _FLOAT64).cast(type_, safe=False).as_py())
        if math.isinf(rounded):
            raise beyond
        return pa.scalar(rounded, _FLOAT64)
    if kind == given:
        try:
            return pa.scalar(value, _value_type(type_))
        except (pa.ArrowInvalid, OverflowError) as e:
            raise beyond from e
    if kind in ("date", "timestamp") and isinstance(value, str):
        return _fit_time(value, literal.at, other, type_)
    _refuse_comparison(other, type_, literal, _check_literal(literal.at, value)[1])


def _fit_time(value: str, at: int, other: Node, type_: pa.DataType) -> pa.Scalar:
    """Read an ISO date or time, in UTC where it names no zone; refuse what the column's unit cannot hold."""
    refusal = WhereError(f"{_shorten(value)!r} does not fit {_describe(other, type_)}: {_HINTS[_kind(type_)]}", at)
    if re.search(r"[.,][0-9]{7}", value):  # datetime would cut these digits off in silence
        raise refusal
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        if _kind(type_) == "timestamp":
            return pa.scalar(moment, pa.timestamp("us", "UTC")).cast(_value_type(type_))
    except (ValueError, OverflowError) as e:  # ArrowInvalid is a ValueError
        raise refusal from e
    if moment.time() != time():
        raise refusal
    return pa.scalar(moment.date(), pa.date32())


def _refuse_comparison(left: Node, left_type: pa.DataType, right: Node, right_type: pa.DataType) -> NoReturn:
    if isinstance(right, Literal) and _kind(left_type) == "string":
        hint = f"write '{_shorten(_render(right))}'"
    elif isinstance(right, Literal) or _kind(left_type) in ("list", "other"):
        hint = _HINTS[_kind(left_type)]
    else:
        hint = _HINTS[_kind(right_type)] if _kind(right_type) in ("list", "other") else "their types differ"
    raise WhereError(f"cannot compare {_describe(left, left_type)} with {_describe(right, right_type)}: {hint}", right.at)


def _require_null_said(tree: Node, said: set[str], schema: pa.Schema) -> None:
    """Refuse the use of a nullable column of which no `is null` is asked."""
    for predicate in _predicates(tree):
        for node, _ in _walk(predicate):
            if isinstance(node, Column) and node.name not in said and schema.field(node.name).nullable:
                example = f"{node.name} is not null and {_shorten(_render(predicate))}"
                raise WhereError(f'"{node.name}" may be null: say what null does, e.g. "{example}"', node.at)


def _predicates(node: Node) -> Iterator[Node]:
    """Yield what `and`, `or` and `not` join."""
    if isinstance(node, Logic) or (isinstance(node, Unary) and node.op == "not"):
        for child in _children(node):
            yield from _predicates(child)
    else:
        yield node


def _describe(node: Node, type_: pa.DataType) -> str:
    if isinstance(node, Literal):
        return f"{_shorten(_render(node))} ({_LITERAL_KINDS[type(node.value)]})"
    name = f"dictionary<{type_.value_type}>" if pa.types.is_dictionary(type_) else type_
    return f'"{_shorten(_render(node))}" ({name})'


def _shorten(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


# ---- Evaluate: checked tree and table -> array, or a scalar where there are literals alone.

_Datum: TypeAlias = pa.Array | pa.ChunkedArray | pa.Scalar
_ARITHMETIC = {"+": pc.add, "-": pc.subtract, "*": pc.multiply, "/": pc.divide}
_COMPARISONS = {
    "=": pc.equal, "!=": pc.not_equal,
    "<": pc.less, "<=": pc.less_equal, ">": pc.greater, ">=": pc.greater_equal,
}  # fmt: skip


def _evaluate(node: Node, table: pa.Table | pa.RecordBatch) -> _Datum:
    match node:
        case Constant(scalar=scalar):
            return scalar
        case Column():
            return _values_of(node, table)
        case Cast(operand=operand, type=type_):
            return pc.cast(_evaluate(operand, table), type_, safe=False)
        case Call(function="len", column=column):
            length = pc.utf8_length if _kind(column.type) == "string" else pc.list_value_length
            return pc.cast(length(_values_of(column, table)), _INT64)
        case Call(column=column, prefix=prefix):
            return pc.starts_with(_values_of(column, table), prefix)
        case IsNull(column=column, negated=negated):
            return (pc.is_valid if negated else pc.is_null)(_values_of(column, table))
        case Unary(op=op, operand=operand):
            return (pc.negate if op == "-" else pc.invert)(_evaluate(operand, table))
        case Binary(op=op, left=left, right=right):
            first, second = _evaluate(left, table), _evaluate(right, table)
            if op in _COMPARISONS:
                return _COMPARISONS[op](first, second)
            if op == "/":
                second = pc.if_else(pc.equal(second, 0.0), pa.scalar(None, _FLOAT64), second)
            return _nan_as_null(_ARITHMETIC[op](first, second))
        case In(operand=operand, values=values, negated=negated):
            sought = _evaluate(operand, table)
            found = pc.is_in(sought, value_set=values)  # false for null
            found = pc.if_else(pc.is_valid(sought), found, pa.scalar(None, _BOOLEAN))
            return pc.invert(found) if negated else found
        case Logic(op=op, operands=operands):
            kernel = pc.and_kleene if op == "and" else pc.or_kleene
            return functools.reduce(kernel, (_evaluate(operand, table) for operand in operands))
    raise AssertionError(f"gone after the check: {node}")


def _values_of(column: Column, table: pa.Table | pa.RecordBatch) -> pa.Array | pa.ChunkedArray:
    """Return a column in the type its values are worked on in, NaN as null."""
    index = table.schema.get_field_index(column.name)
    found = table.schema.field(index).type if index >= 0 else None
    type_ = _value_type(column.type)
    if found is None or _value_type(found) != type_:
        rows_have = found or "no such column"
        raise WhereError(f'"{column.name}" was planned as {column.type}, these rows have {rows_have}', column.at)
    values = table.column(index) if found == type_ else pc.cast(table.column(index), type_, safe=False)
    return _nan_as_null(values) if type_ == _FLOAT64 else values


def _nan_as_null(values: _Datum) -> _Datum:
    return pc.if_else(pc.is_nan(values), pa.scalar(None, _FLOAT64), values)
