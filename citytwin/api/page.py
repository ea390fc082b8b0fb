"""How are long lists read? In pages that neither skip nor repeat, whatever is added meanwhile."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import pyarrow as pa

from citytwin.api.house import House
from citytwin.api.route import Query
from citytwin.kernel.errors import BadRequest
from citytwin.kernel.title import Title

T = TypeVar("T")
MOST = 10_000


class Paged(Query, frozen=True, kw_only=True):
    """What every list takes."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST, description="how many items at most")] = 100
    cursor: Annotated[str, msgspec.Meta(description="the `next` of the page before")] = ""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Part of a list: `total` counts the whole of it, `next` is the cursor of the page after this one."""

    items: list[T]
    total: int
    next: str | None


def listed(items: Iterable[tuple[int, T]], query: Paged) -> Page[T]:
    """A page of a declared list. Each item comes with its place in the whole list, which no filter changes."""
    found = list(items)
    after = read(query.cursor, (int,))[0] if query.cursor else -1
    rest = [(n, item) for n, item in found if n > after]
    shown = rest[: query.limit]
    more = write((shown[-1][0],)) if len(rest) > len(shown) else None
    return Page([item for _, item in shown], len(found), more)


def fetched(
    house: House,
    sql: str,
    params: Mapping[str, Any],
    query: Paged,
    keys: Mapping[str, type],
    item: Callable[[dict[str, Any]], T],
    tables: Mapping[str, pa.Table] | None = None,
) -> Page[T]:
    """A page of the rows of `sql`, ordered by its columns `keys`, which together are unique."""
    total = house.rows(f"SELECT count(*) AS n FROM ({sql}) AS m", params, tables)[0]["n"]
    named = {f"after_{name}": key for name, key in zip(keys, read(query.cursor, tuple(keys.values())), strict=False)}
    after = f"WHERE ({', '.join(keys)}) > ({', '.join(f'${name}' for name in named)})" if named else ""
    found = house.rows(
        f"SELECT * FROM ({sql}) AS m {after} ORDER BY {', '.join(keys)} LIMIT {query.limit + 1:d}",
        {**params, **named},
        tables,
    )
    shown = found[: query.limit]
    more = write(tuple(shown[-1][name] for name in keys)) if len(found) > len(shown) else None
    return Page([item(row) for row in shown], total, more)


def write(keys: tuple[str | int, ...]) -> str:
    """The cursor that stands after the item with these keys."""
    return urlsafe_b64encode(msgspec.json.encode(keys)).decode().rstrip("=")


def read(cursor: str, kinds: tuple[type, ...]) -> tuple[Any, ...]:
    """The keys in a cursor; none in an empty one. Raises BadRequest."""
    if not cursor:
        return ()
    try:
        keys = msgspec.json.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, msgspec.DecodeError, RecursionError):
        keys = None
    if (
        not isinstance(keys, list)
        or [type(k) for k in keys] != list(kinds)
        or any(isinstance(k, int) and abs(k) >= 2**63 for k in keys)
    ):
        raise BadRequest("the cursor is none of this list", "take `next` of the page before, as it is", "cursor")
    return tuple(keys)


def where(conditions: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """A WHERE clause of those conditions (each naming one `$name`) whose value is given, and its parameters."""
    given = {sql: v for sql, v in conditions.items() if v is not None}
    params = {re.findall(r"\$(\w+)", sql)[0]: v for sql, v in given.items()}
    return (f"WHERE {' AND '.join(given)}" if given else ""), params


def title(row: Mapping[str, Any], id: str, prefix: str = "title") -> Title:
    """The title in a row; where the thing is no longer on record, its id."""
    return Title(row[f"{prefix}_zh"] or id, row[f"{prefix}_en"] or id)
