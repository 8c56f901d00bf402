"""What kind of page a page says it is, in its address and its machine-readable types.

Source:  schema.org types (JSON-LD), ogp.me `og:type`; the words of addresses and the kinds are ours.
Units:   numbers for the block classifier; nothing here is a word of the page's text.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from stages.extract.tree import TAG, Tree

KINDS = {
    "article": (
        "Article NewsArticle BlogPosting Report ScholarlyArticle Blog Recipe article",
        "blog news article articles story post posts press",
    ),
    "product": (
        "Product Offer AggregateOffer IndividualProduct ProductGroup SoftwareApplication product",
        "product products p dp item items shop store buy",
    ),
    "listing": (
        "ItemList CollectionPage SearchResultsPage OfferCatalog product.group",
        "category categories collection collections tag tags archive search list browse c",
    ),
    "thread": (
        "DiscussionForumPosting QAPage Question Answer Comment",
        "forum forums thread threads topic questions discussion t showthread comments r",
    ),
    "docs": (
        "TechArticle APIReference HowTo SoftwareSourceCode",
        "docs doc documentation api reference guide guides manual tutorial wiki learn help",
    ),
    "service": (
        "Service LocalBusiness ProfessionalService FAQPage Organization",
        "services service solutions about pricing features platform contact",
    ),
}
"""Kind -> its types, and words of its addresses."""
NAMES = (*(f"typed_{kind}" for kind in KINDS), *(f"url_{kind}" for kind in KINDS), "url_depth", "url_words", "url_digits")
_OF_TYPE = {name.lower().encode(): n for n, (types, _) in enumerate(KINDS.values()) for name in types.split()}
_OF_WORD = {word: len(KINDS) + n for n, (_, words) in enumerate(KINDS.values()) for word in words.split()}
_TYPE = re.compile(rb'"@type"\s{0,9}:\s{0,9}\[?\s{0,9}"([A-Za-z]{3,40})"')
_OG_TYPE = re.compile(rb'<meta [^>]{0,200}"og:type"[^>]{0,200}')
_CONTENT = re.compile(rb' content="([a-z.:]{3,40})"')
_WORD = re.compile(r"[a-z]+")
MAX_HEAD_BYTES, MAX_URL_CHARS = 64 << 10, 500


def page_kind(tree: Tree, url: str | None) -> Any:
    """Numbers that tell a page's kind: float32 (len(NAMES),)."""
    out = np.zeros(len(NAMES), np.float32)
    found = [m.lower() for index in np.flatnonzero(tree.tag == TAG["script"]).tolist()
             for m in _TYPE.findall(tree.source, int(tree.stop[index]), int(tree.stop[tree.end[index] - 1]) + 1)]  # fmt: skip
    og = _OG_TYPE.search(tree.source, 0, MAX_HEAD_BYTES)
    if og is not None:
        found += _CONTENT.findall(og.group())
    for name in found:
        if name in _OF_TYPE:
            out[_OF_TYPE[name]] = 1
    path = urlsplit(url[:MAX_URL_CHARS]).path.lower() if url else ""
    for word in _WORD.findall(path):
        if word in _OF_WORD:
            out[_OF_WORD[word]] = 1
    parts = [part for part in path.split("/") if part]
    out[-3:] = len(parts) if url else -1, path.count("-") + path.count("_"), sum(c.isdigit() for c in path)
    return out
