"""Samples of stages/benchmarks."""

import json
import tempfile
from functools import cache
from pathlib import Path

from tests.samples.documents import ENGLISH, texts

QUESTION = "A miller fills 12 sacks of flour in an hour. How many sacks does he fill in a day of 8 hours, if he rests for one of them?"
FORMULA = r"For which $x$ is $\dfrac{x_1 + 3}{\lambda} = \sqrt{5}$, where $\lambda > 0$ is the larger root of $t^2 - 7t + 12$?"
CHINESE = "一个磨坊主每小时装十二袋面粉，他一天工作八小时，一共能装多少袋面粉？"
STOCK = "Choice A is incorrect and may be the result of a slip in step"
LETTERS = " ".join("abcdefghijklmnop")
SHORT = "Who owns the old mill?"


def decontaminate():
    table = texts(
        f"{ENGLISH}\n{QUESTION.upper()}\n{ENGLISH}", FORMULA.replace("dfrac", "frac").replace("x_1", "x_{1}"), CHINESE + ENGLISH,
        f"They asked: who owns the OLD mill, again?\n{ENGLISH}", QUESTION, f"{ENGLISH} in one hour he fills twelve sacks", "1, 2, 3, " * 30,
        "Which of these is true? All swans are white.", "Which of these is true? Mills turn. Mills rest.",
        *[f"Choice A is wrong, as may be the result of haste: page {n}. {STOCK}" for n in range(2)],
        *[f"{n} for all: a phrase of ten words that stands on every page {n}" for n in range(13)],
    )  # fmt: skip
    for values in ({}, {"n": 13}, {"action": "span", "margin": 2}, {"min_proper": 0, "max_docs": 2, "max_share": None}):
        yield {"benchmarks": {"made_up": _file("one"), "other": _file("two")}, **values}, table


def contamination():
    yield {"benchmarks": {"made_up": _file("one"), "other": _file("two")}}, texts(f"{ENGLISH}\n{QUESTION}", CHINESE)


@cache
def _file(name):
    """A benchmark."""
    items = {
        "one": [
            {"question": QUESTION, "answer": "84"}, {"question": FORMULA, "answer": "It is 5.", "solution": "1, 2, 3, 1, 2, 3, 1, 2, 3, 1"},
            {"question": "Which of these is true?", "choices": ["Mills turn", "Mills rest"]},
            {"question": SHORT}, {"question": "Why?", "answer": "Because the rain comes."},
        ],
        "two": [
            {"task_id": "zh/1", "prompt": CHINESE}, {"task_id": "en/1", "prompt": QUESTION},
            *[{"task_id": f"sat/{n}", "problem": f"What is {n}?", "solution": f"{STOCK} {n}. It is {LETTERS}."} for n in (1, 2)],
            {"task_id": "en/2", "prompt": "a phrase of ten words that stands on every page"},
        ],
    }[name]  # fmt: skip
    path = Path(tempfile.mkdtemp(prefix="curate-samples-")) / f"{name}.jsonl"
    path.write_text("".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items), "utf-8")
    return str(path)
