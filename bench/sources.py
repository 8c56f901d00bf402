"""The sources beside the usual tool of each, on 30 MB: source_wikipedia, source_arxiv and source_stackexchange in one report."""

from __future__ import annotations

from typing import Any

from bench import source_arxiv, source_stackexchange, source_wikipedia

SOURCES = {"wikipedia": source_wikipedia, "arxiv": source_arxiv, "stackexchange": source_stackexchange}


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """Run those of the three that `only` names, or all."""
    parts: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    told: dict[str, str] = {}
    missing: list[str] = []
    for name, module in SOURCES.items():
        if only and name not in only:
            continue
        report = module.measure(scale, pairs, [])
        if "skipped" in report:
            missing.append(f"{name}: {report['skipped']}")
            continue
        parts |= {f"{name} {part}": found for part, found in report["parts"].items()}
        targets |= {f"{name}: {target}": judged for target, judged in report["targets"].items()}
        told |= report["versions"]
        missing += report.get("missing", [])
    return {"name": "sources", "parts": parts, "targets": targets, "missing": missing, "versions": told}

