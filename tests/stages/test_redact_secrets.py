import base64
import random
import string
import time

import pyarrow as pa
import pytest

from stages.safety.redact_secrets import MARK, PEM_CHARS, masked, redact_secrets, replaced
from tests.stages.stage_checks import run

RNG = random.Random(4)


def drawn(n, letters=string.ascii_letters + string.digits):
    return "".join(RNG.choices(letters, k=n))


def table(*texts):
    return pa.table({"text": pa.array(texts, pa.large_string())})


TOKENS = [
    "AKIA" + drawn(16, string.ascii_uppercase + string.digits), "AIza" + drawn(35), "ghp_" + drawn(36), "github_pat_" + drawn(82),
    "glpat-" + drawn(20),
    "xoxb-123456789012-" + drawn(24), "sk_live_" + drawn(24), "sk-" + drawn(48), "npm_" + drawn(36), "pypi-AgE" + drawn(90),
    f"eyJ{drawn(30)}.eyJ{drawn(60)}.{drawn(43)}",
]  # fmt: skip


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token[:5])
@pytest.mark.parametrize("around", ["x = '{}'\n", "curl -H {} https://a.example\n", "{}", "k={};"])
def test_tokens(token, around):
    found = run(redact_secrets, table(around.format(token)), assigned=False)
    assert found["text"] == [around.format(MARK)]
    assert found["secret_count"] == [1]


ALL = string.ascii_letters + string.digits
FORMS = [
    (start, letters, least, most)
    for starts, letters, least, most in (
        ("AKIA ASIA", string.ascii_uppercase + string.digits, 16, 16), ("AIza", ALL + "-_", 35, 35),
        ("ghp_ gho_ ghu_ ghs_ ghr_", ALL, 36, 255), ("github_pat_", ALL + "_", 22, 255), ("glpat-", ALL + "-_", 20, 64),
        ("xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs-", ALL + "-", 10, 250), ("sk_live_ rk_live_", ALL, 24, 250),
        ("sk-", ALL + "-_", 40, 250), ("npm_", ALL, 36, 36), ("pypi-AgE", ALL + "-_", 50, 500),
    )
    for start in starts.split()
]  # fmt: skip


@pytest.mark.parametrize(("start", "letters", "least", "most"), FORMS, ids=[form[0] for form in FORMS])
def test_bounds_of_tokens(start, letters, least, most):
    inner = "".join(sorted(set(letters) - set(ALL)))
    for token in (start + drawn(least, ALL[26:]), start + "A" + inner + "A" * (most - 1 - len(inner))):
        assert run(redact_secrets, table(f"x {token} y"))["text"] == [f"x {MARK} y"]
        assert run(redact_secrets, table(f"x a{token} y", f"x 1{token} y"))["secret_count"] == [0, 0]
    assert run(redact_secrets, table(start + "A" * (least - 1), start + "A" * (most + 1)))["secret_count"] == [0, 0]


@pytest.mark.parametrize("lengths", [(10, 10, 10), (1000, 4000, 1000)])
def test_bounds_of_json_web_tokens(lengths):
    def token(*lengths, second="eyJ"):
        header, claims, signature = ("-_" + "a" * (length - 2) for length in lengths)
        return f"eyJ{header}.{second}{claims}.{signature}"

    assert run(redact_secrets, table(f"Bearer {token(*lengths)}"))["text"] == [f"Bearer {MARK}"]
    step = -1 if lengths[0] == 10 else 1
    for n in range(3):
        assert run(redact_secrets, table(token(*(length + step * (k == n) for k, length in enumerate(lengths)))))["secret_count"] == [0]
    kept = table(token(*lengths, second="abc"), "-" + token(*lengths), "_" + token(*lengths))
    assert run(redact_secrets, kept)["secret_count"] == [0, 0, 0]


def test_words_that_begin_like_tokens():
    words = "task-of-a-name-that-goes-on-for-more-than-forty-letters"
    for text in ("xoxq-123456789012", words, f"sk_test_{'a1' * 12}", f"ghx_{'a1' * 18}"):
        assert run(redact_secrets, table(text))["secret_count"] == [0]


def test_private_keys():
    body = "\n" + base64.encodebytes(RNG.randbytes(900)).decode()
    text = "before\n-----BEGIN RSA PRIVATE KEY-----{}-----END RSA PRIVATE KEY-----\nbehind\n"
    assert run(redact_secrets, table(text.format(body)))["text"] == [text.format(MARK)]
    for kept in (
        "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----",
        "-----BEGIN PRIVATE KEY-----\nx",
        text.format("x" * (PEM_CHARS + 1)),
        text.format("+/9a" * 7 + "xyz"),
        "-----END PRIVATE KEY-----" + body,
        "is_key = s.startswith('-----BEGIN PRIVATE KEY-----') and s.endswith('-----END PRIVATE KEY-----')",
    ):
        assert run(redact_secrets, table(kept))["text"] == [kept]


@pytest.mark.parametrize(
    "kind", ["", "RSA ", "EC ", "ENCRYPTED ", "OPENSSH ", "TSS2 ", "SSH2 ENCRYPTED "], ids=lambda kind: kind.strip() or "none"
)
@pytest.mark.parametrize("block", ["", " BLOCK"])
def test_kinds_of_private_keys(kind, block):
    text = f"-----BEGIN {kind}PRIVATE KEY{block}-----{{}}-----END {kind}PRIVATE KEY{block}-----"
    for body in ("+/9a" * 8, "x" * PEM_CHARS, f"k = '{TOKENS[0]}' {'x' * 32} 'AKIA'"):
        assert run(redact_secrets, table(text.format(body)))["text"] == [text.format(MARK)]


def test_lines_of_private_keys_that_stand_alone():
    begin, end, key = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "x" * 32
    for text in (f"{begin}{{}}{end}{key}{end}", f"{begin}{key}{begin}{{}}{end}", f"{end}{key}{begin}{{}}{end}"):
        assert run(redact_secrets, table(text.format(key)))["text"] == [text.format(MARK)]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        pytest.param("password = 'k3J9xQ2mZ7wL5vT8'", "password = '<SECRET>'", id="given to a name"),
        pytest.param('"apiKey": "k3J9xQ2mZ7wL5vT8"', '"apiKey": "<SECRET>"', id="in JSON"),
        pytest.param('MY_SECRET_TOKEN := "k3J9xQ2mZ7wL5vT8"', 'MY_SECRET_TOKEN := "<SECRET>"', id="part of a name"),
        pytest.param("password: str = b'k3J9xQ2mZ7wL5vT8'", "password: str = b'<SECRET>'", id="with a type, bytes"),
        pytest.param("'x-api-key': 'k3J9xQ2mZ7wL5vT8'", "'x-api-key': '<SECRET>'", id="with a hyphen"),
        pytest.param(
            "a='b',my_private_token:'k3J9xQ2mZ7wL5vT8'", "a='b',my_private_token:'<SECRET>'", id="behind what looks like a string"
        ),
        pytest.param(f"token = '{TOKENS[2]}-k3J9xQ2'", "token = '<SECRET>'", id="a token and more, in one string"),
        pytest.param(f"token = 'k3J9xQ2-{TOKENS[2]}'", "token = '<SECRET>'", id="more, and a token"),
        pytest.param("'password' => 'k3J9xQ2mZ7wL5vT8'", "'password' => '<SECRET>'", id="in PHP"),
        pytest.param("os.environ['PASSWORD']\t=\t'k3J9xQ2mZ7wL5vT8'", "os.environ['PASSWORD']\t=\t'<SECRET>'", id="an item, tabs"),
        pytest.param("TOKEN = BR'k3J9xQ2mZ7wL5vT8'", "TOKEN = BR'<SECRET>'", id="raw bytes"),
        pytest.param(
            "credentials: abcdefghij.klmnopqrs = 'k3J9xQ2mZ7wL5vT8'", "credentials: abcdefghij.klmnopqrs = '<SECRET>'", id="a long type"
        ),
        pytest.param(f"password = '{'k3J9xQ2mZ7wL5vT8ab/+' * 10}'", "password = '<SECRET>'", id="of 200 characters"),
        pytest.param("password = 'abcdefg1hhiijjkk'", "password = '<SECRET>'", id="3.5 bits a character"),
        pytest.param("password = 'abcdefg1hhiijjkh'", None, id="less than 3.5 bits a character"),
        pytest.param(f"password = '{'k3J9xQ2mZ7wL5vT8ab/+' * 10}a'", None, id="of 201 characters"),
        pytest.param("password = 'k3J9xQ2mZ7wL5v1'", None, id="too short"),
        pytest.param("password = 'kJqxQzmZgwLbvTrP'", None, id="letters alone"),
        pytest.param("password = '12:34-56.78/90+1,2;3'", None, id="no letters"),
        pytest.param("password = 'k3J9xQ2mZ7wL5vT8 and more'", None, id="the first word of several"),
        pytest.param("password = 'k3J9xQ2mZ7wL5vT8\"", None, id="quotes that differ"),
        *(
            pytest.param(f"password = {quote}k3J9xQ2m{inner}Z7wL5vT8{quote}", None, id=f"with {inner}")
            for inner in " \"'<>${}()"
            for quote in ("'" if inner == '"' else '"')
        ),
        pytest.param("password = None; colour = 'k3J9xQ2mZ7wL5vT8'", None, id="another name behind one"),
        pytest.param("password = 'aaaaaaaaaaaaaaaa1'", None, id="few different characters"),
        pytest.param("password = '${DB_PASSWORD_2024}'", None, id="a variable"),
        pytest.param("password = get_password('k3J9xQ2mZ7wL5vT8')", None, id="an argument"),
        pytest.param("colour = 'k3J9xQ2mZ7wL5vT8'", None, id="another name"),
        pytest.param("x = 'AKIAIOSFODNN7EXAMPLEZ'", None, id="a longer word"),
        pytest.param("commit = '3f786850e387550fdab836ed7e6dc881de23001b'", None, id="a hash"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_assigned(text, left):
    left = text if left is None else left
    assert run(redact_secrets, table(text))["text"] == [left]
    assert run(redact_secrets, table(left))["secret_count"] == [0]


@pytest.mark.parametrize(
    "name",
    [
        "password", "passwd", "pwd", "secret", "token", "credential", "credentials",
        *(kind + between + "key" for kind in ("api", "access", "account", "auth", "private", "secret") for between in ("", "_", "-")),
    ],
)  # fmt: skip
def test_names(name):
    for form in ("{}='{}'", "{}: '{}'", "a['MY_{}'] := \"{}\""):
        found = run(redact_secrets, table(form.format(name, "k3J9xQ2mZ7wL5vT8"), form.format(name + "s9", "k3J9xQ2mZ7wL5vT8")))
        assert found["text"] == [form.format(name, MARK), form.format(name + "s9", "k3J9xQ2mZ7wL5vT8")]


def test_parameters():
    text = "password = 'k3J9xQ2mZ7wL5vT8'"
    assert run(redact_secrets, table(text), assigned=False)["secret_count"] == [0]
    assert run(redact_secrets, table(text), min_entropy=4.01)["secret_count"] == [0]
    assert run(redact_secrets, table(text), min_entropy=4.0)["secret_count"] == [1]
    assert run(redact_secrets, table("token = '" + TOKENS[2] + "'", None))["secret_count"] == [1, 0]
    params = redact_secrets.params()
    assert replaced({"secret_count": 2}, params) == {"secret": 2}
    assert replaced({}, params) == {}
    assert masked(pa.array([text], pa.large_string()), params).to_pylist() == ["password = '<SECRET>'"]


@pytest.mark.parametrize(
    "unit",
    [
        "eyJ",
        "-eyJ",
        "eyJ" + "a" * 20 + ".",
        "-----BEGIN PRIVATE KEY-----",
        "password='",
        "password=",
        "a='0123456789abcdef';",
        "sk-",
        "xoxb-",
        "ghp_a",
        "\n",
        "AKIA",
        "pypi-AgE",
    ],
)
def test_large_odd_texts_take_linear_time(unit):
    def seconds(size):
        started = time.process_time()
        redact_secrets(table(unit * (size // len(unit))))
        return time.process_time() - started

    small, large = max(2e-3, min(seconds(250_000) for _ in range(2))), seconds(2_000_000)
    assert large < 8 * 4 * small + 0.05
