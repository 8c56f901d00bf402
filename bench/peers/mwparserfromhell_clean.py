"""mwparserfromhell's strip_code with its defaults and its tokenizer in C; see wikitext_loop."""

import mwparserfromhell
from wikitext_loop import main

if __name__ == "__main__":
    main(lambda pages: [mwparserfromhell.parse(text).strip_code() for _, text in pages])
