"""Books as their distributors pack them, written for the tests: texts of ours within the forms that files have had."""

import io
import textwrap
import zipfile

SENTENCES = [
    "The lamp in the harbour office burned until morning, and nobody could say who had lit it.",
    "Every ship that came in that week brought the same rumour, told in a different order.",
    "She had learned to read the water before she had learned to read books.",
    "On the third day the wind turned, and with it the temper of the whole town.",
    "He kept the ledger in a hand so small that only he could check his sums.",
    "There was a door at the end of the passage which had been painted shut for twenty-five years.",
    "It is one thing to know the way, and another to be willing to walk it in the dark.",
    "The children counted the bells, quarrelled over the number, and counted them again.",
]


def paragraph(k, sentences=4, width=None):
    """A paragraph of prose, one line or wrapped; k makes them differ."""
    text = " ".join(SENTENCES[(3 * k + n * (k % 3 + 1)) % len(SENTENCES)] for n in range(sentences))
    text = f"In the year {1800 + k} it began. {text}"
    return text if width is None else "\n".join(textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False))


def novel(chapters=3, paragraphs=4, width=70, heading="CHAPTER {}"):
    """A novel's own text as a plain file has it."""
    parts = ["THE HARBOUR LAMP", "", "By A. N. Author", "", ""]
    for c in range(1, chapters + 1):
        parts += ["", "", heading.format(c), "", ""]
        for p in range(paragraphs):
            parts += [paragraph(10 * c + p, width=width), ""]
    return "\n".join(parts)


FIELDS = """Title: The Harbour Lamp

Author: A. N. Author

Release Date: June 3, 2009 [EBook #99999]
{more}
Language: English
"""
LICENCE = """Here stand several pages of licence.

1.A.  By reading this Project Gutenberg-tm work you agree to nothing, since this is a test.

Most people start at our Web site, www.gutenberg.org
"""


def modern(text=None, the="THE", more="", stars="*** "):
    """A file of Project Gutenberg as since 2004."""
    tail = stars.strip() if stars.endswith(" ") else stars
    return (
        "The Project Gutenberg EBook of The Harbour Lamp, by A. N. Author\n\n"
        "This eBook is for the use of anyone anywhere at no cost.\n\n\n"
        f"{FIELDS.format(more=more)}\n\n{stars}START OF {the} PROJECT GUTENBERG EBOOK THE HARBOUR LAMP {tail}\n\n\n\n"
        f"Produced by Some Volunteers and the Online Team at\nhttp://www.pgdp.example\n\n\n\n{text or novel()}\n\n\n"
        f"End of the Project Gutenberg EBook of The Harbour Lamp, by A. N. Author\n\n"
        f"{stars}END OF {the} PROJECT GUTENBERG EBOOK THE HARBOUR LAMP {tail}\n\n{LICENCE}"
    )


def nineties(text=None):
    """The same as in the nineties: the small print on top, no marks."""
    return (
        "**The Project Gutenberg Etext of The Harbour Lamp, by A. N. Author**\n#1 in our series by A. N. Author\n\n"
        "Copyright laws are changing all over the world, be sure to check.\n\n"
        "**Welcome To The World of Free Plain Vanilla Electronic Texts**"
        "\n\n\nThe Harbour Lamp\n\nby A. N. Author\n\nJune, 1994  [Etext #999]\n\n\n"
        "***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***\n"
        "Why is this here?  You know: lawyers.\n\n*BEFORE!* YOU USE OR READ THIS ETEXT\nBy using it you agree.\n\n"
        f"*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n\n\n\n{text or novel()}\n\n\n"
        "End of The Project Gutenberg Etext of The Harbour Lamp, by A. N. Author\n"
    )


def small_print_below(text=None):
    """The same with the small print at the end of the file."""
    return (
        "The Project Gutenberg EBook of The Harbour Lamp, by A. N. Author\n\nCopyright laws are changing all over the world.\n\n"
        "This header should be the first thing seen when viewing this file.\n\n"
        "**eBooks Readable By Both Humans and By Computers, Since 1971**"
        f"\n\n\nTitle: The Harbour Lamp\n\nAuthor: A. N. Author\n\nRelease Date: June, 2003 [EBook #9999]\n\n"
        f"Language: English\n\n\n{text or novel()}"
        "\n\n\n***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN EBOOKS**START***\nWhy is this here?\n\nYou may do this and that.\n\n"
        "*END THE SMALL PRINT! FOR PUBLIC DOMAIN EBOOKS*Ver.02/11/02*END*\n"
    )


CONTAINER = '<?xml version="1.0"?><container xmlns="x"><rootfiles><rootfile full-path="{}" media-type="y"/></rootfiles></container>'


def package(pages, order=None, metadata="", prefix="<?xml version='1.0'?>"):
    """A package document: items of these names, their order."""
    items = "".join(f'<item id="i{k}" href="{name}" media-type="application/xhtml+xml"/>' for k, name in enumerate(pages))
    refs = "".join(f'<itemref idref="i{k}"/>' for k in (range(len(pages)) if order is None else order))
    return (
        f'{prefix}<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
        f"<dc:title>The Harbour Lamp</dc:title><dc:creator>A. N. Author</dc:creator><dc:language>en-GB</dc:language>{metadata}</metadata>"
        f"<manifest>{items}</manifest><spine>{refs}</spine></package>"
    )


def page(body, title="<title/>"):
    """A page of XHTML."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head>{title}</head><body>{body}</body></html>'
    )


def epub(pages, opf=None, more=(), name="OPS/book.opf"):
    """An EPUB of these pages: name -> XHTML."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("mimetype", (2024, 1, 1, 0, 0, 0)), "application/epub+zip")
        for path, data in [
            ("META-INF/container.xml", CONTAINER.format(name)), (name, package(list(pages)) if opf is None else opf),
            *((f"OPS/{path}", data) for path, data in pages.items()), *more,
        ]:  # fmt: skip
            info = zipfile.ZipInfo(path, (2024, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return out.getvalue()


def three_pages():
    """Pages of a short novel: a chapter each, in an order that is not that of their names."""
    return {
        f"{name}.xhtml": page(f'<h2>Chapter {n}</h2><p><span class="pagenum">[{n}7]</span>{paragraph(n)}</p><p>{paragraph(n + 50)}</p>')
        for n, name in enumerate(("c", "a", "b"), 1)
    }
