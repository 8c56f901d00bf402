import pyarrow as pa
import pytest
from stage_checks import run

from stages.safety.find_pii import find_pii
from stages.safety.pii.scan import KINDS
from stages.safety.redact_pii import FILLERS, redact_pii

TEXT = (
    "é jo@host.example; tel. +49 30 23125 920; 192.0.2.77 and fe80::1ff:fe23:4567:94, card 4111 1111 1111 1111, "
    "IBAN DE89 3704 0044 0532 0130 00 and ssn 078-05-1120."
)


def table(*texts):
    return pa.table({"text": pa.array(texts, pa.large_string())})


@pytest.mark.parametrize(
    ("params", "wanted", "count"),
    [
        (
            {},
            "é name@example.com; tel. 555-0100; 192.0.2.1 and 2001:db8::1, card 0000-0000-0000-0000, "
            "IBAN XX00 0000 0000 0000 and ssn 000-00-0000.",
            7,
        ),
        (
            dict.fromkeys(KINDS, "tag"),
            "é <EMAIL>; tel. <PHONE>; <IP> and <IP>, card <CARD>, IBAN <IBAN> and ssn <SSN>.",
            7,
        ),
        (dict.fromkeys(KINDS, "keep"), TEXT, 0),
        (
            {**dict.fromkeys(KINDS, "keep"), "email": "redact", "ip": "tag"},
            TEXT.replace("jo@host.example", "name@example.com").replace("192.0.2.77", "<IP>").replace("fe80::1ff:fe23:4567:94", "<IP>"),
            3,
        ),
    ],
    ids=["redact", "tag", "keep", "by kind"],
)
def test_treatments(params, wanted, count):
    columns = run(redact_pii, table(TEXT, "plain", "", None, TEXT + TEXT), **params)
    assert columns["text"] == [wanted, "plain", "", "", wanted + wanted]
    assert columns["pii_redactions"] == [count, 0, 0, 0, 2 * count]


def test_tags_leave_nothing_to_find():
    tagged = run(redact_pii, table(TEXT), **dict.fromkeys(KINDS, "tag"))["text"]
    counts = run(find_pii, table(*tagged))
    assert counts["pii_per_1000_words"] == [0]


def test_fillers_of_numbers_are_not_valid():
    """A card, IBAN or SSN that nobody has: their checks fail."""
    text = " ".join(FILLERS[kind] for kind in ("card", "iban", "ssn"))
    columns = run(find_pii, table(text))
    assert columns["card_count"] == columns["iban_count"] == columns["ssn_count"] == [0]


def test_a_slice_of_a_column():
    whole = table("a " * 50, TEXT, "plain " + TEXT).slice(1)
    assert run(redact_pii, whole, **dict.fromkeys(KINDS, "tag"))["text"][1].startswith("plain é <EMAIL>")
