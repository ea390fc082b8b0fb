"""`citytwin status`: how the city stands, on one screen."""

from __future__ import annotations

import argparse
import json
import sys
import unicodedata
from datetime import datetime
from pathlib import Path
from typing import Any

from citytwin.cli.ask import ask
from citytwin.cli.home import STORE, opened, serving
from citytwin.engine.summary import summary
from citytwin.engine.twin import Twin
from citytwin.kernel.errors import NotFound


def add(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its options."""
    p = sub.add_parser(
        "status",
        help="how the city stands, on one screen",
        description="Targets by status, open alarms, streams alive. Asks the running server if there is one, else reads the store.",
    )
    p.add_argument("--home", type=Path, required=True, metavar="DIR", help="where the city's data live")
    p.add_argument("--format", choices=("text", "json"), default="text")
    p.set_defaults(action=status)


def status(given: argparse.Namespace) -> int:
    """Print the summary."""
    if not (given.home / STORE).exists():
        raise NotFound(
            f"there is no city in {given.home}", "create one: citytwin serve --home DIR --city lingang", "--home"
        )
    url, provider = serving(given.home), ""
    if url:
        city = json.loads(ask(f"{url}/api/city"))
        told = json.loads(ask(f"{url}/api/summary"))
        provider = (
            _provider(json.loads(ask(f"{url}/api/signin.state")))
            if not json.loads(ask(f"{url}/api/me"))["open"]
            else ""
        )
        title, served = f"{city['title']['zh']} {city['title']['en']}", f"served at {url}"
    else:
        with opened(given.home) as twin:
            told = summary(twin, twin.clock.now())
            title, served = f"{twin.city.title.zh} {twin.city.title.en}", "not being served"
    if given.format == "json":
        json.dump({"city": title, "served": url, **told}, sys.stdout, ensure_ascii=False, indent=1, default=str)
        print()
    else:
        print(lay_out(title, told))
        print(f"  {served}")
        if provider:
            print(provider)
    return 0


def _provider(state: dict[str, Any]) -> str:
    """How signing in through the identity provider stands, and what is wrong in `signin.yaml`; "" where none is declared."""
    lines = [
        f"  signin.yaml 有错 is at fault: {f['where']}: {f['message']} {f['hint']}".rstrip() for f in state["faults"]
    ]
    if state["issuer"]:
        words = {True: "正常 answers", False: "没有应答 does not answer", None: "尚未询问 not asked yet"}
        lines.append(f"  统一认证 identity provider {state['issuer']}: {words[state['reachable']]}")
        lines += [f"    最近错误 last error: {state['error']}"] if state["error"] and not state["reachable"] else []
        if not state["rulers_with_password"]:
            lines.append("    没有管理员设置本系统密码 no administrator has a password of this city")
    return "\n".join(lines)


def screen(twin: Twin, now: datetime) -> str:
    """The summary of an opened city as text."""
    return lay_out(f"{twin.city.title.zh} {twin.city.title.en}", summary(twin, now))


def lay_out(title: str, told: dict[str, Any]) -> str:
    """The figures as one screen, in both languages."""
    t, a, s, c = told["targets"], told["alarms"], told["streams"], told["cases"]
    levels = a["by_level"]
    lines = [
        ("目标 targets", f"{t['total']:,}", ""),
        ("  已达成 met", f"{t['met']:,}", ""),
        ("  正常推进 on track", f"{t['on_track']:,}", ""),
        ("  有风险 at risk", f"{t['at_risk']:,}", ""),
        ("  未达成 missed", f"{t['missed']:,}", ""),
        ("  尚未测量 not yet measured", f"{t['not_measured']:,}", ""),
        (
            "未恢复告警 open alarms",
            f"{a['active'] + a['acknowledged']:,}",
            f"紧急 critical {levels['critical']} · 高 high {levels['high']} · 中 medium {levels['medium']} · 低 low {levels['low']}",
        ),
        ("在办事项 open cases", f"{c['open']:,}", f"超期 overdue {c['overdue']}"),
        ("在线数据流 streams alive", f"{s['alive']:,}", f"共 of {s['total']:,}"),
        ("资产 assets", f"{told['assets']:,}", ""),
        ("读数 readings", f"{told['readings']:,}", ""),
    ]
    wide = max(_width(label) for label, _, _ in lines) + 2
    body = "\n".join(
        f"  {label}{' ' * (wide - _width(label))}{value:>12}  {note}".rstrip() for label, value, note in lines
    )
    return f"\n  {title}\n{body}"


def _width(text: str) -> int:
    """Columns of a terminal that the text takes: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(ch) in "WF" else 1 for ch in text)
