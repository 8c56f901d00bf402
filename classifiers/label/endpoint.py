"""A client of the chat completions that OpenAI's API, vLLM, llama.cpp and others speak.

One try is a POST on a connection the thread keeps. Throttling (429), a server's error (5xx, 408), a silence and a broken connection are
tried again, after what `Retry-After` says or else after waits that double; a refusal of the key or the address ends the work, since the
next document would meet it too; any other refusal (400, 413, 422) is this document's alone.

The key is read from an environment variable and goes nowhere but into the header: an error that quotes it has it struck out.
"""

from __future__ import annotations

import email.utils
import http.client
import json
import random
import ssl
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from curation.errors import RecipeError, TaskError

MAX_REPLY_BYTES = 8 << 20
MAX_SAID = 500
"""Characters of an error that are shown (ours)."""
MAX_WAIT = 60.0
"""Longest wait between two tries, in seconds, that the server did not ask for (ours)."""
MAX_RETRY_AFTER = 3_600.0
FATAL = {301, 302, 303, 307, 308, 401, 402, 403, 404, 405}
"""Statuses the next document would meet too."""


class UnansweredError(Exception):
    """No try brought an answer; another time one may."""


class RefusedError(Exception):
    """The server will not answer about this document."""


class StoppedError(Exception):
    """The work was stopped while this waited."""


class _AgainError(Exception):
    """A try that failed, and in how many seconds the server wants the next, if it said."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


@dataclass
class Pace:
    """Spaces requests out evenly, so that no minute has more of them, or of their tokens, than allowed; 0 = no limit.

    After `rest`, nothing starts before its time, whoever asks.
    """

    requests: float = 0
    tokens: float = 0
    _next_request: float = 0
    _next_tokens: float = 0
    _rest_until: float = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def reserve(self, tokens: int) -> float:
        """Take the next free place for a request of so many tokens: seconds until then."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._rest_until, self._next_request, self._next_tokens)
            if self.requests:
                self._next_request = start + 60 / self.requests
            if self.tokens:
                self._next_tokens = start + 60 * tokens / self.tokens
            return start - now

    def rest(self, seconds: float) -> None:
        """Start nothing for a while."""
        with self._lock:
            self._rest_until = max(self._rest_until, time.monotonic() + seconds)

    def resting(self) -> bool:
        """Whether nothing is to start now: who had a place takes another one."""
        with self._lock:
            return time.monotonic() < self._rest_until


class Endpoint:
    """One endpoint.

    Args:
        url: the API's base, such as http://localhost:8000/v1.
        key: what stands behind `Bearer`; "" sends none.
        timeout: seconds until a reply must be whole.
        tries: for one document.
        first_wait: seconds before the second try; doubles from there, times 0.5 to 1.5 by chance.
        stop: ends all waits.
    Raises: RecipeError for an address that is none.
    """

    def __init__(
        self, url: str, key: str, timeout: float, tries: int, pace: Pace, first_wait: float = 1.0, stop: threading.Event | None = None
    ) -> None:  # fmt: skip
        try:
            parts = urlsplit(url)
            port = parts.port
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
                raise ValueError
            if not url.isascii() or any(c.isspace() or not c.isprintable() for c in url):
                raise ValueError
        except ValueError as e:  # which may quote what is secret in the URL
            wanted = "the base of the API is wanted, such as http://localhost:8000/v1, without a key in it"
            raise RecipeError(f"--endpoint: {wanted}") from e
        if any(c.isspace() or ord(c) < 32 or ord(c) > 126 for c in key):
            raise RecipeError("the API key has characters that no header can hold")
        self.url = url
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, port
        self._path = parts.path.rstrip("/") + "/chat/completions"
        self._key, self._timeout, self._tries, self._pace, self._first_wait = key, timeout, tries, pace, first_wait
        self._stop = stop or threading.Event()
        self._local, self._opened = threading.local(), list[http.client.HTTPConnection]()
        self.tried_again = 0

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections; no thread is to use them any more."""
        for connection in self._opened:
            connection.close()

    def complete(self, body: dict[str, Any], tokens: int) -> dict[str, Any]:
        """The answer to one request: {content, refusal, finish, tokens_in, tokens_out}.

        Args:
            tokens: that the request is held to cost, for the pace.
        Raises: RefusedError, UnansweredError, StoppedError; TaskError for what every request would meet.
        """
        data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        why = ""
        for n in range(self._tries):
            while True:
                if self._stop.wait(self._pace.reserve(tokens)):
                    raise StoppedError
                if not self._pace.resting():
                    break
            try:
                return _answer(self._post(data))
            except _AgainError as e:
                why = self._shown(str(e))
                self.tried_again += 1
                if e.after is not None:
                    self._pace.rest(e.after)
                elif n + 1 < self._tries and self._stop.wait(min(MAX_WAIT, self._first_wait * 2**n) * random.uniform(0.5, 1.5)):
                    raise StoppedError from e
        raise UnansweredError(f"{why}, {self._tries} times")

    def _post(self, data: bytes) -> bytes:
        """The body of a reply whose status is 200."""
        until = time.monotonic() + self._timeout
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "curate"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        connection = self._connection()
        try:
            connection.request("POST", self._path, data, headers)
            reply = connection.getresponse()
            content = self._content(reply, connection, until)
        except (OSError, http.client.HTTPException) as e:
            connection.close()
            raise _AgainError("no reply in time" if isinstance(e, TimeoutError) else f"{type(e).__name__}: {e}") from e
        if reply.will_close:
            connection.close()
        if reply.status == 200:
            return content
        said = self._shown(f"{reply.reason}: {content.decode('utf-8', 'replace')}")
        if reply.status in (408, 409, 425, 429) or reply.status >= 500:
            raise _AgainError(f"status {reply.status}", _retry_after(reply.headers.get("Retry-After")))
        if reply.status in FATAL:
            hint = " (the key stands in the environment variable that --key-env names)" if reply.status in (401, 403) else ""
            raise TaskError(f"{self.url} answers {reply.status}{hint} {said}")
        raise RefusedError(f"status {reply.status} {said}")

    def _connection(self) -> http.client.HTTPConnection:
        kept: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if kept is None:
            kind: Any = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
            options = {"context": ssl.create_default_context()} if self._secure else {}
            kept = self._local.connection = kind(self._host, self._port, timeout=self._timeout, **options)
            self._opened.append(kept)
        return kept

    def _content(self, reply: http.client.HTTPResponse, connection: http.client.HTTPConnection, until: float) -> bytes:
        """The whole body, before its time is up: a server that sends a byte now and then is silent too."""
        parts, size = [], 0
        while True:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if connection.sock is not None:
                connection.sock.settimeout(left)
            part = reply.read1(1 << 16)
            if not part:
                break
            parts.append(part)
            size += len(part)
            if size > MAX_REPLY_BYTES:
                raise http.client.HTTPException(f"a reply of more than {MAX_REPLY_BYTES >> 20} MiB")
        if connection.sock is not None:
            connection.sock.settimeout(self._timeout)
        length = reply.headers.get("Content-Length")
        if length is not None and length.isdigit() and int(length) != size:
            raise http.client.IncompleteRead(b"", int(length) - size)
        reply.close()  # read1 leaves it open, and then the connection cannot be used again
        return b"".join(parts)

    def _shown(self, text: str) -> str:
        """The beginning of what a server said, without the key, and what steers a terminal as blanks."""
        text = text.replace(self._key, "***") if self._key else text
        return "".join(c if c.isprintable() else " " for c in text[:MAX_SAID]).strip()


def _retry_after(value: str | None) -> float | None:
    """Seconds a server asks to wait: a number, or a date (RFC 9110, 10.2.3).

    Raises: TaskError for more than an hour: that is for a person to know.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (email.utils.parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            return None
    if not seconds <= MAX_RETRY_AFTER:
        raise TaskError(f"the endpoint asks to come back in {seconds:,.0f} s: run the same command then")
    return max(0.0, seconds)


def _answer(content: bytes) -> dict[str, Any]:
    """What a chat completion says; one that is none is tried again, as a proxy's error page or half a reply is."""
    try:
        reply = json.loads(content)
        choice = reply["choices"][0]
        message = choice["message"]
        usage = reply.get("usage") or {}
        text, refusal = message.get("content"), message.get("refusal")
        if not (text is None or isinstance(text, str)) or not (refusal is None or isinstance(refusal, str)):
            raise TypeError
        finish = choice.get("finish_reason")
        counts = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as e:
        raise _AgainError("a reply that is no chat completion") from e
    tokens = [n if isinstance(n, int) and not isinstance(n, bool) and n >= 0 else 0 for n in counts]
    finish = finish if isinstance(finish, str) else None
    return {"content": text, "refusal": refusal, "finish": finish, "tokens_in": tokens[0], "tokens_out": tokens[1]}
