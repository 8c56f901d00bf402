"""wikiextractor's Extractor without expanding templates (its --no-templates, its fast way) and without escaping; see wikitext_loop."""

import logging

from wikiextractor.extract import Extractor
from wikitext_loop import main


def clean(title, text):
    """The paragraphs it gives, a line each."""
    return "\n".join(Extractor(1, 1, "", title, []).clean_text(text, expand_templates=False, html_safe=False))


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    main(lambda pages: [clean(title, text) for title, text in pages])
