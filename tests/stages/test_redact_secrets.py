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


def test_private_keys():
    body = "\n" + base64.encodebytes(RNG.randbytes(900)).decode()
    text = "before\n-----BEGIN RSA PRIVATE KEY-----{}-----END RSA PRIVATE KEY-----\nbehind\n"
    assert run(redact_secrets, table(text.format(body)))["text"] == [text.format(MARK)]
    for kept in (
        "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----",
        "-----BEGIN PRIVATE KEY-----\nx",
        text.format("x" * (PEM_CHARS + 1)),
        "is_key = s.startswith('-----BEGIN PRIVATE KEY-----') and s.endswith('-----END PRIVATE KEY-----')",
    ):
        assert run(redact_secrets, table(kept))["text"] == [kept]


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
        pytest.param("password = 'k3J9xQ2mZ7wL5v'", None, id="too short"),
        pytest.param("password = 'correcthorsebatterystaple'", None, id="letters alone"),
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


def test_parameters():
    text = "password = 'k3J9xQ2mZ7wL5vT8'"
    assert run(redact_secrets, table(text), assigned=False)["secret_count"] == [0]
    assert run(redact_secrets, table(text), min_entropy=4.1)["secret_count"] == [0]
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
