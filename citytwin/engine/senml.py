"""What does a pack of SenML records say? Sensor Measurement Lists in JSON (RFC 8428), resolved: base fields and relative times are worked in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from citytwin.kernel.errors import BadBatch, Fault

RELATIVE = 2**28
"""Times below this are relative to now (RFC 8428, 4.5.3)."""
_BASE = {"bn": "", "bt": 0.0, "bu": "", "bv": 0.0}
_KNOWN = frozenset({"bn", "bt", "bu", "bv", "bs", "bver", "n", "u", "v", "vs", "vb", "vd", "s", "t", "ut"})


def rows(body: bytes, now: datetime) -> tuple[list[dict[str, Any]], list[Fault]]:
    """Readings (row, stream, time, value, unit) and the faults of records left out. Raises BadBatch where the body is no pack."""
    try:
        pack = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise BadBatch(f"the body is not JSON: {e}", "SenML is a list of records", "body") from e
    if not isinstance(pack, list) or not all(isinstance(r, dict) for r in pack):
        raise BadBatch("the body is no SenML pack", "a list of records: RFC 8428", "body")
    base = dict(_BASE)
    made: list[dict[str, Any]] = []
    faults: list[Fault] = []
    for n, record in enumerate(pack, 1):
        try:
            _work_in(base, record)
            if row := _row(base, record, now):
                made.append({"row": n, **row})
        except ValueError as e:
            faults.append(Fault(f"row {n}", "ROW", str(e), "RFC 8428"))
    return made, faults


def _work_in(base: dict[str, Any], record: dict[str, Any]) -> None:
    for name in record:
        if name not in _KNOWN and name.endswith("_"):
            raise ValueError(f"'{name[:40]}' must be understood, and is not")
    for name, kind in (("bn", str), ("bu", str), ("bt", float), ("bv", float)):
        if name in record:
            if (kind is float and not _number(record[name])) or (kind is str and not isinstance(record[name], str)):
                raise ValueError(f"{name} is {str(record[name])[:40]!r}")
            base[name] = record[name]
    if record.get("bver", 10) not in range(1, 11):
        raise ValueError(f"version {str(record['bver'])[:20]} is not known")
    if "bs" in record or "s" in record:
        raise ValueError("sums are no readings here; send values")


def _row(base: dict[str, Any], record: dict[str, Any], now: datetime) -> dict[str, Any] | None:
    if not {"v", "vb", "vs", "vd"} & record.keys():
        if "bv" in record or not record.keys() <= {"bn", "bt", "bu", "bver", "ut"}:
            raise ValueError("the record has no value")
        return None  # base fields alone
    if "vd" in record:
        raise ValueError("data are no readings; send v, vb or vs")
    name = f"{base['bn']}{record.get('n', '')}"
    time = record.get("t", 0.0)
    if not _number(time) or not isinstance(record.get("u", ""), str) or not isinstance(record.get("n", ""), str):
        raise ValueError("n, u or t is not of its type")
    value: float | str
    if "vb" in record:
        if not isinstance(record["vb"], bool):
            raise ValueError("vb is neither true nor false")
        value = float(record["vb"])
    elif "vs" in record:
        if not isinstance(record["vs"], str):
            raise ValueError("vs is no text")
        value = record["vs"]
    elif not _number(record["v"]):
        raise ValueError(f"v is {str(record['v'])[:40]!r}")
    else:
        value = float(record["v"]) + float(base["bv"])
    seconds = float(base["bt"]) + float(time)
    try:
        moment = (
            now + timedelta(seconds=seconds)
            if seconds < RELATIVE
            else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
        )
    except OverflowError:
        raise ValueError(f"t is {seconds:g}") from None
    return {"stream": name, "time": moment, "value": value, "unit": record.get("u", base["bu"]) or None}


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
