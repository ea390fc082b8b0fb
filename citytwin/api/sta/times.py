"""How is a time said in a body? As text in 1.1 (`a`, `a/b`), as an object with start and end in 2.0."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

Pair = tuple[datetime, datetime]


def moment(value: Any) -> datetime:
    """A time after ISO 8601 with its zone. Raises ValueError."""
    if not isinstance(value, str) or len(value) > 64:
        raise ValueError("is no time")
    try:
        text = value.strip()
        made = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text) if len(text) > 26 else text)
    except ValueError:
        raise ValueError("is no time after ISO 8601") from None
    if made.tzinfo is None:
        raise ValueError("has no zone")
    if not 1600 < made.year < 9000:
        raise ValueError("is out of all time")
    return made


def interval(value: Any) -> Pair:
    """A time or a span as text. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError("is no time")
    first, slash, second = value.partition("/")
    start = moment(first)
    end = moment(second) if slash else start
    if end < start:
        raise ValueError("ends before it begins")
    return start, end


def occasion(value: Any) -> Pair:
    """A time, or a span where there is an `end` (TM_Object). Raises ValueError."""
    if not isinstance(value, dict) or "start" not in value or value.keys() - {"start", "end"}:
        raise ValueError("is no object with start and end")
    start = moment(value["start"])
    end = start if value.get("end") is None else moment(value["end"])
    if end < start:
        raise ValueError("ends before it begins")
    return start, end


def period(value: Any) -> Pair:
    """A span of time with both its ends (TM_Interval). Raises ValueError."""
    if isinstance(value, dict) and value.get("end") is None:
        raise ValueError("has no end")
    return occasion(value)


def time_text(value: datetime) -> str:
    """A time in UTC after ISO 8601, to the millisecond, or to the microsecond where it has any."""
    part = "microseconds" if value.microsecond % 1000 else "milliseconds" if value.microsecond else "seconds"
    return value.astimezone(UTC).isoformat(timespec=part).replace("+00:00", "Z")
