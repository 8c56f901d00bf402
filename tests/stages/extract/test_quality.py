"""A floor under the extractor's quality on the development pages, which are not part of the project.

`python -m tests.stages.extract.test_quality` writes the floor anew: the figures of the shipped model, in percent. They
are about pages the model was fitted on, so they say that nothing got worse, not how good it is (bench/RESULTS.md does).
"""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from stages.extract.extract_html import Params, extract

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT.parent / "shared" / "data" / "extraction"
FLOOR = Path(__file__).with_name("quality_floor.json")
SLACK = 0.5
"""Points a figure may fall."""
TYPES = ("article", "forum", "documentation", "service", "listing", "collection", "product")
WANTED = {
    **{f"wcxb-dev/{t}": ("wF1", "shD") for t in TYPES}, "wcxb-dev": ("segF", "code"), "traf": ("segF",), "built-math": ("math",),
    "built-code": ("code",), "defuddle": ("math", "code"), "ghmath-lilian": ("math", "code"), "ghmath-julia": ("math", "code"),
    "ghcode-httpx": ("code",), "ghcode-cubed": ("code",), "ghcode-glue": ("code",), "cases": ("math", "code"), "readability": ("wF1",),
    "adversarial": ("wF1",),
}  # fmt: skip


def figures():
    """Figure of each goal with the shipped model, in percent."""
    spec = importlib.util.spec_from_file_location("score", DATA / "score.py")
    score = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(score)
    params = Params()
    rows = [
        score.score_page(page, {"id": page["id"], "text": extract(page["raw"], None, None, page["url"], params)["text"]})
        for page in score.iter_pages(str(DATA))
    ]
    found = {}
    for group, columns in WANTED.items():
        source, _, kind = group.partition("/")
        gathered = score.gather([r for r in rows if r["source"] == source and kind in ("", r["page_type"])])
        found |= {f"{group} {column}": round(100 * gathered[column], 2) for column in columns}
    return found


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "score.py").is_file(), reason="shared/data/extraction is not beside the project")
def test_no_goal_falls_by_more_than_half_a_point():
    floor, now = json.loads(FLOOR.read_text()), figures()
    assert set(floor) == set(now)
    assert {name: (floor[name], now[name]) for name in floor if now[name] < floor[name] - SLACK} == {}


if __name__ == "__main__":
    FLOOR.write_text(json.dumps(figures(), indent=1) + "\n")
    sys.stdout.write(FLOOR.read_text())
