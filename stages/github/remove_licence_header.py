"""Take licence texts and copyright notices out of the comments at the start of files of code.

Source:  Llama 1 (Touvron et al. 2023), section 2.1: boilerplate such as headers is removed by regular expressions; which are ours
         (stages/github/header.py).
Units:   header_chars_removed = characters of `text` that went.
Params:  none.
Drops:   empty (nothing is left but white space).
Errors:  none of its own. A file of a language without comments in stages/github/languages.csv keeps its text.

Paragraphs go, from the first to the last that is about the licence; what else a comment says stays, and so does all that stands behind
code. What file_licence reads goes with them, so it comes first.
"""

from __future__ import annotations

import pyarrow as pa

from curation.stage import Batch, Columns, NoParams, stage
from stages.github.header import without_licence
from stages.github.languages import languages


@stage(reads=["text", "code_language"], writes={"text": pa.large_string(), "header_chars_removed": pa.int32()}, drops=["empty"])
def remove_licence_header(batch: Batch, params: NoParams) -> Columns:
    """Return text (large_string), header_chars_removed (int32) and drop_reason, one value per document."""
    texts, removed = [], []
    for _, text, name in batch.documents("text", "code_language"):
        text, language = text or "", languages().get(name or "")
        left = without_licence(text, language) if language is not None else text
        texts.append(left)
        removed.append(len(text) - len(left))
    return {
        "text": pa.array(texts, pa.large_string()), "header_chars_removed": pa.array(removed, pa.int32()),
        "drop_reason": pa.array([None if t.strip() else "empty" for t in texts], pa.string()),
    }  # fmt: skip
