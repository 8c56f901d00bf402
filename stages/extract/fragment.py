"""A piece of HTML that is content from end to end, as text: a post, a chapter, a comment.

It is read and written as a page is (page.py, render.py), but for two things: no block is judged, all are kept, the labels of code
blocks too, and Markdown markers stay, since nothing says that the piece went through a converter that left them behind.

Source:  ours.
Units:   HTML in UTF-8.
Errors:  FragmentError, for a piece with too many bytes or nodes, or one that no tree can be made of.
"""

from __future__ import annotations

import numpy as np

from stages.extract.page import read
from stages.extract.render import Rendered, render

MAX_BYTES = 64 << 20
"""Bytes of a piece; a book in one file has some megabytes. Ours."""


class FragmentError(ValueError):
    """A piece of HTML that is not read; the message says why."""


def fragment(html: bytes, *, max_bytes: int = MAX_BYTES, strip_markdown: bool = False) -> Rendered:
    """The text of a piece of HTML, and what it holds. Linear in it; what is no markup is text.

    Args:
        html: UTF-8; what is not becomes U+FFFD.
        max_bytes: a longer piece is refused.
        strip_markdown: take Markdown markers out of prose.
    Raises: FragmentError.
    """
    if len(html) > max_bytes:
        raise FragmentError(f"{len(html):,} bytes are more than {max_bytes:,}")
    try:
        page = read(b"<body>" + html, furniture=False)  # so that no <frameset> in it takes the place of its text
    except (ValueError, RuntimeError) as e:
        raise FragmentError(str(e)) from e
    return render(page, np.ones(len(page.blocks.table), np.bool_), "text", strip=strip_markdown)


def fragment_text(html: bytes, *, max_bytes: int = MAX_BYTES, strip_markdown: bool = False) -> str:
    """`fragment(...).text`.

    >>> fragment_text(b"<p>Let $x < y$, so <code>a_b</code>:</p><pre><code>f(x)\\n  &lt; 3</code></pre><ul><li>one</li><li>two</li></ul>")
    'Let $x < y$, so a_b:\\n\\nf(x)\\n  < 3\\n\\n- one\\n- two'
    """
    return fragment(html, max_bytes=max_bytes, strip_markdown=strip_markdown).text
