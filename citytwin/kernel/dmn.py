"""What follows from the facts? Decision tables as OMG DMN 1.5 (clause 8) means them, and what can be wrong with one before it is asked anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Literal

from citytwin.kernel import feel
from citytwin.kernel.errors import BadRequest
from citytwin.kernel.title import Title

Hit = Literal["U", "F", "P", "A", "C", "C+", "C<", "C>", "C#", "R", "O"]
"""Unique, first, priority, any, collect (list, sum, least, greatest, count), rule order, output order."""
Kind = Literal["number", "integer", "text", "boolean", "date", "any"]
MOST_ROWS = 2_000
MOST_STATES = 20_000
"""Combinations of rows that are looked at for gaps."""


@dataclass(frozen=True, slots=True)
class Input:
    """A column of conditions: the expression `of` (where empty: the name itself), and which `values` (unary tests) may be given at all."""

    name: str
    kind: Kind = "any"
    of: str = ""
    values: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """A column of conclusions. `values` lists what it may say, the weightiest first (hit policies P and O); `default` is said where no row fits."""

    name: str
    values: tuple[str, ...] = ()
    default: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: a unary test for every input, an expression for every output."""

    when: tuple[str, ...]
    then: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class DecisionTable:
    """Rows of conditions and conclusions. An input may name another table: it is decided first."""

    id: str
    title: Title
    hit: Hit
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a table says: its value (of one output; of several, by name), the rows that fit (from 1), or the fault that keeps it from saying anything."""

    value: Any
    rows: tuple[int, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a table: in row `row` (from 0; -1 the whole), in column `column` of `when` or `then`."""

    message: str
    hint: str = ""
    part: str = ""
    row: int = -1
    column: int = -1


@dataclass
class Tables:
    """Tables that may ask each other, and the names of the facts they may ask about (None: whatever they name)."""

    tables: Mapping[str, DecisionTable]
    names: frozenset[str] | None = None
    known: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        said = {name for t in self.tables.values() for i in t.inputs if not i.of for name in [i.name]}
        others = (self.names or frozenset()) - set(feel.FUNCTIONS)  # a field called `date` must not hide the function
        self.known = frozenset(others | said | set(self.tables))

    def decide(self, id: str, facts: Mapping[str, Any]) -> Outcome:
        """What table `id` says of these facts. Raises BadRequest where there is none, or tables go round in a circle."""
        if round_ := self.circle(id):
            raise BadRequest(f"tables ask each other in a circle: {' → '.join(round_)}", "let one of them ask facts only", id)  # fmt: skip
        return self._decide(id, {k: feel.number(v) for k, v in facts.items()}, {})

    def _decide(self, id: str, facts: dict[str, Any], done: dict[str, Outcome]) -> Outcome:
        if id not in self.tables:
            raise BadRequest(f"there is no table '{id}'", f"there are: {', '.join(sorted(self.tables))}", id)
        if id not in done:
            table = self.tables[id]
            for other in self.asks(table):
                found = self._decide(other, facts, done)
                if found.fault:
                    return Outcome(None, fault=f"{other}: {found.fault}")
                facts = {**facts, other: found.value}
            done[id] = _outcome(table, facts, self.known)
        return done[id]

    def asks(self, table: DecisionTable) -> list[str]:
        """The tables that a table asks."""
        texts = [(i.of or i.name, False) for i in table.inputs]
        texts += [(text, True) for row in table.rows for text in row.when]
        texts += [(text, False) for row in table.rows for text in row.then]
        found: set[str] = set()
        for text, unary in texts:
            try:
                found |= feel.names((feel.conditions if unary else feel.compiled)(text, self.known))
            except BadRequest:  # told by `flaws`
                continue
        return sorted(found & set(self.tables))

    def circle(self, id: str) -> list[str]:
        """The tables on a way from `id` that comes back upon itself; none where there is no such way."""
        done: set[str] = set()

        def visit(at: str, way: list[str]) -> list[str]:
            if at in way:
                return [*way[way.index(at) :], at]
            if at in done or at not in self.tables:
                return []
            for other in self.asks(self.tables[at]):
                if found := visit(other, [*way, at]):
                    return found
            done.add(at)
            return []

        return visit(id, [])

    def flaws(self, id: str) -> Iterator[Flaw]:
        """Everything that is wrong with a table: what cannot be read, circles, and, where rows must not overlap (U), overlaps and gaps."""
        table = self.tables[id]
        broken = False
        for flaw in self._unreadable(table):
            broken = True
            yield flaw
        if not broken and (way := self.circle(id)):
            broken = True
            yield Flaw(f"tables ask each other in a circle: {' → '.join(way)}", "let one of them ask facts only")
        if not broken and table.hit in ("U", "A"):
            yield from _spread(table, self.known)

    def _unreadable(self, table: DecisionTable) -> Iterator[Flaw]:
        if not table.inputs or not table.outputs or not table.rows:
            yield Flaw("the table lacks inputs, outputs or rows", "one of each at least")
        if len(table.rows) > MOST_ROWS:
            yield Flaw(f"the table has {len(table.rows)} rows", f"at most {MOST_ROWS}: divide it")
        if table.hit in ("C+", "C<", "C>") and len(table.outputs) != 1:
            yield Flaw(f"hit policy {table.hit} takes one output", "use C, or divide the table")
        if table.hit in ("P", "O") and not any(o.values for o in table.outputs):
            yield Flaw(f"hit policy {table.hit} needs an order of outputs", "list `values`, the weightiest first")
        named = [i.name for i in table.inputs] + [o.name for o in table.outputs]
        for name in sorted({n for n in named if named.count(n) > 1}):
            yield Flaw(f"two columns are called '{name}'", "call them by different names")
        for k, column in enumerate(table.inputs):
            yield from self._read(column.of or column.name, False, "inputs", -1, k)
            if column.values:
                yield from self._read(column.values, True, "inputs", -1, k)
        for k, output in enumerate(table.outputs):
            for text in (*output.values, *([output.default] if output.default else [])):
                yield from self._read(text, False, "outputs", -1, k)
        for n, row in enumerate(table.rows[:MOST_ROWS]):
            for part, texts, wanted in (("when", row.when, table.inputs), ("then", row.then, table.outputs)):
                if len(texts) != len(wanted):
                    yield Flaw(f"row {n + 1} has {len(texts)} cells in `{part}`, not {len(wanted)}", "one for every column", part, n)  # fmt: skip
                for k, text in enumerate(texts):
                    yield from self._read(text, part == "when", part, n, k)

    def _read(self, text: str, unary: bool, part: str, row: int, column: int) -> Iterator[Flaw]:
        try:
            (feel.conditions if unary else feel.compiled)(text, self.known)
        except BadRequest as e:
            yield Flaw(e.message, e.hint, part, row, column)


def _outcome(table: DecisionTable, facts: Mapping[str, Any], known: frozenset[str]) -> Outcome:
    given = [_given(i, feel.value(feel.compiled(i.of or i.name, known), facts)) for i in table.inputs]
    for column, g in zip(table.inputs, given, strict=True):
        if column.values and g is not None and not feel.holds(feel.conditions(column.values, known), g, facts):
            return Outcome(None, fault=f"{column.name} is {feel.plain(g)!r}, which is none of {column.values}")
    fits = [
        n
        for n, row in enumerate(table.rows)
        if all(feel.holds(feel.conditions(t, known), g, facts) for t, g in zip(row.when, given, strict=True))
    ]
    if not fits:
        if any(o.default for o in table.outputs):
            made = [feel.value(feel.compiled(o.default or "null", known), facts) for o in table.outputs]
            return Outcome(_shaped(table, made))
        return Outcome(Decimal(0) if table.hit == "C#" else [] if table.hit in ("C", "R", "O") else None)
    if table.hit == "F":
        fits = fits[:1]
    said = [[feel.value(feel.compiled(t, known), facts) for t in table.rows[n].then] for n in fits]
    rows = tuple(n + 1 for n in fits)
    match table.hit:
        case "U" if len(fits) > 1:
            return Outcome(None, rows, f"rows {_and(rows)} both fit, and only one may")
        case "A" if any(s != said[0] for s in said):
            return Outcome(None, rows, f"rows {_and(rows)} fit and say different things")
        case "U" | "A" | "F":
            return Outcome(_shaped(table, said[0]), rows)
        case "P" | "O":
            order = sorted(range(len(fits)), key=lambda k: _weight(table, said[k], known))
            if table.hit == "P":
                return Outcome(_shaped(table, said[order[0]]), (rows[order[0]],))
            return Outcome([_shaped(table, said[k]) for k in order], tuple(rows[k] for k in order))
        case "C" | "R":
            return Outcome([_shaped(table, s) for s in said], rows)
        case "C#":
            return Outcome(Decimal(len(fits)), rows)
    collect = {"C+": feel.FUNCTIONS["sum"], "C<": feel.FUNCTIONS["min"], "C>": feel.FUNCTIONS["max"]}[table.hit]
    return Outcome(collect([s[0] for s in said]), rows)


def _given(column: Input, held: Any) -> Any:
    """A fact as its column takes it: JSON has no days, so a day comes as text; a text that is none is null."""
    if column.kind != "date" or not isinstance(held, str):
        return held
    try:
        return feel.FUNCTIONS["date"](held)
    except ValueError:
        return None


def _shaped(table: DecisionTable, said: Sequence[Any]) -> Any:
    return said[0] if len(table.outputs) == 1 else dict(zip((o.name for o in table.outputs), said, strict=True))


def _weight(table: DecisionTable, said: Sequence[Any], known: frozenset[str]) -> list[int]:
    """How early what is said stands in the lists of the outputs; the first output counts most."""
    return [
        next((k for k, v in enumerate(o.values) if feel.value(feel.compiled(v, known), {}) == s), len(o.values))
        for o, s in zip(table.outputs, said, strict=True)
    ]


def _spread(table: DecisionTable, known: frozenset[str]) -> Iterator[Flaw]:
    """Overlaps and gaps of a table whose tests speak of their own input only; others cannot be judged beforehand."""
    columns: list[list[Any]] = []
    trees = [[feel.conditions(t, known) for t in row.when] for row in table.rows]
    for k, column in enumerate(table.inputs):
        if any(feel.names(tree[k]) for tree in trees):
            return
        columns.append(_samples(column, [tree[k] for tree in trees], known))
    fits = [
        [frozenset(n for n, tree in enumerate(trees) if feel.holds(tree[k], s, {})) for s in samples]
        for k, samples in enumerate(columns)
    ]
    if table.hit == "U":
        yield from _overlaps(table, columns, fits)
    if not any(o.default for o in table.outputs):
        yield from _gap(table, columns, fits)


def _overlaps(table: DecisionTable, columns: list[list[Any]], fits: list[list[frozenset[int]]]) -> Iterator[Flaw]:
    for b in range(len(table.rows)):
        for a in range(b):
            met = [next((s for s, f in zip(samples, found, strict=True) if a in f and b in f), _NONE) for samples, found in zip(columns, fits, strict=True)]  # fmt: skip
            if _NONE not in met:
                yield Flaw(
                    f"rows {a + 1} and {b + 1} both fit where {_told(table, met)}",
                    "make one of them narrower, or use hit policy F or P",
                    "when",
                    b,
                )
                break


def _gap(table: DecisionTable, columns: list[list[Any]], fits: list[list[frozenset[int]]]) -> Iterator[Flaw]:
    seen: set[tuple[int, frozenset[int]]] = set()

    def search(k: int, rows: frozenset[int], way: list[Any]) -> list[Any] | None:
        if not rows:
            return way
        if k == len(columns) or (k, rows) in seen or len(seen) > MOST_STATES:
            return None
        seen.add((k, rows))
        for sample, found in zip(columns[k], fits[k], strict=True):
            if (hole := search(k + 1, rows & found, [*way, sample])) is not None:
                return hole
        return None

    hole = search(0, frozenset(range(len(table.rows))), [])
    if hole is not None:
        yield Flaw(f"no row fits where {_told(table, hole)}", "add a row, a `default`, or list the input's `values`")


_NONE: Any = object()


def _told(table: DecisionTable, way: Sequence[Any]) -> str:
    said = [
        f"{c.name} is {'something else' if w is _OTHER else repr(feel.plain(w))}"
        for c, w in zip(table.inputs, way, strict=False)
    ]
    return ", ".join(said)


_OTHER = "\0"
"""A text that no table names."""


def _samples(column: Input, trees: Sequence[Any], known: frozenset[str]) -> list[Any]:
    """Values of a column such that every value is treated like one of them: each that is named, and one between any two neighbours."""
    allowed = feel.conditions(column.values, known) if column.values else None
    named = [v for tree in (*trees, *([allowed] if allowed else [])) for v in _named(tree)]
    kind: str = column.kind
    if kind == "any" and named:
        kind = next((k for t, k in _KINDS if isinstance(named[0], t)), "any")
    found: list[Any] = [True, False] if kind == "boolean" else sorted(set(named), key=_sortable)
    if kind == "text":
        found.append(_OTHER)
    elif kind in ("number", "integer", "date"):
        step: Any = {"number": Decimal(1), "integer": Decimal(1), "date": timedelta(days=1)}[kind]
        found += [(a + b) / 2 if kind == "number" else a + step for a, b in pairwise(found)]
        found += [min(found) - step, max(found) + step] if found else []
        found = [f for f in dict.fromkeys(found) if kind != "integer" or f == f.to_integral_value()]
    if allowed:
        found = [f for f in found if feel.holds(allowed, f, {})]
    return found or [_OTHER]


_KINDS = ((bool, "boolean"), (Decimal, "number"), (str, "text"), (date, "date"))


def _named(tree: Any) -> tuple[Any, ...]:
    """The values that unary tests name. Not cached: `true` and `1` are equal keys."""
    if not isinstance(tree, tuple):
        return ()
    if tree[:1] == ("value",):
        return (tree[1],) if tree[1] is not None else ()
    if tree[:1] in (("call",), ("do",), ("minus",)):
        made = feel.value(tree, {})
        return (made,) if made is not None else ()
    return tuple(v for part in tree for v in _named(part))


def _sortable(v: Any) -> Any:
    return (str(type(v)), v)


def _and(rows: Sequence[int]) -> str:
    return f"{', '.join(map(str, rows[:-1]))} and {rows[-1]}"
