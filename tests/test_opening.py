"""Streams of bzip2, as `open_decompressed` reads them."""

import bz2
import random

import pytest

from stages.sources import opening

PARTS = [b"", b"one", random.Random(1).randbytes(3000), b"", bytes(500_000), b"last"]
PACKED = [bz2.compress(part, 1) for part in PARTS]


def read(path, data, size):
    path.write_bytes(data)
    with opening.open_decompressed(str(path)) as stream:
        file = stream.file
        pieces = list(iter(lambda: stream.read(size), b""))
    assert file.closed
    assert max(map(len, pieces), default=0) <= size
    return b"".join(pieces)


@pytest.mark.parametrize("chunk", [1, 14, 37, 1 << 16])
@pytest.mark.parametrize("size", [7_000, 1 << 20])
def test_streams_in_a_row_are_one(tmp_path, monkeypatch, chunk, size):
    """Wherever one of them ends in what is read of the file."""
    monkeypatch.setattr(opening, "CHUNK_BYTES", chunk)
    assert read(tmp_path / "x.BZ2", b"".join(PACKED), size) == b"".join(PARTS)


def test_a_cut_is_an_error_but_between_streams(tmp_path):
    data = b"".join(PACKED)
    ends = {len(b"".join(PACKED[:n])): b"".join(PARTS[:n]) for n in range(len(PACKED) + 1)}
    for cut in range(0, len(data) + 1):
        if cut in ends:
            assert read(tmp_path / "x.bz2", data[:cut], 1 << 20) == ends[cut]
        elif cut % 20 == 0 or cut - 1 in ends or cut + 1 in ends:
            with pytest.raises(OSError, match="Truncated"):
                read(tmp_path / "x.bz2", data[:cut], 1 << 20)


@pytest.mark.parametrize("data", [b"no bzip2", PACKED[1] + b"garbage", PACKED[1][:-9] + b"X" + PACKED[1][-8:]])
def test_damage_is_an_error(tmp_path, data):
    with pytest.raises(OSError, match=r"Invalid data stream"):
        read(tmp_path / "x.bz2", data, 1 << 20)
