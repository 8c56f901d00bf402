"""The first pass over wikitext: comments, extension tags, and templates with those inside them.

A template goes, but for some whose text readers see within a sentence (rendered.py). Braces are matched as MediaWiki's preprocessor
does it: runs of them on a stack, three for a parameter, and what is never closed is no template. What stands in an extension tag is no
wikitext, so an open brace in a reference does no harm outside. One pass; what is rendered is bounded in size.
"""

from __future__ import annotations

import re

from stages.extract.math.raw_tex import delimited
from stages.wikipedia.kept import Kept, entities
from stages.wikipedia.rendered import normal, render_of

MAX_RENDERED_CHARS = 10_000
"""A longer template is not rendered: nested ones are copied once a level. Ours."""
_TOKEN = re.compile(r"\{\{+|\}\}+|<!--|<(/?)([a-zA-Z]+)([^<>]*+)>")
_DROPPED = frozenset([
    "ref", "references", "gallery", "timeline", "imagemap", "score", "templatedata", "templatestyles", "graph", "mapframe", "maplink",
    "hiero", "includeonly", "inputbox", "categorytree", "indicator",
])  # fmt: skip
_MATH = frozenset(["math", "chem", "ce"])
_CODE = frozenset(["pre", "syntaxhighlight", "source"])
_EXTENSIONS = _DROPPED | _MATH | _CODE | {"nowiki"}
_ENDS = {name: re.compile(f"</{''.join(f'[{c}{c.upper()}]' for c in name)}\\s*+>") for name in _EXTENSIONS}
_NOWIKI = re.compile(r"</?nowiki\s*+/?>", re.IGNORECASE)
_PIPE, _EQUALS = "\x05", "\x06"
"""For | and = in what a template became: they part no arguments of the template around it, as in MediaWiki."""
_VARIANTS = re.compile(r"-\{([^{}]{0,1000})\}-")


def without_templates(text: str, kept: Kept) -> tuple[str, list[str]]:
    """The text without comments and templates, with formulas and code put aside; and the templates' names, as `normal` has them."""
    out: list[str] = []
    names: list[str] = []
    open_: list[list[int]] = []  # braces, place in `out`, place in the text
    endless: set[str] = set()  # extension tags that nothing closes any more
    at = 0
    while token := _TOKEN.search(text, at):
        start, found = token.start(), token[0]
        if start > at:
            out.append(text[at:start])
        at = token.end()
        if found[0] == "{":
            open_.append([len(found), len(out), start])
        elif found[0] == "}":
            _close(len(found), start, out, open_, names)
        elif found == "<!--":
            end = text.find("-->", at)
            if end < 0:
                at = len(text)
                break
            at = end + 3
            # A comment alone on its lines takes one of the line ends with it.
            if text.startswith("\n", at) and (start == 0 or text[start - 1] == "\n"):
                at += 1
        else:
            name = token[2].lower()
            if name not in _EXTENSIONS:
                out.append(found)
            elif not token[1] and not token[3].endswith("/") and name not in endless:
                end_tag = _ENDS[name].search(text, at)
                if end_tag is None:
                    endless.add(name)
                else:
                    if name not in _DROPPED:
                        out.append(_aside(name, token[3], text[at : end_tag.start()], kept))
                    at = end_tag.end()
    out.append(text[at:])
    whole = "".join(out).replace(_PIPE, "|").replace(_EQUALS, "=")
    return (_VARIANTS.sub(_variant, whole) if "-{" in whole else whole), names


def _close(braces: int, end: int, out: list[str], open_: list[list[int]], names: list[str]) -> None:
    """Close what a run of braces closes; what it does not is gone."""
    while braces >= 2 and open_:
        frame = open_[-1]
        first = frame[1]
        taken = 3 if braces >= 3 and frame[0] >= 3 else 2
        head = out[first].partition("|")[0] if first < len(out) else ""
        short = end - frame[2] <= MAX_RENDERED_CHARS
        if taken == 3:
            text = "".join(out[first:]).partition("|")[2] if short else ""
        else:
            name, colon, _ = normal(head).partition(":")
            names.append(name)
            render = render_of(name)
            text = render(_arguments("".join(out[first:]), colon)) if render and short else ""
            if text == "|":  # {{{!}} begins a table, {{!}}} ends it
                text = "{" * (frame[0] == 3) + text + "}" * (braces == 3)
            text = text.replace("|", _PIPE).replace("=", _EQUALS)
        del out[first:]
        out.append(text)
        braces -= taken
        frame[0] -= taken
        if frame[0] < 2:
            open_.pop()


def _arguments(content: str, colon: str) -> list[str]:
    """A template's arguments; of a parser function (`colon`) the one behind its colon, too. A | within a link parts none."""
    parts: list[str] = []
    depth = 0
    for part in content.split("|"):
        if depth > 0:
            parts[-1] += "|" + part
        else:
            parts.append(part)
        depth = max(0, depth + part.count("[[") - part.count("]]"))
    return parts[1:] if not colon else [content[content.find(":") + 1 :].partition("|")[0], *parts[1:]]


def _aside(name: str, attributes: str, content: str, kept: Kept) -> str:
    """What stands for the content of an extension tag."""
    if name == "nowiki":
        return kept.place("text", entities(content))
    if name in _MATH:
        tex = " ".join(content.split())
        if not tex:
            return ""
        return kept.place("formula", delimited(tex if name == "math" else rf"\ce{{{tex}}}", "block" in attributes))
    if name == "pre":
        content = entities(_NOWIKI.sub("", content) if "nowiki" in content else content)
    if "inline" in attributes:
        return kept.place("text", content.strip())
    lines = content.strip("\n").rstrip()
    return f"\n\n{kept.place('code', lines)}\n\n" if lines.strip() else ""


def _variant(found: re.Match[str]) -> str:
    """Of a word given in several scripts (-{zh-hans:…; zh-hant:…}-) the first; rules that show nothing are nothing."""
    rule = found[1]
    flags, bar, text = rule.partition("|")
    if bar:
        if not {"A", "R", "-"} & set(flags):
            return ""
        rule = text
    _, colon, first = rule.partition(";")[0].partition(":")
    return first.strip() if colon and ";" in rule else rule
