"""The floor of reading WARC: fastwarc's own loop, HTTP parsed, payload read: `fastwarc_loop.py FILE`."""

import sys

from fastwarc.warc import ArchiveIterator, WarcRecordType

if __name__ == "__main__":
    pages = size = 0
    with open(sys.argv[1], "rb") as f:
        for record in ArchiveIterator(f, record_types=WarcRecordType.response, parse_http=True):
            size += len(record.reader.read())
            pages += 1
    print(pages, size)
