"""Which part of a paper is kept: from its first section on, without its bibliography.

The first section is the first \\part, \\chapter or \\section of the document. Where there is none, or where most of the text stands before
it (a letter whose one section thanks somebody), the text starts behind the front matter: the last of \\maketitle, the abstract, the
title page; where there is none of these either, with the document.

A bibliography is an environment or command of one, or a section that is called so. What follows it (addresses, figures) is dropped up
to the next heading or \\appendix.

Source:  Llama 1, section 2.1 (everything before the first section, and the bibliography). The rest is ours.
Units:   characters.
"""

from __future__ import annotations

import re

_HEADING = r"\\(?:part|chapter|section)(?![A-Za-z@])\s{0,9}\*?\s{0,9}(?=[\[{])"
_LESSER = r"\\(?:subsection|subsubsection|paragraph|beginsection|heading|head|newsec|sect)(?![A-Za-z@])"
_FIRST = re.compile(_HEADING)
_FIRST_LESSER = re.compile(_LESSER)
_NEXT = re.compile(rf"{_HEADING}|{_LESSER}|\\appendix(?![A-Za-z@])|\\begin\{{(?:appendix|appendices)\}}|\\supplementary(?![A-Za-z@])")
_FRONT = re.compile(r"\\(?:maketitle|endtopmatter)(?![A-Za-z@])|\\end\{(?:abstract|frontmatter|titlepage|keywords?|IEEEkeywords)\}")
_CALLED = (
    "references(?: and notes| cited)?|bibliography|literature(?: cited)?|literatur(?:verzeichnis)?|r[ée]f[ée]rences|bibliographie"
    "|referencias|bibliograf[ií]a|riferimenti(?: bibliografici)?|refer[eê]ncias|список литературы|литература|参考文献"
)
_BIBLIOGRAPHY = re.compile(
    r"\\begin\{(?P<environment>thebibliography|references|REFERENCES|chapthebibliography|bibdiv|biblist)\}"
    r"|\\(?:bibliography|printbibliography|Refs)(?![A-Za-z@])"
    rf"|\\(?:chapter|section|subsection)\*?\s{{0,9}}\{{\s{{0,9}}(?i:{_CALLED})\s{{0,9}}\}}"
)
_SMALL = re.compile(
    r"\\(?:bibliographystyle|nocite|addbibresource|setbibpreamble|bibsection)(?![A-Za-z@])\s{0,9}\{[^{}]{0,2000}\}[ \t]*\n?"
    rf"|\\addcontentsline\s{{0,9}}\{{toc\}}\s{{0,9}}\{{[a-z]{{1,20}}\}}\s{{0,9}}\{{(?i:{_CALLED})\}}[ \t]*\n?"
)
_BLANK_LINES = re.compile(r"\n{3,}")


def start_of_body(text: str, max_front_share: float) -> tuple[int, str]:
    """Where the text starts that is kept, and at what: "section", "front_matter" or "document".

    Args:
        max_front_share: most that may stand between front matter and first section, as a share of what follows the front matter.
    """
    first = _FIRST.search(text) or _FIRST_LESSER.search(text)
    limit = first.start() if first else len(text)
    front = 0
    for match in _FRONT.finditer(text, 0, limit):
        front = match.end()
    if first and limit - front <= max_front_share * (len(text) - front):
        return limit, "section"
    return front, "front_matter" if front else "document"


def without_bibliography(text: str) -> str:
    """A text without bibliographies, and without what follows them up to the next heading."""
    out = []
    at = 0
    unclosed = set()
    while match := _BIBLIOGRAPHY.search(text, at):
        out.append(text[at : match.start()])
        end = match.end()
        if name := match["environment"]:
            close = -1 if name in unclosed else text.find(f"\\end{{{name}}}", end)
            if close < 0:
                unclosed.add(name)
            end = max(end, close)
        following = _NEXT.search(text, end)
        while following and _BIBLIOGRAPHY.match(text, following.start()):
            following = _NEXT.search(text, following.end())
        at = following.start() if following else len(text)
    out.append(text[at:])
    return _SMALL.sub("", "".join(out))


def tidied(text: str) -> str:
    """A text without blanks at the ends of lines, and with one empty line where there were several."""
    return _BLANK_LINES.sub("\n\n", "\n".join([line.rstrip(" \t") for line in text.split("\n")])).strip()
