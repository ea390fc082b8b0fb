"""How fast is it? The page of performance, from what the benchmarks left in `benchmarks/results`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from citytwin.kernel.errors import BadDeclaration

FIRST = "observations"
"""The result that most will look for; the others follow by name."""
PARTS = {"median": "Median 中位数", "min": "Min 最小", "p95": "p95", "max": "Max 最大", "runs": "Runs 次数"}


def page(folder: Path, note: str) -> str:
    """The page of every result in a folder, below a note that it is generated. Raises BadDeclaration where one is no result."""
    results = {path.stem: _read(path) for path in sorted(folder.glob("*.json"))}
    lines = ["# Performance 性能", "", note, ""]
    lines += [
        "What the benchmarks measured, each with its peers in the same run. 各项基准测试的结果，与同一次运行中的对照系统比较。 How each measures stands in",
        "[its file](../../benchmarks/README.md); `make bench` measures anew. Machines that others use too are noisy: the ratios tell more than the figures, and figures of different machines",
        "or days are not to be compared.",
        "",
    ]
    for name in sorted(results, key=lambda n: (n != FIRST, n)):
        lines += _section(name, results[name])
    return "\n".join(lines)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        told = json.loads(path.read_text("utf-8"))
        missing = [key for key in ("question", "machine", "results") if key not in told]
    except (OSError, ValueError, TypeError) as e:
        raise BadDeclaration(f"this is no result of a benchmark: {e}", "run it anew: make bench", str(path)) from e
    if missing:
        raise BadDeclaration(f"the result has no {', '.join(missing)}", "run it anew: make bench", str(path))
    return told  # type: ignore[no-any-return]  # an object, as was just looked into


def _section(name: str, told: Mapping[str, Any]) -> Iterator[str]:
    machine = told["machine"]
    yield from (f"## {told['question']}", "")
    yield (
        f"[`bench_{name}.py`](../../benchmarks/bench_{name}.py) on {machine.get('processor', '?')}, {machine.get('cores', '?')} cores, "
        f"{machine.get('memory_gib', '?')} GiB, {machine.get('system', '?')}, Python {machine.get('python', '?')}; load before "
        f"{machine.get('load_before', 0):.2f}; commit `{machine.get('commit', '?')}`; {machine.get('date', '?')}. [All of it](../../benchmarks/results/{name}.json)."
    )
    yield ""
    results = dict(told["results"])
    if any(_is_spread(v) for group in results.values() if isinstance(group, Mapping) for v in group.values()):
        results = dict(_flat(results))
    spread = {k: v for k, v in results.items() if _is_spread(v)}
    if spread:
        parts = [part for part in PARTS if any(part in v for v in spread.values())]
        yield f"| Figure 指标 | {' | '.join(PARTS[part] for part in parts)} |"
        yield "|---|" + "---:|" * len(parts)
        for key, v in spread.items():
            cells = (_number(v.get(part)) for part in parts)
            yield f"| `{key}` | {' | '.join(cells)} |"
        yield ""
    single = {k: v for k, v in results.items() if _is_number(v)}
    ratios = {k: v for k, v in single.items() if k.startswith("ratio_")}
    for title, chosen in (("Ratio 比值", ratios), ("Once 单次", {k: v for k, v in single.items() if k not in ratios})):
        if chosen:
            yield f"| {title} | |"
            yield "|---|---:|"
            yield from (f"| `{key}` | {_number(v)} |" for key, v in chosen.items())
            yield ""
    absent: Mapping[str, str] = told["results"].get("absent") or {}
    if absent:
        yield f"Not on the machine, and so not measured: {', '.join(f'{k} ({v})' for k, v in absent.items())}."
        yield ""
    if told.get("limits"):
        yield "### What limits it 瓶颈"
        yield ""
        yield str(told["limits"]).strip()
        yield ""


def _flat(results: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Figures by name; those of a group (a size, a peer) have its name before theirs."""
    for key, value in results.items():
        if isinstance(value, Mapping) and not _is_spread(value) and key != "absent":
            yield from _flat(value, f"{above}{key}: ")
        else:
            yield f"{above}{key}", value


def _is_spread(value: object) -> bool:
    return isinstance(value, Mapping) and "median" in value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Any) -> str:
    """As people read it: thousands apart, no digits behind the point that say nothing."""
    if not _is_number(value):
        return ""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4f}".rstrip("0")
