"""Members of archives: what tarfile and zipfile wrote comes out; what is damaged, hostile or too large costs what it covers."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import random
import struct
import tarfile
import tracemalloc
import zipfile
import zlib

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import TaskError
from stages.sources import opening
from stages.sources.archives import members as archives
from stages.sources.archives import zip as zip_module
from stages.sources.archives.entries import clean_name
from stages.sources.archives.members import members, members_of
from tests.cpu_time import within_cpu_seconds

FILES = {
    "a.txt": b"alpha\n" * 100, "folder/b.txt": b"", "folder/deep/\u4e2d\u6587.txt": "\u4e2d".encode() * 700,
    "c" * 150 + "/d.txt": b"long name",
    "e" * 99: b"x" * 512, "random.bin": random.Random(1).randbytes(150_000),
}  # fmt: skip
PACKERS = {
    "": bytes, ".gz": lambda data: gzip.compress(data, 1), ".bz2": lambda data: bz2.compress(data, 1),
    ".xz": lambda data: lzma.compress(data, preset=0),
    ".zst": lambda data: pa.compress(data, "zstd", asbytes=True),
}  # fmt: skip
DATE = 1_700_000_000


def tar(files=FILES, form=tarfile.PAX_FORMAT, more=()):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), DATE
            archive.addfile(info, io.BytesIO(content))
        for info in more:
            archive.addfile(info)
    return out.getvalue()


class Unseekable(io.RawIOBase):
    """Makes zipfile write sizes and checksums behind each entry."""

    def __init__(self):
        self.data = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.data += data
        return len(data)


def zipped(files=FILES, method=zipfile.ZIP_DEFLATED, streamed=False, **how):
    out = Unseekable() if streamed else io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, (2023, 11, 14, 22, 13, 20))
            info.compress_type = method
            with archive.open(info, "w", **how) as file:
                file.write(content)
    return bytes(out.data) if streamed else out.getvalue()


def read(data, name, **limits):
    return list(members_of(io.BytesIO(data), name, **limits))


@contextlib.contextmanager
def at_most(size):
    """Nothing in it takes more memory."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()


def contents(found):
    return {m.name: m.content for m in found if m.reason is None}


def bad(found):
    return [(m.name, m.reason) for m in found if m.reason is not None]


# What was written comes out


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar_of_every_form_and_compression(packed, form):
    found = read(PACKERS[packed](tar(form=form)), "x.tar" + packed)
    assert contents(found) == FILES
    assert [m.ordinal for m in found] == list(range(len(FILES)))
    assert {m.modified for m in found} == {"2023-11-14T22:13:20+00:00"}
    assert [m.size for m in found] == [len(content) for content in FILES.values()]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
@pytest.mark.parametrize("how", [{}, {"force_zip64": True}])
def test_zip_of_every_form(streamed, method, how):
    data = zipped(method=method, streamed=streamed, **how)
    found = read(data, "x.ZIP")
    assert contents(found) == FILES
    assert {m.modified for m in found} == {"2023-11-14T22:13:20+00:00"}
    assert contents(read(b"a program" * 1000 + data, "x.zip")) == FILES
    for member in found:
        assert data.startswith(b"PK\3\4", member.offset)


@pytest.mark.parametrize("comment", [b"PK\5\6", b"PK\5\6" + bytes(16), b"PK\5\6" + b"\xff" * 18, b"c" * 0xFFFF])
def test_what_a_comment_of_a_zip_says_is_no_end_of_it(comment):
    data = bytearray(zipped())
    data[-2:] = len(comment).to_bytes(2, "little")
    found = read(bytes(data) + comment, "x.zip")
    assert contents(found) == FILES
    assert bad(found) == []


def test_zip_whose_directory_needs_64_bits(monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    data = zipped()
    assert b"PK\6\7" in data
    assert contents(read(data, "x.zip")) == FILES
    assert bad(read(data, "x.zip")) == []
    for mark in (b"PK\6\6", b"PK\6\7"):
        found = read(data.replace(mark, b"none"), "x.zip")
        assert contents(found) == FILES
        assert bad(found) == [("", "broken_record")]


@pytest.mark.parametrize("extra", [b"\0", bytes(3), struct.pack("<HHQ", 1, 8, 77), struct.pack("<HHB", 0x5455, 1, 1)])
def test_extra_fields_that_say_nothing(extra):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("a", (2023, 11, 14, 22, 13, 20))
        info.extra = extra
        archive.writestr(info, b"1")
    (member,) = read(out.getvalue(), "x.zip")
    assert (member.content, member.modified) == (b"1", "2023-11-14T22:13:20+00:00")


@pytest.mark.parametrize("packed", PACKERS)
def test_file_compressed_by_itself_and_plain_file(packed):
    text = b"some text " * 5000
    (member,) = read(PACKERS[packed](text), "notes.txt" + packed)
    assert (member.name, member.content, member.reason) == ("notes.txt", text, None)
    assert read(PACKERS[packed](text), "notes.txt" + packed, only=lambda name: name == "notes.txt") == [member]
    assert read(PACKERS[packed](text), "notes.txt" + packed, only=lambda name: name != "notes.txt") == []


@pytest.mark.parametrize("packed", list(PACKERS)[1:])
def test_streams_in_a_row_are_one_and_what_is_behind_them_is_none_of_it(packed):
    pack = PACKERS[packed]
    text = random.Random(2).randbytes(200_000)
    data = b"".join(pack(text[i : i + 30_000]) for i in range(0, len(text), 30_000))
    assert contents(read(data, "x" + packed)) == {"x": text}
    if packed != ".zst":  # of which libzstd says that it is damaged, too
        assert contents(read(data + bytes(1024), "x" + packed)) == {"x": text}
        assert contents(read(data + b"garbage behind it", "x" + packed)) == {"x": text}


def test_first_bytes_say_what_a_file_is():
    assert contents(read(gzip.compress(tar()), "1301.0001.gz")) == FILES
    assert contents(read(tar(), "x.tar.gz")) == FILES
    assert contents(read(lzma.compress(tar()), "x.tgz")) == FILES
    (epub,) = read(zipped(), "book.epub")
    assert zipfile.ZipFile(io.BytesIO(epub.content)).namelist() == list(FILES)
    assert read(b"BZh9 is how bzip2 begins", "note.txt")[0].content == b"BZh9 is how bzip2 begins"


@pytest.mark.parametrize("name", ["x.gz", "x.tar.gz", "x.tgz", "x.xz", "x.zip", "x.tar"])
def test_a_file_that_is_not_what_its_name_says_is_broken(name):
    assert [reason for _, reason in bad(read(b"<html>404</html>" * 100, name))] == ["broken_record"]


@pytest.mark.parametrize("name", ["x.gz", "x.tar.gz", "x.tgz", "x.xz", "x.zip"])
def test_an_empty_file_is_no_archive(name):
    assert [reason for _, reason in bad(read(b"", name))] == ["broken_record"]


def test_an_archive_of_nothing_has_no_member():
    assert read(tar({}), "x.tar") == []
    assert read(zipped({}), "x.zip") == []
    assert read(b"", "x.tar") == []
    assert contents(read(b"", "x.txt")) == {"x.txt": b""}


def test_only_files_are_members():
    links = []
    for kind in (tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE):
        info = tarfile.TarInfo("link")
        info.type, info.linkname, info.size = kind, "/etc/passwd", 10_000_000
        links.append(info)
    data = tar({"a": b"1"}, tarfile.USTAR_FORMAT, links)[: 1024 + 512 * len(links)] + tar({"b": b"2"})
    assert b"/etc/passwd" in data
    assert [(m.name, m.content) for m in read(data, "x.tar")] == [("a", b"1"), ("b", b"2")]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in ("folder/", zipfile.ZipInfo("of dos/"), zipfile.ZipInfo("of dos\\")):
            archive.writestr(name, b"")
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, b"/etc/passwd")
        archive.writestr("a", b"1")
        regular = zipfile.ZipInfo("b")
        regular.external_attr = 0o100644 << 16
        archive.writestr(regular, b"2")
    assert [m.name for m in read(out.getvalue(), "x.zip")] == ["a", "b"]


def test_a_file_with_holes_is_broken_and_what_follows_is_not():
    header = bytearray(tar({"holes": b"1" * 600}, tarfile.GNU_FORMAT)[:512])
    header[156:157], header[482] = b"S", 1
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + sum(header[156:]) + 256)
    more = bytes(504) + b"\1" + bytes(7) + bytes(512)
    found = read(bytes(header) + more + b"1" * 600 + bytes(424) + tar({"a": b"1"}), "x.tar")
    assert bad(found) == [("holes", "broken_record")]
    assert contents(found) == {"a": b"1"}
    for cut in (700, 1024):
        assert bad(read(bytes(header) + more[: cut - 512], "x.tar")) == [("", "broken_record")]


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("../../etc/passwd", "etc/passwd"), ("/etc/passwd", "etc/passwd"), ("C:\\windows\\a.txt", "windows/a.txt"),
        ("a/./b//../c", "a/b/c"), ("..\\..\\a", "a"), ("..", "unnamed"), ("", "unnamed"),
        ("a\0b\n\x1b[2J\u2028", "a\ufffdb\ufffd\ufffd[2J\ufffd"),
        ("a\u2029\x7f\x80\x9f", "a" + "\ufffd" * 4),
        ("./C:/x", "x"), ("C:D:/x", "x"), ("/C:../x", "x"), ("a../" + "x" * 1021, "x" * 1021), ("a" + "C:" + "x" * 1022, "x" * 1022),
        (b"caf\xe9", "caf\xe9"), ("caf\xe9".encode(), "caf\xe9"), ("\ud800", "\ufffd"), ("d/" * 2000 + "x.txt", "d/" * 509 + "x.txt"),
    ],
)  # fmt: skip
def test_names_are_made_harmless(name, clean):
    assert clean_name(name) == clean
    assert len(clean_name(name)) <= 1024


@given(st.one_of(st.binary(), st.text(), st.lists(st.sampled_from(["C:", "..", ".", "/", "\\", "a", "a" * 1020])).map("".join)))
def test_no_name_leads_anywhere(name):
    clean = clean_name(name)
    assert clean_name(clean) == clean
    assert not clean.startswith("/")
    assert not {"", ".", ".."} & set(clean.split("/"))
    assert clean[1:2] != ":" or not (clean[0].isascii() and clean[0].isalpha())


def test_traversal_by_name_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["../out.txt", "/tmp/curate-out.txt", "a/../../b.txt"]
    for data, name in ((tar(dict.fromkeys(names, b"1")), "x.tar"), (zipped(dict.fromkeys(names, b"1")), "x.zip")):
        assert [m.name for m in read(data, name)] == ["out.txt", "tmp/curate-out.txt", "a/b.txt"]
    assert list(tmp_path.iterdir()) == []


# What is taken


@pytest.mark.parametrize(
    ("data", "name"), [(gzip.compress(tar()), "x.tar.gz"), (zipped(), "x.zip"), (zipped(streamed=True)[:-30], "x.zip")]
)
def test_what_is_taken_changes_no_number(data, name):
    whole = read(data, name)
    for wanted in ({0}, {1, 4}, {5}, set()):
        assert read(data, name, take=lambda n, wanted=wanted: n in wanted) == [m for m in whole if m.ordinal in wanted]
    texts = read(data, name, only=lambda name: name.endswith(".txt"))
    assert [m.name for m in texts if m.name] == [n for n in FILES if n.endswith(".txt")]
    assert [m.ordinal for m in texts] == list(range(len(texts)))


@pytest.mark.parametrize("packed", PACKERS)
def test_a_damage_has_the_same_number_whatever_is_taken(packed):
    data = PACKERS[packed](tar())[:-60_000]
    whole = read(data, "x.tar" + packed)
    assert [member.reason for member in whole[-2:]] == [None, "broken_record"][-len(whole) :]
    for wanted in range(len(whole)):
        assert read(data, "x.tar" + packed, take=lambda n, wanted=wanted: n == wanted) == whole[wanted : wanted + 1]
    assert bad(read(data, "x.tar" + packed, only=lambda name: name != "random.bin")) == [("", "broken_record")]


# Damage


def cuts(data):
    return sorted({*range(0, len(data), max(1, len(data) // 37)), *range(max(0, len(data) - 25), len(data))})


@pytest.mark.parametrize("packed", PACKERS)
def test_a_cut_tar_gives_what_was_before_the_cut(packed):
    files = {f"{n}.txt": random.Random(n).randbytes(200 * n) for n in range(40)}
    plain = tar(files, tarfile.USTAR_FORMAT)
    data = PACKERS[packed](plain)
    least = -1
    for cut in cuts(data):
        found = read(data[:cut], "x.tar" + packed)
        good = contents(found)
        assert list(good.items()) == list(files.items())[: len(good)]
        assert len(good) >= least
        least = len(good)
        assert len(bad(found)) <= 1
        if packed:
            assert len(bad(found)) == 1 or (packed != ".zst" and len(good) == 40)
        elif cut < len(plain) - 10240 and cut % 512:
            assert len(bad(found)) == 1
            assert len(good) == sum(m.offset + 512 + m.size <= cut for m in read(plain, "x.tar"))
    assert least == 40 or packed == ".zst"  # whose last block holds several files


@pytest.mark.parametrize("streamed", [False, True])
def test_a_cut_zip_gives_what_was_before_the_cut(streamed):
    files = {f"{n}.txt": random.Random(n).randbytes(300 * n) + b"a" * 1000 for n in range(40)}
    data = zipped(files, streamed=streamed)
    whole = read(data, "x.zip")
    ends = [m.offset for m in whole[1:]] + [data.index(b"PK\1\2")]
    for cut in cuts(data):
        found = read(data[:cut], "x.zip")
        good = contents(found)
        assert list(good.items()) == list(files.items())[: len(good)]
        assert len(good) in (sum(end <= cut for end in ends), sum(end - 24 <= cut for end in ends))
        assert len(bad(found)) in (1, 2)


@pytest.mark.parametrize(
    ("data", "name"), [(tar(), "x.tar"), (zipped(), "x.zip"), (gzip.compress(tar()), "x.tar.gz"), (zipped(streamed=True), "x.zip")]
)
@settings(max_examples=100, deadline=None)
@given(st.integers(0, 1 << 32))
def test_flipped_and_lost_bytes_raise_nothing_and_invent_nothing(data, name, seed):
    damaged, rng = bytearray(data), random.Random(seed)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(damaged))
        if rng.random() < 0.7:
            damaged[at] ^= rng.randint(1, 255)
        else:
            del damaged[at : at + rng.randint(1, 2000)]
    found = read(bytes(damaged), name)
    assert [m.ordinal for m in found] == list(range(len(found)))
    for member in found:
        assert (member.content is None) == (member.reason is not None)
        if name != "x.tar" and member.content is not None and member.name in FILES:
            assert member.content == FILES[member.name]


SMALL = {"a.txt": b"alpha" * 50, "b" * 90 + "/" + "c" * 50: b"beta", "\u4e2d" * 40: b"1"}
PIECES = [
    b"\xff" * 2, b"\xff" * 4, b"\xff" * 8, bytes(4), b"PK\3\4", b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"\x80" + b"\xff" * 11,
    b"7" * 11 + b"\0", b"ustar\0", b"\1\0\x18\0", b"x", b"L", b"S", b"\x7f" * 8, b"9 path=a\n", b"\n",
]  # fmt: skip
ODD = [(tar(SMALL, form), "x.tar") for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)]
ODD += [(zipped(SMALL, streamed=streamed, **how), "x.zip") for streamed in (False, True) for how in ({}, {"force_zip64": True})]


def with_checksums(data):
    """A tar whose headers have the checksums they should have."""
    data = bytearray(data)
    for at in range(0, len(data) - 511, 512):
        if data[at + 257 : at + 262] == b"ustar":
            data[at + 148 : at + 156] = b"%06o\0 " % (sum(data[at : at + 148]) + sum(data[at + 156 : at + 512]) + 256)
    return bytes(data)


@pytest.mark.parametrize(("data", "name"), ODD)
@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1 << 32))
def test_odd_headers_end_and_number_alike(data, name, seed):
    odd, rng = bytearray(data), random.Random(seed)
    for _ in range(rng.randint(1, 6)):
        at, piece = rng.randrange(len(odd)), rng.choice([*PIECES, bytes([rng.randrange(256)])])
        if rng.random() < 0.1:
            odd[at:at] = odd[rng.randrange(len(odd)) :][: rng.randint(1, 1500)]
        else:
            odd[at : at + len(piece)] = piece
    odd = with_checksums(odd) if name == "x.tar" else bytes(odd)
    found = read(odd, name, max_total_bytes=1 << 24)
    assert [m.ordinal for m in found] == list(range(len(found)))
    assert all(0 <= m.offset <= len(odd) and ".." not in m.name.split("/") for m in found)
    for wanted in range(len(found) + 1):
        assert read(odd, name, max_total_bytes=1 << 24, take=lambda n, wanted=wanted: n == wanted) == found[wanted : wanted + 1]


def test_a_wrong_length_in_a_zip_without_a_directory_costs_its_member():
    data = bytearray(zipped({name: name.encode() * 200 for name in "abc"}, zipfile.ZIP_STORED))
    del data[data.index(b"PK\1\2") :]
    data[18] += 40
    found = read(bytes(data), "x.zip")
    assert bad(found) == [("a", "broken_record"), ("", "broken_record")]
    assert list(contents(found)) == ["b", "c"]


def test_a_damaged_tar_header_costs_its_member():
    data = bytearray(tar({name: name.encode() * 2000 for name in "abcd"}, tarfile.USTAR_FORMAT))
    data[read(bytes(data), "x.tar")[1].offset + 5] ^= 1
    found = read(bytes(data), "x.tar")
    assert bad(found) == [("", "broken_record")]
    assert [m.name for m in found] == ["a", "", "c", "d"]
    data[found[-1].offset] ^= 1
    assert [m.name for m in read(bytes(data), "x.tar")] == ["a", "", "c", ""]


@pytest.mark.parametrize("size", [b"9" * 11 + b"\0", b"\xff" * 12, b"\x80" + b"\xff" * 11, b"-0000000001\0", b"1_1" + bytes(9)])
def test_a_tar_header_whose_size_is_no_number_costs_its_member(size):
    data = bytearray(tar({name: name.encode() * 2000 for name in "abc"}, tarfile.USTAR_FORMAT))
    at = read(bytes(data), "x.tar")[1].offset
    data[at + 124 : at + 136] = size
    assert [(m.name, m.offset) for m in read(with_checksums(data), "x.tar")] == [("a", 0), ("", at), ("c", 2 * at)]


def test_a_header_of_before_ustar_is_none_in_the_content_behind_a_damage():
    old = bytearray(tar({"old": b""}, tarfile.USTAR_FORMAT)[:512])
    old[148:156], old[257:265] = b"%06o\0 " % (sum(old) - sum(old[148:156]) + 256 - sum(old[257:265])), bytes(8)
    assert [m.name for m in read(bytes(old), "x.tar")] == ["old"]
    data = bytearray(tar({"a": bytes(old), "b": b"2"}, tarfile.USTAR_FORMAT))
    data[5] ^= 1
    assert [m.name for m in read(bytes(data), "x.tar")] == ["", "b"]


def test_a_header_of_zeros_costs_its_member_and_is_no_end():
    data = bytearray(tar({name: name.encode() * 2000 for name in "abc"}, tarfile.USTAR_FORMAT))
    at = read(bytes(data), "x.tar")[1].offset
    data[at : at + 512] = bytes(512)
    assert [(m.name, m.offset) for m in read(bytes(data), "x.tar")] == [("a", 0), ("", at + 512), ("c", 2 * at)]
    data[at : at + 1024] = bytes(1024)
    assert [(m.name, m.offset) for m in read(bytes(data), "x.tar")] == [("a", 0), ("", at + 1024), ("c", 2 * at)]


def test_a_long_name_is_not_that_of_the_file_behind_a_damage():
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        long = bytearray(tar({"L" * 150: b"1" * 600}, form)[: 1024 + 512 + 1024])
        long[1024 + 5] ^= 1
        assert [m.name for m in read(bytes(long) + tar({"a": b"2"}, form), "x.tar")] == ["", "a"]


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("cut", [512, 600, 1023, 1024])
def test_a_cut_in_or_behind_a_long_name_is_a_damage(form, cut):
    assert bad(read(tar({"L" * 150: b"1"}, form)[:cut], "x.tar")) == [("", "broken_record")]


def test_a_wrong_checksum_costs_its_member():
    data = bytearray(zipped(method=zipfile.ZIP_STORED))
    data[data.index(b"alpha")] ^= 1
    found = read(bytes(data), "x.zip")
    assert bad(found) == [("a.txt", "broken_record")]
    assert len(contents(found)) == len(FILES) - 1
    packed = bytearray(gzip.compress(b"alpha" * 100))
    packed[-6] ^= 1
    assert bad(read(bytes(packed), "x.gz")) == [("x", "broken_record")]


@pytest.mark.parametrize("packed", [".gz", ".bz2", ".xz"])
def test_a_wrong_byte_in_a_compressed_file_costs_it(packed):
    data = bytearray(PACKERS[packed](random.Random(5).randbytes(3000)))
    data[1500] ^= 1
    assert bad(read(bytes(data), "x" + packed)) == [("x", "broken_record")]


def test_what_is_encrypted_or_packed_in_an_unknown_way_is_broken():
    for at, value in ((8, 1), (10, 97), (24, 0x59), (20, 1)):
        data = bytearray(zipped(method=zipfile.ZIP_STORED if at == 20 else zipfile.ZIP_DEFLATED))
        entry = data.index(b"PK\1\2")
        data[entry + at] = value
        found = read(bytes(data), "x.zip")
        assert bad(found) == [("a.txt", "broken_record")]
        assert len(contents(found)) == len(FILES) - 1


def test_an_entry_of_a_streamed_zip_without_a_directory_whose_end_cannot_be_found_is_broken():
    found = read(zipped(method=zipfile.ZIP_STORED, streamed=True)[:-30], "x.zip")
    assert bad(found) == [(name, "broken_record") for name in (*FILES, "")]
    whole = zipped(streamed=True)[:-30]
    for at in (6, whole.index(b"PK\7\x08") + 4):  # encrypted; another checksum
        data = bytearray(whole)
        data[at] ^= 1
        found = read(bytes(data), "x.zip")
        assert bad(found) == [("a.txt", "broken_record"), ("", "broken_record")]
        assert len(contents(found)) == len(FILES) - 1
    empty = zipped({"a": b""}, streamed=True)
    assert bad(read(empty[: empty.index(b"PK\7\x08")], "x.zip")) == [("a", "broken_record"), ("", "broken_record")]


def test_a_tar_joined_to_another_and_garbage_behind_its_end():
    data = tar({"a": b"1"}) + tar({"b": b"2"})
    assert contents(read(data, "x.tar")) == {"a": b"1", "b": b"2"}
    for times in (1, 1000):
        assert bad(read(data + b"garbage" * times, "x.tar")) == []


def test_a_file_that_cannot_be_read_is_no_broken_file(tmp_path):
    with pytest.raises(TaskError, match=r"cannot be opened.*No such file"):
        list(members(str(tmp_path / "none.tar")))

    class Failing(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > 100_000:
                raise ConnectionError("reset")
            return super().read(size)

    for packed in PACKERS:
        file = opening.Input(Failing(PACKERS[packed](tar())), "s3://x.tar")
        with pytest.raises(TaskError, match="reset"):
            list(members_of(file, "x.tar"))


# Bounds


def test_a_large_member_is_passed_over():
    for data, name in ((tar(), "x.tar"), (gzip.compress(tar()), "x.tar.gz"), (zipped(), "x.zip"), (zipped(streamed=True)[:-30], "x.zip")):
        found = read(data, name, max_member_bytes=100_000)
        assert bad(found)[:1] == [("random.bin", "too_large")]
        assert len(contents(found)) == len(FILES) - 1
    for data, name in ((tar({"a": b"1" * 10}), "x.tar"), (zipped({"a": b"1" * 10}), "x.zip"), (b"1" * 10, "a.txt")):
        assert bad(read(data, name, max_member_bytes=10)) == []
        assert [reason for _, reason in bad(read(data, name, max_member_bytes=9))] == ["too_large"]
    assert bad(read(b"1" * 11, "a.txt", max_member_bytes=10)) == [("a.txt", "too_large")]
    assert bad(read(b"1" * 11, "a.gz", max_member_bytes=10)) == [("a", "too_large")]
    assert bad(read(gzip.compress(b"1" * 11), "a.gz", max_member_bytes=10)) == [("a", "too_large")]
    assert bad(read(gzip.compress(b"1" * 10), "a.gz", max_member_bytes=10)) == []


@pytest.mark.parametrize("packed", list(PACKERS)[1:])
def test_a_bomb_ends_at_the_budget(packed, monkeypatch):
    monkeypatch.setattr(archives, "FREE_BYTES", 1 << 20)
    zeros = PACKERS[packed](bytes(20 << 20))
    bomb = PACKERS[packed](tar({"a": b"1", "zeros": bytes(8 << 20), "b": b"2"}))
    with at_most(12 << 20):
        for more in ({}, {"max_total_bytes": 1 << 40}):
            assert bad(read(zeros, "x" + packed, max_ratio=1, **more)) == [("x", "too_large")]
        assert bad(read(zeros, "x" + packed, max_ratio=10_000_000, max_member_bytes=1000)) == [("x", "too_large")]
        found = read(bomb, "x.tar" + packed, max_ratio=1)
        assert bad(found) == [("zeros", "too_large"), ("", "too_large")]
        assert read(bomb, "x.tar" + packed, max_ratio=1, take=lambda n: n == 2) == found[2:]
    assert contents(read(bomb, "x.tar" + packed, max_ratio=10_000_000))["b"] == b"2"


def test_a_bomb_in_a_streamed_zip_without_a_directory():
    bomb = zipped({"a": b"1", "zeros": bytes(8 << 20), "b": b"2"}, streamed=True)[:-30]
    with at_most(1 << 20):
        found = read(bomb, "x.zip", max_member_bytes=1000)
        assert [(m.name, m.size, m.content) for m in found] == [("a", 1, b"1"), ("zeros", 8 << 20, None), ("b", 1, b"2"), ("", None, None)]
        assert bad(read(bomb, "x.zip", max_total_bytes=1 << 18, max_member_bytes=1000)) == [("", "too_large")]


@pytest.mark.parametrize("is_packed_well", [True, False])
def test_one_stretch_of_a_zip_under_many_names_is_paid_for_each_time(is_packed_well):
    """As large as it says it is inflated, or as what must be read to see that it says too little."""
    data = zipped({"a": bytes(1 << 20) if is_packed_well else random.Random(4).randbytes(1 << 20)})
    start = data.index(b"PK\1\2")
    end = data.index(b"PK\5\6")
    entry = data[start:end] if is_packed_well else data[start : start + 24] + bytes(4) + data[start + 28 : end]
    directory = entry * 1000
    bomb = data[:start] + directory + struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, 1000, 1000, len(directory), start, 0)
    found = read(bomb, "x.zip", max_total_bytes=10 << 20)
    assert len(contents(found)) == is_packed_well
    assert [m.name for m in found] == ["a"] * (10 if is_packed_well else 9) + [""]
    assert bad(found)[-1] == ("", "too_large")


def test_a_zip_whose_directory_is_damaged_is_read_by_its_headers():
    data = zipped()
    first, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    second, last = data.index(b"PK\1\2", first + 4), data.rindex(b"PK\1\2")

    def with_end(directory_end, length, offset):
        return data[:directory_end] + data[end : end + 12] + struct.pack("<LLH", length, offset, 0)

    assert with_end(end, end - first, first) == data
    for damaged in (
        data[:second] + b"X" + data[second + 1 :],
        with_end(end, end - first, first + 1),
        with_end(end, end + 1, 0),
        with_end(last + 20, last + 20 - first, first),
        with_end(last + 46, last + 46 - first, first),
    ):
        found = read(damaged, "x.zip")
        assert contents(found) == FILES
        assert bad(found) == [("", "broken_record")]


def test_an_entry_that_says_less_than_it_holds_is_broken():
    data = bytearray(zipped({"a": bytes(8 << 20)}))
    entry = data.index(b"PK\1\2")
    data[entry + 24 : entry + 28] = (1000).to_bytes(4, "little")
    data = bytes(data)
    with at_most(1 << 20):
        assert bad(read(data, "x.zip")) == [("a", "broken_record")]


@pytest.mark.parametrize("numbers", [(5, 5, 1 << 64), (5, 1 << 64, 0), (1 << 64, 5, 0), (5, 5, 1 << 40)])
def test_what_a_zip_says_beyond_its_end_is_broken(numbers):
    data = zipped({"a": b"12345", "b": b"12345"}, method=zipfile.ZIP_STORED)
    start, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    one, two = data[start:end].split(b"PK\1\2")[1:]
    extra = struct.pack("<HHQQQ", 1, 24, *(min(n, (1 << 64) - 1) for n in numbers))
    entry = bytearray(b"PK\1\2" + one + extra)
    entry[20:28], entry[30:32], entry[42:46] = b"\xff" * 8, len(extra).to_bytes(2, "little"), b"\xff" * 4
    directory = bytes(entry) + b"PK\1\2" + two
    data = data[:start] + directory + struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, 2, 2, len(directory), start, 0)
    found = read(data, "x.zip")
    assert contents(found) == {"b": b"12345"}
    assert bad(found) == [("a", "too_large" if numbers[0] > 1 << 40 else "broken_record")]
    assert max(member.offset for member in found) <= len(data)


def test_an_entry_without_its_own_header_is_broken():
    data = bytearray(zipped({"a": b"12345"}, zipfile.ZIP_STORED))
    offset = data.index(b"PK\1\2") + 42
    near_end = bytearray(data)
    near_end[offset : offset + 4] = (len(data) - 9).to_bytes(4, "little")
    data[0] ^= 1
    for damaged in (data, near_end):
        assert bad(read(bytes(damaged), "x.zip")) == [("a", "broken_record")]


def test_zstd_frames_to_skip():
    skipped = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"12345"
    one = PACKERS[".zst"](b"one")
    assert contents(read(skipped + one + skipped + one, "x.zst")) == {"x": b"oneone"}


def test_members_are_numbered_to_a_bound():
    for data, name in ((tar(), "x.tar"), (zipped(), "x.zip")):
        found = read(data, name, max_members=3)
        assert bad(found) == [("", "too_large")]
        assert len(found) == 4
        assert read(data, name, max_members=3, take=lambda n: n == 3) == found[3:]
        assert bad(read(data, name, max_members=len(FILES))) == []


def test_extended_headers_are_bounded():
    def extended(kind, data):
        info = tarfile.TarInfo("x")
        info.type, info.size = kind, len(data)
        return info.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % 512)

    records = b"".join(b"%d a%d=1\n" % (len(b"a%d=1\n" % n) + 2, n) for n in range(10, 99))
    wrong = [b"11 path=bbX", b""]
    wrong += [b"0 a=b\n", b"5", b"99999 path=a\n", b"-5 path=a\n", b" path=a\n", b"9 path=a\n" * 50_000, b"9" * 900_000, b"a" * 900_000]
    more = [b"junk", b"9", b" ", b"3 \n", b"2 \n", b"1 \n", b"0 \n", b"999999999999999999 a=b\n"]
    wrong += [b"9 uid=12\n" + data for data in (*wrong, *more)]
    for data in wrong:
        assert list(contents(read(extended(b"x", data) + tar({"a": b"1"}), "x.tar"))) in (["a"], [])
    name = b"11 path=bb\n"
    assert list(contents(read(extended(b"x", records + name) + tar({"a": b"1"}), "x.tar"))) == ["bb"]
    assert list(contents(read(extended(b"L", b"n" * (1 << 20)) + tar({"a": b"1"}), "x.tar"))) == ["n" * 1024]
    assert list(contents(read(extended(b"L", b"n" * (1 + (1 << 20))) + tar({"a": b"1"}), "x.tar"))) == ["a"]
    many = b"".join(extended(b"x", b"".join(b"19 key%06d=value\n" % (1000 * i + n) for n in range(1000))) for i in range(6))
    many += tar({"a": b"1"})
    with at_most(1 << 18):
        assert list(contents(read(many, "x.tar"))) == ["a"]


@pytest.mark.parametrize("key", [b"size", b"mtime"])
@pytest.mark.parametrize("digits", [19, 5000])
def test_a_number_of_many_digits_is_none(key, digits):
    data = b"%d %s=%s\n" % (len(key) + digits + len(str(digits)) + 3, key, b"1" * digits)
    info = tarfile.TarInfo("x")
    info.type, info.size = b"x", len(data)
    (member,) = read(info.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % 512) + tar({"a": b"1"}), "x.tar")
    assert (member.name, member.content, member.modified) == ("a", b"1", "2023-11-14T22:13:20+00:00")


def test_hostile_zips_without_a_directory_are_read_in_linear_time():
    fake = struct.pack("<4sHHHHHLLLHH", b"PK\3\4", 20, 0, 8, 0, 0, 0, 1000, 1000, 1, 0) + b"a"
    streamed = struct.pack("<4sHHHHHLLLHH", b"PK\3\4", 20, 8, 8, 0, 0, 0, 0, 0, 1, 0) + b"a" + b"\0\0\0\xff\xff" * 10
    hops = streamed[:31] + b"\0" + struct.pack("<HH", 65_515, 65_515 ^ 0xFFFF)  # a stored block that ends at a later one's start
    gaps = fake + b"a" * 40
    for piece in (fake, streamed, hops, gaps, b"PK\3\4", b"PK"):
        data = piece * (500_000 // len(piece))
        found: list[str | None] = []
        within_cpu_seconds(
            1, lambda data=data, found=found: found.extend(member.reason for member in members_of(io.BytesIO(data), "x.zip"))
        )
        assert set(found) == {"broken_record"}


class Repeated(io.RawIOBase):
    """A file that is one piece many times over, and an end."""

    def __init__(self, piece, times, end):
        self.piece, self.end, self.body = piece, end, len(piece) * times
        self.size, self.at = self.body + len(end), 0

    def seek(self, offset, whence=0):
        self.at = offset + (0, self.at, self.size)[whence]
        return self.at

    def tell(self):
        return self.at

    def read(self, size=-1):
        if self.at >= self.body:
            data = self.end[self.at - self.body :][:size]
        else:
            inside = self.at % len(self.piece)
            data = self.piece[inside : inside + min(size, self.body - self.at)]
        self.at += len(data)
        return data


@pytest.mark.parametrize(("packed", "member_bytes", "memory_bytes"), [("", 1 << 20, 6 << 20), (".gz", 1 << 16, 1 << 20)])
def test_memory_is_flat_over_a_thousand_members_and_a_gigabyte(packed, member_bytes, memory_bytes):
    content = random.Random(3).randbytes(member_bytes)
    entry = tar({"a.txt": content}, tarfile.USTAR_FORMAT)[: 512 + len(content)]
    file = Repeated(PACKERS[packed](entry), 1024, PACKERS[packed](bytes(1024)))
    count = 0
    with at_most(memory_bytes):
        for member in members_of(file, "x.tar"):
            assert member.content[-100:] == content[-100:]
            count += 1
    assert count == 1024


def test_a_long_directory_is_not_read_whole(monkeypatch):
    monkeypatch.setattr(zip_module, "MAX_DIRECTORY_BYTES", 10)
    found = read(zipped(), "x.zip")
    assert contents(found) == FILES
    assert bad(found) == [("", "broken_record")]


@pytest.mark.parametrize(("dictionary", "is_read"), [(28, True), (31, True), (33, False), (40, False)])
def test_xz_that_asks_for_much_memory_is_broken(dictionary, is_read):
    """64 MiB as of xz -9, and 192; 384 and 4,096."""
    data = bytearray(lzma.compress(b"1", preset=0))
    end = 12 + 4 * data[12]  # of the block's header, of its checksum's start
    data[16] = dictionary
    data[end : end + 4] = zlib.crc32(data[12:end]).to_bytes(4, "little")
    assert contents(read(bytes(data), "x.xz")) == ({"x": b"1"} if is_read else {})
