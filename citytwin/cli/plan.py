"""`citytwin plan`: how the plans stand, and their reports on paper."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from citytwin.cli.ask import ask
from citytwin.cli.home import STORE, opened, serving
from citytwin.engine import report, track
from citytwin.engine.summary import STATUSES, tally
from citytwin.engine.twin import Twin
from citytwin.kernel.errors import BadRequest, NotFound


def add(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its options."""
    p = sub.add_parser("plan", help="how the plans stand, and their reports on paper")
    acts = p.add_subparsers(title="what to do", metavar="ACT", required=True)
    show = acts.add_parser("list", help="the plans in force, and how their targets stand")
    show.set_defaults(action=listed)
    write = acts.add_parser(
        "report",
        help="the periodic report of a plan",
        description="Overall, target by target, what lags and why, what comes next: as a page to print (html) or a document to edit (docx).",
        epilog="example: citytwin plan report reuse_2025 --home .home --out report.docx",
    )
    write.add_argument("plan", help="the plan's id: see citytwin plan list")
    write.add_argument(
        "--out", type=Path, metavar="FILE", help="where to write it; by default PLAN-DAY.docx or .html here"
    )
    write.add_argument("--format", choices=("docx", "html"), help="by default what FILE ends in, else docx")
    write.add_argument("--as-of", type=_day, metavar="DAY", help="at the end of which day (default: today)")
    write.add_argument("--lang", choices=("zh", "en"), default="zh")
    write.set_defaults(action=reported)
    for part in (show, write):
        part.add_argument("--home", type=Path, required=True, metavar="DIR", help="where the city's data live")


def listed(given: argparse.Namespace) -> int:
    """Print one line per plan."""
    _there(given.home)
    url = serving(given.home)
    if url:
        items = json.loads(ask(f"{url}/api/plans", {"limit": 10_000}))["items"]
        found = [(i["id"], i["title"]["zh"], i["counts"]) for i in items]
    else:
        with opened(given.home) as twin:
            standing = track.progress(twin, _today(twin))
            found = [(p.id, p.title.zh, tally([s for s in standing if s.plan == p.id])) for p in twin.plans]
    width = max((len(id) for id, _, _ in found), default=0)
    for id, title, counts in found:
        told = ", ".join(f"{counts[s]} {s.replace('_', ' ')}" for s in STATUSES if counts[s])
        print(f"{id:<{width}}  {title}  ({told or 'no targets'})")
    return 0


def reported(given: argparse.Namespace) -> int:
    """Write the report of one plan."""
    _there(given.home)
    suffix = given.out.suffix.lower().lstrip(".") if given.out else ""
    kind = given.format or (suffix if suffix in ("docx", "html") else "docx")
    url = serving(given.home)
    if url:
        query = {"as_of": given.as_of, "lang": given.lang}
        day = given.as_of or date.fromisoformat(json.loads(ask(f"{url}/api/city"))["now"][:10])
        data = ask(f"{url}/api/plans/{given.plan}/report.{kind}", query)
    else:
        with opened(given.home) as twin:
            day = given.as_of or _today(twin)
            plan = twin.plan(given.plan)
            made = report.content(
                twin, plan, track.progress(twin, day, [plan]), twin.reports(plan.id, day), day, given.lang
            )
            data = report.docx(made) if kind == "docx" else report.html(made).encode()
    out = given.out or Path(f"{given.plan}-{day}.{kind}")
    try:
        out.write_bytes(data)
    except OSError as e:
        raise BadRequest(f"the report cannot be written: {e.strerror}", "choose another place", str(out)) from e
    print(out, file=sys.stderr)
    return 0


def _there(home: Path) -> None:
    if not (home / STORE).exists():
        raise NotFound(f"there is no city in {home}", "create one: citytwin serve --home DIR --city lingang", "--home")


def _today(twin: Twin) -> date:
    return twin.clock.now().astimezone(ZoneInfo(twin.city.zone)).date()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a day such as 2025-06-30") from None
