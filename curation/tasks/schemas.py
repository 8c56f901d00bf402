"""The columns of the files that tasks write, shards apart."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from curation.documents import CORE
from curation.plan import Pass, Plan, Step
from curation.stage import GlobalStage, RegroupStage
from curation.tasks.base import Failure

SHADOW = [
    pa.field("shadow_step", pa.string()),
    pa.field("shadow_reason", pa.string()),
    pa.field("shadow_later", pa.list_(pa.string())),
]
"""Columns a shadow row carries: where and why it was dropped, and what would have dropped it later."""
FAILED = pa.schema(
    [pa.field("id", pa.string()), pa.field("url", pa.string()), pa.field("step", pa.string()),
     pa.field("reason", pa.string()), pa.field("detail", pa.string()), pa.field("traceback", pa.string())]
)  # fmt: skip


def dropped_schema(plan: Plan, p: Pass) -> pa.Schema:
    """Columns of a pass's dropped file: identity, step, reason, size, every metric, every list of texts, the sampled text."""
    fields: dict[str, pa.Field] = {n: pa.field(n, t) for n, t in CORE.items() if n != "text"}
    fields |= {"step": pa.field("step", pa.string()), "drop_reason": pa.field("drop_reason", pa.string())}
    fields["document_bytes"] = pa.field("document_bytes", pa.int64())
    for schema in [plan.input_schema(p), *(s.schema for s in p.steps)]:
        for f in schema:
            plain = not pa.types.is_nested(f.type) or f.type == pa.list_(pa.string())
            if plain and f.name != "text" and not (f.metadata or {}).get(b"transient"):
                fields.setdefault(f.name, f.remove_metadata().with_nullable(True))
    fields["text"] = pa.field("text", pa.large_string())
    return pa.schema(list(fields.values()))


def failed_table(step: str, failure: Failure) -> pa.Table:
    """Rows of `failed/`."""
    rows, n = failure.rows, failure.rows.num_rows
    return pa.table({
        "id": rows["id"], "url": rows["url"] if "url" in rows.column_names else pa.nulls(n, pa.string()),
        "step": pa.array([step] * n), "reason": pa.array([failure.reason] * n),
        "detail": pa.array([failure.detail] * n), "traceback": pa.array([failure.traceback] * n),
    })  # fmt: skip


def fields_of(types: Any) -> list[pa.Field]:
    """Declared columns as fields."""
    return [t if isinstance(t, pa.Field) else pa.field(n, t) for n, t in types.items()]


def payload_schema(step: Step, plan: Plan, round_: int) -> pa.Schema:
    """Columns of a spill that a round reads; from round 1 on rows carry their shard."""
    stage = step.stage
    fields = [pa.field("key", pa.uint64())]
    if round_:
        fields.append(pa.field("shard", pa.uint32()))
    fields.append(pa.field("row", pa.uint32()))
    if isinstance(stage, RegroupStage):
        incoming = plan._incoming(step.needs, ("steps", step.name))[0]
        fields += [f.remove_metadata().with_nullable(True) for f in incoming if not (f.metadata or {}).get(b"transient")]
    else:
        assert isinstance(stage, GlobalStage)
        fields += fields_of(stage.message(step.params, round_) if round_ else stage.payload(step.params))
    return pa.schema(fields)


def asked_schema(stage: GlobalStage, params: Any, round_: int) -> pa.Schema:
    """Columns of what a reducer of a round asks."""
    return pa.schema([("key", pa.uint64()), ("shard", pa.uint32()), ("row", pa.uint32()), *fields_of(stage.asked(params, round_))])


def kept_schema(stage: GlobalStage, params: Any) -> pa.Schema:
    """Columns of what a global stage keeps of a shard's documents."""
    return pa.schema([pa.field("row", pa.uint32()), *(f.with_nullable(True) for f in fields_of(stage.keeps(params)))])


def follower_schema(stage: GlobalStage, params: Any) -> pa.Schema:
    """Columns of followers."""
    return pa.schema([("row", pa.uint32()), ("leader", pa.uint32()), *fields_of(stage.follower(params))])


def verdict_schema(stage: GlobalStage, params: Any) -> pa.Schema:
    """Columns of a verdict."""
    fields = [pa.field("shard", pa.uint32()), pa.field("row", pa.uint32())]
    fields += fields_of(stage.verdict(params))
    return pa.schema(fields)


def scattered_schema(step: Step, plan: Plan) -> pa.Schema:
    """Columns of documents that are scattered: their place in a part and their size, then those of the output."""
    return pa.schema([pa.field("_place", pa.uint64()), pa.field("_size", pa.int64()), *plan.port_schema(step.name)])


def output_schema(step: Step) -> list[dict[str, str]]:
    """Names of the columns of an output, in order."""
    return [{"name": f.name} for f in step.schema if not (f.metadata or {}).get(b"transient")]
