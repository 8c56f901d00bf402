"""flachtex as `flachtex --newcommand --comments` runs it; see latex_loop."""

import tempfile
from pathlib import Path

from flachtex import Preprocessor, remove_comments
from flachtex.__main__ import find_command_definitions
from latex_loop import main


def clean(tex: str) -> str:
    """Text of a paper without comments, its \\newcommands substituted."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "main.tex"
        path.write_text(tex, encoding="utf-8")
        preprocessor = Preprocessor(folder)
        preprocessor.substitution_rules.append(find_command_definitions(path))
        return str(remove_comments(preprocessor.expand_file(str(path))))


if __name__ == "__main__":
    main(clean)
