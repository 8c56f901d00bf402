"""trafilatura with its defaults, given bytes; see page_loop."""

import trafilatura
from page_loop import main

if __name__ == "__main__":
    main(lambda page: trafilatura.extract(page[2], url=page[1]) or "")
