"""What a block of code says of its language, and whether a block without a word of it looks like code.

Source:  classes and attributes as highlighters write them; the rule for undeclared blocks is ours.
Units:   names in lower case as declared (`js` stays `js`); None for `text`, `plain` and the like.
"""

from __future__ import annotations

import re
from pathlib import Path

from stages.extract.tree import Node

_NO_LANGUAGE = frozenset([
    "auto", "code", "default", "ignore", "nohighlight", "no-highlight", "none", "null", "plain", "plaintext", "raw", "text", "txt",
    "undefined",
])  # fmt: skip
LANGUAGES = frozenset((Path(__file__).parent / "languages.txt").read_text(encoding="utf-8").split())
"""Names that count as a language where nothing but their place says so: `<pre class="bash">`."""
_PREFIXES = ("language-", "lang-", "highlight-source-", "mw-highlight-lang-", "code-lang-", "shj-lang-")
_LOOSE_PREFIXES = ("highlight-text-", "highlight-", "source-", "syntax-", "code-", "src-", "hl-")
_BEFORE = ("brush:", "lang:", "language:")
_DECLARING = (
    "data-lang", "data-language", "data-enlighter-language", "data-code-wrap", "data-code-block-lang", "data-code-lang", "data-mode-id",
    "language", "lang",
)  # fmt: skip
_HIGHLIGHTERS = frozenset([
    "brush:", "chroma", "code", "codehilite", "geshi", "highlight", "highlighter-rouge", "hljs", "mw-highlight", "prettyprint", "shiki",
    "sourcecode", "source-code", "src", "syntaxhighlighter", "wp_syntax",
])  # fmt: skip
"""Classes beside which a bare word is a language: `hljs go`, `sourceCode r`."""
_NAME = re.compile(r"[a-z0-9][a-z0-9+#._-]{0,29}|[a-z][+#]*")


def _name(value: str, *, known: bool) -> str | None:
    value = value.lower().strip(" ;,")
    if value in _NO_LANGUAGE or not _NAME.fullmatch(value) or (known and value not in LANGUAGES):
        return None
    return value


def declared_language(node: Node, *, around: bool = False) -> str | None:
    """The language that an element declares: by an attribute, or by a class as highlighters write them.

    around: it stands around the block, where a class may mean other things: `lang-en`, `text`, `c`.
    """
    attributes = node.attributes()
    if not attributes:
        return None
    for key in _DECLARING:
        name = _name(attributes.get(key, "")[:60], known=key in ("lang", "language"))
        if name:
            return name
    classes = f"{attributes.get('class', '')} {attributes.get('data-syntaxhighlighter-params', '')}"[:1000].lower().split()
    highlighter = not _HIGHLIGHTERS.isdisjoint(classes)
    for place, token in enumerate(classes):
        for prefix in _BEFORE:
            if token.startswith(prefix):
                name = _name(token[len(prefix) :] or "".join(classes[place + 1 : place + 2]), known=False)
                if name:
                    return name
        for prefix in _PREFIXES + _LOOSE_PREFIXES:
            if token.startswith(prefix):
                name = _name(token[len(prefix) :], known=prefix in _LOOSE_PREFIXES or (around and not highlighter))
                if name:
                    return name
    bare = highlighter or not around
    return next((token for token in classes if bare and token in LANGUAGES and len(token) > 1 - highlighter), None)


_STARTS = re.compile(
    r"(?:[$%#>] ?|>>> ?|\.\.\. |C:\\|//|/\*|\*/|--|<[!/?a-zA-Z]|#include|#define|@[a-z]|import |from [\w.]+ import|def |class |return\b|"
    r"(?:public|private|protected|static|const|let|var|func|fn|function|package|using|namespace|struct|enum|interface|type|typedef|void|"
    r"int|char|float|double|bool|string|unsigned|long|SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|BEGIN|WITH|select|create) |"
    r"(?:if|for|while|switch|elif|else if|catch|foreach|until|unless)\b.{0,200}[:{(]|else\b|try\b|end$|endif|done$|fi$|"
    r"(?:sudo|apt|apt-get|yum|dnf|brew|npm|npx|yarn|pnpm|pip|pip3|git|cd|ls|cp|mv|rm|mkdir|chmod|curl|wget|docker|kubectl|make|cmake|gcc|"
    r"python|python3|node|go|cargo|ssh|echo|export|cat|grep|tar|systemctl|service) [\w./~$@-])"
)
_HOLDS = re.compile(
    r"[\w)\]\"'] ?(?:==?=?|:=|\+=|-=|=>|->|!=|<=|>=|&&|\|\|) ?[\w(\[\"'{$&*-]|"
    r"\w\(|::|\w\.\w+\(|\[\d|\\n|\$\w|</|/>|%[sd]\b|\"\w+\":"
)
_ENDS = (";", "{", "}", "(", ")", "):", "[", "]", "],", "},", ");", "\\", "*/", "->", "=>", "',", '",', '"', "|")


def looks_like_code(text: str) -> bool:
    """Whether at least half of the lines of a block have the marks of code: the rule for blocks without a declared language.

    A line has them if it begins as a statement, comment, tag or command does, ends in a bracket or semicolon, or holds an
    operator or a call; verse, mail and drawings have few such lines. The first 200 lines count, 300 characters of each (ours).
    """
    lines = [line.strip()[:300] for line in text[:60_000].split("\n")[:200]]
    lines = [line for line in lines if line]
    marked = sum(bool(line.endswith(_ENDS) or _STARTS.match(line) or _HOLDS.search(line)) for line in lines)
    return bool(lines) and 2 * marked >= len(lines)
