"""Samples of stages/arxiv."""

import gzip
import io
import itertools
import tarfile

import pyarrow as pa


def submission(files, pack=True):
    """A tar of files (name -> text), in gzip."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, text in files.items():
            data = text if isinstance(text, bytes) else text.encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(out.getvalue(), mtime=0) if pack else out.getvalue()


def paper(body, definitions=""):
    """A paper of one section."""
    return f"\\documentclass{{article}}\n{definitions}\n\\begin{{document}}\n\\section{{S}}\n{body}\n\\end{{document}}\n"


def submissions():
    """One paper for each way in, and one for each drop reason (at 100 kB of TeX)."""
    parts = {"a.tex": "Text of a part, \\R.", "fig.eps": b"%!PS", "p.sty": "\\def\\R{\\mathbb R}"}
    whole = submission({"p.tex": paper("\\input{a}", "\\usepackage{p}"), **parts})
    doubling = "".join(f"\\def\\{x}{{\\{y}\\{y}}}" for x, y in itertools.pairwise("abcdefghijklmnopqrstu"))
    files = {"p.tex": paper("One. \\input{a}"), "z/fig.png": b"\x89PNG", "a.tex": "Two. " * 10}
    cut = submission(files, pack=False)
    return pa.table({
        "content": pa.array([
            whole,
            paper("Plain TeX, \\x\\ by itself.", "\\def\\x{inlined}").encode(),
            gzip.compress(paper("Caf\xe9 in latin1").encode("latin-1")),
            submission({"p.tex": paper("Some text"), "big.tex": "x" * 200_000}),
            b"%PDF-1.5 ...", b"", None, b"<html><body>no TeX \\at all",
            submission({"a.tex": "\\alpha is here", "b.tex": "\\beta is there"}),
            submission({"p.tex": paper("\\input{big} some"), "big.tex": "x" * 200_000}),
            cut[: cut.index(b"Two. Two.") + 20],
            paper("\\a", doubling).encode(),
            b"\\documentclass{article}\\begin{document}\\maketitle\\begin{thebibliography}{9}\\end{thebibliography}\\end{document}",
        ], pa.large_binary()),
    })  # fmt: skip


def clean_latex():
    yield {"max_tex_bytes": 100_000}, submissions()
    yield {"max_front_share": 0.0}, submissions()
    yield {"max_expansion": 0.0, "max_unpacked_bytes": 1_000}, submissions()
