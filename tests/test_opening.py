"""Decompressed streams: several in a row, cut and damaged ones, files that cannot be read."""

import bz2
import gzip
import io
import random

import pyarrow as pa
import pytest

from curation.errors import TaskError
from stages.sources import opening
from stages.sources.archives import inflate

PARTS = [b"", b"one", random.Random(1).randbytes(3000), b"", bytes(500_000), b"last"]
PACK = {"gz": lambda part: gzip.compress(part, 1, mtime=0), "bz2": lambda part: bz2.compress(part, 1), "zst": lambda part: zstd(part)}
PACKED = {suffix: [pack(part) for part in PARTS] for suffix, pack in PACK.items() if suffix != "zst"}
INCOMPRESSIBLE = random.Random(2).randbytes(1 << 20)
suffixes = pytest.mark.parametrize("suffix", list(PACKED))


def zstd(part):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(part)
    return sink.getvalue().to_pybytes()


def read(path, data, size, errors=()):
    """All bytes of a file, read by `size`; with them the error that ended them."""
    path.write_bytes(data)
    with opening.open_decompressed(str(path)) as stream:
        file = getattr(stream.file, "file", stream.file)
        pieces, error = [], None
        try:
            while piece := stream.read(size):
                pieces.append(piece)
        except errors as e:
            error = e
            with pytest.raises(type(e)):  # and so does whoever reads on
                stream.read(size)
    assert file.closed
    assert max(map(len, pieces), default=0) <= size
    return (b"".join(pieces), error) if errors else b"".join(pieces)


@suffixes
@pytest.mark.parametrize("chunk", [1, 14, 37, 1 << 16])
@pytest.mark.parametrize("size", [7_000, 1 << 20])
def test_streams_in_a_row_are_one(tmp_path, monkeypatch, chunk, size, suffix):
    """Wherever one of them ends in what is read of the file."""
    monkeypatch.setattr(inflate, "CHUNK_BYTES", chunk)
    assert read(tmp_path / f"x.{suffix.upper()}", b"".join(PACKED[suffix]), size) == b"".join(PARTS)


@suffixes
def test_a_cut_is_an_error_but_between_streams(tmp_path, suffix):
    packed = PACKED[suffix]
    data = b"".join(packed)
    ends = {len(b"".join(packed[:n])): b"".join(PARTS[:n]) for n in range(len(packed) + 1)}
    for cut in range(0, len(data) + 1):
        if cut in ends:
            assert read(tmp_path / f"x.{suffix}", data[:cut], 1 << 20) == ends[cut]
        elif cut % 20 == 0 or cut - 1 in ends or cut + 1 in ends:
            found, error = read(tmp_path / f"x.{suffix}", data[:cut], 1 << 20, OSError)
            assert isinstance(error, OSError)
            whole = max(end for end in ends if end < cut)
            assert b"".join(PARTS).startswith(found)
            assert len(found) >= len(ends[whole])


@suffixes
@pytest.mark.parametrize("chunk", [1, 14, 1 << 16])
def test_zeros_behind_a_stream_are_padding(tmp_path, monkeypatch, suffix, chunk):
    monkeypatch.setattr(inflate, "CHUNK_BYTES", chunk)
    padded = bytes(700).join([*PACKED[suffix], b""])
    assert read(tmp_path / f"x.{suffix}", padded, 1 << 20) == b"".join(PARTS)


@pytest.mark.parametrize(
    ("suffix", "data"),
    [
        *(("bz2", data) for data in (b"no bzip2", PACKED["bz2"][1] + b"garbage", PACKED["bz2"][1][:-9] + b"X" + PACKED["bz2"][1][-8:])),
        *(("gz", data) for data in (b"no gzip", PACKED["gz"][1] + b"garbage", PACKED["gz"][1][:-7] + b"X" + PACKED["gz"][1][-6:])),
        *(("zst", data) for data in (b"no zstd", zstd(b"one") + b"garbage")),
    ],
)
def test_damage_is_an_error(tmp_path, suffix, data):
    found, error = read(tmp_path / f"x.{suffix}", data, 1 << 20, OSError)
    assert isinstance(error, OSError)
    assert b"one".startswith(found)


@pytest.mark.parametrize("suffix", list(PACK))
@pytest.mark.parametrize("size", [1 << 10, 4 << 20])
def test_what_stands_before_a_damage_is_read(tmp_path, suffix, size):
    """Another stream ahead of it whole, and much of its own; in a damaged block of bzip2 or gzip wrong bytes, before its sum is known."""
    data = bytearray(PACK[suffix](INCOMPRESSIBLE) + PACK[suffix](INCOMPRESSIBLE))
    at = len(data) * 3 // 4
    data[at : at + 50] = bytes(50)
    found, error = read(tmp_path / f"x.{suffix}", bytes(data), size, OSError)
    assert isinstance(error, OSError)
    good = int(1.3 * len(INCOMPRESSIBLE))
    assert found[:good] == (2 * INCOMPRESSIBLE)[:good]


@pytest.mark.parametrize("suffix", ["txt", *PACK])
def test_a_file_that_cannot_be_read_is_not_damaged(tmp_path, monkeypatch, suffix):
    class Failing(io.FileIO):
        def read(self, size=-1):
            if self.tell() > 1 << 19:
                raise OSError("connection lost")
            return super().read(min(size, 1 << 16))

    monkeypatch.setattr(opening, "open_binary", Failing)
    found, error = read(tmp_path / f"x.{suffix}", PACK.get(suffix, bytes)(INCOMPRESSIBLE), 1 << 16, TaskError)
    assert f"x.{suffix} cannot be read: connection lost" in str(error)
    assert INCOMPRESSIBLE.startswith(found)
    assert len(found) > 1 << 18


def test_a_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(FileNotFoundError):
        opening.open_decompressed(str(tmp_path / "none.gz"))
    with pytest.raises(TaskError, match=r"none\.gz cannot be opened"):
        opening.open_input(str(tmp_path / "none.gz"))
