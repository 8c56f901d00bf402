"""Make one text of a paper's TeX: what it reads put in, comments and bibliography out, the authors' own macros inlined.

The submission is opened in memory (submission.py), its comments go and verbatim text is set aside (comments.py), macros, inputs and
switches are resolved in one reading (expand.py, macros.py), and the body is cut out (body.py). The output is TeX, in UTF-8. Nothing
is executed. Macros that are programs (conditionals, \\csname, \\@ifnextchar ...) stay in the text as they were called.

Source:  Llama 1, section 2.1: everything before the first section, bibliography and comments removed, the users' definitions and
         macros inlined. Limits ours.
Units:   bytes, characters; counts of files, macros and distinct names.
Params:  max_tex_bytes -- files of a submission that are no figures are read up to so many bytes in all (default 16 MiB).
         max_unpacked_bytes -- bytes that may come out of a submission, figures among them (default 512 MiB).
         max_expansion -- work of inlining, in multiples of the submission's bytes (1 MiB is free); beyond it the paper is a macro_bomb.
         max_front_share -- most of a document that may stand before its first section; where more does, the text starts behind title
         and abstract.
Drops:   no_tex (PDF, PostScript, HTML, withdrawn), no_main_file (several files of TeX, and none begins a document), broken_record and
         too_large (of a submission that is damaged or too large, only where something the paper reads is lost), macro_bomb, empty.
Errors:  none.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pydantic import Field

from curation.stage import Batch, Columns, StageParams, stage
from stages.arxiv.body import start_of_body, tidied, without_bibliography
from stages.arxiv.expand import Expansion
from stages.arxiv.macros import BombError
from stages.arxiv.submission import Submission

WRITES = {
    "text": pa.large_string(),
    "title": pa.field("title", pa.string(), nullable=True), "tex_main": pa.field("tex_main", pa.string(), nullable=True),
    "starts_at": pa.string(), "n_tex_files": pa.int32(), "n_missing_inputs": pa.int32(), "n_macros": pa.int32(),
    "n_opaque_macros": pa.int32(),
}  # fmt: skip
_NOTHING = {
    "text": "", "title": None, "tex_main": None, "starts_at": "document", "n_tex_files": 0, "n_missing_inputs": 0, "n_macros": 0,
    "n_opaque_macros": 0, "drop_reason": None,
}  # fmt: skip


class Params(StageParams):
    """Parameters of clean_latex; see the file's docstring."""

    max_tex_bytes: int = Field(default=16 << 20, ge=1)
    max_unpacked_bytes: int = Field(default=512 << 20, ge=1)
    max_expansion: float = Field(default=8.0, ge=0)
    max_front_share: float = Field(default=0.5, ge=0, le=1)


def clean(content: bytes, params: Params) -> dict[str, Any]:
    """The stage's columns for one submission, drop_reason among them."""
    paper = Submission(content, params.max_tex_bytes, params.max_unpacked_bytes)
    main = paper.main()
    if main is None:
        return _NOTHING | {"drop_reason": paper.reason or ("no_main_file" if paper.tex() else "no_tex")}
    try:
        read = Expansion(paper, main, params.max_expansion)
        start, kind = start_of_body(read.text, params.max_front_share)
        text = paper.comments.restored(tidied(without_bibliography(read.text[start:])), read.work)
        title = None if read.title is None else paper.comments.restored(read.title, read.work)
    except BombError:
        return _NOTHING | {"tex_main": main, "drop_reason": "macro_bomb"}
    reason = paper.reason if read.missing else None
    return {
        "text": text, "title": title, "tex_main": main, "starts_at": kind,
        "n_tex_files": len(read.files), "n_missing_inputs": len(read.missing), "n_macros": len(read.macros),
        "n_opaque_macros": len(read.opaque), "drop_reason": reason or (None if text.strip() else "empty"),
    }  # fmt: skip


@stage(
    reads=["content"], writes=WRITES, drops=["no_tex", "no_main_file", "broken_record", "too_large", "macro_bomb", "empty"], costly=True
)
def clean_latex(batch: Batch, params: Params) -> Columns:
    """Return the columns of WRITES and drop_reason, one value per document."""
    rows = [clean(content or b"", params) for _, content in batch.documents("content")]
    types = {name: getattr(kind, "type", kind) for name, kind in WRITES.items()} | {"drop_reason": pa.string()}
    return {name: pa.array([row[name] for row in rows], kind) for name, kind in types.items()}
