"""Dates of records as UTC timestamps; what is not a date is null."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

from curation.documents import CORE

DATE = CORE["date"]


def is_date_like(kind: pa.DataType) -> bool:
    """Whether `utc_dates` can make dates of a column type."""
    return any(
        has_type(kind)
        for has_type in (
            pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view,
            pa.types.is_timestamp, pa.types.is_date, pa.types.is_null,
        )
    )  # fmt: skip


def utc_dates(values: pa.Array) -> pa.Array:
    """Dates of a column: timestamps (naive = UTC), days, or ISO 8601 text; anything else gives null.

    Text may also be a year, a month or a day (`2019`, `2019-01`, `2019-01-06`), as WARC/1.1 allows, or
    14 digits (`20190106184410`).

    Args:
        values: timestamp, date or string array (n,).
    Returns: timestamp('us', UTC) array (n,).
    """
    kind = values.type
    if pa.types.is_timestamp(kind):
        if kind.tz is None:
            values = values.cast(pa.timestamp(kind.unit, tz="UTC"))
        return values.cast(DATE, safe=False)
    if pa.types.is_date(kind):
        return values.cast(pa.timestamp("us")).cast(DATE)
    try:
        return values.cast(DATE)
    except pa.ArrowInvalid:
        return pa.array([_utc_date(text) for text in values.to_pylist()], DATE)


def _utc_date(text: str | None) -> datetime | None:
    text = (text or "").strip()
    if text.isdigit() and len(text) in (4, 14):
        text = text + "-01" if len(text) == 4 else f"{text[:8]}T{text[8:]}"
    if len(text) == 7:
        text += "-01"
    try:
        date = datetime.fromisoformat(text)
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
