"""Code for the sample sources (see make_sources.py): small functions, written for this project."""

PYTHON = (
    '''def mean(values):
    """Return the arithmetic mean; an empty list has none."""
    if not values:
        raise ValueError("mean of nothing")
    return sum(values) / len(values)
''',
    '''def chunks(items, size):
    """Yield the items in lists of `size`, the last one may be shorter."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
''',
    '''def parse_duration(text):
    """Return the seconds of a duration such as 1h20m or 45s."""
    seconds, number = 0, ""
    for sign in text:
        if sign.isdigit():
            number += sign
        elif sign in UNITS and number:
            seconds += int(number) * UNITS[sign]
            number = ""
        else:
            raise ValueError(f"cannot read {text!r}")
    return seconds
''',
    '''def slug(title):
    """Return the title as the last part of an address."""
    words = "".join(c.lower() if c.isalnum() else " " for c in title).split()
    return "-".join(words)
''',
    '''class Ring:
    """The last `size` values of a stream."""

    def __init__(self, size):
        self.size, self.values, self.next = size, [], 0

    def add(self, value):
        if len(self.values) < self.size:
            self.values.append(value)
        else:
            self.values[self.next] = value
        self.next = (self.next + 1) % self.size
''',
    '''def merge(left, right):
    """Merge two sorted lists into one."""
    out, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        if right[j] < left[i]:
            out.append(right[j])
            j += 1
        else:
            out.append(left[i])
            i += 1
    return out + left[i:] + right[j:]
''',
    '''def topological(graph):
    """Return the nodes so that each stands behind those it needs."""
    order, state = [], {}

    def visit(node):
        if state.get(node) == "open":
            raise ValueError(f"a cycle through {node}")
        if node not in state:
            state[node] = "open"
            for other in graph.get(node, ()):
                visit(other)
            state[node] = "done"
            order.append(node)

    for node in graph:
        visit(node)
    return order
''',
    '''def read_table(path):
    """Yield the rows of a file of tab-separated values as dictionaries."""
    with open(path, encoding="utf-8") as lines:
        names = next(lines).rstrip("\\n").split("\\t")
        for line in lines:
            yield dict(zip(names, line.rstrip("\\n").split("\\t"), strict=True))
''',
    '''def distance(a, b):
    """Return the edit distance of two words."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]
''',
    '''def retry(call, times=3, wait=0.5):
    """Call until it works; the last error is raised."""
    for attempt in range(times):
        try:
            return call()
        except OSError:
            if attempt == times - 1:
                raise
            time.sleep(wait * 2**attempt)
''',
    '''def histogram(values, edges):
    """Count how many values lie between each pair of edges."""
    counts = [0] * (len(edges) - 1)
    for value in values:
        place = bisect.bisect_right(edges, value) - 1
        if 0 <= place < len(counts):
            counts[place] += 1
    return counts
''',
    '''def tide_height(hours, amplitude=1.8, period=12.42):
    """Return the height of a simple tide above the mean, in metres."""
    return amplitude * math.cos(2 * math.pi * hours / period)
''',
    '''def wind_name(degrees):
    """Return the name of the direction the wind comes from."""
    names = ["north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west"]
    return names[round(degrees / 45) % 8]
''',
    '''def dew_point(celsius, humidity):
    """Return the dew point by the Magnus formula."""
    gamma = math.log(humidity / 100) + 17.62 * celsius / (243.12 + celsius)
    return 243.12 * gamma / (17.62 - gamma)
''',
    '''def gear_ratio(front, rear, circumference=2.1):
    """Return how many metres one turn of the pedals takes the bicycle."""
    return front / rear * circumference
''',
    '''def pitch(note, octave=4):
    """Return the frequency of a note of the tempered scale, A at 440 hertz."""
    steps = "C C# D D# E F F# G G# A A# B".split().index(note) - 9 + 12 * (octave - 4)
    return 440 * 2 ** (steps / 12)
''',
)
JAVASCRIPT = (
    '''export function groupBy(items, key) {
  const groups = new Map();
  for (const item of items) {
    const name = key(item);
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(item);
  }
  return groups;
}
''',
    '''export function clamp(value, low, high) {
  if (low > high) throw new RangeError("low is above high");
  return Math.min(Math.max(value, low), high);
}
''',
    '''export class Emitter {
  constructor() {
    this.listeners = {};
  }
  on(name, listener) {
    (this.listeners[name] ||= []).push(listener);
    return () => this.off(name, listener);
  }
  off(name, listener) {
    this.listeners[name] = (this.listeners[name] || []).filter((other) => other !== listener);
  }
  emit(name, ...values) {
    for (const listener of this.listeners[name] || []) listener(...values);
  }
}
''',
)
GO = (
    '''// Longest returns the longest of some words, the first one of equals.
func Longest(words []string) string {
	best := ""
	for _, word := range words {
		if len(word) > len(best) {
			best = word
		}
	}
	return best
}
''',
    '''// Sum adds numbers up and says whether it overflowed.
func Sum(values []int32) (total int32, ok bool) {
	wide := int64(0)
	for _, value := range values {
		wide += int64(value)
	}
	return int32(wide), wide == int64(int32(wide))
}
''',
)
MIT = """MIT License

Copyright (c) 2024 {holder}

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""
