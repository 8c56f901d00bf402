"""Ask a chat model for the labels of a sample, and write what it said as a label set.

Three passes over the sample: what it would cost, the questions that have no answer yet, the label set. In memory are some 150 bytes for
each document, and as many for each answer. Beside each other stand in the folder

    labels.jsonl        the label set: label, reason, labelled_by, chars_left_out
    unlabelled.jsonl    every other document, with why it has no label and what the model said
    answers.jsonl       what was answered, as it came; see answers.py
    report.json         counts, tokens, the share of each label
"""

from __future__ import annotations

import json
import threading
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from classifiers import labels
from classifiers.documents import tables
from classifiers.label.answers import Answers, key_of
from classifiers.label.criteria import Criteria
from classifiers.label.endpoint import Endpoint, RefusedError, UnansweredError
from classifiers.label.messages import Asked, Asking, judged
from curation.documents import IdSet, record_ids
from curation.errors import RecipeError, TaskError
from curation.storage import replace

COLUMNS = ("id", "text", "lang", "url", "domain", "source")
OURS = {"messages", "model", "n", "stream"}
"""Keys of a request that nobody else sets: by them the labels would be of another question, or the reply of another form."""
PATIENCE = 20
"""Documents in a row without an answer after which the endpoint is given up (ours), or as many as are asked at a time; those it refuses
count until it answers about one of the sample."""


@dataclass(frozen=True)
class Request:
    """What stands in every request beside the messages."""

    model: str
    criteria: Criteria
    seed: int = 0
    max_answer_tokens: int = 300
    more: dict[str, Any] = field(default_factory=dict)
    """Keys added to the body; null takes one out."""

    def __post_init__(self) -> None:
        """Raises: RecipeError for keys that are not to be set so, and if nothing bounds an answer."""
        for name in OURS & self.more.keys():
            raise RecipeError(f"--body {name}: the program sets it")
        try:
            json.dumps(self.more, allow_nan=False)
        except (TypeError, ValueError) as e:
            raise RecipeError(f"--body: no JSON: {e}") from e
        most = self._bound()
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise RecipeError("--body: max_tokens or max_completion_tokens, a whole number, bounds what an answer costs")

    @property
    def tokens_out(self) -> int:
        """Most tokens of an answer."""
        return int(self._bound())

    def _bound(self) -> Any:
        return self.more.get("max_completion_tokens") or self.more.get("max_tokens", self.max_answer_tokens)

    def body(self, asked: Asked) -> dict[str, Any]:
        """The body of a request that does not ask for a schema."""
        body = {
            "model": self.model, "messages": asked.messages, "temperature": 0, "seed": self.seed, "max_tokens": self.max_answer_tokens,
        } | self.more  # fmt: skip
        return {name: value for name, value in body.items() if value is not None}

    def schema(self) -> dict[str, Any]:
        """What is added to ask for answers of a schema."""
        schema = {"name": self.criteria.name, "strict": True, "schema": self.criteria.schema()}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}


@dataclass
class Cost:
    """What a sample costs before it is asked about."""

    documents: int = 0
    cut: int = 0
    """Those whose text is over the limit."""
    answered: int = 0
    to_ask: int = 0
    """Different texts without an answer."""
    tokens_in: int = 0
    """Of these, by the shipped tokenizer: the model's own may count more or fewer."""
    tokens_out_at_most: int = 0
    price_at_most: float | None = None
    """Of these tokens; tries that failed may cost, too."""

    def text(self) -> str:
        """For people."""
        price = "" if self.price_at_most is None else f", some {self.price_at_most:,.2f} at most at the prices given"
        return (
            f"{self.documents:,} documents ({self.cut:,} shown in part), {self.answered:,} answered before, {self.to_ask:,} to ask: about "
            f"{self.tokens_in:,} tokens in by the shipped tokenizer, at most {self.tokens_out_at_most:,} out{price}"
        )


class Sample:
    """A sample while it is asked about: of each document what stands in the arrays, some 150 bytes in all.

    keys: of what is asked, "" where there is no text. left_out: characters that are not shown.
    """

    def __init__(self, files: list[str], asking: Asking, request: Request) -> None:
        self._files, self._asking, self._request = files, asking, request
        self.keys: list[str] = []
        self.left_out = array("q")

    def cost(self, answers: Answers, prices: tuple[float, float] | None) -> Cost:
        """Go through the sample without asking; prices are those of a million tokens in and out."""
        found = Cost()
        seen: set[str] = set()
        for table in self._tables():
            for text in table["text"].to_pylist():
                asked = self._asking.of(text) if text and not text.isspace() else None
                key = "" if asked is None else key_of(self._request.body(asked))
                self.keys.append(key)
                self.left_out.append(0 if asked is None else asked.chars_left_out)
                if asked is None:
                    continue
                found.documents += 1
                found.cut += asked.chars_left_out > 0
                if key in answers:
                    found.answered += 1
                elif key not in seen:
                    seen.add(key)
                    found.to_ask += 1
                    found.tokens_in += asked.tokens
                    found.tokens_out_at_most += self._request.tokens_out
        if prices is not None:
            found.price_at_most = round((prices[0] * found.tokens_in + prices[1] * found.tokens_out_at_most) / 1e6, 4)
        return found

    def questions(self, answered: Callable[[str], bool]) -> Iterator[tuple[str, Asked]]:
        """Key and messages of each document whose key is not answered when its turn comes."""
        for first, table in self.tables():
            for row in range(len(table)):
                key = self.keys[first + row]
                if key and not answered(key):
                    yield key, self._asking.of(table["text"][row].as_py())

    def tables(self) -> Iterator[tuple[int, pa.Table]]:
        """The documents, a table at a time, with the place of its first one.

        Raises: TaskError if the files are not those that were gone through before.
        """
        first = 0
        for table in self._tables():
            yield first, table
            first += len(table)
            if first > len(self.keys):
                break
        if first != len(self.keys):
            raise TaskError("the files of the sample changed while they were asked about")

    def _tables(self) -> Iterator[pa.Table]:
        return (table for file in self._files for table in tables(file, COLUMNS))


class Work:
    """Questions under way.

    Args:
        form: json_schema, json (the messages say it, the answer is read strictly), or auto: a server that refuses the first is asked
            for the second, and if it answers then, all later requests are.
        concurrency: requests at a time.
        say: told what a person should know.
    """

    def __init__(
        self, endpoint: Endpoint, request: Request, answers: Answers, form: str, concurrency: int, stop: threading.Event,
        say: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._endpoint, self._request, self._answers = endpoint, request, answers
        self._concurrency, self._stop, self._say = concurrency, stop, say
        self._form, self._known = form, form != "auto"
        self._lock = threading.Lock()
        self.missing: dict[str, tuple[str, str]] = {}
        """Key -> why there is no answer: (unanswered or refused_by_server, what happened)."""
        self.asked = self.tokens_in = self.tokens_out = 0
        self._answers_some = False

    def run(self, sample: Sample) -> None:
        """Ask about all that has no answer yet.

        Raises: TaskError if no document would be answered.
        """
        waiting: dict[Future[dict[str, Any]], str] = {}
        in_vain = 0
        self._answers_some = any(key in self._answers for key in sample.keys if key)
        with ThreadPoolExecutor(self._concurrency) as pool:
            try:
                for key, asked in sample.questions(lambda key: key in self._answers or key in self.missing or key in waiting.values()):
                    tokens = asked.tokens + self._request.tokens_out
                    waiting[pool.submit(self._ask, self._request.body(asked), tokens)] = key
                    if len(waiting) == self._concurrency:
                        in_vain = self._take(waiting, in_vain)
                while waiting:
                    in_vain = self._take(waiting, in_vain)
            except BaseException:
                self._stop.set()
                for future in waiting:
                    future.cancel()
                wait(waiting)
                for future, key in waiting.items():  # what came meanwhile was paid for
                    if not future.cancelled() and future.exception() is None:
                        self._answers.add(key, future.result())
                raise

    def _take(self, waiting: dict[Future[dict[str, Any]], str], in_vain: int) -> int:
        """Write the answers that came; how many documents in a row had none."""
        done, _ = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            key = waiting.pop(future)
            try:
                answer = future.result()
            except (RefusedError, UnansweredError) as e:
                kind = "refused_by_server" if isinstance(e, RefusedError) else "unanswered"
                self.missing[key] = (kind, str(e))
                in_vain += kind == "unanswered" or not self._answers_some
                if in_vain >= max(PATIENCE, self._concurrency):
                    raise TaskError(
                        f"{self._endpoint.url}: no answer about {in_vain} documents in a row, the last one: {e}; "
                        "what was answered is kept, the same command goes on"
                    ) from e
                continue
            self._answers.add(key, answer)
            in_vain, self._answers_some = 0, True
            self.asked += 1
            self.tokens_in += answer["tokens_in"]
            self.tokens_out += answer["tokens_out"]
        return in_vain

    def _ask(self, body: dict[str, Any], tokens: int) -> dict[str, Any]:
        with self._lock:
            form, known = self._form, self._known
        if form == "json":
            return self._endpoint.complete(body, tokens)
        try:
            answer = self._endpoint.complete(body | self._request.schema(), tokens)
        except RefusedError:
            if known:
                raise
            answer = self._endpoint.complete(body, tokens)
            with self._lock:
                if not self._known:
                    self._form, self._known = "json", True
                    self._say("the server does not take a schema (response_format): answers are asked for as plain JSON and read strictly")
                return answer
        with self._lock:
            self._known = True
        return answer


def write(sample: Sample, folder: Path, request: Request, answers: Answers, missing: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """Write labels.jsonl and unlabelled.jsonl.

    Returns: {documents, labelled, unlabelled: {why: documents}, labels: {label: documents}, cut}.
    """
    criteria = request.criteria
    writer = labels.Writer(folder / "labels.jsonl", "classes" if criteria.classes else "numbers")
    why_not: Counter[str] = Counter()
    given: Counter[Any] = Counter()
    cut = documents = 0
    seen = IdSet()
    part = folder / ".unlabelled.jsonl"
    with open(part, "w", encoding="utf-8") as rest:
        for first, table in sample.tables():
            good: list[tuple[int, Any, str, int]] = []
            for row in range(len(table)):
                documents += 1
                key, left_out = sample.keys[first + row], sample.left_out[first + row]
                if not key:
                    label, said, why = None, "", "empty_text"
                else:
                    answer = answers.get(key)
                    lacking = missing.get(key, ("unanswered", "not asked"))
                    label, said, why = (None, lacking[1], lacking[0]) if answer is None else judged(answer, criteria)
                if not why and seen.add(record_ids("label", [table["id"][row].as_py()]))[0]:
                    label, said, why = None, "", "id_again"
                if why:
                    why_not[why] += 1
                    line = {"id": table["id"][row].as_py(), "url": table["url"][row].as_py(), "why": why, "said": said}
                    rest.write(json.dumps(line, ensure_ascii=False) + "\n")
                    continue
                given[label] += 1
                cut += left_out > 0
                good.append((row, label, said, left_out))
            if good:
                at, values, reasons, lefts = zip(*good, strict=True)
                columns = table.take(pa.array(at, pa.int64()))
                named = pa.array(values, pa.string() if criteria.classes else pa.float64())
                writer.write(pa.table({
                    **{name: columns[name] for name in COLUMNS}, ("label" if criteria.classes else "value"): named,
                    "reason": pa.array(reasons, pa.string()), "labelled_by": pa.array([request.model] * len(at), pa.string()),
                    "chars_left_out": pa.array(lefts, pa.int64()),
                }))  # fmt: skip
    writer.close()
    part.replace(folder / "unlabelled.jsonl")
    shares = {str(value): given[value] for value in criteria.values if given[value]}
    return {"documents": documents, "labelled": writer.rows, "unlabelled": dict(why_not.most_common()), "labels": shares, "cut": cut}


def report(folder: Path, found: dict[str, Any]) -> None:
    """Write report.json."""
    replace(folder / "report.json", json.dumps(found, ensure_ascii=False, indent=2).encode() + b"\n")
