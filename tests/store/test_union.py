"""Several answers in one, against DuckDB's own answer to them one by one."""

from __future__ import annotations

import subprocess
import sys

import duckdb
import pytest

from citytwin.store.union import apart, union_all

LOTS = "CREATE TABLE lots AS SELECT (range % 20000)::INTEGER AS s, range AS x FROM range(5000000)"
FEW = "CREATE TABLE few AS SELECT range AS s, range AS x FROM range(1000000)"
HANGS = """SELECT s, x FROM few WHERE x >= 5 AND x < 400000000
 UNION ALL SELECT s, sum(x) FROM lots WHERE x < 2500000 GROUP BY s
 UNION ALL SELECT s, max(x) FROM lots WHERE x > 2500000 GROUP BY s"""
ASK = f"""
import sys, duckdb
from citytwin.store.union import apart
db = duckdb.connect(config={{"threads": 1}})
db.execute({LOTS!r})
db.execute({FEW!r})
print(db.execute({HANGS!r} if sys.argv[1] == "as it is" else apart({HANGS!r})).to_arrow_table().num_rows)
"""
STATEMENTS = [
    "SELECT 1 AS a UNION ALL SELECT 2 UNION ALL SELECT 3 ORDER BY 1 DESC LIMIT 2",
    "SELECT a FROM (SELECT 1 AS a UNION ALL (SELECT 2 UNION ALL SELECT 3 WHERE 3 = $x)) GROUP BY a",
    "WITH z AS (SELECT 5 AS a) SELECT a FROM z UNION SELECT 2 UNION (SELECT 3 UNION ALL SELECT 7 ORDER BY 1 LIMIT 1)",
    "SELECT 1 AS a UNION ALL SELECT 2 UNION ALL SELECT 2 EXCEPT SELECT 1 INTERSECT SELECT 1",
    "SELECT (SELECT max(b) FROM (SELECT x.a AS b UNION ALL SELECT x.a + 1 UNION ALL SELECT 3)) AS m FROM (SELECT 10 AS a) AS x",
    "SELECT (SELECT 'union' AS a UNION SELECT 'union' LIMIT 1) AS \"union\" UNION ALL SELECT 'b' UNION ALL SELECT NULL",
    "SELECT * FROM (SELECT 1 AS a UNION ALL SELECT 2 UNION ALL SELECT 3) AS one JOIN (SELECT 3 AS a UNION SELECT 2 UNION SELECT 9) AS other USING (a)",
]


@pytest.mark.parametrize("sql", STATEMENTS)
def test_what_is_asked_apart_is_answered_alike(sql: str) -> None:
    db = duckdb.connect()
    given = {"x": 3} if "$x" in sql else None
    other = apart(sql)
    assert "MATERIALIZED" in other
    assert sorted(map(repr, db.execute(sql, given).fetchall())) == sorted(
        map(repr, db.execute(other, given).fetchall())
    )


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 UNION ALL SELECT 2",
        "SELECT 'union union union' AS a",
        "SELECT 1 UNION SELECT 2 UNION",
        "WITH RECURSIVE z AS (SELECT 5 AS a UNION ALL SELECT a - 1 FROM z WHERE a > 1) SELECT * FROM z UNION ALL SELECT 9",
        "WITH RECURSIVE z AS (SELECT 5 AS a UNION SELECT 6 UNION ALL SELECT a - 1 FROM z WHERE a > 1) SELECT * FROM z",
    ],
)
def test_the_others_stay_as_they_are(sql: str) -> None:
    assert apart(sql) == sql


def test_two_parts_need_no_detour() -> None:
    assert union_all(["SELECT 1", "SELECT 2"]) == "SELECT 1 UNION ALL SELECT 2"
    assert duckdb.sql(union_all(["SELECT 1 AS a", "SELECT 2", "SELECT 2"])).fetchall() == [(1,), (2,), (2,)]


def asked(how: str) -> str:
    try:
        done = subprocess.run([sys.executable, "-c", ASK, how], capture_output=True, text=True, timeout=15, check=True)
    except subprocess.TimeoutExpired:
        return "never"
    return done.stdout.strip()


def test_duckdb_waits_for_ever_as_it_is_and_answers_apart() -> None:
    assert asked("apart") == "1039995"
    assert asked("as it is") == "never", "this DuckDB answers: store/union.py can go"
