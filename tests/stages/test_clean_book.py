"""Books as they are packed, beside what is a book's own text; damaged and hostile ones; the shared pack."""

import gzip
import io
import random
import re
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest
from stage_checks import run

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "engine"))
from engine_kit import recipe, rows
from engine_kit import run as run_recipe

from stages.books import layout
from stages.books.clean_book import Params, clean, clean_book
from stages.books.gutenberg import cut
from stages.books.split_chapters import pieces, split_chapters
from tests import books

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "books"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not beside the repository")
PLAIN = "\n\n".join(line for line in books.novel(width=None).split("\n") if line)
"""The novel of tests/books.py, a paragraph a line."""


def read(content, **values):
    """The stage's columns for one book."""
    content = content.encode() if isinstance(content, str) else content
    return clean(content, Params(**values))


# Distributors

FORMS = {
    "modern": books.modern(), "this": books.modern(the="THIS"), "tight marks": books.modern(stars="***"), "nineties": books.nineties(),
    "small print below": books.small_print_below(), "bare": books.novel(), "windows lines": books.modern().replace("\n", "\r\n"),
    "latin-1": books.modern(), "utf-16": "\ufeff" + books.modern(),
}  # fmt: skip
CODECS = {"latin-1": "latin-1", "utf-16": "utf-16-le"}


@pytest.mark.parametrize("form", FORMS)
def test_what_is_around_a_book_goes_and_all_of_it_stays(form):
    found = read(FORMS[form].encode(CODECS.get(form, "utf-8")))
    assert found["text"] == PLAIN
    assert found["n_chapters"] == 3
    assert found["chapters"] == ["CHAPTER 1", "CHAPTER 2", "CHAPTER 3"]
    if form != "bare":
        assert (found["title"], found["author"], found["rights"] in ("public_domain", "unknown")) == (
            "The Harbour Lamp",
            "A. N. Author",
            True,
        )


@pytest.mark.parametrize(
    ("form", "released", "rights"),
    [("modern", "2009-06-03", "public_domain"), ("nineties", "1994-06", "public_domain"), ("small print below", "2003-06", "public_domain"),
     ("bare", None, "unknown")],
)  # fmt: skip
def test_dates_and_rights(form, released, rights):
    found = read(FORMS[form])
    assert (found["released"], found["rights"]) == (released, rights)


@pytest.mark.parametrize(
    ("more", "column", "value"),
    [
        ("\nOriginal publication: London: Harbour and Sons, 1897\n", "year", 1897),
        ("\nOriginal publication: New York: Lamp &amp; Co.,\n      1913\n", "year", 1913),
        ("\n*** This is a COPYRIGHTED Project Gutenberg eBook, Details Below ***\n", "rights", "copyrighted"),
    ],
)
def test_what_a_header_says_goes_into_columns(more, column, value):
    assert read(books.modern(more=more))[column] == value


@pytest.mark.parametrize(
    ("language", "code"), [("English", "en"), ("French", "fr"), ("Ancient Greek", None), ("German, English", "de"), ("Finnish", "fi")]
)
def test_the_language_of_a_header(language, code):
    assert read(books.modern().replace("Language: English", f"Language: {language}"))["declared_lang"] == code


@pytest.mark.parametrize(
    ("front", "year"),
    [
        ("Copyright, 1905, by A. N. Author", 1905), ("LONDON\n1871", 1871), ("MDCCCXCIV", 1894), ("First published in 1813", 1813),
        ("Copyright 1911\n\nSecond edition 1909", 1909), ("For those who remember 1805", None), ("Price 1250", None),
    ],
)  # fmt: skip
def test_the_year_a_front_page_says(front, year):
    text = books.novel().replace("By A. N. Author", f"By A. N. Author\n\n{front}\n")
    assert read(text)["year"] == year
    assert read(books.novel() + f"\n\n{front}\n")["year"] is None, "behind the first chapter it is the story's"


def test_years_far_into_a_book_without_chapters_are_the_storys():
    body = "\n\n".join(books.paragraph(k, width=60) for k in range(60))
    assert read(f"First published in 1813\n\n{body}")["year"] == 1813
    assert read(f"{body}\n\nFirst published in 1813\n\n{body}")["year"] is None


NOTES = {
    "bracket": "[Transcriber's Note: the spelling of the original\nis kept, [sic] and all.]",
    "box": "+------------------------+\n| Transcriber's Note:    |\n|                        |\n| Typos were corrected.  |\n"
    "+------------------------+",
    "section": "Transcriber's Notes:\n\nTypos were corrected.\n\nHyphens were not.\n\n",
    "line": "Transcriber’s note: typos were corrected.",
}


@pytest.mark.parametrize("note", NOTES)
@pytest.mark.parametrize("place", ["top", "middle", "end"])
def test_notes_of_transcribers_go(note, place):
    text = {
        "top": f"{NOTES[note]}\n\n\n{books.novel()}", "end": f"{books.novel()}\n\n\n{NOTES[note]}",
        "middle": books.novel().replace("\n\nCHAPTER 2", f"\n\n{NOTES[note]}\n\n\nCHAPTER 2"),
    }[place]  # fmt: skip
    assert read(text)["text"] == PLAIN
    assert read(books.modern(text))["text"] == PLAIN


def test_a_note_whose_bracket_never_closes_costs_its_line():
    assert read("[Transcriber's Note: never closed\n\n" + books.novel())["text"].endswith(PLAIN[20:])


@pytest.mark.parametrize(
    "credit",
    ["E-text prepared by Some One", "This etext was prepared by Some One <one@a.example>\nfrom the 1911 edition.",
     "Transcribed from the 1911 edition", "HTML version created by Some One",
     "Note: Project Gutenberg also has an HTML version of this\n      file with pictures."],
)  # fmt: skip
def test_credits_go(credit):
    assert read(books.modern(f"{credit}\n\n\n{books.novel()}"))["text"] == PLAIN


def test_two_books_in_one_file():
    both = books.modern() + "\n\n" + books.modern(books.novel().replace("HARBOUR", "OTHER"))
    found = read(both)["text"]
    assert found == PLAIN + "\n\n" + PLAIN.replace("HARBOUR", "OTHER")
    assert "Gutenberg" not in found


def test_a_book_whose_end_mark_is_lost():
    long = books.novel(chapters=10, paragraphs=10)
    both = books.modern(long).partition("End of the Project")[0] + books.modern(books.novel().replace("HARBOUR", "OTHER"))
    found = read(both)["text"]
    assert found.count("In the year") == 100 + 12


def test_a_note_of_html_ends_at_the_next_heading():
    found = read(html(f"<h2>Transcriber's Note</h2><p>Typos.</p><p>Hyphens.</p>{html_book()}<h2>Transcriber's Note</h2><p>More.</p>"))
    assert found["text"] == PLAIN


def test_a_book_about_project_gutenberg_stays():
    text = books.novel().replace("By A. N. Author", "By A. N. Author\n\nHow I met Johannes and heard of his press")
    text = text.replace(books.paragraph(21, width=70), books.paragraph(21, width=70) + "\n\nHe spoke of Project Gutenberg at length.")
    assert "He spoke of Project Gutenberg at length." in read(text)["text"]
    assert "He spoke of Project Gutenberg at length." in read(books.modern(text))["text"]


def test_lines_that_scanning_projects_add():
    google = (
        "This is a digital copy of a book that was preserved for generations on library shelves.\n\nSome terms.\n\n"
        "at http : //books . google . com/\n\n\n"
    )
    stamped = books.novel().replace("\n\nCHAPTER 2", "\n\nDigitized by Google\n\n\nCHAPTER 2")
    assert read(google + stamped)["text"] == PLAIN


# Layout


def paged(text, head="THE HARBOUR LAMP", every=30, form_feed=False):
    """Lines of a text cut into pages, whatever they cut, with a head or a number on top of each."""
    lines = text.split("\n")
    out = []
    for n, first in enumerate(range(0, len(lines), every), 1):
        if n > 1:
            furniture = [head if n % 2 else "", str(n + 4)]
            mark = ["\f"] if form_feed else []
            out += ["", "", *mark, *(line for line in furniture if line), "", ""]
        out += lines[first : first + every]
    return "\n".join(out)


@pytest.mark.parametrize("form_feed", [False, True])
def test_running_heads_and_page_numbers_go(form_feed):
    body = "\n\n".join(books.paragraph(k, sentences=9, width=60) for k in range(60))
    found = read(paged(body, form_feed=form_feed))["text"]
    assert "HARBOUR" not in found
    assert not re.search(r"(?m)^\d+$", found)
    whole = {books.paragraph(k, sentences=9) for k in range(60)}
    assert len(whole & set(found.split("\n\n"))) >= 50, "but for pages that end with a sentence, paragraphs are whole again"
    assert " ".join(found.split()) == " ".join(body.split())


def test_heads_that_touch_the_text_of_their_page():
    """As programs write the text of a PDF: a form feed, the head, the text, no blank line."""
    lines = "\n\n".join(books.paragraph(k, sentences=9, width=60) for k in range(60)).split("\n")
    pages = ["\n".join(lines[first : first + 28]) for first in range(0, len(lines), 28)]
    found = read("".join(f"\n\f{k} THE HARBOUR LAMP\n{page}" for k, page in enumerate(pages, 1)))["text"]
    assert found.startswith("1 THE HARBOUR LAMP\n\n")
    assert found.count("HARBOUR") == 1, "the first is the title"
    whole = {books.paragraph(k, sentences=9) for k in range(60)}
    assert len(whole & set(found.split("\n\n"))) >= 55


def test_sentences_go_on_across_pages():
    body = "\n\n".join(books.paragraph(k, width=60) for k in range(20))
    ends = [f"{'Pp'[k % 2]}erhaps {books.SENTENCES[k].lower()}" for k in range(6)]
    heads = "".join(f"{books.paragraph(k, width=60)} and\n\n\nHEAD\n\n\n{end}\n\n" for k, end in enumerate(ends))
    found = read(f"{body}\n\n{heads}")["text"]
    assert [end for end in ends if f" and {end}" not in found] == []
    lines = books.paragraph(7, sentences=9, width=60).split("\n")
    assert lines[6][0].islower()
    lost = "\n".join([*lines[:6], "", "", "", *lines[6:]])
    assert books.paragraph(7, sentences=9) in read(f"{body}\n\n{lost}\n\n{body}")["text"]
    quoted = f"{body}\n\nHe sang to us of all the ships that he had seen, and of\nthe sea\n\nand so on, said the others.\n\n{body}"
    assert "the sea\n\nand so on" in read(quoted)["text"], "one blank line is the author's"


def test_a_number_among_page_numbers_that_heads_a_chapter():
    lines = "\n\n".join(books.paragraph(k, sentences=9, width=60) for k in range(30)).split("\n")
    text = "".join("\n".join(lines[30 * k : 30 * k + 30]) + f"\n\n\n{k + 40}\n\n\n" for k in range(len(lines) // 30))
    found = read(f"{text}\n\nIt ended.\n\n3\n\nIt began.\n\n\n\n99\n\n\nand went on.")["text"]
    assert re.findall(r"(?m)^\d+$", found) == ["3"]


@pytest.mark.parametrize("line", ["HAMLET", "Exeunt", "* * * * *", "12"])
def test_lines_that_stand_between_whole_sentences_are_no_furniture(line):
    body = "\n\n".join(f"{line}\n\n{books.paragraph(k, width=60)}" for k in range(20))
    assert read(body)["text"].split("\n\n").count(line) == 20


def test_chapter_numbers_are_no_page_numbers():
    body = "\n\n".join(f"{k}\n\n{books.paragraph(k, width=60)}\n\n{books.paragraph(k + 30, width=60)}" for k in range(1, 12))
    found = read(body)
    assert found["chapters"] == [str(k) for k in range(1, 12)]


@pytest.mark.parametrize("width", [45, 60, 72, 100])
def test_prose_is_unwrapped_whatever_its_width(width):
    body = "\n\n".join(books.paragraph(k, sentences=k % 5 + 1, width=width) for k in range(40))
    assert read(body)["text"].split("\n\n") == [books.paragraph(k, sentences=k % 5 + 1) for k in range(40)]


VERSE = """Down to the harbour the lanterns go,
  Softly and one by one,
Over the stones that the old men know,
  Under the setting sun.
Nobody calls them and nobody hears,
  Nobody counts the cost;
Only the water remembers the years,
  Only the water lost."""
TABLE = "Port            Ships    Tons\nNorth haven        12     340\nSouth haven         7     120\nThe old quay        3      45"
CONTENTS = "Chapter I. The Lamp . . . . . . . 1\nChapter II. The Ledger . . . . . . 27\nChapter III. The Door . . . . . . 61"


@pytest.mark.parametrize("block", [VERSE, TABLE, CONTENTS], ids=["verse", "table", "contents"])
def test_what_is_no_prose_stays_line_by_line(block):
    body = "\n\n".join(books.paragraph(k, width=70) for k in range(20))
    assert f"\n\n{block}\n\n" in read(f"{body}\n\n{block}\n\n{body}")["text"]


EVEN = """The ships came in, the ships went out again,
And no one wrote the names of all the men,
For names are long, and winter nights are no"""
DOTTED = "\n".join(f"{name} {'. ' * 26}{n}" for name, n in (("of the lamp", 12), ("of the book", 27), ("of the door", 61)))


@pytest.mark.parametrize("block", [EVEN, DOTTED], ids=["verse of even lines", "dots as wide as the page"])
def test_what_only_its_form_tells_from_prose(block):
    body = "\n\n".join(books.paragraph(k, width=66) for k in range(20))
    assert f"\n\n{block}\n\n" in read(f"{body}\n\n{block}\n\n{body}")["text"]


def test_lines_that_were_broken_by_hand_in_a_book_of_prose():
    body = "\n\n".join(books.paragraph(k, width=72) for k in range(20))
    block = '"Your family is perfectly well," said the harbour officer\nwith gentleness; "and a friend has come to visit you."'
    assert block.replace("\n", " ") in read(f"{body}\n\n{block}\n\n{body}")["text"]


def test_paragraphs_that_only_begin_a_line_come_apart():
    body = "\n".join(books.paragraph(k, sentences=1, width=60) for k in range(200))
    found = read(body)["text"].split("\n")
    assert len(set(found) & {books.paragraph(k, sentences=1) for k in range(200)}) > 120


def verses(n, low, high):
    """Verses of a scripture, each on lines of its own that are broken between the one width and the other; and the same as a line each."""
    chance, made, plain = random.Random(n), [], []
    for k in range(n):
        text = books.paragraph(k, sentences=1) if k % 3 else f"And it was day {k}."
        plain.append(text)
        while text:
            at = text.rfind(" ", 0, chance.randint(low, high)) if len(text) > high else len(text)
            made, text = [*made, text[:at]], text[at + 1 :]
    return made, plain


@pytest.mark.parametrize("low", [66, 42], ids=["full lines", "ragged lines"])
@pytest.mark.parametrize("together", [7, 300], ids=["chapters", "no blank line"])
def test_short_verses_are_no_evidence_against_prose(low, together):
    pages = [verses(together, low, 66) for _ in range(300 // together)]
    found = read("\n\n".join("\n".join(made) for made, _ in pages))["text"].split("\n")
    plain = [verse for _, page in pages for verse in page]
    assert not [line for line in found if line and not line.endswith(".")]  # no hard line end is left
    assert len(set(found) & set(plain)) > len(set(plain)) / 2  # a verse whose last line is full goes on in the next


def test_a_book_of_short_verses_is_one_of_prose():
    chapters = ["\n".join(verses(12, 66, 66)[0])] * 20
    block = "And the harbour officer knew that he was not alone\nin the house; and he went down and opened the door."
    assert block.replace("\n", " ") in read("\n\n".join([*chapters, block, *chapters]))["text"]


def test_sentences_a_line_are_no_evidence_of_prose():
    lines = [books.paragraph(k, sentences=1) for k in range(200)]
    block = "\n".join([lines[0][:39] + ".", lines[1][:60] + ".", lines[2][:40] + "."])
    assert f"\n\n{block}\n\n" in read("\n\n".join([*[VERSE.replace(",", ".")] * 40, block, VERSE]))["text"]


FREE_VERSE = """down to the harbour
the lanterns go softly and one by one
over the stones
that the old men knew when the sun went down
and nobody calls them
and nobody hears the count of the cost"""


@pytest.mark.parametrize("verse", [VERSE, FREE_VERSE], ids=["rhymed", "free"])
def test_a_book_of_verse_stays_line_by_line(verse):
    assert read("\n\n".join([verse] * 40))["text"] == "\n\n".join([verse] * 40)


def test_one_paragraph_a_line_stays():
    body = "\n".join(books.paragraph(k) for k in range(20))
    assert read(body)["text"] == body


def test_indented_paragraphs_without_blank_lines_come_apart():
    body = "\n".join("    " + books.paragraph(k, width=60) for k in range(30))
    assert read(body)["text"].split("\n") == [books.paragraph(k) for k in range(30)]


def test_scripts_without_blanks_are_joined_without_them():
    sentence = "港灯亮到天明没有人知道是谁点的每一艘进港的船都带来同样的消息只是次序不同"
    paragraphs = [sentence * 3 + f"第{k}天。" for k in range(30)]
    wrapped = "\n\n".join("\n".join(p[i : i + 30] for i in range(0, len(p), 30)) for p in paragraphs)
    assert read(wrapped)["text"].split("\n\n") == paragraphs


def test_words_cut_at_line_ends_are_as_the_book_has_them_elsewhere():
    """Every hyphen of a typesetter goes, every hyphen of a word stays."""
    rng = random.Random(3)
    words = [
        "lighthouse",
        "harbour",
        "remembered",
        "twenty-five",
        "well-known",
        "quarrelled",
        "counting",
        "willing",
        "sea-wall",
        "everything",
    ]
    texts, wrapped = [], []
    for _ in range(60):
        text = " ".join(rng.choice(words) for _ in range(80))
        lines, line = [], ""
        for word in text.split():
            if len(line) + len(word) + 1 <= 58:
                line = f"{line} {word}".strip()
                continue
            room = 58 - len(line) - 2
            at = word.find("-") + 1 or (5 if len(word) > 9 else 0)
            if 0 < at <= room:
                lines.append(f"{line} {word[:at].rstrip('-')}-")
                line = word[at:]
            else:
                lines.append(line)
                line = word
        texts.append(text)
        wrapped.append("\n".join([*lines, line]))
    joined = "\n\n".join(wrapped)
    assert len(re.findall(r"[a-z]-\n", joined)) > 100
    assert read(joined)["text"].split("\n\n") == texts


@pytest.mark.parametrize(("others", "joined"), [("light-\nhouse", "moonstone"), ("sea-\nwall", "moon-stone")])
def test_words_that_stand_nowhere_else_are_treated_as_others_are(others, joined):
    """Scans cut words at line ends, Project Gutenberg's files do not."""
    body = [layout.Block([f"text {others}".split("\n")[0], others.split("\n")[1] + " text"], 1) for _ in range(3)]
    body += [layout.Block(["lighthouse and sea-wall"], 1), layout.Block(["a moon-", "stone there"], 1)]
    assert layout.Hyphens(body).before("a moon-", "stone there") + "stone" == f"a {joined}"


@pytest.mark.parametrize(
    ("line", "after", "joined"),
    [
        ("the way--", "in short", "the way--in short"), ("il dit --", "et rit", "il dit -- et rit"), ("so¬", "ftly", "softly"),
        ("soft\u00ad", "ly", "softly"), ("1914-", "1918", "1914-1918"), ("Anglo-", "Saxon", "Anglo-Saxon"), ("one", "two", "one two"),
        ("a –", "b", "a – b"),
    ],
)  # fmt: skip
def test_what_stands_for_a_line_end(line, after, joined):
    assert layout.Hyphens([]).before(line, after) + after == joined


def test_page_marks_and_bare_illustrations_go_and_emphasis_is_plain():
    text = books.novel().replace("harbour office", "[Pg 12] harbour _office_").replace("\n\nCHAPTER 2", "\n\n[Illustration]\n\n\nCHAPTER 2")
    assert read(text)["text"] == PLAIN
    assert "_office_" in read(text, strip_emphasis=False)["text"]
    kept = books.novel().replace("the ledger", "the_old_ledger [Illustration: the lamp]")
    assert "the_old_ledger [Illustration: the lamp]" in read(kept, unwrap=True)["text"]


def test_without_unwrapping_lines_stay():
    assert books.paragraph(10, width=70) in read(books.modern(), unwrap=False)["text"]


# Chapters

HEADINGS = """CHAPTER I.|Chapter the Second|CHAPTER THREE: The Door|Book IV|ACT V|SCENE II. A street.|Zweites Kapitel|Erster Aufzug
Kapitel 3|CHAPITRE IV
Première partie|Capítulo V|Hoofdstuk VII|Глава 3|ГЛАВА ПЕРВАЯ|Часть вторая|Első fejezet|12. fejezet
第三章|第十二回 夜|제 3 장|PREFACE
Epilogue.|Введение|Κεφάλαιο 2|Letter 1|STAVE II|CANTO XXIII|Part the First|_Chapter 9_|Osa 2|序章""".replace("\n", "|").split("|")
NO_HEADINGS = """Part I liked best was the end|The book is here|His letter,|Chapter and verse|Act now|Part of the town|Book early|I
letter from home|Chapter 1,|First of all|In part two ways lead there;|One story""".replace("\n", "|").split("|")


@pytest.mark.parametrize("line", HEADINGS)
def test_headings(line):
    found = read(f"{books.paragraph(1, width=60)}\n\n{line}\n\n{books.paragraph(2, width=60)}")
    assert found["chapters"] == [line.replace("_", "")]


@pytest.mark.parametrize("line", NO_HEADINGS)
def test_what_is_no_heading(line):
    assert read(f"{books.paragraph(1, width=60)}\n\n{line}\n\n{books.paragraph(2, width=60)}")["chapters"] == []


@pytest.mark.parametrize("form", ["{}", "{}.", "{}. The Lamp", "{} — The Lamp"])
def test_numbers_in_order_are_headings(form):
    numerals = ["I", "II", "III", "IV", "V"]
    body = "\n\n".join(f"{form.format(n)}\n\n{books.paragraph(k, width=60)}" for k, n in enumerate(numerals))
    assert read(body)["chapters"] == [form.format(n) for n in numerals]
    shuffled = "\n\n".join(f"{form.format(n)}\n\n{books.paragraph(k, width=60)}" for k, n in enumerate(["X", "C", "II", "L", "VII", "XX"]))
    assert read(shuffled)["chapters"] == []


def test_a_table_of_contents_is_no_chapter():
    contents = "CONTENTS\n\n" + "\n\n".join(f"CHAPTER {k}" for k in range(1, 9))
    found = read(f"{contents}\n\n\n{books.novel(chapters=8)}")
    assert found["chapters"] == [f"CHAPTER {k}" for k in range(1, 9)]
    assert read(f"{contents}\n\n\n{books.novel(chapters=8).partition('Author')[2]}")["chapters"] == [f"CHAPTER {k}" for k in range(1, 9)]


def test_a_part_and_its_first_chapter_are_one():
    body = "\n\n".join(f"PART {p}\n\nTHE DOOR\n\nCHAPTER {p}\n\n{books.paragraph(p, width=60)}" for p in (1, 2, 3))
    assert read(body.replace("THE DOOR\n\n", ""))["chapters"] == ["PART 1", "PART 2", "PART 3"]


def test_numbers_of_two_kinds():
    """Sections are numbered within stories that are: what goes on below counts, too."""
    numbers = ["I. A Story", "I.", "II.", "III.", "II. Another", "III. The Third", "IV. The Last"]
    body = "\n\n".join(f"{n}\n\n{books.paragraph(k, width=60)}" for k, n in enumerate(numbers))
    assert read(body)["chapters"] == numbers


def test_a_few_numbers_in_order_by_chance_are_no_headings():
    body = "\n\n".join(f"{n}\n\n{books.paragraph(k, width=60)}" for k, n in enumerate([5, 90, 12, 13, 77, 40, 3, 61, 22]))
    assert read(body)["chapters"] == []


def test_chapters_split_and_put_together_are_the_book():
    found = read(books.modern())
    split = pieces(found["text"], found["chapters"], split_chapters.params(min_chars=0))
    assert [heading for heading, _ in split] == [None, "CHAPTER 1", "CHAPTER 2", "CHAPTER 3"]
    assert "\n\n".join(text for _, text in split) == found["text"] == PLAIN
    assert all(text.startswith(heading) for heading, text in split[1:])


def test_a_heading_that_is_gone_begins_nothing():
    found = read(books.modern())
    text = found["text"].replace("CHAPTER 2", "[removed]")
    split = pieces(text, found["chapters"], split_chapters.params(min_chars=0))
    assert [heading for heading, _ in split] == [None, "CHAPTER 1", "CHAPTER 3"]
    assert "\n\n".join(piece for _, piece in split) == text


def test_contents_are_none_of_the_chapters():
    headings = [f"CHAPTER {k}" for k in range(1, 4)]
    split = pieces("\n".join(headings) + "\n\n" + PLAIN, headings, split_chapters.params(min_chars=0))
    assert split[0] == (None, "\n".join(headings) + "\n\nTHE HARBOUR LAMP\n\nBy A. N. Author")


def test_short_and_too_many_chapters_are_joined():
    found = read(books.modern())
    assert [h for h, _ in pieces(found["text"], found["chapters"], split_chapters.params())] == ["CHAPTER 1", "CHAPTER 2", "CHAPTER 3"]
    few = pieces(found["text"], found["chapters"], split_chapters.params(min_chars=0, max_chapters=1))
    assert [h for h, _ in few] == [None, "CHAPTER 1"]
    assert "\n\n".join(text for _, text in few) == found["text"]


def test_split_chapters_as_a_stage():
    table = pa.table({"text": [PLAIN, "", None, "no chapters"], "chapters": [["CHAPTER 1", "CHAPTER 3"], [], None, []]})
    made = split_chapters(table, min_chars=0)
    assert made.parents.tolist() == [0, 0, 0, 3]
    assert made.columns["chapter"].to_pylist() == [None, "CHAPTER 1", "CHAPTER 3", None]
    assert made.columns["chapter_number"].to_pylist() == [0, 1, 2, 0]
    assert made.columns["chapters"].to_pylist() == [[], ["CHAPTER 1"], ["CHAPTER 3"], []]
    assert made.drop_reason.to_pylist() == [None, "empty", "empty", None]


# HTML and EPUB


def html(body):
    title = "The Project Gutenberg eBook of The Harbour Lamp, by A. N. Author"
    return f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body>{body}</body></html>"


def html_book():
    chapters = "".join(
        f"<h2><a id='c{c}'></a>CHAPTER {c}</h2>" + "".join(f"<p>{books.paragraph(10 * c + p)}</p>" for p in range(4)) for c in (1, 2, 3)
    )
    return f"<h1>THE HARBOUR LAMP</h1><p>By A. N. Author</p>{chapters}"


def test_html():
    header = "<p>The Project Gutenberg eBook of The Harbour Lamp</p><p><strong>Title</strong>: The Harbour Lamp</p>"
    header += "<p><b>Language</b>: English</p>"
    marks = "<div>*** {} OF THE PROJECT GUTENBERG EBOOK THE HARBOUR LAMP ***</div>"
    note = '<div class="transnote"><p>Typos were <i>corrected</i>.</p></div>'
    page = f"{header}{marks.format('START')}<p>Produced by Some One</p>{note}{html_book()}{marks.format('END')}<p>Licence</p>"
    page = page.replace("harbour office", "<span class='pagenum'><a name='p3'></a>[3]</span>harbour <i>office</i>")
    found = read(html(page))
    assert found["book_format"] == "html"
    assert found["text"] == PLAIN
    assert found["chapters"] == ["CHAPTER 1", "CHAPTER 2", "CHAPTER 3"]
    assert (found["title"], found["declared_lang"]) == ("The Harbour Lamp", "en")


def test_where_markup_names_headings_words_do_not():
    found = read(html(html_book() + "<p>Letter 1</p><p>It ended so.</p>"))
    assert found["chapters"] == ["CHAPTER 1", "CHAPTER 2", "CHAPTER 3"]
    assert read(html(f"<p>Letter 1</p><p>{books.paragraph(1)}</p>" * 3))["chapters"] == ["Letter 1"] * 3


def test_html_that_is_plain_text():
    found = read(html(f"<pre>\n{books.modern()}\n</pre>"))
    assert found["text"] == PLAIN
    assert found["released"] == "2009-06-03"


def test_verse_of_html_stays():
    found = read(html(html_book() + "<p>" + VERSE.replace("\n  ", "\n").replace("\n", "<br>\n") + "</p>"))
    assert found["text"] == PLAIN + "\n\n" + VERSE.replace("\n  ", "\n")


def test_epub_in_reading_order():
    found = read(books.epub(books.three_pages()))
    assert found["book_format"] == "epub"
    assert found["text"] == "\n\n".join(f"Chapter {n}\n\n{books.paragraph(n)}\n\n{books.paragraph(n + 50)}" for n in (1, 2, 3))
    assert (found["title"], found["author"], found["declared_lang"]) == ("The Harbour Lamp", "A. N. Author", "en")
    assert found["chapters"] == ["Chapter 1", "Chapter 2", "Chapter 3"]


def test_only_the_pages_of_the_reading_order_are_read():
    pages = books.three_pages()
    opf = books.package(list(pages), order=[2, 0, 0]).replace(
        "<spine>", '<spine><itemref idref="nav"/><itemref idref="lost"/><itemref/>'
    ).replace("<manifest>", '<manifest><item id="nav" href="a.xhtml" properties="nav" media-type="application/xhtml+xml"/>'
              '<item id="lost" href="lost.xhtml" media-type="application/xhtml+xml"/>')  # fmt: skip
    found = read(books.epub(pages, opf))
    assert re.findall(r"Chapter \d", found["text"]) == ["Chapter 3", "Chapter 1"]
    assert found["n_lost_pages"] == 1


@pytest.mark.parametrize(
    ("said", "column", "value"),
    [
        ("<dc:rights>Public domain in the USA.</dc:rights>", "rights", "public_domain"),
        ("<dc:rights>http://creativecommons.org/licenses/by-nc-sa/4.0/</dc:rights>", "rights", "cc-by-nc-sa"),
        ("<dc:rights>https://creativecommons.org/publicdomain/zero/1.0/</dc:rights>", "rights", "public_domain"),
        ("<dc:rights>Copyright © 2011 A. N. Author. All rights reserved.</dc:rights>", "rights", "copyrighted"),
        ("<dc:rights>See inside</dc:rights>", "rights", "unknown"),
        ("<dc:date>2010-00-00</dc:date>", "released", "2010"), ("<dc:date>2010-05-99</dc:date>", "released", "2010-05"),
        ("<dc:date>2011-05-02T10:00:00+00:00</dc:date>", "released", "2011-05-02"), ("<dc:date>1998</dc:date>", "released", "1998"),
        ('<dc:date opf:event="modification">2020-01-01</dc:date>', "released", None),
        ('<dc:date opf:event="original-publication">1887</dc:date>', "year", 1887),
        ('<dc:creator opf:role="ill">Some Painter</dc:creator>', "author", "A. N. Author"),
        ('<dc:creator opf:role="aut">Another</dc:creator>', "author", "A. N. Author; Another"),
    ],
)  # fmt: skip
def test_what_a_package_says(said, column, value):
    assert read(books.epub(books.three_pages(), books.package(list(books.three_pages()), metadata=said)))[column] == value


def test_empty_elements_of_xhtml_swallow_nothing():
    body = f'<p><a id="x"/>{books.paragraph(1)}</p><div/><p>{books.paragraph(2)}<br/>end</p>'
    found = read(books.epub({"p.xhtml": books.page(body, title='<title/><script src="x"/>')}))
    assert found["text"] == f"{books.paragraph(1)}\n\n{books.paragraph(2)}\nend"


def test_parts_an_epub_names_as_not_the_book_go():
    front = "".join(
        f'<section epub:type="{kind}"><p>Not of the book: {kind}.</p></section>' for kind in ("imprint", "toc", "bodymatter colophon")
    )
    found = read(books.epub({"f.xhtml": books.page(front + '<p class="toc">Kept.</p>'), **books.three_pages()}))["text"]
    assert "Not of the book" not in found
    assert found.startswith("Kept.\n\nChapter 1")


# Reasons, damage, hostility


def zipped(change):
    """An EPUB whose package document has been changed."""
    return books.epub(books.three_pages(), change(books.package(list(books.three_pages()))))


def bare(opf):
    return opf.removeprefix("<?xml version='1.0'?>")


def encrypted_members():
    """An EPUB whose members say that they are encrypted."""
    data = bytearray(books.epub(books.three_pages()))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(mark)
        while place >= 0:
            data[place + at] |= 1
            place = data.find(mark, place + 4)
    return bytes(data)


def wrong_crc(pages):
    data = books.epub(pages)
    at = data.index(b"OPS/c.xhtml") + 30
    return data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :]


def recompressed(method, suffix):
    """An EPUB whose members with that suffix are compressed otherwise."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(books.epub(books.three_pages()))) as old, zipfile.ZipFile(out, "w") as archive:
        for name in old.namelist():
            archive.writestr(name, old.read(name), method if name.endswith(suffix) else zipfile.ZIP_DEFLATED)
    return out.getvalue()


LAUGHS = "<?xml version='1.0'?><!DOCTYPE p [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefghi", "bcdefghij", strict=True)
) + "]>"  # fmt: skip
DRM = '<encryption><EncryptedData><CipherData><CipherReference URI="OPS/a.xhtml"/></CipherData></EncryptedData></encryption>'
QUOTED = DRM.replace("/a.", "/%61.")
FONTS = DRM.replace("a.xhtml", "font.otf")
BROKEN = {
    "truncated": (books.epub(books.three_pages())[:-400], "parse_failed"),
    "wrong crc": (wrong_crc({"c.xhtml": books.page("<p>Lost.</p>")}), "parse_failed"),
    "no page there": (books.epub({}, books.package(["a.xhtml"])), "parse_failed"),
    "unknown encoding": (zipped(lambda opf: "<?xml version='1.0' encoding='no-such'?>" + bare(opf)), "parse_failed"),
    "package in lzma": (recompressed(zipfile.ZIP_LZMA, ".opf"), "parse_failed"),
    "no package": (books.epub({}, "", name="x"), "parse_failed"),
    "no spine": (zipped(lambda opf: opf[: opf.index("<spine>")] + "</package>"), "empty"),
    "package is no xml": (zipped(lambda opf: opf.replace("</manifest>", "")), "parse_failed"),
    "billion laughs": (zipped(lambda opf: LAUGHS + bare(opf).replace("The Harbour Lamp", "&j;")), "parse_failed"),
    "external entity": (zipped(lambda opf: "<!DOCTYPE p [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>" + bare(opf)), "parse_failed"),
    "encrypted pages": (books.epub(books.three_pages(), more=[("META-INF/encryption.xml", DRM)]), "encrypted"),
    "encrypted pages, quoted": (books.epub(books.three_pages(), more=[("META-INF/encryption.xml", QUOTED)]), "encrypted"),
    "encrypted archive": (encrypted_members(), "encrypted"),
    "bomb": (books.epub({"p.xhtml": books.page("<p>" + "a" * (3 << 20) + "</p>")}), "too_large"),
    "bomb of many": (books.epub({f"{k}.xhtml": books.page("<p>" + "b" * (200 << 10) + "</p>") for k in range(9)}), "too_large"),
    "large": (b"a b. " * (1 << 18), "too_large"),
    "pdf": (b"%PDF-1.4 ...", "unknown_format"), "rtf": (b"{\\rtf1 text}", "unknown_format"), "zip": (b"PK\x03\x04....", "unknown_format"),
    "kindle": (b"T" * 60 + b"BOOKMOBI", "unknown_format"), "binary": (bytes(range(1, 9)) * 99, "unknown_format"),
    "nothing": (b"", "empty"), "blank": (b" \n\n \n", "empty"),
    "only a header": (books.modern(" ").encode(), "empty"), "short": (b"A short book.", "too_short"),
}  # fmt: skip


def reasons(contents, **values):
    table = pa.table({"content": pa.array(contents, pa.large_binary())})
    return run(clean_book, table, **values)["drop_reason"]


def test_reasons():
    assert reasons([content for content, _ in BROKEN.values()], max_bytes=1 << 20) == [reason for _, reason in BROKEN.values()]


def test_a_damaged_page_costs_that_page():
    found = read(wrong_crc(books.three_pages()))
    assert found["chapters"] == ["Chapter 2", "Chapter 3"]
    assert found["n_lost_pages"] == 1
    whole = read(books.epub(books.three_pages()))
    assert whole["n_lost_pages"] == 0
    packed = recompressed(zipfile.ZIP_LZMA, "a.xhtml")
    assert (read(packed)["chapters"], read(packed)["n_lost_pages"]) == (["Chapter 1", "Chapter 3"], 1)


def test_blanks_may_stand_above_a_package():
    assert read(zipped(lambda opf: "\n " + opf))["n_chapters"] == 3


def test_members_are_counted_before_any_is_looked_at(monkeypatch):
    packed = books.epub(books.three_pages())
    monkeypatch.setattr("stages.books.epub.MAX_MEMBERS", 6)
    assert reasons([packed]) == [None]
    monkeypatch.setattr("stages.books.epub.MAX_MEMBERS", 5)
    assert reasons([packed]) == ["too_large"]


def test_a_bomb_takes_no_memory():
    bomb = books.epub({"p.xhtml": books.page("<p>" + "a" * (32 << 20) + "</p>")})
    tracemalloc.start()
    assert read(bomb, max_bytes=1 << 20)["book_format"] == "too_large"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_fonts_may_be_encrypted():
    assert read(books.epub(books.three_pages(), more=[("META-INF/encryption.xml", FONTS)]))["n_chapters"] == 3


def test_names_of_an_epub_reach_nothing_outside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path.parent / "secret.xhtml").write_text(books.page("<p>secret</p>"))
    opf = books.package(["../../secret.xhtml", "/etc/passwd", "a.xhtml"])
    found = read(books.epub(books.three_pages(), opf, more=[("../../../evil.xhtml", "x")]))
    assert found["text"].startswith("Chapter 2")
    assert "secret" not in found["text"]
    assert list(tmp_path.iterdir()) == []


def test_rights_that_are_kept():
    contents = [
        books.modern().encode(),
        books.novel().encode(),
        books.modern(more="\n*** This is a COPYRIGHTED Project Gutenberg eBook\n").encode(),
    ]
    assert reasons(contents) == [None, None, None]
    assert reasons(contents, keep_rights=["public_domain"]) == [None, "wrong_rights", "wrong_rights"]
    assert reasons(contents, keep_rights=["public_domain", "unknown"]) == [None, None, "wrong_rights"]


def test_text_that_is_text_already():
    table = pa.table({"text": [books.modern(), None, "short", "a\x02b " * 500]})
    found = run(clean_book, table, read="text")
    assert found["drop_reason"] == [None, "empty", "too_short", None]
    assert found["text"][0] == PLAIN
    assert "\x02" not in found["text"][3]


def hostile(size):
    """Texts of about so many characters on which careless patterns take the square of that."""
    unit = size // 64
    yield "a" * size
    yield "[" * size
    yield "Transcriber's note: " * unit
    yield "[Transcriber's note:\n" * unit
    yield "*** START OF THE PROJECT GUTENBERG EBOOK X\n" * unit
    yield "*** START OF THE PROJECT GUTENBERG EBOOK X ***\n\n*** END OF THE PROJECT GUTENBERG\n\n" * unit
    yield "***START**THE SMALL PRINT!\n*END*THE SMALL PRINT!\n" * unit
    yield "| Transcriber's note |\n" * unit
    yield "+---+\n" * unit
    yield "Title: a\n b\n" * unit
    yield ("_" * 399 + "a\n") * (size // 400)
    yield "_a " * (size // 3)
    yield ("word-\n" * 11 + "\n") * unit
    yield "CHAPTER I\n\n" * unit
    yield "CHAPTER I\n\ntext\n\n" * unit
    yield "I\n\nII\n\n" * unit
    yield "".join(f"{k % 9999}\n\nand so it went on\n\n" for k in range(unit))
    yield "a\n\n\n\nHEAD\n\n\n\nb\n\n\n\n" * unit
    yield "\f" * size
    yield "a\f" * (size // 2)
    yield "\n" * size
    yield "[Pg 1" * unit
    yield "[Pg 1]" * unit
    yield " " * size + "a"
    yield "copyright " * unit
    yield "a" * 50 + "-\n" + "b" * size
    yield "<!DOCTYPE html><title>" + "<p>" * unit
    yield "<html>" + "<div class='pagenum'>" * unit
    yield "<html>" + "<h2>a" * unit
    yield "<html>" + "<a " * unit
    yield "<html>" + "<h2>a</h2><p class='pagenum toc'/>" * unit
    yield "<html><pre>" + "a\n" * unit


@pytest.mark.parametrize("case", range(len(list(hostile(64)))))
def test_time_is_linear_in_any_text(case):
    """Sixteen times the text takes no more than some 16 times as long; a square would be 256."""
    small, large = (list(hostile(size))[case] for size in (1 << 13, 1 << 17))
    times = []
    for text in (small, large, small, large):
        began = time.process_time()
        clean(text.encode(), Params())
        times.append(time.process_time() - began)
    assert min(times[1::2]) < 60 * min(times[::2]) + 0.1


def test_random_lines_never_fail_and_lose_no_word():
    rng = random.Random(5)
    pool = [
        "CHAPTER I", "", "", "text that goes on {}", "Text {}.", "\f", "12", "xii", "[Pg 3]", "cut{}-", "ting{}", "— dash{}", "HEAD",
        "  indented{}",
        "a\tb\t{}", "港灯亮到天明{}", "one  two   three    {}", "\x02", "[Illustration]", "\u00ad", "I. Title", "* * *", "{} " * 30,
    ]  # fmt: skip
    furniture = r"[\s\x02\u00ad-]|\[Pg 3\]|\[Illustration\]|12|xii|HEAD|CHAPTER I|I\. ?Title|CHAPTERI|\* ?\* ?\*"
    for n in range(300):
        lines = [rng.choice(pool).format(*(rng.choice("bdfgjk") * 3 + chr(97 + k % 26) + "q" for _ in range(30))) for k in range(n % 60)]
        found = clean("\n".join(lines), Params(read="text"))
        assert re.sub(furniture, "", found["text"]) == re.sub(furniture, "", "\n".join(lines))


def test_cut_gives_every_line_to_one_side():
    for text in (*FORMS.values(), *hostile(4096)):
        lines = text.split("\n")
        own, _ = cut(lines)
        assert len(own) <= len(lines)
        at = iter(lines)
        assert all(line in at for line in own), "lines of the book are in order, and none is made up"


# The shared pack


def shared(name):
    return gzip.decompress((SHARED / f"{name}.txt.gz").read_bytes())


@needs_shared
def test_the_shared_books():
    names = [path.name.removesuffix(".txt.gz") for path in SHARED.glob("*.txt.gz")]
    wanted = [name for name in names if re.match("pride.*pg|frank|the-imp|a-tale|war|shakespeare-hamlet", name)]
    found = {name: read(shared(name)) for name in wanted}
    for name, title, author in (
        ("pride-and-prejudice-pg1342-2008", "Pride and Prejudice", "Jane Austen"),
        ("frankenstein-with-pg-header", "Frankenstein", "Mary Shelley"),
        ("the-importance-of-being-earnest-with-pg-header", "The Importance of Being Earnest", "Oscar Wilde"),
    ):  # fmt: skip
        book = found[name]
        assert (book["title"], book["author"], book["declared_lang"], book["rights"]) == (title, author, "en", "public_domain")
        assert "gutenberg" not in book["text"].lower()
    assert found["frankenstein-with-pg-header"]["text"] == found["frankenstein-84-0"]["text"]
    assert found["the-importance-of-being-earnest-with-pg-header"]["text"] == found["the-importance-of-being-earnest-pg844"]["text"]
    assert [
        found[name]["n_chapters"] for name in ("pride-and-prejudice-pg1342-2008", "a-tale-of-two-cities-98-0", "frankenstein-84-0")
    ] == [61, 45, 28]
    war = found["war-and-peace-wap"]
    assert "WAR AND PEACE" not in war["text"]
    assert 350 <= war["n_chapters"] <= 365
    assert (
        len(re.findall(r"[a-z]- ?\n[a-z]", war["text"]))
        < 60
        < 6000
        < len(re.findall(r"[a-z]- ?\n[a-z]", shared("war-and-peace-wap").decode()))
    )
    verse = found["shakespeare-hamlet"]["text"].split("\n\n")
    assert "To be, or not to be: that is the question:" in verse


@needs_shared
def test_no_word_of_a_shared_book_is_lost():
    """But for what is cut with intent, the letters are those of the file."""
    for name in ("a-tale-of-two-cities-98-0", "the-adventures-of-sherlock-holmes-pg1661", "genesis-french", "shakespeare-othello"):
        raw = shared(name).decode()
        found = read(raw, strip_emphasis=False)["text"]
        assert re.sub(r"[\s\ufeff-]", "", found) == re.sub(r"[\s\ufeff-]", "", raw)


LIBRARY = """
inputs: {files: {use: files, paths: "library/**"}}
steps:
  text:  {use: clean_book}
  books: {use: dedup_books, max_drop_share: 1}
outputs: {kept: {use: shards}}
"""


def fates(folder):
    """path -> (drop reason, survivor's path) of a run of LIBRARY."""
    run_recipe(recipe(folder, LIBRARY), folder / "out")
    kept, dropped = rows(folder / "out" / "outputs" / "kept"), rows(folder / "out" / "dropped")
    assert not (folder / "out" / "failed").exists() or not list((folder / "out" / "failed").rglob("*.parquet"))
    paths = {row["id"]: row["path"] for row in [*kept, *dropped]}
    return {row["path"]: (row.get("drop_reason"), paths.get(row.get("duplicate_of"))) for row in [*kept, *dropped]}


def test_a_library_of_files(tmp_path):
    """Editions of one book, packed in all ways, are one; each file has a fate."""
    folder = tmp_path / "library"
    folder.mkdir()
    long = books.novel(chapters=12, paragraphs=30)
    (folder / "modern.txt").write_text(books.modern(long))
    (folder / "old.txt.gz").write_bytes(gzip.compress(books.nineties(books.novel(chapters=12, paragraphs=30, width=60)).encode()))
    (folder / "other.txt").write_text("\n\n".join(f"Word {k} and so on to number {k * k}." for k in range(900)))
    (folder / "broken.epub").write_bytes(books.epub(books.three_pages())[:-200])
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        archive.writestr("deep/page.html", html(long.replace("\n\n", "<p>")))
        archive.writestr("book.epub", books.epub(books.three_pages()))
    found = fates(tmp_path)
    alone = {"other.txt": None, "broken.epub": "parse_failed", "book.epub": None}
    assert {path: found[path][0] for path in alone} == alone
    editions = {path: fate for path, fate in found.items() if path not in alone}
    (kept,) = (path for path, (reason, _) in editions.items() if reason is None)
    assert len(editions) == 3
    assert {survivor for reason, survivor in editions.values() if reason is not None} == {kept}


@needs_shared
def test_editions_of_the_shared_books_are_one_and_translations_are_not(tmp_path):
    (tmp_path / "library").symlink_to(SHARED)
    found = {path.partition(".")[0]: fate for path, fate in fates(tmp_path).items() if not path.endswith(".jsonl")}
    assert len(found) == 21
    gone = {path for path, (reason, _) in found.items() if reason is not None}
    pairs = [
        {"pride-and-prejudice-1342-0", "pride-and-prejudice-pg1342-2008"}, {"frankenstein-84-0", "frankenstein-with-pg-header"},
        {"the-importance-of-being-earnest-pg844", "the-importance-of-being-earnest-with-pg-header"},
    ]  # fmt: skip
    assert [len(pair & gone) for pair in pairs] == [1, 1, 1]
    assert len(gone) == 3, "King James and World English Genesis are two books"
