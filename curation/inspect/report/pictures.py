"""Pictures as SVG: histograms of metrics, bars, and the graph of a run as one strip for each step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curation.inspect.report.html import Markup, el, join, value
from curation.ledger import NULL_BIN, bin_edges

BARS = 64
"""Bars of a histogram, about (ours)."""
WIDTH, HEIGHT, TOP, BOTTOM, SIDE = 320.0, 128.0, 18.0, 20.0, 6.0
ZERO = 12.0
"""Width of the bar of values that are 0."""
LEAST = "≥>"
"""Signs of thresholds under which documents go."""
MARKS = 12
"""Thresholds of one picture that are drawn; all are in its table."""


@dataclass
class Bar:
    """Documents whose metric is from low (included) to high (not included); low = high: exactly this value."""

    low: float
    high: float
    kept: int = 0
    dropped: int = 0


@dataclass
class Histogram:
    """Bars in the order of their values, documents without a value, and whether all values are whole numbers."""

    bars: list[Bar]
    missing: tuple[int, int]
    whole: bool
    log: bool

    @property
    def kept(self) -> int:
        return sum(bar.kept for bar in self.bars)

    @property
    def dropped(self) -> int:
        return sum(bar.dropped for bar in self.bars)


def histogram(bins: Mapping[int, Sequence[int]], limits: Iterable[float] = ()) -> Histogram:
    """Bins of the ledger joined to some BARS bars.

    On a linear axis bins narrower than a bar are joined (their widths are powers of two, so that they fill bars exactly), wider ones
    stay; on a logarithmic one so many neighbours of an octave are joined.

    Args:
        bins: bin of `ledger.histogram_bins` -> documents kept, dropped. limits: thresholds; where one is no whole number, values are not
            taken for whole ones, though all there are be 0 and 1.
    """
    missing = bins.get(NULL_BIN, (0, 0))
    found = sorted((bin_edges(b), b, counts) for b, counts in bins.items() if b != NULL_BIN)
    if not found:
        return Histogram([], (missing[0], missing[1]), True, False)
    whole = all(low == int(low) for (low, high), _, _ in found if high - low < 1) and all(float(x).is_integer() for x in limits)
    positive = [(edges, kept + dropped) for edges, b, (kept, dropped) in found if b > 0]
    top, bottom = found[-1][0][1], min(0.0, found[0][0][0])
    log = False
    if positive and bottom == 0 and found[-1][0][0] > 1:
        seen, total = 0, sum(n for _, n in positive)
        for (low, _), n in positive:
            seen += n
            if seen * 50 >= total:
                log = top / low > 64
                break
    if log:
        octaves = (found[-1][1] - min(b for _, b, _ in found if b > 0)) / 8 + 1
        joined = next((j for j in (1, 2, 4, 8) if octaves * 8 / j <= BARS), 8)
    else:
        step = 2.0 ** math.ceil(math.log2(max(top - bottom, 1e-300) / (BARS * 0.75)))
    bars: dict[tuple[float, float], Bar] = {}
    for (low, high), b, (kept, dropped) in found:
        if log and b:
            first = (b - 1) // joined * joined + 1
            low, high = bin_edges(first)[0], bin_edges(first + joined - 1)[1]
        elif b and high - low < step:
            low = math.floor(low / step) * step
            high = low + step
        if whole and b and high - low < 1:
            low = float(math.floor(low))
            high = low + 1
        bar = bars.setdefault((low, high), Bar(low, high))
        bar.kept += kept
        bar.dropped += dropped
    return Histogram([bars[edges] for edges in sorted(bars)], (missing[0], missing[1]), whole, log)


def span(bar: Bar, whole: bool) -> str:
    """The values of a bar in words."""
    if bar.low == bar.high or (whole and bar.high - bar.low == 1):
        return value(bar.low)
    if whole and bar.low >= 0:
        return f"{value(bar.low)} to {value(bar.high - 1)}"
    return f"{value(bar.low)} to {value(bar.high)}"


def draw(h: Histogram, marks: Sequence[tuple[str, float]], label: str) -> Markup:
    """A histogram: areas are documents, kept below and dropped above; the side that a threshold drops is shaded.

    Args:
        marks: (sign of what is kept, value) of each threshold; of each side the first is drawn strongest. One that is far off is not, or
            at the edge where it drops all.
    """
    first = next((bar for bar in h.bars if bar.low == bar.high), None)
    others = [bar for bar in h.bars if bar.low != bar.high]
    left = SIDE + (ZERO + 4 if first else 0)
    limits = [x for _, x in marks if not h.log or x > 0]
    low = min((bar.low for bar in others), default=0.0)
    high = max((bar.high for bar in others), default=1.0)
    if not h.log:
        low = min(low, 0.0)
        high, low = (max([high, *(x for x in limits if x <= 2 * high)]), min([low, *(x for x in limits if x >= 2 * low)]))
    else:
        low = min([low, *(x for x in limits if x >= low / 8)])
        high = max([high, *(x for x in limits if x <= high * 8)])

    def at(x: float) -> float:
        share = math.log(max(x, low) / low) / math.log(high / low) if h.log else (x - low) / (high - low or 1.0)
        return left + (WIDTH - SIDE - left) * min(1.0, max(0.0, share))

    floor, room = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP
    densities = [(bar.kept + bar.dropped) / max(at(bar.high) - at(bar.low), 1e-6) for bar in others]
    peak = max(densities, default=0.0)
    zero = (first.kept + first.dropped) / ZERO if first else 0.0
    broken = bool(densities) and zero > 3 * peak > 0
    peak = peak if broken else max(peak, zero)

    def stands(sign: str, x: float) -> float | None:
        """Where a threshold is drawn: of one beyond the picture at the edge if all is dropped, else nowhere."""
        if x > high:
            return WIDTH - SIDE if sign in LEAST else None
        if x < low and not (first and x >= 0):
            return None if sign in LEAST else SIDE
        return at(x) if x > low or not first else SIDE + ZERO

    places = [(sign, x, place) for sign, x in marks if (place := stands(sign, x)) is not None]
    strong: dict[str, float] = {}
    for sign, _, place in places:
        strong.setdefault(sign, place)
    parts: list[Markup] = []
    for sign, edge in strong.items():
        begin, end = (SIDE, edge) if sign in LEAST else (edge, WIDTH - SIDE)
        if end > begin:
            parts.append(el("rect", x=begin, y=TOP, width=end - begin, height=room, class_="shade"))
    for bar, density in zip(h.bars, _densities(h.bars, densities, zero), strict=True):
        x0, x1 = (SIDE, SIDE + ZERO) if bar is first else (at(bar.low), at(bar.high))
        gap = 0.6 if x1 - x0 > 3 else 0.0
        total, tall = bar.kept + bar.dropped, min(1.0, density / peak) * room if peak else 0.0
        tall = max(tall, 1.5)
        dropped = max(tall * bar.dropped / total, 1.5) if bar.dropped else 0.0
        kept = max(tall - dropped, 1.5) if bar.kept else 0.0
        shapes = [
            el("rect", x=x0, y=floor - kept, width=x1 - x0 - gap, height=kept, class_="k") if kept else None,
            el("rect", x=x0, y=floor - kept - dropped, width=x1 - x0 - gap, height=dropped, class_="d") if dropped else None,
        ]
        if bar is first and broken:
            middle = TOP + room / 3
            shapes.append(el("path", d=f"M{SIDE - 2} {middle + 4}l{ZERO + 4} -5v4l-{ZERO + 4} 5z", class_="gap"))
        parts.append(el("g", shapes, class_="bar"))
    parts.append(el("path", d=f"M{SIDE} {floor}H{WIDTH - SIDE}", class_="axis"))
    if first:
        parts.append(el("text", "0", x=SIDE + ZERO / 2, y=HEIGHT - 6, class_="tick"))
    for x in _ticks(low, high, h.log) if others else ():
        if at(x) > left + 9 or not first:
            parts.append(el("text", _short(x), x=min(max(at(x), SIDE + 4), WIDTH - SIDE - 8), y=HEIGHT - 6, class_="tick"))
    for _, _, place in places[:MARKS]:
        parts.append(el("path", d=f"M{place:.1f} {TOP}V{TOP + 8}", class_="limit other"))
    for sign, place in strong.items():
        x = next(x for s, x, _ in places if s == sign)
        parts.append(el("path", d=f"M{place:.1f} {TOP - 4}V{floor}", class_="limit"))
        anchor = "end" if sign in LEAST and len(strong) == 2 else "start" if len(strong) == 2 else "middle"
        anchor = "start" if place < WIDTH / 6 else "end" if place > 5 * WIDTH / 6 else anchor
        before, after = "← " * (x < low and not first), " →" * (x > high)
        parts.append(el("text", f"{before}{sign} {value(x)}{after}", x=place, y=TOP - 7, class_=f"word {anchor}"))
    return el("svg", parts, viewBox=f"0 0 {WIDTH:.0f} {HEIGHT:.0f}", role="img", aria_label=label, class_="histogram", tabindex="0")


def _densities(bars: Sequence[Bar], others: Sequence[float], zero: float) -> list[float]:
    rest = iter(others)
    return [zero if bar.low == bar.high else next(rest) for bar in bars]


def _short(x: float) -> str:
    for unit, one in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(x) >= one:
            return f"{x / one:g}{unit}"
    return f"{x:g}"


def _ticks(low: float, high: float, log: bool) -> list[float]:
    if log:
        powers = [10.0**e for e in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]
        if len(powers) >= 2:
            return powers[:: max(1, len(powers) // 5)]
        return [low, high]
    step = 10.0 ** math.floor(math.log10(max(high - low, 1e-300)))
    while (high - low) / step < 4:
        step /= 2
    return [round(i * step, 12) for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def bar(parts: Sequence[tuple[str, float]], whole: float, label: str, mark: float | None = None) -> Markup:
    """A horizontal bar of parts (class, amount) of a whole, with a mark at some amount.

    The picture is stretched to its cell, so it has no text of its own.
    """
    x, shapes = 0.0, []
    for class_, amount in parts:
        wide = 100 * amount / whole if whole else 0.0
        if amount > 0:
            shapes.append(el("rect", x=x, y=0, width=max(wide, 0.4), height=10, class_=class_))
        x += wide
    if mark is not None and whole:
        shapes.append(el("rect", x=min(99.2, 100 * mark / whole), y=0, width=0.8, height=10, class_="limit-mark"))
    return el("svg", shapes, viewBox="0 0 100 10", preserveAspectRatio="none", role="img", aria_label=label, class_="hbar")


# -- the graph ------------------------------------------------------------------------------------

LANES, MARGIN, GAP, THIN = 160.0, 200.0, 6.0, 1.2
"""Width of all flows at the widest place, of the picture, between flows, and of the smallest (ours)."""


@dataclass
class Flow:
    """Documents on the way from a port to a step."""

    port: str
    to: int
    documents: int


def graph(steps: Sequence[Mapping[str, Any]]) -> list[Markup]:
    """One strip for each step, which fit together: flows as wide as their documents, what leaves bends to the right.

    Args:
        steps: name, needs, kept, created, documents_in, dropped {reason: n}, merged, failed, branches; each behind those it needs.
    """
    row = {step["name"]: i for i, step in enumerate(steps)}
    leaving: list[list[Flow]] = [[] for _ in steps]
    for i, step in enumerate(steps):
        for port in step["needs"]:
            name, _, branch = port.partition(".")
            owner = port if port in row else name
            if owner in row:
                origin = steps[row[owner]]
                leaving[row[owner]].append(Flow(port, i, origin["branches"].get(branch, origin["kept"]) if branch else origin["kept"]))
    above: list[Flow] = []
    lanes = []
    for i in range(len(steps)):
        below = sorted([f for f in above if f.to != i] + leaving[i], key=lambda f: -f.to)  # the next step's flow is the rightmost
        lanes.append((above, below))
        above = below
    # where a step takes n documents and sends copies of them to several, both sides are to fit
    widest = max((sum(max(1, f.documents) for f in side) for pair in lanes for side in pair), default=1)
    widest = max([widest, *(step["documents_in"] + step["created"] for step in steps)])
    scale = LANES / widest
    return [_strip(step, i, above, below, scale) for i, (step, (above, below)) in enumerate(zip(steps, lanes, strict=True))]


def _placed(flows: Sequence[Flow], scale: float) -> dict[int, tuple[float, float]]:
    """Left and right of each flow, by its index."""
    x, places = 4.0, {}
    gap = min(GAP, 30.0 / max(1, len(flows)))
    for k, flow in enumerate(flows):
        wide = max(flow.documents * scale, THIN if flow.documents else THIN / 2)
        places[k] = (x, x + wide)
        x += wide + gap
    return places


def _strip(step: Mapping[str, Any], i: int, above: Sequence[Flow], below: Sequence[Flow], scale: float) -> Markup:
    tops, bottoms = _placed(above, scale), _placed(below, scale)
    shapes = []
    passing = [k for k, f in enumerate(above) if f.to != i]
    for k in passing:  # flows of other steps
        j = next(j for j, f in enumerate(below) if f is above[k])
        shapes.append(_band(tops[k], 0, bottoms[j], 100, "k"))
    into = [k for k, f in enumerate(above) if f.to == i]
    out = [j for j, f in enumerate(below) if not any(f is g for g in above)]
    gone = sum(step["dropped"].values()) + step["merged"] + step["failed"]
    taken = step["documents_in"] + step["created"]
    left = min([tops[k][0] for k in into] + [bottoms[j][0] for j in out], default=4.0)
    wide = max(taken * scale, THIN)
    node = (left, left + wide)
    middle = 42.0
    x = left
    for k in into:
        part = max(above[k].documents * scale, THIN / 2)
        shapes.append(_band(tops[k], 0, (x, min(x + part, node[1]) if len(into) > 1 else node[1]), middle, "k"))
        x += part
    stays = left + (wide - gone * scale if gone else wide)
    stays = max(left, min(stays, node[1] - THIN if gone else node[1]))
    if gone:
        shapes.append(_leaves((stays, node[1]), middle))
    sums = sum(f.documents for f in (below[j] for j in out))
    x = left
    for j in out:
        part = below[j].documents * scale
        copies = sums > step["kept"]  # each consumer has all of them
        start = (left, stays) if copies or len(out) == 1 else (x, max(x + part, x + THIN / 2))
        shapes.append(_band(start, middle, bottoms[j], 100, "k"))
        x += part
    shapes.append(el("rect", x=node[0], y=middle - 3, width=node[1] - node[0], height=6, class_="node"))
    return el("svg", shapes, viewBox=f"0 0 {MARGIN:.0f} 100", preserveAspectRatio="none", aria_hidden="true", class_="strip")


def _band(a: tuple[float, float], y0: float, b: tuple[float, float], y1: float, class_: str) -> Markup:
    half = (y0 + y1) / 2
    d = (
        f"M{a[0]:.1f} {y0 - 1:g}V{y0:g}C{a[0]:.1f} {half:g} {b[0]:.1f} {half:g} {b[0]:.1f} {y1:g}v1"
        f"H{b[1]:.1f}v-1C{b[1]:.1f} {half:g} {a[1]:.1f} {half:g} {a[1]:.1f} {y0:g}v-1z"
    )
    return el("path", d=d, class_=class_)


def _leaves(a: tuple[float, float], y: float) -> Markup:
    """What leaves: as wide as its documents at the step, then to the right edge, where its reasons stand."""
    thick = min(40.0, max(3.0, 1.4 * (a[1] - a[0])))
    center = 72.0
    d = (
        f"M{a[0]:.1f} {y:g}C{a[0]:.1f} {center + thick / 2:g} {a[0] + 14:.1f} {center + thick / 2:g} {MARGIN:g} {center + thick / 2:g}"
        f"V{center - thick / 2:g}C{a[1] + 4:.1f} {center - thick / 2:g} {a[1]:.1f} {center - thick / 2:g} {a[1]:.1f} {y:g}z"
    )
    return el("path", d=d, class_="d")


def key() -> Markup:
    """The pattern of what is dropped, for all pictures of a page."""
    hatch = el(
        "pattern",
        el("rect", width=6, height=6, class_="ground"),
        el("path", d="M-1 7L7 -1M-1 1L1 -1M5 7L7 5", class_="stroke"),
        id="hatch", width=6, height=6, patternUnits="userSpaceOnUse",
    )  # fmt: skip
    return el("svg", join(el("defs", hatch)), width=0, height=0, aria_hidden="true", class_="key")
