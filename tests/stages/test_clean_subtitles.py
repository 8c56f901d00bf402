"""clean_subtitles: what markup and timing leave, how cues are joined, what rolls; odd and hostile files."""

import pyarrow as pa
import pytest
from pydantic import ValidationError

from stages.subtitles.clean_subtitles import clean, clean_subtitles, load_credits
from tests.cpu_time import within_cpu_seconds
from tests.samples.subtitles import CHINESE, FILM, ROLLING
from tests.stages import stage_checks

MANY = 30
"""So many cues that some are at no end of the file."""


def srt(*bodies, gap=0.5, number=True):
    """A file of cues of one second each, `gap` apart."""
    cues = []
    for n, body in enumerate(bodies):
        start = n * (1 + gap)
        cues.append((f"{n + 1}\n" if number else "") + f"{stamp(start)} --> {stamp(start + 1)}\n{body}\n")
    return "\n".join(cues)


def stamp(seconds):
    return f"{int(seconds // 3600):02}:{int(seconds // 60 % 60):02}:{int(seconds % 60):02},{round(seconds % 1 * 1000):03}"


def text(file, **params):
    found, _, _, reason = clean(file if isinstance(file, bytes) else file.encode(), clean_subtitles.params(**params))
    assert reason in (None, "empty")
    return found


def test_a_film():
    assert clean(FILM.encode(), clean_subtitles.params()) == (
        "The keeper walked along the river, and what she found there... went into a book.\nWho is there?\nIt's me.\n\nA new paragraph.",
        6, 20.5, None,
    )  # fmt: skip


def test_captions_that_roll():
    assert clean(ROLLING.encode(), clean_subtitles.params()) == ("Linus, do your kids know what you do?", 5, 7.84, None)


def test_columns_and_drop_reasons():
    table = pa.table({"content": pa.array([FILM.encode(), b"no cue", srt("[music]").encode(), b"1" * 5001, None], pa.large_binary())})
    out = stage_checks.run(clean_subtitles, table, max_bytes=5000)
    assert out["drop_reason"] == [None, "not_subtitles", "empty", "too_large", "not_subtitles"]
    assert out["n_cues"] == [6, 0, 1, 0, 0]
    assert out["duration_seconds"] == [20.5, 0, 1, 0, 0]
    assert stage_checks.reasons(clean_subtitles, table, max_bytes=5001)[3] == "not_subtitles"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("<i>one</i> <b>two</b>", "one two"), ('<font color="#ff0">one</font>', "one"), ("{\\an8}one{\\i1}", "one"), ("{y:i}one", "one"),
        ("<c.yellow.bg_blue>one</c> <00:00:01.500>two", "one two"), ("<v Roger Bingham>one</v>", "one"), ("one<br/>two", "one two"),
        ("<ruby>字<rt>じ</rt></ruby>", "字"), ("one\\Ntwo\\hthree", "one two three"), ("R&amp;D &lt;3 &#233;", "R&D <3 é"),
        ("2 < 3 and 4 > 1", "2 < 3 and 4 > 1"), ("<John> one", "<John> one"), ("a {b} c", "a {b} c"),
        ("\u202bone\u202c \u200etwo", "one two"), ("a <b and c> d", "a <b and c> d"), ("{x: y} {c: d}", "{x: y} {c: d}"),
        ('<i >one</i> <b class="x">two</b><P align=left>', "one two"), ("{Y:i}{c:$0000ff}one", "one"),
        ("one   two\tthree", "one two three"),
    ],
)  # fmt: skip
def test_markup(line, expected):
    assert text(srt(line)) == expected


@pytest.mark.parametrize(
    ("body", "dropped", "kept"),
    [
        ("[door slams] one", "one", "[door slams] one"), ("one [sighs] two", "one two", "one [sighs] two"),
        ("[a door\nslams]\none", "one", "[a door slams] one"), ("(JOHN): one", "one", "(JOHN): one"),
        ("one (or two)", "one (or two)", "one (or two)"), ("(555) 123-4567", "(555) 123-4567", "(555) 123-4567"),
        ("- (sighs) one", "one", "(sighs) one"), ("♪ la la ♪", "la la", "♪ la la ♪"), ("# la la #", "la la", "# la la #"), ("♪♪", "", "♪♪"),
        ("【音楽】一", "一", "【音楽】一"), ("（笑）一", "一", "（笑）一"), ("[one", "[one", "[one"), ("Room #5", "Room #5", "Room #5"),
    ],
)  # fmt: skip
def test_sounds(body, dropped, kept):
    assert text(srt(body)) == dropped
    assert text(srt(body), keep_sounds=True) == kept


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        (["one", "two"], "one two"), (["one\ntwo"], "one two"), (["- one\n- two", "three"], "one\ntwo three"),
        (["one", "- two"], "one\ntwo"),
        (["-one\n-two"], "one\ntwo"), (["\u2013 ¿Uno?\n\u2014¡Dos!"], "¿Uno?\n¡Dos!"), (["-5 degrees"], "-5 degrees"),
        ([">> one", ">>> two"], "one\ntwo"), (["one...", "...two"], "one... two"), (["one...", "..."], "one... ..."),
        (["你好\n再见", "好"], "你好再见 好"), (["もう\nいい。"], "もういい。"), (["사랑\n해"], "사랑 해"),
        (["中文 and\nEnglish"], "中文 and English"),
    ],
)  # fmt: skip
def test_how_lines_and_cues_are_joined(bodies, expected):
    assert text(srt(*bodies)) == expected


@pytest.mark.parametrize(
    ("gap", "bodies", "expected"),
    [
        (3.9, ["One.", "Two."], "One. Two."), (4.0, ["One.", "Two."], "One.\n\nTwo."), (4.0, ["One", "two."], "One two."),
        (15.9, ["One", "two."], "One two."), (16.0, ["One", "two."], "One\n\ntwo."), (4.0, ['"One."', "two."], '"One."\n\ntwo.'),
        (4.0, ["One,", "Two."], "One,\n\nTwo."), (4.0, ["一", "二"], "一\n\n二"),
    ],
)  # fmt: skip
def test_silence_ends_a_paragraph(gap, bodies, expected):
    assert text(srt(*bodies, gap=gap)) == expected
    assert text(srt(*bodies, gap=gap), paragraph_seconds=100).count("\n") == 0


def test_a_clock_that_begins_anew_ends_a_paragraph():
    assert text(srt("One", "two", gap=10) + "\n" + srt("three")) == "One two\n\nthree"


@pytest.mark.parametrize(
    "file",
    [
        "00:01 --> 00:02\nOne\n\n00:03 --> 00:04\ntwo", "1\n0:00:01.5-->0:00:02.5\nOne\n2\n00:00:03,1 -> 00:00:04,10\ntwo\n",
        "1\r\n00:00:01,000 --> 00:00:02,000\r\nOne\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000 X1:1 Y1:2\r\ntwo",
        "\n\n\n" + srt("One", "two"),
        srt("One", "two", number=False), srt("One\n\n", "\n\ntwo"), srt("One", "two").replace("\n\n", "\n"),
        "WEBVTT - title\nX: y\n\nfirst\n00:01.000 --> 00:02.000\nOne\n\nNOTE\nno\ntext\n\nsecond\n"
        "00:03.000 --> 00:04.000 line:0\ntwo\n\nNOTE end",
        "WEBVTT\n\nSTYLE\n::cue { --> }\n\nREGION\nid:a\n\n00:01.000 --> 00:02.000\nOne\n\nSTYLE\nnone\n\n1\n00:03.000 --> 00:04.000\ntwo",
        "\ufeff" + srt("One", "two").replace("-->", "--&gt;"), srt("One", "two").replace("\n", "\r"), srt("One", "two").replace(",", ", "),
    ],
)  # fmt: skip
def test_odd_files(file):
    assert text(file) == "One two"


def test_what_is_no_number_stays():
    assert text(srt("One\n\n1984", "two")) == "One 1984 two"
    assert text(srt("One\n\nNOTE that", "two")) == "One NOTE that two"
    assert text("WEBVTT\n\n" + srt("NOTE that", "STYLE\n \nis two")) == "NOTE that STYLE is two"


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "cp1251", "koi8-r"])
def test_charsets(charset):
    lines = "Смотритель сада каждое утро гулял вдоль реки,", "и то, что он там находил, попадало в маленькую книгу."
    assert text(srt(*lines).encode(charset)) == " ".join(lines)
    assert text(CHINESE.encode("gb18030")) == "你好吗我很好 再见"


# What repeats


def test_rolling_lines_are_taken_once_and_growing_ones_as_they_grow():
    rows = ["one", "one\ntwo", "one\ntwo\nthree", "two\nthree\nfour", "three\nfour\nfive", "four\nfive\nsix"]
    assert text(srt(*rows, gap=0)) == "one two three four five six"
    assert text(srt("I", "I know", "I know what", "I know what\nyou", "I know what\nyou did", gap=0)) == "I know what you did"
    assert text(srt("我", "我知道", "我知道你", "我知道你做", gap=0)) == "我 知道 你 做"


def test_what_is_said_twice_in_a_film_stays():
    said = [f"Line number {n}." for n in range(20)]
    assert text(srt(*said, "No.", "No.", "No, wait.", "No, wait.\nWhy?", gap=0)).endswith("No. No. No, wait. No, wait. Why?")
    assert text(srt("one", "one", "one", "one", gap=2)) == "one one one one"
    twice = "1\n00:00:01,000 --> 00:00:02,000\nOne\n\n"
    assert text(twice + twice + srt(*said, gap=0)).startswith("One Line")


# Credits


@pytest.mark.parametrize(
    "line",
    [
        "Subtitles by Somebody", "== sync, corrected by elderman ==\nwww.addic7ed.com", "<i>Sync by someone</i>", "Перевод: Иван",
        "字幕：某某",
        "Support us and become VIP member\nto remove all ads from OpenSubtitles.org", "- Translated by: X", "Sous-titres : X",
    ],
)  # fmt: skip
def test_credits_go(line):
    assert text(srt(line, "One")) == "One"
    assert text(srt("One", line)) == "One"


def test_credits_by_first_words_go_near_the_ends_alone():
    lines = [f"Line {n}." for n in range(MANY)]
    kept = [n for n in range(MANY) if "monks" in text(srt(*lines[:n], "Translated by monks,", *lines[n + 1 :]))]
    assert kept == list(range(10, MANY - 10))
    assert "subscene" not in text(srt(*lines[:15], "from Subscene.com", *lines[16:])).lower()
    assert "It was translated by monks." in text(srt("It was translated by monks."))


def test_a_list_of_credits_of_ones_own(tmp_path):
    (tmp_path / "list.txt").write_text("# a comment\n\nSomewhere\n^Made BY\n", "utf-8")
    params = {"credits": str(tmp_path / "list.txt")}
    assert text(srt("Made by me", "One", "seen somewhere", "Subtitles by me"), **params) == "One Subtitles by me"
    (tmp_path / "none.txt").write_text("# a comment\n^\n", "utf-8")
    with pytest.raises(ValueError, match="no phrase"):
        load_credits(tmp_path / "none.txt")
    for wrong in ({"max_bytes": 0}, {"paragraph_seconds": -1}, {"unheard": 1}):
        with pytest.raises(ValidationError):
            clean_subtitles.params(**wrong)


# Hostile


CUE = "00:00:01,000 --> 00:00:02,000\n"
PIECES = [
    "<", "<b ", "<b", "<b =", "<b  ", "<b =  /", "( 1",
    "<rt", "<rt>", "{\\", "{y:", "[", "(", "［", "\n[", "\n(", "- (", "&", "&#", "&lt", "-", "- -", ">>", "# ", " #",
    "#\n",
    ".", "…", "\\N", "a", "a ", " ", "\n", "\n\n", "\n \n", "\r", "♪", "♪\n", "-->", "00:00:01 -->", "00:00:01 --> 00:00:02", "1:1-->1:1\n",
    "1:1-->1:1\na\n", "9\n", "字\n", "\x85", "\u2028a", "NOTE\n\n", "opensubtitle", "sub", "\u202b", "<v a>b\n", "1:1-->1:1\na\nb\n",
    "1:1-->1:1\nabc\nabc\nabc\nabc\nabc\n",
]  # fmt: skip
HOSTILE = [CUE + piece * (60_000 // len(piece)) for piece in PIECES]
HOSTILE += ["WEBVTT\n\n" + "NOTE\n\n" * 10_000, "0" * 60_000, "WEBVTT\n\n" + "a\n1:1-->1:2\n" * 5_000]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_files_cost_their_length(number):
    within_cpu_seconds(0.6, clean, HOSTILE[number].encode(), clean_subtitles.params())


@pytest.mark.parametrize("file", [FILM, ROLLING, CHINESE])
def test_any_cut_of_a_file(file):
    data = file.encode("utf-16")
    for cut in range(0, len(data), 7):
        found, n_cues, seconds, _ = clean(data[:cut], clean_subtitles.params())
        assert "-->" not in found[:-40]
        assert n_cues <= 6
        assert seconds >= 0
