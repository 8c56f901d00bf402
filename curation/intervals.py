"""How far a share in a sample may be from that of all."""

from __future__ import annotations

from math import sqrt

Z_95 = 1.959964
"""Standard errors of an interval of 95 %."""


def wilson(a: float, n: float, z: float) -> tuple[float, float]:
    """Score interval of a share a/n at z standard errors (Wilson 1927)."""
    p, square = a / n, z * z / n
    middle, reach = p + square / 2, z * sqrt(p * (1 - p) / n + square / n / 4)
    return max(0.0, (middle - reach) / (1 + square)), min(1.0, (middle + reach) / (1 + square))
