"""rs-trafilatura with its defaults, given bytes and the address; see page_loop."""

import rs_trafilatura
from page_loop import main

if __name__ == "__main__":
    main(lambda page: rs_trafilatura.extract_bytes(page[2], url=page[1]).main_content)
