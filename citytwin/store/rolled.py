"""Which statements of packs can be answered from roll-ups? Sums of a view of readings by hour, day, month … are put together from sums that are there already.

A statement is read once (`plan`): a block that asks no more of a view than sums of whole periods is made to read sums instead. When it is asked, `prepare` lays them
down: of whole days and hours from the roll-ups, of the edges of the span and of hours that changed since the roll-ups were brought up from the readings themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import sqlglot
from sqlglot import exp

from citytwin.store.rollup import ROLLED, STANDS, UNIT_S, known, period, stretches, summed, whole_hours

LEAST = 200_000
"""Readings on record from which on looking for sums costs less than summing up."""
LAG = 1_000_000
"""Readings that no roll-up knows, from which on a statement is answered as it is written."""
FULL = 2
"""Readings that a period holds at least, by the cadence of its stream, where its sum is worth looking up."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FAR = 4_102_444_800_000_000
"""Microseconds to the year 2100, up to which zones are looked at (as `rollup.whole_hours` does, from 1970)."""
_WIDE = dict.fromkeys(("DAY", "WEEK", "MONTH", "QUARTER", "YEAR"), "day")
_TRUNC = {**_WIDE, "HOUR": "hour", "MINUTE": "minute"}
"""The longest roll-up whose periods make up each unit of `date_trunc`."""
_PARTS = {**_WIDE, "HOUR": "hour", "MINUTE": "minute", "DOW": "day", "ISODOW": "day", "DOY": "day"}
"""The same of parts of a time that `extract` gives: every reading of the period has the same."""
_CONSTANT = (exp.Placeholder, exp.Parameter, exp.Literal, exp.Interval, exp.Var, exp.Add, exp.Sub, exp.Paren, exp.Cast,
             exp.DataType)  # fmt: skip
_CLAUSES = {
    "expressions",
    "from_",
    "joins",
    "where",
    "group",
    "having",
    "order",
    "limit",
    "offset",
    "with_",
    "distinct",
}

Held = Callable[[datetime, datetime], str]
Kinds = frozenset[tuple[str, int]]
"""Stream types that have a view, and how many seconds apart their readings come (0: not declared)."""


@dataclass(frozen=True, slots=True)
class Block:
    """What a part of a statement asks of one view of readings: sums by `unit` of a stream type (empty: of all) within `since` and `until` (SQL)."""

    kind: str
    unit: str
    since: str
    until: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement that reads `rolled_0`, `rolled_1`, … instead of views of readings; the parameters that it was written with, and that it still has."""

    sql: str
    blocks: tuple[Block, ...]
    given: frozenset[str]
    left: frozenset[str]


class _UnfitError(Exception):
    """The block asks for more than sums."""


@lru_cache(256)
def plan(sql: str, kinds: Kinds, zone: str) -> Plan | None:
    """How to answer this statement from roll-ups; None where it must be answered as it is written."""
    low = sql.lower()
    if "group" not in low or not ("date_trunc" in low or "extract" in low):
        return None
    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
    except (sqlglot.errors.SqlglotError, RecursionError, ValueError):  # DuckDB says what is wrong with it
        return None
    if not isinstance(tree, exp.Query):
        return None
    given = _parameters(tree)
    ctes = {c.alias.lower() for c in tree.find_all(exp.CTE)}
    if any(t.name.lower().startswith("rolled_") for t in tree.find_all(exp.Table)):
        return None
    blocks: list[Block] = []
    for select in list(tree.find_all(exp.Select)):
        for source in _sources(select):
            kind = _kind(source, dict(kinds), ctes)
            if kind is None:
                continue
            try:
                blocks.append(_replaced(select, source, kind, dict(kinds).get(kind, 0), zone, len(blocks)))
                break
            except _UnfitError:
                continue
    return Plan(tree.sql(dialect="duckdb"), tuple(blocks), given, _parameters(tree)) if blocks else None


def _parameters(tree: exp.Expr) -> frozenset[str]:
    return frozenset(p.name for p in tree.find_all(exp.Placeholder, exp.Parameter))


def _sources(select: exp.Select) -> list[exp.Expr]:
    begin = select.args.get("from_")
    return [s.this for s in (*([begin] if begin else []), *(select.args.get("joins") or []))]


def _kind(source: exp.Expr, kinds: Mapping[str, int], ctes: set[str]) -> str | None:
    """The stream type whose view this is, empty for the view of all readings; None for anything else."""
    if not isinstance(source, exp.Table) or any(v for k, v in source.args.items() if k not in ("this", "db", "alias")):
        return None
    if (alias := source.args.get("alias")) is not None and alias.args.get("columns"):
        return None
    name = f"{source.db}.{source.name}".lower() if source.db else source.name.lower()
    if not source.db:
        return "" if name == "observation" and name not in ctes else None
    return name if name in kinds else None


def _own(node: exp.Expr) -> Iterator[exp.Expr]:
    """All that a block is made of, but for what it names before. Raises _UnfitError where it holds another block: in DuckDB each may look at the rows beside it."""
    for child in node.iter_expressions():
        if isinstance(child, exp.With):
            continue
        if isinstance(child, exp.Query):
            raise _UnfitError
        yield child
        yield from _own(child)


def _replaced(select: exp.Select, source: exp.Expr, kind: str, cadence_s: int, zone: str, number: int) -> Block:
    """Make the block read sums in place of `source`; nothing is touched where it does not fit (raises _UnfitError)."""
    if any(v for k, v in select.args.items() if k not in _CLAUSES) or not select.args.get("group"):
        raise _UnfitError
    sources = _sources(select)
    for join in select.args.get("joins") or []:
        side, way = (join.side or "").upper(), (join.kind or "").upper()
        if join.args.get("using") or join.method or way not in ("", "INNER", "CROSS", "OUTER"):
            raise _UnfitError
        if side not in ("", "LEFT") or (side and join.this is source):
            raise _UnfitError
    if not all(isinstance(s, exp.Table) for s in sources):
        raise _UnfitError
    nodes = list(_own(select))
    keys = {"asset_id"} if kind else {"asset_id", "stream", "stream_type"}
    mine = [n for n in nodes if isinstance(n, exp.Column) and _of(n, source, len(sources) == 1, keys)]
    since, until, bounds = _bounds(select, mine)
    units, columns = set(), {"n"}
    for column in mine:
        name, parent = column.name.lower(), column.parent
        if name in keys or id(column) in bounds:
            continue
        if name == "time":
            units.add(_unit(column))
        elif not isinstance(parent, exp.Count | exp.Sum | exp.Avg | exp.Min | exp.Max) or parent.this is not column:
            raise _UnfitError
    sums = [n for n in nodes if isinstance(n, exp.AggFunc)]
    for node in nodes:
        if isinstance(node, exp.Window | exp.Filter | exp.Anonymous | exp.WithinGroup | exp.Lambda):
            raise _UnfitError
        if isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count):
            raise _UnfitError
    for node in sums:  # of a row of another table there are as many as there are readings: only these do not count them
        own = any(node.this is c for c in mine if c.name.lower() == "value")
        if node.args.get("expressions") or isinstance(node.this, exp.Order):
            raise _UnfitError
        if isinstance(node, exp.Count):
            if not (own or isinstance(node.this, exp.Star | exp.Distinct)):
                raise _UnfitError
        elif not isinstance(node, exp.Min | exp.Max) and not (isinstance(node, exp.Sum | exp.Avg) and own):
            raise _UnfitError
    unit = min(units, key=lambda u: UNIT_S[u], default="")
    if not unit or not steady(zone, unit):
        raise _UnfitError
    if (unit == "minute" and not (kind and cadence_s < 60)) or cadence_s * FULL > UNIT_S[unit]:
        raise _UnfitError
    alias = source.alias_or_name
    for node in sums:
        own = any(node.this is c for c in mine if c.name.lower() == "value")
        if isinstance(node, exp.Count) and (own or isinstance(node.this, exp.Star)):
            node.replace(_made(f"coalesce(CAST(sum({_q(alias)}.rolled_n) AS BIGINT), 0)"))
        elif own and isinstance(node, exp.Sum):
            columns.add("total")
            node.replace(_made(f"sum({_q(alias)}.rolled_total)"))
        elif own and isinstance(node, exp.Avg):
            columns.add("total")
            node.replace(_made(f"(sum({_q(alias)}.rolled_total) / CAST(sum({_q(alias)}.rolled_n) AS BIGINT))"))
        elif own:
            name = "low" if isinstance(node, exp.Min) else "high"
            columns.add(name)
            node.replace(_made(f"{node.key}({_q(alias)}.rolled_{name})"))
    rest = [c for c in _conjuncts(select) if not any(id(part) in bounds for part in (c.this, c))]
    select.set("where", exp.Where(this=exp.and_(*rest)) if rest else None)
    named = "s.asset_id" if kind else "s.stream, s.asset_id, s.stream_type"
    inner = (
        f"SELECT {named}, r.* EXCLUDE (stream) FROM rolled_{number} AS r JOIN main.stream_row AS s ON s.key = r.stream"
    )
    source.replace(_made(f"({inner}) AS {_q(alias)}", into=exp.Subquery))
    return Block(kind, unit, since, until, tuple(c for c in ("n", "low", "high", "total") if c in columns))


def _q(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql(dialect="duckdb")


def _made(sql: str, into: type[exp.Expr] | None = None) -> exp.Expr:
    if into is exp.Subquery:
        made: exp.Expr = sqlglot.parse_one(f"SELECT 1 FROM {sql}", dialect="duckdb").args["from_"].this
        return made
    return sqlglot.parse_one(sql, dialect="duckdb")


def _of(column: exp.Column, source: exp.Expr, alone: bool, keys: Iterable[str]) -> bool:
    """Whether this is a column of the view. Raises _UnfitError where it takes more than its name to tell."""
    if column.args.get("db"):
        raise _UnfitError
    if column.table:
        if column.table.lower() != source.alias_or_name.lower():
            return False
    elif not alone:
        raise _UnfitError
    name = column.name.lower()
    if name in ("time", "value", *keys):
        return True
    if column.table:
        raise _UnfitError
    return False  # a name that the block itself gives


def _conjuncts(select: exp.Select) -> list[exp.Expr]:
    where = select.args.get("where")
    if where is None:
        return []
    top = where.this.unnest()
    return list(top.flatten()) if isinstance(top, exp.And) else [top]


def _bounds(select: exp.Select, mine: Iterable[exp.Column]) -> tuple[str, str, set[int]]:
    """The beginning and the end of the span that is asked for, as SQL, and which columns say so. Raises _UnfitError where it has no two ends."""
    found: dict[type[exp.Expr], list[str]] = {exp.GTE: [], exp.LT: []}
    columns = set()
    times = {id(c) for c in mine if c.name.lower() == "time"}
    for part in _conjuncts(select):
        if type(part) in found and id(part.this) in times:
            end = part.expression
            if all(isinstance(n, _CONSTANT) for n in end.walk()):
                found[type(part)].append(end.sql(dialect="duckdb"))
                columns.add(id(part.this))
    if not all(found.values()):
        raise _UnfitError

    def moment(ends: list[str], choose: str) -> str:
        each = [f"CAST({e} AS TIMESTAMPTZ)" for e in ends]
        return each[0] if len(each) == 1 else f"{choose}({', '.join(each)})"

    return moment(found[exp.GTE], "greatest"), moment(found[exp.LT], "least"), columns


def _unit(column: exp.Column) -> str:
    """The longest roll-up in whose periods this use of a time does not change. Raises _UnfitError where none is."""
    parent: Any = column.parent
    unit = None
    if isinstance(parent, exp.TimestampTrunc | exp.DateTrunc) and parent.this is column and not parent.args.get("zone"):
        unit = _TRUNC.get(parent.text("unit").upper())
    elif isinstance(parent, exp.Extract) and parent.expression is column:
        unit = _PARTS.get(parent.name.upper())
    elif type(parent) is exp.Cast and parent.to.is_type("date"):
        unit = "day"
    if unit is None:
        raise _UnfitError
    return unit


@lru_cache
def steady(zone: str, unit: str) -> bool:
    """Whether no period of this unit begins at a moment that the zone's clock shows twice (from 1970 to 2100): there, a reading may lie before its period."""
    if unit == "minute" or (unit == "hour" and whole_hours(zone)):
        return True
    at = ZoneInfo(zone)
    midnights = [(datetime(1970, 1, 1) + timedelta(days=n)).replace(tzinfo=at) for n in range(130 * 365)]
    ahead = [m.utcoffset() or timedelta() for m in midnights]
    back = [m for m, here, then in zip(midnights, ahead, ahead[1:], strict=False) if then < here]
    if not whole_hours(zone):
        return not back
    return all(m.utcoffset() == m.replace(fold=1).utcoffset() for m in back)


def prepare(
    cursor: duckdb.DuckDBPyConnection, made: Plan, zone: str, held: Held, params: Mapping[str, Any]
) -> tuple[str, dict[str, Any]] | None:
    """Lay down the sums that a plan reads, within a transaction; the statement to ask then, with its parameters. None: ask it as it was written."""
    if frozenset(params) != made.given:
        return None
    mark = known(cursor, ROLLED)
    row = cursor.execute(
        """SELECT (SELECT count(*) FROM reading) + (SELECT coalesce(sum(rows), 0) FROM tier_file),
                  (SELECT coalesce(sum(rows), 0) FROM batch WHERE batch > ?)""",
        [mark],
    ).fetchone()
    if not mark or row is None or row[0] < LEAST or row[1] > LAG:
        return None
    for number, block in enumerate(made.blocks):
        if not _laid(cursor, block, number, mark, zone, held, params):
            return None
    return made.sql, {k: v for k, v in params.items() if k in made.left}


def _laid(
    cursor: duckdb.DuckDBPyConnection, block: Block, number: int, mark: int, zone: str, held: Held, params: Mapping[str, Any]
) -> bool:  # fmt: skip
    """Make the table `rolled_{number}`; False where the span holds no whole period."""
    unit = "hour" if block.unit == "day" else block.unit
    asked = [p for p in params if f"${p}" in block.since + block.until]
    edges = _span(cursor, block, zone, unit, {p: params[p] for p in asked})
    if edges is None:
        return False
    since, until, low, high, first, last = edges
    which = f"r.stream IN (SELECT key FROM stream_row WHERE stream_type = '{block.kind}')" if block.kind else "TRUE"
    sums = ", ".join(f"r.{c} AS rolled_{c}" for c in block.columns)
    table = f"rolled_{number}"
    cursor.execute(
        f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT r.stream, r.period AS time, {sums} FROM rollup_{unit} AS r LIMIT 0"
    )
    at = period(unit, zone)
    cursor.execute(
        " UNION ".join(
            [
                f"CREATE OR REPLACE TEMP TABLE stale AS SELECT r.stream, {at} AS period FROM reading AS r WHERE r.batch > {mark} AND {which} AND {_within('r.time', low, high)}",
                f"SELECT r.stream, {at} AS period FROM superseded AS r WHERE r.by_batch > {mark} AND {which} AND {_within('r.time', low, high)}",
            ]
        )
    )
    day = period("day", zone, "period")
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE stale_day AS SELECT DISTINCT stream, {day} AS period FROM stale")
    fresh = "NOT EXISTS (SELECT 1 FROM stale AS s WHERE s.stream = r.stream AND s.period = r.period)"

    def take(of: str, begin: int, end: int, when: str) -> None:
        if begin < end:
            cursor.execute(
                f"INSERT INTO {table} SELECT r.stream, r.period, {sums} FROM rollup_{of} AS r WHERE {which} AND {_within('r.period', begin, end)} AND r.n > 0 AND {when}"
            )

    def add(begin: int, end: int, join: str = "") -> None:
        if begin < end:
            source = held(_EPOCH + timedelta(microseconds=begin), _EPOCH + timedelta(microseconds=end))
            cursor.execute(
                f"""INSERT INTO {table} SELECT r.stream, {at}, {summed(block.columns)} FROM {source} AS r {join}
                    WHERE {which} AND {_within("r.time", begin, end)} AND {STANDS} GROUP BY 1, 2 HAVING n > 0"""
            )

    if block.unit == "day" and first < last:
        take("day", first, last, fresh.replace("stale ", "stale_day "))
        take("hour", low, first, fresh)
        take("hour", last, high, fresh)
        again = "EXISTS (SELECT 1 FROM stale_day AS d WHERE d.stream = r.stream AND d.period = "
        again += f"{period('day', zone, 'r.period')}) AND {fresh}"
        for begin, end in stretches(cursor, "stale_day"):
            take("hour", max(_us(begin), first), min(_us(end + timedelta(hours=26)), last), again)
    else:
        take(unit, low, high, fresh)
    add(since, low)
    add(high, until)
    for begin, end in stretches(cursor, "stale"):
        size = timedelta(seconds=UNIT_S[unit])
        add(_us(begin), min(_us(end + size), high), f"JOIN stale AS s ON s.stream = r.stream AND s.period = {at}")
    return True


def _us(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _within(column: str, begin: int, end: int) -> str:
    return f"{column} >= make_timestamptz({begin}) AND {column} < make_timestamptz({end})"


def _span(
    cursor: duckdb.DuckDBPyConnection, block: Block, zone: str, unit: str, params: Mapping[str, Any]
) -> tuple[int, int, int, int, int, int] | None:
    """Microseconds since 1970: the span that is asked for, its whole periods of `unit`, its whole days. None where it holds no whole period.

    What lies before the time up to which readings were deleted is asked of the readings that are left: roll-ups remember the others.
    """
    kind = f"WHERE stream_type = '{block.kind}'" if block.kind else ""
    ends = cursor.execute(
        f"""SELECT CASE WHEN isfinite(a) THEN epoch_us(a) END, CASE WHEN isfinite(b) THEN epoch_us(b) END,
                   (SELECT epoch_us(max(until)) FROM erasure {kind}) FROM (SELECT {block.since} AS a, {block.until} AS b)""",
        dict(params) or None,
    ).fetchone()
    if ends is None or ends[0] is None or ends[1] is None or ends[0] < -_FAR or ends[1] > _FAR:
        return None
    since, until, gone = ends
    start = max(since, gone or 0, 0)
    whole = []
    for of in (unit, "day"):
        begins, ahead = period(of, zone, "t"), "36 HOUR" if of == "day" else f"{UNIT_S[of]} SECOND"
        after = period(of, zone, f"({begins} + INTERVAL {ahead})")
        whole.append(
            f"CASE WHEN {begins} = t THEN epoch_us(t) ELSE epoch_us({after}) END, epoch_us({period(of, zone, 'u')})"
        )
    row = cursor.execute(
        f"SELECT {', '.join(whole)} FROM (SELECT make_timestamptz({start}) AS t, make_timestamptz({until}) AS u)"
    ).fetchone()
    if row is None or row[0] >= row[1]:
        return None
    return since, until, *row
