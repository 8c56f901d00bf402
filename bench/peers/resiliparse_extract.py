"""resiliparse, main content, after its own charset detection; see page_loop."""

from page_loop import main
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding

if __name__ == "__main__":
    main(lambda page: extract_plain_text(bytes_to_str(page[2], detect_encoding(page[2])), main_content=True))
