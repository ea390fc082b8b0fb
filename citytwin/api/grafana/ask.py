"""What does Grafana ask? Its requests as plain data; what it sends beside them is let pass."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from citytwin.api.route import moment, said
from citytwin.kernel.errors import BadRequest, Fault

T = TypeVar("T")


class Span(msgspec.Struct, rename={"since": "from", "until": "to"}):
    """The time that a dashboard shows."""

    since: str
    until: str


class Choice(msgspec.Struct):
    """An ad hoc filter of a dashboard."""

    key: str = ""
    operator: str = "="
    value: Any = ""


class Target(msgspec.Struct, rename={"ref": "refId"}):
    """One query of a panel. `type` is what old data sources call the form of the answer."""

    target: Any = ""
    ref: str = "A"
    payload: Any = None
    hide: bool = False
    type: str = ""


class Panel(msgspec.Struct, rename="camel"):
    """All queries of a panel."""

    targets: list[Target] = []
    range: Span | None = None
    interval_ms: float = 0
    max_data_points: float = 0
    adhoc_filters: list[Choice] = []


class Note(msgspec.Struct):
    """An annotation query of old data sources."""

    annotation: Any = None
    range: Span | None = None


class Words(msgspec.Struct):
    """What is asked for in lists: metrics, options, variables, tags."""

    target: Any = ""
    payload: Any = None
    metric: Any = ""
    name: Any = ""
    key: Any = ""


def read(body: bytes, kind: type[T]) -> T:
    """A request. Raises BadRequest saying where it is at fault."""
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except msgspec.ValidationError as e:
        message, where = said(e)
        raise BadRequest(f"the body {where}: {message}", "see docs/reference/grafana.md", where or "body") from e
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise BadRequest(f"the body is not JSON: {e}", "see docs/reference/grafana.md", "body") from e


def chosen(value: Any) -> list[str]:
    """The names that a value stands for: one, a list, or several as Grafana writes a variable of many, `(a\\.b|c)`."""
    if value is None or value == "":
        return []
    if isinstance(value, list):
        return [name for v in value for name in chosen(v)]
    if isinstance(value, Mapping):  # an option that was picked from a list
        return chosen(value.get("value"))
    text = str(value).strip()
    several = re.fullmatch(r"\((.*)\)", text)
    names = re.split(r"(?<!\\)\|", several[1]) if several else text.split(",")
    return [name for n in names if (name := re.sub(r"\\(.)", r"\1", n.strip()))]


def payload(value: Any, where: str) -> Mapping[str, Any]:
    """The additional data of a query: an object, or a text of JSON. Raises BadRequest."""
    if value in (None, ""):
        return {}
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError as e:
            raise BadRequest(f"the payload is not JSON: {e}", '{"type": "drainage.level"}', where) from e
    if not isinstance(value, dict):
        raise BadRequest("the payload is no object", '{"type": "drainage.level"}', where)
    return value


@dataclass(frozen=True, slots=True)
class Window:
    """From when until when, and how wide a step is at least, in milliseconds."""

    since: datetime
    until: datetime
    step_ms: int


POINTS = 50_000
"""Points of one series at most, however many are asked for."""
_DAY_MS = 86_400_000


def window(panel: Panel | Note, zone: str, now: datetime) -> Window:
    """The span asked for (a day up to now where none is), and the step that its interval and number of points lead to. Raises BadRequest."""
    if panel.range is None:
        until, since = now, datetime.fromtimestamp(now.timestamp() - 86400, UTC)
    else:
        try:
            since, until = moment(panel.range.since, zone), moment(panel.range.until, zone)
        except (ValueError, OverflowError) as e:
            fault = Fault("range", "VALUE", str(e), "2026-01-31T08:00:00.000Z")
            raise BadRequest(f"the range is none: {e}", fault.hint, "range", (fault,)) from None
    if since > until:
        raise BadRequest("the range ends before it begins", "from must not be later than to", "range")
    points, interval = POINTS, 0.0
    if isinstance(panel, Panel):
        points = int(min(panel.max_data_points, POINTS)) if panel.max_data_points >= 1 else 1000
        interval = min(max(panel.interval_ms, 0), 3660 * _DAY_MS)
    wide = (until - since).total_seconds() * 1000
    # a span that does not begin with a step reaches into one more
    return Window(since, until, max(1, int(interval), -(-int(wide) // max(1, points - 1))))
