"""Is this a store of ours, and of which version? Its tables are brought up to this program's in one transaction, or left as they were."""

from __future__ import annotations

import logging
from importlib.resources import files
from pathlib import Path

import duckdb

from citytwin.kernel.errors import StoreFailed
from citytwin.store import tier

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
    # what version 4 adds is new tables and columns; alarms that are there count as told in their state
    3: (),
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
    db.begin()
    try:
        for step in range(version, FORMAT) if version else ():
            for sql in STEPS[step]:
                db.execute(sql)
        db.execute(files("citytwin.store").joinpath("schema.sql").read_text("utf-8"))
        if folder:
            tier.cleared(db, folder)
        db.execute(tier.view(folder, tier.files(db)))
        db.execute(files("citytwin.store").joinpath("views.sql").read_text("utf-8"))
        if version < FORMAT:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('format', ?)", [str(FORMAT)])
        db.commit()
    except BaseException as e:
        db.rollback()
        if isinstance(e, duckdb.Error):
            what = (
                "cannot be opened" if version == FORMAT else f"could not be brought from version {version} to {FORMAT}"
            )
            raise StoreFailed(
                f"the store {what}: {str(e).splitlines()[0]}",
                "it is left as it was: open it with the program that wrote it, or restore it from a backup",
                str(path),
            ) from e
        raise
    if 0 < version < FORMAT:
        log.info("%s was brought from version %d to %d", path, version, FORMAT)


def _version(db: duckdb.DuckDBPyConnection) -> int:
    """The version of the tables; 0 where there are none."""
    if not db.execute("SELECT 1 FROM information_schema.tables WHERE table_name = 'meta'").fetchall():
        return 0
    held = db.execute("SELECT value FROM meta WHERE name = 'format'").fetchall()
    return int(held[0][0]) if held else 1  # version 1 did not say so
