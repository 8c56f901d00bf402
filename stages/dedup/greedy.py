"""Greedy choice of survivors among similar documents, in rounds over edges.

The rule: the best document that is left survives, its neighbours go, and so on. So a document survives
exactly if none of its better neighbours does: it can be judged once these are, whoever else waits. The
result is one and the same whatever is judged first, and no component is ever held in one place.

An edge lies with its better end. The worse end has one row that says how many better neighbours it
waits for; the better end, once judged, sends each worse one a row. A reducer judges all it can in one
pass, so a chain costs rounds only where it goes from reducer to reducer, and as edges go, fewer
reducers are left.

Rows have a document's key (`addresses`), and:
kind        WORSE: {shard, row} is a worse neighbour. PENDING: `weight` better neighbours are not judged.
            SURVIVED, WENT: that became of the better neighbour {shard, row}. MEMBER: {shard, row} is a
            twin that shares this document's fate, or the document itself; it stands for `weight` documents.
id, order   of the better one of both; of a MEMBER the leader's id. twin_id: a MEMBER's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from curation.stage import Reduced, Types
from stages.dedup.addresses import addresses_of, keys_of
from stages.dedup.preference import order_of

WORSE, PENDING, SURVIVED, WENT, MEMBER = range(5)
WAITS, SURVIVES, GOES = 0, 1, 2
NOBODY = np.iinfo(np.int64).max
NEAR, EXACT, SAME = "near_duplicate", "exact_duplicate", "duplicate_record"


def edge_types(order: list[str]) -> Types:
    """Columns of the rows beside {key, shard, row}.

    Args:
        order: names of the columns of `preference.rank_column`.
    """
    similarity = pa.field("similarity", pa.float32(), nullable=True)
    texts = {"id": pa.string(), "twin_id": pa.string()}
    return {"kind": pa.uint8(), "weight": pa.uint32(), "similarity": similarity, **texts, **dict.fromkeys(order, pa.int64())}


def verdict_types() -> Types:
    """Columns of a verdict: a document goes (`drop_reason`), or `add` documents stand behind it."""
    return {
        "drop_reason": pa.field("drop_reason", pa.string(), nullable=True),
        "duplicate_of": pa.field("duplicate_of", pa.string(), nullable=True),
        "similarity": pa.field("similarity", pa.float32(), nullable=True), "add": pa.int64(),
    }  # fmt: skip


def edges(better: pa.Table, worse: pa.Table, similarity: Any, order: list[str]) -> pa.Table:
    """Rows of verified pairs.

    Args:
        better, worse: {shard, row}, row by row the two documents of a pair; better: {id, **order} too. similarity: of each.
    """
    n = better.num_rows
    keys = [keys_of(side["shard"].to_numpy(), side["row"].to_numpy()) for side in (better, worse)]
    columns = {"similarity": similarity, "id": better["id"], "twin_id": _all("", n), **{name: better[name] for name in order}}
    ends = ((keys[0], worse, WORSE), (keys[1], better, PENDING))
    return pa.concat_tables([
        pa.table({"key": key, "shard": peer["shard"], "row": peer["row"], "kind": _all(kind, n), "weight": _ones(n), **columns})
        for key, peer, kind in ends
    ])  # fmt: skip


def members(twins: pa.Table, leaders: pa.Table, order: list[str]) -> pa.Table:
    """Rows of documents that share a leader's fate.

    Args:
        twins: {shard, row, id, weight}; leaders: {shard, row, id}, row by row the leader of each.
    """
    n = twins.num_rows
    return pa.table({
        "key": keys_of(leaders["shard"].to_numpy(), leaders["row"].to_numpy()), "shard": twins["shard"], "row": twins["row"],
        "kind": _all(MEMBER, n), "weight": twins["weight"], "similarity": pa.array(np.ones(n, np.float32)),
        "id": leaders["id"], "twin_id": twins["id"], **{name: pa.array(np.zeros(n, np.int64)) for name in order},
    })  # fmt: skip


def resolve(rows: pa.Table, order: list[str], near: str = NEAR) -> Reduced:
    """Judge what can be judged: verdicts, and rows of the next round.

    Args:
        near: reason of a document that goes for a neighbour.
    """
    keys, owner = np.unique(rows["key"].to_numpy(), return_inverse=True)
    kind, weight = rows["kind"].to_numpy(), rows["weight"].to_numpy()
    pending, weights = _tally(owner, kind, weight, len(keys))
    # The better end of an edge is the owner of a WORSE row, the peer of a SURVIVED one.
    edge = np.flatnonzero((kind == WORSE) | (kind == SURVIVED))
    ranked = _better_ends(rows.take(pa.array(edge)))
    by_rank = order_of(ranked, [], order)
    rank = np.empty(len(edge), np.int64)
    rank[by_rank] = np.arange(len(edge))
    best = np.full(len(keys), NOBODY)
    known = kind[edge] == SURVIVED
    np.minimum.at(best, owner[edge[known]], rank[known])
    worse = edge[~known]
    local = _local(rows, worse, keys)
    fate = settle(np.searchsorted(owner[worse], np.arange(len(keys) + 1)), local, rank[~known], pending, best)
    found = np.where(best == NOBODY, -1, best)
    survivors = ranked.take(pa.array(by_rank[found] if len(by_rank) else found, mask=found < 0))
    mine = np.ones(len(kind), dtype=bool)
    mine[worse[local >= 0]] = False  # told already
    one = _of_documents(keys, fate, pending, weights, survivors, order, near)
    return _joined([one, _of_rows(rows, owner, mine, fate, survivors, near)])


def resolve_one(chunks: Callable[[], Iterator[pa.Table]], order: list[str], near: str = NEAR) -> Iterator[Reduced]:
    """`resolve` for the rows of one key, piece by piece."""
    pending, weights, keys = np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(0, np.uint64)
    survivors: pa.Table | None = None
    for chunk in chunks():
        keys = chunk["key"].to_numpy()[:1]
        kind = chunk["kind"].to_numpy()
        more = _tally(np.zeros(len(kind), np.int64), kind, chunk["weight"].to_numpy(), 1)
        pending, weights = pending + more[0], weights + more[1]
        told = _better_ends(chunk.filter(pa.array(kind == SURVIVED)))
        told = told if survivors is None else pa.concat_tables([survivors, told])
        survivors = told.take(pa.array(order_of(told, [], order)[:1]))
    if survivors is None:
        return
    fate = np.array([WAITS if pending[0] else GOES if survivors.num_rows else SURVIVES], np.int8)
    survivors = survivors.take(pa.array([0 if survivors.num_rows else None], pa.int64()))
    yield _of_documents(keys, fate, pending, weights, survivors, order, near)
    for chunk in chunks():
        n = chunk.num_rows
        yield _of_rows(chunk, np.zeros(n, np.int64), np.ones(n, dtype=bool), fate, survivors, near)


def _tally(owner: Any, kind: Any, weight: Any, n: int) -> tuple[Any, Any]:
    """Better neighbours not judged, and documents twins stand for (0 = itself alone), of each document: int64 (n,)."""

    def total(of: Any) -> Any:
        return np.bincount(owner[of], weights=weight[of], minlength=n).astype(np.int64)

    told = np.bincount(owner[(kind == SURVIVED) | (kind == WENT)], minlength=n)
    return total(kind == PENDING) - told, total(kind == MEMBER)


def _better_ends(rows: pa.Table) -> pa.Table:
    """Rows of edges with {shard, row} of the better end, whoever owns them."""
    owns = rows["kind"].to_numpy() == WORSE
    shard, row = addresses_of(rows["key"].to_numpy())
    shard, row = np.where(owns, shard, rows["shard"].to_numpy()), np.where(owns, row, rows["row"].to_numpy())
    return _with(rows, shard=shard, row=row)


def _local(rows: pa.Table, worse: Any, keys: Any) -> Any:
    """Index into keys of the worse end of some rows, -1 where it is not among them."""
    ends = rows.take(pa.array(worse))
    wanted = keys_of(ends["shard"].to_numpy(), ends["row"].to_numpy())
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, at, -1)


def _of_documents(keys: Any, fate: Any, pending: Any, weights: Any, survivors: pa.Table, order: list[str], near: str) -> Reduced:
    """What follows for the documents themselves; `survivors` has for each the edge to its best surviving neighbour, or nulls."""
    shard, row = addresses_of(keys)
    own = pa.table({"key": keys, "shard": shard, "row": row})
    goes, stays = np.flatnonzero(fate == GOES), np.flatnonzero((fate == SURVIVES) & (weights > 1))
    to = survivors.take(pa.array(goes))
    verdicts = [
        _lost(own.take(pa.array(goes)), _all(near, len(goes)), to["id"], to["similarity"]),
        _added(to["shard"].to_numpy(), to["row"].to_numpy(), np.maximum(weights[goes], 1)),
        _added(shard[stays], row[stays], weights[stays] - 1),
    ]
    waits = fate == WAITS
    told = np.flatnonzero(waits & survivors["id"].is_valid().to_numpy())
    best = survivors.take(pa.array(told))
    again = _with(best, key=keys[told], kind=_all(SURVIVED, len(told)))
    left = np.flatnonzero(waits)
    has_best = survivors["id"].is_valid().to_numpy()[left]
    n = len(left)
    waiting = pa.table({
        "key": keys[left], "shard": shard[left], "row": row[left], "kind": _all(PENDING, n),
        "weight": (pending[left] + has_best).astype(np.uint32), "similarity": pa.nulls(n, pa.float32()),
        "id": _all("", n), "twin_id": _all("", n), **{name: np.zeros(n, np.int64) for name in order},
    })  # fmt: skip
    return Reduced(verdicts=pa.concat_tables(verdicts), again={1: pa.concat_tables([waiting, again.select(waiting.column_names)])})


def _of_rows(rows: pa.Table, owner: Any, mine: Any, fate: Any, survivors: pa.Table, near: str) -> Reduced:
    """What follows for the other ends of a document's rows: twins share its fate, worse neighbours hear of it.

    Args:
        mine: bool, False for rows of neighbours that were told already.
    """
    kind, shard, row = rows["kind"].to_numpy(), rows["shard"].to_numpy(), rows["row"].to_numpy()
    own_shard, own_row = addresses_of(rows["key"].to_numpy())
    of = fate[owner]
    twin = (kind == MEMBER) & ((shard != own_shard) | (row != own_row))
    gone, kept = np.flatnonzero(twin & (of == GOES)), np.flatnonzero(twin & (of == SURVIVES))
    to = survivors.take(pa.array(owner[gone]))
    gone_rows, kept_rows = rows.take(pa.array(gone)), rows.take(pa.array(kept))
    verdicts = pa.concat_tables([
        _lost(gone_rows, _all(near, len(gone)), to["id"], to["similarity"]),
        _lost(kept_rows, twin_reasons(kept_rows["twin_id"], kept_rows["id"]), kept_rows["id"], kept_rows["similarity"]),
    ])  # fmt: skip
    tell = np.flatnonzero((kind == WORSE) & (of != WAITS) & mine)
    ends = keys_of(shard[tell], row[tell])
    said = np.where(of[tell] == SURVIVES, SURVIVED, WENT).astype(np.uint8)
    news = _with(rows.take(pa.array(tell)), key=ends, shard=own_shard[tell], row=own_row[tell], kind=said)
    again = rows.take(pa.array(np.flatnonzero(((kind == WORSE) | (kind == MEMBER)) & (of == WAITS))))
    return Reduced(verdicts=verdicts, again={1: pa.concat_tables([again, news])})


def twin_reasons(ids: Any, survivor_ids: Any) -> Any:
    """Why twins of a survivor go: the same record, met again, or another one."""
    return pc.if_else(pc.equal(ids, survivor_ids), SAME, EXACT)


def _lost(documents: pa.Table, reasons: Any, survivor_ids: Any, similarity: Any) -> pa.Table:
    """Verdicts on documents {shard, row} that go."""
    return pa.table({
        "shard": documents["shard"].cast(pa.uint32()), "row": documents["row"].cast(pa.uint32()), "drop_reason": reasons,
        "duplicate_of": survivor_ids, "similarity": similarity, "add": np.zeros(documents.num_rows, np.int64),
    })  # fmt: skip


def _added(shard: Any, row: Any, weight: Any) -> pa.Table:
    """Verdicts that so many documents stand behind a survivor, summed."""
    keys, first, inverse = np.unique(keys_of(shard, row), return_index=True, return_inverse=True)
    n = len(keys)
    return pa.table({
        "shard": pa.array(shard[first], pa.uint32()), "row": pa.array(row[first], pa.uint32()), "drop_reason": pa.nulls(n, pa.string()),
        "duplicate_of": pa.nulls(n, pa.string()), "similarity": pa.nulls(n, pa.float32()),
        "add": np.bincount(inverse, weights=weight, minlength=n).astype(np.int64),
    })  # fmt: skip


def _joined(parts: list[Reduced]) -> Reduced:
    verdicts = pa.concat_tables([part.verdicts for part in parts])
    names = parts[0].again[1].column_names
    return Reduced(verdicts=verdicts, again={1: pa.concat_tables([part.again[1].select(names) for part in parts])})


def _with(rows: pa.Table, **columns: Any) -> pa.Table:
    """The rows with other values in some columns."""
    for name, values in columns.items():
        rows = rows.set_column(rows.column_names.index(name), rows.schema.field(name), pa.array(values, rows.schema.field(name).type))
    return rows


def _all(value: Any, n: int) -> Any:
    return pa.array([value], pa.string() if isinstance(value, str) else pa.uint8()).take(pa.array(np.zeros(n, np.int64)))


def _ones(n: int) -> Any:
    return pa.array(np.ones(n, np.uint32))


@njit(cache=True)
def settle(offsets: Any, worse: Any, rank: Any, pending: Any, best: Any) -> Any:
    """Judge every document whose better neighbours are known, and in turn those that waited for it: linear in the edges.

    Args:
        offsets: int64 (n + 1,); worse: int64 (edges,), the neighbours document i is better than are
            worse[offsets[i] : offsets[i + 1]], -1 where another reducer has them.
        rank: int64 (edges,), place of each edge's better end in the order, smaller is better.
        pending: int64 (n,), better neighbours not yet judged. best: int64 (n,), rank of the best
            surviving neighbour known so far, or NOBODY. Both are updated in place.
    Returns: WAITS, SURVIVES or GOES of each document: int8 (n,).
    """
    n = len(pending)
    fate = np.zeros(n, np.int8)
    ready = np.empty(n, np.int64)
    waiting = 0
    for i in range(n):
        if pending[i] == 0:
            ready[waiting] = i
            waiting += 1
    while waiting > 0:
        waiting -= 1
        i = ready[waiting]
        fate[i] = SURVIVES if best[i] == NOBODY else GOES
        for k in range(offsets[i], offsets[i + 1]):
            j = worse[k]
            if j < 0:
                continue
            if fate[i] == SURVIVES:
                best[j] = min(best[j], rank[k])
            pending[j] -= 1
            if pending[j] == 0:
                ready[waiting] = j
                waiting += 1
    return fate
