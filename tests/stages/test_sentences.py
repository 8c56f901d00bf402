import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.text import Utf8
from stages.heuristics.sentences import CLOSERS, STOPS, TERMINALS, char_table, sentences
from tests.cpu_time import within_cpu_seconds


def split(text):
    return [s.strip() for s in sentences(Utf8.of_strings([text])).to_list(0)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("", [], id="empty"),
        pytest.param(" \n ", [], id="white space"),
        pytest.param("... ?!", [], id="marks alone"),
        pytest.param("no end", ["no end"], id="no end"),
        pytest.param("One. Two! Three?", ["One.", "Two!", "Three?"], id="three marks"),
        pytest.param('He said "Go." She went.', ['He said "Go."', "She went."], id="closing quotes"),
        pytest.param("(So it is.) And?", ["(So it is.)", "And?"], id="closing brackets"),
        pytest.param("It is 3.14 at a.example now.", ["It is 3.14 at a.example now."], id="a stop inside a word"),
        pytest.param("Use e.g. this one. Or that.", ["Use e.g. this one.", "Or that."], id="a small letter goes on"),
        pytest.param("Ждём т.е. потом. Да.", ["Ждём т.е. потом.", "Да."], id="a small letter of Cyrillic"),
        pytest.param("Mr. Brown.", ["Mr.", "Brown."], id="abbreviations are not known"),
        pytest.param("Hey!you", ["Hey!", "you"], id="other marks end at once"),
        pytest.param("Wait... what? So...", ["Wait... what?", "So..."], id="an ellipsis is a run of stops"),
        pytest.param("What ? ! Yes.", ["What ? !", "Yes."], id="marks belong to what is before"),
        pytest.param("你好。世界！再见", ["你好。", "世界！", "再见"], id="chinese"),
        pytest.param("दुनिया। नमस्ते॥", ["दुनिया।", "नमस्ते॥"], id="devanagari"),
        pytest.param("هل؟ نعم۔", ["هل؟", "نعم۔"], id="arabic and urdu"),
        pytest.param("A line\nends. nothing", ["A line\nends. nothing"], id="a line end is white space"),
        pytest.param("שלום. עולם", ["שלום.", "עולם"], id="scripts without small letters"),
    ],
)
def test_sentences(text, found):
    assert split(text) == found


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(st.lists(st.sampled_from(["a", "B ", ".", "...", "!", '"', ")", " ", "。", "é", "字", "1"]), max_size=40).map("".join))
def test_sentences_are_all_of_the_text_but_what_is_nothing(text):
    found = sentences(Utf8.of_strings([text])).to_list(0)
    joined = "".join(found)
    assert text.endswith(joined) or joined in text
    assert set(text[: text.find(joined)] if joined else text) <= set('. !")。')
    assert all(any(c.isalnum() for c in s) for s in found)


def test_terminals_are_marks():
    """Sentence_Terminal holds punctuation alone; what this Python does not know is left out."""
    assert len(TERMINALS) == len(set(TERMINALS)) == 172
    assert {unicodedata.category(c) for c in TERMINALS} <= {"Po", "So", "Cn"}
    assert set(STOPS) <= set(TERMINALS)
    assert {unicodedata.category(c) for c in CLOSERS} <= {"Pe", "Pf", "Po"}


def test_char_table():
    index, blocks = char_table({"aé": 1, "字a": 2})
    assert [int(blocks[index[ord(c) >> 8] * 256 + (ord(c) & 255)]) for c in "aéb字𝒜"] == [2, 1, 0, 2, 0]


@pytest.mark.parametrize("unit", [".", ". ", "a. ", '."', "。", "a", "\u2028"])
def test_time_is_linear(unit):
    long = unit * (4_000_000 // len(unit))
    within_cpu_seconds(3, lambda: sentences(Utf8.of_strings([long])))
