"""What a filter means, said a second time: in plain Python over plain rows, one entity at a time."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from citytwin.api.sta import tree
from citytwin.api.sta.tree import Binary, Call, Count, Geometry, Interval, Junction, Literal, Node, Path, Unary, Within

from . import town

KINDS = {
    "Thing": town.THINGS,
    "Location": town.LOCATIONS,
    "Datastream": town.STREAMS,
    "ObservedProperty": town.PROPERTIES,
    "Observation": town.OBSERVATIONS,
}
NAMES = {
    "phenomenonTime": "time",
    "resultTime": "resulttime",
    "@iot.id": "id",
}
TIES: dict[tuple[str, str], tuple[str, bool, Any]] = {
    ("Thing", "Datastreams"): ("Datastream", True, lambda a, b: b["thing"] == a["id"]),
    ("Thing", "Locations"): ("Location", True, lambda a, b: (a["id"], b["id"]) in town.PLACED),
    ("Location", "Things"): ("Thing", True, lambda a, b: (b["id"], a["id"]) in town.PLACED),
    ("Datastream", "Thing"): ("Thing", False, lambda a, b: b["id"] == a["thing"]),
    ("Datastream", "ObservedProperty"): ("ObservedProperty", False, lambda a, b: b["id"] == a["property"]),
    ("Datastream", "Observations"): ("Observation", True, lambda a, b: b["datastream"] == a["id"]),
    ("ObservedProperty", "Datastreams"): ("Datastream", True, lambda a, b: b["property"] == a["id"]),
    ("Observation", "Datastream"): ("Datastream", False, lambda a, b: b["id"] == a["datastream"]),
}
Env = dict[tuple[str, tuple[str, ...]], tuple[str, Any]]


def matching(kind: str, condition: Node | None) -> list[Any]:
    """The ids of the entities of a kind for which a condition holds."""
    rows = KINDS[kind]
    return [r["id"] for r in rows if condition is None or truth(condition, {("", ()): (kind, r)}) is True]


def far(kind: str, row: Any, name: str) -> tuple[str, list[Any]]:
    target, _, belongs = TIES[kind, name]
    return target, [] if row is None else [r for r in KINDS[target] if belongs(row, r)]


def split(path: Path, env: Env) -> tuple[str, list[tuple[str, ...]], tuple[str, ...]]:
    """The variable, the places that a path passes, and its steps within the last entity."""
    variable = path.steps[0] if (path.steps[0], ()) in env else ""
    steps = path.steps[1:] if variable else path.steps
    kind, places = env[variable, ()][0], []
    for n, step in enumerate(steps):
        if (kind, step) not in TIES:
            return variable, places, steps[n:]
        kind = TIES[kind, step][0]
        places.append(steps[: n + 1])
    return variable, places, ()


def open_places(path: Path, env: Env) -> set[tuple[str, tuple[str, ...]]]:
    variable, places, _ = split(path, env)
    kind, found = env[variable, ()][0], set()
    for place in places:
        kind, many, _ = TIES[kind, place[-1]]
        if many and (variable, place) not in env:
            found.add((variable, place))
    return found


def needs(node: Node, env: Env) -> set[tuple[str, tuple[str, ...]]]:
    if isinstance(node, Junction):
        parts = [needs(i, env) for i in node.items]
        return set.union(*parts) if node.op == "and" else set.intersection(*parts)
    if isinstance(node, Unary) and node.op == "not":
        return set()
    return set().union(*(open_places(n, env) for n in tree.walk(node) if isinstance(n, Path)))


def choices(places: list[tuple[str, tuple[str, ...]]], env: Env) -> Iterator[Env]:
    """Every way to choose one row at each place."""
    if not places:
        yield env
        return
    (variable, steps), *rest = places
    kind, row = reach(variable, steps[:-1], env)
    target, rows = far(kind, row, steps[-1])
    for r in rows:
        yield from choices(rest, {**env, (variable, steps): (target, r)})


def reach(variable: str, steps: tuple[str, ...], env: Env) -> tuple[str, Any]:
    if (variable, steps) in env:
        return env[variable, steps]
    kind, row = reach(variable, steps[:-1], env)
    target, rows = far(kind, row, steps[-1])
    return target, rows[0] if rows else None


def truth(node: Node, env: Env) -> bool | None:
    if opened := needs(node, env):
        places = sorted(opened, key=lambda p: len(p[1]))
        return any(truth(node, e) is True for e in choices(places, env))
    if isinstance(node, Junction):
        return joined(node.op, [truth(i, env) for i in node.items])
    if isinstance(node, Unary) and node.op == "not":
        inner = truth(node.operand, env)
        return None if inner is None else not inner
    found = value(node, env)
    return found if isinstance(found, bool) else None


def joined(op: str, parts: list[bool | None]) -> bool | None:
    decisive = op == "or"
    return decisive if decisive in parts else None if None in parts else not decisive


def value(node: Node, env: Env) -> Any:
    match node:
        case Literal():
            return node.value
        case Path():
            return reached(node, env)
        case Count(path=path):
            return sum(1 for _ in over(path, env, "#"))
        case tree.Any(path=path, variable=variable, condition=condition):
            return any(truth(condition, e) is True for e in over(path, env, variable or "#"))
        case Call(name="cast", arguments=(operand, Path(steps=steps))):
            return cast(value(operand, env), steps[0])
        case Call(name=name, arguments=arguments):
            return call(name, [value(a, env) for a in arguments])
        case Within(operand=operand, items=Path() as listed):
            found = value(listed, env)
            return isinstance(found, list) and value(operand, env) in found
        case Within(operand=operand, items=items):
            return any(compare("eq", operand, i, env) for i in items)
        case Unary(op="not", operand=operand):
            inner = boolean(value(operand, env))
            return None if inner is None else not inner
        case Unary(operand=operand):
            inner = value(operand, env)
            return -inner if number(inner) is not None or isinstance(inner, timedelta) else None
        case Junction(op=op, items=items):
            return joined(op, [boolean(value(i, env)) for i in items])
        case Binary(op=op, left=left, right=right) if op in ("eq", "ne", "gt", "ge", "lt", "le"):
            return compare(op, left, right, env)
        case Binary(op=op, left=left, right=right):
            return arithmetic(op, value(left, env), value(right, env))


def over(path: Path, env: Env, variable: str) -> Iterator[Env]:
    v, places, _ = split(path, env)
    last = places[-1]
    between = sorted(open_places(path, env) - {(v, last)}, key=lambda p: len(p[1]))
    for e in choices(between, env):
        kind, row = reach(v, last[:-1], e)
        target, rows = far(kind, row, last[-1])
        for r in rows:
            yield {**e, (variable, ()): (target, r)}


def reached(path: Path, env: Env) -> Any:
    variable, places, rest = split(path, env)
    _, row = reach(variable, places[-1] if places else (), env)
    if row is None:
        return None
    if rest[0] == "unitOfMeasurement":
        return row["unit"]
    found = row[NAMES.get(rest[0], rest[0])]
    if rest[0] == "location" and found is not None:
        return Geometry(found)
    for key in rest[1:]:
        if isinstance(found, Interval):
            found = {"start": found.start, "end": found.end}
        found = found.get(key) if isinstance(found, dict) else None
    return found


def boolean(v: Any) -> bool | None:
    return v if isinstance(v, bool) else None


def number(v: Any) -> float | None:
    return v if isinstance(v, int | float) and not isinstance(v, bool) else None


def instant(v: Any) -> datetime | None:
    if isinstance(v, str):
        try:
            return datetime.fromisoformat(v)
        except ValueError:
            return None
    return v.start if isinstance(v, Interval) else v if isinstance(v, datetime) else None


def compare(op: str, left: Node, right: Node, env: Env) -> bool:
    if op == "ne":
        return not compare("eq", left, right, env)
    a, b = value(left, env), value(right, env)
    if a is None or b is None:
        return op == "eq" and a is b
    if isinstance(a, Interval) or isinstance(b, Interval):
        return spans(op, a, b)
    if isinstance(a, datetime) is not isinstance(b, datetime):
        a, b = instant(a), instant(b)
        return a is not None and b is not None and ordered(op, a, b)
    for node, one, other in ((left, a, b), (right, b, a)):
        if isinstance(node, Literal) and isinstance(one, str) and number(other) is not None:
            try:
                spelled = number(json.loads(one))
            except ValueError:
                spelled = None
            if spelled is None:
                return False
            return ordered(op, spelled, b) if node is left else ordered(op, a, spelled)
    if number(a) is not None and number(b) is not None:
        return ordered(op, a, b)
    if type(a) is not type(b) or isinstance(a, dict | list):
        return False
    return ordered(op, a, b) if not isinstance(a, bool) or op == "eq" else False


def ordered(op: str, a: Any, b: Any) -> bool:
    return {"eq": a == b, "gt": op == "gt" and a > b, "ge": op == "ge" and a >= b, "lt": op == "lt" and a < b, "le": op == "le" and a <= b}[op]  # fmt: skip


def spans(op: str, a: Any, b: Any) -> bool:
    both = isinstance(a, Interval) and isinstance(b, Interval)
    x, y = (v if isinstance(v, Interval) else Interval(instant(v), instant(v)) for v in (a, b))
    match op:
        case "eq":
            return x == y if both else x.start <= y.end and y.start <= x.end
        case "gt":
            return x.start > y.end
        case "ge":
            return x.start >= y.end
        case "lt":
            return x.end < y.start
        case _:
            return x.end <= y.start


def arithmetic(op: str, a: Any, b: Any) -> Any:
    if isinstance(a, Interval) and isinstance(b, timedelta):
        return Interval(arithmetic(op, a.start, b), arithmetic(op, a.end, b))
    if isinstance(a, datetime | timedelta) or isinstance(b, datetime | timedelta):
        if a is None or b is None:
            return None
        return a + b if op == "add" else a - b
    a, b = number(a), number(b)
    if a is None or b is None or (op in ("div", "mod") and b == 0):
        return None
    a, b = float(a), float(b)
    return {"add": lambda: a + b, "sub": lambda: a - b, "mul": lambda: a * b, "div": lambda: a / b, "mod": lambda: a - b * math.trunc(a / b)}[op]()  # fmt: skip


def cast(v: Any, type: str) -> Any:
    match type.removeprefix("Edm."):
        case "Decimal" | "Double":
            try:
                return number(v) if not isinstance(v, str) else float(v)
            except ValueError:
                return None
        case "Boolean":
            return boolean(v)
        case "DateTimeOffset":
            return instant(v)
    raise AssertionError(type)


def call(name: str, a: list[Any]) -> Any:
    if name in ("now", "mindatetime", "maxdatetime"):
        return {"now": town.NOW, "mindatetime": datetime.min.replace(tzinfo=UTC), "maxdatetime": datetime.max.replace(tzinfo=UTC)}[name]  # fmt: skip
    if name in ("round", "floor", "ceiling"):
        n = number(a[0])
        rounded = {
            "round": lambda n: math.copysign(math.floor(abs(n) + 0.5), n),
            "floor": math.floor,
            "ceiling": math.ceil,
        }
        return None if n is None else rounded[name](n)
    if name in CLOCKS:
        t = instant(a[0])
        return None if t is None else CLOCKS[name](t)
    if name == "st_equals":
        return None if None in a else a[0] == a[1]
    if name == "interval":
        return None if None in a else Interval(a[0], a[0] + a[1] if isinstance(a[1], timedelta) else a[1])
    texts = [
        v if isinstance(v, str) or (n and name == "substring" and number(v) is not None) else None
        for n, v in enumerate(a)
    ]
    return None if None in texts else TEXTS[name](*texts)


CLOCKS: dict[str, Any] = {
    "year": lambda t: t.year,
    "month": lambda t: t.month,
    "day": lambda t: t.day,
    "hour": lambda t: t.hour,
    "minute": lambda t: t.minute,
    "second": lambda t: t.second,
    "fractionalseconds": lambda t: t.microsecond / 1e6,
    "date": lambda t: t.date(),
    "time": lambda t: t.time(),
    "totaloffsetminutes": lambda t: 0,
}
TEXTS: dict[str, Any] = {
    "substringof": lambda a, b: a in b,
    "contains": lambda a, b: b in a,
    "startswith": lambda a, b: a.startswith(b),
    "endswith": lambda a, b: a.endswith(b),
    "indexof": lambda a, b: a.find(b),
    "length": len,
    "tolower": str.lower,
    "toupper": str.upper,
    "trim": lambda a: a.strip(" "),
    "concat": lambda a, b: a + b,
    "substring": lambda a, i, n=None: a[max(i, 0) :][: None if n is None else max(n, 0)],
}
