"""`citytwin notify`: is it declared well who is told what, and does a channel work?"""

from __future__ import annotations

import argparse
import json
import urllib.parse
from pathlib import Path

from citytwin.cli.ask import ask
from citytwin.cli.home import opened, serving
from citytwin.engine.notify import declare
from citytwin.kernel.errors import BadDeclaration, Conflict, Fault

JSON = "application/json"


def add(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command, its parts and their options."""
    p = sub.add_parser(
        "notify",
        help="who is told what by which way: check the declarations, test a channel",
        description="People, rotas, channels and routes are declared in notify.yaml in the city's home.",
        epilog="example: citytwin notify test room --home .home --person 王敏",
    )
    parts = p.add_subparsers(title="parts", metavar="PART", required=True)
    for name, action, help in (
        ("check", check, "name every fault of notify.yaml with its line"),
        ("reload", reload, "let the running server take up a changed notify.yaml"),
        ("test", test, "let the running server send a test message by a channel"),
    ):
        part = parts.add_parser(name, help=help)
        part.add_argument("--home", type=Path, required=True, metavar="DIR", help="where the city's data live")
        if name == "test":
            part.add_argument("channel", metavar="CHANNEL", help="the id of the channel")
            part.add_argument(
                "--person", required=True, metavar="NAME", help="whom it is for, as notify.yaml names them"
            )
        part.set_defaults(action=action)


def check(given: argparse.Namespace) -> int:
    """Name every fault. Raises BadDeclaration where there is one."""
    url = serving(given.home)
    if url:
        return _tell(ask(f"{url}/api/notify.faults"))
    with opened(given.home) as twin:
        found = declare.read(given.home, twin)
    made = found.file
    if found.faults:
        raise BadDeclaration(f"{len(found.faults)} faults", "", str(found.path), found.faults)
    return _said(len(made.people), len(made.channels()), len(made.routes))


def reload(given: argparse.Namespace) -> int:
    """Let the server read the file anew. Raises BadDeclaration where something is at fault: the rest holds."""
    return _tell(ask(f"{_served(given.home)}/api/notify.reload", body=b"{}", media=JSON))


def test(given: argparse.Namespace) -> int:
    """Send a test message. Raises BadRequest with what the channel said."""
    body = json.dumps({"person": given.person}).encode()
    ask(f"{_served(given.home)}/api/notify/channels/{urllib.parse.quote(given.channel, safe='')}/test", body=body, media=JSON)  # fmt: skip
    print(f"channel {given.channel} took a message for {given.person}")
    return 0


def _served(home: Path) -> str:
    url = serving(home)
    if not url:
        raise Conflict(f"nobody serves {home}", "notify.yaml is read when the city is served", str(home))
    return url


def _tell(answer: bytes) -> int:
    told = json.loads(answer)
    faults = tuple(Fault(f["where"], f["code"], f["message"], f["hint"]) for f in told["faults"])
    if faults:
        raise BadDeclaration(f"{len(faults)} faults", "", told["file"], faults)
    return _said(told["people"], told["channels"], told["routes"])


def _said(people: int, channels: int, routes: int) -> int:
    print(f"{people} people, {channels} channels, {routes} routes, no fault")
    return 0
