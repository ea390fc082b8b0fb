"""Stage sql: is every statement one that any of our stores can answer?"""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlglot
from sqlglot import exp

from citytwin.engine import load
from citytwin.engine.check.ids import Ids
from citytwin.engine.check.subject import Subject, text
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.errors import BadDeclaration, CityTwinError, Fault

VIEWS = (
    "asset",
    "relation",
    "stream",
    "observation",
    "observation_all",
    "observation_minute",
    "observation_hour",
    "observation_day",
    "stream_day",
    "arrival",
    "indicator_value",
    "alarm",
)
"""The views that packs may read besides what is declared (docs/reference/pack.md)."""
_SHARED = (
    "Abs Acos And Asin Atan Atan2 Avg Between Bool BoolAnd BoolOr Case Cast Cbrt Ceil Coalesce Concat Corr "
    "Cos Cot Count CountIf CovarPop CovarSamp CumeDist Degrees DenseRank Exists Exp Extract FirstValue Floor "
    "GenerateSeries Greatest GroupConcat If Lag LastValue Lead Least Left Length Ln Log LogicalAnd LogicalOr "
    "Lower Max Median Min Mod NthValue Ntile Nullif Or PercentRank PercentileCont PercentileDisc Pi Pow "
    "Radians Rank RegexpLike RegrIntercept RegrR2 RegrSlope Replace Right Round RowNumber Sign Sin Sqrt "
    "Stddev StddevPop StddevSamp StrPosition Substring Sum Tan TimestampTrunc DateTrunc Trim Upper Variance "
    "VariancePop"
)
FUNCTIONS = frozenset(_SHARED.split())
"""Functions, as sqlglot calls them, that mean the same in DuckDB and in the PostgreSQL that it translates to."""
PLAIN = {"date_part"}
"""And those that sqlglot passes on by name."""
FORMS: tuple[tuple[type[exp.Expr], str, str], ...] = (
    (exp.Qualify, "QUALIFY", "filter a window in an outer SELECT"),
    (exp.Lambda, "a lambda", "list functions are DuckDB's alone"),
    (exp.Array, "a list", "use rows"),
    (exp.Struct, "a struct", "use columns"),
    (exp.Bracket, "an element of a list or struct", "use columns"),
    (exp.Columns, "COLUMNS(…)", "name the columns"),
    (exp.Pivot, "PIVOT", "use CASE in aggregates"),
    (exp.TableSample, "a sample", "a figure must be the same each time"),
    (exp.TryCast, "TRY_CAST", "use CAST on what is sound"),
    (exp.IntDiv, "//", "use floor(a / b)"),
)
_BEGIN, _END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
_quiet = logging.getLogger("sqlglot")


def check(subject: Subject) -> Iterator[Fault]:
    """Everything about statements and tables that can be seen without a store."""
    for path in statements(subject.folder):
        if path.is_file():
            yield from _statement(subject, path)
    for path in sorted(subject.folder.glob("*.csv")):
        if path.is_file():
            yield from _table(path)


def statements(folder: Path) -> list[Path]:
    """The SQL files of a pack: indicators, then rows of rules."""
    return [*sorted((folder / "indicators").glob("*.sql")), *sorted((folder / "rows").glob("*.sql"))]


def parsed(sql: str) -> list[exp.Expr]:
    """The statements of a text. Raises SqlglotError."""
    level, _quiet.level = _quiet.level, logging.ERROR
    try:
        return [t for t in sqlglot.parse(sql, dialect="duckdb") if t is not None]
    except RecursionError as e:
        raise sqlglot.errors.ParseError("it is nested too deep") from e
    except (
        ValueError,
        TypeError,
        AttributeError,
        IndexError,
        KeyError,
    ) as e:  # the parser stumbles over what is no SQL
        raise sqlglot.errors.ParseError(f"it is no SQL ({type(e).__name__})") from e
    finally:
        _quiet.level = level


def _statement(subject: Subject, path: Path) -> Iterator[Fault]:
    sql = text(path)

    def fault(line: int, message: str, hint: str = "") -> Fault:
        return Fault(load.place(path, line), "SQL", message, hint)

    try:
        trees = parsed(sql)
    except sqlglot.errors.SqlglotError as e:
        details = getattr(e, "errors", None) or [{}]
        said = details[0].get("description") or re.sub(r"\x1b\[[0-9;]*m", "", str(e)).splitlines()[0]
        yield fault(details[0].get("line") or 1, f"cannot be parsed: {said.rstrip('.')}", "one SELECT")
        return
    begin = next((n for n, line in enumerate(sql.splitlines(), 1) if line.strip() and not line.startswith("--")), 1)
    if len(trees) != 1 or not isinstance(trees[0], exp.Query):
        what = f"{len(trees)} statements" if len(trees) != 1 else trees[0].key.upper()
        yield fault(begin, f"holds {what}", "exactly one SELECT, which writes nothing")
        return
    tree = trees[0]
    yield from _forms(tree, sql, begin, fault)
    own = f"{subject.id}."
    ctes = {c.alias for c in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        name = f"{table.db}.{table.name}" if table.db else table.name
        if isinstance(table.this, exp.Func) or table.catalog or not name:
            called = table.this.sql("duckdb").lower() if table.this else ""
            if not isinstance(table.this, exp.GenerateSeries):
                yield fault(
                    _line(table, begin),
                    f"reads {called[:60] or 'what has no name'}",
                    "statements read views, no files and no functions",
                )
        elif not table.db and name not in ctes and name not in VIEWS:
            hint = (
                f"global ids in SQL: {own}{name}"
                if (subject.folder / "indicators" / f"{name}.sql").is_file() or name in _locals(subject)
                else f"views: {', '.join(VIEWS)}"
            )
            yield fault(_line(table, begin), f"reads '{name}', which is no view", hint)
    names = {p.name for p in tree.find_all(exp.Parameter, exp.Placeholder)} | {
        p.this.name for p in tree.find_all(exp.Parameter) if p.this
    }
    names.discard("")
    wanted = {"since", "until"} if path.parent.name == "indicators" else set()
    for name in sorted(wanted - names):
        yield fault(
            begin,
            f"does not use ${name}",
            "keep to time >= $since AND time < $until, so that only what changed is computed again",
        )
    for name in sorted(names - wanted):
        yield fault(
            _find(sql, f"${name}", begin),
            f"uses ${name}",
            "indicators have $since and $until, rows of rules have no parameters",
        )


def _locals(subject: Subject) -> set[str]:
    pack = subject.pack
    ids = [*(t.id for t in pack.types), *(r.id for r in pack.relations), *(s.id for s in pack.streams)]
    return {id.partition(".")[2] for id in ids} | set(pack.tables)


def _forms(tree: exp.Expr, sql: str, begin: int, fault: Any) -> Iterator[Fault]:
    """What DuckDB and PostgreSQL do not share, and what gives another figure each time."""
    told = set()
    for kind, what, hint in FORMS:
        for node in tree.find_all(kind):
            if (kind, line := _line(node, begin)) not in told:
                told.add((kind, line))
                yield fault(
                    _find(sql, kind.__name__.upper(), line) if kind is exp.Qualify else line, f"holds {what}", hint
                )
    for node in tree.find_all(exp.Group, exp.Order):
        bare = [getattr(e, "this", e) for e in node.expressions]
        if node.args.get("all") or any(
            getattr(e, "name", "").upper() == "ALL" and not getattr(e, "quoted", False) for e in bare
        ):
            yield fault(_find(sql, f"{node.key} by", begin), f"holds {node.key.upper()} BY ALL", "name the columns")
    for node in tree.find_all(exp.Join):
        method = node.args.get("method") or ""
        if method.upper() in ("ASOF", "POSITIONAL") or node.kind in ("SEMI", "ANTI") or node.side in ("SEMI", "ANTI"):
            yield fault(
                _line(node, begin), f"holds {method or node.kind or node.side} JOIN", "use a plain JOIN or EXISTS"
            )
    for node in tree.find_all(exp.Star):
        if any(node.args.get(k) for k in ("except", "except_", "replace", "rename")):
            yield fault(_line(node, begin), "holds * EXCLUDE, REPLACE or RENAME", "name the columns")
    for node in tree.find_all(exp.Log, exp.Round):  # PostgreSQL has these for exact numbers only
        if node.args.get("expression") or node.args.get("decimals"):
            what = "a logarithm with a base" if isinstance(node, exp.Log) else "round() to decimals"
            hint = "log(x) has base 10, ln(x) base e" if isinstance(node, exp.Log) else "leave rounding to who shows it"
            yield fault(_line(node, begin), f"holds {what}, which PostgreSQL does not have for readings", hint)
    for node in tree.find_all(exp.Func):
        kind = type(node)
        name = node.name if isinstance(node, exp.Anonymous) else (node.meta.get("name") or node.sql_name())
        if (
            kind.__name__ in FUNCTIONS
            or isinstance(node, FORM_KINDS)
            or (isinstance(node, exp.Anonymous) and name.lower() in PLAIN)
        ):
            continue
        if isinstance(node.parent, exp.Table):
            continue  # told with what is read
        if isinstance(node, exp.AnonymousAggFunc):
            name = node.name
        yield fault(
            _line(node, begin),
            f"calls {str(name).lower()}(), which the stores do not share",
            "see docs/reference/check.md for those that they do",
        )
    try:
        tree.sql(dialect="postgres", unsupported_level=sqlglot.ErrorLevel.RAISE)
    except sqlglot.errors.SqlglotError as e:
        said = str(e).splitlines()[0]
        yield fault(
            begin, f"has no translation to PostgreSQL: {said}", "keep to the SQL that DuckDB and PostgreSQL share"
        )
    except (ValueError, TypeError, AttributeError, RecursionError, KeyError, IndexError) as e:
        yield fault(
            begin,
            f"has no translation to PostgreSQL ({type(e).__name__})",
            "keep to the SQL that DuckDB and PostgreSQL share",
        )


FORM_KINDS = tuple(kind for kind, _, _ in FORMS if issubclass(kind, exp.Func))


def _line(node: exp.Expr, default: int) -> int:
    """The line of a node: of itself or of the first name in it, for the parser keeps lines of names only."""
    for n in node.walk():
        if isinstance(line := n.meta.get("line"), int):
            return line
    return default


def _find(sql: str, words: str, default: int) -> int:
    pattern = re.compile(r"\s+".join(re.escape(w) for w in words.split()), re.IGNORECASE)
    match = pattern.search(sql)
    return sql[: match.start()].count("\n") + 1 if match else default


def _table(path: Path) -> Iterator[Fault]:
    def fault(line: int, message: str, hint: str = "") -> Fault:
        return Fault(load.place(path, line), "TABLE", message, hint)

    reader = csv.reader(text(path).splitlines(keepends=True))
    rows: list[tuple[int, list[str]]] = []
    try:
        while (row := next(reader, None)) is not None:
            rows.append((reader.line_num, row))
    except csv.Error as e:
        yield fault(reader.line_num, f"cannot be read: {e}", "UTF-8, comma, double quotes")
        return
    if not rows or not rows[0][1]:
        return  # empty, which the layout tells
    head, body = rows[0][1], [(n, r) for n, r in rows[1:] if r]
    for name in head:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):  # one letter is enough for the b, c and n of a formula
            yield fault(
                1, f"column '{name}' cannot be read in SQL as it stands", "lower case letters, digits, underscores"
            )
    if len(set(head)) != len(head):
        yield fault(1, "a column stands twice", "each column once")
    if "source" not in head:
        yield fault(1, "has no column 'source'", "where each number comes from")
    if not body:
        yield fault(1, "has no rows", "fill it, or remove it")
    for n, row in body:
        if len(row) != len(head):
            yield fault(n, f"the row has {len(row)} cells, the header {len(head)}", "quote cells that hold a comma")
        elif "source" in head and not row[head.index("source")].strip():
            yield fault(n, "the row has no source", "where its numbers come from")


def bind(subject: Subject) -> Iterator[Fault]:
    """Stage columns: does every statement read what is declared, and give the columns it should? Asked of an empty store."""
    ids = Ids.of(subject)
    lost = False
    for path in statements(subject.folder):
        sql = text(path)
        tree = parsed(sql)[0]
        for table in tree.find_all(exp.Table):
            name = f"{table.db}.{table.name}"
            if table.db:
                for f in ids.lost(
                    name,
                    ("type", "relation", "stream", "indicator", "table"),
                    load.place(path, _line(table, 1)),
                    "the statement",
                ):
                    lost = True
                    yield f
    if lost:
        return
    bench = subject.bench
    packs = bench.ordered(subject.id)
    try:
        tables = load.tables(packs)
    except BadDeclaration as e:  # of a pack that this one uses: its own tables are clean
        yield Fault(subject.at("pack", "uses"), "TABLE", f"{e.where}: {e.message}", e.hint)
        return
    store = bench.open_store(bench.city.zone, FixedClock(_END))
    try:
        store.define(packs, tables)
        for path in statements(subject.folder):
            indicator = path.parent.name == "indicators"
            try:
                given = store.fetch(text(path), {"since": _BEGIN, "until": _END} if indicator else None)
            except CityTwinError as e:
                full = str(e.__cause__ or e)
                line = re.search(r"LINE (\d+):", full)
                said = e.message.partition(": ")[2] or e.message
                yield Fault(
                    load.place(path, int(line[1]) if line else 1),
                    "SQL",
                    said,
                    "check names against docs/reference/pack.md",
                )
                continue
            yield from _columns(path, given, ("asset_id", "period" if indicator else "since", "value"))
    finally:
        store.close()


def _columns(path: Path, given: pa.Table, wanted: tuple[str, ...]) -> Iterator[Fault]:
    where = load.place(path, 1)
    if sorted(given.column_names) != sorted(wanted):
        yield Fault(where, "SQL", f"gives {', '.join(given.column_names)}", f"SELECT {', '.join(wanted)}")
        return
    kind = given.schema.field("asset_id").type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        yield Fault(where, "SQL", f"asset_id is {kind}", "give text")
    kind = given.schema.field("value").type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        yield Fault(where, "SQL", f"value is {kind}", "give a number")
    kind = given.schema.field(wanted[1]).type
    if not (pa.types.is_timestamp(kind) and kind.tz):
        yield Fault(where, "SQL", f"{wanted[1]} is {kind}", "give a time stamp with zone: date_trunc('day', time)")
