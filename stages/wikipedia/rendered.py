"""Templates whose text belongs to the sentence they stand in; all others go.

Source:  the documentation of these templates in the wikis; which ones, and what they become, is ours.
"""

from __future__ import annotations

from collections.abc import Callable

Arguments = list[str]
Render = Callable[[Arguments], str]


def normal(name: str) -> str:
    """A template's name: lower case, one blank for each run of blanks and underscores, without its namespace."""
    return " ".join(name.replace("_", " ").split()).lower().removeprefix("template:")


def _plain(arguments: Arguments) -> list[str]:
    """The arguments that have no name; `1=` is none."""
    found = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals or not name.strip() or "[" in name or "<" in name:
            found.append(argument.strip())
        elif name.strip() == str(len(found) + 1):
            found.append(value.strip())
    return found


def _named(arguments: Arguments, *names: str) -> str:
    """The first of some named arguments that has a value; else nothing."""
    for wanted in names:
        for argument in arguments:
            name, equals, value = argument.partition("=")
            if equals and name.strip().lower() == wanted and value.strip():
                return value.strip()
    return ""


def _at(place: int) -> Render:
    def render(arguments: Arguments) -> str:
        plain = _plain(arguments)
        return plain[place] if len(plain) > place else ""

    return render


def _last(arguments: Arguments) -> str:
    plain = _plain(arguments)
    return plain[-1] if plain else ""


def _always(text: str) -> Render:
    return lambda arguments: text


def _foreign(arguments: Arguments) -> str:
    """lang, langx: the text behind the language's code."""
    return (_at(1)(arguments)) or _named(arguments, "text")


def _native_first(arguments: Arguments) -> str:
    """nihongo, 読み仮名: a name, and in parentheses how it is written and read."""
    name, *others = [*_plain(arguments), ""]
    more = ", ".join(other for other in others[:2] if other)
    return f"{name} ({more})" if name and more else name or more


def _quote(arguments: Arguments) -> str:
    """A quotation, as a paragraph."""
    text = _named(arguments, "text", "quote", "content", "1") or _at(0)(arguments)
    return f"\n\n{text}\n\n" if text else ""


_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_JOINTS = {"to": "to", "and": "and", "or": "or", "-": "–", "–": "–", "by": "by", "x": "by", "±": "±", "+/-": "±", "to(-)": "to"}
_SMALLER = frozenset(["in", "ft", "yd", "ch", "oz", "lb", "qr", "cwt"])
"""Units of a second value: 6 ft 2 in."""
_UNITS = {"sqmi": "sq mi", "sqkm": "km2", "cuft": "cu ft", "sqft": "sq ft", "C": "°C", "F": "°F"}


def _convert(arguments: Arguments) -> str:
    """convert: the value as it was given, with its unit; what it is in others is left out."""
    plain = _plain(arguments)
    words: list[str] = []
    while plain:
        words.append(plain.pop(0))
        if not plain:
            break
        if plain[0] in _JOINTS and len(plain) > 1:
            words.append(_JOINTS[plain.pop(0)])
            continue
        unit = plain.pop(0)
        words.append(_UNITS.get(unit, unit))
        if len(plain) < 2 or plain[1] not in _SMALLER or not plain[0][:1].isdigit():
            break
    return " ".join(words).replace(" – ", "–")


def _value(arguments: Arguments) -> str:
    """val, unité: a number, its uncertainty, power of ten and unit."""
    plain = _plain(arguments)
    text = plain[0] if plain else ""
    if len(plain) > 1 and plain[1].replace(".", "").isdigit():
        text += f"±{plain[1]}"
    elif len(plain) > 1:
        text += f" {plain[1]}"
    power, unit = _named(arguments, "e"), _named(arguments, "u", "ul", "up")
    return text + (f"×10^{power}" if power else "") + (f" {unit}" if unit else "")


def _fraction(arguments: Arguments) -> str:
    """frac: 1/2, 3/4 of it with a whole number before."""
    plain = _plain(arguments)
    if len(plain) == 3:
        return f"{plain[0]} {plain[1]}/{plain[2]}"
    return "/".join(plain if len(plain) == 2 else ["1", *plain])


def _as_of(arguments: Arguments) -> str:
    """as of: its words and the date."""
    plain = _plain(arguments)
    if len(plain) > 1 and plain[1].isdigit() and 1 <= int(plain[1][:2]) <= 12:
        plain[1] = _MONTHS[int(plain[1][:2]) - 1]
    other = _named(arguments, "alt")
    return other or (f"{'as' if _named(arguments, 'lc') else 'As'} of {' '.join(reversed(plain))}" if plain else "")


def _circa(arguments: Arguments) -> str:
    plain = _plain(arguments)
    return "c. " + "–".join(plain) if plain else "c."


def _full_name(arguments: Arguments) -> str:
    """sortname: first and last name."""
    return " ".join(_plain(arguments)[:2])


def _together(arguments: Arguments) -> str:
    """chem, chem2: the parts of a formula one behind another."""
    return "".join(_plain(arguments))


def _words(arguments: Arguments) -> str:
    """date, fr and others: all arguments."""
    return " ".join(word for word in _plain(arguments) if word)


def _case(change: Callable[[str], str]) -> Render:
    return lambda arguments: change(arguments[0].strip()) if arguments else ""


_RENDERED: dict[str, Render] = {
    **dict.fromkeys((
        "nowrap", "nobr", "nobreak", "small", "smaller", "big", "larger", "em", "strong", "mvar", "var", "math", "abbr", "tooltip",
        "sic", "sc", "small caps", "smallcaps", "samp", "code", "mono", "kbd", "key press", "keypress", "center", "sup", "sub",
        "not a typo", "as written", "flag", "flagcountry", "ill", "interlanguage link", "lien", "仮リンク", "link-en", "le", "нп5", "нп3",
        "не переведено 5", "не переведено", "polytonic", "unicode", "visible anchor", "vanchor", "angbr", "angle bracket", "nts", "ルビ",
        "nobold", "noitalic", "overline", "underline", "strikethrough", "nombre", "formatnum",
    ), _at(0)),
    **dict.fromkeys(("lang", "langx", "langue", "script", "resize", "color", "font color"), _foreign),
    **dict.fromkeys(("transl", "transliteration", "translit", "wikt-lang"), _last),
    **dict.fromkeys(("nihongo", "読み仮名"), _native_first),
    **dict.fromkeys(("quote", "blockquote", "cquote", "quotation", "bquote", "cita", "citazione", "zitat", "citát", "цитата"), _quote),
    **dict.fromkeys(("convert", "cvt"), _convert),
    **dict.fromkeys(("val", "unité"), _value),
    **dict.fromkeys(("frac", "sfrac", "fraction"), _fraction),
    **dict.fromkeys(("as of",), _as_of),
    **dict.fromkeys(("circa", "c.", "ca."), _circa),
    **dict.fromkeys(("sortname",), _full_name),
    **dict.fromkeys(("chem", "chem2"), _together),
    **dict.fromkeys(("date", "date-", "dts"), _words),
    "lc": _case(str.lower), "uc": _case(str.upper),
    **{name: _always(text) for name, text in {
        "!": "|", "=": "=", "'": "'", "'s": "'s", "ndash": "–", "en dash": "–", "–": "–", "mdash": "—", "em dash": "—", "—": "—",
        "spaced ndash": " – ", "snd": " – ", "spnd": " – ", "spaced en dash": " – ", "spaced mdash": " — ", "·": " · ", "dot": " · ",
        "middot": " · ", "•": " • ", "bullet": " • ", "nbsp": " ", "space": " ", "thinsp": " ", "pi": "π", "okina": "ʻ", "hamza": "ʾ",
        "ayin": "ʿ", "pipe": "|", "(": "{", ")": "}", "±": "±", "×": "×",
    }.items()},
}  # fmt: skip


def render_of(name: str) -> Render | None:
    """How a template of a name, as `normal` has it, is rendered; parser functions (formatnum, lc ...) have the argument behind their colon
    first. None: not at all."""
    return _RENDERED.get(name) or (_at(0) if name.startswith("lang-") else None)
