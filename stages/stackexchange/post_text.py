"""Turn the HTML of a post into text: code and formulas between dollars kept, lists and quotes as paragraphs.

Nothing is judged: a post is content from end to end. Posts as the site's editor writes them go through one kernel (markup.py), the others
through the reader of pages (extract/fragment.py); the text is the same.

Source:  Llama 1, section 2.1: HTML tags removed. That code, formulas and lists keep their form is ours.
Units:   bytes of HTML.
Params:  max_bytes -- longer posts are dropped (default 1 MiB; a post may have 30,000 characters).
Drops:   empty (neither text nor a title: an image alone, say), too_large (bytes or nodes). A question that is an image stays for its title.
Errors:  none. The words that the editor writes where an image has no alternative text are left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.rules import first_true
from curation.stage import Batch, Columns, StageParams, stage
from stages.extract.extract_html import LEXBOR
from stages.extract.fragment import FragmentError, fragment_text
from stages.stackexchange.markup import post_texts

_NO_ALT = b'alt="enter image description here"'


class Params(StageParams):
    """Parameters of post_text; see the file's docstring."""

    max_bytes: int = 1 << 20


@stage(
    reads=["content", "title"], writes={"text": pa.large_string()}, drops=["empty", "too_large"],
    version=f"4:selectolax-{LEXBOR}", costly=True,
)  # fmt: skip
def post_text(batch: Batch, params: Params) -> Columns:
    """Return text and drop_reason, one value per document."""
    content = batch["content"].fill_null(b"")
    _, places, values = content.buffers()
    offsets = np.frombuffer(places, np.int64)[content.offset : content.offset + len(content) + 1] if len(content) else np.zeros(1, np.int64)
    data = np.frombuffer(values, np.uint8) if values is not None and values.size else np.empty(0, np.uint8)
    found, ends, done = post_texts(data, offsets)
    quick = pa.Array.from_buffers(pa.large_string(), len(content), [None, pa.py_buffer(ends), pa.py_buffer(found)])
    long = np.diff(offsets) > params.max_bytes
    pieces, at = [], 0
    for row, html in batch.documents("content", rows=np.flatnonzero(~done | long | ~_are_utf8(content))):
        text = ""
        if not long[row]:
            try:
                text = fragment_text(html.replace(_NO_ALT, b'alt=""'))
            except FragmentError:
                long[row] = True
        pieces += [quick[at:row], pa.array([text], pa.large_string())]
        at = row + 1
    written = pa.concat_arrays([*pieces, quick[at:]]) if pieces else quick
    return {"text": written, "drop_reason": first_true(too_large=long, empty=_blank(written) & _blank(batch["title"].fill_null("")))}


def _blank(texts: pa.Array) -> Any:
    return pc.or_(pc.equal(pc.binary_length(texts), 0), pc.utf8_is_space(texts)).to_numpy(zero_copy_only=False)


def _are_utf8(content: pa.Array) -> Any:
    """Which posts are valid UTF-8: bool (n,)."""
    try:
        content.cast(pa.large_string())
    except pa.ArrowInvalid:
        return np.array([_is_utf8(html) for html in content.to_pylist()], bool)
    return np.ones(len(content), bool)


def _is_utf8(html: bytes) -> bool:
    try:
        html.decode()
    except UnicodeDecodeError:
        return False
    return True


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this stage."""
    posts = [b"<p>a <code>b</code></p><pre><code>c</code></pre><ol><li>d</li></ol>", b"<p>a <tt>b</tt> $x$<table><tr><td>c"]
    post_text(pa.table({"content": pa.array(posts, pa.large_binary()), "title": pa.nulls(2, pa.string())}))
