"""`citytwin token`: a token for a script or a device, from the machine that the city lives on."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from citytwin.cli.ask import ask
from citytwin.cli.home import STORE, serving
from citytwin.engine.people import TOKEN_DAYS, TOKEN_MOST_DAYS, People
from citytwin.kernel.clock import SystemClock
from citytwin.kernel.errors import NotFound
from citytwin.kernel.right import ROLES, Grant, Person
from citytwin.store.duckdb import DuckStore


def add(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its options."""
    p = sub.add_parser(
        "token", help="make a token for a script or a device", description="Tokens for scripts and devices."
    )
    acts = p.add_subparsers(title="what to do", metavar="ACT", required=True)
    create = acts.add_parser(
        "create",
        help="make one and print it",
        description="Make a token for a service of this role and print it: it is told this once. The city may be served or not.",
        epilog="example: TOKEN=$(citytwin token create --home .home --role device)",
    )
    create.add_argument("--home", type=Path, required=True, metavar="DIR", help="where the city's data live")
    create.add_argument("--role", choices=sorted(ROLES), required=True, help="what it is to be allowed")
    create.add_argument("--title", default="", metavar="TEXT", help="what it is for (default: the role)")
    create.add_argument("--service", default="", metavar="ID", help="the service it is of (default: one for the role)")
    create.add_argument(
        "--days",
        type=float,
        default=TOKEN_DAYS,
        metavar="N",
        help=f"how long it is good (default: {TOKEN_DAYS}, at most {TOKEN_MOST_DAYS})",
    )
    create.set_defaults(action=make)


def make(given: argparse.Namespace) -> int:
    """Make a token, by the running server if there is one."""
    id = given.service or f"{given.role}-service"
    title = given.title or given.role
    url = serving(given.home)
    if url:
        known = {p["id"]: p for p in json.loads(ask(f"{url}/api/people"))}
        if id not in known:
            body = {"id": id, "title": id, "service": True, "grants": [{"role": given.role}]}
            ask(f"{url}/api/people", body=json.dumps(body).encode(), media="application/json")
        told = {"person": id, "title": title, "days": given.days}
        print(json.loads(ask(f"{url}/api/tokens", body=json.dumps(told).encode(), media="application/json"))["secret"])
        return 0
    path = given.home / STORE
    if not path.exists():
        raise NotFound(
            f"there is no city in {given.home}", "create it first: citytwin serve --home DIR", str(given.home)
        )
    store = DuckStore(path, "UTC", SystemClock())
    try:
        people = People(store, SystemClock())
        if not re.fullmatch("|".join(re.escape(p.id) for p in people.persons) or "(?!)", id):
            people.put_person(Person(id, id, service=True, grants=(Grant(given.role),)))
        print(people.make_token(id, title, None, given.days)[1])
    finally:
        store.close()
    return 0
