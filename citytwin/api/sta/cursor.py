"""Where does the next page begin? Behind the last row of this one, whatever is added meanwhile: a cursor holds the values of its keys."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from typing import Any

import msgspec

from citytwin.api.sta.error import Malformed
from citytwin.api.sta.value import Parameters

LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Key:
    """One key of an order: its SQL, its kind and its direction. Nulls come first, or last where it descends."""

    sql: str
    kind: str
    descending: bool = False

    @property
    def clause(self) -> str:
        """The key in ORDER BY."""
        return f"{self.sql} DESC NULLS LAST" if self.descending else f"{self.sql} ASC NULLS FIRST"


_READ: dict[str, Callable[[Any], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "duration": lambda us: timedelta(microseconds=us),
}
_TYPES: dict[str, type | tuple[type, ...]] = {"number": (int, float), "boolean": bool, "duration": int}


def write(order: str, keys: tuple[Key, ...], values: tuple[Any, ...]) -> str:
    """The cursor behind a row with these values; `order` is the text of the order that it belongs to."""
    plain = [_plain(v, k.kind) for v, k in zip(values, keys, strict=True)]
    return urlsafe_b64encode(msgspec.json.encode([_mark(order), *plain])).decode().rstrip("=")


def _plain(value: Any, kind: str) -> Any:
    if value is None or kind in ("string", "boolean", "number"):
        return value
    return value // timedelta(microseconds=1) if kind == "duration" else value.isoformat()


def read(cursor: str, order: str, keys: tuple[Key, ...]) -> tuple[Any, ...]:
    """The values that a cursor holds. Raises Malformed where it is none of this order."""
    try:
        if len(cursor) > LONGEST:
            raise ValueError
        mark, *values = msgspec.json.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=list[Any])
        if mark != _mark(order) or len(values) != len(keys):
            raise ValueError
        return tuple(_value(v, k.kind) for v, k in zip(values, keys, strict=True))
    except (ValueError, TypeError, OverflowError, RecursionError, msgspec.DecodeError):
        hint = "take the link to the next page as it is"
        raise Malformed("the $skiptoken is none of this query", 0, cursor, "the one of the page before", hint) from None


def _value(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if not isinstance(value, _TYPES.get(kind, str)) or (kind == "number" and isinstance(value, bool)):
        raise TypeError
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError
    found: Any = _READ[kind](value) if kind in _READ else value
    if kind == "datetime" and found.tzinfo is None:
        raise ValueError
    return found


def _mark(order: str) -> str:
    return sha256(order.encode()).hexdigest()[:8]


def behind(keys: tuple[Key, ...], values: tuple[Any, ...], parameters: Parameters) -> str:
    """The condition that a row comes after the one with these values."""
    found: list[str] = []
    same: list[str] = []
    for key, value in zip(keys, values, strict=True):
        sql = "" if value is None else parameters.bind(value, _bound(key.kind, value))
        if value is None:
            after = "" if key.descending else f"{key.sql} IS NOT NULL"
        else:
            after = f"({key.sql} < {sql} OR {key.sql} IS NULL)" if key.descending else f"{key.sql} > {sql}"
        if after:
            found.append(" AND ".join((*same, after)))
        same.append(f"{key.sql} IS NULL" if value is None else f"{key.sql} = {sql}")
    return f"({' OR '.join(f'({f})' for f in found)})" if found else "FALSE"


def _bound(kind: str, value: Any) -> str:
    return "integer" if kind == "number" and isinstance(value, int) else kind
