"""Benchmarks: text that holds their items is removed, and how much of them a corpus holds is reported."""
