"""Samples of stages/subtitles."""

import pyarrow as pa

FILM = """1
00:00:00,500 --> 00:00:02,000
Subtitles by <b>Somebody</b>

2
00:00:03,000 --> 00:00:05,000
<i>The keeper walked along</i>
{\\an8}the river, and what she

3
00:00:05,100 --> 00:00:06,000
found there...

4
00:00:06,500 --> 00:00:08,000
...went into a book.

5
00:00:09,000 --> 00:00:10,000
- [door slams] Who is there?
- It&#39;s me.

6
00:00:20,000 --> 00:00:21,000
(laughs)
\u266a A new paragraph. \u266a
"""
ROLLING = """WEBVTT
Kind: captions

NOTE made by a machine

00:00.160 --> 00:03.429 align:start position:0%
 
Linus,<00:00:00.960><c> do</c><00:00:01.520><c> your</c>

00:03.429 --> 00:03.439
Linus, do your
 

00:03.439 --> 00:05.749
Linus, do your
kids<00:00:03.760><c> know</c>

00:05.749 --> 00:05.759
kids know
 

00:05.759 --> 00:08.000
kids know
what you do?
"""  # noqa: W293
CHINESE = "1\r\n00:00:01,000 --> 00:00:02,000\r\n你好吗\r\n我很好\r\n\r\n2\r\n00:00:02,500 --> 00:00:03,000\r\n（笑）再见\r\n"


def clean_subtitles():
    files = [
        FILM.encode(), ROLLING.encode(), CHINESE.encode("gb18030"), FILM.encode("utf-16"), b"<html>no subtitles</html>", b"", None,
        b"1\n00:00:01,000 --> 00:00:02,000\n[music]\n", FILM.encode() * 3, b"x" * 5000, bytes(range(256)) + FILM.encode(),
    ]  # fmt: skip
    table = pa.table({"content": pa.array(files, pa.large_binary())})
    yield {"max_bytes": 4000}, table
    yield {"keep_sounds": True, "paragraph_seconds": 0}, table
