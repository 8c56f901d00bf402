import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.extract.markdown import strip_markdown
from tests.cpu_time import within_cpu_seconds

STRIPPED = [
    ("**bold** text", "bold text", "bold"),
    ("so __bold__, yes", "so bold, yes", "bold by underscores"),
    ("an *em* word", "an em word", "emphasis"),
    ("an _em_ word", "an em word", "emphasis by underscores"),
    ("_so_. And - _this_ - too", "so. And - this - too", "underscores beside punctuation"),
    ("***both***", "both", "both"),
    ("**a *b***", "a b", "one in the other"),
    ("***a* b**", "a b", "the other way round"),
    ("_a *b* c_", "a b c", "of two kinds"),
    ("*a _b* c_", "a _b c_", "crossing: the first to close"),
    ("**two\nlines**", "two\nlines", "over a line's end"),
    ('**Note:** read (*this*) - "*that*".', 'Note: read (this) - "that".', "punctuation beside it"),
    ("~~old~~ new", "old new", "struck"),
    ("这是**强调**文字", "这是强调文字", "no blanks in Chinese"),
    ("это *важно*", "это важно", "Cyrillic"),
    ("**https://a.example/b_c**", "https://a.example/b_c", "an address in bold"),
    ("# Heading", "Heading", "heading"),
    ("### 海の話", "海の話", "heading without case"),
    ("## Two ##", "Two", "closed heading"),
    ("## C# and F#", "C# and F#", "a heading that ends in a sign"),
    ("# 1. First", "1. First", "numbered heading"),
    ("# *One*\ntext", "One\ntext", "emphasis in a heading"),
    ("> quoted *word*", "quoted word", "quotation"),
    ("> a\n>\n> b", "a\n\nb", "paragraphs of a quotation"),
    ("> > deep", "deep", "quotation in a quotation"),
    ("a\n\n---\n\nb", "a\n\n\nb", "rule"),
    ("* * *", "", "rule of asterisks"),
    ("[text](https://a.example/b_c_d)", "text", "link"),
    ("[text](/a 'title') and [b](#c)", "text and b", "links within the site"),
    ("![a cat](cat.png) sat", "a cat sat", "image"),
    ("![](cat.png)sat", "sat", "image without alt"),
    ("[![alt](i.png)](https://a.example)", "alt", "image in a link"),
    ("[**bold**](a.html)", "bold", "emphasis in a link"),
    ("**[bold](a.html)**", "bold", "link in emphasis"),
    ("[a](b_(c).html) d", "a d", "brackets in an address"),
    ("see `my_var` here", "see my_var here", "code"),
    ("``a ` b``", "a ` b", "a backtick in code"),
    ("`` `a` ``", "`a`", "padded code"),
    ("`a*b*c` *d*", "a*b*c d", "marks in code"),
    ("```py\na*b*c\n# d\n```\n*e*", "a*b*c\n# d\ne", "fences"),
    ("- **One**: a\n- *Two*: b", "- One: a\n- Two: b", "in a list"),
    ("* item *em*", "* item em", "the marker of an item stays"),
]
KEPT = [
    "my_var_name", "snake_case_name and other_name", "__init__", "call __init__ and __name__ first", "x.__private__", "__call_me__()",
    "__FILE__", "_private", "a*b*c", "5 * 3 * 2", "5*3*2 = 30", "2**10", "2**10 and 3**4", "(x)*(y)*(z)", "a_1 + b_2",
    "f(*args, **kwargs)", "*args and **kwargs", "# include <stdio.h>", "#include <stdio.h>", "#hashtag #other", "C# and F#",
    "# 1 in the charts", "# install it first", "#1", "*.py and *.txt", "Price* and tax*", "* Terms apply", "** of the second kind",
    "f*** you", "s**t and f**k", "****", "name: ____ age: __", "______", "* item", "* one\n* two", "> 50 people came", ">= 3",
    ">>> f(*x)", "a > b > c", "a[i](x)", "f[0](a.b)", "[1] and [2]", "[^1]", "[text][ref]", "[ ] to do", "[see](this one)",
    "O`Neill and D`Arcy`s", "``quoted''", "it`s", "^_^ and T_T", "*_*", "(>_<)", "--- so ---", "a -- b", r"\*not em\*", "~5 and ~6",
    "a~~b", "https://a.example/_b_/c*d*e", "/usr/_lib_/x", "https://a.example/(_b_)", "## #", "a_-_b_c_ d", "x._y_.z", "text**bold**text",
    "**open", "close**", "* a * b *", "_ a _", "`", "``", "**  **", "| a | b |", "Ünï_cödé_näme", "a\n\n*b\n\nc*", "",
]  # fmt: skip


@pytest.mark.parametrize(("text", "bare"), [pytest.param(text, bare, id=name) for text, bare, name in STRIPPED])
def test_marks_go(text, bare):
    assert strip_markdown(text, []) == bare


@pytest.mark.parametrize("text", KEPT)
def test_what_is_no_mark_stays(text):
    assert strip_markdown(text, []) == text


def test_protected_spans_are_left_alone():
    text = "so $a_1*b*c$ and *d* and `x`"
    assert strip_markdown(text, [(3, 12), (25, 28)]) == "so $a_1*b*c$ and d and `x`"
    assert strip_markdown("*$a$*", [(1, 4)]) == "$a$"
    assert strip_markdown("# A\n# B", [(4, 7)]) == "A\n# B"
    assert strip_markdown("[a](b.c)", [(0, 8)]) == "[a](b.c)"


def is_subsequence(short, long):
    rest = iter(long)
    return all(character in rest for character in short)


MARKS = "ab1 *_~`#>-[]()!.\n/\\字"


@settings(max_examples=500, deadline=None)
@given(st.text(MARKS, max_size=60) | st.text(max_size=60), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=3))
def test_any_text(text, protected):
    bare = strip_markdown(text, protected)
    assert is_subsequence(bare, text)
    for start, end in protected:
        assert text[start:end] in bare


@settings(max_examples=500, deadline=None)
@given(st.text("ab字 *_~#>-[]\n", max_size=60))
def test_only_marks_are_lost(text):
    """Without addresses and backticks no letter goes."""
    assert [c for c in strip_markdown(text, []) if c.isalnum()] == [c for c in text if c.isalnum()]


N = 50_000


@pytest.mark.parametrize("text", [
    pytest.param("*a " * N, id="openers"),
    pytest.param("a* " * N, id="closers"),
    pytest.param("*a\n\n" + "b* " * N, id="an opener of another paragraph"),
    pytest.param("*a _b ~~c " * (N // 2), id="openers of three kinds"),
    pytest.param("*a* _b_ " * (N // 2), id="pairs"),
    pytest.param("*a _b* c_ " * (N // 2), id="crossing"),
    pytest.param("*" * N, id="one run"),
    pytest.param("[" * (N // 2) + "](a.b)" * (N // 2), id="brackets"),
    pytest.param("[a](" * N, id="open addresses"),
    pytest.param("[a](((((.b " * N, id="brackets in addresses"),
    pytest.param("".join("`" * (k % 300) + " " for k in range(N // 10)), id="runs of backticks"),
    pytest.param("`a\n" * N, id="code over lines"),
    pytest.param("```\n" * N, id="fences"),
    pytest.param("> " * N + "a", id="quotations"),
    pytest.param("> a\n>\n" * N, id="lines of quotations"),
    pytest.param("# " * N, id="headings"),
    pytest.param("- " * N, id="a rule"),
    pytest.param("://" * N, id="addresses"),
    pytest.param("*a* " * N + "https://a.b/" + "_c" * N, id="an address of many marks"),
])  # fmt: skip
def test_cost_is_linear(text):
    within_cpu_seconds(1.5, strip_markdown, text, [])
