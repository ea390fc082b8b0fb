"""`citytwin feeds`: are the feeds declared well, and what would one of them bring?"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from citytwin.cli.ask import ask
from citytwin.cli.home import opened, serving
from citytwin.engine.feeds import declare
from citytwin.engine.feeds import run as running
from citytwin.kernel.errors import BadDeclaration, Conflict, Fault


def add(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command, its parts and their options."""
    p = sub.add_parser(
        "feeds",
        help="sources that the city itself asks: check their declarations, try one",
        description="Feeds are declared in feeds.yaml in the city's home and run while it is served.",
        epilog="example: citytwin feeds try survey --home .home",
    )
    parts = p.add_subparsers(title="parts", metavar="PART", required=True)
    check = parts.add_parser("check", help="name every fault of feeds.yaml with its line")
    check.add_argument("--home", type=Path, required=True, metavar="DIR", help="where the city's data live")
    check.set_defaults(action=check_feeds)
    anew = parts.add_parser("reload", help="let the running server take up a changed feeds.yaml")
    anew.add_argument("--home", type=Path, required=True, metavar="DIR", help="where the city's data live")
    anew.set_defaults(action=reload_feeds)
    once = parts.add_parser("try", help="ask a feed once and show what would be recorded; nothing is")
    once.add_argument("id", metavar="FEED", help="the id of the feed")
    once.add_argument("--home", type=Path, required=True, metavar="DIR", help="where the city's data live")
    once.add_argument("--format", choices=("text", "json"), default="text")
    once.set_defaults(action=try_feed)


def check_feeds(given: argparse.Namespace) -> int:
    """Name every fault. Raises BadDeclaration where there is one."""
    url = serving(given.home)
    if url:
        told = json.loads(ask(f"{url}/api/feeds.faults"))
        count, faults = (
            told["feeds"],
            tuple(Fault(f["where"], f["code"], f["message"], f["hint"]) for f in told["faults"]),
        )
    else:
        with opened(given.home) as twin:
            found = declare.read(given.home, twin)
        count, faults = len(found.feeds), found.every_fault
    return _tell(given.home, count, faults)


def reload_feeds(given: argparse.Namespace) -> int:
    """Let the server read the file anew. Raises BadDeclaration where some feeds are at fault: the others run."""
    url = serving(given.home)
    if not url:
        raise Conflict(f"nobody serves {given.home}", "feeds.yaml is read when the city is served", str(given.home))
    told = json.loads(ask(f"{url}/api/feeds.reload", body=b"{}", media="application/json"))
    return _tell(
        given.home, told["feeds"], tuple(Fault(f["where"], f["code"], f["message"], f["hint"]) for f in told["faults"])
    )


def _tell(home: Path, count: int, faults: tuple[Fault, ...]) -> int:
    if faults:
        raise BadDeclaration(f"{len(faults)} faults", "", str(home / declare.FILE), faults)
    print(f"{count} feeds, no fault" if count else f"no feeds: there is nothing in {home / declare.FILE}")
    return 0


def try_feed(given: argparse.Namespace) -> int:
    """Ask the feed once: by the running server, which holds the store and the secrets, else here."""
    url = serving(given.home)
    if url:
        found = json.loads(ask(f"{url}/api/feeds/{given.id}/try", body=b"{}", media="application/json"))["deliveries"]
    else:
        with opened(given.home) as twin:
            made = running.attempt(twin, given.home, declare.read(given.home, twin), given.id)
        found = [msgspec.to_builtins(trial) for trial in made]
    if given.format == "json":
        json.dump(found, sys.stdout, ensure_ascii=False, indent=1, default=str)
        print()
        return 0
    if not found:
        print("there is nothing new")
    for delivery in found:
        print(_said(delivery))
    return 0


def _said(delivery: dict[str, Any]) -> str:
    lines = [
        f"{delivery['name']}: {delivery['accepted']} readings would be recorded, {delivery['rejected']} rows left out"
    ]
    lines += [f"  {r['time']}  {r['stream']}  {r['value']}  quality {r['quality']}" for r in delivery["rows"]]
    if delivery["accepted"] > len(delivery["rows"]):
        lines.append(f"  … and {delivery['accepted'] - len(delivery['rows'])} more")
    if delivery["refused"]:
        lines.append(f"  refused: {delivery['refused']}")
    lines += [
        f"  {f['where']}: {f['code']} {f['message']}" + (f" ({f['hint']})" if f["hint"] else "")
        for f in delivery["faults"]
    ]
    return "\n".join(lines)
