"""Dumps of flat XML: pages of MediaWiki (wiki_pieces.py, wiki_dump.py) and posts of Stack Exchange (post_rows.py), by xml_text.py."""
