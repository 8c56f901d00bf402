"""A paper read from its main file on: what it reads put in, what it defines inlined, what it switches off left out.

TeX's own way, as far as that needs no execution: an input stack, whose top is a file or what a macro stands for. So definitions hold
from where they stand, a body is looked at again when it is used, and arguments may come from behind the body that asks for them.
Groups are no limits: a definition holds for the rest of the paper.

Of conditionals, \\iffalse, \\iftrue and the user's own switches (\\newif) are decided; every other one stays in the text, both sides.
A style or class of the paper's own is read for its definitions alone. Definitions go out of the text. Reading stops at \\end{document}.

Work is bounded by the size of the submission: every character that is searched, written or read again is paid for, and a
paper that wants more (a macro that doubles itself, a file that reads another a thousand times) is a bomb.

Source:  The TeXbook, chapters 7 and 20; bounds ours.
Units:   characters.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from typing import TypeAlias

from stages.arxiv import macros
from stages.arxiv.comments import ends_in_word
from stages.arxiv.macros import KNOWN_IF, NO_FI, PROTECTED, SPACE, Macro, Parameter, Work, argument, group_end, macro
from stages.arxiv.submission import Submission, passed_over

FREE_WORK = 1 << 20
"""Work that every paper may cost (ours)."""
COST = 64
"""Characters that one expansion counts for beside what it writes."""
MAX_DEFINITIONS = 20_000
MAX_FILES_DEEP = 64
MAX_NAMES_DEEP, MAX_NAME = 4, 400
"""Macros in macros, and characters, of a file's name."""
MAX_INDENT = 200
_TOKENS = re.compile(rf"\\(?:{macros.ENVIRONMENT}|[A-Za-z]+|.)", re.S)
_TOKENS_AT = macros.NAMES
_NAME = re.compile(r"\s*(?:\*\s*)?(?:\{\s*(\\(?:[A-Za-z@]+|.))\s*\}|(\\(?:[A-Za-z@]+|.)))", re.S)
_STANDARD = re.compile(
    "epsf|psfig|boxedeps|xy|xypic|amssym|amstex|amsppt|lamstex|harvmac|lanlmac|phyzzx|pstricks|colordvi|mssymb|eplain|btxmac|tikz|pdftex"
    "|glyphtounicode|ifpdf|miniltx|graphicx"
)
"""Files that papers read and TeX has."""
_ENVIRONMENT_NAME = re.compile(r"\s*(?:\*\s*)?\{([A-Za-z@]{1,40}\*?)\}")
_COUNT = re.compile(r"\s*\[\s*([0-9])\s*\]")
_OPTION = re.compile(r"\s*\[")
_TO_BRACE = re.compile(rf"[^{{}}]{{0,{macros.MAX_PARAMETERS}}}(?=\{{)")
_LET = re.compile(r"\s*=?\s?(\\(?:[A-Za-z@]+|.)|[^\s{}\\])", re.S)
_PREFIXED = re.compile(r"\s*(?=\\(?:long|global|outer|protected|[gex]?def|let)(?![A-Za-z@]))")
_CONDITIONAL = re.compile(r"\\(?:if[A-Za-z@]*|else|fi)(?![A-Za-z@])")
_FILE = re.compile(r"\s*(?:\{([^{}]{1,200})\}|\"([^\"\n]{1,200})\"|([^\s{}\\]{1,200})[ \t]?)")
_TWO_FILES = re.compile(r"\s*\{([^{}]{0,200})\}\s*\{([^{}]{1,200})\}")
_STYLES = re.compile(r"\s*(?:\[([^\]]{0,800})\]\s*)?\{([^{}]{1,800})\}")
_END_OF_LINE = re.compile(r"[ \t]*\n?")
_GAP = re.compile(r"[ \t]*(?:\n[ \t]*)?")
_NO_SPACE_BEFORE = frozenset(",.'/?;:!~-)]}{\\\"")
"""Signs before which \\xspace sets no space, as its package has them."""


class Frame:
    """A text that is being read.

    at: where reading goes on; mark: from where it is not written yet. path: the file; "" for what a macro stands for. folder:
    where what it reads is looked for. quiet: nothing of it is written or expanded. jumps: start of an \\else or \\fi that was
    decided about -> where to go on.
    """

    __slots__ = ("at", "folder", "jumps", "mark", "path", "quiet", "text", "tokens")

    def __init__(self, text: str, path: str = "", folder: str = "", quiet: bool = False, internal: bool = False) -> None:
        self.text, self.path, self.folder, self.quiet = text, path, folder, quiet
        self.tokens = _TOKENS_AT if internal or quiet else _TOKENS
        self.at = self.mark = 0
        self.jumps: dict[int, int] = {}


Action: TypeAlias = Callable[[Frame, int, int], None]
"""What a control sequence does: called with its frame, start and end."""


class Expansion:
    """One paper, inlined.

    Args:
        paper: its files. main: the one to begin with.
    Attributes:
        text: what is left. files: files read. missing: names that were asked for and are not there. macros: names of the user's that
        were inlined wherever they stand. opaque: names of the user's that were left. title: as the paper has it, or None.
    Raises: BombError.
    """

    def __init__(self, paper: Submission, main: str, max_expansion: float) -> None:
        self.paper = paper
        self.root = posixpath.dirname(main)
        self.work = Work(FREE_WORK + int(max_expansion * sum(map(len, paper.files.values()))))
        self.files, self.missing, self.macros, self.opaque = {main}, set[str](), set[str](), set[str]()
        self.styles: set[str] = set()
        self.titles: list[str] = []
        self.began = False
        self.definitions = 0
        self.flags: dict[str, bool] = {}
        self.out: list[str] = []
        self.table: dict[str, Macro | Action] = {}
        self.defining: dict[str, Macro | Action] = {
            **dict.fromkeys(("\\newcommand", "\\renewcommand", "\\DeclareRobustCommand"), self.newcommand),
            "\\providecommand": self.newcommand,
            **dict.fromkeys(("\\def", "\\gdef", "\\edef", "\\xdef"), self.define),
            "\\let": self.let,
            "\\DeclareMathOperator": self.operator,
            "\\DeclarePairedDelimiter": self.delimiters,
            **dict.fromkeys((f"\\{how}DocumentCommand" for how in ("New", "Renew", "Provide", "Declare")), self.document_command),
            **dict.fromkeys(("\\newenvironment", "\\renewenvironment"), self.environment),
            "\\newif": self.newif,
            **dict.fromkeys(("\\usepackage", "\\RequirePackage", "\\documentclass", "\\documentstyle", "\\LoadClass"), self.style),
        }
        self.table |= self.defining | {
            **dict.fromkeys(("\\long", "\\global", "\\outer", "\\protected"), self.prefix),
            "\\iffalse": self.iffalse, "\\iftrue": self.iftrue, "\\else": self.jump, "\\fi": self.jump,
            **dict.fromkeys(("\\input", "\\include", "\\subfile", "\\subfileinclude", "\\@input"), self.input),
            **dict.fromkeys(("\\import", "\\subimport"), self.import_), "\\InputIfFileExists": self.input_if,
            "\\endinput": self.endinput, "\\makeatletter": self.internal, "\\makeatother": self.internal,
            "\\begin{document}": self.begin, "\\end{document}": self.end, "\\bye": self.end,
            "\\xspace": self.xspace, "\\title": self.note_title,
            **dict.fromkeys(("\\IfNoValueTF", "\\IfValueTF", "\\IfBooleanTF"), self.choose),
        }
        self.builtin = frozenset(self.table)
        self.calls: dict[str, frozenset[str]] = {}
        self.stack: list[Frame] = []
        self.text = self.read(Frame(paper.plain(main), main, self.root))
        titles = [" ".join(self.read(Frame(title, main, self.root)).split()) for title in self.titles[:1]]
        self.title = titles[0] if titles else None

    def read(self, frame: Frame) -> str:
        """Read a file and all that it reads."""
        self.out = []
        self.stack = [frame]
        while self.stack:
            frame = self.stack[-1]
            table = self.defining if frame.quiet else self.table
            for match in frame.tokens.finditer(frame.text, frame.at):
                action = table.get(match.group())
                if action is not None:
                    break
            else:
                self.flush(frame, len(frame.text))
                self.stack.pop()
                continue
            frame.at = match.end()
            if isinstance(action, Macro):
                self.expand(frame, match.group(), action, match.start(), match.end())
            else:
                action(frame, match.start(), match.end())
        return "".join(self.out)

    # Writing

    def write(self, text: str) -> None:
        """Write a text, apart from a control word that it would lengthen."""
        if text:
            if text[0].isalpha() and self.out and ends_in_word(self.out[-1]):
                self.out.append(" ")
            self.out.append(text)

    def flush(self, frame: Frame, to: int) -> None:
        """Write what was read of a frame, up to a place, and go on there."""
        if not frame.quiet:
            self.write(frame.text[frame.mark : to])
        frame.mark = to

    def skip(self, frame: Frame, start: int, end: int) -> None:
        """Leave out a piece; with the rest of its line, where it begins one."""
        self.flush(frame, start)
        before = frame.text[max(0, start - MAX_INDENT) : start].rstrip(" \t")
        if before[-1:] in ("", "\n"):
            end = _END_OF_LINE.match(frame.text, end).end()  # type: ignore[union-attr]
        frame.at = frame.mark = end

    # Macros

    def expand(self, frame: Frame, name: str, user: Macro, start: int, end: int) -> None:
        """Put what a macro stands for in its place; leave it where its arguments are not there."""
        self.flush(frame, start)
        frame.mark = end
        if user.final:
            self.work.spend(COST)
            self.write(str(user.pieces[0]))
            return
        values = self.arguments(name, user)
        if values is None:
            self.write(name)
            return
        self.work.spend(sum(len(piece if isinstance(piece, str) else values[piece]) + 1 for piece in user.pieces) + COST)
        parts: list[str] = []
        for piece in user.pieces:
            if part := piece if isinstance(piece, str) else values[piece]:
                if part[0].isalpha() and parts and ends_in_word(parts[-1]):
                    parts.append(" ")
                parts.append(part)
        text = "".join(parts)
        if not user.parameters:
            self.skip_gap(name, text)
        if "\\" in text:
            self.stack.append(Frame(text, folder=frame.folder, internal=frame.tokens is _TOKENS_AT or "@" in text))
        else:
            self.write(text)

    def skip_gap(self, name: str, text: str) -> None:
        """The space that TeX skips behind a control word, and an empty group that kept it."""
        frame = self.stack[-1]
        if not name[-1].isalpha():
            return
        if frame.text.startswith("{}", frame.at) and not ends_in_word(text):
            frame.at = frame.mark = frame.at + 2
            return
        end = _behind_word(frame.text, frame.at)
        if text[-1:] != "}" or "\n" not in frame.text[frame.at : end]:
            frame.at = frame.mark = end

    def arguments(self, name: str, user: Macro) -> list[str] | None:
        """The arguments of a macro from the top of the stack, or from under it where that is at its end; None where they are not there."""
        values: list[str] = []
        level = len(self.stack) - 1
        frame = self.stack[level]
        at = frame.at
        if user.parameters and name[-1].isalpha():
            at = _behind_word(frame.text, at)
        if not frame.text.startswith(user.prefix, at):
            return None
        at += len(user.prefix)
        for parameter in user.parameters:
            while level and not frame.path and SPACE.match(frame.text, at).end() == len(frame.text):  # type: ignore[union-attr]
                level -= 1
                frame = self.stack[level]
                at = frame.at
            found = macros.read(parameter, frame.text, at, self.work)
            if found is None:
                return None
            values.append(found[0])
            at = found[1]
        del self.stack[level + 1 :]
        frame.at = frame.mark = at
        return values

    def keep(self, name: str, user: Macro | None, only_new: bool = False) -> None:
        """Enter a macro of the user's; None: one that stays as it is."""
        self.definitions += 1
        if name in PROTECTED or name in self.builtin or (only_new and (name in self.calls or name in self.opaque)):
            return
        if user is not None and not user.final and self.is_program(name, user):
            user = None
        if user is None or self.definitions > MAX_DEFINITIONS:
            self.table.pop(name, None)
            self.calls.pop(name, None)
            self.macros.discard(name)
            self.opaque.add(name)
        else:
            self.table[name] = user
            self.calls[name] = frozenset() if user.final else user.names
            self.macros.add(name)
            self.opaque.discard(name)

    def is_program(self, name: str, user: Macro) -> bool:
        """Whether a macro asks what only TeX can tell, uses what is not in the paper, or leads back to itself."""
        for used in user.names:
            if used.startswith("\\if") and used not in KNOWN_IF and used[3:] not in self.flags:
                return True
            if "@" in used and used not in self.table:
                return True
        waiting, seen = list(user.names), set(user.names)
        while waiting:
            called = waiting.pop()
            if called == name:
                return True
            names = self.calls.get(called, frozenset())
            self.work.spend(len(names) + 1)
            new = names - seen
            seen |= new
            waiting += new
        return False

    def newcommand(self, frame: Frame, start: int, end: int) -> None:
        """\\newcommand{\\name}[2][default]{body}, its relatives, and \\newcommand\\name\\other."""
        text = frame.text
        found = _NAME.match(text, end)
        if found is None:
            return
        parameters, at = self.counted(text, found.end())
        body = argument(text, at, self.work)
        if body is None:
            return
        only_new = text.startswith("\\providecommand", start)
        self.keep(found[1] or found[2], macro(body[0], parameters), only_new)
        self.skip(frame, start, body[1])

    def counted(self, text: str, at: int) -> tuple[tuple[Parameter, ...], int]:
        """The parameters that [2][default] says, and where it ends."""
        count = _COUNT.match(text, at)
        if count is None:
            return (), at
        at = count.end()
        parameters = [Parameter("mandatory")] * int(count[1])
        if parameters and (option := _OPTION.match(text, at)) and (default := macros.until(text, option.end(), "]", self.work)):
            parameters[0] = Parameter("optional", default[0])
            at = default[1]
        return tuple(parameters), at

    def define(self, frame: Frame, start: int, end: int) -> None:
        """\\def\\name#1, #2.{body} and its relatives."""
        text = frame.text
        found = _NAME.match(text, end)
        if found is None or found[2] is None:
            return
        pattern = _TO_BRACE.match(text, found.end())
        close = -1 if pattern is None else group_end(text, pattern.end(), self.work)
        if pattern is None or close < 0:
            return
        parameters = macros.def_parameters(pattern.group(), self.work)
        self.keep(found[2], parameters and macro(text[pattern.end() + 1 : close - 1], parameters[1], parameters[0].strip()))
        self.skip(frame, start, close)

    def let(self, frame: Frame, start: int, end: int) -> None:
        """\\let\\new=\\old: the macro that \\old is here, or \\old in its own meaning."""
        found = _NAME.match(frame.text, end)
        of = found and _LET.match(frame.text, found.end())
        if found is None or of is None or found[2] is None:
            return
        if of[1] in ("\\iftrue", "\\iffalse"):
            self.switch(found[2], of[1] == "\\iftrue")
            self.skip(frame, start, of.end())
            return
        user = self.table.get(of[1])
        if not isinstance(user, Macro):
            ours = of[1] in self.opaque or of[1] in self.builtin or "@" in of[1]
            user = None if ours else Macro("", (), ("" if of[1] in ("\\relax", "\\undefined") else of[1],), frozenset(), final=True)
        self.keep(found[2], user)
        self.skip(frame, start, of.end())

    def operator(self, frame: Frame, start: int, end: int) -> None:
        """\\DeclareMathOperator{\\name}{text}, and its starred form, as \\operatorname."""
        star = "*" if frame.text.startswith("*", end) else ""
        found = _NAME.match(frame.text, end)
        body = found and argument(frame.text, found.end(), self.work)
        if found is None or body is None:
            return
        self.keep(found[1] or found[2], macro(f"\\operatorname{star}{{{body[0]}}}"))
        self.skip(frame, start, body[1])

    def delimiters(self, frame: Frame, start: int, end: int) -> None:
        """\\DeclarePairedDelimiter{\\name}{left}{right}: starred it grows with what it holds, as [size] says otherwise."""
        found = _NAME.match(frame.text, end)
        left = found and argument(frame.text, found.end(), self.work)
        right = left and argument(frame.text, left[1], self.work)
        if found is None or left is None or right is None:
            return
        body = f"\\IfBooleanTF#1{{\\left{left[0]} #3 \\right{right[0]}}}{{#2{left[0]} #3 #2{right[0]}}}"
        self.keep(found[1] or found[2], macro(body, (Parameter("star"), Parameter("optional"), Parameter("mandatory"))))
        self.skip(frame, start, right[1])

    def document_command(self, frame: Frame, start: int, end: int) -> None:
        """\\NewDocumentCommand\\name{m O{default} o s}{body}."""
        found = _NAME.match(frame.text, end)
        spec = found and argument(frame.text, found.end(), self.work)
        body = spec and argument(frame.text, spec[1], self.work)
        if found is None or spec is None or body is None:
            return
        parameters = macros.document_parameters(spec[0], self.work)
        only_new = frame.text.startswith("\\Provide", start)
        self.keep(found[1] or found[2], None if parameters is None else macro(body[0], parameters), only_new)
        self.skip(frame, start, body[1])

    def environment(self, frame: Frame, start: int, end: int) -> None:
        """\\newenvironment{name}[2][default]{begin}{end}: two macros, called \\begin{name} and \\end{name}."""
        text = frame.text
        found = _ENVIRONMENT_NAME.match(text, end)
        if found is None:
            return
        parameters, at = self.counted(text, found.end())
        first = argument(text, at, self.work)
        last = first and argument(text, first[1], self.work)
        if first is None or last is None:
            return
        begin, close = macro(first[0], parameters), macro(last[0])
        if begin is None or close is None or any(map(self.is_program, ("", ""), (begin, close))):
            begin = close = None
        self.keep(f"\\begin{{{found[1]}}}", begin)
        self.keep(f"\\end{{{found[1]}}}", close)
        self.skip(frame, start, last[1])

    def prefix(self, frame: Frame, start: int, end: int) -> None:
        """\\long and the like before a definition."""
        if found := _PREFIXED.match(frame.text, end):
            self.flush(frame, start)
            frame.at = frame.mark = found.end()

    # Conditionals

    def newif(self, frame: Frame, start: int, end: int) -> None:
        """\\newif\\ifname: a switch, off, with \\nametrue and \\namefalse."""
        found = _NAME.match(frame.text, end)
        if found is None or found[2] is None:
            return
        self.switch(found[2], False)
        self.skip(frame, start, found.end())

    def switch(self, name: str, value: bool) -> None:
        """Enter a switch, and what turns it."""
        if not name.startswith("\\if") or name in self.builtin:
            return
        name = name[3:]
        self.flags[name] = value
        self.table["\\if" + name] = lambda frame, start, end: self.branch(frame, start, end, self.flags[name])
        for to in (True, False):
            self.table[f"\\{name}{str(to).lower()}"] = self.setter(name, to)

    def setter(self, name: str, value: bool) -> Action:
        """What \\nametrue or \\namefalse does."""

        def set_flag(frame: Frame, start: int, end: int) -> None:
            self.flags[name] = value
            self.skip(frame, start, end)

        return set_flag

    def iffalse(self, frame: Frame, start: int, end: int) -> None:
        self.branch(frame, start, end, False)

    def iftrue(self, frame: Frame, start: int, end: int) -> None:
        self.branch(frame, start, end, True)

    def branch(self, frame: Frame, start: int, end: int, value: bool) -> None:
        """Go on in the branch that holds; where no \\fi closes it the conditional stays."""
        depth = 0
        other: re.Match[str] | None = None
        for match in _CONDITIONAL.finditer(frame.text, end):
            word = match.group()
            if word == "\\fi":
                if depth == 0:
                    break
                depth -= 1
            elif word != "\\else":
                depth += word not in NO_FI
            elif depth == 0 and other is None:
                other = match
        else:
            self.work.spend(len(frame.text) - end)
            return
        self.work.spend(match.end() - end)
        self.flush(frame, start)
        behind = _behind_word(frame.text, match.end())
        if value:
            frame.at = frame.mark = _behind_word(frame.text, end)
            frame.jumps[(other or match).start()] = behind
        elif other:
            frame.at = frame.mark = _behind_word(frame.text, other.end())
            frame.jumps[match.start()] = behind
        else:
            frame.at = frame.mark = behind

    def jump(self, frame: Frame, start: int, end: int) -> None:
        """An \\else or \\fi of a conditional that was decided."""
        if start in frame.jumps:
            self.flush(frame, start)
            frame.at = frame.mark = frame.jumps.pop(start)

    def choose(self, frame: Frame, start: int, end: int) -> None:
        """\\IfNoValueTF and its like, where what they ask for is known."""
        asked = argument(frame.text, end, self.work)
        yes = asked and argument(frame.text, asked[1], self.work)
        no = yes and argument(frame.text, yes[1], self.work)
        if asked is None or yes is None or no is None:
            return
        self.flush(frame, start)
        frame.at = frame.mark = no[1]
        holds = asked[0] == macros.STAR if frame.text.startswith("\\IfB", start) else (
            (asked[0] == macros.NO_VALUE) == frame.text.startswith("\\IfNo", start)
        )
        chosen = yes[0] if holds else no[0]
        self.work.spend(len(chosen) + COST)
        self.stack.append(Frame(chosen, folder=frame.folder, internal=frame.tokens is _TOKENS_AT))

    # Files

    def input(self, frame: Frame, start: int, end: int) -> None:
        """\\input{file} and its like, and \\input file."""
        if found := _FILE.match(frame.text, end):
            self.skip(frame, start, found.end())
            self.read_file(found[1] or found[2] or found[3], frame.folder)

    def import_(self, frame: Frame, start: int, end: int) -> None:
        """\\import{folder}{file}; of \\subimport the folder is meant from that of the file."""
        if found := _TWO_FILES.match(frame.text, end):
            self.skip(frame, start, found.end())
            folder = posixpath.join(frame.folder if frame.text.startswith("\\sub", start) else self.root, found[1])
            self.read_file(found[2], folder)

    def input_if(self, frame: Frame, start: int, end: int) -> None:
        """\\InputIfFileExists{file}{then}{else}: the file, where it is there."""
        name = argument(frame.text, end, self.work)
        if name and self.paper.find(name[0], frame.folder, self.root):
            self.flush(frame, start)
            frame.at = frame.mark = name[1]
            self.read_file(name[0], frame.folder)

    def read_file(self, name: str, folder: str) -> None:
        """Put a file on the stack; one that reads itself is left out, one that is not there is noted."""
        for _ in range(MAX_NAMES_DEEP):
            if "\\" in name:
                name = macros.TOKEN.sub(self.plain_body, name)[:MAX_NAME]
        path = self.paper.find(name, folder, self.root)
        if path is None:
            if not _STANDARD.fullmatch(name.strip().partition(".")[0]) and not passed_over(name.strip()):
                self.missing.add(name.strip())
            return
        self.work.spend(len(self.stack))
        open_files = [frame.path for frame in self.stack if frame.path]
        if path in open_files or len(open_files) >= MAX_FILES_DEEP:
            return
        self.files.add(path)
        text = self.paper.plain(path)
        self.work.spend(len(text) + COST)
        whole = text.find("\\begin{document}")
        if whole >= 0:
            end = text.find("\\end{document}", whole)
            text = text[whole + len("\\begin{document}") : end if end >= 0 else len(text)]
        self.stack.append(Frame(text, path, folder))

    def plain_body(self, match: re.Match[str]) -> str:
        """The body of a macro without arguments in the name of a file."""
        user = self.table.get(match.group())
        return "".join(map(str, user.pieces[:1]))[:MAX_NAME] if isinstance(user, Macro) and not user.parameters else match.group()

    def style(self, frame: Frame, start: int, end: int) -> None:
        """The paper's own styles and classes: read for what they define."""
        found = _STYLES.match(frame.text, end)
        if found is None:
            return
        self.skip(frame, start, found.end())
        names = found[2].split(",")
        names += (found[1] or "").split(",") if frame.text.startswith("\\documentstyle", start) else []
        for name in reversed(names):
            path = self.paper.find(name, frame.folder, self.root, endings=(".sty", ".cls")) if name.strip() else None
            if path and path not in self.styles:
                self.styles.add(path)
                text = self.paper.plain(path)
                self.work.spend(len(text))
                self.stack.append(Frame(text, path, frame.folder, quiet=True))

    def endinput(self, frame: Frame, start: int, end: int) -> None:
        """The rest of the file is not read."""
        self.flush(frame, start)
        while not self.stack.pop().path:
            pass

    def internal(self, frame: Frame, start: int, end: int) -> None:
        """\\makeatletter, \\makeatother: whether @ is a letter."""
        frame.tokens = _TOKENS_AT if frame.text.startswith("\\makeatletter", start) else _TOKENS
        self.skip(frame, start, end)

    # The document

    def begin(self, frame: Frame, start: int, end: int) -> None:
        """What stands before \\begin{document} is not text."""
        self.skip(frame, start, end)
        if not self.began:
            self.began = True
            self.out.clear()

    def end(self, frame: Frame, start: int, end: int) -> None:
        """Nothing behind \\end{document} is read."""
        self.flush(frame, start)
        self.stack.clear()

    def note_title(self, frame: Frame, start: int, end: int) -> None:
        """The first title, which stays where it stands, too."""
        option = _OPTION.match(frame.text, end)
        behind = option and macros.until(frame.text, option.end(), "]", self.work)
        title = argument(frame.text, behind[1] if behind else end, self.work)
        if title:
            self.titles.append(title[0])

    def xspace(self, frame: Frame, start: int, end: int) -> None:
        """A space, unless a sign follows that wants none."""
        self.flush(frame, start)
        frame.at = frame.mark = end
        below = next((f for f in reversed(self.stack) if f.at < len(f.text)), frame)
        following = below.text[below.at : below.at + 1]
        if below.text.startswith("{}", below.at):
            below.at = below.mark = below.at + 2
        if following and not following.isspace() and following not in _NO_SPACE_BEFORE:
            self.write(" ")


def _behind_word(text: str, at: int) -> int:
    """Where the text goes on behind a control word: blanks and one line end are skipped, but none before an empty line."""
    end = _GAP.match(text, at).end()  # type: ignore[union-attr]
    return text.index("\n", at) if text[end : end + 1] == "\n" else end
