"""Turn the HTML of a post into text: code and formulas between dollars kept, lists and quotes as paragraphs.

Nothing is judged: a post is content from end to end. Posts as the site's editor writes them go through one kernel (markup.py), the others
through the reader of pages (extract/fragment.py); the text is the same.

Source:  Llama 1, section 2.1: HTML tags removed. That code, formulas and lists keep their form is ours.
Units:   bytes of HTML.
Params:  max_bytes -- longer posts are dropped (default 1 MiB; a post may have 30,000 characters).
Drops:   empty (no text: an image alone, say), too_large (bytes or nodes).
Errors:  none. The words that the editor writes where an image has no alternative text are left out.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from curation.stage import Batch, Columns, StageParams, stage
from stages.extract.extract_html import LEXBOR
from stages.extract.fragment import FragmentError, fragment_text
from stages.stackexchange.markup import post_texts

_NO_ALT = b'alt="enter image description here"'


class Params(StageParams):
    """Parameters of post_text; see the file's docstring."""

    max_bytes: int = 1 << 20


@stage(reads=["content"], writes={"text": pa.large_string()}, drops=["empty", "too_large"], version=f"1:selectolax-{LEXBOR}", costly=True)
def post_text(batch: Batch, params: Params) -> Columns:
    """Return text and drop_reason, one value per document."""
    content = batch["content"].fill_null(b"")
    _, places, values = content.buffers()
    offsets = np.frombuffer(places, np.int64)[content.offset : content.offset + len(content) + 1] if len(content) else np.zeros(1, np.int64)
    data = np.frombuffer(values, np.uint8) if values is not None and values.size else np.empty(0, np.uint8)
    found, ends, done = post_texts(data, offsets)
    quick, bounds, read = found.tobytes(), ends.tolist(), done.tolist()
    texts: list[str] = []
    reasons: list[str | None] = []
    for row, html in batch.documents("content"):
        html, text, reason = html or b"", "", None
        if len(html) > params.max_bytes:
            reason = "too_large"
        elif read[row] and _is_utf8(html):
            text = quick[bounds[row] : bounds[row + 1]].decode()
        else:
            try:
                text = fragment_text(html.replace(_NO_ALT, b'alt=""'))
            except FragmentError:
                reason = "too_large"
        texts.append(text)
        reasons.append(reason or (None if text.strip() else "empty"))
    return {"text": pa.array(texts, pa.large_string()), "drop_reason": pa.array(reasons, pa.string())}


def _is_utf8(html: bytes) -> bool:
    try:
        html.decode()
    except UnicodeDecodeError:
        return False
    return True


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this stage."""
    posts = [b"<p>a <code>b</code></p><pre><code>c</code></pre><ol><li>d</li></ol>", b"<p>a <tt>b</tt> $x$<table><tr><td>c"]
    post_text(pa.table({"content": pa.array(posts, pa.large_binary())}))
