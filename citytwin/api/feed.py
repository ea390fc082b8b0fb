"""Who fetches readings? The feeds of the city: how each stands, what it would record, and asking it now."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from citytwin.api.house import House
from citytwin.api.page import Page, Paged, listed
from citytwin.api.route import Route
from citytwin.engine.feeds import declare
from citytwin.engine.feeds import run as running
from citytwin.kernel.errors import Fault, NotFound
from citytwin.kernel.feed import Feed, FolderFeed, Kind, ModbusFeed
from citytwin.kernel.title import Title


class FailureItem(msgspec.Struct, frozen=True):
    """What went wrong last."""

    time: datetime
    message: str
    hint: str
    faults: tuple[Fault, ...]


class FeedItem(msgspec.Struct, frozen=True, kw_only=True):
    """A feed and how it stands: `at_fault` feeds do not run, `failing` ones are asked again. Counts are since the start.

    `held` readings wait for the store, `lost` ones were too many to wait.
    """

    id: str
    title: Title
    kind: Kind
    source: str
    every_s: float
    state: str
    last_run: datetime | None
    last_success: datetime | None
    next_run: datetime | None
    failures: int
    readings: int
    rejected: int
    held: int
    lost: int
    last_failure: FailureItem | None


class FeedDetail(FeedItem, frozen=True, kw_only=True):
    """The same, with the streams that it names, what is wrong in its declaration, and rows left out of the last delivery."""

    streams: tuple[str, ...]
    faults: tuple[Fault, ...]
    left_out: tuple[Fault, ...]


class Checked(msgspec.Struct, frozen=True):
    """What `feeds.yaml` says as it lies there now: how many feeds, and every fault."""

    file: str
    feeds: int
    faults: tuple[Fault, ...]


class TrialItem(msgspec.Struct, frozen=True):
    """What a delivery would have recorded. Nothing was."""

    name: str
    accepted: int
    rejected: int
    rows: tuple[dict[str, Any], ...]
    faults: tuple[Fault, ...]
    refused: str


class Tried(msgspec.Struct, frozen=True):
    """What one look at a source found."""

    id: str
    deliveries: list[TrialItem]


def _source(feed: Feed) -> str:
    """Where it is asked, as declared: secrets stand there by name only."""
    if isinstance(feed, FolderFeed):
        return feed.folder
    return f"{feed.host}:{feed.port}" if isinstance(feed, ModbusFeed) else feed.url


def _runner(house: House) -> running.Runner:
    if house.feeds is None:
        raise NotFound("this city runs no feeds", "serve it from a home with a feeds.yaml", "feeds")
    return house.feeds


def _fields(runner: running.Runner, feed: Feed) -> tuple[dict[str, Any], running.State, tuple[Fault, ...]]:
    stands = runner.state(feed.id)
    faults = (*runner.declared.faults.get("", ()), *runner.declared.faults.get(feed.id, ()))
    state = "at_fault" if faults else "failing" if stands.failures else "asking" if stands.asking else "waiting"
    failure = stands.last_failure
    told = FailureItem(failure.time, failure.message, failure.hint, failure.faults) if failure else None
    fields = {
        "id": feed.id, "title": feed.title, "kind": declare.kind_of(feed), "source": _source(feed), "every_s": feed.every_s, "state": state,
        "last_run": stands.last_run, "last_success": stands.last_success, "next_run": stands.next_run, "failures": stands.failures,
        "readings": stands.readings, "rejected": stands.rejected, "held": stands.held, "lost": stands.lost, "last_failure": told,
    }  # fmt: skip
    return fields, stands, faults


def feeds(house: House, query: Paged) -> Page[FeedItem]:
    """Sources that the city itself asks for readings, and how each stands"""
    if house.feeds is None:
        return listed((), query)
    runner = house.feeds
    return listed(((n, FeedItem(**_fields(runner, feed)[0])) for n, feed in enumerate(runner.declared.feeds)), query)


def feed(house: House, id: str) -> FeedDetail:
    """A feed, and what is wrong with it"""
    runner = _runner(house)
    declared = declare.named(runner.declared, id)
    fields, stands, faults = _fields(runner, declared)
    streams = tuple(point.stream for point in declared.streams)
    return FeedDetail(**fields, streams=streams, faults=faults, left_out=stands.left_out)


def run_feed(house: House, id: str) -> FeedDetail:
    """Ask a feed at once: it is asked in its own time, and this answer does not wait for it"""
    _runner(house).now(id)
    return feed(house, id)


def try_feed(house: House, id: str) -> Tried:
    """Ask a feed once, as it is declared now, and record nothing: what would be recorded"""
    runner = _runner(house)
    found = running.attempt(house.twin, runner.home, declare.read(runner.home, house.twin), id)
    return Tried(
        id, [TrialItem(t.name, t.accepted, t.rejected, tuple(map(dict, t.rows)), t.faults, t.refused) for t in found]
    )


def check_feeds(house: House) -> Checked:
    """What is wrong in the declarations as they lie in the home now; those that run are of the last start or reload"""
    runner = _runner(house)
    found = declare.read(runner.home, house.twin)
    return Checked(str(runner.home / declare.FILE), len(found.feeds), found.every_fault)


def reload_feeds(house: House) -> Checked:
    """Read the declarations anew: feeds that are new or changed begin, those that are gone end, the others go on"""
    runner = _runner(house)
    found = runner.reload()
    return Checked(str(runner.home / declare.FILE), len(found.feeds), found.every_fault)


ROUTES = (
    Route("GET", "/feeds", feeds),
    Route("GET", "/feeds/{id}", feed),
    Route("POST", "/feeds/{id}/run", run_feed, status=202, bare=True),
    Route("POST", "/feeds/{id}/try", try_feed, bare=True),
    Route("GET", "/feeds.faults", check_feeds),
    Route("POST", "/feeds.reload", reload_feeds, bare=True),
)
