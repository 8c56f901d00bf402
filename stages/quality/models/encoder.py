"""Encoders of a model folder, whatever runs them: texts -> windows of tokens -> batches of one length -> outputs of each text.

Windows are run in the order of their lengths, those of one length together, and none is padded to the length of another. So what is
computed for a window depends on how many run with it in no more than the last bits, if at all, and no time goes into padding.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from curation.stage import Batch
from stages.quality.models.base import Scorer
from stages.quality.models.model_folder import TOKENIZER, ModelFolder
from stages.tokens.tokenizer_file import load_json

CHARS_PER_TOKEN = 32
"""Characters of a text that are tokenised for each token of its first window, the only one that is read (ours)."""
CHARS_AT_ONCE = 1 << 20
"""Characters, beside those of one text, whose tokens are held as the tokenizer's own objects: some 50 bytes each (ours)."""
SPARE_ROWS = 1024
"""Rows a model's table of tokens may have beyond the tokenizer's: tables are padded to round numbers (ours)."""


class Encoder(Scorer):
    """What encoders share. tokens_at_once: of a batch, where more than one window fits; rounded_to: lengths are, with padding."""

    tokens_at_once: int
    rounded_to: int = 1

    def __init__(self, folder: ModelFolder) -> None:
        super().__init__(folder)
        path = folder.file(TOKENIZER)
        self._tokenizer = load_json(str(path))
        ids = self._tokenizer.get_vocab(with_added_tokens=True).values()
        if not ids:
            raise ValueError(f"{path} knows no token")
        self.tokens = max(ids) + 1
        mask = np.array(self._tokenizer.encode("a b c").special_tokens_mask, bool)
        added = np.array(self._tokenizer.encode("a b c").ids, np.int64)
        before = int(np.argmin(mask)) if len(mask) and not mask.all() else 0
        behind = int(np.argmin(mask[::-1])) if len(mask) and not mask.all() else 0
        if before + behind != self._tokenizer.num_special_tokens_to_add(False):
            raise ValueError(f"{path} puts special tokens elsewhere than before and behind a text")
        self._before, self._behind = added[:before], added[len(added) - behind :]
        assert folder.input.max_tokens is not None
        self._room = folder.input.max_tokens - before - behind
        if self._room < 1:
            raise ValueError(f"{folder.path / 'model.json'}: input.max_tokens: no room beside {before + behind} special tokens of {path}")

    @abstractmethod
    def logits(self, ids: Any, mask: Any) -> Any:
        """What the model gives for windows: float (b, outputs), before any softmax.

        Args:
            ids: int64 (b, length). mask: int64 (b, length), 1 for a token, 0 for padding, which stands at the end.
        """

    def scores(self, texts: Any) -> Any:
        windows: list[Any] = []
        owners: list[int] = []
        for row, ids in self._encoded(texts):
            for window in self._windows(ids):
                windows.append(window)
                owners.append(row)
        outputs = np.full((len(texts), self.folder.outputs), np.nan)
        if windows:
            self._pool(np.array(owners), np.array([len(w) for w in windows]), self._run(windows), outputs)
        return outputs

    def _encoded(self, texts: Any) -> Iterator[tuple[int, Any]]:
        """Row and ids (int64, without special ones) of each text that has a token."""
        asked = self.folder.input
        most = asked.max_chars
        if asked.pool == "first":
            most = min(most, CHARS_PER_TOKEN * self._room)
        documents = Batch(pa.table({"text": texts})).documents("text")
        rows = [(row, text[:most]) for row, text in documents if text and not text.isspace()]
        group = np.cumsum([len(text) for _, text in rows]) // CHARS_AT_ONCE
        for part in (rows[a:b] for a, b in pairwise([0, *(np.flatnonzero(np.diff(group)) + 1), len(rows)])):
            found = self._tokenizer.encode_batch_fast([text for _, text in part], add_special_tokens=False)
            for (row, _), encoding in zip(part, found, strict=True):
                if ids := encoding.ids:  # a list that is made each time it is asked for
                    yield row, np.array(ids, np.int64)

    def _windows(self, ids: Any) -> Iterator[Any]:
        """Windows of a text, special tokens included: of more than are asked for, evenly spread ones, the first and the last among them."""
        count, most = -(-len(ids) // self._room), self.folder.input.windows
        places = range(count) if count <= most else np.linspace(0, count - 1, most).astype(int)
        for k in places:
            yield np.concatenate([self._before, ids[k * self._room : (k + 1) * self._room], self._behind])

    def _run(self, windows: list[Any]) -> Any:
        """Probabilities, or numbers, of windows: float64 (windows, outputs)."""
        lengths = np.array([-(-len(w) // self.rounded_to) * self.rounded_to for w in windows])
        order = np.argsort(lengths, kind="stable")
        found = np.empty((len(windows), self.folder.outputs))
        at = 0
        while at < len(order):
            length = int(lengths[order[at]])
            behind = int(np.searchsorted(lengths[order], length, side="right"))
            rows = order[at : min(behind, at + max(1, self.tokens_at_once // length))]
            ids, mask = np.zeros((len(rows), length), np.int64), np.zeros((len(rows), length), np.int64)
            for k, row in enumerate(rows):
                ids[k, : len(windows[row])], mask[k, : len(windows[row])] = windows[row], 1
            found[rows] = self.logits(ids, mask)
            at += len(rows)
        found[~np.isfinite(found).all(axis=1)] = np.nan
        if self.folder.task == "regression":
            return found
        grown = np.exp(found - found.max(axis=1, keepdims=True))
        return grown / grown.sum(axis=1, keepdims=True)

    def _pool(self, owners: Any, sizes: Any, found: Any, outputs: Any) -> None:
        """Write the outputs of each text, of those of its windows (int64 (windows,), increasing: the text of each)."""
        first = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
        if self.folder.input.pool == "max":
            best = np.lexsort((np.arange(len(owners)), -self.raw(found), owners))  # of like scores the first; NaN last
            outputs[owners[first]] = found[best[first]]
        else:
            weight = np.add.reduceat(sizes, first)
            outputs[owners[first]] = np.add.reduceat(found * sizes[:, None], first) / weight[:, None]

    def check(self) -> None:
        """Try the model on the longest window, and on tokens it must know and must not.

        Raises: ValueError naming the folder: too few tokens or positions, other outputs, or a table for another tokenizer.
        """
        folder, length = self.folder, self._room + len(self._before) + len(self._behind)

        def outputs(token: int, count: int) -> Any:
            return np.asarray(self.logits(np.full((1, count), token, np.int64), np.ones((1, count), np.int64)))

        try:
            found = outputs(self.tokens - 1, 1)
        except Exception as e:
            raise ValueError(f"the model in {folder.path} does not know token {self.tokens - 1} of its {TOKENIZER}: {e}") from e
        if found.shape != (1, folder.outputs):
            raise ValueError(f"the model in {folder.path} gives outputs of shape {found.shape[1:]}, model.json has {folder.outputs}")
        try:
            found = outputs(self.tokens - 1, length)
        except Exception as e:
            raise ValueError(f"the model in {folder.path} cannot read windows of input.max_tokens, {length}: {e}") from e
        if not np.isfinite(found).all():
            raise ValueError(f"the model in {folder.path} gives numbers that are not finite")
        try:
            outputs(self.tokens + SPARE_ROWS, 1)
        except Exception:  # noqa: BLE001 - as it should: each runtime has its own error for a row that is not there
            return
        raise ValueError(
            f"{folder.file(TOKENIZER)} has {self.tokens:,} tokens, and the model over {SPARE_ROWS:,} more: it was trained with another one"
        )
