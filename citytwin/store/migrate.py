"""Is this a store of ours, and of which version? Its tables are brought up to this program's in one transaction, or left as they were."""

from __future__ import annotations

import contextlib
import logging
from importlib.resources import files
from pathlib import Path

import duckdb

from citytwin.kernel.errors import StoreFailed
from citytwin.store import room, tier

log = logging.getLogger("citytwin.store")
FORMAT = 4
"""Version of the tables (docs/reference/store.md): a store of a later one is not opened."""
STEPS: dict[int, tuple[str, ...]] = {
    # what version 2 added is all new tables and columns: schema.sql makes what is missing
    1: (),
    # roll-ups have other columns, and are made again from the readings
    2: (
        "DROP VIEW IF EXISTS observation_hour",
        "DROP VIEW IF EXISTS observation_day",
        "DROP TABLE IF EXISTS rollup_hour",
        "DROP TABLE IF EXISTS rollup_day",
        "DELETE FROM meta WHERE name = 'rolled'",
    ),
    # the ends of streams are kept for all readings, and found anew once; the events of cases are numbered, and say what they are about: those
    # on record become openings and steps taken; alarms that are there count as told in their state
    3: (
        "DROP TABLE IF EXISTS tier_span",
        "CREATE TABLE IF NOT EXISTS case_row (case_id VARCHAR PRIMARY KEY, type VARCHAR NOT NULL, asset_id VARCHAR NOT NULL, alarm VARCHAR, step VARCHAR NOT NULL, opened TIMESTAMPTZ NOT NULL, due TIMESTAMPTZ, closed TIMESTAMPTZ)",
        "CREATE TABLE IF NOT EXISTS case_event (case_id VARCHAR NOT NULL, time TIMESTAMPTZ NOT NULL, step VARCHAR NOT NULL, actor VARCHAR NOT NULL, note VARCHAR NOT NULL)",
        "ALTER TABLE case_event RENAME TO case_event_3",
        "CREATE TABLE case_event (case_id VARCHAR NOT NULL, n BIGINT NOT NULL, time TIMESTAMPTZ NOT NULL, act VARCHAR NOT NULL, step VARCHAR NOT NULL, actor VARCHAR NOT NULL, note VARCHAR NOT NULL, body VARCHAR NOT NULL, PRIMARY KEY (case_id, n))",
        """INSERT INTO case_event
             SELECT e.case_id, e.n, e.time, CASE WHEN e.n = 1 THEN 'open' ELSE 'advance' END, e.step, e.actor, e.note,
                    CASE WHEN e.n = 1 THEN json_object('type', r.type, 'step', e.step, 'source', 'alarm', 'asset', r.asset_id, 'alarm', r.alarm)
                         ELSE json_object('to', e.step, 'ends', r.closed IS NOT NULL AND e.n = e.m) END
             FROM (SELECT *, row_number() OVER (PARTITION BY case_id ORDER BY time, rowid) AS n, count(*) OVER (PARTITION BY case_id) AS m FROM case_event_3) AS e
             JOIN case_row AS r ON r.case_id = e.case_id""",
        "DROP TABLE case_event_3",
        "ALTER TABLE case_row RENAME TO case_row_3",
        "CREATE TABLE case_row (case_id VARCHAR PRIMARY KEY, type VARCHAR NOT NULL, asset_id VARCHAR NOT NULL, alarm VARCHAR, step VARCHAR NOT NULL, opened TIMESTAMPTZ NOT NULL, due TIMESTAMPTZ, closed TIMESTAMPTZ, state VARCHAR NOT NULL, source VARCHAR NOT NULL, measure VARCHAR NOT NULL, parent VARCHAR NOT NULL, holder VARCHAR NOT NULL, entered TIMESTAMPTZ NOT NULL, whole_due TIMESTAMPTZ, guessed BOOLEAN NOT NULL, longitude DOUBLE, latitude DOUBLE, returns BIGINT NOT NULL, reopens BIGINT NOT NULL)",
        """INSERT INTO case_row
             SELECT r.case_id, r.type, r.asset_id, r.alarm, r.step, r.opened, r.due, r.closed, CASE WHEN r.closed IS NULL THEN 'open' ELSE 'closed' END, 'alarm', '', '', '',
                    coalesce((SELECT max(e.time) FROM case_event AS e WHERE e.case_id = r.case_id), r.opened), NULL, FALSE, NULL, NULL, 0, 0 FROM case_row_3 AS r""",
        "DROP TABLE case_row_3",
    ),
}
"""What leads from each version to the next, before schema.sql makes what is missing."""


def bring_up(db: duckdb.DuckDBPyConnection, path: Path | None) -> None:
    """Make what is missing of the tables, and all views. Raises StoreFailed where the store is of a later version, or lacks a partition."""
    version = _version(db)
    if version > FORMAT:
        raise StoreFailed(
            f"the store is of version {version}; this program knows {FORMAT}",
            "open it with the program that wrote it, or a later one",
            str(path),
        )
    folder = tier.folder_of(path) if path else None
    held = _noted(db) if version == FORMAT else ""
    mark = ""
    db.begin()
    try:
        for step in range(version, FORMAT) if version else ():
            for sql in STEPS[step]:
                db.execute(sql)
        db.execute(files("citytwin.store").joinpath("schema.sql").read_text("utf-8"))
        if folder:
            tier.cleared(db, folder)
        partitions = tier.view(folder, tier.files(db))
        mark = room.made_from(folder, partitions)
        db.execute(partitions)
        db.execute(files("citytwin.store").joinpath("views.sql").read_text("utf-8"))
        if version < FORMAT:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('format', ?)", [str(FORMAT)])
        if mark != held:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [room.MADE, mark])
        db.commit()
    except BaseException as e:
        with contextlib.suppress(duckdb.Error):  # a commit that failed has rolled back
            db.rollback()
        if isinstance(e, duckdb.Error):
            full = room.short(path) if path else ""
            if full and mark and mark == held:  # all is there, and as it would be made
                log.warning("%s; the store is opened without writing to it", full)
                return
            what = (
                "cannot be opened" if version == FORMAT else f"could not be brought from version {version} to {FORMAT}"
            )
            raise StoreFailed(
                f"the store {what}: {full or str(e).splitlines()[0]}",
                "make room, and start again: what is on record is not lost"
                if full
                else "check the disk's free space and permissions, or restore it from a backup"
                if version == FORMAT
                else "it is left as it was: open it with the program that wrote it, or restore it from a backup",
                str(path),
            ) from e
        raise
    if 0 < version < FORMAT:
        log.info("%s was brought from version %d to %d", path, version, FORMAT)


def _noted(db: duckdb.DuckDBPyConnection) -> str:
    """What the tables and views were made from, as it was noted."""
    held = db.execute("SELECT value FROM meta WHERE name = ?", [room.MADE]).fetchall()
    return str(held[0][0]) if held else ""


def _version(db: duckdb.DuckDBPyConnection) -> int:
    """The version of the tables; 0 where there are none."""
    if not db.execute("SELECT 1 FROM information_schema.tables WHERE table_name = 'meta'").fetchall():
        return 0
    held = db.execute("SELECT value FROM meta WHERE name = 'format'").fetchall()
    return int(held[0][0]) if held else 1  # version 1 did not say so
