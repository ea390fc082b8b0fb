"""Why do questions that put several answers together come back? DuckDB up to 1.5 can wait for ever on one of three or more; we ask it in another way.

A UNION of a plain scan, an aggregate and anything else, over tables so large that each keeps all threads busy, makes it wait for what waits for it: no error, no processor time, and an
interrupt is not heard. Answers that are materialized first do not depend on each other.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sqlglot
from sqlglot import exp

_UNION = re.compile(r"\bunion\b", re.IGNORECASE)
log = logging.getLogger("citytwin.store")


def union_all(arms: Sequence[str]) -> str:
    """One statement for the rows of all of these."""
    if len(arms) < 3:
        return " UNION ALL ".join(arms)
    named = ", ".join(f"arm_{n} AS MATERIALIZED ({arm})" for n, arm in enumerate(arms))
    return f"WITH {named} {' UNION ALL '.join(f'SELECT * FROM arm_{n}' for n in range(len(arms)))}"


@lru_cache(256)
def apart(sql: str) -> str:
    """The statement with every UNION of three or more as one of materialized parts; others as they are."""
    if len(_UNION.findall(sql)) < 2:
        return sql
    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
    except sqlglot.errors.SqlglotError:  # DuckDB says what is wrong with it
        return sql
    count = 0
    for top in [u for u in tree.find_all(exp.SetOperation) if _outermost(u)]:
        arms = _arms(top)
        if len(arms) < 3 or any(w.args.get("recursive") for w in _withs(top)):
            continue
        for arm in arms:
            name = f"arm_{count}"
            count += 1
            arm.replace(exp.select("*").from_(name))
            inner = arm.unnest() if isinstance(arm, exp.Subquery) and not arm.alias else arm
            top.with_(name, as_=inner.copy(), materialized=True, copy=False)
    return tree.sql(dialect="duckdb") if count else sql


def _outermost(union: exp.Expression) -> bool:
    above = union.parent
    while isinstance(above, exp.Subquery) and isinstance(above.parent, exp.SetOperation):
        above = above.parent
    return not isinstance(above, exp.SetOperation)


def _arms(part: exp.Expression, top: bool = True) -> list[exp.Expression]:
    """What is put together, however it is nested; a part that is cut or ordered by itself is one."""
    inner = part.this if isinstance(part, exp.Subquery) else part
    cut = any(of.args.get(more) for of in (part, inner) for more in ("order", "limit", "offset"))
    if not isinstance(inner, exp.SetOperation) or (cut and not top):
        return [part]
    return _arms(inner.this, False) + _arms(inner.expression, False)


def _withs(union: exp.Expression) -> list[exp.Expression]:
    """The WITH clauses that it stands in, or has."""
    found: list[exp.Expression] = []
    above: Any = union
    while above is not None:
        if isinstance(above, exp.With):
            found.append(above)
        own = above.args.get("with_") or above.args.get("with")
        found += [own] if own else []
        above = above.parent
    return found
