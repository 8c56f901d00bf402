"""`python -m bench NAME [--json]`, `python -m bench --list`; one file of this folder per benchmark."""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import sys
from pathlib import Path
from typing import Any

VERDICTS = {True: "met  ", False: "SHORT", None: "?    "}
"""None: conditions did not allow to judge."""
HELPERS = frozenset({"__init__", "__main__", "corpus", "kept_shingles", "kl_corpus", "measure", "odd_texts", "stages_for_bench"})


def names() -> dict[str, str]:
    """Benchmarks and what each measures, by file name; nothing is imported."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem not in HELPERS:
            found[path.stem] = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[0]
    return found


def main() -> int:
    """Run one benchmark and print its report."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Benchmarks beside the peers, in CPU-seconds.", epilog="Example: python -m bench engine --json"
    )
    parser.add_argument("name", nargs="?", choices=list(names()), metavar="NAME", help="one of --list")
    parser.add_argument("--list", action="store_true", help="list the benchmarks")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the corpora, 1 = that of RESULTS.md")
    parser.add_argument("--pairs", type=int, default=3, help="runs of each side, in turn; medians are reported")
    parser.add_argument("--only", default="", help="parts of the benchmark, comma-separated")
    options, _ = parser.parse_known_args()
    if options.list or options.name is None:
        listed = names()
        print(json.dumps(listed) if options.json else "\n".join(f"{n:<10} {text}" for n, text in listed.items()))
        return 0
    module: Any = importlib.import_module(f"bench.{options.name}")
    own: dict[str, str] = getattr(module, "OPTIONS", {})
    for option, text in own.items():
        parser.add_argument(f"--{option}", help=text)
    options = parser.parse_args()
    from bench.measure import machine

    before = machine()
    only = [p for p in options.only.split(",") if p]
    report = {**module.measure(options.scale, options.pairs, only, **{o: getattr(options, o) for o in own}), "machine": before}
    print(json.dumps(report, ensure_ascii=False) if options.json else table(report))
    return 0


def table(report: dict[str, Any]) -> str:
    """A report for people."""
    if "skipped" in report:
        return f"{report['name']}: skipped: {report['skipped']}"
    in_parts = any("ours" in part for part in report.get("parts", {}).values())
    lines = [] if in_parts or "ours" not in report else _sides(report)
    for name, part in report.get("parts", {}).items():
        lines += ["", *_sides({"name": f"{report['name']} {name}", **part})] if "ours" in part else ["", f"{name}:"]
        lines += [f"  {k}: {v}" for k, v in part.items() if k not in ("corpus", "ours", "peers", "ratios", "grids")]
        for grid in part.get("grids", []):
            lines += ["", *_grid(grid)]
    lines += ["", *report.get("missing", [])]
    for target, (value, wanted, met) in report.get("targets", {}).items():
        lines.append(f"{VERDICTS[met]} {target}: {value} (wanted {wanted})")
    lines.append(", ".join(f"{k} {v}" for k, v in {**report.get("machine", {}), **report.get("versions", {})}.items()))
    return "\n".join(lines)


def _grid(grid: dict[str, Any]) -> list[str]:
    """A title, then columns, the first of names and the others of figures (None: a dash)."""
    rows = [grid["columns"], *(["-" if cell is None else str(cell) for cell in row] for row in grid["rows"])]
    first, *wide = (max(len(row[i]) for row in rows) for i in range(len(rows[0])))
    return [grid["title"], *("  ".join([name.ljust(first), *map(str.rjust, cells, wide)]) for name, *cells in rows)]


def _sides(report: dict[str, Any]) -> list[str]:
    """The corpus, our side and each peer, a line each."""
    corpus = report.get("corpus", {})
    lines = [f"{report['name']}: {corpus.get('documents', 0):,} documents, mean {corpus.get('mean_bytes', 0):,} bytes"]
    if corpus.get("scripts"):
        lines.append(
            "scripts: "
            + ", ".join(f"{s} {100 * v:.1f} %" for s, v in corpus["scripts"].items())
            + f"; lengths at 5, 50, 95, 100 %: {list(corpus['bytes_quantiles'].values())}"
        )
    lines.append(f"{'':<24}{'documents/CPU-s':>16}{'MB/CPU-s':>10}{'CPU-s':>9}{'start':>7}{'peak MB':>9}  ratio ours/peer")
    for name, row in [("ours", report["ours"]), *report.get("peers", {}).items()]:
        ratio = report.get("ratios", {}).get(name)
        lines.append(
            f"{name:<24}{row['documents_per_cpu_second']:>16,.0f}{row['mb_per_cpu_second']:>10.1f}{row.get('cpu_seconds', 0):>9.2f}"
            f"{row.get('startup_cpu_seconds', 0):>7.2f}{row.get('peak_mb', 0):>9.0f}  "
            + (f"{ratio:.2f}" if ratio else "") + (f"  ({row['version']})" if "version" in row else "")
        )  # fmt: skip
    return lines


if __name__ == "__main__":
    sys.exit(main())
