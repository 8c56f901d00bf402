"""charset: labels, order of what is believed, detection, hostile bytes."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.extract.charset import FAMILIES, codec_of, decoded, detected, utf8
from tests.cpu_time import within_cpu_seconds

GERMAN = "Früh am Morgen fließt der Fluß über die Brücke, und die Müller öffnen ihre Läden."


def page(text, head="", codec="utf-8"):
    return f"<html><head>{head}<title>A page</title></head><body><p>{text}</p></body></html>".encode(codec)


@pytest.mark.parametrize(
    ("content", "declared", "text"),
    [
        pytest.param("日本語".encode("shift_jis"), "shift_jis", "日本語", id="HTTP header"),
        pytest.param(b"<meta charset=koi8-r>" + "Сад".encode("koi8-r"), None, "Сад", id="meta"),
        pytest.param("é".encode(), None, "é", id="UTF-8 undeclared"),
        pytest.param("é".encode(), "no-such-charset", "é", id="bogus charset"),
        pytest.param(b"\x93a\x94", "iso-8859-1", "“a”", id="latin-1 is windows-1252"),
        pytest.param(b"abc", "punycode", "abc", id="no charset of the web"),
        pytest.param(b"\xff\xfe" + "é".encode("utf-16-le"), "latin-1", "é", id="BOM wins"),
        pytest.param(b"\xfe\xff" + "é".encode("utf-16-be"), "latin-1", "é", id="big-endian BOM"),
        pytest.param(b"\xef\xbb\xbfa", "shift_jis", "a", id="UTF-8 BOM"),
        pytest.param("naïve".encode(), "iso-8859-1", "naïve", id="declared latin-1, is UTF-8"),
        pytest.param("سلام".encode(), "windows-1256", "سلام", id="declared windows-1256, is UTF-8"),
        pytest.param(b'<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">' + "Сад".encode("cp1251"), None, "Сад",
                     id="http-equiv"),
        pytest.param(b"<?xml version='1.0' encoding='euc-kr'?>" + "정원".encode("euc_kr"), None, "정원", id="XML declaration"),
        pytest.param(b"<meta charset=utf-8>" + "Сад".encode("cp1251"), "windows-1251", "Сад", id="the header before meta"),
        pytest.param(b"<meta charset=windows-1251>" + "Сад".encode("cp1251"), "iso-8859-1", "Сад", id="latin-1 of the header yields"),
        pytest.param(b"<meta charset=iso-8859-2>" + "cisza ą".encode("iso8859-2"), "latin1", "cisza ą", id="even to its like"),
        pytest.param(b"<meta charset=utf-16>" + "café".encode("cp1252"), None, "café", id="a meta that can be read is not UTF-16"),
        pytest.param(b"<meta charset=utf-16> " + "café".encode("cp1252"), None, "café", id="nor where bytes come in pairs"),
        pytest.param("①".encode("euc_jis_2004"), "euc-jp", "①", id="vendor's characters of EUC-JP"),
        pytest.param("庭の花".encode("iso2022_jp"), None, "庭の花", id="ISO-2022-JP shows by its escapes"),
        pytest.param("é \x1b$B".encode(), "iso-2022-jp", "é $B", id="which mean nothing beyond ASCII"),
        pytest.param("a\u2028b\ue000".encode(), None, "a\u2028b\ue000", id="other characters stay"),
    ],
)  # fmt: skip
def test_charset(content, declared, text):
    assert decoded(content, declared).endswith(text)
    assert not decoded(content, declared).startswith("\ufeff")


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("UTF-8", "utf-8"), (" utf8 ", "utf-8"), ("'utf-8'", "utf-8"), ("unicode-1-1-utf-8", "utf-8"), ("ISO8859-1", "cp1252"),
        ("iso88591", "cp1252"), ("latin1", "cp1252"), ("us-ascii", "cp1252"), ("x-cp1251", "cp1251"), ("win-1251", "cp1251"),
        ("windows-874", "cp874"), ("tis-620", "cp874"), ("iso-8859-9", "cp1254"), ("iso-8859-8-i", "iso8859-8"), ("logical", "iso8859-8"),
        ("gb_2312-80", "gb18030"), ("x-gbk", "gb18030"), ("big5", "big5hkscs"), ("x-sjis", "cp932"), ("windows-31j", "cp932"),
        ("x-euc-jp", "euc_jis_2004"), ("ks_c_5601-1987", "cp949"), ("windows-949", "cp949"), ("koi8_r", "koi8-r"), ("koi", "koi8-r"),
        ("x-mac-ukrainian", "mac-cyrillic"), ("unicode", "utf-16-le"), ("utf-7", None), ("punycode", None), ("idna", None), ("", None),
        ("base64", None), ("rot13", None), ("a\0b", None), ("x" * 10_000, None),
    ],
)  # fmt: skip
def test_labels(label, codec):
    assert codec_of(label) == codec


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ["Der Fluß", "花園。" * 20])
def test_utf_16_without_a_mark_shows_by_its_nuls(codec, text):
    assert text in decoded(page(text, codec=codec), "utf-8")


def test_nuls_alone_are_not_utf_16():
    assert decoded(b"a\0b\0\0\0c" * 50, None) == "abc" * 50


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param(b"a\0\x01\x08\x0b\x0e\x1b\x1f\x7fb", "ab", id="C0 and delete"),
        pytest.param(b"a\t\n\x0c\rb", "a\t\n\x0c\rb", id="white space stays"),
        pytest.param("a\u0080\u009fb\u00a0é".encode(), "a\u0080\u009fb\u00a0é", id="C1 in UTF-8 stays: mojibake"),
        pytest.param(b"\x93a\x94\x01", "“a”", id="in a legacy charset"),
        pytest.param("\ufeffa\x01".encode("utf-16-le"), "a", id="in UTF-16"),
    ],
)
def test_controls_are_removed(content, text):
    assert decoded(content, None) == text


def test_utf_8_with_a_broken_byte_stays_utf_8():
    content = page(GERMAN).replace(b"Morgen", b"Mor\xffgen")
    assert decoded(content, "utf-8") == page(GERMAN).decode().replace("Morgen", "Mor\ufffdgen")
    assert decoded(content, None) == decoded(content, "iso-8859-1") == decoded(content, "utf-8")


def test_a_broken_byte_does_not_cost_a_legacy_page_its_charset():
    text = "강물이 예상보다 빨리 불어나서 다리는 이른 아침에 폐쇄되었습니다." * 3
    assert decoded(page(text, codec="cp949").replace(b"</p>", b"\xff</p>"), "euc-kr") == page(text + "\ufffd").decode()


def test_a_declared_charset_may_lack_a_few_characters():
    text = "Il-ħobż, il-ġobon, iċ-ċirasa, ix-xagħar u l-għasafar żgħar ħdejn il-bejjiegħ"
    assert decoded((text * 3).encode("iso8859-3") + b"\xa5", "iso-8859-3") == text * 3 + "\ufffd"


@pytest.mark.parametrize("declared", ["utf-8", "euc-kr", "shift_jis"])
def test_a_declared_charset_that_does_not_fit(declared):
    text = "Sie öffnen – früh am Morgen – die Läden: für Müller, für Bäcker, für Gäste."
    assert decoded(page(text, codec="cp1252"), declared) == page(text).decode()


def test_what_was_decoded_wrongly_before_stays():
    assert decoded("FluÃŸ".encode(), None) == "FluÃŸ"


TEXTS = {
    "cp1252": [
        GERMAN, "Le château a été fermé dès l'aube ; où êtes-vous passés, près de la forêt ?", "La mañana está fría y el niño quedó aquí.",
    ],
    "mac-roman": [GERMAN],
    "cp1250": ["Żółta łódź płynie wąską rzeką, a ślimak śpi pod liściem.", "Příliš mnoho květin rostlo v zahradě za naším domem."],
    "iso8859-2": ["Żółta łódź płynie wąską rzeką, a ślimak śpi pod liściem.", "Minden reggel a kertben ülünk, és a közeli erdőt nézzük."],
    "cp1257": ["Mūsų sode šią vasarą žydėjo daug gėlių, ir vaikai ten žaidė iki vakaro."],
    "cp1254": ["Bahçedeki çiçekler bu yıl çok güzel açtı, çocuklar da ağacın altında oynuyor."],
    "cp1258": ["Buổi sáng, người dân ra vườn hái hoa và nghe tiếng chim hót trên cành."],
    "cp1251": ["Утром над рекой стоял туман, и дети шли в школу вдоль старого сада.",
               "Уранці над річкою стояв туман, і діти йшли до школи."],
    "koi8-u": ["Утром над рекой стоял туман, и дети шли в школу вдоль старого сада."],
    "cp866": ["Утром над рекой стоял туман, и дети шли в школу вдоль старого сада."],
    "iso8859-5": ["Утром над рекой стоял туман, и дети шли в школу вдоль старого сада."],
    "cp1253": ["Το πρωί τα παιδιά περπατούν δίπλα στο ποτάμι και πηγαίνουν στο σχολείο."],
    "cp1255": ["בבוקר הילדים הולכים לבית הספר לאורך הנהר והגן הישן."],
    "cp1256": ["في الصباح يذهب الأطفال إلى المدرسة على طول النهر والحديقة القديمة."],
    "cp874": ["ตอนเช้าเด็กๆ เดินไปโรงเรียนเลียบแม่น้ำและสวนเก่า"],
    "gb18030": ["早上孩子们沿着河边走路去学校，旧花园里开满了花。"],
    "big5hkscs": ["早上孩子們沿著河邊走路去學校，舊花園裡開滿了花。"],
    "cp932": ["朝、子どもたちは川に沿って歩き、古い庭のそばの学校へ行きます。"],
    "euc_jis_2004": ["朝、子どもたちは川に沿って歩き、古い庭のそばの学校へ行きます。"],
    "cp949": ["아침에 아이들은 강을 따라 걸어서 오래된 정원 옆의 학교에 갑니다."],
}  # fmt: skip


@pytest.mark.parametrize(("codec", "text"), [(codec, text) for codec, texts in TEXTS.items() for text in texts])
def test_detection(codec, text):
    raw = page(unicodedata.normalize("NFC", windows_1258(text)) if codec != "cp1258" else windows_1258(text), codec=codec)
    assert decoded(raw, None) == page(text).decode()


def windows_1258(text):
    """Vietnamese tones as marks behind their letters, where windows-1258 lacks the letter with both."""
    out = []
    for c in text:
        try:
            c.encode("cp1258")
            out.append(c)
        except UnicodeEncodeError:
            parts = unicodedata.normalize("NFD", c)
            tones = [p for p in parts if p in "\u0300\u0301\u0303\u0309\u0323"]
            out += [unicodedata.normalize("NFC", "".join(p for p in parts if p not in tones)), *tones]
    return "".join(out)


@pytest.mark.parametrize("codec", ["cp1251", "koi8-u", "cp1253", "cp1255", "cp1256", "cp874", "gb18030", "cp932", "cp949"])
def test_another_script_overrules_latin_1(codec):
    text = TEXTS[codec][0] * 3
    assert decoded(page(text, codec=codec), "ISO-8859-1") == page(text).decode()


@pytest.mark.parametrize("text", [*TEXTS["cp1252"], "Hún er í húsinu við ána og þar óx mikið", "cã mã sã nã vã tã lã dã", "Là c'è é ì"])
def test_latin_1_is_believed_for_latin_text(text):
    assert decoded(text.encode("cp1252"), "iso-8859-1") == text


def test_what_follows_a_latin_word_is_latin():
    assert detected("le à la à où à".encode("cp1252")) == "cp1252"


@pytest.mark.parametrize("text", ["© 2024 Example", "It’s “quoted” – and priced at 5 €", "Menu\xa0»\xa0Home · About • Help", "½ cup"])
def test_marks_alone_are_windows_1252(text):
    assert decoded(page(text, codec="cp1252"), None) == page(text).decode()


def test_every_detectable_codec_can_win():
    pages = [page(windows_1258(t) if codec == "cp1258" else t, codec=codec) for codec, texts in TEXTS.items() for t in texts]
    won = set(map(detected, pages))
    assert {codec for family in FAMILIES.values() for codec in family} - won <= {
        "iso8859-4", "iso8859-13", "iso8859-6", "iso8859-7", "iso8859-8", "mac-cyrillic",
    }  # fmt: skip


@given(st.binary(max_size=300), st.sampled_from([None, "utf-8", "latin-1", "utf-16", "shift_jis", "gb18030", "iso-2022-jp", "tis-620"]))
def test_any_bytes(content, declared):
    text = decoded(content, declared)
    text.encode()
    assert not any(unicodedata.category(c) == "Cc" and c not in "\t\n\x0c\r" and c < "\x80" for c in text)
    assert utf8(content, declared) == text.encode()


@given(st.text(max_size=100))
def test_utf_8_is_untouched(text):
    kept = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cs") or c in "\t\n\x0c\r")
    assert decoded(b"x" + kept.encode(), "windows-1252") == "x" + kept


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xe0" * (2 << 20),
        b"<meta " * (1 << 19) + b"\xff",
        bytes(range(1, 256)) * (1 << 14),
        b"a\xe9" * (2 << 20),
        b"\x1b$" * (2 << 20),
    ],
    ids=["high", "meta", "all", "every second", "escapes"],
)
def test_four_megabytes_take_no_second(content):
    within_cpu_seconds(1, decoded, content, None)


PAGES = [b"plain", "é中".encode(), b"\xef\xbb\xbfbom", b"a\x00b", "Größe".encode("cp1252"), b"\x1b$B$3\x1b(B", b"\xff"]


@pytest.mark.parametrize("content", PAGES)
def test_utf8_is_the_decoded_page(content):
    assert utf8(content, None) == decoded(content, None).encode()
