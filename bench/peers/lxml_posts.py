"""Posts of a Stack Exchange dump by plain lxml: iterparse, and the text of each body by lxml.html: `lxml_posts.py FILE`."""

import sys

from lxml import etree, html

if __name__ == "__main__":
    posts = size = 0
    for _, row in etree.iterparse(sys.argv[1], tag="row", huge_tree=True):
        if row.get("PostTypeId") in ("1", "2"):
            body = row.get("Body")
            text = html.fromstring(body).text_content() if body.strip() else ""
            posts += 1
            size += len(text)
        row.clear()
        while row.getprevious() is not None:
            del row.getparent()[0]
    print(posts, size)
