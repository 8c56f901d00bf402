"""Lists of hosts, pages and URL words: read.py understands files, table.py compiles them, match.py looks URLs up."""
