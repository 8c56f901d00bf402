"""What a cleaner of wikitext should make of articles; by `has` and `lacks` its peers are judged, too (bench/source_wikipedia.py)."""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """A piece of wikitext; what we make of it; strings any good output has, and strings it lacks."""

    name: str
    wikitext: str
    text: str
    has: tuple[str, ...]
    lacks: tuple[str, ...] = ()


CASES = [
    Case("bold and italics", "'''Bold''', ''italic'' and '''''both'''''.", "Bold, italic and both.", ("Bold, italic and both.",)),
    Case("an apostrophe before italics", "L'''aviation'' et '''l'air'''", "L'aviation et l'air", ("L'aviation et l'air",)),
    Case("plain link", "a [[bus]]es b", "a buses b", ("a buses b",)),
    Case("piped link", "the [[Paris, Texas|town]].", "the town.", ("the town.",), ("Paris",)),
    Case("link with markup", "[[A|''b'' c]]", "b c", ("b c",), ("''", "A")),
    Case("link to a section", "[[A#B|c]] and [[:Category:X|x]]", "c and x", ("c and x",), ("#",)),
    Case("external link", "See [https://x.example/a?b=c the page] now", "See the page now", ("See the page now",), ("example",)),
    Case("external link without words", "See [https://x.example/a].", "See.", ("See",), ("[", "x.example")),
    Case(
        "file",
        "a\n[[File:A.jpg|thumb|200px|alt=x|A [[b|link]] and [https://x.example c]]]\nd",
        "a\n\nd",
        ("a", "d"),
        ("thumb", "200px", "]]"),
    ),
    Case(
        "file in another language",
        "a [[Datei:A.jpg|mini]] b [[Файл:B.png|мини]] c [[ملف:C.png|تصغير]] d [[ファイル:D.png]] e",
        "a b c d e",
        ("a", "e"),
        ("mini", "мини", "png"),
    ),
    Case("categories", "a\n[[Category:B|c]]\n[[Категория:В]]\n[[分类:X]]", "a", ("a",), ("Category", "Категория", "分类")),
    Case("languages", "a\n[[de:Foo]]\n[[zh-min-nan:Foo]]", "a", ("a",), ("Foo",)),
    Case("a title with a colon", "[[Mission: Impossible]] and [[Re:Zero|it]]", "Mission: Impossible and it", ("Mission: Impossible", "it")),
    Case("template", "a {{citation needed|date=May 2010}} b", "a b", ("a", "b"), ("{{", "May")),
    Case("nested templates", "{{Infobox|a={{b|{{c}}}}|d={{{e|f}}}\n|g=h}}\nText", "Text", ("Text",), ("{", "}", "Infobox", "h")),
    Case("braces that nothing closes", "a {{b c\n\nd {{e}} f", "a b c\n\nd f", ("a", "d", "f")),
    Case("braces that nothing opens", "a }} b", "a b", ("a", "b")),
    Case(
        "template for a language",
        "from {{lang|la|[[Roma|urbs]]}} ({{lang-el|πόλις}})",
        "from urbs (πόλις)",
        ("urbs", "πόλις"),
        ("[[", "Roma"),
    ),
    Case("convert", "{{convert|5|km|mi}} long, {{convert|3|to|4|ft|m}} wide", "5 km long, 3 to 4 ft wide", ("5 km long", "4 ft wide")),
    Case(
        "convert of two units",
        "{{convert|6|ft|2|in|m}} tall, {{convert|11|st|4|lb|kg|0}}, {{convert|5|km|0|abbr=on}}",
        "6 ft 2 in tall, 11 st 4 lb, 5 km",
        ("6 ft 2 in tall", "11 st 4 lb"),
    ),
    Case(
        "signs that part no arguments",
        "{{math|''x'' {{=}} {{frac|1|2}}}}, {{nowrap|a {{!}} b}}, {{quote|{{lang|fr|c{{=}}d}}}}",
        "x = 1/2, a | b,\n\nc=d",
        ("x = 1/2", "a | b", "c=d"),
    ),
    Case("calls without arguments", "int main() calls f( ); then ({{x}}) g", "int main() calls f(); then g", ("main()",)),
    Case("nihongo", "{{nihongo|'''Judo'''|柔道|jūdō|\"gentle way\"}} is", "Judo (柔道, jūdō) is", ("Judo", "柔道", "is")),
    Case("quotation", "He said:\n{{quote|To be|Author}}\nthen", "He said:\n\nTo be\n\nthen", ("To be",), ("{{",)),
    Case(
        "small templates",
        "1{{frac|1|2}} {{nowrap|a b}} {{circa|1900}}{{snd}}{{val|3.2|e=5|u=m}} {{formatnum:1234}} {{as of|2010|5}}",
        "11/2 a b c. 1900 – 3.2×10^5 m 1234 As of May 2010",
        ("1/2", "a b", "1900", "3.2", "1234", "2010"),
    ),
    Case(
        "empty parentheses",
        "Rome ({{IPA|x}}; {{lang-it|Roma}}) and Bonn ({{IPA|y}}) are",
        "Rome (Roma) and Bonn are",
        ("Rome (Roma) and Bonn",),
        ("(;", "()"),
    ),
    Case(
        "reference",
        'a.<ref>{{cite web|url=x}} not this</ref> b<ref name="c" /> d<ref\nname=e>f</ref>',
        "a. b d",
        ("a. b d",),
        ("not this", "f"),
    ),
    Case("an open brace in a reference", "a<ref>{{cite |x}</ref> b {{c}} d", "a b d", ("a", "b", "d"), ("cite",)),
    Case("comment", "a<!-- [[b]] {{ \n--> c", "a c", ("a c",), ("b",)),
    Case("nowiki", "a <nowiki>[[b]] {{c}} ''d''</nowiki> e", "a [[b]] {{c}} ''d'' e", ("[[b]] {{c}} ''d''",)),
    Case(
        "math",
        "where <math>\\frac{a}{b} < {{c}}''</math> holds",
        "where $\\frac{a}{b} < {{c}}''$ holds",
        ("\\frac{a}{b} < {{c}}''",),
        ("formula_1",),
    ),
    Case("displayed math", 'is\n:<math display="block">x^2</math>\nso', "is\n$$x^2$$\nso", ("x^2",)),
    Case("chemistry", "<chem>H2O</chem> and H<sub>2</sub>O", "$\\ce{H2O}$ and H2O", ("H2O", "and H2O")),
    Case(
        "code",
        "a\n<syntaxhighlight lang=\"python\">\nif a[[1]]:\n    b = {{c}}  # ''d''\n</syntaxhighlight>\ne",
        "a\n\nif a[[1]]:\n    b = {{c}}  # ''d''\n\ne",
        ("if a[[1]]:\n    b = {{c}}  # ''d''",),
        ("syntax",),
    ),
    Case("pre", "<pre>\n a &lt; b\n</pre>", " a < b", ("a < b",)),
    Case("lines that begin with a blank", "a\n x = 1\n   y = 2\nb", "a\n\nx = 1\n  y = 2\n\nb", ("x = 1", "  y = 2")),
    Case(
        "headings",
        "== A ==\ntext\n=== B ===\n{{c}}\n==D==\n=== E ===\nmore",
        "A\n\ntext\n\nD\n\nE\n\nmore",
        ("A", "text", "D", "E"),
        ("==", "B"),
    ),
    Case(
        "lists",
        "* a\n** b\n# c\n# d\n## e\n# f\n; g\n: h\n:: i",
        "- a\n    - b\n1. c\n2. d\n    1. e\n3. f\n\ng\nh\ni",
        ("a", "b", "c", "h"),
        ("*", "#", ";", ":"),
    ),
    Case("table", "a\n{| class=x\n! b\n|-\n| c || d\n|}\ne", "a\n\ne", ("a", "e"), ("class", "{|", "||")),
    Case("a table within a template", "a\n{{{!}} class=x\n{{!}} b\n{{!}}}\nc", "a\n\nc", ("a", "c"), ("class", "b", "|")),
    Case("nested table", "a\n{|\n| b\n{|\n| c\n|}\n| d\n|}\ne", "a\n\ne", ("a", "e"), ("d", "|")),
    Case("HTML table", "a\n<table><tr><td>b</td></tr></table>\nc", "a\n\nc", ("a", "c"), ("<",)),
    Case(
        "tags",
        '<div class="x">a<br />b <span>c</span></div> <b>d</b> <small>e</small>',
        "a\nb c\nd e",
        ("a", "b c", "d", "e"),
        ("<", "class"),
    ),
    Case("no tags", "if a < b and c > d, or i <j> k", "if a < b and c > d, or i <j> k", ("a < b and c > d",)),
    Case("gallery", "a\n<gallery>\nFile:B.jpg|c\n</gallery>\nd", "a\n\nd", ("a", "d"), ("jpg", "c")),
    Case("entities", "a&nbsp;b &amp; c &lt;d&gt; &#8211; &amp;lt;", "a b & c <d> – &lt;", ("& c <d> – &lt;",)),
    Case("switches", "__NOTOC__\n__БЕЗОГЛ__\nthe method __init__ of", "the method __init__ of", ("__init__",), ("NOTOC", "БЕЗОГЛ")),
    Case("scripts of Chinese", "-{zh-hans:计算机; zh-hant:電腦}-与-{北京}-", "计算机与北京", ("计算机", "北京"), ("zh-hant", "-{")),
    Case(
        "Arabic",
        "'''مصر''' [[أفريقيا|الأفريقية]]<ref>x</ref>\n== تاريخ ==\nنص [[تصنيف:مصر]]",
        "مصر الأفريقية\n\nتاريخ\n\nنص",
        ("مصر", "الأفريقية", "تاريخ"),
        ("تصنيف", "'''"),
    ),
    Case("Hindi", "'''भारत''' [[एशिया]] में {{lang|en|India}}।", "भारत एशिया में India।", ("भारत एशिया में",), ("[[",)),
]
