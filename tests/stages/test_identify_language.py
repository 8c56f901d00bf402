"""identify_language: labels, scores, bounds on both sides, and texts with too little to go by."""

import pyarrow as pa
import pytest

from stages.language.identify_language import identify_language

GERMAN = "Der Garten hinter dem Haus war im Frühling voller Blumen, und die Kinder spielten dort jeden Nachmittag."


def run(texts, **values):
    columns = identify_language(pa.table({"text": pa.array(texts, pa.large_string())}), **values)
    return columns["lang"].to_pylist(), columns["lang_score"].tolist(), columns["drop_reason"].to_pylist()


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        pytest.param("The garden behind the house was full of flowers in spring.", "en", id="English"),
        pytest.param(GERMAN, "de", id="German"),
        pytest.param("Сад за домом весной был полон цветов, и дети играли там каждый день.", "ru", id="Russian"),
        pytest.param("春天，房子后面的花园里开满了鲜花，孩子们每天下午都在那里玩耍。", "zh", id="Chinese"),
        pytest.param("كانت الحديقة خلف المنزل مليئة بالزهور في الربيع وكان الأطفال يلعبون هناك", "ar", id="Arabic"),
        pytest.param("line one\nline two\x00 of the same plain English text", "en", id="line breaks and NUL"),
    ],
)
def test_label(text, lang):
    assert run([text])[0] == [lang]


def test_too_few_letters_are_undetermined():
    langs, scores, reasons = run(["123 456", "", None, "abc"])
    assert langs == ["und"] * 4
    assert scores == [0.0] * 4
    assert reasons == ["low_language_score"] * 4


def test_min_score_is_kept_at_the_bound_and_looked_up_by_the_language_found():
    score = run([GERMAN])[1][0]
    assert run([GERMAN], min_score={"default": 2.0, "de": score})[2] == [None]
    assert run([GERMAN], min_score={"default": 0.0, "de": score + 1e-4})[2] == ["low_language_score"]


def test_other_languages_go():
    assert run([GERMAN], languages=["en"])[2] == ["other_language"]
    assert run([GERMAN], languages=["en", "de"])[2] == [None]


def test_only_the_head_is_looked_at():
    text = GERMAN + " the and of to in is" * 5_000
    assert run([text], max_chars=len(GERMAN))[0] == ["de"]
