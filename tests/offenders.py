"""Stages that break a promise each; the standing tests must catch them."""

import pyarrow as pa

from curation.stage import Batch, stage

calls = 0


@stage(reads=["text"], writes={"length": pa.int32()})
def forgets_a_column(batch: Batch, params):
    return {}


@stage(reads=["text"], writes={"length": pa.int32()})
def leaves_nulls(batch: Batch, params):
    return {"length": pa.nulls(len(batch), pa.int32())}


@stage(reads=["text"], writes={}, drops=["short"])
def invents_a_reason(batch: Batch, params):
    return {"drop_reason": pa.array(["long"] * len(batch), pa.string())}


@stage(reads=["text"], writes={"place": pa.int32()})
def looks_at_the_batch(batch: Batch, params):
    return {"place": pa.array(range(len(batch)), pa.int32())}


@stage(reads=["text"], writes={"number": pa.int32()})
def is_moody(batch: Batch, params):
    global calls
    calls += 1
    return {"number": pa.array([calls] * len(batch), pa.int32())}
