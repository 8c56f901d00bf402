"""identify_language: labels, scores, bounds on both sides, mixed text, code and formulas, scripts, and texts with too little to go by."""

import time
from pathlib import Path

import fasttext
import fasttext_files
import numpy as np
import pyarrow as pa
import pytest
import stage_checks

from curation.assets import resolve
from curation.stage import Batch
from curation.text import CLASS_BLOCKS, CLASS_INDEX
from stages.language.identify_language import CLEAR, LINE_TOKENS, Params, identify_language
from stages.language.prose import (
    CODE,
    LONGEST_FORMULA,
    LONGEST_TOKEN,
    LONGEST_WORD,
    NEUTRAL,
    PROSE,
    fenced_blocks,
    is_code,
    nearest_start,
    read_token,
)
from stages.language.scripts import SCRIPT_BLOCKS, SCRIPTS, possible_scripts

ENGLISH = "The garden behind the house was full of flowers in spring, and the children played there every afternoon. "
GERMAN = "Der Garten hinter dem Haus war im Frühling voller Blumen, und die Kinder spielten dort jeden Nachmittag. "
RUSSIAN = "Сад за домом весной был полон цветов, и дети играли там каждый день после обеда. "
CHINESE = "春天,房子后面的花园里开满了鲜花,孩子们每天下午都在那里玩耍。"
THAI = "ในฤดูใบไม้ผลิ สวนหลังบ้านเต็มไปด้วยดอกไม้ และเด็ก ๆ เล่นที่นั่นทุกบ่าย "
PYTHON = "def total(values):\n    return sum(v.price * (1 + v.tax) for v in values.items())\n\nself.rows = [x_i for x_i in rows if x_i]\n"


def run(texts, **values):
    columns = identify_language(pa.table({"text": pa.array(texts, pa.large_string())}), **values)
    return columns["lang"].to_pylist(), columns["lang_score"].tolist(), columns["drop_reason"].to_pylist()


def second(text, **values):
    columns = identify_language(pa.table({"text": [text]}), **values)
    return columns["lang"][0].as_py(), columns["lang2"][0].as_py(), columns["lang2_share"][0]


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        pytest.param(ENGLISH, "en", id="English"),
        pytest.param(GERMAN, "de", id="German"),
        pytest.param(RUSSIAN, "ru", id="Russian"),
        pytest.param(CHINESE, "zh", id="Chinese"),
        pytest.param(CHINESE * 100, "zh", id="Chinese without a blank"),
        pytest.param(THAI * 40, "th", id="Thai"),
        pytest.param("كانت الحديقة خلف المنزل مليئة بالزهور في الربيع وكان الأطفال يلعبون هناك", "ar", id="Arabic"),
        pytest.param("line one\nline two\x00 of the same plain English text", "en", id="line breaks and NUL"),
        pytest.param(GERMAN * 3_000, "de", id="a long document"),
    ],
)
def test_label(text, lang):
    langs, scores, reasons = run([text])
    assert langs == [lang]
    assert 0.5 < scores[0] <= 1
    assert reasons == [None]


@pytest.mark.parametrize("text", [GERMAN, ENGLISH[:60], RUSSIAN, THAI])
def test_a_short_text_of_words_has_the_librarys_score(text):
    """It is one window, all of it read, with the end of text that fastText adds."""
    model = fasttext.load_model(str(resolve(Params().model, Path())))
    labels, scores = model.predict(text)
    assert run([text], window_bytes=1_000)[:2] == ([labels[0].removeprefix("__label__")], [pytest.approx(min(scores[0], 1), abs=1e-6)])


def test_verdicts_do_not_depend_on_batches():
    texts = [ENGLISH * 30, GERMAN * 20 + RUSSIAN * 20, "", None, CHINESE * 40, PYTHON * 20, THAI, "x", "$a$ " * 50, ENGLISH + GERMAN]
    stage_checks.run(identify_language, pa.table({"text": pa.array(texts, pa.large_string())}))


# Too little


def test_too_few_letters_are_undetermined():
    langs, scores, reasons = run(["123 456", "", None, "abc", "$x^2$ $y$"])
    assert langs == ["und"] * 5
    assert scores == [0.0] * 5
    assert reasons == ["low_language_score"] * 5


def test_min_letters_is_kept_at_the_bound():
    letters = sum(c.isalpha() for c in GERMAN)
    assert run([GERMAN], min_letters=letters)[0] == ["de"]
    assert run([GERMAN], min_letters=letters + 1)[0] == ["und"]


def test_undetermined_text_is_kept_where_its_bound_is_0():
    assert run(["12"], min_score=0.0)[2] == [None]
    assert run(["12"], min_score={"default": 0.5, "und": 0.0})[2] == [None]
    assert run(["12"], min_score={"default": 0.0, "und": 0.1})[2] == ["low_language_score"]
    assert run(["12"], min_score=0.0, languages=["en"])[2] == ["other_language"]
    assert run(["12"], min_score=0.0, languages=["und"])[2] == [None]


def test_a_map_of_min_score_needs_a_default():
    with pytest.raises(ValueError, match='needs a "default"'):
        Params(min_score={"de": 0.3})


def test_min_score_is_kept_at_the_bound_and_looked_up_by_the_language_found():
    score = run([GERMAN])[1][0]
    assert run([GERMAN], min_score={"default": 2.0, "de": score})[2] == [None]
    assert run([GERMAN], min_score={"default": 0.0, "de": score + 1e-4})[2] == ["low_language_score"]


def test_other_languages_go():
    assert run([GERMAN], languages=["en"])[2] == ["other_language"]
    assert run([GERMAN], languages=["en", "de"])[2] == [None]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"languages": ["en", "english"]}, "languages: the model has no language 'english'"),
        ({"min_score": {"default": 0.5, "xx": 0}}, "min_score: .*'xx'"),
    ],
)
def test_languages_the_model_does_not_know_are_refused(values, message):
    identify_language.check(Params(languages=["en", "und"], min_score={"default": 0.5, "sw": 0.4}), None)
    with pytest.raises(ValueError, match=message):
        identify_language.check(Params(**values), None)


def test_exempt_profiles_are_told_their_language_and_stay():
    profiles = ["web", "code", "math", None]
    table = pa.table({"text": [GERMAN * 3, GERMAN * 3, PYTHON * 9, PYTHON * 9], "profile": profiles})
    columns = identify_language(table, languages=["en"], exempt_profiles=["code", "math"])
    assert columns["lang"].to_pylist() == ["de", "de", "und", "und"]
    assert columns["drop_reason"].to_pylist() == ["other_language", None, None, "low_language_score"]


def test_max_chars_looks_at_the_head_alone():
    text = GERMAN + ENGLISH * 100
    assert run([text], max_chars=len(GERMAN))[0] == ["de"]
    assert run([text])[0] == ["en"]
    assert run([CHINESE], max_chars=4)[0] == ["und"]  # characters, not bytes
    assert run([CHINESE], max_chars=4, min_letters=3)[0] != ["und"]
    assert run([GERMAN], max_chars=0)[0] == ["und"]


# Windows and mixed text


def test_the_first_the_middle_and_the_last_window_settle_it():
    """What lies between them is read only where they disagree, or the model is not sure of them."""
    text = ENGLISH * 12 + GERMAN * 8 + ENGLISH * 12 + GERMAN * 8 + ENGLISH * 12
    assert second(text)[:2] == ("en", None)
    assert second(text, min_sure=1.1)[:2] == ("en", "de")
    assert second(GERMAN * 8 + text)[:2] == ("en", "de")


def test_boilerplate_around_a_text_does_not_decide():
    lang, lang2, share = second(ENGLISH * 6 + RUSSIAN * 20 + ENGLISH * 6)
    assert (lang, lang2) == ("ru", "en")
    assert 0.2 < share < 0.5


def test_the_score_is_that_of_the_main_language():
    columns = identify_language(pa.table({"text": [GERMAN * 20 + ENGLISH * 10]}))
    assert (columns["lang"][0].as_py(), columns["lang2"][0].as_py()) == ("de", "en")
    assert columns["lang_score"][0] > 0.9


def test_min_lang2_share_is_kept_at_the_bound():
    text = GERMAN * 20 + ENGLISH * 10
    share = float(identify_language(pa.table({"text": [text]}))["lang2_share"][0])
    assert second(text, min_lang2_share=share - 1e-6)[1:] == ("en", pytest.approx(share))
    assert second(text, min_lang2_share=share + 1e-6)[1:] == (None, 0)


def test_mixed_text_is_undetermined():
    text = ENGLISH * 12 + RUSSIAN * 8 + THAI * 8
    lang, lang2, share = second(text)
    assert lang == "und"
    assert lang2 in ("en", "ru", "th")
    assert share < 0.5
    assert run([text])[1:] == ([0.0], ["low_language_score"])
    assert second(text, min_share=0.2)[0] == lang2


def test_a_language_with_a_share_below_min_share_is_mixed():
    text = GERMAN * 20 + ENGLISH * 10
    others = second(text)[2]
    assert second(text, min_share=1 - others - 1e-6)[0] == "de"
    assert second(text, min_share=1 - others + 1e-6)[:2] == ("und", "de")


def test_a_window_below_clear_is_in_no_other_language():
    """The same text, where the model is unsure of everything, has no second language."""
    assert CLEAR == 0.8
    words = "qwrt zxcv plmk bnhg wrtq sdfg kjhg lorem vestibulum aq "
    assert second(words * 60)[1] is None


# What is not prose


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("word", PROSE), ("Word,", PROSE), ("(word)", PROSE), ("don't", PROSE), ("well-known", PROSE), ("etc.", PROSE), ("[word]", PROSE),
        ("WORD", PROSE), ("größe_2", PROSE), ("日本語2019年", PROSE), ("слово/слово", PROSE), ("a", PROSE),
        ("2019", NEUTRAL), ("3.14", NEUTRAL), ("--", NEUTRAL), ("…", NEUTRAL), ("2nd", NEUTRAL), ("£5", NEUTRAL),
        ("$x$", NEUTRAL), ("$x^2$-th", NEUTRAL), ("$$\\sum_{i} i$$", NEUTRAL), ("($a + b = c$).", NEUTRAL),
        ("1,000.50", NEUTRAL),
        ("my_name", CODE), ("myName", CODE), ("f(x)", CODE), ("a[i]", CODE), ("example.com", CODE), ("https://x.org/a", CODE),
        ("me@example.org", CODE), ("<b>", CODE), ("{", CODE), ("=>", CODE), ("\\alpha", CODE), ("x=1", CODE), ("`x`", CODE),
        ("$HOME", CODE),
        ("a" * LONGEST_WORD, PROSE), ("a" * (LONGEST_WORD + 1), CODE),
    ],
)  # fmt: skip
def test_kind_of_a_token(token, kind):
    stop, found, letters, size, scripts = read(token.encode() + b" x")
    assert (stop, found) == (len(token.encode()), kind)
    if kind == PROSE:
        assert letters == sum(c.isalpha() for c in token)
        assert size == scripts.sum() == sum(len(c.encode()) for c in token if c.isalpha())
    else:
        assert letters == size == scripts.sum() == 0


def read(data):
    scripts = np.zeros(len(SCRIPTS), np.int64)
    data = np.frombuffer(data, np.uint8)
    return *read_token(data, 0, len(data), CLASS_INDEX, CLASS_BLOCKS, SCRIPT_BLOCKS, scripts), scripts


@pytest.mark.parametrize(
    ("text", "end"),
    [
        pytest.param("$5 and $6", 2, id="prices are no formula"),
        pytest.param("$a + b$ x", 7, id="blanks inside"),
        pytest.param("$a = \nb$", 2, id="not over a line end"),
        pytest.param("$$a = \nb$$ x", 10, id="a displayed one may"),
        pytest.param("$a=" + "b" * (LONGEST_FORMULA - 4) + "$ x", LONGEST_FORMULA, id="the longest"),
        pytest.param("$a= " + "b" * (LONGEST_FORMULA - 4) + "$ x", 3, id="one longer"),
    ],
)
def test_formulas_are_read_whole(text, end):
    assert read(text.encode())[0] == end


def test_a_token_of_another_script_is_cut_at_a_character():
    stop, kind, _, size, _ = read(CHINESE.encode() * 9)
    assert LONGEST_TOKEN <= stop < LONGEST_TOKEN + 3
    assert kind == PROSE
    CHINESE.encode()[: stop % len(CHINESE.encode())].decode()
    assert size <= stop


@pytest.mark.parametrize(
    ("line", "prose", "code", "verdict"),
    [
        ("a plain line", 3, 0, False), ("with one example.com in it", 4, 1, False), ("of three words example.com", 3, 1, True),
        ("return x;", 2, 0, True), ("a clause of a list;", 5, 0, False), ("a clause with x_1;", 4, 1, True), ("else {", 1, 1, True),
        ("}", 0, 0, True), ("for x in f(y):", 4, 0, True), ("as follows (see there):", 4, 0, True), ("as follows:", 2, 0, False),
        ("see there (and here)", 4, 0, False), ("int main(int argc, char **argv)", 4, 1, True), ("   ", 0, 0, False), ("", 0, 0, False),
    ],
)  # fmt: skip
def test_lines_of_programs(line, prose, code, verdict):
    data = np.frombuffer(line.encode() + b"  \n", np.uint8)
    assert is_code(data, 0, len(line), prose, code) == verdict


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        pytest.param("a\n```py\nx\n```\nb", ["```py\nx\n```\n"], id="one"),
        pytest.param("```\n```", ["```\n```"], id="at both ends"),
        pytest.param("a ``` b ``` c", [], id="within a line"),
        pytest.param("a\n```\nnever closed\n", [], id="never closed"),
        pytest.param("```\n1\n```\n```\n2\n```\n```\n", ["```\n1\n```\n", "```\n2\n```\n"], id="several"),
    ],
)
def test_fenced_blocks(text, blocks):
    data = np.frombuffer(b"<<" + text.encode() + b">>", np.uint8)
    found = fenced_blocks(data, 2, len(data) - 2)
    assert [bytes(data[a:b]).decode() for a, b in found] == blocks


@pytest.mark.parametrize(
    ("text", "at", "start"),
    [
        pytest.param("ab cd\nef", 0, 0, id="the beginning"),
        pytest.param("ab cd\nef", 1, 6, id="the next line"),
        pytest.param("ab cd\nef", 6, 6, id="a line begins here"),
        pytest.param("ab cd ef", 1, 3, id="the next token"),
        pytest.param("ab cd ef", 7, 8, id="none is left"),
        pytest.param("a" * LONGEST_TOKEN + " " + "b" * LONGEST_TOKEN + "\n", 2, LONGEST_TOKEN + 1, id="a line too far away"),
        pytest.param("中" * LONGEST_TOKEN, 4, 6, id="a character"),
    ],
)
def test_where_reading_begins(text, at, start):
    data = np.frombuffer(b"\n x" + text.encode() + b" \n", np.uint8)
    assert nearest_start(data, 3, 3 + at, len(data) - 2) == 3 + start


def test_code_around_a_text_does_not_decide():
    block = f"```python\n{PYTHON * 10}```\n"
    assert second(block + GERMAN * 3 + "\n" + block)[0] == "de"
    assert second(PYTHON * 10 + GERMAN * 5 + "\n" + PYTHON * 10)[0] == "de"


def test_code_is_english_or_undetermined():
    c = '#include <stdio.h>\n\nint main(int argc, char **argv)\n{\n    printf("%d\\n", argc);\n    return 0;\n}\n'
    css = ".nav a:hover { color: #fff; padding: 0 1em }\n#main > li { margin: 0; }\n"
    commented = "// This returns the number of values that were read so far.\n" + "int n_read(struct buf *b) { return b->n; }\n"
    langs, scores, _ = run([PYTHON * 20, c * 3, css * 30, commented * 20])
    found = [lang if lang == "und" or score >= 0.5 else "low" for lang, score in zip(langs, scores, strict=True)]
    assert set(found[:3]) <= {"und", "low", "en"}
    assert found[3] == "en"


def test_formulas_do_not_decide():
    tex = r"\begin{align} \int_0^1 x^n \, dx &= \frac{1}{n+1} \\ e^{i \pi} + 1 &= 0 \end{align}" + "\n"
    text = tex * 20 + r"Sei $f \colon X \to Y$ eine stetige Abbildung, dann ist das Bild kompakt. " * 3 + "\n" + tex * 20
    assert run([text])[0] == ["de"]
    assert run([tex * 20])[0] == ["und"]


def test_addresses_and_lines_without_a_line_end_do_not_decide():
    text = "https://www.example.com/de/uber/uns/der/garten?hinter=dem&haus=1 " * 50
    assert run([text])[0] == ["und"]
    assert run([(ENGLISH + text) * 3])[0] == ["en"]


def test_a_long_line_is_judged_in_parts():
    """Words behind a part of the line that looks like code are read all the same."""
    assert run([" ".join(["x=1"] * LINE_TOKENS + GERMAN.split())])[0] == ["de"]
    assert run([" ".join(["x=1"] * 9 + GERMAN.split()[: LINE_TOKENS - 9])])[0] == ["und"]


# Scripts


def test_scripts_of_letters():
    samples = {
        "Latn": "aÀẞ\ua722", "Grek": "αἀ", "Cyrl": "бӂ", "Hani": "中\u3400\U00020000", "Kana": "あア", "Hang": "가ᄀ", "Thai": "ก",
        "Zzzz": "\U00010400",
    }  # fmt: skip
    for script, letters in samples.items():
        for letter in letters:
            code = ord(letter)
            assert SCRIPTS[SCRIPT_BLOCKS[code >> 4] if code >> 4 < len(SCRIPT_BLOCKS) else 0] == script, letter


def test_scripts_of_labels():
    labels = ("en", "sr", "ja", "eng_Latn", "srp_Cyrl", "cmn_Hans", "jpn_Jpan", "xyz", "unknown_Abcd")
    possible = possible_scripts(labels)
    found = {label: {s for s, yes in zip(SCRIPTS, possible[:, k], strict=True) if yes} for k, label in enumerate(labels)}
    assert found["en"] == found["eng_Latn"] == {"Latn"}
    assert found["sr"] == {"Latn", "Cyrl"}
    assert found["srp_Cyrl"] == {"Cyrl"}
    assert found["ja"] == found["jpn_Jpan"] == {"Kana", "Hani"}
    assert found["cmn_Hans"] == {"Hani"}
    assert found["xyz"] == found["unknown_Abcd"] == set(SCRIPTS)


def test_every_label_of_lid_176_has_a_script():
    from stages.language.identify_language import _model

    model, possible = _model(Params().model)
    assert len(model.labels) == 176
    assert not possible.all(axis=0).any()
    assert possible.any(axis=0).all()


def test_a_label_of_another_script_does_not_count(tmp_path):
    """A model that says English to everything finds nothing in Thai text, and no second best."""
    path = tmp_path / "english.bin"
    path.write_bytes(fasttext_files.model_bytes(labels=["__label__en"], loss="hs"))
    assert run([ENGLISH, THAI], model=str(path), min_score=0.0)[0] == ["en", "und"]
    path = tmp_path / "both.bin"
    path.write_bytes(fasttext_files.model_bytes(labels=["__label__en", "__label__th"]))
    assert run([ENGLISH, THAI * 9], model=str(path), min_score=0.0)[0] == ["en", "th"]
    assert run(["ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ ᎠᎴ ᏧᏂᎦᏙᎭ"], min_score=0.0)[0] == ["und"]


# Bad input and cost


def test_bytes_that_are_not_utf8():
    german = GERMAN.encode()
    odd = [b"\xff" * 50, b"\x80 \xc3 \xe2\x82", b"\xed\xa0\x80" * 9, german + b"\xed\xa0\x80 \xff", GERMAN.encode("latin-1"), b"\0" * 9]
    columns = identify_language(pa.table({"text": pa.array(odd, pa.large_binary())}))
    assert columns["lang"].to_pylist() == ["und", "und", "und", "de", "de", "und"]


def test_a_file_that_is_no_model(tmp_path):
    path = tmp_path / "lid.bin"
    path.write_bytes(b"no model")
    with pytest.raises(ValueError, match=r"lid\.bin is not a fastText model"):
        run(["a"], model=str(path))


@pytest.mark.parametrize(
    "unit",
    [
        b"a", b"a b ", "\u0301".encode(), "a\u0301".encode(), b"\x80", b"$", b"$ab ", b"$$ab ", b"`", b"```\n", b"\n", b"a_b ", b"12 ",
        "中".encode(), b"((",
    ],
    ids=repr,
)  # fmt: skip
def test_cost_is_linear(unit):
    def seconds(size):
        batch = Batch(pa.table({"text": pa.array([unit * (size // len(unit))], pa.large_binary())}))
        best = 1e9
        for _ in range(3):
            started = time.process_time()
            identify_language(batch, Params())
            best = min(best, time.process_time() - started)
        return best

    identify_language(pa.table({"text": ["a"]}))
    assert seconds(4_000_000) < 8 * seconds(1_000_000) + 0.05
