"""magic-html with its defaults; see page_loop.

It takes text and gives HTML: bytes are decoded and its HTML is turned into text by resiliparse.
"""

from magic_html import GeneralExtractor
from page_loop import main
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding

if __name__ == "__main__":
    extractor = GeneralExtractor()

    def extract(page):
        html = extractor.extract(bytes_to_str(page[2], detect_encoding(page[2])), base_url=page[1] or "")["html"]
        return extract_plain_text(html, main_content=False)

    main(extract)
