"""Made-up texts at the edges of the rules in stages/heuristics: the same for a seed on any machine.

Each is drawn from rates of its own (marks, repeated lines, short lines, symbols ...), so that some pass each rule
and some fail it, many by little; a tenth is anything at all.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

SCRIPTS = tuple(
    (common.split(), rare.split(), space)
    for common, rare, space in (
        ("the be to of and that have with a in is it for as on was",
         "meadow harbour lantern 7 1,200 copper willow don't e-mail thistle x", " "),
        ("der die und das zu ist nicht ein", "Wiese Hafen Laterne Straße Äpfel über zwölf 3.14", " "),
        ("и в не на что он с", "поле гавань фонарь медь ива Ёлка 42", " "),
        ("في من على إلى أن", "حقل ميناء فانوس نحاس ١٢ صفصاف", " "),
        ("के में की है और", "मैदान बंदरगाह लालटेन तांबा १२", " "),
        ("的 一 是 不 了", "田 港 燈 銅 柳 野 原 光 線 路 １ １１ かな", ""),
        ("ก ข ค ง", "ทุ่ง ท่า โคม ไฟ", ""),
        ("이 그 저 수", "들판 항구 등불 구리 버들", " "),
        ("a aa ab b", "ba aaa c", " "),  # run together, other words are the same
    )
)  # fmt: skip
"""Common words, other words, what stands between two."""
ENDS = (
    ".", ".", ".", "!", "?", '"', "'", "...", "…", ",", ":", "", ";", "。", "।", "؟", "！", ".)", "។", "\u2024", ". ", ".\u3000",
)  # fmt: skip
BREAKS = (
    "\n", "\n", "\n", "\n\n", "\n\n", "\r\n", "\n\n\n", " \n", "\n \n", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x85", "\u2028",
    "\u2029",
)  # fmt: skip
BULLETS = ("- ", "• ", "* ", "-", "  - ", "\u2023 ", "\t• ")
SPECIAL = (
    "JavaScript is off", "enable javascript", "our privacy policy", "Terms of Use apply", "this site uses cookies", "coo\u212aie policy",
    "Lorem Ipsum dolor", "if (x) { y }", "seen [1]", "then [citation needed]", "note [edit]", "empty []", "many [1][22]", "odd [x1]",
    "digits [١٢]", "java[3]script", "use of cookies here", "cookies policy", "javascripT:void", "lorem  ipsum", "[[1]]",
    "[12", "e.g. this", "Mr. Brown", "\u01c4ungla", "İstanbul", "\x00", "\ufeff", "e\u0301te\u0301", "\U0001f600", "\u200b", "w" * 90,
    "#tag", "##", "... and", "…", "# 1",
)  # fmt: skip
PIECES = (
    "a", "b ", " ", "\n", "\n\n", ".", "...", "…", "#", "-", "•", "\x1c", "\u2028", "é", "字", "ก", "[1]", "{", "１", "\x85",
    "Ab ", "ab", "1",
)  # fmt: skip


def odd_texts(count: int, seed: int = 1) -> Iterator[str]:
    """`count` texts, some 400 characters long in the mean, a few empty."""
    for number in range(count):
        rng = random.Random(f"{seed}:{number}")
        if rng.random() < 0.1:
            yield "".join(rng.choices(PIECES, k=rng.choice((0, 1, 2, 5, 30, 200))))
        else:
            yield _text(rng)


def _text(rng: random.Random) -> str:
    common, rare, space = rng.choice(SCRIPTS) if rng.random() < 0.5 else SCRIPTS[0]
    rate = {
        name: rng.choice((0.0, 0.0, *at))
        for name, *at in (
            ("again", 0.05, 0.2, 0.35, 0.5), ("gram", 0.02, 0.06, 0.1, 0.2), ("special", 0.02, 0.1), ("bullet", 0.85, 0.95),
            ("upper", 0.1, 1.0), ("unended", 0.5, 0.9), ("ended", 0.3, 0.6, 1.0), ("number", 0.15, 0.25), ("sign", 0.09, 0.12),
        )
    }  # fmt: skip
    breaks = rng.choice((("\n",), ("\n\n",), BREAKS))
    longest = rng.choice((3, 7, 25, 25))
    words = [*common, *rare] if rng.random() < 0.4 else [*common, *(w + rng.choice(rare) for w in rare for _ in range(3))]
    wanted = rng.choice((5, 20, 48, 50, 52, 60, 90, 150))
    lines: list[str] = []
    gram = rng.choices(words, k=rng.randint(2, 12))
    used = 0
    while used < wanted:
        if lines and rng.random() < rate["again"]:
            lines.append(rng.choice(lines))
            used += lines[-1].count(" ") + 1
            continue
        line = []
        for _ in range(rng.randint(1, longest)):
            draw = rng.random()
            if draw < rate["gram"]:
                line += gram
            elif draw < rate["gram"] + rate["special"]:
                line.append(rng.choice(SPECIAL))
            elif rng.random() < rate["number"]:
                line.append(str(rng.randint(0, 99)))
            else:
                word = rng.choice(words)
                line.append(word.upper() if rng.random() < rate["upper"] else word)
            if rng.random() < rate["sign"]:
                line.append(rng.choice(("#", "...", "…")) + space)
        used += len(line)
        end = "" if rng.random() < rate["unended"] else "." if rng.random() < rate["ended"] else rng.choice(ENDS)
        lines.append((rng.choice(BULLETS) if rng.random() < rate["bullet"] else "") + space.join(line) + end)
    edge = rng.choice(("", "", "\n", " ", "\n\n"))
    return edge + "".join(line + rng.choice(breaks) for line in lines[:-1]) + lines[-1] + rng.choice(("", edge))
