"""A submission's bytes opened in memory: which files it holds, and which of them is the paper.

arXiv keeps a submission as it was made: one file of TeX, or a tar, either of them in gzip as a rule. Names in a tar are data.
Figures are passed over; what is unpacked is bounded.

Source:  arXiv's help on submitting TeX: 00README, %auto-ignore. Endings, limits and the choice are ours.
Units:   bytes unpacked.
"""

from __future__ import annotations

import io
import json
import posixpath
import re

from stages.arxiv.comments import Comments
from stages.extract.charset import decoded
from stages.sources.archives.entries import TOO_LARGE
from stages.sources.archives.members import members_of

TEX = ("tex", "ltx", "latex", "txt", "tx", "cry", "")
"""Endings a paper may have."""
_PASSED_OVER = re.compile(
    "epsf?|epsi|ps|pdf|png|jpe?g|gif|bmp|tiff?|svg|fig|wmf|emf|pict|mp4|mov|avi|mpg|dat|csv|xlsx?|gz|z|zip|tar|pfb|tfm|pk|otf|ttf|afm|bst|bib"
    "|blg|aux|log|out|gnu|nb|ipynb|mat|npy|h5|fits|pgf|(?:pdf|eps|ps)_tex|ps?tex_t"
)
"""Endings of what is not read: figures (those that are TeX, too), data, and bibliographies, which are dropped anyway."""
MAX_FILES = 2_000
"""Files that are no figures, behind which the rest is too_large (ours)."""
_WORD = re.compile(rb"\\[A-Za-z]{2,}")
_MARKUP = re.compile(rb"%PDF-|%!PS|<!DOCTYPE|<html|PK\x03\x04|\x89PNG|\{\\rtf", re.I)
_INPUTENC = re.compile(rb"\\usepackage\s{0,9}\[\s{0,9}([A-Za-z0-9-]{1,20})\s{0,9}\]\s{0,9}\{inputenc\}")
_CHARSETS = {"ansinew": "cp1252", "applemac": "mac-roman", "latin9": "iso-8859-15", "latin10": "iso-8859-16", "utf8x": "utf-8"}
"""Names inputenc has for charsets and pages have not."""
_CLASS = re.compile(r"\\document(?:class|style)(?![A-Za-z@])")
_BEGIN = "\\begin{document}"
_PLAIN = re.compile(
    r"\\(?:bye|magnification|beginsection|topmatter)(?![A-Za-z@])|\\input\s{0,9}\{?(?:amstex|amsppt|harvmac|lanlmac|phyzzx)(?![A-Za-z])"
)
_FRAGMENT = re.compile(r"\\documentclass\s{0,9}(?:\[[^\]]{0,400}\])?\s{0,9}\{(?:standalone|beamer|letter)\}")
_INPUT = re.compile(
    r"\\(?:input|include|subfile|subfileinclude|InputIfFileExists|(?P<folder>sub)?import)(?![A-Za-z@])\*?\s{0,9}"
    r"(?:\{([^{}]{1,200})\}\s{0,9}(?:\{([^{}]{1,200})\})?|\"([^\"\n]{1,200})\"|([^\s{}\\%]{1,200}))"
)
_BESIDE = re.compile(
    r"(?:^|[^A-Za-z])(?:supp|suppl|supplement|supplementary|supplemental|supp?mat|SM|SI|appendix|response|reply|rebuttal|referees?|cover|letter"
    r"|old|update|diff|poster|slides|template|sample|[Ee]rratum)(?:[^A-Za-z]|$)", re.I,
)
"""Words in the name of what is handed in beside a paper."""
_LINE_OF_README = re.compile(r"^\s{0,9}(\S{1,200})[ \t]{1,20}(toplevelfile|ignore)", re.M)


class Submission:
    """The files of a submission that may be TeX.

    Args:
        content: its bytes as arXiv has them.
    Attributes:
        files: cleaned name -> bytes. reason: "broken_record" or "too_large" where something of it is lost, else None.
    """

    def __init__(self, content: bytes, max_tex_bytes: int, max_unpacked_bytes: int) -> None:
        self.files: dict[str, bytes] = {}
        self.reason: str | None = None
        for member in members_of(
            io.BytesIO(content), "paper", max_member_bytes=max_tex_bytes, max_members=MAX_FILES,
            max_total_bytes=max_unpacked_bytes, only=lambda name: not passed_over(name),
        ):  # fmt: skip
            max_tex_bytes -= len(member.content or b"")
            if member.content is None or max_tex_bytes < 0:
                self.reason = self.reason or member.reason or TOO_LARGE
            else:
                self.files[member.name] = member.content
            if max_tex_bytes < 0:
                break
        self._folded = {name.lower(): name for name in self.files}
        self._plain: dict[str, str] = {}
        self._decoded: dict[str, str] = {}
        declared = next((match[1].decode().lower() for data in self.files.values() if (match := _INPUTENC.search(data))), None)
        self.charset = _CHARSETS.get(declared, declared) if declared else None
        self.comments = Comments(self._text(name) for name in self.files if _ending(name) in (*TEX, "sty", "cls"))

    def _text(self, name: str) -> str:
        if name not in self._decoded:
            self._decoded[name] = decoded(self.files[name], self.charset)
        return self._decoded[name]

    def plain(self, name: str) -> str:
        """A file without comments; see Comments."""
        if name not in self._plain:
            self._plain[name] = self.comments.without(self._text(name))
        return self._plain[name]

    def find(self, name: str, *folders: str, endings: tuple[str, ...] = (".tex", "", ".ltx", ".latex")) -> str | None:
        """The file that a name in the text means: in the first folder that has it, with one of the endings; None where none is."""
        name = name.strip().strip('"').strip()
        for folder in folders:
            path = posixpath.normpath(posixpath.join("/", folder, name))[1:]
            for ending in endings:
                if found := path + ending if path + ending in self.files else self._folded.get((path + ending).lower()):
                    return found
        return None

    def tex(self) -> list[str]:
        """Files that may be the paper."""
        return [name for name in self.files if _ending(name) in TEX and _is_tex(self.files[name])]

    def main(self) -> str | None:
        """The file that is the paper; None where there is none.

        The one that 00README says; else of the files that begin a document (or, in plain TeX, say so) the one that no other reads
        and that holds most, with what it reads.
        """
        names = self.tex()
        of_tex = set(names)
        told = [name for name in self._told() if name in of_tex]
        if told or len(names) < 2:
            return next(iter(told or names), None)
        reads = {name: self._reads(name) for name in names}
        begins = [n for n in names if _BEGIN in self.plain(n)] or [n for n in names if _CLASS.search(self.plain(n))]
        begins = begins or [n for n in names if _PLAIN.search(self.plain(n))]
        own = [n for n in begins if not _FRAGMENT.search(self.plain(n))] or begins
        read_by_others = {found for name in names for found in reads[name] if found != name}
        first = [n for n in own if n not in read_by_others] or own
        paper = [n for n in first if not _BESIDE.search(posixpath.basename(n).rpartition(".")[0])] or first
        return max(paper, key=lambda name: (self._size(name, reads), -names.index(name)), default=None)

    def _told(self) -> list[str]:
        """Files that 00README calls the top ones."""
        for name in self.files:
            base = posixpath.basename(name).lower()
            if base in ("00readme", "00readme.xxx", "00readme.txt"):
                return [found[0] for found in _LINE_OF_README.findall(self._text(name)) if found[1] == "toplevelfile"]
            if base == "00readme.json":
                try:
                    sources = json.loads(self.files[name])["sources"]
                    return [s["filename"] for s in sources if s.get("usage") == "toplevel" and isinstance(s["filename"], str)]
                except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                    return []
        return []

    def _reads(self, name: str) -> set[str]:
        """Files that a file names for reading."""
        folder = posixpath.dirname(name)
        found: set[str] = set()
        for match in _INPUT.finditer(self.plain(name)):
            words = [word for word in match.groups()[1:] if word]
            for word in (words[0], "/".join(words[:2])):
                if (read := self.find(word, folder, "")) is not None:
                    found.add(read)
        return found

    def _size(self, name: str, reads: dict[str, set[str]]) -> int:
        """Characters of a file and of all it reads, each once."""
        waiting, seen = [name], {name}
        while waiting:
            for other in reads.get(waiting.pop(), ()):
                if other not in seen:
                    seen.add(other)
                    waiting.append(other)
        return sum(len(self.plain(n)) for n in seen)


def passed_over(name: str) -> bool:
    """Whether a file is one that is never read."""
    return _PASSED_OVER.fullmatch(_ending(name)) is not None


def _ending(name: str) -> str:
    base = posixpath.basename(name)
    return base.rpartition(".")[2].lower() if "." in base else ""


def _is_tex(data: bytes) -> bool:
    """Whether a file is TeX that is meant to be read: no other format, no NUL, some control words, not marked to be ignored."""
    head = data[:4096]
    if b"\0" in head or _MARKUP.match(head.lstrip()) or b"%auto-ignore" in head[:200]:
        return False
    return _WORD.search(data) is not None
