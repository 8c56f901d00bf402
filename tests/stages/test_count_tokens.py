"""Each kind of tokenizer file beside its own library, on odd texts of every script."""

import base64
import io
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sentencepiece
import tiktoken
import tokenizers
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stage_checks import run

from bench.odd_texts import odd_texts
from curation.errors import RecipeError
from curation.plan import Plan
from curation.recipe import load as load_recipe
from stages.tokens import tokenizer_file
from stages.tokens.count_tokens import count_tokens
from stages.tokens.tokenizer_file import PATTERNS, RUN, cut, load, load_json
from tests.cpu_time import within_cpu_seconds
from tests.engine.engine_kit import recipe, rows
from tests.engine.engine_kit import run as run_recipe
from tests.samples.documents import ENGLISH

DEFAULT = str(Path(tokenizer_file.__file__).with_name("default.json"))
TEXTS = [*odd_texts(120, seed=3), "The river runs by the mill, and the mill by the river. 2024-11-30\n\n\tdon't  stop " * 3]
SPECIAL = ("<s>", "</s>", "<pad>", "<|endoftext|>", "[CLS]", "[MASK]", "<|begin_of_text|>")
KINDS = ("bytes", "ignore_merges", "unigram", "wordpiece", "ranks", "pieces", "pieces_unigram")
EVERY_BYTE = ("bytes", "ignore_merges", "ranks", "pieces", "pieces_unigram")
"""Kinds that encode any text and give it back."""


def byte_level(folder, ignore_merges):
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, special_tokens=list(SPECIAL), show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    file = folder / f"{ignore_merges}.json"
    tokenizer.save(str(file))
    return tokenizer, file


def unigram(folder):
    """As XLM-R's: special tokens are pieces of the model, with the best of all scores."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    trainer = tokenizers.trainers.UnigramTrainer(
        vocab_size=400, special_tokens=["<unk>", *SPECIAL], unk_token="<unk>", show_progress=False
    )  # fmt: skip
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.save(str(folder / "unigram.json"))
    return folder / "unigram.json"


def wordpiece(folder):
    """As BERT's: special tokens put around a text, which is cut and padded."""
    words = ["[UNK]", *SPECIAL, "river", "mill", "the", "##s", "m", "##ill", "[", "]", "C", "L", "S", "##L", "##S"]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(single="[CLS] $A </s>", special_tokens=[("[CLS]", 5), ("</s>", 2)])
    tokenizer.add_special_tokens(["[UNK]", *SPECIAL])
    tokenizer.enable_truncation(16)
    tokenizer.enable_padding(length=8)
    tokenizer.save(str(folder / "wordpiece.json"))
    return folder / "wordpiece.json"


def ranks(folder, byte_pairs):
    """Bytes and the merged tokens of a byte-level BPE, in their order."""
    tokens = [bytes([b]) for b in range(256)]
    for name in sorted(byte_pairs.get_vocab(), key=byte_pairs.get_vocab().get):
        token = byte_pairs.decode([byte_pairs.token_to_id(name)], skip_special_tokens=False).encode()
        if name not in SPECIAL and "\ufffd".encode() not in token and token not in tokens:
            tokens.append(token)
    file = folder / "tokenizer.model"
    file.write_text("".join(f"{base64.b64encode(token).decode()} {rank}\n" for rank, token in enumerate(tokens)))
    return file


def pieces(folder, kind):
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(line for text in TEXTS for line in text.splitlines()), model_writer=out, vocab_size=700, model_type=kind,
        byte_fallback=True, hard_vocab_limit=False, minloglevel=2, character_coverage=0.98, normalization_rule_name="identity",
        remove_extra_whitespaces=False,
    )  # fmt: skip
    file = folder / f"{kind}.model"
    file.write_bytes(out.getvalue())
    return file


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizers")
    trained, plain = byte_level(folder, ignore_merges=False)
    return {
        "bytes": plain, "ignore_merges": byte_level(folder, ignore_merges=True)[1], "unigram": unigram(folder),
        "wordpiece": wordpiece(folder), "ranks": ranks(folder, trained), "pieces": pieces(folder, "bpe"),
        "pieces_unigram": pieces(folder, "unigram"),
    }  # fmt: skip


def pattern_of(kind):
    return "llama3" if kind == "ranks" else None


def by_the_library(kind, file):
    """(text -> ids, ids -> text) by the plainest call of the library."""
    if kind == "ranks":
        read = {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, file.read_bytes().splitlines())}
        encoding = tiktoken.Encoding("x", pat_str=PATTERNS["llama3"], mergeable_ranks=read, special_tokens={})
        return encoding.encode_ordinary, encoding.decode
    if kind.startswith("pieces"):
        model = sentencepiece.SentencePieceProcessor(model_file=str(file))
        return model.EncodeAsIds, model.decode
    model = tokenizers.Tokenizer.from_file(str(file))
    model.no_truncation()
    model.no_padding()
    return (lambda text: model.encode(text, add_special_tokens=False).ids), model.decode


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_the_librarys(kind, files):
    encode, decode = by_the_library(kind, files[kind])
    ours = load(str(files[kind]), pattern_of(kind))

    @settings(max_examples=150, deadline=None)
    @given(st.text(max_size=200).filter(lambda text: not any(name in text for name in SPECIAL)))
    @example("")
    @example("\x00\u202e\ufeff e\u0301 \U0001f600\u200d ſ'S don'T")
    @example(" \n \n  x  \r\n\t ")
    def check(text):
        ids = list(ours.ids(text))
        assert ids == encode(text)
        assert ours.count(text) == len(ids)
        if kind in EVERY_BYTE:
            assert decode(ids) == text

    check()
    for text in TEXTS:
        assert list(ours.ids(text)) == encode(text)


@pytest.mark.parametrize("kind", KINDS)
def test_special_tokens_in_a_text_are_text(kind, files):
    ours = load(str(files[kind]), pattern_of(kind))
    if files[kind].suffix == ".json":
        special = {tokenizers.Tokenizer.from_file(str(files[kind])).token_to_id(name) for name in SPECIAL}
    else:
        special = {1, 2} if kind != "ranks" else set()
    assert None not in special
    for text in [*SPECIAL, *(f"the{name}mill {name} {name}{name}" for name in SPECIAL), "".join(SPECIAL)]:
        ids = list(ours.ids(text))
        assert len(ids) == ours.count(text) > 0
        assert special.isdisjoint(ids), text
        if kind in EVERY_BYTE:
            assert by_the_library(kind, files[kind])[1](ids) == text


def test_a_special_piece_of_a_model_is_its_characters(files):
    ours, model = load(str(files["wordpiece"])), tokenizers.Tokenizer.from_file(str(files["wordpiece"]))
    assert [model.id_to_token(i) for i in ours.ids("the [CLS] mills")] == ["the", "[", "C", "L", "S", "]", "mill", "##s"]


def table(*texts):
    return pa.table({"text": pa.array(texts, pa.large_string())})


@pytest.mark.parametrize("kind", KINDS)
def test_columns(kind, files):
    given = {"tokenizer": str(files[kind]), "pattern": pattern_of(kind)}
    texts = [None, "", "the mill", *TEXTS[:20]]
    ours = load(*given.values())
    counts = run(count_tokens, table(*texts), **given)["n_tokens"]
    assert counts[:2] == [0, 0]
    assert counts == [ours.count(text or "") for text in texts]
    kept = run(count_tokens, table(*texts), **given, ids=True)
    assert kept["token_ids"] == [list(ours.ids(text or "")) for text in texts]
    assert kept["n_tokens"] == counts


def test_ends_are_counted_and_kept():
    plain = run(count_tokens, table("river", "", None), ids=True)
    given = run(count_tokens, table("river", "", None), ids=True, bos=4_000_000_000, eos=7)
    assert given["token_ids"] == [[4_000_000_000, *plain["token_ids"][0], 7], [], []]
    assert given["n_tokens"] == run(count_tokens, table("river", "", None), bos=1, eos=7)["n_tokens"] == [plain["n_tokens"][0] + 2, 0, 0]


def test_the_kind_is_told_by_content(files, tmp_path):
    for kind in KINDS:
        file = tmp_path / "tokenizer.model"
        file.write_bytes(files[kind].read_bytes())
        assert tokenizer_file.kind_of(str(file)) == ("json" if files[kind].suffix == ".json" else kind.partition("_")[0])


def test_the_pattern_follows_from_the_number_of_ranks_or_is_named(files, tmp_path, monkeypatch):
    number = len(tokenizer_file.read_ranks(str(files["ranks"])))
    with pytest.raises(ValueError, match=f"pattern: no known tokenizer has the {number} ranks of .*; name one of llama3, o200k"):
        load(str(files["ranks"]))
    text = "HelloWorld 12345's\n \n"
    named = {name: list(load(str(files["ranks"]), name).ids(text)) for name in PATTERNS}
    assert len(set(map(str, named.values()))) > 1
    monkeypatch.setitem(tokenizer_file.BY_RANKS, number, "gpt2")
    assert list(load(str(files["ranks"])).ids(text)) == named["gpt2"]
    tokenizer_file._load.cache_clear()
    with pytest.raises(ValueError, match=r"pattern: .* says itself how text is split"):
        load(str(files["bytes"]), "llama3")


RECIPE = """
inputs: {docs: {use: parquet, paths: docs.parquet}}
steps: {sized: {use: count_tokens, tokenizer: %s}}
outputs: {all: {use: shards, needs: sized}}
"""


class Harm:
    def __reduce__(self):
        return os.system, ("touch harm",)


def cut_off(share):
    return lambda data: data[: int(len(data) * share)]


@pytest.mark.parametrize(
    ("kind", "spoil", "said"),
    [
        pytest.param("bytes", lambda data: pickle.dumps(Harm()), "is no tokenizer: neither", id="pickle"),
        pytest.param("bytes", lambda data: b"", "is no tokenizer: neither", id="empty"),
        pytest.param("bytes", lambda data: b"\x1f\x8b\x08" + data, "is no tokenizer: neither", id="gzip"),
        pytest.param("bytes", cut_off(0.5), r"is no tokenizer\.json file: ", id="json cut"),
        pytest.param("bytes", lambda data: b'{"lang": "en"}', r"is no tokenizer\.json file: ", id="other json"),
        pytest.param("ranks", lambda data: data + b"QQ== x\n", r"tokenizer\.file:\d+: not `BASE64 RANK`: ", id="no rank"),
        pytest.param("ranks", lambda data: data[:-4], r"tokenizer\.file:\d+: not `BASE64 RANK`: ", id="ranks cut in a line"),
        pytest.param("ranks", lambda data: data[: data.index(b"\n", 900) + 1], "no whole file of ranks: .* bytes have no token", id="few"),
        pytest.param("ranks", lambda data: data + b"QUFBQUE= 0\n", r"tokenizer\.file:\d+: the rank of line 1 again", id="rank twice"),
        pytest.param("ranks", lambda data: data + b"QQ== 7777\n", r"tokenizer\.file:\d+: the token of line 66 again", id="token twice"),
        pytest.param("ranks", lambda data: data + b"QUFBQUE= -1\n", r"tokenizer\.file:\d+: not `BASE64 RANK` with", id="rank below 0"),
        pytest.param("ranks", lambda data: data + b"QUFBQUE= 99999999999\n", r"file:\d+: not .* a rank below 4,294,", id="large rank"),
        pytest.param("ranks", lambda data: data + b"QUFBQUE= 7_777\n", r"tokenizer\.file:\d+: not `BASE64 RANK`", id="rank as in Python"),
        pytest.param("ranks", lambda data: data + b" 7777\n", r"tokenizer\.file:\d+: not `BASE64 RANK`", id="empty token"),
        pytest.param("ranks", lambda data: data, "pattern: no known tokenizer", id="no pattern"),
        pytest.param("pieces", cut_off(0.5), "is no sentencepiece model: ", id="pieces cut"),
        pytest.param("pieces_unigram", lambda data: pieces_alone(data), "it ends behind its pieces", id="pieces cut behind a piece"),
        pytest.param("pieces", lambda data: b"\n\nSome text\n", "is no sentencepiece model: ", id="text"),
    ],
)
def test_a_wrong_file_is_one_error_before_any_work(kind, spoil, said, files, tmp_path):
    (tmp_path / "tokenizer.file").write_bytes(spoil(files[kind].read_bytes()))
    pq.write_table(pa.table({"id": ["a"], "text": ["river"]}), tmp_path / "docs.parquet")
    with pytest.raises(RecipeError, match=said) as caught:
        Plan(load_recipe(recipe(tmp_path, RECIPE % "tokenizer.file"), {}))
    assert caught.value.place.key == ("steps.sized" if "pattern" in said else "steps.sized.tokenizer")
    assert not (tmp_path / "harm").exists()


def pieces_alone(data):
    """Pieces without byte pieces, and nothing behind them: sentencepiece alone would read that."""
    parts, at = [], 0
    while data[at] == 10:
        parts.append(data[at : at + 2 + data[at + 1]])
        at += len(parts[-1])
    alone = b"".join(part for part in parts if b"<0x" not in part)
    sentencepiece.SentencePieceProcessor(model_proto=alone)
    return alone


def test_a_missing_package_is_named(files, monkeypatch):
    for package, kind in (("tiktoken", "ranks"), ("sentencepiece", "pieces")):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(ValueError, match=rf"package {package}: pip install 'curate-pretraining\[tokenizer\]'"):
            tokenizer_file.check(Path(os.path.relpath(files[kind])))  # another name of the file than the cache knows


def test_the_files_content_is_in_the_fingerprint(files, tmp_path):
    pq.write_table(pa.table({"id": ["a", "b"], "text": ["river", "mill mill"]}), tmp_path / "docs.parquet")

    def fingerprint(kind, name):
        (tmp_path / name).write_bytes(files[kind].read_bytes())
        return Plan(load_recipe(recipe(tmp_path, RECIPE % name), {})).steps["sized"].fingerprint

    assert fingerprint("bytes", "one") == fingerprint("bytes", "other")
    assert fingerprint("bytes", "one") != fingerprint("unigram", "one")
    run_recipe(recipe(tmp_path, RECIPE % "one, ids: true"), tmp_path / "out")
    ours = load_json(str(files["unigram"]))
    assert [row["token_ids"] for row in rows(tmp_path / "out", "outputs")] == [ours.encode(t).ids for t in ("river", "mill mill")]


LENGTH = 400_000
RUNS = {
    "a": "a", "spaces": " ", "lines": "\n", "tabs": "\t ", "marks": "!", "digits": "0", "emoji": "\U0001f600", "ideographs": "中国人",
    "joined": "e\u0301", "special": "<s>", "upper": "AB",
}  # fmt: skip


@pytest.mark.parametrize("kind", [*KINDS, "default"])
def test_hostile_text_costs_linear_time(kind, files):
    """Some hundred thousand characters of a few: a cost that grows as the square would take minutes."""
    ours = load(DEFAULT) if kind == "default" else load(str(files[kind]), pattern_of(kind))
    for text in RUNS.values():
        within_cpu_seconds(3, ours.count, text * (LENGTH // len(text)))
    within_cpu_seconds(3, ours.count, "".join(chr(97 + i * i * 7 % 26) for i in range(LENGTH)))


def test_white_space_that_tiktoken_cannot_match_is_cut(files):
    encode, decode = by_the_library("ranks", files["ranks"])
    ours = load(str(files["ranks"]), "llama3")
    short = "x" + " " * 3 * RUN + "\ny"
    assert list(ours.ids(short)) == encode(short)  # what it can match is the library's
    long = "x" * 2 * RUN + "\u00a0 " * 800_000 + "y" + " " * RUN + "z"
    with pytest.raises(ValueError, match="Regex"):
        load(str(files["ranks"]), "llama3")._of.encode(long, disallowed_special=())
    ids = ours.ids(long)
    assert ids.dtype == np.uint32
    assert decode(ids.tolist()) == long
    parts = list(cut(long))
    assert [len(part) for part in parts] == [3 * RUN, *[RUN] * 62, RUN + 1 + RUN + 1]
    assert ids.tolist() == [i for part in parts for i in encode(part)]


def test_the_default_in_a_fresh_process():
    """It calls no network, loads no client of one, and uses one thread."""
    program = (
        "import socket, sys, os; socket.socket = None\n"
        "import pyarrow as pa; from stages.tokens.count_tokens import count_tokens\n"
        "before = len(os.listdir('/proc/self/task'))\n"
        "print(count_tokens(pa.table({'text': ['a river'] * 50}))['n_tokens'].sum() > 0, 'huggingface_hub' in sys.modules,\n"
        "      len(os.listdir('/proc/self/task')) - before, os.environ['TOKENIZERS_PARALLELISM'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False", "0", "false"]


def test_the_default_takes_every_script():
    """It gives back any text, and no language is cut into its bytes."""
    from crawl_langs import LANGUAGES  # the sample crawl's own prose

    model = load_json(DEFAULT)
    prose = {"en": ENGLISH, **{name: " ".join(flat(LANGUAGES[name])) for name in LANGUAGES}}
    assert len(prose) >= 14
    for text in [*flat(LANGUAGES), *TEXTS, *SPECIAL, "\x00\u202e\ufeff\U0001f600 \u0e01\u0e33"]:
        assert model.decode(load(DEFAULT).ids(text), skip_special_tokens=False) == text
    per_byte = {name: share(text) for name, text in prose.items()}
    assert max(per_byte.values()) < 0.6, per_byte
    assert sorted(per_byte.values())[-2] < 0.5
    assert per_byte["en"] < 0.35
    assert share("def area(self, width: int) -> int:\n    return self.height * width\n" * 3) < 0.5
    assert share(r"\begin{equation} \sum_{i=1}^{n} x_i^2 = \frac{1}{2} \left( \alpha + \beta \right) \end{equation}") < 0.5
    assert json.loads(Path(DEFAULT).read_text("utf-8"))["added_tokens"] == []


def share(text):
    """Tokens per byte of UTF-8."""
    return load(DEFAULT).count(text) / len(text.encode())


def flat(value):
    """Every text in a nest of them."""
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [text for part in parts for text in flat(part)]
