"""A paper's TeX cleaned beside pylatexenc, flachtex and plasTeX: speed (ours on papers repeated to 30 MB), and a list of cases.

de-macro is on no package index; flachtex does what it does (\\newcommand substituted, files put in, comments removed), and plasTeX
executes all macros as TeX would. Every side gets a paper as one file, its inputs put in beforehand, and has a process and one thread of
its own; ours is the stage, called in process.

Peers need minutes for 1 MB, so they read whole papers once, the smallest up to PEERS_BYTES each and PEERS_TOTAL in all; a paper may cost a
side PAPER_CPU_SECONDS. Speeds are compared over the papers that a peer gets through: ours for the same papers, from the run on 30 MB.
A case is met where what stands between its marks is as wanted, white space and empty groups aside; pylatexenc makes plain text, and
cannot meet those that want TeX.
"""

from __future__ import annotations

import json
import re
import sys
from itertools import accumulate
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure import ROOT, peer_sides, run, scratch, versions
from bench.peers.latex_loop import PAPER_CPU_SECONDS

DATA = ROOT.parent / "shared" / "data" / "arxiv"
PEERS = {"pylatexenc": "pylatexenc", "flachtex": "flachtex", "plastex": "plasTeX"}
OPTIONS = {
    "data": "folder of papers.jsonl and the papers (default: shared/data/arxiv beside the project)",
    "peers": "peers to run beside ours, comma-separated (default: all)",
}
BYTES = 30_000_000
PEERS_BYTES, PEERS_TOTAL = 50_000, 500_000
"""Bytes of TeX of the largest paper that peers read, and of all; this favours peers, some of which cost more a byte on long papers."""
_INPUT = re.compile(r"\\(?:input|include)\{([^{}]{1,200})\}")
_SPACE = re.compile(r"(?<![A-Za-z]) | (?![A-Za-z])")

CASES = (
    # name, definitions, text, what is to become of it
    ("no argument", r"\newcommand{\R}{\mathbb{R}}", r"$\R^n$", r"$\mathbb{R}^n$"),
    ("without braces", r"\newcommand\eps\varepsilon", r"$\eps$", r"$\varepsilon$"),
    ("arguments", r"\newcommand{\set}[2]{\{#1 \mid #2\}}", r"$\set{x}{x>0}$", r"$\{x \mid x>0\}$"),
    ("optional argument", r"\newcommand{\norm}[2][2]{\|#2\|_{#1}}", r"$\norm{x}+\norm[1]{y}$", r"$\|x\|_{2}+\|y\|_{1}$"),
    ("argument without braces", r"\newcommand\sq[1]{{#1}^2}", r"$\sq x+\sq\alpha$", r"${x}^2+{\alpha}^2$"),
    ("call in an argument", r"\newcommand{\p}[1]{(#1)}", r"$\p{\p{x}}$", r"$((x))$"),
    ("macros in macros", r"\newcommand{\ket}[1]{|#1\rangle}\newcommand{\zero}{\ket{0}}", r"$\zero$", r"$|0\rangle$"),
    ("used before it is redefined", r"\newcommand{\a}{1}", r"\a\renewcommand{\a}{2}\a", "12"),
    ("providecommand", r"\newcommand{\x}{1}\providecommand{\x}{2}\providecommand{\y}{3}", r"\x\y", "13"),
    ("def", r"\def\half{\frac{1}{2}}", r"$\half$", r"$\frac{1}{2}$"),
    ("def with arguments", r"\def\d#1#2{\frac{d#1}{d#2}}", r"$\d{x}{t}$", r"$\frac{dx}{dt}$"),
    ("delimited arguments", r"\def\pair(#1,#2){\langle #1,#2\rangle}", r"$\pair(a,b)$", r"$\langle a,b\rangle$"),
    ("prefixed def", r"\global\long\def\gam{\Gamma}", r"$\gam$", r"$\Gamma$"),
    ("let", r"\let\al=\alpha", r"$\al$", r"$\alpha$"),
    ("let before a redefinition", r"\let\old\phi\renewcommand{\phi}{\varphi}", r"$\old\phi$", r"$\phi\varphi$"),
    ("wrapped command", r"\let\oldvec\vec\renewcommand{\vec}[1]{\oldvec{\mathbf{#1}}}", r"$\vec{x}$", r"$\vec{\mathbf{x}}$"),
    ("operator", r"\DeclareMathOperator{\Tr}{Tr}", r"$\Tr A$", r"$\operatorname{Tr}A$"),
    ("starred operator", r"\DeclareMathOperator*{\argmax}{arg\,max}", r"$\argmax_x f$", r"$\operatorname*{arg\,max}_x f$"),
    ("paired delimiter", r"\DeclarePairedDelimiter{\abs}{\lvert}{\rvert}", r"$\abs{x}$", r"$\lvert x \rvert$"),
    ("xparse", r"\NewDocumentCommand{\foo}{O{d} m}{#1(#2)}", r"\foo{z} \foo[y]{z}", "d(z) y(z)"),
    ("environments by macros", r"\def\be{\begin{align}}\def\ee{\end{align}}", "\\be x=1\n\\ee", "\\begin{align}x=1\n\\end{align}"),
    ("environment", r"\newenvironment{eqs}{\begin{align}}{\end{align}}", r"\begin{eqs}x\end{eqs}", r"\begin{align}x\end{align}"),
    ("macro that defines", r"\newcommand{\mk}[2]{\newcommand{#1}{#2}}", r"\mk{\foo}{bar}\foo!", "bar!"),
    ("word before a letter", r"\newcommand{\x}[1]{#1\alpha}", r"$\x{a}b$", r"$a\alpha b$"),
    ("argument behind a word", r"\newcommand{\x}[1]{\hat#1}", r"$\x a$", r"$\hat a$"),
    ("space behind a macro", r"\newcommand{\name}{Foo}", r"\name{} is \name.", "Foo is Foo."),
    ("xspace", r"\usepackage{xspace}\newcommand{\name}{Foo\xspace}", r"\name is \name, \name{}s", "Foo is Foo, Foos"),
    ("hash behind a line break", r"\newcommand{\m}[1]{\[#1 \\#1\]}", r"\m{a}", r"\[a \\a\]"),
    ("comment", "", "a % b\nc", "a c"),
    ("comment at the end of a word", "", "foo%\n  bar", "foobar"),
    ("comment behind a command", "", "$\\alpha%\nb$", "$\\alpha b$"),
    ("comment before an empty line", "", "a % b\n\nc", "a\n\nc"),
    ("escaped percent", "", "5\\% of\\\\% x\nb", "5\\% of\\\\b"),
    ("verbatim", r"\newcommand{\R}{\mathbb{R}}", "\\verb|%\\R| \\R", "\\verb|%\\R| \\mathbb{R}"),
    ("verbatim environment", r"\newcommand{\R}{x}", *["\\begin{verbatim}\n\\R % x\n\\end{verbatim}"] * 2),
    ("address", "", r"\url{http://a.example/%20b}", r"\url{http://a.example/%20b}"),
    ("iffalse", "", r"a\iffalse b\iftrue c\fi d\else e\fi f", "aef"),
    ("switch", r"\newif\iflong\longtrue", r"\iflong a\else b\fi\longfalse\iflong c\else d\fi", "ad"),
    ("iff is no conditional", "", r"$a\iff b$\iffalse $x\iff y$\fi", r"$a\iff b$"),
    ("comment environment", "", "a\\begin{comment}\nb\n\\end{comment}c", "ac"),
)  # fmt: skip


def paper(definitions: str, text: str) -> str:
    """The paper of a case."""
    begin = "\\documentclass{article}\n" + definitions + "\n\\begin{document}\n\\section{S}\n"
    return f"{begin}AAA {text} ZZZ\n\\end{{document}}\n"


def between(text: str) -> str:
    """What stands between the marks of a case; "" where they are not there."""
    return text.partition("AAA")[2].rpartition("ZZZ")[0]


def alike(text: str) -> str:
    """A text without what is all the same: empty groups, and white space but between letters."""
    return _SPACE.sub("", " ".join(text.replace("{}", "").split()))


def measure(scale: float, pairs: int, only: list[str], data: str | None = None, peers: str | None = None) -> dict[str, Any]:
    """Run the parts: speed, cases."""
    folder = Path(data) if data else DATA
    if not folder.is_dir():
        return {"name": "source_arxiv", "skipped": f"there is no {folder}"}
    theirs, installed, missing = peer_sides({name: PEERS[name] for name in (peers.split(",") if peers else PEERS)}, "latex")
    commands = {"ours": [sys.executable, "-m", "bench.source_arxiv"], **theirs}
    told = versions("pyarrow") | {PEERS[name]: version for name, version in installed.items()}
    parts: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    with scratch() as here:
        if not only or "cases" in only:
            met = _cases(here, commands)
            parts["cases"] = {"of": len(CASES), "met": {name: sum(m.values()) for name, m in met.items()},
                              "not met": {name: [case for case, good in m.items() if not good] for name, m in met.items()}}  # fmt: skip
            best = max(sum(m.values()) for name, m in met.items() if name != "ours") if len(met) > 1 else 0
            own = sum(met["ours"].values())
            targets["cases met / of the best peer"] = (own, f">= {best}", own >= best)
        if not only or "speed" in only:
            parts["speed"] = _speed(here, folder, commands, scale, pairs)
            for name, ratio in parts["speed"]["ratios"].items():
                targets[f"speed / {name}'s"] = (ratio, ">= 2", ratio >= 2)
    return {"name": "source_arxiv", "parts": parts, "targets": targets, "missing": missing, "versions": told}


def _cases(here: Path, commands: dict[str, list[str]]) -> dict[str, dict[str, bool]]:
    """Which cases each side meets."""
    file = here / "cases.jsonl"
    _write(file, {name: paper(definitions, text) for name, definitions, text, _ in CASES})
    met = {}
    for side, command in commands.items():
        texts = json.loads(run([*command, "texts", str(file)])[1])["texts"]
        met[side] = {name: alike(between(texts.get(name, ""))) == alike(wanted) for name, _, _, wanted in CASES}
    return met


def _speed(here: Path, folder: Path, commands: dict[str, list[str]], scale: float, pairs: int) -> dict[str, Any]:
    """MB/s of each side over the papers that it gets through, and of ours over the same."""
    papers = {}
    for line in (folder / "papers.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        papers[row["id"]] = _flat(folder / row["id"] / row["main"], folder / row["id"])
    file = here / "papers.jsonl"
    _write(file, papers)
    sizes = {name: len(text.encode()) for name, text in papers.items()}
    repeats = max(1, round(BYTES * scale / sum(sizes.values())))
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in commands}
    peaks = dict.fromkeys(commands, 0)
    few = {name: papers[name] for name in sorted(papers, key=lambda name: (sizes[name], name)) if sizes[name] <= PEERS_BYTES}
    total = list(accumulate(sizes[name] for name in few))
    few = {name: text for (name, text), so_far in zip(few.items(), total, strict=True) if so_far <= PEERS_TOTAL}
    few_file = here / "few.jsonl"
    _write(few_file, few)
    for _ in range(pairs):
        for side, command in commands.items():
            used, out = run([*command, "time", *([str(file), str(repeats)] if side == "ours" else [str(few_file), "1"])])
            runs[side].append(json.loads(out))
            peaks[side] = max(peaks[side], used.peak_bytes)
    report: dict[str, Any] = {
        "ours: MB, papers, repeats": (round(repeats * sum(sizes.values()) / 1e6, 1), len(papers), repeats),
        "peers: MB, papers, repeats": (round(sum(map(len, map(str.encode, few.values()))) / 1e6, 2), len(few), 1),
        "CPU-seconds that a paper may cost": PAPER_CPU_SECONDS,
    }
    ratios = {}
    for side, results in runs.items():
        through = [name for name in (papers if side == "ours" else few) if not any(name in r["failed"] for r in results)]
        size = sum(sizes[name] for name in through) / 1e6
        rate, own = (
            times * size / median(sum(r["seconds"][name] for name in through) for r in runs[who])
            for who, times in ((side, repeats if side == "ours" else 1), ("ours", repeats))
        )
        report[f"{side} MB per CPU-second"] = round(rate, 3)
        report[f"{side} failed"] = sorted({name for r in results for name in r["failed"]})
        report[f"{side} papers, MB got through"] = (len(through), round(size, 2))
        report[f"{side} peak MB"] = round(peaks[side] / 1e6)
        if side != "ours":
            ratios[side] = round(own / rate, 1)
    return {**report, "ratios": ratios}


def _flat(path: Path, root: Path, depth: int = 0) -> str:
    """A paper as one file."""

    def put_in(match: re.Match[str]) -> str:
        found = [p for p in (root / (match[1] + ".tex"), root / match[1]) if p.is_file()]
        return _flat(found[0], root, depth + 1) if found and depth < 8 else ""

    return _INPUT.sub(put_in, path.read_text(encoding="utf-8", errors="replace"))


def _write(file: Path, papers: dict[str, str]) -> None:
    file.write_text("".join(json.dumps({"id": name, "tex": tex}) + "\n" for name, tex in papers.items()), encoding="utf-8")


if __name__ == "__main__":
    import pyarrow as pa

    from bench.peers.latex_loop import main
    from stages.arxiv.clean_latex import clean_latex

    def clean(tex: str) -> str:
        """The stage on one paper."""
        columns = clean_latex(pa.table({"content": pa.array([tex.encode()], pa.large_binary())}))
        return str(columns["text"][0].as_py())

    main(clean)
