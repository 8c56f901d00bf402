"""Samples of stages/safety."""

import pyarrow as pa

from tests.samples.documents import ROOT, pages, texts


def valid_records():
    yield {}, pages()
    yield {"keep_truncated": True, "statuses": [200, 404]}, pages()


def block_domains():
    urls = [
        "http://good.example/",
        "http://x.velvet-lantern.example/a",
        None,
        "",
        "http://[::1",
        "HTTP://USER@HOST.TEST:80/?a#b",
        *_listed(),
    ]
    adult = {"adult": str(ROOT / "examples/lists/adult.txt")}
    yield {"lists": adult}, pa.table({"url": pa.array(urls, pa.string())})
    urls += [
        "http://fine.velvet-lantern.example/casino",
        "http://page.example/people/1",
        "http://left.example/",
        "http://gone.example/",
        "http://a.example/Casino",
        "http://a.example/bet?odds",
        "http://a.example/bet",
        "http://a.example/%D0%BF%D0%BE%D0%BB%D0%B8%D1%81",
    ]
    here = ROOT / "tests" / "samples" / "lists"
    dates = pa.array([(19_843 + k % 3) * 86_400_000_000 if k % 5 else None for k in range(len(urls))], pa.timestamp("us", "UTC"))
    values = {
        "lists": adult, "pages": {"pages": str(here / "urls.txt")}, "opt_out": [str(here / "opt_out.txt")],
        "allow": [str(here / "allow.txt")], "words": [str(here / "words.txt")], "soft_words": [str(here / "soft_words.txt")],
    }  # fmt: skip
    yield values, pa.table({"url": pa.array(urls, pa.string()), "date": dates})


def _listed():
    lines = (ROOT / "examples/lists/adult.txt").read_text().splitlines()
    hosts = [line.split("#")[0].strip() for line in lines]
    return [f"https://www.{h}/p" for h in hosts if h]


def _with_terms():
    dirty = ["flurbish grolm " * 20, "a grolm " + "word " * 200, "snavel-pit " * 5 + "clean " * 400]
    adult = ["quimmel vorbelish velvet grolm and " * 9, "a quimmel in the garden", "velvet quimmel grolm"]
    return texts(
        *dirty, *adult, lang=lambda n: [("en", "en", "de")[i % 3] for i in range(n)], adult_score=lambda n: [i % 3 / 4 for i in range(n)]
    )


def count_dirty_words():
    lists = {"en": str(ROOT / "examples/lists/dirty_words.en.txt")}
    yield {"lists": lists}, _with_terms()
    yield {"lists": lists, "always": ["en"], "variant": "c4"}, _with_terms()


def nsfw():
    lists = {"default": str(ROOT / "examples/lists/adult_terms.en.txt")}
    yield {"lists": lists, "full_variety": 3}, _with_terms()
    yield {"score_column": "adult_score", "max_classifier_score": 0.4}, _with_terms()
    yield {"lists": lists, "score_column": "adult_score", "max_score": None}, _with_terms()


def count_mentions():
    spoken = ["She told him that they met two Muslim women and a senior citizen.", "I and you, we and your sister's cat", "HE"]
    yield {}, texts(*spoken * 3, lang=lambda n: [("en", "en", "de", None)[i % 4] for i in range(n)])


PII_TEXTS = (
    "Write to jo.doe@host.example or call +49 30 23125 920, (212) 555-0189 x12 or 020 7946 0594; fax: 555 01 23.",
    "Failed login from 203.0.113.129 and fe80::1ff:fe23:4567:94, not from version 1.2.3.4 at 12:30.",
    "Paid with 4111 1111 1111 1111 (not 4111 1111 1111 1112); IBAN DE89 3704 0044 0532 0130 00; SSN 078-05-1120.",
    "お問い合わせはjo@例え.例まで。电话5551 2345。Телефон: 555-71-29",
)


def find_pii():
    yield {}, texts(*PII_TEXTS)
    yield {"spans": True}, texts(*PII_TEXTS)


def redact_secrets():
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n-----END PRIVATE KEY-----\n"
    yield {}, texts("aws = 'AKIA" + "Q7" * 8 + "'", "password = 'k3J9xQ2mZ7wL5vT8'\n", key)
    yield {"assigned": False}, texts("password = 'k3J9xQ2mZ7wL5vT8'\n")


def redact_pii():
    yield {}, texts(*PII_TEXTS)
    yield {"email": "tag", "phone": "tag", "ip": "keep"}, texts(*PII_TEXTS)


def block_pii_domains():
    rows = [("people.example", 9, 30.0)] * 10 + [("people.example", 0, 0.0)] * 12 + [("small.example", 9, 30.0)] * 5 + [(None, 9, 30.0)]
    domain, count, density = zip(*rows, strict=True)
    columns = {"url": pa.array([d and f"http://www.{d}/" for d in domain], pa.string()), "pii_count": pa.array(count, pa.int32())}
    yield {}, pa.table({**columns, "pii_per_1000_words": pa.array(density, pa.float32())})
