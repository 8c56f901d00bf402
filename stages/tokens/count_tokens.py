"""Count the tokens of each document, as a tokenizer makes them; by option keep them.

Source:  the tokenizer's own library: tokenizers, tiktoken or sentencepiece (tokenizer_file.py); the default one is ours (default.md).
Units:   n_tokens = tokens of `text`, bos and eos among them; 0 for a null. token_ids = their ids.
Params:  tokenizer -- a tokenizer.json, a file of ranks (tiktoken's, or tokenizer.model of Llama 3) or a sentencepiece model: which,
         its content says. The default is a small one of the project; others make other counts (default.md).
         pattern -- how text is split before a file of ranks is used: llama3, o200k, cl100k or gpt2; null = told by the number of ranks.
         bos, eos -- id put before, and behind, each document that has a token; null = none.
         ids -- keep the ids, in a column token_ids.
Drops:   none.
Errors:  ValueError before the run if the file is no whole tokenizer, its package is missing (extra `tokenizer`, for files of ranks and
         sentencepiece models), or a pattern is missing. A text its tokenizer cannot encode fails.

A text that spells a special token has the tokens of its characters, not that token. Time and memory are linear in the length of a document:
of 4 MB, some seconds and, with a tokenizer.json, up to 750 MB. Llama 3's own tokenizer.model is four times as fast as its tokenizer.json.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from curation.assets import resolve
from curation.stage import AssetMark, Batch, Columns, StageParams, Types, stage
from stages.tokens.tokenizer_file import Pattern, check, load

Id = Annotated[int, Field(ge=0, lt=1 << 32)]


class Params(StageParams):
    """Parameters of count_tokens; see the file's docstring."""

    tokenizer: Annotated[str, AssetMark(check)] = "tokens/default.json"
    pattern: Pattern | None = None
    bos: Id | None = None
    eos: Id | None = None
    ids: bool = False


def check_pattern(params: Params, schema: pa.Schema) -> None:
    """Refuse a file of ranks whose pattern is not known, and a pattern for another file.

    Raises: ValueError.
    """
    load(params.tokenizer, params.pattern)


def _writes(params: Params) -> Types:
    return {"n_tokens": pa.int64()} | ({"token_ids": pa.list_(pa.uint32())} if params.ids else {})


@stage(reads=["text"], writes=_writes, costly=True, check=check_pattern)
def count_tokens(batch: Batch, params: Params) -> Columns:
    """Return n_tokens (int64) and, by option, token_ids (list<uint32>), one value per document."""
    tokenizer = load(str(resolve(params.tokenizer, Path.cwd())), params.pattern)
    before, behind = ([] if end is None else [end] for end in (params.bos, params.eos))
    counts = np.zeros(len(batch), np.int64)
    parts: list[Any] = [np.empty(0, np.uint32)]
    for row, text in batch.documents("text"):
        ids = tokenizer.ids(text) if text and params.ids else []
        counts[row] = len(ids) if params.ids else tokenizer.count(text) if text else 0
        if counts[row]:
            counts[row] += len(before) + len(behind)
            parts += [before, ids, behind] if params.ids else []
    if not params.ids:
        return {"n_tokens": counts}
    values = np.concatenate([np.asarray(part, np.uint32) for part in parts])
    ends = np.cumsum(np.append(0, counts)).astype(np.int32)
    return {"n_tokens": counts, "token_ids": pa.ListArray.from_arrays(ends, values)}
