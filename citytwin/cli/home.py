"""Where does the city live? A home folder: the store, which city it is, and whether it is being served."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from citytwin import __version__
from citytwin.cli import ask
from citytwin.engine import arise, edit, handle, load, measure, play, track, watch
from citytwin.engine.twin import Twin, rows
from citytwin.kernel.clock import Clock, SystemClock
from citytwin.kernel.errors import BadRequest, NotFound, StoreFailed
from citytwin.kernel.store import Change
from citytwin.settings import Settings
from citytwin.store import room
from citytwin.store.duckdb import DuckStore

log = logging.getLogger("citytwin.home")
STORE = "city.duckdb"
SERVING = "serving.json"
ROUNDS = 30
"""How often the demo's people look for new cases at most."""
MOST_MOVES = 5_000
"""Moves that the demo's people of one pack make at once."""
LONGEST_GAP = timedelta(days=30)
"""A demo city that slept longer than this wakes up without the days before."""


@dataclass
class Home:
    """An opened city."""

    settings: Settings
    twin: Twin
    player: play.Player | None

    def close(self) -> None:
        self.twin.store.close()


def open_home(settings: Settings, say: Callable[[str], None], clock: Clock | None = None) -> Home:
    """Open the city in its home folder, creating it if it is not there. Raises CityTwinError naming what is missing."""
    clock = clock or SystemClock()
    folders = load.pack_folders(settings.packs)
    path = settings.home / STORE
    new = not path.exists()
    city_folder = _city_folder(settings.city)
    city = load.city(city_folder)
    packs = load.ordered(folders, (*city.packs, *settings.more))
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise BadRequest(
            f"the home folder cannot be made: {e.strerror}",
            "choose a folder you may write to: --home DIR",
            str(settings.home),
        ) from e
    store = DuckStore(path, city.zone, clock, settings.memory, settings.threads, say)
    try:
        held = _meta(store, "city")
        if held and held != city.id:
            raise BadRequest(
                f"this home holds the city '{held}', not '{city.id}'",
                f"use --city {held}, or another --home",
                str(settings.home),
            )
        store.define(packs, load.tables(packs))
        twin = Twin(store, city, packs, clock, tuple(settings.packs))
        _remember(store, "city_folder", str(city_folder.resolve()) if "/" in settings.city else settings.city)
        _remember(store, "packs", json.dumps([str(p) for p in settings.packs]))
        _remember(store, "more", json.dumps(list(settings.more)))
        days = settings.demo_days if settings.demo_days is not None else float(city.demo_days)
        unfinished = held and _meta(store, "filled") is None
        if unfinished:
            say("an earlier start was cut off: filling the city anew")
            _empty(store)
            twin.asset_types.clear()
        if new or not held or unfinished:
            player = _create(twin, days, say)
        else:
            player = play.Player(twin) if _meta(store, "demo_until") else None
            if player:
                try:
                    _wake(twin, player, say)
                except StoreFailed as e:
                    if not room.short(path):
                        raise
                    say(f"the demo does not go on for now: {e.message}")
        return Home(settings, twin, player)
    except BaseException:
        store.close()
        raise


def _city_folder(id: str) -> Path:
    folder = Path(id) if "/" in id else load.CITIES / id
    if not (folder / "city.yaml").is_file():
        there = ", ".join(sorted(p.parent.name for p in load.CITIES.glob("*/city.yaml")))
        raise NotFound(
            f"there is no city '{id}'", f"there are: {there}; or give the path of a folder with a city.yaml", "--city"
        )
    return folder


def _create(twin: Twin, days: float, say: Callable[[str], None]) -> play.Player | None:
    store = twin.store
    _remember(store, "city", twin.city.id)
    _remember(store, "version", __version__)
    player = None
    if days > 0:
        now = twin.clock.now()
        say(f"creating {twin.city.title.zh} {twin.city.title.en} with {days:g} days of demo data")
        player = play.Player(twin)
        player.build()
        say(f"{len(twin.asset_types):,} assets")
        player.fill(now, days, say)
        _remember(store, "demo_until", now.isoformat())
        refresh(twin, now, say, player)
    _remember(store, "filled", datetime.now(UTC).isoformat())
    return player


def _wake(twin: Twin, player: play.Player, say: Callable[[str], None]) -> None:
    now = twin.clock.now()
    since = datetime.fromisoformat(_meta(twin.store, "demo_until") or now.isoformat())
    if now - since > LONGEST_GAP:
        _remember(twin.store, "demo_until", (now - LONGEST_GAP).isoformat())
    say("catching up with the present")
    live(twin, player, now)
    refresh(twin, now, lambda _: None, player)


def live(twin: Twin, player: play.Player, now: datetime) -> int:
    """Let the demo go on until now."""
    count = player.go_on(now)
    _remember(twin.store, "demo_until", now.isoformat())
    return count


def refresh(twin: Twin, now: datetime, say: Callable[[str], None], player: play.Player | None = None) -> None:
    """Bring everything that follows from the readings up to date. A player's people work on the cases before time acts on them."""
    edit.keep_up(twin)
    measure.measure(twin, now)
    say("indicators are up to date")
    watch.watch(twin, now)
    if player:
        for _ in range(ROUNDS):  # once a case is closed, the next alarm at its place opens another
            opened = arise.openings(twin, now)
            if player.decide(now, most=MOST_MOVES) + opened == 0:
                break
    handle.handle(twin, now)
    say("rules are judged")
    track.track(twin, now)
    say("targets are tracked")


def _meta(store: Any, name: str) -> str | None:
    found = rows(store.fetch("SELECT value FROM meta WHERE name = $name", {"name": name}))
    return str(found[0]["value"]) if found else None


def _remember(store: Any, name: str, value: str) -> None:
    if _meta(store, name) == value:
        return  # on a full disk there is nothing to be refused
    store.commit(
        Change(
            "INSERT INTO meta VALUES ($name, $value) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            {"name": name, "value": value},
        )
    )


def _empty(store: Any) -> None:
    """Clear a half-filled demo city. Its evidence log stays: it tells that this happened."""
    names = [
        "asset_row",
        "relation_row",
        "indicator_row",
        "watermark",
        "alarm_row",
        "alarm_event",
        "pending_row",
        "rule_memory",
        "case_row",
        "case_event",
        "demo_walk",
        "target_progress_row",
    ]
    store.commit(*(Change(f"DELETE FROM {name}") for name in names))


def say_serving(home: Path, url: str, key: str = "") -> None:
    """Leave word of the running server, so that the command line can ask it; only whoever owns the home can read by what `key`."""
    file = home / SERVING
    try:
        file.unlink(missing_ok=True)
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            json.dump({"pid": os.getpid(), "url": url, "key": key}, out)
    except OSError as e:  # it is served all the same
        log.warning("other commands will not find this server: %s cannot be written (%s)", file, e.strerror)


def stop_serving(home: Path) -> None:
    """Take the word back."""
    (home / SERVING).unlink(missing_ok=True)


def serving(home: Path) -> str | None:
    """The URL of the process that serves this home, if one lives; from now on it is asked with its key."""
    try:
        told = json.loads((home / SERVING).read_text("utf-8"))
        os.kill(int(told["pid"]), 0)
        ask.keys[str(told["url"])] = str(told.get("key", ""))
        return str(told["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def opened(home: Path) -> Iterator[Twin]:
    """The city of an existing home, opened without playing on and closed again. Raises NotFound, StoreBusy."""
    if not (home / STORE).exists():
        raise NotFound(f"there is no city in {home}", "create one: citytwin serve --home DIR --city lingang", "--home")
    probe = DuckStore(home / STORE, "UTC")
    try:
        held = _meta(probe, "city_folder") or "lingang"
        extra = tuple(Path(p) for p in json.loads(_meta(probe, "packs") or "[]"))
        more = json.loads(_meta(probe, "more") or "[]")
    finally:
        probe.close()
    folders = load.pack_folders(extra)
    city = load.city(_city_folder(held))
    packs = load.ordered(folders, (*city.packs, *more))
    store = DuckStore(home / STORE, city.zone)
    try:
        store.define(packs, load.tables(packs))
        yield Twin(store, city, packs, SystemClock(), extra)
    finally:
        store.close()
