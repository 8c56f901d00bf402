"""Benchmarks: `python -m bench --list`, `python -m bench NAME [--json]`; figures in RESULTS.md."""
