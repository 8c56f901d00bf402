import time
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stage_checks import run

from bench.pii import FLOORS, MOST_NEGATIVES, SPANS, quality
from curation.stage import Batch
from curation.text import Utf8
from stages.heuristics.sentences import ZEROS
from stages.safety.find_pii import find_pii
from stages.safety.pii import scan
from stages.safety.pii.scan import KINDS, SHORTEST, find
from stages.safety.pii.tables import iban_lengths, national_digits
from stages.safety.redact_pii import redact_pii


def finds(text):
    """[(kind, what was found)] of one text."""
    spans = run(find_pii, pa.table({"text": pa.array([text], pa.large_string())}), spans=True)["pii_spans"][0]
    return [(s["kind"], text[s["start"] : s["end"]]) for s in spans]


FOUND = [
    # e-mail
    ("email", "write to jo.doe+news@host.example, please", "jo.doe+news@host.example"),
    ("email", "<JO@HOST.CO.UK>", "JO@HOST.CO.UK"),
    ("email", 'mailto:"jo doe"@host.example', '"jo doe"@host.example'),
    ("email", "jo@xn--bcher-kva.example.", "jo@xn--bcher-kva.example"),
    ("email", "an jo@bücher.example!", "jo@bücher.example"),
    ("email", "jürgen@host.example", "jürgen@host.example"),
    ("email", "お問い合わせはjo@host.exampleまで", "jo@host.example"),
    ("email", "jo@例え.例", "jo@例え.例"),
    ("email", "'jo@host.example'", "jo@host.example"),
    ("email", "x" * 64 + "@host.example", "x" * 64 + "@host.example"),
    ("email", "5551234567@text.example", "5551234567@text.example"),
    # phone
    ("phone", "x +49 30 23125 920 y", "+49 30 23125 920"),
    ("phone", "+41 (0)69 979 80 58 x", "+41 (0)69 979 80 58"),
    ("phone", "+(44) 20 7946 0384", "+(44) 20 7946 0384"),
    ("phone", "x +442079460384", "+442079460384"),
    ("phone", "at +1-903-140-4508x769.", "+1-903-140-4508x769"),
    ("phone", "at +1 555 010 9999 ext. 52", "+1 555 010 9999 ext. 52"),
    ("phone", "+33 1 99 00 75 91 2019", "+33 1 99 00 75 91"),
    ("phone", "x 00 49 30 23125 498", "00 49 30 23125 498"),
    ("phone", "in (212) 555-0189, or", "(212) 555-0189"),
    ("phone", "at 212.555.0163", "212.555.0163"),
    ("phone", "at 1-800-555-0123", "1-800-555-0123"),
    ("phone", "at (212) 555 - 0123", "(212) 555 - 0123"),
    ("phone", "x 8 (495) 555-71-29", "8 (495) 555-71-29"),
    ("phone", "x (02) 5550 7659", "(02) 5550 7659"),
    ("phone", "x 020 7946 0594", "020 7946 0594"),
    ("phone", "x 01 99 00 82 89", "01 99 00 82 89"),
    ("phone", "x 03.93.92.16.85", "03.93.92.16.85"),
    ("phone", "x 030/23125949", "030/23125949"),
    ("phone", "Phone: 555-0129 2019", "555-0129"),
    ("phone", "Tel. 451 5986", "451 5986"),
    ("phone", "Fax: 9498777106", "9498777106"),
    ("phone", "416 60 039 office", "416 60 039"),
    ("phone", "电话5551 2345。", "5551 2345"),
    ("phone", "Телефон: 555-71-29", "555-71-29"),
    # addresses
    ("ip", "from 203.0.113.129.", "203.0.113.129"),
    ("ip", "http://192.0.2.7:8080/x", "192.0.2.7"),
    ("ip", "192.0.2.0/24", "192.0.2.0"),
    ("ip", "server 8.8.4.8", "8.8.4.8"),
    ("ip", "1.2.3.4 port 80", "1.2.3.4"),
    ("ip", "5.135.180.20", "5.135.180.20"),
    ("ip", "来自192.0.2.169的", "192.0.2.169"),
    ("ip", "[2001:db8::a00:20ff:fea7:ccea]:80", "2001:db8::a00:20ff:fea7:ccea"),
    ("ip", "2001:0db8:0000:0000:0000:ff00:0042:0082 x", "2001:0db8:0000:0000:0000:ff00:0042:0082"),
    ("ip", "at ::ffff:192.0.2.107.", "::ffff:192.0.2.107"),
    ("ip", "fe80::1", "fe80::1"),
    ("ip", "address:2001:db8::1a0", "2001:db8::1a0"),
    ("ip", "node:2001:db8::1a0", "2001:db8::1a0"),
    # cards
    ("card", "x 4111 1111 1111 1111 y", "4111 1111 1111 1111"),
    ("card", "x 4111-1111-1111-1111", "4111-1111-1111-1111"),
    ("card", "x 5555555555554444", "5555555555554444"),
    ("card", "x 2221000000000009", "2221000000000009"),
    ("card", "x 3782 822463 10005", "3782 822463 10005"),
    ("card", "x 30569309025904", "30569309025904"),
    ("card", "x 6011111111111117", "6011111111111117"),
    ("card", "x 3530111333300000", "3530111333300000"),
    ("card", "card 501800000009", "501800000009"),
    ("card", "2-4 4111111111111111", "4111111111111111"),
    # IBAN
    ("iban", "x DE89 3704 0044 0532 0130 00. See", "DE89 3704 0044 0532 0130 00"),
    ("iban", "GB82WEST12345698765432", "GB82WEST12345698765432"),
    ("iban", "gb82west12345698765432", "gb82west12345698765432"),
    ("iban", "NO9386011117947", "NO9386011117947"),
    # SSN
    ("ssn", "x 078-05-1120 y", "078-05-1120"),
    ("ssn", "x 899-99-9999", "899-99-9999"),
    ("ssn", "SSN: 078051120", "078051120"),
    ("ssn", "social security number 078 05 1120", "078 05 1120"),
    # other digits
    ("phone", "اتصل +٩٦٦ ٥٥ ٥٥٠ ١٢٣٤ الآن", "+٩٦٦ ٥٥ ٥٥٠ ١٢٣٤"),
    ("phone", "फोन ५५५१२३४५६७", "५५५१२३४५६७"),
    ("phone", "電話５５５１２３４５６７。", "５５５１２３４５６７"),
    ("ip", "از ۲۰۳.۰.۱۱۳.۱۲۹", "۲۰۳.۰.۱۱۳.۱۲۹"),
    ("card", "x ４１１１ １１１１ １１１１ １１１１ y", "４１１１ １１１１ １１１１ １１１１"),
    ("iban", "DE٨٩ ٣٧٠٤ ٠٠٤٤ ٠٥٣٢ ٠١٣٠ ٠٠", "DE٨٩ ٣٧٠٤ ٠٠٤٤ ٠٥٣٢ ٠١٣٠ ٠٠"),
    ("ssn", "x 𝟎𝟕𝟖-𝟎𝟓-𝟏𝟏𝟐𝟎", "𝟎𝟕𝟖-𝟎𝟓-𝟏𝟏𝟐𝟎"),
    # not quite logins
    ("email", "mailto://jo@host.example", "jo@host.example"),
    ("email", "x//jo@host.example", "jo@host.example"),
    ("email", "https://host.example/jo@host.example", "jo@host.example"),
    ("email", "mailto:jo@host.example", "jo@host.example"),
    ("email", "https://a.example?to=jo@host.example", "jo@host.example"),
    ("email", "https://a.example,jo@host.example", "jo@host.example"),
    ("email", "jo.git@host.example", "jo.git@host.example"),
    ("ip", "(2001:db8::1a0)::x", "2001:db8::1a0"),
    ("ip", "a > ::f00:1", "::f00:1"),
]
NOT_FOUND = [
    "@media (max-width: 992px)", "@app.route", "@babel/core@7.12.5", "@jo@social.example", "icon@2x.png",
    "a@b", "jo@localhost", "jo@host.1",
    "https://jo@host.example/x", "ssh://git@host.example", "ftp://jo:secret+1@host.example", "see (https://jo:a@host.example)",
    "git@host.example:jo/code.git", "git clone git@host.example",
    '""@host.example', "jo.@host.example", "x" * 65 + "@host.example", '"' + "x" * 64 + '"@host.example',
    "4111 1111 1111 1112", "4111-1111 1111-1111", "4111.1111.1111.1111", "41111111111111111", "a4111111111111111", "0.4111111111111111",
    "order 4111111111111111", "/4111111111111111", "seed(4111111111111111)", "501800000009", "1234567812345670",
    "4006381333931",  # an EAN-13 that passes Luhn's check too
    "DE88 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 0", "XX89370400440532013000",
    "ADE89370400440532013000", "DE89370400440532013000X",
    "000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000", "078051120", "078 05 1120", "1078-05-1120",
    "isbn 078-05-1120",
    "256.1.1.1", "1.2.3.4", "1.2.3.4.5", "v203.0.113.129", "version 203.0.113.129", "01.2.3.4", "203.0.113",
    "9.30.14.182", "section 203.0.113.12",
    "12:30:45", "12:52::23", "add::bad", "std::dec", "ns::f00(1)", "Type_::1ab", "array<int>::f00", "make()::f00a", "a[0]::f00",
    "00:1b:44:11:3a:b7", "::1", "1::2::3000",
    "2001:db8:1:2:3:4:5", "2001:db8:1:2:3:4:5:6:7",
    "2001:db80000::1",
    "555-0129", "451 5986", "9498777106", "2024-11-03", "Tel. 2024-11-03", "Phone 1998-2004",
    "Phone: 123456", "Phone: 1234567890123", "+0123456789",
    "+999 123 456 789", "+33 1 99 00 75", "a+442079460384", "212-155-0123", "112-555-0123", "212 555 0123",
    "212-555-01234", "(2019) 555-0123",
    "10.1038/s41586-020-2649-2", "978-0-306-40615-7", "0-306-40615-2", "2606-6257", "93442-5768", "148,140,522", "3.864014414",
    "170-2913254-8445106", "1537521809", "57c6f7d3-5f1d-968d-7d3a-9b6d790028cc", "pp. 173-832",
    "49.6326, 68.2155", "01 02 2003 04", "000-18-0816",
    "from 2019 to 2021", "1 234 567 890", "order no. 020 7946 0594", "T00:00:02.123456789",
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "wanted"), FOUND, ids=[f"{kind}: {text[:30]}" for kind, text, _ in FOUND])
def test_found(kind, text, wanted):
    assert finds(text) == [(kind, wanted)]


@pytest.mark.parametrize("text", NOT_FOUND)
def test_not_found(text):
    assert finds(text) == []


def test_the_nearest_word_decides():
    assert finds("phone or order 9498777106") == []
    assert finds("order by phone 9498777106") == [("phone", "9498777106")]
    assert finds("phone 12, 9498777106") == []  # another number stands between
    assert finds("on the phone during office hours. 9498777106") == []  # another sentence
    assert finds("phone" + " " * 60 + "9498777106") == []  # too far


def test_counts_and_density():
    texts = ["jo@host.example and 192.0.2.7 or 192.0.2.8 x x x x x", "", None, "no data", "a@b.example"]
    columns = run(find_pii, pa.table({"text": pa.array(texts, pa.large_string())}))
    assert columns["email_count"] == [1, 0, 0, 0, 1]
    assert columns["ip_count"] == [2, 0, 0, 0, 0]
    assert all(columns[f"{kind}_count"] == [0] * 5 for kind in ("phone", "card", "iban", "ssn"))
    assert columns["pii_count"] == [3, 0, 0, 0, 1]
    words = [len(Utf8.of_strings([t]).words()) for t in texts]
    assert columns["pii_per_1000_words"] == pytest.approx([3000 / words[0], 0, 0, 0, 1000 / words[4]])
    assert "pii_spans" not in columns


def test_positions_are_characters():
    text = "中文 é 😀 jo@host.example\n😀 192.0.2.7"
    assert finds(text) == [("email", "jo@host.example"), ("ip", "192.0.2.7")]


def test_other_digits_move_no_neighbour():
    texts = ["jo@host.example", "٣ é ٤ jo@host.example ٥ 192.0.2.7", None, "x 192.0.2.7", "\u0663" * 20, "+٩٦٦ ٥٥ ٥٥٠ ١٢٣٤"]
    spans = find(Utf8.of_strings(texts))
    found = [spans.to_list(row) for row in range(len(texts))]
    assert found == [["jo@host.example"], ["jo@host.example", "192.0.2.7"], [], ["192.0.2.7"], [], ["+٩٦٦ ٥٥ ٥٥٠ ١٢٣٤"]]
    cut = Utf8.of(pa.array(texts, pa.large_string()).slice(1))
    assert [find(cut).to_list(row) for row in range(len(texts) - 1)] == found[1:]


def test_every_decimal_digit_counts():
    for zero in ZEROS:
        text = "".join(chr(zero + int(c)) if c.isdigit() else c for c in "+49 30 23125 920")
        assert finds(text) == [("phone", text)], hex(zero)


def test_a_batch_is_scanned_once(monkeypatch):
    batch = Batch(pa.table({"text": ["jo@host.example", "no", "192.0.2.7"], "keep": [False, True, True]}))
    scans = []
    monkeypatch.setattr(scan, "_scanned", lambda text, real=scan._scanned: scans.append(text) or real(text))
    assert find_pii(batch)["pii_count"].tolist() == [1, 0, 1]
    assert redact_pii(batch)["text"].to_pylist() == ["name@example.com", "no", "192.0.2.1"]
    text = batch.utf8()
    left = text.of_rows(np.array([1, 2]), batch["text"].slice(1))
    assert (find(left).to_list(1), find(left).kinds.tolist()) == (["192.0.2.7"], [KINDS.index("ip")])
    assert len(scans) == 1


def test_bytes_that_are_not_text():
    text = Utf8.of(pa.array([b"\xff jo@host.example \xc3", b"\xe2\x80", b"jo@\xff\xfe.example", b"\xd9\xa3 192.0.2.7\xd9"]))
    spans = find(text)
    assert [KINDS[k] for k in spans.kinds] == ["email", "ip"]
    assert spans.counts().tolist() == [1, 0, 0, 1]


PIECES = st.sampled_from(
    ["jo@host.example", "tel ", "DE89", "4111", "٤٢", "１", "2001", "555", "495", "12", "0", "x", "é", "中", "\n", " ", *"@.-()+/:\"", "::"]
)  # fmt: skip


@pytest.mark.parametrize("text", ["::123", "a@b.co", "é@b.é", "1.2.3.40 port", "tel 5550129"])
def test_there_is_room_for_the_shortest_finds(text):
    spans = find(Utf8.of_strings([text, "::123" * 5_000]))  # each begins where the last one ends
    assert spans.bytes().min() == SHORTEST
    assert spans.counts().tolist() == [1, 5_000]


@given(st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_finds_are_ordered_whole_and_do_not_depend_on_neighbours(text):
    spans = find(Utf8.of_strings([text]))
    data = text.encode("utf-8", "replace")
    bounds = list(zip(spans.starts.tolist(), spans.ends.tolist(), strict=True))
    assert all(a < b for a, b in bounds)
    assert all(b <= c for (_, b), (c, _) in pairwise(bounds))
    for a, b in bounds:
        data[a:b].decode()
    more = find(Utf8.of_strings(["4111 ", text, "9@x.example"]))
    first = more.offsets[1]
    assert (more.starts[first : more.offsets[2]] - 5).tolist() == spans.starts.tolist()
    assert len(spans.kinds) == len(bounds)


@pytest.mark.parametrize(
    "unit", ["1", "1 ", "@", "a@", "a.", ":", "a:", "::", "1.", "(1) ", "+1 ", "DE89 ", "tel 1", '"', "x@y.", "é", "-1", "٣", "://a@b"]
)
def test_cost_is_linear(unit):
    def seconds(size):
        text = Utf8.of_strings([unit * (size // len(unit))])
        started = time.process_time()
        find(text)
        return time.process_time() - started

    seconds(1_000)
    small, large = min(seconds(200_000) for _ in range(3)), min(seconds(2_000_000) for _ in range(2))
    assert large < 40 * small + 0.05
    assert large < 4  # 2 us a byte at the worst


def test_tables():
    lengths = iban_lengths()
    assert (lengths > 0).sum() > 80
    assert lengths[lengths > 0].min() == 15
    digits = national_digits()
    assert (digits[:, 0] <= digits[:, 1]).all()
    assert digits[0].tolist() == [0, 0]
    assert digits[33].tolist() == [9, 9]


@pytest.mark.skipif(not SPANS.exists(), reason="the texts are in ../shared, which is not here")
@pytest.mark.parametrize("part", ["chosen", "held_out"])
def test_quality(part):
    facts = quality(part)
    assert all(facts["recall"][kind] >= floor for kind, floor in FLOORS.items()), facts
    assert facts["hit"] <= MOST_NEGATIVES * facts["hard_negatives"], facts
    assert sum(facts["look_alikes_hit"].values()) <= 0.1 * facts["hard_negatives"], facts
